//! Rules with one job over many items: split and merge over all, collate over those that name the
//! same outputs.

use std::collections::{HashMap, HashSet};

use super::name::Naming;
use super::source::Item;
use super::{
    Context, Entry, GatherId, Job, JobId, Member, NameId, ONE_EACH, PathId, Plan, StandId, Then,
    ValueId,
};
use crate::dense::Run;
use crate::lang::Diag;
use crate::lang::ast::Verb;
use crate::workflow::{Expr, RuleId};

/// Items that name the same outputs, on their way to a job.
#[derive(Default)]
struct Group {
    outputs: Vec<PathId>,
    files: Vec<PathId>,
    /// What each `with` word brought, each file once.
    extras: Vec<Vec<PathId>>,
    /// The same, to ask whether a word has brought a file.
    brought: HashSet<(usize, PathId)>,
    /// Captures of each member in turn.
    captures: Vec<Vec<(NameId, ValueId)>>,
}

impl Plan {
    /// All members of a gathering rule, in the order of its sources.
    pub(super) fn members(&mut self, context: Context, id: RuleId) -> Vec<Member> {
        let rule = &context.workflow.rules[id];
        let mut members = Vec::new();
        for (source, (_, words)) in rule.sources().enumerate() {
            for entry in self.source_entries(context, id, source as u32, words) {
                members.push(Member {
                    entry,
                    source: source as u32,
                });
            }
        }
        members
    }

    pub(super) fn merge(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        let members = self.members(context, id);
        // The outputs have fixed names, so that the job is known before its inputs are.
        let naming = Naming::default();
        let Some(outputs) = self.fill_outputs(context, id, &naming, rule.outputs.first()) else {
            return Vec::new();
        };
        let none = Run::default();
        let job = Job {
            rule: id,
            inputs: none,
            item: none,
            outputs,
            captures: none,
            slots: ONE_EACH,
        };
        let job = self.push_job(context, job);
        if members.iter().any(|member| self.is_pending(member.entry)) {
            let gather = self.gather_members(members, Then::Merge(job));
            self.open.insert(job, gather);
        } else {
            self.merge_inputs(context, id, job, &members);
        }
        vec![if rule.verb == Verb::Split {
            Entry::Split(job)
        } else {
            Entry::Job(job)
        }]
    }

    /// Gives a merge or split its inputs, now that all its members are known.
    fn merge_inputs(&mut self, context: Context, id: RuleId, job: JobId, members: &[Member]) {
        let mut naming = Naming::default();
        let items = self.member_items(members);
        let mut files: Vec<PathId> = Vec::with_capacity(items.len());
        // What one item captures is nothing that the job has.
        let mut of_item = Naming::default();
        for item in items {
            if self.select(context, id, 0, item, &mut of_item) {
                files.extend_from_slice(&self.files[item.files]);
            }
        }
        let item = self.files.add(files.iter().copied());
        let rule = &context.workflow.rules[id];
        naming.item = files;
        let mut inputs = item;
        if !rule.extras().is_empty() {
            if rule.using.is_empty() {
                naming.inputs = naming.item.clone();
                naming.slots.push(naming.item.len() as u32);
            }
            self.fill_extras(context, id, &mut naming);
            inputs = self.files.add(naming.inputs.iter().copied());
        }
        let slots = self.slots_of(rule, &naming.slots);
        let place = &mut self.jobs[job];
        (place.inputs, place.item, place.slots) = (inputs, item, slots);
        self.open.remove(&job);
        self.add_known(job);
    }

