//! Answers what others ask of a run, from what the scheduler and the plan know. The loop answers
//! between two messages, so an answer is of one moment.

mod of_rule;
mod wait;

use std::collections::HashMap;

use bstr::{BStr, ByteSlice};

use super::ask::{
    Answer, Ask, Because, Counts, Ending, How, JobAnswer, Named, Now, Progress, Question, Short,
    Try, Wait,
};
use super::{Engine, Interrupt, Node, Running};
use crate::plan::JobId;
use crate::plan::want::Wanted;
use crate::sched::{self, JobIdx, State};
use crate::stale::{Reason, Verdict};

/// So many running jobs are named.
const NAMED_RUNNING: usize = 4096;

impl<'a> Engine<'a> {
    pub(super) fn answer(&mut self, ask: Ask) {
        let answer = match ask.question {
            Question::Run => Answer::Run(self.moment().progress()),
            Question::Job { job } => self.about_job(job.as_bstr()),
            Question::Rule { rule } => self.about_rule(&rule),
            Question::Stop => Answer::Ending(self.stop_asked()),
            Question::Drain => Answer::Ending(self.drain_asked()),
        };
        // Whoever has asked may have gone.
        ask.reply.try_send(answer).ok();
    }

    fn stop_asked(&mut self) -> Ending {
        let n_running = (self.running.len() + self.errands.len()) as u64;
        let how = match self.n_interrupts {
            0 => How::End,
            _ => How::Kill,
        };
        if how == How::End {
            self.warn("`flow stop` ends the run".into());
        }
        self.interrupted(Interrupt::Terminate);
        Ending { how, n_running }
    }

    fn drain_asked(&mut self) -> Ending {
        let n_running = (self.running.len() + self.errands.len()) as u64;
        if !self.sched.is_stopping() {
            self.warn("`flow stop --drain`: what runs may finish, nothing new starts".into());
        }
        let now = self.now();
        self.sched.tell(now, sched::Msg::Stop);
        let how = How::Drain;
        Ending { how, n_running }
    }

    fn moment(&self) -> Moment<'_, 'a> {
        let tries = self.running.values().map(|try_| (try_.idx, try_));
        Moment {
            run: self,
            tries: tries.collect(),
        }
    }

    fn about_rule(&self, name: &str) -> Answer {
        let mut rules = self.context.workflow.rules.iter();
        match rules.find(|(_, rule)| rule.name == name) {
            Some((rule, _)) => Answer::Rule(self.moment().rule(rule)),
            None => Answer::Unknown,
        }
    }

    fn about_job(&mut self, target: &BStr) -> Answer {
        if target.starts_with(b"then:")
            && let Some(idx) = self.then_of(target)
        {
            return Answer::Job(self.moment().then(idx));
        }
        let by_file = self.plan.paths.find(target);
        let job = by_file.and_then(|path| self.plan.producer(path));
        let job = job.or_else(|| self.plan.job_of_key(target));
        if let Some(job) = job.or_else(|| self.split_of(target)) {
            return Answer::Job(self.moment().job(job));
        }
        let mut before = Wanted::default();
        match before.add_file(&self.plan, self.context, target) {
            true => {
                let splits = self.moment().splits(&before);
                Answer::Behind { splits }
            }
            false => Answer::Unknown,
        }
    }

    /// The node of `then:RULE`.
    fn then_of(&self, name: &BStr) -> Option<JobIdx> {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|(_, node)| match node {
            Node::Then(rule) => self.then_name(*rule).job == name,
            Node::Job(_) | Node::Barrier(_) => false,
        });
        found.map(|(idx, _)| idx)
    }

    /// The split that has still to run, and whose patterns match a file.
    fn split_of(&mut self, file: &BStr) -> Option<JobId> {
        let splits: Vec<JobId> = (self.plan.jobs.ids())
            .filter(|job| self.is_split_to_come(*job) && !self.plan.is_open(*job))
            .collect();
        splits.into_iter().find(|job| {
            let globs = self.plan.output_globs(self.context, *job);
            globs.iter().any(|glob| glob.matches(file))
        })
    }

    fn is_split_to_come(&self, job: JobId) -> bool {
        let rule = self.plan.rule_of(self.context.workflow, job);
        rule.makes_unknown_files() && self.plan.made(job).is_none()
    }
}

/// A run as it is when somebody asks.
struct Moment<'e, 'a> {
    run: &'e Engine<'a>,
    /// The tries under way.
    tries: HashMap<JobIdx, &'e Running>,
}

impl Moment<'_, '_> {
    fn idx(&self, job: JobId) -> Option<JobIdx> {
        self.run.idx.get(job).copied().flatten()
    }

    fn short(&self, job: JobId) -> Short {
        let run = self.run;
        match self.idx(job) {
            Some(idx) => self.short_of(idx),
            None if !run.wanted.has(job) => Short::NotAsked,
            None if run.plan.is_open(job) => Short::Unknown,
            None if run.judge.will_run(job) => Short::Waiting,
            None => Short::Fresh,
        }
    }

    fn short_of(&self, idx: JobIdx) -> Short {
        match self.run.sched.state(idx) {
            State::Waiting | State::Judging | State::Ready | State::BackingOff => Short::Waiting,
            State::Running => match self.tries.get(&idx) {
                Some(running) if running.pid.is_none() && running.host.is_none() => Short::Queued,
                _ => Short::Running,
            },
            State::Ok => Short::Done,
            State::Fresh => Short::Fresh,
            State::Failed => Short::Failed,
            State::Skipped => Short::Skipped,
            State::Cancelled => Short::Cancelled,
        }
    }

