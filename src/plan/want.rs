//! Which jobs the targets need.

use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};

use super::{Context, Entry, JobId, PathId, Plan, StandId};
use crate::dense::{BitSet, Id};
use crate::pattern::Glob;
use crate::workflow::{Rule, RuleId, Source, Word};

/// Jobs and stand-ins that are asked for, and all that they need.
#[derive(Clone, Default, Debug)]
pub struct Wanted {
    jobs: BitSet,
    stands: BitSet,
    rules: BitSet,
    /// Files that only the growing plan can bring.
    late: Vec<BString>,
    /// Jobs before which nothing is wanted.
    ends: BitSet,
    /// What was asked for, to begin again from.
    asked: Vec<Asked>,
    /// A file that was asked for has come, and with it jobs may be wanted that were passed before.
    rescan: bool,
    /// Globs of which the growing plan may bring more files.
    late_globs: Vec<Word>,
    /// How many of the plan's stand-ins were looked at when it grew.
    n_stands: usize,
    named: Named,
}

/// What was asked for by name, not merely as a part of everything.
#[derive(Clone, Default, Debug)]
struct Named {
    rules: BitSet,
    files: HashSet<BString>,
    globs: Vec<Glob>,
}

#[derive(Clone, Debug)]
enum Asked {
    Rule(RuleId),
    Job(JobId),
    File(BString),
}

impl Wanted {
    pub fn has(&self, job: JobId) -> bool {
        self.jobs.contains(job.index())
    }

    pub fn has_stand(&self, stand: StandId) -> bool {
        self.stands.contains(stand.index())
    }

    /// Adds entries and everything upstream of them.
    pub fn add(&mut self, plan: &Plan, context: Context, entries: impl IntoIterator<Item = Entry>) {
        let mut rest: Vec<Entry> = Vec::new();
        for entry in entries {
            rest.push(entry);
            while let Some(entry) = rest.pop() {
                self.add_one(plan, context, entry, &mut rest);
            }
        }
    }

    /// Adds an entry; what it needs itself goes to `rest`.
    fn add_one(&mut self, plan: &Plan, context: Context, entry: Entry, rest: &mut Vec<Entry>) {
        match entry {
            Entry::Job(job) | Entry::Split(job) => {
                if self.jobs.insert(job.index()) && !self.ends.contains(job.index()) {
                    let inputs = plan.inputs(job).iter();
                    rest.extend(
                        inputs
                            .filter_map(|path| plan.producer(*path))
                            .map(Entry::Job),
                    );
                    plan.push_open_members(job, rest);
                    self.push_after(plan, plan.rule_of(context.workflow, job), rest);
                }
            }
            Entry::Stand(stand) => {
                if self.stands.insert(stand.index()) {
                    plan.push_stand_members(stand, rest);
                    if let Some(rule) = plan.stands[stand].rule {
                        self.push_after(plan, &context.workflow.rules[rule], rest);
                    }
                }
            }
            Entry::Row(_) => {}
            Entry::File(path) => rest.extend(plan.producer(path).map(Entry::Job)),
        }
    }

    /// All jobs of a rule that was asked for by name.
    pub fn add_rule(&mut self, plan: &Plan, context: Context, rule: RuleId) {
        self.named.rules.insert(rule.index());
        self.add_all_of(plan, context, rule);
    }

    /// Everything.
    pub fn add_everything(&mut self, plan: &Plan, context: Context) {
        for rule in context.workflow.rules.ids() {
            self.add_all_of(plan, context, rule);
        }
    }

    fn add_all_of(&mut self, plan: &Plan, context: Context, rule: RuleId) {
        self.asked.push(Asked::Rule(rule));
        self.rules.insert(rule.index());
        self.add(plan, context, plan.leaves(rule).iter().copied());
    }

