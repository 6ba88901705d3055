//! A run that ends before all is done: told to stop, or failed by the machine.

use std::time::Duration;

use super::{Engine, Interrupt, Msg, Node, Running};
use crate::event::{EventKind, JobFinished, Status};
use crate::exec::{Report, Signal};
use crate::plan::JobId;
use crate::sched::{self, JobIdx};

/// How long jobs that get a KILL may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

impl Engine<'_> {
    /// The first signal ends jobs gently, the second at once.
    pub(super) fn interrupted(&mut self, signal: Interrupt) {
        self.interrupt.get_or_insert(signal);
        self.n_interrupts += 1;
        let n_running = self.running.len();
        if self.n_interrupts == 1 && n_running > 0 {
            for sink in &mut self.sinks {
                sink.ending(n_running);
            }
        }
        let now = self.now();
        self.sched.tell(now, sched::Msg::Stop);
        self.end_late();
        for running in self.running.values_mut() {
            running.is_cut = true;
        }
        let how = if self.n_interrupts == 1 {
            Signal::Terminate
        } else {
            Signal::Kill
        };
        self.signal_all(how);
        self.withdraw_taken_up();
    }

    pub(super) fn signal_all(&mut self, signal: Signal) {
        if let Err(error) = self.executor.signal(None, signal) {
            self.lost = Some(format!("{error:#}"));
        }
    }

    /// A job ends without ever having started.
    pub(super) fn never_started(&mut self, idx: JobIdx, status: Status) {
        match self.nodes[idx] {
            Node::Job(job) => {
                self.give_back(job);
                self.emit_unstarted(job, status);
            }
            Node::Then(rule) if status == Status::Cancelled => self.then_cancelled(rule),
            Node::Then(_) | Node::Barrier(_) => {}
        }
    }

    pub(super) fn emit_unstarted(&mut self, job: JobId, status: Status) {
        let rule = self.plan.jobs[job].rule;
        let finished = JobFinished {
            name: self.name(job),
            status,
            attempt: 0,
            end: None,
            usage: None,
            failure: None,
            inputs: self.paths(self.plan.inputs(job)),
            outputs: self.output_paths(job),
            tail: Default::default(),
            output_bytes: 0,
            place: self.place(rule),
        };
        self.emit(EventKind::JobFinished(finished));
    }

    /// Jobs behind a split that has failed were never handed to the scheduler.
    pub(super) fn skip_unknown(&mut self) {
        let open: Vec<JobId> = self
            .plan
            .open_jobs()
            .filter(|job| self.wanted.has(*job))
            .collect();
        // Where nothing failed the run was told to end, by an interrupt or a drain.
        let status = if self.interrupt.is_some() || self.tally.failures() == 0 {
            Status::Cancelled
        } else {
            Status::Skipped
        };
        for job in open {
            self.emit_unstarted(job, status);
        }
    }

    /// Ends what runs, so that nothing writes to outputs any more.
    pub(super) fn end_running(&mut self) {
        if self.executor.signal(None, Signal::Kill).is_err() {
            return;
        }
        let end = self.now() + PATIENCE;
        // One that waits for its outputs has no process.
        while self.running.values().any(|try_| try_.late.is_none()) {
            let left = end.saturating_sub(self.now());
            match self.clock.wait(&self.inbox, left) {
                Ok(Msg::Report(Report::Ended { task, .. })) => {
                    if let Some(running) = self.running.remove(&task) {
                        self.cut_off(&running);
                    }
                }
                Ok(Msg::Report(Report::Lost(_))) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn cut_off(&mut self, running: &Running) {
        self.clean_up(running);
        self.emit_unstarted(running.job, Status::Killed);
    }

    /// The machine or the executor has failed: what runs is cut off, and old outputs come back.
    pub(super) fn give_up(&mut self) {
        self.end_running();
        if let Err(error) = (self.fence)() {
            let why = self.lost.take().unwrap_or_default();
            self.lost = Some(format!("{why}; {error:#}"));
        }
        let mut tasks: Vec<_> = self.running.keys().copied().collect();
        tasks.sort();
        for task in tasks {
            if let Some(running) = self.running.remove(&task) {
                self.cut_off(&running);
            }
        }
        self.cut_off_thens();
        for idx in self.nodes.ids() {
            if let Node::Job(job) = self.nodes[idx]
                && !self.sched.state(idx).is_final()
                && self.sched.state(idx) != sched::State::Running
            {
                if self.tried.contains_key(&idx) {
                    self.end_retries(idx);
                    continue;
                }
                self.emit_unstarted(job, Status::Cancelled);
            }
        }
    }

    /// The machine fails the run: nothing goes on.
    pub(super) fn stop(&mut self, why: String) {
        self.lost.get_or_insert(why);
    }
}
