//! Jobs that count as done without being run: accepted as they are, or touched.
//!
//! Jobs are walked upstream first. A split takes what its patterns match now; what follows it is
//! planned, judged and marked in turn.

use anyhow::Context as _;
use bstr::{BStr, BString};

use super::end::keep;
use crate::disk::{DiskMut, Kind, Stat, Time};
use crate::history::{History, Now};
use crate::pattern::{Listing, facts};
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::stale::{Judge, Level, Look, Verdict, record, settle};

/// What is done to jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// They are recorded as they are; no file is touched.
    Accept,
    /// Existing outputs get new times, missing ones are made empty.
    Touch,
}

/// Why a job was left as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Left {
    /// These of its outputs are not there; a split's patterns match nothing.
    OutputsMissing(Vec<BString>),
    /// An input is not there.
    InputMissing(BString),
    /// It is behind a split that was left, and not known.
    Unknown,
}

/// What became of the jobs.
#[derive(Default, Debug)]
pub struct Marked {
    /// Jobs that were stale and count as done now.
    pub done: Vec<JobId>,
    pub left: Vec<(JobId, Left)>,
}

/// A judged plan whose jobs are to be marked.
pub struct Marking<'a, 'd> {
    pub context: Context<'d>,
    pub plan: &'a mut Plan,
    pub wanted: &'a mut Wanted,
    pub judge: &'a mut Judge,
    pub disk: &'d dyn DiskMut,
    pub history: &'a mut dyn History,
    pub deed: Deed,
}

impl Marking<'_, '_> {
    /// Marks every wanted job that is stale, and records fresh ones of which nothing is known.
    pub fn mark(mut self, told: &mut dyn FnMut(&Plan, JobId)) -> anyhow::Result<Marked> {
        let mut marked = Marked::default();
        let mut at = 0;
        // It grows while it is walked.
        while let Some(&job) = self.plan.known.get(at) {
            at += 1;
            if !self.wanted.has(job) {
                continue;
            }
            match self.judge.verdict(job) {
                Verdict::Stale(_) => match self.one(job)? {
                    None => {
                        marked.done.push(job);
                        told(self.plan, job);
                    }
                    Some(left) => marked.left.push((job, left)),
                },
                Verdict::Fresh | Verdict::Unjudged => self.adopt(job)?,
            }
            if at == self.plan.known.len() && self.wanted.needs_rescan() {
                // A file that was asked for by name has come, and with it jobs before the end.
                let is_left = |job: &JobId| {
                    self.wanted.has(*job)
                        && self.judge.will_run(*job)
                        && !marked.left.iter().any(|(left, _)| left == job)
                };
                at = self.plan.known.iter().position(is_left).unwrap_or(at);
            }
        }
        let open: Vec<JobId> = self.plan.open_jobs().collect();
        let open = open.into_iter().filter(|job| self.wanted.has(*job));
        marked.left.extend(open.map(|job| (job, Left::Unknown)));
        Ok(marked)
    }

    /// Marks one job, or says why not.
    fn one(&mut self, job: JobId) -> anyhow::Result<Option<Left>> {
        for &input in self.plan.inputs(job) {
            if !matches!(self.judge.facts.get(input), Look::There { .. }) {
                let input = self.plan.path(input).to_owned();
                return Ok(Some(Left::InputMissing(input)));
            }
        }
        let rule = self.plan.rule_of(self.context.workflow, job);
        let (is_split, is_temp) = (rule.makes_unknown_files(), rule.is_temp);
        let is_known = self.past_of(job);
        let outputs = match is_split {
            true if is_temp && is_known => self.recorded_outputs(job),
            true => self.split_files(job),
            false => self.plan.outputs(job).to_vec(),
        };
        if outputs.is_empty() && is_split && !is_known {
            let patterns = self.plan.outputs(job).iter();
            let patterns = patterns.map(|path| self.plan.path(*path).to_owned());
            return Ok(Some(Left::OutputsMissing(patterns.collect())));
        }
        let outputs = match is_split && outputs.is_empty() {
            true if self.deed == Deed::Touch => self.recorded_outputs(job),
            _ => outputs,
        };
        let time = self.time_after_inputs(job);
        if is_temp {
            self.take_for_gone(&outputs, time);
        }
        if self.deed == Deed::Touch {
            self.touch(&outputs, time)?;
        }
        let is_there = |path: &&PathId| matches!(self.judge.facts.get(**path), Look::There { .. });
        let missing: Vec<BString> = outputs
            .iter()
            .filter(|path| !is_there(path))
            .map(|path| self.plan.path(*path).to_owned())
            .collect();
        if !missing.is_empty() {
            return Ok(Some(Left::OutputsMissing(missing)));
        }
        self.judge.set_done(job);
        if is_split && self.plan.made(job).is_none() {
            self.grow(job, &outputs);
        }
        self.keep(job)?;
        Ok(None)
    }

