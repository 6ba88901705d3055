//! A split has run: what follows it, and only that, is planned.

use std::collections::HashSet;

use super::build::PerItem;
use super::{Consumer, Context, Entry, JobId, PathId, Plan, StandId};

impl Plan {
    /// The files of a split or subdivide are known. Jobs that follow are appended to `known`.
    pub fn grow(&mut self, context: Context, split: JobId, files: &[PathId]) {
        let run = self.files.add(files.iter().copied());
        self.made.insert(split, run);
        self.register(context, split, run);
        let n_known = self.known.len();
        let mut resolved: Vec<(Entry, Vec<Entry>)> =
            vec![(Entry::Split(split), vec![Entry::Split(split)])];
        while let Some((entry, children)) = resolved.pop() {
            for consumer in self.waiting.remove(&entry).unwrap_or_default() {
                self.tell(context, consumer, entry, &children, &mut resolved);
            }
        }
        if !context.workflow.rules.is_empty() {
            self.check_growth(context, n_known);
        }
    }

    /// A split whose files the plan has already was made again, and has made these. What was planned
    /// with the others stays as it is.
    pub fn made_otherwise(&mut self, split: JobId, files: &[PathId]) {
        let run = self.files.add(files.iter().copied());
        self.made.insert(split, run);
    }

    /// Tells one consumer what `entry` turned out to be.
    fn tell(
        &mut self,
        context: Context,
        consumer: Consumer,
        entry: Entry,
        children: &[Entry],
        resolved: &mut Vec<(Entry, Vec<Entry>)>,
    ) {
        match consumer {
            Consumer::PerItem {
                rule,
                source,
                stand,
            } => {
                self.current_stand = Some(stand);
                let several = context.workflow.rules[rule].factors[0].sources.len() > 1;
                let mut jobs = PerItem::new(rule, several.then(|| self.taken(rule)));
                jobs.source = source;
                for &child in children {
                    self.expand_entry(context, child, &mut jobs);
                }
                self.current_stand = None;
                self.resolve(stand, jobs.entries, resolved);
            }
            Consumer::Gather(gather) => {
                let mut pending = Vec::new();
                for &child in children {
                    if child != entry {
                        let mut leaves = Vec::new();
                        self.flatten(child, &mut leaves);
                        pending.extend(leaves.into_iter().filter(|leaf| self.is_pending(*leaf)));
                    }
                }
                for &leaf in &pending {
                    self.waiting
                        .entry(leaf)
                        .or_default()
                        .push(Consumer::Gather(gather));
                }
                let open = &mut self.gathers[gather].open;
                *open = *open + pending.len() as u32 - 1;
                if *open == 0 {
                    let mut stands = Vec::new();
                    self.gathered(context, gather, &mut stands);
                    for (stand, entries) in stands {
                        self.resolve(stand, entries, resolved);
                    }
                }
            }
        }
    }

    /// A stand-in turned out to be `entries`.
    fn resolve(
        &mut self,
        stand: StandId,
        entries: Vec<Entry>,
        resolved: &mut Vec<(Entry, Vec<Entry>)>,
    ) {
        self.stands[stand].children = Some(entries.clone());
        resolved.push((Entry::Stand(stand), entries));
    }

    /// The items that the rule has jobs for already.
    fn taken(&self, rule: crate::workflow::RuleId) -> HashSet<(PathId, usize)> {
        let jobs = self.jobs_of(rule);
        jobs.iter()
            .filter_map(|job| {
                self.item(*job)
                    .first()
                    .map(|first| (*first, self.item(*job).len()))
            })
            .collect()
    }
}
