//! Tries that have failed and are to be repeated. Where the run ends before that they were the last.

use super::{Engine, Running};
use crate::event::{End, Failure, Status, Usage};
use crate::sched::JobIdx;

/// A try that has failed.
pub(super) struct Tried {
    pub running: Running,
    pub end: Option<End>,
    pub usage: Option<Usage>,
    pub failure: Failure,
}

impl Engine<'_> {
    /// Another try is to follow.
    pub(super) fn keep_try(&mut self, tried: Tried) {
        self.tried.insert(tried.running.idx, tried);
    }

    /// The try that follows begins.
    pub(super) fn forget_try(&mut self, idx: JobIdx) {
        self.tried.remove(&idx);
    }

    /// No try follows after all.
    pub(super) fn end_retries(&mut self, idx: JobIdx) {
        if let Some(tried) = self.tried.remove(&idx) {
            self.failed_for_good(tried);
        } else if let Some(job) = self.job_of(idx)
            && self.taken_up.contains_key(&job)
        {
            // Its tries were another run's, and it is still on the cluster.
            self.emit_unstarted(job, Status::Cancelled);
        }
    }

    /// The last try of a job has failed, or was cut off.
    pub(super) fn failed_for_good(&mut self, tried: Tried) {
        let Tried {
            running,
            end,
            usage,
            failure,
        } = tried;
        self.clean_up(&running);
        let status = match (&end, running.is_cut) {
            (_, true) => Status::Cancelled,
            _ if running.is_over_time => Status::Timeout,
            (Some(End::Signaled(_)), _) => Status::Killed,
            _ => Status::Failed,
        };
        self.finished(&running, status, end, usage, Some(failure));
    }
}
