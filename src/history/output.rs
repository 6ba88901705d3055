//! What jobs printed: one append-only file per run in `.flow/log/`, made with the first byte.
//!
//! A record is a line `\x1e KIND ATTEMPT KEYLEN TEXTLEN`, then the job's key, the text and a line
//! feed. A torn last record is left out by readers. Files that are together larger than the quota
//! go, the oldest run first.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bstr::{BString, ByteSlice};
use jiff::ToSpan;

/// How much all runs' output may take. What the newest run printed always stays.
const QUOTA: u64 = 1 << 30;

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A try printed this.
    Output,
    /// A try ended badly; the text says how.
    Failed,
    /// A try ended well; only written where the job has other records. The text is when, as its record
    /// in the history has it: in milliseconds since the epoch.
    Done,
}

impl Kind {
    const ALL: [(Kind, char); 3] = [(Kind::Output, 'o'), (Kind::Failed, 'f'), (Kind::Done, 'd')];

    fn letter(self) -> char {
        Kind::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or('o', |(_, letter)| *letter)
    }
}

/// Keeps what the jobs of one run print.
pub trait Log {
    fn write(&mut self, kind: Kind, key: &[u8], attempt: u32, text: &[u8]) -> anyhow::Result<()>;
}

/// Keeps it in a file.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    run: String,
    file: Option<File>,
}

impl Writer {
    /// For the run of this name, as [`next_run`] makes them.
    pub fn new(state: &Path, run: String) -> Writer {
        Writer {
            folder: state.join("log"),
            run,
            file: None,
        }
    }

    /// Where the output goes.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.run))
    }
}

impl Log for Writer {
    /// Appends a record; the file is made with the first.
    fn write(&mut self, kind: Kind, key: &[u8], attempt: u32, text: &[u8]) -> anyhow::Result<()> {
        let path = self.path();
        let context = || format!("write `{}`", path.display());
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                super::lock::make_state_folder(&self.folder)?;
                prune(&self.folder, QUOTA);
                let open = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .custom_flags(libc::O_NOFOLLOW)
                    .open(&path);
                self.file.insert(open.with_context(context)?)
            }
        };
        let mut record = Vec::new();
        Record::put(&mut record, kind, key, attempt, text);
        file.write_all(&record).with_context(context)
    }
}

/// Removes the oldest runs' files until what is left is within `quota` bytes.
fn prune(folder: &Path, quota: u64) {
    let mut files = runs(folder);
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |meta| meta.len());
    let mut total: u64 = files.iter().map(size).sum();
    files.reverse();
    while total > quota
        && let Some(oldest) = files.pop()
    {
        total -= size(&oldest);
        // One that cannot be removed is no reason to end a run.
        fs::remove_file(&oldest).ok();
    }
}

const MOMENT: &str = "%Y%m%dT%H%M%S.%3f";

/// The name of a run that begins `now` in the process `pid`: `20261126T091233.045-4711`, in UTC.
///
/// As text it sorts behind all that have a file here, also where the clock was set back or several
/// begin within a millisecond: what sorts last is the newest.
pub fn next_run(state: &Path, now: jiff::Timestamp, pid: u32) -> String {
    let after = |moment: jiff::civil::DateTime| moment.checked_add(1.millisecond()).ok();
    let newest = runs(&state.join("log")).pop();
    let newest = newest.and_then(|file| moment_of(&file)).and_then(after);
    let now = jiff::tz::Offset::UTC.to_datetime(now);
    let moment = newest.map_or(now, |newest| newest.max(now));
    format!("{}-{pid}", moment.strftime(MOMENT))
}

/// When the run whose file this is began, by its name. Names without a fraction are known too.
fn moment_of(file: &Path) -> Option<jiff::civil::DateTime> {
    let (moment, _) = file.file_stem()?.to_str()?.split_once('-')?;
    let whole = || jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", moment);
    let exact = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%.f", moment);
    exact.or_else(|_| whole()).ok()
}

