//! A disk on which files can be touched without being touched: what is made or gets a new time is
//! kept in memory, over a disk that is only looked at.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use bstr::{BString, ByteSlice};

use super::{Disk, DiskMut, Identity, Kind, Names, Stat, Time};

/// What would be, over what is.
pub struct Rehearsal<'d> {
    disk: &'d dyn Disk,
    made: Mutex<BTreeMap<BString, Stat>>,
}

fn name(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    path.trim_end_with(|c| c == '/')
}

/// Moving, removing and writing are no part of it.
fn refuse(what: &str, path: &[u8]) -> io::Error {
    let path = path.as_bstr();
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("a rehearsal cannot {what} `{path}`"),
    )
}

impl<'d> Rehearsal<'d> {
    pub fn over(disk: &'d dyn Disk) -> Rehearsal<'d> {
        Rehearsal {
            disk,
            made: Mutex::default(),
        }
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<BString, Stat>> {
        self.made.lock().expect("no thread panics with it")
    }

    fn made_at(&self, path: &[u8]) -> Option<Stat> {
        self.made().get(name(path).as_bstr()).copied()
    }
}

impl Disk for Rehearsal<'_> {
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        match self.made_at(path) {
            Some(made) => Ok(Some(made)),
            None => self.disk.stat(path),
        }
    }

    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>> {
        let found = self.disk.list(folder)?;
        let folder = name(folder);
        let folder = if folder == b"." { b"" } else { folder };
        let made = self.made();
        let made = made.iter().filter_map(|(path, stat)| {
            let (above, name) = path.rsplit_once_str("/").unwrap_or((b"", path));
            (above == folder).then(|| (name, stat.kind == Kind::Folder))
        });
        let mut all = found.clone().unwrap_or_default();
        let is_there = |name: &[u8]| {
            found
                .as_ref()
                .is_some_and(|found| found.find(name).is_some())
        };
        for (name, is_folder) in made.filter(|(name, _)| !is_there(name)) {
            all.push(name, is_folder, false);
        }
        all.sort();
        Ok((found.is_some() || !all.is_empty()).then_some(all))
    }

    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        match self.disk.read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.made_at(path) {
                Some(_) => Ok(Vec::new()),
                None => Err(error),
            },
            found => found,
        }
    }

    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, Identity)>> {
        let found = self.disk.identify(path)?;
        let Some(made) = self.made_at(path) else {
            return Ok(found);
        };
        let inode = found.map_or(0, |(_, identity)| identity.inode);
        let changed = made.modified;
        Ok(Some((made, Identity { inode, changed })))
    }
}

impl DiskMut for Rehearsal<'_> {
    fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        let mut path = name(path);
        while !path.is_empty() && self.stat(path)?.is_none() {
            let stat = Stat {
                kind: Kind::Folder,
                size: 0,
                modified: Time::default(),
            };
            self.made().insert(path.into(), stat);
            path = path.rsplit_once_str("/").map_or(b"", |(above, _)| above);
        }
        Ok(())
    }

    fn stamp(&self, path: &[u8], modified: Time) -> io::Result<()> {
        let found = self.stat(path)?.unwrap_or(Stat {
            kind: Kind::File,
            size: 0,
            modified,
        });
        self.made()
            .insert(name(path).into(), Stat { modified, ..found });
        Ok(())
    }

    fn is_there(&self, path: &[u8]) -> io::Result<bool> {
        Ok(self.stat(path)?.is_some())
    }

    fn rename(&self, from: &[u8], _: &[u8]) -> io::Result<()> {
        Err(refuse("move", from))
    }

    fn remove(&self, path: &[u8]) -> io::Result<()> {
        Err(refuse("remove", path))
    }

    fn write_file(&self, path: &[u8], _: &[u8]) -> io::Result<()> {
        Err(refuse("write", path))
    }

    fn protect(&self, path: &[u8]) -> io::Result<()> {
        Err(refuse("protect", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;

    #[test]
    fn what_is_touched_is_seen_and_the_disk_is_as_it_was() {
        let disk = MemDisk::new();
        disk.write("a/old", "text");
        let before = disk.stat(b"a/old").unwrap().unwrap();
        let over = Rehearsal::over(&disk);
        over.make_folder(b"a/b/c").unwrap();
        over.stamp(b"a/b/c/new", Time(7)).unwrap();
        over.stamp(b"a/old", Time(8)).unwrap();
        let old = over.stat(b"a/old").unwrap().unwrap();
        assert_eq!((old.size, old.modified), (4, Time(8)));
        let new = over.stat(b"a/b/c/new").unwrap().unwrap();
        assert_eq!((new.kind, new.size, new.modified), (Kind::File, 0, Time(7)));
        assert_eq!(over.read(b"a/b/c/new").unwrap(), b"");
        assert_eq!(over.read(b"a/old").unwrap(), b"text");
        let names = |folder: &str| -> Vec<String> {
            let entries = over.list(folder.as_bytes()).unwrap().unwrap();
            entries.iter().map(|entry| entry.name.to_string()).collect()
        };
        assert_eq!(
            (names("a"), names("a/b/c/")),
            (vec!["b".into(), "old".into()], vec!["new".into()])
        );
        assert_eq!(disk.stat(b"a/old").unwrap(), Some(before));
        assert_eq!(disk.stat(b"a/b").unwrap(), None);
        assert!(over.remove(b"a/old").is_err() && over.is_there(b"a/old").unwrap());
    }
}
