//! The supervisor, for the `check` commands that are asked while a plan is judged.

use std::cell::RefCell;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use anyhow::Context;

use super::open::Opened;
use crate::exec::local::{Group, Setup, new_mark};
use crate::exec::supervisor::{self, SupervisorHandle};
use crate::run::Hands;

/// Whoever judges has it, and then the run, if one follows.
pub type Shared = Rc<RefCell<Hands>>;

/// For a question. `None` where no rule has a `check`: most have no need of another process.
///
/// To be called before anything starts a thread.
pub fn for_question(opened: &Opened) -> anyhow::Result<Option<Shared>> {
    let mut rules = opened.workflow.rules.values().iter();
    if !rules.any(|rule| rule.check.is_some()) {
        return Ok(None);
    }
    let mark = new_mark().context("make up a name for the checks")?;
    let setup = Setup::new(opened.folder.as_os_str().as_bytes(), mark);
    Ok(Some(open(supervisor::fork(), &setup, None)?))
}

/// For a run that is like this, in a control group of its own if there is one.
pub fn open(
    supervisor: io::Result<SupervisorHandle>,
    setup: &Setup,
    group: Option<Group>,
) -> anyhow::Result<Shared> {
    let opened = supervisor.and_then(|supervisor| supervisor.open(setup, group));
    // In words: as a broken pipe it would pass for the end of whoever reads our output.
    let (executor, reports) =
        opened.map_err(|error| anyhow::anyhow!("start the supervisor process: {error}"))?;
    Ok(Rc::new(RefCell::new(Hands { executor, reports })))
}
