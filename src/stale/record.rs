//! A job as it is now, in the form in which history keeps it.

use super::compare::captures;
use super::facts::Look;
use super::print::Print;
use crate::dense::Interner;
use crate::history::{File, Now};
use crate::pattern::NameId;
use crate::plan::{JobId, PathId, Plan};
use crate::stale::Facts;

/// The record of a job whose inputs and outputs are as `facts` has them.
pub fn record<'a>(
    plan: &'a Plan,
    names: &'a Interner<NameId>,
    facts: &Facts,
    print: &'a Print,
    job: JobId,
) -> Now<'a> {
    let files = |paths: &[PathId]| {
        let file = |path: &PathId| match facts.get(*path) {
            Look::There { time, size } => Some(File {
                path: plan.path(*path),
                time,
                size,
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
        ended_ms: 0,
        wall_ms: None,
        max_rss_kib: 0,
    }
}
