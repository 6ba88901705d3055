//! What follows from a job: the jobs behind it, and how long they took when they last ran.

use crate::dense::{BitSet, Id, Rows};
use crate::history::History;
use crate::plan::{Context, JobId, Plan};

/// Jobs behind others, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Follow {
    pub n_jobs: u64,
    /// Summed over those of which it is known.
    pub wall_ms: u64,
    /// How many were timed.
    pub n_timed: u64,
    /// A split among them brings jobs that nobody knows yet.
    pub has_more: bool,
}

/// By job: those that read what it makes.
pub struct Consumers(Rows<JobId>);

impl Consumers {
    pub fn new(plan: &Plan) -> Consumers {
        let edges = || {
            plan.jobs.ids().flat_map(|job| {
                let producers = plan.inputs(job).iter();
                let producers = producers.filter_map(|path| plan.producer(*path));
                let others = producers.filter(move |producer| *producer != job);
                others.map(move |producer| (producer.index(), job))
            })
        };
        Consumers(Rows::group(plan.jobs.len(), edges))
    }

    pub fn of(&self, job: JobId) -> &[JobId] {
        self.0.row(job.index())
    }

    /// All jobs behind `jobs`, without themselves.
    pub fn behind(&self, jobs: &[JobId]) -> Vec<JobId> {
        let mut seen = BitSet::default();
        for job in jobs {
            seen.insert(job.index());
        }
        let mut found = Vec::new();
        let mut rest = jobs.to_vec();
        while let Some(job) = rest.pop() {
            for &next in self.of(job) {
                if seen.insert(next.index()) {
                    found.push(next);
                    rest.push(next);
                }
            }
        }
        found
    }
}

/// Counts jobs, and adds up the time that they took.
pub fn count(
    plan: &Plan,
    context: Context,
    history: &dyn History,
    jobs: impl IntoIterator<Item = JobId>,
) -> Follow {
    let mut follow = Follow::default();
    for job in jobs {
        follow.n_jobs += 1;
        let past = history.last(plan.key(job)).and_then(|last| last.past);
        if let Some(wall_ms) = past.and_then(|past| past.wall_ms) {
            follow.wall_ms += wall_ms;
            follow.n_timed += 1;
        }
        let rule = plan.rule_of(context.workflow, job);
        follow.has_more |= rule.makes_unknown_files() && plan.made(job).is_none();
    }
    follow
}
