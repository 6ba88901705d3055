//! What follows once captures are known: `with`, `using`, outputs and the recipe.

use super::Header;
use super::sources::{Use, named};
use super::words::{RuleScope, resolve_words};
use crate::lang::ast::{FilterKind, Piece, Verb};
use crate::lang::{Diag, Span, ast};
use crate::workflow::attribute::ancient::Ancient;
use crate::workflow::attribute::{command, surroundings};
use crate::workflow::captures::Captures;
use crate::workflow::expr::Word;
use crate::workflow::resolver::Resolver;
use crate::workflow::scope::Site;
use crate::workflow::{Extra, Output, Rule, Source, TableId, recipe};

/// Resolves `with`, `using`, outputs and the recipe, once it is known which captures there are.
pub(in crate::workflow) fn finish(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    header: &mut Header,
    captures: &Captures,
) {
    let tuple = header.rule.tuple.clone();
    let tables: Vec<TableId> = header
        .rule
        .sources()
        .filter_map(|(_, source)| match source {
            Source::Table(table) => Some(*table),
            _ => None,
        })
        .collect();
    let no_item = no_item(&header.rule, tables.len());
    let has_extras = !rule.with.is_empty() || !rule.using.is_empty();
    let no_input = no_item.filter(|_| !has_extras);
    let scope = RuleScope {
        rule: Some(rule),
        tuple: tuple.as_deref(),
        no_item,
        no_input,
        tables: &tables,
        captures,
        n_groups: header.n_groups,
    };
    header.rule.with = extras(resolver, &rule.with, &scope);
    header.rule.using = extras(resolver, &rule.using, &scope);
    let inputs = if header.rule.using.is_empty() {
        &header.rule.with
    } else {
        &header.rule.using
    };
    let mut input_slots: Vec<Option<String>> = Vec::with_capacity(1 + inputs.len());
    if header.rule.using.is_empty() && rule.verb.value != Verb::Originate {
        // The item itself is the first, without a name.
        input_slots.push(None);
    }
    input_slots.extend(inputs.iter().map(|extra| extra.name.clone()));
    twice(resolver, rule.with.iter().chain(&rule.using));
    match &rule.outputs {
        None => without_outputs(resolver, rule),
        Some(groups) => {
            header.rule.outputs = outputs(resolver, rule, groups, &scope, &input_slots);
        }
    }
    let groups = &header.rule.outputs;
    let first = groups.first().into_iter().flatten();
    // The jobs of an `originate` may make more than the first one does.
    let n_slots = groups.iter().map(Vec::len).max().unwrap_or(0);
    let mut output_slots: Vec<Option<String>> = Vec::with_capacity(n_slots);
    output_slots.extend(first.map(|output| output.name.clone()));
    output_slots.resize(n_slots, None);
    (header.rule.around, header.rule.deps) =
        surroundings::resolve(resolver, rule, &scope, &input_slots, &output_slots);
    let shell = surroundings::shell(resolver, rule);
    let outputs = header.rule.outputs.iter().flatten();
    // A glob in any other verb is a mistake that was told.
    let makes_unknown = header.rule.makes_unknown_files();
    let is_unknown = |output: &Output| makes_unknown && output.is_glob();
    let glob_outputs: Vec<bool> = outputs.map(is_unknown).collect();
    let scope = recipe::RecipeScope {
        shell: shell.unwrap_or_else(|| resolver.shell.clone()),
        captures,
        n_groups: header.n_groups,
        is_one_job: matches!(rule.verb.value, Verb::Merge | Verb::Split),
        tuple: tuple.as_deref(),
        input_slots: &input_slots,
        output_slots: &output_slots,
        glob_outputs: &glob_outputs,
        has_outputs: header.rule.has_outputs,
        no_item,
        no_input,
    };
    header.rule.recipe = recipe::resolve(resolver, rule, &scope);
    header.rule.check = command::check(resolver, rule, &scope).map(Box::new);
    header.rule.then = command::then(resolver, rule, &scope.shell);
}

/// Why a rule's jobs have no files of their own, where that is so.
pub(super) fn no_item(rule: &Rule, n_tables: usize) -> Option<&'static str> {
    if rule.verb == Verb::Originate {
        return Some("`originate` makes its outputs from nothing");
    }
    let n_sources = rule.sources().count();
    (n_tables > 0 && n_tables == n_sources)
        .then_some("its items are rows of a table, which have no files")
}

/// A rule without `->` whose verb is about the names of files.
pub(super) fn without_outputs(resolver: &mut Resolver, rule: &ast::Rule) {
    let (reason, help) = match rule.verb.value {
        Verb::Split | Verb::Subdivide => (
            "its jobs make files, and nothing says which",
            "say what they are called: `-> parts/*.txt`",
        ),
        Verb::Collate => (
            "it gathers the items that name the same outputs",
            "name outputs, or make one job over all items: `merge`",
        ),
        _ => return,
    };
    let verb = rule.verb.value.keyword();
    resolver.diags.push(
        Diag::error("E0285", format!("`{verb}` needs outputs"))
            .at(rule.header, reason)
            .help(help),
    );
}

