//! Temporary files that are not there: known from the record of the job that made them, and made
//! again only when a job that has to run reads one.

use std::collections::HashMap;

use super::{Judge, Look, Reason, Verdict};
use crate::dense::Id;
use crate::disk::{Disk, Kind, Stat};
use crate::history::{History, LastTry};
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};

impl Judge {
    /// Takes temporary outputs of `jobs` that are missing for what they were when they were made,
    /// unless they are asked for by name.
    pub(super) fn find_gone(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) {
        if !context
            .workflow
            .rules
            .values()
            .iter()
            .any(|rule| rule.is_temp)
        {
            return;
        }
        for &job in jobs {
            let rule = plan.rule_of(context.workflow, job);
            let last = history.last(plan.key(job));
            let done = last.filter(|last| last.last_try == LastTry::Done);
            let Some(past) = done.and_then(|last| last.past).filter(|_| rule.is_temp) else {
                continue;
            };
            if rule.makes_unknown_files() {
                self.split_outputs(plan, context, disk, history, job);
            }
            // What no rule reads is no intermediate.
            let is_read = !context.workflow.readers(plan.jobs[job].rule).is_empty();
            if wanted.is_named(plan, job) || !is_read {
                continue;
            }
            for file in past.outputs() {
                let Some(path) = plan.paths.find(file.path) else {
                    continue;
                };
                if self.facts.get(path) == Look::Missing {
                    let stat = Stat {
                        kind: Kind::File,
                        size: file.size,
                        modified: file.time,
                    };
                    self.facts.set(path, Some(stat));
                    self.facts.set_hash(path, file.hash);
                    self.gone.insert(path.index());
                }
            }
        }
    }

    /// Whether a file counts as what its job's record says, since it was temporary and is gone.
    pub fn is_gone(&self, path: PathId) -> bool {
        self.gone.contains(path.index())
    }

    /// The file is there again, or was deleted.
    pub fn set_gone(&mut self, path: PathId, is_gone: bool) {
        match is_gone {
            true => {
                self.gone.insert(path.index());
            }
            false => self.gone.remove(path.index()),
        }
    }

    /// Whether jobs that were fresh when they were first judged are so no more; asked once.
    pub fn take_has_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Lets the jobs run whose temporary files are gone and are read by jobs that run for certain;
    /// what else reads them is judged again then.
    pub(super) fn need_gone(&mut self, plan: &Plan, wanted: &Wanted) {
        if self.gone.is_empty() {
            return;
        }
        let known = plan.known.iter().copied();
        let certain = known.filter(|&job| wanted.has(job) && self.runs_for_certain(job));
        let certain: Vec<JobId> = certain.collect();
        self.need_before(plan, wanted, certain);
    }

    /// As `need_gone`, for one job that turned out to run. Whether any job has to run
    /// before it now.
    pub fn need_for(&mut self, plan: &Plan, wanted: &Wanted, job: JobId) -> bool {
        self.need_before(plan, wanted, vec![job])
    }

    fn need_before(&mut self, plan: &Plan, wanted: &Wanted, mut rest: Vec<JobId>) -> bool {
        let mut is_any = false;
        while let Some(by) = rest.pop() {
            let inputs = plan.inputs(by).iter().chain(self.extra_inputs(by));
            let gone: Vec<PathId> = inputs.copied().filter(|path| self.is_gone(*path)).collect();
            for output in gone {
                let Some(job) = plan.producer(output).filter(|job| *job != by) else {
                    continue;
                };
                if self.runs_for_certain(job) {
                    continue;
                }
                self.verdicts[job] = Verdict::Stale(Reason::Needed { output, by });
                rest.push(job);
                is_any = true;
            }
        }
        if is_any {
            self.has_changed = true;
            self.doubt_what_follows(plan, wanted);
        }
        is_any
    }

    /// Fresh jobs that run if a `maybe` does, or a job that is not known yet: those whose temporary
    /// files it reads, with what else may follow. Their reason is what would make them run.
    pub fn may_follow(
        &self,
        plan: &Plan,
        context: Context,
        wanted: &Wanted,
    ) -> HashMap<JobId, Reason> {
        let mut found: HashMap<JobId, Reason> = HashMap::new();
        if self.gone.is_empty() {
            return found;
        }
        let known = plan.known.iter().copied();
        let known: Vec<JobId> = known.filter(|&job| wanted.has(job)).collect();
        let is_maybe = |job: &JobId| self.verdict(*job).is_maybe();
        let mut rest: Vec<JobId> = known.iter().copied().filter(is_maybe).collect();
        for job in plan.awaited(context) {
            let files = plan.made(job).unwrap_or(plan.outputs(job)).iter();
            let gone = files.copied().find(|path| self.is_gone(*path));
            if let Some(output) = gone.filter(|_| wanted.has(job) && !self.will_run(job)) {
                found.insert(job, Reason::Awaited(output));
                rest.push(job);
            }
        }
        while !rest.is_empty() {
            while let Some(by) = rest.pop() {
                let inputs = plan.inputs(by).iter().chain(self.extra_inputs(by));
                for &output in inputs.filter(|path| self.is_gone(**path)) {
                    let producer = plan.producer(output).filter(|job| *job != by);
                    if let Some(job) = producer
                        && !self.will_run(job)
                        && !found.contains_key(&job)
                    {
                        found.insert(job, Reason::Needed { output, by });
                        rest.push(job);
                    }
                }
            }
            for &job in &known {
                if self.will_run(job) || found.contains_key(&job) {
                    continue;
                }
                let inputs = plan.inputs(job).iter().chain(self.extra_inputs(job));
                let mut producers = inputs.filter_map(|path| plan.producer(*path));
                let upstream = producers.find(|other| *other != job && found.contains_key(other));
                if let Some(upstream) = upstream {
                    found.insert(job, Reason::Upstream(upstream));
                    rest.push(job);
                }
            }
        }
        found
    }

    fn runs_for_certain(&self, job: JobId) -> bool {
        self.will_run(job) && !self.verdict(job).is_maybe()
    }

    /// Fresh jobs behind one that runs become a `maybe`.
    fn doubt_what_follows(&mut self, plan: &Plan, wanted: &Wanted) {
        for &job in &plan.known {
            if !wanted.has(job)
                || self.verdict(job) != Verdict::Fresh
                || self.ran.contains(job.index())
            {
                continue;
            }
            let inputs = plan.inputs(job).iter().chain(self.extra_inputs(job));
            let mut producers = inputs.filter_map(|path| plan.producer(*path));
            if let Some(upstream) = producers.find(|other| *other != job && self.will_run(*other)) {
                self.verdicts[job] = Verdict::Stale(Reason::Upstream(upstream));
            }
        }
    }
}
