//! Decides which jobs must run, each with one typed reason.
//!
//! The same walk serves the dry run and the real one: jobs are judged upstream first, and a job
//! behind one that will run will run too.

mod ancient;
mod checks;
mod compare;
mod content;
pub mod depfile;
mod discover;
pub mod every;
pub mod explain;
mod facts;
mod gone;
mod guard;
mod minimal;
pub mod print;
pub mod problem;
mod record;
mod settle;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashSet;

use std::collections::HashMap;

use bstr::BString;

use crate::dense::{BitSet, Id, Table};
use crate::disk::Disk;
use crate::history::{Discovered, History, LastTry, Past};
use crate::lang::ast::Verb;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::workflow::{RuleId, Workflow};

pub use ancient::Ancient;
use compare::{Compare, Times, ended_badly};
use print::Print;

pub use compare::is_same_make;
pub use facts::{Facts, Look};
pub use record::record;
pub use settle::settle;

/// `--checksum-level`: how much is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Level(pub u8);

impl Level {
    /// Times of files alone; nothing that is recorded counts.
    pub const TIMES: Level = Level(0);
    /// Also whether the recipe is the one that was run.
    pub const RECIPES: Level = Level(2);
    /// Also the params, captures and environment that reach it.
    pub const PARAMS: Level = Level(3);
    /// Contents of files instead of times.
    pub const CONTENTS: Level = Level(4);
}

impl Default for Level {
    fn default() -> Level {
        Level::PARAMS
    }
}

/// Why a job must run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It was asked for by `--force` or `--always-make`.
    Forced,
    /// Its rule says so: it runs each time it is asked for.
    Always,
    OutputMissing(PathId),
    /// A temporary output is gone, and this job reads it.
    Needed {
        output: PathId,
        by: JobId,
    },
    /// A temporary output is gone, and jobs that are not known yet may read it.
    Awaited(PathId),
    /// Its rule's `check` command says so.
    CheckCommand,
    /// What it reads beside its inputs is not known: nobody has recorded it.
    InputsUnknown,
    /// A file that it was found to read is gone.
    InputGone(PathId),
    /// An input is newer than the oldest output, and nothing is recorded.
    InputNewer {
        input: PathId,
        output: PathId,
    },
    /// Its last try began and did not end.
    Unfinished,
    /// Its last try failed.
    Failed,
    /// An output is not what the job made.
    OutputChanged(PathId),
    /// An input is not the one that the job was made from.
    InputChanged(PathId),
    /// Other inputs than the job was made from, or in another order.
    InputsDiffer,
    RecipeChanged,
    /// A param, capture, environment variable or the shell.
    ParamsChanged,
    /// No record says that it is done, where that counts: it makes no files, or records were lost.
    NoRecord,
    /// A job whose files it reads will run.
    Upstream(JobId),
}

/// What is known of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verdict {
    /// Nobody has asked.
    #[default]
    Unjudged,
    Fresh,
    Stale(Reason),
}

impl Verdict {
    /// A `maybe`: it runs only because a job does whose files it reads. It is judged again when they
    /// are there, and does not run when they came out as recorded.
    pub fn is_maybe(self) -> bool {
        matches!(self, Verdict::Stale(Reason::Upstream(_)))
    }
}

/// Rules that run whatever their state.
#[derive(Clone, Debug, Default)]
pub struct Forced {
    /// `--always-make`.
    pub all: bool,
    pub rules: BitSet,
}

impl Forced {
    pub fn has(&self, rule: RuleId) -> bool {
        self.all || self.rules.contains(rule.index())
    }
}

/// An input that is not there and that no job makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingInput {
    pub job: JobId,
    pub path: PathId,
}

/// What a `check` command found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Checked {
    Fresh,
    Stale,
    /// Neither: why, for a person.
    Failed(String),
}

/// Runs the `check` commands of rules, whoever judges.
pub trait Checks {
    /// What is found of each of `jobs`, in their order.
    fn run(&mut self, plan: &Plan, workflow: &Workflow, jobs: &[JobId]) -> Vec<Checked>;
}

