//! How a process or job ended, in words: what a status or signal means, and what is likely.

use bstr::BString;

use super::{human, safe};
use crate::event::{End, Failure, JobFinished, JobRetry, Status, Usage};

/// At most so many names stand in one sentence; the rest is counted.
const NAMES_SHOWN: usize = 5;

/// A signal's name, and what it means to somebody who did not send it.
fn signal_words(signal: i32) -> Option<(&'static str, &'static str)> {
    Some(match signal {
        libc::SIGHUP => ("SIGHUP", "its terminal or session went away"),
        libc::SIGINT => ("SIGINT", "interrupted"),
        libc::SIGQUIT => ("SIGQUIT", "told to quit"),
        libc::SIGILL => (
            "SIGILL",
            "illegal instruction, perhaps built for another processor",
        ),
        libc::SIGTRAP => ("SIGTRAP", "a trap for a debugger"),
        libc::SIGABRT => ("SIGABRT", "the program gave up on itself"),
        libc::SIGBUS => (
            "SIGBUS",
            "memory behind a file was not there; disk full or file cut short?",
        ),
        libc::SIGFPE => ("SIGFPE", "division by zero or another arithmetic fault"),
        libc::SIGKILL => ("SIGKILL", "likely out of memory"),
        libc::SIGSEGV => (
            "SIGSEGV",
            "it touched memory that is not its own, a fault in the program",
        ),
        libc::SIGPIPE => ("SIGPIPE", "it wrote into a pipe that nobody reads any more"),
        libc::SIGALRM => ("SIGALRM", "its own alarm went off"),
        libc::SIGTERM => ("SIGTERM", "somebody asked it to end"),
        libc::SIGUSR1 => ("SIGUSR1", "sent by a batch system or another program"),
        libc::SIGUSR2 => ("SIGUSR2", "sent by a batch system or another program"),
        libc::SIGXCPU => ("SIGXCPU", "over its limit of processor time"),
        libc::SIGXFSZ => ("SIGXFSZ", "it wrote a file larger than its limit"),
        libc::SIGSYS => ("SIGSYS", "a system call that is forbidden here"),
        _ => return None,
    })
}

/// What the memory peak adds where memory may be the reason.
fn peak(signal: i32, usage: Option<&Usage>) -> String {
    match usage {
        Some(usage) if signal == libc::SIGKILL && usage.max_rss_kib > 0 => {
            let bytes = usage.max_rss_kib.saturating_mul(1024);
            format!("; peak {}", human::size(bytes))
        }
        _ => String::new(),
    }
}

/// How a process ended that nobody here ended.
pub fn end(end: &End, usage: Option<&Usage>) -> String {
    match end {
        End::Exited(0) => "ended well".into(),
        End::Exited(126) => "exit status 126: the command is there, but cannot be executed".into(),
        End::Exited(127) => "exit status 127: command not found".into(),
        End::Exited(code) => match signal_words(code.saturating_sub(128)) {
            Some((name, meaning)) => {
                let peak = peak(code.saturating_sub(128), usage);
                format!("exit status {code}: a command in it was killed by {name}: {meaning}{peak}")
            }
            None => format!("exit status {code}"),
        },
        End::Signaled(signal) => match signal_words(*signal) {
            Some((name, meaning)) => {
                let peak = peak(*signal, usage);
                format!("killed by signal {signal} ({name}): {meaning}{peak}")
            }
            None => format!("killed by signal {signal}"),
        },
        End::NotStarted(why) => format!("could not be started: {}", safe::line(why.as_bytes())),
    }
}

/// Names in one sentence, the first few of them.
pub fn names(paths: &[BString]) -> String {
    let mut shown: Vec<String> = paths
        .iter()
        .take(NAMES_SHOWN)
        .map(|path| safe::path(path))
        .collect();
    if paths.len() > NAMES_SHOWN {
        let rest = (paths.len() - NAMES_SHOWN) as u64;
        shown.push(format!("and {} more", human::count(rest)));
    }
    shown.join(", ")
}

fn try_ended(end: Option<&End>, failure: Option<&Failure>, usage: Option<&Usage>) -> String {
    match (failure, end) {
        (Some(Failure::OutputsMissing(paths)), _) => {
            format!("ended well but did not make: {}", names(paths))
        }
        (Some(Failure::Engine(why)), _) => safe::line(why.as_bytes()),
        (_, Some(end)) => self::end(end, usage),
        (_, None) => "no process ran".into(),
    }
}

