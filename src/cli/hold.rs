//! The state folder, held for a command that changes it: locked, mended, open for writing.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context as _;

use super::Exit;
use super::ask::client::{Seen, whereabouts};
use super::open::state_path;
use crate::disk::DiskMut;
use crate::exec::drmaa::OnCluster;
use crate::exec::local;
use crate::history::output::next_run;
use crate::history::{Holder, Last, LastTry, Store, lock};
use crate::run::outputs;

/// Held until dropped.
pub struct Held<'d> {
    pub history: Store,
    /// Where old outputs and trash go.
    pub outputs: outputs::Store<'d>,
    pub lock: lock::Lock,
    /// Who this is, as others see it.
    pub holder: Holder,
    /// What earlier runs have left on a cluster.
    pub left: OnCluster,
    /// What was found amiss and mended, for whoever asked.
    pub warnings: Vec<String>,
}

impl Held<'_> {
    /// Tells the warnings on stderr.
    pub fn warn(&self) {
        for warning in &self.warnings {
            let warning = crate::ui::safe::line(warning.as_bytes());
            anstream::eprintln!("warning: {warning}");
        }
    }
}

/// Takes the state folder for a command. `Err` inside is an exit that was explained already.
pub fn hold<'d>(
    folder: &Path,
    state: &Path,
    disk: &'d dyn DiskMut,
    command: &str,
) -> anyhow::Result<Result<Held<'d>, Exit>> {
    let id = next_run(state, jiff::Timestamp::now(), std::process::id());
    let this = local::look(std::process::id() as i32);
    let holder = Holder::this(command, this.map_or(0, |this| this.started), &id);
    let is_gone = |found: &Holder| whereabouts(found.clone()) == Seen::Nobody;
    let lock = match lock::take(state, &holder, &is_gone)? {
        Ok(lock) => lock,
        Err(held) => {
            explain(folder, &held);
            return Ok(Err(Exit::Held));
        }
    };
    let mut warnings = Vec::new();
    let was_cut_off = super::fence::end_leftovers(state)?;
    let mut outputs = outputs::Store::new(disk, state_path(folder, state), id);
    let mut history = Store::read(state)?;
    if let Some(dead) = lock.before.as_ref().filter(|_| was_cut_off) {
        let is_begun = |(_, last): (_, Last)| last.last_try == LastTry::Unfinished;
        let then = match history.jobs().any(is_begun) {
            true => ": what it had begun runs again",
            false => "",
        };
        warnings.push(format!(
            "the run before this one, {dead}, was cut off{then}"
        ));
    }
    let left = super::cluster::left(state, &history)?;
    let kept = left.jobs.keys().cloned().collect();
    warnings.extend(
        outputs
            .recover_all_but(&history, &kept)
            .context("put back what a run that was cut off left")?,
    );
    if let Some(damage) = &history.damage {
        warnings.push(format!("{damage}: jobs that it no longer knows run again"));
    }
    history.begin()?;
    Ok(Ok(Held {
        history,
        outputs,
        lock,
        holder,
        left,
        warnings,
    }))
}

/// Says who has the folder.
fn explain(folder: &Path, held: &lock::Held) {
    let holder = held.holder.as_ref();
    let folder = crate::ui::path(folder.as_os_str().as_bytes());
    let what = holder.map_or("run", |holder| &holder.command);
    let who = holder.map_or("another process".into(), Holder::to_string);
    let line = match what {
        "run" => format!("another run holds {folder}: {who}"),
        command => format!("`flow {command}` holds {folder}: {who}"),
    };
    anstream::eprintln!("error: {}", crate::ui::safe::line(line.as_bytes()));
    if what == "run" {
        anstream::eprintln!(
            "hint: `flow why FILE` asks it what FILE waits for, `flow stop` ends it"
        );
    }
    if let Some(marker) = &held.marker {
        let marker = crate::ui::path(marker.as_os_str().as_bytes());
        anstream::eprintln!(
            "hint: this file system has no locks that end with a process: if nothing of the kind \
             runs any more, remove {marker}"
        );
    }
}
