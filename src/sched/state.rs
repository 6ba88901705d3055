//! The states of a job, and the steps from one to another that are allowed.

use super::need::NeedId;
use super::queue::QueueId;

crate::define_id!(
    /// A job as the scheduler knows it: its place in the order of adding.
    JobIdx
);
crate::define_id!(
    /// What jobs of one rule have in common, as [`Sched::kind`](super::Sched::kind) interned it.
    KindId
);

/// Where a job stands. The first five are on the way, the others final.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum State {
    /// For upstream jobs, or held.
    Waiting,
    /// The caller was asked to judge or to resolve it.
    Judging,
    /// Free to start, as soon as what it needs is there.
    Ready,
    Running,
    /// A try failed; the next waits for its time.
    BackingOff,
    Ok,
    /// Judged again, and need not run. For a stand-in: resolved.
    Fresh,
    Failed,
    /// A job upstream of it failed.
    Skipped,
    /// The run ended before it did.
    Cancelled,
}

impl State {
    pub(super) const COUNT: usize = State::Cancelled as usize + 1;

    /// Nothing changes it any more.
    pub fn is_final(self) -> bool {
        self >= State::Ok
    }

    /// Jobs downstream may go on.
    pub fn is_good(self) -> bool {
        matches!(self, State::Ok | State::Fresh)
    }

    /// The whole table of steps.
    pub(super) fn may_become(self, next: State) -> bool {
        use State::*;
        match self {
            Waiting => matches!(next, Judging | Ready | Skipped | Cancelled),
            Judging => matches!(next, Waiting | Ready | Fresh | Failed),
            Ready => matches!(next, Running | Failed | Cancelled),
            Running => matches!(next, Ok | Ready | BackingOff | Failed | Cancelled),
            BackingOff => matches!(next, Ready | Failed | Cancelled),
            Ok | Fresh | Failed | Skipped | Cancelled => false,
        }
    }
}

/// What happens when all that a job waits for has ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OnReady {
    /// It starts, as soon as what it needs is there.
    Start,
    /// The caller judges it again (a `maybe`): it starts, or is fresh.
    Judge,
    /// A stand-in for jobs that are not known yet: the caller adds them, then says it is fresh.
    /// It is no job: it is not counted, and no skip or cancellation of it is told.
    Resolve,
}

/// What jobs of one rule have in common.
pub(super) struct KindRow {
    /// One per try: its need, and where it waits when it is ready. The last holds for all further
    /// tries.
    pub tries: Box<[(NeedId, QueueId)]>,
    pub max_tries: u16,
    pub backoff: std::time::Duration,
}

impl KindRow {
    /// Need and queue of a try; `attempt` counts from 1.
    pub fn of_try(&self, attempt: u16) -> (NeedId, QueueId) {
        let index = usize::from(attempt.max(1)) - 1;
        self.tries[index.min(self.tries.len() - 1)]
    }
}

/// All that is kept of one job, beside its edges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub order: u64,
    /// Upstream jobs that have not ended well, and holds. Zero means ready.
    /// Once it is skipped: the job that failed.
    pub waiting_on: u32,
    pub kind: KindId,
    /// Expected seconds from its start to the end of the last job downstream of it.
    pub path: f32,
    /// Tries begun.
    pub attempt: u16,
    pub state: State,
    pub on_ready: OnReady,
}

const _: () = assert!(size_of::<Row>() == 24);
