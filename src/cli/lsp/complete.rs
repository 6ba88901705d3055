//! What can be typed next, judged by the text before the cursor: while it is typed, the line itself
//! can rarely be read.

use std::collections::{HashMap, HashSet};

use lsp_types::{CompletionItem, CompletionItemKind};

use super::document::{Document, Reading};
use super::find;
use super::{elsewhere, words};
use crate::lang::Span;
use crate::lang::ast::{ItemKind, Rule, Verb};
use crate::lang::names::{is_name, name_length, verb};
use crate::workflow::lint::groups;

/// What fits behind this byte of the document.
pub fn complete(document: &Document, offset: usize) -> Vec<CompletionItem> {
    let text = document.text.as_str();
    let place = Place::of(text, offset);
    let mut items = Vec::new();
    match place {
        Place::LineStart => {
            add(&mut items, CompletionItemKind::KEYWORD, &words::VERBS);
            add(&mut items, CompletionItemKind::KEYWORD, &words::SETTINGS);
        }
        Place::Attribute => add(&mut items, CompletionItemKind::PROPERTY, &words::ATTRIBUTES),
        Place::Limit => limits(document, &mut items),
        Place::Rules => rules(document, &mut items),
        Place::Params => constants(document, &mut items),
        Place::Header => {
            rules(document, &mut items);
            add(&mut items, CompletionItemKind::KEYWORD, &words::KEYWORDS);
        }
        Place::Braces => {
            captures(document, header_above(text, offset), &mut items);
            constants(document, &mut items);
            add(&mut items, CompletionItemKind::VARIABLE, &words::BUILT_IN);
            add(&mut items, CompletionItemKind::FIELD, &words::FACTS);
        }
        Place::Part(of) => {
            if matches!(of, "input" | "output") {
                slots(header_above(text, offset), of, &mut items);
            }
            if matches!(of, "input" | "output" | "item") {
                add(&mut items, CompletionItemKind::FIELD, &words::FACTS);
            }
        }
        Place::Nothing => {}
    }
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(item.label.clone()));
    items
}

/// What kind of place the cursor is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place<'a> {
    LineStart,
    /// In the brackets above a rule.
    Attribute,
    Limit,
    Rules,
    Params,
    /// Behind a rule's `:`.
    Header,
    /// Behind a `{`.
    Braces,
    /// Behind `{input.`: what stands before the dot, without an index.
    Part(&'a str),
    Nothing,
}

impl<'a> Place<'a> {
    fn of(text: &'a str, offset: usize) -> Place<'a> {
        let line_start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = &text[line_start..offset];
        if let Some(inside) = open_brace(line) {
            return match inside.rsplit_once('.') {
                Some((before, _)) => Place::Part(before.split(['.', '[']).next().unwrap_or("")),
                None => Place::Braces,
            };
        }
        if line.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Place::LineStart;
        }
        if line.starts_with('[') {
            return Place::in_attributes(line);
        }
        let header = header(text, line_start, offset);
        let first = header.split_whitespace().next().unwrap_or("");
        match first {
            "target" if header.contains(':') => Place::Rules,
            "default" => Place::Rules,
            _ if verb(first).is_none_or(|verb| verb == Verb::Originate) => Place::Nothing,
            // After `->` every word is a path.
            _ if header.contains("->") || !header.contains(':') => Place::Nothing,
            _ => Place::Header,
        }
    }

