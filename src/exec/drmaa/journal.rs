//! The jobs that are on the cluster: `.flow/jobs/sent`, a JSON object a line, appended to.
//!
//! A job is written down before it is submitted, its id when the scheduler has given one, and that it
//! is gone when history knows its end. So whoever opens the folder next finds every job that may still
//! run. What was taken back before it began was never there.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::wire::line;
use crate::event::json::path_form;

/// The folder in the state folder.
pub const FOLDER: &str = "jobs";

/// A job as it was sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InFlight {
    /// The job's key.
    #[serde(with = "path_form")]
    pub job: BString,
    pub attempt: u32,
    /// Of its task: another recipe, another print.
    pub task: u64,
    /// Of its inputs, as they were.
    pub inputs: u64,
    /// Its own folder; empty for none.
    #[serde(with = "path_form")]
    pub tmp: BString,
}

/// One submission: one job, or a pack of them in their order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// That its files have.
    pub name: String,
    pub is_pack: bool,
    pub jobs: Vec<InFlight>,
    /// The scheduler's; `None` while it is not known.
    #[serde(default)]
    pub id: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Sent(Sent),
    Id(String, String),
    Gone(String),
    Contact(String),
}

/// What an earlier run left.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Left {
    /// Submissions by name.
    pub sent: BTreeMap<String, Sent>,
    /// By which the library takes up its jobs.
    pub contact: Option<String>,
}

impl Left {
    /// Reads the journal of a state folder; without one there is nothing left.
    pub fn read(state: &Path) -> io::Result<Left> {
        match fs::read(state.join(FOLDER).join("sent")) {
            Ok(text) => Ok(Left::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Left::default()),
            Err(error) => Err(error),
        }
    }

    /// What the text of a journal says.
    pub fn parse(text: &[u8]) -> Left {
        let mut left = Left::default();
        // The last line may be cut off: what it says has not been acted on.
        for line in text.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Entry::Sent(sent)) => drop(left.sent.insert(sent.name.clone(), sent)),
                Ok(Entry::Id(name, id)) => {
                    if let Some(sent) = left.sent.get_mut(&name) {
                        sent.id = Some(id);
                    }
                }
                Ok(Entry::Gone(name)) => drop(left.sent.remove(&name)),
                Ok(Entry::Contact(contact)) => left.contact = Some(contact),
                Err(_) => {}
            }
        }
        left
    }

    /// A journal that says the same and no more.
    pub fn text(&self) -> Vec<u8> {
        let contact = self.contact.iter().cloned().map(Entry::Contact);
        let sent = self.sent.values().cloned().map(Entry::Sent);
        contact.chain(sent).flat_map(|entry| line(&entry)).collect()
    }
}

/// The journal, open for writing by the run that holds the state folder.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    bytes: Vec<u8>,
}

impl Journal {
    /// Begins a new one with what is left.
    pub fn create(state: &Path, left: &Left) -> io::Result<Journal> {
        let folder = folder(state)?;
        let (path, new) = (folder.join("sent"), folder.join("sent.new"));
        let mut journal = Journal {
            file: File::create(&new)?,
            bytes: left.text(),
        };
        journal.sync()?;
        fs::rename(new, &path)?;
        journal.file = OpenOptions::new().append(true).open(path)?;
        Ok(journal)
    }

    pub fn sent(&mut self, sent: &Sent) {
        self.bytes.extend(line(&Entry::Sent(sent.clone())));
    }

    pub fn id(&mut self, name: &str, id: &str) {
        self.bytes.extend(line(&Entry::Id(name.into(), id.into())));
    }

    pub fn gone(&mut self, name: &str) {
        self.bytes.extend(line(&Entry::Gone(name.into())));
    }

    pub fn contact(&mut self, contact: &str) {
        self.bytes.extend(line(&Entry::Contact(contact.into())));
    }

    /// Writes what was told: it survives this process.
    pub fn write(&mut self) -> io::Result<()> {
        if !self.bytes.is_empty() {
            self.file.write_all(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }

    /// Writes it so that it survives the machine.
    pub fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync_data()
    }
}

/// The folder for the jobs' files, made for its owner alone: scripts carry the environment.
pub(super) fn folder(state: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let folder = state.join(FOLDER);
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?,
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: &str) -> Sent {
        Sent {
            name: name.into(),
            is_pack: false,
            jobs: vec![InFlight {
                job: vec![b'a', 255].into(),
                attempt: 2,
                task: u64::MAX,
                inputs: 1,
                tmp: "".into(),
            }],
            id: None,
        }
    }

    #[test]
    fn what_is_not_gone_is_found_again() {
        let state = tempfile::tempdir().unwrap();
        assert!(Left::read(state.path()).unwrap().sent.is_empty());
        let mut journal = Journal::create(state.path(), &Left::default()).unwrap();
        journal.sent(&sent("a"));
        journal.sent(&sent("b"));
        journal.contact("here");
        journal.id("b", "7.1");
        journal.gone("a");
        journal.sync().unwrap();
        // Cut off in the middle of a line.
        let path = state.path().join("jobs/sent");
        let mut text = fs::read(&path).unwrap();
        text.extend(b"{\"gone\":\"b");
        fs::write(&path, text).unwrap();
        for _ in 0..2 {
            let left = Left::read(state.path()).unwrap();
            assert_eq!(left.contact.as_deref(), Some("here"));
            let found: Vec<_> = left.sent.values().cloned().collect();
            let id = Some("7.1".to_string());
            assert_eq!(found, [Sent { id, ..sent("b") }]);
            Journal::create(state.path(), &left).unwrap();
        }
    }
}
