//! Which rules are upstream of which: by name, and by the files that their words can name.
//!
//! A rule is upstream through a word when one of its output shapes and that word (with the rule's
//! filter) can name one file. A rule is never its own upstream that way, nor upstream of a rule
//! that it depends on by name.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::ops::Range;

use rustc_hash::FxHashMap as HashMap;

use super::halves::in_halves;
use super::header::Header;
use super::made::Index;
use super::{Rule, RuleId, SampleTable, Source, TableId, Word, shape};
use crate::dense::{BitSet, Id, Table};
use crate::lang::{Diag, Sources, Span};
use crate::pattern::{self, Filter, Pattern, Shape, intersects};

/// The rules in an order in which they can be expanded.
pub struct Ordered {
    pub order: Vec<RuleId>,
    pub upstream_by_words: Table<RuleId, Vec<RuleId>>,
    pub fed_back: Vec<(RuleId, RuleId)>,
    pub shapes: Table<RuleId, Vec<Shape>>,
}

/// The rules with those that they name before them; `None`, and a diagnostic, where they loop.
pub fn by_name(headers: &[Header], diags: &mut Vec<Diag>) -> Option<Vec<RuleId>> {
    let upstream = in_halves(headers.len(), |which| -> Vec<Vec<RuleId>> {
        headers[which]
            .iter()
            .map(|header| named(&header.rule))
            .collect()
    });
    let upstream: Vec<Vec<RuleId>> = upstream.into_iter().flatten().collect();
    match sort(&upstream) {
        Ok(order) => Some(order),
        Err(cycle) => {
            let rules: Vec<&Rule> = cycle
                .iter()
                .map(|rule| &*headers[rule.index()].rule)
                .collect();
            let steps = rules
                .iter()
                .map(|rule| (rule.name_span, "needs".into()))
                .collect();
            diags.push(loop_of(
                &rules,
                steps,
                "E0260",
                "these rules are a cycle, each waits for the next",
            ));
            None
        }
    }
}

/// Rules that a rule names: its sources, `with`, `using` and `after`.
fn named(rule: &Rule) -> Vec<RuleId> {
    let sources = rule.asked().filter_map(|source| match source {
        Source::Rule(rule) => Some(*rule),
        Source::Table(_) | Source::Files(_) => None,
    });
    sources.chain(rule.after.iter().copied()).collect()
}

/// A loop of rules; with each the place that says that it needs the next, and how it does.
fn loop_of(rules: &[&Rule], steps: Vec<(Span, String)>, code: &'static str, message: &str) -> Diag {
    let mut names: Vec<String> = rules
        .iter()
        .map(|rule| format!("`{}`", rule.name))
        .collect();
    names.push(names[0].clone());
    let mut diag = Diag::error(code, format!("{message}: {}", names.join(" → ")));
    for (index, (span, how)) in steps.into_iter().take(8).enumerate() {
        let text = format!("{} {how} {}", names[index], names[index + 1]);
        diag = if index == 0 {
            diag.at(span, text)
        } else {
            diag.and(span, text)
        };
    }
    diag
}

/// Kahn's sort, the rule that stands first in the file first. An error is a loop, each followed
/// by one that it needs.
fn sort(all: &[Vec<RuleId>]) -> Result<Vec<RuleId>, Vec<RuleId>> {
    let n = all.len();
    // Most files name nothing before they have said what it is.
    let stands_behind = |(index, up): (usize, &Vec<RuleId>)| up.iter().all(|up| up.index() < index);
    if all.iter().enumerate().all(stands_behind) {
        return Ok((0..n).map(RuleId::new).collect());
    }
    let mut waiting: Vec<u32> = all.iter().map(|up| up.len() as u32).collect();
    let mut downstream: Vec<Vec<RuleId>> = vec![Vec::new(); n];
    for (index, up) in all.iter().enumerate() {
        for rule in up {
            downstream[rule.index()].push(RuleId::new(index));
        }
    }
    let mut ready: BinaryHeap<Reverse<RuleId>> = (0..n)
        .filter(|&rule| waiting[rule] == 0)
        .map(|rule| Reverse(RuleId::new(rule)))
        .collect();
    let mut order = Vec::with_capacity(n);
    while let Some(Reverse(rule)) = ready.pop() {
        order.push(rule);
        for next in &downstream[rule.index()] {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                ready.push(Reverse(*next));
            }
        }
    }
    if order.len() == n {
        return Ok(order);
    }
    // Every rule that still waits needs another one that does: walking on closes a loop.
    let first = waiting
        .iter()
        .position(|&n| n > 0)
        .expect("some rule waits");
    let mut walked = vec![RuleId::new(first)];
    loop {
        let last = walked[walked.len() - 1];
        let next = all[last.index()].iter().find(|up| waiting[up.index()] > 0);
        let next = *next.expect("a waiting rule needs another one");
        if let Some(start) = walked.iter().position(|&rule| rule == next) {
            return Err(walked.split_off(start));
        }
        walked.push(next);
    }
}

