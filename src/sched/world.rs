//! A world for tests: jobs that take time, fail, turn out fresh and bring more jobs, on a virtual
//! clock. It keeps its own books, and holds every action of the scheduler against them.

mod checks;
mod told;

use std::time::Duration;

use super::*;

/// A job as the test wants it to behave.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    /// Positions of upstream jobs in the script.
    pub upstream: Vec<usize>,
    /// One per try.
    pub needs: Vec<Need>,
    pub priority: i32,
    pub tries: u32,
    pub backoff_s: u64,
    pub takes_s: u64,
    /// What the scheduler is told; `takes_s` when `None`.
    pub weight: Option<f32>,
    /// So many tries fail.
    pub n_failing: u32,
    /// So many starts are put back, for a second each.
    pub n_put_back: u32,
    /// A `maybe`, and what comes of it.
    pub verdict: Option<Verdict>,
    /// A stand-in, and the jobs it stands for, which are added when it is resolved: upstream of
    /// the jobs that wait for it, but not of further stand-ins.
    pub becomes: Option<Vec<usize>>,
}

impl Spec {
    pub fn new(name: String) -> Self {
        Spec {
            name,
            upstream: Vec::new(),
            needs: vec![Need::default()],
            priority: 0,
            tries: 1,
            backoff_s: 0,
            takes_s: 1,
            weight: None,
            n_failing: 0,
            n_put_back: 0,
            verdict: None,
            becomes: None,
        }
    }
}

/// A whole test run.
#[derive(Clone, Debug)]
pub struct Script {
    pub totals: Totals,
    pub options: Options,
    /// Permits of each limit.
    pub limits: Vec<u32>,
    pub jobs: Vec<Spec>,
    /// When the run is stopped, and how its running jobs end.
    pub stop: Option<(u64, End)>,
}

/// What has become of a job, by the world's own books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Not told to the scheduler yet.
    Unknown,
    Idle,
    /// Judged: it must run.
    Due,
    Running,
    BackingOff(u64),
    Final(State),
}

/// What happened, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// When each try started.
    pub starts: Vec<(u64, String)>,
    /// Final states.
    pub ends: Vec<(String, State)>,
    /// Everything else that a person would be told.
    pub notes: Vec<String>,
}

/// The script under way.
pub struct World {
    script: Script,
    pub sched: Sched,
    limits: Vec<LimitId>,
    fates: Vec<Fate>,
    n_starts: Vec<u32>,
    n_tries: Vec<u32>,
    /// Failed its last try when the run had not been stopped.
    may_retry: Vec<bool>,
    idx: Vec<JobIdx>,
    spec: Vec<usize>,
    /// End and position of each running job.
    running: Vec<(u64, usize)>,
    now_s: u64,
    wake_s: Option<u64>,
    is_stopped: bool,
    n_failures: u32,
    pub log: Log,
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

impl World {
    pub fn new(script: Script) -> Self {
        let mut sched = Sched::new(script.totals, script.options);
        let n = script.jobs.len();
        let mut world = World {
            limits: script.limits.iter().map(|&n| sched.limit(n)).collect(),
            sched,
            fates: vec![Fate::Unknown; n],
            n_starts: vec![0; n],
            n_tries: vec![0; n],
            may_retry: vec![false; n],
            idx: vec![JobIdx(u32::MAX); n],
            spec: Vec::new(),
            running: Vec::new(),
            now_s: 0,
            wake_s: None,
            is_stopped: false,
            n_failures: 0,
            log: Log::default(),
            script,
        };
        let hidden: Vec<usize> = world.behind_stand_ins().collect();
        let known = (0..n).filter(|job| !hidden.contains(job)).collect();
        world.add(known, &[]);
        world
    }

    fn behind_stand_ins(&self) -> impl Iterator<Item = usize> {
        let lists = self
            .script
            .jobs
            .iter()
            .filter_map(|job| job.becomes.as_ref());
        lists.flatten().copied()
    }

