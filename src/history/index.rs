//! Where in a history's bytes the records of each job lie: 8 bytes a job, and what it takes to find it.
//!
//! A job's key, and how its last try ended, are read where they lie, in its last record.

use rustc_hash::FxHashMap;

use super::log;
use super::past::take_text;
use crate::dense::Finder;

/// How the record of a success begins.
pub(super) const DONE: u8 = b'd';

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
    /// The last record of each.
    jobs: Vec<usize>,
    /// The last success of jobs whose last record is none: of few.
    pasts: FxHashMap<u32, usize>,
    /// Jobs by their keys. A run has begun jobs in nearly the order in which they are planned, that of
    /// names, and a plan asks in this order.
    by_key: Finder,
}

/// The key of the job whose record begins at `start`.
pub(super) fn key(bytes: &[u8], start: usize) -> &[u8] {
    let mut rest = &log::payload(bytes, start)[1..];
    take_text(&mut rest).expect("records without a key are not taken in")
}

fn is_success(bytes: &[u8], start: usize) -> bool {
    bytes.get(start) == Some(&DONE)
}

impl Index {
    /// Makes room for so many jobs.
    pub fn reserve(&mut self, bytes: &[u8], n: usize) {
        let Index { jobs, by_key, .. } = self;
        jobs.reserve(n);
        by_key.reserve(n, |at| key(bytes, jobs[at as usize]));
    }

    /// The records of each job.
    pub fn iter(&self, bytes: &[u8]) -> impl Iterator<Item = Records> {
        (0..self.jobs.len()).map(|at| self.records(bytes, at))
    }

    fn records(&self, bytes: &[u8], at: usize) -> Records {
        let last = self.jobs[at];
        let past = match is_success(bytes, last) {
            true => last,
            false => self.pasts.get(&(at as u32)).copied().unwrap_or(0),
        };
        Records { last, past }
    }

    /// The records of a job.
    pub fn find(&self, bytes: &[u8], job: &[u8]) -> Option<Records> {
        let n = self.jobs.len() as u32;
        let at = |at| key(bytes, self.jobs[at as usize]);
        let found = self.by_key.find(job, n, at)?;
        Some(self.records(bytes, found as usize))
    }

    /// Takes in the record at `start`, the newest of its job: what the job had before, if it is known.
    pub fn enter(&mut self, bytes: &[u8], start: usize) -> Option<Records> {
        let Index { jobs, by_key, .. } = self;
        let own = key(bytes, start);
        let n = u32::try_from(jobs.len()).expect("fewer than 2^32 jobs");
        let n_more = jobs.capacity() - jobs.len();
        let found = by_key.find_or_add(own, n, n_more, |at| key(bytes, jobs[at as usize]));
        let Some(at) = found else {
            jobs.push(start);
            return None;
        };
        let before = self.records(bytes, at as usize);
        self.jobs[at as usize] = start;
        if is_success(bytes, start) {
            self.pasts.remove(&at);
        } else if before.past != 0 {
            self.pasts.insert(at, before.past);
        }
        Some(before)
    }
}
