//! Params and what they are given: by default, from outside, or by the workflow that uses a module.

use bstr::BString;

use super::load::Loader;
use super::param::{Content, Override, Param, Type};
use super::space::Given;
use crate::lang::ast::{self, Value};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, FileId, Span, foreign, parse_value};

impl Loader<'_> {
    pub(super) fn param(&mut self, doc: Option<String>, name: &ast::Name, value: Option<&Value>) {
        if !self.claim_constant(name) {
            return;
        }
        let wrong = (Content::One(BString::default()), Type::Text);
        let default = value.map(|value| self.content(value).unwrap_or(wrong));
        let kind = default.as_ref().map_or(Type::Text, |(_, kind)| *kind);
        let has_default = default.is_some();
        let value = match self.current {
            0 => {
                let overrides = self.settings.overrides.iter().rev();
                let mut given = overrides.filter(|given| given.name == name.value);
                given
                    .next()
                    .map(|given| self.overridden(name, kind, has_default, given))
            }
            current => {
                let given = self.spaces[current].given.get(&name.value).cloned();
                given.map(|(given, _)| self.passed(name, kind, has_default, given))
            }
        };
        let value = match (value, &default) {
            (Some(value), _) => Some(value),
            (None, Some((content, _))) => Some(content.clone()),
            (None, None) => {
                self.without_value(name);
                None
            }
        };
        let content = value.clone().unwrap_or(Content::One(BString::default()));
        self.space_mut()
            .constants
            .values
            .insert(name.value.clone(), (content, name.span));
        let param = Param {
            name: name.value.clone(),
            doc,
            span: name.span,
            default: default.map(|(content, _)| content),
            kind,
            value,
        };
        match self.current {
            0 => self.workflow.params.push(param),
            current => self.spaces[current].params.push(param),
        }
    }

    fn without_value(&mut self, name: &ast::Name) {
        let text = &name.value;
        let diag = Diag::error("E0204", format!("the param `{text}` needs a value"))
            .at(name.span, "it has no default");
        self.diags.push(match self.spaces[self.current].used {
            None => diag.help(format!("give it one: `--set {text}=VALUE`")),
            Some(used) => diag
                .and(used, "and is given none here")
                .help(format!("give it one: `use FILE as NAME ({text} = VALUE)`")),
        });
    }

    /// The value that comes from outside, when it fits the default's type.
    fn overridden(
        &mut self,
        name: &ast::Name,
        kind: Type,
        has_default: bool,
        given: &Override,
    ) -> Content {
        let text = match &given.value {
            Content::One(text) => text.to_string(),
            items => return self.list_given(name, kind, has_default, given, items),
        };
        let takes_list = kind == Type::List || !has_default && given.span.is_none();
        if takes_list && text.trim_start().starts_with('[') {
            return match typed_list(&text) {
                Ok(items) => Content::List(items),
                Err(why) => {
                    self.no_list(name, &text, why, given);
                    Content::List(Vec::new())
                }
            };
        }
        if kind == Type::List {
            return Content::List(list(&text));
        }
        if has_default && !kind.takes(Type::of(&text)) {
            self.does_not_fit(name, kind, &text, given);
        }
        given.value.clone()
    }

    fn no_list(&mut self, name: &ast::Name, text: &str, why: String, given: &Override) {
        let diag = Diag::error("E0205", format!("`{text}` is no list for `{}`", name.value));
        self.diags.push(match given.span {
            Some(span) => diag.at(span, why),
            None => diag.at(name.span, "the param").note(why),
        });
    }

    /// A list from a file of params.
    fn list_given(
        &mut self,
        name: &ast::Name,
        kind: Type,
        has_default: bool,
        given: &Override,
        items: &Content,
    ) -> Content {
        if has_default && kind != Type::List {
            self.does_not_fit(name, kind, &items.shown(), given);
        }
        items.clone()
    }

    fn does_not_fit(&mut self, name: &ast::Name, kind: Type, text: &str, given: &Override) {
        let message = format!("`{text}` is not a value for `{}`", name.value);
        let takes = with_article(kind.name());
        let diag = Diag::error("E0205", message);
        self.diags.push(match given.span {
            None => diag
                .at(name.span, format!("its default is {takes}"))
                .help(format!("`--set {}=…` takes {takes}", name.value)),
            Some(span) => diag
                .at(span, format!("this is no {}", kind.name()))
                .and(name.span, format!("its default is {takes}")),
        });
    }

    /// What a module's param is given by its user.
    fn passed(&mut self, name: &ast::Name, kind: Type, has_default: bool, given: Given) -> Content {
        let (content, fits, span, what) = match given {
            Given::Sources(_, span) => {
                let fits = matches!(kind, Type::Text | Type::List);
                (Content::Sources, fits, span, "a rule or table".to_string())
            }
            Given::Value(content, found, span) => {
                let fits = kind.takes(found) || kind == Type::List && found == Type::List;
                let what = format!("`{}`", content.shown());
                (content, fits, span, what)
            }
        };
        if has_default && !fits {
            self.diags.push(
                Diag::error(
                    "E0205",
                    format!("{what} is not a value for `{}`", name.value),
                )
                .at(span, "given here")
                .and(
                    name.span,
                    format!("its default is {}", with_article(kind.name())),
                ),
            );
        }
        content
    }

    /// Once all params of a module are known: what was given to none of them.
    pub(super) fn finish_params(&mut self) {
        let space = &self.spaces[self.current];
        let names: Vec<&str> = space
            .params
            .iter()
            .map(|param| param.name.as_str())
            .collect();
        let mut wrong: Vec<(&String, Span)> = space
            .given
            .iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .map(|(name, (_, span))| (name, *span))
            .collect();
        wrong.sort_by_key(|(_, span)| span.start);
        let mut found = Vec::new();
        for (name, span) in wrong {
            let module = space.prefix.trim_end_matches('.');
            let diag = Diag::error(
                "E0294",
                format!("the module `{module}` has no param `{name}`"),
            )
            .at(span, "given a value here");
            found.push(match nearest(name, names.iter().copied()) {
                Some(near) => diag.fix(format!("did you mean `{near}`?"), span, near),
                None => diag.note(listed("module", &names)),
            });
        }
        self.diags.extend(found);
    }

    /// Values from outside for names that are no params.
    pub(super) fn unknown_overrides(&mut self) {
        let names: Vec<&str> = self
            .workflow
            .params
            .iter()
            .map(|param| param.name.as_str())
            .collect();
        let mut found = Vec::new();
        for given in &self.settings.overrides {
            if names.contains(&given.name.as_str()) {
                continue;
            }
            let name = &given.name;
            let diag = match given.span {
                None => Diag::error("E0206", format!("`--set {name}`: there is no such param")),
                Some(span) => Diag::error("E0206", format!("there is no param `{name}`"))
                    .at(span, "given a value here"),
            };
            if let Some((_, place)) = self.space().constants.values.get(name) {
                found.push(
                    diag.and(*place, "a `let`, which no run changes")
                        .help("make it a `param`"),
                );
                continue;
            }
            found.push(match nearest(name, names.iter().copied()) {
                Some(near) => diag.help(format!("did you mean `{near}`?")),
                None => diag.note(listed("workflow", &names)),
            });
        }
        self.diags.extend(found);
    }
}

