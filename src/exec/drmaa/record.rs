//! What jobs leave in their folder: which have begun and where, and the records of those that ended.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::event::Usage;

/// How far a job has come, by its files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Trace {
    /// Nobody has begun it: `NAME.sh`.
    pub waits: bool,
    /// `NAME.run@HOST@ID`: the file, the host and the scheduler's id.
    pub begun: Option<(PathBuf, String, String)>,
    /// `NAME.end`.
    pub has_ended: bool,
}

/// Lists the folder: the traces of jobs by name.
pub(super) fn traces(folder: &Path) -> io::Result<HashMap<String, Trace>> {
    let mut found: HashMap<String, Trace> = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        // Names of ours are ASCII.
        let Some(name) = name.to_str() else { continue };
        if let Some((stem, rest)) = name.split_once(".run@") {
            let (host, id) = rest.rsplit_once('@').unwrap_or((rest, ""));
            let begun = (entry.path(), host.to_string(), id.to_string());
            found.entry(stem.into()).or_default().begun = Some(begun);
        } else if let Some(stem) = name.strip_suffix(".sh") {
            found.entry(stem.into()).or_default().waits = true;
        } else if let Some(stem) = name.strip_suffix(".end") {
            found.entry(stem.into()).or_default().has_ended = true;
        }
    }
    Ok(found)
}

/// The record of a job that has ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The exit status that its shell saw.
    pub code: i32,
    /// It ended by this one, where the node could tell.
    pub signal: Option<i32>,
    pub usage: Usage,
}

impl Record {
    /// Reads the text of one; `None` for one that is not whole. How long it took does not stand in it.
    pub fn parse(text: &str) -> Option<Record> {
        let mut code = None;
        let mut record = Record {
            code: 0,
            signal: None,
            usage: Usage::default(),
        };
        let mut is_whole = false;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("exit ") {
                code = rest.parse().ok();
            } else if let Some((user, sys)) = times(line) {
                // The shell's own line comes first, that of what it started second.
                (record.usage.user_s, record.usage.sys_s) = (user, sys);
            } else if let Some(used) = line.strip_prefix("used ") {
                let mut numbers = used.split(' ');
                let mut number = || amount(numbers.next()?);
                if let (Some(by), Some(user), Some(sys), Some(kib)) =
                    (number(), number(), number(), number())
                {
                    record.signal = Some(by as i32).filter(|by| *by > 0);
                    // Of the recipe alone, without the shell around it.
                    record.usage = Usage {
                        user_s: user,
                        sys_s: sys,
                        max_rss_kib: kib as u64,
                        ..record.usage
                    };
                }
            }
            is_whole = line == "end";
        }
        record.code = code.filter(|_| is_whole && text.starts_with("flow 1\n"))?;
        Some(record)
    }
}

/// Reads the record `NAME.end`; `begun` is the script, whose last change is when it began. `None` for
/// one that is not whole: a node that crashed may leave that.
pub(super) fn read(end: &Path, begun: Option<&Path>) -> Option<Record> {
    let mut record = Record::parse(&fs::read_to_string(end).ok()?)?;
    let at = |seconds: i64, nanoseconds: i64| seconds as f64 + nanoseconds as f64 / 1e9;
    // Both by the clock of whoever keeps the files.
    let ended = fs::metadata(end).map(|found| at(found.mtime(), found.mtime_nsec()));
    let began = begun.map(|begun| fs::metadata(begun).map(|f| at(f.ctime(), f.ctime_nsec())));
    if let (Some(Ok(began)), Ok(ended)) = (began, ended) {
        record.usage.wall_s = (ended - began).max(0.0);
    }
    Some(record)
}

/// How long ago a job has begun, in seconds, by its script and this machine's clock.
pub(super) fn age(begun: &Path) -> f64 {
    let began = fs::metadata(begun).map(|found| found.ctime() as f64);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    match (began, now) {
        (Ok(began), Ok(now)) => (now.as_secs_f64() - began).max(0.0),
        _ => 0.0,
    }
}

/// A line of the shell's `times`: `0m1.25s 0m0.10s`.
fn times(line: &str) -> Option<(f64, f64)> {
    let (user, sys) = line.split_once(' ')?;
    let seconds = |text: &str| {
        let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
        // Some locales write a comma.
        let seconds = amount(minutes)? * 60.0 + amount(&seconds.replace(',', "."))?;
        seconds.is_finite().then_some(seconds)
    };
    Some((seconds(user)?, seconds(sys)?))
}

/// A number of seconds, or of anything else that can only be spent.
fn amount(text: &str) -> Option<f64> {
    let amount: f64 = text.parse().ok()?;
    (amount.is_finite() && amount >= 0.0).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_taken_only_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.end");
        let whole = "flow 1\nexit 3\nhost h\n0m0.00s 0m0.01s\n1m2.50s 0m0.25s\nend\n";
        fs::write(&file, whole).unwrap();
        let record = read(&file, None).unwrap();
        assert_eq!(
            (record.code, record.usage.user_s, record.usage.sys_s),
            (3, 62.5, 0.25)
        );
        assert_eq!((record.signal, record.usage.max_rss_kib), (None, 0));
        for len in [0, 7, 20, whole.len() - 2] {
            fs::write(&file, &whole[..len]).unwrap();
            assert_eq!(read(&file, None), None, "{len}");
        }
        let used = whole
            .replace("exit 3", "exit 137")
            .replace("end\n", "used 9 1.5 0.125 2048\nend\n");
        fs::write(&file, used).unwrap();
        let record = read(&file, None).unwrap();
        assert_eq!((record.code, record.signal), (137, Some(9)));
        let Usage {
            user_s,
            max_rss_kib,
            ..
        } = record.usage;
        assert_eq!((user_s, max_rss_kib), (1.5, 2048));
    }

    #[test]
    fn what_is_no_amount_of_seconds_is_not_taken_for_one() {
        for bad in [
            "infm0s 0m1s",
            "1e308m0s 0m0s",
            "0m1s 0mnans",
            "0m-1s 0m0s",
            "used 0 inf 0 1",
            "used 0 1 -1 1",
        ] {
            let text = format!("flow 1\nexit 0\n{bad}\nend\n");
            assert_eq!(
                Record::parse(&text).unwrap().usage,
                Usage::default(),
                "{bad}"
            );
        }
    }

    #[test]
    fn files_tell_how_far_jobs_have_come() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "r-1.1.sh",
            "r-1.2.run@n1@74.2",
            "r-1.2.out",
            "r-1.3.run@n@",
            "r-1.3.end",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = traces(folder.path()).unwrap();
        assert!(found["r-1.1"].waits && !found["r-1.1"].has_ended);
        let (_, host, id) = found["r-1.2"].begun.clone().unwrap();
        assert_eq!((&host[..], &id[..]), ("n1", "74.2"));
        assert!(found["r-1.3"].has_ended);
        assert_eq!(found.len(), 3);
    }
}
