//! How long jobs are likely to take, by what they took: what takes long is started in time.

use std::collections::HashMap;

use super::Engine;
use crate::plan::JobId;
use crate::workflow::RuleId;

/// So many jobs of a rule say what another one of it takes.
const SAMPLE: usize = 64;

/// What is shorter, in seconds, is the same: no two runs take the same milliseconds, and among jobs
/// that take no time the order of the file is easier to follow.
const STEP: f64 = 0.1;

/// A mean that grows.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    n: u32,
}

impl Mean {
    fn add(&mut self, seconds: f64) {
        self.sum += seconds;
        self.n += 1;
    }

    fn get(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / f64::from(self.n))
    }
}

impl Engine<'_> {
    /// What each of `jobs` weighs, in seconds: what it took when it last succeeded. One that has
    /// not weighs what others of its rule do on average; where none has, what all do.
    pub(super) fn weights(&self, jobs: &[JobId]) -> Vec<f32> {
        let own: Vec<Option<f64>> = jobs.iter().map(|&job| self.took(job)).collect();
        let mut all = Mean::default();
        own.iter().flatten().for_each(|&seconds| all.add(seconds));
        let mut rules: HashMap<RuleId, Option<f64>> = HashMap::new();
        let weights = jobs.iter().zip(own).map(|(&job, own)| {
            let rule = self.plan.jobs[job].rule;
            let seconds = own.or_else(|| *rules.entry(rule).or_insert_with(|| self.usual(rule)));
            let seconds = seconds.or(all.get()).unwrap_or(1.0);
            ((seconds / STEP).round().max(1.0) * STEP) as f32
        });
        weights.collect()
    }

    fn took(&self, job: JobId) -> Option<f64> {
        let past = self.history.last(self.plan.key(job))?.past?;
        past.wall_ms.map(|ms| ms as f64 / 1e3)
    }

    fn usual(&self, rule: RuleId) -> Option<f64> {
        let mut mean = Mean::default();
        let jobs = self.plan.jobs_of(rule).into_iter();
        let took = jobs.take(SAMPLE).filter_map(|job| self.took(job));
        took.for_each(|seconds| mean.add(seconds));
        mean.get()
    }
}
