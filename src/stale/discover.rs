//! What jobs read beyond their inputs, as earlier runs found out.

use super::{Judge, Look, Reason};
use crate::dense::Id;
use crate::disk::Disk;
use crate::plan::want::Wanted;
use crate::plan::{Context, Entry, JobId, PathId, Plan};

impl Judge {
    /// Looks up what the wanted jobs of rules with `deps` read. At first, whoever makes such a file
    /// is wanted too.
    pub(super) fn discover(
        &mut self,
        plan: &mut Plan,
        context: Context,
        wanted: &mut Wanted,
        disk: &dyn Disk,
    ) {
        let rules = context.workflow.rules.values();
        if rules.iter().all(|rule| rule.deps.is_none()) {
            return;
        }
        let is_first = self.n_judged == 0;
        loop {
            let mut found: Vec<PathId> = Vec::new();
            for &job in &plan.known {
                let rule = &context.workflow.rules[plan.jobs[job].rule];
                if rule.deps.is_none() || !wanted.has(job) || self.extra.contains_key(&job) {
                    continue;
                }
                let files = self
                    .discovered
                    .as_ref()
                    .and_then(|all| all.files(plan.key(job)));
                let files = files.map(|files| -> Vec<PathId> {
                    let files = files.iter().map(|file| plan.paths.intern(file));
                    files.collect()
                });
                found.extend(files.iter().flatten());
                self.extra.insert(job, files);
            }
            if found.is_empty() {
                return;
            }
            if is_first {
                let files = found.iter().map(|path| Entry::File(*path));
                wanted.add(plan, context, files);
            }
            found.retain(|path| self.facts.get(*path) == Look::Unknown);
            found.sort_by_key(|path| path.index());
            found.dedup();
            self.facts.look_at(plan, disk, &found, &mut self.unreadable);
            if !is_first {
                return;
            }
        }
    }

    /// Files that the job is known to read beside its inputs.
    pub fn extra_inputs(&self, job: JobId) -> &[PathId] {
        let extra = self.extra.get(&job).and_then(Option::as_deref);
        extra.unwrap_or_default()
    }

    /// The job has told what it reads beside its inputs.
    pub fn set_extra(&mut self, job: JobId, files: Vec<PathId>) {
        self.extra.insert(job, Some(files));
    }

    /// Why what the job reads beside its inputs makes it stale, times aside.
    pub(super) fn stale_by_discovery(&self, plan: &Plan, job: JobId) -> Option<Reason> {
        match self.extra.get(&job)? {
            None => Some(Reason::InputsUnknown),
            Some(files) => {
                let is_gone = |path: &&PathId| {
                    self.facts.get(**path) == Look::Missing && plan.producer(**path).is_none()
                };
                files
                    .iter()
                    .find(is_gone)
                    .map(|path| Reason::InputGone(*path))
            }
        }
    }
}
