//! Judges a `maybe` again, when the files it reads are there: it runs, or is as it was.

use super::Engine;
use super::end::keep;
use crate::event::EventKind;
use crate::pattern::Listing;
use crate::plan::{JobId, PathId};
use crate::sched::{self, JobIdx};
use crate::stale::{Verdict, record};

impl Engine<'_> {
    /// All that the job waited for is done.
    pub(super) fn judge_again(&mut self, idx: JobIdx) {
        let job = self.job_of(idx).expect("only jobs are judged");
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
        let verdict = match verdict {
            Verdict::Fresh => {
                self.is_fresh(job, files);
                sched::Verdict::Fresh
            }
            Verdict::Stale(_) | Verdict::Unjudged => sched::Verdict::Run,
        };
        self.judged(idx, verdict);
    }

    /// The job need not run after all; a split comes with the files that it has.
    pub(super) fn is_fresh(&mut self, job: JobId, files: Option<Vec<PathId>>) {
        let last = self.history.last(self.plan.key(job));
        if last.is_none_or(|last| last.past.is_none()) {
            self.adopt_one(job);
        }
        let name = self.name(job);
        self.emit(EventKind::JobFresh(name));
        if let Some(files) = files {
            self.grow(job, &files);
        }
    }

    /// Records a job as it was found.
    pub(super) fn adopt_one(&mut self, job: JobId) {
        let print = &self.judge.prints[self.plan.jobs[job].rule];
        let names = &self.context.workflow.names;
        let now = record(&self.plan, names, &self.judge.facts, print, job);
        if let Err(error) = keep(self.history.as_mut(), print, self.plan.key(job), &now) {
            self.stop(format!("{error:#}"));
        }
    }
}
