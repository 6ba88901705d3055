//! Temporary files that a run would delete, as far as a plan can tell: those whose readers are all
//! known, all asked for, and would all be done.

use std::collections::HashSet;

use bstr::BStr;

use super::targets::Judged;
use crate::plan::{JobId, PathId};
use crate::stale::{Look, Verdict};
use crate::workflow::Workflow;

/// The files, in the order of the rules and jobs that make them.
pub fn files<'j>(judged: &'j Judged, workflow: &Workflow) -> Vec<&'j BStr> {
    let Judged {
        plan,
        wanted,
        judge,
    } = judged;
    let mut files = Vec::new();
    for (rule, found) in workflow.rules.iter().filter(|(_, rule)| rule.is_temp) {
        let readers = workflow.readers(rule);
        if !found.is_active() || !readers.iter().all(|reader| plan.is_complete(*reader)) {
            continue;
        }
        let mut read: HashSet<PathId> = HashSet::new();
        let mut kept: HashSet<PathId> = HashSet::new();
        for job in readers.iter().flat_map(|reader| plan.jobs_of(*reader)) {
            let inputs = plan.inputs(job).iter().chain(judge.extra_inputs(job));
            read.extend(inputs.clone());
            if !wanted.has(job) {
                kept.extend(inputs);
            }
        }
        let is_doomed = |job: JobId, path: PathId| {
            let is_there = match judge.verdict(job) {
                verdict @ Verdict::Stale(_) if !verdict.is_maybe() => true,
                _ => !judge.is_gone(path) && matches!(judge.facts.get(path), Look::There { .. }),
            };
            is_there && !kept.contains(&path)
        };
        for job in plan.jobs_of(rule) {
            if !wanted.has(job) || wanted.is_named(plan, job) {
                continue;
            }
            let made = plan.made(job).unwrap_or(plan.outputs(job)).iter();
            let (own, unread): (Vec<PathId>, Vec<PathId>) =
                made.partition(|path| read.contains(path));
            let n_own = own.len();
            let mut doomed: Vec<PathId> = own
                .into_iter()
                .filter(|path| is_doomed(job, *path))
                .collect();
            // What nothing reads goes with what is read.
            if n_own > 0 && doomed.len() == n_own {
                doomed.extend(unread);
            }
            files.extend(doomed.into_iter().map(|path| plan.path(path)));
        }
    }
    files
}
