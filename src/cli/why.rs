//! `flow why`: why a file or a rule would run, as a difference, or why not.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString, ByteSlice};

use super::diff::Mark;
use super::follow::{self, Consumers};
use super::open::{self, Opened, as_written};
use super::options::{AskOptions, Common, Force};
use super::targets::{self, Judged, Manner, judge_as};
use super::{Exit, diff, near, reason};
use crate::disk::Real;
use crate::history::{History, LastTry, Past, Store};
use crate::lang::Diag;
use crate::pattern::Listing;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, Plan};
use crate::stale::every::every;
use crate::stale::explain::{Difference, Stamp};
use crate::stale::{Ancient, Look, Reason, Verdict};
use crate::ui::{Role, Style, human, path, safe};
use crate::workflow::RuleId;

/// So many differences of one kind, or files, are shown; the rest is counted.
const SHOWN: usize = 8;

pub fn why(options: AskOptions) -> anyhow::Result<Exit> {
    let opened = match open::open(&options.common, &options.place, &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let disk = Real::open(&opened.folder)?;
    let listing = RefCell::new(Listing::new(&disk));
    let history = Store::read(&opened.state)?;
    let manner = Manner {
        n_at_once: super::machine::processors(),
        force: &Force::default(),
        guards: false,
        level: options.checksum_level,
        shows_all: false,
        changed: &[],
        is_minimal: false,
    };
    // Everything is judged, so that what follows from a job is known; the verdict of a job hangs on
    // what is before it alone, and is the one that a plan for it would come to.
    let judged = match judge_as(&opened, &disk, &history, &listing, &[], &manner) {
        Ok(judged) => judged,
        Err(exit) => return Ok(exit),
    };
    let context = Context {
        workflow: &opened.workflow,
        listing: &listing,
    };
    let consumers = Consumers::new(&judged.plan);
    let mut why = Why {
        opened: &opened,
        context,
        judged,
        disk: &disk,
        history: &history,
        consumers,
        style: opened.terminal.out,
        accept: accept_command(&options.common),
        out: String::new(),
    };
    let mut unknown = Vec::new();
    for (at, target) in options.targets.iter().enumerate() {
        if at > 0 && !why.out.is_empty() {
            why.out.push('\n');
        }
        unknown.extend(why.target(target));
    }
    anstream::print!("{}", why.out);
    opened.terminal.show(&unknown, &opened.sources);
    Ok(match unknown.is_empty() {
        true => Exit::Done,
        false => Exit::NoSuchTarget,
    })
}

struct Why<'a> {
    opened: &'a Opened,
    context: Context<'a>,
    judged: Judged,
    disk: &'a Real,
    history: &'a Store,
    consumers: Consumers,
    style: Style,
    /// The command that accepts, for this workflow.
    accept: String,
    out: String,
}

/// Appends a line; to write to a text cannot fail.
macro_rules! say {
    ($why:expr, $($text:tt)*) => {
        writeln!($why.out, $($text)*).expect("a string takes all")
    };
}