    /// The job that makes a file. Where none does yet, but one behind a split might, the split is
    /// wanted, and the job when it comes. False when no rule makes such a file.
    pub fn add_file(&mut self, plan: &Plan, context: Context, path: &BStr) -> bool {
        self.asked.push(Asked::File(path.into()));
        self.named.files.insert(path.into());
        if let Some(id) = plan.paths.find(path)
            && let Some(job) = plan.producer(id)
        {
            self.add(plan, context, [Entry::Job(job)]);
            return true;
        }
        let mut might_come = false;
        for (stand, rule) in plan.pending() {
            if context.workflow.may_make_path(rule, path) {
                might_come = true;
                let roots = plan.roots(stand);
                self.add(plan, context, roots);
            }
        }
        for job in plan.pending_splits() {
            if context.workflow.may_make_path(plan.jobs[job].rule, path) {
                might_come = true;
                self.add(plan, context, [Entry::Split(job)]);
            }
        }
        if might_come {
            self.late.push(path.into());
        }
        might_come
    }

    /// The jobs whose files nothing reads, with which all others come: rules that no rule has as a
    /// source, and of the others the jobs that nothing came of.
    pub fn add_last(&mut self, plan: &Plan, context: Context) {
        let rules = &context.workflow.rules;
        let mut has_reader = BitSet::default();
        for (id, rule) in rules.iter() {
            let by_name = rule.asked().filter_map(|source| match source {
                Source::Rule(rule) => Some(*rule),
                Source::Files(_) | Source::Table(_) => None,
            });
            let by_words = context.workflow.upstream_by_words[id].iter().copied();
            by_name.chain(by_words).for_each(|rule| {
                has_reader.insert(rule.index());
            });
        }
        for rule in rules
            .ids()
            .filter(|rule| !has_reader.contains(rule.index()))
        {
            self.add_all_of(plan, context, rule);
        }
        if plan.pending().next().is_some() || plan.open_jobs().next().is_some() {
            return;
        }
        let mut is_read = BitSet::default();
        for job in plan.jobs.ids() {
            let producers = plan.inputs(job).iter();
            let producers = producers.filter_map(|path| plan.producer(*path));
            producers.filter(|other| *other != job).for_each(|job| {
                is_read.insert(job.index());
            });
        }
        for job in plan.jobs.ids().filter(|job| !is_read.contains(job.index())) {
            self.asked.push(Asked::Job(job));
            self.add(plan, context, [Entry::Job(job)]);
        }
    }

    /// Asks again for what was asked for; now nothing is wanted before the jobs in `ends`.
    pub fn begin_again(&mut self, plan: &Plan, context: Context, ends: BitSet) {
        let Wanted { asked, named, .. } = std::mem::take(self);
        (self.ends, self.named) = (ends, named);
        self.rescan = true;
        for asked in asked {
            match asked {
                Asked::Rule(rule) => self.add_all_of(plan, context, rule),
                Asked::File(path) => {
                    self.add_file(plan, context, path.as_bstr());
                }
                Asked::Job(job) => {
                    self.asked.push(Asked::Job(job));
                    self.add(plan, context, [Entry::Job(job)]);
                }
            }
        }
    }

    /// Whether jobs that were known before may have become wanted.
    pub fn needs_rescan(&self) -> bool {
        self.rescan
    }

    /// The jobs whose outputs a glob names, those that are still to come as well. False when there
    /// are none.
    pub fn add_glob(&mut self, plan: &Plan, context: Context, word: &Word) -> bool {
        let Ok(glob) = Glob::new(&word.pattern()) else {
            return false;
        };
        let mut is_made = false;
        for &job in &plan.known {
            if self.matches(plan, &glob, job) {
                is_made = true;
                self.add(plan, context, [Entry::Job(job)]);
            }
        }
        for job in plan.open_jobs() {
            if self.matches(plan, &glob, job) {
                is_made = true;
                self.add(plan, context, [Entry::Job(job)]);
            }
        }
        let mut might_come = false;
        for (stand, rule) in plan.pending() {
            if context.workflow.may_make(rule, word) {
                might_come = true;
                let roots = plan.roots(stand);
                self.add(plan, context, roots);
            }
        }
        for job in plan.pending_splits() {
            if context.workflow.may_make(plan.jobs[job].rule, word) {
                might_come = true;
                self.add(plan, context, [Entry::Split(job)]);
            }
        }
        if might_come {
            self.late_globs.push(word.clone());
        }
        self.named.globs.push(glob);
        is_made || might_come
    }

