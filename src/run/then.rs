//! What a rule does once, when its last job has succeeded: `then`.
//!
//! A node of the scheduler behind the rule's barrier. It is owed from the first job that runs until
//! it succeeds, across runs; one that comes too early (jobs are left that this run does not look
//! at) stays owed.

use std::borrow::Cow;

use bstr::{BStr, BString};

use super::errand::What;
use super::render::{chosen, launch, text};
use super::{Engine, Node, Rendered};
use crate::dense::Id;
use crate::event::{End, EventKind, Failure, JobFinished, JobName, Status};
use crate::history::output::Kind as LogKind;
use crate::pattern::facts;
use crate::plan::{JobId, PathId, Plan};
use crate::sched::{self, Job, JobIdx, Kind, Need, OnReady};
use crate::stale::Verdict;
use crate::workflow::{Expr, Recipe, Rule, RuleId, Then, Workflow};

impl Engine<'_> {
    /// Has the rules that owe something from an earlier run do it in this one.
    pub(super) fn add_owed(&mut self) {
        let workflow = self.context.workflow;
        for (id, rule) in workflow.rules.iter() {
            if !rule.then.is_empty() && rule.is_active() && self.owed.is_owed(&rule.name) {
                self.add_then(id, &[]);
            }
        }
    }

    /// The node for what `rule` does when all its jobs are done, of which `new` were just added.
    ///
    /// There is one behind the rule's barrier, and one behind jobs that are added when the barrier can
    /// have been passed: temporary files that turn out to be needed. One comes after the other, so
    /// that what one has done the next need not do.
    pub(super) fn add_then(&mut self, rule: RuleId, new: &[JobId]) {
        let found = &self.context.workflow.rules[rule];
        if found.then.is_empty() {
            return;
        }
        // With a part of its jobs only it would come too early.
        let jobs = self.plan.jobs_of(rule);
        if !jobs.iter().all(|job| self.wanted.has(*job)) {
            return;
        }
        let behind: Vec<JobIdx> = match self.thens.get(&rule) {
            None => vec![self.barrier(rule)],
            // A barrier that is held waits for them too.
            Some(_) if self.barriers.get(&rule).is_some_and(|one| one.is_held) => return,
            Some(&last) => {
                let new = new.iter().filter(|job| self.plan.jobs[**job].rule == rule);
                let new: Vec<JobIdx> = new.filter_map(|job| self.idx[*job]).collect();
                if new.is_empty() {
                    return;
                }
                [new, vec![last]].concat()
            }
        };
        let need = self.sched.need(Need::default());
        let kind = self.sched.kind(Kind {
            priority: found.priority,
            ..Kind::once(need)
        });
        let row = Job {
            kind,
            on_ready: OnReady::Start,
            weight: 1.0,
            order: (rule.index() as u64) << 32 | u64::from(u32::MAX),
        };
        let own = JobIdx::new(self.sched.len());
        self.sched
            .add([row], || behind.iter().map(|&job| (job, own)));
        self.then_nodes.push(own);
        self.nodes.push(Node::Then(rule));
        self.thens.insert(rule, own);
    }

    /// A job of the rule has run, which is noted before it counts as done.
    pub(super) fn owe_then(&mut self, id: RuleId) {
        let rule = &self.context.workflow.rules[id];
        if rule.then.is_empty() {
            return;
        }
        if let Err(error) = self.owed.owe(&rule.name) {
            self.stop(format!("{error:#}"));
        }
        // One that has begun comes too early for this job.
        let is_then = |what: &What| matches!(what, What::Then { rule: other, .. } if *other == id);
        if self.errands.values().any(|errand| is_then(&errand.what)) {
            self.overtaken.insert(id);
        }
    }

    /// Whether all jobs of a rule are done, and what it does then is not.
    fn is_due(&self, rule: RuleId) -> bool {
        let jobs = self.plan.jobs_of(rule);
        let mut verdicts = jobs.iter().map(|job| self.judge.verdict(*job));
        !jobs.is_empty()
            && self.plan.is_complete(rule)
            && verdicts.all(|verdict| verdict == Verdict::Fresh)
            && self.owed.is_owed(&self.context.workflow.rules[rule].name)
    }

    /// The run ends before it: it stays owed, so not all was done.
    pub(super) fn then_cancelled(&mut self, rule: RuleId) {
        if self.is_due(rule) {
            self.then_finished(rule, Status::Cancelled, None, None, BString::default());
        }
    }

    /// The rule's jobs are done, as far as this run makes them.
    pub(super) fn start_then(&mut self, idx: JobIdx, rule: RuleId) {
        if !self.is_due(rule) {
            return self.end_then(idx, sched::End::Ok);
        }
        self.emit(EventKind::JobStarted {
            name: self.then_name(rule),
            attempt: 1,
            place: "local".into(),
        });
        self.do_then(idx, rule, 0);
    }

    /// Starts the step, or ends the last one.
    fn do_then(&mut self, idx: JobIdx, rule: RuleId, step: usize) {
        let found = &self.context.workflow.rules[rule];
        let Some(then) = found.then.get(step) else {
            if !self.overtaken.remove(&rule)
                && let Err(error) = self.owed.pay(&found.name)
            {
                self.stop(format!("{error:#}"));
            }
            self.then_finished(rule, Status::Ok, None, None, BString::default());
            return self.end_then(idx, sched::End::Ok);
        };
        let rendered = match then {
            Then::Command(recipe) => {
                let outputs = self.outputs_of(rule);
                render_then(&self.plan, self.context.workflow, found, recipe, &outputs)
            }
            Then::Touch(file) => self.touch(file.as_ref()),
        };
        match rendered {
            Ok(rendered) => self.send(What::Then { rule, idx, step }, rendered),
            Err(error) => {
                let failure = Failure::Engine(format!("{error:#}"));
                self.then_finished(
                    rule,
                    Status::Failed,
                    None,
                    Some(failure),
                    BString::default(),
                );
                self.end_then(idx, sched::End::Failed);
            }
        }
    }

    fn touch(&self, file: &BStr) -> anyhow::Result<Rendered> {
        self.store.disk().make_folder(facts::dir(file))?;
        Ok(Rendered {
            argv: vec!["touch".into(), "--".into(), file.into()],
            ..Rendered::default()
        })
    }

    fn outputs_of(&self, rule: RuleId) -> Vec<PathId> {
        let jobs = self.plan.jobs_of(rule).into_iter();
        let outputs = jobs.map(|job| self.plan.made(job).unwrap_or(self.plan.outputs(job)));
        outputs.flatten().copied().collect()
    }

    /// A step has ended.
    pub(super) fn then_ended(
        &mut self,
        (rule, idx, step): (RuleId, JobIdx, usize),
        end: End,
        printed: BString,
    ) {
        if end.is_ok() {
            return self.do_then(idx, rule, step + 1);
        }
        let name = self.then_name(rule);
        let written = self.log.write(LogKind::Failed, &name.job, 1, b"");
        self.check_log(written);
        let (status, how) = match self.interrupt {
            Some(_) => (Status::Cancelled, sched::End::Cut),
            None => (Status::Failed, sched::End::Failed),
        };
        self.then_finished(rule, status, Some(end), Some(Failure::Process), printed);
        self.end_then(idx, how);
    }

    /// The machine has failed: those under way are cut off, and stay owed.
    pub(super) fn cut_off_thens(&mut self) {
        let mut errands: Vec<_> = self.errands.drain().collect();
        errands.sort_by_key(|(task, _)| *task);
        for (_, errand) in errands {
            if let What::Then { rule, .. } = errand.what {
                self.then_finished(rule, Status::Killed, None, None, errand.printed);
            }
        }
    }

    fn end_then(&mut self, idx: JobIdx, end: sched::End) {
        let now = self.now();
        self.sched.tell(now, sched::Msg::Ended { job: idx, end });
    }

    /// `then:report`, by which its log is found too.
    pub(super) fn then_name(&self, rule: RuleId) -> JobName {
        JobName::of_then(&self.context.workflow.rules[rule].name)
    }

    fn then_finished(
        &mut self,
        rule: RuleId,
        status: Status,
        end: Option<End>,
        failure: Option<Failure>,
        printed: BString,
    ) {
        let finished = JobFinished {
            name: self.then_name(rule),
            status,
            attempt: 1,
            end,
            usage: None,
            failure,
            inputs: Vec::new(),
            outputs: Vec::new(),
            output_bytes: printed.len() as u64,
            tail: super::end::last_lines(&printed),
            place: self.place(rule),
        };
        self.emit(EventKind::JobFinished(finished));
    }
}

