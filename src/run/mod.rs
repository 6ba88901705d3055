//! The loop that joins scheduler, executor, history and sinks. Owns all state.
//!
//! Whatever waits (the supervisor's reports, signals) meets it in one inbox of [`Msg`]. Nothing
//! else has a hold on what the loop owns.

mod add;
mod again;
mod answer;
pub mod ask;
mod cluster;
mod end;
mod check;
mod clock;
mod deps;
mod engine;
mod errand;
mod given;
mod guard;
mod late;
pub mod note;
pub mod outputs;
mod render;
mod retry;
mod start;
mod stop;
mod temp;
mod then;
mod timeout;
pub mod trash;
mod update;
mod weight;
#[cfg(test)]
mod tests;
pub mod touch;

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dense::{Id, Table};
use crate::disk::{Stat, Time};
use crate::event::{Event, EventKind, Tally};
use crate::exec::{self, Executor, TaskId};
use crate::history::output::Log;
use crate::history::{Hash, History, Owed};
use crate::lang::{Diag, Sources};
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, Plan};
use crate::sched::{self, JobIdx, KindId, Sched};
use crate::stale::Judge;
use crate::workflow::RuleId;

pub use check::{Commands, Hands};
pub use clock::{Clock, MachineClock};
pub use cluster::ClusterOptions;
pub use given::Given;
pub use render::{Rendered, render};

/// What comes in.
#[derive(Clone, Debug)]
pub enum Msg {
    Report(exec::Report),
    Interrupt(Interrupt),
    /// Ctrl-Z: the jobs stop, then flow; both go on together.
    Suspend,
    /// Let what runs finish; nothing new starts.
    Drain,
    /// End, and leave what is on the cluster there.
    Leave,
    /// Somebody asks from outside.
    Ask(ask::Ask),
}

/// A signal that ends the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupt {
    Hangup,
    Interrupt,
    Terminate,
}

/// Somebody who is told of everything that happens.
pub trait Sink {
    fn event(&mut self, event: &Event);
    /// So many jobs were told to end.
    fn ending(&mut self, _n_jobs: usize) {}
    /// Asks what becomes of so many jobs on the cluster, now that the run ends. Where there is somebody
    /// to ask, the answer is a message: [`Msg::Leave`], [`Msg::Interrupt`], or none, which waits.
    fn choose(&mut self, _n_jobs: usize) -> bool {
        false
    }
    /// Nothing has happened for a while.
    fn tick(&mut self, _now: jiff::Timestamp) {}
}

/// Numbers that decide how a run behaves.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// The workflow's folder, from the root.
    pub folder: BString,
    /// Cores that jobs may take together.
    pub jobs: u32,
    /// Memory that jobs may take together; `None`: it is not counted.
    pub mem_mib: Option<u64>,
    /// The gpus that jobs may use, as `CUDA_VISIBLE_DEVICES` names them.
    pub gpus: Vec<BString>,
    /// How long a try may run, for rules that do not say.
    pub timeout: Option<Duration>,
    /// `None` goes on with everything that does not depend on a failure.
    pub max_fail: Option<u32>,
    /// For rules that do not say.
    pub retries: u32,
    /// How long outputs may take to appear; `None`: by where they are.
    pub latency_wait: Option<Duration>,
    /// Where jobs go to a cluster.
    pub cluster: Option<ClusterOptions>,
    pub shuffle: Option<u64>,
    /// Whether `job_output` events are wanted.
    pub tells_output: bool,
}

/// Everything a run needs. The plan is judged already.
pub struct Setup<'a> {
    pub context: Context<'a>,
    /// Where rules are written, for messages.
    pub sources: &'a Sources,
    pub plan: Plan,
    pub wanted: Wanted,
    pub judge: Judge,
    pub store: outputs::Store<'a>,
    /// Which rules owe their `then`.
    pub owed: Box<dyn Owed>,
    pub history: Box<dyn History + 'a>,
    pub executor: Box<dyn Executor + 'a>,
    pub inbox: Receiver<Msg>,
    pub clock: Box<dyn Clock + 'a>,
    pub sinks: Vec<Box<dyn Sink + 'a>>,
    pub log: Box<dyn Log + 'a>,
    /// Ends what an executor that is lost has left running.
    pub fence: Box<dyn Fn() -> anyhow::Result<()> + 'a>,
    /// Sees to it that the state folder is where it was, and says what it took to get it there.
    pub anchor: Box<dyn Fn() -> anyhow::Result<Option<String>> + 'a>,
    /// Stops this process until it is told to go on.
    pub suspend: Box<dyn Fn() + 'a>,
    /// Says why a job runs, for whoever asks.
    pub explain: ask::Explain<'a>,
    pub options: Options,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Summary {
    pub tally: Tally,
    pub interrupt: Option<Interrupt>,
    /// Mistakes that came to light behind a split.
    pub diags: Vec<Diag>,
    /// What was asked for, and the targets that only a split could bring.
    pub wanted: Wanted,
    /// Something is stale that the run could not have known of.
    pub is_outdated: bool,
    /// The machine failed: why.
    pub lost: Option<String>,
}

