//! What was seen of each file: looked at once, in parallel where there are many.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Mutex;

use bstr::{BStr, BString};

use super::{content, folder};
use crate::dense::{BitSet, Id, Table};
use crate::disk::{Disk, Kind, Stat, Time, look_at_all};
use crate::history::{Contents, Hash, Seen};
use crate::plan::{JobId, PathId, Plan};

/// What is known of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nobody has looked.
    Unknown,
    Missing,
    There {
        time: Time,
        size: u64,
    },
}

/// Time and size of every path, 16 bytes each.
#[derive(Default)]
pub struct Facts {
    seen: Table<PathId, (Time, u64)>,
    /// Files that count as changed at this time, if they are there.
    changed: Option<(HashSet<BString>, Time)>,
    /// Of contents that were looked at.
    hashes: HashMap<PathId, Hash>,
    /// Files whose time and size say nothing.
    doubted: HashSet<PathId>,
    /// What earlier runs and this one have read. Without it files are read each time.
    pub contents: Option<Box<dyn Contents>>,
}

/// So many jobs or files are looked at by several threads.
const MANY: usize = 2_000;

/// A look waits for the kernel or for a network: two at once halve the time, more need not help.
const N_THREADS: usize = 2;

const UNKNOWN: (Time, u64) = (Time(i64::MIN), 0);
const MISSING: (Time, u64) = (Time(i64::MIN), 1);

impl Facts {
    pub fn get(&self, path: PathId) -> Look {
        match self.seen.get(path) {
            None | Some(&UNKNOWN) => Look::Unknown,
            Some(&MISSING) => Look::Missing,
            Some(&(time, size)) => Look::There { time, size },
        }
    }

    /// From now on these files look as if they had been changed at `time`.
    pub fn pretend(&mut self, files: HashSet<BString>, time: Time) {
        self.changed = (!files.is_empty()).then_some((files, time));
    }

    /// Whether what is known of a file is what was pretended.
    pub fn is_pretended(&self, path: &BStr) -> bool {
        let changed = self.changed.as_ref();
        changed.is_some_and(|(files, _)| files.contains(path))
    }

    /// Notes what was seen of a file; of its content nothing is known then.
    pub fn set(&mut self, path: PathId, stat: Option<Stat>) {
        self.seen.grow(path.index() + 1, UNKNOWN);
        self.seen[path] = packed(stat);
        self.hashes.remove(&path);
        if !self.doubted.is_empty() {
            self.doubted.remove(&path);
        }
    }

    /// From now on the file is not what it was, unless its content says so.
    pub(super) fn doubt(&mut self, path: PathId) {
        self.doubted.insert(path);
    }

    pub(super) fn is_doubted(&self, path: PathId) -> bool {
        self.doubted.contains(&path)
    }

    /// As [`Facts::set`], where nothing is forgotten of a file that looks as it did. Whether it does not.
    pub fn keep(&mut self, path: PathId, stat: Option<Stat>) -> bool {
        let is_other = self.seen.get(path) != Some(&packed(stat));
        if is_other {
            self.set(path, stat);
        }
        is_other
    }

    /// Writes down what was read. The run's alone.
    pub fn save(&mut self) -> anyhow::Result<()> {
        self.contents
            .as_mut()
            .map_or(Ok(()), |contents| contents.save())
    }

    /// The hash of a file's content, where that was looked at.
    pub fn hash(&self, path: PathId) -> Option<Hash> {
        self.hashes.get(&path).copied()
    }

    /// Notes the hash of a file's content.
    pub fn set_hash(&mut self, path: PathId, hash: Option<Hash>) {
        match hash {
            Some(hash) => self.hashes.insert(path, hash),
            None => self.hashes.remove(&path),
        };
    }

    /// Looks at the contents of those of `paths` that are there and of which it is not known,
    /// many at once. What cannot be read has no hash: its time and size decide.
    pub fn look_into(&mut self, plan: &Plan, disk: &dyn Disk, paths: &[PathId]) {
        let mut listed = HashSet::new();
        let is_unknown = |path: &&PathId| {
            let is_there = matches!(self.get(**path), Look::There { .. });
            is_there && !self.hashes.contains_key(*path) && !self.is_pretended(plan.path(**path))
        };
        let unknown = paths.iter().filter(is_unknown);
        let unknown: Vec<PathId> = unknown
            .copied()
            .filter(|path| listed.insert(*path))
            .collect();
        let mut unread = Vec::new();
        for path in unknown {
            let name = plan.path(path);
            let Ok(Some((stat, identity))) = disk.identify(name) else {
                continue;
            };
            let seen = Seen { stat, identity };
            match stat.kind {
                Kind::Folder => {
                    if let Some(hash) = folder::hash(disk, &mut self.contents, name) {
                        self.hashes.insert(path, hash);
                    }
                }
                Kind::Other => {}
                Kind::File => match self.contents.as_ref().and_then(|all| all.get(name, &seen)) {
                    Some(hash) => drop(self.hashes.insert(path, hash)),
                    None => unread.push((path, seen)),
                },
            }
        }
        let read = content::read_all(disk, &unread, |path| plan.path(path));
        for ((path, seen), read) in unread.into_iter().zip(read) {
            let Some(read) = read else { continue };
            self.hashes.insert(path, read.hash);
            if read.is_settled
                && let Some(contents) = &mut self.contents
            {
                contents.put(plan.path(path), &seen, read.hash);
            }
        }
    }

