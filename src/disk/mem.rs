//! A disk in memory with a clock of its own, for tests, simulations and benchmarks.
//!
//! It keeps what a real one keeps: folders' times change with the names in them, links are
//! followed, `..` works. The workflow's folder is `/work`. Every change is one tick later.

mod tree;

use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard};

use bstr::{BStr, BString};

use super::{Disk, DiskMut, Identity, Kind, Names, Stat, Time};
use tree::{Body, State};

/// A disk in memory.
#[derive(Debug)]
pub struct MemDisk {
    state: Mutex<State>,
}

impl Default for MemDisk {
    fn default() -> Self {
        MemDisk::new()
    }
}

impl MemDisk {
    /// An empty disk; its clock begins at one second and moves by one with each change.
    pub fn new() -> MemDisk {
        let state = State::new();
        MemDisk {
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere has left whole changes.
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Writes a file and the folders above it.
    ///
    /// Panics when something else is in the way.
    pub fn write(&self, path: impl AsRef<[u8]>, text: impl AsRef<[u8]>) {
        let (path, text) = (path.as_ref(), text.as_ref());
        self.state()
            .write(path, text.to_vec())
            .unwrap_or_else(|error| panic!("write {}: {error}", BString::from(path)));
    }

    /// Makes a link that leads to `target`, as seen from the link's folder.
    ///
    /// Panics when something is in the way.
    pub fn link(&self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) {
        let mut state = self.state();
        let target = target.as_ref().into();
        let found = state
            .find_new(path.as_ref())
            .expect("its folder can be made");
        assert!(found.node.is_none(), "{} is there", found.name);
        state.add(found, Body::Link(target));
    }

    /// Gives a file a new time, and makes an empty one when it is not there.
    pub fn touch(&self, path: impl AsRef<[u8]>) {
        let now = self.state().step();
        if self.stat(path.as_ref()).is_ok_and(|stat| stat.is_none()) {
            self.write(path, "");
        } else {
            self.set_time(path, now);
        }
    }

    /// Sets when a file or folder was modified.
    ///
    /// Panics when it is not there.
    pub fn set_time(&self, path: impl AsRef<[u8]>, modified: Time) {
        let mut state = self.state();
        let node = state.follow(path.as_ref()).expect("the path is not broken");
        let node = node.expect("there is something at the path");
        state.set_time(node, modified);
    }

    /// What the clock shows: the time of the last change.
    pub fn now(&self) -> Time {
        self.state().now
    }

    /// Sets the clock; the next change is one tick later.
    pub fn set_now(&self, now: Time) {
        self.state().now = now;
    }

    /// Sets by how many nanoseconds each change moves the clock; 0 makes a coarse one.
    pub fn set_tick(&self, tick: i64) {
        self.state().tick = tick;
    }

    /// Makes every operation on just this path fail, until it is mended.
    pub fn break_path(&self, path: impl AsRef<[u8]>, error: ErrorKind) {
        self.state().broken.insert(path.as_ref().into(), error);
    }

    /// Ends what [`break_path`](MemDisk::break_path) began.
    pub fn mend_path(&self, path: impl AsRef<[u8]>) {
        self.state().broken.remove(path.as_ref());
    }
}

impl Disk for MemDisk {
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        let state = self.state();
        let stat = |node: usize| {
            let node = &state.nodes[node];
            let (kind, size) = match &node.body {
                Body::File(text) => (Kind::File, text.len() as u64),
                Body::Folder { names, .. } => (Kind::Folder, names.len() as u64),
                Body::Link(_) => (Kind::Other, 0),
            };
            Stat {
                kind,
                size,
                modified: node.modified,
            }
        };
        Ok(state.follow(path)?.map(stat))
    }

    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, Identity)>> {
        let Some(stat) = self.stat(path)? else {
            return Ok(None);
        };
        let state = self.state();
        let node = state.follow(path)?.ok_or(ErrorKind::NotFound)?;
        let identity = Identity {
            inode: node as u64,
            changed: Time(state.nodes[node].changed),
        };
        Ok(Some((stat, identity)))
    }

    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>> {
        let state = self.state();
        Ok(state.follow(folder)?.and_then(|node| state.list(node)))
    }

    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let state = self.state();
        let node = state.follow(path)?.ok_or(ErrorKind::NotFound)?;
        match &state.nodes[node].body {
            Body::File(text) => Ok(text.clone()),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }

    /// Where the path of the folder is broken by that.
    fn is_full(&self, folder: &[u8]) -> bool {
        self.state().broken.get(BStr::new(folder)) == Some(&ErrorKind::StorageFull)
    }
}

impl DiskMut for MemDisk {
    fn write_file(&self, path: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.state().write(path, bytes.to_vec())
    }

    fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.state().make_folder(path).map(drop)
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.state().rename(from, to)
    }

    fn remove(&self, path: &[u8]) -> io::Result<()> {
        super::check_removable(path)?;
        let mut state = self.state();
        state.check(path)?;
        let Some(found) = state.find(state.work, path, false) else {
            return Ok(());
        };
        if found.node.is_some() {
            state.step();
            state.set_name(found.folder, found.name, None);
        }
        Ok(())
    }

    fn stamp(&self, path: &[u8], modified: Time) -> io::Result<()> {
        let mut state = self.state();
        if state.follow(path)?.is_none() {
            let slash = path.iter().rposition(|&byte| byte == b'/');
            if state.follow(&path[..slash.unwrap_or(0)])?.is_none() {
                return Err(ErrorKind::NotFound.into());
            }
            state.write(path, Vec::new())?;
        }
        let node = state.follow(path)?.ok_or(ErrorKind::NotFound)?;
        state.set_time(node, modified);
        Ok(())
    }

    /// Nothing here has a mode, and whoever has the disk may write.
    fn protect(&self, path: &[u8]) -> io::Result<()> {
        self.state().check(path)
    }

    fn is_there(&self, path: &[u8]) -> io::Result<bool> {
        let state = self.state();
        state.check(path)?;
        let found = state.find(state.work, path, false);
        Ok(found.is_some_and(|found| found.node.is_some()))
    }
}
