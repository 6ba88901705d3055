//! What jobs were found to read beyond what their rules say.

use std::path::Path;

use bstr::{BString, ByteSlice};

use super::notes::Notes;

/// Files that jobs named themselves (`deps`), by the job's key. Writing is the run's alone.
pub trait Discovered {
    /// `None`: the job has not told.
    fn files(&self, job: &[u8]) -> Option<Vec<BString>>;
    /// The job has run, and read these.
    fn record(&mut self, job: &[u8], files: &[BString]) -> anyhow::Result<()>;
}

/// What was discovered, in a file of the state folder.
#[derive(Debug, Default)]
pub struct DiscoveredFile {
    pub notes: Notes,
}

impl DiscoveredFile {
    pub fn read(state: &Path) -> anyhow::Result<DiscoveredFile> {
        let notes = Notes::read(state, "discovered")?;
        Ok(DiscoveredFile { notes })
    }
}

impl Discovered for DiscoveredFile {
    fn files(&self, job: &[u8]) -> Option<Vec<BString>> {
        let files = self.notes.get(job)?;
        let files = files.split_str(b"\0").filter(|file| !file.is_empty());
        Some(files.map(BString::from).collect())
    }

    fn record(&mut self, job: &[u8], files: &[BString]) -> anyhow::Result<()> {
        // No file's name has a NUL in it.
        self.notes.set(job, &bstr::join(b"\0", files))
    }
}