    /// Tells the scheduler of more jobs, upstream of `gatherers` too.
    fn add(&mut self, new: Vec<usize>, gatherers: &[usize]) {
        let first = self.sched.len();
        for (at, &job) in new.iter().enumerate() {
            self.idx[job] = JobIdx::new(first + at);
            self.fates[job] = Fate::Idle;
            self.spec.push(job);
        }
        let jobs: Vec<Job> = new.iter().map(|&job| self.job(job)).collect();
        let mut edges = Vec::new();
        for &job in &new {
            let upstream = &self.script.jobs[job].upstream;
            edges.extend(upstream.iter().map(|&up| (self.idx[up], self.idx[job])));
            edges.extend(
                gatherers
                    .iter()
                    .map(|&down| (self.idx[job], self.idx[down])),
            );
        }
        for &down in gatherers {
            self.script.jobs[down].upstream.extend(&new);
        }
        let got = self.sched.add(jobs, || edges.iter().copied());
        assert_eq!(got, JobIdx::new(first));
    }

    fn job(&mut self, job: usize) -> Job {
        let spec = &self.script.jobs[job];
        let needs = spec.needs.clone().into_iter().map(|mut need| {
            for limit in &mut need.limits {
                *limit = self.limits[limit.index()];
            }
            self.sched.need(need)
        });
        let kind = Kind {
            needs: needs.collect(),
            priority: spec.priority,
            tries: spec.tries,
            backoff: seconds(spec.backoff_s),
        };
        Job {
            kind: self.sched.kind(kind),
            on_ready: match (&spec.becomes, spec.verdict) {
                (Some(_), _) => OnReady::Resolve,
                (None, Some(_)) => OnReady::Judge,
                (None, None) => OnReady::Start,
            },
            weight: spec.weight.unwrap_or(spec.takes_s as f32),
            order: job as u64,
        }
    }

    /// Runs to the end, and returns what happened.
    pub fn run(mut self) -> Log {
        self.run_until(u64::MAX);
        self.check_all_is_over();
        self.log
    }

    /// Runs until nothing more happens at this second or before it.
    pub fn run_until(&mut self, last_s: u64) {
        let mut actions = Vec::new();
        loop {
            self.stop_if_due();
            self.sched.step(&mut actions);
            let must_step_again = self.obey(&actions);
            actions.clear();
            if must_step_again {
                continue;
            }
            self.check_nothing_idles();
            self.check_upstream_is_told();
            if self.sched.standing() == Standing::Over || self.next_s() > last_s {
                return;
            }
            self.let_time_pass();
        }
    }

    fn tell(&mut self, msg: Msg) {
        self.sched.tell(seconds(self.now_s), msg);
    }

    fn stop_if_due(&mut self) {
        let Some((at, end)) = self.script.stop else {
            return;
        };
        if at > self.now_s || self.is_stopped {
            return;
        }
        self.is_stopped = true;
        self.tell(Msg::Stop);
        if end == End::Cut {
            for (_, job) in std::mem::take(&mut self.running) {
                self.finish(job, State::Cancelled);
                self.tell(Msg::Ended {
                    job: self.idx[job],
                    end,
                });
            }
        }
    }

    /// True when the scheduler was told something. Judges last: what a judgement brings could have
    /// come before what the same step starts, had it been known.
    fn obey(&mut self, actions: &[Action]) -> bool {
        let is_question =
            |action: &Action| matches!(action, Action::Judge { .. } | Action::Resolve { .. });
        let (questions, orders): (Vec<Action>, Vec<Action>) =
            actions.iter().partition(|action| is_question(action));
        let mut has_told = !questions.is_empty();
        for order in orders {
            has_told |= self.obey_order(order);
        }
        for question in questions {
            self.answer(question);
        }
        has_told
    }

    fn answer(&mut self, question: Action) {
        match question {
            Action::Judge { job } => {
                let job = self.check_may_go(job);
                let verdict = self.script.jobs[job].verdict;
                self.judged(job, verdict.expect("only a maybe is judged"));
            }
            Action::Resolve { job } => {
                let job = self.check_may_go(job);
                let stands_for = self.script.jobs[job].becomes.clone();
                let gatherers: Vec<usize> = (0..self.script.jobs.len())
                    .filter(|&down| self.script.jobs[down].upstream.contains(&job))
                    .filter(|&down| self.fates[down] == Fate::Idle)
                    .filter(|&down| self.script.jobs[down].becomes.is_none())
                    .collect();
                self.add(stands_for.expect("only stand-ins are resolved"), &gatherers);
                self.judged(job, Verdict::Fresh);
            }
            _ => unreachable!("no question"),
        }
    }

