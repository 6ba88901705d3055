//! `flow history`: past runs, and jobs as they ended last. The workflow is not looked at.

use std::io::Write;

use bstr::{BStr, BString};
use serde_json::{Value, json};

use super::Exit;
use super::ask::going::Going;
use super::open::{self, as_written};
use super::options::HistoryOptions;
use super::why::moment_ms;
use crate::event::json::path_json;
use crate::history::{Last, LastTry, Run, Store};
use crate::lang::{Diag, Sources};
use crate::ui::{Role, Style, human, path, safe};

/// So many runs, and jobs, are shown when not all are asked for.
const SHOWN: usize = 20;

pub fn history(options: HistoryOptions) -> anyhow::Result<Exit> {
    open::change_folder(&options.common)?;
    let terminal = open::Terminal::new(&options.common);
    let (caller, folder, state) = open::places(&options.common, &options.place)?;
    let store = Store::read(&state)?;
    if let Some(damage) = &store.damage {
        anstream::eprintln!("warning: {}", safe::line(damage.as_bytes()));
    }
    let mut jobs: Vec<(&BStr, Last)> = store.jobs().collect();
    let mut unknown = Vec::new();
    if !options.jobs.is_empty() {
        let files: Vec<BString> = (options.jobs.iter())
            .map(|job| as_written(job, &caller, &folder))
            .collect();
        jobs.retain(|(key, last)| files.iter().any(|file| is_of(key, last, file)));
        unknown = files;
        unknown.retain(|file| !jobs.iter().any(|(key, last)| is_of(key, last, file)));
    }
    // The latest first; what never ended well comes last.
    jobs.sort_by_key(|(_, last)| std::cmp::Reverse(last.past.map(|past| past.ended_ms)));
    let mut runs: Vec<Run> = Vec::new();
    if options.jobs.is_empty() {
        runs = store.runs().collect();
        runs.reverse();
    }
    let going = Going::look(&state);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if options.json {
        for run in &runs {
            writeln!(out, "{}", run_json(run))?;
        }
        for (key, last) in &jobs {
            writeln!(out, "{}", job_json(key, last))?;
        }
    } else {
        let shown = match options.all || !options.jobs.is_empty() {
            true => usize::MAX,
            false => SHOWN,
        };
        text(terminal.out, &runs, &jobs, shown, &going, &mut out)?;
    }
    going.tell(options.json, &mut out)?;
    out.flush()?;
    let diag = |file: &BString| {
        Diag::error("E0350", format!("nothing is known of {}", path(file)))
            .note("no job that was run or found made it")
    };
    let diags: Vec<Diag> = unknown.iter().map(diag).collect();
    terminal.show(&diags, &Sources::default());
    Ok(match unknown.is_empty() {
        true => Exit::Done,
        false => Exit::NoSuchTarget,
    })
}

/// Whether a file is a job's name or one of its outputs.
fn is_of(key: &BStr, last: &Last, file: &BString) -> bool {
    key == file
        || last
            .past
            .is_some_and(|past| past.outputs().any(|output| output.path == file.as_slice()))
}

