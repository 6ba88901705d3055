//! `--minimal`: a job that agrees with its own record ends the search for work; what is missing or
//! stale before it is left alone.

use super::Judge;
use super::settle::grow;
use super::{Look, Verdict};
use crate::dense::{BitSet, Id};
use crate::disk::Disk;
use crate::history::History;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, Plan};

/// Judges until the jobs that end the search are those before which nothing will run.
///
/// Every round either finds a job that does not end it after all, or makes the plan grow.
pub(super) fn settle(
    plan: &mut Plan,
    context: Context,
    wanted: &mut Wanted,
    judge: &mut Judge,
    disk: &dyn Disk,
    history: &dyn History,
) {
    let mut go_on = BitSet::default();
    loop {
        judge.start_again();
        let mut ends = judge.agreeing(plan, context, wanted, disk, history);
        for job in plan.jobs.ids().filter(|job| go_on.contains(job.index())) {
            ends.remove(job.index());
        }
        let n_known = plan.known.len();
        wanted.begin_again(plan, context, ends.clone());
        grow(plan, context, wanted, judge, disk, history);
        let mut is_settled = plan.known.len() == n_known;
        for job in plan.jobs.ids() {
            // It needs what will be made for another one.
            if ends.contains(job.index()) && judge.will_run(job) {
                go_on.insert(job.index());
                is_settled = false;
            }
        }
        if is_settled {
            return;
        }
    }
}

impl Judge {
    /// Known jobs whose own outputs, inputs and record agree, whatever is before them.
    fn agreeing(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
    ) -> BitSet {
        let jobs: Vec<JobId> = plan.known.clone();
        // Nothing will run as far as is known here, so each verdict is about the job alone.
        let mut agreeing = BitSet::default();
        for job in self.alone(plan, context, wanted, disk, history, &jobs) {
            let is_there = |path| matches!(self.facts.get(path), Look::There { .. });
            let last = history.last(plan.key(job));
            let is_recorded = last.is_some_and(|last| last.past.is_some());
            if is_recorded || plan.inputs(job).iter().all(|path| is_there(*path)) {
                agreeing.insert(job.index());
            }
        }
        self.missing.clear();
        agreeing
    }

    /// Whether the job is fresh when only it is looked at.
    pub fn is_fresh_alone(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
        job: JobId,
    ) -> bool {
        let n_missing = self.missing.len();
        let fresh = self.alone(plan, context, wanted, disk, history, &[job]);
        let has_inputs = self.missing.len() == n_missing;
        self.missing.truncate(n_missing);
        has_inputs && !fresh.is_empty()
    }

    /// The jobs that are fresh when only they are looked at.
    fn alone(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &Wanted,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) -> Vec<JobId> {
        self.look(plan, context, wanted, disk, history, jobs);
        let mut fresh = Vec::new();
        for &job in jobs {
            let rule = plan.rule_of(context.workflow, job);
            let is_split = rule.makes_unknown_files();
            let files = match is_split {
                true => self.split_outputs(plan, context, disk, history, job),
                false => plan.outputs(job).to_vec(),
            };
            let verdict = self.verdict_of(plan, context, history, job, &files, None);
            if verdict == Verdict::Fresh {
                fresh.push(job);
            }
        }
        fresh
    }
}
