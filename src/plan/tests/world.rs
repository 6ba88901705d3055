//! A workflow and a disk in memory; the plan as text, one job a line.

use std::cell::RefCell;
use std::fmt::Write;

use bstr::{BString, ByteSlice};

use crate::disk::MemDisk;
use crate::lang::{Diag, Sources, parse};
use crate::pattern::Listing;
use crate::plan::{Context, Entry, JobId, PathId, Plan};
use crate::workflow::load::Settings;
use crate::workflow::{Workflow, load};

/// What a plan is made from.
pub(crate) struct World {
    /// For places in messages.
    pub sources: Sources,
    pub workflow: Workflow,
    pub disk: MemDisk,
}

impl World {
    /// Panics when the text is wrong.
    #[track_caller]
    pub fn new(text: &str, files: &[&str]) -> World {
        let mut sources = Sources::default();
        let file = sources.add("workflow.flow", text);
        let (ast, mut diags) = parse(file, text);
        let (workflow, found) = load(&ast, &mut sources, &Settings::default(), &|_| {
            Err(std::io::ErrorKind::NotFound.into())
        });
        diags.extend(found);
        let wrong: Vec<String> = diags
            .iter()
            .filter(|diag| diag.is_error())
            .map(said)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{text}");
        let disk = MemDisk::new();
        for file in files {
            disk.write(file, "");
        }
        World {
            sources,
            workflow,
            disk,
        }
    }

    pub fn listing(&self) -> RefCell<Listing<'_>> {
        RefCell::new(Listing::new(&self.disk))
    }
}

/// A diagnostic in one line: its code, its message, what stands at its place.
pub(crate) fn said(diag: &Diag) -> String {
    let labels = diag.primary.iter().chain(&diag.others);
    let labels = labels.map(|label| label.text.as_str());
    let labels: Vec<&str> = labels.collect();
    format!("{} {} | {}", diag.code, diag.message, labels.join(" | "))
}

/// All jobs, rule by rule: `rule: inputs -> outputs`. What is not known is `?`.
pub(crate) fn dump(plan: &Plan, context: Context) -> String {
    let mut text = String::new();
    for (id, rule) in context.workflow.rules.iter() {
        for &leaf in plan.leaves(id).iter() {
            let (inputs, outputs) = match leaf {
                Entry::Job(job) | Entry::Split(job) => {
                    let inputs = if plan.is_open(job) {
                        "?".into()
                    } else {
                        names(plan, plan.inputs(job))
                    };
                    let outputs = plan.made(job).unwrap_or(plan.outputs(job));
                    (inputs, names(plan, outputs))
                }
                Entry::Stand(stand) => {
                    let outputs = plan.stand_outputs(context, stand);
                    (
                        "?".into(),
                        bstr::join(" ", outputs).to_str_lossy().into_owned(),
                    )
                }
                Entry::File(_) | Entry::Row(_) => unreachable!("a rule has jobs"),
            };
            let line = format!("{}: {inputs} -> {outputs}", rule.name);
            writeln!(text, "{}", line.replace(":  ->", ": ->")).unwrap();
        }
    }
    text
}

pub(crate) fn names(plan: &Plan, paths: &[PathId]) -> String {
    let names: Vec<&[u8]> = paths
        .iter()
        .map(|path| plan.path(*path).as_bytes())
        .collect();
    bstr::join(" ", names).to_str_lossy().into_owned()
}

/// The text without its indentation.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim().to_string());
    lines.filter(|line| !line.is_empty()).collect()
}

/// The jobs of a workflow over files on disk, or what is wrong with them.
#[track_caller]
pub(crate) fn plan(text: &str, files: &[&str]) -> Vec<String> {
    let world = World::new(text, files);
    let listing = world.listing();
    let context = Context {
        workflow: &world.workflow,
        listing: &listing,
    };
    let plan = Plan::new(context);
    let wrong: Vec<String> = plan.diags.iter().map(said).collect();
    if wrong.is_empty() {
        lines(&dump(&plan, context))
    } else {
        wrong
    }
}

/// Asserts the jobs of a workflow.
#[track_caller]
pub(crate) fn plans(text: &str, files: &[&str], expected: &str) {
    assert_eq!(plan(text, files), lines(expected), "\n{text}");
}

/// Asserts the jobs of a workflow after splits have run: each by its first output word, with the
/// files that it made.
#[track_caller]
pub(crate) fn grows(text: &str, files: &[&str], splits: &[(&str, &[&str])], expected: &str) {
    let world = World::new(text, files);
    let listing = world.listing();
    let context = Context {
        workflow: &world.workflow,
        listing: &listing,
    };
    let mut plan = Plan::new(context);
    for (split, made) in splits {
        let job = pending_splits(&plan, context)
            .into_iter()
            .find(|job| plan.key(*job) == *split)
            .unwrap_or_else(|| panic!("no split `{split}` in\n{}", dump(&plan, context)));
        let made: Vec<BString> = made.iter().map(|name| BString::from(*name)).collect();
        grow(&world, &mut plan, context, job, &made);
    }
    let wrong: Vec<String> = plan.diags.iter().map(said).collect();
    let mut found = lines(&dump(&plan, context));
    found.extend(wrong);
    assert_eq!(found, lines(expected), "\n{text}");
}

/// Splits and subdivides that could run, and have not.
pub(crate) fn pending_splits(plan: &Plan, context: Context) -> Vec<JobId> {
    let is_pending = |job: &JobId| {
        let is_split = plan.rule_of(context.workflow, *job).makes_unknown_files();
        is_split && plan.made(*job).is_none()
    };
    plan.known.iter().copied().filter(is_pending).collect()
}

/// A split has run and made these files.
pub(crate) fn grow<'a>(
    world: &'a World,
    plan: &mut Plan,
    context: Context<'a>,
    split: JobId,
    made: &[BString],
) {
    let mut files = Vec::new();
    for file in made {
        world.disk.write(file, "");
        files.push(plan.paths.intern(file));
    }
    *context.listing.borrow_mut() = Listing::new(&world.disk);
    plan.grow(context, split, &files);
}
