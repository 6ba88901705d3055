//! Which jobs began and have not ended: what they left is not to be trusted.
//!
//! One record when a job begins and one when it ends, in `.flow/journal`. A run begins it anew with
//! what earlier runs left open, and removes it when nothing is open at its end.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bstr::BString;

use super::History;
use super::log::{self, Unreadable, Writer};

const STARTED: u8 = b'+';
const ENDED: u8 = b'-';

/// The journal of a state folder.
#[derive(Debug, Default)]
pub struct Journal {
    path: PathBuf,
    /// `None`: only read.
    writer: Option<Writer>,
    open: HashSet<BString>,
    /// What is wrong with the file, for a warning.
    pub damage: Option<String>,
}

impl Journal {
    /// Reads the journal of a state folder; writes nothing.
    pub fn read(state: &Path) -> anyhow::Result<Journal> {
        let path = state.join("journal");
        let mut journal = Journal {
            path,
            ..Journal::default()
        };
        let found = match log::read(&journal.path) {
            Ok(found) => found,
            Err(Unreadable::NoLog) => {
                journal.damage = Some("is not a journal".into());
                return Ok(journal);
            }
            Err(Unreadable::Newer(version)) => bail!(
                "`{}` was written by a newer flow (version {version} of the file)",
                journal.path.display()
            ),
            Err(Unreadable::Io(error)) => {
                return Err(error).with_context(|| format!("read `{}`", journal.path.display()));
            }
        };
        if found.n_damaged > 0 {
            journal.damage = Some(format!("has {} damaged bytes", found.n_damaged));
        }
        for record in found.records {
            match record.split_first() {
                Some((&STARTED, key)) => drop(journal.open.insert(key.into())),
                Some((&ENDED, key)) => drop(journal.open.remove(bstr::BStr::new(key))),
                _ => {}
            }
        }
        Ok(journal)
    }

    /// Begins the file anew, with the jobs that are open. The state folder must be locked.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        let mut open: Vec<Vec<u8>> = self
            .open
            .iter()
            .map(|key| [&[STARTED], &key[..]].concat())
            .collect();
        open.sort();
        let writer = Writer::create(&self.path, open.iter().map(Vec::as_slice));
        let writer = writer.with_context(|| format!("write `{}`", self.path.display()))?;
        self.writer = Some(writer);
        Ok(())
    }

    fn append(&mut self, kind: u8, key: &[u8]) -> anyhow::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let appended = writer.append(&[&[kind], key].concat());
        appended.with_context(|| format!("write `{}`", self.path.display()))
    }
}

impl History for Journal {
    fn is_unfinished(&self, job: &[u8]) -> bool {
        self.open.contains(bstr::BStr::new(job))
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.append(STARTED, job)?;
        self.open.insert(job.into());
        Ok(())
    }

    fn ended(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.append(ENDED, job)?;
        self.open.remove(bstr::BStr::new(job));
        Ok(())
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if self.writer.take().is_some() && self.open.is_empty() {
            let removed = std::fs::remove_file(&self.path);
            removed.with_context(|| format!("remove `{}`", self.path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_and_did_not_end_is_known_to_the_next_run() {
        let state = tempfile::tempdir().unwrap();
        let mut first = Journal::read(state.path()).unwrap();
        first.begin().unwrap();
        for key in ["a", "b", "c\n"] {
            first.started(key.as_bytes()).unwrap();
        }
        first.ended(b"b").unwrap();
        drop(first);
        let mut second = Journal::read(state.path()).unwrap();
        let unfinished =
            |journal: &Journal| ["a", "b", "c\n"].map(|k| journal.is_unfinished(k.as_bytes()));
        assert_eq!(unfinished(&second), [true, false, true]);
        second.begin().unwrap();
        second.started(b"a").unwrap();
        second.ended(b"a").unwrap();
        second.close().unwrap();
        assert_eq!(
            unfinished(&Journal::read(state.path()).unwrap()),
            [false, false, true]
        );
        second.begin().unwrap();
        second.ended(b"c\n").unwrap();
        second.close().unwrap();
        assert!(!state.path().join("journal").exists());
    }

    #[test]
    fn a_damaged_journal_is_told_and_a_newer_one_is_left_alone() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("journal"), "something else").unwrap();
        assert!(Journal::read(state.path()).unwrap().damage.is_some());
        let newer = [&b"flowlog\n"[..], &[9, 0, 0, 0], &[0; 8]].concat();
        std::fs::write(state.path().join("journal"), newer).unwrap();
        let error = Journal::read(state.path()).unwrap_err();
        assert!(error.to_string().contains("newer flow"), "{error}");
    }
}
