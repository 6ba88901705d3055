//! Runs the `check` commands of many jobs while a plan is judged, several at once.
//!
//! There is no run yet, and for a mere plan never one. The supervisor starts them all the same, so
//! that they end with this process, whatever ends it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice};

use super::end::last_lines;
use super::render::render_recipe;
use super::{Given, Rendered};
use crate::event::End;
use crate::exec::local::{Local, Reports};
use crate::exec::{Executor, Report, TaskId};
use crate::plan::{JobId, Plan};
use crate::stale::{Checked, Checks};
use crate::workflow::Workflow;

/// So much of what a check prints is kept, in bytes.
pub(super) const KEPT: usize = 16 << 10;

/// The supervisor, as long as no run has it.
#[derive(Debug)]
pub struct Hands {
    pub executor: Local,
    pub reports: Reports,
}

/// The commands of checks, as tasks.
#[derive(Debug)]
pub struct Commands {
    folder: PathBuf,
    n_at_once: usize,
    hands: Rc<RefCell<Hands>>,
    /// The next task. They count down, so that no task of the run that may follow is called so.
    next: TaskId,
}

/// A check that runs: the place of its job among those that are asked, and what it printed.
struct Running {
    at: usize,
    printed: BString,
}

impl Commands {
    /// `folder` is the workflow's, from the root.
    pub fn new(folder: &Path, n_at_once: usize, hands: Rc<RefCell<Hands>>) -> Commands {
        Commands {
            folder: folder.into(),
            n_at_once: n_at_once.max(1),
            hands,
            next: TaskId(u32::MAX),
        }
    }

    /// Starts the check of a job.
    fn start(&mut self, plan: &Plan, workflow: &Workflow, job: JobId) -> anyhow::Result<TaskId> {
        let rendered = check(plan, workflow, job, self.folder.as_os_str().as_bytes())?;
        let task = self.next;
        self.next = TaskId(task.0 - 1);
        let mut hands = self.hands.borrow_mut();
        hands.executor.start(rendered.into_task(task))?;
        Ok(task)
    }
}

impl Checks for Commands {
    fn run(&mut self, plan: &Plan, workflow: &Workflow, jobs: &[JobId]) -> Vec<Checked> {
        let mut found = vec![Checked::Stale; jobs.len()];
        let mut running: HashMap<TaskId, Running> = HashMap::new();
        let mut waiting = jobs.iter().enumerate();
        loop {
            while running.len() < self.n_at_once
                && let Some((at, &job)) = waiting.next()
            {
                let printed = BString::default();
                match self.start(plan, workflow, job) {
                    Ok(task) => drop(running.insert(task, Running { at, printed })),
                    Err(error) => found[at] = Checked::Failed(format!("{error:#}")),
                }
            }
            if running.is_empty() {
                return found;
            }
            // That the supervisor is gone comes as a report.
            self.hands.borrow_mut().executor.flush().ok();
            match self.hands.borrow_mut().reports.next() {
                Some(Report::Output { task, bytes }) => {
                    if let Some(running) = running.get_mut(&task) {
                        keep(&mut running.printed, &bytes);
                    }
                }
                Some(Report::Ended { task, end, .. }) => {
                    if let Some(Running { at, printed }) = running.remove(&task) {
                        found[at] = answer(end, &printed);
                    }
                }
                Some(Report::Lost(why)) => {
                    for (_, Running { at, .. }) in running.drain() {
                        found[at] = Checked::Failed(why.clone());
                    }
                }
                // The rest is said of jobs on a cluster.
                Some(_) => {}
                // It was lost before; what is still to be started fails.
                None => running.clear(),
            }
        }
    }
}

/// Adds to what was printed, up to [`KEPT`].
pub(super) fn keep(printed: &mut BString, bytes: &[u8]) {
    let room = KEPT.saturating_sub(printed.len());
    printed.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// The check of a job, filled.
pub(super) fn check(
    plan: &Plan,
    workflow: &Workflow,
    job: JobId,
    folder: &[u8],
) -> anyhow::Result<Rendered> {
    let rule = plan.rule_of(workflow, job);
    let check = rule
        .check
        .as_ref()
        .expect("only rules with a check are asked");
    let given = Given::asked(&rule.needs, 1, BStr::new(""), folder.as_bstr());
    let mut rendered = render_recipe(plan, workflow, job, check, &given)?;
    // Those are for what the recipe prints.
    rendered.stdout.clear();
    rendered.stderr.clear();
    Ok(rendered)
}

/// What the end of a check says.
pub(super) fn answer(end: End, printed: &[u8]) -> Checked {
    match end {
        End::Exited(0) => Checked::Fresh,
        End::Exited(1) => Checked::Stale,
        End::Exited(status) => {
            let printed = last_lines(printed);
            let printed = printed.to_str_lossy();
            let printed = printed.trim_end();
            Checked::Failed(match printed.is_empty() {
                true => format!("exit status {status}, and it printed nothing"),
                false => format!("exit status {status}; it printed: {printed}"),
            })
        }
        End::Signaled(signal) => Checked::Failed(format!("it was killed by signal {signal}")),
        End::NotStarted(why) => Checked::Failed(why),
    }
}
