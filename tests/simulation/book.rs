//! The history: flow's own, over a file in memory that loses what was not synced, by a power cut, and
//! takes nothing while the disk is full. `Keeper` commits the mistakes that have to do with records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bstr::{BStr, BString};
use flow::disk::{Disk, Kind};
use flow::history::extent::Extent;
use flow::history::log::{Found, Medium, Writer, head, parse, put};
use flow::history::place::Place;
use flow::history::{File, History, Last, LastTry, Now, Owed, Past, Store};
use flow::plan::Plan;
use flow::stale::print::Print;

use super::dice::Dice;
use super::disk::Shaky;
use super::mistake::{Job, Mistake};

/// What is on the disk of the history.
#[derive(Debug, Default)]
struct Image {
    bytes: Vec<u8>,
    n_synced: usize,
    salt: u64,
    extent: Option<Extent>,
    /// How often the machine has started.
    boot: u64,
    /// Something could not be written.
    has_failed: bool,
}

/// The history's file.
#[derive(Clone)]
pub struct Book {
    image: Rc<RefCell<Image>>,
    disk: Arc<Shaky>,
}

impl Book {
    pub fn new(disk: Arc<Shaky>) -> Book {
        let image = Rc::default();
        Book { image, disk }
    }

    /// The history as a run finds it.
    pub fn load(&self) -> anyhow::Result<Store> {
        let mut image = self.image.borrow_mut();
        image.has_failed = false;
        let found = match image.bytes.is_empty() && image.salt == 0 {
            true => Ok(Found::default()),
            false => parse(image.bytes.clone()),
        };
        let boot = image.boot.to_string().into_bytes();
        Store::found("history".into(), boot, image.extent, found)
    }

    /// What was written is on the disk.
    pub fn sync(&self) {
        let mut image = self.image.borrow_mut();
        image.n_synced = image.bytes.len();
    }

    /// The run has closed the history.
    pub fn closed(&self) {
        self.sync();
        let mut image = self.image.borrow_mut();
        if !image.has_failed {
            image.extent = Some(Extent {
                salt: image.salt,
                length: image.bytes.len() as u64,
            });
        }
    }

    pub fn has_failed(&self) -> bool {
        self.image.borrow().has_failed
    }

    /// The machine goes off: some of what was not synced is gone, or is zeros.
    pub fn lose_power(&self, dice: &mut Dice) {
        let mut image = self.image.borrow_mut();
        image.boot += 1;
        let n = image.bytes.len();
        let n_synced = image.n_synced.min(n);
        let n_kept = n_synced + dice.below((n - n_synced) as u64 + 1) as usize;
        match dice.chance(25) {
            true => image.bytes[n_kept..].fill(0),
            false => image.bytes.truncate(n_kept),
        }
        image.n_synced = image.bytes.len();
    }
}

impl Place for Book {
    fn create(
        &self,
        records: &mut dyn Iterator<Item = &[u8]>,
    ) -> io::Result<Writer<Box<dyn Medium>>> {
        self.disk.spend();
        self.disk.fails()?;
        let mut image = self.image.borrow_mut();
        image.salt += 1;
        let salt = image.salt;
        image.bytes = head(salt);
        for record in records {
            put(&mut image.bytes, salt, record);
        }
        image.n_synced = image.bytes.len();
        let end = image.bytes.len() as u64;
        Ok(Writer::over(Box::new(Pen(self.clone())), salt, end))
    }

    fn append_to(&self, found: &Found, end: u64) -> io::Result<Writer<Box<dyn Medium>>> {
        let salt = found.extent().map_or(0, |extent| extent.salt);
        Ok(Writer::over(Box::new(Pen(self.clone())), salt, end))
    }
}

/// Writes into the book.
struct Pen(Book);

impl std::fmt::Debug for Pen {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:?}", self.0.image)
    }
}

impl Medium for Pen {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.disk.spend();
        let mut image = self.0.image.borrow_mut();
        let fails = self.0.disk.fails();
        let n = match fails {
            Ok(()) => bytes.len(),
            Err(_) => bytes.len() / 2,
        };
        image.bytes.extend_from_slice(&bytes[..n]);
        image.has_failed |= fails.is_err();
        fails
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut image = self.0.image.borrow_mut();
        image.bytes.truncate(length as usize);
        image.n_synced = image.n_synced.min(length as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync();
        Ok(())
    }
}