    /// The files that a split's record names.
    fn recorded_outputs(&mut self, job: JobId) -> Vec<PathId> {
        let last = self.history.last(self.plan.key(job));
        let past = last.and_then(|last| last.past);
        let files = past.into_iter().flat_map(|past| past.outputs());
        let files: Vec<BString> = files.map(|file| file.path.into()).collect();
        let paths = &mut self.plan.paths;
        files.iter().map(|file| paths.intern(file)).collect()
    }

    /// Temporary outputs that are not there count as made and deleted: they are not created.
    fn take_for_gone(&mut self, outputs: &[PathId], time: Time) {
        for &output in outputs {
            if let Look::There { .. } = self.judge.facts.get(output) {
                continue;
            }
            let stat = Stat {
                kind: Kind::File,
                size: 0,
                modified: time,
            };
            self.judge.facts.set(output, Some(stat));
            self.judge.set_gone(output, true);
        }
    }

    /// Now, or later than every input.
    fn time_after_inputs(&self, job: JobId) -> Time {
        let inputs = self.plan.inputs(job).iter();
        let newest = inputs.filter_map(|input| match self.judge.facts.get(*input) {
            Look::There { time, .. } => Some(time.0),
            Look::Missing | Look::Unknown => None,
        });
        let now = jiff::Timestamp::now().as_nanosecond() as i64;
        Time(newest.max().map_or(now, |newest| now.max(newest + 1)))
    }

    fn touch(&mut self, outputs: &[PathId], time: Time) -> anyhow::Result<()> {
        for &output in outputs {
            if self.judge.is_gone(output) {
                continue;
            }
            let path = self.plan.path(output);
            let context = || format!("touch {}", BStr::new(path));
            let is_folder = path.ends_with(b"/");
            let folder = match is_folder {
                true => facts::without_slash(path),
                false => facts::dir(path),
            };
            self.disk.make_folder(folder).with_context(context)?;
            let name = facts::without_slash(path);
            self.disk.stamp(name, time).with_context(context)?;
            let stat = self.disk.look(path).with_context(context)?;
            self.judge.facts.set(output, stat);
        }
        Ok(())
    }

    fn past_of(&self, job: JobId) -> bool {
        let last = self.history.last(self.plan.key(job));
        last.is_some_and(|last| last.past.is_some())
    }

    fn split_files(&mut self, job: JobId) -> Vec<PathId> {
        self.judge
            .split_files(self.plan, self.context, self.disk, job)
    }

    /// Plans and judges what follows a split.
    fn grow(&mut self, job: JobId, files: &[PathId]) {
        *self.context.listing.borrow_mut() = Listing::new(self.disk);
        let n_known = self.plan.known.len();
        self.plan.grow(self.context, job, files);
        let new = self.plan.known[n_known..].to_vec();
        self.wanted.grow(self.plan, self.context, &new);
        settle(
            self.plan,
            self.context,
            self.wanted,
            self.judge,
            self.disk,
            self.history,
        );
    }

    /// A fresh job of which nothing is recorded is recorded as it was found.
    fn adopt(&mut self, job: JobId) -> anyhow::Result<()> {
        let is_fresh = self.judge.verdict(job) == Verdict::Fresh;
        let outputs = self.plan.outputs(job).iter();
        let is_pretended = outputs
            .chain(self.plan.inputs(job))
            .any(|path| self.judge.facts.is_pretended(self.plan.path(*path)));
        let is_fresh = is_fresh && !is_pretended;
        if is_fresh && !self.past_of(job) {
            self.keep(job)?;
        }
        Ok(())
    }

    fn keep(&mut self, job: JobId) -> anyhow::Result<()> {
        for &input in self.plan.inputs(job) {
            let path = self.plan.path(input);
            if self.judge.facts.is_pretended(path) {
                self.judge.facts.set(input, self.disk.look(path)?);
            }
        }
        let rule = self.plan.jobs[job].rule;
        if self.judge.level_of(self.context, rule) >= Level::CONTENTS {
            let outputs = self.plan.made(job).unwrap_or(self.plan.outputs(job));
            let paths = [self.plan.inputs(job), outputs, self.judge.extra_inputs(job)].concat();
            self.judge.facts.look_into(self.plan, self.disk, &paths);
        }
        let found = self.judge.extra_inputs(job);
        let names = &self.context.workflow.names;
        let print = &self.judge.prints[self.plan.jobs[job].rule];
        let now = Now {
            ended_ms: jiff::Timestamp::now().as_millisecond() as u64,
            ..record(self.plan, names, &self.judge.facts, print, found, job)
        };
        keep(self.history, print, self.plan.key(job), &now)?;
        self.judge.facts.save()
    }
}
