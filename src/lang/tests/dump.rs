//! Shows trees and diagnostics as short text.

use std::fmt::Write;

use crate::lang::ast::{Access, Ast, Glob, Hole, ItemKind, NamedWord, Piece, Rule, Value, Word};
use crate::lang::diag::Diag;
use crate::lang::names::verb_name;
use crate::lang::recipe;
use crate::lang::span::{Sources, Span};

/// All diagnostics of a file, those of its recipes too, one paragraph each.
pub fn diags(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("main.flow", text);
    let (ast, mut diags) = crate::lang::parse(file, text);
    for item in &ast.items {
        if let ItemKind::Rule(rule) = &item.kind
            && let Some(recipe) = &rule.recipe
        {
            let (mut read, found) = recipe::lex(recipe);
            diags.extend(found);
            let names = ["input", "output", "cores", "x"];
            diags.extend(read.check_names(|hole| names.contains(&&*hole.name.value), &names));
        }
    }
    diags.iter().map(|diag| shown(&sources, diag)).collect()
}

fn shown(sources: &Sources, diag: &Diag) -> String {
    let place = |span: Span| {
        let (line, column) = sources.line_column(span);
        format!("{line}:{column} {:?}", sources.text(span))
    };
    let mut out = String::new();
    let primary = diag.primary.as_ref();
    let at = primary.map_or(String::new(), |label| place(label.span));
    write!(out, "{} {at} {}", diag.code, diag.message).unwrap();
    if let Some(label) = primary.filter(|label| !label.text.is_empty()) {
        write!(out, " | {}", label.text).unwrap();
    }
    out.push('\n');
    for label in &diag.others {
        writeln!(out, "    and {} {}", place(label.span), label.text).unwrap();
    }
    for note in &diag.notes {
        writeln!(out, "    note: {note}").unwrap();
    }
    for help in &diag.helps {
        write!(out, "    help: {}", help.text).unwrap();
        if let Some((span, new)) = &help.edit {
            write!(out, " | {} -> {new:?}", place(*span)).unwrap();
        }
        out.push('\n');
    }
    out
}

/// A tree, an item a line.
pub fn ast(ast: &Ast) -> String {
    let mut out = String::new();
    for item in &ast.items {
        if let Some(doc) = &item.doc {
            writeln!(out, "doc {doc:?}").unwrap();
        }
        writeln!(out, "{}", kind(&item.kind)).unwrap();
    }
    for name in &ast.broken {
        writeln!(out, "broken {}", name.value).unwrap();
    }
    out
}

fn kind(kind: &ItemKind) -> String {
    match kind {
        ItemKind::Param { name, value: None } => format!("param {}", name.value),
        ItemKind::Param {
            name,
            value: Some(v),
        } => format!("param {} = {}", name.value, value(v)),
        ItemKind::Let { name, value: v } => format!("let {} = {}", name.value, value(v)),
        ItemKind::JobsLimit { name, count } => format!("limit {} = {}", name.value, word(count)),
        ItemKind::Table { name, from } => format!("table {} = {}", name.value, value(from)),
        ItemKind::Shell { words } => format!("shell {}", all(words)),
        ItemKind::Python { word: w } => format!("python {}", word(w)),
        ItemKind::Preload { names } => format!("preload {}", all(names)),
        ItemKind::Env { name, value } => format!("env {} = {}", name.value, word(value)),
        ItemKind::Include { file } => format!("include {}", word(file)),
        ItemKind::Use {
            file,
            name,
            bindings,
        } => {
            let bindings: Vec<_> = bindings
                .iter()
                .map(|(name, v)| format!("{} = {}", name.value, value(v)))
                .collect();
            format!(
                "use {} as {} ({})",
                word(file),
                name.value,
                bindings.join("; ")
            )
        }
        ItemKind::Target { name, words } => format!("target {}: {}", name.value, all(words)),
        ItemKind::Default { words } => format!("default {}", all(words)),
        ItemKind::ChecksumLevel { level } => format!("checksum_level {}", word(level)),
        ItemKind::Rule(r) => rule(r),
    }
}

fn rule(rule: &Rule) -> String {
    let mut out = format!("{} {}", verb_name(rule.verb.value), rule.name.value);
    if let Some(size) = &rule.tuple_size {
        write!(out, " of {}", word(size)).unwrap();
    }
    for attribute in &rule.attributes {
        let values: Vec<_> = attribute.values.iter().map(value).collect();
        write!(
            out,
            "\n    [{} {}]",
            attribute.name.value,
            values.join("; ")
        )
        .unwrap();
    }
    for factor in &rule.factors {
        write!(out, "\n    from {}", all(&factor.sources)).unwrap();
        if let Some(filter) = &factor.filter {
            write!(out, " {:?} {}", filter.kind, word(&filter.word)).unwrap();
        }
    }
    for (what, words) in [("with", &rule.with), ("using", &rule.using)] {
        if !words.is_empty() {
            write!(out, "\n    {what} {}", named(words)).unwrap();
        }
    }
    match &rule.outputs {
        None => out.push_str("\n    no outputs"),
        Some(groups) => {
            out.push_str("\n    ->");
            for group in groups {
                match group.in_parentheses {
                    true => write!(out, " ({})", named(&group.words)).unwrap(),
                    false => write!(out, " {}", named(&group.words)).unwrap(),
                }
            }
        }
    }
    if let Some(recipe) = &rule.recipe {
        write!(out, "\n    {:?} at {:?}", recipe.text, recipe.line_starts).unwrap();
    }
    out
}

fn named(words: &[NamedWord]) -> String {
    let shown = words.iter().map(|each| match &each.name {
        Some(name) => format!("{}={}", name.value, word(&each.word)),
        None => word(&each.word),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn value(value: &Value) -> String {
    match value {
        Value::Word(w) => word(w),
        Value::List(list) => {
            let words: Vec<_> = list.value.iter().map(word).collect();
            format!("[{}]", words.join(", "))
        }
    }
}

fn all(words: &[Word]) -> String {
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Text as it is, globs and holes in `‹›`, `"` around a word that was quoted.
pub fn word(word: &Word) -> String {
    let quote = if word.is_quoted { "\"" } else { "" };
    format!("{quote}{}{quote}", pieces(&word.pieces))
}

fn pieces(pieces: &[Piece]) -> String {
    let shown = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.replace('\n', "\\n"),
        Piece::Glob(Glob::Star) => "‹*›".into(),
        Piece::Glob(Glob::DoubleStar) => "‹**›".into(),
        Piece::Glob(Glob::Any) => "‹?›".into(),
        Piece::Glob(Glob::Class(class)) => format!("‹{class}›"),
        Piece::Glob(Glob::OneOf(choices)) => {
            let choices: Vec<_> = choices.iter().map(|choice| self::pieces(choice)).collect();
            format!("‹one of {}›", choices.join("|"))
        }
        Piece::Hole(hole) => self::hole(hole),
    });
    shown.collect()
}

pub fn hole(hole: &Hole) -> String {
    let mut out = String::from("‹");
    if hole.spans_folders {
        out.push_str("**");
    }
    out.push_str(&hole.name.value);
    for access in &hole.access {
        match access {
            Access::Index(index) => write!(out, "[{index}]").unwrap(),
            Access::Part(part) => write!(out, ".{part}").unwrap(),
        }
    }
    if let Some(regex) = &hole.constraint {
        write!(out, " : {}", regex.value).unwrap();
    }
    if hole.is_raw {
        out.push_str(" raw");
    }
    out + "›"
}
