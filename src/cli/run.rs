//! `flow run`: brings the targets up to date.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;

use super::choose::Choose;
use super::cluster::Setting;
use super::hold::{Held, hold};
use super::inbox::{Hearing, inbox};
use super::machine::processors;
use super::open::{Opened, Terminal, state_path};
use super::options::{OnFailure, RunOptions};
use super::sinks::{sinks, warn};
use super::targets::{Judged, Manner, judge, never_came};
use super::why::accept_command;
use super::{
    Exit, ask, cause, cluster, detach, fence, hands, machine, open, reason, signals, touch,
};
use crate::disk::{Disk, Real};
use crate::event::Tally;
use crate::exec::drmaa::Cluster;
use crate::exec::local::{self, Group};
use crate::exec::supervisor::SupervisorHandle;
use crate::exec::{self, Executor, Trail};
use crate::history::output::Writer;
use crate::history::{self, Anchor, Owed, OwedFile};
use crate::pattern::Listing;
use crate::plan::want::Wanted;
use crate::plan::{Context, Plan};
use crate::run::{self, Hands, Interrupt, Msg, Setup, Summary};
use crate::stale::Judge;
use crate::ui::Detail;
use crate::workflow::Workflow;

pub fn run(
    options: RunOptions,
    supervisor: Option<io::Result<SupervisorHandle>>,
) -> anyhow::Result<Exit> {
    let begun_ms = jiff::Timestamp::now().as_millisecond() as u64;
    let opened = match open::open(&options.common, &options.place, &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let disk = Real::open(&opened.folder)?.with_lists(opened.lists(), true);
    let Held {
        mut history,
        outputs: store,
        lock: _lock,
        holder,
        left,
        mut warnings,
    } = match hold(&opened.folder, &opened.state, &disk, "run")? {
        Ok(held) => held,
        Err(exit) => return Ok(exit),
    };
    if !left.jobs.is_empty() && !options.cluster.is_used {
        return Ok(on_cluster(left.jobs.len()));
    }
    let mut owed = OwedFile::read(&opened.state)?;
    warnings.extend(owed.notes.damage.take());
    let supervisor = supervisor.unwrap_or_else(exec::supervisor::fork);
    let mut forge = Forge {
        supervisor: Some(supervisor),
        trail: Trail {
            mark: local::new_mark().context("make up a name for the run")?,
            group: None,
        },
        standing: None,
    };
    // The checks of the first judgement are what it starts first.
    let mut rules = opened.workflow.rules.values().iter();
    let hands = match rules.any(|rule| rule.check.is_some()) {
        true => Some(forge.open(&opened, &options)?),
        false => None,
    };
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
            n_at_once: match (options.jobs, &hands) {
                (Some(jobs), _) => jobs.get() as usize,
                (None, Some(_)) => processors(),
                (None, None) => 1,
            },
            hands: hands.as_ref(),
        },
    ) {
        Ok(judged) => judged,
        Err(exit) => return Ok(exit),
    };
    if options.touch_only {
        let mut sinks = sinks(&options, opened.terminal, None)?;
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
    let (sender, inbox) = inbox().context("make the inbox of the run")?;
    let id = holder.id.clone();
    let is_idle = hands.is_none() && !may_start(&opened.workflow, &plan, &wanted, &judge, &owed);
    let (mut listening, mut supervisor, mut heard) = (None, None, None);
    let mut terminal = opened.terminal;
    let mut run_options = run_options(&options, &opened, is_idle);
    let executor: Box<dyn Executor> = if is_idle {
        Box::new(Idle)
    } else {
        let hands = match hands {
            Some(hands) => hands,
            None => forge.open(&opened, &options)?,
        };
        let Hands { executor, reports } = Rc::into_inner(hands)
            .expect("whoever judged is done with it")
            .into_inner();
        supervisor = Some(executor.supervisor());
        let own = holder.clone();
        let started = ask::listen::start(&opened.state, holder, ask::own_user(), sender.clone());
        // A file system without sockets is no reason not to run: others then have signals.
        if let (Err(error), Detail::Verbose) = (&started, options.common.detail) {
            anstream::eprintln!("note: nobody can ask this run what it does: {error}");
        }
        listening = Some(started);
        signals::start(sender.clone())?;
        heard = Some(reports);
        let executor: Box<dyn Executor> = if options.cluster.is_used {
            let is_remote = disk.is_remote(b".");
            let (settings, cluster) = cluster::settings(
                &options.cluster,
                options.jobs,
                &options.common,
                &Setting {
                    folder: &opened.folder,
                    state: &opened.state,
                    run: &id,
                    is_remote,
                },
            )?;
            run_options.cluster = Some(cluster);
            let inbox = sender.clone();
            // When nobody listens any more the run is over.
            let tell = Box::new(move |report| drop(inbox.send(Msg::Report(report))));
            let cluster = Cluster::open(executor, settings, left, tell)?;
            if options.common.detail == Detail::Verbose && !cluster.system.is_empty() {
                anstream::eprintln!("note: jobs go to {}", cluster.system);
            }
            Box::new(cluster)
        } else {
            Box::new(executor)
        };
        if options.detach {
            detach::begin(&opened, &own)?;
            terminal.go_plain();
        }
        executor
    };
    let trail = forge.trail.clone();
    let state = state_path(&opened.folder, &opened.state);
    let anchor = Anchor::new(&opened.folder, Path::new(OsStr::from_bytes(&state)));
    let anchor = anchor.context("look for the state folder")?;
    let mut sinks = sinks(&options, terminal, Some(Choose::new(sender.clone())))?;
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
        executor,
        inbox,
        clock: Box::new(Hearing::start(sender, heard)),
        sinks,
        log: Box::new(Writer::new(&opened.state, id)),
        fence: Box::new(move || {
            let ended = trail.end();
            ended.context("end what the lost process has left running")
        }),
        anchor: Box::new(move || anchor.hold()),
        suspend: Box::new(move || {
            if let Some(supervisor) = supervisor {
                local::stand_still(supervisor);
            }
        }),
        explain: Box::new(reason::because),
        options: run_options,
    })?;
    drop(listening);
    let ended = exit(terminal, &opened, &summary);
    remember(&mut history, &options, begun_ms, summary.tally, ended);
    Ok(ended)
}

