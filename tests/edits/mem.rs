//! Runs of flow's library on a disk in memory, with jobs that are done when they start.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use flow::disk::{Disk, DiskMut, MemDisk, Names, Stat};
use flow::event::{End, Event, EventKind, Status, Usage};
use flow::exec::{Executor, Report, Signal, Task};
use flow::history::output::Writer;
use flow::history::{ContentsFile, History, Store};
use flow::lang::{Diag, Sources, parse};
use flow::pattern::Listing;
use flow::plan::want::Wanted;
use flow::plan::{Context, Plan};
use flow::run::{self, MachineClock, Msg, Options, Setup, Sink, outputs};
use flow::stale::problem::missing_inputs;
use flow::stale::{Forced, Judge, Level, settle};
use flow::workflow::Workflow;
use flow::workflow::load::{Settings, load};

/// What one look or run came to. Jobs are named by their keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ended {
    /// What a dry run says will run, and what it knows at all.
    pub stale: BTreeMap<String, String>,
    /// Jobs behind those, which may run.
    pub maybe: BTreeMap<String, String>,
    pub known: BTreeSet<String>,
    pub ran: BTreeSet<String>,
    /// Jobs that did not end well, and how they did.
    pub bad: Vec<String>,
    pub warnings: Vec<String>,
}

/// A project in memory; its history is a real file.
pub struct Project {
    pub disk: MemDisk,
    pub state: PathBuf,
    n_runs: u64,
}

/// How a run is disturbed.
#[derive(Clone, Copy, Default)]
pub struct Trouble {
    /// The engine is gone after so many changes to the disk.
    pub dies_after: Option<u64>,
    pub shuffle: u64,
}

struct Crash;

impl Project {
    pub fn new(state: &Path) -> Project {
        Project {
            disk: MemDisk::new(),
            state: state.into(),
            n_runs: 0,
        }
    }

    /// All files of rules, with their contents.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in self.disk.list(b".").unwrap().unwrap() {
            if folder.name[0] == b'r' && folder.is_folder {
                for entry in self.disk.list(&folder.name).unwrap().unwrap() {
                    let path = format!("{}/{}", folder.name, entry.name);
                    found.insert(path.clone(), self.disk.read(path.as_bytes()).unwrap());
                }
            }
        }
        found
    }

    /// Outputs of jobs that have succeeded once.
    pub fn recorded(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let history = Store::read(&self.state).unwrap();
        history.each(&mut |past| {
            let paths = past.outputs().map(|file| file.path.to_vec());
            found.extend(paths.map(|path| String::from_utf8(path).unwrap()));
        });
        found
    }

    pub fn plan(&self, text: &str) -> Ended {
        let history = Store::read(&self.state).unwrap();
        let (_, workflow) = read(text);
        let listing = RefCell::new(Listing::new(&self.disk));
        let context = Context {
            workflow: &workflow,
            listing: &listing,
        };
        let mut ended = Ended::default();
        planned(context, &self.disk, &history, &self.state, text).tell(context, &mut ended);
        ended
    }

    /// `None`: the engine died.
    pub fn run(&mut self, text: &str, trouble: Trouble) -> Option<Ended> {
        self.n_runs += 1;
        match catch_unwind(AssertUnwindSafe(|| self.try_run(text, trouble))) {
            Ok(ended) => Some(ended),
            Err(panic) if panic.is::<Crash>() => None,
            Err(panic) => resume_unwind(panic),
        }
    }

    fn try_run(&self, text: &str, trouble: Trouble) -> Ended {
        let disk = Fragile {
            disk: &self.disk,
            n_left: AtomicI64::new(trouble.dies_after.map_or(i64::MAX, |n| n as i64)),
        };
        let id = format!("{:05}", self.n_runs);
        let mut history = Store::read(&self.state).unwrap();
        let mut store = outputs::Store::new(&disk, ".flow".into(), id.clone());
        store.recover(&history).unwrap();
        history.begin().unwrap();
        let (sources, workflow) = read(text);
        let listing = RefCell::new(Listing::new(&disk));
        let context = Context {
            workflow: &workflow,
            listing: &listing,
        };
        let Planned {
            plan,
            wanted,
            judge,
        } = planned(context, &disk, &history, &self.state, text);
        let (sender, inbox) = channel();
        let heard = Arc::new(Mutex::new(Ended::default()));
        let summary = run::run(Setup {
            context,
            sources: &sources,
            plan,
            wanted,
            judge,
            store,
            history: Box::new(history),
            owed: Box::new(flow::history::OwedFile::default()),
            executor: Box::new(Hands {
                disk: &disk,
                sender,
            }),
            inbox,
            clock: Box::new(MachineClock::start()),
            sinks: vec![Box::new(Ear(heard.clone()))],
            log: Box::new(Writer::new(&self.state, id)),
            fence: Box::new(|| Ok(())),
            anchor: Box::new(|| Ok(None)),
            suspend: Box::new(|| ()),
            explain: Box::new(|_, _, _, _, _, _| unreachable!("nobody asks")),
            options: Options {
                folder: "/data".into(),
                jobs: 2,
                mem_mib: None,
                gpus: Vec::new(),
                timeout: None,
                latency_wait: None,
                max_fail: None,
                retries: 0,
                shuffle: Some(trouble.shuffle),
                cluster: None,
                tells_output: false,
            },
        });
        let summary = summary.unwrap();
        assert_eq!(summary.lost, None);
        assert_no_errors(&summary.diags, text);
        heard.lock().unwrap().clone()
    }
}