/// Runs what must run.
pub fn run(setup: Setup) -> anyhow::Result<Summary> {
    Engine::new(setup).run()
}

/// What a scheduler's job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Node {
    Job(JobId),
    /// All jobs of a rule: who is `after` it waits for this.
    Barrier(RuleId),
    /// What a rule does once, when all its jobs are done.
    Then(RuleId),
}

/// A try that runs.
struct Running {
    task: TaskId,
    job: JobId,
    idx: JobIdx,
    attempt: u32,
    /// Its process, once it has been started.
    pid: Option<u32>,
    /// It was handed to a cluster.
    is_out: bool,
    /// The cluster's host that it runs on, once it does.
    host: Option<String>,
    /// Why it will have failed, where the cluster knows.
    why: Option<String>,
    /// What the inputs looked like just before.
    inputs: Vec<Option<Stat>>,
    /// The hashes of what was in them, where contents count.
    contents: Vec<Option<Hash>>,
    /// The last of what it printed.
    tail: BString,
    output_bytes: u64,
    /// Why it is being ended, when it is.
    is_cut: bool,
    tmp: Option<BString>,
    /// The Makefile rule that it writes, and its folder; empty for none.
    deps: BString,
    dir: BString,
    /// When it began, by the time of day.
    began: Time,
    /// Files that take what it prints, standard error first.
    printed: Vec<BString>,
    /// The gpus that it has.
    gpus: Vec<usize>,
    /// When it has run over its time, since the start of the run; and that time.
    deadline: Option<(Duration, Duration)>,
    /// It has, and is being ended.
    is_over_time: bool,
    /// It has ended well, and not all of its outputs are there.
    late: Option<late::Late>,
}

struct Engine<'a> {
    context: Context<'a>,
    sources: &'a Sources,
    plan: Plan,
    wanted: Wanted,
    judge: Judge,
    store: outputs::Store<'a>,
    owed: Box<dyn Owed>,
    history: Box<dyn History + 'a>,
    executor: Box<dyn Executor + 'a>,
    inbox: Receiver<Msg>,
    clock: Box<dyn Clock + 'a>,
    sinks: Vec<Box<dyn Sink + 'a>>,
    log: Box<dyn Log + 'a>,
    fence: Box<dyn Fn() -> anyhow::Result<()> + 'a>,
    anchor: Box<dyn Fn() -> anyhow::Result<Option<String>> + 'a>,
    suspend: Box<dyn Fn() + 'a>,
    explain: ask::Explain<'a>,
    options: Options,

    sched: Sched,
    kinds: HashMap<RuleId, KindId>,
    limits: Vec<sched::LimitId>,
    gpus: given::Gpus,
    /// What jobs take that run here while others go to a cluster.
    here: Option<sched::LimitId>,
    /// How long jobs of a rule take, in seconds; only where they go to a cluster.
    means: HashMap<RuleId, f64>,
    /// Jobs that are on the cluster already, and were not started here yet.
    taken_up: HashMap<JobId, cluster::TakenUp>,
    nodes: Table<JobIdx, Node>,
    /// By job: its number in the scheduler.
    idx: Table<JobId, Option<JobIdx>>,
    barriers: HashMap<RuleId, Barrier>,
    /// The nodes of what rules do once.
    then_nodes: Vec<JobIdx>,
    /// Rules whose `then` has a node, and the last of these.
    thens: HashMap<RuleId, JobIdx>,
    /// Rules of which a job has run since their `then` began: it stays owed.
    overtaken: HashSet<RuleId>,
    running: FxHashMap<TaskId, Running>,
    /// Tries that have failed and wait to be repeated.
    tried: HashMap<JobIdx, retry::Tried>,
    /// Commands beside the jobs' recipes that run.
    errands: HashMap<TaskId, errand::Errand>,
    /// Old outputs of jobs that have begun and not ended for good.
    aside: FxHashMap<JobId, outputs::Aside>,
    /// What a split's globs matched before it began, with what was seen.
    before: HashMap<JobId, HashMap<BString, Stat>>,
    made_folders: FxHashSet<BString>,
    temps: temp::Temps,
    /// What this run has made asks for more than it had planned.
    is_outdated: bool,
    n_tasks: u32,
    n_added: usize,
    /// Jobs that have to run because their `check` said so before the run began.
    asked: HashSet<JobId>,
    /// So many of the plan's first stand-ins bring nothing more.
    n_stands_passed: usize,
    actions: Vec<sched::Action>,
    wake_at: Option<Duration>,
    interrupt: Option<Interrupt>,
    n_interrupts: u32,
    /// Somebody was asked what becomes of the jobs on the cluster.
    has_asked: bool,
    tally: Tally,
    lost: Option<String>,
    /// Whether the jobs were told to stand still, and flow itself does not yet.
    is_suspending: bool,
    /// The longest that an output took to appear.
    latest: Duration,
    /// How many of the plan's diagnostics were dealt with.
    n_diags: usize,
    diags: Vec<Diag>,
}

