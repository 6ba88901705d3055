//! What a shell would fill in, where none reads: `$HOME` and `~/` in the words of a header.

use crate::lang::ast::{Item, ItemKind, NamedWord, Value, Word};
use crate::lang::names::name_length;
use crate::lang::{Diag, Sources, Span};

/// Warns of words that a shell would read as something else. Commands and scripts are read by one.
pub(super) fn words(items: &[Item], sources: &Sources, diags: &mut Vec<Diag>) {
    for item in items {
        match &item.kind {
            ItemKind::Param {
                value: Some(value), ..
            }
            | ItemKind::Let { value, .. }
            | ItemKind::Table { from: value, .. } => {
                let words = match value {
                    Value::Word(word) => std::slice::from_ref(word),
                    Value::List(list) => &list.value,
                };
                words.iter().for_each(|each| word(each, sources, diags));
            }
            ItemKind::Env { value, .. } => word(value, sources, diags),
            ItemKind::Include { file } | ItemKind::Use { file, .. } => word(file, sources, diags),
            // To look at the text of a header is quicker than to look at each of its words.
            ItemKind::Rule(rule) if !sources.text(rule.header).contains(['$', '~']) => {}
            ItemKind::Rule(rule) => {
                for factor in &rule.factors {
                    factor
                        .sources
                        .iter()
                        .for_each(|each| word(each, sources, diags));
                }
                let outputs = rule.outputs.iter().flatten().flat_map(|group| &group.words);
                let named = rule.with.iter().chain(&rule.using).chain(outputs);
                named.for_each(|NamedWord { word: each, .. }| word(each, sources, diags));
            }
            _ => {}
        }
    }
}

fn word(word: &Word, sources: &Sources, diags: &mut Vec<Diag>) {
    let text = sources.text(word.span);
    // In `'…'` nothing is special in a shell either.
    if text.starts_with('\'') {
        return;
    }
    let part = |start: usize, length: usize| Span {
        start: word.span.start + start as u32,
        end: word.span.start + (start + length) as u32,
        ..word.span
    };
    if text == "~" || text.starts_with("~/") {
        diags.push(
            Diag::warning("W0407", "`~` is a folder of this name")
                .at(part(0, 1), "no shell reads this")
                .fix("your own folder", part(0, 1), "{env.HOME}"),
        );
    }
    for (at, _) in text.match_indices('$') {
        let name = &text[at + 1..];
        let name = &name[..name_length(name)];
        let is_literal = text[..at].ends_with('\\');
        if is_literal || name.is_empty() || !is_variable(name) {
            continue;
        }
        let span = part(at, 1 + name.len());
        diags.push(
            Diag::warning("W0407", format!("`${name}` is text, and no variable"))
                .at(span, "no shell reads this")
                .fix(
                    "a variable of the environment",
                    span,
                    format!("{{env.{name}}}"),
                )
                .help("a param or let is `{NAME}`; a `$` that is meant is `\\$`"),
        );
    }
}

/// As variables of the environment are called: a `$` before anything else is rarely meant for one.
fn is_variable(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}
