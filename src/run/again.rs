//! Judges a `maybe` again, when the files it reads are there: it runs, or is as it was.

use std::collections::HashSet;

use super::Engine;
use super::end::keep;
use crate::event::EventKind;
use crate::history::Now;
use crate::pattern::Listing;
use crate::plan::{JobId, PathId, Plan};
use crate::sched::{self, JobIdx};
use crate::stale::{Judge, Level, Reason, Verdict, record};

/// Jobs whose `check` was asked with the first judgement, and says that they have to run.
pub(super) fn asked(plan: &Plan, judge: &Judge) -> HashSet<JobId> {
    let jobs = plan.known.iter().copied();
    jobs.filter(|job| judge.verdict(*job) == CHECK_SAYS_SO)
        .collect()
}

const CHECK_SAYS_SO: Verdict = Verdict::Stale(Reason::CheckCommand);

impl Engine<'_> {
    /// Whether the job's `check` has still to be asked: it came to be known behind a split, and
    /// nothing but the check decides. The loop cannot wait for it, so the judge did not ask.
    pub(super) fn is_unasked(&self, job: JobId) -> bool {
        self.judge.verdict(job) == CHECK_SAYS_SO && !self.asked.contains(&job)
    }

    /// All that the job waited for is done.
    pub(super) fn judge_again(&mut self, idx: JobIdx) {
        let job = self.job_of(idx).expect("only jobs are judged");
        let verdict = self.judge.verdict(job);
        if matches!(verdict, Verdict::Stale(_)) && !verdict.is_maybe() && !self.is_unasked(job) {
            // Meanwhile its temporary files turned out to be needed.
            return self.must_run(idx, job);
        }
        let rule = self.plan.rule_of(self.context.workflow, job);
        if rule.check.is_some() {
            return self.check(idx);
        }
        if rule.makes_unknown_files() {
            *self.context.listing.borrow_mut() = Listing::new(self.store.disk());
        }
        let (verdict, files) = self.judge.judge_again(
            &mut self.plan,
            self.context,
            &self.wanted,
            self.store.disk(),
            self.history.as_ref(),
            job,
        );
        match verdict {
            Verdict::Fresh => self.need_not_run(idx, job, files),
            Verdict::Stale(_) | Verdict::Unjudged => self.must_run(idx, job),
        }
    }

    /// A job that was judged again has to run, after those that make the temporary files again
    /// which it reads.
    pub(super) fn must_run(&mut self, idx: JobIdx, job: JobId) {
        if self.is_guarded(job) {
            self.refuse(job);
            return self.judged(idx, sched::Verdict::Failed);
        }
        self.judge.need_for(&self.plan, &self.wanted, job);
        let before: HashSet<JobId> = (self.plan.inputs(job).iter())
            .filter_map(|input| self.plan.producer(*input))
            .filter(|other| *other != job && self.judge.will_run(*other))
            .collect();
        if before.is_empty() {
            return self.judged(idx, sched::Verdict::Run);
        }
        self.judged(idx, sched::Verdict::RunLater);
        // What is added now gets its edges with that.
        let added = before.iter().filter_map(|other| self.idx[*other]);
        let added: Vec<JobIdx> = added.collect();
        self.add_known();
        self.sched
            .add([], || added.iter().map(|&other| (other, idx)));
        self.sched.release(idx);
    }

    /// The job need not run after all; a split comes with the files that it has.
    pub(super) fn need_not_run(&mut self, idx: JobIdx, job: JobId, files: Option<Vec<PathId>>) {
        // What follows a split may find that the job has to run for it all the same.
        self.judged(idx, sched::Verdict::Fresh);
        let last = self.history.last(self.plan.key(job));
        if last.is_none_or(|last| last.past.is_none()) {
            self.adopt_one(job);
        }
        let name = self.name(job);
        self.emit(EventKind::JobFresh(name));
        if let Some(files) = files.filter(|_| self.plan.made(job).is_none()) {
            self.grow(job, &files);
        }
        self.done_reading(job);
    }

    /// Records a job as it was found.
    pub(super) fn adopt_one(&mut self, job: JobId) {
        self.record_as(job, Now::default());
    }

    /// Records a job as it is now; when it ended, and what it took, is as `ran` says.
    pub(super) fn record_as(&mut self, job: JobId, ran: Now<'static>) {
        if self.counts_contents(job) {
            let outputs = self.plan.made(job).unwrap_or(self.plan.outputs(job));
            let paths = [self.plan.inputs(job), outputs, self.judge.extra_inputs(job)].concat();
            let disk = self.store.disk();
            self.judge.facts.look_into(&self.plan, disk, &paths);
        }
        let print = &self.judge.prints[self.plan.jobs[job].rule];
        let names = &self.context.workflow.names;
        let found = self.judge.extra_inputs(job);
        let now = Now {
            ended_ms: ran.ended_ms,
            wall_ms: ran.wall_ms,
            max_rss_kib: ran.max_rss_kib,
            ..record(&self.plan, names, &self.judge.facts, print, found, job)
        };
        let kept = keep(self.history.as_mut(), print, self.plan.key(job), &now);
        let saved = kept.and_then(|()| self.judge.facts.save());
        if let Err(error) = saved {
            self.stop(format!("{error:#}"));
        }
    }

    /// Whether contents count for the job, and not only times.
    pub(super) fn counts_contents(&self, job: JobId) -> bool {
        let rule = self.plan.jobs[job].rule;
        self.judge.level_of(self.context, rule) >= Level::CONTENTS
    }
}
