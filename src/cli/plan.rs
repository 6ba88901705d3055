//! `flow plan`: what would run, and why. Writes nothing, not even state.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString};
use serde_json::{Value, json};

use super::look::{About, look};
use super::open::Opened;
use super::options::PlanOptions;
use super::targets::{Judged, Manner};
use super::{Exit, doomed, reason, rehearse};
use crate::event::json::path_json;
use crate::history::{History, Owed, OwedFile};
use crate::plan::{Context, JobId, StandId};
use crate::run::{Given, render};
use crate::stale::explain::{Difference, explain};
use crate::stale::{Reason, Verdict};
use crate::ui::{Detail, Role, human, path, safe};
use crate::workflow::{Rule, RuleId};

pub fn plan(options: PlanOptions) -> anyhow::Result<Exit> {
    if options.touch_only {
        return rehearse::rehearse(&options);
    }
    let about = About {
        common: &options.common,
        place: &options.place,
        params: &options.params,
        targets: &options.targets,
    };
    let manner = Manner {
        force: &options.force,
        guards: true,
        shows_all: true,
        changed: &options.what_if.changed,
        is_minimal: options.what_if.is_minimal,
        ..Manner::question(options.checksum_level)
    };
    look(about, &manner, |looked| {
        let shown = Shown {
            opened: looked.opened,
            context: looked.context,
            judged: looked.judged,
            history: looked.history,
            owed: OwedFile::read(&looked.opened.state)?,
        };
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        match options.json {
            true => shown.json(&options, &mut out)?,
            false => shown.text(&options, &mut out)?,
        }
        out.flush()?;
        Ok(Exit::Done)
    })
}

/// A job's state, by the names of the machine-readable form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Stale(Reason),
    /// It is looked at again when a job before it has run.
    Maybe(Reason),
    /// Behind a split that has to run first.
    Unknown,
}

/// One row of a plan.
#[derive(Clone, Copy)]
enum Row {
    Job(JobId, State),
    Stand(StandId, RuleId),
}

struct Shown<'a> {
    opened: &'a Opened,
    context: Context<'a>,
    judged: Judged,
    history: &'a dyn History,
    owed: OwedFile,
}

