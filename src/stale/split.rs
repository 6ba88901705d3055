//! The files of splits: those on record, those that match now, and those of somebody else.

use std::collections::HashSet;

use super::Judge;
use crate::disk::Disk;
use crate::history::History;
use crate::plan::{Context, JobId, PathId, Plan};

impl Judge {
    /// What a split has made: what its record says, else what its globs match now.
    pub(super) fn split_outputs(
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
    pub(super) fn note_foreign(
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
                Ok(found) => files.extend(found.iter().map(|one| plan.paths.intern(one.name))),
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
}
