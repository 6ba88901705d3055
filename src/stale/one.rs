//! The verdict of one job, upstream ones being known: each reason in its order.

use std::collections::HashSet;

use super::compare::{self, Compare, Times, ended_badly};
use super::{Ancient, Checked, Judge, Level, Look, MissingInput, Reason, Verdict};
use crate::dense::Id;
use crate::history::History;
use crate::lang::ast::Verb;
use crate::plan::{Context, JobId, PathId, Plan};

impl Judge {
    pub(super) fn verdict_of(
        &mut self,
        plan: &Plan,
        context: Context,
        history: &dyn History,
        job: JobId,
        outputs: &[PathId],
        checked: Option<&Checked>,
    ) -> Verdict {
        let rule = plan.rule_of(context.workflow, job);
        let mut times = Times::default();
        let mut upstream = None;
        let extra = self.extra_inputs(job).to_vec();
        for &input in &extra {
            match plan.producer(input) {
                Some(producer) if producer != job && self.will_run(producer) => {
                    upstream = upstream.or(Some(producer));
                }
                _ => {
                    if let Look::There { time, .. } = self.facts.get(input) {
                        times.input(time, input);
                    }
                }
            }
        }
        let ancient = Ancient::of(plan, context.workflow, job);
        for (at, &input) in plan.inputs(job).iter().enumerate() {
            match plan.producer(input) {
                Some(producer) if producer != job && self.will_run(producer) => {
                    if ancient.has(at) {
                        continue;
                    }
                    upstream = upstream.or(Some(producer));
                    continue;
                }
                Some(producer) if producer != job => {}
                _ if self.facts.get(input) == Look::Missing => {
                    self.missing.push(MissingInput { job, path: input });
                }
                _ => {}
            }
            if let Look::There { time, .. } = self.facts.get(input)
                && !ancient.has(at)
            {
                times.input(time, input);
            }
        }
        if self.forced.has(plan.jobs[job].rule) {
            return Verdict::Stale(Reason::Forced);
        }
        if rule.is_always {
            return Verdict::Stale(Reason::Always);
        }
        for &output in outputs {
            match self.facts.get(output) {
                Look::There { time, .. } => times.output(time, output),
                Look::Missing | Look::Unknown => {
                    return Verdict::Stale(Reason::OutputMissing(output));
                }
            }
        }
        // What such a try left is still there, and nothing but the record tells that it is not done.
        if rule.is_update
            && let Some(reason) = history.last(plan.key(job)).as_ref().and_then(ended_badly)
        {
            return Verdict::Stale(reason);
        }
        if rule.check.is_some() {
            // Judged again when what it reads is there.
            if let Some(upstream) = upstream {
                return Verdict::Stale(Reason::Upstream(upstream));
            }
            if let Some(Checked::Failed(why)) = checked {
                self.failed_checks.push((job, why.clone()));
            }
            return match (checked, plan.outputs(job).first()) {
                (Some(Checked::Fresh), _) => Verdict::Fresh,
                (None, Some(&wanted)) if outputs.is_empty() => {
                    Verdict::Stale(Reason::OutputMissing(wanted))
                }
                _ => Verdict::Stale(Reason::CheckCommand),
            };
        }
        if let Some(reason) = self.stale_by_discovery(plan, job) {
            return Verdict::Stale(reason);
        }
        let level = self.level_of(context, plan.jobs[job].rule);
        let last = history.last(plan.key(job)).filter(|_| level > Level::TIMES);
        if last.as_ref().is_some_and(|last| last.past.is_some()) {
            self.recorded.insert(job.index());
        }
        if last.as_ref().is_none_or(|last| last.past.is_none())
            && let Some(reason) = self.by_times(plan, level, rule.verb, job, &times)
        {
            return Verdict::Stale(reason);
        }
        if last.is_none() && level > Level::TIMES && !history.is_complete() {
            // It may have been cut off, and the record of that be lost.
            return Verdict::Stale(Reason::NoRecord);
        }
        let is_to_come = |path| {
            let is_left = || self.is_minimal && matches!(self.facts.get(path), Look::Missing);
            let producer = plan.producer(path);
            producer.is_some_and(|job| self.will_run(job) || is_left())
        };
        if let Some(last) = last {
            let compare = Compare {
                plan,
                names: &context.workflow.names,
                facts: &self.facts,
                print: &self.prints[plan.jobs[job].rule],
                level,
                job,
                extra: &extra,
                outputs,
                ancient: &ancient,
                trusts_touch: history.is_complete(),
                is_to_come: &is_to_come,
            };
            if let Some(reason) = compare.difference(&last) {
                return Verdict::Stale(reason);
            }
        }
        // What a job was found to read and is not on record is judged by times.
        if !extra.is_empty() {
            let past = last.and_then(|last| last.past);
            let recorded = past
                .iter()
                .flat_map(|past| compare::recorded_extra(plan, &extra, past));
            let recorded: HashSet<PathId> = recorded.map(|(path, _)| path).collect();
            let unrecorded = extra.iter().filter(|path| !recorded.contains(*path));
            let newest = unrecorded.filter_map(|&path| match self.facts.get(path) {
                Look::There { time, .. } if !is_to_come(path) => Some((time, path)),
                _ => None,
            });
            if let (Some((newest, input)), Some((oldest, output))) =
                (newest.max(), times.oldest_output)
                && newest > oldest
            {
                return Verdict::Stale(Reason::InputNewer { input, output });
            }
        }
        match upstream {
            Some(upstream) => Verdict::Stale(Reason::Upstream(upstream)),
            None => Verdict::Fresh,
        }
    }

    /// Where nothing is recorded, times decide.
    fn by_times(
        &self,
        plan: &Plan,
        level: Level,
        verb: Verb,
        job: JobId,
        times: &Times,
    ) -> Option<Reason> {
        let Some((oldest, output)) = times.oldest_output else {
            if plan.outputs(job).is_empty() {
                return Some(Reason::NoRecord);
            }
            // A split that has made nothing so far.
            let wanted = plan.outputs(job).first().copied().unwrap_or_default();
            return Some(Reason::OutputMissing(wanted));
        };
        let (newest, input) = times.newest_input?;
        // At level 0 an input that is as old counts too.
        let is_newer = newest > oldest || level == Level::TIMES && newest == oldest;
        (verb != Verb::Originate && is_newer).then_some(Reason::InputNewer { input, output })
    }
}
