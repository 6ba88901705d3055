//! Why a job runs, for people and for programs.

use bstr::{BString, ByteSlice};
use serde_json::{Value, json};

use crate::disk::{Time, is_of_folder};
use crate::event::json::path_json;
use crate::history::History;
use crate::plan::{Context, JobId, Plan};
use crate::run::ask::Because;
use crate::stale::explain::{Change, Difference, Stamp, explain};
use crate::stale::{Judge, Reason};
use crate::ui::{human, path, safe};

/// The reasons in the order in which plans count them.
pub const KINDS: [&str; 17] = [
    "forced",
    "always",
    "output is missing",
    "input is newer",
    "last try was cut off",
    "last try failed",
    "output was changed",
    "input was changed",
    "inputs came or went",
    "recipe was changed",
    "param was changed",
    "follows from another job",
    "its check says so",
    "no record says that it is done",
    "what it reads is not known yet",
    "a file that it read is gone",
    "temporary output is needed again",
];

/// The place of a reason in [`KINDS`].
pub fn kind(reason: Reason) -> usize {
    match reason {
        Reason::Forced => 0,
        Reason::Always => 1,
        Reason::OutputMissing(_) => 2,
        Reason::InputNewer { .. } => 3,
        Reason::Unfinished => 4,
        Reason::Failed => 5,
        Reason::OutputChanged(_) => 6,
        Reason::InputChanged(_) => 7,
        Reason::InputsDiffer => 8,
        Reason::RecipeChanged => 9,
        Reason::ParamsChanged => 10,
        Reason::Upstream(_) => 11,
        Reason::CheckCommand => 12,
        Reason::NoRecord => 13,
        Reason::InputsUnknown => 14,
        Reason::InputGone(_) => 15,
        Reason::Needed { .. } | Reason::Awaited(_) => 16,
    }
}

/// One sentence.
pub fn sentence(plan: &Plan, reason: Reason, detail: &Difference) -> String {
    match reason {
        Reason::Awaited(output) => {
            format!(
                "{}, which was temporary, may be needed again",
                path(plan.path(output))
            )
        }
        Reason::Forced => "forced".into(),
        Reason::Always => "always".into(),
        Reason::CheckCommand => "its check says so".into(),
        Reason::NoRecord => "no record says that it is done".into(),
        Reason::InputsUnknown => "what it reads is not known yet".into(),
        Reason::InputGone(input) => format!("{}, which it read, is gone", path(plan.path(input))),
        Reason::OutputMissing(output) => format!("{} is missing", path(plan.path(output))),
        Reason::Needed { output, by } => {
            let (output, by) = (plan.path(output), plan.key(by));
            format!(
                "{}, which was temporary, is needed for {}",
                path(output),
                path(by)
            )
        }
        Reason::InputNewer { input, output } => {
            format!(
                "{} is newer than {}",
                path(plan.path(input)),
                path(plan.path(output))
            )
        }
        Reason::Unfinished => "its last try was cut off".into(),
        Reason::Failed => "its last try failed".into(),
        Reason::OutputChanged(output) => {
            format!(
                "{} is not what the job made{}",
                path(plan.path(output)),
                change(detail)
            )
        }
        Reason::InputChanged(input) => {
            format!("{} was changed{}", path(plan.path(input)), change(detail))
        }
        Reason::InputsDiffer => members(detail),
        Reason::RecipeChanged => "the recipe was changed".into(),
        Reason::ParamsChanged => params(detail),
        Reason::Upstream(job) => format!("{} will be made again", path(plan.key(job))),
    }
}

/// What differs in a file: its size if that does, else its time.
fn change(detail: &Difference) -> String {
    match detail {
        Difference::File {
            old: Some(old),
            new: Some(new),
            ..
        } if is_of_folder(new.1) && old.1 != new.1 => ": other names are in it".into(),
        Difference::File {
            old: Some(old),
            new: Some(new),
            ..
        } if old == new => ": its content is another".into(),
        Difference::File {
            old: Some(old),
            new: Some(new),
            ..
        } if old.1 != new.1 => {
            format!(": {} then, {} now", human::size(old.1), human::size(new.1))
        }
        Difference::File {
            old: Some(old),
            new: Some(new),
            ..
        } => {
            format!(": of {} then, {} now", moment(old.0), moment(new.0))
        }
        _ => String::new(),
    }
}

