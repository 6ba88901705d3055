//! The disk as flow sees it: a trait, the real one, and one in memory with its own clock.
//!
//! Paths are bytes, relative to the workflow's folder unless absolute.

use std::io;

/// A time in nanoseconds since the epoch, as the file system tells it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub i64);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    File,
    Folder,
    /// A device, socket or pipe.
    Other,
}

/// What `stat(2)` says of a file; a link counts as its target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    pub kind: Kind,
    pub size: u64,
    pub modified: Time,
}

/// One name in a folder. A link has the kind of its target.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry {
    pub name: bstr::BString,
    pub is_folder: bool,
}

/// Looking at files.
pub trait Disk: Sync {
    /// `None` when there is nothing (also: a dangling link, a file where a folder would have to be).
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>>;
    /// The names in a folder, in byte order; `None` when there is no such folder.
    fn list(&self, folder: &[u8]) -> io::Result<Option<Vec<Entry>>>;
    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>>;
}

/// Changing files.
pub trait DiskMut: Disk {
    /// Makes the folder and those above it; fine when it is there.
    fn make_folder(&self, path: &[u8]) -> io::Result<()>;
    /// Replaces `to` when it is there. Both on one file system.
    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()>;
    /// Removes a file, a link, or a folder with all that is in it; fine when it is not there.
    fn remove(&self, path: &[u8]) -> io::Result<()>;
    /// True when anything has that name, also a dangling link.
    fn is_there(&self, path: &[u8]) -> io::Result<bool>;
}
