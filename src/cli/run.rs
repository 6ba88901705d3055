//! `flow run`: brings the targets up to date.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::sync::mpsc;

use anyhow::Context as _;

use super::hold::{Held, hold};
use super::machine::processors;
use super::open::Opened;
use super::options::{EventsTo, OnFailure, Progress, RunOptions};
use super::targets::{Judged, Manner, judge, never_came};
use super::why::accept_command;
use super::{Exit, ask, cause, fence, hands, machine, open, reason, signals, touch};
use crate::disk::Real;
use crate::event::{Event, Tally, json};
use crate::exec::supervisor::SupervisorHandle;
use crate::exec::{self, local};
use crate::history::output::Writer;
use crate::history::{self, OwedFile};
use crate::pattern::Listing;
use crate::plan::Context;
use crate::run::{self, Hands, Interrupt, MachineClock, Setup, Sink, Summary};
use crate::ui::{Detail, Lines, LinesOptions};

pub fn run(
    options: RunOptions,
    supervisor: Option<io::Result<SupervisorHandle>>,
) -> anyhow::Result<Exit> {
    let begun_ms = jiff::Timestamp::now().as_millisecond() as u64;
    let opened = match open::open(&options.common, &options.place, &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let disk = Real::open(&opened.folder)?;
    let Held {
        mut history,
        outputs: store,
        lock: _lock,
        holder,
        mut warnings,
    } = match hold(&opened, &disk, "run")? {
        Ok(held) => held,
        Err(exit) => return Ok(exit),
    };
    let mut owed = OwedFile::read(&opened.state)?;
    warnings.extend(owed.notes.damage.take());
    // The checks of the first judgement are what it starts first.
    let supervisor = supervisor.unwrap_or_else(exec::supervisor::fork);
    let mark = local::new_mark().context("make up a name for the run")?;
    let _standing = fence::put(&opened.state, &mark)?;
    let mut setup = local::Setup::new(opened.folder.as_os_str().as_bytes(), mark.clone());
    setup.grace = options.grace;
    setup.may_warm = !options.fresh_shells;
    let hands = hands::open(supervisor, &setup)?;
    warnings.extend(super::exposed::warning(&opened.sources));
    let listing = RefCell::new(Listing::new(&disk));
    let judged = match judge(
        &opened,
        &disk,
        &history,
        &listing,
        &options.targets,
        &Manner {
            force: &options.force,
            // No job runs when they are only touched.
            guards: !options.touch_only,
            level: options.checksum_level,
            shows_all: true,
            changed: &options.what_if.changed,
            is_minimal: options.what_if.is_minimal,
            n_at_once: options
                .jobs
                .map_or_else(processors, |jobs| jobs.get() as usize),
            hands: Some(&hands),
        },
    ) {
        Ok(judged) => judged,
        Err(exit) => return Ok(exit),
    };
    if options.touch_only {
        let mut sinks = sinks(&options, &opened)?;
        warn(&mut sinks, warnings);
        let (ended, tally) = touch::touch(&opened, &listing, judged, &disk, &mut history, sinks)?;
        store.finish();
        remember(&mut history, &options, begun_ms, tally, ended);
        return Ok(ended);
    }
    if options.common.detail != Detail::Quiet {
        let context = Context {
            workflow: &opened.workflow,
            listing: &listing,
        };
        let accept = accept_command(&options.common);
        if let Some(cause) = cause::sentence(&opened, context, &judged, &history, &accept) {
            anstream::eprintln!("note: {cause}");
        }
    }
    let Judged {
        plan,
        wanted,
        judge,
    } = judged;
    let Hands { executor, reports } = Rc::into_inner(hands)
        .expect("whoever judged is done with it")
        .into_inner();
    let supervisor = executor.supervisor();
    let (sender, inbox) = mpsc::channel();
    let id = holder.id.clone();
    let listening = ask::listen::start(&opened.state, holder, ask::own_user(), sender.clone());
    // A file system without sockets is no reason not to run: others then have signals.
    if let (Err(error), Detail::Verbose) = (&listening, options.common.detail) {
        anstream::eprintln!("note: nobody can ask this run what it does: {error}");
    }
    signals::start(reports, sender)?;
    let mut sinks = sinks(&options, &opened)?;
    warn(&mut sinks, warnings);
    let summary = run::run(Setup {
        context: Context {
            workflow: &opened.workflow,
            listing: &listing,
        },
        sources: &opened.sources,
        plan,
        wanted,
        judge,
        store,
        history: Box::new(&mut history),
        owed: Box::new(owed),
        executor: Box::new(executor),
        inbox,
        clock: Box::new(MachineClock::start()),
        sinks,
        log: Box::new(Writer::new(&opened.state, id)),
        fence: Box::new(move || {
            local::end_marked(&mark)
                .map(drop)
                .context("end what the lost process has left running")
        }),
        suspend: Box::new(move || local::stand_still(supervisor)),
        explain: Box::new(reason::because),
        options: run_options(&options, &opened),
    })?;
    let ended = exit(&opened, &summary);
    remember(&mut history, &options, begun_ms, summary.tally, ended);
    Ok(ended)
}

/// Tells what was amiss before the run began.
fn warn(sinks: &mut [Box<dyn Sink>], warnings: Vec<String>) {
    for message in warnings {
        let event = Event {
            time: jiff::Timestamp::now(),
            kind: crate::event::EventKind::Warning { message },
        };
        sinks.iter_mut().for_each(|sink| sink.event(&event));
    }
}

/// Keeps in the history that this run was.
fn remember(
    history: &mut history::Store,
    options: &RunOptions,
    begun_ms: u64,
    tally: Tally,
    ended: Exit,
) {
    let run = history::Run {
        begun_ms,
        ended_ms: jiff::Timestamp::now().as_millisecond() as u64,
        workflow: options.common.workflow().as_os_str().as_bytes().into(),
        targets: options.targets.clone(),
        tally,
        exit: ended.status(),
    };
    if let Err(error) = history.ran(&run) {
        anstream::eprintln!("warning: that this run was is not kept: {error:#}");
    }
}

/// The state folder as the workflow's folder sees it.
pub(super) fn state_path(opened: &Opened) -> bstr::BString {
    let state = opened
        .state
        .strip_prefix(&opened.folder)
        .unwrap_or(&opened.state);
    state.as_os_str().as_bytes().into()
}

fn run_options(options: &RunOptions, opened: &Opened) -> run::Options {
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    run::Options {
        folder: opened.folder.as_os_str().as_bytes().into(),
        jobs: options.jobs.map_or(processors, |jobs| jobs.get()),
        mem_mib: options.mem_mib.or_else(machine::memory),
        gpus: machine::gpus(options.gpus),
        timeout: options.timeout,
        latency_wait: options.latency_wait,
        max_fail: match options.on_failure {
            OnFailure::KeepGoing => None,
            OnFailure::StopAfter(n) => Some(n.get()),
        },
        retries: options.retries.unwrap_or(0),
        shuffle: options.shuffle,
        tells_output: options.common.detail == Detail::Verbose,
    }
}

/// Lines for people, and the events as JSON when they are asked for.
fn sinks<'a>(options: &RunOptions, opened: &Opened) -> anyhow::Result<Vec<Box<dyn Sink + 'a>>> {
    let lines = Lines::new(
        Box::new(io::stderr()),
        LinesOptions {
            detail: options.common.detail,
            shows_progress: options.progress != Progress::None,
            style: opened.terminal.err,
            log_command: log_command(options),
        },
    );
    let grace = options.grace;
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(People { lines, grace })];
    if let Some(events) = &options.events {
        let out: Box<dyn Write> = match events {
            EventsTo::Stdout => Box::new(io::stdout()),
            EventsTo::File(path) => {
                let file = File::create(path);
                Box::new(file.with_context(|| format!("write events to `{}`", path.display()))?)
            }
        };
        sinks.push(Box::new(Machines {
            out: BufWriter::new(out),
            has_failed: false,
        }));
    }
    Ok(sinks)
}

