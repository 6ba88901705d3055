//! Orders: what the engine tells the supervisor.

use std::ffi::CStr;
use std::time::Duration;

use bstr::{BStr, BString};

use crate::exec::wire::{Fields, Malformed, put_bytes};
use crate::exec::{Script, ScriptWay, Signal, Task, TaskId};
use crate::lang::recipe::Operator;

/// The longest single argument or environment string that Linux takes, without its NUL.
pub const LONGEST_STRING: usize = 32 * 4096 - 1;

/// The most that arguments and environment may ever take together, whatever the limits say.
const MOST_STRINGS: usize = 6 << 20;

/// Kind (1), length of the head (4), length of the text (8).
pub const ORDER_PREFIX: usize = 13;

/// What the supervisor needs to know before the first task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setup {
    /// The environment of every task.
    pub env: Vec<(BString, BString)>,
    /// The run's folder: where tasks run unless they say more.
    pub folder: BString,
    /// Names the run in the environment of all its processes. Letters, digits and `-`.
    pub mark: String,
    /// How long what got TERM has before it gets KILL.
    pub grace: Duration,
    /// How many threads start processes: each start blocks one until the program is loaded.
    pub spawners: u32,
    /// How much of one task's output is passed on, in bytes.
    pub quota: u64,
    /// Whether shells may be kept warm.
    pub may_warm: bool,
}

/// The folder and the two files.
const BEFORE_ARGV: usize = 3;

/// A task as it stands in an order's head: strings that the kernel can take as they are.
#[derive(Debug)]
pub struct Strings {
    pub task: TaskId,
    pub way: Option<ScriptWay>,
    /// How long what it leaves behind may take to make a missing output.
    pub patience: Duration,
    bytes: Vec<u8>,
    n_argv: usize,
    n_direct: usize,
    n_redirections: usize,
    n_outputs: usize,
}

/// How operators stand in front of their files.
const OPERATORS: [(u8, Operator); 6] = [
    (b'<', Operator::Input),
    (b'>', Operator::Output),
    (b'+', Operator::Append),
    (b'2', Operator::Error),
    (b'&', Operator::Both),
    (b'1', Operator::ErrorToOutput),
];

impl Strings {
    fn all(&self) -> impl Iterator<Item = &CStr> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let string = CStr::from_bytes_until_nul(rest).ok()?;
            rest = &rest[string.count_bytes() + 1..];
            Some(string)
        })
    }

    /// The folder to run in; empty for the run's own.
    pub fn dir(&self) -> &CStr {
        self.all().next().unwrap_or_default()
    }

    /// The files that take what it writes to standard output and error; empty for none.
    pub fn files(&self) -> [&CStr; 2] {
        let mut all = self.all().skip(1);
        [(); 2].map(|()| all.next().unwrap_or_default())
    }

    pub fn argv(&self) -> impl Iterator<Item = &CStr> {
        self.all().skip(BEFORE_ARGV).take(self.n_argv)
    }

    /// Whether there is a command that does without the shell.
    pub fn is_direct(&self) -> bool {
        self.n_direct > 0
    }

    /// The words of that command.
    pub fn direct(&self) -> impl Iterator<Item = &CStr> {
        self.all()
            .skip(BEFORE_ARGV + self.n_argv)
            .take(self.n_direct)
    }

    /// Its redirections.
    pub fn redirections(&self) -> impl Iterator<Item = (Operator, &CStr)> {
        let strings = self.all().skip(BEFORE_ARGV + self.n_argv + self.n_direct);
        strings.take(self.n_redirections).filter_map(|string| {
            let (sign, _) = string.to_bytes().split_first()?;
            let (_, operator) = OPERATORS.iter().find(|(other, _)| other == sign)?;
            let file = CStr::from_bytes_with_nul(&string.to_bytes_with_nul()[1..]).ok()?;
            Some((*operator, file))
        })
    }

    fn before_outputs(&self) -> usize {
        BEFORE_ARGV + self.n_argv + self.n_direct + self.n_redirections
    }

    /// What it is to make.
    pub fn outputs(&self) -> impl Iterator<Item = &CStr> {
        self.all().skip(self.before_outputs()).take(self.n_outputs)
    }

    /// `NAME=VALUE` each.
    pub fn env(&self) -> impl Iterator<Item = &CStr> {
        self.all().skip(self.before_outputs() + self.n_outputs)
    }
}

