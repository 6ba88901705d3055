//! What is known of a job: its state, and how it ended.

use crate::bindings as c;

/// Where a job stands, as the scheduler has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    Undetermined,
    Queued,
    /// By the user, the scheduler, or both.
    Held,
    Running,
    Suspended,
    /// It ended. Grid Engine says so of failed ones too.
    Done,
    Failed,
}

impl State {
    pub(crate) fn of(number: i32) -> State {
        match number as u32 {
            c::DRMAA_PS_QUEUED_ACTIVE => State::Queued,
            c::DRMAA_PS_SYSTEM_ON_HOLD
            | c::DRMAA_PS_USER_ON_HOLD
            | c::DRMAA_PS_USER_SYSTEM_ON_HOLD => State::Held,
            c::DRMAA_PS_RUNNING => State::Running,
            c::DRMAA_PS_SYSTEM_SUSPENDED
            | c::DRMAA_PS_USER_SUSPENDED
            | c::DRMAA_PS_USER_SYSTEM_SUSPENDED => State::Suspended,
            c::DRMAA_PS_DONE => State::Done,
            c::DRMAA_PS_FAILED => State::Failed,
            _ => State::Undetermined,
        }
    }
}

/// How a job ended, by the scheduler's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    Exited(i32),
    /// By this signal, as in `SIGKILL`.
    Signaled(String),
    /// It was deleted, or could not be started.
    Aborted,
    /// It ended, and the scheduler knows nothing else: often one that never began.
    NoUsage,
    /// The library says neither of these.
    Unknown,
}

/// A job that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    pub job: String,
    pub how: How,
    /// What it used, in the scheduler's own names and units: `maxvmem` `1048576.0000`.
    pub usage: Vec<(String, String)>,
}

/// What waiting for jobs came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wait {
    Ended(Ended),
    /// Nothing has ended in this time.
    NotYet,
    /// There is no job to wait for: none was submitted in this session, or all were told.
    Nothing,
}
