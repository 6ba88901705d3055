//! Who is told what happens in a run: people, in lines, and programs, in JSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context as _;

use super::choose::Choose;
use super::open::Terminal;
use super::options::{EventsTo, Progress, RunOptions};
use crate::event::{Event, EventKind, json};
use crate::run::Sink;
use crate::ui::{Lines, LinesOptions};

/// Lines for people, and the events as JSON when they are asked for.
pub fn sinks<'a>(
    options: &RunOptions,
    terminal: Terminal,
    choose: Option<Choose>,
) -> anyhow::Result<Vec<Box<dyn Sink + 'a>>> {
    let lines = Lines::new(
        Box::new(io::stderr()),
        LinesOptions {
            detail: options.common.detail,
            shows_progress: options.progress != Progress::None,
            style: terminal.err,
            log_command: log_command(options),
        },
    );
    let grace = options.grace;
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(People {
        lines,
        grace,
        choose,
    })];
    if let Some(events) = &options.events {
        let out: Box<dyn Write> = match events {
            EventsTo::Stdout => Box::new(io::stdout()),
            EventsTo::File(path) => {
                let file = File::create(path);
                Box::new(file.with_context(|| format!("write events to `{}`", path.display()))?)
            }
        };
        sinks.push(Box::new(Machines {
            out: BufWriter::new(out),
            has_failed: false,
        }));
    }
    Ok(sinks)
}

/// The command that shows a job's log, with this run's own folders.
fn log_command(options: &RunOptions) -> String {
    let mut words = vec!["flow log".to_string()];
    let mut add = |flag: &str, path: &Path| {
        words.push(format!(
            "{flag}{}",
            crate::ui::path(path.as_os_str().as_bytes())
        ));
    };
    if let Some(folder) = &options.common.chdir {
        add("-C ", folder);
    }
    if let Some(workflow) = &options.common.named_workflow {
        add("", workflow);
    }
    if let Some(folder) = &options.place.workdir {
        add("--workdir ", folder);
    }
    if let Some(folder) = &options.place.state_dir {
        add("--state-dir ", folder);
    }
    words.join(" ")
}

struct People {
    lines: Lines,
    grace: std::time::Duration,
    choose: Option<Choose>,
}

impl Sink for People {
    fn event(&mut self, event: &Event) {
        // A terminal that has gone must not end the jobs.
        self.lines.event(event).ok();
    }

    fn ending(&mut self, n_jobs: usize) {
        self.lines.ending(n_jobs as u64, self.grace).ok();
    }

    fn choose(&mut self, n_jobs: usize) -> bool {
        let choose = self.choose.as_mut();
        choose.is_some_and(|choose| choose.ask(n_jobs))
    }

    fn tick(&mut self, now: jiff::Timestamp) {
        self.lines.tick(now).ok();
    }
}

/// Writes JSON Lines. Flushed when nothing happens, and at the end.
struct Machines {
    out: BufWriter<Box<dyn Write>>,
    has_failed: bool,
}

impl Sink for Machines {
    fn event(&mut self, event: &Event) {
        let is_last = matches!(event.kind, EventKind::RunFinished(_));
        let mut written = writeln!(self.out, "{}", json::to_json(event));
        if is_last && written.is_ok() {
            written = self.out.flush();
        }
        if let Err(error) = written
            && !self.has_failed
        {
            self.has_failed = true;
            anstream::eprintln!("warning: events are not written: {error}");
        }
    }

    fn tick(&mut self, _now: jiff::Timestamp) {
        self.out.flush().ok();
    }
}

/// Tells what was amiss before the run began.
pub fn warn(sinks: &mut [Box<dyn Sink>], warnings: Vec<String>) {
    for message in warnings {
        let event = Event {
            time: jiff::Timestamp::now(),
            kind: EventKind::Warning { message },
        };
        sinks.iter_mut().for_each(|sink| sink.event(&event));
    }
}