    /// Whether the job's files were asked for by name: by their rule's, or by one of theirs.
    pub fn is_named(&self, plan: &Plan, job: JobId) -> bool {
        let Named {
            rules,
            files,
            globs,
        } = &self.named;
        let is_named = |path: &PathId| {
            let path = plan.path(*path);
            files.contains(path) || globs.iter().any(|glob| glob.matches(path))
        };
        rules.contains(plan.jobs[job].rule.index())
            || plan
                .made(job)
                .unwrap_or(plan.outputs(job))
                .iter()
                .any(is_named)
    }

    fn matches(&self, plan: &Plan, glob: &Glob, job: JobId) -> bool {
        let files = plan.made(job).unwrap_or(plan.outputs(job));
        files.iter().any(|path| glob.matches(plan.path(*path)))
    }

    /// Whether every file that was asked for is made by a job that is known.
    pub fn has_come(&self) -> bool {
        self.late.is_empty()
    }

    /// Files that were asked for and have not come.
    pub fn missing_late(&self) -> impl Iterator<Item = &BStr> {
        self.late.iter().map(BStr::new)
    }

    fn push_after(&mut self, plan: &Plan, rule: &Rule, rest: &mut Vec<Entry>) {
        for &after in &rule.after {
            if self.rules.insert(after.index()) {
                rest.extend(plan.leaves(after).iter());
            }
        }
    }

    /// After the plan grew: a job that came by a wanted stand-in is wanted, and so is all that a
    /// wanted job turned out to need.
    pub fn grow(&mut self, plan: &Plan, context: Context, new: &[JobId]) {
        // Those of before were added with what they came by.
        for (id, stand) in plan.stands.iter().skip(self.n_stands) {
            if stand.parent.is_some_and(|parent| self.has_stand(parent)) {
                self.add(plan, context, [Entry::Stand(id)]);
            }
        }
        self.n_stands = plan.stands.len();
        for &job in new {
            self.late_comes(plan, context, job);
            let by_stand = plan
                .came_by
                .get(&job)
                .is_some_and(|stand| self.has_stand(*stand));
            if by_stand || self.has(job) {
                self.jobs.remove(job.index());
                self.add(plan, context, [Entry::Job(job)]);
            }
        }
    }
}

impl Wanted {
    /// Whether a file that was asked for is one of the job's.
    fn late_comes(&mut self, plan: &Plan, context: Context, job: JobId) {
        let is_named = self.late_globs.iter().any(|word| {
            Glob::new(&word.pattern()).is_ok_and(|glob| self.matches(plan, &glob, job))
        });
        if is_named {
            self.add(plan, context, [Entry::Job(job)]);
        }
        if self.late.is_empty() {
            return;
        }
        let files = plan.made(job).unwrap_or(plan.outputs(job));
        let n_before = self.late.len();
        self.late
            .retain(|late| !files.iter().any(|path| plan.path(*path) == late));
        if self.late.len() < n_before {
            self.rescan = true;
            self.add(plan, context, [Entry::Job(job)]);
        }
    }
}

impl Plan {
    /// The splits that a stand-in stands behind.
    fn roots(&self, stand: StandId) -> Vec<Entry> {
        let mut roots = Vec::new();
        let mut rest = self.stands[stand].on.clone();
        while let Some(entry) = rest.pop() {
            match entry {
                Entry::Stand(other) => {
                    let other = &self.stands[other];
                    rest.extend(other.children.as_ref().unwrap_or(&other.on));
                }
                _ => roots.push(entry),
            }
        }
        roots
    }

    /// Splits and subdivides whose files are not known.
    fn pending_splits(&self) -> impl Iterator<Item = JobId> {
        self.entries
            .values()
            .iter()
            .flatten()
            .filter_map(|entry| match entry {
                Entry::Split(job) if self.is_pending(*entry) => Some(*job),
                _ => None,
            })
    }

    /// What an open job gathers.
    fn push_open_members(&self, job: JobId, rest: &mut Vec<Entry>) {
        if let Some(&gather) = self.open.get(&job) {
            for member in &self.gathers[gather].members {
                self.flatten(member.entry, rest);
            }
        }
    }

    /// What a stand-in waits for, known members included.
    fn push_stand_members(&self, stand: StandId, rest: &mut Vec<Entry>) {
        let stand = &self.stands[stand];
        for &entry in &stand.on {
            self.flatten(entry, rest);
        }
        for &entry in stand.children.iter().flatten() {
            self.flatten(entry, rest);
        }
    }
}
