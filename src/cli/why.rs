//! `flow why`: why a file or a rule would run, as a difference, or why not. Here it is found out
//! what a word means; `job` and `rule` have what is said of them.

/// Appends a line; to write to a text cannot fail.
macro_rules! say {
    ($why:expr, $($text:tt)*) => {
        writeln!($why.out, $($text)*).expect("a string takes all")
    };
}

mod job;
mod json;
mod rule;
mod running;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString, ByteSlice};

use super::follow::Consumers;
use super::look::{About, look};
use super::open::{Opened, as_written};
use super::options::{Common, WhyOptions};
use super::targets::{self, Judged, Manner};
use super::{Exit, near};
use crate::disk::Real;
use crate::history::{Past, Store};
use crate::lang::Diag;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, Plan};
use crate::stale::{Look, Reason};
use crate::ui::{Role, Style, human, path, safe};
use crate::workflow::RuleId;

pub(super) use job::recipe_line;
use job::stamp;

/// So many differences of one kind, or files, are shown; the rest is counted.
const SHOWN: usize = 8;

pub fn why(options: WhyOptions) -> anyhow::Result<Exit> {
    let WhyOptions { ask: options, json } = options;
    // Everything is judged, so that what follows from a job is known; the verdict of a job hangs on
    // what is before it alone, and is the one that a plan for it would come to.
    let about = About {
        targets: &[],
        ..options.about()
    };
    let manner = Manner::question(options.checksum_level);
    look(about, &manner, |looked| {
        let terminal = looked.opened.terminal;
        let Judged {
            plan,
            wanted,
            judge,
        } = &looked.judged;
        let may_follow = judge.may_follow(plan, looked.context, wanted);
        let mut why = Why {
            opened: looked.opened,
            context: looked.context,
            consumers: Consumers::new(&looked.judged.plan),
            judged: looked.judged,
            disk: looked.disk,
            history: looked.history,
            style: terminal.out,
            accept: accept_command(&options.common),
            is_going: false,
            may_follow,
            json,
            out: String::new(),
        };
        let going = why.going();
        if let Some(line) = going.filter(|_| !json) {
            say!(why, "{}", why.style.paint(Role::Faint, line));
        }
        let mut unknown = Vec::new();
        for (at, target) in options.targets.iter().enumerate() {
            if at > 0 && !why.out.is_empty() && !json {
                why.out.push('\n');
            }
            unknown.extend(why.target(target));
        }
        anstream::print!("{}", why.out);
        terminal.show(&unknown, &looked.opened.sources);
        Ok(match unknown.is_empty() {
            true => Exit::Done,
            false => Exit::NoSuchTarget,
        })
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
    /// There is a run that answers.
    is_going: bool,
    /// Jobs that need not run as things are, and may have to when others have run.
    may_follow: HashMap<JobId, Reason>,
    json: bool,
    out: String,
}

impl Why<'_> {
    /// Says why; what is unknown comes back as a mistake.
    fn target(&mut self, target: &BString) -> Option<Diag> {
        let workflow = &self.opened.workflow;
        let name = target.to_str().ok();
        if let Some(rule) = name.and_then(|name| targets::rule(workflow, name)) {
            match self.json {
                true => self.rule_json(rule),
                false => self.rule(rule),
            }
            return None;
        }
        if target.starts_with(b"then:") && !self.json && self.then(target) {
            return None;
        }
        let file = as_written(target, &self.opened.caller, &self.opened.folder);
        let id = self.judged.plan.find(BStr::new(&file));
        if let Some(job) = id.and_then(|id| self.judged.plan.producer(id)) {
            self.job(job, BStr::new(&file));
            return None;
        }
        if let Some(job) = self.judged.plan.job_of_key(target) {
            self.job(job, target.as_bstr());
            return None;
        }
        if let Some(id) = id {
            let readers: Vec<JobId> = (self.judged.plan.jobs.ids())
                .filter(|job| self.judged.plan.inputs(*job).contains(&id))
                .collect();
            if !readers.is_empty() {
                match self.json {
                    true => self.source_json(BStr::new(&file), &readers),
                    false => self.source(id, BStr::new(&file), &readers),
                }
                return None;
            }
        }
        if let Some(split) = self.split_of(BStr::new(&file)) {
            self.job(split, BStr::new(&file));
            return None;
        }
        let mut wanted = Wanted::default();
        if wanted.add_file(&self.judged.plan, self.context, BStr::new(&file)) {
            match self.json {
                true => self.behind_json(BStr::new(&file)),
                false => self.behind_split(BStr::new(&file)),
            }
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
        if self.asked_behind(file) {
            return;
        }
        say!(
            self,
            "a split that may lead to it has to run first; `flow plan {}` shows which",
            path(file)
        );
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

/// Milliseconds since the epoch, for programs.
fn moment_rfc(ms: u64) -> serde_json::Value {
    match jiff::Timestamp::from_millisecond(ms as i64) {
        Ok(time) if ms > 0 => time.to_string().into(),
        _ => serde_json::Value::Null,
    }
}

/// Milliseconds since the epoch, for people.
pub(super) fn moment_ms(ms: u64) -> String {
    match jiff::Timestamp::from_millisecond(ms as i64) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => "?".into(),
    }
}
