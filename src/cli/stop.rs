//! `flow stop`: ends the run that holds the folder, from another terminal.
//!
//! The run is asked by its socket. Where it has none (not every file system supports them), it gets
//! the signal that does the same, when it is a process of this host. Where there is no run, but jobs that
//! one has left on a cluster, these are ended, and what they had put aside comes back.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;

use super::ask::client::{Seen, Silence, ask, let_go_on, who};
use super::cluster::Setting;
use super::hold::{Held, hold};
use super::options::{ClusterChoice, StopOptions};
use super::{Exit, cluster, open};
use crate::disk::{Disk, Real};
use crate::exec::Report;
use crate::exec::drmaa::{self, OnCluster};
use crate::exec::local::{Sent, look, send};
use crate::history::Holder;
use crate::run::ask::{Answer, Ending, How, Question};
use crate::ui::{human, safe};

pub fn stop(options: StopOptions) -> anyhow::Result<Exit> {
    open::change_folder(&options.common)?;
    let (_, folder, state) = open::places(&options.common, &options.place)?;
    let question = match options.drains {
        true => Question::Drain,
        false => Question::Stop,
    };
    // What stands still can neither hear nor end.
    if let Some(holder) = let_go_on(&state) {
        let who = shown(&holder);
        anstream::println!("the run, {who}, stood still (Ctrl-Z): it goes on, so that it can end");
    }
    let holder = match ask(&state, question) {
        Ok((holder, answer)) => {
            anstream::println!("{}", asked(&holder, &answer));
            holder
        }
        Err(_) if who(&state) == Seen::Nobody => return left_behind(&options, &folder, &state),
        Err(silence) => match by_signal(&state, silence, options.drains) {
            Ok(holder) => holder,
            Err(exit) => return Ok(exit),
        },
    };
    if options.waits {
        wait(&state, &holder);
        anstream::println!("it has ended");
    }
    Ok(Exit::Done)
}

fn shown(holder: &Holder) -> String {
    safe::line(holder.to_string().as_bytes())
}

/// What the run says that it does.
fn asked(holder: &Holder, answer: &Answer) -> String {
    let who = shown(holder);
    let Answer::Ending(Ending { how, n_running }) = answer else {
        return format!("asked {who}, which answered something else");
    };
    let ran = match n_running {
        0 => "no job was running".into(),
        1 => "1 job was running".into(),
        n => format!("{} jobs were running", human::count(*n)),
    };
    match how {
        How::End => format!("asked the run, {who}, to end; {ran}"),
        How::Drain => {
            format!("asked the run, {who}, to start nothing new and to end with what runs; {ran}")
        }
        How::Kill => format!("asked the run, {who}, once more: it kills what runs; {ran}"),
    }
}

/// Ends the run by a signal. `Err` is an exit that was explained.
fn by_signal(state: &Path, silence: Silence, drains: bool) -> Result<Holder, Exit> {
    let (name, signal) = match drains {
        true => ("USR1", Signal::USR1),
        false => ("TERM", Signal::TERM),
    };
    if let Silence::Foreign(user) = silence {
        anstream::eprintln!(
            "error: the socket in `{}` is listened to by another user (number {user}), and was not \
             asked",
            state.display()
        );
        return Err(Exit::Held);
    }
    let holder = match who(state) {
        Seen::Nobody => {
            anstream::println!("the run has just ended");
            return Err(Exit::Done);
        }
        Seen::Elsewhere(holder) => {
            let drain = if drains { " --drain" } else { "" };
            anstream::eprintln!(
                "error: the run, {}, cannot be reached from here\n\
                 hint: on {} (in the same container, where it is in one), \
                 `flow stop{drain}` or `kill -{name} {}` ends it",
                shown(&holder),
                safe::line(holder.host.as_bytes()),
                holder.pid
            );
            return Err(Exit::Held);
        }
        Seen::Here(holder) => holder,
    };
    if !holder.is_run() {
        let command = safe::line(holder.command.as_bytes());
        anstream::eprintln!(
            "error: no run is going; `flow {command}`, {}, holds the folder, and ends by itself",
            shown(&holder)
        );
        return Err(Exit::NoSuchTarget);
    }
    if let Silence::Still = silence {
        anstream::eprintln!(
            "error: the run, {}, stands still (Ctrl-Z), and cannot be told to go on\n\
             hint: `fg` in its terminal does so",
            shown(&holder)
        );
        return Err(Exit::Held);
    }
    if let Silence::Mute = silence {
        anstream::eprintln!(
            "error: the run, {}, was asked and does not answer: it may be busy\n\
             hint: `kill -{name} {}` sends it a signal that does the same",
            shown(&holder),
            holder.pid
        );
        return Err(Exit::Held);
    }
    // Before it runs anything it listens to nothing, and SIGUSR1 would end it as a mistake.
    let (name, signal, why) = match is_caught(&holder, signal) {
        false => ("TERM", Signal::TERM, "which has started nothing yet"),
        true => (name, signal, "which listens to no questions"),
    };
    let process = look(holder.pid as i32).filter(|process| process.started == holder.started);
    match process.map(|process| send(&process, signal)) {
        Some(Sent::Yes) => {
            let who = shown(&holder);
            anstream::println!("sent SIG{name} to the run, {who}, {why}");
            Ok(holder)
        }
        Some(Sent::Forbidden) => {
            let who = shown(&holder);
            anstream::eprintln!("error: the run, {who}, is another user's");
            Err(Exit::Held)
        }
        Some(Sent::Gone) | None => {
            anstream::println!("the run, {}, has just ended", shown(&holder));
            Ok(holder)
        }
    }
}

