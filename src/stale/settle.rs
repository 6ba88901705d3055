//! Judges until nothing new is known: a fresh split makes the plan grow, and what follows it is
//! judged in turn.

use super::Judge;
use crate::disk::Disk;
use crate::history::History;
use crate::plan::want::Wanted;
use crate::plan::{Context, Plan};

/// Judges every wanted job that is known, and those behind splits that are fresh.
pub fn settle(
    plan: &mut Plan,
    context: Context,
    wanted: &mut Wanted,
    judge: &mut Judge,
    disk: &dyn Disk,
    history: &dyn History,
) {
    if judge.is_minimal {
        return super::minimal::settle(plan, context, wanted, judge, disk, history);
    }
    grow(plan, context, wanted, judge, disk, history);
}

/// Judges what is wanted, and what comes behind fresh splits.
pub(super) fn grow(
    plan: &mut Plan,
    context: Context,
    wanted: &mut Wanted,
    judge: &mut Judge,
    disk: &dyn Disk,
    history: &dyn History,
) {
    loop {
        judge.discover(plan, context, wanted, disk);
        let mut fresh_splits = judge.judge(plan, context, wanted, disk, history);
        judge.need_gone(plan, wanted);
        fresh_splits.retain(|(split, _)| !judge.will_run(*split));
        if fresh_splits.is_empty() {
            return;
        }
        for (split, files) in fresh_splits {
            let n_known = plan.known.len();
            plan.grow(context, split, &files);
            let new = plan.known[n_known..].to_vec();
            wanted.grow(plan, context, &new);
        }
    }
}
