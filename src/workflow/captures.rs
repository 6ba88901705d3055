//! Which captures each rule's jobs know, and which their items bring along to the next rule.

use super::header::Header;
use super::{RuleId, Source};
use crate::lang::ast::Verb;
use crate::pattern::NameId;

/// The captures of one rule.
#[derive(Clone, Default, Debug)]
pub struct Captures {
    /// What its jobs know: by the filter and from all of the sources.
    pub known: Vec<NameId>,
    /// What only some of the sources bring, with the name of a source that does not.
    pub partial: Vec<(NameId, String)>,
    /// What its own items bring along: `language.md`, "Items".
    pub of_items: Vec<NameId>,
    /// Those of `known` whose text is known to have no `/` in it.
    pub flat: Vec<NameId>,
}

/// The captures of every rule. `by_name` has upstream rules first.
///
/// A collate passes on what its outputs use. Its output words are not resolved yet, so they are
/// read off the names in them.
pub fn flow(headers: &[Header], by_name: &[RuleId]) -> Vec<Captures> {
    let mut all = vec![Captures::default(); headers.len()];
    for &rule in by_name {
        let header = &headers[rule.0 as usize];
        let mut captures = Captures {
            known: header.filter_captures.clone(),
            ..Default::default()
        };
        captures.flat = header.flat_captures.clone();
        let sources = || {
            header
                .rule
                .factors
                .iter()
                .flat_map(|factor| &factor.sources)
        };
        for source in sources() {
            let Source::Rule(upstream) = source else {
                continue;
            };
            for &name in &all[upstream.0 as usize].of_items {
                if captures.known.contains(&name)
                    || captures.partial.iter().any(|(partial, _)| *partial == name)
                {
                    continue;
                }
                match sources().find(|other| !brings(other, name, &all)) {
                    None => {
                        captures.known.push(name);
                        if sources().all(|source| is_flat(source, name, &all)) {
                            captures.flat.push(name);
                        }
                    }
                    Some(lacking) => captures
                        .partial
                        .push((name, header.shown(lacking, headers))),
                }
            }
        }
        captures.of_items = match header.rule.verb {
            Verb::Originate | Verb::Split | Verb::Merge => Vec::new(),
            Verb::Collate => {
                let is_used = |name: &NameId| header.output_names.contains(name);
                captures.known.iter().copied().filter(is_used).collect()
            }
            _ => captures.known.clone(),
        };
        all[rule.0 as usize] = captures;
    }
    all
}

fn is_flat(source: &Source, name: NameId, all: &[Captures]) -> bool {
    match source {
        Source::Rule(rule) => all[rule.0 as usize].flat.contains(&name),
        Source::Files(_) => false,
    }
}

fn brings(source: &Source, name: NameId, all: &[Captures]) -> bool {
    match source {
        Source::Rule(rule) => all[rule.0 as usize].of_items.contains(&name),
        Source::Files(_) => false,
    }
}