/// Verdicts, and the facts they stand on.
#[derive(Default)]
pub struct Judge {
    pub facts: Facts,
    pub forced: Forced,
    pub level: Level,
    /// `--minimal`: what is before a job that is as it was is not looked at.
    pub is_minimal: bool,
    /// By rule; made with the first judgement.
    pub prints: Table<RuleId, Print>,
    /// Files that match a fresh split's outputs and that it has not made.
    pub foreign: Vec<(JobId, PathId)>,
    /// Without it what a rule's `check` would say counts as stale.
    pub checks: Option<Box<dyn Checks>>,
    /// Checks that said neither yes nor no, and why.
    pub failed_checks: Vec<(JobId, String)>,
    /// What earlier runs found jobs to read beside their inputs.
    pub discovered: Option<Box<dyn Discovered>>,
    /// By job of a rule with `deps`: what it reads beside its inputs, where that is known.
    extra: HashMap<JobId, Option<Vec<PathId>>>,
    verdicts: Table<JobId, Verdict>,
    /// Temporary files that are not there, and known from the record of the job that made them.
    gone: BitSet,
    /// Jobs that ran since the plan was first judged.
    ran: BitSet,
    /// Jobs that were fresh when they were first judged may run now.
    has_changed: bool,
    /// How many of `plan.known` were looked at.
    n_judged: usize,
    pub missing: Vec<MissingInput>,
    /// Files that could not be looked at, and why.
    pub unreadable: Vec<(BString, String)>,
}

impl Judge {
    pub fn new(forced: Forced, level: Level) -> Judge {
        Judge {
            forced,
            level,
            ..Judge::default()
        }
    }

    pub fn verdict(&self, job: JobId) -> Verdict {
        self.verdicts.get(job).copied().unwrap_or_default()
    }

    /// Whether the job will run, as far as is known.
    pub fn will_run(&self, job: JobId) -> bool {
        matches!(self.verdict(job), Verdict::Stale(_))
    }

    /// Judges the wanted jobs among those that became known since the last time.
    ///
    /// Returns the splits among them that are fresh, each with its files.
    fn judge(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
    ) -> Vec<(JobId, Vec<PathId>)> {
        let from = if wanted.needs_rescan() {
            0
        } else {
            self.n_judged
        };
        let new: Vec<JobId> = plan.known[from..].to_vec();
        self.n_judged = plan.known.len();
        self.judge_jobs(plan, context, wanted, disk, history, &new)
    }

    /// Makes the prints, and looks at the files of `jobs`.
    pub(super) fn look(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) {
        self.verdicts.grow(plan.jobs.len(), Verdict::Unjudged);
        if self.prints.is_empty() {
            self.prints = print::prints(context.workflow);
        }
        self.facts.look(plan, disk, jobs, &mut self.unreadable);
        self.find_gone(plan, context, wanted, disk, history, jobs);
        self.look_into(plan, context, disk, history, jobs);
    }

    /// Looks at the contents of the files of those of `jobs` whose records have contents, where
    /// these count.
    fn look_into(
        &mut self,
        plan: &mut Plan,
        context: Context,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) {
        let mut paths = Vec::new();
        for &job in jobs {
            if self.level_of(context, plan.jobs[job].rule) < Level::CONTENTS {
                continue;
            }
            let past = history.last(plan.key(job)).and_then(|last| last.past);
            let Some(past) = past.filter(Past::has_hashes) else {
                continue;
            };
            if plan.rule_of(context.workflow, job).makes_unknown_files() {
                self.split_outputs(plan, context, disk, history, job);
                paths.extend(past.outputs().filter_map(|file| plan.paths.find(file.path)));
            }
            paths.extend(plan.inputs(job));
            paths.extend(self.extra_inputs(job));
            paths.extend(plan.outputs(job));
        }
        self.facts.look_into(plan, disk, &paths);
    }

