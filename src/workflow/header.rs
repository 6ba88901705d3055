//! One rule's header: its sources and filter first, and once captures are known its other words.

mod filter;
mod outputs;
mod sources;
mod words;

use std::sync::Arc;

use super::attribute;
use super::attribute::ancient::Ancient;
use super::resolver::Resolver;
use super::{Around, Factor, LimitId, Rule, SampleTable, Source, TableId, Tuple};
use crate::dense::{Id, Table};
use crate::lang::ast::{FilterKind, Piece, Verb};
use crate::lang::{Diag, Span, ast};
use crate::pattern::NameId;
use filter::{as_glob, resolve_filter};
use sources::{filtered_table, once, source};

pub(in crate::workflow) use outputs::finish;
pub(in crate::workflow) use sources::target_word;
pub use sources::{is_name, no_such_rule};
pub(in crate::workflow) use words::{RuleScope, resolve_words};

/// A rule on its way: sources and filter are resolved, the rest follows in `finish`.
pub struct Header {
    pub rule: Box<Rule>,
    /// Captures of the filters, each with the number of its factor.
    pub filter_captures: Vec<(usize, NameId)>,
    /// Captures of a template that have no `/` in them.
    pub flat_captures: Vec<NameId>,
    /// Names in the output words of a collate.
    pub output_names: Vec<NameId>,
    /// How many groups its regex has, the whole match among them; 0 where it has none.
    pub n_groups: usize,
}

impl Header {
    /// Limits of single rules are counted from `first`; so many had been declared by rules before.
    pub fn shift_limits(&mut self, first: usize, before: usize) {
        let is_own = |limit: &LimitId| limit.index() >= first;
        if before == 0 || !self.rule.needs.limits.iter().any(is_own) {
            return;
        }
        let needs = Arc::make_mut(&mut self.rule.needs);
        for limit in needs.limits.iter_mut().filter(|limit| is_own(limit)) {
            *limit = LimitId::new(limit.index() + before);
        }
    }

    /// A source as messages name it.
    pub fn shown(
        &self,
        source: &Source,
        headers: &[Header],
        tables: &Table<TableId, SampleTable>,
    ) -> String {
        match source {
            Source::Table(table) => format!("`{}`", tables[*table].name),
            Source::Rule(rule) => format!("`{}`", headers[rule.0 as usize].rule.name),
            Source::Files(_) => "a file".into(),
        }
    }
}

/// Resolves the sources, the filter and the attributes of a rule.
pub fn resolve(resolver: &mut Resolver, rule: &ast::Rule, doc: Option<String>) -> Header {
    let attributes = attribute::resolve(resolver, rule);
    let named = Ancient::of(resolver, rule);
    let mut ancient = Vec::new();
    let mut filter_captures = Vec::new();
    let mut flat_captures = Vec::new();
    let mut n_groups = 0;
    let mut factors = Vec::with_capacity(rule.factors.len());
    for (at, factor) in rule.factors.iter().enumerate() {
        let mut sources = Vec::with_capacity(factor.sources.len());
        for word in &factor.sources {
            let found = source(resolver, word, Some(rule));
            if named.has_source(resolver, word) {
                ancient.extend(found.iter().cloned());
            }
            sources.extend(found);
        }
        once(&mut sources);
        let mut captured = Vec::new();
        let (filter, template) = resolve_filter(resolver, factor.filter.as_ref(), &mut captured);
        filter_captures.extend(captured.into_iter().map(|name| (at, name)));
        let is_regex = |filter: &ast::Filter| filter.kind == FilterKind::Regex;
        if factor.filter.as_ref().is_some_and(is_regex) {
            // Of one that is no regex, which is said elsewhere, any group may be meant.
            let is_known = filter.n_groups() > 0;
            n_groups = n_groups.max(if is_known {
                filter.n_groups()
            } else {
                usize::MAX
            });
        }
        if let Some((template, _)) = &template {
            let flat = template.captures().filter(|capture| !capture.spans_folders);
            flat_captures.extend(flat.map(|capture| capture.name));
        }
        if let (true, Some((template, word))) = (factor.sources.is_empty(), template) {
            let found = Source::Files(as_glob(&template, word.span));
            if named.has_source(resolver, word) {
                ancient.push(found.clone());
            }
            sources.push(found);
        }
        filtered_table(resolver, factor, &sources);
        let span = factor
            .filter
            .as_ref()
            .map_or(rule.header, |filter| filter.span);
        let filter_text = resolver.sources.text(span).to_string();
        factors.push(Factor {
            span: factor_span(factor).unwrap_or(rule.header),
            sources,
            filter,
            filter_span: span,
            filter_text,
        });
    }
    for (_, name) in &filter_captures {
        clashes(resolver, *name, rule);
    }
    let output_names = output_names(resolver, rule);
    let tuple = tuple(resolver, rule, &factors);
    Header {
        rule: Box::new(Rule {
            name: rule.name.value.clone(),
            module: None,
            doc,
            verb: rule.verb.value,
            span: rule.header,
            name_span: rule.name.span,
            factors,
            tuple,
            with: Vec::new(),
            using: Vec::new(),
            ancient,
            outputs: Vec::new(),
            has_outputs: rule.outputs.is_some(),
            recipe: None,
            needs: share(&mut resolver.needs, attributes.needs),
            after: attributes.after,
            priority: attributes.priority,
            active_if: attributes.active_if.map(Box::new),
            is_always: attributes.is_always,
            is_protected: attributes.is_protected,
            is_update: attributes.is_update,
            is_optional: attributes.is_optional,
            is_temp: attributes.is_temp,
            around: Around::default(),
            check: None,
            deps: None,
            then: Vec::new(),
            retries: attributes.retries,
            backoff: attributes.backoff,
            cluster: share(&mut resolver.cluster, attributes.cluster),
            checksum_level: attributes.checksum_level,
            captures: Vec::new(),
            flat_captures: Vec::new(),
        }),
        filter_captures,
        flat_captures,
        output_names,
        n_groups,
    }
}

