//! The start of a try: look at the inputs, put old outputs aside, make folders, render, send.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};

use bstr::{BStr, BString, ByteSlice};

use super::{Engine, Given, Rendered, Running, late, render};
use crate::disk::{Kind, Stat};
use crate::event::{EventKind, Failure};
use crate::exec::TaskId;
use crate::history::Hash;
use crate::pattern::facts;
use crate::plan::{JobId, PathId};
use crate::sched::JobIdx;
use crate::stale::Ancient;

impl Engine<'_> {
    /// Starts a try. What goes wrong before there is a process is a failure of the job.
    pub(super) fn start(&mut self, idx: JobIdx, attempt: u32) {
        let job = self.job_of(idx).expect("only jobs are started");
        self.forget_try(idx);
        if let Err(failure) = self.try_start(idx, job, attempt) {
            let running = self.no_process(idx, job, attempt);
            self.failed(running, None, None, failure);
        }
    }

    fn no_process(&self, idx: JobIdx, job: JobId, attempt: u32) -> Running {
        Running {
            task: TaskId(u32::MAX),
            job,
            idx,
            attempt,
            pid: None,
            is_out: false,
            host: None,
            why: None,
            inputs: Vec::new(),
            contents: Vec::new(),
            tail: BString::default(),
            output_bytes: 0,
            is_cut: false,
            tmp: None,
            deps: BString::default(),
            dir: BString::default(),
            began: self.time_of_day(),
            printed: Vec::new(),
            gpus: Vec::new(),
            deadline: None,
            is_over_time: false,
            late: None,
        }
    }

    fn try_start(&mut self, idx: JobIdx, job: JobId, attempt: u32) -> Result<(), Failure> {
        let taken_up = self.taken_up.remove(&job);
        let inputs = self.look_at_inputs(job)?;
        let contents = self.look_into_inputs(job, &inputs);
        let key: BString = self.plan.key(job).into();
        if let Some(taken) = &taken_up {
            self.aside.insert(job, taken.aside());
        } else if attempt == 1 {
            let is_as_recorded = self.is_as_recorded(job);
            if let Err(error) = self.history.started(&key) {
                let why = format!("{error:#}");
                self.stop(why.clone());
                return Err(Failure::Engine(why));
            }
            let placed = match self.is_update(job) {
                true => self.leave_in_place(job, is_as_recorded),
                false => self.put_old_outputs_aside(job),
            };
            placed.map_err(|error| {
                let failure = engine("move old outputs aside", &error);
                // No place for a note in the state folder: the next job would fare no better.
                if matches!(
                    error.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                ) && let Failure::Engine(why) = &failure
                {
                    self.stop(why.clone());
                }
                failure
            })?;
        }
        self.make_folders(job)?;
        let task = TaskId(self.n_tasks);
        self.n_tasks += 1;
        let rule = self.plan.rule_of(self.context.workflow, job);
        let tmp = match &taken_up {
            Some(taken) => taken.tmp().clone(),
            None => self.store.tmp(task.0),
        };
        let is_out = self.goes_out(self.plan.jobs[job].rule);
        let mut given = Given::asked(
            &rule.needs,
            attempt,
            tmp.as_bstr(),
            self.options.folder.as_bstr(),
        );
        if !is_out {
            given = given.cut(&self.options);
        }
        let gpus = match is_out {
            true => Vec::new(),
            false => self.gpus.free(given.gpus),
        };
        // A rule that says nothing of gpus sees what flow itself sees.
        if rule.needs.gpus.of(attempt).is_some() && !is_out {
            given.gpu_names = Some(self.gpus.names(&gpus));
        }
        let rendered = render(&self.plan, self.context.workflow, job, &given)
            .map_err(|error| Failure::Engine(format!("{error:#}")))?;
        self.make_room(&rendered)?;
        if taken_up.is_none() {
            self.drop_old_deps(job, &rendered.deps)?;
        }
        let tmp = rendered.tmp.clone();
        if let Some(tmp) = &tmp {
            self.store
                .disk()
                .make_private_folder(tmp)
                .map_err(|error| engine("make the job's temporary folder", &error))?;
        }
        if let Some((path, text)) = &rendered.description {
            self.store
                .disk()
                .write_file(path, text)
                .map_err(|error| engine("describe the job in a file", &error))?;
        }
        let name = self.name(job);
        self.emit(EventKind::JobStarted {
            name,
            attempt,
            place: if is_out { "cluster" } else { "local" }.into(),
        });
        let place = self.place_out(job, attempt, &rendered, &inputs, taken_up.as_ref());
        let mut running = self.no_process(idx, job, attempt);
        (running.inputs, running.contents) = (inputs, contents);
        (running.task, running.is_out, running.tmp) = (task, is_out, tmp);
        // On a cluster its scheduler counts, from when it begins.
        let time = self.time_of(job, attempt).filter(|_| !is_out);
        running.deadline = time.map(|time| (self.now() + time, time));
        self.gpus.take(&gpus);
        running.gpus = gpus;
        (running.deps, running.dir) = (rendered.deps.clone(), rendered.dir.clone());
        let printed = [&rendered.stderr, &rendered.stdout].into_iter();
        running.printed = printed.filter(|file| !file.is_empty()).cloned().collect();
        self.running.insert(task, running);
        let mut order = rendered.into_task(task);
        order.cluster = place;
        if !rule.makes_unknown_files() {
            order.outputs = self.paths(self.plan.outputs(job));
        }
        order.patience = self.options.latency_wait.unwrap_or(late::LATENCY);
        if let Err(error) = self.executor.start(order) {
            self.stop(format!("{error:#}"));
        }
        Ok(())
    }

    /// What the inputs look like now. One that is gone fails the job.
    fn look_at_inputs(&self, job: JobId) -> Result<Vec<Option<Stat>>, Failure> {
        let mut seen = Vec::with_capacity(self.plan.inputs(job).len());
        for &path in self.plan.inputs(job) {
            let path = self.plan.path(path);
            let stat = self.store.disk().look(path).map_err(|error| {
                Failure::Engine(format!("the input `{path}` cannot be looked at: {error}"))
            })?;
            if stat.is_none() {
                return Err(Failure::Engine(format!("the input `{path}` is gone")));
            }
            seen.push(stat);
        }
        Ok(seen)
    }

    /// Whether inputs are no longer what they were: the first that is not.
    pub(super) fn changed_input(&self, running: &Running) -> Option<BString> {
        let paths = self.plan.inputs(running.job);
        let ancient = Ancient::of(&self.plan, self.context.workflow, running.job);
        let looked_at = paths.iter().zip(&running.inputs).enumerate();
        let mut looked_at = looked_at.filter(|(at, _)| !ancient.has(*at));
        let changed = looked_at.find(|(_, (path, before))| {
            let now = self
                .store
                .disk()
                .look(self.plan.path(**path))
                .ok()
                .flatten();
            now != **before
        });
        changed.map(|(_, (path, _))| self.plan.path(*path).into())
    }

    /// Notes the contents of the inputs of a job for which they count, and returns their hashes.
    pub(super) fn look_into_inputs(
        &mut self,
        job: JobId,
        seen: &[Option<Stat>],
    ) -> Vec<Option<Hash>> {
        if !self.counts_contents(job) {
            return Vec::new();
        }
        self.keep_inputs(job, seen);
        let inputs = self.plan.inputs(job);
        let disk = self.store.disk();
        self.judge.facts.look_into(&self.plan, disk, inputs);
        let hash = |path: &PathId| self.judge.facts.hash(*path);
        inputs.iter().map(hash).collect()
    }

    /// Notes what inputs look like. One that a job of this run has made and that looks otherwise may no
    /// longer be what that job made.
    pub(super) fn keep_inputs(&mut self, job: JobId, seen: &[Option<Stat>]) {
        for (&path, stat) in self.plan.inputs(job).iter().zip(seen) {
            if self.judge.facts.keep(path, *stat)
                && let Some(producer) = self.plan.producer(path)
            {
                self.temps.doubt(producer);
            }
        }
    }

    /// Whether inputs have another content than before, though time and size may be the same: the
    /// first that has. What was known meanwhile says nothing: another job that reads them may have
    /// ended since, and have looked at them again.
    pub(super) fn changed_content(&mut self, running: &Running) -> Option<BString> {
        let job = running.job;
        if !self.counts_contents(job) {
            return None;
        }
        let ancient = Ancient::of(&self.plan, self.context.workflow, job);
        let inputs = self.plan.inputs(job).iter().zip(&running.contents);
        let inputs = inputs.enumerate().filter(|(at, _)| !ancient.has(*at));
        let (inputs, before): (Vec<PathId>, Vec<Option<Hash>>) =
            inputs.map(|(_, (path, hash))| (*path, *hash)).unzip();
        for &path in &inputs {
            self.judge.facts.set_hash(path, None);
        }
        let disk = self.store.disk();
        self.judge.facts.look_into(&self.plan, disk, &inputs);
        let mut pairs = inputs.iter().zip(before);
        let changed = pairs.find(|(path, before)| self.judge.facts.hash(**path) != *before);
        changed.map(|(path, _)| self.plan.path(*path).into())
    }

    fn put_old_outputs_aside(&mut self, job: JobId) -> io::Result<()> {
        let key: BString = self.plan.key(job).into();
        let rule = self.plan.rule_of(self.context.workflow, job);
        let is_split = rule.makes_unknown_files();
        let outputs = match is_split {
            true => self.recorded_outputs(job),
            false => self.paths(self.plan.outputs(job)),
        };
        let is_by_hand = self.is_by_hand(job)?;
        let mut aside = self.store.put_aside(&key, outputs.iter().map(BStr::new))?;
        aside.is_by_hand = is_by_hand;
        self.aside.insert(job, aside);
        if is_split {
            self.remember_matches(job)
        } else {
            Ok(())
        }
    }

    /// Whether an output is no longer what the job made: somebody may want it back.
    fn is_by_hand(&mut self, job: JobId) -> io::Result<bool> {
        let counts_contents = self.counts_contents(job);
        let last = self.history.last(self.plan.key(job));
        let Some(past) = last.and_then(|last| last.past) else {
            return Ok(false);
        };
        let (plan, facts, disk) = (&self.plan, &mut self.judge.facts, self.store.disk());
        if counts_contents {
            let paths = past.outputs().filter_map(|file| plan.paths.find(file.path));
            facts.look_into(plan, disk, &paths.collect::<Vec<PathId>>());
        }
        for file in past.outputs() {
            let stat = disk.stat(file.path)?;
            let hash = plan.paths.find(file.path).and_then(|path| facts.hash(path));
            let is_same = !counts_contents || hash.is_none() || hash == file.hash;
            let is_own =
                |stat: Stat| stat.modified == file.time && stat.size == file.size && is_same;
            if stat.is_some_and(|stat| stat.kind == Kind::File && !is_own(stat)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The files that a split made when it last ran: those that do not come again are gone.
    pub(super) fn recorded_outputs(&self, job: JobId) -> Vec<BString> {
        let last = self.history.last(self.plan.key(job));
        let past = last.and_then(|last| last.past);
        past.into_iter()
            .flat_map(|past| past.outputs())
            .map(|file| file.path.into())
            .collect()
    }

    /// A split's files are what its globs match afterwards, less what they match now and what is
    /// then unchanged.
    pub(super) fn remember_matches(&mut self, job: JobId) -> io::Result<()> {
        let mut seen = HashMap::new();
        for path in self.matches(job)? {
            if let Some(stat) = self.store.disk().look(&path)? {
                seen.insert(path, stat);
            }
        }
        self.before.insert(job, seen);
        Ok(())
    }

    /// The files that a split's output words match or name now, in byte order.
    pub(super) fn matches(&mut self, job: JobId) -> io::Result<Vec<BString>> {
        let globs = self.plan.output_globs(self.context, job);
        let mut listing = crate::pattern::Listing::new(self.store.disk());
        let mut found = Vec::new();
        for glob in &globs {
            let matched = glob.expand(&mut listing)?;
            found.extend(matched.iter().map(|one| BString::from(one.name)));
        }
        found.sort();
        found.dedup();
        let inputs: HashSet<PathId> = self.plan.inputs(job).iter().copied().collect();
        found.retain(|path| {
            self.plan
                .paths
                .find(path)
                .is_none_or(|path| !inputs.contains(&path))
        });
        Ok(found)
    }

    /// Makes the folders that outputs stand in.
    fn make_folders(&mut self, job: JobId) -> Result<(), Failure> {
        let mut folders: Vec<BString> = Vec::new();
        for &path in self.plan.outputs(job) {
            let path = self.plan.path(path);
            let folder = facts::dir(facts::without_slash(path));
            let folder = match folder.find_byteset(b"*?[{") {
                Some(at) => facts::dir(&folder[..at]),
                None => folder,
            };
            if !self.made_folders.contains(BStr::new(folder)) {
                folders.push(folder.into());
            }
        }
        folders
            .into_iter()
            .try_for_each(|folder| self.make_folder(folder))
    }

    /// Makes the folder to run in, and those of the files that take what is printed.
    pub(super) fn make_room(&mut self, rendered: &Rendered) -> Result<(), Failure> {
        let folders = [
            BStr::new(&rendered.dir),
            BStr::new(facts::dir(&rendered.stdout)),
            BStr::new(facts::dir(&rendered.stderr)),
            BStr::new(facts::dir(&rendered.deps)),
        ];
        let folders = folders.map(BString::from).into_iter();
        folders
            .filter(|folder| !folder.is_empty())
            .try_for_each(|folder| self.make_folder(folder))
    }

    fn make_folder(&mut self, folder: BString) -> Result<(), Failure> {
        if folder == "." || self.made_folders.contains(&folder) {
            return Ok(());
        }
        self.store
            .disk()
            .make_folder(&folder)
            .map_err(|error| Failure::Engine(format!("make the folder `{folder}`: {error}")))?;
        self.made_folders.insert(folder);
        Ok(())
    }
}

/// A failure of the machine around a job.
pub(super) fn engine(what: &str, error: &io::Error) -> Failure {
    Failure::Engine(format!("{what}: {error}"))
}
