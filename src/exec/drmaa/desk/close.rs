//! Taking back, ending, and clearing up.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use super::{Desk, Job};
use crate::event::{End, Usage};
use crate::exec::drmaa::record;
use crate::exec::drmaa::wire::Order;
use crate::exec::{Signal, Task, TaskId};

/// What the files of a job end in, besides the script that has begun.
const SUFFIXES: [&str; 9] = [
    "sh", "off", "out", "end", "tmp", "use", "text", "pack", "ends",
];

impl Desk {
    /// Takes a job back, so that it never begins. False when it has begun.
    pub(super) fn take_back(&self, name: &str) -> bool {
        let path = |suffix: &str| self.folder.join(format!("{name}.{suffix}"));
        match fs::rename(path("sh"), path("off")) {
            Ok(()) => true,
            // It was never written, or taken back before; or it has begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => path("off").exists(),
            Err(_) => false,
        }
    }

    /// Forgets a submission: nothing more is to come of it. Its files go.
    pub(super) fn remove(&mut self, name: &str) -> Option<Job> {
        let job = self.jobs.remove(name)?;
        for slot in job.slots.iter().filter_map(|slot| slot.task.as_ref()) {
            self.names.remove(&slot.id);
        }
        if let Some(id) = &job.sent.id {
            self.by_id.remove(id);
        }
        self.journal.gone(name);
        // One that was taken back finds no script any more, whenever its turn comes.
        for suffix in SUFFIXES {
            fs::remove_file(self.folder.join(format!("{name}.{suffix}"))).ok();
        }
        if let Some(begun) = &job.begun {
            fs::remove_file(begun).ok();
        }
        Some(job)
    }

    /// Removes what history knows of. `rest`: how long it is left alone, for the disk's sake.
    pub(super) fn clear_up(&mut self, rest: Duration) {
        let now = Instant::now();
        let is_done = |job: &&Job| {
            let is_old = job.recorded.is_none_or(|at| now - at >= rest);
            is_old && job.slots.iter().all(|slot| slot.is_settled)
        };
        let done = self.jobs.values().filter(is_done);
        let done: Vec<String> = done.map(|job| job.sent.name.clone()).collect();
        for name in done {
            self.remove(&name);
            let batch = name.rsplit_once('.').map_or(&name[..], |(batch, _)| batch);
            let next = self.jobs.range(format!("{batch}.")..).next();
            if next.is_none_or(|(other, _)| !other.starts_with(&format!("{batch}."))) {
                fs::remove_file(self.folder.join(format!("{batch}.bulk"))).ok();
            }
        }
    }

    /// Ends one task, or all.
    pub(super) fn signal(&mut self, task: Option<TaskId>, signal: Signal) {
        // A cluster's jobs do not stop because somebody here presses Ctrl-Z.
        let at_once = match signal {
            Signal::Suspend | Signal::Resume => return,
            Signal::Terminate => false,
            Signal::Kill => true,
        };
        let is_meant = |id: TaskId| task.is_none_or(|task| task == id);
        for waiting in std::mem::take(&mut self.queue) {
            match is_meant(waiting.id) {
                true => self.tell_end(waiting.id, End::Signaled(15), Usage::default(), None),
                false => self.queue.push_back(waiting),
            }
        }
        let behind = std::mem::take(&mut self.behind);
        self.held
            .extend(behind.into_iter().map(|task| (task.id, task)));
        let held: Vec<TaskId> = self
            .held
            .keys()
            .copied()
            .filter(|id| is_meant(*id))
            .collect();
        for id in held {
            self.held.remove(&id);
            self.tell_end(id, End::Signaled(15), Usage::default(), None);
        }
        let is_open = |job: &Job| {
            let open = job.slots.iter().filter(|slot| slot.outcome.is_none());
            // Of a pack, one job alone is not ended by the scheduler.
            let tasks: Vec<_> = open.filter_map(|slot| slot.task.as_ref()).collect();
            !tasks.is_empty() && tasks.iter().all(|task| is_meant(task.id))
        };
        let jobs = self.jobs.values().filter(|job| is_open(job));
        let names: Vec<String> = jobs.map(|job| job.sent.name.clone()).collect();
        self.end(names, at_once);
    }

