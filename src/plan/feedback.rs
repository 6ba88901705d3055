//! Files that a rule makes itself, or that a rule makes which depends on it, are not its items; nor
//! are those in a folder that a job makes.
//!
//! Which these are shows only in a plan. So one is made, what is fed back in it is noted by name,
//! and it is made again without that, until nothing is.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use super::{Context, Job, JobId, PathId, Plan, build};
use crate::dense::Table;
use crate::workflow::RuleId;

/// By rule: names of files that are not its items, whatever its globs say.
pub(super) type Excluded = Table<RuleId, HashSet<BString>>;

/// Splits that have run: by rule, name and first input the files that each made.
type Ran = HashMap<(RuleId, BString, Option<BString>), Vec<BString>>;

/// A plan in which no rule feeds itself, after the splits that `ran`.
fn settled(context: Context, orphans: &HashSet<BString>, ran: &Ran) -> Plan {
    let n_rules = context.workflow.rules.len();
    let mut excluded: Excluded = Table::filled(n_rules, HashSet::new());
    loop {
        let mut plan = build::empty(context, excluded);
        plan.is_trial = true;
        plan.orphans.clone_from(orphans);
        plan.add_rows(context);
        for &rule in &context.workflow.order {
            let entries = plan.expand(context, rule);
            plan.entries[rule] = entries;
        }
        plan.replay(context, ran);
        let mut found = plan.fed_back(context);
        found.extend(plan.inside_folders());
        if found.is_empty() {
            plan.is_trial = false;
            return plan;
        }
        excluded = plan.excluded;
        for (rule, name) in found {
            excluded[rule].insert(name);
        }
    }
}

/// All rules expanded, before anything has run.
pub(super) fn expand_all(context: Context, orphans: &HashSet<BString>) -> Plan {
    settled(context, orphans, &Ran::new())
}

impl Plan {
    /// Finds out which files are not the rule's items, before its globs are looked up behind a
    /// split.
    pub(super) fn learn_feedback(&mut self, context: Context, rule: RuleId) {
        let mut fed_back = context.workflow.fed_back.iter();
        let may_be_fed = fed_back.any(|(fed, _)| *fed == rule) || !self.folders.is_empty();
        if self.is_trial || !may_be_fed {
            return;
        }
        let name = |path: &PathId| BString::from(self.path(*path));
        let ran = self.made.iter().map(|(&job, &run)| {
            let files = self.files[run].iter().map(name).collect();
            (self.replay_key(job), files)
        });
        self.excluded = settled(context, &self.orphans, &ran.collect()).excluded;
    }

    fn replay_key(&self, job: JobId) -> (RuleId, BString, Option<BString>) {
        let first = self.item(job).first();
        let first = first.map(|path| BString::from(self.path(*path)));
        (self.jobs[job].rule, self.key(job).into(), first)
    }

    /// Lets the plan grow by all that ran.
    fn replay(&mut self, context: Context, ran: &Ran) {
        let mut at = 0;
        while at < self.known.len() && !ran.is_empty() {
            let job = self.known[at];
            if let Some(files) = ran.get(&self.replay_key(job)) {
                let files: Vec<PathId> = files
                    .iter()
                    .map(|name| self.paths.intern(name.as_slice()))
                    .collect();
                self.grow(context, job, &files);
            }
            at += 1;
        }
    }

    /// Inputs that lie in a folder which a job makes as a whole: what it will hold, nobody knows
    /// before. Words that spell such a file out have it all the same.
    fn inside_folders(&self) -> Vec<(RuleId, BString)> {
        if self.folders.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (job, &Job { rule, .. }) in self.jobs.iter() {
            for &path in self.inputs(job) {
                let name = self.path(path);
                // One that reads what it makes is a mistake, and told as one.
                let is_own = self.producer(path) == Some(job);
                if self.lies_in_a_folder(path) && !is_own && !self.excluded[rule].contains(name) {
                    found.push((rule, name.into()));
                }
            }
        }
        found
    }

    /// Items that are made by their own rule, or by one that depends on it by name.
    fn fed_back(&self, context: Context) -> Vec<(RuleId, BString)> {
        let mut found = Vec::new();
        for &(rule, maker) in &context.workflow.fed_back {
            let gathers = context.workflow.rules[rule].gathers();
            let jobs = self.jobs_of(rule);
            let mut made: HashSet<PathId> = HashSet::new();
            for &job in &jobs {
                for &path in self.item(job) {
                    let Some(producer) = self.producer(path) else {
                        continue;
                    };
                    // A job of one item that writes just this is a mistake, and told as one; so is one
                    // that makes the whole folder in which it finds its items.
                    let is_own = producer == job && (!gathers || self.lies_in_a_folder(path));
                    if self.jobs[producer].rule == maker && !is_own {
                        made.insert(path);
                    }
                }
            }
            // In a chain of the rule's own files every second one would come by a job that goes.
            let goes = |path: &PathId| {
                let producer = self.producer(*path).expect("it was found by its producer");
                let mut item = self.item(producer).iter();
                rule == maker && item.any(|input| made.contains(input))
            };
            let first: Vec<PathId> = made.iter().filter(|path| !goes(path)).copied().collect();
            let gone = if first.is_empty() {
                made.into_iter().collect()
            } else {
                first
            };
            let name = |path: PathId| (rule, BString::from(self.path(path)));
            found.extend(gone.into_iter().map(name));
        }
        found
    }
}