    /// Judges a `maybe` again, now that the files it reads are there. A fresh split comes with its
    /// files.
    pub fn judge_again(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
        job: JobId,
    ) -> (Verdict, Option<Vec<PathId>>) {
        self.verdicts[job] = Verdict::Unjudged;
        let splits = self.judge_jobs(plan, context, wanted, disk, history, &[job]);
        let files = splits.into_iter().next().map(|(_, files)| files);
        (self.verdicts[job], files)
    }

    /// Judges everything again.
    pub(super) fn start_again(&mut self) {
        self.verdicts = Table::default();
        self.n_judged = 0;
        self.missing.clear();
        self.foreign.clear();
    }

    /// Judges those of `jobs`, upstream first, that are wanted and were not judged before.
    pub(crate) fn judge_jobs(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) -> Vec<(JobId, Vec<PathId>)> {
        self.verdicts.grow(plan.jobs.len(), Verdict::Unjudged);
        let jobs: Vec<JobId> = jobs
            .iter()
            .copied()
            .filter(|&job| wanted.has(job) && self.verdicts[job] == Verdict::Unjudged)
            .collect();
        self.look(plan, context, wanted, disk, history, &jobs);
        let checked = self.run_checks(plan, context, disk, history, &jobs);
        let mut fresh_splits = Vec::new();
        for job in jobs {
            let rule = plan.rule_of(context.workflow, job);
            let is_split = rule.makes_unknown_files();
            let files = match is_split {
                true => self.split_outputs(plan, context, disk, history, job),
                false => plan.outputs(job).to_vec(),
            };
            let checked = checked.get(&job);
            let verdict = self.verdict_of(plan, context, history, job, &files, checked);
            self.verdicts[job] = verdict;
            if is_split && verdict == Verdict::Fresh && plan.made(job).is_none() {
                self.note_foreign(plan, context, disk, job, &files);
                fresh_splits.push((job, files));
            }
        }
        fresh_splits
    }

    /// How much is looked at for the jobs of a rule: its own level, where it has one.
    pub fn level_of(&self, context: Context, rule: RuleId) -> Level {
        let own = context.workflow.rules[rule].checksum_level;
        own.map_or(self.level, Level)
    }

