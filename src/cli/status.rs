//! `flow status`: how many jobs of each rule are fresh, stale, missing, failed.

use std::io::Write;

use bstr::{BStr, ByteSlice};
use serde_json::json;

use super::Exit;
use super::ask::going::Going;
use super::look::look;
use super::open::Opened;
use super::options::StatusOptions;
use super::targets::{Judged, Manner};
use crate::dense::Id;
use crate::event::json::path_json;
use crate::exec::drmaa::{OnCluster, Remote, Stand};
use crate::history::{History, LastTry, Store};
use crate::plan::Plan;
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
        let state = &looked.opened.state;
        let going = Going::look(state);
        // Those of a run that is going are its own.
        let left = match going.is_anybody() {
            true => Vec::new(),
            false => OnCluster::list(state, |job| {
                let last = looked.history.last(job);
                last.is_some_and(|last| last.last_try == LastTry::Unfinished)
            })?,
        };
        let runs = |job: &BStr| {
            going.runs(job)
                || left
                    .binary_search_by(|one| one.job.as_bstr().cmp(job))
                    .is_ok()
        };
        let (rules, lacks) = count(looked.opened, &looked.judged, looked.history, &runs);
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        match options.json {
            true => json(looked.opened, &looked.judged.plan, &rules, &left, &mut out)?,
            false => {
                text(looked.opened, &rules, lacks, &mut out)?;
                left_text(&left, &mut out)?;
            }
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
    is_running: &dyn Fn(&BStr) -> bool,
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
        let runs = || has_failed() && is_running(plan.key(job));
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

fn json(
    opened: &Opened,
    plan: &Plan,
    rules: &[(RuleId, Counts)],
    left: &[Remote],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let rule_of = |one: &Remote| {
        let by_file = plan.paths.find(&one.job);
        let job = by_file.and_then(|path| plan.producer(path));
        let job = job.or_else(|| plan.job_of_key(&one.job))?;
        Some(plan.jobs[job].rule)
    };
    for (rule, counts) in rules {
        let mut line = json!({"schema": 1, "rule": opened.workflow.rules[*rule].name});
        for (state, count) in STATES.iter().zip(counts) {
            line[state] = json!(count);
        }
        let of_rule = left.iter().filter(|one| rule_of(one) == Some(*rule));
        let of_rule: Vec<_> = of_rule.map(left_json).collect();
        if !of_rule.is_empty() {
            line["on_cluster"] = json!(of_rule);
        }
        writeln!(out, "{line}")?;
    }
    let is_shown = |one: &&Remote| rules.iter().any(|(rule, _)| rule_of(one) == Some(*rule));
    let n_others = left.len() - left.iter().filter(is_shown).count();
    if n_others > 0 {
        let jobs = human::counted(n_others as u64, "job");
        anstream::eprintln!("note: {jobs} on the cluster of rules that were not asked about");
    }
    Ok(())
}

fn left_json(one: &Remote) -> serde_json::Value {
    let (state, host) = match &one.stand {
        Stand::Queued => ("queued", None),
        Stand::Begun { host } => ("running", Some(host)),
        Stand::Ended => ("ended", None),
    };
    let job = path_json(&one.job);
    let mut json = json!({"job": job, "attempt": one.attempt, "id": one.id, "state": state});
    if let Some(host) = host {
        json["host"] = json!(host);
    }
    json
}

/// The jobs that no run follows.
fn left_text(left: &[Remote], out: &mut dyn Write) -> anyhow::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let (are, them) = match left.len() {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    let jobs = human::counted(left.len() as u64, "job");
    writeln!(
        out,
        "{jobs} {are} on the cluster, and no run follows {them}: `flow run --drmaa` takes {them} up, \
         `flow stop` ends {them}"
    )?;
    for one in left {
        let id = one
            .id
            .as_ref()
            .map_or("no id".into(), |id| format!("id {id}"));
        let again = match one.attempt {
            0 | 1 => String::new(),
            attempt => format!(", try {attempt}"),
        };
        let stand = match &one.stand {
            Stand::Queued => "is queued".into(),
            Stand::Begun { host } => format!("runs on {host}"),
            Stand::Ended => "has ended".into(),
        };
        let told = safe::line(format!("{id}{again}, {stand}").as_bytes());
        writeln!(out, "    {}  {told}", safe::path(&one.job))?;
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
