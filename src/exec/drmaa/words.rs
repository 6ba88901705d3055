//! How a job ended that left no record, from the scheduler's own numbers, in words.

use super::Request;
use super::wire::How;
use crate::event::{End, Usage};
use crate::lang::quantity::shown_duration;

/// The scheduler ended it before its script ran.
pub(super) const NEVER_BEGAN: &str =
    "the scheduler ended it before it began: somebody deleted it, or its node could not start it";

/// A job ran, and not its script.
pub(super) const NO_SCRIPT: &str = "its node did not find the job's script: is the workflow's folder \
                                    there, under the same name, on every node?";

/// A death that has a reason.
pub(super) struct Death {
    pub end: End,
    pub why: String,
}

type Numbers = [(String, String)];

/// A number by the first of its names that there is; schedulers have different ones.
fn number(usage: &Numbers, names: &[&str]) -> Option<f64> {
    let mut found = names
        .iter()
        .filter_map(|name| usage.iter().find(|(is, _)| is == name));
    found.find_map(|(_, value)| value.trim().parse().ok())
}

/// The most memory that it had, in KiB; 0 where that is not known.
pub(super) fn peak_kib(usage: &Numbers) -> u64 {
    let resident = number(usage, &["ru_maxrss"]).filter(|kib| *kib > 0.0);
    let whole = || number(usage, &["maxvmem", "vmem"]).map(|bytes| bytes / 1024.0);
    resident.or_else(whole).unwrap_or(0.0) as u64
}

/// What the scheduler counted.
pub(super) fn usage(numbers: &Numbers) -> Usage {
    Usage {
        wall_s: number(numbers, &["ru_wallclock", "walltime"]).unwrap_or(0.0),
        user_s: number(numbers, &["ru_utime", "cpu"]).unwrap_or(0.0),
        sys_s: number(numbers, &["ru_stime"]).unwrap_or(0.0),
        max_rss_kib: peak_kib(numbers),
    }
}

fn size(kib: f64) -> String {
    match kib / 1024.0 {
        mib if mib >= 1024.0 => format!("{:.1} GiB", mib / 1024.0),
        mib => format!("{mib:.0} MiB"),
    }
}

/// Whether it had about all the memory that it asked for: the sentence about that. The limit is on what a
/// program may ask for, and one that is denied memory never comes to have it all.
fn out_of_memory(usage: &Numbers, request: &Request) -> Option<String> {
    let asked = request.mem_mib? as f64 * 1024.0;
    let virtual_kib = number(usage, &["maxvmem", "vmem"]).unwrap_or(0.0) / 1024.0;
    let most = virtual_kib.max(peak_kib(usage) as f64);
    (most >= 0.8 * asked).then(|| {
        format!(
            "likely out of memory: it had {} of the {} that its rule asks for (`mem`)",
            size(most),
            size(asked)
        )
    })
}

/// What an end that was recorded means in the light of the scheduler's numbers, where they say more than
/// it.
pub(super) fn of_end(end: &End, usage: &Numbers, request: &Request) -> Option<String> {
    let how = match end {
        End::Exited(0) | End::NotStarted(_) => return None,
        End::Exited(code) => format!("exit status {code}"),
        End::Signaled(signal) => format!("killed by signal {signal}"),
    };
    Some(format!("{how}: {}", out_of_memory(usage, request)?))
}

/// Why a job died that had begun; `None` where the scheduler does not know either.
pub(super) fn of_death(how: &How, usage: &Numbers, request: &Request, host: &str) -> Option<Death> {
    let ran = number(usage, &["ru_wallclock", "walltime"]).unwrap_or(0.0);
    // What is a little short of its time was ended for it: schedulers count from earlier on.
    let over_time = request.time_s.filter(|time| ran >= *time as f64 * 0.95);
    let killed = |why: String| {
        let end = End::Signaled(9);
        Some(Death { end, why })
    };
    match how {
        How::Signaled(_) | How::Aborted | How::NoUsage | How::Unknown | How::Exited(_)
            if over_time.is_some() =>
        {
            let time = std::time::Duration::from_secs(request.time_s.unwrap_or(0));
            let time = shown_duration(time);
            killed(format!(
                "ran over the {time} that its rule asks for (`time`), and the scheduler ended it on {host}"
            ))
        }
        How::Signaled(signal) => match out_of_memory(usage, request) {
            Some(memory) => killed(format!("killed by {signal} on {host}: {memory}")),
            None => killed(format!(
                "killed by {signal} on {host}, by the scheduler or by somebody there"
            )),
        },
        How::Aborted | How::NoUsage => killed(format!(
            "deleted while it ran on {host}, by an operator or by its owner (`qdel`, `scancel`)"
        )),
        How::Unknown | How::Exited(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect()
    }

    fn why(how: How, usage: &[(&str, &str)]) -> Option<String> {
        let request = Request {
            mem_mib: Some(1024),
            time_s: Some(600),
            ..Request::default()
        };
        of_death(&how, &numbers(usage), &request, "n1").map(|death| death.why)
    }

    #[test]
    fn the_schedulers_numbers_say_why() {
        let kill = || How::Signaled("SIGKILL".into());
        let time = why(kill(), &[("ru_wallclock", "601.0000")]).unwrap();
        assert!(
            time.starts_with("ran over the 10m that its rule asks for"),
            "{time}"
        );
        let memory = why(kill(), &[("vmem", "0.0"), ("maxvmem", "1070000000.0000")]).unwrap();
        assert!(
            memory.contains("it had 1020 MiB of the 1.0 GiB"),
            "{memory}"
        );
        let other = why(kill(), &[("maxvmem", "1000.0")]).unwrap();
        assert!(other.contains("or by somebody there"), "{other}");
        assert!(why(How::Aborted, &[]).unwrap().contains("qdel"));
        assert_eq!(why(How::Unknown, &[]), None);
    }

    #[test]
    fn a_failure_for_want_of_memory_is_told() {
        let request = Request {
            mem_mib: Some(100),
            ..Request::default()
        };
        let much = numbers(&[("maxvmem", "100000000"), ("ru_maxrss", "5000")]);
        let told = of_end(&End::Exited(1), &much, &request).unwrap();
        assert!(
            told.starts_with("exit status 1: likely out of memory"),
            "{told}"
        );
        assert_eq!(of_end(&End::Exited(1), &numbers(&[]), &request), None);
        assert_eq!(of_end(&End::Exited(0), &much, &request), None);
        let killed = of_end(&End::Signaled(9), &much, &request).unwrap();
        assert!(killed.starts_with("killed by signal 9: likely"), "{killed}");
    }
}
