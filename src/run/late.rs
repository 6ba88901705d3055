//! Outputs after the end of the job that makes them: some appear late, some are cut off.
//!
//! On a network file system another machine's file may not be seen at once, so what is missing is
//! looked for again, at growing intervals. The try counts as running meanwhile. What is still being
//! written by a process that the job left behind, and that was ended, is no output at all.

use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::{Engine, Running};
use crate::event::{End, Failure, Usage};
use crate::exec::TaskId;
use crate::lang::quantity::shown_duration;
use crate::pattern::facts::dir;
use crate::plan::{JobId, PathId};

/// How long outputs that may still come are waited for when nobody says.
pub(super) const LATENCY: Duration = Duration::from_secs(5);

/// Pauses between two looks: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// What a job left behind.
#[derive(Clone, Default)]
pub(super) struct Left {
    /// So many processes, which had to be ended.
    pub leftovers: u32,
    /// What they were writing.
    pub writing: Vec<BString>,
}

/// A try that has ended well and whose outputs are not all there. Times are since the run began.
pub(super) struct Late {
    end: End,
    usage: Usage,
    left: Left,
    missing: Vec<BString>,
    ended_at: Duration,
    give_up_at: Duration,
    look_at: Duration,
    pause: Duration,
}

impl Late {
    fn new(now: Duration, wait: Duration, end: End, usage: Usage, left: &Left) -> Late {
        let mut late = Late {
            end,
            usage,
            left: left.clone(),
            missing: Vec::new(),
            ended_at: now,
            give_up_at: now + wait,
            look_at: now,
            pause: PAUSES.0,
        };
        late.plan_look(now);
        late
    }

    /// Sets when to look next; false when the last look has been.
    fn plan_look(&mut self, now: Duration) -> bool {
        self.look_at = (now + self.pause).min(self.give_up_at);
        self.pause = (self.pause * 2).min(PAUSES.1);
        now < self.give_up_at
    }
}

