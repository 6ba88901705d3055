//! The end of a run: the failures once more, what was cut off, and the counts on the last line.

use super::{LinesOptions, job_name, line};
use crate::event::{EventKind, JobFinished, Status, Tally};
use crate::ui::style::Role;
use crate::ui::{human, safe, words};

/// So many jobs of a kind are listed; the rest is counted.
const MOST_LISTED: usize = 20;

/// Lines that are kept for the end, the first few of them, and how many there were.
#[derive(Default)]
struct List {
    lines: Vec<String>,
    count: u64,
}

impl List {
    fn add(&mut self, line: impl FnOnce() -> String) {
        self.count += 1;
        if self.lines.len() < MOST_LISTED {
            self.lines.push(line());
        }
    }

    /// Appends the lines under `title`; `more` says where the rest is to be seen.
    fn show(&self, text: &mut String, title: impl std::fmt::Display, more: &str) {
        if self.count == 0 {
            return;
        }
        line(text, format_args!("\n{title}:"));
        for shown in &self.lines {
            line(text, format_args!("  {shown}"));
        }
        let rest = self.count - self.lines.len() as u64;
        if rest > 0 {
            line(
                text,
                format_args!("  and {} more{more}", human::count(rest)),
            );
        }
    }
}

/// What the summary needs of the events before it.
#[derive(Default)]
pub(super) struct Memory {
    failures: List,
    cut_off: List,
    warnings: u64,
    /// How many jobs the run was to look at, fresh ones included.
    expected: u64,
}

impl Memory {
    pub fn add(&mut self, event: &EventKind) {
        match event {
            EventKind::JobFinished(job) => self.add_finished(job),
            EventKind::Warning { .. } => self.warnings += 1,
            EventKind::RunStarted { jobs, fresh, .. } | EventKind::RunGrew { jobs, fresh, .. } => {
                self.expected += jobs + fresh;
            }
            _ => {}
        }
    }

    fn add_finished(&mut self, job: &JobFinished) {
        match job.status {
            Status::Failed | Status::Killed | Status::Timeout => self.failures.add(|| {
                let (name, why) = (job_name(&job.name), words::job(job));
                format!("{name}: {why} ({})", safe::line(job.place.as_bytes()))
            }),
            // One that never started was not cut off.
            Status::Cancelled if job.end.is_some() => self.cut_off.add(|| {
                let after = job.usage.map_or(String::new(), |usage| {
                    format!(" after {}", human::duration(usage.wall_s))
                });
                format!("{}{after}", job_name(&job.name))
            }),
            _ => {}
        }
    }

    /// Appends the last that is said of a run.
    pub fn summary(&self, text: &mut String, tally: &Tally, options: &LinesOptions) {
        let style = options.style;
        let failed = human::counted(self.failures.count, "job");
        let more = format!(": {} --failed", options.log_command);
        let title = style.paint(Role::Error, format!("{failed} failed"));
        self.failures.show(text, title, &more);
        let cut_off = human::counted(self.cut_off.count, "job");
        let title = style.paint(Role::Warning, format!("{cut_off} cut off"));
        self.cut_off.show(text, title, "");
        if !text.is_empty() && self.failures.count + self.cut_off.count > 0 {
            text.push('\n');
        }
        line(text, self.last_line(tally, options));
    }

    /// `failed: 120 done, 3 failed, 17 skipped, 200 fresh; 3 min 12 s`.
    fn last_line(&self, tally: &Tally, options: &LinesOptions) -> String {
        let style = options.style;
        let cut_off = self.cut_off.count.min(tally.cancelled);
        let counts = [
            (tally.ok, "done"),
            (tally.thens, "then"),
            (tally.touched, "touched"),
            (tally.failures(), "failed"),
            (tally.skipped, "skipped"),
            (cut_off, "cut off"),
            (tally.cancelled - cut_off, "not started"),
        ];
        if counts.iter().all(|(n, _)| *n == 0) {
            return self.nothing_ran(tally, options);
        }
        let mut parts: Vec<String> = counts
            .iter()
            .chain(&[(tally.fresh, "fresh")])
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", human::count(*n)))
            .collect();
        match tally.retries {
            0 => {}
            1 => parts.push("1 retry".into()),
            n => parts.push(format!("{} retries", human::count(n))),
        }
        parts.extend(self.warnings());
        let lead = if tally.failures() > 0 {
            style.paint(Role::Error, "failed")
        } else if tally.cancelled > 0 {
            style.paint(Role::Warning, "interrupted")
        } else {
            style.paint(Role::Good, "finished")
        };
        let took = human::duration(tally.wall_s);
        format!("{lead}: {}; {took}", parts.join(", "))
    }

    fn warnings(&self) -> Option<String> {
        (self.warnings > 0).then(|| human::counted(self.warnings, "warning"))
    }

    fn nothing_ran(&self, tally: &Tally, options: &LinesOptions) -> String {
        let left = self.expected.saturating_sub(tally.fresh);
        let mut said = match (tally.fresh, left) {
            (0, 0) => "nothing to do: there are no jobs".into(),
            (fresh, 0) => {
                let jobs = human::counted(fresh, "job");
                let said = format!("everything is up to date ({jobs})");
                options.style.paint(Role::Good, said).to_string()
            }
            // It ended before it began.
            (fresh, left) => {
                let (fresh, left) = (human::count(fresh), human::count(left));
                format!("nothing ran: {fresh} fresh, {left} not run")
            }
        };
        if let Some(warnings) = self.warnings() {
            said += &format!(", {warnings}");
        }
        said
    }
}
