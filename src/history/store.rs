//! The history of a state folder: `.flow/history`, read whole, appended to by the run that holds
//! the lock.
//!
//! Records: a text by its number; a job's try began, failed, or succeeded (with its [`Past`]): the
//! last one of a job counts. A run writes that it began, on which boot of the machine, and that it
//! ended: when it did not and the machine has started anew since, records may be lost. From then
//! on, as from any damage on, jobs that are not known may have been tried all the same.
//! What became of each run is a record of its own.

mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bstr::{BStr, BString};

use super::extent::Extent;
use super::index::{self, DONE, Index, Records};
use super::log::{self, Found, Medium, Unreadable, Writer};
use super::past::{Now, Past, put_text, take_text};
use super::sync::Syncer;
use super::{History, Last, LastTry, Run};
use crate::disk::this_boot;

const TEXT: u8 = b't';
const STARTED: u8 = b's';
const FAILED: u8 = b'f';
/// A run begins; the key is the boot's name.
const BEGAN: u8 = b'r';
const ENDED: u8 = b'e';
/// Records were lost.
const LOST: u8 = b'l';
/// What became of a run.
const RUN: u8 = b'u';

/// All that is remembered of jobs.
#[derive(Default)]
pub struct Store {
    path: PathBuf,
    /// The file's bytes, and behind them the records that were added since.
    bytes: Vec<u8>,
    index: Index,
    texts: HashMap<u64, Range<usize>>,
    /// Records of runs, the oldest first.
    runs: Vec<Range<usize>>,
    /// How many bytes of records are still of use, those of runs aside.
    n_live: usize,
    found: Found,
    writer: Option<Writer<Box<dyn Medium>>>,
    syncer: Option<Syncer>,
    /// The file that the writer writes, until something was written.
    unsynced: Option<File>,
    /// This start of the machine: what was written since is not lost while it runs.
    boot: Vec<u8>,
    /// The boot on which a run began that did not end.
    open_on: Option<Range<usize>>,
    /// Records may be lost: of a job that is not known nothing can be said.
    has_lost: bool,
    /// The file is not the one that was found, or longer.
    is_other: bool,
    /// This run has said that it began.
    has_begun: bool,
    /// What is wrong with the file, for a warning.
    pub damage: Option<String>,
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
        let records = std::mem::take(&mut found.records);
        store.found = found;
        let is_success = |record: &&Range<usize>| store.bytes.get(record.start) == Some(&DONE);
        let n_jobs = records.iter().filter(is_success).count();
        store.index.reserve(&store.bytes, n_jobs);
        // Whoever makes the file has something to tell: what it told is gone.
        store.has_lost |= records.is_empty() && !store.bytes.is_empty();
        for record in records {
            store.take_in(record);
        }
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
        match kind {
            TEXT => {
                let id = u64::from_le_bytes(*rest.first_chunk()?);
                self.n_live += log::RECORD_HEAD + payload.len();
                self.texts.insert(id, payload.start + 9..payload.end);
            }
            BEGAN => self.open_on = Some(payload.start + 1..payload.end),
            ENDED => self.open_on = None,
            LOST => self.has_lost = true,
            RUN => self.runs.push(payload),
            STARTED | FAILED | DONE => {
                take_text(&mut rest)?;
                let start = payload.start;
                let length = |start: usize| match start {
                    0 => 0,
                    start => log::RECORD_HEAD + log::payload(&self.bytes, start).len(),
                };
                if let Some(before) = self.index.enter(&self.bytes, start) {
                    if before.last != before.past {
                        self.n_live -= length(before.last);
                    }
                    if kind == DONE {
                        self.n_live -= length(before.past);
                    }
                }
                self.n_live += log::RECORD_HEAD + payload.len();
            }
            _ => return None,
        }
        Some(())
    }

    /// Every job that is known, in the order in which they were first met.
    pub fn jobs(&self) -> impl Iterator<Item = (&BStr, Last<'_>)> {
        let of = |job: Records| (index::key(&self.bytes, job.last), self.last_of(job));
        self.index
            .iter(&self.bytes)
            .map(of)
            .map(|(key, last)| (BStr::new(key), last))
    }

    /// Runs that have ended, the oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = Run> {
        let payloads = self.runs.iter().map(|range| &self.bytes[range.clone()]);
        payloads.filter_map(|payload| Run::read(&payload[1..]))
    }

    fn last_of(&self, job: Records) -> Last<'_> {
        let past = || {
            let mut rest = log::payload(&self.bytes, job.past).get(1..)?;
            take_text(&mut rest)?;
            Past::read(rest)
        };
        Last {
            last_try: match self.bytes[job.last] {
                DONE => LastTry::Done,
                FAILED => LastTry::Failed,
                _ => LastTry::Unfinished,
            },
            past: if job.past == 0 { None } else { past() },
        }
    }

    /// Jobs that it does not know may have been tried all the same.
    fn is_doubtful(&self) -> bool {
        self.has_lost || self.damage.is_some()
    }
}

impl History for Store {
    fn each(&self, told: &mut dyn FnMut(&Past)) {
        self.jobs()
            .filter_map(|(_, last)| last.past)
            .for_each(|past| told(&past));
    }

    fn last(&self, job: &[u8]) -> Option<Last<'_>> {
        let records = self.index.find(&self.bytes, job)?;
        Some(self.last_of(records))
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
        self.add(TEXT, |out| {
            out.extend(id.to_le_bytes());
            out.extend(text);
        })
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.add(STARTED, |out| put_text(out, job))
    }

    fn succeeded(&mut self, job: &[u8], now: &Now) -> anyhow::Result<()> {
        self.add(DONE, |out| {
            put_text(out, job);
            now.write(out);
        })
    }

    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()> {
        self.add(FAILED, |out| put_text(out, job))
    }

    fn is_complete(&self) -> bool {
        !self.is_doubtful()
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.write_waiting()
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.end()
    }
}