impl Engine<'_> {
    /// A try has ended well: it is done when its outputs are there, at once or later.
    pub(super) fn ended_well(
        &mut self,
        task: TaskId,
        mut running: Running,
        end: End,
        usage: Usage,
        left: &Left,
    ) {
        let job = running.job;
        let now = self.now();
        let checked = self.check_outputs(job);
        if let Err(Failure::OutputsMissing(missing)) = &checked {
            let wait = self.wait_for(missing, running.is_out);
            let late = running.late.take();
            let mut late = late.unwrap_or_else(|| Late::new(now, wait, end.clone(), usage, left));
            if late.look_at > now || late.plan_look(now) {
                late.missing.clone_from(missing);
                running.late = Some(late);
                self.running.insert(task, running);
                return;
            }
            if !wait.is_zero() {
                let (key, first) = (self.key_text(job), missing[0].clone());
                let wait = shown_duration(wait);
                self.warn(format!("{key}: waited {wait} for `{first}`"));
            }
        } else if let Some(late) = running.late.take() {
            self.tell_late(job, &late);
        }
        let checked = checked.and_then(|made| match self.cut_off_output(job, &made, left) {
            Some(failure) => Err(failure),
            None => Ok((made, self.read_deps(&running)?)),
        });
        match checked {
            Err(failure) => self.failed(running, Some(end), Some(usage), failure),
            Ok((made, late)) => {
                self.protect(job, made.as_deref());
                self.succeeded(running, end, usage, made, late);
            }
        }
    }

    /// How long these may take to appear. On a disk of this machine nothing comes late any more: all
    /// that the job had started has had its time and has ended.
    fn wait_for(&self, missing: &[BString], is_out: bool) -> Duration {
        let disk = self.store.disk();
        match self.options.latency_wait {
            Some(wait) => wait,
            // Other machines make these, whatever disk this one has them on.
            None if is_out => LATENCY,
            None if missing.iter().any(|file| disk.is_remote(dir(file))) => LATENCY,
            None => Duration::ZERO,
        }
    }

    /// Not each of a thousand: only one that took far longer than those before.
    fn tell_late(&mut self, job: JobId, late: &Late) {
        let took = self.now() - late.ended_at;
        if took <= 2 * self.latest {
            return;
        }
        self.latest = took;
        let (key, file) = (self.key_text(job), &late.missing[0]);
        self.warn(format!(
            "{key}: `{file}` appeared {:.1} s after the job had ended",
            took.as_secs_f64()
        ));
    }

    /// When a missing output is to be looked for next.
    pub(super) fn next_look(&self) -> Option<Duration> {
        let late = self.running.values().filter_map(|try_| try_.late.as_ref());
        late.map(|late| late.look_at).min()
    }

    /// Looks again for what is due.
    pub(super) fn look_for_late(&mut self) {
        let now = self.now();
        for task in self.late_tasks(|late| late.look_at <= now) {
            let Some(running) = self.running.remove(&task) else {
                continue;
            };
            let late = running.late.as_ref().expect("only late ones are taken");
            let (end, usage, left) = (late.end.clone(), late.usage, late.left.clone());
            for file in &late.missing {
                // A network file system asks anew for a folder's names when they are listed.
                self.store.disk().list(dir(file)).ok();
            }
            self.ended_well(task, running, end, usage, &left);
        }
    }

    /// The run is to end: nothing is waited for any longer.
    pub(super) fn end_late(&mut self) {
        for task in self.late_tasks(|_| true) {
            if let Some(mut running) = self.running.remove(&task)
                && let Some(late) = running.late.take()
            {
                running.is_cut = true;
                let failure = Failure::OutputsMissing(late.missing);
                self.failed(running, Some(late.end), Some(late.usage), failure);
            }
        }
    }

    /// Flow itself stood still for so long: that does not count.
    pub(super) fn shift_late(&mut self, stopped: Duration) {
        for late in self.running.values_mut().filter_map(|t| t.late.as_mut()) {
            for at in [&mut late.ended_at, &mut late.give_up_at, &mut late.look_at] {
                *at += stopped;
            }
        }
    }

    fn late_tasks(&self, is_wanted: impl Fn(&Late) -> bool) -> Vec<TaskId> {
        let running = self.running.iter();
        let late = running.filter(|(_, try_)| try_.late.as_ref().is_some_and(&is_wanted));
        let mut tasks: Vec<TaskId> = late.map(|(task, _)| *task).collect();
        tasks.sort();
        tasks
    }

    /// Says that processes had to be ended which the job left behind.
    pub(super) fn tell_left(&mut self, job: JobId, left: &Left) {
        let processes = match left.leftovers {
            0 => return,
            1 => "a process",
            _ => "processes",
        };
        let key = self.key_text(job);
        self.warn(format!(
            "{key}: left {processes} behind, which flow has ended"
        ));
    }

    /// A failure when a leftover was ended while it wrote an output: nobody knows what is missing
    /// in it.
    fn cut_off_output(
        &self,
        job: JobId,
        made: &Option<Vec<PathId>>,
        left: &Left,
    ) -> Option<Failure> {
        if left.writing.is_empty() {
            return None;
        }
        let declared = self.plan.outputs(job).iter();
        let outputs = declared.chain(made.iter().flatten());
        let folder = self.options.folder.to_path_lossy();
        let cut_off = outputs.map(|path| self.plan.path(*path)).find(|path| {
            // The kernel names files by what links lead to.
            let real = path.to_path().ok().map(|path| folder.join(path));
            let real = real.and_then(|path| path.canonicalize().ok());
            let real = real.map(|path| path.into_os_string().into_encoded_bytes());
            real.is_some_and(|real| left.writing.iter().any(|file| **file == real))
        })?;
        Some(Failure::Engine(format!(
            "a process that the recipe left behind was still writing `{cut_off}` and has been \
             ended: let the recipe wait for it"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_come_at_growing_intervals_and_the_last_at_the_end() {
        let mut late = Late::new(
            Duration::from_secs(7),
            Duration::from_secs(2),
            End::Exited(0),
            Usage::default(),
            &Left::default(),
        );
        let mut looks = Vec::new();
        loop {
            let now = late.look_at;
            looks.push(now.as_millis() - 7000);
            if !late.plan_look(now) {
                break;
            }
        }
        let expected = [10, 30, 70, 150, 310, 630, 1130, 1630, 2000];
        assert_eq!(looks, expected);
    }

    #[test]
    fn without_a_wait_there_is_one_look() {
        let now = Duration::from_secs(7);
        let (end, left) = (End::Exited(0), Left::default());
        let mut late = Late::new(now, Duration::ZERO, end, Usage::default(), &left);
        assert!(late.look_at <= now && !late.plan_look(now));
    }
}
