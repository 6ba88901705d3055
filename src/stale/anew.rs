//! Files that were made anew and have the time on record all the same, which then tells nothing.
//!
//! Some file systems know whole seconds only, and no kernel's clock moves with each write: what a job
//! makes twice within a step of it has one time. Whether a time was given by that clock or set by the
//! job, as by `cp -p`, is told by that of the last change, which nobody can set.

use super::Judge;
use super::facts::Look;
use crate::dense::Id;
use crate::disk::{Disk, Time};
use crate::history::History;
use crate::plan::{JobId, PathId, Plan};

/// The longest steps in which times move, in nanoseconds: those of FAT for whole seconds, and those of
/// kernels otherwise.
const STEPS: (i64, i64) = (2_000_000_000, 20_000_000);

/// Whether a file was made, or written, after `since`, and has the time at which that was: as far as its
/// last change tells. What was left alone changed before, and what was given its time, later than that.
fn is_of_making(modified: Time, changed: Time, since: Time) -> bool {
    let step = match modified.0 % 1_000_000_000 {
        0 => STEPS.0,
        _ => STEPS.1,
    };
    let is_since = changed.0.saturating_add(step) > since.0;
    is_since && (0..step).contains(&changed.0.saturating_sub(modified.0))
}

impl Judge {
    /// The file is what it was, and was given its time again.
    pub fn set_restored(&mut self, path: PathId) {
        self.restored.insert(path.index());
    }

    /// Doubts those inputs of `jobs` that other jobs have made in this run and that seem to be the ones
    /// on record, where nothing but their time and size says so.
    pub(super) fn doubt_what_is_anew(
        &mut self,
        plan: &Plan,
        disk: &dyn Disk,
        history: &dyn History,
        jobs: &[JobId],
    ) {
        let Some(since) = self.ran_since else {
            return;
        };
        for &job in jobs {
            let past = history.last(plan.key(job)).and_then(|last| last.past);
            let files = past
                .into_iter()
                .flat_map(|past| past.inputs().chain(past.found()));
            for file in files {
                let Some(path) = plan.paths.find(file.path) else {
                    continue;
                };
                let (time, size) = (file.time, file.size);
                let is_anew = (plan.producer(path)).is_some_and(|by| self.ran.contains(by.index()));
                if is_anew
                    && !self.restored.contains(path.index())
                    && self.facts.get(path) == (Look::There { time, size })
                    && let Ok(Some((_, identity))) = disk.identify(file.path)
                    && is_of_making(time, identity.changed, since)
                {
                    self.facts.doubt(path);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_was_set_is_older_than_the_change_and_what_was_left_alone_is_older() {
        let second = 1_000_000_000;
        let since = 6 * second;
        for (modified, changed, since, is_so) in [
            (7 * second, 7 * second, since, true),
            (7 * second, 7 * second, 7 * second + 999_999_999, true),
            (7 * second, 8 * second - 1, since, true),
            (7 * second, 9 * second, since, false),
            (7 * second, 3600 * second, since, false),
            (7 * second + 1, 7 * second + 10_000_000, since, true),
            (7 * second + 1, 7 * second + 30_000_000, since, false),
            // Set ahead of the clock.
            (7 * second, 6 * second, since, false),
            // Left alone.
            (7 * second + 1, 7 * second + 1, 8 * second, false),
            (7 * second, 7 * second, 10 * second, false),
        ] {
            let found = is_of_making(Time(modified), Time(changed), Time(since));
            assert_eq!(found, is_so, "{modified} {changed} {since}");
        }
    }
}