/// Says that jobs of an earlier run are on the cluster: run here, they would run twice.
fn on_cluster(n: usize) -> Exit {
    let jobs = if n == 1 { "job is" } else { "jobs are" };
    anstream::eprintln!(
        "error: {n} {jobs} still on the cluster, left there by an earlier run\n\
         hint: `flow run --drmaa` takes them up"
    );
    Exit::Held
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

/// Opens the supervisor when it turns out to be needed.
struct Forge {
    supervisor: Option<io::Result<SupervisorHandle>>,
    trail: Trail,
    /// Once something may have been started.
    standing: Option<fence::Standing>,
}

impl Forge {
    fn open(&mut self, opened: &Opened, options: &RunOptions) -> anyhow::Result<hands::Shared> {
        let supervisor = self.supervisor.take().expect("it is opened once");
        let group = Group::make();
        self.trail.group = group.as_ref().map(|group| group.path().to_path_buf());
        self.standing = Some(fence::put(&opened.state, &self.trail)?);
        let folder = opened.folder.as_os_str().as_bytes();
        let mut setup = local::Setup::new(folder, self.trail.mark.clone());
        setup.grace = options.grace;
        setup.may_warm = !options.fresh_shells;
        hands::open(supervisor, &setup, group)
    }
}

/// Whether the run may start anything. Where it cannot there is nobody to be told what to do, nothing
/// to be asked and nothing to be ended: that saves most of what a run with nothing to do takes.
fn may_start(
    workflow: &Workflow,
    plan: &Plan,
    wanted: &Wanted,
    judge: &Judge,
    owed: &OwedFile,
) -> bool {
    let mut rules = workflow.rules.values().iter();
    judge.will_any_run(plan)
        || plan.pending().next().is_some()
        || plan.open_jobs().next().is_some()
        || !wanted.has_come()
        || rules.any(|rule| !rule.then.is_empty() && owed.is_owed(&rule.name))
}

/// The executor of a run that starts nothing.
struct Idle;

impl Executor for Idle {
    fn start(&mut self, _task: exec::Task) -> anyhow::Result<()> {
        anyhow::bail!("nothing was to be started in this run")
    }

    fn signal(&mut self, _task: Option<exec::TaskId>, _signal: exec::Signal) -> anyhow::Result<()> {
        Ok(())
    }
}

fn run_options(options: &RunOptions, opened: &Opened, is_idle: bool) -> run::Options {
    // To ask the machine takes longer than a small run with nothing to do.
    let asked = |ask: fn() -> u32| if is_idle { 1 } else { ask() };
    let processors = || std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    run::Options {
        folder: opened.folder.as_os_str().as_bytes().into(),
        jobs: options
            .jobs
            .map_or_else(|| asked(processors), |jobs| jobs.get()),
        mem_mib: match is_idle {
            true => None,
            false => options.mem_mib.or_else(machine::memory),
        },
        gpus: match is_idle {
            true => Vec::new(),
            false => machine::gpus(options.gpus),
        },
        timeout: options.timeout,
        latency_wait: options.latency_wait,
        cluster: None,
        max_fail: match options.on_failure {
            OnFailure::KeepGoing => None,
            OnFailure::StopAfter(n) => Some(n.get()),
        },
        retries: options.retries.unwrap_or(0),
        shuffle: options.shuffle,
        tells_output: options.common.detail == Detail::Verbose,
    }
}

/// The exit status of a run, with the mistakes that only it could find.
fn exit(terminal: Terminal, opened: &Opened, summary: &Summary) -> Exit {
    // Where jobs did not end well, it is no wonder, and they say why.
    let late = match did_all_end_well(summary) {
        true => never_came(&summary.wanted),
        false => Vec::new(),
    };
    let diags: Vec<_> = summary.diags.iter().chain(&late).cloned().collect();
    terminal.show(&diags, &opened.sources);
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
