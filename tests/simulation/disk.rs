//! The disk that the engine sees: it may be full or end the engine at any change, and it commits the
//! mistakes that have to do with files.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use flow::disk::{Disk, DiskMut, Identity, Kind, MemDisk, Names, Stat, Time};

use super::mistake::Mistake;

/// The engine is gone, in the middle of what it did.
pub struct Crash;

/// A file as it was when a job started.
type Frozen = (Stat, Identity, Vec<u8>);

/// The time and the content of a file that was put aside.
type Aside = (Time, Vec<u8>);

#[derive(Default)]
pub struct Shaky {
    pub mem: MemDisk,
    /// So many changes more, and the engine dies.
    fuse: AtomicI64,
    pub is_full: AtomicBool,
    pub is_remote: AtomicBool,
    mistake: Option<Mistake>,
    /// By path, with the number of those that need it so.
    frozen: Mutex<HashMap<Vec<u8>, (usize, Frozen)>>,
    /// What the engine wrote since the last run began, and what it put aside.
    written: Mutex<Vec<Vec<u8>>>,
    aside: Mutex<HashMap<Vec<u8>, Aside>>,
}

const SECOND: i64 = 1_000_000_000;

impl Shaky {
    pub fn new(mistake: Option<Mistake>) -> Shaky {
        Shaky {
            mistake,
            ..Shaky::default()
        }
    }

    pub fn set_fuse(&self, n_changes: Option<u64>) {
        let n = n_changes.map_or(i64::MAX, |n| n as i64);
        self.fuse.store(n, Ordering::Relaxed);
    }

    /// A change to the disk, or to the history, is about to happen.
    pub fn spend(&self) {
        if self.fuse.fetch_sub(1, Ordering::Relaxed) <= 0 {
            resume_unwind(Box::new(Crash));
        }
    }

    pub fn fails(&self) -> io::Result<()> {
        match self.is_full.load(Ordering::Relaxed) {
            true => Err(ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    /// What was in a file, and its time, when it was put aside.
    pub fn put_aside(&self, path: &[u8]) -> Option<Aside> {
        self.aside
            .lock()
            .expect("no thread has failed")
            .get(path)
            .cloned()
    }

    pub fn forget_aside(&self) {
        self.aside.lock().expect("no thread has failed").clear();
    }

    pub fn take_written(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.written.lock().expect("no thread has failed"))
    }

    /// From now on the engine sees the file as it is.
    pub fn freeze(&self, path: &[u8]) {
        let Ok(Some((stat, identity))) = self.mem.identify(path) else {
            return;
        };
        let bytes = self.mem.read(path).unwrap_or_default();
        let mut frozen = self.frozen.lock().expect("no thread has failed");
        let entry = frozen.entry(path.into());
        entry.or_insert((0, (stat, identity, bytes))).0 += 1;
    }

    pub fn thaw(&self, path: &[u8]) {
        let mut frozen = self.frozen.lock().expect("no thread has failed");
        if let Some((n, _)) = frozen.get_mut(path) {
            *n -= 1;
            if *n == 0 {
                frozen.remove(path);
            }
        }
    }

    pub fn thaw_all(&self) {
        self.frozen.lock().expect("no thread has failed").clear();
    }

    fn frozen(&self, path: &[u8]) -> Option<Frozen> {
        if !self.mistake.is_some_and(Mistake::freezes_inputs) {
            return None;
        }
        let frozen = self.frozen.lock().expect("no thread has failed");
        frozen.get(path).map(|(_, frozen)| frozen.clone())
    }

    fn seen(&self, mut stat: Stat) -> Stat {
        if self.mistake == Some(Mistake::SecondGranularity) {
            stat.modified.0 -= stat.modified.0.rem_euclid(SECOND);
        }
        stat
    }
}

/// What only jobs make.
fn is_output(path: &[u8]) -> bool {
    path.starts_with(b"r") && path.contains(&b'/') && !path.contains(&b'*')
}

impl Disk for Shaky {
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        if let Some((stat, ..)) = self.frozen(path) {
            return Ok(Some(stat));
        }
        let stat = self.mem.stat(path)?;
        if stat.is_none() && self.mistake == Some(Mistake::NoOutputCheck) && is_output(path) {
            return Ok(Some(Stat {
                kind: Kind::File,
                size: 0,
                modified: self.mem.now(),
            }));
        }
        Ok(stat.map(|stat| self.seen(stat)))
    }

    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>> {
        self.mem.list(folder)
    }

    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        match self.frozen(path) {
            Some((.., bytes)) => Ok(bytes),
            None => self.mem.read(path),
        }
    }

    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, Identity)>> {
        if let Some((stat, identity, _)) = self.frozen(path) {
            return Ok(Some((stat, identity)));
        }
        let found = self.mem.identify(path)?;
        Ok(found.map(|(stat, identity)| (self.seen(stat), identity)))
    }

    fn is_remote(&self, _folder: &[u8]) -> bool {
        self.is_remote.load(Ordering::Relaxed)
    }

    fn is_full(&self, _folder: &[u8]) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }
}

impl DiskMut for Shaky {
    fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.spend();
        if self.mem.stat(path)?.is_none() {
            self.fails()?;
        }
        self.mem.make_folder(path)
    }

    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.spend();
        if to.starts_with(b".flow/aside/")
            && let (Ok(Some(stat)), Ok(text)) = (self.mem.stat(from), self.mem.read(from))
        {
            let mut aside = self.aside.lock().expect("no thread has failed");
            aside.insert(from.into(), (stat.modified, text));
        }
        if self.mistake == Some(Mistake::OldOutputsKept) && to.starts_with(b".flow/aside/") {
            return self.mem.write_file(to, &self.mem.read(from)?);
        }
        match self.mistake {
            Some(Mistake::OldOutputsLost) if from.starts_with(b".flow/aside/") => {
                self.mem.remove(from)
            }
            Some(Mistake::TrashLost) if to.starts_with(b".flow/trash/") => self.mem.remove(from),
            _ => self.mem.rename(from, to),
        }
    }

    fn remove(&self, path: &[u8]) -> io::Result<()> {
        self.spend();
        self.mem.remove(path)
    }

    fn write_file(&self, path: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.spend();
        self.fails()?;
        let mut written = self.written.lock().expect("no thread has failed");
        written.push(path.into());
        self.mem.write_file(path, bytes)
    }

    fn stamp(&self, path: &[u8], modified: Time) -> io::Result<()> {
        self.spend();
        self.mem.stamp(path, modified)
    }

    fn protect(&self, path: &[u8]) -> io::Result<()> {
        self.spend();
        self.mem.protect(path)
    }

    fn is_there(&self, path: &[u8]) -> io::Result<bool> {
        self.mem.is_there(path)
    }
}
