//! Which jobs' `check` commands are asked, all of a batch at once.

use std::collections::HashMap;

use super::{Checked, Judge, Look};
use crate::disk::Disk;
use crate::plan::{Context, JobId, PathId, Plan};

impl Judge {
    /// Asks the checks of those of `jobs` that are not stale by a stronger reason, and gives what
    /// they found.
    pub(super) fn run_checks(
        &mut self,
        plan: &mut Plan,
        context: Context,
        disk: &dyn Disk,
        jobs: &[JobId],
    ) -> HashMap<JobId, Checked> {
        let mut asked: Vec<JobId> = Vec::new();
        for &job in jobs {
            let rule = plan.rule_of(context.workflow, job);
            if rule.check.is_none() || rule.is_always || self.forced.has(plan.jobs[job].rule) {
                continue;
            }
            let split_files;
            let outputs: &[PathId] = if rule.makes_unknown_files() {
                split_files = self.split_files(plan, context, disk, job);
                &split_files
            } else {
                plan.outputs(job)
            };
            let is_there = |path: &PathId| matches!(self.facts.get(*path), Look::There { .. });
            if !outputs.is_empty() && outputs.iter().all(is_there) {
                asked.push(job);
            }
        }
        let (Some(checks), false) = (&mut self.checks, asked.is_empty()) else {
            return HashMap::new();
        };
        let found = checks.run(plan, context.workflow, &asked);
        asked.into_iter().zip(found).collect()
    }
}
