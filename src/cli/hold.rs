//! The state folder, held for a command that changes it: locked, mended, open for writing.

use std::os::unix::ffi::OsStrExt;

use anyhow::Context as _;

use super::Exit;
use super::open::Opened;
use crate::disk::DiskMut;
use crate::history::{Store, lock};
use crate::run::outputs;

/// Held until dropped.
pub struct Held<'d> {
    pub history: Store,
    /// Where old outputs and trash go.
    pub outputs: outputs::Store<'d>,
    pub lock: lock::Lock,
    /// Names the run: when it began, and its process.
    pub id: String,
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

/// Takes the state folder. `Err` inside is an exit that was explained already.
pub fn hold<'d>(opened: &Opened, disk: &'d dyn DiskMut) -> anyhow::Result<Result<Held<'d>, Exit>> {
    let lock = match lock::take(&opened.state)? {
        Ok(lock) => lock,
        Err(held) => {
            let folder = crate::ui::path(opened.folder.as_os_str().as_bytes());
            anstream::eprintln!("error: another run holds {folder}: {}", held.holder);
            return Ok(Err(Exit::Held));
        }
    };
    super::fence::end_leftovers(&opened.state)?;
    let id = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S").to_string();
    let id = format!("{id}-{}", std::process::id());
    let mut outputs = outputs::Store::new(disk, super::run::state_path(opened), id.clone());
    let mut history = Store::read(&opened.state)?;
    let mut warnings = outputs
        .recover(&history)
        .context("put back what a run that was cut off left")?;
    if let Some(damage) = &history.damage {
        warnings.push(format!("{damage}: jobs that it no longer knows run again"));
    }
    history.begin()?;
    Ok(Ok(Held {
        history,
        outputs,
        lock,
        id,
        warnings,
    }))
}
