//! `flow why --json`: one object for each job that a target means.

use std::fmt::Write as _;

use bstr::{BStr, ByteSlice};
use serde_json::{Value, json};

use super::{Why, moment_rfc};
use crate::cli::{follow, reason};
use crate::event::json::path_json;
use crate::history::History;
use crate::plan::want::Wanted;
use crate::plan::{Entry, JobId, PathId};
use crate::stale::Verdict;
use crate::stale::every::every;
use crate::ui::path;
use crate::workflow::RuleId;

impl Why<'_> {
    fn line(&mut self, value: &Value) {
        say!(self, "{value}");
    }

    fn paths(&self, paths: &[PathId]) -> Value {
        let plan = &self.judged.plan;
        paths.iter().map(|id| path_json(plan.path(*id))).collect()
    }

    pub(super) fn rule_json(&mut self, rule: RuleId) {
        let name = self.opened.workflow.rules[rule].name.clone();
        for job in self.judged.plan.jobs_of(rule) {
            self.job_json(job, BStr::new(&name));
        }
        if !self.judged.plan.is_complete(rule) {
            self.line(&json!({
                "schema": 1, "target": name, "rule": name, "state": "unknown",
                "reasons": [{"kind": "upstream"}],
            }));
        }
    }

    pub(super) fn job_json(&mut self, job: JobId, target: &BStr) {
        let plan = &self.judged.plan;
        let rule = plan.jobs[job].rule;
        let made = plan.made(job).unwrap_or(plan.outputs(job));
        let verdict = self.judged.judge.verdict(job);
        let mut line = json!({
            "schema": 1,
            "target": path_json(target),
            "job": path_json(plan.key(job)),
            "rule": self.opened.workflow.rules[rule].name,
            "place": self.place(rule),
            "inputs": self.paths(plan.inputs(job)),
            "outputs": self.paths(made),
        });
        let may_run = self.may_follow.get(&job);
        line["state"] = match verdict {
            Verdict::Stale(_) if verdict.is_maybe() => "maybe",
            Verdict::Stale(_) => "stale",
            Verdict::Fresh | Verdict::Unjudged if may_run.is_some() => "maybe",
            Verdict::Fresh => "fresh",
            Verdict::Unjudged => "unknown",
        }
        .into();
        let found = match (verdict, may_run) {
            (Verdict::Stale(_), _) => {
                every(plan, self.context, &self.judged.judge, self.history, job)
            }
            (_, Some(reason)) => vec![(*reason, crate::stale::explain::Difference::Plain)],
            _ => Vec::new(),
        };
        let reasons = found.iter();
        line["reasons"] = reasons
            .map(|(reason, detail)| reason::value(plan, *reason, detail))
            .collect();
        let last = self.history.last(plan.key(job));
        if let Some(past) = last.and_then(|last| last.past) {
            line["recorded"] = moment_rfc(past.ended_ms);
            line["wall_s"] = past.wall_ms.map(|ms| ms as f64 / 1000.0).into();
        }
        let behind = self.consumers.behind(&[job]);
        let behind = follow::count(plan, self.context, self.history, behind);
        line["follows"] = json!({
            "jobs": behind.n_jobs, "timed": behind.n_timed,
            "wall_s": behind.wall_ms as f64 / 1000.0,
        });
        let missing = self.missing_before(&[job]);
        if !missing.is_empty() {
            line["missing_inputs"] = missing.iter().map(|file| path_json(file)).collect();
        }
        if self.is_guarded(job) {
            line["protected"] = true.into();
        }
        if matches!(verdict, Verdict::Stale(_)) && self.can_be_kept(&found) {
            let key = path(self.judged.plan.key(job));
            line["accept"] = format!("{} {key}", self.accept).into();
        }
        let key = self.judged.plan.key(job).to_owned();
        if let Some(now) = self.now(key.as_bstr()) {
            line["run"] = now;
        }
        self.line(&line);
    }

    pub(super) fn source_json(&mut self, file: &BStr, readers: &[JobId]) {
        let plan = &self.judged.plan;
        let readers = readers.iter().map(|job| path_json(plan.key(*job)));
        let line = json!({
            "schema": 1, "target": path_json(file), "state": "source",
            "read_by": readers.collect::<Vec<_>>(),
        });
        self.line(&line);
    }

    pub(super) fn behind_json(&mut self, file: &BStr) {
        let mut line = json!({
            "schema": 1, "target": path_json(file), "state": "unknown",
            "reasons": [{"kind": "upstream"}],
        });
        if let Some(now) = self.now(file) {
            line["run"] = now;
        }
        self.line(&line);
    }

    /// Inputs of these jobs, and before them, that are not there and that nothing makes.
    pub(super) fn missing_before(&self, jobs: &[JobId]) -> Vec<bstr::BString> {
        let plan = &self.judged.plan;
        let mut before = Wanted::default();
        before.add(plan, self.context, jobs.iter().copied().map(Entry::Job));
        let missing = self.judged.judge.missing.iter();
        let missing = missing.filter(|missing| before.has(missing.job));
        let mut missing: Vec<bstr::BString> = missing
            .map(|missing| plan.path(missing.path).into())
            .collect();
        missing.sort();
        missing.dedup();
        missing
    }
}