/// Why a job did not succeed, as one line without a name.
pub fn job(job: &JobFinished) -> String {
    let wall = || job.usage.map(|usage| human::duration(usage.wall_s));
    match job.status {
        Status::Timeout => match wall() {
            Some(wall) => format!("ran over its time: ended after {wall}"),
            None => "ran over its time".into(),
        },
        Status::Cancelled if job.end.is_none() => "not started: the run ended before".into(),
        Status::Cancelled => match wall() {
            Some(wall) => format!("cut off after {wall}: the run ended"),
            None => "cut off: the run ended".into(),
        },
        Status::Skipped => "skipped: something it needs was not made".into(),
        Status::Touched => "touched".into(),
        _ => try_ended(job.end.as_ref(), job.failure.as_ref(), job.usage.as_ref()),
    }
}

/// Why a try did not succeed that will be repeated.
pub fn retry(retry: &JobRetry) -> String {
    try_ended(
        retry.end.as_ref(),
        retry.failure.as_ref(),
        retry.usage.as_ref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::JobName;

    const BIG: Usage = Usage {
        wall_s: 3600.0,
        user_s: 0.0,
        sys_s: 0.0,
        max_rss_kib: 16_567_500,
    };

    #[test]
    fn an_end_says_what_it_means() {
        let exited = |code| end(&End::Exited(code), Some(&BIG));
        let killed = |signal| end(&End::Signaled(signal), Some(&BIG));
        let cases = [
            (exited(0), "ended well"),
            (exited(1), "exit status 1"),
            (exited(-1), "exit status -1"),
            (exited(i32::MIN + 127), "exit status -2147483521"),
            (
                exited(126),
                "exit status 126: the command is there, but cannot be executed",
            ),
            (exited(127), "exit status 127: command not found"),
            (exited(128), "exit status 128"),
            (
                exited(137),
                "exit status 137: a command in it was killed by SIGKILL: likely out of memory; peak 15.8 GiB",
            ),
            (
                exited(141),
                "exit status 141: a command in it was killed by SIGPIPE: it wrote into a pipe that nobody reads any more",
            ),
            (exited(255), "exit status 255"),
            (
                killed(9),
                "killed by signal 9 (SIGKILL): likely out of memory; peak 15.8 GiB",
            ),
            (
                killed(11),
                "killed by signal 11 (SIGSEGV): it touched memory that is not its own, a fault in the program",
            ),
            (
                killed(libc::SIGXCPU),
                "killed by signal 24 (SIGXCPU): over its limit of processor time",
            ),
            (killed(64), "killed by signal 64"),
            (
                end(&End::Signaled(9), None),
                "killed by signal 9 (SIGKILL): likely out of memory",
            ),
            (
                end(&End::NotStarted("no \x1b".into()), None),
                r"could not be started: no \x1b",
            ),
        ];
        for (said, expected) in cases {
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn a_job_says_why() {
        let ended = |status, end, failure| {
            job(&JobFinished {
                name: JobName {
                    job: "a".into(),
                    rule: "r".into(),
                },
                status,
                attempt: 1,
                end,
                usage: Some(BIG),
                failure,
                inputs: vec![],
                outputs: vec![],
                tail: "".into(),
                output_bytes: 0,
                place: "main.flow:1".into(),
            })
        };
        let missing = |n: usize| {
            let names = (0..n).map(|n| format!("out {n}").into()).collect();
            Some(Failure::OutputsMissing(names))
        };
        let ok = Some(End::Exited(0));
        let cases = [
            (
                ended(Status::Failed, ok.clone(), missing(2)),
                "ended well but did not make: 'out 0', 'out 1'",
            ),
            (
                ended(Status::Failed, ok.clone(), missing(1239)),
                "ended well but did not make: 'out 0', 'out 1', 'out 2', 'out 3', 'out 4', and 1234 more",
            ),
            (
                ended(
                    Status::Failed,
                    None,
                    Some(Failure::Engine("disk full".into())),
                ),
                "disk full",
            ),
            (
                ended(
                    Status::Timeout,
                    Some(End::Signaled(9)),
                    Some(Failure::Process),
                ),
                "ran over its time: ended after 1 h 00 min",
            ),
            (
                ended(
                    Status::Killed,
                    Some(End::Signaled(15)),
                    Some(Failure::Process),
                ),
                "killed by signal 15 (SIGTERM): somebody asked it to end",
            ),
            (
                ended(Status::Cancelled, Some(End::Signaled(15)), None),
                "cut off after 1 h 00 min: the run ended",
            ),
            (
                ended(Status::Cancelled, None, None),
                "not started: the run ended before",
            ),
        ];
        for (said, expected) in cases {
            assert_eq!(said, expected);
        }
    }
}
