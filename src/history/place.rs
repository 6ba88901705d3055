//! Where a history is written: a file of the state folder, or a twin in memory.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::Path;

use super::log::{Found, Medium, Writer};

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

/// The file at a path.
pub(super) struct AtPath<'p> {
    path: &'p Path,
    file: Cell<Option<File>>,
}

impl<'p> AtPath<'p> {
    pub fn new(path: &'p Path) -> Self {
        let file = Cell::default();
        AtPath { path, file }
    }

    /// The file, once there is a writer, for whoever sees to it that it reaches the disk.
    pub fn file(&self) -> Option<File> {
        self.file.take()
    }

    fn noted(&self, writer: Writer) -> io::Result<Writer<Box<dyn Medium>>> {
        self.file.set(Some(writer.file()?));
        Ok(writer.boxed())
    }
}

impl Place for AtPath<'_> {
    fn create(
        &self,
        records: &mut dyn Iterator<Item = &[u8]>,
    ) -> io::Result<Writer<Box<dyn Medium>>> {
        self.noted(Writer::create(self.path, records)?)
    }

    fn append_to(&self, found: &Found, end: u64) -> io::Result<Writer<Box<dyn Medium>>> {
        self.noted(Writer::append_to(self.path, found, end)?)
    }
}