impl Shown<'_> {
    /// All wanted jobs, in an order in which they could run; those that are fresh only where they are
    /// to be shown. And how many of each rule are fresh.
    fn rows(&self, shows_fresh: bool) -> (Vec<Row>, Vec<u64>) {
        let Judged {
            plan,
            wanted,
            judge,
        } = &self.judged;
        let mut rows: Vec<Row> = Vec::new();
        let mut fresh = vec![0; self.opened.workflow.rules.len()];
        let may_follow = judge.may_follow(plan, self.context, wanted);
        for &job in &plan.known {
            if wanted.has(job) {
                let verdict = judge.verdict(job);
                let state = match verdict {
                    Verdict::Stale(reason) if verdict.is_maybe() => State::Maybe(reason),
                    Verdict::Stale(reason) => State::Stale(reason),
                    Verdict::Fresh | Verdict::Unjudged => {
                        let reason = may_follow.get(&job).copied();
                        reason.map_or(State::Fresh, State::Maybe)
                    }
                };
                if matches!(state, State::Fresh) {
                    fresh[plan.jobs[job].rule.0 as usize] += 1;
                    if !shows_fresh {
                        continue;
                    }
                }
                rows.push(Row::Job(job, state));
            }
        }
        // What is not known yet comes last, rule by rule, upstream first.
        for &rule in &self.opened.workflow.order {
            let stands = plan
                .pending()
                .filter(|(stand, of)| *of == rule && wanted.has_stand(*stand));
            rows.extend(stands.map(|(stand, rule)| Row::Stand(stand, rule)));
            let open = plan.open_jobs().filter(|job| plan.jobs[*job].rule == rule);
            let open = open.filter(|job| wanted.has(*job));
            rows.extend(open.map(|job| Row::Job(job, State::Unknown)));
        }
        (rows, fresh)
    }

    fn rule(&self, row: Row) -> &Rule {
        let rule = match row {
            Row::Job(job, _) => self.judged.plan.jobs[job].rule,
            Row::Stand(_, rule) => rule,
        };
        &self.opened.workflow.rules[rule]
    }

    fn command(&self, job: JobId) -> Option<BString> {
        let plan = &self.judged.plan;
        let needs = &plan.rule_of(&self.opened.workflow, job).needs;
        let folder = BStr::new(self.opened.folder.as_os_str().as_bytes());
        let given = Given::asked(needs, 1, BStr::new("$FLOW_TMP"), folder);
        let rendered = render(plan, &self.opened.workflow, job, &given).ok()?;
        Some(rendered.text())
    }

    fn json(&self, options: &PlanOptions, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
        let plan = &self.judged.plan;
        for row in self.rows(options.all).0 {
            let rule = self.rule(row).name.clone();
            let mut line = match row {
                Row::Job(job, state) => {
                    let files = |paths: &[crate::plan::PathId]| -> Value {
                        paths
                            .iter()
                            .map(|path| path_json(plan.path(*path)))
                            .collect()
                    };
                    let outputs = plan.made(job).unwrap_or(plan.outputs(job));
                    let mut line = json!({
                        "schema": 1,
                        "job": path_json(plan.key(job)),
                        "rule": rule,
                        "inputs": files(plan.inputs(job)),
                        "outputs": files(outputs),
                        "state": match state {
                            State::Fresh => "fresh",
                            State::Stale(_) => "stale",
                            State::Maybe(_) => "maybe",
                            State::Unknown => "unknown",
                        },
                    });
                    if let State::Stale(reason) | State::Maybe(reason) = state {
                        line["reason"] = reason::value(plan, reason, &self.difference(job, reason));
                    }
                    if state != State::Unknown
                        && let Some(command) = self.command(job)
                    {
                        line["command"] = path_json(&command);
                    }
                    line
                }
                Row::Stand(stand, _) => {
                    let outputs = plan.stand_outputs(self.context, stand);
                    let outputs: Vec<Value> = outputs.iter().map(|path| path_json(path)).collect();
                    json!({
                        "schema": 1,
                        "job": outputs.first().cloned().unwrap_or(Value::Null),
                        "rule": rule,
                        "inputs": [],
                        "outputs": outputs,
                        "state": "unknown",
                    })
                }
            };
            if line["state"] == "unknown" {
                line["reason"] = json!({"kind": "upstream"});
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn difference(&self, job: JobId, reason: Reason) -> Difference {
        let Judged { plan, judge, .. } = &self.judged;
        explain(plan, self.context, judge, self.history, job, reason)
    }

    fn text(&self, options: &PlanOptions, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
        let style = self.opened.terminal.out;
        let (rows, fresh) = self.rows(options.all);
        let n_stale = rows
            .iter()
            .filter(|row| matches!(row, Row::Job(_, State::Stale(_))))
            .count();
        let n_maybe = rows
            .iter()
            .filter(|row| matches!(row, Row::Job(_, State::Maybe(_))))
            .count();
        let n_run = n_stale + n_maybe;
        let n_fresh = fresh.iter().sum::<u64>() as usize;
        let is_unknown = |row: &&Row| match row {
            Row::Job(_, state) => *state == State::Unknown,
            Row::Stand(..) => true,
        };
        let n_unknown = rows.iter().filter(is_unknown).count();
        if options.common.detail == Detail::Verbose {
            for rule in self.opened.workflow.rules.values() {
                if let Some(condition) = rule.active_if.as_ref().filter(|_| !rule.is_active()) {
                    let condition = safe::line(condition.text.as_bytes());
                    let why = format!("takes no part: active_if {condition}");
                    writeln!(out, "{}  {}", rule.name, style.paint(Role::Faint, why))?;
                }
            }
        }
        for (rule, why) in self.thens(&rows) {
            let why = style.paint(Role::Faint, why);
            writeln!(out, "then:{rule}  {why}")?;
        }
        let temps = doomed::files(&self.judged, self.context.workflow);
        for file in temps
            .iter()
            .filter(|_| options.common.detail == Detail::Verbose)
        {
            let why = style.paint(Role::Faint, "temporary: deleted when what reads it is done");
            writeln!(out, "{}  {why}", path(file))?;
        }
        if n_run + n_unknown == 0 && !options.all {
            if n_fresh == 0 {
                writeln!(out, "nothing to do: there are no jobs")?;
                return Ok(());
            }
            let jobs = human::counted(n_fresh as u64, "job");
            writeln!(out, "everything is up to date ({jobs})")?;
            self.deleted(&temps, out)?;
            return Ok(());
        }
        if options.common.detail == Detail::Normal && !options.all && !options.commands {
            self.by_rule(&rows, &fresh, out)?;
        } else if options.common.detail != Detail::Quiet {
            for &row in &rows {
                self.job_lines(row, options.commands, out)?;
            }
            writeln!(out)?;
        }
        let mut total = format!("{} would run", human::counted(n_run as u64, "job"));
        if n_maybe > 0 {
            let n_maybe = human::count(n_maybe as u64);
            write!(total, ", {n_maybe} of them if what they read changes")?;
        }
        if n_unknown > 0 {
            write!(total, ", and what follows from them")?;
        }
        if n_fresh > 0 {
            write!(total, "; {} fresh", human::count(n_fresh as u64))?;
        }
        writeln!(out, "{}", style.paint(Role::Strong, total))?;
        self.deleted(&temps, out)
    }

    /// What rules would do once, when their jobs are done, and why.
    fn thens(&self, rows: &[Row]) -> Vec<(&str, &'static str)> {
        let Judged { plan, wanted, .. } = &self.judged;
        let mut certain = HashSet::new();
        let mut possible = HashSet::new();
        for row in rows {
            match row {
                Row::Job(_, State::Fresh) => {}
                Row::Job(job, State::Stale(_)) => drop(certain.insert(plan.jobs[*job].rule)),
                Row::Job(job, _) => drop(possible.insert(plan.jobs[*job].rule)),
                Row::Stand(_, rule) => drop(possible.insert(*rule)),
            }
        }
        let rules = self.opened.workflow.rules.iter();
        let rules = rules.filter(|(_, rule)| !rule.then.is_empty());
        let why = |id: RuleId, rule: &Rule| {
            // A part of the rule is not the rule.
            let is_whole = plan.jobs_of(id).iter().all(|job| wanted.has(*job));
            if self.owed.is_owed(&rule.name) {
                Some("owed from an earlier run")
            } else if is_whole && certain.contains(&id) {
                Some("once, when its jobs are done")
            } else if is_whole && possible.contains(&id) {
                Some("once, if any of its jobs runs")
            } else {
                None
            }
        };
        rules
            .filter_map(|(id, rule)| Some((rule.name.as_str(), why(id, rule)?)))
            .collect()
    }

    /// How many temporary files would be deleted.
    fn deleted(&self, temps: &[&BStr], out: &mut dyn std::io::Write) -> anyhow::Result<()> {
        if !temps.is_empty() {
            let files = human::counted(temps.len() as u64, "temporary file");
            writeln!(out, "{files} would be deleted")?;
        }
        Ok(())
    }

    fn job_lines(
        &self,
        row: Row,
        shows_command: bool,
        out: &mut dyn std::io::Write,
    ) -> anyhow::Result<()> {
        let style = self.opened.terminal.out;
        let name = &self.rule(row).name;
        let plan = &self.judged.plan;
        match row {
            Row::Job(job, state) => {
                let why = match state {
                    State::Fresh => "fresh".to_string(),
                    State::Stale(reason) | State::Maybe(reason) => {
                        reason::sentence(plan, reason, &self.difference(job, reason))
                    }
                    State::Unknown => "behind a split that has to run first".into(),
                };
                let why = style.paint(Role::Faint, why);
                writeln!(out, "{name} {}  {why}", path(plan.key(job)))?;
                if shows_command && state != State::Unknown {
                    let command = self.command(job).unwrap_or_default();
                    for line in safe::text(&command).lines() {
                        writeln!(out, "    {line}")?;
                    }
                }
            }
            Row::Stand(stand, _) => {
                let outputs = plan.stand_outputs(self.context, stand);
                let first = outputs
                    .first()
                    .map_or("?".into(), |output| safe::line(output));
                let why = style.paint(Role::Faint, "behind a split that has to run first");
                writeln!(out, "{name} {first}  {why}")?;
            }
        }
        Ok(())
    }

    /// One line per rule with work: how many of its jobs would run, and the reasons counted.
    fn by_rule(
        &self,
        rows: &[Row],
        fresh: &[u64],
        out: &mut dyn std::io::Write,
    ) -> anyhow::Result<()> {
        let n_rules = self.opened.workflow.rules.len();
        let mut counts = vec![Counts::default(); n_rules];
        for (counts, fresh) in counts.iter_mut().zip(fresh) {
            counts.fresh = *fresh;
        }
        for &row in rows {
            let (rule, state) = match row {
                Row::Job(job, state) => (self.judged.plan.jobs[job].rule, state),
                Row::Stand(_, rule) => (rule, State::Unknown),
            };
            let counts = &mut counts[rule.0 as usize];
            match state {
                State::Fresh => {}
                State::Unknown => counts.unknown += 1,
                State::Stale(reason) | State::Maybe(reason) => {
                    counts.run += 1;
                    counts.reasons[reason::kind(reason)] += 1;
                }
            }
        }
        let rules = self.opened.workflow.order.iter();
        let rules: Vec<RuleId> = rules
            .copied()
            .filter(|rule| counts[rule.0 as usize].run + counts[rule.0 as usize].unknown > 0)
            .collect();
        let name = |rule: &RuleId| &self.opened.workflow.rules[*rule].name;
        let width = rules
            .iter()
            .map(|rule| name(rule).chars().count())
            .max()
            .unwrap_or(0);
        for rule in &rules {
            let counts = &counts[rule.0 as usize];
            let mut line = format!("{:width$}  {:>7}", name(rule), counts.jobs());
            let mut reasons: Vec<String> = Vec::new();
            for (kind, &n) in counts.reasons.iter().enumerate() {
                if n == counts.run && n > 0 && counts.unknown == 0 {
                    reasons.push(reason::KINDS[kind].into());
                } else if n > 0 {
                    reasons.push(format!("{}: {}", reason::KINDS[kind], human::count(n)));
                }
            }
            if counts.unknown > 0 {
                reasons.push("known when a split before it has run".into());
            }
            write!(line, "  {}", reasons.join(", "))?;
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
        Ok(())
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    run: u64,
    fresh: u64,
    unknown: u64,
    reasons: [u64; reason::KINDS.len()],
}

impl Counts {
    fn jobs(&self) -> String {
        match (self.run, self.fresh, self.unknown) {
            (run, 0, 0) => human::count(run),
            (0, _, 1..) => "?".into(),
            (run, _, 1..) => format!("{}+?", human::count(run)),
            (run, fresh, _) => format!("{} of {}", human::count(run), human::count(run + fresh)),
        }
    }
}
