//! Who is named where: every name in a syntax tree with its place, and whether it is declared there.

use std::collections::HashSet;

use super::words;
use crate::lang::Span;
use crate::lang::ast::{Ast, FilterKind, Item, ItemKind, Name, Piece, Rule, Value, Word};
use crate::lang::names::is_name;
use crate::lang::recipe::lex;
use crate::workflow::lint::groups;

/// What kind of thing a name is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A rule, table, target or module: they share their names.
    Rule,
    /// A param or let.
    Constant,
    Limit,
    Capture,
    BuiltIn,
    Fact,
    Attribute,
    Verb,
    Setting,
}

/// A name at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    pub kind: Kind,
    pub name: String,
    pub span: Span,
    /// It is declared here.
    pub is_definition: bool,
}

/// What is needed to tell what a name in braces is.
pub struct Names {
    captures: HashSet<String>,
    constants: HashSet<String>,
    modules: HashSet<String>,
}

impl Names {
    pub fn of(ast: &Ast, text: &str) -> Names {
        let mut names = Names {
            captures: HashSet::new(),
            constants: HashSet::new(),
            modules: HashSet::new(),
        };
        for item in &ast.items {
            if let ItemKind::Param { name, .. } | ItemKind::Let { name, .. } = &item.kind {
                names.constants.insert(name.value.clone());
            }
            if let ItemKind::Use { name, .. } = &item.kind {
                names.modules.insert(name.value.clone());
            }
        }
        for rule in rules(ast) {
            let captured = captured(rule, text);
            let captured = captured.into_iter().map(|(name, _)| name);
            names
                .captures
                .extend(captured.filter(|name| !names.constants.contains(name)));
        }
        names
    }

    /// `NAME.rule`, of a module that is called NAME here.
    fn is_of_module(&self, word: &str) -> bool {
        let parts = word.split_once('.');
        parts.is_some_and(|(module, rule)| self.modules.contains(module) && is_name(rule))
    }

    /// Names in braces are looked up in this order.
    fn kind(&self, name: &str) -> Kind {
        if words::meaning(&words::BUILT_IN, name).is_some() {
            Kind::BuiltIn
        } else if self.captures.contains(name) {
            Kind::Capture
        } else if self.constants.contains(name) {
            Kind::Constant
        } else if words::meaning(&words::FACTS, name).is_some() {
            Kind::Fact
        } else {
            // Of a file that is included, if of any.
            Kind::Constant
        }
    }
}

/// The rules of a file, in their order.
pub fn rules(ast: &Ast) -> impl Iterator<Item = &Rule> {
    ast.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Rule(rule) => Some(&**rule),
        _ => None,
    })
}

/// The names in braces in a rule's templates and the groups of its regexes, with their places. In a
/// template, params are among them.
pub fn captured(rule: &Rule, text: &str) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    for filter in rule.factors.iter().flat_map(|factor| &factor.filter) {
        match filter.kind {
            FilterKind::Suffix => {}
            FilterKind::Match => {
                found.extend(filter.word.pieces.iter().filter_map(|piece| match piece {
                    Piece::Hole(hole) if hole.access.is_empty() => {
                        Some((hole.name.value.clone(), hole.name.span))
                    }
                    _ => None,
                }))
            }
            FilterKind::Regex => {
                let span = filter.word.span;
                let regex = text.get(span.start as usize..span.end as usize);
                let groups = groups(span, regex.unwrap_or(""));
                found.extend(
                    groups
                        .into_iter()
                        .map(|(name, span)| (name.to_string(), span)),
                );
            }
        }
    }
    found
}

/// The item whose text, with what stands above and below it, holds this byte.
pub fn item_at(ast: &Ast, offset: usize) -> Option<&Item> {
    let begins = |item: &Item| match &item.kind {
        ItemKind::Rule(rule) => {
            let first = rule
                .attributes
                .first()
                .map(|attribute| attribute.span.start);
            first.unwrap_or(item.span.start).min(item.span.start)
        }
        _ => item.span.start,
    };
    ast.items
        .iter()
        .rfind(|item| begins(item) as usize <= offset)
}

/// What stands at a byte.
pub fn at(ast: &Ast, text: &str, offset: usize) -> Option<Mention> {
    let names = Names::of(ast, text);
    let mut mentions = Vec::new();
    in_item(item_at(ast, offset)?, text, &names, true, &mut mentions);
    let holds = |span: Span| span.start as usize <= offset && offset <= span.end as usize;
    let around = mentions.into_iter().filter(|mention| holds(mention.span));
    // At the end of one name and the beginning of another, the one that begins.
    around.max_by_key(|mention| mention.span.start)
}

/// Every mention in a file; of recipes only when asked, for it takes time.
pub fn all(ast: &Ast, text: &str, with_recipes: bool) -> Vec<Mention> {
    let names = Names::of(ast, text);
    let mut mentions = Vec::new();
    for item in &ast.items {
        in_item(item, text, &names, with_recipes, &mut mentions);
    }
    mentions
}

/// Where what is mentioned is declared. A capture may be in several places: the nearest above.
pub fn definition(ast: &Ast, text: &str, mention: &Mention) -> Option<Mention> {
    let is_same = |other: &Mention| {
        other.is_definition && other.kind == mention.kind && other.name == mention.name
    };
    let mut found = all(ast, text, false);
    found.retain(is_same);
    let above = found
        .iter()
        .rposition(|other| other.span.start <= mention.span.start);
    match mention.kind {
        Kind::Capture => found.get(above.unwrap_or(0)).cloned(),
        _ => found.into_iter().next(),
    }
}

