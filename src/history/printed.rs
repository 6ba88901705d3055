//! What jobs printed, found in the files of [`super::output`]. Texts stay there until asked for.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use super::output::{Head, Kind, read_head, runs};

/// What a job printed in its last try of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Printed {
    /// The file that holds it.
    pub file: PathBuf,
    pub attempt: u32,
    /// How the try ended; `None` where that is not known yet, or was well and silent.
    pub end: Option<Ended>,
    /// Where the texts lie in the file, in order.
    parts: Vec<Range<u64>>,
    /// Where it is told when the try ended well.
    when: Range<u64>,
    /// Where the last record ends.
    told_at: u64,
}

/// How a try ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    Well,
    Badly,
}

impl Printed {
    /// How many bytes were printed.
    pub fn length(&self) -> u64 {
        self.parts.iter().map(|part| part.end - part.start).sum()
    }

    /// What was printed, without the first `from` bytes.
    pub fn text(&self, mut from: u64) -> io::Result<BString> {
        let rest = self.parts.iter().map(|part| {
            let skipped = from.min(part.end - part.start);
            from -= skipped;
            part.start + skipped..part.end
        });
        let rest: Vec<Range<u64>> = rest.filter(|part| !part.is_empty()).collect();
        self.read(&rest)
    }

    /// Whether this is of an earlier try than the one that ended well at `ended_ms`, as the history
    /// has it.
    ///
    /// The file's own time cannot tell: it moves in steps that are longer than many jobs, and on some
    /// file systems by another clock.
    pub fn is_before(&self, ended_ms: u64) -> io::Result<bool> {
        if self.end != Some(Ended::Well) {
            return Ok(true);
        }
        let when = self.read(std::slice::from_ref(&self.when))?;
        // Once it was not told.
        let is_other = |when: &str| !when.is_empty() && when != ended_ms.to_string();
        Ok(when.to_str().is_ok_and(is_other))
    }

    /// What stands in these parts of the file.
    fn read(&self, parts: &[Range<u64>]) -> io::Result<BString> {
        let mut text = Vec::new();
        if parts.is_empty() {
            return Ok(text.into());
        }
        let mut file = File::open(&self.file)?;
        for part in parts {
            file.seek(SeekFrom::Start(part.start))?;
            let length = part.end - part.start;
            (&mut file).take(length).read_to_end(&mut text)?;
        }
        Ok(text.into())
    }

    fn add(&mut self, head: &Head, text: Range<u64>) {
        if self.attempt != head.attempt {
            *self = Printed {
                file: std::mem::take(&mut self.file),
                attempt: head.attempt,
                ..Printed::default()
            };
        }
        self.told_at = text.end;
        match head.kind {
            Kind::Output => self.parts.push(text),
            Kind::Done => {
                self.end = Some(Ended::Well);
                self.when = text;
            }
            Kind::Failed => self.end = Some(Ended::Badly),
        }
    }
}

/// What the job with this key printed in the newest run that knows it; its last try only.
pub fn find(state: &Path, key: &[u8]) -> Option<Printed> {
    let newest_first = runs(&state.join("log")).into_iter().rev();
    newest_first
        .map(|file| of_run(&file, |known| known == key))
        .find_map(|mut found| found.remove(BStr::new(key)))
}

/// A job that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    pub key: BString,
    pub printed: Printed,
    /// Whether that was in the newest run that wrote anything.
    pub is_newest: bool,
}

/// The jobs that failed in the newest run that knows them, and were not done in it thereafter; in
/// the order in which that happened.
///
/// A job that ended well and silently in a later run is among them: nothing was written of it.
pub fn failed(state: &Path) -> Vec<Failed> {
    let mut seen: HashSet<BString> = HashSet::new();
    let mut newest_first: Vec<Failed> = Vec::new();
    for (age, file) in runs(&state.join("log")).into_iter().rev().enumerate() {
        let found = of_run(&file, |key| !seen.contains(BStr::new(key)));
        let mut found: Vec<(BString, Printed)> = found.into_iter().collect();
        found.sort_unstable_by_key(|(_, printed)| Reverse(printed.told_at));
        seen.extend(found.iter().map(|(key, _)| key.clone()));
        let failed = found.into_iter().map(|(key, printed)| Failed {
            key,
            printed,
            is_newest: age == 0,
        });
        newest_first.extend(failed.filter(|one| one.printed.end == Some(Ended::Badly)));
    }
    newest_first.reverse();
    newest_first
}

/// What the jobs whose keys are wanted printed in the run of this file, each in its last try.
fn of_run(file: &Path, is_wanted: impl Fn(&[u8]) -> bool) -> HashMap<BString, Printed> {
    let mut found: HashMap<BString, Printed> = HashMap::new();
    let walked = each(file, |head, text| {
        if !is_wanted(&head.key) {
            return;
        }
        if !found.contains_key(&head.key) {
            let file = file.to_path_buf();
            let printed = Printed {
                file,
                ..Printed::default()
            };
            found.insert(head.key.clone(), printed);
        }
        if let Some(printed) = found.get_mut(&head.key) {
            printed.add(&head, text);
        }
    });
    // A file that cannot be read on has nothing more to say.
    walked.ok();
    found
}

