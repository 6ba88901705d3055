//! What stands in `[ ]` above a rule: limits, needs, order, retries.

use super::load::Loader;
use super::{Limit, LimitId, RuleId};
use crate::lang::Diag;
use crate::lang::ast::{self, Attribute, Value};
use crate::lang::names::ATTRIBUTES;
use crate::lang::nearest::nearest;

/// The attributes of one rule.
#[derive(Default)]
pub struct Attributes {
    pub cores: Option<u32>,
    pub limits: Vec<LimitId>,
    pub after: Vec<RuleId>,
    pub priority: i32,
    pub retries: Option<u32>,
}

/// Reads and checks the attributes of `rule`.
pub fn resolve(loader: &mut Loader, rule: &ast::Rule) -> Attributes {
    let mut found = Attributes::default();
    let mut seen: Vec<&Attribute> = Vec::new();
    for attribute in &rule.attributes {
        let name = attribute.name.value.as_str();
        let may_repeat = matches!(name, "jobs_limit" | "after" | "env" | "then" | "ancient");
        if let Some(first) = seen.iter().find(|first| first.name.value == name)
            && !may_repeat
        {
            loader.diags.push(
                Diag::error("E0220", format!("`{name}` is given twice"))
                    .at(attribute.span, "the second")
                    .and(first.span, "the first"),
            );
            continue;
        }
        seen.push(attribute);
        match name {
            "cores" => {
                found.cores = one_word(loader, attribute, "a number: `cores 2`")
                    .and_then(|word| loader.number(word, "`cores`", 1));
            }
            "retries" => {
                found.retries = one_word(loader, attribute, "a number: `retries 3`")
                    .and_then(|word| loader.number(word, "`retries`", 0));
            }
            "priority" => found.priority = priority(loader, attribute).unwrap_or(0),
            "jobs_limit" => found.limits.extend(jobs_limit(loader, rule, attribute)),
            "after" => after(loader, attribute, &mut found.after),
            _ if ATTRIBUTES.iter().any(|form| form.name == name) => loader.diags.push(
                Diag::error("E0290", format!("the attribute `{name}` does not work yet")).at(
                    attribute.span,
                    "this version of flow reads it and can do nothing with it",
                ),
            ),
            _ => unknown(loader, attribute),
        }
    }
    found
}

fn unknown(loader: &mut Loader, attribute: &Attribute) {
    let name = &attribute.name.value;
    let diag = Diag::error("E0221", format!("there is no attribute `{name}`"))
        .at(attribute.name.span, "not an attribute");
    loader.diags.push(
        match nearest(name, ATTRIBUTES.iter().map(|form| form.name)) {
            Some(near) => diag.fix(format!("did you mean `{near}`?"), attribute.name.span, near),
            None => diag,
        },
    );
}

/// The one word that the attribute takes.
fn one_word<'a>(
    loader: &mut Loader,
    attribute: &'a Attribute,
    takes: &str,
) -> Option<&'a ast::Word> {
    match attribute.values.as_slice() {
        [Value::Word(word)] => Some(word),
        [Value::List(list)] => {
            loader.diags.push(
                Diag::error("E0290", "one value per try does not work yet")
                    .at(list.span, "this version of flow takes one value"),
            );
            None
        }
        _ => {
            loader.diags.push(
                Diag::error("E0222", format!("`{}` takes {takes}", attribute.name.value))
                    .at(attribute.span, "not so"),
            );
            None
        }
    }
}

fn priority(loader: &mut Loader, attribute: &Attribute) -> Option<i32> {
    let word = one_word(loader, attribute, "a number: `priority 10`")?;
    let text = loader.text(word)?.to_string();
    let number = text.parse::<i32>().ok();
    if number.is_none() {
        loader.diags.push(
            Diag::error("E0209", "`priority` must be a whole number")
                .at(word.span, format!("`{text}` is none")),
        );
    }
    number
}

/// A named limit, or one of the rule's own.
fn jobs_limit(loader: &mut Loader, rule: &ast::Rule, attribute: &Attribute) -> Option<LimitId> {
    let word = one_word(
        loader,
        attribute,
        "a limit's name or a number: `jobs_limit 2`",
    )?;
    let text = loader.text(word)?.to_string();
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        let count = loader.number(word, "a limit", 1)?;
        let limit = Limit {
            name: rule.name.value.clone(),
            count,
            span: attribute.span,
        };
        return Some(loader.workflow.limits.push(limit));
    }
    if let Some(&limit) = loader.limits.get(&text) {
        return Some(limit);
    }
    let diag = Diag::error("E0223", format!("there is no limit named `{text}`"))
        .at(word.span, "asked for here");
    let mut names: Vec<&str> = loader.limits.keys().map(String::as_str).collect();
    names.sort();
    let diag = match nearest(&text, names) {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), word.span, near),
        None => diag.help(format!("declare it: `jobs_limit {text} = 2`")),
    };
    loader.diags.push(diag);
    None
}

fn after(loader: &mut Loader, attribute: &Attribute, found: &mut Vec<RuleId>) {
    if attribute.values.is_empty() {
        loader.diags.push(
            Diag::error("E0222", "`after` takes rules: `after index`").at(attribute.span, "not so"),
        );
    }
    for value in &attribute.values {
        let words = match value {
            Value::Word(word) => std::slice::from_ref(word),
            Value::List(list) => &list.value,
        };
        for word in words {
            let Some(name) = loader.text(word) else {
                continue;
            };
            let name = name.to_string();
            match loader.rules.get(&name) {
                Some(&rule) => found.push(rule),
                None => {
                    let diag = super::header::no_such_rule(loader, &name, word.span);
                    loader.diags.push(diag);
                }
            }
        }
    }
}
