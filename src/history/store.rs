//! The history of a state folder: `.flow/history`, read whole, appended to by the run that holds
//! the lock.
//!
//! Records: a text by its number; a job's try began, failed, or succeeded (with its [`Past`]): the
//! last one of a job counts. A run writes that it began, on which boot of the machine, and that it
//! ended: when it did not and the machine has started anew since, records may be lost. From then
//! on, as from any damage on, jobs that are not known may have been tried all the same.
//! What became of each run is a record of its own.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bstr::{BStr, BString};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::extent::Extent;
use super::log::{self, Found, Medium, Unreadable, Writer};
use super::past::{Now, Past, put_text, take_text};
use super::place::{AtPath, Place};
use super::sync::Syncer;
use super::{History, Last, LastTry, Run};

const TEXT: u8 = b't';
const STARTED: u8 = b's';
const FAILED: u8 = b'f';
const DONE: u8 = b'd';
/// A run begins; the key is the boot's name.
const BEGAN: u8 = b'r';
const ENDED: u8 = b'e';
/// Records were lost.
const LOST: u8 = b'l';
/// What became of a run.
const RUN: u8 = b'u';

/// When the file is written anew, so many runs stay in it.
const RUNS_KEPT: usize = 1000;

/// Records that are longer together do not wait for one another, in bytes.
const ENOUGH: usize = 64 << 10;

/// A file of at least this size is written anew when less than half of it is still of use.
const WORTH_COMPACTING: usize = 1 << 20;

/// What is known of one job.
#[derive(Clone, Debug)]
struct Job {
    key: Range<usize>,
    last_try: LastTry,
    past: Option<Range<usize>>,
    /// Where the payload of its last record ends.
    last_end: usize,
}

/// All that is remembered of jobs.
#[derive(Default)]
pub struct Store {
    path: PathBuf,
    /// The file's bytes, and behind them the payloads of records that were added since.
    bytes: Vec<u8>,
    jobs: Vec<Job>,
    by_key: HashTable<u32>,
    texts: HashMap<u64, Range<usize>>,
    /// Records of runs, the oldest first.
    runs: Vec<Range<usize>>,
    found: Found,
    writer: Option<Writer<Box<dyn Medium>>>,
    syncer: Option<Syncer>,
    /// This start of the machine: what was written since is not lost while it runs.
    boot: Vec<u8>,
    /// The boot on which a run began that did not end.
    open_on: Option<Range<usize>>,
    /// Records may be lost: of a job that is not known nothing can be said.
    has_lost: bool,
    /// This run has said that it began.
    has_begun: bool,
    /// What is wrong with the file, for a warning.
    pub damage: Option<String>,
}

fn hash(key: &[u8]) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// Names this start of the machine.
fn this_boot() -> Vec<u8> {
    std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Gives a damaged file a second name, so that its place is never empty; a folder moves.
fn keep_aside(path: &Path, aside: &Path) -> io::Result<()> {
    match std::fs::hard_link(path, aside) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // The file itself is what is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => std::fs::rename(path, aside),
    }
}

impl Store {
    /// Reads the history of a state folder; writes nothing.
    pub fn read(state: &Path) -> anyhow::Result<Store> {
        let path = state.join("history");
        let known = Extent::read(&path);
        let found = log::read(&path);
        Store::found(path, this_boot(), known, found)
    }