    fn in_attributes(line: &'a str) -> Place<'a> {
        let Some(inside) = line.rsplit_once('[').map(|(_, inside)| inside) else {
            return Place::Nothing;
        };
        if inside.contains(']') {
            return Place::Nothing;
        }
        let attribute = inside.rsplit(',').next().unwrap_or("").trim_start();
        match attribute.split_once(' ') {
            None => Place::Attribute,
            Some(("jobs_limit", _)) => Place::Limit,
            Some(("after", _)) => Place::Rules,
            Some(("active_if", value)) if !value.contains("==") => Place::Params,
            Some(_) => Place::Nothing,
        }
    }
}

/// What stands between an open `{` and the end of the line, when it may be a name.
fn open_brace(line: &str) -> Option<&str> {
    let at = line.rfind('{')?;
    let inside = &line[at + 1..];
    let fits = |c: char| c.is_alphanumeric() || "_-.[]".contains(c);
    // A brace after `$` is the shell's.
    let is_ours = !line[..at].ends_with(['$', '%', '@']) && inside.chars().all(fits);
    is_ours.then_some(inside.trim_start_matches("**"))
}

/// The header that the line belongs to, from its first line to the cursor; empty in a recipe.
fn header(text: &str, line_start: usize, offset: usize) -> &str {
    let mut start = line_start;
    while start > 0 {
        let before = &text[..start - 1];
        let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        if !line.trim_end_matches('\r').ends_with('\\') {
            break;
        }
        start = before.len() - line.len();
    }
    match text[start..].starts_with([' ', '\t']) {
        true => "",
        false => &text[start..offset],
    }
}

/// The header of the rule whose header or recipe the cursor is in; empty where there is none.
fn header_above(text: &str, offset: usize) -> &str {
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |at| offset + at);
    let mut start = end;
    for line in text[..end].split('\n').rev() {
        start -= line.len();
        let first = line.split_whitespace().next().unwrap_or("");
        if verb(first).is_some() && line.starts_with(first) {
            break;
        }
        if !line.is_empty() && !line.starts_with([' ', '\t', '\r', '#']) {
            return "";
        }
        start = start.saturating_sub(1);
    }
    let mut length = 0;
    for line in text[start..].split_inclusive('\n') {
        length += line.len();
        if !line.trim_end().ends_with('\\') {
            break;
        }
    }
    &text[start..start + length]
}

fn item(kind: CompletionItemKind, label: &str, detail: impl Into<String>) -> CompletionItem {
    CompletionItem {
        label: label.into(),
        kind: Some(kind),
        detail: Some(detail.into()).filter(|detail: &String| !detail.is_empty()),
        ..Default::default()
    }
}

fn add(items: &mut Vec<CompletionItem>, kind: CompletionItemKind, list: &[(&str, &str)]) {
    items.extend(
        list.iter()
            .map(|(word, meaning)| item(kind, word, *meaning)),
    );
}

/// The text as it is, and as it last was without mistakes: what is typed now may hide an item.
fn readings(document: &Document) -> impl Iterator<Item = &Reading> {
    let good = document.good.as_deref();
    std::iter::once(&*document.reading).chain(good)
}

fn rules(document: &Document, items: &mut Vec<CompletionItem>) {
    for reading in readings(document) {
        for each in elsewhere::items(reading) {
            let doc = each.doc.as_deref().unwrap_or("");
            let doc = doc.lines().next().unwrap_or("").trim();
            match &each.kind {
                ItemKind::Rule(rule) => {
                    items.push(item(CompletionItemKind::FUNCTION, &rule.name.value, doc));
                }
                ItemKind::Table { name, .. } => {
                    items.push(item(CompletionItemKind::CLASS, &name.value, doc));
                }
                _ => {}
            }
        }
        for rule in elsewhere::rules(reading) {
            let doc = rule.doc.as_deref().unwrap_or("");
            let doc = doc.lines().next().unwrap_or("").trim();
            items.push(item(CompletionItemKind::FUNCTION, &rule.name, doc));
        }
    }
}

fn limits(document: &Document, items: &mut Vec<CompletionItem>) {
    for reading in readings(document) {
        for each in elsewhere::items(reading) {
            if let ItemKind::JobsLimit { name, .. } = &each.kind {
                items.push(item(
                    CompletionItemKind::CONSTANT,
                    &name.value,
                    "jobs_limit",
                ));
            }
        }
    }
}

fn constants(document: &Document, items: &mut Vec<CompletionItem>) {
    for reading in readings(document) {
        for each in elsewhere::items(reading) {
            if let ItemKind::Param { name, .. } | ItemKind::Let { name, .. } = &each.kind {
                let span = each.span;
                let text = reading.sources.text(span);
                items.push(item(CompletionItemKind::CONSTANT, &name.value, text));
            }
        }
    }
}

