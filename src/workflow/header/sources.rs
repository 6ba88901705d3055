//! The words before `->` that name rules, tables or files.

use std::borrow::Cow;

use super::words::{RuleScope, resolve_words};
use crate::lang::ast::Piece;
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span, ast};
use crate::workflow::captures::Captures;
use crate::workflow::resolver::Resolver;
use crate::workflow::scope::Site;
use crate::workflow::space::Given;
use crate::workflow::{Source, TableId};

/// A table that is named twice has each row once.
pub(super) fn once(sources: &mut Vec<Source>) {
    let mut seen: Vec<TableId> = Vec::new();
    sources.retain(|source| match source {
        Source::Table(table) if seen.contains(table) => false,
        Source::Table(table) => {
            seen.push(*table);
            true
        }
        _ => true,
    });
}

/// A filter looks at files, and rows have none.
pub(super) fn filtered_table(resolver: &mut Resolver, factor: &ast::Factor, sources: &[Source]) {
    let Some(filter) = &factor.filter else { return };
    let tables = sources.iter().filter_map(|source| match source {
        Source::Table(table) => Some(*table),
        _ => None,
    });
    for table in tables {
        let name = &resolver.workflow.tables[table].name;
        resolver.diags.push(
            Diag::error("E0274", format!("no row of `{name}` can match a filter"))
                .at(
                    filter.span,
                    "a filter looks at an item's first file, and rows have none",
                )
                .help("the columns are captures already; leave the filter out"),
        );
    }
}

/// A word that names a rule, a table or files.
pub(super) fn source(
    resolver: &mut Resolver,
    word: &ast::Word,
    rule: Option<&ast::Rule>,
) -> Vec<Source> {
    if let Some(named) = named(resolver, word, Use::Items) {
        return named;
    }
    let scope_of = RuleScope {
        rule,
        tuple: None,
        captures: &Captures::default(),
        n_groups: 0,
        no_item: None,
        no_input: None,
        tables: &[],
    };
    resolve_words(resolver, word, Site::Source, &scope_of, &[], &[])
        .into_iter()
        .map(Source::Files)
        .collect()
}

/// A word of a `target`: a rule, or files.
pub(in crate::workflow) fn target_word(resolver: &mut Resolver, word: &ast::Word) -> Vec<Source> {
    match named(resolver, word, Use::Target) {
        Some(named) => named,
        None => source(resolver, word, None),
    }
}

/// What is asked of a rule or table that a word names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Its items.
    Items,
    /// Its files, as `with` and `using` do.
    Files,
    /// Only that it is built.
    Target,
}

/// The rules and tables that a word names, after a mistake none; `None` for a path.
pub(super) fn named(resolver: &mut Resolver, word: &ast::Word, asked: Use) -> Option<Vec<Source>> {
    let home = resolver.current;
    let mut found = Vec::new();
    // A param of a module stands for words of whoever uses it, and so on upwards.
    let mut words = vec![(home, Cow::Borrowed(word))];
    let mut is_path = false;
    while let Some((space, name)) = words.pop() {
        resolver.enter(space);
        if let [Piece::Hole(hole)] = name.pieces.as_slice()
            && hole.access.is_empty()
            && let Some((Given::Sources(passed, _), _)) =
                resolver.spaces[space].given.get(&hole.name.value)
        {
            let passed = passed.iter().rev();
            words.extend(passed.map(|(space, word)| (*space, Cow::Owned(word.clone()))));
            continue;
        }
        match name.bare() {
            Some(text) if is_name(text) || is_of_module(resolver, text) => {
                found.extend(lookup(resolver, text, word.span, asked));
            }
            _ => is_path = true,
        }
    }
    resolver.enter(home);
    (!is_path).then_some(found)
}

/// `NAME.rule`, where NAME is a module.
pub(super) fn is_of_module(resolver: &Resolver, text: &str) -> bool {
    let module = text.split_once('.').map(|(module, _)| module);
    module.is_some_and(|module| {
        resolver.spaces[resolver.current]
            .modules
            .contains_key(module)
    })
}

/// A rule or table of the space that is being read.
pub(super) fn lookup(
    resolver: &mut Resolver,
    name: &str,
    span: Span,
    asked: Use,
) -> Option<Source> {
    if let Some(&found) = resolver.rules.get(name) {
        if asked != Use::Target && resolver.has_no_outputs(found) {
            no_files(resolver, name, span);
        }
        return Some(Source::Rule(found));
    }
    if let Some(found) = resolver.table(name) {
        if asked != Use::Items {
            let diag = Diag::error(
                "E0275",
                format!("`{name}` is a table, and its rows have no files"),
            )
            .at(span, "files are asked for here");
            let diag = match &resolver.workflow.tables[found].sheet {
                Some(sheet) => diag.help(format!("for the sheet itself write `./{sheet}`")),
                None => diag,
            };
            resolver.diags.push(diag.help(format!(
                "where it is a source, its columns can name files: \
                 `transform t: {name} using raw/{{column}}.txt -> …`"
            )));
        }
        return Some(Source::Table(found));
    }
    if resolver.spaces[resolver.current]
        .broken
        .iter()
        .any(|broken| broken == name)
    {
        return None;
    }
    let diag = no_such_rule(resolver, name, span);
    let is_guess = !diag.helps.is_empty() || !diag.others.is_empty();
    resolver.diags.push(match is_guess {
        true => diag,
        false => diag.help(format!("a file is written with its folder: `./{name}`")),
    });
    None
}

/// A rule that makes no files, where files are asked for.
pub(super) fn no_files(resolver: &mut Resolver, name: &str, span: Span) {
    resolver.diags.push(
        Diag::error("E0284", format!("`{name}` makes no files"))
            .at(span, "it has no `->`, so there is nothing to take from it")
            .help(format!(
                "to run behind it: `[after {name}]` above this rule"
            )),
    );
}

/// The diagnostic for a name that no rule has.
pub fn no_such_rule(resolver: &Resolver, name: &str, span: Span) -> Diag {
    let declared = &resolver.spaces[resolver.current].declared;
    if let Some((place, kind @ ("table" | "target" | "module"))) = declared.get(name) {
        return Diag::error("E0252", format!("`{name}` is a {kind}, not a rule"))
            .at(span, "a rule is asked for here")
            .and(*place, format!("the {kind}"));
    }
    let diag =
        Diag::error("E0252", format!("there is no rule named `{name}`")).at(span, "asked for here");
    let mut names: Vec<&str> = resolver.rules.keys().map(String::as_str).collect();
    names.sort();
    match nearest(name, names) {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), span, near),
        None => diag,
    }
}

/// A letter or `_`, then letters, digits, `_`, `-`.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
