//! Where in a history's bytes the records of each job lie: 16 bytes a job beside a hash table.
//!
//! A job's key, and how its last try ended, are read where they lie, in its last record.

use std::cell::Cell;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;

use super::log;
use super::past::take_text;

/// Where the payloads of a job's records begin; 0 stands for none, since a file begins with its head.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Records {
    /// The last one.
    pub last: usize,
    /// The last success.
    pub past: usize,
}

/// Records by job, in the order in which the jobs were first met.
#[derive(Default)]
pub(super) struct Index {
    jobs: Vec<Records>,
    by_key: HashTable<u32>,
    /// The job behind the one that was last asked for. A plan asks in nearly the order in which an
    /// earlier run has written, and a guess that is right costs no look into the table.
    next: Cell<usize>,
}

fn hash(key: &[u8]) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// The key of the job whose record begins at `start`.
pub(super) fn key(bytes: &[u8], start: usize) -> &[u8] {
    let mut rest = &log::payload(bytes, start)[1..];
    take_text(&mut rest).expect("records without a key are not taken in")
}

impl Index {
    /// Makes room for so many jobs.
    pub fn reserve(&mut self, bytes: &[u8], n: usize) {
        let Index { jobs, by_key, .. } = self;
        jobs.reserve(n);
        by_key.reserve(n, |&at| hash(key(bytes, jobs[at as usize].last)));
    }

    pub fn iter(&self) -> impl Iterator<Item = Records> {
        self.jobs.iter().copied()
    }

    /// The records of a job.
    pub fn find(&self, bytes: &[u8], job: &[u8]) -> Option<Records> {
        let is_it = |at: usize| key(bytes, self.jobs[at].last) == job;
        let guess = self.next.get();
        let at = match guess < self.jobs.len() && is_it(guess) {
            true => guess,
            false => *self.by_key.find(hash(job), |&at| is_it(at as usize))? as usize,
        };
        self.next.set(at + 1);
        Some(self.jobs[at])
    }

    /// The records of the job whose newest begins at `start`. Those of a job that is new are that one.
    pub fn enter(&mut self, bytes: &[u8], start: usize) -> &mut Records {
        let Index { jobs, by_key, .. } = self;
        let own = key(bytes, start);
        let entry = by_key.entry(
            hash(own),
            |&at| key(bytes, jobs[at as usize].last) == own,
            |&at| hash(key(bytes, jobs[at as usize].last)),
        );
        let at = match entry {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(place) => {
                let at = u32::try_from(jobs.len()).expect("fewer than 2^32 jobs");
                place.insert(at);
                jobs.push(Records {
                    last: start,
                    past: 0,
                });
                at
            }
        };
        &mut jobs[at as usize]
    }
}
