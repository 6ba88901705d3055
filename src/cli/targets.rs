//! What was asked for: rules and files, or everything; and the plan judged for it.

use std::cell::RefCell;
use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};

use super::force::{forced, in_vain};
use super::hands::Shared;
use super::machine::processors;
use super::open::{Opened, as_typed, as_written};
use super::options::Force;
use super::{Exit, guard, orphans};
use crate::disk::{Disk, Time};
use crate::history::{ContentsFile, DiscoveredFile, History};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span};
use crate::pattern::Listing;
use crate::plan::want::Wanted;
use crate::plan::{Context, Entry, Plan};
use crate::run::Commands;
use crate::stale::problem::{failed_checks, missing_inputs};
use crate::stale::{Checks, Judge, Level, settle};
use crate::workflow::{RuleId, Source, Workflow};

static NOTHING_FORCED: Force = Force {
    all: false,
    rules: Vec::new(),
};

/// A plan and its first judgement.
pub struct Judged {
    pub plan: Plan,
    pub wanted: Wanted,
    pub judge: Judge,
}

/// How to judge.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    pub force: &'a Force,
    /// Ends where protected outputs would be overwritten.
    pub guards: bool,
    pub level: Option<u8>,
    /// Shows warnings, and ends where an input is missing that nothing makes.
    pub shows_all: bool,
    /// `-W`: files, as typed, that count as changed.
    pub changed: &'a [BString],
    pub is_minimal: bool,
    /// How many `check` commands run at once.
    pub n_at_once: usize,
    /// Who runs them. Without it they are not asked, and what they would say counts as stale.
    pub hands: Option<&'a Shared>,
}

impl Manner<'_> {
    /// For a question: nothing forced, no warnings, and what is missing is part of the answer.
    pub fn question(level: Option<u8>) -> Self {
        Manner {
            force: &NOTHING_FORCED,
            guards: false,
            level,
            shows_all: false,
            changed: &[],
            is_minimal: false,
            n_at_once: processors(),
            hands: None,
        }
    }
}

