//! Signals from the engine, and the end of everything when the engine is gone.
//!
//! A task's group gets a signal first, at once and whole; then what has left the group is looked for.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as Os, kill_process_group};

use crate::exec::procs::{self, Proc};
use crate::exec::supervisor::ending::LOOK;
use crate::exec::supervisor::job::Phase;
use crate::exec::supervisor::serve::Supervisor;
use crate::exec::supervisor::start::ENDED_EARLY;
use crate::exec::sys::{self, Children};
use crate::exec::{Report, Signal, TaskId};

/// How long this process tries to end all others when the engine is gone.
const LAST_TRIES: Duration = Duration::from_secs(10);

/// How long what is being started holds up that all stand still.
const SOON: Duration = Duration::from_secs(1);

/// To a process group whose leader has not been reaped, so that the number is still its own.
fn signal_group(leader: i32, signal: Os) {
    if let Some(pid) = Pid::from_raw(leader) {
        // Gone already, or of another user: the ends of its processes tell.
        let _ = kill_process_group(pid, signal);
    }
}

impl Supervisor {
    /// Carries out a signal to one task, or to all.
    pub fn signal(&mut self, task: Option<TaskId>, signal: Signal) {
        self.take_results();
        let tasks = match task {
            Some(task) => vec![task],
            None => {
                match signal {
                    Signal::Suspend => {
                        self.is_suspended = true;
                        self.tell_suspended_by = Some(Instant::now() + SOON);
                    }
                    Signal::Resume => self.resume_starting(),
                    Signal::Terminate | Signal::Kill => {}
                }
                self.tasks(|_| true)
            }
        };
        // The groups of all tasks come first: that is atomic against what forks meanwhile.
        let tasks: Vec<TaskId> = tasks
            .into_iter()
            .filter(|task| self.signal_first(*task, signal))
            .collect();
        self.find_orphans();
        let mut all = None;
        for task in tasks {
            self.send(task, signal, &mut all);
        }
        if task.is_none() {
            self.tell_suspended();
        }
    }

    /// Reports that all stand still, as was asked, once what was being started then does.
    pub fn tell_suspended(&mut self) {
        let is_due = |by: &mut Instant| !self.spawners.has_open() || *by <= Instant::now();
        if self.tell_suspended_by.take_if(is_due).is_some() {
            self.outbox.put(&Report::Suspended);
        }
    }

    /// Lets what was held back start.
    fn resume_starting(&mut self) {
        self.is_suspended = false;
        self.tell_suspended_by = None;
        self.starved_since = None;
        self.release(usize::MAX);
    }

    /// Signals a task's group; whether there is more to do.
    fn signal_first(&mut self, task: TaskId, signal: Signal) -> bool {
        let now = Instant::now();
        let kill_at = now + self.grace;
        let Some(job) = self.jobs.get_mut(&task) else {
            return false;
        };
        let is_first = job.kill_at.is_none();
        match signal {
            Signal::Terminate if job.phase != Phase::Starting => {
                job.kill_at.get_or_insert(kill_at);
            }
            Signal::Kill if job.phase != Phase::Starting => job.kill_at = Some(now),
            _ => {}
        }
        match job.phase {
            Phase::Starting if matches!(signal, Signal::Terminate | Signal::Kill) => {
                job.early_signal = Some(signal);
                if self.withdraw(task) {
                    self.give_up(task, ENDED_EARLY.into());
                }
                false
            }
            Phase::Starting => {
                match signal {
                    Signal::Resume => {
                        job.early_signal.take_if(|early| *early == Signal::Suspend);
                    }
                    _ => {
                        job.early_signal.get_or_insert(signal);
                    }
                }
                false
            }
            Phase::Running => {
                let (group, kill_at) = (job.pid, job.kill_at);
                match signal {
                    Signal::Terminate if !is_first => return false,
                    Signal::Terminate => {
                        signal_group(group, Os::TERM);
                        signal_group(group, Os::CONT);
                    }
                    Signal::Kill => signal_group(group, Os::KILL),
                    Signal::Suspend => signal_group(group, Os::STOP),
                    Signal::Resume => signal_group(group, Os::CONT),
                }
                if let Some(at) = kill_at {
                    self.look_again(task, at);
                }
                true
            }
            Phase::Lingering | Phase::Terminating | Phase::Killing => {
                if let Some(at) = job.kill_at {
                    job.phase = job.phase.max(Phase::Terminating);
                    // What lingered is looked at now, what was told already when it gets KILL.
                    let at = if is_first { now } else { at };
                    self.look_again(task, at.min(now + LOOK));
                }
                false
            }
            Phase::Draining => false,
        }
    }

    /// Signals what is outside a running task's group; `all` is looked up when it is needed.
    pub fn send(&mut self, task: TaskId, signal: Signal, all: &mut Option<Vec<Proc>>) {
        let Some(job) = self
            .jobs
            .get(&task)
            .filter(|job| job.phase == Phase::Running)
        else {
            return;
        };
        let group = job.pid;
        if signal == Signal::Kill {
            signal_group(group, Os::KILL);
        }
        if all.is_none() {
            *all = procs::snapshot().ok();
        }
        let members = self.members(all.as_deref().unwrap_or_default(), task);
        for proc in &members {
            let signals: &[Os] = match signal {
                _ if proc.group == group => &[],
                Signal::Terminate => &[Os::TERM, Os::CONT],
                Signal::Kill => &[Os::KILL],
                Signal::Suspend => &[Os::STOP],
                Signal::Resume => &[Os::CONT],
            };
            for signal in signals {
                procs::send(proc, *signal);
            }
        }
        if matches!(signal, Signal::Terminate | Signal::Kill)
            && let Some(job) = self.jobs.get_mut(&task)
        {
            job.told.extend(members.iter().map(|p| (p.pid, p.started)));
        }
    }

    /// The engine is gone: ends everything, and returns when it has ended.
    pub fn end_all(&mut self) {
        self.spawners.close();
        for leader in self.by_pid.keys() {
            signal_group(*leader, Os::KILL);
        }
        let me = std::process::id() as i32;
        let give_up = Instant::now() + LAST_TRIES;
        let mut pause = Duration::from_millis(1);
        while Instant::now() < give_up {
            // Nobody asks for a leader by its number any more: all may be reaped as they come.
            while matches!(sys::reap(-1, Children::All), Ok(Some(_))) {}
            let has_children = sys::find_ended(Children::All).is_ok();
            if !has_children && self.spawners.is_idle() {
                return;
            }
            if has_children && let Ok(all) = procs::snapshot() {
                for proc in procs::descendants(&all, &[me]) {
                    if proc.pid != me {
                        procs::send(&proc, Os::KILL);
                    }
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}