struct Planned {
    plan: Plan,
    wanted: Wanted,
    judge: Judge,
}

impl Planned {
    fn tell(self, context: Context, ended: &mut Ended) {
        let may_follow = self.judge.may_follow(&self.plan, context, &self.wanted);
        for &job in &self.plan.known {
            let key = self.plan.key(job).to_string();
            if self.judge.will_run(job) {
                let verdict = self.judge.verdict(job);
                let said = match verdict.is_maybe() {
                    true => &mut ended.maybe,
                    false => &mut ended.stale,
                };
                said.insert(key.clone(), format!("{verdict:?}"));
            } else if let Some(reason) = may_follow.get(&job) {
                ended.maybe.insert(key.clone(), format!("{reason:?}"));
            }
            ended.known.insert(key);
        }
    }
}

fn read(text: &str) -> (Sources, Workflow) {
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, mut diags) = parse(file, text);
    let (workflow, found) = load(&ast, &mut sources, &Settings::default(), &|_| {
        Err(std::io::ErrorKind::NotFound.into())
    });
    diags.extend(found);
    assert_no_errors(&diags, text);
    (sources, workflow)
}

fn assert_no_errors(diags: &[Diag], text: &str) {
    let bad: Vec<&Diag> = diags.iter().filter(|diag| diag.is_error()).collect();
    assert!(bad.is_empty(), "{bad:#?}\n{text}");
}

/// Everything planned and judged.
fn planned(
    context: Context,
    disk: &dyn Disk,
    history: &dyn History,
    state: &Path,
    text: &str,
) -> Planned {
    let mut plan = Plan::new(context);
    let mut wanted = Wanted::default();
    wanted.add_everything(&plan, context);
    let level = context
        .workflow
        .checksum_level
        .map_or(Level::default(), Level);
    let mut judge = Judge::new(Forced::default(), level);
    judge.facts.contents = Some(Box::new(ContentsFile::read(state).unwrap()));
    settle(&mut plan, context, &mut wanted, &mut judge, disk, history);
    assert_no_errors(&plan.diags, text);
    assert_no_errors(&missing_inputs(&plan, context, &wanted, &judge), text);
    Planned {
        plan,
        wanted,
        judge,
    }
}

struct Ear(Arc<Mutex<Ended>>);

impl Sink for Ear {
    fn event(&mut self, event: &Event) {
        let mut heard = self.0.lock().unwrap();
        match &event.kind {
            EventKind::JobFinished(end) => {
                if end.status != Status::Ok {
                    let why = format!("{} {:?} {:?}", end.name.job, end.status, end.failure);
                    heard.bad.push(why);
                }
                if end.status == Status::Skipped {
                    return;
                }
                assert!(
                    heard.ran.insert(end.name.job.to_string()),
                    "{:?} ran twice",
                    end.name
                );
            }
            EventKind::Warning { message } => heard.warnings.push(message.clone()),
            _ => {}
        }
    }
}

