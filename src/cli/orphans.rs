//! Files that flow made once and that no job makes now: globs pass them by.
//!
//! Only those count that are still as they were made, and that a rule of this workflow could make:
//! what another workflow made in the same folder is a source like any other.

use std::collections::HashSet;

use bstr::{BStr, BString};

use crate::disk::Disk;
use crate::history::{File, History};
use crate::plan::want::Wanted;
use crate::plan::{Context, Plan};
use crate::workflow::Source;

/// The plan, made again until its globs take no orphan.
pub fn plan(context: Context, disk: &dyn Disk, history: &dyn History) -> Plan {
    let mut orphans = HashSet::new();
    let mut plan = Plan::new(context);
    let mut asked = context.workflow.rules.values().iter();
    let has_globs = asked.any(|rule| {
        let is_glob = |source: &Source| matches!(source, Source::Files(word) if word.has_glob());
        rule.asked().any(is_glob)
    });
    if !has_globs {
        return plan;
    }
    loop {
        let n_before = orphans.len();
        find(&plan, context, disk, history, &mut orphans);
        if orphans.len() == n_before {
            return plan;
        }
        // What was made from an orphan may be one in turn.
        plan = Plan::without(context, &orphans);
    }
}

fn find(
    plan: &Plan,
    context: Context,
    disk: &dyn Disk,
    history: &dyn History,
    orphans: &mut HashSet<BString>,
) {
    history.each(&mut |past| {
        for file in past.outputs() {
            let name = BStr::new(file.path);
            // What no glob has met and no job reads or makes matters to nobody.
            let Some(id) = plan.paths.find(name) else {
                continue;
            };
            if plan.producer(id).is_none()
                && !orphans.contains(name)
                && may_be_made(plan, context, name)
                && is_as_made(disk, &file)
            {
                orphans.insert(name.into());
            }
        }
    });
}

/// Whether a rule whose jobs are all known could make such a file. Jobs behind a split may still
/// come to make it: that is not decided here, but by the plan when it has grown.
fn may_be_made(plan: &Plan, context: Context, name: &BStr) -> bool {
    let mut rules = context.workflow.rules.ids();
    rules.any(|rule| context.workflow.may_make_path(rule, name))
        && !Wanted::default().add_file(plan, context, name)
}

fn is_as_made(disk: &dyn Disk, file: &File) -> bool {
    let stat = disk.stat(file.path).ok().flatten();
    stat.is_some_and(|stat| stat.modified == file.time && stat.size == file.size)
}
