//! Where a history is written: a file of the state folder, or a twin in memory.

use std::cell::Cell;
use std::io;
use std::path::Path;

use super::log::{Found, Medium, Writer};
use super::sync::Syncer;

/// Gives a log to write to.
pub trait Place {
    /// A whole log in the place of what is there.
    fn create(
        &self,
        records: &mut dyn Iterator<Item = &[u8]>,
    ) -> io::Result<Writer<Box<dyn Medium>>>;
    /// Goes on with a log that was found whole.
    fn append_to(&self, found: &Found, end: u64) -> io::Result<Writer<Box<dyn Medium>>>;
}

/// The file at a path, and the thread that sees to it that it reaches the disk.
pub(super) struct AtPath<'p> {
    path: &'p Path,
    syncer: Cell<Option<Syncer>>,
}

impl<'p> AtPath<'p> {
    pub fn new(path: &'p Path) -> Self {
        let syncer = Cell::default();
        AtPath { path, syncer }
    }

    /// The thread, once there is a writer.
    pub fn syncer(&self) -> Option<Syncer> {
        self.syncer.take()
    }

    fn synced(&self, writer: Writer) -> io::Result<Writer<Box<dyn Medium>>> {
        self.syncer.set(Some(Syncer::start(writer.file()?)));
        Ok(writer.boxed())
    }
}

impl Place for AtPath<'_> {
    fn create(
        &self,
        records: &mut dyn Iterator<Item = &[u8]>,
    ) -> io::Result<Writer<Box<dyn Medium>>> {
        self.synced(Writer::create(self.path, records)?)
    }

    fn append_to(&self, found: &Found, end: u64) -> io::Result<Writer<Box<dyn Medium>>> {
        self.synced(Writer::append_to(self.path, found, end)?)
    }
}