    /// Ends submissions as a whole.
    fn end(&mut self, names: Vec<String>, at_once: bool) {
        let mut ids = Vec::new();
        for name in names {
            let is_back = self.take_back(&name);
            let job = self.jobs.get_mut(&name).expect("it was just found");
            ids.extend(job.sent.id.clone());
            job.ending = Some(Instant::now());
            let on_its_way = job.sent.id.is_none() && !self.asked.is_empty();
            if (is_back && !on_its_way) || at_once {
                self.end_now(&name);
            }
        }
        if let (false, Some(link)) = (ids.is_empty(), &mut self.link) {
            link.send(&Order::End { ids });
        }
    }

    /// Lets go of all that was submitted, which goes on; what was not is dropped. How many jobs go on.
    pub(super) fn leave(&mut self) -> usize {
        self.leaving = Some(Instant::now());
        self.queue.clear();
        self.behind.clear();
        self.held.clear();
        self.names.clear();
        let mut slots: Vec<_> = self
            .jobs
            .values_mut()
            .flat_map(|job| &mut job.slots)
            .collect();
        slots.retain(|slot| slot.outcome.is_none() && !slot.is_unwanted);
        slots.iter_mut().for_each(|slot| slot.task = None);
        slots.len()
    }

    /// Ends what earlier runs have left and what has not ended by itself: that stays for whoever takes in
    /// how.
    pub(super) fn end_left(&mut self) {
        self.look();
        let mut names = Vec::new();
        for (name, job) in &mut self.jobs {
            if job.slots.iter().all(|slot| slot.outcome.is_some()) {
                continue;
            }
            // Of a pack nothing is kept: its jobs are short.
            for slot in &mut job.slots {
                slot.is_unwanted = true;
                slot.is_settled = slot.outcome.is_some();
            }
            names.push(name.clone());
        }
        self.end(names, false);
    }

    /// Whether nothing is on the cluster any more, as far as is known.
    pub(super) fn is_all_over(&self) -> bool {
        let mut slots = self.jobs.values().flat_map(|job| &job.slots);
        slots.all(|slot| slot.outcome.is_some())
    }

    /// Ends a job that an earlier run has left, and that nobody wants any more.
    pub(super) fn withdraw(&mut self, name: &str, at: usize) {
        let is_back = self.take_back(name);
        let Some(job) = self.jobs.get_mut(name) else {
            return;
        };
        let Some(slot) = job.slots.get_mut(at) else {
            return;
        };
        slot.is_unwanted = true;
        slot.is_settled = slot.outcome.is_some();
        if slot.is_settled {
            return;
        }
        let id = job.sent.id.clone();
        if is_back {
            // A pack goes as a whole: its other jobs go again when they are asked for.
            return self.lost(name, "it was sent in a pack that was taken back");
        }
        if job.slots.iter().all(|slot| slot.is_unwanted) {
            job.ending = Some(Instant::now());
            if let (Some(id), Some(link)) = (id, &mut self.link) {
                let ids = vec![id];
                link.send(&Order::End { ids });
            }
        }
    }

    /// Whether another task of the same job, which nobody wants, has still to end.
    pub(super) fn has_unwanted(&self, task: &Task) -> bool {
        let Some(place) = &task.cluster else {
            return false;
        };
        self.jobs.values().any(|job| {
            let slots = job.slots.iter().zip(&job.sent.jobs);
            let mut open = slots.filter(|(slot, _)| slot.is_unwanted && slot.outcome.is_none());
            open.any(|(_, sent)| sent.job == place.job)
        })
    }

    /// Lets tasks go on that waited for others to end. What those left goes first.
    pub(super) fn let_on(&mut self) {
        for task in std::mem::take(&mut self.behind) {
            if self.has_unwanted(&task) {
                self.behind.push(task);
                continue;
            }
            let id = task.id;
            self.held.insert(id, task);
            self.tell_again(id, "an earlier run's try of it has ended only now");
        }
    }

    /// Tells that the jobs of a submission were ended.
    pub(super) fn end_now(&mut self, name: &str) {
        let Some(job) = self.jobs.get_mut(name) else {
            return;
        };
        let mut ended = Vec::new();
        let begun = job.begun.as_ref().filter(|_| !job.sent.is_pack);
        let usage = Usage {
            wall_s: begun.map_or(0.0, |begun| record::age(begun)),
            ..Usage::default()
        };
        for slot in &mut job.slots {
            if slot.outcome.is_none() {
                slot.outcome = Some((End::Signaled(15), usage));
                ended.extend(slot.task.as_ref().map(|task| task.id));
                // Whoever ended it wants no more of it.
                slot.is_settled |= slot.task.is_none();
            }
        }
        for id in ended {
            self.tell_end(id, End::Signaled(15), usage, None);
        }
    }
}
