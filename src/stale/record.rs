//! A job as it is now, in the form in which history keeps it.

use super::compare::captures;
use super::facts::Look;
use super::print::Print;
use crate::dense::Interner;
use crate::history::{File, Now};
use crate::pattern::NameId;
use crate::plan::{JobId, PathId, Plan};
use crate::stale::Facts;

/// The record of a job whose inputs, outputs and what else it was `found` to read are as `facts`
/// has them.
pub fn record<'a>(
    plan: &'a Plan,
    names: &'a Interner<NameId>,
    facts: &Facts,
    print: &'a Print,
    found: &[PathId],
    job: JobId,
) -> Now<'a> {
    let files = |paths: &[PathId]| {
        let file = |path: &PathId| match facts.get(*path) {
            Look::There { time, size } => Some(File {
                path: plan.path(*path),
                time,
                size,
                hash: facts.hash(*path),
            }),
            Look::Missing | Look::Unknown => None,
        };
        paths.iter().filter_map(file).collect()
    };
    Now {
        recipe: print.recipe,
        params: print.params,
        captures: captures(plan, names, job, print).collect(),
        inputs: files(plan.inputs(job)),
        outputs: files(plan.made(job).unwrap_or(plan.outputs(job))),
        found: files(found),
        ended_ms: 0,
        wall_ms: None,
        max_rss_kib: 0,
    }
}
