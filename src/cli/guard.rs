//! Stale jobs whose outputs are protected: an error before anything runs.

use super::reason;
use crate::disk::Disk;
use crate::history::History;
use crate::lang::Diag;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, Plan};
use crate::stale::explain::explain;
use crate::stale::{Judge, Reason, Verdict};
use crate::ui::{human, path};
use crate::workflow::RuleId;

/// After so many the rest is counted.
const SHOWN: usize = 100;

/// One diagnostic that lists them all. One behind a job that will run may come out fresh, and is told
/// when it does not.
pub fn protected(
    plan: &Plan,
    context: Context,
    wanted: &Wanted,
    judge: &Judge,
    disk: &dyn Disk,
    history: &dyn History,
) -> Option<Diag> {
    let wanted = plan.known.iter().filter(|job| wanted.has(**job));
    let guarded: Vec<(JobId, Reason)> = wanted
        .filter_map(|&job| match judge.verdict(job) {
            Verdict::Stale(reason) if !judge.verdict(job).is_maybe() => Some((job, reason)),
            _ => None,
        })
        .filter(|(job, _)| judge.is_guarded(plan, context, disk, history, *job))
        .collect();
    let mut rules: Vec<RuleId> = guarded
        .iter()
        .map(|(job, _)| plan.jobs[*job].rule)
        .collect();
    rules.sort();
    rules.dedup();
    let rules = rules.iter().map(|rule| &context.workflow.rules[*rule]);
    let first = rules.clone().next()?;
    let what = match guarded.as_slice() {
        [(job, _)] => format!("{} is protected, and out of date", path(plan.key(*job))),
        _ => format!(
            "the outputs of {} are protected, and out of date",
            human::counted(guarded.len() as u64, "job")
        ),
    };
    let mut diag = Diag::error("E0334", what).at(first.name_span, "its outputs are protected");
    for rule in rules.clone().skip(1) {
        diag = diag.and(rule.name_span, "and those of this rule");
    }
    for (job, reason) in guarded.iter().take(SHOWN) {
        let detail = explain(plan, context, judge, history, *job, *reason);
        let why = reason::sentence(plan, *reason, &detail);
        diag = diag.note(format!("{}: {why}", path(plan.key(*job))));
    }
    if guarded.len() > SHOWN {
        diag = diag.note(format!("and {} more", guarded.len() - SHOWN));
    }
    let force: Vec<String> = rules.map(|rule| format!("--force {}", rule.name)).collect();
    let is_forced = |(_, reason): &(JobId, Reason)| *reason == Reason::Forced;
    let but = match guarded.iter().any(is_forced) {
        true => "; `--always-make` alone does not",
        false => "",
    };
    let diag = diag.help(format!("`{}` overwrites them{but}", force.join(" ")));
    let may_stay = |(_, reason): &(JobId, Reason)| {
        let is_asked = matches!(reason, Reason::Forced | Reason::Always);
        !is_asked && !matches!(reason, Reason::OutputMissing(_))
    };
    Some(match guarded.iter().any(may_stay) {
        true => diag.help("`flow accept` takes them for what they should be"),
        false => diag,
    })
}