fn in_item(item: &Item, text: &str, names: &Names, with_recipes: bool, out: &mut Vec<Mention>) {
    let mut found = Collector { names, out };
    let keyword = |found: &mut Collector, kind| {
        let start = item.span.start as usize;
        let rest = text.get(start..).unwrap_or("");
        let length = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let end = item.span.start + length as u32;
        let span = Span { end, ..item.span };
        found.push(kind, &rest[..length], span, false);
    };
    match &item.kind {
        ItemKind::Rule(_) => {}
        _ => keyword(&mut found, Kind::Setting),
    }
    match &item.kind {
        ItemKind::Param { name, value } => {
            found.defines(Kind::Constant, name);
            value.iter().for_each(|value| found.value(value));
        }
        ItemKind::Let { name, value } => {
            found.defines(Kind::Constant, name);
            found.value(value);
        }
        ItemKind::JobsLimit { name, count } => {
            found.defines(Kind::Limit, name);
            found.word(count);
        }
        ItemKind::Table { name, from } => {
            found.defines(Kind::Rule, name);
            found.value(from);
        }
        ItemKind::Use {
            file,
            name,
            bindings,
        } => {
            found.defines(Kind::Rule, name);
            found.word(file);
            for (_, value) in bindings {
                values(value).iter().for_each(|word| found.source(word));
            }
        }
        ItemKind::Target { name, words } => {
            found.defines(Kind::Rule, name);
            words.iter().for_each(|word| found.source(word));
        }
        ItemKind::Default { words } => words.iter().for_each(|word| found.source(word)),
        ItemKind::Env { value: word, .. }
        | ItemKind::Python { word }
        | ItemKind::Include { file: word }
        | ItemKind::ChecksumLevel { level: word } => found.word(word),
        ItemKind::Shell { words } | ItemKind::Preload { names: words } => {
            words.iter().for_each(|word| found.word(word));
        }
        ItemKind::Rule(rule) => found.rule(rule, text, with_recipes),
    }
}

fn values(value: &Value) -> &[Word] {
    match value {
        Value::Word(word) => std::slice::from_ref(word),
        Value::List(list) => &list.value,
    }
}

struct Collector<'a> {
    names: &'a Names,
    out: &'a mut Vec<Mention>,
}

impl Collector<'_> {
    fn push(&mut self, kind: Kind, name: &str, span: Span, is_definition: bool) {
        self.out.push(Mention {
            kind,
            name: name.into(),
            span,
            is_definition,
        });
    }

    fn defines(&mut self, kind: Kind, name: &Name) {
        self.push(kind, &name.value, name.span, true);
    }

    fn value(&mut self, value: &Value) {
        values(value).iter().for_each(|word| self.word(word));
    }

    /// The placeholders of a word.
    fn word(&mut self, word: &Word) {
        for piece in &word.pieces {
            if let Piece::Hole(hole) = piece {
                self.hole(&hole.name);
            }
        }
    }

    fn hole(&mut self, name: &Name) {
        let kind = self.names.kind(&name.value);
        self.push(kind, &name.value, name.span, false);
    }

    /// A word that is a rule's name when it is a name.
    fn source(&mut self, word: &Word) {
        match word.bare() {
            Some(name) if is_name(name) || self.names.is_of_module(name) => {
                self.push(Kind::Rule, name, word.span, false)
            }
            _ => self.word(word),
        }
    }

    fn rule(&mut self, rule: &Rule, text: &str, with_recipes: bool) {
        for attribute in &rule.attributes {
            let name = &attribute.name;
            self.push(Kind::Attribute, &name.value, name.span, false);
            for word in attribute.values.iter().flat_map(values) {
                let kind = match name.value.as_str() {
                    "jobs_limit" => Kind::Limit,
                    "after" => Kind::Rule,
                    "active_if" => Kind::Constant,
                    _ => {
                        self.word(word);
                        continue;
                    }
                };
                if let Some(bare) = word.bare() {
                    self.push(kind, bare, word.span, false);
                }
            }
        }
        let verb = rule.verb.value.keyword();
        self.push(Kind::Verb, verb, rule.verb.span, false);
        self.defines(Kind::Rule, &rule.name);
        for factor in &rule.factors {
            factor.sources.iter().for_each(|word| self.source(word));
            if let Some(filter) = factor
                .filter
                .as_ref()
                .filter(|f| f.kind == FilterKind::Suffix)
            {
                self.word(&filter.word);
            }
        }
        for (name, span) in captured(rule, text) {
            let is_capture = self.names.captures.contains(&name);
            let kind = if is_capture {
                Kind::Capture
            } else {
                Kind::Constant
            };
            self.push(kind, &name, span, is_capture);
        }
        for named in rule.with.iter().chain(&rule.using) {
            self.source(&named.word);
        }
        let outputs = rule.outputs.iter().flatten().flat_map(|group| &group.words);
        outputs.for_each(|named| self.word(&named.word));
        if let Some(recipe) = rule.recipe.as_ref().filter(|_| with_recipes) {
            let (read, _) = lex(recipe);
            for placeholder in read.placeholders() {
                self.hole(&placeholder.hole.name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