/// The head of an order.
#[derive(Debug)]
pub enum Order {
    Setup(Setup),
    Start(Strings),
    /// A task that no kernel would take: to be reported as not started, with this reason.
    Refuse(TaskId, String),
    Signal(Option<TaskId>, Signal),
    /// Nothing more is to come, and the engine is there to see to the rest.
    Farewell,
}

const SETUP: u8 = 1;
const START: u8 = 2;
const REFUSE: u8 = 3;
const SIGNAL: u8 = 4;
const FAREWELL: u8 = 5;

/// Appends a frame: `head` writes the head, `text` follows it.
fn order(out: &mut Vec<u8>, kind: u8, text: &[u8], head: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(kind);
    out.extend([0; 4]);
    out.extend((text.len() as u64).to_le_bytes());
    head(out);
    let len = u32::try_from(out.len() - start - ORDER_PREFIX).expect("a head is short");
    out[start + 1..start + 5].copy_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text);
}

/// Appends the frame that tells the supervisor about the run.
pub fn put_setup(out: &mut Vec<u8>, setup: &Setup) {
    order(out, SETUP, b"", |head| {
        put_bytes(head, &setup.folder);
        put_bytes(head, setup.mark.as_bytes());
        head.extend((setup.grace.as_millis() as u64).to_le_bytes());
        head.extend(setup.spawners.to_le_bytes());
        head.extend(setup.quota.to_le_bytes());
        head.push(u8::from(setup.may_warm));
        for (name, value) in &setup.env {
            put_bytes(head, name);
            put_bytes(head, value);
        }
    });
}

/// Appends the frame that starts `task`, or the one that refuses it.
pub fn put_task(out: &mut Vec<u8>, task: &Task) {
    if let Some(why) = refusal(task) {
        return order(out, REFUSE, b"", |head| {
            head.extend(task.id.0.to_le_bytes());
            put_bytes(head, why.as_bytes());
        });
    }
    let text = task.script.as_ref().map_or(&[][..], |script| &script.text);
    order(out, START, text, |head| {
        head.extend(task.id.0.to_le_bytes());
        head.push(match &task.script {
            None => 0,
            Some(Script { way, .. }) => match way {
                ScriptWay::DashC => 1,
                ScriptWay::File => 2,
                ScriptWay::WarmDashC => 3,
            },
        });
        head.extend((task.patience.as_millis() as u64).to_le_bytes());
        let direct = task.direct.as_ref();
        let words = direct.map_or(&[][..], |command| &command.argv);
        let redirections = direct.map_or(&[][..], |command| &command.redirections);
        let (argv, outputs) = (&task.argv, &task.outputs);
        for len in [argv.len(), words.len(), redirections.len(), outputs.len()] {
            head.extend((len as u32).to_le_bytes());
        }
        let mut put = |string: &BString| {
            head.extend_from_slice(string);
            head.push(0);
        };
        let places = [&task.dir, &task.stdout, &task.stderr].into_iter();
        places.chain(argv).chain(words).for_each(&mut put);
        for (operator, file) in redirections {
            let sign = OPERATORS.iter().find(|(_, other)| other == operator);
            let (sign, _) = sign.expect("each has its sign");
            put(&[&[*sign][..], file].concat().into());
        }
        outputs.iter().for_each(put);
        for (name, value) in &task.env {
            head.extend_from_slice(name);
            head.push(b'=');
            head.extend_from_slice(value);
            head.push(0);
        }
    });
}

