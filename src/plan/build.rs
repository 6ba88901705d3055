//! Expands every rule, upstream first.

use std::collections::HashSet;

use super::source::Item;
use super::{Consumer, Context, Entry, Job, PathId, Plan, Seen, Then, name};
use crate::dense::{Run, Table};
use crate::lang::ast::Verb;
use crate::workflow::{Rule, RuleId, Source};

/// Expands all rules. Files that a rule makes itself, or that a rule makes which depends on it,
/// are not its items: what turns out to be so is left out, and the plan made again without it.
pub(super) fn build(context: Context) -> Plan {
    let mut excluded = HashSet::new();
    loop {
        let mut plan = empty(context, excluded.clone());
        for &rule in &context.workflow.order {
            let entries = plan.expand(context, rule);
            plan.entries[rule] = entries;
        }
        let found = plan.fed_back(context);
        if found.is_empty() {
            plan.finish(context);
            return plan;
        }
        excluded.extend(found);
    }
}

fn empty(context: Context, excluded: HashSet<(RuleId, PathId)>) -> Plan {
    let n_rules = context.workflow.rules.len();
    let rules = context.workflow.rules.values();
    let travelling = rules.iter().map(|rule| rule.captures.clone()).collect();
    Plan {
        paths: Default::default(),
        jobs: Default::default(),
        values: Default::default(),
        files: Default::default(),
        captured: Default::default(),
        slots: Default::default(),
        producer: Default::default(),
        folders: Default::default(),
        entries: Table::filled(n_rules, Vec::new()),
        made: Default::default(),
        stands: Default::default(),
        gathers: Default::default(),
        waiting: Default::default(),
        known: Default::default(),
        open: Default::default(),
        came_by: Default::default(),
        current_stand: None,
        seen: Table::filled(n_rules, Seen::default()),
        excluded,
        diags: Vec::new(),
        scratch: name::Scratch {
            travelling,
            ..Default::default()
        },
    }
}

impl Plan {
    /// The jobs of one rule, whose upstream rules were expanded before.
    pub(super) fn expand(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        if !rule.is_active() {
            return Vec::new();
        }
        let pending = self.pending_extras(context, id, rule);
        if pending.is_empty() {
            return self.expand_now(context, id);
        }
        let stand = self.stand(Some(id), pending.clone(), Run::default());
        self.gather(pending, 0, Then::Expand(id, stand));
        vec![Entry::Stand(stand)]
    }

    /// What `with` and `using` name and nobody knows yet.
    fn pending_extras(&self, context: Context, id: RuleId, rule: &Rule) -> Vec<Entry> {
        let mut pending = Vec::new();
        for extra in name::extras(rule) {
            match &extra.source {
                Source::Rule(upstream) => {
                    let leaves = self.leaves(*upstream).into_iter();
                    pending.extend(leaves.filter(|leaf| self.is_pending(*leaf)));
                }
                Source::Files(word) => pending.extend(self.pending_makers(context, id, word)),
            }
        }
        pending.dedup();
        pending
    }

    /// The jobs of a rule whose `with` words are known.
    pub(super) fn expand_now(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        match rule.verb {
            Verb::Originate => self.originate(context, id),
            Verb::Transform | Verb::Subdivide => self.per_item(context, id),
            Verb::Split | Verb::Merge => self.merge(context, id),
            Verb::Collate => self.collate(context, id),
            Verb::Product
            | Verb::Combinations
            | Verb::Permutations
            | Verb::CombinationsWithReplacement => Vec::new(),
        }
    }

    fn originate(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let mut entries = Vec::new();
        for group in &context.workflow.rules[id].outputs {
            let mut naming = name::Naming::default();
            self.fill_extras(context, id, &mut naming);
            let Some(outputs) = self.fill_outputs(context, id, &naming, Some(group)) else {
                continue;
            };
            let inputs = self.files.add(naming.inputs.iter().copied());
            let slots = self.slots_of(&context.workflow.rules[id], &naming.slots);
            let outputs = self.files.add(outputs);
            let none = Run::default();
            let job = Job {
                rule: id,
                inputs,
                item: none,
                outputs,
                captures: none,
                slots,
            };
            let job = self.push_job(context, job);
            self.known.push(job);
            entries.push(Entry::Job(job));
        }
        entries
    }

    fn per_item(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        let sources = &rule.factors[0].sources;
        let mut taken = (sources.len() > 1).then(HashSet::new);
        let mut entries = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            for entry in self.source_entries(context, id, number as u32, source) {
                self.expand_entry(context, id, number as u32, entry, &mut taken, &mut entries);
            }
        }
        entries
    }

    /// The jobs of one entry, or a stand-in when its items are not known yet.
    ///
    /// With several sources `taken` holds the items that an earlier one named.
    pub(super) fn expand_entry(
        &mut self,
        context: Context,
        id: RuleId,
        source: u32,
        entry: Entry,
        taken: &mut Option<HashSet<(PathId, usize)>>,
        entries: &mut Vec<Entry>,
    ) {
        if self.is_pending(entry) {
            let captures = self.pending_captures(entry);
            let stand = self.stand(Some(id), vec![entry], captures);
            let consumer = Consumer::PerItem {
                rule: id,
                source,
                stand,
            };
            self.waiting.entry(entry).or_default().push(consumer);
            entries.push(Entry::Stand(stand));
            return;
        }
        let is_subdivide = context.workflow.rules[id].verb == Verb::Subdivide;
        let mut leaves = Vec::new();
        self.flatten(entry, &mut leaves);
        let mut items: Vec<Item> = Vec::new();
        for leaf in leaves {
            if self.is_pending(leaf) {
                self.expand_entry(context, id, source, leaf, taken, entries);
                continue;
            }
            items.clear();
            self.items(leaf, &mut items);
            for item in &items {
                let files = &self.files[item.files];
                if let (Some(taken), Some(first)) = (taken.as_mut(), files.first())
                    && !taken.insert((*first, files.len()))
                {
                    continue;
                }
                if let Some(job) = self.item_job(context, id, *item) {
                    self.known.push(job);
                    entries.push(if is_subdivide {
                        Entry::Split(job)
                    } else {
                        Entry::Job(job)
                    });
                }
            }
        }
    }

    /// Items that are made by their own rule, or by one that depends on it by name.
    fn fed_back(&mut self, context: Context) -> Vec<(RuleId, PathId)> {
        let mut found = Vec::new();
        for &(rule, maker) in &context.workflow.fed_back {
            let jobs = self.jobs_of(rule);
            let inputs = jobs.iter().flat_map(|job| self.item(*job).iter().copied());
            let mut made: Vec<PathId> = Vec::new();
            for path in inputs {
                let Some(producer) = self.producer(path) else {
                    continue;
                };
                if self.jobs[producer].rule == maker && !self.excluded.contains(&(rule, path)) {
                    made.push(path);
                }
            }
            // In a chain of the rule's own files every second one would come by a job that goes.
            let goes = |path: &PathId| {
                let producer = self.producer(*path).expect("it was found by its producer");
                rule == maker && self.item(producer).iter().any(|input| made.contains(input))
            };
            let first: Vec<PathId> = made.iter().filter(|path| !goes(path)).copied().collect();
            let gone = if first.is_empty() { &made } else { &first };
            found.extend(gone.iter().map(|path| (rule, *path)));
        }
        found
    }
}
