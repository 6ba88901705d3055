//! The steps themselves: what a message changes, and what can start after it.

use std::cmp::Reverse;
use std::time::Duration;

use super::state::{OnReady, State};
use super::{Action, End, JobIdx, Msg, NeedId, Sched, Verdict};
use crate::dense::Id;

impl Sched {
    /// Takes in a message that came at `now`, counted from the start of the run. What follows from
    /// it comes with the next [`Sched::step`]; several messages may come before one.
    ///
    /// Panics when the message is about a job that it cannot be about, as the end of one that
    /// was not started.
    pub fn tell(&mut self, now: Duration, msg: Msg) {
        self.now = self.now.max(now);
        match msg {
            Msg::Ended { job, end } => self.end_try(job, end),
            Msg::PutBack { job, until } => {
                self.leave(job);
                self.rows[job].attempt -= 1;
                self.back_off(job, until);
            }
            Msg::Judged { job, verdict } => self.take_verdict(job, verdict),
            Msg::TimePassed => {}
            Msg::Stop => self.is_stopping = true,
        }
    }

    /// Decides what happens now, and appends it to `actions`.
    pub fn step(&mut self, actions: &mut Vec<Action>) {
        for index in std::mem::replace(&mut self.first_new, self.rows.len())..self.rows.len() {
            let job = JobIdx::new(index);
            if self.rows[job].state == State::Waiting && self.rows[job].waiting_on == 0 {
                self.set_going(job);
            }
        }
        if !self.is_stopping {
            self.end_backoffs();
            self.start_what_fits();
        } else if self.n_in(State::Running) + self.n_in(State::Judging) == 0 {
            self.end_the_rest();
        }
        if actions.is_empty() {
            // No second copy of what may be an action for each of a million jobs.
            std::mem::swap(actions, &mut self.pending);
        } else {
            actions.append(&mut self.pending);
        }
        let next = self.backing_off.peek().map(|Reverse((at, _))| *at);
        if let Some(at) = next.filter(|_| next != self.wake_at) {
            actions.push(Action::WakeAt(at));
        }
        self.wake_at = next;
    }

    fn end_try(&mut self, job: JobIdx, end: End) {
        self.leave(job);
        let row = &self.rows[job];
        let kind = &self.kinds[row.kind];
        match end {
            End::Ok => self.finish_well(job, State::Ok),
            End::Failed if self.is_stopping || row.attempt >= kind.max_tries => self.fail(job),
            End::Failed => {
                let at = self.now.saturating_add(kind.backoff);
                let attempt = u32::from(row.attempt) + 1;
                self.pending.push(Action::Retry { job, attempt, at });
                match kind.backoff.is_zero() {
                    true => self.make_ready(job),
                    false => self.back_off(job, at),
                }
            }
            End::Cut => {
                self.set(job, State::Cancelled);
                self.is_stopping = true;
            }
        }
    }

    /// A running job leaves its place; the next state is set by who calls this.
    fn leave(&mut self, job: JobIdx) {
        let was_running = self.running.remove(&job);
        assert!(
            was_running,
            "{job:?} does not run, it is {:?}",
            self.rows[job].state
        );
        let need = self.need_now(job);
        self.needs.give_back(need);
        self.queues.open();
    }

    fn take_verdict(&mut self, job: JobIdx, verdict: Verdict) {
        let row = &self.rows[job];
        assert_eq!(row.state, State::Judging, "{job:?} was not to be judged");
        match verdict {
            Verdict::Run | Verdict::RunLater if row.on_ready == OnReady::Resolve => {
                panic!("{job:?} stands in, it cannot run")
            }
            Verdict::Run => self.make_ready(job),
            Verdict::RunLater => {
                self.set(job, State::Waiting);
                let row = &mut self.rows[job];
                (row.on_ready, row.waiting_on) = (OnReady::Start, 1);
            }
            Verdict::Fresh => self.finish_well(job, State::Fresh),
            Verdict::Failed => self.fail(job),
        }
    }

    fn finish_well(&mut self, job: JobIdx, state: State) {
        self.set(job, state);
        let mut followers = std::mem::take(&mut self.followers);
        followers.extend(self.graph.followers(job));
        for follower in followers.drain(..) {
            self.count_down(follower);
        }
        self.followers = followers;
    }

