//! One cause that much of a run hangs on, said before it begins.

use std::collections::HashMap;

use super::follow;
use super::open::Opened;
use super::targets::Judged;
use super::why::recipe_line;
use crate::dense::{Id, Table};
use crate::history::History;
use crate::plan::{Context, JobId, PathId};
use crate::stale::explain::{Difference, explain};
use crate::stale::{Reason, Verdict};
use crate::ui::{human, path};
use crate::workflow::RuleId;

/// Below this nobody needs to be asked.
const WORTH_SAYING: u64 = 10;

/// What makes jobs run that would otherwise be left as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Cause {
    Recipe(RuleId),
    Params(RuleId),
    Input(PathId),
}

/// A sentence, where at least ten jobs and half of those that will run hang on one cause; `accept`
/// is the command that keeps what there is.
pub fn sentence(
    opened: &Opened,
    context: Context,
    judged: &Judged,
    history: &dyn History,
    accept: &str,
) -> Option<String> {
    let Judged {
        plan,
        wanted,
        judge,
    } = judged;
    let is_stale = |job: &JobId| matches!(judge.verdict(*job), Verdict::Stale(_));
    if !plan.known.iter().any(is_stale) {
        return None;
    }
    let mut causes: Table<JobId, Option<Cause>> = Table::filled(plan.jobs.len(), None);
    // With the first job of each, which shows what differs.
    let mut counts: HashMap<Cause, (u64, JobId)> = HashMap::new();
    let (mut n_wanted, mut n_stale) = (0, 0);
    for &job in plan.known.iter().filter(|job| wanted.has(**job)) {
        n_wanted += 1;
        let Verdict::Stale(reason) = judge.verdict(job) else {
            continue;
        };
        n_stale += 1;
        let rule = plan.jobs[job].rule;
        causes[job] = match reason {
            Reason::RecipeChanged => Some(Cause::Recipe(rule)),
            Reason::ParamsChanged => Some(Cause::Params(rule)),
            Reason::InputChanged(input) | Reason::InputNewer { input, .. } => {
                Some(Cause::Input(input))
            }
            Reason::Upstream(other) => causes[other],
            _ => None,
        };
        if let Some(cause) = causes[job] {
            counts.entry(cause).or_insert((0, job)).0 += 1;
        }
    }
    let most = counts.iter().max_by_key(|(_, (n, job))| (*n, job.index()));
    let (&cause, &(n, first)) = most?;
    if n < WORTH_SAYING || n * 2 < n_stale {
        return None;
    }
    let name = |rule: RuleId| &opened.workflow.rules[rule].name;
    let detail = |reason| explain(plan, context, judge, history, first, reason);
    let (why, what) = match cause {
        Cause::Recipe(rule) => {
            let line = match detail(Reason::RecipeChanged) {
                Difference::Recipe { old, new } => {
                    format!(" (line {})", recipe_line(opened, rule, &old, &new))
                }
                _ => String::new(),
            };
            let why = format!("the recipe of `{}` changed{line}", name(rule));
            (why, format!(" {}", name(rule)))
        }
        Cause::Params(rule) => {
            let reason = Reason::ParamsChanged;
            let changed = super::reason::sentence(plan, reason, &detail(reason));
            let why = format!("of `{}`: {changed}", name(rule));
            (why, format!(" {}", name(rule)))
        }
        Cause::Input(input) => {
            let why = format!("{} changed", path(plan.path(input)));
            (why, String::new())
        }
    };
    let jobs = causes.iter().filter(|(_, of)| **of == Some(cause));
    let cost = follow::count(plan, context, history, jobs.map(|(job, _)| job));
    let took = match cost.n_timed {
        0 => String::new(),
        _ => {
            let took = human::duration(cost.wall_ms as f64 / 1000.0);
            format!("; they took {took} last time")
        }
    };
    let (n, all) = (human::count(n), human::counted(n_wanted, "job"));
    Some(format!(
        "{n} of {all} run because {why}{took}; `{accept}{what}` keeps them"
    ))
}
