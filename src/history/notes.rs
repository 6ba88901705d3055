//! A small map that outlives runs: a file of the state folder that is read whole, appended to
//! while a run goes on, and begun anew by the first change of each run.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bstr::{BStr, BString};

use super::log::{self, Unreadable, Writer};

const SET: u8 = b'+';
const UNSET: u8 = b'-';

/// Byte strings by byte strings. Writing is the run's alone, under its lock.
#[derive(Debug, Default)]
pub struct Notes {
    path: PathBuf,
    writer: Option<Writer>,
    entries: BTreeMap<BString, Vec<u8>>,
    /// What is wrong with the file, for a warning.
    pub damage: Option<String>,
}

impl Notes {
    /// Reads the file `name` of a state folder; writes nothing.
    pub fn read(state: &Path, name: &str) -> anyhow::Result<Notes> {
        let mut notes = Notes {
            path: state.join(name),
            ..Notes::default()
        };
        let found = match log::read(&notes.path) {
            Ok(found) => found,
            Err(Unreadable::NoLog) => {
                notes.damage = Some(format!("`{}` is not flow's own", notes.path.display()));
                return Ok(notes);
            }
            Err(Unreadable::Newer(version)) => bail!(
                "`{}` was written by a newer flow (version {version} of the file)",
                notes.path.display()
            ),
            Err(Unreadable::Io(error)) if error.kind() == ErrorKind::IsADirectory => {
                notes.damage = Some(format!("`{}` is a folder", notes.path.display()));
                return Ok(notes);
            }
            Err(Unreadable::Io(error)) => {
                return Err(error).with_context(|| format!("read `{}`", notes.path.display()));
            }
        };
        if found.n_damaged > 0 {
            let n = found.n_damaged;
            notes.damage = Some(format!("`{}` has {n} damaged bytes", notes.path.display()));
        }
        for record in found.payloads() {
            if let Some((kind, key, value)) = unpack(record) {
                match kind {
                    SET => drop(notes.entries.insert(key.into(), value.into())),
                    UNSET => drop(notes.entries.remove(BStr::new(key))),
                    _ => {}
                }
            }
        }
        Ok(notes)
    }

    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(BStr::new(key)).map(Vec::as_slice)
    }

    pub fn keys(&self) -> impl Iterator<Item = &BStr> {
        self.entries.keys().map(BStr::new)
    }

    /// Nothing is written where that is the value already.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        if self.get(key) == Some(value) {
            return Ok(());
        }
        self.entries.insert(key.into(), value.into());
        self.append(SET, key, value)
    }

    pub fn unset(&mut self, key: &[u8]) -> anyhow::Result<()> {
        match self.entries.remove(BStr::new(key)) {
            Some(_) => self.append(UNSET, key, b""),
            None => Ok(()),
        }
    }

    fn append(&mut self, kind: u8, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        let written = match &mut self.writer {
            Some(writer) => writer.append([&pack(kind, key, value)[..]]),
            None => {
                let entries = self.entries.iter();
                let all: Vec<Vec<u8>> = entries.map(|(key, value)| pack(SET, key, value)).collect();
                let create = || Writer::create(&self.path, all.iter().map(Vec::as_slice));
                let created = create().or_else(|error| match error.kind() {
                    ErrorKind::IsADirectory => {
                        std::fs::rename(&self.path, log::aside(&self.path))?;
                        create()
                    }
                    _ => Err(error),
                });
                created.map(|writer| self.writer = Some(writer))
            }
        };
        written.with_context(|| format!("write `{}`", self.path.display()))
    }
}

fn pack(kind: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    let length = (key.len() as u32).to_le_bytes();
    [&[kind], &length[..], key, value].concat()
}

/// The kind, the key and the value of a record.
pub fn unpack(record: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = record.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let key = rest.get(..length)?;
    Some((*kind, key, &rest[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_outlives_the_run() {
        let state = tempfile::tempdir().unwrap();
        let read = || Notes::read(state.path(), "notes").unwrap();
        let mut first = read();
        first.unset(b"none").unwrap();
        assert!(!state.path().join("notes").exists(), "nothing to say");
        first.set(b"a", b"1").unwrap();
        first.set(b"b\n", b"").unwrap();
        first.set(b"a", b"2").unwrap();
        drop(first);
        let mut second = read();
        assert_eq!(
            (second.get(b"a"), second.get(b"b\n")),
            (Some(&b"2"[..]), Some(&b""[..]))
        );
        second.unset(b"b\n").unwrap();
        second.set(b"c", b"3").unwrap();
        drop(second);
        let keys: Vec<BString> = read().keys().map(BString::from).collect();
        assert_eq!(keys, ["a", "c"]);
    }

    #[test]
    fn a_file_of_somebody_else_is_told_and_taken_over_by_the_first_change() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("notes"), "something").unwrap();
        let mut notes = Notes::read(state.path(), "notes").unwrap();
        assert!(notes.damage.is_some());
        notes.set(b"a", b"1").unwrap();
        let again = Notes::read(state.path(), "notes").unwrap();
        assert_eq!(
            (again.get(b"a"), again.damage.is_none()),
            (Some(&b"1"[..]), true)
        );
    }

    #[test]
    fn a_folder_in_its_place_is_told_and_moved_by_the_first_change() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(state.path().join("notes/kept")).unwrap();
        let mut notes = Notes::read(state.path(), "notes").unwrap();
        assert!(
            notes
                .damage
                .as_ref()
                .is_some_and(|why| why.ends_with("is a folder"))
        );
        notes.set(b"a", b"1").unwrap();
        let again = Notes::read(state.path(), "notes").unwrap();
        assert_eq!(again.get(b"a"), Some(&b"1"[..]));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 2);
    }
}
