//! The sink for `--progress lines` and `none`: what happens in a run, as lines of text.
//!
//! It has no clock: time comes in the events, and in `tick` when there are none for a while.

mod failure;
mod pace;
mod summary;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use bstr::{BString, ByteVec};
use rustc_hash::FxHashMap;

use super::style::{Role, Style};
use super::{human, safe, words};
use crate::event::{Event, EventKind, JobFinished, JobName, JobRetry, Status, Tally};
use pace::{Missed, Pace, Topic};
use summary::Memory;

/// How much is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Detail {
    /// Failures and the last summary.
    Quiet,
    #[default]
    Normal,
    /// Also the start of jobs and what they print.
    Verbose,
}

/// What a [`Lines`] shows, and how.
#[derive(Clone, Debug)]
pub struct LinesOptions {
    pub detail: Detail,
    /// A line for each finished job; without it, failures, warnings and the summary remain.
    pub shows_progress: bool,
    pub style: Style,
    /// What shows a job's log when its name is put behind it.
    pub log_command: String,
}

impl Default for LinesOptions {
    fn default() -> LinesOptions {
        LinesOptions {
            detail: Detail::Normal,
            shows_progress: true,
            style: Style::default(),
            log_command: "flow log".into(),
        }
    }
}

/// A line of output that has not ended, of a job that runs, is shown when it is this long (bytes).
const LONGEST_PARTIAL: usize = 16 << 10;

/// Characters of one line of output that are shown.
const OUTPUT_CHARS: usize = 1000;

/// Writes a run's events as lines. Each event is one `write`, so that lines stay whole.
pub struct Lines {
    out: Box<dyn Write + Send>,
    options: LinesOptions,
    /// How many jobs may run, as far as is known, and whether a split may bring more.
    jobs: u64,
    may_grow: bool,
    tally: Tally,
    pace: Pace,
    missed: Missed,
    memory: Memory,
    /// The unfinished last lines of what jobs have printed.
    partial: FxHashMap<BString, BString>,
}

impl Lines {
    pub fn new(out: Box<dyn Write + Send>, options: LinesOptions) -> Lines {
        Lines {
            out,
            options,
            jobs: 0,
            may_grow: false,
            tally: Tally::default(),
            pace: Pace::default(),
            missed: Missed::default(),
            memory: Memory::default(),
            partial: FxHashMap::default(),
        }
    }