    /// The items of all members, each once.
    pub(super) fn member_items(&mut self, members: &[Member]) -> Vec<Item> {
        let first = members.first().map(|member| member.source);
        let several = members.iter().any(|member| Some(member.source) != first);
        let mut taken: Option<HashSet<(PathId, usize)>> = several.then(HashSet::new);
        let mut leaves = Vec::new();
        for member in members {
            self.flatten(member.entry, &mut leaves);
        }
        let mut items = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            self.items(leaf, &mut items);
        }
        if let Some(taken) = &mut taken {
            items.retain(|item| {
                let files = &self.files[item.files];
                files
                    .first()
                    .is_none_or(|first| taken.insert((*first, files.len())))
            });
        }
        items
    }

    pub(super) fn collate(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let members = self.members(context, id);
        if !members.iter().any(|member| self.is_pending(member.entry)) {
            return self.collate_known(context, id, &members);
        }
        if let Some(groups) = self.groups_ahead(context, id, &members) {
            return groups;
        }
        let on = members.iter().map(|member| member.entry);
        let on = on.filter(|entry| self.is_pending(*entry)).collect();
        let stand = self.stand(Some(id), on, Run::default());
        self.gather_members(members, Then::Collate(id, stand));
        vec![Entry::Stand(stand)]
    }

    /// The groups of a collate when each member's group is known before its files are: the
    /// outputs use only captures that travel with what is pending. So one sample's job need not
    /// wait for the chunks of all the others.
    fn groups_ahead(
        &mut self,
        context: Context,
        id: RuleId,
        members: &[Member],
    ) -> Option<Vec<Entry>> {
        let rule = &context.workflow.rules[id];
        let mut used: Vec<NameId> = Vec::new();
        for output in rule.outputs.iter().flatten() {
            for (expr, _) in output.word.values() {
                match expr {
                    Expr::Capture { name, .. } => used.push(*name),
                    _ => return None,
                }
            }
            if output.replaces_suffix {
                return None;
            }
        }
        let several = members.iter().any(|member| member.source > 0);
        if used.is_empty() || several {
            return None;
        }
        let mut order: Vec<Vec<ValueId>> = Vec::new();
        let mut groups: HashMap<Vec<ValueId>, (Run, Vec<Member>)> = HashMap::new();
        let key_of = |row: &[(NameId, ValueId)]| -> Option<Vec<ValueId>> {
            let value = |name| {
                row.iter()
                    .find(|(found, _)| found == name)
                    .map(|(_, value)| *value)
            };
            used.iter().map(value).collect()
        };
        for member in members {
            let mut leaves = Vec::new();
            self.flatten(member.entry, &mut leaves);
            for leaf in leaves {
                let captures = if self.is_pending(leaf) {
                    self.pending_captures(leaf)
                } else {
                    let mut items = Vec::new();
                    self.items(leaf, &mut items);
                    items.first().map_or(Run::default(), |item| item.captures)
                };
                let key = key_of(&self.captured[captures])?;
                let group = groups.entry(key.clone()).or_insert_with(|| {
                    order.push(key);
                    (captures, Vec::new())
                });
                group.1.push(Member {
                    entry: leaf,
                    source: member.source,
                });
            }
        }
        let mut entries = Vec::new();
        for key in order {
            let (captures, members) = groups.remove(&key).expect("every key has its group");
            let on: Vec<Entry> = members
                .iter()
                .map(|member| member.entry)
                .filter(|entry| self.is_pending(*entry))
                .collect();
            if on.is_empty() {
                entries.extend(self.collate_known(context, id, &members));
                continue;
            }
            let row = self.captured[captures].to_vec();
            let kept = self
                .captured
                .add(row.into_iter().filter(|(name, _)| used.contains(name)));
            let stand = self.stand(Some(id), on, kept);
            self.gather_members(members, Then::Group(id, stand));
            entries.push(Entry::Stand(stand));
        }
        Some(entries)
    }

    /// The jobs of a collate over members that are all known.
    pub(super) fn collate_known(
        &mut self,
        context: Context,
        id: RuleId,
        members: &[Member],
    ) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        let n_extras = rule.extras().len();
        let mut groups: Vec<Group> = Vec::new();
        let mut by_output: HashMap<PathId, usize> = HashMap::new();
        let mut naming = Naming::default();
        for item in self.member_items(members) {
            if !self.select(context, id, 0, item, &mut naming) {
                continue;
            }
            naming.item.clear();
            naming.item.extend_from_slice(&self.files[item.files]);
            naming.inputs.clone_from(&naming.item);
            let outputs = self.fill_outputs(context, id, &naming, rule.outputs.first());
            let outputs = outputs.map(|run| self.files.take_back(run));
            if let Some(outputs) = outputs
                && let Some(&first) = outputs.first()
            {
                let at = *by_output.entry(first).or_insert(groups.len());
                if at == groups.len() {
                    groups.push(Group {
                        outputs: outputs.clone(),
                        extras: vec![Vec::new(); n_extras],
                        ..Default::default()
                    });
                }
                let group = &mut groups[at];
                if group.outputs != outputs {
                    self.split_group(context, id, first);
                } else {
                    group.files.extend_from_slice(&naming.item);
                    group.captures.push(naming.captures.clone());
                    self.member_extras(context, id, &mut naming, group);
                }
            }
        }
        groups
            .into_iter()
            .map(|group| self.group_job(context, id, group))
            .collect()
    }

    /// Adds what a member's `with` words bring to its group, each file once.
    fn member_extras(
        &mut self,
        context: Context,
        id: RuleId,
        naming: &mut Naming,
        group: &mut Group,
    ) {
        let rule = &context.workflow.rules[id];
        for (number, extra) in rule.extras().iter().enumerate() {
            naming.inputs.clear();
            self.fill_extra(context, id, number as u32, extra, naming);
            for path in &naming.inputs {
                if group.brought.insert((number, *path)) {
                    group.extras[number].push(*path);
                }
            }
        }
    }

    fn group_job(&mut self, context: Context, id: RuleId, group: Group) -> Entry {
        let rule = &context.workflow.rules[id];
        let item = self.files.add(group.files.iter().copied());
        let (mut inputs, mut slots) = (item, ONE_EACH);
        if !rule.extras().is_empty() {
            let own: &[PathId] = if rule.using.is_empty() {
                &group.files
            } else {
                &[]
            };
            let files = own.iter().chain(group.extras.iter().flatten()).copied();
            inputs = self.files.add(files);
            let own = rule.using.is_empty().then_some(group.files.len() as u32);
            let lengths = group.extras.iter().map(|files| files.len() as u32);
            let lengths: Vec<u32> = own.into_iter().chain(lengths).collect();
            slots = self.slots_of(rule, &lengths);
        }
        let captures = self.captured.add(listed(&group.captures));
        let outputs = self.files.add(group.outputs);
        let job = Job {
            rule: id,
            inputs,
            item,
            outputs,
            captures,
            slots,
        };
        let job = self.push_job(context, job);
        self.add_known(job);
        Entry::Job(job)
    }

    /// Items of one collate that agree in their first output but not in all.
    fn split_group(&mut self, context: Context, id: RuleId, first: PathId) {
        let rule = &context.workflow.rules[id];
        let path = self.path(first).to_string();
        self.report(
            Diag::error(
                "E0301",
                format!("two jobs of `{}` make `{path}`", rule.name),
            )
            .at(
                rule.name_span,
                "items with the same first output differ in another one",
            )
            .help("let every output word use the same captures"),
        );
    }

    /// Carries out what waited for the members of a gather.
    pub(super) fn gathered(
        &mut self,
        context: Context,
        gather: GatherId,
        resolved: &mut Vec<(StandId, Vec<Entry>)>,
    ) {
        let members = std::mem::take(&mut self.gathers[gather].members);
        match self.gathers[gather].then.clone() {
            Then::Merge(job) => {
                let rule = self.jobs[job].rule;
                self.merge_inputs(context, rule, job, &members);
            }
            Then::Group(rule, stand) | Then::Collate(rule, stand) => {
                self.current_stand = Some(stand);
                let entries = self.collate_known(context, rule, &members);
                self.current_stand = None;
                resolved.push((stand, entries));
            }
            Then::Tuples(rule, stand) => {
                self.current_stand = Some(stand);
                let entries = self.tuples_known(context, rule, &members);
                self.current_stand = None;
                resolved.push((stand, entries));
            }
            Then::Expand(rule, stand) => {
                self.learn_feedback(context, rule);
                self.current_stand = Some(stand);
                let entries = self.expand_now(context, rule);
                self.current_stand = None;
                resolved.push((stand, entries));
            }
            Then::Files(rule, source, stand) => {
                self.learn_feedback(context, rule);
                let mut sources = context.workflow.rules[rule].sources();
                if let Some((_, crate::workflow::Source::Files(word))) =
                    sources.nth(source as usize)
                {
                    let entries = self.file_entries(context, rule, word);
                    resolved.push((stand, entries));
                }
            }
        }
    }
}

/// The captures of all members by name: one value where they agree, else one per member.
fn listed(members: &[Vec<(NameId, ValueId)>]) -> Vec<(NameId, ValueId)> {
    let [first, rest @ ..] = members else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, value) in first {
        let values = rest
            .iter()
            .flat_map(|row| row.iter().filter(|(found, _)| found == name));
        let values: Vec<ValueId> = values.map(|(_, value)| *value).collect();
        all.push((*name, *value));
        if values.iter().any(|other| other != value) {
            all.extend(values.into_iter().map(|other| (*name, other)));
        }
    }
    all
}