    /// The record of a job's last success, where records count and it has one.
    fn past<'h>(
        &self,
        plan: &Plan,
        context: Context,
        history: &'h dyn History,
        job: JobId,
    ) -> Option<Past<'h>> {
        let level = self.level_of(context, plan.jobs[job].rule);
        history
            .last(plan.key(job))
            .and_then(|last| last.past)
            .filter(|_| level > Level::TIMES)
    }

    /// What a split has made: what its record says, else what its globs match now.
    fn split_outputs(
        &mut self,
        plan: &mut Plan,
        context: Context,
        disk: &dyn Disk,
        history: &dyn History,
        job: JobId,
    ) -> Vec<PathId> {
        let Some(past) = self.past(plan, context, history, job) else {
            return self.split_files(plan, context, disk, job);
        };
        let files: Vec<PathId> = past
            .outputs()
            .map(|file| plan.paths.intern(file.path))
            .collect();
        let there = files.iter().copied().filter(|file| !self.is_gone(*file));
        let there: Vec<PathId> = there.collect();
        self.facts.look_at(plan, disk, &there, &mut self.unreadable);
        files
    }

    /// Files that match the outputs of a fresh split and are not its own.
    fn note_foreign(
        &mut self,
        plan: &mut Plan,
        context: Context,
        disk: &dyn Disk,
        job: JobId,
        files: &[PathId],
    ) {
        let own: HashSet<PathId> = files.iter().copied().collect();
        let found = self.split_files(plan, context, disk, job);
        self.foreign.extend(
            found
                .into_iter()
                .filter(|file| !own.contains(file))
                .map(|f| (job, f)),
        );
    }

    fn verdict_of(
        &mut self,
        plan: &Plan,
        context: Context,
        history: &dyn History,
        job: JobId,
        outputs: &[PathId],
        checked: Option<&Checked>,
    ) -> Verdict {
        let rule = plan.rule_of(context.workflow, job);
        let mut times = Times::default();
        let mut upstream = None;
        let extra = self.extra_inputs(job).to_vec();
        for &input in &extra {
            match plan.producer(input) {
                Some(producer) if producer != job && self.will_run(producer) => {
                    upstream = upstream.or(Some(producer));
                }
                _ => {
                    if let Look::There { time, .. } = self.facts.get(input) {
                        times.input(time, input);
                    }
                }
            }
        }
        let ancient = Ancient::of(plan, context.workflow, job);
        for (at, &input) in plan.inputs(job).iter().enumerate() {
            match plan.producer(input) {
                Some(producer) if producer != job && self.will_run(producer) => {
                    if ancient.has(at) {
                        continue;
                    }
                    upstream = upstream.or(Some(producer));
                    continue;
                }
                Some(producer) if producer != job => {}
                _ if self.facts.get(input) == Look::Missing => {
                    self.missing.push(MissingInput { job, path: input });
                }
                _ => {}
            }
            if let Look::There { time, .. } = self.facts.get(input)
                && !ancient.has(at)
            {
                times.input(time, input);
            }
        }
        if self.forced.has(plan.jobs[job].rule) {
            return Verdict::Stale(Reason::Forced);
        }
        if rule.is_always {
            return Verdict::Stale(Reason::Always);
        }
        for &output in outputs {
            match self.facts.get(output) {
                Look::There { time, .. } => times.output(time, output),
                Look::Missing | Look::Unknown => {
                    return Verdict::Stale(Reason::OutputMissing(output));
                }
            }
        }
        // What such a try left is still there, and nothing but the record tells that it is not done.
        if rule.is_update
            && let Some(reason) = history.last(plan.key(job)).as_ref().and_then(ended_badly)
        {
            return Verdict::Stale(reason);
        }
        if rule.check.is_some() {
            // Judged again when what it reads is there.
            if let Some(upstream) = upstream {
                return Verdict::Stale(Reason::Upstream(upstream));
            }
            if let Some(Checked::Failed(why)) = checked {
                self.failed_checks.push((job, why.clone()));
            }
            return match (checked, plan.outputs(job).first()) {
                (Some(Checked::Fresh), _) => Verdict::Fresh,
                (None, Some(&wanted)) if outputs.is_empty() => {
                    Verdict::Stale(Reason::OutputMissing(wanted))
                }
                _ => Verdict::Stale(Reason::CheckCommand),
            };
        }
        if let Some(reason) = self.stale_by_discovery(plan, job) {
            return Verdict::Stale(reason);
        }
        let level = self.level_of(context, plan.jobs[job].rule);
        let last = history.last(plan.key(job)).filter(|_| level > Level::TIMES);
        if last.is_none_or(|last| last.past.is_none())
            && let Some(reason) = self.by_times(plan, level, rule.verb, job, &times)
        {
            return Verdict::Stale(reason);
        }
        if last.is_none() && level > Level::TIMES && !history.is_complete() {
            // It may have been cut off, and the record of that be lost.
            return Verdict::Stale(Reason::NoRecord);
        }
        let is_to_come = |path| {
            let is_left = || self.is_minimal && matches!(self.facts.get(path), Look::Missing);
            let producer = plan.producer(path);
            producer.is_some_and(|job| self.will_run(job) || is_left())
        };
        if let Some(last) = last {
            let compare = Compare {
                plan,
                names: &context.workflow.names,
                facts: &self.facts,
                print: &self.prints[plan.jobs[job].rule],
                level,
                job,
                extra: &extra,
                outputs,
                ancient: &ancient,
                trusts_touch: history.is_complete(),
                is_to_come: &is_to_come,
            };
            if let Some(reason) = compare.difference(&last) {
                return Verdict::Stale(reason);
            }
        }
        // What a job was found to read and is not on record is judged by times.
        let past = last.and_then(|last| last.past);
        let recorded = past
            .iter()
            .flat_map(|past| compare::recorded_extra(plan, &extra, past));
        let recorded: HashSet<PathId> = recorded.map(|(path, _)| path).collect();
        let unrecorded = extra.iter().filter(|path| !recorded.contains(*path));
        let newest = unrecorded.filter_map(|&path| match self.facts.get(path) {
            Look::There { time, .. } if !is_to_come(path) => Some((time, path)),
            _ => None,
        });
        if let (Some((newest, input)), Some((oldest, output))) = (newest.max(), times.oldest_output)
            && newest > oldest
        {
            return Verdict::Stale(Reason::InputNewer { input, output });
        }
        match upstream {
            Some(upstream) => Verdict::Stale(Reason::Upstream(upstream)),
            None => Verdict::Fresh,
        }
    }

    /// Where nothing is recorded, times decide.
    fn by_times(
        &self,
        plan: &Plan,
        level: Level,
        verb: Verb,
        job: JobId,
        times: &Times,
    ) -> Option<Reason> {
        let Some((oldest, output)) = times.oldest_output else {
            if plan.outputs(job).is_empty() {
                return Some(Reason::NoRecord);
            }
            // A split that has made nothing so far.
            let wanted = plan.outputs(job).first().copied().unwrap_or_default();
            return Some(Reason::OutputMissing(wanted));
        };
        let (newest, input) = times.newest_input?;
        // At level 0 an input that is as old counts too.
        let is_newer = newest > oldest || level == Level::TIMES && newest == oldest;
        (verb != Verb::Originate && is_newer).then_some(Reason::InputNewer { input, output })
    }

    /// Fresh jobs among `jobs` that nothing is recorded of: their times were in order.
    pub fn adoptable<'j>(
        &self,
        plan: &'j Plan,
        history: &'j dyn History,
    ) -> impl Iterator<Item = JobId> {
        plan.known.iter().copied().filter(move |&job| {
            let files = plan.inputs(job).iter().chain(plan.outputs(job));
            self.verdict(job) == Verdict::Fresh
                && !files
                    .into_iter()
                    .any(|path| self.facts.is_pretended(plan.path(*path)))
                && history
                    .last(plan.key(job))
                    .is_none_or(|last| last.past.is_none() && last.last_try == LastTry::Done)
        })
    }

    /// The files that a split's globs match now; names without a glob are there or missing.
    pub fn split_files(
        &mut self,
        plan: &mut Plan,
        context: Context,
        disk: &dyn Disk,
        job: JobId,
    ) -> Vec<PathId> {
        let mut files = Vec::new();
        let globs = plan.output_globs(context, job);
        for (at, glob) in globs.iter().enumerate() {
            let named = plan.outputs(job)[at];
            let rule = plan.rule_of(context.workflow, job);
            if rule
                .outputs
                .iter()
                .flatten()
                .nth(at)
                .is_some_and(|output| !output.is_glob())
            {
                files.push(named);
                continue;
            }
            match glob.expand(&mut context.listing.borrow_mut()) {
                Ok(found) => files.extend(found.iter().map(|path| plan.paths.intern(path))),
                Err(error) => {
                    self.unreadable
                        .push((plan.path(named).into(), error.to_string()));
                }
            }
        }
        // Neither what it reads nor what another of its globs has brought.
        let inputs = plan.inputs(job).iter().copied();
        let mut seen: std::collections::HashSet<PathId> = inputs.collect();
        files.retain(|file| seen.insert(*file));
        self.facts.look_at(plan, disk, &files, &mut self.unreadable);
        files
    }

    /// The job is done, and its files are as they were looked at then.
    pub fn set_done(&mut self, job: JobId) {
        self.verdicts.grow(job.index() + 1, Verdict::Unjudged);
        self.verdicts[job] = Verdict::Fresh;
    }

    /// The job has run well, and is not doubted any more.
    pub fn set_ran(&mut self, job: JobId) {
        self.set_done(job);
        self.ran.insert(job.index());
    }
}