    /// Shows one event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let now = event.time.as_microsecond();
        self.tally.add(&event.kind);
        self.memory.add(&event.kind);
        let mut text = String::new();
        match &event.kind {
            EventKind::RunStarted {
                jobs,
                fresh,
                may_grow,
                ..
            } => {
                (self.jobs, self.may_grow) = (*jobs, *may_grow);
                self.run_started(&mut text, *jobs, *fresh);
            }
            EventKind::RunGrew { jobs, may_grow, .. } => {
                (self.jobs, self.may_grow) = (self.jobs + jobs, *may_grow);
            }
            EventKind::JobStarted {
                name,
                attempt,
                place,
            } => self.job_started(&mut text, name, *attempt, place),
            EventKind::JobOutput { name, bytes } => self.job_output(&mut text, name, bytes),
            EventKind::JobRetry(retry) => self.job_retry(&mut text, retry, now),
            EventKind::JobFinished(job) => self.job_finished(&mut text, job, now),
            EventKind::JobFresh(name) => self.job_fresh(&mut text, name),
            EventKind::TempDeleted { outputs, .. } => self.temp_deleted(&mut text, outputs),
            EventKind::Warning { message } => self.warning(&mut text, message, now),
            EventKind::RunFinished(tally) => {
                self.say_missed(&mut text);
                self.memory.summary(&mut text, tally, &self.options);
            }
        }
        if self.missed.is_due(now) {
            self.say_missed(&mut text);
        }
        self.write(&text)
    }

    /// Jobs were told to end, and may take so long.
    pub fn ending(&mut self, n_jobs: u64, grace: Duration) -> io::Result<()> {
        let jobs = human::counted(n_jobs, "job");
        let grace = human::duration(grace.as_secs_f64());
        // A terminal has written `^C` where the line begins.
        self.write(&format!(
            "\nending {jobs} within {grace}; Ctrl-C once more kills at once\n"
        ))
    }

    /// Says what has been summarised so far when it is time; to be called now and then while
    /// no events come.
    pub fn tick(&mut self, now: jiff::Timestamp) -> io::Result<()> {
        let mut text = String::new();
        if self.missed.is_due(now.as_microsecond()) {
            self.say_missed(&mut text);
        }
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// True when something of this topic may have lines of its own; else it is counted.
    fn has_time(&mut self, topic: Topic, now: i64) -> bool {
        let has_time = self.options.detail == Detail::Verbose || self.pace.admits(topic, now);
        if !has_time {
            self.missed.add(topic, now);
        }
        has_time
    }

    fn run_started(&self, text: &mut String, jobs: u64, fresh: u64) {
        if self.options.detail > Detail::Quiet && jobs > 0 {
            let jobs = human::counted(jobs, "job");
            let fresh = human::count(fresh);
            let more = match self.may_grow {
                true => ", and what splits bring",
                false => "",
            };
            let style = self.options.style;
            let told = format_args!("{jobs} to run{more}, {fresh} fresh");
            line(text, style.paint(Role::Faint, told));
        }
    }

    fn job_started(&self, text: &mut String, name: &JobName, attempt: u32, place: &str) {
        if self.options.detail == Detail::Verbose {
            let again = match attempt {
                0 | 1 => String::new(),
                _ => format!(", try {attempt}"),
            };
            let place = safe::line(place.as_bytes());
            line(
                text,
                format_args!("start {} ({place}{again})", job_name(name)),
            );
        }
    }

    fn job_output(&mut self, text: &mut String, name: &JobName, bytes: &[u8]) {
        if self.options.detail < Detail::Verbose {
            return;
        }
        let partial = self.partial.entry(name.job.clone()).or_default();
        partial.push_str(bytes);
        let whole = match partial.iter().rposition(|&byte| byte == b'\n') {
            Some(newline) => newline + 1,
            None if partial.len() > LONGEST_PARTIAL => partial.len(),
            None => 0,
        };
        output(text, name, &partial[..whole], self.options.style);
        partial.drain(..whole);
    }

    /// Shows a last line of output that had no newline.
    fn end_output(&mut self, text: &mut String, name: &JobName) {
        if let Some(partial) = self.partial.remove(&name.job) {
            output(text, name, &partial, self.options.style);
        }
    }

    fn job_retry(&mut self, text: &mut String, retry: &JobRetry, now: i64) {
        self.end_output(text, &retry.name);
        if self.options.detail > Detail::Quiet && self.has_time(Topic::Retry, now) {
            let warning = self.options.style.paint(Role::Warning, "retry");
            let (name, why) = (job_name(&retry.name), words::retry(retry));
            line(
                text,
                format_args!("{warning}: {name}: try {}: {why}", retry.attempt),
            );
        }
    }

    fn job_finished(&mut self, text: &mut String, job: &JobFinished, now: i64) {
        self.end_output(text, &job.name);
        match job.status {
            Status::Failed | Status::Killed | Status::Timeout => {
                if self.has_time(Topic::Failure, now) {
                    failure::block(text, job, &self.options);
                }
            }
            Status::Ok | Status::Touched => {
                let is_shown = self.options.detail > Detail::Quiet && self.options.shows_progress;
                if is_shown && self.has_time(Topic::Done, now) {
                    // What was passed over comes first, so that the count only grows.
                    self.say_missed(text);
                    self.done_line(text, job);
                }
            }
            Status::Skipped | Status::Cancelled => {
                if self.options.detail == Detail::Verbose {
                    let (name, why) = (job_name(&job.name), words::job(job));
                    line(text, format_args!("{} {name}: {why}", self.position()));
                }
            }
        }
    }

    /// One job less to run.
    fn job_fresh(&mut self, text: &mut String, name: &JobName) {
        self.jobs = self.jobs.saturating_sub(1);
        if self.options.detail == Detail::Verbose {
            let why = self
                .options
                .style
                .paint(Role::Faint, "what it reads came out as it was");
            line(text, format_args!("fresh {}  {why}", job_name(name)));
        }
    }

    fn temp_deleted(&self, text: &mut String, outputs: &[BString]) {
        if self.options.detail == Detail::Verbose {
            for output in outputs {
                let why = self.options.style.paint(Role::Faint, "temporary");
                line(text, format_args!("deleted {}  {why}", safe::path(output)));
            }
        }
    }

    fn done_line(&self, text: &mut String, job: &JobFinished) {
        let took = match (job.status, job.usage) {
            (Status::Touched, _) => "  touched".into(),
            (_, Some(usage)) => format!("  {}", human::duration(usage.wall_s)),
            (_, None) => String::new(),
        };
        let peak = match job.usage {
            Some(usage) if self.options.detail == Detail::Verbose && usage.max_rss_kib > 0 => {
                format!(
                    ", peak {}",
                    human::size(usage.max_rss_kib.saturating_mul(1024))
                )
            }
            _ => String::new(),
        };
        let name = job_name(&job.name);
        let took = self.options.style.paint(Role::Faint, took + &peak);
        line(text, format_args!("{} {name}{took}", self.position()));
    }

    /// `[ 12/340]`: how many jobs have ended, of how many; `340+` while a split may bring more.
    fn position(&self) -> String {
        let ended = self.tally.ok + self.tally.touched + self.tally.failures();
        let ended = ended + self.tally.skipped + self.tally.cancelled;
        let more = if self.may_grow { "+" } else { "" };
        let all = human::count(self.jobs.max(ended));
        let width = all.len();
        format!("[{:>width$}/{all}{more}]", human::count(ended))
    }

    fn warning(&mut self, text: &mut String, message: &str, now: i64) {
        if self.options.detail > Detail::Quiet && self.has_time(Topic::Warning, now) {
            let warning = self.options.style.paint(Role::Warning, "warning");
            line(
                text,
                format_args!("{warning}: {}", safe::text(message.as_bytes())),
            );
        }
    }

    fn say_missed(&mut self, text: &mut String) {
        if let Some(missed) = self.missed.take() {
            line(text, format_args!("{} {missed}", self.position()));
        }
    }
}

fn line(text: &mut String, shown: impl std::fmt::Display) {
    writeln!(text, "{shown}").expect("a string takes all");
}

/// `align trimmed/a.bam`; the rule once where the job's name is the rule's.
fn job_name(name: &JobName) -> String {
    let (rule, job) = (safe::line(name.rule.as_bytes()), safe::path(&name.job));
    if rule == job {
        job
    } else {
        format!("{rule} {job}")
    }
}

/// What a job printed, each line behind the job's name.
fn output(text: &mut String, name: &JobName, bytes: &[u8], style: Style) {
    let prefix = safe::path(&name.job);
    for shown in safe::output_lines(bytes, OUTPUT_CHARS) {
        let bar = style.paint(Role::Faint, format!("{prefix} |"));
        line(text, format!("{bar} {shown}").trim_end());
    }
}

#[cfg(test)]
mod tests;
