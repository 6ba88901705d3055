//! Jobs that must not run although they are stale: their outputs are there, and protected.

use super::Judge;
use crate::dense::Id;
use crate::disk::Disk;
use crate::history::History;
use crate::plan::{Context, JobId, Plan};

impl Judge {
    /// Whether the job is stale, and would overwrite outputs that its rule protects. Those of a job
    /// that was tried and has never succeeded are of no worth; those of which nothing is recorded may
    /// be.
    pub fn is_guarded(
        &self,
        plan: &Plan,
        context: Context,
        disk: &dyn Disk,
        history: &dyn History,
        job: JobId,
    ) -> bool {
        let rule = plan.jobs[job].rule;
        let is_named = self.forced.rules.contains(rule.index());
        let found = &context.workflow.rules[rule];
        if !found.is_protected || is_named || !self.will_run(job) {
            return false;
        }
        let last = history.last(plan.key(job));
        let past = last.and_then(|last| last.past);
        if last.is_some() && past.is_none() {
            return false;
        }
        // What cannot be looked at may be there.
        let is_there = |path: &[u8]| !matches!(disk.stat(path), Ok(None));
        match found.makes_unknown_files() {
            true => past.is_some_and(|past| past.outputs().any(|file| is_there(file.path))),
            false => {
                let mut outputs = plan.outputs(job).iter();
                outputs.any(|path| is_there(plan.path(*path)))
            }
        }
    }
}
