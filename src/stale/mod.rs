//! Decides which jobs must run, each with one typed reason.
//!
//! The same walk serves the dry run and the real one: jobs are judged upstream first, and a job
//! behind one that will run will run too.

mod facts;
pub mod problem;
mod settle;

use bstr::BString;

use crate::dense::{BitSet, Id, Table};
use crate::disk::{Disk, Time};
use crate::history::History;
use crate::lang::ast::Verb;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::workflow::RuleId;

pub use facts::{Facts, Look};
pub use settle::settle;

/// Why a job must run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It was asked for by `--force` or `--always-make`.
    Forced,
    OutputMissing(PathId),
    /// An input is newer than the oldest output.
    InputNewer {
        input: PathId,
        output: PathId,
    },
    /// Its last try began and did not end.
    Unfinished,
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

/// Verdicts, and the facts they stand on.
#[derive(Default)]
pub struct Judge {
    pub facts: Facts,
    pub forced: Forced,
    verdicts: Table<JobId, Verdict>,
    /// How many of `plan.known` were looked at.
    n_judged: usize,
    pub missing: Vec<MissingInput>,
    /// Files that could not be looked at, and why.
    pub unreadable: Vec<(BString, String)>,
}

impl Judge {
    pub fn new(forced: Forced) -> Judge {
        Judge {
            forced,
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
        let new: Vec<JobId> = plan.known[self.n_judged..].to_vec();
        self.n_judged = plan.known.len();
        self.judge_jobs(plan, context, wanted, disk, history, &new)
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
        self.facts.look(plan, disk, &jobs, &mut self.unreadable);
        let mut fresh_splits = Vec::new();
        for job in jobs {
            let rule = plan.rule_of(context.workflow, job);
            let mut made = Vec::new();
            if rule.makes_unknown_files() {
                made = self.split_files(plan, context, disk, job);
            }
            let rule = plan.rule_of(context.workflow, job);
            let outputs = if rule.makes_unknown_files() {
                &made
            } else {
                plan.outputs(job)
            };
            let verdict = self.verdict_of(plan, history, rule.verb, job, outputs);
            self.verdicts[job] = verdict;
            if verdict == Verdict::Fresh && rule.makes_unknown_files() {
                fresh_splits.push((job, made));
            }
        }
        fresh_splits
    }

    fn verdict_of(
        &mut self,
        plan: &Plan,
        history: &dyn History,
        verb: Verb,
        job: JobId,
        outputs: &[PathId],
    ) -> Verdict {
        let mut newest_input: Option<(Time, PathId)> = None;
        let mut upstream = None;
        for &input in plan.inputs(job) {
            if let Some(producer) = plan.producer(input)
                && producer != job
            {
                if matches!(self.verdicts[producer], Verdict::Stale(_)) {
                    upstream = upstream.or(Some(producer));
                    continue;
                }
            } else if self.facts.get(input) == Look::Missing {
                self.missing.push(MissingInput { job, path: input });
            }
            if let Look::There { time, .. } = self.facts.get(input)
                && newest_input.is_none_or(|(newest, _)| time > newest)
            {
                newest_input = Some((time, input));
            }
        }
        if self.forced.has(plan.jobs[job].rule) {
            return Verdict::Stale(Reason::Forced);
        }
        let mut oldest_output: Option<(Time, PathId)> = None;
        for &output in outputs {
            match self.facts.get(output) {
                Look::There { time, .. } => {
                    if oldest_output.is_none_or(|(oldest, _)| time < oldest) {
                        oldest_output = Some((time, output));
                    }
                }
                Look::Missing | Look::Unknown => {
                    return Verdict::Stale(Reason::OutputMissing(output));
                }
            }
        }
        let Some((oldest, output)) = oldest_output else {
            // A split that has made nothing so far.
            let wanted = plan.outputs(job).first().copied().unwrap_or_default();
            return Verdict::Stale(Reason::OutputMissing(wanted));
        };
        if verb != Verb::Originate
            && let Some((newest, input)) = newest_input
            && newest > oldest
        {
            return Verdict::Stale(Reason::InputNewer { input, output });
        }
        if history.is_unfinished(plan.key(job)) {
            return Verdict::Stale(Reason::Unfinished);
        }
        match upstream {
            Some(upstream) => Verdict::Stale(Reason::Upstream(upstream)),
            None => Verdict::Fresh,
        }
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
        let inputs = plan.inputs(job);
        let mut seen = std::collections::HashSet::new();
        files.retain(|file| !inputs.contains(file) && seen.insert(*file));
        self.facts.look_at(plan, disk, &files, &mut self.unreadable);
        files
    }

    /// The job has run, and its files are as they were looked at then.
    pub fn set_done(&mut self, job: JobId) {
        self.verdicts.grow(job.index() + 1, Verdict::Unjudged);
        self.verdicts[job] = Verdict::Fresh;
    }
}
