//! `flow log`: what jobs printed, from the run that last knew them.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use super::ask::client::{Seen, ask, who};
use super::open::{Opened, as_written};
use super::options::LogOptions;
use super::why::moment_ms;
use super::{Exit, open};
use crate::history::printed::{self, Failed, Printed};
use crate::history::{History, Last, LastTry, Store};
use crate::lang::{Diag, Sources};
use crate::pattern::Listing;
use crate::plan::{Context, JobId, Plan};
use crate::run::ask::{Answer, Now, Question};
use crate::ui::{Role, safe};

pub fn log(options: LogOptions) -> anyhow::Result<Exit> {
    open::change_folder(&options.common)?;
    let terminal = open::Terminal::new(&options.common);
    let (caller, folder, state) = open::places(&options.common, &options.place)?;
    let mut failed = match options.failed {
        true => failed(&options, &state)?,
        false => Vec::new(),
    };
    if options.failed && failed.is_empty() && options.jobs.is_empty() {
        anstream::println!("no job failed when it was last tried");
    }
    let mut keys: Vec<BString> = Vec::new();
    let mut unknown = Vec::new();
    for job in &options.jobs {
        let path = as_written(job, &caller, &folder);
        match key_of(&options, &state, &path)? {
            Some(key) => keys.push(key),
            None => unknown.push(job.clone()),
        }
    }
    if options.follow {
        // What is tried again goes on.
        keys.splice(0..0, failed.drain(..).map(|one| one.key));
    }
    let several = keys.len() + failed.len() > 1;
    let entitle = |key: &BString| {
        if several {
            let title = format!("==> {} <==", crate::ui::path(key));
            anstream::println!("{}", terminal.out.paint(Role::Strong, title));
        }
    };
    for one in &failed {
        entitle(&one.key);
        print(&one.printed, &mut 0)?;
        if one.printed.length() == 0 {
            anstream::eprintln!("{} {SILENT_FAILURE}", crate::ui::path(&one.key));
        }
    }
    for key in &keys {
        entitle(key);
        show(&state, key.as_bstr(), options.follow)?;
    }
    for job in &unknown {
        let shown = crate::ui::path(job);
        terminal.show(
            &[Diag::error("E0350", format!("nothing is known of {shown}"))
                .note("no job of that name or with that output has printed anything")],
            &Sources::default(),
        );
    }
    Ok(if unknown.is_empty() {
        Exit::Done
    } else {
        Exit::NoSuchTarget
    })
}

/// The jobs that failed when they were last tried, the last at the end. Of runs before the newest
/// only those that the workflow still has, where that can be told.
fn failed(options: &LogOptions, state: &Path) -> anyhow::Result<Vec<Failed>> {
    let mut failed = printed::failed(state);
    if failed.is_empty() {
        return Ok(failed);
    }
    let history = Store::read(state)?;
    let is_done = |last: Last| last.last_try == LastTry::Done;
    failed.retain(|one| !history.last(&one.key).is_some_and(is_done));
    if failed.iter().all(|one| one.is_newest) {
        return Ok(failed);
    }
    let opened = open::open(&without_chdir(options), &options.place, &[])?;
    if let Ok(opened) = opened
        && !opened.diags.iter().any(Diag::is_error)
    {
        with_plan(&opened, |plan, _| {
            if plan.pending().next().is_none() {
                let is_there = |one: &Failed| job_of(plan, one.key.as_bstr()).is_some();
                failed.retain(|one| one.is_newest || is_there(one));
            }
        })?;
    }
    Ok(failed)
}

/// The key of the job that is called `path` or makes it.
fn key_of(options: &LogOptions, state: &Path, path: &BString) -> anyhow::Result<Option<BString>> {
    if printed::find(state, path).is_some() {
        return Ok(Some(path.clone()));
    }
    let opened = match open::open(&without_chdir(options), &options.place, &[])? {
        Ok(opened) if !opened.diags.iter().any(Diag::is_error) => opened,
        _ => return Ok(None),
    };
    with_plan(&opened, |plan, context| {
        planned_key(plan, context, BStr::new(path))
    })
}

/// The folder was changed already.
fn without_chdir(options: &LogOptions) -> super::options::Common {
    super::options::Common {
        chdir: None,
        ..options.common.clone()
    }
}

fn with_plan<T>(opened: &Opened, f: impl FnOnce(&mut Plan, Context) -> T) -> anyhow::Result<T> {
    let disk = crate::disk::Real::open(&opened.folder)?;
    let listing = RefCell::new(Listing::new(&disk));
    let context = Context {
        workflow: &opened.workflow,
        listing: &listing,
    };
    Ok(f(&mut Plan::new(context), context))
}

/// The job that is called `name` or makes it.
fn job_of(plan: &Plan, name: &BStr) -> Option<JobId> {
    let producer = plan.find(name).and_then(|path| plan.producer(path));
    producer.or_else(|| plan.job_of_key(name))
}