impl Why<'_> {
    /// Says why; what is unknown comes back as a mistake.
    fn target(&mut self, target: &BString) -> Option<Diag> {
        let workflow = &self.opened.workflow;
        let name = target.to_str().ok();
        if let Some(rule) = name.and_then(|name| targets::rule(workflow, name)) {
            self.rule(rule);
            return None;
        }
        let file = as_written(target, &self.opened.caller, &self.opened.folder);
        let id = self.judged.plan.paths.find(&file);
        if let Some(job) = id.and_then(|id| self.judged.plan.producer(id)) {
            self.job(job, BStr::new(&file));
            return None;
        }
        if let Some(id) = id {
            let readers: Vec<JobId> = (self.judged.plan.jobs.ids())
                .filter(|job| self.judged.plan.inputs(*job).contains(&id))
                .collect();
            if !readers.is_empty() {
                self.source(id, BStr::new(&file), &readers);
                return None;
            }
        }
        if let Some(split) = self.split_of(BStr::new(&file)) {
            self.job(split, BStr::new(&file));
            return None;
        }
        let mut wanted = Wanted::default();
        if wanted.add_file(&self.judged.plan, self.context, BStr::new(&file)) {
            self.behind_split(BStr::new(&file));
            return None;
        }
        Some(self.nobody(target.as_bstr(), BStr::new(&file)))
    }

    /// A split that has to run, and whose outputs match.
    fn split_of(&mut self, file: &BStr) -> Option<JobId> {
        let plan = &mut self.judged.plan;
        let splits: Vec<JobId> = plan
            .jobs
            .ids()
            .filter(|job| {
                let rule = plan.rule_of(self.context.workflow, *job);
                rule.makes_unknown_files() && plan.made(*job).is_none() && !plan.is_open(*job)
            })
            .collect();
        splits.into_iter().find(|job| {
            let globs = plan.output_globs(self.context, *job);
            globs.iter().any(|glob| glob.matches(file))
        })
    }

    fn place(&self, rule: RuleId) -> String {
        let span = self.opened.workflow.rules[rule].span;
        let (line, _) = self.opened.sources.line_column(span);
        let file = &self.opened.sources.get(span.file).name;
        format!("{}:{line}", safe::line(file.as_bytes()))
    }

    /// `out/a.up  rule upper, workflow.flow:2`.
    fn title(&mut self, name: &str, what: &str) {
        let name = self.style.paint(Role::Strong, name);
        say!(self, "{name}  {what}");
    }

    fn job(&mut self, job: JobId, file: &BStr) {
        let rule = self.judged.plan.jobs[job].rule;
        let name = &self.opened.workflow.rules[rule].name;
        let what = format!("made by `{name}`, {}", self.place(rule));
        self.title(&path(file), &what);
        match self.judged.judge.verdict(job) {
            Verdict::Stale(_) => self.stale(job),
            Verdict::Fresh => self.fresh(job),
            Verdict::Unjudged => {
                say!(self, "is not known yet: a split before it has to run first");
            }
        }
    }

    fn stale(&mut self, job: JobId) {
        let found = every(
            &self.judged.plan,
            self.context,
            &self.judged.judge,
            self.history,
            job,
        );
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for (at, (reason, detail)) in found.iter().enumerate() {
            let count = counts.entry(reason::kind(*reason)).or_default();
            *count += 1;
            if *count <= SHOWN {
                let lead = if at == 0 { "runs because" } else { "also:" };
                self.difference(job, lead, *reason, detail);
            }
        }
        for (kind, count) in counts {
            if count > SHOWN {
                say!(
                    self,
                    "also: {}, {} more",
                    reason::KINDS[kind],
                    count - SHOWN
                );
            }
        }
        self.missing_sources(&[job]);
        self.guarded(job);
        let outputs_are_there = !found
            .iter()
            .any(|(reason, _)| matches!(reason, Reason::OutputMissing(_)));
        self.follows(&[job]);
        if outputs_are_there {
            let key = self.judged.plan.key(job).to_owned();
            self.keep(&path(&key));
        }
    }

    /// That the job would overwrite what is protected.
    fn guarded(&mut self, job: JobId) {
        let Judged { plan, judge, .. } = &self.judged;
        if judge.is_guarded(plan, self.context, self.disk, self.history, job) {
            let rule = &plan.rule_of(self.context.workflow, job).name;
            say!(
                self,
                "cannot run: its outputs are protected; `--force {rule}` overwrites them"
            );
        }
    }

    /// Inputs of these jobs, and before them, that are not there and that nothing makes.
    fn missing_sources(&mut self, jobs: &[JobId]) {
        let Judged { plan, judge, .. } = &self.judged;
        let mut before = Wanted::default();
        let entries = jobs.iter().copied().map(crate::plan::Entry::Job);
        before.add(plan, self.context, entries);
        let missing = judge.missing.iter();
        let mut missing: Vec<String> = missing
            .filter(|missing| before.has(missing.job))
            .map(|missing| path(plan.path(missing.path)))
            .collect();
        missing.sort();
        missing.dedup();
        for name in missing.iter().take(SHOWN) {
            say!(
                self,
                "cannot run: {name} is not there, and no rule makes it"
            );
        }
    }

    fn difference(&mut self, job: JobId, lead: &str, reason: Reason, detail: &Difference) {
        let plan = &self.judged.plan;
        let rule = plan.jobs[job].rule;
        match detail {
            Difference::Recipe { old, new } => {
                let line = recipe_line(self.opened, rule, old, new);
                say!(self, "{lead} the recipe was changed (line {line})");
                self.recipe(old, new);
            }
            Difference::Params(changes) => {
                let s = if changes.len() == 1 { "" } else { "s" };
                say!(self, "{lead} the value{s} that reach its recipe changed");
                for change in changes {
                    for (sign, role, value) in [
                        ('-', Role::Error, &change.old),
                        ('+', Role::Good, &change.new),
                    ] {
                        let name = safe::line(&change.name);
                        if let Some(value) = value {
                            let text = format!("{sign} {name} = {}", safe::line(value));
                            say!(self, "    {}", self.style.paint(role, text));
                        }
                    }
                }
            }
            Difference::File {
                path: file,
                old,
                new,
            } => {
                let what = match reason {
                    Reason::OutputChanged(_) => "is not as the job made it",
                    _ if new.is_none() => "was an input and is not there",
                    _ => "was changed",
                };
                let name = path(plan.path(*file));
                say!(self, "{lead} {name} {what}");
                let is_close = matches!((old, new), (Some(old), Some(new))
                    if old.0.0 / 1_000_000_000 == new.0.0 / 1_000_000_000);
                for (sign, role, stamp) in [('-', Role::Error, old), ('+', Role::Good, new)] {
                    if let Some(stamp) = stamp {
                        let text = format!("{sign} {}", self::stamp(*stamp, is_close));
                        say!(self, "    {}", self.style.paint(role, text));
                    }
                }
            }
            Difference::Members { gone, come } => {
                let order = "the order of its inputs differs";
                let what = match gone.is_empty() && come.is_empty() {
                    true => order,
                    false => "inputs came or went",
                };
                say!(self, "{lead} {what}");
                for (sign, role, files) in [('-', Role::Error, gone), ('+', Role::Good, come)] {
                    for file in files.iter().take(SHOWN) {
                        let text = format!("{sign} {}", path(file));
                        say!(self, "    {}", self.style.paint(role, text));
                    }
                    if files.len() > SHOWN {
                        say!(self, "    {sign} {} more", files.len() - SHOWN);
                    }
                }
            }
            Difference::Plain => {
                let sentence = reason::sentence(plan, reason, detail);
                say!(self, "{lead} {sentence}");
            }
        }
    }

    fn recipe(&mut self, old: &[u8], new: &[u8]) {
        for line in diff::lines(old, new) {
            let Some((mark, line)) = line else {
                say!(self, "      …");
                continue;
            };
            let line = safe::line(line);
            match mark {
                Mark::Same => say!(self, "      {line}"),
                Mark::Gone => {
                    let text = format!("- {line}");
                    say!(self, "    {}", self.style.paint(Role::Error, text));
                }
                Mark::Come => {
                    let text = format!("+ {line}");
                    say!(self, "    {}", self.style.paint(Role::Good, text));
                }
            }
        }
    }

    /// What it takes: the jobs themselves, and those behind them.
    fn follows(&mut self, jobs: &[JobId]) {
        let plan = &self.judged.plan;
        let own = follow::count(plan, self.context, self.history, jobs.iter().copied());
        if own.n_timed > 0 {
            let took = human::duration(own.wall_ms as f64 / 1000.0);
            let it = if jobs.len() == 1 { "it" } else { "they" };
            say!(self, "{it} took {took} last time");
        }
        let plan = &self.judged.plan;
        let behind = self.consumers.behind(jobs);
        let behind = follow::count(plan, self.context, self.history, behind);
        let took = match behind.n_timed {
            0 => String::new(),
            _ => {
                let took = human::duration(behind.wall_ms as f64 / 1000.0);
                format!(", which took {took} last time")
            }
        };
        match behind.n_jobs {
            0 => say!(self, "nothing follows from it"),
            n => {
                let more = match behind.has_more || own.has_more {
                    true => ", and what a split among them brings",
                    false => "",
                };
                let (follow, n) = match n {
                    1 => ("follows", human::counted(n, "job")),
                    _ => ("follow", human::counted(n, "job")),
                };
                say!(self, "{n} {follow} from it{took}{more}");
            }
        }
    }

    fn keep(&mut self, what: &str) {
        let accept = &self.accept;
        say!(self, "to keep it as it is: {accept} {what}");
    }

    fn fresh(&mut self, job: JobId) {
        let Judged { plan, judge, .. } = &self.judged;
        let last = self.history.last(plan.key(job));
        let past = last.and_then(|last| last.past);
        let stated = match (&past, last.map(|last| last.last_try)) {
            (Some(past), Some(LastTry::Done)) => recorded(past),
            _ => "by the times of its files: nothing is recorded of it yet".into(),
        };
        say!(self, "is fresh {stated}");
        if past.is_some() {
            say!(
                self,
                "its inputs, outputs, recipe and params are as recorded"
            );
        }
        let made = plan.made(job).unwrap_or(plan.outputs(job));
        if made.iter().any(|path| judge.is_gone(*path)) {
            say!(
                self,
                "what it made was temporary and is deleted; it is made again when a job needs it"
            );
        }
        let inputs = plan.inputs(job);
        let ancient = Ancient::of(plan, self.context.workflow, job);
        let mut lines = Vec::new();
        for (at, &input) in inputs.iter().take(SHOWN).enumerate() {
            let by = match plan.producer(input) {
                Some(job) => format!(
                    ", made by `{}`",
                    plan.rule_of(self.context.workflow, job).name
                ),
                None => String::new(),
            };
            if let Look::There { time, size } = judge.facts.get(input) {
                let stamp = stamp((time, size), false);
                let note = match ancient.has(at) {
                    true => "; its time is not looked at",
                    false => "",
                };
                lines.push(format!("  {}  {stamp}{by}{note}", path(plan.path(input))));
            }
        }
        let n_more = inputs.len().saturating_sub(SHOWN);
        if !lines.is_empty() {
            say!(self, "made from");
        }
        for line in lines {
            say!(self, "{line}");
        }
        if n_more > 0 {
            say!(self, "  and {} more", human::count(n_more as u64));
        }
    }

    fn source(&mut self, id: crate::plan::PathId, file: &BStr, readers: &[JobId]) {
        let plan = &self.judged.plan;
        let is_there = match self.judged.judge.facts.get(id) {
            Look::There { time, size } => stamp((time, size), false),
            Look::Missing | Look::Unknown => "not there".into(),
        };
        let mut rules: Vec<&str> = readers
            .iter()
            .map(|job| plan.rule_of(self.context.workflow, *job).name.as_str())
            .collect();
        rules.dedup();
        rules.truncate(SHOWN);
        let n = human::counted(readers.len() as u64, "job");
        let rules = rules.join("`, `");
        self.title(
            &path(file),
            &format!("a source: no rule makes it; {is_there}"),
        );
        say!(self, "read by {n} of `{rules}`");
    }

    fn behind_split(&mut self, file: &BStr) {
        self.title(&path(file), "not known yet");
        say!(
            self,
            "a split that may lead to it has to run first; `flow plan {}` shows which",
            path(file)
        );
    }

    fn rule(&mut self, rule: RuleId) {
        let name = self.opened.workflow.rules[rule].name.clone();
        let plan = &self.judged.plan;
        let jobs = plan.jobs_of(rule);
        let mut stale: Vec<(JobId, Reason)> = Vec::new();
        let mut n_unknown = 0;
        for &job in &jobs {
            match self.judged.judge.verdict(job) {
                Verdict::Stale(reason) => stale.push((job, reason)),
                Verdict::Unjudged => n_unknown += 1,
                Verdict::Fresh => {}
            }
        }
        let is_open = !plan.is_complete(rule);
        let what = format!("a rule, {}", self.place(rule));
        self.title(&name, &what);
        let n_jobs = jobs.len() as u64;
        if is_open || n_unknown > 0 {
            say!(
                self,
                "not all of its jobs are known: a split has to run first"
            );
        }
        if stale.is_empty() {
            let them = human::counted(n_jobs - n_unknown, "job");
            match n_jobs {
                0 => say!(self, "it has no jobs"),
                _ => say!(self, "{them}, all fresh"),
            }
            return;
        }
        let n = human::count(stale.len() as u64);
        say!(self, "{n} of {} would run", human::counted(n_jobs, "job"));
        self.kinds(&stale);
        let jobs: Vec<JobId> = stale.iter().map(|(job, _)| *job).collect();
        self.missing_sources(&jobs);
        self.follows(&jobs);
        let is_missing = |(_, reason): &(JobId, Reason)| matches!(reason, Reason::OutputMissing(_));
        if !stale.iter().all(is_missing) {
            self.keep(&name);
        }
    }

    /// Each kind of deciding reason, counted, with one job's difference.
    fn kinds(&mut self, stale: &[(JobId, Reason)]) {
        for kind in 0..reason::KINDS.len() {
            let of_kind = stale.iter().filter(|(_, it)| reason::kind(*it) == kind);
            let of_kind: Vec<(JobId, Reason)> = of_kind.copied().collect();
            let Some(&(job, _)) = of_kind.first() else {
                continue;
            };
            let plan = &self.judged.plan;
            let found = every(plan, self.context, &self.judged.judge, self.history, job);
            let n = human::counted(of_kind.len() as u64, "job");
            let key = plan.key(job).to_owned();
            let lead = match of_kind.len() {
                1 => format!("{}:", path(&key)),
                _ => format!("{n}, such as {}:", path(&key)),
            };
            for (at, (reason, detail)) in found.iter().take(SHOWN).enumerate() {
                let lead = if at == 0 { lead.as_str() } else { "  also:" };
                self.difference(job, lead, *reason, detail);
            }
        }
    }

    /// No rule makes the file: the rules that came nearest, and the nearest file.
    fn nobody(&self, target: &BStr, file: &BStr) -> Diag {
        let workflow = &self.opened.workflow;
        let plan: &Plan = &self.judged.plan;
        let mut diag = targets::no_such_target(workflow, plan, target, file);
        if let Some((job, past)) = made_once(self.history, file) {
            let when = moment_ms(past.ended_ms);
            let job = path(job);
            diag = diag.note(format!(
                "flow made it once ({when}, as part of {job}), and no job makes it now"
            ));
        }
        for near in near::nearest_rules(workflow, file).iter().take(3) {
            let outputs = &workflow.rules[near.rule].outputs;
            let output = outputs.iter().flatten().nth(near.word);
            let Some(output) = output else { continue };
            let word = self.opened.sources.text(output.word.span);
            if diag.primary.is_none() {
                diag = diag.at(output.word.span, "the output that comes nearest");
            }
            diag = diag.note(near.sentence(workflow, word, file));
        }
        diag
    }
}