/// The captures of the filter in a header, and those that its sources bring along. The header is
/// read as text: what is typed in it may keep the rule from being read.
fn captures(document: &Document, header: &str, items: &mut Vec<CompletionItem>) {
    let sources = header.split("->").next().unwrap_or("");
    for name in captured_in(sources) {
        items.push(item(
            CompletionItemKind::VARIABLE,
            name,
            "captured by this rule",
        ));
    }
    for reading in readings(document) {
        let asts = std::iter::once(&reading.ast).chain(&reading.included);
        let rules: HashMap<&str, &Rule> = asts
            .flat_map(find::rules)
            .map(|rule| (rule.name.value.as_str(), rule))
            .collect();
        let words = sources.split_whitespace().skip(2);
        let mut open: Vec<&Rule> = words.filter_map(|word| rules.get(word).copied()).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        while let Some(rule) = open.pop() {
            // What a split makes, and what a merge made of many, has no captures.
            let has_none = matches!(rule.verb.value, Verb::Split | Verb::Merge);
            if has_none || !seen.insert(&rule.name.value) {
                continue;
            }
            let detail = format!("captured by {}", rule.name.value);
            let text = &reading.sources.get(rule.name.span.file).text;
            for (name, _) in find::captured(rule, text) {
                items.push(item(CompletionItemKind::VARIABLE, &name, detail.as_str()));
            }
            let sources = rule.factors.iter().flat_map(|factor| &factor.sources);
            let upstream = sources.filter_map(|word| word.bare());
            open.extend(upstream.filter_map(|name| rules.get(name).copied()));
        }
    }
}

/// The names that a `match` or `regex` in this text captures.
fn captured_in(header: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut words = header.split_whitespace();
    while let Some(word) = words.next() {
        if word == "match" {
            let holes = words.next().unwrap_or("").split('{').skip(1);
            let holes = holes.map(|hole| hole.trim_start_matches("**"));
            found.extend(holes.map(|hole| &hole[..name_length(hole)]));
        }
    }
    found.extend(
        groups(Span::default(), header)
            .into_iter()
            .map(|(name, _)| name),
    );
    found.retain(|name| !name.is_empty());
    found
}

/// The named inputs or outputs of a header.
fn slots(header: &str, of: &str, items: &mut Vec<CompletionItem>) {
    let (inputs, outputs) = header.split_once("->").unwrap_or((header, ""));
    let words = if of == "input" { inputs } else { outputs };
    for (name, _) in words
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
    {
        if is_name(name) {
            items.push(item(
                CompletionItemKind::FIELD,
                name,
                format!("a named {of}"),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_read_off_the_text_before_it() {
        use Place::*;
        for (text, expected) in [
            ("", LineStart),
            ("tra", LineStart),
            ("[", Attribute),
            ("[cores 2, re", Attribute),
            ("[cores ", Nothing),
            ("[jobs_limit f", Limit),
            ("[after ", Rules),
            ("[active_if ", Params),
            ("[cores 2] ", Nothing),
            ("transform a", Nothing),
            ("transform a: ", Header),
            ("transform a: b suffix .x \\\n    wi", Header),
            ("transform a: b -> ", Nothing),
            ("originate a -> ", Nothing),
            ("transform a: {", Braces),
            ("transform a: b -> {inp", Braces),
            ("transform a: b -> {input.", Part("input")),
            ("transform a: b -> {input[0].st", Part("input")),
            ("transform a: b -> c\n    cat {in", Braces),
            ("transform a: b -> c\n    cat ${in", Nothing),
            ("transform a: b -> c\n    cat { x", Nothing),
            ("transform a: b -> c\n    ca", Nothing),
            ("target all: ", Rules),
            ("default ", Rules),
            ("param x = ", Nothing),
        ] {
            assert_eq!(Place::of(text, text.len()), expected, "{text}");
        }
    }

    #[test]
    fn the_header_above_is_found() {
        let text = "transform one: a \\\n -> b\n    x\n# comment\n    {\n\nlet x = 1\n  y\n";
        let of = |needle: &str| header_above(text, text.find(needle).unwrap());
        let header = "transform one: a \\\n -> b\n";
        for needle in ["a \\", "-> b", "    x", "{"] {
            assert_eq!(of(needle), header, "{needle}");
        }
        assert_eq!(of("y"), "");
        assert_eq!(header_above("", 0), "");
    }

    #[test]
    fn captures_are_read_off_a_header_that_is_not_complete() {
        let header = "transform a: b match x/{one}_{**two:[0-9]+}.{ regex '(?P<three>.)' -> {four";
        let sources = header.split("->").next().unwrap();
        assert_eq!(captured_in(sources), ["one", "two", "three"]);
    }
}
