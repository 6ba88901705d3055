//! Outputs that a rule protects: made read-only when their job has succeeded, and not overwritten by
//! one that proves stale while the run goes on.

use bstr::BString;

use super::Engine;
use crate::event::{EventKind, Failure, JobFinished, Status};
use crate::pattern::facts;
use crate::plan::{JobId, PathId};

impl Engine<'_> {
    pub(super) fn is_guarded(&self, job: JobId) -> bool {
        let disk = self.store.disk();
        self.judge
            .is_guarded(&self.plan, self.context, disk, self.history.as_ref(), job)
    }

    /// The job has failed, since its outputs are protected.
    pub(super) fn refuse(&mut self, job: JobId) {
        let rule = &self.plan.rule_of(self.context.workflow, job).name;
        let why = format!(
            "its outputs are protected, and out of date by now: `--force {rule}` overwrites them"
        );
        self.never_tried(job, why);
    }

    /// Tells that a job has failed without a try.
    pub(super) fn never_tried(&mut self, job: JobId, why: String) {
        let finished = JobFinished {
            name: self.name(job),
            status: Status::Failed,
            attempt: 0,
            end: None,
            usage: None,
            failure: Some(Failure::Engine(why)),
            inputs: self.paths(self.plan.inputs(job)),
            outputs: self.output_paths(job),
            tail: BString::default(),
            output_bytes: 0,
            place: self.place(self.plan.jobs[job].rule),
        };
        self.emit(EventKind::JobFinished(finished));
    }

    /// Makes the outputs of a job that has succeeded read-only, where its rule says so; `made` are a
    /// split's. They are looked at again: a change of the mode is one of the file.
    pub(super) fn protect(&mut self, job: JobId, made: Option<&[PathId]>) {
        let rule = self.plan.rule_of(self.context.workflow, job);
        if !rule.is_protected {
            return;
        }
        let outputs = made.unwrap_or(self.plan.outputs(job)).to_vec();
        for output in outputs {
            let path = self.plan.path(output).to_owned();
            let disk = self.store.disk();
            let protected = disk.protect(facts::without_slash(&path));
            if let Ok(stat) = disk.look(&path) {
                self.judge.facts.set(output, stat);
            }
            if let Err(error) = protected {
                let key = self.key_text(job);
                let why = format!("{key}: `{path}` cannot be made read-only: {error}");
                self.warn(why);
            }
        }
    }
}
