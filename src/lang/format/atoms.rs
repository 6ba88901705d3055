//! Takes an item apart into clauses of atoms: texts that no line break divides.

use crate::lang::ast::{Attribute, ItemKind, NamedWord, Rule, Value, Verb, Word};
use crate::lang::names::verb_name;
use crate::lang::span::Span;

/// Atoms with a blank between each two. A long item is broken before its clauses first.
pub(super) type Clause = Vec<String>;

fn slice(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

/// A word as it was written. A blank at its end, which a backslash took, goes into quotes, where no
/// line's end can follow it.
fn written(text: &str, span: Span) -> String {
    let word = slice(text, span);
    match word.chars().last() {
        Some(blank @ (' ' | '\t' | '\r')) => {
            let before = &word[..word.len() - 1];
            let before = before.strip_suffix('\\').unwrap_or(before);
            format!("{before}\"{blank}\"")
        }
        _ => word.to_string(),
    }
}

fn words(text: &str, words: &[Word]) -> Clause {
    words.iter().map(|word| written(text, word.span)).collect()
}

fn named_word(text: &str, named: &NamedWord) -> String {
    let span = match &named.name {
        Some(name) => name.span.to(named.word.span),
        None => named.word.span,
    };
    written(text, span)
}

/// Puts `open` before the first atom and `close` behind the last.
fn enclose(open: &str, mut atoms: Clause, close: &str) -> Clause {
    match atoms.first_mut() {
        Some(first) => first.insert_str(0, open),
        None => return vec![format!("{open}{close}")],
    }
    if let Some(last) = atoms.last_mut() {
        // A parenthesis that the word leaves open would take the closing one to itself.
        let word = last.strip_prefix(open).unwrap_or(last);
        if close == ")" && word.matches('(').count() > word.matches(')').count() {
            last.push(' ');
        }
        last.push_str(close);
    }
    atoms
}

/// A comma behind each but the last.
fn with_commas(mut atoms: Clause) -> Clause {
    let n_followed = atoms.len().saturating_sub(1);
    for atom in &mut atoms[..n_followed] {
        atom.push(',');
    }
    atoms
}

fn value(text: &str, value: &Value) -> Clause {
    match value {
        Value::Word(word) => vec![written(text, word.span)],
        Value::List(list) => enclose("[", with_commas(words(text, &list.value)), "]"),
    }
}

/// A line of attributes.
pub(super) fn of_attributes(text: &str, attributes: &[Attribute]) -> Vec<Clause> {
    let shown = attributes.iter().map(|attribute| {
        let mut atoms = vec![attribute.name.value.clone()];
        for each in &attribute.values {
            atoms.extend(value(text, each));
        }
        atoms.join(" ")
    });
    vec![enclose("[", with_commas(shown.collect()), "]")]
}

/// An item that is no rule.
pub(super) fn of_setting(text: &str, keyword: &str, kind: &ItemKind) -> Vec<Clause> {
    let named = |name: &str| vec![name.to_string()];
    let assigned = |name: &str, values: Clause| {
        let mut atoms = named(name);
        atoms.push("=".into());
        atoms.extend(values);
        atoms
    };
    let one = |word: &Word| vec![written(text, word.span)];
    let rest = match kind {
        ItemKind::Param { name, value: None } => named(&name.value),
        ItemKind::Param {
            name,
            value: Some(given),
        }
        | ItemKind::Let { name, value: given }
        | ItemKind::Table { name, from: given } => assigned(&name.value, value(text, given)),
        ItemKind::JobsLimit { name, count: word } | ItemKind::Env { name, value: word } => {
            assigned(&name.value, one(word))
        }
        ItemKind::ChecksumLevel { level } => enclose("= ", one(level), ""),
        ItemKind::Shell { words: all }
        | ItemKind::Preload { names: all }
        | ItemKind::Default { words: all } => words(text, all),
        ItemKind::Python { word } | ItemKind::Include { file: word } => one(word),
        ItemKind::Target { name, words: all } => {
            let mut atoms = vec![format!("{}:", name.value)];
            atoms.extend(words(text, all));
            atoms
        }
        ItemKind::Use {
            file,
            name,
            bindings,
        } => {
            let mut atoms = vec![written(text, file.span), "as".into(), name.value.clone()];
            let shown = bindings
                .iter()
                .map(|(name, given)| assigned(&name.value, value(text, given)).join(" "));
            if !bindings.is_empty() {
                atoms.extend(enclose("(", with_commas(shown.collect()), ")"));
            }
            atoms
        }
        ItemKind::Rule(rule) => return of_header(text, rule),
    };
    let mut clause = named(keyword);
    clause.extend(rest);
    vec![clause]
}

/// A rule's header.
pub(super) fn of_header(text: &str, rule: &Rule) -> Vec<Clause> {
    let verb = rule.verb.value;
    let mut first = vec![verb_name(verb).to_string(), rule.name.value.clone()];
    if let Some(size) = &rule.tuple_size {
        first.push(written(text, size.span));
    }
    if let (true, Some(last)) = (verb != Verb::Originate, first.last_mut()) {
        last.push(':');
    }
    let mut clauses = vec![first];
    for (at, factor) in rule.factors.iter().enumerate() {
        if at > 0 {
            clauses.push(vec!["x".into()]);
        }
        if let Some(clause) = clauses.last_mut() {
            clause.extend(words(text, &factor.sources));
        }
        if let Some(filter) = &factor.filter {
            let keyword = slice(text, filter.span).split([' ', '\t', '\\', '\r', '\n']);
            let keyword = keyword.take(1).map(String::from);
            let atoms: Clause = keyword.chain([written(text, filter.word.span)]).collect();
            match clauses.last_mut() {
                // A factor stays in one piece.
                Some(clause) if verb == Verb::Product => clause.extend(atoms),
                _ => clauses.push(atoms),
            }
        }
    }
    clauses.extend(extras(text, rule));
    if let Some(outputs) = &rule.outputs {
        let mut clause = vec!["->".to_string()];
        for group in outputs {
            let atoms = group.words.iter().map(|word| named_word(text, word));
            match group.in_parentheses {
                true => clause.extend(enclose("(", atoms.collect(), ")")),
                false => clause.extend(atoms),
            }
        }
        clauses.push(clause);
    }
    clauses
}

/// `with` and `using`, in the order in which they were written.
fn extras(text: &str, rule: &Rule) -> Vec<Clause> {
    let with = rule.with.iter().map(|word| ("with", word));
    let using = rule.using.iter().map(|word| ("using", word));
    let mut all: Vec<_> = with.chain(using).collect();
    all.sort_by_key(|(_, named)| named.word.span.start);
    let mut clauses: Vec<Clause> = Vec::new();
    for (keyword, named) in all {
        match clauses.last_mut() {
            Some(clause) if clause[0] == keyword => clause.push(named_word(text, named)),
            _ => clauses.push(vec![keyword.to_string(), named_word(text, named)]),
        }
    }
    clauses
}
