//! Tries that run over their time: told to end, and counted as failed however they then end.

use std::time::Duration;

use super::Engine;
use crate::exec::{Signal, TaskId};
use crate::plan::JobId;

impl Engine<'_> {
    /// How long a try of this job may run.
    pub(super) fn time_of(&self, job: JobId, attempt: u32) -> Option<Duration> {
        let rule = self.plan.rule_of(self.context.workflow, job);
        rule.needs.time.of(attempt).or(self.options.timeout)
    }

    /// When the next try has run over its time.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let running = self.running.values();
        let running = running.filter(|try_| !try_.is_over_time && try_.late.is_none());
        running.filter_map(|try_| Some(try_.deadline?.0)).min()
    }

    /// Tells those that have run over their time to end: TERM, and KILL after the grace period.
    pub(super) fn end_overtime(&mut self) {
        let now = self.now();
        let mut over: Vec<TaskId> = Vec::new();
        for (task, running) in &mut self.running {
            let has_process = running.late.is_none();
            if has_process
                && !running.is_over_time
                && running.deadline.is_some_and(|(at, _)| at <= now)
            {
                running.is_over_time = true;
                over.push(*task);
            }
        }
        for task in over {
            if let Err(error) = self.executor.signal(Some(task), Signal::Terminate) {
                self.stop(format!("{error:#}"));
            }
        }
    }

    /// Jobs were stopped, with flow itself, for so long: that does not count.
    pub(super) fn shift_deadlines(&mut self, stopped: Duration) {
        for running in self.running.values_mut() {
            if let Some((at, _)) = &mut running.deadline {
                *at += stopped;
            }
        }
    }
}
