//! The jobs that rules expand to over the files at hand, remembered for a moment.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::document::Reading;
use crate::disk::Real;
use crate::pattern::Listing;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::workflow::RuleId;

/// How long a plan is believed, at least.
const BELIEVED: Duration = Duration::from_secs(2);

/// A plan that was slow to make is believed so many times longer than it took.
const PATIENCE: u32 = 20;

/// How long an editor waits for a plan.
const LONGEST_WAIT: Duration = Duration::from_millis(700);

/// How many jobs of a rule are shown.
const SHOWN: usize = 4;

/// The last plan of a document, and the one that is being made.
#[derive(Default)]
pub struct Jobs {
    last: Option<Planned>,
    coming: Option<Coming>,
}

struct Planned {
    of: Arc<Reading>,
    until: Instant,
    /// By rule, as Markdown; `None` when the folder cannot be looked into.
    rules: Option<Vec<String>>,
}

/// A thread makes the plan and ends with it, whether somebody still waits or not.
struct Coming {
    of: Arc<Reading>,
    plan: Receiver<Planned>,
}

impl Jobs {
    /// What a rule's jobs are, as Markdown. The reading is one without mistakes. A plan that takes
    /// long is there when it is asked for again.
    pub fn of(&mut self, reading: &Arc<Reading>, folder: &Path, rule: RuleId) -> Option<&str> {
        let is_believed =
            |last: &Planned| Arc::ptr_eq(&last.of, reading) && Instant::now() < last.until;
        if !self.last.as_ref().is_some_and(is_believed) {
            let is_coming = |coming: &Coming| Arc::ptr_eq(&coming.of, reading);
            let coming = match self.coming.take().filter(is_coming) {
                Some(coming) => coming,
                None => start(reading.clone(), folder.to_path_buf()),
            };
            match coming.plan.recv_timeout(LONGEST_WAIT) {
                Ok(planned) => self.last = Some(planned),
                Err(_) => {
                    self.coming = Some(coming);
                    return Some("its jobs are being planned…");
                }
            }
        }
        let rules = self.last.as_ref()?.rules.as_ref()?;
        rules.get(rule.0 as usize).map(String::as_str)
    }
}

fn start(reading: Arc<Reading>, folder: PathBuf) -> Coming {
    let (sender, plan) = sync_channel(1);
    let of = reading.clone();
    std::thread::spawn(move || {
        let started = Instant::now();
        let rules = self::plan(&reading, &folder);
        let until = Instant::now() + BELIEVED.max(started.elapsed() * PATIENCE);
        let of = reading;
        // Nobody waits when the text has changed.
        let _ = sender.send(Planned { of, until, rules });
    });
    Coming { of, plan }
}

fn plan(reading: &Reading, folder: &Path) -> Option<Vec<String>> {
    let disk = Real::open(folder).ok()?;
    let listing = RefCell::new(Listing::new(&disk));
    let context = Context {
        workflow: &reading.workflow,
        listing: &listing,
    };
    let plan = Plan::new(context);
    let rules = reading.workflow.rules.ids();
    Some(rules.map(|rule| described(&plan, rule)).collect())
}

fn described(plan: &Plan, rule: RuleId) -> String {
    let jobs = plan.jobs_of(rule);
    let mut text = match jobs.len() {
        1 => "1 job".into(),
        n => format!("{} jobs", crate::ui::human::count(n as u64)),
    };
    if !plan.is_complete(rule) {
        text += " so far; more are known when a split before it has run";
    }
    for &job in jobs.iter().take(SHOWN) {
        text += &format!("\n- {}", job_line(plan, job));
    }
    if jobs.len() > SHOWN {
        text += "\n- …";
    }
    text
}

fn job_line(plan: &Plan, job: JobId) -> String {
    let outputs = plan.made(job).unwrap_or(plan.outputs(job));
    match plan.inputs(job) {
        [] => files(plan, outputs),
        inputs => format!("{} → {}", files(plan, inputs), files(plan, outputs)),
    }
}

fn files(plan: &Plan, paths: &[PathId]) -> String {
    let shown = paths.iter().take(3).map(|&path| {
        let text = crate::ui::safe::line(plan.path(path));
        format!("`{}`", text.replace('`', "'"))
    });
    let mut shown: Vec<String> = shown.collect();
    if paths.len() > 3 {
        shown.push(format!("and {} more", paths.len() - 3));
    }
    shown.join(" ")
}
