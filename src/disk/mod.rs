//! The disk as flow sees it: a trait, the real one, and one in memory with its own clock.
//!
//! Paths are bytes, relative to the workflow's folder unless absolute.

mod boot;
mod checksum;
mod kept;
mod list;
mod mem;
mod mount;
mod names;
mod near;
mod protect;
mod real;
mod rehearsal;
mod remove;
mod sweep;
#[cfg(test)]
mod tests;

use std::io;

pub use boot::this_boot;
pub use checksum::checksum;
pub use mem::MemDisk;
pub use names::{Name, Names};
pub use real::Real;
pub use rehearsal::Rehearsal;
pub use sweep::look_at_all;

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

/// What changes with each write to a file and with each other file in its place, though time and
/// size may be set to look as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    pub inode: u64,
    /// The time of the last change of any kind (`st_ctim`), which nobody can set.
    pub changed: Time,
}

/// The size of a folder, as [`Disk::look`] gives it, has this bit set.
const FOLDER: u64 = 1 << 63;

/// Whether a size is that of a folder: a number that stands for the names in it.
pub fn is_of_folder(size: u64) -> bool {
    size & FOLDER != 0
}

/// One name in a folder. A link has the kind of its target.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry {
    pub name: bstr::BString,
    pub is_folder: bool,
    /// A link, which may lead nowhere.
    pub is_link: bool,
}

/// What looks at one file after the other.
pub type Looks<'d> = dyn FnMut(&[u8]) -> io::Result<Option<Stat>> + 'd;

/// Looking at files.
pub trait Disk: Sync {
    /// `None` when there is nothing (also: a dangling link, a file where a folder would have to be).
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>>;
    /// The names in a folder, in byte order, less `.` and `..`; `None` when there is no such
    /// folder. The workflow's folder is `.`, or nothing.
    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>>;
    /// What a file holds; an error when it is not there.
    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>>;
    /// As [`stat`](Disk::stat), and which state of the file that was.
    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, Identity)>>;
    /// Hands on what a file holds, piece by piece.
    fn scan(&self, path: &[u8], piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        piece(&self.read(path)?);
        Ok(())
    }

    /// As [`stat`](Disk::stat); the size of a folder is a number that stands for the names in it.
    fn look(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        self.with_names(path, self.stat(path)?)
    }

    /// [`look`](Disk::look) for one thread and many files: less work where those of one folder come in
    /// a row.
    fn looks(&self) -> Box<Looks<'_>> {
        Box::new(|path| self.look(path))
    }

    /// What was seen at the path, where a folder's size is the number of its names.
    fn with_names(&self, path: &[u8], mut stat: Option<Stat>) -> io::Result<Option<Stat>> {
        if let Some(stat) = &mut stat
            && stat.kind == Kind::Folder
        {
            stat.size = self.names_number(path)?;
        }
        Ok(stat)
    }

    /// A number that stands for the names in a folder.
    fn names_number(&self, folder: &[u8]) -> io::Result<u64> {
        let mut hasher = blake3::Hasher::new();
        for entry in self.list(folder)?.unwrap_or_default().iter() {
            hasher.update(entry.name);
            hasher.update(if entry.is_folder { b"/\0" } else { b"\0" });
        }
        let hash = hasher.finalize();
        let first = hash.as_bytes().first_chunk().expect("a hash is longer");
        Ok(u64::from_le_bytes(*first) | FOLDER)
    }

    /// Keeps these lists of folders for the next process, where that is worth it: to be called with all
    /// that [`list`](Disk::list) has given.
    fn keep(&self, _lists: &mut dyn Iterator<Item = &Names>) {}

    /// Whether what another machine makes in this folder may be seen late.
    fn is_remote(&self, _folder: &[u8]) -> bool {
        false
    }
    /// Whether there is hardly any room for more in this folder.
    fn is_full(&self, _folder: &[u8]) -> bool {
        false
    }
}

/// Changing files.
pub trait DiskMut: Disk {
    /// Makes the folder and those above it; fine when it is there.
    fn make_folder(&self, path: &[u8]) -> io::Result<()>;
    /// As [`make_folder`](DiskMut::make_folder); only its owner can enter what is made.
    fn make_private_folder(&self, path: &[u8]) -> io::Result<()> {
        self.make_folder(path)
    }
    /// As rename(2), both on one file system: a file or link takes the place of a file or link, a
    /// folder that of an empty folder; anything else is an error. Links are renamed themselves.
    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()>;
    /// Removes a file, a link, or a folder with all that is in it; fine when it is not there.
    /// What a link leads to stays. A path that ends in `.` or `..`, is empty or the root is refused.
    fn remove(&self, path: &[u8]) -> io::Result<()>;
    /// Writes a file that only its owner can read, in the place of one that is there.
    fn write_file(&self, path: &[u8], bytes: &[u8]) -> io::Result<()>;
    /// Gives what is at the path (a link counts as its target) this time of change; makes an empty
    /// file when nothing is there.
    fn stamp(&self, path: &[u8], modified: Time) -> io::Result<()>;
    /// Takes the right to write from a file, or from a folder and all in it; fine when it is not
    /// there. Links stay as they are, and what they lead to. What is protected can be moved and
    /// removed all the same.
    fn protect(&self, path: &[u8]) -> io::Result<()>;
    /// True when anything has that name, also a dangling link.
    fn is_there(&self, path: &[u8]) -> io::Result<bool>;
}

/// Refuses to remove a path whose last part is no name: an empty string must not cost a project.
fn check_removable(path: &[u8]) -> io::Result<()> {
    let last = path
        .rsplit(|&byte| byte == b'/')
        .find(|part| !part.is_empty());
    match last {
        None | Some(b"." | b"..") => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("refuse to remove `{}`", bstr::BStr::new(path)),
        )),
        Some(_) => Ok(()),
    }
}
