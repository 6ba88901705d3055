//! What a job waits for, with names: jobs before it, who has what it takes, splits, a time.

use std::cmp::Reverse;

use super::Moment;
use crate::plan::want::Wanted;
use crate::plan::{Entry, JobId};
use crate::run::Node;
use crate::run::ask::{After, Amount, Lack, Named, Root, Wait};
use crate::run::cluster::WORTH;
use crate::sched::{self, JobIdx, Resource, State, Waiting};
use crate::workflow::RuleId;

/// So many jobs are named where several are before one, or have what it waits for.
const NAMED: usize = 8;

/// A chain of jobs that wait for each other is followed so far: each step walks over all edges.
const LONGEST_CHAIN: usize = 32;

impl Moment<'_, '_> {
    pub(super) fn wait(&self, idx: JobIdx) -> Wait {
        let sched = &self.run.sched;
        match sched.why_waiting(idx) {
            Some(Waiting::Upstream(_)) => self.for_jobs(self.upstream(idx)),
            Some(Waiting::Judgement) => Wait::Check,
            Some(Waiting::For(_)) => Wait::Amounts {
                lacks: sched
                    .lacks(idx)
                    .iter()
                    .map(|lack| self.lack(lack))
                    .collect(),
            },
            Some(Waiting::Until(at)) => Wait::Backoff {
                for_s: at.saturating_sub(self.run.now()).as_secs_f64(),
                attempt: sched.attempt(idx) + 1,
                tries: sched.max_tries(idx),
            },
            Some(Waiting::Stopping) => Wait::Stopping,
            Some(Waiting::Nothing) | None => Wait::Turn,
        }
    }

    /// The unfinished jobs that a job waits for.
    fn upstream(&self, idx: JobIdx) -> Vec<JobIdx> {
        let mut upstream = Vec::new();
        let is_it = |other| other == idx;
        (self.run.sched).each_upstream(is_it, |_, job| upstream.push(job));
        upstream
    }

    /// The end of the chain that begins with a waiting job; `None` where it is too long to follow.
    fn root(&self, mut idx: JobIdx) -> Option<Root> {
        let sched = &self.run.sched;
        for _ in 0..LONGEST_CHAIN {
            let Waiting::Upstream(_) = sched.why_waiting(idx)? else {
                return Some(Root {
                    job: self.named_idx(idx),
                    wait: Some(Box::new(self.wait(idx))),
                });
            };
            let upstream = self.upstream(idx);
            let running = |idx: &&JobIdx| sched.state(**idx) == State::Running;
            if let Some(&running) = upstream.iter().find(running) {
                let job = self.named_idx(running);
                return Some(Root { job, wait: None });
            }
            idx = *upstream.first()?;
        }
        None
    }

    fn for_jobs(&self, upstream: Vec<JobIdx>) -> Wait {
        let first = upstream.first().copied();
        let any_runs = |upstream: &[JobIdx]| {
            let mut states = upstream.iter().map(|idx| self.run.sched.state(*idx));
            states.any(|state| state == State::Running)
        };
        let root = match any_runs(&upstream) {
            true => None,
            false => first.and_then(|first| self.root(first)),
        };
        let mut after = Vec::new();
        let mut jobs = Vec::new();
        for idx in upstream {
            match self.run.nodes[idx] {
                Node::Barrier(rule) => after.push(self.after(rule)),
                Node::Job(_) | Node::Then(_) => jobs.push(idx),
            }
        }
        // What runs first; each of the two in its order.
        jobs.sort_by_key(|idx| self.run.sched.state(*idx) != State::Running);
        Wait::Jobs {
            n: jobs.len() as u64,
            jobs: jobs
                .iter()
                .take(NAMED)
                .map(|idx| self.named_idx(*idx))
                .collect(),
            after,
            root,
        }
    }

    fn after(&self, rule: RuleId) -> After {
        let run = self.run;
        let jobs = run.plan.jobs_of(rule);
        let open = jobs.iter().filter_map(|job| self.idx(*job));
        let open = open.filter(|idx| !run.sched.state(*idx).is_final());
        After {
            rule: run.context.workflow.rules[rule].name.clone(),
            n: open.count() as u64,
            has_more: !run.plan.is_complete(rule),
        }
    }

    pub(super) fn amount(&self, resource: Resource) -> Amount {
        match resource {
            Resource::Cores if self.run.options.cluster.is_some() => Amount::Submissions,
            Resource::Cores => Amount::Cores,
            Resource::Limit(limit) if self.run.here == Some(limit) => Amount::Cores,
            Resource::Memory => Amount::MemMib,
            Resource::Gpus => Amount::Gpus,
            Resource::Limit(limit) => {
                let at = self.run.limits.iter().position(|own| *own == limit);
                let limits = self.run.context.workflow.limits.values();
                let name = at
                    .and_then(|at| limits.get(at))
                    .map(|limit| limit.name.clone());
                Amount::Limit(name.unwrap_or_default())
            }
        }
    }

    fn lack(&self, lack: &sched::Lack) -> Lack {
        let mut holders: Vec<(JobIdx, u64)> = self.run.sched.holders(lack.resource).collect();
        let n = holders.len() as u64;
        holders.sort_by_key(|(_, amount)| Reverse(*amount));
        holders.truncate(NAMED);
        let jobs = holders.into_iter().map(|(idx, amount)| Named {
            has: Some(amount),
            ..self.named_idx(idx)
        });
        let of = self.amount(lack.resource);
        let mut lack = Lack {
            wanted: lack.wanted,
            free: lack.there,
            total: self.run.sched.total(lack.resource),
            n,
            jobs: jobs.collect(),
            of,
        };
        if lack.of == Amount::Submissions {
            // Jobs that go together take a part of one each.
            let worth = u64::from(WORTH);
            lack.wanted = lack.wanted.div_ceil(worth);
            lack.free /= worth;
            lack.total /= worth;
            lack.jobs.iter_mut().for_each(|job| job.has = None);
        }
        lack
    }

    pub(super) fn behind_splits(&self, job: JobId) -> Wait {
        let mut before = Wanted::default();
        before.add(&self.run.plan, self.run.context, [Entry::Job(job)]);
        Wait::Splits {
            splits: self.splits(&before),
        }
    }

    /// The splits among these jobs that have still to run.
    pub(super) fn splits(&self, among: &Wanted) -> Vec<Named> {
        let jobs = self.run.plan.jobs.ids();
        let splits = jobs.filter(|job| among.has(*job) && self.run.is_split_to_come(*job));
        let mut splits: Vec<Named> = splits.map(|job| self.named(job)).collect();
        splits.sort_by_key(|split| split.for_s.is_none());
        splits.truncate(NAMED);
        splits
    }
}
