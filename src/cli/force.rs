//! `--force`: rules whose jobs run whatever their state, and those named in vain.

use std::collections::HashSet;

use super::options::Force;
use super::targets::{no_such_rule, rule};
use crate::dense::Id;
use crate::lang::Diag;
use crate::plan::Plan;
use crate::plan::want::Wanted;
use crate::stale::Forced;
use crate::workflow::{RuleId, Workflow};

/// What is forced; a mistake for each name that is no rule's.
pub fn forced(workflow: &Workflow, force: &Force) -> Result<Forced, Vec<Diag>> {
    let mut forced = Forced::default();
    let mut diags = Vec::new();
    forced.all = force.all;
    for name in &force.rules {
        match rule(workflow, name) {
            Some(rule) => {
                forced.rules.insert(rule.index());
            }
            None => diags.push(no_such_rule(workflow, "--force", name)),
        }
    }
    if diags.is_empty() {
        Ok(forced)
    } else {
        Err(diags)
    }
}

/// Rules of which nothing is asked for, so that to force them does nothing.
pub fn in_vain(workflow: &Workflow, plan: &Plan, wanted: &Wanted, force: &Force) -> Vec<Diag> {
    if force.rules.is_empty() {
        return Vec::new();
    }
    let jobs = plan.jobs.iter().filter(|(job, _)| wanted.has(*job));
    let stands = plan.stands.iter().filter(|(id, _)| wanted.has_stand(*id));
    let needed: HashSet<RuleId> = jobs
        .map(|(_, job)| job.rule)
        .chain(stands.filter_map(|(_, stand)| stand.rule))
        .collect();
    let rules = force.rules.iter().filter_map(|name| rule(workflow, name));
    let rules = rules.filter(|rule| !needed.contains(rule));
    rules
        .map(|rule| {
            let rule = &workflow.rules[rule];
            let text = format!("`--force {}`: nothing of it is asked for", rule.name);
            let diag = Diag::warning("W0345", text);
            match &rule.active_if {
                Some(condition) if !rule.is_active() => {
                    diag.at(condition.span, "not so in this run")
                }
                _ => diag.at(rule.span, "no target needs a job of this rule"),
            }
        })
        .collect()
}
