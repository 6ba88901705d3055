//! Who follows whom, and how long the way to the end is. Grows by batches, never shrinks.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::state::{JobIdx, Row};
use crate::dense::{Id, Table};

/// Downstream edges. Those from a job to jobs of its own or an earlier batch lie in two arrays;
/// those to jobs of a later batch, which are few sources, beside them.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// Where each job's followers begin; they end where the next job's begin.
    starts: Vec<u32>,
    followers: Vec<JobIdx>,
    late: HashMap<JobIdx, Vec<JobIdx>, FxBuildHasher>,
}

impl Graph {
    /// Adds jobs up to `n_jobs`, and the edges (upstream, downstream) that touch a new or an old
    /// job. `edges` is walked twice and must say the same both times; `is_needed` is asked once
    /// for each: an edge from a job that has ended need not be kept.
    pub fn add<E>(
        &mut self,
        n_jobs: usize,
        edges: &impl Fn() -> E,
        mut is_needed: impl FnMut(JobIdx, JobIdx) -> bool,
    ) where
        E: Iterator<Item = (JobIdx, JobIdx)>,
    {
        let first = self.starts.len();
        let base = self.followers.len();
        self.starts.resize(n_jobs, 0);
        for (upstream, downstream) in edges() {
            let is_needed = is_needed(upstream, downstream);
            if upstream.index() >= first {
                self.starts[upstream.index()] += 1;
            } else if is_needed {
                self.late.entry(upstream).or_default().push(downstream);
            }
        }
        let mut end = base;
        for start in &mut self.starts[first..] {
            let n_followers = *start as usize;
            *start = u32::try_from(end).expect("fewer than 2^32 edges");
            end += n_followers;
        }
        u32::try_from(end).expect("fewer than 2^32 edges");
        self.followers.resize(end, JobIdx(0));
        for (upstream, downstream) in edges() {
            if upstream.index() >= first {
                let next = &mut self.starts[upstream.index()];
                self.followers[*next as usize] = downstream;
                *next += 1;
            }
        }
        // Each start has moved to its end, which is where the next one begins.
        if first < n_jobs {
            self.starts[first..].rotate_right(1);
            self.starts[first] = base as u32;
        }
    }

    /// The jobs that wait for `job`.
    pub fn followers(&self, job: JobIdx) -> impl Iterator<Item = JobIdx> {
        let late = match self.late.is_empty() {
            true => None,
            false => self.late.get(&job),
        };
        let late = late.into_iter().flatten();
        self.early(job).iter().chain(late).copied()
    }

    fn early(&self, job: JobIdx) -> &[JobIdx] {
        let start = self.starts[job.index()] as usize;
        let end = match self.starts.get(job.index() + 1) {
            Some(&end) => end as usize,
            None => self.followers.len(),
        };
        &self.followers[start..end]
    }

    /// Turns the weights of the jobs from `first` on, which stand in `path`, into longest
    /// remaining paths. `is_sorted`: every edge among them leads to a higher index.
    pub fn find_paths(&self, rows: &mut Table<JobIdx, Row>, first: usize, is_sorted: bool) {
        let mut measure = |index: usize| {
            let job = JobIdx::new(index);
            let followers = self.followers(job);
            let ahead = followers.fold(0.0f32, |longest, next| longest.max(rows[next].path));
            rows[job].path += ahead;
        };
        if is_sorted {
            (first..self.starts.len()).rev().for_each(&mut measure);
        } else {
            self.in_order(first).into_iter().rev().for_each(measure);
        }
    }

    /// The jobs from `first` on, upstream ones first.
    fn in_order(&self, first: usize) -> Vec<usize> {
        let n_new = self.starts.len() - first;
        let new_followers = |index: usize| {
            let followers = self.followers(JobIdx::new(index));
            followers.map(Id::index).filter(move |&next| next >= first)
        };
        let mut n_upstream = vec![0u32; n_new];
        for index in first..self.starts.len() {
            for next in new_followers(index) {
                n_upstream[next - first] += 1;
            }
        }
        let mut sorted: Vec<usize> = (first..self.starts.len())
            .filter(|&index| n_upstream[index - first] == 0)
            .collect();
        let mut n_done = 0;
        while let Some(&index) = sorted.get(n_done) {
            n_done += 1;
            for next in new_followers(index) {
                n_upstream[next - first] -= 1;
                if n_upstream[next - first] == 0 {
                    sorted.push(next);
                }
            }
        }
        assert_eq!(sorted.len(), n_new, "jobs wait for each other in a circle");
        sorted
    }

    /// Every edge, (upstream, downstream), by its upstream job.
    pub fn edges(&self) -> impl Iterator<Item = (JobIdx, JobIdx)> {
        (0..self.starts.len())
            .map(JobIdx::new)
            .flat_map(|upstream| {
                let followers = self.followers(upstream);
                followers.map(move |downstream| (upstream, downstream))
            })
    }
}