    /// The history that was found at a path, when an earlier run had left it so long.
    pub fn found(
        path: PathBuf,
        boot: Vec<u8>,
        known: Option<Extent>,
        found: Result<Found, Unreadable>,
    ) -> anyhow::Result<Store> {
        let shown = path.display().to_string();
        let mut store = Store {
            path,
            boot,
            ..Store::default()
        };
        let mut found = match found {
            Ok(found) => found,
            Err(Unreadable::Newer(version)) => bail!(
                "`{shown}` was written by a newer flow (version {version} of the file): \
                 use that one, or another state folder (`--state-dir`)"
            ),
            Err(Unreadable::NoLog) => {
                store.damage = Some(format!("`{shown}` is no history"));
                return Ok(store);
            }
            Err(Unreadable::Io(error)) if error.kind() == io::ErrorKind::IsADirectory => {
                store.damage = Some(format!("`{shown}` is a folder"));
                return Ok(store);
            }
            Err(Unreadable::Io(error)) => {
                return Err(error).with_context(|| format!("read `{shown}`"));
            }
        };
        if found.n_damaged > 0 {
            store.damage = Some(format!("`{shown}` has {} damaged bytes", found.n_damaged));
        } else if found.is_empty_file() {
            store.damage = Some(format!("`{shown}` is empty"));
        }
        if let (Some(known), None) = (known, &store.damage) {
            let n_lost = match found.extent() {
                None => known.length,
                Some(extent) if extent.salt == known.salt => {
                    known.length.saturating_sub(extent.length)
                }
                // It was written anew since.
                Some(_) => 0,
            };
            store.damage = match n_lost {
                0 => None,
                n if n == known.length => Some(format!("`{shown}` is gone")),
                n => Some(format!(
                    "`{shown}` was cut off: its last {n} bytes are gone"
                )),
            };
        }
        store.bytes = std::mem::take(&mut found.bytes);
        for record in found.records.clone() {
            store.take_in(record);
        }
        store.found = found;
        // Whoever makes the file has something to tell: what it told is gone.
        store.has_lost |= store.found.records.is_empty() && !store.bytes.is_empty();
        if let Some(boot) = &store.open_on
            && store.bytes[boot.clone()] != store.boot
        {
            store.has_lost = true;
        }
        Ok(store)
    }

    /// Notes a record whose payload lies in `bytes`.
    fn take_in(&mut self, payload: Range<usize>) -> Option<()> {
        let (&kind, mut rest) = self.bytes[payload.clone()].split_first()?;
        if kind == TEXT {
            let id = u64::from_le_bytes(*rest.first_chunk()?);
            self.texts.insert(id, payload.start + 9..payload.end);
            return Some(());
        }
        match kind {
            BEGAN => self.open_on = Some(payload.start + 1..payload.end),
            ENDED => self.open_on = None,
            LOST => self.has_lost = true,
            _ => {}
        }
        if matches!(kind, BEGAN | ENDED | LOST) {
            return Some(());
        }
        if kind == RUN {
            self.runs.push(payload);
            return Some(());
        }
        if !matches!(kind, STARTED | FAILED | DONE) {
            return None;
        }
        let n_before = rest.len();
        let key = take_text(&mut rest)?;
        let n_head = n_before - rest.len();
        let start = payload.start + 1 + n_head - key.len();
        let key = start..start + key.len();
        let body = key.end..payload.end;
        let at = self.job_at(key);
        let job = &mut self.jobs[at];
        job.last_end = payload.end;
        match kind {
            STARTED => job.last_try = LastTry::Unfinished,
            FAILED => job.last_try = LastTry::Failed,
            DONE => (job.last_try, job.past) = (LastTry::Done, Some(body)),
            _ => {}
        }
        Some(())
    }

    /// The place of a job, which is made when it is new.
    fn job_at(&mut self, key: Range<usize>) -> usize {
        let Store {
            bytes,
            jobs,
            by_key,
            ..
        } = self;
        let text = &bytes[key.clone()];
        let entry = by_key.entry(
            hash(text),
            |&at| &bytes[jobs[at as usize].key.clone()] == text,
            |&at| hash(&bytes[jobs[at as usize].key.clone()]),
        );
        *entry
            .or_insert_with(|| {
                jobs.push(Job {
                    key,
                    last_try: LastTry::Failed,
                    past: None,
                    last_end: 0,
                });
                jobs.len() as u32 - 1
            })
            .get() as usize
    }

    fn job(&self, key: &[u8]) -> Option<&Job> {
        let is_it = |&at: &u32| &self.bytes[self.jobs[at as usize].key.clone()] == key;
        self.by_key
            .find(hash(key), is_it)
            .map(|&at| &self.jobs[at as usize])
    }

    /// Every job that is known, in the order in which they were first met.
    pub fn jobs(&self) -> impl Iterator<Item = (&BStr, Last<'_>)> {
        self.jobs
            .iter()
            .map(|job| (BStr::new(&self.bytes[job.key.clone()]), self.last_of(job)))
    }