    /// Looks at the inputs and outputs of `jobs` that nobody has looked at. What cannot be looked
    /// at counts as missing and is added to `unreadable`.
    pub(super) fn look(
        &mut self,
        plan: &Plan,
        disk: &dyn Disk,
        jobs: &[JobId],
        unreadable: &mut Vec<(BString, String)>,
    ) {
        self.seen.grow(plan.paths.len(), UNKNOWN);
        let files = |&job| plan.inputs(job).iter().chain(plan.outputs(job)).copied();
        let paths = jobs.iter().flat_map(files);
        let unknown = paths.filter(|path| self.seen[*path] == UNKNOWN);
        if jobs.len() < MANY {
            let mut unknown: Vec<PathId> = unknown.collect();
            unknown.sort_unstable();
            unknown.dedup();
            return self.look_at(plan, disk, &unknown, unreadable);
        }
        let mut listed = BitSet::default();
        for path in unknown {
            listed.insert(path.index());
        }
        self.look_at_listed(plan, disk, &listed, unreadable);
    }

    /// Looks at these files.
    pub fn look_at(
        &mut self,
        plan: &Plan,
        disk: &dyn Disk,
        paths: &[PathId],
        unreadable: &mut Vec<(BString, String)>,
    ) {
        self.seen.grow(plan.paths.len(), UNKNOWN);
        if paths.len() < MANY {
            let changed = self.changed.as_ref();
            for &path in paths {
                let name = plan.path(path);
                let seen = disk.look(name);
                self.seen[path] = told(seen, changed, name, |why| {
                    unreadable.push((name.into(), why))
                });
            }
            return;
        }
        let mut listed = BitSet::default();
        for path in paths {
            listed.insert(path.index());
        }
        self.look_at_listed(plan, disk, &listed, unreadable);
    }

    /// As [`Facts::look_at`], for files by their numbers: in the order of these, which is mostly
    /// that of folders and names, and of memory.
    fn look_at_listed(
        &mut self,
        plan: &Plan,
        disk: &dyn Disk,
        listed: &BitSet,
        unreadable: &mut Vec<(BString, String)>,
    ) {
        let Facts { seen, changed, .. } = self;
        let name = |at: usize| plan.path(PathId::new(at));
        let wrong: Mutex<Vec<(usize, String)>> = Mutex::default();
        look_at_all(
            disk,
            seen.values_mut(),
            |at| listed.contains(at).then(|| name(at).as_ref()),
            |place, at, seen| {
                let note = |why| {
                    wrong
                        .lock()
                        .expect("no thread panics with it")
                        .push((at, why))
                };
                *place = told(seen, changed.as_ref(), name(at), note);
            },
            N_THREADS,
        );
        let mut wrong = wrong.into_inner().expect("no thread has panicked");
        wrong.sort_unstable();
        unreadable.extend(wrong.into_iter().map(|(at, why)| (name(at).into(), why)));
    }
}

/// What was seen, as it is kept. Why nothing could be seen goes to `wrong`, and counts as missing.
fn told(
    seen: io::Result<Option<Stat>>,
    changed: Option<&(HashSet<BString>, Time)>,
    name: &BStr,
    wrong: impl FnOnce(String),
) -> (Time, u64) {
    match seen {
        Ok(Some(mut stat)) => {
            if let Some((files, time)) = changed
                && files.contains(name)
            {
                stat.modified = *time;
            }
            packed(Some(stat))
        }
        Ok(None) => MISSING,
        Err(error) => {
            wrong(error.to_string());
            MISSING
        }
    }
}

fn packed(stat: Option<Stat>) -> (Time, u64) {
    match stat {
        None => MISSING,
        // A file as old as the marks is one nanosecond younger here.
        Some(stat) => (stat.modified.max(Time(i64::MIN + 1)), stat.size),
    }
}
