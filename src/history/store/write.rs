//! Writing the history: what a run adds, and the file made anew when most of it is out of date.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::Path;

use anyhow::Context;

use super::{BEGAN, ENDED, LOST, RUN, Store};
use super::{DONE, FAILED, STARTED};
use crate::history::Run;
use crate::history::log;
use crate::history::past::{Past, take_text};
use crate::history::place::{AtPath, Place};
use crate::history::sync::Syncer;

/// When the file is written anew, so many runs stay in it.
const RUNS_KEPT: usize = 1000;

/// Records that are longer together do not wait for one another, in bytes.
const ENOUGH: usize = 64 << 10;

/// A file of at least this size is written anew when less than four fifths of it are still of use: it
/// is read whole by each run, and what a run notes when jobs begin is a quarter of what it writes.
const WORTH_COMPACTING: usize = 1 << 20;

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
        self.unsynced = place.file();
        Ok(())
    }

    /// Begins to write, once a damaged file is out of the way.
    pub fn begin_in(&mut self, place: &dyn Place) -> io::Result<()> {
        let kept = self.runs.iter().rev().take(RUNS_KEPT);
        let n_live = self.n_live + kept.map(|run| log::RECORD_HEAD + run.len()).sum::<usize>();
        let is_wasteful = self.bytes.len() > WORTH_COMPACTING && n_live < self.bytes.len() / 5 * 4;
        let goes_on = self.found.is_whole() && self.damage.is_none() && !is_wasteful;
        let mut writer = if goes_on {
            place.append_to(&self.found, self.bytes.len() as u64)?
        } else {
            let lost = self.is_doubtful().then_some(&[LOST][..]);
            let live = self.live();
            let live = live.into_iter().map(|range| &self.bytes[range]);
            place.create(&mut lost.into_iter().chain(live))?
        };
        if goes_on && self.has_lost {
            writer.append([&[LOST][..]])?;
        }
        self.writer = Some(writer);
        // How far the file goes now is to be noted.
        self.is_other = !goes_on || self.has_lost;
        Ok(())
    }

    /// The payloads that are still of use.
    fn live(&self) -> Vec<Range<usize>> {
        let mut texts = HashSet::new();
        let n_old = self.runs.len().saturating_sub(RUNS_KEPT);
        let mut live: Vec<Range<usize>> = self.runs[n_old..].to_vec();
        log::each_record(&self.bytes, self.found.salt(), |record| {
            let Some((&kind, mut rest)) = self.bytes[record.clone()].split_first() else {
                return;
            };
            if !matches!(kind, STARTED | FAILED | DONE) {
                return;
            }
            let Some(job) = take_text(&mut rest).and_then(|key| self.index.find(&self.bytes, key))
            else {
                return;
            };
            let is_past = job.past == record.start;
            if is_past && let Some(past) = Past::read(rest) {
                texts.extend([past.recipe, past.params]);
            }
            if is_past || job.last == record.start {
                live.push(record);
            }
        });
        // Before the records that name them.
        let texts = texts.iter().filter_map(|id| self.texts.get(id));
        let mut all: Vec<Range<usize>> = texts.map(|text| text.start - 9..text.end).collect();
        all.sort_by_key(|text| text.start);
        all.extend(live);
        all
    }

    /// Adds a run that has ended; also after it was closed.
    pub fn ran(&mut self, run: &Run) -> anyhow::Result<()> {
        let start = log::open_record(&mut self.bytes);
        self.bytes.push(RUN);
        run.write(&mut self.bytes);
        self.seal(start);
        // No run begins by it: one that had nothing to do leaves no other trace.
        match &mut self.writer {
            Some(writer) => writer.write_waiting(),
            None => Ok(()),
        }
        .with_context(|| format!("write `{}`", self.path.display()))
    }

    /// Writes one record and notes it.
    pub(super) fn add(&mut self, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) -> anyhow::Result<()> {
        let start = log::open_record(&mut self.bytes);
        self.bytes.push(kind);
        fill(&mut self.bytes);
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
        }
        self.seal(start);
        match &self.writer {
            Some(writer) if writer.n_waiting() > ENOUGH => self.write_waiting(),
            _ => Ok(()),
        }
    }

    /// Writes the records that wait.
    pub(super) fn write_waiting(&mut self) -> anyhow::Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|w| w.n_waiting() > 0) else {
            return Ok(());
        };
        let written = writer.write_waiting();
        written.with_context(|| format!("write `{}`", self.path.display()))?;
        self.is_needed();
        Ok(())
    }

    /// Something was written that has to reach the disk. A run that writes nothing needs no thread.
    fn is_needed(&mut self) {
        // Where it cannot be started now it is tried again after the next write.
        if let Some(file) = &self.unsynced
            && let Ok(syncer) = Syncer::start(file)
        {
            self.syncer = Some(syncer);
            self.unsynced = None;
        }
        if let Some(syncer) = &self.syncer {
            syncer.is_needed();
        }
    }

    /// The record whose payload begins at `start` is all there: it is noted, and waits to be written.
    fn seal(&mut self, start: usize) {
        let salt = self.writer.as_ref().map_or(0, |writer| writer.salt());
        log::seal_record(&mut self.bytes, salt, start);
        if let Some(writer) = &mut self.writer {
            writer.put_sealed(&self.bytes[start - log::RECORD_HEAD..]);
        }
        self.take_in(start..self.bytes.len());
    }

    /// The run ends: all of it is on the disk.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        self.write_waiting()?;
        let has_begun = std::mem::take(&mut self.has_begun);
        if let Some(writer) = &mut self.writer
            && has_begun
        {
            let appended = writer.append([&[ENDED][..]]);
            appended.with_context(|| format!("write `{}`", self.path.display()))?;
            if let Some(syncer) = &self.syncer {
                syncer.is_needed();
            }
        }
        let context = || format!("write `{}`", self.path.display());
        match (self.syncer.take(), self.unsynced.take()) {
            (Some(syncer), _) => syncer.finish().with_context(context)?,
            // There was no thread for it.
            (None, Some(file)) if has_begun => file.sync_data().with_context(context)?,
            // A new file was synced when it was made.
            (None, Some(_)) if self.is_other => {}
            _ => return Ok(()),
        }
        if let Some(writer) = &self.writer {
            // The length of an earlier run holds as well, it only tells less.
            writer.extent().write(&self.path).ok();
        }
        Ok(())
    }
}