/// Why `task` can never run, whatever the machine.
fn refusal(task: &Task) -> Option<String> {
    let Some(program) = task.argv.first() else {
        return Some("there is no program to run".into());
    };
    if program.is_empty() {
        return Some("the name of the program is empty".into());
    }
    let places = [&task.dir, &task.stdout, &task.stderr];
    let direct = task.direct.iter();
    let files = direct.flat_map(|command| command.redirections.iter().map(|(_, file)| file));
    for path in places.into_iter().chain(&task.outputs).chain(files) {
        if path.contains(&0) {
            return Some(format!("the path `{path}` has a NUL byte in it"));
        }
    }
    let mut total = 0;
    let direct = task.direct.iter().flat_map(|command| &command.argv);
    if let Some(word) = direct.into_iter().find(|word| word.contains(&0)) {
        return Some(format!("the word `{word}` has a NUL byte in it"));
    }
    for (at, word) in task.argv.iter().enumerate() {
        total += word.len() + 9;
        if word.contains(&0) {
            return Some(format!("argument {at} of `{program}` has a NUL byte in it"));
        }
        if word.len() > LONGEST_STRING {
            return Some(format!(
                "argument {at} of `{program}` is {} bytes long, and the kernel takes \
                 {LONGEST_STRING}: hand it over in a file",
                word.len()
            ));
        }
    }
    for (name, value) in &task.env {
        total += name.len() + value.len() + 10;
        if name.is_empty() || name.contains(&b'=') || name.contains(&0) || value.contains(&0) {
            return Some(format!("`{name}` cannot be an environment variable"));
        }
        if name.len() + 1 + value.len() > LONGEST_STRING {
            return Some(format!(
                "the environment variable `{name}` is {} bytes long, and the kernel takes \
                 {LONGEST_STRING}: hand it over in a file",
                value.len()
            ));
        }
    }
    (total > MOST_STRINGS).then(|| too_long(program.as_ref(), total))
}

/// The sentence for a command line that is too long as a whole.
pub fn too_long(program: &BStr, total: usize) -> String {
    format!(
        "arguments and environment of `{program}` are {total} bytes together, more than the \
         kernel takes: hand long lists over in a file, or raise `ulimit -s`"
    )
}

/// Appends the frame that signals one task, or all.
pub fn put_signal(out: &mut Vec<u8>, task: Option<TaskId>, signal: Signal) {
    order(out, SIGNAL, b"", |head| {
        head.push(u8::from(task.is_some()));
        head.extend(task.unwrap_or_default().0.to_le_bytes());
        head.push(match signal {
            Signal::Terminate => 0,
            Signal::Kill => 1,
            Signal::Suspend => 2,
            Signal::Resume => 3,
        });
    });
}

/// Appends the frame after which nothing more comes.
pub fn put_farewell(out: &mut Vec<u8>) {
    order(out, FAREWELL, b"", |_| {});
}

/// The lengths of an order's head and text, from its prefix.
pub fn order_lengths(prefix: [u8; ORDER_PREFIX]) -> (usize, u64) {
    let [_, a, b, c, d, text @ ..] = prefix;
    (
        u32::from_le_bytes([a, b, c, d]) as usize,
        u64::from_le_bytes(text),
    )
}

/// Reads the head of an order of this kind (the prefix's first byte).
pub fn read_order(kind: u8, mut head: Vec<u8>) -> Result<Order, Malformed> {
    let mut fields = Fields(&head);
    Ok(match kind {
        SETUP => {
            let mut setup = Setup {
                folder: fields.bytes()?.into(),
                mark: fields.text()?,
                grace: Duration::from_millis(fields.u64()?),
                spawners: fields.u32()?,
                quota: fields.u64()?,
                may_warm: fields.u8()? == 1,
                env: Vec::new(),
            };
            while !fields.0.is_empty() {
                let name = fields.bytes()?.into();
                setup.env.push((name, fields.bytes()?.into()));
            }
            Order::Setup(setup)
        }
        START => {
            let task = TaskId(fields.u32()?);
            let way = match fields.u8()? {
                0 => None,
                1 => Some(ScriptWay::DashC),
                2 => Some(ScriptWay::File),
                3 => Some(ScriptWay::WarmDashC),
                _ => return Err(Malformed),
            };
            let patience = Duration::from_millis(fields.u64()?);
            let mut count = || Ok(fields.u32()? as usize);
            let (n_argv, n_direct) = (count()?, count()?);
            let (n_redirections, n_outputs) = (count()?, count()?);
            let used = head.len() - fields.0.len();
            head.drain(..used);
            Order::Start(Strings {
                task,
                way,
                patience,
                bytes: head,
                n_argv,
                n_direct,
                n_redirections,
                n_outputs,
            })
        }
        REFUSE => Order::Refuse(TaskId(fields.u32()?), fields.text()?),
        SIGNAL => {
            let is_one = fields.u8()? == 1;
            let task = TaskId(fields.u32()?);
            let signal = match fields.u8()? {
                0 => Signal::Terminate,
                1 => Signal::Kill,
                2 => Signal::Suspend,
                3 => Signal::Resume,
                _ => return Err(Malformed),
            };
            Order::Signal(is_one.then_some(task), signal)
        }
        FAREWELL => Order::Farewell,
        _ => return Err(Malformed),
    })
}
