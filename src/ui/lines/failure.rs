//! A failure as it is shown at once: what, why, where, what it printed, and where to look on.

use bstr::ByteSlice;

use super::{LinesOptions, OUTPUT_CHARS, job_name, line};
use crate::event::{End, JobFinished};
use crate::ui::style::Role;
use crate::ui::{human, safe, words};

/// So many lines of a job's output are shown, its last.
const OUTPUT_LINES: usize = 20;

/// Appends the block for a job that failed.
pub(super) fn block(text: &mut String, job: &JobFinished, options: &LinesOptions) {
    let style = options.style;
    let error = style.paint(Role::Error, "error");
    let name = job_name(&job.name);
    line(
        text,
        format_args!(
            "{error}: {}",
            style.paint(Role::Strong, format_args!("{name} failed"))
        ),
    );
    line(text, format_args!("  {}", words::job(job)));
    line(
        text,
        format_args!("  --> {}{}", safe::line(job.place.as_bytes()), effort(job)),
    );
    output(text, job, options);
    if says_cannot_fork(&job.tail) {
        line(
            text,
            "  it could start no more processes: see `ulimit -u`; fewer jobs at once: `-j`",
        );
    }
    if job.output_bytes > 0 {
        let (command, job) = (&options.log_command, safe::path(&job.name.job));
        line(text, format_args!("  whole output: {command} {job}"));
    }
}

/// Whether a program says that it has reached the limit of processes, in words that shells and
/// languages have for it.
fn says_cannot_fork(tail: &[u8]) -> bool {
    const WORDS: [&str; 2] = ["cannot fork", "can't fork"];
    let tail = tail.to_ascii_lowercase();
    let says = |words: &str| tail.find(words).is_some();
    // As bash, Python and others tell EAGAIN, with the call that gave it.
    WORDS.iter().any(|words| says(words))
        || says("fork") && says("resource temporarily unavailable")
}

/// `, try 3, after 2.3 s`.
fn effort(job: &JobFinished) -> String {
    let mut effort = String::new();
    if job.attempt > 1 {
        effort += &format!(", try {}", job.attempt);
    }
    if let Some(usage) = job.usage {
        effort += &format!(", after {}", human::duration(usage.wall_s));
    }
    effort
}

fn output(text: &mut String, job: &JobFinished, options: &LinesOptions) {
    let lines = safe::output_lines(&job.tail, OUTPUT_CHARS);
    let lines = &lines[lines.len().saturating_sub(OUTPUT_LINES)..];
    if lines.is_empty() {
        let ran = matches!(job.end, Some(End::Exited(_) | End::Signaled(_)));
        if ran && job.output_bytes == 0 {
            line(text, "  it printed nothing");
        }
        return;
    }
    if job.output_bytes > job.tail.len() as u64 {
        let size = human::size(job.output_bytes);
        let lines = human::counted(lines.len() as u64, "line");
        line(text, format_args!("  last {lines} of {size} of output:"));
    } else {
        line(text, "  output:");
    }
    let bar = options.style.paint(Role::Faint, "|");
    for shown in lines {
        line(text, format!("    {bar} {shown}").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_processes_is_told_by_whoever_met_it() {
        for tail in [
            "/bin/sh: 0: Cannot fork\n",
            "bash: fork: retry: Resource temporarily unavailable\n",
            "in _fork_exec\nBlockingIOError: [Errno 11] Resource temporarily unavailable\n",
            "Can't fork, trying again in 5 seconds at x line 1.\n",
        ] {
            assert!(says_cannot_fork(tail.as_bytes()), "{tail}");
        }
        for tail in [
            "",
            "forks and knives\n",
            "read: Resource temporarily unavailable\n",
        ] {
            assert!(!says_cannot_fork(tail.as_bytes()), "{tail}");
        }
    }
}