/// Records as a mistake has them.
pub struct Keeper<'s> {
    store: &'s mut Store,
    disk: Arc<Shaky>,
    mistake: Option<Mistake>,
    /// By job that has not been tried since.
    forged: HashMap<BString, (LastTry, Option<Vec<u8>>)>,
}

impl<'s> Keeper<'s> {
    pub fn new(
        store: &'s mut Store,
        disk: Arc<Shaky>,
        mistake: Option<Mistake>,
        plan: &Plan,
        prints: impl Fn(&BStr) -> Option<(Print, bool)>,
    ) -> Keeper<'s> {
        let mut forged = HashMap::new();
        if let Some(mistake) = mistake {
            for (key, last) in store.jobs() {
                let Some((print, is_leaf)) = prints(key) else {
                    continue;
                };
                let job = Job {
                    key,
                    is_leaf,
                    print: &print,
                    plan,
                    disk: &disk,
                };
                if let Some(record) = mistake.forged(&last, &job) {
                    forged.insert(key.into(), record);
                }
            }
        }
        Keeper {
            store,
            disk,
            mistake,
            forged,
        }
    }

    fn tried(&mut self, job: &[u8]) {
        self.forged.remove(BStr::new(job));
    }
}

/// A recorded file as it is now.
pub fn as_now<'f>(disk: &Shaky, file: File<'f>) -> File<'f> {
    let Ok(Some(stat)) = disk.mem.stat(file.path) else {
        return file;
    };
    let text = match stat.kind {
        Kind::File => disk.mem.read(file.path).unwrap_or_default(),
        _ => return file,
    };
    let hash = *blake3::hash(&text)
        .as_bytes()
        .first_chunk()
        .expect("a hash is longer");
    File {
        path: file.path,
        time: stat.modified,
        size: stat.size,
        hash: Some(hash),
    }
}

impl History for Keeper<'_> {
    fn last(&self, job: &[u8]) -> Option<Last<'_>> {
        if self.mistake == Some(Mistake::MtimeOnly) {
            return None;
        }
        match self.forged.get(BStr::new(job)) {
            Some((last_try, past)) => Some(Last {
                last_try: *last_try,
                past: past.as_ref().and_then(|bytes| Past::read(bytes)),
            }),
            None => self.store.last(job),
        }
    }

    fn text(&self, id: u64) -> Option<&BStr> {
        self.store.text(id)
    }

    fn is_complete(&self) -> bool {
        self.mistake == Some(Mistake::MtimeOnly) || self.store.is_complete()
    }

    fn remember(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        self.store.remember(id, text)
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.tried(job);
        self.store.started(job)
    }

    fn succeeded(&mut self, job: &[u8], now: &Now) -> anyhow::Result<()> {
        self.tried(job);
        if self.mistake != Some(Mistake::InputsAtTheEnd) {
            return self.store.succeeded(job, now);
        }
        let mut now = now.clone();
        for file in &mut now.inputs {
            let has_hash = file.hash.is_some();
            *file = as_now(&self.disk, *file);
            file.hash = file.hash.filter(|_| has_hash);
        }
        self.store.succeeded(job, &now)
    }

    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.tried(job);
        self.store.failed(job)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.store.flush()
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.store.close()
    }
}

/// Which rules owe their `then`; it outlives the engine.
#[derive(Clone, Default)]
pub struct Debts(pub Rc<RefCell<Vec<String>>>);

impl Owed for Debts {
    fn is_owed(&self, rule: &str) -> bool {
        self.0.borrow().iter().any(|owed| owed == rule)
    }

    fn owe(&mut self, rule: &str) -> anyhow::Result<()> {
        if !self.is_owed(rule) {
            self.0.borrow_mut().push(rule.into());
        }
        Ok(())
    }

    fn pay(&mut self, rule: &str) -> anyhow::Result<()> {
        self.0.borrow_mut().retain(|owed| owed != rule);
        Ok(())
    }
}
