//! Temporary outputs: deleted when the last job that reads them is done; those that are made again
//! as they were get their old time, so that nothing else is stale by it.
//!
//! A file stays while a job that reads it has failed, is not asked for and would run, or is not
//! known yet; while it is asked for by name; and while its rule owes its `then`.

use std::collections::{HashMap, HashSet};

use bstr::{BString, ByteSlice};

use super::{Engine, Running};
use crate::event::EventKind;
use crate::history::{File, LastTry};
use crate::pattern::facts;
use crate::plan::{JobId, PathId};
use crate::sched::State;
use crate::stale::{Look, Reason, Verdict, is_other_output, is_same_make};
use crate::workflow::RuleId;

/// What is known of temporary files and their readers.
#[derive(Default)]
pub(super) struct Temps {
    /// Rules with `temp`, each with the rules that may read its files.
    rules: HashMap<RuleId, Vec<RuleId>>,
    /// How often the plan has grown.
    pub n_grown: usize,
    /// How often it had when a rule's readers were last found incomplete; `None` once they are all
    /// in `readers`.
    looked_at: HashMap<RuleId, Option<usize>>,
    readers: HashMap<PathId, Readers>,
    /// Jobs whose files were held against their records: whether these are still their own; and the
    /// files that are newer.
    vouched: HashMap<JobId, bool>,
    touched: HashSet<PathId>,
    /// Jobs that are not asked for, and whether they are fresh.
    unasked: HashMap<JobId, bool>,
}

/// The jobs that read one file.
#[derive(Default)]
struct Readers {
    jobs: Vec<JobId>,
    /// So many of them, from the front, are done.
    n_done: usize,
}

impl Temps {
    /// The files of a job are to be held against their record again.
    pub fn doubt(&mut self, job: JobId) {
        self.vouched.remove(&job);
    }
}

