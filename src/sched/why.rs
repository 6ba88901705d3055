//! Questions about a run: where jobs stand, and what they wait for.

use std::cmp::Reverse;
use std::time::Duration;

use super::state::State;
use super::{JobIdx, Lack, NeedId, Resource, Sched};

/// How many jobs are in each state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts([u32; State::COUNT]);

impl Counts {
    /// Jobs in this state.
    pub fn of(&self, state: State) -> u32 {
        self.0[state as usize]
    }

    pub(super) fn add(&mut self, state: State, n_jobs: u32) {
        self.0[state as usize] += n_jobs;
    }

    pub(super) fn take(&mut self, state: State) {
        self.0[state as usize] -= 1;
    }

    /// Jobs whose state is not final.
    pub fn unfinished(&self) -> u32 {
        self.0[..State::Ok as usize].iter().sum()
    }
}

/// What keeps a job from starting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// So many upstream jobs and holds; [`Sched::each_upstream`] tells the jobs.
    Upstream(u32),
    /// To be judged by the caller.
    Judgement,
    /// The first thing that is short.
    For(Lack),
    /// A failed try, or one put back: until then.
    Until(Duration),
    /// The run is stopping: it will not start.
    Stopping,
    /// Nothing; the next step starts it.
    Nothing,
}

/// What a run as a whole waits for, after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Every job has its final state.
    Over,
    /// Something runs or is judged.
    Busy,
    /// Nothing to do before this time.
    Sleeping(Duration),
    /// Only holds are left: the caller has forgotten a [`Sched::release`].
    Held,
}

impl Sched {
    /// All jobs that were ever added, stand-ins included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No job was ever added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Where a job stands.
    pub fn state(&self, job: JobIdx) -> State {
        self.rows[job].state
    }

    /// Tries begun.
    pub fn attempt(&self, job: JobIdx) -> u32 {
        u32::from(self.rows[job].attempt)
    }

    /// Tries that it may have in all.
    pub fn max_tries(&self, job: JobIdx) -> u32 {
        u32::from(self.kinds[self.rows[job].kind].max_tries)
    }

    /// The failed job that a skipped one is skipped for.
    pub fn skipped_because(&self, job: JobIdx) -> Option<JobIdx> {
        let row = &self.rows[job];
        (row.state == State::Skipped).then_some(JobIdx(row.waiting_on))
    }

    /// Jobs by state; stand-ins are no jobs.
    pub fn job_counts(&self) -> Counts {
        self.jobs
    }

    /// Stand-ins by state.
    pub fn stand_in_counts(&self) -> Counts {
        self.stand_ins
    }

    pub(super) fn n_in(&self, state: State) -> u32 {
        self.jobs.of(state) + self.stand_ins.of(state)
    }

    pub(super) fn n_unfinished(&self) -> u32 {
        self.jobs.unfinished() + self.stand_ins.unfinished()
    }

    /// The jobs that run, by id.
    pub fn running(&self) -> impl ExactSizeIterator<Item = JobIdx> {
        self.running.iter().copied()
    }

    /// What running jobs take of a resource; of one without a total, 0.
    pub fn in_use(&self, resource: Resource) -> u64 {
        self.needs.in_use(resource)
    }

    /// All there is of a resource; of one that is not counted, 0.
    pub fn total(&self, resource: Resource) -> u64 {
        self.needs.total(resource)
    }

    /// Cores that running jobs take.
    pub fn cores_in_use(&self) -> u64 {
        self.in_use(Resource::Cores)
    }

    /// Nothing new starts: the run was stopped, or too many jobs failed.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// What a need wants beyond the total.
    pub fn cut(&self, need: NeedId) -> &[Lack] {
        self.needs.cut(need)
    }

    /// Each need with ready jobs: how many, and what they wait for.
    pub fn ready(&self) -> impl Iterator<Item = (NeedId, usize, Option<Lack>)> {
        let ready = self.queues.ready();
        ready.map(|(need, n_jobs)| (need, n_jobs, self.needs.lack(need)))
    }

    /// Why a job has not started; `None` for one that runs or has its final state.
    pub fn why_waiting(&self, job: JobIdx) -> Option<Waiting> {
        let row = &self.rows[job];
        Some(match row.state {
            State::Waiting | State::Ready | State::BackingOff if self.is_stopping => {
                Waiting::Stopping
            }
            State::Waiting if row.waiting_on > 0 => Waiting::Upstream(row.waiting_on),
            State::Waiting => Waiting::Nothing,
            State::Judging => Waiting::Judgement,
            State::Ready => {
                let (need, _) = self.kinds[row.kind].of_try(row.attempt + 1);
                self.needs.lack(need).map_or(Waiting::Nothing, Waiting::For)
            }
            State::BackingOff => {
                let mut all = self.backing_off.iter();
                let own = all.find(|Reverse((_, other))| *other == job);
                own.map_or(Waiting::Nothing, |Reverse((at, _))| Waiting::Until(*at))
            }
            _ => return None,
        })
    }

    /// Everything that a ready job takes and that there is too little of.
    pub fn lacks(&self, job: JobIdx) -> Vec<Lack> {
        let row = &self.rows[job];
        if row.state != State::Ready {
            return Vec::new();
        }
        let (need, _) = self.kinds[row.kind].of_try(row.attempt + 1);
        self.needs.lacks(need).collect()
    }

    /// The running jobs that have some of a resource, and how much.
    pub fn holders(&self, resource: Resource) -> impl Iterator<Item = (JobIdx, u64)> {
        let running = self.running.iter().copied();
        let amounts = running.map(move |job| {
            let need = self.need_now(job);
            (job, self.needs.amount(need, resource))
        });
        amounts.filter(|(_, amount)| *amount > 0)
    }

    /// Of each waiting job that `is_asked`, tells the unfinished ones that it waits for, as
    /// (downstream, upstream). Walks over all edges: milliseconds in a run of a million jobs, so
    /// for an answer to a person.
    pub fn each_upstream(
        &self,
        is_asked: impl Fn(JobIdx) -> bool,
        mut told: impl FnMut(JobIdx, JobIdx),
    ) {
        for (upstream, downstream) in self.graph.edges() {
            if !self.rows[upstream].state.is_final()
                && self.rows[downstream].state == State::Waiting
                && is_asked(downstream)
            {
                told(downstream, upstream);
            }
        }
    }

    /// What the run waits for, after a step.
    pub fn standing(&self) -> Standing {
        if self.n_unfinished() == 0 {
            return Standing::Over;
        }
        match self.backing_off.peek() {
            _ if self.n_in(State::Running) + self.n_in(State::Judging) > 0 => Standing::Busy,
            Some(&Reverse((at, _))) => Standing::Sleeping(at),
            None => Standing::Held,
        }
    }
}
