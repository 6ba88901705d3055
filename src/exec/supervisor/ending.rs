//! How tasks end: their main process, and what it left behind.
//!
//! This process is the subreaper of all that it starts: whatever loses its parent becomes a child of
//! its main thread, while the tasks' main processes are children of the spawner threads. So when the
//! main thread has no child, nobody has left anything behind, and that costs one system call to
//! know. Otherwise each orphan belongs to the task whose mark is in its environment, or in whose
//! session it is; one that shows neither belongs to the last task that is alive.

use std::time::{Duration, Instant};

use bstr::BString;
use rustix::process::Signal as Os;

use crate::event::{End, Usage};
use crate::exec::procs::{self, Proc, Sent};
use crate::exec::supervisor::job::{Job, Phase};
use crate::exec::supervisor::serve::Supervisor;
use crate::exec::sys::{self, Children, Reaped};
use crate::exec::{Signal, TaskId};

/// How long what a main process left behind may go on by itself: `cmd > >(tee log)` is no daemon.
const LINGER: Duration = Duration::from_millis(250);

/// How long a leftover that writes a file may go on by itself: `cmd > >(sort > out)` is no daemon
/// either, and what `sort` has not written yet would be lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often processes that were told to end are looked at. An orphan's end is noticed at once.
pub const LOOK: Duration = Duration::from_millis(50);

/// A process that has lost its parent. It is a child of this process: its number stays its own
/// until it is reaped here.
#[derive(Clone, Copy, Debug)]
pub struct Orphan {
    owner: Option<TaskId>,
    /// It runs as another user, so nothing can be done about it.
    is_out_of_reach: bool,
}

impl Supervisor {
    /// Takes note of all children that have ended, and of those that were started before.
    pub fn reap(&mut self) {
        let mut ended = Vec::new();
        while let Ok(Some(reaped)) = sys::reap(-1, Children::All) {
            ended.push(reaped);
        }
        let now = Instant::now();
        self.take_results();
        for reaped in ended {
            self.take_forked(reaped.pid);
            if let Some(task) = self.by_pid.remove(&reaped.pid) {
                self.take_end(task, &reaped);
                continue;
            }
            let is_orphan = self.orphans.remove(&reaped.pid).is_some();
            self.has_lost_orphan = true;
            if !is_orphan && self.spawners.has_open() {
                self.early_ends.insert(reaped.pid, (now, reaped));
            }
        }
        if !self.spawners.has_open() {
            self.early_ends.clear();
        }
        // Looking may find that more have ended.
        while std::mem::take(&mut self.has_lost_orphan) {
            let now = Instant::now();
            for task in self.tasks(|job| job.phase > Phase::Running && job.is_alive()) {
                self.look_at_processes(task, now);
            }
        }
    }

    pub fn tasks(&self, wanted: impl Fn(&Job) -> bool) -> Vec<TaskId> {
        let jobs = self.jobs.iter();
        jobs.filter(|(_, job)| wanted(job))
            .map(|(task, _)| *task)
            .collect()
    }

    /// The main process of `task` has ended.
    pub fn take_end(&mut self, task: TaskId, reaped: &Reaped) {
        let Some(job) = self.jobs.get_mut(&task) else {
            return;
        };
        let now = Instant::now();
        let end = if libc::WIFSIGNALED(reaped.status) {
            End::Signaled(libc::WTERMSIG(reaped.status))
        } else {
            End::Exited(libc::WEXITSTATUS(reaped.status))
        };
        let usage = Usage {
            wall_s: now.saturating_duration_since(job.began).as_secs_f64(),
            user_s: reaped.user_s,
            sys_s: reaped.sys_s,
            max_rss_kib: reaped.max_rss_kib,
        };
        job.end = Some((end, usage));
        job.phase = match job.kill_at {
            None => Phase::Lingering,
            Some(at) if at > now => Phase::Terminating,
            Some(_) => Phase::Killing,
        };
        if job.phase == Phase::Lingering {
            job.look_at = Some(now + LINGER);
            job.patient_until = Some(now + PATIENCE);
            let is_well = matches!(job.end, Some((End::Exited(0), _)));
            job.awaited_until = is_well.then_some(now + job.patience);
        }
        if self.has_left(task) {
            if self.jobs[&task].phase > Phase::Lingering {
                self.look_at_processes(task, now);
            }
            self.set_timer(task);
        } else {
            self.drain(task);
        }
    }

    /// Whether processes of a task are left whose main process has ended.
    fn has_left(&mut self, task: TaskId) -> bool {
        loop {
            match sys::reap(-1, Children::OfThisThread) {
                Ok(Some(reaped)) => {
                    self.orphans.remove(&reaped.pid);
                    self.has_lost_orphan = true;
                }
                Ok(None) => break,
                Err(_) => {
                    self.orphans.clear();
                    return false;
                }
            }
        }
        if !self.find_orphans() {
            // No descriptor free to look: an answer will come.
            return true;
        }
        let is_alone = self.jobs.values().filter(|job| job.is_alive()).count() == 1;
        self.orphans.values().any(|orphan| {
            let is_own = orphan.owner == Some(task) || (orphan.owner.is_none() && is_alone);
            is_own && !orphan.is_out_of_reach
        })
    }

