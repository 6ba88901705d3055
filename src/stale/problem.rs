//! An input that is not there and that nothing makes, as its author needs to hear of it.

use bstr::BString;

use super::{Judge, MissingInput};
use crate::lang::Diag;
use crate::pattern::facts::{dir, name};
use crate::pattern::nearest_path;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::workflow::Source;

/// After so many the rest is counted.
const SHOWN: usize = 10;

/// One diagnostic per missing file, with how it came to be asked for and the nearest file.
pub fn missing_inputs(plan: &Plan, context: Context, wanted: &Wanted, judge: &Judge) -> Vec<Diag> {
    let mut seen: Vec<PathId> = Vec::new();
    let mut found = Vec::new();
    let mut n_more = 0;
    for missing in &judge.missing {
        if seen.len() >= SHOWN {
            n_more += 1;
        } else if !seen.contains(&missing.path) {
            seen.push(missing.path);
            found.push(missing_input(plan, context, wanted, missing));
        }
    }
    if n_more > 0 {
        let text = format!("{n_more} more inputs are missing");
        found.push(Diag::error("E0330", text));
    }
    found
}

/// One diagnostic per check that said neither yes nor no.
pub fn failed_checks(plan: &Plan, context: Context, judge: &Judge) -> Vec<Diag> {
    let failed = judge.failed_checks.iter();
    let mut found: Vec<Diag> = failed
        .take(SHOWN)
        .map(|(job, why)| {
            let rule = plan.rule_of(context.workflow, *job);
            let span = rule.check.as_ref().map_or(rule.span, |check| check.span);
            let text = format!("the check of `{}` says neither yes nor no", plan.key(*job));
            Diag::error("E0332", text)
                .at(span, "exit status 0 is fresh, 1 is stale")
                .note(why.clone())
        })
        .collect();
    if judge.failed_checks.len() > SHOWN {
        let n_more = judge.failed_checks.len() - SHOWN;
        found.push(Diag::error("E0332", format!("{n_more} more checks failed")));
    }
    found
}

fn missing_input(plan: &Plan, context: Context, wanted: &Wanted, missing: &MissingInput) -> Diag {
    let MissingInput { job, path } = *missing;
    let text = plan.path(path);
    let rule = plan.rule_of(context.workflow, job);
    let mut span = rule.span;
    for source in rule.asked() {
        if let Source::Files(word) = source
            && word.literal().is_some_and(|literal| literal == text)
        {
            span = word.span;
        }
    }
    let mut diag = Diag::error(
        "E0330",
        format!("`{text}` is not there, and no rule makes it"),
    )
    .at(span, format!("an input of `{}`", rule.name));
    let chain = chain(plan, wanted, job);
    let names: Vec<String> = chain
        .iter()
        .map(|&job| {
            let rule = plan.rule_of(context.workflow, job);
            format!("`{}` ({})", plan.key(job), rule.name)
        })
        .collect();
    diag = diag.note(format!(
        "it is needed for {}",
        names.join(", which is needed for ")
    ));
    if text.iter().any(|byte| b"*?[".contains(byte)) {
        diag = diag
            .help("what a param, let or capture brings is no pattern: a glob stands in the header");
    }
    let mut rules = context.workflow.rules.iter();
    let inactive =
        rules.find(|(id, rule)| !rule.is_active() && context.workflow.may_make_path(*id, text));
    if let Some((_, rule)) = inactive
        && let Some(condition) = &rule.active_if
    {
        let note = format!("`{}` would make it, and takes no part", rule.name);
        return diag.and(condition.span, "not so in this run").note(note);
    }
    // One that is not there and is listed all the same.
    let listed = context.listing.borrow_mut().folder(dir(text).into());
    if let Ok(Some(entries)) = listed
        && entries
            .iter()
            .any(|entry| entry.is_link && entry.name == name(text))
    {
        return diag.note(match context.listing.borrow().is_circular(text) {
            true => "it is a link, and leads back to itself: a loop of links",
            false => "it is a link, and leads to nothing",
        });
    }
    let made = plan
        .paths
        .ids()
        .filter(|path| plan.producer(*path).is_some());
    let near = nearest_path(text, &mut context.listing.borrow_mut()).or_else(|| {
        crate::pattern::nearest_of(text, made.map(|path| plan.path(path))).map(BString::from)
    });
    match near {
        Some(near) => diag.help(format!("did you mean `{near}`?")),
        None => diag,
    }
}

/// The job, one that needs it, and so on; at most five.
fn chain(plan: &Plan, wanted: &Wanted, job: JobId) -> Vec<JobId> {
    let mut chain = vec![job];
    while chain.len() < 5 {
        let outputs = plan.outputs(chain[chain.len() - 1]);
        let next = plan.known.iter().copied().find(|&other| {
            wanted.has(other)
                && !chain.contains(&other)
                && plan
                    .inputs(other)
                    .iter()
                    .any(|input| outputs.contains(input))
        });
        match next {
            Some(next) => chain.push(next),
            None => break,
        }
    }
    chain
}
