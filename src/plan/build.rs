//! Expands every rule, upstream first.

use std::collections::HashSet;

use bstr::BString;

use super::feedback::{self, Excluded};
use super::name::Naming;
use super::source::Item;
use super::{Consumer, Context, Entry, Job, PathId, Plan, Seen, Then, name};
use crate::dense::{Run, Table};
use crate::lang::ast::Verb;
use crate::workflow::{Rule, RuleId, Source};

/// Expands all rules, and says what is wrong with them. Globs pass over `orphans`.
pub(super) fn build(context: Context, orphans: &HashSet<BString>) -> Plan {
    let mut plan = feedback::expand_all(context, orphans);
    plan.finish(context);
    plan
}

/// No jobs yet.
pub(super) fn empty(context: Context, excluded: Excluded) -> Plan {
    let n_rules = context.workflow.rules.len();
    let rules = context.workflow.rules.values();
    let mut seen = Table::default();
    for rule in rules {
        seen.push(vec![Seen::default(); rule.factors.len()]);
    }
    let travelling = rules.iter().map(|rule| rule.captures.clone()).collect();
    Plan {
        paths: Default::default(),
        jobs: Default::default(),
        values: Default::default(),
        files: Default::default(),
        captured: Default::default(),
        lengths: Default::default(),
        slots: Default::default(),
        elements: Default::default(),
        rows: Default::default(),
        first_row: Default::default(),
        keys: Default::default(),
        by_key: Default::default(),
        producer: Default::default(),
        folders: Default::default(),
        entries: Table::filled(n_rules, Vec::new()),
        made: Default::default(),
        stands: Default::default(),
        behind_splits: Default::default(),
        gathers: Default::default(),
        waiting: Default::default(),
        known: Default::default(),
        open: Default::default(),
        held: Default::default(),
        is_held: Default::default(),
        came_by: Default::default(),
        current_stand: None,
        seen,
        excluded,
        is_trial: false,
        orphans: HashSet::new(),
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
        for extra in rule.extras() {
            match &extra.source {
                Source::Rule(upstream) => {
                    let leaves = self.leaves(*upstream);
                    pending.extend(leaves.iter().filter(|leaf| self.is_pending(**leaf)));
                }
                Source::Table(_) => {}
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
            | Verb::CombinationsWithReplacement => self.tuples(context, id),
        }
    }

    fn originate(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let mut entries = Vec::new();
        for group in &context.workflow.rules[id].outputs {
            let mut naming = Naming::default();
            self.fill_extras(context, id, &mut naming);
            let Some(outputs) = self.fill_outputs(context, id, &naming, Some(group)) else {
                continue;
            };
            let inputs = self.files.add(naming.inputs.iter().copied());
            let slots = self.slots_of(&context.workflow.rules[id], &naming.slots);
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
            self.add_known(job);
            entries.push(Entry::Job(job));
        }
        entries
    }

    fn per_item(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        let sources = &rule.factors[0].sources;
        let taken = (sources.len() > 1).then(HashSet::new);
        let mut jobs = PerItem::new(id, taken);
        for (number, source) in sources.iter().enumerate() {
            jobs.source = number as u32;
            let of_source = self.source_entries(context, id, jobs.source, source);
            self.reserve_jobs(rule, of_source.len());
            jobs.entries.reserve(of_source.len());
            for entry in of_source {
                self.expand_entry(context, entry, &mut jobs);
            }
        }
        jobs.entries
    }

    /// Makes room for so many jobs of a rule, each of one item.
    fn reserve_jobs(&mut self, rule: &Rule, n: usize) {
        let n_outputs = rule.outputs.first().map_or(0, Vec::len);
        self.jobs.reserve(n);
        self.known.reserve(n);
        self.files.reserve(n * (1 + n_outputs));
        self.captured.reserve(n * rule.captures.len());
        self.producer.reserve(n * (1 + n_outputs));
    }

    /// The jobs of one entry, or a stand-in when its items are not known yet.
    pub(super) fn expand_entry(&mut self, context: Context, entry: Entry, jobs: &mut PerItem) {
        if self.is_pending(entry) {
            let captures = self.pending_captures(entry);
            let stand = self.stand(Some(jobs.rule), vec![entry], captures);
            let consumer = Consumer::PerItem {
                rule: jobs.rule,
                source: jobs.source,
                stand,
            };
            self.waiting.entry(entry).or_default().push(consumer);
            jobs.entries.push(Entry::Stand(stand));
            return;
        }
        let Entry::Stand(_) = entry else {
            return self.expand_items(context, entry, jobs);
        };
        let mut leaves = Vec::new();
        self.flatten(entry, &mut leaves);
        for leaf in leaves {
            match self.is_pending(leaf) {
                true => self.expand_entry(context, leaf, jobs),
                false => self.expand_items(context, leaf, jobs),
            }
        }
    }

    /// The jobs of an entry whose items are known.
    fn expand_items(&mut self, context: Context, leaf: Entry, jobs: &mut PerItem) {
        let id = jobs.rule;
        let is_subdivide = context.workflow.rules[id].verb == Verb::Subdivide;
        jobs.items.clear();
        self.items(leaf, &mut jobs.items);
        for item in &jobs.items {
            let files = &self.files[item.files];
            if let (Some(taken), Some(first)) = (jobs.taken.as_mut(), files.first())
                && !taken.insert((*first, files.len()))
            {
                continue;
            }
            if let Some(job) = self.item_job(context, id, *item, &mut jobs.naming) {
                self.add_known(job);
                jobs.entries.push(match is_subdivide {
                    true => Entry::Split(job),
                    false => Entry::Job(job),
                });
            }
        }
    }
}

/// Jobs of one rule that are each named by one item, on their way.
pub(super) struct PerItem {
    rule: RuleId,
    /// The number of the source whose items come next.
    pub source: u32,
    /// With several sources: the items that an earlier one named.
    taken: Option<HashSet<(PathId, usize)>>,
    pub entries: Vec<Entry>,
    items: Vec<Item>,
    naming: Naming,
}

impl PerItem {
    pub fn new(rule: RuleId, taken: Option<HashSet<(PathId, usize)>>) -> PerItem {
        PerItem {
            rule,
            source: 0,
            taken,
            entries: Vec::new(),
            items: Vec::new(),
            naming: Naming::default(),
        }
    }
}