    /// Runs that have ended, the oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = Run> {
        let payloads = self.runs.iter().map(|range| &self.bytes[range.clone()]);
        payloads.filter_map(|payload| Run::read(&payload[1..]))
    }

    /// Adds a run that has ended; also after [`History::close`].
    pub fn ran(&mut self, run: &Run) -> anyhow::Result<()> {
        let start = self.bytes.len();
        self.bytes.push(RUN);
        run.write(&mut self.bytes);
        let range = start..self.bytes.len();
        if let Some(writer) = &mut self.writer {
            // No run begins by it: one that had nothing to do leaves no other trace.
            let appended = writer.append([&self.bytes[range.clone()]]);
            appended.with_context(|| format!("write `{}`", self.path.display()))?;
        }
        self.take_in(range);
        Ok(())
    }

    fn last_of(&self, job: &Job) -> Last<'_> {
        let past = job
            .past
            .clone()
            .and_then(|range| Past::read(&self.bytes[range]));
        Last {
            last_try: job.last_try,
            past,
        }
    }

    /// Opens the file for appending. The state folder must be locked. A damaged file stays beside
    /// a new one with what was good in it; one that is mostly out of date is written anew.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        let path = self.path.clone();
        let context = || format!("write `{}`", path.display());
        if self.damage.is_some() {
            keep_aside(&path, &log::aside(&path)).with_context(context)?;
        }
        let place = AtPath::new(&path);
        self.begin_in(&place).with_context(context)?;
        self.syncer = place.syncer();
        Ok(())
    }

    /// Begins to write, once a damaged file is out of the way.
    pub fn begin_in(&mut self, place: &dyn Place) -> io::Result<()> {
        let live = self.live();
        let n_live: usize = live.iter().map(Range::len).sum();
        let is_wasteful = self.bytes.len() > WORTH_COMPACTING && n_live < self.bytes.len() / 2;
        let goes_on = self.found.is_whole() && self.damage.is_none() && !is_wasteful;
        let mut writer = if goes_on {
            place.append_to(&self.found, self.bytes.len() as u64)?
        } else {
            let lost = self.is_doubtful().then_some(&[LOST][..]);
            let live = live.into_iter().map(|range| &self.bytes[range]);
            place.create(&mut lost.into_iter().chain(live))?
        };
        if goes_on && self.has_lost {
            writer.append([&[LOST][..]])?;
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn is_doubtful(&self) -> bool {
        self.has_lost || self.damage.is_some()
    }

    /// The payloads that are still of use.
    fn live(&self) -> Vec<Range<usize>> {
        let mut texts = HashSet::new();
        let n_old = self.runs.len().saturating_sub(RUNS_KEPT);
        let mut live: Vec<Range<usize>> = self.runs[n_old..].to_vec();
        for record in &self.found.records {
            let Some((&kind, mut rest)) = self.bytes[record.clone()].split_first() else {
                continue;
            };
            if !matches!(kind, STARTED | FAILED | DONE) {
                continue;
            }
            let Some(job) = take_text(&mut rest).and_then(|key| self.job(key)) else {
                continue;
            };
            let is_past = job.past.as_ref().is_some_and(|past| past.end == record.end);
            if is_past && let Some(past) = Past::read(rest) {
                texts.extend([past.recipe, past.params]);
            }
            if is_past || job.last_end == record.end {
                live.push(record.clone());
            }
        }
        // Before the records that name them.
        let texts = texts.iter().filter_map(|id| self.texts.get(id));
        let mut all: Vec<Range<usize>> = texts.map(|text| text.start - 9..text.end).collect();
        all.sort_by_key(|text| text.start);
        all.extend(live);
        all
    }

    /// Writes one record and notes it.
    fn add(&mut self, kind: u8, key: &[u8], body: impl FnOnce(&mut Vec<u8>)) -> anyhow::Result<()> {
        let start = self.bytes.len();
        self.bytes.push(kind);
        put_text(&mut self.bytes, key);
        body(&mut self.bytes);
        self.written(start)
    }

    fn written(&mut self, start: usize) -> anyhow::Result<()> {
        let range = start..self.bytes.len();
        if let Some(writer) = &mut self.writer {
            let context = || format!("write `{}`", self.path.display());
            if !self.has_begun {
                // On disk before anything runs, so that it is seen if all that follows is lost.
                let began = [&[BEGAN], &self.boot[..]].concat();
                writer
                    .append([&began[..]])
                    .and_then(|()| writer.sync())
                    .with_context(context)?;
                self.has_begun = true;
            }
            if self.syncer.as_ref().is_some_and(Syncer::has_ended)
                && let Some(syncer) = self.syncer.take()
            {
                // What the disk refused once it may have lost: no going on.
                syncer.finish().with_context(context)?;
            }
            writer.put(&self.bytes[range.clone()]);
            if writer.n_waiting() > ENOUGH {
                self.write_waiting()?;
            }
        }
        self.take_in(range);
        Ok(())
    }

    /// Writes the records that wait.
    fn write_waiting(&mut self) -> anyhow::Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|w| w.n_waiting() > 0) else {
            return Ok(());
        };
        let written = writer.write_waiting();
        written.with_context(|| format!("write `{}`", self.path.display()))?;
        if let Some(syncer) = &self.syncer {
            syncer.is_needed();
        }
        Ok(())
    }
}

