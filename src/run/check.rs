//! Runs the `check` commands of many jobs while a plan is judged, several at once.
//!
//! There is no run yet, and for a mere plan never one: they are plain children of this process.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use bstr::{BStr, ByteSlice};

use super::end::last_lines;
use super::render::render_recipe;
use super::{Given, Rendered};
use crate::plan::{JobId, Plan};
use crate::stale::{Checked, Checks};
use crate::workflow::Workflow;

/// The commands of checks, as processes.
#[derive(Debug)]
pub struct Commands {
    folder: PathBuf,
    n_at_once: usize,
}

impl Commands {
    /// `folder` is the workflow's, from the root.
    pub fn new(folder: &Path, n_at_once: usize) -> Commands {
        Commands {
            folder: folder.into(),
            n_at_once: n_at_once.max(1),
        }
    }

    fn check(&self, plan: &Plan, workflow: &Workflow, job: JobId) -> Checked {
        let rendered = match self::check(plan, workflow, job, self.folder.as_os_str().as_bytes()) {
            Ok(rendered) => rendered,
            Err(error) => return Checked::Failed(format!("{error:#}")),
        };
        match self.output(&rendered) {
            Ok(output) => {
                let printed = [&output.stdout[..], &output.stderr].concat();
                match output.status.code() {
                    Some(status) => answer(status, &printed),
                    None => {
                        let signal = output.status.signal().unwrap_or(0);
                        Checked::Failed(format!("it was killed by signal {signal}"))
                    }
                }
            }
            Err(error) => Checked::Failed(format!("it cannot be started: {error}")),
        }
    }

    fn output(&self, rendered: &Rendered) -> std::io::Result<Output> {
        let word = |word: &[u8]| OsStr::from_bytes(word).to_owned();
        let program = rendered.argv.first().map_or(&b""[..], |word| word);
        let mut command = Command::new(word(program));
        command.args(rendered.argv[1..].iter().map(|text| word(text)));
        command.args(rendered.script.iter().map(|script| word(&script.text)));
        let env = rendered.env.iter();
        command.envs(env.map(|(name, value)| (word(name), word(value))));
        command.current_dir(self.folder.join(OsStr::from_bytes(&rendered.dir)));
        command.stdin(Stdio::null()).output()
    }
}

impl Checks for Commands {
    fn run(&mut self, plan: &Plan, workflow: &Workflow, jobs: &[JobId]) -> Vec<Checked> {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let this = &*self;
        // Each thread takes the next job until there is none; the channel ends with the last.
        std::thread::scope(|scope| {
            for _ in 0..self.n_at_once.min(jobs.len()) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&job) = jobs.get(at) else { break };
                        if sender.send((at, this.check(plan, workflow, job))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
        });
        let mut found = vec![Checked::Stale; jobs.len()];
        for (at, checked) in receiver {
            found[at] = checked;
        }
        found
    }
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

/// What an exit status says.
pub(super) fn answer(status: i32, printed: &[u8]) -> Checked {
    match status {
        0 => Checked::Fresh,
        1 => Checked::Stale,
        _ => {
            let printed = last_lines(printed);
            let printed = printed.to_str_lossy();
            let printed = printed.trim_end();
            Checked::Failed(match printed.is_empty() {
                true => format!("exit status {status}, and it printed nothing"),
                false => format!("exit status {status}; it printed: {printed}"),
            })
        }
    }
}
