//! Which names a workflow uses, and where it could use any.

use rustc_hash::FxHashSet as HashSet;

use crate::lang::Sources;
use crate::lang::ast::{self, FilterKind, Glob, Hole, Item, ItemKind, Piece, Value, Word};
use crate::lang::recipe::lex;
use crate::workflow::Recipe;

/// The names that a workflow uses.
#[derive(Default)]
pub(super) struct Uses<'a> {
    /// In braces, anywhere but in the `match` template that captures them.
    names: HashSet<&'a str>,
    /// In braces in a template: a param's value, or a capture.
    pub(super) in_templates: HashSet<&'a str>,
    /// Names in the commands of attributes, which are read here.
    in_commands: HashSet<String>,
    pub(super) limits: HashSet<&'a str>,
    /// Where the names of rules stand whose output is redirected by an attribute.
    pub(super) redirected: HashSet<u32>,
    /// Scripts see params and captures as data, whichever they use.
    pub(super) has_scripts: bool,
}

impl<'a> Uses<'a> {
    /// What the words of items use.
    pub(super) fn of_items(items: &'a [Item], sources: &Sources) -> Uses<'a> {
        let mut uses = Uses::default();
        for item in items {
            match &item.kind {
                ItemKind::Rule(rule) => uses.rule(rule, sources),
                kind => uses.item(kind),
            }
        }
        uses
    }

    /// What a recipe uses.
    pub(super) fn recipe(&mut self, recipe: &'a Recipe) {
        self.has_scripts |= !recipe.text.interpreter.is_shell();
        let holes = recipe.text.placeholders().map(|each| &each.hole);
        self.names
            .extend(holes.map(|hole| hole.name.value.as_str()));
    }

    pub(super) fn of_all(all: Vec<Uses<'a>>) -> Uses<'a> {
        all.into_iter().reduce(Uses::and).unwrap_or_default()
    }

    pub(super) fn and(mut self, other: Uses<'a>) -> Uses<'a> {
        self.names.extend(other.names);
        self.in_templates.extend(other.in_templates);
        self.in_commands.extend(other.in_commands);
        self.limits.extend(other.limits);
        self.redirected.extend(other.redirected);
        self.has_scripts |= other.has_scripts;
        self
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name) || self.in_commands.contains(name)
    }

    fn item(&mut self, kind: &'a ItemKind) {
        match kind {
            ItemKind::Param { value, .. } => value.iter().for_each(|value| self.value(value)),
            ItemKind::Let { value, .. } => self.value(value),
            ItemKind::JobsLimit { count, .. } => self.word(count),
            ItemKind::Table { from, .. } => self.value(from),
            ItemKind::Env { value, .. } => self.word(value),
            ItemKind::Include { file } => self.word(file),
            ItemKind::Python { word } => self.word(word),
            ItemKind::ChecksumLevel { level } => self.word(level),
            ItemKind::Use { file, bindings, .. } => {
                self.word(file);
                bindings.iter().for_each(|(_, value)| self.value(value));
            }
            ItemKind::Shell { words }
            | ItemKind::Preload { names: words }
            | ItemKind::Target { words, .. }
            | ItemKind::Default { words } => words.iter().for_each(|word| self.word(word)),
            ItemKind::Rule(_) => {}
        }
    }

    fn rule(&mut self, rule: &'a ast::Rule, sources: &Sources) {
        // The text lies in one piece, and a word does not.
        let may_use = |word: &&'a Word| sources.text(word.span).contains('{');
        for attribute in &rule.attributes {
            self.attribute(rule, attribute);
        }
        for factor in &rule.factors {
            let words = factor.sources.iter().filter(may_use);
            words.for_each(|word| self.word(word));
            match &factor.filter {
                Some(filter) if filter.kind == FilterKind::Match => self.template(&filter.word),
                Some(filter) if may_use(&&filter.word) => self.word(&filter.word),
                _ => {}
            }
        }
        rule.tuple_size.iter().for_each(|word| self.word(word));
        let outputs = rule.outputs.iter().flatten().flat_map(|group| &group.words);
        for named in rule.with.iter().chain(&rule.using).chain(outputs) {
            self.word(&named.word);
        }
        if rule.outputs.is_none() {
            // Such jobs are known by their captures.
            let filters = rule.factors.iter().flat_map(|factor| &factor.filter);
            for (_, hole) in filters.flat_map(|filter| holes(&filter.word)) {
                self.names.insert(&hole.name.value);
            }
        }
    }

    fn attribute(&mut self, rule: &ast::Rule, attribute: &'a ast::Attribute) {
        match attribute.name.value.as_str() {
            "stdout" | "stderr" => {
                self.redirected.insert(rule.name.span.start);
            }
            "jobs_limit" => {
                let words = attribute.values.iter().flat_map(words);
                self.limits.extend(words.filter_map(Word::bare));
            }
            "active_if" => {
                let words = attribute.values.iter().flat_map(words);
                self.names.extend(words.filter_map(Word::bare));
            }
            "check" | "then" => {
                let words = attribute.values.iter().flat_map(words);
                for recipe in words.filter_map(ast::Recipe::of_command) {
                    self.command(&recipe);
                }
            }
            _ => {}
        }
        attribute.values.iter().for_each(|value| self.value(value));
    }

    fn command(&mut self, command: &ast::Recipe) {
        let (text, _) = lex(command);
        let names = text.placeholders().map(|each| each.hole.name.value.clone());
        self.in_commands.extend(names);
    }

    fn value(&mut self, value: &'a Value) {
        words(value).iter().for_each(|word| self.word(word));
    }

    fn word(&mut self, word: &'a Word) {
        for (_, hole) in holes(word) {
            self.names.insert(&hole.name.value);
        }
    }

    /// A capture that stands twice in a template compares, which is a use.
    fn template(&mut self, word: &'a Word) {
        let mut own = HashSet::default();
        for (_, hole) in holes(word) {
            let name = hole.name.value.as_str();
            self.in_templates.insert(name);
            if !own.insert(name) {
                self.names.insert(name);
            }
        }
    }
}

fn words(value: &Value) -> &[Word] {
    match value {
        Value::Word(word) => std::slice::from_ref(word),
        Value::List(list) => &list.value,
    }
}

/// The placeholders of a word, also those in `{a,b}`; true for those that stand there directly.
pub(super) fn holes(word: &Word) -> Vec<(bool, &Hole)> {
    let mut found = Vec::new();
    // Depth is bounded: braces in words are nested at most fifty deep.
    let has_any = |piece: &&Piece| matches!(piece, Piece::Hole(_) | Piece::Glob(Glob::OneOf(_)));
    let pieces = word.pieces.iter().filter(has_any);
    let mut open: Vec<(bool, &Piece)> = pieces.map(|piece| (true, piece)).collect();
    while let Some((is_direct, piece)) = open.pop() {
        match piece {
            Piece::Hole(hole) => found.push((is_direct, &**hole)),
            Piece::Glob(Glob::OneOf(choices)) => {
                open.extend(choices.iter().flatten().map(|piece| (false, piece)));
            }
            Piece::Text(_) | Piece::Glob(_) => {}
        }
    }
    found
}
