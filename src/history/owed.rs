//! Rules that owe their `then`: a job of theirs has run since it last succeeded.

use std::path::Path;

use super::notes::Notes;

/// Which rules owe their `then`, by name. Writing is the run's alone.
pub trait Owed {
    fn is_owed(&self, rule: &str) -> bool;
    /// A job of the rule has run.
    fn owe(&mut self, rule: &str) -> anyhow::Result<()>;
    /// Its `then` has succeeded.
    fn pay(&mut self, rule: &str) -> anyhow::Result<()>;
}

/// What is owed, in a file of the state folder.
#[derive(Debug, Default)]
pub struct OwedFile {
    pub notes: Notes,
}

impl OwedFile {
    pub fn read(state: &Path) -> anyhow::Result<OwedFile> {
        let notes = Notes::read(state, "owed")?;
        Ok(OwedFile { notes })
    }
}

impl Owed for OwedFile {
    fn is_owed(&self, rule: &str) -> bool {
        self.notes.get(rule.as_bytes()).is_some()
    }

    fn owe(&mut self, rule: &str) -> anyhow::Result<()> {
        self.notes.set(rule.as_bytes(), b"")
    }

    fn pay(&mut self, rule: &str) -> anyhow::Result<()> {
        self.notes.unset(rule.as_bytes())
    }
}
