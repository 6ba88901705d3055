//! The answer for a rule: its jobs counted, by where they stand, what they wait for and why they run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::Discriminant;

use bstr::BString;

use super::Moment;
use crate::plan::JobId;
use crate::run::Node;
use crate::run::ask::{Amount, Counts, Reasons, RuleAnswer, Short, Waits};
use crate::sched::{JobIdx, State, Waiting};
use crate::stale::Reason;
use crate::workflow::RuleId;

/// What jobs of a rule have in common that wait.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Common {
    /// For jobs of this rule, or to come after it.
    Rule(RuleId),
    Amount(Amount),
    Splits,
    Backoff,
    Check,
    Stopping,
    Turn,
}

impl Moment<'_, '_> {
    pub(super) fn rule(&self, rule: RuleId) -> RuleAnswer {
        let run = self.run;
        let jobs = run.plan.jobs_of(rule);
        let mut counts = Counts::default();
        for &job in &jobs {
            *match self.short(job) {
                Short::Waiting => &mut counts.waiting,
                Short::Queued | Short::Running => &mut counts.running,
                Short::Fresh => &mut counts.fresh,
                Short::Done => &mut counts.done,
                Short::Failed => &mut counts.failed,
                Short::Skipped => &mut counts.skipped,
                Short::Cancelled => &mut counts.cancelled,
                Short::Unknown => &mut counts.unknown,
                Short::NotAsked => &mut counts.not_asked,
            } += 1;
        }
        RuleAnswer {
            rule: run.context.workflow.rules[rule].name.clone(),
            counts,
            has_more: !run.plan.is_complete(rule),
            waits: self.waits(&jobs),
            because: self.reasons(&jobs),
        }
    }

    fn waits(&self, jobs: &[JobId]) -> Vec<Waits> {
        let asked: HashSet<JobIdx> = jobs.iter().filter_map(|job| self.idx(*job)).collect();
        // One job before each, one that runs if there is one: all of them would be too many.
        let mut before: HashMap<JobIdx, JobIdx> = HashMap::new();
        let sched = &self.run.sched;
        let runs = |idx: JobIdx| sched.state(idx) == State::Running;
        sched.each_upstream(
            |idx| asked.contains(&idx),
            |idx, upstream| {
                let known = before.entry(idx).or_insert(upstream);
                if runs(upstream) && !runs(*known) {
                    *known = upstream;
                }
            },
        );
        let mut groups: HashMap<Common, (usize, u64, JobId)> = HashMap::new();
        for &job in jobs {
            if let Some(common) = self.common(job, &before) {
                let order = groups.len();
                groups.entry(common).or_insert((order, 0, job)).1 += 1;
            }
        }
        let mut groups: Vec<(Common, (usize, u64, JobId))> = groups.into_iter().collect();
        groups.sort_by_key(|(_, (order, n, _))| (Reverse(*n), *order));
        let waits = groups.into_iter().map(|(common, (_, n, job))| Waits {
            n,
            rule: match common {
                Common::Rule(rule) => Some(self.run.context.workflow.rules[rule].name.clone()),
                _ => None,
            },
            job: BString::from(self.run.plan.key(job)),
            wait: match self.idx(job) {
                Some(idx) => self.wait(idx),
                None => self.behind_splits(job),
            },
        });
        waits.collect()
    }

    /// What a job that waits has in common with others; `None` for one that does not.
    fn common(&self, job: JobId, before: &HashMap<JobIdx, JobIdx>) -> Option<Common> {
        let Some(idx) = self.idx(job) else {
            return (self.short(job) == Short::Unknown).then_some(Common::Splits);
        };
        Some(match self.run.sched.why_waiting(idx)? {
            Waiting::Upstream(_) => match self.run.nodes[*before.get(&idx)?] {
                Node::Job(upstream) => Common::Rule(self.run.plan.jobs[upstream].rule),
                Node::Barrier(rule) | Node::Then(rule) => Common::Rule(rule),
            },
            Waiting::Judgement => Common::Check,
            Waiting::For(lack) => Common::Amount(self.amount(lack.resource)),
            Waiting::Until(_) => Common::Backoff,
            Waiting::Stopping => Common::Stopping,
            Waiting::Nothing => Common::Turn,
        })
    }

    fn reasons(&self, jobs: &[JobId]) -> Vec<Reasons> {
        let mut kinds: HashMap<Discriminant<Reason>, (usize, u64, JobId, Reason)> = HashMap::new();
        for &job in jobs {
            if let Some(reason) = self.reason(job) {
                let new = (kinds.len(), 0, job, reason);
                kinds
                    .entry(std::mem::discriminant(&reason))
                    .or_insert(new)
                    .1 += 1;
            }
        }
        let sorted: BTreeMap<_, _> = kinds
            .into_values()
            .map(|(order, n, job, reason)| ((Reverse(n), order), (job, reason)))
            .collect();
        let reasons = sorted.into_iter().map(|((n, _), (job, reason))| Reasons {
            n: n.0,
            job: BString::from(self.run.plan.key(job)),
            because: self.because(job, reason),
        });
        reasons.collect()
    }
}
