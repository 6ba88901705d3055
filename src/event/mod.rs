//! What happens in a run, as plain data. `json` is the only place that knows the events' JSON form.

pub mod json;

use bstr::BString;

/// How a process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    Exited(i32),
    Signaled(i32),
    /// It never ran: why, for a person.
    NotStarted(String),
}

impl End {
    pub fn is_ok(&self) -> bool {
        *self == End::Exited(0)
    }
}

/// What a process used, as the kernel counted it (`getrusage(2)`).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usage {
    pub wall_s: f64,
    pub user_s: f64,
    pub sys_s: f64,
    pub max_rss_kib: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    Ok,
    Failed,
    Killed,
    Timeout,
    Skipped,
    Cancelled,
    Touched,
}

/// Why a job failed, beyond how its process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The process did not end with status 0.
    Process,
    /// It ended well, but these declared outputs are not there.
    OutputsMissing(Vec<BString>),
    /// flow could not prepare or finish it: the reason, for a person.
    Engine(String),
}

/// One job as events name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobName {
    /// The job's key: its first output, or rule and captures where it has none.
    pub job: BString,
    pub rule: String,
}

impl JobName {
    /// What names the things that a rule does once, when its jobs are done.
    pub fn of_then(rule: &str) -> JobName {
        JobName {
            job: format!("then:{rule}").into(),
            rule: rule.into(),
        }
    }

    /// Whether it is no job, but what a rule does once.
    pub fn is_then(&self) -> bool {
        self.job.strip_prefix(b"then:") == Some(self.rule.as_bytes())
    }
}

/// The end of a job: its last try, or the decision not to try.
#[derive(Clone, PartialEq, Debug)]
pub struct JobFinished {
    pub name: JobName,
    pub status: Status,
    pub attempt: u32,
    /// `None` when no process ran.
    pub end: Option<End>,
    pub usage: Option<Usage>,
    pub failure: Option<Failure>,
    pub inputs: Vec<BString>,
    pub outputs: Vec<BString>,
    /// The last part of what the job printed, at most 20 lines and 16 KiB; for failures only.
    pub tail: BString,
    /// All that it printed, in bytes.
    pub output_bytes: u64,
    /// Where the rule is written: `main.flow:12`.
    pub place: String,
}

/// The end of a try that will be repeated.
#[derive(Clone, PartialEq, Debug)]
pub struct JobRetry {
    pub name: JobName,
    pub attempt: u32,
    pub end: Option<End>,
    pub failure: Option<Failure>,
    pub usage: Option<Usage>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    /// `jobs`: how many may run; `fresh`: how many need not; `may_grow`: a split may bring more.
    RunStarted {
        workflow: String,
        jobs: u64,
        fresh: u64,
        may_grow: bool,
    },
    /// A split has run: so many more jobs may run, so many more need not.
    RunGrew {
        jobs: u64,
        fresh: u64,
        may_grow: bool,
    },
    JobStarted {
        name: JobName,
        attempt: u32,
        place: String,
    },
    /// Only with `--verbose`.
    JobOutput {
        name: JobName,
        bytes: BString,
    },
    JobRetry(JobRetry),
    JobFinished(JobFinished),
    /// It would have run after a job before it, and what it reads came out as it was.
    JobFresh(JobName),
    /// Temporary outputs of a job, which nothing needs any more.
    TempDeleted {
        name: JobName,
        outputs: Vec<BString>,
    },
    Warning {
        message: String,
    },
    RunFinished(Tally),
}

/// Something that happened, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub time: jiff::Timestamp,
    pub kind: EventKind,
}

/// Counts over the events of a run: a fold.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tally {
    pub ok: u64,
    /// What rules did once, when their jobs were done: no jobs. One that fails is a failure.
    pub thens: u64,
    pub failed: u64,
    pub killed: u64,
    pub timeout: u64,
    pub skipped: u64,
    pub cancelled: u64,
    pub touched: u64,
    pub fresh: u64,
    pub retries: u64,
    pub wall_s: f64,
}

impl Tally {
    /// Counts one more event.
    pub fn add(&mut self, event: &EventKind) {
        match event {
            EventKind::RunStarted { fresh, .. } | EventKind::RunGrew { fresh, .. } => {
                self.fresh += fresh;
            }
            EventKind::JobRetry(_) => self.retries += 1,
            EventKind::JobFresh(_) => self.fresh += 1,
            EventKind::JobFinished(end) => {
                *match end.status {
                    Status::Ok if end.name.is_then() => &mut self.thens,
                    Status::Ok => &mut self.ok,
                    Status::Failed => &mut self.failed,
                    Status::Killed => &mut self.killed,
                    Status::Timeout => &mut self.timeout,
                    Status::Skipped => &mut self.skipped,
                    Status::Cancelled => &mut self.cancelled,
                    Status::Touched => &mut self.touched,
                } += 1;
            }
            _ => {}
        }
    }

    /// Jobs that were tried and did not succeed.
    pub fn failures(&self) -> u64 {
        self.failed + self.killed + self.timeout
    }
}
