//! Runs a workflow whose every recipe is `job {job}`, each job doing what the story says.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use crate::disk::{Disk, DiskMut, MemDisk};
use crate::event::{End, Event, EventKind, Failure, Status};
use crate::exec::sim::{Fate, Sim};
use crate::exec::{Executor, Report, Signal, Task};
use crate::history::output::Writer;
use crate::history::{self, History, Last, LastTry, Now, Owed};
use crate::plan::Context;
use crate::plan::tests::world::World;
use crate::run::ask::Because;
use crate::run::outputs::Store;
use crate::run::{self, Clock, Engine, Interrupt, Msg, Setup, Sink};
use crate::stale::tests::{Judged, judge};

/// How the run is to be.
#[derive(Clone)]
pub(super) struct Options {
    pub jobs: u32,
    pub retries: u32,
    pub keeps_going: bool,
    /// What comes from outside, and after how many seconds.
    pub messages: Vec<(u64, Msg)>,
    pub loses_executor_at: Option<u64>,
    pub mem_mib: Option<u64>,
    /// What jobs took when they last succeeded, in seconds.
    pub took: Vec<(String, u64)>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            jobs: 4,
            retries: 0,
            keeps_going: false,
            messages: Vec::new(),
            loses_executor_at: None,
            mem_mib: None,
            took: Vec::new(),
        }
    }
}

/// What came of a run.
pub(super) struct Story {
    /// A line for each event that tells of a job, with the second in which it happened.
    pub told: Vec<String>,
    pub disk: MemDisk,
    /// Names in the trash.
    pub trash: Vec<BString>,
    /// Jobs that the history does not know to have ended.
    pub unfinished: Vec<String>,
    pub interrupt: Option<Interrupt>,
    pub lost: Option<String>,
}

impl Story {
    pub fn has(&self, path: &str) -> bool {
        self.disk.is_there(path.as_bytes()).unwrap()
    }

    pub fn read(&self, path: &str) -> String {
        let bytes = self.disk.read(path.as_bytes()).unwrap();
        bytes.to_str_lossy().into_owned()
    }
}

/// The tries of each job, each in words: `takes 3`, `makes FILE`, `touches FILE`, `removes FILE`,
/// `rewrites FILE` and keeps its time and size, `fails`. A job that is not told of, or makes nothing, makes its outputs in one second.
type Acts = HashMap<String, Vec<String>>;

/// What a try does, by job and number.
fn act(acts: &Acts, key: &str, attempt: u32) -> String {
    let tries = acts.get(key);
    let act = tries.and_then(|tries| tries.get(attempt as usize - 1).or(tries.last()));
    act.cloned().unwrap_or_default()
}

/// The executor, shared with the one who lets its time pass.
struct Shared(Rc<RefCell<Sim>>);

impl Executor for Shared {
    fn start(&mut self, task: Task) -> anyhow::Result<()> {
        self.0.borrow_mut().start(task)
    }

    fn signal(&mut self, task: Option<crate::exec::TaskId>, signal: Signal) -> anyhow::Result<()> {
        self.0.borrow_mut().signal(task, signal)
    }
}

/// Time as the executor has it. Nothing comes by the inbox.
struct SimClock(Rc<RefCell<Sim>>);

impl Clock for SimClock {
    fn elapsed(&self) -> Duration {
        self.0.borrow().now()
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH + self.elapsed()
    }

    fn wait(&self, inbox: &Receiver<Msg>, _: Duration) -> Result<Msg, RecvTimeoutError> {
        inbox.try_recv().map_err(|_| RecvTimeoutError::Timeout)
    }
}

/// A history in memory: what began and did not end, and what succeeded before.
struct Book {
    open: Rc<RefCell<BTreeSet<BString>>>,
    past: history::Store,
}

