//! The real disk, seen from one folder that is opened once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::kept::Lists;
use super::list;
use super::near::Near;
use super::{Disk, DiskMut, Identity, Kind, Looks, Names, Stat, Time};

/// A file is read in pieces of so many bytes.
const SCAN_BUFFER: usize = 256 * 1024;

/// How files are opened. A pipe in the place of one must not be waited for: signals would not end
/// the run meanwhile.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// The files below a folder, and all others by their absolute paths.
#[derive(Debug)]
pub struct Real {
    root: OwnedFd,
    lists: Option<Lists>,
}

impl Real {
    /// Opens the workflow's folder. Moving it later, or the process elsewhere, changes nothing.
    pub fn open(folder: &Path) -> io::Result<Real> {
        Ok(Real {
            root: open_folder(CWD, folder, OFlags::empty())?,
            lists: None,
        })
    }

    /// Finds the lists of large folders in this file, and keeps them there if it may; see
    /// [`Disk::keep`].
    pub fn with_lists(self, file: PathBuf, may_write: bool) -> Real {
        Real {
            lists: Some(Lists::new(file, may_write)),
            ..self
        }
    }

    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// As [`Disk::identify`], seen from an opened folder.
    pub(super) fn identify_at(
        folder: &OwnedFd,
        path: &[u8],
    ) -> io::Result<Option<(Stat, Identity)>> {
        let stat = fs::statat(folder, name(path), AtFlags::empty());
        // What the kernel tells is large: what is wanted of it is taken from where it lies.
        if_there(path, stat.as_ref().map(seen).map_err(|error| *error))
    }

    /// Makes a folder and those above it with this mode, less the umask.
    fn make_folder_as(&self, path: &[u8], mode: Mode) -> io::Result<()> {
        let path = itself(path);
        // Mostly the folder is there, or the one above it is: then one call is enough.
        let mut missing = vec![path];
        while let Some(&folder) = missing.last() {
            match fs::mkdirat(&self.root, folder, mode) {
                Ok(()) => {
                    missing.pop();
                }
                Err(Errno::NOENT) => match folder.iter().rposition(|&byte| byte == b'/') {
                    Some(slash) if slash > 0 => missing.push(itself(&folder[..slash])),
                    _ => return Err(Errno::NOENT.into()),
                },
                Err(Errno::EXIST) => match self.stat(folder)? {
                    Some(Stat {
                        kind: Kind::Folder, ..
                    }) => {
                        missing.pop();
                    }
                    _ => return Err(Errno::NOTDIR.into()),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

pub(super) fn open_folder(
    at: impl std::os::fd::AsFd,
    path: impl rustix::path::Arg,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    loop {
        match fs::openat(&at, path.as_cow_c_str()?.as_ref(), flags, Mode::empty()) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// The path as system calls take it.
pub(super) fn name(path: &[u8]) -> &[u8] {
    match path {
        b"" => b".",
        path => path,
    }
}

/// The path of the thing itself: behind a `/` a link would be followed.
fn itself(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte != b'/') {
        Some(last) => &path[..=last],
        None => name(&path[..path.len().min(1)]),
    }
}

/// Takes the errors that say there is no such file for the answer that they are.
pub(super) fn if_there<T>(path: &[u8], result: Result<T, Errno>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        // No file has a zero byte in its name.
        Err(Errno::INVAL) if path.contains(&0) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        _ => Kind::Other,
    }
}

impl Disk for Real {
    fn is_remote(&self, folder: &[u8]) -> bool {
        self.is_remote_folder(folder)
    }

    fn is_full(&self, folder: &[u8]) -> bool {
        self.is_full_folder(folder)
    }

    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        Ok(self.identify(path)?.map(|(stat, _)| stat))
    }

    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, Identity)>> {
        Real::identify_at(&self.root, path)
    }

    fn looks(&self) -> Box<Looks<'_>> {
        let mut near = Near::new(self);
        Box::new(move |path| near.look(path))
    }

    fn scan(&self, path: &[u8], piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let opened = fs::openat(&self.root, name(path), READ, Mode::empty())?;
        let mut file = File::from(opened);
        let mut buffer = vec![0; SCAN_BUFFER];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => piece(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>> {
        let opened = open_folder(&self.root, name(folder), OFlags::empty());
        let Some(opened) = if_there(folder, opened)? else {
            return Ok(None);
        };
        let listed = match &self.lists {
            Some(lists) => lists.list(&opened),
            None => list::list(&opened),
        };
        listed.map(Some)
    }

    fn keep(&self, lists: &mut dyn Iterator<Item = &Names>) {
        if let Some(own) = &self.lists {
            own.keep(lists);
        }
    }

    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let opened = fs::openat(&self.root, name(path), READ, Mode::empty())?;
        let mut bytes = Vec::new();
        File::from(opened).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn seen(stat: &fs::Stat) -> (Stat, Identity) {
    let seen = Stat {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        size: stat.st_size as u64,
        modified: time(stat.st_mtime, stat.st_mtime_nsec as i64),
    };
    let identity = Identity {
        inode: stat.st_ino,
        changed: time(stat.st_ctime, stat.st_ctime_nsec as i64),
    };
    (seen, identity)
}

pub(super) fn time(seconds: i64, nanoseconds: i64) -> Time {
    // i64 nanoseconds reach from 1677 to 2262; times beyond stay at the ends.
    Time(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}

impl DiskMut for Real {
    fn write_file(&self, path: &[u8], bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let flags = flags | OFlags::NOFOLLOW;
        let opened = fs::openat(&self.root, name(path), flags, Mode::RUSR | Mode::WUSR)?;
        File::from(opened).write_all(bytes)
    }

    fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.make_folder_as(path, Mode::RWXU | Mode::RWXG | Mode::RWXO)
    }

    fn make_private_folder(&self, path: &[u8]) -> io::Result<()> {
        self.make_folder_as(path, Mode::RWXU)
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        let (from, to) = (itself(from), itself(to));
        match fs::renameat(&self.root, from, &self.root, to) {
            Err(Errno::ACCESS) => Ok(super::protect::rename_locked(&self.root, from, to)?),
            moved => Ok(moved?),
        }
    }

    fn remove(&self, path: &[u8]) -> io::Result<()> {
        super::check_removable(path)?;
        super::remove::remove(&self.root, itself(path))
    }

    fn stamp(&self, path: &[u8], modified: Time) -> io::Result<()> {
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: modified.0.div_euclid(1_000_000_000),
                tv_nsec: modified.0.rem_euclid(1_000_000_000) as _,
            },
        };
        let set = || fs::utimensat(&self.root, name(path), &times, AtFlags::empty());
        match set() {
            Err(Errno::NOENT) => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
                fs::openat(&self.root, name(path), flags, Mode::from_raw_mode(0o666))?;
                Ok(set()?)
            }
            set => Ok(set?),
        }
    }

    fn protect(&self, path: &[u8]) -> io::Result<()> {
        super::protect::protect(&self.root, itself(path))
    }

    fn is_there(&self, path: &[u8]) -> io::Result<bool> {
        let stat = fs::statat(&self.root, itself(path), AtFlags::SYMLINK_NOFOLLOW);
        Ok(if_there(path, stat)?.is_some())
    }
}