/// The node that stands for all jobs of a rule.
#[derive(Clone, Copy, Debug)]
struct Barrier {
    idx: JobIdx,
    /// Not all of the rule's jobs are known yet.
    is_held: bool,
}

impl Engine<'_> {
    /// Time since the run began.
    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The time of day, as files have it.
    fn time_of_day(&self) -> Time {
        Time(self.clock.now().as_nanosecond() as i64)
    }

    fn emit(&mut self, kind: EventKind) {
        self.tally.add(&kind);
        let event = Event {
            time: self.clock.now(),
            kind,
        };
        for sink in &mut self.sinks {
            sink.event(&event);
        }
    }

    fn warn(&mut self, message: String) {
        self.emit(EventKind::Warning { message });
    }

    fn name(&self, job: JobId) -> crate::event::JobName {
        crate::event::JobName {
            job: self.plan.key(job).into(),
            rule: self.plan.rule_of(self.context.workflow, job).name.clone(),
        }
    }

    /// `main.flow:12`, where the rule is written.
    fn place(&self, rule: RuleId) -> String {
        let span = self.context.workflow.rules[rule].span;
        let (line, _) = self.sources.line_column(span);
        let mut place = self.sources.get(span.file).name.clone();
        write!(place, ":{line}").expect("a string takes all");
        place
    }

    fn paths(&self, paths: &[crate::plan::PathId]) -> Vec<BString> {
        paths
            .iter()
            .map(|path| self.plan.path(*path).into())
            .collect()
    }

    /// The files that a job has made, or is to make.
    fn output_paths(&self, job: JobId) -> Vec<BString> {
        match self.plan.made(job) {
            Some(made) => self.paths(made),
            None => self.paths(self.plan.outputs(job)),
        }
    }

    fn job_of(&self, idx: JobIdx) -> Option<JobId> {
        match self.nodes[idx] {
            Node::Job(job) => Some(job),
            Node::Barrier(_) | Node::Then(_) => None,
        }
    }

    fn key_text(&self, job: JobId) -> String {
        self.plan.key(job).to_str_lossy().into_owned()
    }

    fn n_jobs(&self) -> usize {
        self.nodes.len() - self.barriers.len() - self.then_nodes.len()
    }

    /// Whether jobs that are asked for are known only when a split has run.
    fn may_grow(&mut self) -> bool {
        let mut pending = self.plan.pending_from(self.n_stands_passed);
        let first = pending.find(|(stand, _)| self.wanted.has_stand(*stand));
        // What is known stays known: the next question begins here.
        self.n_stands_passed = first.map_or(self.plan.stands.len(), |(stand, _)| stand.index());
        let is_wanted = |job: JobId| self.wanted.has(job);
        first.is_some() || self.plan.has_open(is_wanted) || !self.wanted.has_come()
    }
}