/// The key of the job that is called `path` or makes it, by the plan.
fn planned_key(plan: &mut Plan, context: Context, path: &BStr) -> Option<BString> {
    if let Some(job) = job_of(plan, path) {
        return Some(plan.key(job).into());
    }
    // A split's file: the one whose globs match it.
    for job in plan.known.clone() {
        if plan.rule_of(context.workflow, job).makes_unknown_files()
            && plan
                .output_globs(context, job)
                .iter()
                .any(|glob| glob.matches(path))
        {
            return Some(plan.key(job).into());
        }
    }
    None
}

fn show(state: &Path, key: &BStr, follows: bool) -> anyhow::Result<()> {
    let mut n_shown = 0;
    let mut shown = (PathBuf::new(), 0);
    loop {
        // Asked before the log is read: what a job printed last is then there when it has ended.
        let stands = match follows {
            true => stands(state, key),
            false => Stands::Ended,
        };
        // So is the history: that a job ended well stands in its log first.
        let silence = match stands {
            Stands::Ended => Some(silence(state, key)?),
            Stands::Unfinished { .. } | Stands::Unknown => None,
        };
        let mut printed = printed::find(state, key).unwrap_or_default();
        if let Stands::Unfinished { run } = &stands
            && printed.file.file_stem() != Some(OsStr::new(run))
        {
            // Of an earlier run: this one's has printed nothing yet.
            printed = Printed::default();
        }
        let done_ms = silence.as_ref().and_then(|silence| silence.done_ms);
        if let Some(done_ms) = done_ms.filter(|_| printed.length() > 0)
            && printed.is_before(done_ms)?
        {
            printed = Printed::default();
        }
        let place = (printed.file.clone(), printed.attempt);
        if place != shown {
            (n_shown, shown) = (0, place);
        }
        print(&printed, &mut n_shown)?;
        let is_over = match stands {
            Stands::Ended => true,
            Stands::Unfinished { .. } => false,
            Stands::Unknown => printed.end.is_some(),
        };
        if is_over {
            if let Some(silence) = silence.filter(|_| n_shown == 0) {
                anstream::eprintln!("{} {}", crate::ui::path(key), silence.why);
            }
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether a job has still something to print.
enum Stands {
    /// It runs, or will: in the run whose log is called so.
    Unfinished {
        run: String,
    },
    Ended,
    /// A run is going that cannot be asked.
    Unknown,
}

fn stands(state: &Path, key: &BStr) -> Stands {
    match who(state) {
        Seen::Here(holder) | Seen::Elsewhere(holder) if holder.is_run() => {}
        _ => return Stands::Ended,
    }
    let job = key.into();
    match ask(state, Question::Job { job }) {
        Ok((holder, Answer::Job(answer))) => match answer.now {
            Now::Waiting { .. } | Now::Queued(_) | Now::Running(_) => {
                Stands::Unfinished { run: holder.id }
            }
            _ => Stands::Ended,
        },
        Ok(_) => Stands::Ended,
        Err(_) => Stands::Unknown,
    }
}

const RUNS: &str = "has printed nothing yet";
const SILENT_FAILURE: &str = "printed nothing in its last try, which failed";

/// Why there is nothing to show of a job.
struct Silence {
    why: String,
    /// When its last try ended, if that was well and flow ran it: what an earlier one printed is not
    /// of it.
    done_ms: Option<u64>,
}

fn silence(state: &Path, key: &[u8]) -> anyhow::Result<Silence> {
    let history = Store::read(state)?;
    let last = history.last(key);
    let ran = last.and_then(|last| last.past.filter(|past| past.wall_ms.is_some()));
    let why = match (last.map(|last| last.last_try), ran) {
        (Some(LastTry::Unfinished), _) => RUNS.to_string(),
        (Some(LastTry::Failed), _) => SILENT_FAILURE.to_string(),
        (Some(LastTry::Done), Some(past)) => {
            format!("printed nothing when it ran, {}", moment_ms(past.ended_ms))
        }
        (Some(LastTry::Done), None) | (None, _) => "has not run here".to_string(),
    };
    let is_done = last.is_some_and(|last| last.last_try == LastTry::Done);
    Ok(Silence {
        why,
        done_ms: ran.filter(|_| is_done).map(|past| past.ended_ms),
    })
}

/// Shows what came since the last time: as it is where a program reads it, else harmlessly.
fn print(printed: &Printed, n_shown: &mut u64) -> anyhow::Result<()> {
    let new = printed.text(*n_shown)?;
    *n_shown = printed.length();
    let mut out = std::io::stdout().lock();
    if std::io::IsTerminal::is_terminal(&out) {
        out.write_all(safe::text(&new).as_bytes())?;
    } else {
        out.write_all(&new)?;
    }
    Ok(out.flush()?)
}