/// The record that names a file among its outputs.
fn made_once<'h>(history: &'h Store, file: &BStr) -> Option<(&'h BStr, Past<'h>)> {
    history.jobs().find_map(|(job, last)| {
        let past = last.past?;
        let is_it = past.outputs().any(|output| output.path == file);
        is_it.then_some((job, past))
    })
}

/// `flow accept`, with the workflow where one was named.
pub(super) fn accept_command(common: &Common) -> String {
    match &common.named_workflow {
        Some(workflow) => format!("flow accept {}", path(workflow.as_os_str().as_bytes())),
        None => "flow accept".into(),
    }
}

/// The line of the workflow where a recipe first differs.
pub(super) fn recipe_line(opened: &Opened, rule: RuleId, old: &[u8], new: &[u8]) -> usize {
    let rule = &opened.workflow.rules[rule];
    let span = rule.recipe.as_ref().map_or(rule.span, |recipe| recipe.span);
    let (line, _) = opened.sources.line_column(span);
    line + diff::first_change(old, new)
}

fn recorded(past: &Past) -> String {
    match past.wall_ms {
        Some(wall_ms) => {
            let took = human::duration(wall_ms as f64 / 1000.0);
            format!("since {}, when it ran for {took}", moment_ms(past.ended_ms))
        }
        None if past.ended_ms > 0 => {
            format!("since {}, when it was accepted", moment_ms(past.ended_ms))
        }
        None => "as it was found: flow did not run it".into(),
    }
}

/// Milliseconds since the epoch, for people.
pub(super) fn moment_ms(ms: u64) -> String {
    match jiff::Timestamp::from_millisecond(ms as i64) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => "?".into(),
    }
}

/// `2 B, 2026-11-26 10:00:00 UTC`; `is_exact` adds what a second is too coarse for.
fn stamp((time, size): Stamp, is_exact: bool) -> String {
    let format = match is_exact {
        true => "%Y-%m-%d %H:%M:%S%.f UTC",
        false => "%Y-%m-%d %H:%M:%S UTC",
    };
    let time = match jiff::Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => "?".into(),
    };
    format!("{}, {time}", human::size(size))
}