/// Tells of each whole record of a file, and where its text lies.
fn each(file: &Path, mut told: impl FnMut(Head, Range<u64>)) -> io::Result<()> {
    let file = File::open(file)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut at = 0;
    while let Some(head) = read_head(&mut reader) {
        let start = at + head.length;
        let Some(end) = start
            .checked_add(head.text_length)
            .filter(|end| *end < length)
        else {
            break;
        };
        reader.seek_relative((end - start) as i64)?;
        let mut last = [0];
        reader.read_exact(&mut last)?;
        if last != *b"\n" {
            break;
        }
        at = end + 1;
        told(head, start..end);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::output::{Log, Writer};

    /// A record's kind, job, try and text.
    type Written<'a> = (Kind, &'a [u8], u32, &'a [u8]);

    fn write(writer: &mut Writer, records: &[Written]) {
        for (kind, key, attempt, text) in records {
            writer.write(*kind, key, *attempt, text).unwrap();
        }
    }

    fn text(printed: Option<Printed>) -> BString {
        printed.unwrap().text(0).unwrap()
    }

    #[test]
    fn the_last_try_of_the_newest_run_is_found() {
        use Kind::{Done, Failed, Output};
        let state = tempfile::tempdir().unwrap();
        assert_eq!(find(state.path(), b"a"), None);
        let mut old = Writer::new(state.path(), "1".into());
        write(
            &mut old,
            &[(Output, b"a", 1, b"old"), (Output, b"b", 1, b"only here")],
        );
        let mut new = Writer::new(state.path(), "2".into());
        let records: [Written; 6] = [
            (Output, b"a", 1, b"first try\n"),
            (Failed, b"a", 1, b"exit status 1"),
            (Output, b"a", 2, b"\x1e o 1 1 1\n"),
            (Output, b"c\n", 1, b"x"),
            (Output, b"a", 2, b"second"),
            (Done, b"a", 2, b""),
        ];
        write(&mut new, &records);
        let a = find(state.path(), b"a").unwrap();
        assert_eq!((a.end, a.length()), (Some(Ended::Well), 16));
        assert_eq!(a.text(0).unwrap(), "\x1e o 1 1 1\nsecond");
        assert_eq!(a.text(8).unwrap(), "1\nsecond");
        assert_eq!(
            (a.text(13).unwrap(), a.text(16).unwrap()),
            ("ond".into(), "".into())
        );
        assert_eq!(text(find(state.path(), b"b")), "only here");
        assert_eq!(text(find(state.path(), b"c\n")), "x");
        assert_eq!(failed(state.path()), []);
    }

    #[test]
    fn what_the_last_good_try_printed_is_told_from_what_an_earlier_one_did() {
        use Kind::{Done, Failed, Output};
        let cases = [
            (Some((Done, "1795730000123")), false),
            (Some((Done, "1795730000122")), true),
            (Some((Failed, "exit status 1")), true),
            // Its run was killed.
            (None, true),
            // As it was written once.
            (Some((Done, "")), false),
        ];
        for (end, is_before) in cases {
            let state = tempfile::tempdir().unwrap();
            let mut writer = Writer::new(state.path(), "1".into());
            writer.write(Output, b"a", 1, b"x").unwrap();
            if let Some((kind, text)) = end {
                writer.write(kind, b"a", 1, text.as_bytes()).unwrap();
            }
            // What time the file has says nothing.
            let file = File::options().append(true).open(writer.path()).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
            let printed = find(state.path(), b"a").unwrap();
            let found = printed.is_before(1_795_730_000_123).unwrap();
            assert_eq!(found, is_before, "{end:?}");
        }
    }

    #[test]
    fn a_torn_record_is_left_out() {
        let state = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(state.path(), "1".into());
        let records: [Written; 3] = [
            (Kind::Output, b"a", 1, b"whole"),
            (Kind::Failed, b"b", 1, b"exit status 1"),
            (Kind::Output, b"a", 1, b"torn"),
        ];
        write(&mut writer, &records);
        let bytes = std::fs::read(writer.path()).unwrap();
        for end in bytes.len() - 7..bytes.len() {
            std::fs::write(writer.path(), &bytes[..end]).unwrap();
            assert_eq!(text(find(state.path(), b"a")), "whole");
        }
        let failed = failed(state.path());
        assert_eq!(failed.iter().map(|one| &one.key).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_failed_last_is_found_in_all_runs() {
        use Kind::{Done, Failed, Output};
        let state = tempfile::tempdir().unwrap();
        let runs: [&[Written]; 2] = [
            &[
                (Failed, b"mended", 1, b""),
                (Output, b"again", 1, b"first"),
                (Failed, b"again", 1, b""),
                (Failed, b"left", 1, b""),
                (Failed, b"tried", 1, b""),
                (Done, b"tried", 2, b""),
            ],
            &[
                (Failed, b"new", 1, b""),
                (Output, b"again", 1, b"second"),
                (Done, b"mended", 1, b""),
                (Failed, b"again", 1, b""),
            ],
        ];
        for (run, records) in runs.into_iter().enumerate() {
            write(&mut Writer::new(state.path(), run.to_string()), records);
        }
        let told = failed(state.path()).into_iter().map(|one| {
            let text = one.printed.text(0).unwrap();
            (one.key.to_string(), text.to_string(), one.is_newest)
        });
        let told: Vec<(String, String, bool)> = told.collect();
        let expected = [
            ("left", "", false),
            ("new", "", true),
            ("again", "second", true),
        ];
        assert_eq!(
            told,
            expected.map(|(key, text, new)| (key.into(), text.into(), new))
        );
    }
}