    /// Brings the list of orphans up to date; false where that is not possible now.
    pub fn find_orphans(&mut self) -> bool {
        let pids = procs::adopted().or_else(|| {
            let me = std::process::id() as i32;
            let all = procs::snapshot().ok()?.into_iter();
            let children = all.filter(|p| p.parent == me && !self.by_pid.contains_key(&p.pid));
            Some(children.map(|proc| proc.pid).collect())
        });
        let Some(pids) = pids else {
            return false;
        };
        for pid in pids {
            let known = self.orphans.get(&pid);
            // Without an owner, one may be in the middle of exec, with no environment to see.
            if known.is_none_or(|orphan| orphan.owner.is_none()) {
                let orphan = Orphan {
                    owner: self.owner_of(pid),
                    is_out_of_reach: known.is_some_and(|orphan| orphan.is_out_of_reach),
                };
                self.orphans.insert(pid, orphan);
            }
        }
        true
    }

    fn owner_of(&self, pid: i32) -> Option<TaskId> {
        let mark = procs::mark_of(pid);
        if let Some(task) = mark.and_then(|value| procs::task_in(&value, &self.mark)) {
            return Some(task).filter(|task| self.jobs.contains_key(task));
        }
        let session = procs::look(pid)?.session;
        // Should the number of a session have been used twice, the running task is the one.
        let same = self.jobs.iter().filter(|(_, job)| job.pid == session);
        same.min_by_key(|(_, job)| job.phase).map(|(task, _)| *task)
    }

    /// All processes of `task` that can be reached, its main process included.
    pub fn members(&self, all: &[Proc], task: TaskId) -> Vec<Proc> {
        let Some(job) = self.jobs.get(&task) else {
            return Vec::new();
        };
        let is_alone = self.jobs.values().filter(|job| job.is_alive()).count() == 1;
        let mut roots: Vec<i32> = self
            .orphans
            .iter()
            .filter(|(_, orphan)| !orphan.is_out_of_reach)
            .filter(|(_, o)| o.owner == Some(task) || (o.owner.is_none() && is_alone))
            .map(|(pid, _)| *pid)
            .collect();
        if job.phase == Phase::Running {
            roots.push(job.pid);
        }
        procs::descendants(all, &roots)
    }

    /// Goes on with ending a task, when it is time to.
    pub fn look_at_processes(&mut self, task: TaskId, now: Instant) {
        let Some(job) = self.jobs.get(&task).filter(|job| job.is_alive()) else {
            return;
        };
        if job.phase == Phase::Running {
            if job.kill_at.is_some_and(|at| at <= now) {
                self.send(task, Signal::Kill, &mut None);
                self.look_again(task, now + LOOK);
            }
            return;
        }
        if !self.has_left(task) {
            return self.drain(task);
        }
        let grace = self.grace;
        let job = &self.jobs[&task];
        if job.phase == Phase::Lingering {
            if let Some(at) = job.look_at.filter(|at| *at > now) {
                return self.look_again(task, at);
            }
            let is_patient = job.patient_until.is_some_and(|until| now < until);
            let is_awaited = job.awaits_output(now);
            let writing = self.files_written_by(task);
            if is_awaited || is_patient && !writing.is_empty() {
                return self.look_again(task, now + LOOK);
            }
            if let Some(job) = self.jobs.get_mut(&task) {
                job.writing = writing;
                job.phase = Phase::Terminating;
                job.kill_at = Some(now + grace);
            }
        }
        let Some(job) = self.jobs.get_mut(&task) else {
            return;
        };
        let kill_at = *job.kill_at.get_or_insert(now);
        if job.phase == Phase::Terminating && kill_at <= now {
            job.phase = Phase::Killing;
        }
        let is_killing = job.phase == Phase::Killing;
        if let Ok(all) = procs::snapshot() {
            self.end_members(task, &all, is_killing);
        }
        let next = now + LOOK;
        self.look_again(task, if is_killing { next } else { next.min(kill_at) });
    }

    /// The files that the processes of a task have open to write.
    fn files_written_by(&self, task: TaskId) -> Vec<BString> {
        let all = procs::snapshot().unwrap_or_default();
        let members = self.members(&all, task).into_iter();
        let mut files: Vec<BString> = members
            .flat_map(|proc| procs::files_written_by(proc.pid))
            .collect();
        files.sort();
        files.dedup();
        files
    }

    pub fn look_again(&mut self, task: TaskId, at: Instant) {
        if let Some(job) = self.jobs.get_mut(&task) {
            job.look_at = Some(at);
        }
        self.set_timer(task);
    }

    /// Sends TERM to those members of a task that have not got it, or KILL to all.
    fn end_members(&mut self, task: TaskId, all: &[Proc], is_killing: bool) {
        for proc in self.members(all, task) {
            let Some(job) = self.jobs.get_mut(&task) else {
                return;
            };
            let key = (proc.pid, proc.started);
            let is_new = !job.told.contains(&key);
            if !is_new && !is_killing {
                continue;
            }
            let sent = if is_killing {
                procs::send(&proc, Os::KILL)
            } else {
                let sent = procs::send(&proc, Os::TERM);
                procs::send(&proc, Os::CONT);
                sent
            };
            match sent {
                Sent::Yes if is_new => {
                    job.told.push(key);
                    job.leftovers += u32::from(job.phase > Phase::Running);
                }
                Sent::Forbidden => {
                    if let Some(orphan) = self.orphans.get_mut(&proc.pid) {
                        orphan.is_out_of_reach = true;
                    }
                }
                Sent::Yes | Sent::Gone => {}
            }
        }
    }
}