/// Plans and judges. `Err` inside is an exit that was explained already.
pub fn judge<'a>(
    opened: &'a Opened,
    disk: &'a dyn Disk,
    history: &dyn History,
    listing: &'a RefCell<Listing<'a>>,
    targets: &[BString],
    manner: &Manner,
) -> Result<Judged, Exit> {
    let (force, level) = (manner.force, manner.level);
    let context = Context {
        workflow: &opened.workflow,
        listing,
    };
    let show = |diags: &[Diag]| opened.terminal.show(diags, &opened.sources);
    if opened.diags.iter().any(Diag::is_error) {
        show(&opened.diags);
        return Err(Exit::WrongWorkflow);
    }
    let forced = match forced(&opened.workflow, force) {
        Ok(forced) => forced,
        Err(diags) => {
            show(&diags);
            return Err(Exit::NoSuchTarget);
        }
    };
    let mut plan = orphans::plan(context, disk, history, BStr::new(&opened.name));
    let mut shown = opened.diags.clone();
    shown.append(&mut plan.diags);
    if shown.iter().any(Diag::is_error) {
        show(&shown);
        return Err(Exit::WrongWorkflow);
    }
    let asked = match manner.is_minimal && targets.is_empty() {
        true => {
            let mut wanted = Wanted::default();
            wanted.add_last(&plan, context);
            Ok(wanted)
        }
        false => wanted(opened, &plan, context, targets),
    };
    let changed: HashSet<BString> = manner
        .changed
        .iter()
        .map(|file| as_written(file, &opened.caller, &opened.folder))
        .collect();
    let asked = asked.and_then(|wanted| match unread(opened, &plan, context, &changed) {
        diags if diags.is_empty() => Ok(wanted),
        diags => Err(diags),
    });
    let mut wanted = match asked {
        Ok(wanted) => wanted,
        Err(diags) => {
            shown.extend(diags);
            show(&shown);
            return Err(Exit::NoSuchTarget);
        }
    };
    shown.extend(inactive_targets(&opened.workflow, targets));
    let mut judge = Judge::new(
        forced,
        level
            .or(opened.workflow.checksum_level)
            .map_or(Level::default(), Level),
    );
    let discovered = match DiscoveredFile::read(&opened.state) {
        Ok(mut discovered) => {
            let damage = discovered.notes.damage.take();
            shown.extend(damage.map(|damage| Diag::warning("W0343", damage)));
            discovered
        }
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            return Err(Exit::Machine);
        }
    };
    judge.discovered = Some(Box::new(discovered));
    let mut own = opened.workflow.rules.values().iter();
    let by_contents = Some(Level::CONTENTS.0);
    if judge.level >= Level::CONTENTS || own.any(|rule| rule.checksum_level == by_contents) {
        match ContentsFile::read(&opened.state) {
            Ok(contents) => judge.facts.contents = Some(Box::new(contents)),
            Err(error) => {
                anstream::eprintln!("error: {error:#}");
                return Err(Exit::Machine);
            }
        }
    }
    judge.checks = manner.hands.map(|hands| -> Box<dyn Checks> {
        Box::new(Commands::new(
            &opened.folder,
            manner.n_at_once,
            hands.clone(),
        ))
    });
    judge.is_minimal = manner.is_minimal;
    listing.borrow().keep();
    // Hardly anything will be looked up any more.
    if plan.pending().next().is_none() && plan.open_jobs().next().is_none() {
        listing.borrow_mut().forget_large();
    }
    let now = jiff::Timestamp::now().as_nanosecond() as i64;
    judge.facts.pretend(changed, Time(now));
    settle(&mut plan, context, &mut wanted, &mut judge, disk, history);
    // A run asks by itself, beside its jobs.
    judge.checks = None;
    shown.append(&mut plan.diags);
    shown.extend(in_vain(&opened.workflow, &plan, &wanted, force));
    let is_wrong = shown.iter().any(Diag::is_error);
    let failed = failed_checks(&plan, context, &judge);
    let is_wrong = is_wrong || !failed.is_empty();
    shown.extend(failed);
    let guarded = match manner.guards {
        true => guard::protected(&plan, context, &wanted, &judge, disk, history),
        false => None,
    };
    let is_wrong = is_wrong || guarded.is_some();
    shown.extend(guarded);
    let missing = match manner.shows_all {
        true => missing_inputs(&plan, context, &wanted, &judge),
        false => Vec::new(),
    };
    let unreadable = std::mem::take(&mut judge.unreadable);
    let is_unreadable = !unreadable.is_empty();
    shown.extend(unreadable.into_iter().map(|(path, why)| {
        Diag::error(
            "E0331",
            format!("{} cannot be looked at", crate::ui::path(&path)),
        )
        .note(why)
    }));
    shown.extend(missing.iter().cloned());
    shown.extend(foreign(&plan, &opened.workflow, &judge));
    shown.retain(|diag| manner.shows_all || diag.is_error());
    show(&shown);
    if is_wrong {
        return Err(Exit::WrongWorkflow);
    }
    if !missing.is_empty() {
        return Err(Exit::NoSuchTarget);
    }
    if is_unreadable {
        return Err(Exit::Machine);
    }
    Ok(Judged {
        plan,
        wanted,
        judge,
    })
}

/// Files of `-W` that no job reads, nor may read when a split has run.
fn unread(opened: &Opened, plan: &Plan, context: Context, files: &HashSet<BString>) -> Vec<Diag> {
    let mut diags = Vec::new();
    for file in files {
        let id = plan.paths.find(file);
        let is_read = id.is_some_and(|id| {
            let mut jobs = plan.jobs.ids();
            jobs.any(|job| plan.inputs(job).contains(&id))
        });
        // What the plan makes may be read by jobs that are not known yet.
        let path = BStr::new(file);
        if !is_read && !Wanted::default().add_file(plan, context, path) {
            let shown = crate::ui::path(file);
            let diag = Diag::error("E0344", format!("`-W {shown}`: no job reads such a file"));
            let read = plan.jobs.ids().flat_map(|job| plan.inputs(job));
            let near = crate::pattern::nearest_of(path, read.map(|path| plan.path(*path)));
            diags.push(match near {
                Some(near) => diag.help(format!("did you mean {}?", crate::ui::path(near))),
                None => diag.note(format!("in {}", opened.folder.display())),
            });
        }
    }
    diags
}

