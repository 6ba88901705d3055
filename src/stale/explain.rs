//! A reason as a difference: what is recorded, and what is there now.

use bstr::{BString, ByteSlice};

use super::compare::captures;
use super::facts::Look;
use super::{Judge, Reason};
use crate::disk::Time;
use crate::history::{History, Past};
use crate::plan::{Context, JobId, PathId, Plan};

/// A file's time and size.
pub type Stamp = (Time, u64);

/// What a reason stands on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// The reason says it all.
    Plain,
    /// A file as recorded and as it is; `None` where it is not there.
    File {
        path: PathId,
        old: Option<Stamp>,
        new: Option<Stamp>,
    },
    /// Inputs that are no more, and new ones; both empty when only their order differs.
    Members {
        gone: Vec<BString>,
        come: Vec<BString>,
    },
    /// The recipe's text.
    Recipe { old: BString, new: BString },
    /// Each param, capture or variable that differs.
    Params(Vec<Change>),
}

/// A name with its old and its new value; `None` where it had or has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub name: BString,
    pub old: Option<BString>,
    pub new: Option<BString>,
}

/// Says what a reason stands on.
pub fn explain(
    plan: &Plan,
    context: Context,
    judge: &Judge,
    history: &dyn History,
    job: JobId,
    reason: Reason,
) -> Difference {
    let last = history.last(plan.key(job));
    let Some(past) = last.and_then(|last| last.past) else {
        return Difference::Plain;
    };
    let print = &judge.prints[plan.jobs[job].rule];
    let text = |id| history.text(id).map(BString::from).unwrap_or_default();
    match reason {
        Reason::OutputChanged(path) => {
            let old = past.outputs().find(|file| file.path == plan.path(path));
            file(judge, path, old.map(|file| (file.time, file.size)))
        }
        Reason::InputChanged(path) | Reason::InputGone(path) => {
            let mut old = past.inputs().chain(past.found());
            let old = old.find(|file| file.path == plan.path(path));
            file(judge, path, old.map(|file| (file.time, file.size)))
        }
        Reason::InputsDiffer => members(plan, job, &past),
        Reason::RecipeChanged => Difference::Recipe {
            old: text(past.recipe),
            new: print.recipe_text.clone(),
        },
        Reason::ParamsChanged => {
            let mut old = pairs(&text(past.params));
            let mut new = pairs(&print.params_text);
            old.extend(
                past.captures()
                    .map(|(name, value)| (name.into(), value.into())),
            );
            let names = &context.workflow.names;
            let now = captures(plan, names, job, print);
            new.extend(now.map(|(name, value)| (name.into(), value.into())));
            Difference::Params(differing(old, new))
        }
        _ => Difference::Plain,
    }
}

fn file(judge: &Judge, path: PathId, old: Option<Stamp>) -> Difference {
    let new = match judge.facts.get(path) {
        Look::There { time, size } => Some((time, size)),
        Look::Missing | Look::Unknown => None,
    };
    Difference::File { path, old, new }
}

fn members(plan: &Plan, job: JobId, past: &Past) -> Difference {
    let old: Vec<BString> = past.inputs().map(|file| file.path.into()).collect();
    let new: Vec<BString> = plan
        .inputs(job)
        .iter()
        .map(|path| plan.path(*path).into())
        .collect();
    let less = |all: &[BString], others: &[BString]| {
        let others: std::collections::HashSet<&BString> = others.iter().collect();
        all.iter()
            .filter(|path| !others.contains(path))
            .cloned()
            .collect()
    };
    Difference::Members {
        gone: less(&old, &new),
        come: less(&new, &old),
    }
}

type Pair = (BString, BString);

/// The lines `name=value` of a text.
fn pairs(text: &[u8]) -> Vec<Pair> {
    let pair = |line: &[u8]| {
        let (name, value) = line.split_once_str("=").unwrap_or((line, b""));
        (
            name.into(),
            value.replace("\\n", "\n").replace("\\\\", "\\").into(),
        )
    };
    text.lines().map(pair).collect()
}

fn differing(old: Vec<Pair>, new: Vec<Pair>) -> Vec<Change> {
    let find = |pairs: &[Pair], name: &BString| -> Option<BString> {
        pairs
            .iter()
            .find(|pair| pair.0 == *name)
            .map(|pair| pair.1.clone())
    };
    let mut names: Vec<&BString> = old.iter().chain(&new).map(|pair| &pair.0).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| Change {
            name: name.clone(),
            old: find(&old, name),
            new: find(&new, name),
        })
        .filter(|change| change.old != change.new)
        .collect()
}