impl Engine<'_> {
    /// Finds the rules whose outputs are temporary.
    pub(super) fn find_temps(&mut self) {
        let workflow = self.context.workflow;
        let is_temp = |rule: &RuleId| workflow.rules[*rule].is_temp;
        for rule in workflow.rules.ids().filter(is_temp) {
            self.temps.rules.insert(rule, workflow.readers(rule));
        }
    }

    /// A job is done: what only it still needed goes.
    pub(super) fn done_reading(&mut self, job: JobId) {
        if self.temps.rules.is_empty() {
            return;
        }
        let inputs = self.plan.inputs(job).iter();
        let inputs = inputs.chain(self.judge.extra_inputs(job)).copied();
        for path in inputs.collect::<Vec<_>>() {
            let producer = self.plan.producer(path);
            if let Some(producer) = producer.filter(|producer| *producer != job)
                && self.may_delete(producer)
                && self.is_done_with(path)
            {
                self.delete(producer, path);
                self.delete_unread(producer);
            }
        }
    }

    /// The run ends: what earlier runs have left, or what had to wait.
    pub(super) fn sweep_temps(&mut self) {
        let rules: Vec<RuleId> = self.temps.rules.keys().copied().collect();
        for rule in rules {
            for job in self.plan.jobs_of(rule) {
                if !self.wanted.has(job) || !self.may_delete(job) {
                    continue;
                }
                for path in self
                    .plan
                    .made(job)
                    .unwrap_or(self.plan.outputs(job))
                    .to_vec()
                {
                    if self.is_done_with(path) {
                        self.delete(job, path);
                    }
                }
                self.delete_unread(job);
            }
        }
    }

    /// Whether the job's outputs are temporary and there is nothing else that keeps them.
    fn may_delete(&mut self, job: JobId) -> bool {
        let rule = self.plan.jobs[job].rule;
        self.temps.rules.contains_key(&rule)
            && self.judge.verdict(job) == Verdict::Fresh
            && self.knows_readers(rule)
            && !self.owed.is_owed(&self.context.workflow.rules[rule].name)
            && !self.wanted.is_named(&self.plan, job)
    }

    /// Whether all jobs that may read files of the rule are known.
    fn knows_readers(&mut self, rule: RuleId) -> bool {
        let n_grown = self.temps.n_grown;
        match self.temps.looked_at.get(&rule) {
            Some(None) => return true,
            Some(Some(looked_at)) if *looked_at == n_grown => return false,
            _ => {}
        }
        let readers = &self.temps.rules[&rule];
        let is_complete = readers.iter().all(|rule| self.plan.is_complete(*rule));
        self.temps
            .looked_at
            .insert(rule, (!is_complete).then_some(n_grown));
        if !is_complete {
            return false;
        }
        for reader in readers {
            for job in self.plan.jobs_of(*reader) {
                let inputs = self.plan.inputs(job).iter();
                for &path in inputs.chain(self.judge.extra_inputs(job)) {
                    let producer = self.plan.producer(path);
                    if producer.is_some_and(|other| self.plan.jobs[other].rule == rule) {
                        self.temps.readers.entry(path).or_default().jobs.push(job);
                    }
                }
            }
        }
        true
    }

    /// Whether the file is read, and all that read it are done. Each call looks on where the last
    /// one stopped.
    fn is_done_with(&mut self, path: PathId) -> bool {
        loop {
            let Some(readers) = self.temps.readers.get_mut(&path) else {
                return false;
            };
            let Some(&job) = readers.jobs.get(readers.n_done) else {
                return true;
            };
            if !self.is_done(job) {
                return false;
            }
            if let Some(readers) = self.temps.readers.get_mut(&path) {
                readers.n_done += 1;
            }
        }
    }

    /// Whether the job has what it needs: it ran well, or need not run.
    fn is_done(&mut self, job: JobId) -> bool {
        if !self.wanted.has(job) {
            return self.is_fresh_unasked(job);
        }
        let idx = self.idx.get(job).copied().flatten();
        match idx.map(|idx| self.sched.state(idx)) {
            Some(State::Ok) => {
                let last = self.history.last(self.plan.key(job));
                last.is_some_and(|last| last.last_try == LastTry::Done)
            }
            Some(state) if state != State::Fresh => false,
            _ => self.judge.verdict(job) == Verdict::Fresh && !self.may_be_needed(job),
        }
    }

    /// Whether temporary files of a fresh job are gone, and some job may still ask for them.
    fn may_be_needed(&mut self, job: JobId) -> bool {
        let rule = self.plan.jobs[job].rule;
        if !self.temps.rules.contains_key(&rule) {
            return false;
        }
        if !self.knows_readers(rule) {
            return true;
        }
        let paths = self.plan.made(job).unwrap_or(self.plan.outputs(job));
        let is_gone = |path: &PathId| self.judge.is_gone(*path);
        let gone: Vec<PathId> = paths.iter().copied().filter(is_gone).collect();
        let is_read = |path: &PathId| self.temps.readers.contains_key(path);
        let read: Vec<PathId> = gone.into_iter().filter(is_read).collect();
        !read.into_iter().all(|path| self.is_done_with(path))
    }

    /// Whether a job that is not asked for, and all before it, would not run if it were.
    fn is_fresh_unasked(&mut self, job: JobId) -> bool {
        if let Some(&is_fresh) = self.temps.unasked.get(&job) {
            return is_fresh;
        }
        let mut seen = HashSet::from([job]);
        let mut rest = vec![job];
        let mut is_fresh = true;
        while is_fresh && let Some(job) = rest.pop() {
            if self.wanted.has(job) {
                is_fresh = self.judge.verdict(job) == Verdict::Fresh;
                continue;
            }
            is_fresh = self.judge.is_fresh_alone(
                &mut self.plan,
                self.context,
                &self.wanted,
                self.store.disk(),
                self.history.as_ref(),
                job,
            );
            for &input in self.plan.inputs(job) {
                let producer = self.plan.producer(input);
                rest.extend(producer.filter(|producer| seen.insert(*producer)));
            }
        }
        self.temps.unasked.insert(job, is_fresh);
        is_fresh
    }

    /// Deletes one file that a job has made; one that somebody has touched since, perhaps with
    /// another content, goes to the trash.
    fn delete(&mut self, job: JobId, path: PathId) {
        if self.judge.is_gone(path) {
            return;
        }
        // What somebody has put in the place of a file stays: the job is stale by it.
        if !self.vouches(job) {
            return;
        }
        let name = BString::from(self.plan.path(path));
        let disk = self.store.disk();
        let is_own = name.ends_with(b"/") || {
            let stat = disk.stat(&name).ok().flatten();
            let look = stat.map(|stat| Look::There {
                time: stat.modified,
                size: stat.size,
            });
            look == Some(self.judge.facts.get(path)) && !self.temps.touched.contains(&path)
        };
        let removed = match is_own {
            true => disk.remove(facts::without_slash(&name)),
            false => self.store.discard([name.as_bstr()].into_iter()),
        };
        if let Err(error) = removed {
            return self.warn(format!(
                "{name}: a temporary file cannot be deleted: {error}"
            ));
        }
        self.judge.set_gone(path, true);
        let name = self.name(job);
        let outputs = self.paths(&[path]);
        self.emit(EventKind::TempDeleted { name, outputs });
    }

    /// Whether the files of a job are those that it made. Those that are newer are recorded as they
    /// are: so their readers have found them.
    fn vouches(&mut self, job: JobId) -> bool {
        if let Some(&is_own) = self.temps.vouched.get(&job) {
            return is_own;
        }
        let is_own = self.find_touched(job);
        self.temps.vouched.insert(job, is_own);
        is_own
    }

    fn find_touched(&mut self, job: JobId) -> bool {
        let last = self.history.last(self.plan.key(job));
        // An input changed while they were made: no record is of them, and the next run makes them again.
        if last.is_some_and(|last| last.last_try != LastTry::Done) {
            return false;
        }
        let Some(past) = last.and_then(|last| last.past) else {
            return true;
        };
        let level = self.judge.level_of(self.context, self.plan.jobs[job].rule);
        let mut touched = Vec::new();
        for file in past.outputs() {
            let Some(path) = self.plan.paths.find(file.path) else {
                continue;
            };
            let look = self.judge.facts.get(path);
            let recorded = Look::There {
                time: file.time,
                size: file.size,
            };
            if look != recorded && !file.path.ends_with(b"/") {
                let trusts_touch = self.history.is_complete();
                if is_other_output(&self.judge.facts, level, trusts_touch, path, &file) {
                    return false;
                }
                touched.push(path);
            }
        }
        if !touched.is_empty() {
            self.temps.touched.extend(touched);
            let ran = past.ran();
            self.record_as(job, ran);
        }
        true
    }

    /// Deletes the files of a job that nothing reads, once those that are read are gone.
    fn delete_unread(&mut self, job: JobId) {
        let paths = self.plan.made(job).unwrap_or(self.plan.outputs(job));
        let is_read = |path: &PathId| self.temps.readers.contains_key(path);
        let (read, unread): (Vec<PathId>, Vec<PathId>) =
            paths.iter().partition(|path| is_read(path));
        if !read.is_empty() && read.iter().all(|path| self.judge.is_gone(*path)) {
            for path in unread {
                self.delete(job, path);
            }
        }
    }

    /// Temporary files that were made again, from the same and to the same size, get their old time.
    pub(super) fn restore_times(&mut self, running: &Running, made: Option<&[PathId]>) {
        let job = running.job;
        let paths = made.unwrap_or(self.plan.outputs(job)).to_vec();
        for &path in &paths {
            self.judge.set_gone(path, false);
        }
        let is_temp = self.plan.rule_of(self.context.workflow, job).is_temp;
        let is_needed = matches!(
            self.judge.verdict(job),
            Verdict::Stale(Reason::Needed { .. } | Reason::OutputMissing(_))
        );
        let is_needed = is_needed && is_temp;
        let last = self.history.last(self.plan.key(job));
        let Some(past) = last.and_then(|last| last.past).filter(|_| is_needed) else {
            return;
        };
        let print = &self.judge.prints[self.plan.jobs[job].rule];
        let names = &self.context.workflow.names;
        let inputs = self.plan.inputs(job).iter().zip(&running.inputs);
        let inputs = inputs.map(|(path, stat)| {
            let stat = stat.as_ref();
            let stamp = stat.map(|stat| (stat.modified, stat.size));
            (self.plan.path(*path) as &[u8], stamp)
        });
        let recorded = past.inputs();
        let recorded = recorded.map(|file| (file.path, Some((file.time, file.size))));
        if !recorded.eq(inputs) || !is_same_make(&self.plan, names, print, &past, job) {
            return;
        }
        let old: HashMap<&[u8], File> = past.outputs().map(|file| (file.path, file)).collect();
        let mut restored = Vec::new();
        for path in paths {
            let name = self.plan.path(path);
            let (Some(old), Look::There { size, .. }) =
                (old.get(name as &[u8]), self.judge.facts.get(path))
            else {
                continue;
            };
            let is_same = match (self.judge.facts.hash(path), old.hash) {
                (Some(now), Some(old)) => now == old,
                _ => old.size == size,
            };
            if is_same && !name.ends_with(b"/") {
                restored.push((path, old.time));
            }
        }
        for (path, time) in restored {
            let name = BString::from(self.plan.path(path));
            let disk = self.store.disk();
            // A file that cannot be stamped makes stale what else reads it, no more.
            if disk.stamp(&name, time).is_ok() {
                let hash = self.judge.facts.hash(path);
                self.judge.facts.set(path, disk.look(&name).ok().flatten());
                self.judge.facts.set_hash(path, hash);
                self.judge.set_restored(path);
            }
        }
    }

    /// A split was made again whose files the plan has already: they must be the same. Otherwise they
    /// are recorded as they are, or the next run would plan with those of last time again.
    pub(super) fn made_again(&mut self, job: JobId, files: &[PathId]) {
        let sorted = |files: &[PathId]| {
            let mut files = files.to_vec();
            files.sort();
            files
        };
        let planned = self.plan.made(job).unwrap_or_default();
        if sorted(planned) != sorted(files) {
            self.is_outdated = true;
            self.plan.made_otherwise(job, files);
            let key = self.plan.key(job).to_str_lossy().into_owned();
            self.warn(format!(
                "{key}: made other files than when it last ran; the next run makes what follows from them"
            ));
        }
    }
}
