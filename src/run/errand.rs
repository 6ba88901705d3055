//! Commands beside the recipes of jobs: the `check` of a job whose inputs have just come, the
//! `then` of a rule.

use bstr::{BString, ByteSlice};

use super::{Engine, check};
use crate::event::End;
use crate::exec::TaskId;
use crate::history::output::Kind as LogKind;
use crate::plan::{JobId, PathId};
use crate::sched::{JobIdx, Verdict};
use crate::stale::Checked;
use crate::workflow::RuleId;

/// A command that runs beside the jobs.
pub(super) struct Errand {
    pub what: What,
    /// What it printed, its beginning.
    pub printed: BString,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Check {
        job: JobId,
        idx: JobIdx,
    },
    Then {
        rule: RuleId,
        idx: JobIdx,
        step: usize,
    },
}

impl Engine<'_> {
    /// Asks whether a job has to run, now that its inputs are there.
    pub(super) fn check(&mut self, idx: JobIdx) {
        let job = self.job_of(idx).expect("only jobs are judged");
        let workflow = self.context.workflow;
        match check::check(&self.plan, workflow, job, &self.options.folder) {
            Ok(rendered) => {
                let what = What::Check { job, idx };
                self.send(what, rendered);
            }
            Err(error) => self.checked(idx, job, Checked::Failed(format!("{error:#}"))),
        }
    }

    pub(super) fn send(&mut self, what: What, rendered: super::Rendered) {
        let task = TaskId(self.n_tasks);
        self.n_tasks += 1;
        let printed = BString::default();
        self.errands.insert(task, Errand { what, printed });
        if let Err(error) = self.executor.start(rendered.into_task(task)) {
            self.stop(format!("{error:#}"));
        }
    }

    pub(super) fn errand_printed(&mut self, task: TaskId, bytes: &[u8]) {
        let Some(errand) = self.errands.get_mut(&task) else {
            return;
        };
        check::keep(&mut errand.printed, bytes);
        if let What::Then { rule, .. } = errand.what {
            let name = self.then_name(rule);
            let written = self.log.write(LogKind::Output, &name.job, 1, bytes);
            self.check_log(written);
        }
    }

    pub(super) fn errand_ended(&mut self, task: TaskId, end: End) {
        let Some(Errand { what, printed }) = self.errands.remove(&task) else {
            return;
        };
        let (job, idx) = match what {
            What::Check { job, idx } => (job, idx),
            What::Then { rule, idx, step } => {
                return self.then_ended((rule, idx, step), end, printed);
            }
        };
        if self.interrupt.is_some() {
            // The run ends: the scheduler starts nothing any more, and cancels it.
            return self.judged(idx, Verdict::Run);
        }
        let checked = check::answer(end, &printed);
        self.checked(idx, job, checked);
    }

    fn checked(&mut self, idx: JobIdx, job: JobId, checked: Checked) {
        let verdict = match checked {
            Checked::Stale => return self.must_run(idx, job),
            Checked::Fresh => {
                self.judge.set_done(job);
                let files = self.files_of_split(job);
                return self.need_not_run(idx, job, files);
            }
            Checked::Failed(why) => {
                let why = why.as_bytes().as_bstr();
                self.never_tried(job, format!("its check says neither yes nor no: {why}"));
                Verdict::Failed
            }
        };
        self.judged(idx, verdict);
    }

    /// The files of a split that need not run: those that are there.
    fn files_of_split(&mut self, job: JobId) -> Option<Vec<PathId>> {
        let rule = self.plan.rule_of(self.context.workflow, job);
        if !rule.makes_unknown_files() {
            return None;
        }
        let disk = self.store.disk();
        *self.context.listing.borrow_mut() = crate::pattern::Listing::new(disk);
        let plan = &mut self.plan;
        Some(self.judge.split_files(plan, self.context, disk, job))
    }
}