fn text(
    style: Style,
    runs: &[Run],
    jobs: &[(&BStr, Last)],
    shown: usize,
    going: &Going,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if runs.is_empty() && jobs.is_empty() {
        writeln!(out, "nothing was run here yet")?;
    }
    if !runs.is_empty() {
        writeln!(out, "{}", style.paint(Role::Strong, "Runs"))?;
    }
    for run in runs.iter().take(shown) {
        let took = human::duration(run.ended_ms.saturating_sub(run.begun_ms) as f64 / 1000.0);
        let what = match run.targets.is_empty() {
            true => String::new(),
            false => {
                let targets: Vec<String> = run.targets.iter().map(|target| path(target)).collect();
                format!("  {}", targets.join(" "))
            }
        };
        let (when, how) = (moment_ms(run.begun_ms), ended(run));
        writeln!(out, "  {when}  {took:>13}  {how}{what}")?;
    }
    rest(runs.len(), shown, out)?;
    if !jobs.is_empty() {
        if !runs.is_empty() {
            writeln!(out)?;
        }
        writeln!(out, "{}", style.paint(Role::Strong, "Jobs"))?;
    }
    for (key, last) in jobs.iter().take(shown) {
        let when = match last.past {
            Some(past) if past.ended_ms > 0 => moment_ms(past.ended_ms),
            _ => format!("{:>23}", "-"),
        };
        let took = last.past.and_then(|past| past.wall_ms);
        let took = took.map_or("-".into(), |ms| human::duration(ms as f64 / 1000.0));
        let peak = match last.past.map_or(0, |past| past.max_rss_kib) {
            0 => "-".into(),
            kib => human::size(kib.saturating_mul(1024)),
        };
        let how = match last.last_try {
            LastTry::Done => String::new(),
            LastTry::Failed => format!("  {}", style.paint(Role::Error, "failed since")),
            LastTry::Unfinished if going.runs(key) => {
                format!("  {}", style.paint(Role::Good, "runs now"))
            }
            LastTry::Unfinished => format!("  {}", style.paint(Role::Error, "cut off since")),
        };
        writeln!(out, "  {when}  {took:>13}  {peak:>10}  {}{how}", path(key))?;
    }
    rest(jobs.len(), shown, out)
}

fn rest(len: usize, shown: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    if len > shown {
        let n = human::count((len - shown) as u64);
        writeln!(out, "  and {n} more: --all shows them")?;
    }
    Ok(())
}

/// `3 done, 1 failed`.
fn ended(run: &Run) -> String {
    let tally = &run.tally;
    let counts = [
        (tally.ok, "done"),
        (tally.touched, "touched"),
        (tally.failures(), "failed"),
        (tally.skipped, "skipped"),
        (tally.cancelled, "cancelled"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{} {what}", human::count(*count)))
        .collect();
    let counts = match counts.is_empty() {
        true => "nothing to do".into(),
        false => counts.join(", "),
    };
    match run.exit {
        0 | 1 => counts,
        status @ (129 | 130 | 143) => format!("{counts}; ended by signal {}", status - 128),
        status => format!("{counts}; exit status {status}"),
    }
}

/// Milliseconds since the epoch as RFC 3339.
fn time_json(ms: u64) -> Value {
    match jiff::Timestamp::from_millisecond(ms as i64) {
        Ok(time) if ms > 0 => time.to_string().into(),
        _ => Value::Null,
    }
}

fn run_json(run: &Run) -> Value {
    let tally = &run.tally;
    json!({
        "schema": 1,
        "kind": "run",
        "begun": time_json(run.begun_ms),
        "ended": time_json(run.ended_ms),
        "workflow": path_json(&run.workflow),
        "targets": run.targets.iter().map(|target| path_json(target)).collect::<Value>(),
        "ok": tally.ok,
        "failed": tally.failed,
        "killed": tally.killed,
        "timeout": tally.timeout,
        "skipped": tally.skipped,
        "cancelled": tally.cancelled,
        "touched": tally.touched,
        "fresh": tally.fresh,
        "retries": tally.retries,
        "exit": run.exit,
    })
}

fn job_json(key: &BStr, last: &Last) -> Value {
    let past = last.past;
    let outputs = past.into_iter().flat_map(|past| past.outputs());
    json!({
        "schema": 1,
        "kind": "job",
        "job": path_json(key),
        "last_try": match last.last_try {
            LastTry::Done => "done",
            LastTry::Failed => "failed",
            LastTry::Unfinished => "unfinished",
        },
        "ended": past.map_or(Value::Null, |past| time_json(past.ended_ms)),
        "wall_s": past.and_then(|past| past.wall_ms).map(|ms| ms as f64 / 1000.0),
        "max_rss_kib": past.map(|past| past.max_rss_kib).filter(|kib| *kib > 0),
        "n_inputs": past.map(|past| past.n_inputs()),
        "outputs": outputs.map(|file| path_json(BStr::new(file.path))).collect::<Value>(),
    })
}