/// Orders rules by names and words. `order` has them by name. An error is a loop through globs.
pub fn by_words(
    rules: &Table<RuleId, Box<Rule>>,
    tables: &Table<TableId, SampleTable>,
    order: &[RuleId],
    sources: &Sources,
) -> Result<Ordered, Diag> {
    let index = Index::of(shapes(rules, tables, order));
    let by_name = in_halves(rules.len(), |which| -> Vec<Vec<RuleId>> {
        let rules = rules.values()[which].iter();
        rules.map(|rule| named(rule)).collect()
    });
    let mut by_name: Vec<Vec<RuleId>> = by_name.into_iter().flatten().collect();
    let is_active = |rule: RuleId| rules[rule].is_active();
    let look = |ids: Range<usize>| {
        let mut fed_back = Vec::new();
        let found = ids.map(RuleId::new).map(|id| {
            let rule = &rules[id];
            upstream_of(
                id,
                rule,
                tables,
                &index,
                &by_name,
                &is_active,
                &mut fed_back,
            )
        });
        let found: Vec<Vec<RuleId>> = found.collect();
        (found, fed_back)
    };
    let mut fed_back = Vec::new();
    let mut upstream_by_words = Table::default();
    upstream_by_words.reserve(rules.len());
    for (found, fed) in in_halves(rules.len(), look) {
        fed_back.extend(fed);
        for upstream in found {
            upstream_by_words.push(upstream);
        }
    }
    for (upstream, by_words) in by_name.iter_mut().zip(upstream_by_words.values()) {
        upstream.extend(by_words);
    }
    match sort(&by_name) {
        Ok(order) => Ok(Ordered {
            order,
            upstream_by_words,
            fed_back,
            shapes: index.by_rule(rules.len()),
        }),
        Err(cycle) => {
            let steps = (0..cycle.len()).map(|at| {
                let (rule, next) = (cycle[at], cycle[(at + 1) % cycle.len()]);
                through(&rules[rule], next, tables, &index, sources)
            });
            let steps = steps.collect();
            let cycle: Vec<&Rule> = cycle.iter().map(|rule| &*rules[*rule]).collect();
            Err(loop_of(
                &cycle,
                steps,
                "E0261",
                "these rules are a cycle, each needs what the next makes",
            ))
        }
    }
}

/// The word by which `rule` needs `next`, and how a message says so.
fn through(
    rule: &Rule,
    next: RuleId,
    tables: &Table<TableId, SampleTable>,
    index: &Index,
    sources: &Sources,
) -> (Span, String) {
    for source in rule.asked() {
        let Source::Files(word) = source else {
            continue;
        };
        let meets = wanted(rule, word, tables).iter().any(|wanted| {
            let wanted = &*wanted.clean();
            let wanted_shape = shape::of(wanted);
            index.candidates(wanted).iter().any(|at| {
                let made = &index.shapes[*at as usize];
                made.rule == next && intersects(&[&made.shape, &wanted_shape])
            })
        });
        if meets {
            return (
                word.span,
                format!("takes `{}` from", sources.text(word.span)),
            );
        }
    }
    (rule.name_span, "needs".into())
}

/// For an output that ends in `/`: anything in it.
fn inside_folder(pattern: &Pattern) -> Option<Pattern> {
    let pattern::Part::Text(last) = pattern.0.last()? else {
        return None;
    };
    last.ends_with(b"/").then(|| {
        let mut inside = pattern.clone();
        inside.push(pattern::Part::DoubleStar);
        inside
    })
}

/// What the outputs of each rule can be called. `order` has the rules by name.
fn shapes(
    rules: &Table<RuleId, Box<Rule>>,
    tables: &Table<TableId, SampleTable>,
    order: &[RuleId],
) -> Vec<Vec<Shape>> {
    // What replaces a suffix is called after outputs of a rule upstream.
    let mut is_suffixed = BitSet::default();
    for factor in rules.values().iter().flat_map(|rule| &rule.factors) {
        for source in factor.sources.iter().filter(|_| factor.suffix().is_some()) {
            if let Source::Rule(upstream) = source {
                is_suffixed.insert(upstream.index());
            }
        }
    }
    let mut known: HashMap<RuleId, Vec<Pattern>> = HashMap::default();
    for &rule in order
        .iter()
        .filter(|rule| is_suffixed.contains(rule.index()))
    {
        let patterns = output_shapes(&rules[rule], tables, &known);
        known.insert(rule, patterns);
    }
    let halves = in_halves(rules.len(), |ids| {
        let shapes = ids.map(RuleId::new).map(|rule| match known.get(&rule) {
            Some(patterns) => patterns.iter().map(shape::of).collect(),
            None => {
                let patterns = output_shapes(&rules[rule], tables, &known);
                patterns.iter().map(shape::of).collect()
            }
        });
        shapes.collect::<Vec<Vec<Shape>>>()
    });
    halves.into_iter().flatten().collect()
}

