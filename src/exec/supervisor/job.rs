//! A task as the supervisor keeps it, from the order to its last report.

use std::ffi::CString;
use std::time::{Duration, Instant};

use bstr::BString;

use crate::event::{End, Usage};
use crate::exec::Signal;
use crate::exec::supervisor::output::Output;

/// Where a task stands. It goes through these in their order; those between `Running` and
/// `Draining` only if its main process left others behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// With the spawners, or held back for lack of something.
    Starting,
    Running,
    /// What is left may end by itself.
    Lingering,
    /// What is left has got TERM.
    Terminating,
    /// What is left gets KILL until it is gone.
    Killing,
    /// Nothing is left but output to pass on.
    Draining,
}

pub struct Job {
    pub phase: Phase,
    /// Its main process, and so its group and session. Zero before `Running`.
    pub pid: i32,
    pub began: Instant,
    pub output: Option<Output>,
    /// When the pipe is to be read next, if it is not watched.
    pub read_at: Option<Instant>,
    /// When its processes are to be looked at next.
    pub look_at: Option<Instant>,
    /// What stands in the table of timers: the earlier of the two.
    pub timer: Option<Instant>,
    /// Came before it was started, or while it was being started.
    pub early_signal: Option<Signal>,
    /// When what was told to end gets KILL.
    pub kill_at: Option<Instant>,
    /// Processes that got TERM or KILL, with their start times.
    pub told: Vec<(i32, u64)>,
    /// How many of them were told after the main process had ended.
    pub leftovers: u32,
    /// Files that they were writing then.
    pub writing: Vec<BString>,
    /// Until when what writes files may go on, after the main process has ended.
    pub patient_until: Option<Instant>,
    /// What it is to make, and how long what it leaves behind may take to make what is missing.
    pub outputs: Vec<CString>,
    pub patience: Duration,
    /// Until when it may, after the main process has ended well.
    pub awaited_until: Option<Instant>,
    /// How the main process ended.
    pub end: Option<(End, Usage)>,
    /// What was in the pipe when the last process had ended.
    pub n_undrained: u64,
}

impl Job {
    pub fn new(now: Instant) -> Self {
        Job {
            phase: Phase::Starting,
            pid: 0,
            began: now,
            output: None,
            read_at: None,
            look_at: None,
            timer: None,
            early_signal: None,
            kill_at: None,
            told: Vec::new(),
            leftovers: 0,
            writing: Vec::new(),
            patient_until: None,
            outputs: Vec::new(),
            patience: Duration::ZERO,
            awaited_until: None,
            end: None,
            n_undrained: 0,
        }
    }

    /// Whether it has processes.
    pub fn is_alive(&self) -> bool {
        self.phase > Phase::Starting && self.phase < Phase::Draining
    }

    /// Whether an output is not there that somebody may still make.
    pub fn awaits_output(&self, now: Instant) -> bool {
        let is_missing = |path: &CString| rustix::fs::stat(path).is_err();
        self.awaited_until.is_some_and(|until| now < until) && self.outputs.iter().any(is_missing)
    }
}
