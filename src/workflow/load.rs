//! From a syntax tree to a [`Workflow`]: declares names, then resolves each rule, then orders them.

use std::collections::HashMap;

use bstr::BString;

use super::header::{self, Header};
use super::param::{Content, Override, Param, Type, spelt};
use super::scope::{BUILT_IN, Constants, Scope, Site, Unknown};
use super::{Expr, Limit, LimitId, RuleId, Workflow, attribute, captures, order};
use crate::dense::Interner;
use crate::lang::ast::{self, Ast, Item, ItemKind, Piece, Value};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Sources, Span};
use crate::pattern::NameId;

/// What comes from outside the text.
#[derive(Default)]
pub struct Settings {
    /// `--set`, in the order given: the last one of a name counts.
    pub overrides: Vec<Override>,
    /// What `{env.NAME}` finds.
    pub environment: HashMap<String, BString>,
    /// The program that recipes are given to where the workflow names none.
    pub shell: super::recipe::Shell,
}

/// Names of one workflow and where each was declared.
pub struct Loader<'a> {
    pub sources: &'a Sources,
    pub settings: &'a Settings,
    pub constants: Constants,
    pub limits: HashMap<String, LimitId>,
    pub rules: HashMap<String, RuleId>,
    pub shell: super::recipe::Shell,
    /// All names in the one namespace of rules, and where they stand.
    declared: HashMap<String, Span>,
    /// By rule: it was written without `->`.
    no_outputs: Vec<bool>,
    pub workflow: Workflow,
    pub diags: Vec<Diag>,
}

/// What `ast` means. The workflow is whole only when no diagnostic is an error.
pub fn load(ast: &Ast, sources: &Sources, settings: &Settings) -> (Workflow, Vec<Diag>) {
    let mut loader = Loader {
        sources,
        settings,
        constants: Constants {
            values: HashMap::new(),
            environment: settings.environment.clone(),
        },
        limits: HashMap::new(),
        rules: HashMap::new(),
        shell: settings.shell.clone(),
        declared: HashMap::new(),
        no_outputs: Vec::new(),
        workflow: Workflow::default(),
        diags: Vec::new(),
    };
    let group = loader.names().intern(b"re");
    debug_assert_eq!(group, super::GROUP);
    for item in &ast.items {
        loader.declare(item);
    }
    loader.unknown_overrides();
    loader.rules(ast);
    (loader.workflow, loader.diags)
}

