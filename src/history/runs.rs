//! One run as history keeps it: when, what for, how many jobs, how it ended.

use bstr::BString;

use super::past::{put, put_text, take, take_text};
use crate::event::Tally;

/// A run that has ended.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Run {
    /// In milliseconds since the epoch, as is the end.
    pub begun_ms: u64,
    pub ended_ms: u64,
    pub workflow: BString,
    /// As typed; none for everything.
    pub targets: Vec<BString>,
    /// The counts; how long it took stands in the times.
    pub tally: Tally,
    /// flow's exit status.
    pub exit: u8,
}

impl Run {
    /// Appends the record's bytes. What comes later is added at its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        let tally = &self.tally;
        put(out, self.begun_ms);
        put(out, self.ended_ms);
        put(out, self.exit.into());
        put_text(out, &self.workflow);
        put(out, self.targets.len() as u64);
        self.targets.iter().for_each(|target| put_text(out, target));
        for count in [
            tally.ok,
            tally.failed,
            tally.killed,
            tally.timeout,
            tally.skipped,
            tally.cancelled,
            tally.touched,
            tally.fresh,
            tally.retries,
        ] {
            put(out, count);
        }
    }

    /// Reads a record; `None` where it is none.
    pub fn read(bytes: &[u8]) -> Option<Run> {
        let rest = &mut &*bytes;
        let (begun_ms, ended_ms) = (take(rest)?, take(rest)?);
        let exit = u8::try_from(take(rest)?).ok()?;
        let workflow = take_text(rest)?.into();
        let n_targets = take(rest)?;
        let mut targets = Vec::new();
        for _ in 0..n_targets {
            targets.push(take_text(rest)?.into());
        }
        let tally = Tally {
            ok: take(rest)?,
            thens: 0,
            failed: take(rest)?,
            killed: take(rest)?,
            timeout: take(rest)?,
            skipped: take(rest)?,
            cancelled: take(rest)?,
            touched: take(rest)?,
            fresh: take(rest)?,
            retries: take(rest)?,
            wall_s: ended_ms.saturating_sub(begun_ms) as f64 / 1000.0,
        };
        Some(Run {
            begun_ms,
            ended_ms,
            workflow,
            targets,
            tally,
            exit,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let run = Run {
            begun_ms: 1_700_000_000_000,
            ended_ms: 1_700_000_002_500,
            workflow: "rna.flow".into(),
            targets: vec!["a b".into(), "".into()],
            tally: Tally {
                ok: 300,
                retries: 1,
                wall_s: 2.5,
                ..Tally::default()
            },
            exit: 130,
        };
        let mut bytes = Vec::new();
        run.write(&mut bytes);
        assert_eq!(Run::read(&bytes), Some(run));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            Run::read(&bytes);
        }
    }
}
