//! What `flow why` says of a rule: its jobs counted by the reason that decides.

use std::fmt::Write as _;

use super::running::Rest;
use super::{SHOWN, Why};
use crate::cli::reason;
use crate::plan::JobId;
use crate::stale::every::every;
use crate::stale::{Reason, Verdict};
use crate::ui::{human, path};
use crate::workflow::RuleId;

impl Why<'_> {
    pub(super) fn rule(&mut self, rule: RuleId) {
        let name = self.opened.workflow.rules[rule].name.clone();
        let plan = &self.judged.plan;
        let jobs = plan.jobs_of(rule);
        let mut stale: Vec<(JobId, Reason)> = Vec::new();
        let mut n_unknown = 0;
        for &job in &jobs {
            match self.judged.judge.verdict(job) {
                Verdict::Stale(reason) => stale.push((job, reason)),
                Verdict::Unjudged => n_unknown += 1,
                Verdict::Fresh => {}
            }
        }
        let is_open = !plan.is_complete(rule);
        let what = format!("a rule, {}", self.place(rule));
        self.title(&name, &what);
        if self.asked_rule(&name) == Rest::Leave {
            return;
        }
        let n_jobs = jobs.len() as u64;
        if is_open || n_unknown > 0 {
            say!(
                self,
                "not all of its jobs are known: a split has to run first"
            );
        }
        if stale.is_empty() {
            let them = human::counted(n_jobs - n_unknown, "job");
            match n_jobs {
                0 => say!(self, "it has no jobs"),
                _ => say!(self, "{them}, all fresh"),
            }
            return;
        }
        let n = human::count(stale.len() as u64);
        say!(self, "{n} of {} would run", human::counted(n_jobs, "job"));
        self.kinds(&stale);
        let jobs: Vec<JobId> = stale.iter().map(|(job, _)| *job).collect();
        self.missing_sources(&jobs);
        self.follows(&jobs);
        let is_missing = |(_, reason): &(JobId, Reason)| matches!(reason, Reason::OutputMissing(_));
        if !stale.iter().all(is_missing) {
            self.keep(&name);
        }
    }

    /// Each kind of deciding reason, counted, with one job's difference.
    fn kinds(&mut self, stale: &[(JobId, Reason)]) {
        for kind in 0..reason::KINDS.len() {
            let of_kind = stale.iter().filter(|(_, it)| reason::kind(*it) == kind);
            let of_kind: Vec<(JobId, Reason)> = of_kind.copied().collect();
            let Some(&(job, _)) = of_kind.first() else {
                continue;
            };
            let plan = &self.judged.plan;
            let found = every(plan, self.context, &self.judged.judge, self.history, job);
            let n = human::counted(of_kind.len() as u64, "job");
            let key = plan.key(job).to_owned();
            let lead = match of_kind.len() {
                1 => format!("{}:", path(&key)),
                _ => format!("{n}, such as {}:", path(&key)),
            };
            for (at, (reason, detail)) in found.iter().take(SHOWN).enumerate() {
                let lead = if at == 0 { lead.as_str() } else { "  also:" };
                self.difference(job, lead, *reason, detail);
            }
        }
    }
}