/// The files of all runs, oldest first.
pub(super) fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
        .collect();
    files.sort();
    files
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub kind: Kind,
    pub attempt: u32,
    /// The job's.
    pub key: BString,
    pub text: BString,
}

impl Record {
    /// Appends one to the bytes of a file.
    pub fn put(out: &mut Vec<u8>, kind: Kind, key: &[u8], attempt: u32, text: &[u8]) {
        let kind = kind.letter();
        let head = format!("\x1e {kind} {attempt} {} {}\n", key.len(), text.len());
        out.reserve(head.len() + key.len() + text.len() + 1);
        for part in [head.as_bytes(), key, text, b"\n"] {
            out.extend_from_slice(part);
        }
    }
}

/// A record without its text, which follows it in the file with a line feed at its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub kind: Kind,
    pub attempt: u32,
    pub key: BString,
    /// In bytes, this and the text.
    pub length: u64,
    pub text_length: u64,
}

/// The next record of a file up to its text; `None` at the file's end, or where one is torn.
pub fn read_head(reader: &mut impl BufRead) -> Option<Head> {
    let mut head = Vec::new();
    reader.read_until(b'\n', &mut head).ok()?;
    let length = head.len() as u64;
    let head = head.strip_prefix(b"\x1e ")?.to_str().ok()?;
    let mut words = head.split_ascii_whitespace();
    let letter = words.next()?;
    let kind = Kind::ALL
        .iter()
        .find(|(_, known)| letter.starts_with(*known))?
        .0;
    let attempt = words.next()?.parse().ok()?;
    let [key_length, text_length]: [u64; 2] =
        [words.next()?.parse().ok()?, words.next()?.parse().ok()?];
    let key = read_field(reader, key_length)?;
    Some(Head {
        kind,
        attempt,
        key,
        length: length + key_length,
        text_length,
    })
}

fn read_field(reader: &mut impl BufRead, length: u64) -> Option<BString> {
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then(|| bytes.into())
}

/// The next record of a file; `None` at its end, or where one is torn.
pub fn read_record(reader: &mut impl BufRead) -> Option<Record> {
    let head = read_head(reader)?;
    let text = read_field(reader, head.text_length)?;
    (read_field(reader, 1)? == "\n").then_some(Record {
        kind: head.kind,
        attempt: head.attempt,
        key: head.key,
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_run_sorts_last() {
        let state = tempfile::tempdir().unwrap();
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let told = [
            // As names were once.
            ("", 937, "20261126T214839-937"),
            ("2026-11-26T21:48:39.5Z", 937, "20261126T214839.500-937"),
            (
                "2026-11-26T21:48:39.5004Z",
                1054,
                "20261126T214839.501-1054",
            ),
            ("2026-11-26T21:48:39.6Z", 12, "20261126T214839.600-12"),
            // Another moment begins while the clock is set back.
            ("2026-11-26T20:00:00Z", 11, "20261126T214839.601-11"),
            ("2026-12-31T23:59:59.999Z", 9, "20261231T235959.999-9"),
            ("2026-12-31T23:59:59.999Z", 10, "20270101T000000.000-10"),
        ];
        for (n, (now, pid, run)) in told.into_iter().enumerate() {
            if !now.is_empty() {
                assert_eq!(next_run(state.path(), at(now), pid), run);
            }
            let mut writer = Writer::new(state.path(), run.into());
            writer.write(Kind::Failed, b"a", 1, b"").unwrap();
            let all = runs(&state.path().join("log"));
            assert_eq!((all.len(), all.last()), (n + 1, Some(&writer.path())));
        }
    }

    #[test]
    fn the_oldest_runs_go_when_the_quota_is_full() {
        let state = tempfile::tempdir().unwrap();
        for run in ["1", "2", "3"] {
            let mut writer = Writer::new(state.path(), run.into());
            writer.write(Kind::Output, b"a", 1, &[b'x'; 100]).unwrap();
        }
        prune(&state.path().join("log"), 250);
        assert_eq!(runs(&state.path().join("log")).len(), 2);
    }
}
