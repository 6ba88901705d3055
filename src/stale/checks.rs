//! Which jobs' `check` commands are asked, all of a batch at once.

use std::collections::HashMap;

use super::{Checked, Judge, Verdict};
use crate::disk::Disk;
use crate::history::History;
use crate::plan::{Context, JobId, PathId, Plan};

impl Judge {
    /// Asks the checks of those of `jobs` that nothing stronger decides, and gives what they found.
    ///
    /// Who that is, a walk tells in which all checks say fresh: one behind a job that runs for
    /// certain is not among them, since its inputs are yet to come.
    pub(super) fn run_checks(
        &mut self,
        plan: &mut Plan,
        context: Context,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) -> HashMap<JobId, Checked> {
        let has_check = |job: &JobId| plan.rule_of(context.workflow, *job).check.is_some();
        if !jobs.iter().any(has_check) {
            return HashMap::new();
        }
        let (n_missing, n_unreadable) = (self.missing.len(), self.unreadable.len());
        let mut asked: Vec<JobId> = Vec::new();
        for &job in jobs {
            let rule = &context.workflow.rules[plan.jobs[job].rule];
            let outputs: Vec<PathId> = if rule.makes_unknown_files() {
                self.split_outputs(plan, context, disk, history, job)
            } else {
                plan.outputs(job).to_vec()
            };
            // A split without files is done only when its record says so.
            let is_made = !rule.makes_unknown_files()
                || !outputs.is_empty()
                || self.past(plan, context, history, job).is_some();
            let fresh = is_made.then_some(&Checked::Fresh);
            let verdict = self.verdict_of(plan, context, history, job, &outputs, fresh);
            if verdict == Verdict::Fresh && rule.check.is_some() {
                asked.push(job);
            }
            self.verdicts[job] = verdict;
        }
        for &job in jobs {
            self.verdicts[job] = Verdict::Unjudged;
        }
        // The walk that counts says all that again.
        self.missing.truncate(n_missing);
        self.unreadable.truncate(n_unreadable);
        let (Some(checks), false) = (&mut self.checks, asked.is_empty()) else {
            return HashMap::new();
        };
        let found = checks.run(plan, context.workflow, &asked);
        asked.into_iter().zip(found).collect()
    }
}
