//! `flow run -n -t`: what `flow run -t` would touch. Writes nothing: the disk is rehearsed on, and
//! the history was not opened for writing.

use std::cell::RefCell;
use std::fmt::Write as _;

use bstr::BStr;
use serde_json::{Value, json};

use super::accept::left;
use super::options::PlanOptions;
use super::targets::{Judged, Manner, judge};
use super::{Exit, hands, open};
use crate::disk::{Disk, Real, Rehearsal};
use crate::event::json::path_json;
use crate::history::Store;
use crate::pattern::Listing;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::run::touch::{Deed, Marking};
use crate::ui::{human, path};
use crate::workflow::Rule;

pub fn rehearse(options: &PlanOptions) -> anyhow::Result<Exit> {
    let opened = match open::open(&options.common, &options.place, &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let hands = hands::for_question(&opened)?;
    let real = Real::open(&opened.folder)?.with_lists(opened.lists(), false);
    let disk = Rehearsal::over(&real);
    let listing = RefCell::new(Listing::new(&disk));
    let mut history = Store::read(&opened.state)?;
    let manner = Manner {
        force: &options.force,
        shows_all: true,
        changed: &options.what_if.changed,
        is_minimal: options.what_if.is_minimal,
        hands: hands.as_ref(),
        ..Manner::question(options.checksum_level)
    };
    let judged = judge(
        &opened,
        &disk,
        &history,
        &listing,
        &options.targets,
        &manner,
    );
    let Judged {
        mut plan,
        mut wanted,
        mut judge,
    } = match judged {
        Ok(judged) => judged,
        Err(exit) => return Ok(exit),
    };
    let mut out = String::new();
    let marked = Marking {
        context: Context {
            workflow: &opened.workflow,
            listing: &listing,
        },
        plan: &mut plan,
        wanted: &mut wanted,
        judge: &mut judge,
        disk: &disk,
        history: &mut history,
        deed: Deed::Touch,
    }
    .mark(&mut |plan, job| {
        let rule = plan.rule_of(&opened.workflow, job);
        let line = match options.json {
            true => job_json(plan, &real, rule, job).to_string(),
            false => job_line(plan, &real, rule, job),
        };
        writeln!(out, "{line}").expect("a string takes all");
    })?;
    if !options.json {
        match marked.done.len() {
            0 => out += "everything is up to date\n",
            n => {
                let n = human::counted(n as u64, "job");
                writeln!(out, "\n{n} would look done").expect("a string takes all");
            }
        }
    }
    anstream::print!("{out}");
    // A question is answered whatever it finds.
    left(&plan, &marked, "would be left as they were");
    Ok(Exit::Done)
}

/// Those of its outputs that are not there; temporary ones are not made.
fn created<'p>(plan: &'p Plan, real: &Real, rule: &Rule, job: JobId) -> Vec<&'p BStr> {
    let outputs = plan.made(job).unwrap_or(plan.outputs(job)).iter();
    let outputs = outputs.map(|output| plan.path(*output));
    let is_missing = |output: &&BStr| !rule.is_temp && matches!(real.stat(output), Ok(None));
    outputs.filter(is_missing).collect()
}

fn job_line(plan: &Plan, real: &Real, rule: &Rule, job: JobId) -> String {
    let key = path(plan.key(job));
    let created = created(plan, real, rule, job);
    let created: Vec<String> = created.iter().map(|output| path(output)).collect();
    let what = match created.is_empty() {
        true => "new times".into(),
        false => format!("made empty: {}", created.join(" ")),
    };
    format!("{} {key}  {what}", rule.name)
}

fn job_json(plan: &Plan, real: &Real, rule: &Rule, job: JobId) -> Value {
    let paths = |paths: &[PathId]| -> Value {
        let paths = paths.iter();
        paths.map(|id| path_json(plan.path(*id))).collect()
    };
    let created = created(plan, real, rule, job);
    json!({
        "schema": 1,
        "job": path_json(plan.key(job)),
        "rule": rule.name,
        "inputs": paths(plan.inputs(job)),
        "outputs": paths(plan.made(job).unwrap_or(plan.outputs(job))),
        "state": "touched",
        "created": created.iter().map(|output| path_json(output)).collect::<Value>(),
    })
}
