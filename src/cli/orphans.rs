//! Files that flow made once and that no job makes now: globs pass them by.
//!
//! Only those count that are still as they were made, and that this workflow made: what another
//! workflow made in the same folder is a source like any other. Where history cannot tell who made a
//! file, it counts when a rule could make it.

use std::collections::HashSet;

use bstr::{BStr, BString};

use crate::disk::Disk;
use crate::history::{File, History, Past};
use crate::pattern::{Pattern, Shape, intersects};
use crate::plan::{Context, Plan};
use crate::workflow::{Source, shape};

/// The plan, made again until its globs take no orphan. The workflow goes by its file's name.
pub fn plan(context: Context, disk: &dyn Disk, history: &dyn History, workflow: &BStr) -> Plan {
    let plan = Plan::new(context);
    let rules = context.workflow.rules.values().iter();
    let words = rules
        .flat_map(|rule| rule.asked())
        .filter_map(|source| match source {
            Source::Files(word) => Some(shape::of(&shape::of_word(word, &|_| true))),
            Source::Rule(_) | Source::Table(_) => None,
        });
    let search = Search {
        context,
        disk,
        history,
        workflow,
        asked_for: words.collect(),
    };
    search.until_none_is_left(plan)
}

/// The workflow in whose run a job made its files; `None` where nobody knows.
pub fn maker(history: &dyn History, past: &Past) -> Option<BString> {
    // Accepted or adopted, not made.
    past.wall_ms?;
    history.workflow_at(past.ended_ms)
}

struct Search<'a, 'w> {
    context: Context<'w>,
    disk: &'a dyn Disk,
    history: &'a dyn History,
    workflow: &'a BStr,
    /// What the words that ask for files can name. A glob behind a split has met no file yet.
    asked_for: Vec<Shape>,
}

impl Search<'_, '_> {
    fn until_none_is_left(&self, mut plan: Plan) -> Plan {
        let mut orphans = HashSet::new();
        loop {
            let n_before = orphans.len();
            if !self.asked_for.is_empty() {
                self.find(&plan, &mut orphans);
            }
            if orphans.len() == n_before {
                return plan;
            }
            // What was made from an orphan may be one in turn.
            plan = Plan::without(self.context, &orphans);
        }
    }

    /// A job behind a split may still come to make such a file. That is seen to where the plan
    /// grows: by then it has its job.
    fn find(&self, plan: &Plan, orphans: &mut HashSet<BString>) {
        self.history.each(&mut |past| {
            for file in past.outputs() {
                let name = BStr::new(file.path);
                // A plan names its outputs in nearly the order of the records, and so they are found.
                let id = plan.paths.find(name);
                if id.is_none_or(|id| plan.producer(id).is_none())
                    && !orphans.contains(name)
                    && self.is_asked_for(name)
                    && self.is_own(past, name)
                    && self.is_as_made(&file)
                {
                    orphans.insert(name.into());
                }
            }
        });
    }

    fn is_asked_for(&self, name: &BStr) -> bool {
        let shape = shape::of(&Pattern::text(name));
        let mut asked_for = self.asked_for.iter();
        asked_for.any(|word| intersects(&[word, &shape]))
    }

    fn is_own(&self, past: &Past, name: &BStr) -> bool {
        if let Some(maker) = maker(self.history, past) {
            return maker == self.workflow;
        }
        let workflow = self.context.workflow;
        let mut rules = workflow.rules.ids();
        rules.any(|rule| workflow.may_make_path(rule, name))
    }

    fn is_as_made(&self, file: &File) -> bool {
        let stat = self.disk.look(file.path).ok().flatten();
        stat.is_some_and(|stat| stat.modified == file.time && stat.size == file.size)
    }
}