/// One of the rule before, where that is the same: most rules say as little, or as much.
fn share<T: PartialEq>(before: &mut Arc<T>, own: T) -> Arc<T> {
    if **before != own {
        *before = Arc::new(own);
    }
    before.clone()
}

/// The names by which a collate tells its jobs apart.
fn output_names(resolver: &Resolver, rule: &ast::Rule) -> Vec<NameId> {
    let mut names = Vec::new();
    if rule.verb.value != Verb::Collate {
        return names;
    }
    let words = rule.outputs.iter().flatten().flat_map(|group| &group.words);
    for piece in words.flat_map(|named| &named.word.pieces) {
        if let Piece::Hole(hole) = piece {
            names.push(resolver.name(&hole.name.value));
        }
    }
    names
}

/// From the first word of a factor to its last.
fn factor_span(factor: &ast::Factor) -> Option<Span> {
    let words = factor.sources.iter().map(|word| word.span);
    let spans = words.chain(factor.filter.as_ref().map(|filter| filter.span));
    spans.reduce(Span::to)
}

/// What the jobs of a rule are named by, where that is several items.
fn tuple(resolver: &mut Resolver, rule: &ast::Rule, factors: &[Factor]) -> Option<Box<Tuple>> {
    let verb = rule.verb.value;
    if !verb.makes_tuples() {
        return None;
    }
    let groups = |factor: &Factor| factor.filter.n_groups() as u32;
    if verb == Verb::Product {
        return Some(Box::new(Tuple {
            n_elements: factors.len() as u32,
            has_lists: false,
            n_groups: factors.iter().map(groups).collect(),
        }));
    }
    let what = format!("the size of a tuple of `{}`", rule.name.value);
    let size = rule.tuple_size.as_ref();
    let mut size = size
        .and_then(|word| resolver.number(word, &what, 1))
        .unwrap_or(1);
    if size > MOST_ELEMENTS {
        let word = rule.tuple_size.as_ref().expect("its number was read");
        resolver.diags.push(
            Diag::error("E0280", format!("{what} is at most {MOST_ELEMENTS}"))
                .at(word.span, format!("this is {size}")),
        );
        size = 1;
    }
    Some(Box::new(Tuple {
        n_elements: size,
        has_lists: true,
        n_groups: vec![factors.first().map_or(0, groups); size as usize],
    }))
}

/// No more items than this name one job: what a tuple makes is named by each of them.
const MOST_ELEMENTS: u32 = 1000;

/// A capture with the name of a param or let.
fn clashes(resolver: &mut Resolver, name: NameId, rule: &ast::Rule) {
    let text = resolver.workflow.names.get(name).to_string();
    if let Some((_, span)) = resolver.constants.values.get(&text) {
        resolver.diags.push(
            Diag::error(
                "E0251",
                format!("`{text}` is a capture and also a param or let"),
            )
            .at(rule.header, "captured here")
            .and(*span, "given a value here")
            .help("rename one of them"),
        );
    }
}
