//! What the scheduler is told, and what it asks for.

use std::time::Duration;

use super::need::NeedId;
use super::state::JobIdx;

/// How a try ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Ok,
    Failed,
    /// Ended from outside, by no fault of its own: the run was stopped, the executor is lost. It
    /// is not tried again and does not count as a failure; the run drains.
    Cut,
}

/// What came out of an [`Action::Judge`] or [`Action::Resolve`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It must run. Never for a stand-in.
    Run,
    /// It must run, and jobs before it that nobody thought of: it waits until [`Sched::release`],
    /// so that the caller can add them. Never for a stand-in.
    ///
    /// [`Sched::release`]: super::Sched::release
    RunLater,
    /// It need not run. For a stand-in: its jobs have been added.
    Fresh,
    /// It cannot even be tried: an input is missing, its check command is wrong, the plan behind
    /// a split has a mistake.
    Failed,
}

/// Something happened. Each message is for a job in the one state where it makes sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Msg {
    /// A started job has ended.
    Ended { job: JobIdx, end: End },
    /// A started job could not be started after all (no processes or memory left): the try does
    /// not count, and is made again at `until` or later.
    PutBack { job: JobIdx, until: Duration },
    /// The answer to a [`Action::Judge`] or [`Action::Resolve`]. Each needs one, also while the
    /// run is stopping.
    Judged { job: JobIdx, verdict: Verdict },
    /// The time of a [`Action::WakeAt`] has come.
    TimePassed,
    /// Nothing new starts. What runs may end by itself, or the caller ends it: see [`End::Cut`].
    Stop,
}

/// What the caller is to do, or to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start this job; `attempt` counts from 1. Answered by [`Msg::Ended`] or [`Msg::PutBack`].
    Start { job: JobIdx, attempt: u32 },
    /// Judge this job again, now that its upstream has ended well.
    Judge { job: JobIdx },
    /// Add the jobs that this stand-in stands for, with their edges to what waits for it.
    Resolve { job: JobIdx },
    /// The try has failed, and try number `attempt` follows at `at` or later.
    Retry {
        job: JobIdx,
        attempt: u32,
        at: Duration,
    },
    /// Failed for good: after its last try, by verdict, or with tries left when the run stopped.
    Failed { job: JobIdx },
    /// Never to be started, because `because` failed somewhere upstream of it.
    Skip { job: JobIdx, because: JobIdx },
    /// Never started, because the run stops.
    Cancelled { job: JobIdx },
    /// This job's need is more than the total: it gets all there is and runs alone. Told once per
    /// need, with the first job; [`Sched::cut`](super::Sched::cut) says what was cut.
    Clamped { need: NeedId, job: JobIdx },
    /// Send [`Msg::TimePassed`] then. Each one replaces the one before.
    WakeAt(Duration),
}