/// Files that look like a split's and are not.
fn foreign(plan: &Plan, workflow: &Workflow, judge: &Judge) -> Vec<Diag> {
    let mut found: Vec<Diag> = Vec::new();
    for &(job, path) in judge.foreign.iter().take(5) {
        let rule = plan.rule_of(workflow, job);
        let shown = crate::ui::path(plan.path(path));
        found.push(
            Diag::warning("W0333", format!("{shown} is not made by `{}`", rule.name)).at(
                rule.span,
                "it matches the outputs, and is no item of what follows",
            ),
        );
    }
    if judge.foreign.len() > 5 {
        let n = judge.foreign.len() - 5;
        found.push(Diag::warning(
            "W0333",
            format!("{n} more files look like a split's and are not"),
        ));
    }
    found
}

/// The rule of a name.
pub fn rule(workflow: &Workflow, name: &str) -> Option<RuleId> {
    workflow
        .rules
        .iter()
        .find(|(_, rule)| rule.name == name)
        .map(|(id, _)| id)
}

/// An option names a rule that is none.
pub fn no_such_rule(workflow: &Workflow, option: &str, name: &str) -> Diag {
    let text = format!("`{option} {name}`: there is no such rule");
    with_nearest(Diag::error("E0341", text), name, workflow)
}

fn with_nearest(diag: Diag, name: &str, workflow: &Workflow) -> Diag {
    let names = workflow
        .rules
        .values()
        .iter()
        .map(|rule| rule.name.as_str());
    match nearest(name, names) {
        Some(near) => diag.help(format!("did you mean `{near}`?")),
        None => diag,
    }
}

/// The jobs that the targets need; without targets all jobs.
fn wanted(
    opened: &Opened,
    plan: &Plan,
    context: Context,
    targets: &[BString],
) -> Result<Wanted, Vec<Diag>> {
    let workflow = &opened.workflow;
    let mut wanted = Wanted::default();
    let mut diags = Vec::new();
    if let (true, Some(default)) = (targets.is_empty(), &workflow.default) {
        for (source, span) in default {
            diags.extend(add_source(&mut wanted, plan, context, source, *span));
        }
    } else if targets.is_empty() {
        wanted.add_everything(plan, context);
    }
    for target in targets {
        if let Some(rule) = target.to_str().ok().and_then(|name| rule(workflow, name)) {
            wanted.add_rule(plan, context, rule);
            continue;
        }
        let mut named = workflow.targets.iter();
        if let Some(named) = named.find(|named| named.name.as_bytes() == target.as_slice()) {
            for (source, span) in &named.words {
                diags.extend(add_source(&mut wanted, plan, context, source, *span));
            }
            continue;
        }
        if let Some(job) = plan.job_of_key(target) {
            wanted.add(plan, context, [Entry::Job(job)]);
            continue;
        }
        let path = as_written(target, &opened.caller, &opened.folder);
        // A folder may be named with its slash or without.
        let folder = [&path[..], b"/"].concat();
        let mut add = |path: &[u8]| wanted.add_file(plan, context, BStr::new(path));
        // A rule may write out a whole path that leads into the workflow's folder.
        let is_whole = target.starts_with(b"/");
        if !(add(&path) || add(&folder) || is_whole && add(target)) {
            let typed = |path: &BStr| as_typed(path, &opened.caller, &opened.folder);
            let (target, path) = (target.as_bstr(), path.as_bstr());
            diags.push(no_such_target_typed(workflow, plan, target, path, &typed));
        }
    }
    if diags.is_empty() {
        Ok(wanted)
    } else {
        Err(diags)
    }
}

