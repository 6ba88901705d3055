//! Rules whose jobs are named by several items: products, combinations, permutations.

use super::name::Naming;
use super::source::Item;
use super::{Context, Entry, Job, JobId, Member, NameId, Plan, Then, ValueId};
use crate::dense::Run;
use crate::lang::Diag;
use crate::workflow::tuple::Tuples;
use crate::workflow::{GROUP, Rule, RuleId};

/// More jobs than this are a mistake: nobody waits for them, and no memory holds them.
const MOST_JOBS: u128 = 50_000_000;

impl Plan {
    /// The jobs of the rule, or a stand-in until all of its items are known.
    pub(super) fn tuples(&mut self, context: Context, id: RuleId) -> Vec<Entry> {
        let members = self.members(context, id);
        let on: Vec<Entry> = members
            .iter()
            .map(|member| member.entry)
            .filter(|entry| self.is_pending(*entry))
            .collect();
        if on.is_empty() {
            return self.tuples_known(context, id, &members);
        }
        let stand = self.stand(Some(id), on, Run::default());
        self.gather_members(members, Then::Tuples(id, stand));
        vec![Entry::Stand(stand)]
    }

    /// The jobs over items that are all known.
    pub(super) fn tuples_known(
        &mut self,
        context: Context,
        id: RuleId,
        members: &[Member],
    ) -> Vec<Entry> {
        let rule = &context.workflow.rules[id];
        let Some(tuple) = &rule.tuple else {
            return Vec::new();
        };
        let sets: Vec<Vec<Item>> = (0..rule.factors.len())
            .map(|factor| self.selected(context, id, factor, members))
            .collect();
        let set = |element: usize| if tuple.has_lists { 0 } else { element };
        let n_elements = tuple.n_elements as usize;
        let sizes = (0..n_elements).map(|element| sets[set(element)].len() as u32);
        let mut tuples = Tuples::new(rule.verb, sizes.collect());
        match tuples.count() {
            Some(n) if n <= MOST_JOBS => {}
            n => {
                self.too_many(rule, n);
                return Vec::new();
            }
        }
        let mut entries = Vec::new();
        let mut elements: Vec<Item> = Vec::with_capacity(n_elements);
        let mut naming = Naming::default();
        while let Some(numbers) = tuples.step() {
            elements.clear();
            let items = numbers.iter().enumerate();
            elements.extend(items.map(|(element, &at)| sets[set(element)][at as usize]));
            if let Some(job) = self.tuple_job(context, id, &elements, &mut naming) {
                self.known.push(job);
                entries.push(Entry::Job(job));
            }
        }
        let n_items = sets.first().map_or(0, Vec::len);
        if entries.is_empty() && tuple.has_lists && (1..n_elements).contains(&n_items) {
            self.too_few(rule, n_elements, n_items);
        }
        entries
    }

    /// The items that the filter of a factor takes, with what it captures.
    fn selected(
        &mut self,
        context: Context,
        id: RuleId,
        factor: usize,
        members: &[Member],
    ) -> Vec<Item> {
        let factors = context.workflow.rules[id]
            .sources()
            .map(|(factor, _)| factor);
        let factors: Vec<usize> = factors.collect();
        let of_factor = |member: &&Member| factors[member.source as usize] == factor;
        let members: Vec<Member> = members.iter().filter(of_factor).copied().collect();
        let mut selected = Vec::new();
        let mut naming = Naming::default();
        for item in self.member_items(&members) {
            if self.select(context, id, factor, item, &mut naming) {
                let captures = self.captured.add(naming.captures.iter().copied());
                selected.push(Item { captures, ..item });
            }
        }
        selected
    }

    /// The job that these items name together.
    fn tuple_job(
        &mut self,
        context: Context,
        id: RuleId,
        elements: &[Item],
        naming: &mut Naming,
    ) -> Option<JobId> {
        let rule = &context.workflow.rules[id];
        naming.item.clear();
        naming.elements.clear();
        for element in elements {
            naming.item.extend_from_slice(&self.files[element.files]);
            naming.elements.push(element.files.len() as u32);
        }
        let rows = elements
            .iter()
            .map(|element| &self.captured[element.captures]);
        let rows: Vec<&[(NameId, ValueId)]> = rows.collect();
        naming.captures = together(&rows);
        let item = self.files.add(naming.item.iter().copied());
        let inputs = self.fill_inputs(context, id, naming, item);
        let outputs = self.fill_outputs(context, id, naming, rule.outputs.first())?;
        let captures = self.captured.add(naming.captures.iter().copied());
        let slots = self.slots_of(rule, &naming.slots);
        let job = Job {
            rule: id,
            inputs,
            item,
            outputs,
            captures,
            slots,
        };
        let job = self.push_job(context, job);
        if naming.elements.iter().any(|n| *n != 1) {
            let lengths = self.lengths.add(naming.elements.iter().copied());
            self.elements.insert(job, lengths);
        }
        Some(job)
    }

    fn too_many(&mut self, rule: &Rule, n: Option<u128>) {
        let n = n.map_or("more jobs than can be counted".into(), |n| {
            format!("{n} jobs")
        });
        self.report(
            Diag::error("E0325", format!("`{}` would be {n}", rule.name))
                .at(rule.span, format!("the most is {MOST_JOBS}"))
                .help("narrow its items with a filter"),
        );
    }

    fn too_few(&mut self, rule: &Rule, n_elements: usize, n_items: usize) {
        let items = if n_items == 1 { "item" } else { "items" };
        self.report(
            Diag::warning("W0326", format!("`{}` has no jobs", rule.name)).at(
                rule.span,
                format!("{n_items} {items} cannot fill a tuple of {n_elements}"),
            ),
        );
    }
}

/// The captures of a job: each name's values in the order of the elements, and then the numbered
/// groups of each element.
fn together(rows: &[&[(NameId, ValueId)]]) -> Vec<(NameId, ValueId)> {
    let named = |row: &&[(NameId, ValueId)]| {
        let row = row.iter().map(|(name, _)| *name);
        row.filter(|name| *name != GROUP).collect::<Vec<_>>()
    };
    let mut names: Vec<NameId> = Vec::new();
    for name in rows.iter().flat_map(named) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut all = Vec::new();
    for name in names.into_iter().chain([GROUP]) {
        let values = rows.iter().copied().flatten();
        all.extend(values.filter(|(found, _)| *found == name).copied());
    }
    all
}