    /// One thing less that `job` waits for.
    pub(super) fn count_down(&mut self, job: JobIdx) {
        let row = &mut self.rows[job];
        if row.state != State::Waiting {
            return;
        }
        row.waiting_on = row
            .waiting_on
            .checked_sub(1)
            .expect("each edge and hold ends once");
        // A new job is set going by the next step, so that it may still be held.
        if row.waiting_on == 0 && job.index() < self.first_new {
            self.set_going(job);
        }
    }

    fn set_going(&mut self, job: JobIdx) {
        if self.is_stopping {
            return;
        }
        let action = match self.rows[job].on_ready {
            OnReady::Start => return self.make_ready(job),
            OnReady::Judge => Action::Judge { job },
            OnReady::Resolve => Action::Resolve { job },
        };
        self.set(job, State::Judging);
        self.pending.push(action);
    }

    fn make_ready(&mut self, job: JobIdx) {
        self.set(job, State::Ready);
        let row = &self.rows[job];
        let (_, queue) = self.kinds[row.kind].of_try(row.attempt + 1);
        self.queues.push(queue, self.rank(job));
    }

    fn back_off(&mut self, job: JobIdx, until: Duration) {
        self.set(job, State::BackingOff);
        self.backing_off.push(Reverse((until, job)));
    }

    fn end_backoffs(&mut self) {
        while let Some(&Reverse((at, job))) = self.backing_off.peek() {
            if at > self.now {
                break;
            }
            self.backing_off.pop();
            self.make_ready(job);
        }
    }

    fn start_what_fits(&mut self) {
        while let Some(job) = self.queues.start_next(&mut self.needs) {
            self.set(job, State::Running);
            self.running.insert(job);
            let row = &mut self.rows[job];
            row.attempt += 1;
            let attempt = u32::from(row.attempt);
            let need = self.need_now(job);
            if self.needs.is_cut_news(need) {
                self.pending.push(Action::Clamped { need, job });
            }
            self.pending.push(Action::Start { job, attempt });
        }
    }

    /// The need of the try that is under way.
    pub(super) fn need_now(&self, job: JobIdx) -> NeedId {
        let row = &self.rows[job];
        self.kinds[row.kind].of_try(row.attempt).0
    }

    fn fail(&mut self, job: JobIdx) {
        self.set(job, State::Failed);
        if self.rows[job].on_ready != OnReady::Resolve {
            self.pending.push(Action::Failed { job });
        }
        self.n_failures += 1;
        let max_fail = self.options.max_fail;
        self.is_stopping |= max_fail.is_some_and(|most| self.n_failures >= most.max(1));
        let followers = self.graph.followers(job).collect();
        self.skip(followers, job);
    }

    /// Skips `jobs` and all that is downstream of them, nearest first.
    pub(super) fn skip(&mut self, mut jobs: Vec<JobIdx>, because: JobIdx) {
        let mut n_done = 0;
        while let Some(&job) = jobs.get(n_done) {
            n_done += 1;
            if self.rows[job].state != State::Waiting {
                continue;
            }
            self.set(job, State::Skipped);
            self.rows[job].waiting_on = because.0;
            if self.rows[job].on_ready != OnReady::Resolve {
                self.pending.push(Action::Skip { job, because });
            }
            jobs.extend(self.graph.followers(job));
        }
    }

    /// The run stops and nothing is under way: every job gets its final state. What has failed a
    /// try has failed; what follows it is skipped; the rest never started.
    fn end_the_rest(&mut self) {
        if self.n_unfinished() == 0 {
            return;
        }
        self.queues.clear();
        self.backing_off.clear();
        for job in self.rows.ids() {
            if self.rows[job].attempt > 0 && !self.rows[job].state.is_final() {
                self.fail(job);
            }
        }
        for job in self.rows.ids() {
            if self.rows[job].state.is_final() {
                continue;
            }
            self.set(job, State::Cancelled);
            if self.rows[job].on_ready != OnReady::Resolve {
                self.pending.push(Action::Cancelled { job });
            }
        }
    }
}
