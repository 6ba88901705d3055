//! The loop: a message comes in, actions come out of the scheduler, events tell everybody else.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::given::Gpus;
use super::late::Left;
use super::temp::Temps;
use super::{Engine, Interrupt, Msg, Node, Setup, Summary};
use crate::dense::Table;
use crate::event::{EventKind, Status, Tally};
use crate::exec::{Report, Signal};
use crate::history::output::Kind as LogKind;
use crate::plan::JobId;
use crate::sched::{self, Action, JobIdx, Resource, Sched, Standing, Totals, Verdict};
use crate::stale;

/// What is kept of a job's output for the message that it failed: 20 lines seldom need more.
pub(super) const TAIL: usize = 16 << 10;

/// How often sinks hear that nothing happens.
const TICK: Duration = Duration::from_millis(500);

impl<'a> Engine<'a> {
    pub(super) fn new(setup: Setup<'a>) -> Self {
        let cluster = setup.options.cluster.as_ref();
        let totals = Totals {
            cores: cluster.map_or(setup.options.jobs, |cluster| cluster.worth()),
            mem_mib: setup.options.mem_mib,
            gpus: Some(setup.options.gpus.len() as u32),
        };
        let gpus = Gpus::new(&setup.options.gpus);
        let options = sched::Options {
            max_fail: setup.options.max_fail,
            shuffle: setup.options.shuffle,
        };
        let mut sched = Sched::new(totals, options);
        let here = cluster.map(|cluster| sched.limit(cluster.local_cores));
        let limits = setup.context.workflow.limits.values();
        let limits = limits
            .iter()
            .map(|limit| sched.limit(limit.count))
            .collect();
        let asked = super::again::asked(&setup.plan, &setup.judge);
        Engine {
            context: setup.context,
            sources: setup.sources,
            plan: setup.plan,
            wanted: setup.wanted,
            judge: setup.judge,
            store: setup.store,
            history: setup.history,
            owed: setup.owed,
            executor: setup.executor,
            inbox: setup.inbox,
            clock: setup.clock,
            sinks: setup.sinks,
            log: setup.log,
            fence: setup.fence,
            anchor: setup.anchor,
            suspend: setup.suspend,
            explain: setup.explain,
            options: setup.options,
            sched,
            kinds: HashMap::new(),
            limits,
            gpus,
            here,
            means: HashMap::new(),
            taken_up: HashMap::new(),
            nodes: Table::default(),
            idx: Table::default(),
            barriers: HashMap::new(),
            then_nodes: Vec::new(),
            thens: HashMap::new(),
            overtaken: HashSet::new(),
            running: FxHashMap::default(),
            tried: HashMap::new(),
            errands: HashMap::new(),
            aside: FxHashMap::default(),
            before: HashMap::new(),
            made_folders: FxHashSet::default(),
            temps: Temps::default(),
            is_outdated: false,
            n_tasks: 0,
            n_added: 0,
            asked,
            n_stands_passed: 0,
            actions: Vec::new(),
            wake_at: None,
            interrupt: None,
            n_interrupts: 0,
            has_asked: false,
            tally: Tally::default(),
            lost: None,
            is_suspending: false,
            latest: Duration::ZERO,
            n_diags: 0,
            diags: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> anyhow::Result<Summary> {
        self.begin()?;
        while self.goes_on() {
            self.wait();
        }
        Ok(self.finish())
    }

    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        self.n_diags = self.plan.diags.len();
        self.adopt();
        self.find_means();
        self.take_up()?;
        self.find_temps();
        self.add_known();
        self.add_owed();
        let fresh = self
            .plan
            .known
            .iter()
            .filter(|job| self.wanted.has(**job) && !self.judge.will_run(**job))
            .count();
        let workflow = self.workflow_name();
        let jobs = self.n_jobs() as u64;
        let may_grow = self.may_grow();
        self.emit(EventKind::RunStarted {
            workflow,
            jobs,
            fresh: fresh as u64,
            may_grow,
        });
        Ok(())
    }

    /// Does what can be done without another message; false when the run is over.
    pub(super) fn goes_on(&mut self) -> bool {
        if self.lost.is_none() {
            self.step();
            self.pass_on();
            match self.sched.standing() {
                Standing::Over => return false,
                // What waits for rules behind a split that has failed waits in vain.
                Standing::Held if self.let_go_barriers() => return self.goes_on(),
                Standing::Held => {
                    self.lost = Some("jobs wait for something that nothing will bring".into());
                }
                Standing::Busy | Standing::Sleeping(_) => {}
            }
        }
        if self.lost.is_some() {
            self.give_up();
            return false;
        }
        true
    }

    pub(super) fn finish(mut self) -> Summary {
        self.skip_unknown();
        if self.lost.is_none() {
            self.sweep_temps();
        }
        // In a folder that is another's nothing is noted.
        if self.holds_state() {
            self.store.finish();
            if let Err(error) = self.history.close() {
                self.lost.get_or_insert(format!("{error:#}"));
            }
        }
        self.tally.wall_s = self.now().as_secs_f64();
        let tally = self.tally;
        self.emit(EventKind::RunFinished(tally));
        Summary {
            tally: self.tally,
            interrupt: self.interrupt,
            diags: self.diags,
            wanted: self.wanted,
            is_outdated: self.is_outdated,
            lost: self.lost,
        }
    }

    /// Records fresh jobs that nothing is recorded of, as they were found.
    fn adopt(&mut self) {
        let found: Vec<JobId> = self
            .judge
            .adoptable(&self.plan, self.history.as_ref())
            .collect();
        self.look_into_all(&found);
        for job in found {
            self.adopt_one(job);
        }
        self.add_contents();
    }

    /// Records the contents of fresh jobs for which they count and were not looked at: all at once.
    fn add_contents(&mut self) {
        let lacks = |job: &JobId| {
            let past = || self.history.last(self.plan.key(*job))?.past;
            self.judge.verdict(*job) == stale::Verdict::Fresh
                && self.counts_contents(*job)
                && past().is_some_and(|past| !past.has_hashes())
        };
        let jobs: Vec<JobId> = self.plan.known.iter().copied().filter(lacks).collect();
        self.look_into_all(&jobs);
        for job in jobs {
            let last = self.history.last(self.plan.key(job));
            if let Some(ran) = last.and_then(|last| last.past).map(|past| past.ran()) {
                self.record_as(job, ran);
            }
        }
    }

    /// Looks at the contents of the files of those jobs for which they count, many at once.
    fn look_into_all(&mut self, jobs: &[JobId]) {
        let mut paths = Vec::new();
        for &job in jobs.iter().filter(|job| self.counts_contents(**job)) {
            paths.extend(self.plan.inputs(job));
            paths.extend(self.plan.made(job).unwrap_or(self.plan.outputs(job)));
        }
        let disk = self.store.disk();
        self.judge.facts.look_into(&self.plan, disk, &paths);
    }

    fn workflow_name(&self) -> String {
        let first = self.context.workflow.rules.values().first();
        first.map_or(String::new(), |rule| {
            self.sources.get(rule.span.file).name.clone()
        })
    }

    /// Carries out what the scheduler decides, until it decides nothing more.
    fn step(&mut self) {
        loop {
            let mut actions = std::mem::take(&mut self.actions);
            actions.clear();
            self.sched.step(&mut actions);
            if actions.is_empty() {
                self.actions = actions;
                return;
            }
            for &action in &actions {
                self.act(action);
            }
            self.actions = actions;
        }
    }

    /// Hands over what was decided, all at once. The records first: a job of which nothing is
    /// written must not run.
    fn pass_on(&mut self) {
        if !self.holds_state() {
            return;
        }
        let written = self.history.flush();
        if let Err(error) = written.and_then(|()| self.executor.flush()) {
            self.stop(format!("{error:#}"));
        }
    }

    /// What the run writes is to be where the next one looks for it.
    fn holds_state(&mut self) -> bool {
        match (self.anchor)() {
            Ok(warning) => {
                if let Some(warning) = warning {
                    self.warn(warning);
                }
                true
            }
            Err(error) => {
                self.stop(format!("{error:#}"));
                false
            }
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Start { job, attempt } => match self.nodes[job] {
                Node::Then(rule) => self.start_then(job, rule),
                _ => self.start(job, attempt),
            },
            Action::Judge { job } => self.judge_again(job),
            Action::Resolve { job } => self.pass_barrier(job),
            // Told when the try ended, unless another was to follow.
            Action::Failed { job } => self.end_retries(job),
            Action::Retry { .. } => {}
            Action::Skip { job, .. } => self.never_started(job, Status::Skipped),
            Action::Cancelled { job } => self.never_started(job, Status::Cancelled),
            Action::Clamped { need, job } => self.clamped(need, job),
            Action::WakeAt(at) => self.wake_at = Some(at),
        }
    }

    pub(super) fn judged(&mut self, job: JobIdx, verdict: Verdict) {
        let now = self.now();
        self.sched.tell(now, sched::Msg::Judged { job, verdict });
    }

    fn clamped(&mut self, need: sched::NeedId, job: JobIdx) {
        let Some(job) = self.job_of(job) else { return };
        let rule = self.plan.rule_of(self.context.workflow, job).name.clone();
        let lacks: Vec<String> = self
            .sched
            .cut(need)
            .iter()
            .map(|lack| match lack.resource {
                Resource::Cores => amount(lack.wanted, lack.there, "core"),
                Resource::Memory => format!("{} MiB of memory of {}", lack.wanted, lack.there),
                Resource::Gpus => amount(lack.wanted, lack.there, "gpu"),
                Resource::Limit(_) => format!("{} permits of {}", lack.wanted, lack.there),
            })
            .collect();
        self.warn(format!(
            "`{rule}` asks for {}: it takes all there is and runs alone",
            lacks.join(", ")
        ));
    }

    /// Waits for the next message, and takes in all that have come.
    pub(super) fn wait(&mut self) {
        let now = self.now();
        let next = self.wake_at.into_iter().chain(self.next_deadline());
        let next = next.chain(self.next_look()).min();
        let until = next.map_or(TICK, |at| at.saturating_sub(now).min(TICK));
        match self.clock.wait(&self.inbox, until) {
            Ok(msg) => self.take(msg),
            Err(RecvTimeoutError::Timeout) => {
                let now = self.now();
                if self.wake_at.is_some_and(|at| at <= now) {
                    self.wake_at = None;
                    self.sched.tell(now, sched::Msg::TimePassed);
                }
                let time = self.clock.now();
                for sink in &mut self.sinks {
                    sink.tick(time);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.lost = Some("the executor's messages end".into());
            }
        }
        while self.lost.is_none()
            && let Ok(msg) = self.inbox.try_recv()
        {
            self.take(msg);
        }
        self.end_overtime();
        self.look_for_late();
    }

    pub(super) fn take(&mut self, msg: Msg) {
        match msg {
            Msg::Report(Report::Started { task, pid }) => {
                if let Some(running) = self.running.get_mut(&task) {
                    running.pid = Some(pid);
                }
            }
            Msg::Report(Report::Output { task, bytes }) => {
                let Some(running) = self.running.get_mut(&task) else {
                    self.errand_printed(task, &bytes);
                    return;
                };
                running.output_bytes += bytes.len() as u64;
                running.tail.extend_from_slice(&bytes);
                if running.tail.len() > 2 * TAIL {
                    let cut = running.tail.len() - TAIL;
                    running.tail.drain(..cut);
                }
                let (job, attempt) = (running.job, running.attempt);
                let written = self
                    .log
                    .write(LogKind::Output, self.plan.key(job), attempt, &bytes);
                self.check_log(written);
                if self.options.tells_output {
                    let name = self.name(job);
                    self.emit(EventKind::JobOutput { name, bytes });
                }
            }
            Msg::Report(Report::Ended {
                task,
                end,
                usage,
                leftovers,
                writing,
            }) => {
                self.ended(task, end, usage, &Left { leftovers, writing });
            }
            Msg::Report(Report::Begun { task, host }) => {
                if let Some(running) = self.running.get_mut(&task) {
                    running.host = Some(host);
                }
            }
            Msg::Report(Report::Explained { task, why }) => {
                if let Some(running) = self.running.get_mut(&task) {
                    running.why = Some(why);
                }
            }
            Msg::Report(Report::Again { task, why }) => self.run_again(task, &why),
            Msg::Report(Report::Said(text)) => self.warn(text),
            Msg::Report(Report::Lost(why)) => self.lost = Some(why),
            Msg::Interrupt(Interrupt::Interrupt) if self.asks_what_then() => {}
            Msg::Interrupt(signal) => self.interrupted(signal),
            Msg::Drain => {
                let now = self.now();
                self.sched.tell(now, sched::Msg::Stop);
            }
            Msg::Leave => self.leave(),
            Msg::Ask(ask) => self.answer(ask),
            // What comes back when all jobs stand still stops flow itself.
            Msg::Suspend if self.is_suspending => {}
            Msg::Suspend => {
                self.is_suspending = true;
                self.signal_all(Signal::Suspend);
            }
            Msg::Report(Report::Suspended) => {
                self.is_suspending = false;
                let before = self.now();
                (self.suspend)();
                let stopped = self.now() - before;
                self.shift_deadlines(stopped);
                self.shift_late(stopped);
                self.signal_all(Signal::Resume);
            }
        }
    }

    /// Output that cannot be kept does not end the run; it is said once.
    pub(super) fn check_log(&mut self, written: anyhow::Result<()>) {
        if let Err(error) = written {
            let text = format!("the output of jobs is not kept: {error:#}");
            self.warn(text);
        }
    }
}

/// `2 cores of 1`.
fn amount(wanted: u64, there: u64, noun: &str) -> String {
    let plural = if wanted == 1 { "" } else { "s" };
    format!("{wanted} {noun}{plural} of {there}")
}