/// Does the work of the recipes `mix` and `cut`.
struct Hands<'d> {
    disk: &'d Fragile<'d>,
    sender: Sender<Msg>,
}

impl Executor for Hands<'_> {
    fn start(&mut self, task: Task) -> anyhow::Result<()> {
        assert_eq!(task.script, None, "recipes are plain commands");
        let words: Vec<String> = task.argv.iter().map(|word| word.to_string()).collect();
        let status = work(self.disk, &words);
        let ended = Report::Ended {
            task: task.id,
            end: End::Exited(status),
            usage: Usage::default(),
            leftovers: 0,
            writing: Vec::new(),
        };
        self.sender.send(Msg::Report(ended)).unwrap();
        Ok(())
    }

    fn signal(&mut self, _task: Option<flow::exec::TaskId>, _signal: Signal) -> anyhow::Result<()> {
        Ok(())
    }
}

fn work(disk: &Fragile, words: &[String]) -> i32 {
    let mut parts = words.split(|word| word == "--");
    let (head, inputs, params) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let mut text = head[2].clone() + "\n" + &params.concat() + "\n";
    for input in inputs {
        text += &String::from_utf8(disk.read(input.as_bytes()).unwrap()).unwrap();
        text += "\n";
    }
    let number = hash(&text);
    let made: Vec<String> = match head[1].as_str() {
        "./mix" => head[3..].to_vec(),
        "./cut" => {
            let wanted = head[5..]
                .iter()
                .enumerate()
                .filter(|(at, _)| number >> (at + 7) & 1 == 1);
            wanted
                .map(|(_, name)| format!("{}{name}.{}", head[3], head[4]))
                .collect()
        }
        other => panic!("what is {other}?"),
    };
    for (at, path) in made.iter().enumerate() {
        // As large as chance has it, half of it written first.
        let text = format!("{number:016x}{at}")[(number % 5) as usize..].to_string();
        disk.write_file(path.as_bytes(), &text.as_bytes()[..5])
            .unwrap();
        disk.write_file(path.as_bytes(), text.as_bytes()).unwrap();
        if head[2].starts_with('f') {
            return 1;
        }
    }
    i32::from(head[2].starts_with('f'))
}

fn hash(text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    hash ^ hash >> 29
}

/// A disk that takes so many changes and no more.
struct Fragile<'d> {
    disk: &'d MemDisk,
    n_left: AtomicI64,
}

impl Fragile<'_> {
    fn spend(&self) {
        if self.n_left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            resume_unwind(Box::new(Crash));
        }
    }
}

impl Disk for Fragile<'_> {
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        self.disk.stat(path)
    }

    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>> {
        self.disk.list(folder)
    }

    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }

    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, flow::disk::Identity)>> {
        self.disk.identify(path)
    }
}

impl DiskMut for Fragile<'_> {
    fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.spend();
        self.disk.make_folder(path)
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.spend();
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &[u8]) -> io::Result<()> {
        self.spend();
        self.disk.remove(path)
    }

    fn write_file(&self, path: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.spend();
        self.disk.write_file(path, bytes)
    }

    fn stamp(&self, path: &[u8], modified: flow::disk::Time) -> io::Result<()> {
        self.spend();
        self.disk.stamp(path, modified)
    }

    fn protect(&self, path: &[u8]) -> io::Result<()> {
        self.spend();
        self.disk.protect(path)
    }

    fn is_there(&self, path: &[u8]) -> io::Result<bool> {
        self.disk.is_there(path)
    }
}

/// A folder of its own for each state, in memory where the system has such a place.
pub fn state_folder() -> tempfile::TempDir {
    static N: AtomicU64 = AtomicU64::new(0);
    let shm = Path::new("/dev/shm");
    let folder = if shm.is_dir() {
        shm.into()
    } else {
        std::env::temp_dir()
    };
    let prefix = format!("flow-edits-{}-", N.fetch_add(1, Ordering::Relaxed));
    tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(folder)
        .unwrap()
}
