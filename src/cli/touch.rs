//! `flow run --touch-only`: stale jobs are made to look done, without running them.

use std::cell::RefCell;
use std::time::Instant;

use super::Exit;
use super::accept::left;
use super::open::Opened;
use super::targets::Judged;
use crate::disk::DiskMut;
use crate::event::{Event, EventKind, JobFinished, JobName, Status, Tally};
use crate::history::{History, Store};
use crate::pattern::Listing;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::run::Sink;
use crate::run::touch::{Deed, Marking};

/// Everybody who is told, and the counts.
struct Told<'a> {
    opened: &'a Opened,
    sinks: Vec<Box<dyn Sink + 'a>>,
    tally: Tally,
}

impl Told<'_> {
    fn emit(&mut self, kind: EventKind) {
        self.tally.add(&kind);
        let event = Event {
            time: jiff::Timestamp::now(),
            kind,
        };
        self.sinks.iter_mut().for_each(|sink| sink.event(&event));
    }

    fn touched(&mut self, plan: &Plan, job: JobId) {
        let rule = plan.rule_of(&self.opened.workflow, job);
        let (line, _) = self.opened.sources.line_column(rule.span);
        let file = &self.opened.sources.get(rule.span.file).name;
        let paths = |paths: &[PathId]| paths.iter().map(|path| plan.path(*path).into()).collect();
        self.emit(EventKind::JobFinished(JobFinished {
            name: JobName {
                job: plan.key(job).into(),
                rule: rule.name.clone(),
            },
            status: Status::Touched,
            attempt: 0,
            end: None,
            usage: None,
            failure: None,
            inputs: paths(plan.inputs(job)),
            outputs: paths(plan.made(job).unwrap_or(plan.outputs(job))),
            tail: Default::default(),
            output_bytes: 0,
            place: format!("{file}:{line}"),
        }));
    }
}

pub fn touch<'a>(
    opened: &'a Opened,
    listing: &'a RefCell<Listing<'a>>,
    mut judged: Judged,
    disk: &'a dyn DiskMut,
    history: &mut Store,
    sinks: Vec<Box<dyn Sink + 'a>>,
) -> anyhow::Result<(Exit, Tally)> {
    let started = Instant::now();
    let mut told = Told {
        opened,
        sinks,
        tally: Tally::default(),
    };
    let first = opened.workflow.rules.values().first();
    let workflow = first.map_or(String::new(), |rule| {
        opened.sources.get(rule.span.file).name.clone()
    });
    let wanted: Vec<JobId> = judged.plan.known.clone();
    let wanted = wanted.iter().filter(|job| judged.wanted.has(**job));
    let (stale, fresh): (Vec<&JobId>, Vec<&JobId>) =
        wanted.partition(|job| judged.judge.will_run(**job));
    told.emit(EventKind::RunStarted {
        workflow,
        jobs: stale.len() as u64,
        fresh: fresh.len() as u64,
        may_grow: judged.plan.pending().next().is_some(),
    });
    let marked = Marking {
        context: Context {
            workflow: &opened.workflow,
            listing,
        },
        plan: &mut judged.plan,
        wanted: &mut judged.wanted,
        judge: &mut judged.judge,
        disk,
        history,
        deed: Deed::Touch,
    }
    .mark(&mut |plan, job| told.touched(plan, job));
    let closed = history.close();
    told.tally.wall_s = started.elapsed().as_secs_f64();
    let tally = told.tally;
    told.emit(EventKind::RunFinished(tally));
    let marked = marked?;
    closed?;
    Ok((left(&judged.plan, &marked, "left as they were"), tally))
}
