//! The world's own books: who may go, what is taken, and whether the scheduler agrees.

use super::*;

impl World {
    pub fn is_ending(&self) -> bool {
        let most = self.script.options.max_fail;
        self.is_stopped || most.is_some_and(|most| self.n_failures >= most.max(1))
    }

    /// All upstream has ended well: it may be started, judged or resolved.
    pub fn check_may_go(&self, job: JobIdx) -> usize {
        let job = self.spec[job.index()];
        assert_eq!(self.fates[job], Fate::Idle);
        assert!(
            self.is_free(job),
            "{} goes too early",
            self.script.jobs[job].name
        );
        job
    }

    fn is_free(&self, job: usize) -> bool {
        let mut upstream = self.script.jobs[job].upstream.iter();
        upstream.all(|&up| matches!(self.fates[up], Fate::Final(State::Ok | State::Fresh)))
    }

    pub fn is_upstream(&self, of: usize, job: usize) -> bool {
        let mut above = vec![job];
        let mut n_seen = 0;
        while let Some(&next) = above.get(n_seen) {
            n_seen += 1;
            for &up in &self.script.jobs[next].upstream {
                if !above.contains(&up) {
                    above.push(up);
                }
            }
        }
        job != of && above.contains(&of)
    }

    /// Of every waiting job as many upstream jobs are told as it counts.
    pub fn check_upstream_is_told(&self) {
        let mut n_told = vec![0; self.sched.len()];
        self.sched
            .each_upstream(|_| true, |job, _| n_told[job.index()] += 1);
        for (index, n_told) in n_told.into_iter().enumerate() {
            let waits = match self.sched.why_waiting(JobIdx::new(index)) {
                Some(Waiting::Upstream(n)) => n,
                Some(Waiting::Stopping) => continue,
                _ => 0,
            };
            assert_eq!(n_told, waits);
        }
    }

    /// What a try takes, cut down to what there is: amounts, permits of each limit; and whether it was.
    fn takes(&self, job: usize, attempt: u32) -> ([u64; 3], Vec<u32>, bool) {
        let spec = &self.script.jobs[job];
        let need = &spec.needs[(attempt as usize - 1).min(spec.needs.len() - 1)];
        let wants = [
            u64::from(need.cores.max(1)),
            need.mem_mib,
            u64::from(need.gpus),
        ];
        let totals = self.totals();
        let named = |at: usize| {
            need.limits
                .iter()
                .filter(|limit| limit.index() == at)
                .count() as u32
        };
        let there = &self.script.limits;
        let is_cut = (0..3).any(|at| wants[at] > totals[at])
            || (0..there.len()).any(|at| named(at) > there[at]);
        let takes = [0, 1, 2].map(|at| wants[at].min(totals[at]));
        let permits = (0..there.len()).map(|at| named(at).min(there[at]));
        (takes, permits.collect(), is_cut)
    }

    fn totals(&self) -> [u64; 3] {
        let Totals {
            cores,
            mem_mib,
            gpus,
        } = self.script.totals;
        [
            u64::from(cores.max(1)),
            mem_mib.unwrap_or(u64::MAX),
            gpus.map_or(u64::MAX, u64::from),
        ]
    }

    /// The job's next try fits beside what runs.
    pub fn fits(&self, job: usize) -> bool {
        let (takes, wanted, is_cut) = self.takes(job, self.n_tries[job] + 1);
        let mut free = self.totals();
        let mut permits = self.script.limits.clone();
        for &(_, other) in &self.running {
            let (taken, held, is_other_cut) = self.takes(other, self.n_tries[other]);
            if is_cut || is_other_cut {
                return false;
            }
            for at in 0..3 {
                free[at] -= taken[at];
            }
            for (free, held) in permits.iter_mut().zip(held) {
                *free -= held;
            }
        }
        (0..3).all(|at| takes[at] <= free[at])
            && wanted
                .iter()
                .zip(&permits)
                .all(|(wanted, free)| wanted <= free)
    }

    /// After a step, nothing that could start waits.
    pub fn check_nothing_idles(&self) {
        let cores = self
            .running
            .iter()
            .map(|&(_, job)| self.takes(job, self.n_tries[job]).0[0]);
        assert!(self.sched.cores_in_use() >= cores.sum());
        assert_eq!(self.sched.running().len(), self.running.len());
        if self.is_ending() {
            return;
        }
        for job in 0..self.script.jobs.len() {
            if self.could_start(job) {
                let why = self.sched.why_waiting(self.idx[job]);
                assert!(!self.fits(job), "{} idles", self.script.jobs[job].name);
                assert!(matches!(why, Some(Waiting::For(_))), "{why:?}");
            }
        }
    }

    /// But for what it needs.
    fn could_start(&self, job: usize) -> bool {
        match self.fates[job] {
            Fate::Idle => {
                let spec = &self.script.jobs[job];
                let is_to_start = spec.verdict.is_none() && spec.becomes.is_none();
                is_to_start && self.is_free(job)
            }
            Fate::BackingOff(until) => until <= self.now_s,
            fate => fate == Fate::Due,
        }
    }

    /// No better job that fits as well is passed over.
    pub fn check_is_best(&self, job: usize) {
        let may_tell = self.script.jobs.iter().all(|spec| spec.n_put_back == 0);
        if self.script.options.shuffle.is_some() || !may_tell {
            return;
        }
        let merit = |job: usize| {
            let path = self.sched.rows[self.idx[job]].path;
            (self.script.jobs[job].priority, path, Reverse(job))
        };
        for other in (0..self.script.jobs.len()).filter(|&other| self.could_start(other)) {
            let is_better = merit(other) > merit(job) && self.fits(other);
            assert!(!is_better, "job {other} comes before job {job}");
        }
    }

    pub fn check_all_is_over(&self) {
        for (index, &job) in self.spec.iter().enumerate() {
            let state = self.sched.state(JobIdx::new(index));
            let name = &self.script.jobs[job].name;
            match self.script.jobs[job].becomes {
                Some(_) => assert!(state.is_final(), "{name} is {state:?}"),
                None => assert_eq!(self.fates[job], Fate::Final(state), "{name}"),
            }
        }
        assert!(self.running.is_empty());
        assert_eq!(self.sched.cores_in_use(), 0);
        assert_eq!(self.sched.ready().count(), 0);
        let counts = self.sched.job_counts();
        assert_eq!(counts.of(State::Ok) as usize, {
            let ends = self.log.ends.iter();
            ends.filter(|(_, state)| *state == State::Ok).count()
        });
        assert_eq!(counts.unfinished(), 0);
    }
}