fn members(detail: &Difference) -> String {
    let Difference::Members { gone, come } = detail else {
        return "other inputs".into();
    };
    let list = |files: &[BString], what: &str| match files {
        [] => None,
        [one] => Some(format!("{} {what}", path(one))),
        [first, rest @ ..] => Some(format!("{} and {} more {what}", path(first), rest.len())),
    };
    let parts: Vec<String> = [list(come, "came"), list(gone, "went")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() {
        "the order of its inputs differs".into()
    } else {
        parts.join(", ")
    }
}

fn params(detail: &Difference) -> String {
    let Difference::Params(changed) = detail else {
        return "a param was changed".into();
    };
    let shown = |value: &Option<BString>| match value {
        Some(value) => safe::line(value),
        None => "nothing".into(),
    };
    let each = changed.iter().map(|Change { name, old, new }| {
        format!("{} was {}, is {}", safe::line(name), shown(old), shown(new))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn moment(time: Time) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(time) => time.to_string(),
        Err(_) => "?".into(),
    }
}

/// Why a job runs, for whoever asks its run.
pub fn because(
    plan: &Plan,
    context: Context,
    judge: &Judge,
    history: &dyn History,
    job: JobId,
    reason: Reason,
) -> Because {
    let detail = explain(plan, context, judge, history, job, reason);
    Because {
        reason: value(plan, reason, &Difference::Plain)["kind"]
            .as_str()
            .unwrap_or_default()
            .into(),
        text: sentence(plan, reason, &detail),
    }
}

/// The machine-readable form.
pub fn value(plan: &Plan, reason: Reason, detail: &Difference) -> Value {
    let name = |path| path_json(plan.path(path));
    let mut value = match reason {
        Reason::Forced => json!({"kind": "forced"}),
        Reason::Always => json!({"kind": "always"}),
        Reason::CheckCommand => json!({"kind": "check_command"}),
        Reason::InputsUnknown => json!({"kind": "inputs_differ"}),
        Reason::InputGone(path) => {
            json!({"kind": "input_changed", "path": name(path), "new": null})
        }
        Reason::OutputMissing(path) => json!({"kind": "output_missing", "path": name(path)}),
        Reason::Needed { output, by } => json!({
            "kind": "output_missing", "path": name(output), "needed_for": path_json(plan.key(by)),
        }),
        Reason::Awaited(output) => json!({"kind": "output_missing", "path": name(output)}),
        Reason::InputNewer { input, output } => {
            json!({"kind": "input_newer", "input": name(input), "output": name(output)})
        }
        Reason::Unfinished | Reason::NoRecord => json!({"kind": "unfinished"}),
        Reason::Failed => json!({"kind": "failed"}),
        Reason::OutputChanged(path) => json!({"kind": "output_changed", "path": name(path)}),
        Reason::InputChanged(path) => json!({"kind": "input_changed", "path": name(path)}),
        Reason::InputsDiffer => json!({"kind": "inputs_differ"}),
        Reason::RecipeChanged => json!({"kind": "recipe_changed"}),
        Reason::ParamsChanged => json!({"kind": "params_changed"}),
        Reason::Upstream(job) => json!({"kind": "upstream", "path": upstream(plan, job)}),
    };
    let stamp = |stamp: &Option<Stamp>| match stamp {
        Some((time, size)) if is_of_folder(*size) => json!({"time": moment(*time)}),
        Some((time, size)) => json!({"time": moment(*time), "size": size}),
        None => Value::Null,
    };
    let texts = |files: &[BString]| files.iter().map(|file| path_json(file)).collect::<Value>();
    match detail {
        Difference::Plain => {}
        Difference::File { old, new, .. } => {
            value["old"] = stamp(old);
            value["new"] = stamp(new);
        }
        Difference::Members { gone, come } => {
            value["old"] = texts(gone);
            value["new"] = texts(come);
        }
        Difference::Recipe { old, new } => {
            value["old"] = old.to_str_lossy().into();
            value["new"] = new.to_str_lossy().into();
        }
        Difference::Params(changed) => {
            let side = |pick: fn(&Change) -> &Option<BString>| {
                let pairs = changed.iter().filter_map(|change| {
                    let value = pick(change).as_ref()?;
                    Some((change.name.to_string(), path_json(value)))
                });
                Value::Object(pairs.collect())
            };
            value["old"] = side(|change| &change.old);
            value["new"] = side(|change| &change.new);
        }
    }
    value
}

fn upstream(plan: &Plan, job: JobId) -> Value {
    path_json(plan.key(job))
}
