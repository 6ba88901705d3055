//! Starting tasks: orders to the spawners, and what becomes of them.

use std::time::{Duration, Instant};

use bstr::BString;

use crate::event::{End, Usage};
use crate::exec::supervisor::job::{Job, Phase};
use crate::exec::supervisor::output::Output;
use crate::exec::supervisor::serve::Supervisor;
use crate::exec::supervisor::spawners::{Outcome, Request, words};
use crate::exec::{Report, Signal, TaskId};

/// A task that ends before this never has its pipe watched, which is read once, at the end; and that
/// it has started is told together with that.
pub const FIRST_READ: Duration = Duration::from_millis(10);

/// How long tasks are held back before one is tried again, when nothing ends.
const RETRY: Duration = Duration::from_millis(100);

/// How long nothing may run for lack of something before tasks are given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a task that was told to end before it began has no process.
pub const ENDED_EARLY: &str = "it was told to end before it had started";

impl Supervisor {
    pub fn submit(&mut self, request: Request) {
        if !self.held.is_empty() || self.is_suspended {
            self.held.push_back(request);
        } else if let Some(usage) = self.in_place.carry_out(&request.strings) {
            let task = request.strings.task;
            self.jobs.remove(&task);
            self.tell_end(task, End::Exited(0), usage, (0, Vec::new()));
        } else {
            self.spawners.submit(request);
        }
    }

    /// Takes back a task that was not started yet.
    pub fn withdraw(&mut self, task: TaskId) -> bool {
        let at = self.held.iter().position(|r| r.strings.task == task);
        match at {
            Some(at) => self.held.remove(at).is_some(),
            None => self.spawners.withdraw(task).is_some(),
        }
    }

    /// Takes note of what the spawners have done.
    pub fn take_results(&mut self) {
        self.look_at = None;
        if !self.spawners.has_open() {
            return;
        }
        for (task, outcome) in self.spawners.results() {
            self.take_outcome(task, outcome);
        }
        let ended: Vec<i32> = self.early_ends.keys().copied().collect();
        for pid in ended {
            self.take_forked(pid);
        }
    }

    /// Takes note of a task whose process has ended before it was ready, if this is one.
    pub fn take_forked(&mut self, pid: i32) {
        if let Some((task, outcome)) = self.spawners.forked(pid) {
            self.take_outcome(task, outcome);
        }
    }

    fn take_outcome(&mut self, task: TaskId, outcome: Outcome) {
        let Some(job) = self.jobs.get_mut(&task) else {
            return;
        };
        match outcome {
            Outcome::Running { pid, pipe, began } => {
                job.phase = Phase::Running;
                job.pid = pid;
                job.began = began;
                job.output = Some(Output::new(pipe, self.quota, began));
                job.read_at = Some(began + FIRST_READ);
                let early = job.early_signal.take();
                self.starved_since = None;
                self.by_pid.insert(pid, task);
                // Where the kernel keeps no list of adopted processes, it may have looked like one.
                self.orphans.remove(&pid);
                self.outbox.put_by_the_way(&Report::Started {
                    task,
                    pid: pid as u32,
                });
                self.set_timer(task);
                if let Some((found, reaped)) = self.early_ends.remove(&pid)
                    // Otherwise an older process had this number.
                    && found >= began
                {
                    self.by_pid.remove(&pid);
                    return self.take_end(task, &reaped);
                }
                if let Some(signal) = early {
                    self.signal(Some(task), signal);
                } else if self.is_suspended {
                    self.signal(Some(task), Signal::Suspend);
                }
            }
            Outcome::Unrunnable {
                pid,
                said,
                status,
                began,
            } => {
                self.outbox.put_by_the_way(&Report::Started {
                    task,
                    pid: pid as u32,
                });
                self.outbox.put_output(task, &said);
                let usage = Usage {
                    wall_s: began.elapsed().as_secs_f64(),
                    ..Usage::default()
                };
                self.jobs.remove(&task);
                self.tell_end(task, End::Exited(status), usage, (0, Vec::new()));
            }
            Outcome::NotStarted(why) => self.give_up(task, why),
            Outcome::Later(..)
                if matches!(job.early_signal, Some(Signal::Terminate | Signal::Kill)) =>
            {
                self.give_up(task, ENDED_EARLY.into());
            }
            Outcome::Later(request, error) => {
                self.held.push_front(request);
                self.retry_at = Some(Instant::now() + RETRY);
                let is_any_alive = self.jobs.values().any(Job::is_alive);
                let since = *self.starved_since.get_or_insert_with(Instant::now);
                if is_any_alive {
                    self.starved_since = None;
                } else if since.elapsed() > PATIENCE {
                    let why = format!(
                        "no process can be started ({}), and none of this run is left to wait \
                         for: see `ulimit -u` and `ulimit -n`",
                        words(&error)
                    );
                    self.starved_since = None;
                    for request in std::mem::take(&mut self.held) {
                        self.give_up(request.strings.task, why.clone());
                    }
                }
            }
        }
    }

    /// Tries some of the tasks that were held back, unless all stand still.
    pub fn release(&mut self, most: usize) {
        if self.is_suspended {
            self.retry_at = None;
            return;
        }
        for _ in 0..most {
            let Some(request) = self.held.pop_front() else {
                break;
            };
            self.spawners.submit(request);
        }
        self.retry_at = (!self.held.is_empty()).then(|| Instant::now() + RETRY);
    }

    /// Ends a task that has no process.
    pub fn give_up(&mut self, task: TaskId, why: String) {
        self.jobs.remove(&task);
        self.tell_end(
            task,
            End::NotStarted(why),
            Usage::default(),
            (0, Vec::new()),
        );
    }

    /// `left` is how many processes were left, and the files that they were writing.
    pub fn tell_end(&mut self, task: TaskId, end: End, usage: Usage, left: (u32, Vec<BString>)) {
        let (leftovers, writing) = left;
        self.outbox.put(&Report::Ended {
            task,
            end,
            usage,
            leftovers,
            writing,
        });
        // One for the place that has become free, one to find out whether there is more room.
        self.release(2);
    }
}
