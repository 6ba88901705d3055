//! Decides which jobs must run, each with one typed reason.
//!
//! The same walk serves the dry run and the real one: jobs are judged upstream first. One that has no
//! other reason than a job before it is a `maybe`, which is judged again when its inputs are there.

mod ancient;
mod anew;
mod checks;
mod compare;
mod content;
pub mod depfile;
mod discover;
pub mod every;
pub mod explain;
mod facts;
mod folder;
mod gone;
mod guard;
mod minimal;
mod one;
pub mod print;
pub mod problem;
mod record;
mod settle;
mod split;
#[cfg(test)]
pub(crate) mod tests;
mod verdict;

use std::collections::HashMap;

use bstr::BString;

use crate::dense::{BitSet, Id, Table};
use crate::disk::{Disk, Time};
use crate::history::{Discovered, History, LastTry, Past};
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::workflow::{RuleId, Workflow};

pub use ancient::Ancient;
use print::Print;

pub use compare::{is_other_output, is_same_make};
pub use facts::{Facts, Look};
pub use record::record;
pub use settle::settle;
pub use verdict::{Forced, Level, Reason, Verdict};

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
    /// Jobs that were seen to have a record of a success.
    recorded: BitSet,
    /// Temporary files that are not there, and known from the record of the job that made them.
    gone: BitSet,
    /// Jobs that ran since the plan was first judged.
    ran: BitSet,
    /// When the first of them began.
    ran_since: Option<Time>,
    /// Files that such jobs made again as they were, and that have their old time again.
    restored: BitSet,
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

    /// Whether any job will run.
    pub fn will_any_run(&self, plan: &Plan) -> bool {
        plan.known.iter().any(|job| self.will_run(*job))
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
        self.judge_jobs(plan, context, wanted, disk, history, new)
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
        let splits = self.judge_jobs(plan, context, wanted, disk, history, vec![job]);
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
        mut jobs: Vec<JobId>,
    ) -> Vec<(JobId, Vec<PathId>)> {
        self.verdicts.grow(plan.jobs.len(), Verdict::Unjudged);
        jobs.retain(|&job| wanted.has(job) && self.verdicts[job] == Verdict::Unjudged);
        self.look(plan, context, wanted, disk, history, &jobs);
        self.doubt_what_is_anew(plan, disk, history, &jobs);
        let checked = self.run_checks(plan, context, disk, history, &jobs);
        let mut fresh_splits = Vec::new();
        for job in jobs {
            let rule = plan.rule_of(context.workflow, job);
            let is_split = rule.makes_unknown_files();
            let checked = checked.get(&job);
            if !is_split {
                let files = plan.outputs(job);
                self.verdicts[job] = self.verdict_of(plan, context, history, job, files, checked);
                continue;
            }
            let files = self.split_outputs(plan, context, disk, history, job);
            let verdict = self.verdict_of(plan, context, history, job, &files, checked);
            self.verdicts[job] = verdict;
            if verdict == Verdict::Fresh && plan.made(job).is_none() {
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

    /// Fresh jobs among `jobs` that nothing is recorded of: their times were in order.
    pub fn adoptable<'j>(
        &self,
        plan: &'j Plan,
        history: &'j dyn History,
    ) -> impl Iterator<Item = JobId> {
        plan.known.iter().copied().filter(move |&job| {
            let files = plan.inputs(job).iter().chain(plan.outputs(job));
            self.verdict(job) == Verdict::Fresh
                && !self.recorded.contains(job.index())
                && !files
                    .into_iter()
                    .any(|path| self.facts.is_pretended(plan.path(*path)))
                && history
                    .last(plan.key(job))
                    .is_none_or(|last| last.past.is_none() && last.last_try == LastTry::Done)
        })
    }

    /// The job is done, and its files are as they were looked at then.
    pub fn set_done(&mut self, job: JobId) {
        self.verdicts.grow(job.index() + 1, Verdict::Unjudged);
        self.verdicts[job] = Verdict::Fresh;
    }

    /// The job, which began then, has run well, and is not doubted any more.
    pub fn set_ran(&mut self, job: JobId, began: Time) {
        self.set_done(job);
        self.ran.insert(job.index());
        self.ran_since = Some(self.ran_since.map_or(began, |since| since.min(began)));
    }
}