/// Whether this is the lack of a value that a run gives: no mistake of the text.
pub fn waits_for_a_run(diag: &Diag) -> bool {
    // A module's is given where it is used, or nowhere.
    diag.code == "E0204" && diag.others.is_empty()
}

/// The params that there are.
fn listed(of: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return format!("the {of} has no params");
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("its params are {}", names.join(", "))
}

/// `[a, "b c"]` as it is typed.
fn typed_list(text: &str) -> Result<Vec<BString>, String> {
    let value = parse_value(FileId::default(), text).map_err(|diag| diag.message)?;
    let Value::List(words) = value else {
        return Err("it does not begin with `[`".into());
    };
    let words = words.value.iter().map(|word| match word.spelt() {
        Some(text) => Ok(foreign::bytes(&text).into_owned()),
        None => Err("nothing is filled in here; a brace is written `\\{`".to_string()),
    });
    words.collect()
}

/// `a,b` as it is typed.
fn list(text: &str) -> Vec<BString> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(BString::from)
        .collect()
}

fn with_article(noun: &str) -> String {
    match noun.as_bytes()[0] {
        b'a' | b'e' | b'i' | b'o' | b'u' => format!("an {noun}"),
        _ if noun.contains(" or ") || noun == "text" => noun.into(),
        _ => format!("a {noun}"),
    }
}
