//! What was seen of each file: looked at once, in parallel where there are many.

use std::collections::HashSet;

use bstr::{BStr, BString};

use crate::dense::{BitSet, Id, Table};
use crate::disk::{Disk, Stat, Time, stat_all};
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
#[derive(Clone, Debug, Default)]
pub struct Facts {
    seen: Table<PathId, (Time, u64)>,
    /// Files that count as changed at this time, if they are there.
    changed: Option<(HashSet<BString>, Time)>,
}

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

    /// Notes what was seen of a file.
    pub fn set(&mut self, path: PathId, stat: Option<Stat>) {
        self.seen.grow(path.index() + 1, UNKNOWN);
        self.seen[path] = packed(stat);
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
        let mut listed = BitSet::default();
        let mut paths = Vec::new();
        self.seen.grow(plan.paths.len(), UNKNOWN);
        for &job in jobs {
            for &path in plan.inputs(job).iter().chain(plan.outputs(job)) {
                if self.seen[path] == UNKNOWN && listed.insert(path.index()) {
                    paths.push(path);
                }
            }
        }
        self.look_at(plan, disk, &paths, unreadable);
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
        let stats = stat_all(disk, paths.len(), |at| plan.path(paths[at]), N_THREADS);
        for (&path, stat) in paths.iter().zip(stats) {
            self.seen[path] = match stat {
                Ok(Some(mut stat)) => {
                    if let Some((files, time)) = &self.changed
                        && files.contains(plan.path(path))
                    {
                        stat.modified = *time;
                    }
                    packed(Some(stat))
                }
                Ok(None) => MISSING,
                Err(error) => {
                    unreadable.push((plan.path(path).into(), error.to_string()));
                    MISSING
                }
            };
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