/// Rules that were asked for and take no part.
fn inactive_targets(workflow: &Workflow, targets: &[BString]) -> Vec<Diag> {
    let named = targets.iter().filter_map(|target| target.to_str().ok());
    let named = named.filter_map(|name| Some(&workflow.rules[rule(workflow, name)?]));
    let inactive = named.filter(|rule| !rule.is_active());
    inactive
        .filter_map(|rule| {
            let condition = rule.active_if.as_ref()?;
            let text = format!("`{}` was asked for, and takes no part", rule.name);
            Some(Diag::warning("W0342", text).at(condition.span, "not so in this run"))
        })
        .collect()
}

/// Adds what a word of a `target` names; a mistake where no rule makes such a file.
fn add_source(
    wanted: &mut Wanted,
    plan: &Plan,
    context: Context,
    source: &Source,
    span: Span,
) -> Option<Diag> {
    let word = match source {
        Source::Rule(rule) => {
            wanted.add_rule(plan, context, *rule);
            return None;
        }
        Source::Table(_) => return None,
        Source::Files(word) => word,
    };
    let is_made = match word.pattern().literal() {
        Some(path) => wanted.add_file(plan, context, path.as_bstr()),
        None => wanted.add_glob(plan, context, word),
    };
    if is_made {
        return None;
    }
    let diag = Diag::error("E0340", "a target names what no rule makes")
        .at(span, "no job has such an output");
    let made = plan
        .paths
        .ids()
        .filter(|path| plan.producer(*path).is_some());
    let path = word.pattern().spell(&|_| String::new());
    let near = crate::pattern::nearest_of(path.as_bstr(), made.map(|path| plan.path(path)));
    Some(match near {
        Some(near) => diag.help(format!("did you mean the file {}?", crate::ui::path(near))),
        None => diag,
    })
}

/// Neither a rule nor a file that one makes, with what was probably meant.
pub fn no_such_target(workflow: &Workflow, plan: &Plan, target: &BStr, path: &BStr) -> Diag {
    no_such_target_typed(workflow, plan, target, path, &|path| path.into())
}

/// As [`no_such_target`], with files as whoever asks would type them.
fn no_such_target_typed(
    workflow: &Workflow,
    plan: &Plan,
    target: &BStr,
    path: &BStr,
    typed: &dyn Fn(&BStr) -> BString,
) -> Diag {
    let diag = Diag::error(
        "E0340",
        format!(
            "{} is neither a rule nor a file that a rule makes",
            crate::ui::path(target)
        ),
    );
    let mut inactive = workflow.rules.iter().filter(|(_, rule)| !rule.is_active());
    if let Some((_, rule)) = inactive.find(|(id, _)| workflow.may_make_path(*id, path))
        && let Some(condition) = &rule.active_if
    {
        let text = format!(
            "`{}` makes such files, and takes no part in this run",
            rule.name
        );
        return diag.at(condition.span, text);
    }
    let name = target.to_str().unwrap_or("");
    let rules = workflow.rules.values().iter();
    if let Some(near) = nearest(name, rules.map(|rule| rule.name.as_str())) {
        return diag.help(format!("did you mean the rule `{near}`?"));
    }
    let named = workflow.targets.iter().map(|target| target.name.as_str());
    if let Some(near) = nearest(name, named) {
        return diag.help(format!("did you mean the target `{near}`?"));
    }
    let made = plan
        .paths
        .ids()
        .filter(|path| plan.producer(*path).is_some());
    let made: Vec<&BStr> = made.map(|path| plan.path(path)).collect();
    let nearest = |to: &BStr| crate::pattern::nearest_of(to, made.iter().copied());
    // Who stands elsewhere may have typed what the workflow writes.
    match nearest(path).or_else(|| nearest(target)) {
        Some(near) => {
            let near = crate::ui::path(&typed(near));
            diag.help(format!("did you mean the file {near}?"))
        }
        None => diag.help("`flow list` shows the rules"),
    }
}

/// Targets that only the growing plan could bring, and that did not come.
pub fn never_came(wanted: &Wanted) -> Vec<Diag> {
    wanted
        .missing_late()
        .map(|path| {
            let shown = crate::ui::path(path);
            Diag::error(
                "E0340",
                format!("{shown} was asked for, and no rule makes it"),
            )
            .note("a split that could have led to it has run, and did not")
        })
        .collect()
}