/// Fills a command that runs once for a whole rule, whose outputs are `outputs`.
fn render_then(
    plan: &Plan,
    workflow: &Workflow,
    rule: &Rule,
    recipe: &Recipe,
    outputs: &[PathId],
) -> anyhow::Result<Rendered> {
    let (argv, script) = launch(recipe, |hole| match recipe.expr(hole) {
        Some(Expr::Text(value)) => text(vec![Cow::Borrowed(BStr::new(value))]),
        Some(Expr::List(values)) => {
            let values = values.iter().map(|value| Cow::Borrowed(BStr::new(value)));
            text(values.collect())
        }
        Some(Expr::Rule) => text(vec![Cow::Borrowed(BStr::new(&rule.name))]),
        Some(Expr::Files { index, fact, .. }) => chosen(plan, None, outputs, *index, *fact),
        // Anything else is refused when the workflow is read.
        _ => text(Vec::new()),
    })?;
    let everywhere = workflow.env.iter().cloned();
    let own = rule
        .around
        .env
        .iter()
        .filter_map(|(name, word)| Some((name.clone(), word.literal()?)));
    let env = everywhere.chain(own);
    Ok(Rendered {
        argv,
        script,
        env: env.map(|(name, value)| (name.into(), value)).collect(),
        ..Rendered::default()
    })
}
