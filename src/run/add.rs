//! Hands jobs that must run to the scheduler: at first, and again whenever the plan has grown.

use std::collections::{BTreeSet, HashSet};

use super::{Barrier, Engine, Node};
use crate::dense::Id;
use crate::plan::JobId;
use crate::sched::{self, Job, JobIdx, Kind, KindId, Need, OnReady, State};
use crate::workflow::RuleId;

impl Engine<'_> {
    /// Adds the stale jobs among those that became known since the last time.
    pub(super) fn add_known(&mut self) {
        // Jobs that were fresh may have to run now.
        let has_changed = self.judge.take_has_changed();
        let from = match has_changed || self.wanted.needs_rescan() {
            true => 0,
            false => self.n_added,
        };
        // Again, when its temporary files turn out to be needed.
        let is_new = |job: JobId| match self.idx.get(job) {
            Some(&Some(idx)) => self.sched.state(idx).is_good(),
            _ => true,
        };
        let known = self.plan.known[from..].iter().copied();
        let new: Vec<JobId> = known
            .filter(|&job| self.wanted.has(job) && self.judge.will_run(job) && is_new(job))
            .collect();
        self.n_added = self.plan.known.len();
        self.add_jobs(&new);
        if has_changed && self.n_tasks > 0 {
            self.hold_back_readers(&new);
        }
        self.release_barriers();
    }

    /// Lets jobs that were added before wait for those of `late` whose files they read.
    fn hold_back_readers(&mut self, late: &[JobId]) {
        let late: HashSet<JobId> = late.iter().copied().collect();
        let mut edges: Vec<(JobIdx, JobIdx)> = Vec::new();
        for &job in &self.plan.known {
            let Some(&Some(idx)) = self.idx.get(job) else {
                continue;
            };
            if late.contains(&job) || self.sched.state(idx) != State::Waiting {
                continue;
            }
            let producers = self.plan.inputs(job).iter();
            let producers: HashSet<JobId> = producers
                .filter_map(|input| self.plan.producer(*input))
                .filter(|producer| late.contains(producer))
                .collect();
            let upstream = producers.iter().filter_map(|producer| self.idx[*producer]);
            edges.extend(upstream.map(|upstream| (upstream, idx)));
        }
        self.sched.add([], || edges.iter().copied());
    }

    /// Adds jobs, upstream first, with an edge from each job that makes an input.
    pub(super) fn add_jobs(&mut self, jobs: &[JobId]) {
        if jobs.is_empty() {
            return;
        }
        let mut rows = Vec::with_capacity(jobs.len());
        let mut edges: Vec<(JobIdx, JobIdx)> = Vec::new();
        let first = self.sched.len();
        self.idx.grow(self.plan.jobs.len(), None);
        for (at, &job) in jobs.iter().enumerate() {
            self.idx[job] = Some(JobIdx::new(first + at));
        }
        let weights = self.weights(jobs);
        for (at, &job) in jobs.iter().enumerate() {
            let rule = self.plan.jobs[job].rule;
            let order = (rule.index() as u64) << 32 | job.index() as u64;
            let kind = self.kind(rule);
            rows.push(Job {
                kind,
                on_ready: self.on_ready(job),
                weight: weights[at],
                order,
            });
            let own = JobIdx::new(first + at);
            let n_edges = edges.len();
            for &input in self.plan.inputs(job) {
                if let Some(producer) = self.plan.producer(input)
                    && let Some(Some(upstream)) = self.idx.get(producer)
                    && *upstream != own
                {
                    edges.push((*upstream, own));
                }
            }
            for &input in self.judge.extra_inputs(job) {
                // One further down would close a circle.
                if let Some(producer) = self.plan.producer(input)
                    && let Some(&Some(upstream)) = self.idx.get(producer)
                    && upstream < own
                {
                    edges.push((upstream, own));
                }
            }
            // A job that makes several inputs counts once.
            edges[n_edges..].sort();
            let mut kept = n_edges;
            for at in n_edges..edges.len() {
                if at == n_edges || edges[at] != edges[kept - 1] {
                    edges[kept] = edges[at];
                    kept += 1;
                }
            }
            edges.truncate(kept);
        }
        let added = self.sched.add(rows, || edges.iter().copied());
        debug_assert_eq!(added.index(), first);
        for (at, &job) in jobs.iter().enumerate() {
            self.nodes.push(Node::Job(job));
            if let Some(taken) = self.taken_up.get(&job) {
                let idx = JobIdx::new(first + at);
                self.sched
                    .go_on_after(idx, taken.attempt().saturating_sub(1));
            }
        }
        let mut rules: Vec<RuleId> = jobs.iter().map(|job| self.plan.jobs[*job].rule).collect();
        rules.sort();
        rules.dedup();
        for rule in rules {
            self.add_then(rule, jobs);
        }
        for &job in jobs {
            let rule = self.plan.jobs[job].rule;
            for after in self.context.workflow.rules[rule].after.clone() {
                let barrier = self.barrier(after);
                let own = self.idx[job].expect("it was just added");
                self.sched.add([], || [(barrier, own)].into_iter());
            }
            // A late job of a rule that others wait for.
            if let Some(barrier) = self.barriers.get(&rule)
                && barrier.is_held
            {
                let edge = (self.idx[job].expect("it was just added"), barrier.idx);
                self.sched.add([], || [edge].into_iter());
            }
        }
    }

    /// A job that runs only because of one before it is judged again when its inputs are there; so is
    /// one whose `check` was not asked yet, and one that must not run, to say so in its turn.
    fn on_ready(&self, job: JobId) -> OnReady {
        match self.judge.verdict(job).is_maybe() || self.is_unasked(job) || self.is_guarded(job) {
            true => OnReady::Judge,
            false => OnReady::Start,
        }
    }

    /// The node that waits for all jobs of `rule`.
    pub(super) fn barrier(&mut self, rule: RuleId) -> JobIdx {
        if let Some(barrier) = self.barriers.get(&rule) {
            return barrier.idx;
        }
        let jobs = self.plan.jobs_of(rule).into_iter();
        let upstream: Vec<JobIdx> = jobs
            .filter_map(|job| self.idx.get(job).copied().flatten())
            .collect();
        let kind = self.kind(rule);
        let row = Job {
            kind,
            on_ready: OnReady::Resolve,
            weight: 0.0,
            order: 0,
        };
        let own = JobIdx::new(self.sched.len());
        let idx = self
            .sched
            .add([row], || upstream.iter().map(|&job| (job, own)));
        self.nodes.push(Node::Barrier(rule));
        let is_held = !self.plan.is_complete(rule);
        if is_held {
            self.sched.hold(idx);
        }
        self.barriers.insert(rule, Barrier { idx, is_held });
        idx
    }

    /// All jobs of the rule are done, or those that are not known will never be.
    pub(super) fn pass_barrier(&mut self, idx: JobIdx) {
        let verdict = match self.nodes[idx] {
            Node::Barrier(rule) if !self.plan.is_complete(rule) => sched::Verdict::Failed,
            _ => sched::Verdict::Fresh,
        };
        self.judged(idx, verdict);
    }

    /// Lets go of all barriers, since nothing more will come. False when there are none.
    pub(super) fn let_go_barriers(&mut self) -> bool {
        let mut is_any = false;
        for barrier in self.barriers.values_mut() {
            if std::mem::take(&mut barrier.is_held) {
                is_any = true;
                self.sched.release(barrier.idx);
            }
        }
        is_any
    }

    /// Lets go of barriers whose rules are known by now.
    fn release_barriers(&mut self) {
        for (rule, barrier) in &mut self.barriers {
            if barrier.is_held && self.plan.is_complete(*rule) {
                barrier.is_held = false;
                self.sched.release(barrier.idx);
            }
        }
    }

    /// What the scheduler knows of all jobs of a rule.
    fn kind(&mut self, rule: RuleId) -> KindId {
        if let Some(&kind) = self.kinds.get(&rule) {
            return kind;
        }
        let found = &self.context.workflow.rules[rule];
        // A rule that names one twice holds it once.
        let limits = found
            .needs
            .limits
            .iter()
            .map(|limit| self.limits[limit.index()])
            .collect::<BTreeSet<_>>();
        let limits = limits.into_iter().collect::<Vec<_>>();
        let need = |attempt: usize| Need {
            cores: found.needs.cores_of(attempt as u32),
            mem_mib: found.needs.mem_mib.of(attempt as u32).unwrap_or(0),
            gpus: found.needs.gpus.of(attempt as u32).unwrap_or(0),
            limits: limits.clone(),
        };
        let needs = (1..=found.needs.n_tries())
            .map(|attempt| self.need_out(rule, need(attempt)))
            .collect::<Vec<_>>();
        let needs = needs
            .into_iter()
            .map(|need| self.sched.need(need))
            .collect();
        let kind = self.sched.kind(Kind {
            needs,
            priority: found.priority,
            tries: 1 + found.retries.unwrap_or(self.options.retries),
            backoff: found.backoff,
        });
        self.kinds.insert(rule, kind);
        self.warn_of_too_many_cores(rule);
        kind
    }
}