impl History for Store {
    fn each(&self, told: &mut dyn FnMut(&Past)) {
        self.jobs()
            .filter_map(|(_, last)| last.past)
            .for_each(|past| told(&past));
    }

    fn last(&self, job: &[u8]) -> Option<Last<'_>> {
        self.job(job).map(|job| self.last_of(job))
    }

    fn workflow_at(&self, ms: u64) -> Option<BString> {
        // One run at a time holds the folder, and the last ones are asked for most.
        let run = self
            .runs()
            .rev()
            .find(|run| (run.begun_ms..=run.ended_ms).contains(&ms))?;
        let name = run.workflow.rsplit(|&byte| byte == b'/').next()?;
        Some(name.into())
    }

    fn text(&self, id: u64) -> Option<&BStr> {
        self.texts
            .get(&id)
            .map(|range| BStr::new(&self.bytes[range.clone()]))
    }

    fn remember(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        if self.texts.contains_key(&id) {
            return Ok(());
        }
        let start = self.bytes.len();
        self.bytes.push(TEXT);
        self.bytes.extend(id.to_le_bytes());
        self.bytes.extend(text);
        self.written(start)
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.add(STARTED, job, |_| {})
    }

    fn succeeded(&mut self, job: &[u8], now: &Now) -> anyhow::Result<()> {
        self.add(DONE, job, |out| now.write(out))
    }

    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.add(FAILED, job, |_| {})
    }

    fn is_complete(&self) -> bool {
        !self.is_doubtful()
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.write_waiting()
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.write_waiting()?;
        if let Some(writer) = &mut self.writer
            && std::mem::take(&mut self.has_begun)
        {
            let appended = writer.append([&[ENDED][..]]);
            appended.with_context(|| format!("write `{}`", self.path.display()))?;
            if let Some(syncer) = &self.syncer {
                syncer.is_needed();
            }
        }
        match self.syncer.take() {
            Some(syncer) => {
                let ended = syncer.finish();
                ended.with_context(|| format!("write `{}`", self.path.display()))?;
            }
            None => return Ok(()),
        }
        if let Some(writer) = &self.writer {
            // The length of an earlier run holds as well, it only tells less.
            writer.extent().write(&self.path).ok();
        }
        Ok(())
    }
}

impl History for &mut Store {
    fn is_complete(&self) -> bool {
        (**self).is_complete()
    }

    fn each(&self, told: &mut dyn FnMut(&Past)) {
        (**self).each(told);
    }

    fn workflow_at(&self, ms: u64) -> Option<BString> {
        (**self).workflow_at(ms)
    }

    fn last(&self, job: &[u8]) -> Option<Last<'_>> {
        (**self).last(job)
    }

    fn text(&self, id: u64) -> Option<&BStr> {
        (**self).text(id)
    }

    fn remember(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        (**self).remember(id, text)
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        (**self).started(job)
    }

    fn succeeded(&mut self, job: &[u8], now: &Now) -> anyhow::Result<()> {
        (**self).succeeded(job, now)
    }

    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()> {
        (**self).failed(job)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        (**self).flush()
    }

    fn close(&mut self) -> anyhow::Result<()> {
        (**self).close()
    }
}