/// What the rule's outputs can be called; `known` has those of rules that it takes by suffix.
fn output_shapes(
    rule: &Rule,
    tables: &Table<TableId, SampleTable>,
    known: &HashMap<RuleId, Vec<Pattern>>,
) -> Vec<Pattern> {
    let mut found: Vec<Pattern> = Vec::with_capacity(rule.outputs.iter().map(Vec::len).sum());
    for output in rule.outputs.iter().flatten() {
        if let Some(rows) = shape::of_rows(rule, &output.word, tables, MOST_SHAPES) {
            found.extend(rows);
            continue;
        }
        let word = shape::of_word(&output.word, &|name| !rule.flat_captures.contains(&name));
        let suffix = rule.factors.first().and_then(|factor| factor.suffix());
        let (true, Some(suffix)) = (output.replaces_suffix, suffix) else {
            found.push(word);
            continue;
        };
        for source in &rule.factors[0].sources {
            let sources = match source {
                Source::Rule(upstream) => known.get(upstream).cloned().unwrap_or_default(),
                Source::Table(_) => Vec::new(),
                Source::Files(word) => vec![shape::of_word(word, &|_| true)],
            };
            for source in &sources {
                found.push(shape::replace_suffix(source, suffix, word.clone()));
            }
        }
    }
    // What lies in an output folder is made with it.
    let folders: Vec<Pattern> = found.iter().filter_map(inside_folder).collect();
    found.extend(folders);
    // Many sources times many outputs: what they have in common is enough.
    if found.len() > MOST_SHAPES {
        found = vec![Pattern(vec![pattern::Part::DoubleStar])];
    }
    found
}

/// More output shapes of one rule than these say no more than one that is all of them.
const MOST_SHAPES: usize = 64;

/// What a word of a rule can name.
fn wanted(rule: &Rule, word: &Word, tables: &Table<TableId, SampleTable>) -> Vec<Pattern> {
    match shape::of_rows(rule, word, tables, 10_000) {
        Some(rows) => rows,
        None => vec![shape::of_word(word, &|_| true)],
    }
}

/// Rules upstream through the words of a rule; those that only seem so go to `fed_back`.
fn upstream_of(
    id: RuleId,
    rule: &Rule,
    tables: &Table<TableId, SampleTable>,
    index: &Index,
    by_name: &[Vec<RuleId>],
    is_active: &(dyn Fn(RuleId) -> bool + Sync),
    fed_back: &mut Vec<(RuleId, RuleId)>,
) -> Vec<RuleId> {
    let mut found: Vec<RuleId> = Vec::new();
    let mut look = |wanted: &Pattern, filter: &Filter| {
        let wanted = &*wanted.clean();
        let candidates = index.candidates(wanted);
        if candidates.is_empty() {
            return;
        }
        let (wanted_shape, filter) = (shape::of(wanted), &Shape::filter(filter));
        for at in candidates {
            let made = &index.shapes[at as usize];
            if found.contains(&made.rule) {
                continue;
            }
            if !intersects(&[&made.shape, &wanted_shape, filter]) {
                continue;
            }
            // It makes nothing, so that nobody waits for it.
            if !is_active(made.rule) {
                continue;
            }
            if made.rule == id || depends_on(made.rule, id, by_name) {
                // Those of a rule stand together, so that none before them need be looked at.
                let mut own = fed_back.iter().rev().take_while(|(fed, _)| *fed == id);
                if !own.any(|(_, maker)| *maker == made.rule) {
                    fed_back.push((id, made.rule));
                }
            } else {
                found.push(made.rule);
            }
        }
    };
    for factor in &rule.factors {
        for source in &factor.sources {
            if let Source::Files(word) = source
                && !index.has_none_for(word)
            {
                look(&shape::of_word(word, &|_| true), &factor.filter);
            }
        }
    }
    for extra in rule.with.iter().chain(&rule.using) {
        if let Source::Files(word) = &extra.source {
            for wanted in wanted(rule, word, tables) {
                look(&wanted, &Filter::All);
            }
        }
    }
    found.sort();
    found
}

/// Whether `rule` depends on `other` by name, through any number of rules.
fn depends_on(rule: RuleId, other: RuleId, by_name: &[Vec<RuleId>]) -> bool {
    let mut seen = HashSet::from([rule]);
    let mut open = vec![rule];
    while let Some(next) = open.pop() {
        for &up in &by_name[next.index()] {
            if up == other {
                return true;
            }
            if seen.insert(up) {
                open.push(up);
            }
        }
    }
    false
}
