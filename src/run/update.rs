//! Jobs of rules with `update`: their outputs stay where they are, before a try and after one that
//! failed, so that the recipe can go on from there. Only the history tells that they are not done.

use std::io;

use bstr::BString;

use super::Engine;
use crate::history::LastTry;
use crate::plan::JobId;

impl Engine<'_> {
    pub(super) fn is_update(&self, job: JobId) -> bool {
        self.plan.rule_of(self.context.workflow, job).is_update
    }

    /// Whether the job has a record, and no try since then that did not end well.
    pub(super) fn is_as_recorded(&self, job: JobId) -> bool {
        let last = self.history.last(self.plan.key(job));
        last.is_some_and(|last| last.last_try == LastTry::Done && last.past.is_some())
    }

    /// Before the first try: which files a split must not take for its own when it has run. Where
    /// an earlier try did not end well nobody knows what it left, so that all are its own.
    pub(super) fn leave_in_place(&mut self, job: JobId, is_as_recorded: bool) -> io::Result<()> {
        let rule = self.plan.rule_of(self.context.workflow, job);
        if !rule.makes_unknown_files() {
            return Ok(());
        }
        self.before.insert(job, Default::default());
        if is_as_recorded {
            let own: Vec<BString> = self.recorded_outputs(job);
            self.remember_matches(job)?;
            let before = self.before.entry(job).or_default();
            before.retain(|file, _| !own.contains(file));
        }
        Ok(())
    }
}