impl Loader<'_> {
    fn declare(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Param { name, value } => self.param(item, name, value.as_ref()),
            ItemKind::Let { name, value } => {
                if self.claim_constant(name) {
                    // One that is wrong still has a name, so that its users are not blamed too.
                    let content = self.content(value).map(|(content, _)| content);
                    let content = content.unwrap_or(Content::One(BString::default()));
                    self.constants
                        .values
                        .insert(name.value.clone(), (content, name.span));
                }
            }
            ItemKind::JobsLimit { name, count } => self.jobs_limit(name, count),
            ItemKind::Env { name, value } => {
                if let Some(value) = self.text(value) {
                    self.workflow.env.push((name.value.clone(), value));
                }
            }
            ItemKind::Shell { words } => {
                let words: Vec<_> = words.iter().filter_map(|word| self.text(word)).collect();
                if !words.is_empty() {
                    self.shell = super::recipe::Shell {
                        argv: words,
                        is_default: false,
                    };
                }
            }
            ItemKind::Rule(rule) => self.claim(&rule.name),
            ItemKind::Table { name, .. } => self.not_yet(item, "table", &name.value),
            ItemKind::Python { .. } => self.not_yet(item, "python", ""),
            ItemKind::Preload { .. } => self.not_yet(item, "preload", ""),
            ItemKind::Include { .. } => self.not_yet(item, "include", ""),
            ItemKind::Use { name, .. } => self.not_yet(item, "use", &name.value),
            ItemKind::Target { name, .. } => self.not_yet(item, "target", &name.value),
            ItemKind::Default { .. } => self.not_yet(item, "default", ""),
            ItemKind::ChecksumLevel { .. } => self.not_yet(item, "checksum_level", ""),
        }
    }

    /// The item is of the language, but this version does nothing with it.
    fn not_yet(&mut self, item: &Item, what: &str, name: &str) {
        if !name.is_empty() {
            self.declared.insert(name.into(), item.span);
        }
        self.diags.push(
            Diag::error("E0290", format!("`{what}` does not work yet")).at(
                item.span,
                "this version of flow reads it and can do nothing with it",
            ),
        );
    }

    /// Takes a name in the namespace of rules.
    fn claim(&mut self, name: &ast::Name) {
        match self.declared.get(&name.value) {
            Some(&first) => self.diags.push(
                Diag::error(
                    "E0201",
                    format!("there are two rules named `{}`", name.value),
                )
                .at(name.span, "the second")
                .and(first, "the first"),
            ),
            None => {
                self.declared.insert(name.value.clone(), name.span);
            }
        }
    }

    /// Whether `name` may name a param or let here.
    fn claim_constant(&mut self, name: &ast::Name) -> bool {
        if BUILT_IN.contains(&name.value.as_str()) {
            self.diags.push(
                Diag::error(
                    "E0202",
                    format!("`{}` is a name that flow fills in itself", name.value),
                )
                .at(name.span, "choose another name"),
            );
            return false;
        }
        if let Some((_, first)) = self.constants.values.get(&name.value) {
            self.diags.push(
                Diag::error("E0203", format!("`{}` has two values", name.value))
                    .at(name.span, "the second")
                    .and(*first, "the first"),
            );
            return false;
        }
        true
    }

    fn param(&mut self, item: &Item, name: &ast::Name, value: Option<&Value>) {
        if !self.claim_constant(name) {
            return;
        }
        let wrong = (Content::One(BString::default()), Type::Text);
        let default = value.map(|value| self.content(value).unwrap_or(wrong));
        let kind = default.as_ref().map_or(Type::Text, |(_, kind)| *kind);
        let given = self
            .settings
            .overrides
            .iter()
            .rev()
            .find(|given| given.name == name.value);
        let value = match given {
            Some(given) => self.overridden(name, kind, default.is_some(), given),
            None if default.is_none() => {
                self.diags.push(
                    Diag::error("E0204", format!("the param `{}` needs a value", name.value))
                        .at(name.span, "it has no default")
                        .help(format!("give it one: `--set {}=VALUE`", name.value)),
                );
                None
            }
            None => default.clone().map(|(content, _)| content),
        };
        let content = value.clone().unwrap_or(Content::One(BString::default()));
        self.constants
            .values
            .insert(name.value.clone(), (content, name.span));
        self.workflow.params.push(Param {
            name: name.value.clone(),
            doc: item.doc.clone(),
            span: name.span,
            default: default.map(|(content, _)| content),
            kind,
            value,
        });
    }

    /// The value that `--set` gives, when it fits the default's type.
    fn overridden(
        &mut self,
        name: &ast::Name,
        kind: Type,
        has_default: bool,
        given: &Override,
    ) -> Option<Content> {
        let text = given.value.to_string();
        if kind == Type::List {
            let inner = text
                .trim()
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            let inner = inner.unwrap_or(&text);
            let items = inner
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            return Some(Content::List(items.map(BString::from).collect()));
        }
        let found = Type::of(&text);
        if has_default && !kind.takes(found) {
            self.diags.push(
                Diag::error(
                    "E0205",
                    format!("`{}` is not a value for `{}`", text, name.value),
                )
                .at(
                    name.span,
                    format!("its default is {}", with_article(kind.name())),
                )
                .help(format!(
                    "`--set {}=…` takes {}",
                    name.value,
                    with_article(kind.name())
                )),
            );
        }
        Some(Content::One(given.value.clone()))
    }

    /// `--set` of a name that is no param.
    fn unknown_overrides(&mut self) {
        let params = || self.workflow.params.iter().map(|param| param.name.as_str());
        let mut found = Vec::new();
        for given in &self.settings.overrides {
            if params().any(|name| name == given.name) {
                continue;
            }
            let diag = Diag::error(
                "E0206",
                format!("`--set {}`: there is no such param", given.name),
            );
            found.push(match nearest(&given.name, params()) {
                Some(near) => diag.help(format!("did you mean `{near}`?")),
                None if params().next().is_none() => diag.note("the workflow has no params"),
                None => {
                    let names: Vec<_> = params().map(|name| format!("`{name}`")).collect();
                    diag.note(format!("its params are {}", names.join(", ")))
                }
            });
        }
        self.diags.extend(found);
    }

    fn jobs_limit(&mut self, name: &ast::Name, count: &ast::Word) {
        if let Some(&first) = self.limits.get(&name.value) {
            let first = self.workflow.limits[first].span;
            self.diags.push(
                Diag::error(
                    "E0207",
                    format!("there are two limits named `{}`", name.value),
                )
                .at(name.span, "the second")
                .and(first, "the first"),
            );
            return;
        }
        // A wrong number still declares the name, so that its users are not blamed as well.
        let number = self.number(count, "a limit", 1).unwrap_or(1);
        let limit = Limit {
            name: name.value.clone(),
            count: number,
            span: name.span,
        };
        let id = self.workflow.limits.push(limit);
        self.limits.insert(name.value.clone(), id);
    }

    /// A whole number of at least `least`; what it is for is said in messages.
    pub fn number(&mut self, word: &ast::Word, what: &str, least: u32) -> Option<u32> {
        let text = self.text(word)?.to_string();
        match text.parse::<u32>() {
            Ok(number) if number >= least => Some(number),
            Ok(_) => {
                self.diags.push(
                    Diag::error("E0208", format!("{what} must be at least {least}"))
                        .at(word.span, format!("this is {text}")),
                );
                None
            }
            Err(_) => {
                self.diags.push(
                    Diag::error("E0209", format!("{what} must be a whole number"))
                        .at(word.span, format!("`{text}` is none")),
                );
                None
            }
        }
    }

    /// The value of a param or let, and its type.
    fn content(&mut self, value: &Value) -> Option<(Content, Type)> {
        match value {
            Value::Word(word) => {
                let text = self.text(word)?;
                let kind = if word.is_quoted {
                    Type::Text
                } else {
                    Type::of(&text.to_string())
                };
                Some((Content::One(text), kind))
            }
            Value::List(words) => {
                let items: Vec<_> = words.value.iter().map(|word| self.text(word)).collect();
                let items: Option<Vec<_>> = items.into_iter().collect();
                Some((Content::List(items?), Type::List))
            }
        }
    }

    /// The text of a word that is the same for every job: params and lets filled in.
    pub fn text(&mut self, word: &ast::Word) -> Option<BString> {
        let mut text = BString::default();
        let mut is_good = true;
        for piece in &word.pieces {
            match piece {
                Piece::Text(part) => text.extend_from_slice(part.as_bytes()),
                Piece::Glob(glob) => text.extend_from_slice(spelt(glob).as_bytes()),
                Piece::Hole(hole) => match self.constant(hole) {
                    Ok(Expr::Text(value)) => text.extend_from_slice(&value),
                    Ok(_) => {
                        self.diags.push(
                            Diag::error("E0210", "a list cannot stand inside a word")
                                .at(hole.span, "this is a list")
                                .help(format!("pick one: `{{{}[0]}}`", hole.name.value)),
                        );
                        is_good = false;
                    }
                    Err(diag) => {
                        self.diags.push(diag);
                        is_good = false;
                    }
                },
            }
        }
        is_good.then_some(text)
    }

    /// A placeholder where only params, lets and the environment are known.
    fn constant(&self, hole: &ast::Hole) -> Result<Expr, Diag> {
        let names = Interner::default();
        let scope = Scope {
            constants: &self.constants,
            names: &names,
            captures: &[],
            partial: &[],
            has_groups: false,
            is_one_job: false,
            tuple: None,
            input_slots: &[],
            output_slots: &[],
            outputs_unknown: false,
            has_outputs: true,
            site: Site::Value,
        };
        scope
            .resolve(hole)
            .map_err(|unknown| unknown_name(hole, unknown))
    }

    fn rules(&mut self, ast: &Ast) {
        let rules: Vec<(&ast::Rule, Option<&String>)> = ast
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Rule(rule) => Some((rule.as_ref(), item.doc.as_ref())),
                _ => None,
            })
            .collect();
        for (index, (rule, _)) in rules.iter().enumerate() {
            self.rules
                .entry(rule.name.value.clone())
                .or_insert(RuleId(index as u32));
        }
        let has_none = |(rule, _): &(&ast::Rule, _)| rule.outputs.is_none();
        self.no_outputs = rules.iter().map(has_none).collect();
        let mut headers: Vec<Header> = Vec::with_capacity(rules.len());
        for (rule, doc) in &rules {
            let header = header::resolve(self, rule, doc.cloned());
            headers.push(header);
        }
        let Some(by_name) = order::by_name(&headers, &mut self.diags) else {
            return;
        };
        let captures = captures::flow(&headers, &by_name, &self.workflow.names, &mut self.diags);
        for (index, (rule, _)) in rules.iter().enumerate() {
            header::finish(self, rule, &mut headers[index], &captures[index]);
        }
        for (header, captures) in headers.into_iter().zip(captures) {
            let mut rule = header.rule;
            rule.captures = captures.of_items;
            rule.flat_captures = captures.flat;
            self.workflow.rules.push(rule);
        }
        if self.diags.iter().any(Diag::is_error) {
            return;
        }
        match order::by_words(&self.workflow.rules, &by_name, self.sources) {
            Ok(ordered) => {
                self.workflow.order = ordered.order;
                self.workflow.upstream_by_words = ordered.upstream_by_words;
                self.workflow.fed_back = ordered.fed_back;
                self.workflow.shapes = ordered.shapes;
            }
            Err(diag) => self.diags.push(diag),
        }
    }

    /// The rule makes no files.
    pub fn has_no_outputs(&self, rule: RuleId) -> bool {
        self.no_outputs[rule.0 as usize]
    }

    /// Attributes of a rule, checked.
    pub fn attributes(&mut self, rule: &ast::Rule) -> attribute::Attributes {
        attribute::resolve(self, rule)
    }

    pub fn names(&mut self) -> &mut Interner<NameId> {
        &mut self.workflow.names
    }
}

/// The diagnostic for a placeholder that stands for nothing.
pub fn unknown_name(hole: &ast::Hole, unknown: Unknown) -> Diag {
    match unknown {
        Unknown::Use(diag) => *diag,
        Unknown::Name { nearest } => {
            let name = &hole.name.value;
            let diag = Diag::error("E0230", format!("nothing is named `{name}` here")).at(
                hole.span,
                "neither a capture, a param, a let nor a path's part",
            );
            match nearest {
                Some(near) => diag.fix(
                    format!("did you mean `{near}`?"),
                    hole.name.span,
                    near.clone(),
                ),
                None => diag,
            }
        }
    }
}

fn with_article(noun: &str) -> String {
    match noun.as_bytes()[0] {
        b'a' | b'e' | b'i' | b'o' | b'u' => format!("an {noun}"),
        _ if noun.contains(" or ") || noun == "text" => noun.into(),
        _ => format!("a {noun}"),
    }
}