    fn named(&self, job: JobId) -> Named {
        let name = self.run.name(job);
        let running = self.idx(job).and_then(|idx| self.tries.get(&idx));
        Named {
            job: name.job,
            rule: name.rule,
            state: self.short(job),
            for_s: running.map(|running| self.age(running)),
            has: None,
        }
    }

    fn named_idx(&self, idx: JobIdx) -> Named {
        let name = match self.run.nodes[idx] {
            Node::Job(job) => return self.named(job),
            Node::Then(rule) => self.run.then_name(rule),
            Node::Barrier(rule) => {
                let rule = self.run.context.workflow.rules[rule].name.clone();
                crate::event::JobName {
                    job: rule.as_str().into(),
                    rule,
                }
            }
        };
        Named {
            job: name.job,
            rule: name.rule,
            state: self.short_of(idx),
            for_s: None,
            has: None,
        }
    }

    fn progress(&self) -> Progress {
        let run = self.run;
        let states = run.sched.job_counts();
        let of = |state| {
            // What a rule does once is no job; when that does not end well it counts all the same.
            let is_it = |idx: &&JobIdx| {
                let is_bad = matches!(state, State::Failed | State::Skipped | State::Cancelled);
                !is_bad && run.sched.state(**idx) == state
            };
            let n_thens = run.then_nodes.iter().filter(is_it).count() as u64;
            u64::from(states.of(state)) - n_thens
        };
        let running = run.sched.running().take(NAMED_RUNNING);
        Progress {
            counts: Counts {
                fresh: run.tally.fresh + of(State::Fresh),
                done: of(State::Ok),
                running: of(State::Running),
                waiting: [
                    State::Waiting,
                    State::Judging,
                    State::Ready,
                    State::BackingOff,
                ]
                .into_iter()
                .map(of)
                .sum(),
                failed: of(State::Failed),
                skipped: of(State::Skipped),
                cancelled: of(State::Cancelled),
                unknown: run
                    .plan
                    .open_jobs()
                    .filter(|job| run.wanted.has(*job))
                    .count() as u64,
                not_asked: 0,
            },
            is_stopping: run.sched.is_stopping(),
            jobs: running.map(|idx| self.named_idx(idx)).collect(),
        }
    }

    fn job(&self, job: JobId) -> JobAnswer {
        let run = self.run;
        let now = match (self.idx(job), self.short(job)) {
            (Some(idx), _) => self.now(idx),
            (None, Short::NotAsked) => Now::NotAsked,
            (None, Short::Fresh) => Now::Fresh,
            (None, Short::Unknown) => Now::Waiting {
                wait: self.behind_splits(job),
            },
            (None, _) => Now::Waiting { wait: Wait::Turn },
        };
        let name = run.name(job);
        JobAnswer {
            job: name.job,
            rule: name.rule,
            now,
            because: self.reason(job).map(|reason| self.because(job, reason)),
        }
    }

    fn then(&self, idx: JobIdx) -> JobAnswer {
        let name = self.named_idx(idx);
        JobAnswer {
            job: name.job,
            rule: name.rule,
            now: self.now(idx),
            because: None,
        }
    }

    /// Why a job runs that has not ended.
    fn reason(&self, job: JobId) -> Option<Reason> {
        let is_open = |idx: JobIdx| !self.run.sched.state(idx).is_final();
        self.idx(job).filter(|idx| is_open(*idx))?;
        match self.run.judge.verdict(job) {
            Verdict::Stale(reason) => Some(reason),
            Verdict::Fresh | Verdict::Unjudged => None,
        }
    }

    fn because(&self, job: JobId, reason: Reason) -> Because {
        let run = self.run;
        (run.explain)(
            &run.plan,
            run.context,
            &run.judge,
            &*run.history,
            job,
            reason,
        )
    }

    fn now(&self, idx: JobIdx) -> Now {
        let sched = &self.run.sched;
        match self.short_of(idx) {
            Short::Fresh => Now::Fresh,
            Short::Done => Now::Done,
            Short::Failed => Now::Failed {
                attempts: sched.attempt(idx),
            },
            Short::Skipped => {
                let because = sched.skipped_because(idx).unwrap_or(idx);
                Now::Skipped {
                    because: self.named_idx(because),
                }
            }
            Short::Cancelled => Now::Cancelled,
            Short::Running => Now::Running(self.try_of(idx)),
            Short::Queued => Now::Queued(self.try_of(idx)),
            Short::Waiting | Short::Unknown | Short::NotAsked => Now::Waiting {
                wait: self.wait(idx),
            },
        }
    }

    fn try_of(&self, idx: JobIdx) -> Try {
        let running = self.tries.get(&idx);
        Try {
            attempt: self.run.sched.attempt(idx),
            tries: self.run.sched.max_tries(idx),
            pid: running.and_then(|running| running.pid),
            for_s: running.map_or(0.0, |running| self.age(running)),
        }
    }

    /// How long a try has run, in seconds.
    fn age(&self, running: &Running) -> f64 {
        let ns = self.run.time_of_day().0.saturating_sub(running.began.0);
        ns.max(0) as f64 / 1e9
    }
}
