//! What `flow why` says of a job: why it would run, as differences; what it was made from; what
//! follows from it.

use std::collections::HashMap;
use std::fmt::Write as _;

use bstr::{BStr, ByteSlice};

use super::running::Rest;
use super::{SHOWN, Why, moment_ms};
use crate::cli::diff::{self, Mark};
use crate::cli::open::Opened;
use crate::cli::targets::Judged;
use crate::cli::{follow, reason};
use crate::disk::is_of_folder;
use crate::history::{History, LastTry, Past};
use crate::plan::JobId;
use crate::stale::every::every;
use crate::stale::explain::{Difference, Stamp};
use crate::stale::{Ancient, Look, Reason, Verdict};
use crate::ui::{Role, human, path, safe};
use crate::workflow::RuleId;

impl Why<'_> {
    pub(super) fn job(&mut self, job: JobId, file: &BStr) {
        let rule = self.judged.plan.jobs[job].rule;
        let name = &self.opened.workflow.rules[rule].name;
        if self.json {
            return self.job_json(job, file);
        }
        let what = format!("made by `{name}`, {}", self.place(rule));
        self.title(&path(file), &what);
        let key = self.judged.plan.key(job).to_owned();
        if self.asked_job(key.as_bstr()) == Rest::Leave {
            return self.follows(&[job]);
        }
        match self.judged.judge.verdict(job) {
            Verdict::Stale(_) => self.stale(job),
            _ if self.may_follow.contains_key(&job) => {
                let reason = self.may_follow[&job];
                self.difference(job, "may run:", reason, &Difference::Plain);
                self.follows(&[job]);
            }
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
        if self.judged.judge.verdict(job).is_maybe() && found.len() == 1 {
            say!(
                self,
                "it is looked at again then, and does not run when what it reads came out as recorded"
            );
        }
        self.follows(&[job]);
        if self.can_be_kept(&found) {
            let key = self.judged.plan.key(job).to_owned();
            self.keep(&path(&key));
        }
    }

    /// Whether all that it makes is there, and to accept it would change something.
    pub(super) fn can_be_kept(&self, found: &[(Reason, Difference)]) -> bool {
        !found.iter().any(|(reason, _)| {
            use Reason::{Always, Awaited, CheckCommand, Needed, OutputMissing};
            matches!(
                reason,
                Always | CheckCommand | OutputMissing(_) | Needed { .. } | Awaited(_)
            )
        })
    }

    pub(super) fn is_guarded(&self, job: JobId) -> bool {
        let Judged { plan, judge, .. } = &self.judged;
        judge.is_guarded(plan, self.context, self.disk, self.history, job)
    }

    /// That the job would overwrite what is protected.
    fn guarded(&mut self, job: JobId) {
        if self.is_guarded(job) {
            let plan = &self.judged.plan;
            let rule = &plan.rule_of(self.context.workflow, job).name;
            say!(
                self,
                "cannot run: its outputs are protected; `--force {rule}` overwrites them"
            );
        }
    }

    /// Inputs of these jobs, and before them, that are not there and that nothing makes.
    pub(super) fn missing_sources(&mut self, jobs: &[JobId]) {
        for file in self.missing_before(jobs).iter().take(SHOWN) {
            let name = path(file);
            say!(
                self,
                "cannot run: {name} is not there, and no rule makes it"
            );
        }
    }

    pub(super) fn difference(
        &mut self,
        job: JobId,
        lead: &str,
        reason: Reason,
        detail: &Difference,
    ) {
        let plan = &self.judged.plan;
        let rule = plan.jobs[job].rule;
        match detail {
            Difference::Recipe { old, new } => {
                let line = recipe_line(self.opened, rule, old, new);
                say!(self, "{lead} the recipe was changed (line {line})");
                self.recipe(old, new);
            }
            Difference::Params(changes) => {
                let values = match changes.len() {
                    1 => "value that reaches",
                    _ => "values that reach",
                };
                say!(self, "{lead} the {values} its recipe changed");
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
                    Reason::InputGone(_) => "was read by it, and is gone",
                    _ if new.is_none() => "was an input and is not there",
                    _ => "was changed",
                };
                let name = path(plan.path(*file));
                let how = match (old, new) {
                    (Some(old), Some(new)) if old == new => ": its content is another",
                    (Some(old), Some(new)) if old.0 == new.0 && is_of_folder(new.1) => {
                        ": other names are in it"
                    }
                    _ => "",
                };
                say!(self, "{lead} {name} {what}{how}");
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
    pub(super) fn follows(&mut self, jobs: &[JobId]) {
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

    pub(super) fn keep(&mut self, what: &str) {
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
        let mut lines = Vec::new();
        let ancient = Ancient::of(plan, self.context.workflow, job);
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
}

/// The line of the workflow where a recipe first differs.
pub(in crate::cli) fn recipe_line(opened: &Opened, rule: RuleId, old: &[u8], new: &[u8]) -> usize {
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

/// `2 B, 2026-11-26 10:00:00 UTC`; `is_exact` adds what a second is too coarse for.
pub(super) fn stamp((time, size): Stamp, is_exact: bool) -> String {
    let format = match is_exact {
        true => "%Y-%m-%d %H:%M:%S%.f UTC",
        false => "%Y-%m-%d %H:%M:%S UTC",
    };
    let time = match jiff::Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => "?".into(),
    };
    match is_of_folder(size) {
        true => time,
        false => format!("{}, {time}", human::size(size)),
    }
}
