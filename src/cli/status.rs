//! `flow status`: how many jobs of each rule are fresh, stale, missing, failed.

use std::io::Write;

use serde_json::json;

use super::Exit;
use super::ask::going::Going;
use super::look::look;
use super::open::Opened;
use super::options::StatusOptions;
use super::targets::{Judged, Manner};
use crate::dense::Id;
use crate::history::{History, LastTry, Store};
use crate::stale::{Reason, Verdict};
use crate::ui::{Role, human, safe};
use crate::workflow::RuleId;

/// The states, in the order in which they are shown.
const STATES: [&str; 6] = ["fresh", "stale", "missing", "failed", "unknown", "running"];

/// Jobs by their state.
type Counts = [u64; STATES.len()];

pub fn status(options: StatusOptions) -> anyhow::Result<Exit> {
    let ask = &options.ask;
    let manner = Manner::question(ask.checksum_level);
    look(ask.about(), &manner, |looked| {
        let going = Going::look(&looked.opened.state);
        let (rules, lacks) = count(looked.opened, &looked.judged, looked.history, &going);
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        match options.json {
            true => json(looked.opened, &rules, &mut out)?,
            false => text(looked.opened, &rules, lacks, &mut out)?,
        }
        going.tell(options.json, &mut out)?;
        out.flush()?;
        let is_stale = rules.iter().any(|(_, counts)| counts[1..] != [0; 5]);
        Ok(match options.check && is_stale {
            true => Exit::Stale,
            false => Exit::Done,
        })
    })
}

/// The rules that were asked for, upstream first, and how many inputs nothing makes.
fn count(
    opened: &Opened,
    judged: &Judged,
    history: &Store,
    going: &Going,
) -> (Vec<(RuleId, Counts)>, usize) {
    let Judged {
        plan,
        wanted,
        judge,
    } = judged;
    let mut counts = vec![Counts::default(); opened.workflow.rules.len()];
    for job in plan.jobs.ids().filter(|job| wanted.has(*job)) {
        let has_failed = || {
            let last = history.last(plan.key(job));
            last.is_some_and(|last| last.last_try != LastTry::Done)
        };
        // What runs has neither its old outputs nor its new ones.
        let runs = || has_failed() && going.runs(plan.key(job));
        let state = match judge.verdict(job) {
            Verdict::Stale(_) if runs() => 5,
            Verdict::Fresh => 0,
            Verdict::Unjudged => 4,
            Verdict::Stale(_) if has_failed() => 3,
            Verdict::Stale(Reason::OutputMissing(_)) => 2,
            Verdict::Stale(_) => 1,
        };
        counts[plan.jobs[job].rule.index()][state] += 1;
    }
    for (stand, rule) in plan.pending() {
        if wanted.has_stand(stand) {
            counts[rule.index()][4] += 1;
        }
    }
    let order = opened.workflow.order.iter().copied();
    let rules = order.map(|rule| (rule, counts[rule.index()]));
    let asked = rules.filter(|(_, counts)| *counts != Counts::default());
    let mut missing: Vec<_> = judge.missing.iter().map(|missing| missing.path).collect();
    missing.sort();
    missing.dedup();
    (asked.collect(), missing.len())
}

fn json(opened: &Opened, rules: &[(RuleId, Counts)], out: &mut dyn Write) -> anyhow::Result<()> {
    for (rule, counts) in rules {
        let mut line = json!({"schema": 1, "rule": opened.workflow.rules[*rule].name});
        for (state, count) in STATES.iter().zip(counts) {
            line[state] = json!(count);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A table; columns in which nothing stands are left out.
fn text(
    opened: &Opened,
    rules: &[(RuleId, Counts)],
    lacks: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut total = Counts::default();
    for (_, counts) in rules {
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let style = opened.terminal.out;
    let columns: Vec<usize> = (0..STATES.len())
        .filter(|column| *column < 2 || total[*column] > 0)
        .collect();
    let name = |rule: RuleId| safe::line(opened.workflow.rules[rule].name.as_bytes());
    let width = rules.iter().map(|(rule, _)| name(*rule).chars().count());
    let width = width.max().unwrap_or(0).max(5);
    let cells = |counts: &Counts| -> String {
        let cell = |column: &usize| match counts[*column] {
            0 => format!("  {:>9}", "-"),
            // How many wait behind a split is not known.
            _ if *column == 4 => format!("  {:>9}", "?"),
            count => format!("  {:>9}", human::count(count)),
        };
        columns.iter().map(cell).collect()
    };
    let head: String = columns
        .iter()
        .map(|column| format!("  {:>9}", STATES[*column]))
        .collect();
    writeln!(
        out,
        "{}",
        style.paint(Role::Strong, format!("{:width$}{head}", ""))
    )?;
    for (rule, counts) in rules {
        writeln!(out, "{:width$}{}", name(*rule), cells(counts))?;
    }
    if rules.len() > 1 {
        let line = format!("{:width$}{}", "total", cells(&total));
        writeln!(out, "{}", style.paint(Role::Strong, line))?;
    }
    if lacks > 0 {
        let n = human::counted(lacks as u64, "input");
        let verb = if lacks == 1 { "is" } else { "are" };
        writeln!(
            out,
            "{n} {verb} missing, and no rule makes them: see `flow plan`"
        )?;
    }
    Ok(())
}
