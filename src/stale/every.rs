//! Every reason why a job runs, not only the one that decides.

use std::collections::{HashMap, HashSet};

use super::compare::{Times, captures, is_as_it_was, is_other_output, recorded_extra};
use super::explain::{Difference, explain};
use super::facts::Look;
use super::{Ancient, Judge, Level, Reason, Verdict};
use crate::history::{History, LastTry, Past};
use crate::lang::ast::Verb;
use crate::plan::{Context, JobId, PathId, Plan};

/// All that speaks against a stale job, first what decided; empty for a fresh one.
pub fn every(
    plan: &Plan,
    context: Context,
    judge: &Judge,
    history: &dyn History,
    job: JobId,
) -> Vec<(Reason, Difference)> {
    let Verdict::Stale(deciding) = judge.verdict(job) else {
        return Vec::new();
    };
    let look = Every {
        plan,
        context,
        judge,
        job,
    };
    let mut seen = HashSet::from([deciding]);
    if let Reason::InputGone(path) = deciding {
        // The same, as a comparison finds it.
        seen.insert(Reason::InputChanged(path));
    }
    let mut reasons = vec![deciding];
    look.collect(history, &mut |reason| {
        if seen.insert(reason) {
            reasons.push(reason);
        }
    });
    reasons
        .into_iter()
        .map(|reason| {
            let detail = explain(plan, context, judge, history, job, reason);
            (reason, detail)
        })
        .collect()
}

struct Every<'a, 'c> {
    plan: &'a Plan,
    context: Context<'c>,
    judge: &'a Judge,
    job: JobId,
}

impl Every<'_, '_> {
    fn level(&self) -> Level {
        self.judge
            .level_of(self.context, self.plan.jobs[self.job].rule)
    }

    /// Finds reasons in the order in which they are looked for.
    fn collect(&self, history: &dyn History, found: &mut dyn FnMut(Reason)) {
        if self.judge.forced.has(self.plan.jobs[self.job].rule) {
            found(Reason::Forced);
        }
        let last = history
            .last(self.plan.key(self.job))
            .filter(|_| self.level() > Level::TIMES);
        let past = last.and_then(|last| last.past);
        let outputs = self.outputs(past.as_ref());
        for &output in &outputs {
            if matches!(self.judge.facts.get(output), Look::Missing) {
                found(Reason::OutputMissing(output));
            }
        }
        match last.map(|last| last.last_try) {
            Some(LastTry::Failed) => found(Reason::Failed),
            Some(LastTry::Unfinished) => found(Reason::Unfinished),
            Some(LastTry::Done) | None => {}
        }
        match past {
            None => self.newer(&outputs, found),
            Some(past) => self.differences(&past, &outputs, found),
        }
        let mut upstream = HashSet::new();
        for input in self.looked_at() {
            if let Some(producer) = self.plan.producer(input)
                && producer != self.job
                && self.judge.will_run(producer)
                && upstream.insert(producer)
            {
                found(Reason::Upstream(producer));
            }
        }
    }

    /// The inputs of which more than their names counts.
    fn looked_at(&self) -> impl Iterator<Item = PathId> {
        let ancient = Ancient::of(self.plan, self.context.workflow, self.job);
        let inputs = self.plan.inputs(self.job).iter().enumerate();
        inputs.filter_map(move |(at, path)| (!ancient.has(at)).then_some(*path))
    }

    /// Outputs by name; a split's are those it is known to have, or to have had.
    fn outputs(&self, past: Option<&Past>) -> Vec<PathId> {
        let rule = self.plan.rule_of(self.context.workflow, self.job);
        if !rule.makes_unknown_files() {
            return self.plan.outputs(self.job).to_vec();
        }
        if let Some(made) = self.plan.made(self.job) {
            return made.to_vec();
        }
        past.into_iter()
            .flat_map(|past| past.outputs())
            .filter_map(|file| self.plan.paths.find(file.path))
            .collect()
    }

    /// Inputs that are newer than the oldest output.
    fn newer(&self, outputs: &[PathId], found: &mut dyn FnMut(Reason)) {
        if self.plan.rule_of(self.context.workflow, self.job).verb == Verb::Originate {
            return;
        }
        let mut times = Times::default();
        for &output in outputs {
            if let Look::There { time, .. } = self.judge.facts.get(output) {
                times.output(time, output);
            }
        }
        let Some((oldest, output)) = times.oldest_output else {
            return;
        };
        for input in self.looked_at() {
            if let Look::There { time, .. } = self.judge.facts.get(input)
                && (time > oldest || self.level() == Level::TIMES && time == oldest)
            {
                found(Reason::InputNewer { input, output });
            }
        }
    }

    fn differences(&self, past: &Past, outputs: &[PathId], found: &mut dyn FnMut(Reason)) {
        let facts = &self.judge.facts;
        let recorded: HashMap<&[u8], _> = past.outputs().map(|file| (file.path, file)).collect();
        for &path in outputs {
            let file = recorded.get(self.plan.path(path) as &[u8]);
            if file.is_some_and(|file| is_other_output(facts, self.level(), true, path, file)) {
                found(Reason::OutputChanged(path));
            }
        }
        let inputs = self.plan.inputs(self.job);
        let names = inputs.iter().map(|path| self.plan.path(*path) as &[u8]);
        if !past.inputs().map(|file| file.path).eq(names) {
            found(Reason::InputsDiffer);
        }
        let recorded: HashMap<&[u8], _> = past.inputs().map(|file| (file.path, file)).collect();
        for path in self.looked_at() {
            let producer = self.plan.producer(path);
            if producer.is_some_and(|job| self.judge.will_run(job)) {
                continue;
            }
            let Some(file) = recorded.get(self.plan.path(path) as &[u8]) else {
                continue;
            };
            if !is_as_it_was(facts, self.level(), path, file) {
                found(Reason::InputChanged(path));
            }
        }
        for (path, file) in recorded_extra(self.plan, self.judge.extra_inputs(self.job), past) {
            let producer = self.plan.producer(path);
            let is_to_come = producer.is_some_and(|job| self.judge.will_run(job));
            if !is_to_come && !is_as_it_was(facts, self.level(), path, &file) {
                found(Reason::InputChanged(path));
            }
        }
        let print = &self.judge.prints[self.plan.jobs[self.job].rule];
        if self.level() >= Level::RECIPES && past.recipe != print.recipe {
            found(Reason::RecipeChanged);
        }
        let names = &self.context.workflow.names;
        let now = captures(self.plan, names, self.job, print);
        let is_same = past.params == print.params && past.captures().eq(now);
        if self.level() >= Level::PARAMS && !is_same {
            found(Reason::ParamsChanged);
        }
    }
}