impl History for Book {
    fn last(&self, job: &[u8]) -> Option<Last<'_>> {
        let is_open = self.open.borrow().contains(BStr::new(job));
        let open = Last {
            last_try: LastTry::Unfinished,
            past: None,
        };
        is_open.then_some(open).or_else(|| self.past.last(job))
    }

    fn is_complete(&self) -> bool {
        true
    }

    fn text(&self, _id: u64) -> Option<&BStr> {
        None
    }

    fn remember(&mut self, _id: u64, _text: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.open.borrow_mut().insert(job.into());
        Ok(())
    }

    fn succeeded(&mut self, job: &[u8], _now: &Now) -> anyhow::Result<()> {
        self.failed(job)
    }

    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.open.borrow_mut().remove(BStr::new(job));
        Ok(())
    }

    fn close(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Rules that owe their `then`.
#[derive(Default)]
struct Debts(BTreeSet<String>);

impl Owed for Debts {
    fn is_owed(&self, rule: &str) -> bool {
        self.0.contains(rule)
    }

    fn owe(&mut self, rule: &str) -> anyhow::Result<()> {
        self.0.insert(rule.into());
        Ok(())
    }

    fn pay(&mut self, rule: &str) -> anyhow::Result<()> {
        self.0.remove(rule);
        Ok(())
    }
}

/// Writes down what it hears.
struct Listener {
    told: Rc<RefCell<Vec<String>>>,
    sim: Rc<RefCell<Sim>>,
}

impl Sink for Listener {
    fn event(&mut self, event: &Event) {
        let at = self.sim.borrow().now().as_secs();
        let line = match &event.kind {
            EventKind::JobStarted { name, .. } => format!("{at} {} starts", name.job),
            EventKind::JobRetry(retry) => format!("{at} {} retry", retry.name.job),
            EventKind::TempDeleted { outputs, .. } => {
                format!("{at} {} deleted", bstr::join(" ", outputs).as_bstr())
            }
            EventKind::JobFresh(name) => format!("{at} {} fresh", name.job),
            EventKind::JobFinished(end) => {
                let key = &end.name.job;
                let status = match end.status {
                    Status::Ok => "ok",
                    Status::Failed => "failed",
                    Status::Killed => "killed",
                    Status::Skipped => "skipped",
                    Status::Cancelled => "cancelled",
                    Status::Timeout | Status::Touched => unreachable!("nobody asks for that"),
                };
                let why = match &end.failure {
                    Some(Failure::OutputsMissing(files)) => {
                        format!(", lacks {}", bstr::join(" ", files).as_bstr())
                    }
                    Some(Failure::Engine(why)) => format!(", {why}"),
                    Some(Failure::Process) | None => String::new(),
                };
                format!("{at} {key} {status}{why}")
            }
            EventKind::Warning { message } => format!("warning: {message}"),
            EventKind::RunStarted { .. }
            | EventKind::RunGrew { .. }
            | EventKind::RunFinished(_)
            | EventKind::JobOutput { .. } => return,
        };
        self.told.borrow_mut().push(line);
    }
}

/// Runs everything over `files`, the first the oldest, `NAME=TEXT` with that text in it.
#[track_caller]
pub(super) fn simulate(
    text: &str,
    files: &[&str],
    acts: &[(&str, &str)],
    options: Options,
) -> Story {
    let mut world = World::new(text, &[]);
    for file in files {
        let (name, text) = file.split_once('=').unwrap_or((file, ""));
        world.disk.write(name, text);
    }
    let tries = |act: &str| act.split("; ").map(str::to_string).collect();
    let acts: Acts = acts
        .iter()
        .map(|(key, act)| (key.to_string(), tries(act)))
        .collect();
    let (told, open) = (Rc::default(), Rc::default());
    let (interrupt, lost) = {
        let sim = Rc::new(RefCell::new(executor(acts.clone())));
        drive(
            &world,
            &acts,
            &options,
            sim,
            Rc::clone(&told),
            Rc::clone(&open),
        )
    };
    let disk = std::mem::take(&mut world.disk);
    let trash = disk.list(b".flow/trash/run").unwrap().unwrap_or_default();
    let told = told.borrow().clone();
    let unfinished: Vec<String> = open.borrow().iter().map(ToString::to_string).collect();
    Story {
        told,
        trash: trash.into_iter().map(|entry| entry.name).collect(),
        disk,
        unfinished,
        interrupt,
        lost,
    }
}

/// Decides each task's end by the word behind `job`.
fn executor(acts: Acts) -> Sim {
    let n_tries = Arc::new(Mutex::new(HashMap::new()));
    Sim::new(move |task| {
        let key = task.argv[1].to_string();
        let mut n_tries = n_tries.lock().unwrap();
        let attempt = n_tries.entry(key.clone()).or_insert(0);
        *attempt += 1;
        let act = act(&acts, &key, *attempt);
        let takes = act.split_once("takes ").map_or(1, |(_, rest)| {
            rest.split(' ').next().unwrap().parse().unwrap()
        });
        let is_ok = !act.split(' ').any(|word| word == "fails");
        Fate {
            runs_for: Duration::from_secs(takes),
            end: End::Exited(i32::from(!is_ok)),
            ..Fate::default()
        }
    })
}

type Told = Rc<RefCell<Vec<String>>>;
type Open = Rc<RefCell<BTreeSet<BString>>>;

/// Lets the engine run, and time pass.
fn drive(
    world: &World,
    acts: &Acts,
    options: &Options,
    sim: Rc<RefCell<Sim>>,
    told: Told,
    open: Open,
) -> (Option<Interrupt>, Option<String>) {
    let listing = world.listing();
    let mut past = history::Store::default();
    for (job, seconds) in &options.took {
        let now = Now {
            wall_ms: Some(seconds * 1000),
            ..Now::default()
        };
        past.succeeded(job.as_bytes(), &now).unwrap();
    }
    let history = Book { open, past };
    let Judged {
        plan,
        wanted,
        judge,
    } = judge(world, &listing, &[], &[], &history);
    let logs = tempfile::tempdir().unwrap();
    let (_sender, inbox) = mpsc::channel();
    let mut engine = Engine::new(Setup {
        context: Context {
            workflow: &world.workflow,
            listing: &listing,
        },
        sources: &world.sources,
        plan,
        wanted,
        judge,
        store: Store::new(&world.disk, ".flow".into(), "run".into()),
        history: Box::new(history),
        owed: Box::new(Debts::default()),
        executor: Box::new(Shared(Rc::clone(&sim))),
        inbox,
        clock: Box::new(SimClock(Rc::clone(&sim))),
        sinks: vec![Box::new(Listener {
            told,
            sim: Rc::clone(&sim),
        })],
        log: Box::new(Writer::new(logs.path(), "run".into())),
        fence: Box::new(|| Ok(())),
        anchor: Box::new(|| Ok(None)),
        suspend: Box::new(|| {}),
        explain: Box::new(|_, _, _, _, _, reason| Because {
            reason: format!("{reason:?}"),
            text: String::new(),
        }),
        options: run::Options {
            jobs: options.jobs,
            max_fail: (!options.keeps_going).then_some(1),
            retries: options.retries,
            shuffle: None,
            cluster: None,
            tells_output: false,
            mem_mib: options.mem_mib,
            gpus: Vec::new(),
            timeout: None,
            latency_wait: None,
            folder: BString::default(),
        },
    });
    let mut messages = options.messages.clone().into_iter().peekable();
    let mut loses_at = options.loses_executor_at.map(Duration::from_secs);
    engine.begin().unwrap();
    while engine.goes_on() {
        let next = sim.borrow().next_at();
        let is_due = |at: Duration| next.is_none_or(|next| at < next);
        if let Some((at, msg)) = messages.next_if(|(at, _)| is_due(Duration::from_secs(*at))) {
            sim.borrow_mut().wait_until(Duration::from_secs(at));
            engine.take(msg);
            continue;
        }
        if let Some(at) = loses_at.take_if(|at| is_due(*at)) {
            sim.borrow_mut().wait_until(at);
            sim.borrow_mut().lose();
        }
        let report = sim.borrow_mut().advance().expect("something comes");
        if let Report::Ended {
            task,
            end: End::Exited(_),
            ..
        } = &report
        {
            take_effect(world, acts, &engine, *task);
        }
        engine.take(Msg::Report(report));
    }
    let summary = engine.finish();
    (summary.interrupt, summary.lost)
}

/// What a try that ends has done to the disk.
fn take_effect(world: &World, acts: &Acts, engine: &Engine, task: crate::exec::TaskId) {
    let running = &engine.running[&task];
    let key = engine.plan.key(running.job).to_string();
    let act = act(acts, &key, running.attempt);
    let words: Vec<&str> = act.split(' ').collect();
    for pair in words.windows(2) {
        match pair[0] {
            "makes" => world.disk.write(pair[1], "new"),
            "touches" => world.disk.touch(pair[1]),
            "rewrites" => {
                let file = pair[1].as_bytes();
                let before = world.disk.stat(file).unwrap().unwrap();
                world.disk.write(file, "!".repeat(before.size as usize));
                world.disk.set_time(file, before.modified);
            }
            "removes" => world.disk.remove(pair[1].as_bytes()).unwrap(),
            _ => {}
        }
    }
    if !words.contains(&"makes") && !words.contains(&"fails") {
        for &output in engine.plan.outputs(running.job) {
            world.disk.write(engine.plan.path(output), "new");
        }
    }
}
