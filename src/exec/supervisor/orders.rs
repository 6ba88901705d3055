//! Takes orders off the stream from the engine as they come in, in pieces of any size.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::exec::wire::{self, Malformed, ORDER_PREFIX, Order};

/// The text that follows an order's head.
#[derive(Debug)]
pub enum Text {
    Short(Vec<u8>),
    /// Too long for an argument: in a file without a name.
    Filed(File),
    /// There was no room for it.
    Lost(io::Error),
}

/// A file without a name, in memory.
pub fn memory_file() -> io::Result<File> {
    Ok(memfd_create("flow-script", MemfdFlags::CLOEXEC)?.into())
}

/// Puts frames together.
#[derive(Default)]
pub struct Orders {
    prefix: Vec<u8>,
    head: Vec<u8>,
    /// Lengths of head and text, when the prefix is whole.
    lengths: Option<(usize, u64)>,
    text: Option<Text>,
    n_text: u64,
}

/// Moves bytes from the front of `from` to `to`, until that is `len` long.
fn fill(to: &mut Vec<u8>, len: usize, from: &mut &[u8]) {
    let (taken, rest) = from.split_at((len - to.len()).min(from.len()));
    to.extend_from_slice(taken);
    *from = rest;
}

impl Orders {
    /// Takes bytes off the front of `bytes` until an order is whole.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<(Order, Text)>, Malformed> {
        let (n_head, n_text) = match self.lengths {
            Some(lengths) => lengths,
            None => {
                fill(&mut self.prefix, ORDER_PREFIX, bytes);
                let Ok(prefix) = self.prefix[..].try_into() else {
                    return Ok(None);
                };
                let lengths = wire::order_lengths(prefix);
                self.head.reserve_exact(lengths.0);
                *self.lengths.insert(lengths)
            }
        };
        fill(&mut self.head, n_head, bytes);
        if self.head.len() < n_head {
            return Ok(None);
        }
        let text = self.text.get_or_insert_with(|| new_text(n_text));
        let want = usize::try_from(n_text - self.n_text).unwrap_or(usize::MAX);
        let (piece, rest) = bytes.split_at(want.min(bytes.len()));
        *bytes = rest;
        self.n_text += piece.len() as u64;
        put(text, piece);
        if self.n_text < n_text {
            return Ok(None);
        }
        let done = std::mem::take(self);
        let text = done.text.unwrap_or(Text::Short(Vec::new()));
        Ok(Some((wire::read_order(done.prefix[0], done.head)?, text)))
    }
}

fn new_text(len: u64) -> Text {
    if len > wire::LONGEST_STRING as u64
        && let Ok(file) = memory_file()
    {
        return Text::Filed(file);
    }
    Text::Short(Vec::new())
}

fn put(text: &mut Text, piece: &[u8]) {
    match text {
        Text::Short(bytes) => bytes.extend_from_slice(piece),
        Text::Filed(file) => {
            if let Err(error) = file.write_all(piece) {
                *text = Text::Lost(error);
            }
        }
        Text::Lost(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read, Seek};
    use std::time::Duration;

    use proptest::prelude::*;

    use crate::exec::{Script, ScriptWay, Signal, Task, TaskId};
    use crate::lang::recipe::{Command, Operator};

    fn contents(text: Text) -> Vec<u8> {
        match text {
            Text::Short(bytes) => bytes,
            Text::Filed(mut file) => {
                let mut bytes = Vec::new();
                file.rewind().unwrap();
                file.read_to_end(&mut bytes).unwrap();
                bytes
            }
            Text::Lost(error) => panic!("{error}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn orders_survive_any_pieces(
            lens in proptest::collection::vec(0usize..200_000, 1..4),
            piece in 1usize..100_000,
        ) {
            let task = |at: usize, len: usize| Task {
                id: TaskId(at as u32),
                argv: vec!["sh".into(), "".into(), "-c".into()],
                script: Some(Script { text: vec![at as u8; len].into(), way: ScriptWay::DashC }),
                direct: Some(Command {
                    argv: vec!["p".into(), "".into()],
                    redirections: vec![
                        (Operator::Append, "f".into()),
                        (Operator::ErrorToOutput, "".into()),
                    ],
                }),
                env: vec![("A".into(), "=b".into())],
                dir: "d".into(),
                stdout: "o".into(),
                stderr: "".into(),
                outputs: vec!["x".into(), "y".into()],
                patience: Duration::from_secs(3),
                cluster: None,
            };
            let mut bytes = Vec::new();
            for (at, len) in lens.iter().enumerate() {
                wire::put_task(&mut bytes, &task(at, *len));
                wire::put_signal(&mut bytes, Some(TaskId(7)), Signal::Kill);
            }
            let mut orders = Orders::default();
            let mut found = Vec::new();
            for mut piece in bytes.chunks(piece) {
                while let Some(order) = orders.next(&mut piece).unwrap() {
                    found.push(order);
                }
            }
            prop_assert_eq!(found.len(), lens.len() * 2);
            for (at, (order, text)) in found.into_iter().enumerate() {
                match order {
                    Order::Start(strings) => {
                        let argv: Vec<_> = strings.argv().collect();
                        prop_assert_eq!(argv, [c"sh", c"", c"-c"]);
                        let direct: Vec<_> = strings.direct().collect();
                        prop_assert_eq!(direct, [c"p", c""]);
                        let redirections: Vec<_> = strings.redirections().collect();
                        let wanted = [(Operator::Append, c"f"), (Operator::ErrorToOutput, c"")];
                        prop_assert_eq!(redirections, wanted);
                        prop_assert_eq!(strings.dir(), c"d");
                        prop_assert_eq!(strings.outputs().collect::<Vec<_>>(), [c"x", c"y"]);
                        prop_assert_eq!(strings.patience, Duration::from_secs(3));
                        prop_assert_eq!(strings.env().collect::<Vec<_>>(), [c"A==b"]);
                        prop_assert!(contents(text) == vec![(at / 2) as u8; lens[at / 2]]);
                    }
                    Order::Signal(Some(TaskId(7)), Signal::Kill) => prop_assert_eq!(at % 2, 1),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