/// The command that shows a job's log, with this run's own folders.
fn log_command(options: &RunOptions) -> String {
    let mut words = vec!["flow log".to_string()];
    let mut add = |flag: &str, path: &std::path::Path| {
        words.push(format!(
            "{flag}{}",
            crate::ui::path(path.as_os_str().as_bytes())
        ));
    };
    if let Some(folder) = &options.common.chdir {
        add("-C ", folder);
    }
    if let Some(workflow) = &options.common.named_workflow {
        add("", workflow);
    }
    if let Some(folder) = &options.place.workdir {
        add("--workdir ", folder);
    }
    if let Some(folder) = &options.place.state_dir {
        add("--state-dir ", folder);
    }
    words.join(" ")
}

struct People {
    lines: Lines,
    grace: std::time::Duration,
}

impl Sink for People {
    fn event(&mut self, event: &Event) {
        // A terminal that has gone must not end the jobs.
        self.lines.event(event).ok();
    }

    fn ending(&mut self, n_jobs: usize) {
        self.lines.ending(n_jobs as u64, self.grace).ok();
    }

    fn tick(&mut self, now: jiff::Timestamp) {
        self.lines.tick(now).ok();
    }
}

/// Writes JSON Lines. Flushed when nothing happens, and at the end.
struct Machines {
    out: BufWriter<Box<dyn Write>>,
    has_failed: bool,
}

impl Sink for Machines {
    fn event(&mut self, event: &Event) {
        let is_last = matches!(event.kind, crate::event::EventKind::RunFinished(_));
        let mut written = writeln!(self.out, "{}", json::to_json(event));
        if is_last && written.is_ok() {
            written = self.out.flush();
        }
        if let Err(error) = written
            && !self.has_failed
        {
            self.has_failed = true;
            anstream::eprintln!("warning: events are not written: {error}");
        }
    }

    fn tick(&mut self, _now: jiff::Timestamp) {
        self.out.flush().ok();
    }
}

/// The exit status of a run, with the mistakes that only it could find.
fn exit(opened: &Opened, summary: &Summary) -> Exit {
    // Where jobs did not end well, it is no wonder, and they say why.
    let late = match did_all_end_well(summary) {
        true => never_came(&summary.wanted),
        false => Vec::new(),
    };
    let diags: Vec<_> = summary.diags.iter().chain(&late).cloned().collect();
    opened.terminal.show(&diags, &opened.sources);
    if let Some(why) = &summary.lost {
        anstream::eprintln!("error: the run could not go on: {why}");
        return Exit::Machine;
    }
    match summary.interrupt {
        Some(Interrupt::Hangup) => return Exit::Signal(1),
        Some(Interrupt::Interrupt) => return Exit::Signal(2),
        Some(Interrupt::Terminate) => return Exit::Signal(15),
        None => {}
    }
    let codes: HashSet<&str> = diags.iter().map(|diag| diag.code).collect();
    if codes.iter().any(|code| !matches!(*code, "E0330" | "E0340")) {
        Exit::WrongWorkflow
    } else if !codes.is_empty() {
        Exit::NoSuchTarget
    } else if did_all_end_well(summary) {
        Exit::Done
    } else {
        Exit::JobsFailed
    }
}

/// Nothing failed, and nothing was left undone.
fn did_all_end_well(summary: &Summary) -> bool {
    let tally = &summary.tally;
    !summary.is_outdated && tally.failures() + tally.skipped + tally.cancelled == 0
}
