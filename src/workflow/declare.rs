//! The items of a file that are not rules: params and lets and their values, limits, settings.

use bstr::BString;

use super::load::Loader;
use super::param::{Content, Type};
use super::scope::BUILT_IN;
use super::space::Found;
use super::value::{Values, constant};
use super::{Expr, Limit, RuleId, Workflow, table, target};
use crate::dense::Id;
use crate::lang::Diag;
use crate::lang::ast::{self, Item, ItemKind, Piece, Value};

impl Loader<'_> {
    /// Takes one item into the space that is being read.
    pub(super) fn declare(&mut self, item: &Item) {
        let current = self.current;
        match &item.kind {
            ItemKind::Param { name, value } => self.param(item.doc.clone(), name, value.as_ref()),
            ItemKind::Let { name, value } => {
                if self.claim_constant(name) {
                    // One that is wrong still has a name, so that its users are not blamed too.
                    let content = self.content(value).map(|(content, _)| content);
                    let content = content.unwrap_or(Content::One(BString::default()));
                    self.spaces[current]
                        .constants
                        .values
                        .insert(name.value.clone(), (content, name.span));
                }
            }
            ItemKind::JobsLimit { name, count } => self.jobs_limit(name, count),
            ItemKind::Env { name, value } => {
                let Some(value) = self.text(value) else {
                    return;
                };
                let name = name.value.clone();
                match current {
                    0 => self.workflow.env.push((name, value)),
                    _ => self.spaces[current].env.push((name, value)),
                }
            }
            ItemKind::Shell { words } => {
                let argv = self.texts(words);
                if !argv.is_empty() {
                    self.spaces[current].shell = super::recipe::Shell {
                        argv: argv.into(),
                        is_default: false,
                        is_fresh: false,
                    };
                }
            }
            ItemKind::Rule(rule) => {
                self.claim(&rule.name, "rule");
                let id = RuleId(self.found.len() as u32);
                if rule.outputs.is_none() {
                    self.workflow.no_outputs.insert(id.index());
                }
                let rules = &mut self.spaces[current].rules;
                rules.entry(rule.name.value.clone()).or_insert(id);
                self.found.push(Found {
                    space: current,
                    rule: rule.clone(),
                    doc: item.doc.clone(),
                });
            }
            ItemKind::Table { name, from } => {
                self.claim(name, "table");
                table::declare(self, name, from);
            }
            ItemKind::Target { name, words } => {
                self.claim(name, "target");
                self.targets.push(target::Named {
                    space: current,
                    name: Some(name.clone()),
                    words: words.clone(),
                });
            }
            ItemKind::Default { words } => self.targets.push(target::Named {
                space: current,
                name: None,
                words: words.clone(),
            }),
            ItemKind::Python { word } => {
                let python = self.text(word);
                self.only_main(|workflow| workflow.python = python);
            }
            ItemKind::Preload { names } => {
                let names = self.texts(names);
                self.only_main(|workflow| workflow.preload.extend(names));
            }
            ItemKind::ChecksumLevel { level } => self.checksum_level(level),
            ItemKind::Include { .. } | ItemKind::Use { .. } => {
                unreachable!("files are opened by whoever reads the space")
            }
        }
    }

    /// A setting of the whole run: in a module it is checked, and the main workflow's counts.
    fn only_main(&mut self, set: impl FnOnce(&mut Workflow)) {
        if self.current == 0 {
            set(&mut self.workflow);
        }
    }

    fn checksum_level(&mut self, word: &ast::Word) {
        let Some(level) = self.number(word, "`checksum_level`", 0) else {
            return;
        };
        if level > 4 {
            self.diags.push(
                Diag::error("E0208", "`checksum_level` is at most 4")
                    .at(word.span, format!("this is {level}")),
            );
            return;
        }
        self.only_main(|workflow| workflow.checksum_level = Some(level as u8));
    }

    fn texts(&mut self, words: &[ast::Word]) -> Vec<BString> {
        words.iter().filter_map(|word| self.text(word)).collect()
    }

    /// Takes a name in the namespace of rules, tables, targets and modules.
    pub(super) fn claim(&mut self, name: &ast::Name, kind: &'static str) {
        let current = self.current;
        let space = &mut self.spaces[current];
        let declared = &mut space.declared;
        let rule = space.rules.get(&name.value);
        let rule = rule.map(|rule| (self.found[rule.index()].rule.name.span, "rule"));
        match rule.or_else(|| declared.get(&name.value).copied()) {
            // Rules have a list of their own.
            None if kind == "rule" => {}
            None => {
                declared.insert(name.value.clone(), (name.span, kind));
            }
            Some((first, other)) => {
                let name_text = &name.value;
                let message = match other == kind {
                    true => format!("there are two {kind}s named `{name_text}`"),
                    false => format!("`{name_text}` names a {other} and a {kind}"),
                };
                self.diags.push(
                    Diag::error("E0201", message)
                        .at(name.span, "the second")
                        .and(first, "the first"),
                );
            }
        }
    }

    /// Whether `name` may name a param or let here.
    pub(super) fn claim_constant(&mut self, name: &ast::Name) -> bool {
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
        if let Some((_, first)) = self.space().constants.values.get(&name.value) {
            self.diags.push(
                Diag::error("E0203", format!("`{}` has two values", name.value))
                    .at(name.span, "the second")
                    .and(*first, "the first"),
            );
            return false;
        }
        true
    }

    fn jobs_limit(&mut self, name: &ast::Name, count: &ast::Word) {
        if let Some(&first) = self.space().limits.get(&name.value) {
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
            name: format!("{}{}", self.prefix(), name.value),
            count: number,
            span: name.span,
        };
        let id = self.workflow.limits.push(limit);
        self.space_mut().limits.insert(name.value.clone(), id);
    }

    /// The value of a param or let, and its type.
    pub(super) fn content(&mut self, value: &Value) -> Option<(Content, Type)> {
        match value {
            Value::Word(word) => {
                if let Some(items) = self.whole_list(word) {
                    return Some((Content::List(items), Type::List));
                }
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

    /// The elements of a word that is nothing but a list param or let.
    fn whole_list(&self, word: &ast::Word) -> Option<Vec<BString>> {
        let [Piece::Hole(hole)] = word.pieces.as_slice() else {
            return None;
        };
        match constant(&self.space().constants, hole) {
            Ok(Expr::List(items)) => Some(items),
            _ => None,
        }
    }

    /// A value for a table: a list, or the name of a file.
    pub(super) fn list_of(&mut self, value: &Value) -> Option<Content> {
        self.content(value).map(|(content, _)| content)
    }

    /// A whole number of at least `least`; what it is for is said in messages.
    fn number(&mut self, word: &ast::Word, what: &str, least: u32) -> Option<u32> {
        self.values().number(word, what, least)
    }

    /// The text of a word that is the same for every job.
    pub(super) fn text(&mut self, word: &ast::Word) -> Option<BString> {
        self.values().text(word)
    }

    fn values(&mut self) -> Values<'_> {
        Values {
            constants: &self.spaces[self.current].constants,
            diags: &mut self.diags,
        }
    }
}