/// Whether a process does something of its own on a signal, as `/proc/PID/status` has it.
fn is_caught(holder: &Holder, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", holder.pid));
    let status = status.unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// Ends what no run follows any more.
fn left_behind(options: &StopOptions, folder: &Path, state: &Path) -> anyhow::Result<Exit> {
    let is_any = !OnCluster::read(state)?.jobs.is_empty();
    if !is_any {
        anstream::eprintln!("error: no run is going in `{}`", folder.display());
        return Ok(Exit::NoSuchTarget);
    }
    let disk = Real::open(folder)?;
    let Held {
        history,
        mut outputs,
        lock: _lock,
        holder,
        left,
        ..
    } = match hold(folder, state, &disk, "stop")? {
        Ok(held) => held,
        Err(exit) => return Ok(exit),
    };
    let n_left = left.jobs.len();
    let jobs = human::counted(n_left as u64, "job");
    if left.jobs.is_empty() {
        anstream::println!("no run is going, and what one had left on the cluster has ended");
        return Ok(Exit::Done);
    }
    if options.drains {
        anstream::println!("no run is going; {jobs} on the cluster may finish");
        return Ok(Exit::Done);
    }
    let choice = ClusterChoice {
        library: options.library.clone(),
        ..ClusterChoice::default()
    };
    let setting = Setting {
        folder,
        state,
        run: &holder.id,
        is_remote: disk.is_remote(b"."),
    };
    let (settings, _) = cluster::settings(&choice, None, &options.common, &setting)?;
    let tell = |report| {
        if let Report::Said(text) | Report::Lost(text) = report {
            anstream::eprintln!("warning: {}", safe::line(text.as_bytes()));
        }
    };
    let n_unheard = drmaa::end_left(settings, left, Box::new(tell))?;
    let rest = cluster::left(state, &history)?;
    let kept = rest.jobs.keys().cloned().collect();
    let recovered = outputs.recover_all_but(&history, &kept);
    recovered.context("put back old outputs")?;
    let n_ended = n_left.saturating_sub(kept.len());
    if n_ended > 0 {
        let jobs = human::counted(n_ended as u64, "job");
        anstream::println!("ended {jobs} that a run had left on the cluster");
    }
    if !kept.is_empty() {
        let jobs = human::counted(kept.len() as u64, "job");
        anstream::println!("{jobs} had ended before: `flow run --drmaa` takes in how");
    }
    // Which they are was said above.
    Ok(match n_unheard {
        0 => Exit::Done,
        _ => Exit::Machine,
    })
}

/// Waits until the run holds the folder no more.
fn wait(state: &Path, holder: &Holder) {
    let is_it = || match who(state) {
        Seen::Nobody => false,
        Seen::Here(now) | Seen::Elsewhere(now) => now == *holder,
    };
    while is_it() {
        std::thread::sleep(Duration::from_millis(50));
    }
}