    fn obey_order(&mut self, order: Action) -> bool {
        match order {
            Action::Start { job, attempt } => return self.start(job, attempt),
            Action::Judge { .. } | Action::Resolve { .. } => unreachable!("no order"),
            Action::Retry { job, attempt, at } => {
                let job = self.spec[job.index()];
                assert_eq!(attempt, self.n_tries[job] + 1);
                assert!(attempt <= self.script.jobs[job].tries);
                assert!(self.may_retry[job], "a retry in a run that ends");
                self.fates[job] = Fate::BackingOff(at.as_secs());
            }
            Action::Failed { job } => {
                let job = self.spec[job.index()];
                self.n_failures += 1;
                self.finish(job, State::Failed);
            }
            Action::Skip { job, because } => {
                let (job, because) = (self.spec[job.index()], self.spec[because.index()]);
                assert_eq!(self.fates[because], Fate::Final(State::Failed));
                assert!(self.is_upstream(because, job));
                self.finish(job, State::Skipped);
            }
            Action::Cancelled { job } => {
                assert!(self.is_ending());
                let job = self.spec[job.index()];
                assert_eq!(self.n_tries[job], 0, "it has started");
                self.finish(job, State::Cancelled);
            }
            Action::Clamped { job, .. } => {
                let name = &self.script.jobs[self.spec[job.index()]].name;
                self.log.notes.push(format!("{name} is clamped"));
            }
            Action::WakeAt(at) => self.wake_s = Some(at.as_secs()),
        }
        false
    }

    fn start(&mut self, idx: JobIdx, attempt: u32) -> bool {
        let job = self.spec[idx.index()];
        match self.fates[job] {
            Fate::Idle => _ = self.check_may_go(idx),
            Fate::BackingOff(until) => assert!(until <= self.now_s, "too early"),
            fate => assert_eq!(fate, Fate::Due),
        }
        assert!(!self.is_ending(), "a start in a run that ends");
        assert_eq!(attempt, self.n_tries[job] + 1);
        assert!(self.fits(job), "more is taken than there is");
        self.check_is_best(job);
        let name = self.script.jobs[job].name.clone();
        self.log.starts.push((self.now_s, name));
        self.n_starts[job] += 1;
        if self.n_starts[job] <= self.script.jobs[job].n_put_back {
            self.fates[job] = Fate::BackingOff(self.now_s + 1);
            let until = seconds(self.now_s + 1);
            self.tell(Msg::PutBack { job: idx, until });
            return true;
        }
        self.n_tries[job] += 1;
        self.fates[job] = Fate::Running;
        self.running
            .push((self.now_s + self.script.jobs[job].takes_s, job));
        false
    }

    fn judged(&mut self, job: usize, verdict: Verdict) {
        let is_stand_in = self.script.jobs[job].becomes.is_some();
        match verdict {
            Verdict::Run => self.fates[job] = Fate::Due,
            Verdict::RunLater => unreachable!("no script says so"),
            Verdict::Fresh if is_stand_in => self.fates[job] = Fate::Final(State::Fresh),
            Verdict::Fresh => self.finish(job, State::Fresh),
            // The action says it again.
            Verdict::Failed => {}
        }
        self.tell(Msg::Judged {
            job: self.idx[job],
            verdict,
        });
    }

    fn finish(&mut self, job: usize, state: State) {
        assert!(!matches!(self.fates[job], Fate::Final(_)), "it ends twice");
        self.fates[job] = Fate::Final(state);
        self.log
            .ends
            .push((self.script.jobs[job].name.clone(), state));
    }

    /// The next moment at which something happens.
    fn next_s(&self) -> u64 {
        let ends = self.running.iter().map(|&(end, _)| end);
        let stop = self
            .script
            .stop
            .map(|(at, _)| at)
            .filter(|_| !self.is_stopped);
        let next = ends.chain(self.wake_s).chain(stop).min();
        next.expect("a run that is not over goes on")
    }

    /// Goes to the next moment at which something happens, and tells all of it.
    fn let_time_pass(&mut self) {
        self.now_s = self.next_s();
        if self.wake_s.is_some_and(|at| at <= self.now_s) {
            self.wake_s = None;
            self.tell(Msg::TimePassed);
        }
        let (ended, running) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|&(end, _)| end <= self.now_s);
        self.running = running;
        for (_, job) in ended {
            let is_ok = self.n_tries[job] > self.script.jobs[job].n_failing;
            self.may_retry[job] = !is_ok && !self.is_ending();
            if is_ok {
                self.finish(job, State::Ok);
            }
            self.tell(Msg::Ended {
                job: self.idx[job],
                end: if is_ok { End::Ok } else { End::Failed },
            });
        }
    }
}
