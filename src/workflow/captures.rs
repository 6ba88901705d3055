//! Which captures each rule's jobs know, and which their items bring along to the next rule.

use std::borrow::Cow;

use super::header::Header;
use super::{Factor, RuleId, SampleTable, Source, TableId};
use crate::dense::{Interner, Table};
use crate::lang::Diag;
use crate::lang::ast::{self, FilterKind, Piece, Verb};
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

/// All names that `rule` captures, in the order in which they are written.
///
/// Those of a `regex` are read off its text: between `<` and `>`, and it does no harm if that is no
/// name. Who knows better takes as long as to compile it.
pub fn names<'a>(rule: &'a ast::Rule, found: &mut Vec<Cow<'a, str>>) {
    let holes = |word: &'a ast::Word| {
        word.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(Cow::Borrowed(hole.name.value.as_str())),
            _ => None,
        })
    };
    for filter in rule.factors.iter().flat_map(|factor| &factor.filter) {
        match filter.kind {
            FilterKind::Suffix => {}
            FilterKind::Match => found.extend(holes(&filter.word)),
            FilterKind::Regex => {
                let text = filter.word.plain().unwrap_or_default();
                for (at, _) in text.match_indices('<') {
                    let name = text[at + 1..].split('>').next().unwrap_or_default();
                    found.push(Cow::Owned(name.into()));
                }
            }
        }
    }
    if rule.verb.value == Verb::Collate {
        let words = rule.outputs.iter().flatten().flat_map(|group| &group.words);
        found.extend(words.flat_map(|named| holes(&named.word)));
    }
}

/// The captures of every rule. `by_name` has upstream rules first.
///
/// A collate passes on what its outputs use. Its output words are not resolved yet, so they are
/// read off the names in them.
pub fn flow(
    headers: &[Header],
    by_name: &[RuleId],
    tables: &Table<TableId, SampleTable>,
    names: &Interner<NameId>,
    diags: &mut Vec<Diag>,
) -> Vec<Captures> {
    let mut all = Known {
        rules: vec![Captures::default(); headers.len()],
        tables,
    };
    for &rule in by_name {
        let header = &headers[rule.0 as usize];
        let is_file = |source: &Source| matches!(source, Source::Files(_));
        let mut sources = header
            .rule
            .factors
            .iter()
            .flat_map(|factor| &factor.sources);
        if header.filter_captures.is_empty() && sources.all(is_file) {
            continue;
        }
        let mut captures = Captures::default();
        for (at, factor) in header.rule.factors.iter().enumerate() {
            let found = of_factor(header, at, factor, headers, &all);
            for &name in &found.known {
                if captures.known.contains(&name) {
                    let name = names.get(name).to_string();
                    diags.push(in_two_factors(header, at, &name));
                } else {
                    captures.known.push(name);
                }
            }
            captures.partial.extend(found.partial);
            captures.flat.extend(found.flat);
        }
        captures.of_items = match header.rule.verb {
            Verb::Originate | Verb::Split | Verb::Merge => Vec::new(),
            // A name has no one value there.
            Verb::Combinations | Verb::Permutations | Verb::CombinationsWithReplacement => {
                Vec::new()
            }
            Verb::Collate => {
                let is_used = |name: &NameId| header.output_names.contains(name);
                captures.known.iter().copied().filter(is_used).collect()
            }
            Verb::Transform | Verb::Subdivide | Verb::Product => captures.known.clone(),
        };
        all.rules[rule.0 as usize] = captures;
    }
    all.rules
}

/// What the items of rules and tables bring along.
struct Known<'a> {
    rules: Vec<Captures>,
    tables: &'a Table<TableId, SampleTable>,
}

impl Known<'_> {
    fn of(&self, source: &Source) -> &[NameId] {
        match source {
            Source::Rule(rule) => &self.rules[rule.0 as usize].of_items,
            Source::Table(table) => &self.tables[*table].columns,
            Source::Files(_) => &[],
        }
    }

    fn is_flat(&self, source: &Source, name: NameId) -> bool {
        match source {
            Source::Rule(rule) => self.rules[rule.0 as usize].flat.contains(&name),
            Source::Table(table) => self.tables[*table].is_flat(name),
            Source::Files(_) => false,
        }
    }
}

/// What the items of one factor bring, and what its filter adds.
fn of_factor(
    header: &Header,
    at: usize,
    factor: &Factor,
    headers: &[Header],
    all: &Known,
) -> Captures {
    let own = header.filter_captures.iter();
    let own = own.filter(|(factor, _)| *factor == at);
    let mut captures = Captures {
        known: own.map(|(_, name)| *name).collect(),
        ..Default::default()
    };
    let flat = header.flat_captures.iter();
    captures.flat = flat
        .filter(|name| captures.known.contains(name))
        .copied()
        .collect();
    for source in &factor.sources {
        for &name in all.of(source) {
            if captures.known.contains(&name)
                || captures.partial.iter().any(|(partial, _)| *partial == name)
            {
                continue;
            }
            match factor
                .sources
                .iter()
                .find(|other| !all.of(other).contains(&name))
            {
                None => {
                    captures.known.push(name);
                    if factor
                        .sources
                        .iter()
                        .all(|source| all.is_flat(source, name))
                    {
                        captures.flat.push(name);
                    }
                }
                Some(lacking) => captures
                    .partial
                    .push((name, header.shown(lacking, headers, all.tables))),
            }
        }
    }
    captures
}

fn in_two_factors(header: &Header, at: usize, name: &str) -> Diag {
    Diag::error(
        "E0282",
        format!("two factors of `{}` bring `{name}`", header.rule.name),
    )
    .at(header.rule.factors[at].span, "the second")
    .note(format!("`{{{name}}}` could be either"))
    .help("capture it by another name; files that are named by a glob bring no captures along")
}