/// An output that is a list without elements.
pub(super) fn no_words(resolver: &mut Resolver, span: Span) {
    resolver
        .diags
        .push(Diag::error("E0283", "an output comes to nothing").at(span, "this list is empty"));
}

pub(super) fn extras(
    resolver: &mut Resolver,
    words: &[ast::NamedWord],
    scope: &RuleScope,
) -> Vec<Extra> {
    let mut found = Vec::new();
    let ancient = scope.rule.map(|rule| Ancient::of(resolver, rule));
    for word in words {
        let is_ancient = ancient
            .as_ref()
            .is_some_and(|ancient| ancient.has_extra(resolver, word));
        let name = word.name.as_ref().map(|name| name.value.clone());
        let sources = match named(resolver, &word.word, Use::Files) {
            Some(named) => named,
            None => resolve_words(resolver, &word.word, Site::Extra, scope, &[], &[])
                .into_iter()
                .map(Source::Files)
                .collect(),
        };
        found.extend(sources.into_iter().map(|source| Extra {
            name: name.clone(),
            source,
            is_ancient,
        }));
    }
    found
}

/// Two words with one name.
pub(super) fn twice<'a>(resolver: &mut Resolver, words: impl Iterator<Item = &'a ast::NamedWord>) {
    let mut seen: Vec<&ast::Name> = Vec::new();
    for name in words.filter_map(|named| named.name.as_ref()) {
        match seen.iter().find(|first| first.value == name.value) {
            Some(first) => resolver.diags.push(
                Diag::error(
                    "E0257",
                    format!("`{}` names two words of one rule", name.value),
                )
                .at(name.span, "the second")
                .and(first.span, "the first"),
            ),
            None => seen.push(name),
        }
    }
}

pub(super) fn outputs(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    groups: &[ast::OutputGroup],
    scope: &RuleScope,
    input_slots: &[Option<String>],
) -> Vec<Vec<Output>> {
    if rule.verb.value != Verb::Originate {
        let mut only = Vec::with_capacity(groups.len());
        for group in groups {
            outputs_of(resolver, rule, group, scope, input_slots, &mut only);
        }
        return vec![only];
    }
    let mut all: Vec<Vec<Output>> = Vec::with_capacity(groups.len());
    for group in groups {
        let mut outputs = Vec::with_capacity(group.words.len());
        outputs_of(resolver, rule, group, scope, input_slots, &mut outputs);
        match group.in_parentheses {
            true => all.push(outputs),
            // A list is as many words as it has elements.
            false => all.extend(outputs.into_iter().map(|output| vec![output])),
        }
    }
    all
}

fn outputs_of(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    group: &ast::OutputGroup,
    scope: &RuleScope,
    input_slots: &[Option<String>],
    outputs: &mut Vec<Output>,
) {
    let is_originate = rule.verb.value == Verb::Originate;
    let mut filters = rule.factors.iter().flat_map(|factor| &factor.filter);
    let has_suffix = filters.any(|filter| filter.kind == FilterKind::Suffix);
    for named in &group.words {
        let n_before = resolver.diags.len();
        let words = resolve_words(resolver, &named.word, Site::Output, scope, input_slots, &[]);
        if words.is_empty() && resolver.diags.len() == n_before && !is_originate {
            no_words(resolver, named.word.span);
        }
        for word in words {
            check_glob(resolver, rule, &word);
            let replaces_suffix = has_suffix && !is_whole_path(&named.word);
            if replaces_suffix && rule.verb.value.makes_tuples() {
                no_suffix_of_tuple(resolver, rule, &named.word);
            }
            let name = named.name.as_ref().map(|name| name.value.clone());
            outputs.push(Output {
                name,
                word,
                replaces_suffix,
            });
        }
    }
    twice(resolver, group.words.iter());
}

/// With `suffix`: a `/` in it, or a `{` first.
pub(super) fn is_whole_path(word: &ast::Word) -> bool {
    matches!(word.pieces.first(), Some(Piece::Hole(_)))
        || word
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Text(text) if text.contains('/')))
}

/// An output that would stand in the place of a suffix, and nobody knows of which one.
pub(super) fn no_suffix_of_tuple(resolver: &mut Resolver, rule: &ast::Rule, word: &ast::Word) {
    let verb = rule.verb.value.keyword();
    resolver.diags.push(
        Diag::error("E0281", format!("an output of `{verb}` is a whole path"))
            .at(
                word.span,
                "several items name it, so there is no one suffix to replace",
            )
            .help(
                "begin it with a folder, `out/…`, or with a place to be filled, `{item[0].stem}…`",
            ),
    );
}

pub(super) fn check_glob(resolver: &mut Resolver, rule: &ast::Rule, word: &Word) {
    let verb = rule.verb.value;
    if word.has_glob() && !matches!(verb, Verb::Split | Verb::Subdivide) {
        resolver.diags.push(
            Diag::error(
                "E0259",
                format!("an output of `{}` must be one file", verb.keyword()),
            )
            .at(word.span, "this is a glob")
            .help("`split` and `subdivide` make as many files as they like")
            .help("a file with such a character in its name is written `'a*b'` or `a\\*b`"),
        );
    }
}
