//! What stands in `[ ]` above a rule: limits, needs, order, retries.

pub mod active;
mod amounts;
pub(super) mod ancient;
pub mod command;
pub mod surroundings;

use std::time::Duration;

use super::load::Loader;
use super::{Cluster, Limit, LimitId, Needs, RuleId};
use crate::lang::Diag;
use crate::lang::ast::{self, Attribute, Value};
use crate::lang::names::ATTRIBUTES;
use crate::lang::nearest::nearest;

use active::ActiveIf;

/// The attributes of one rule.
#[derive(Default)]
pub struct Attributes {
    pub needs: Needs,
    pub after: Vec<RuleId>,
    pub priority: i32,
    pub active_if: Option<ActiveIf>,
    pub is_always: bool,
    pub is_protected: bool,
    pub is_update: bool,
    pub is_optional: bool,
    pub is_temp: bool,
    pub retries: Option<u32>,
    pub backoff: Duration,
    pub cluster: Cluster,
    pub checksum_level: Option<u8>,
}

/// Reads and checks the attributes of `rule`.
pub fn resolve(loader: &mut Loader, rule: &ast::Rule) -> Attributes {
    let mut found = Attributes::default();
    let mut seen: Vec<&Attribute> = Vec::new();
    for attribute in &rule.attributes {
        let name = attribute.name.value.as_str();
        let may_repeat = matches!(
            name,
            "active_if" | "jobs_limit" | "after" | "env" | "then" | "ancient"
        );
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
            "cores" => found.needs.cores = amounts::counts(loader, attribute, 1),
            "mem" => found.needs.mem_mib = amounts::memory(loader, attribute),
            "gpus" => found.needs.gpus = amounts::counts(loader, attribute, 0),
            "time" => found.needs.time = amounts::times(loader, attribute),
            "retries" => {
                found.retries = one_word(loader, attribute, "a number: `retries 3`")
                    .and_then(|word| loader.number(word, "`retries`", 0));
            }
            "backoff" => found.backoff = amounts::backoff(loader, attribute),
            "priority" => found.priority = priority(loader, attribute).unwrap_or(0),
            "jobs_limit" => found
                .needs
                .limits
                .extend(jobs_limit(loader, rule, attribute)),
            "queue" => found.cluster.queue = text(loader, attribute, "a name: `queue long`"),
            "native" => {
                found.cluster.native = text(loader, attribute, "options: `native \"-l foo=1\"`");
            }
            "local" => found.cluster.is_local = true,
            "group" => {
                found.cluster.group = one_word(loader, attribute, "a number: `group 10`")
                    .and_then(|word| loader.number(word, "`group`", 1));
            }
            "checksum_level" => {
                found.checksum_level = checksum_level(loader, attribute);
            }
            "active_if" => {
                // Each of several has to hold. The first that does not is the one that is told.
                let condition = active::resolve(loader, attribute);
                if found.active_if.as_ref().is_none_or(|first| first.holds) {
                    found.active_if = condition.or(found.active_if);
                }
            }
            "always" => found.is_always = true,
            "protected" => found.is_protected = has_outputs(loader, rule, attribute),
            "update" => found.is_update = has_outputs(loader, rule, attribute),
            "optional" => found.is_optional = true,
            "temp" => found.is_temp = has_outputs(loader, rule, attribute),
            "ancient" => ancient::Ancient::of(loader, rule).check(loader, rule),
            // Read by `surroundings` and `command`, when it is known what a job brings.
            "env" | "workdir" | "shell" | "stdout" | "stderr" | "check" | "then" | "deps" => {}
            "after" => after(loader, attribute, &mut found.after),
            _ if ATTRIBUTES.iter().any(|form| form.name == name) => loader.diags.push(
                Diag::error("E0290", format!("the attribute `{name}` does not work yet")).at(
                    attribute.span,
                    "this version of flow reads it and can do nothing with it",
                ),
            ),
            // The parser said so.
            _ => {}
        }
    }
    amounts::check_tries(loader, rule, &found);
    contradictions(loader, &seen);
    found
}

/// Attributes of one rule that cannot both hold: what is protected neither goes nor grows.
fn contradictions(loader: &mut Loader, attributes: &[&Attribute]) {
    let find = |name: &str| attributes.iter().find(|found| found.name.value == name);
    for (one, other) in [("protected", "temp"), ("protected", "update")] {
        if let (Some(one), Some(other)) = (find(one), find(other)) {
            let (one, other) = if one.span.start < other.span.start {
                (one, other)
            } else {
                (other, one)
            };
            let names = (&one.name.value, &other.name.value);
            loader.diags.push(
                Diag::error(
                    "E0287",
                    format!("`{}` and `{}` contradict each other", names.0, names.1),
                )
                .at(other.span, "the second")
                .and(one.span, "the first")
                .help("leave one of them out"),
            );
        }
    }
}

/// The one word that the attribute takes.
fn one_word<'a>(
    loader: &mut Loader,
    attribute: &'a Attribute,
    takes: &str,
) -> Option<&'a ast::Word> {
    match attribute.values.as_slice() {
        [Value::Word(word)] => Some(word),
        _ => {
            loader.diags.push(
                Diag::error("E0222", format!("`{}` takes {takes}", attribute.name.value))
                    .at(attribute.span, "not so"),
            );
            None
        }
    }
}

/// The text of the one word that the attribute takes.
fn text(loader: &mut Loader, attribute: &Attribute, takes: &str) -> Option<String> {
    let word = one_word(loader, attribute, takes)?;
    Some(loader.text(word)?.to_string())
}

/// Whether the rule has outputs, to which the attribute could do something; a mistake if not.
fn has_outputs(loader: &mut Loader, rule: &ast::Rule, attribute: &Attribute) -> bool {
    if rule.outputs.is_none() {
        let name = &attribute.name.value;
        let text = format!(
            "`{name}` is about outputs, and `{}` has none",
            rule.name.value
        );
        loader.diags.push(
            Diag::error("E0262", text)
                .at(attribute.span, "nothing for it to do")
                .and(rule.header, "no `->` here"),
        );
    }
    rule.outputs.is_some()
}

fn checksum_level(loader: &mut Loader, attribute: &Attribute) -> Option<u8> {
    let word = one_word(
        loader,
        attribute,
        "a number from 0 to 4: `checksum_level 3`",
    )?;
    let level = loader.number(word, "`checksum_level`", 0)?;
    if level > 4 {
        loader.diags.push(
            Diag::error("E0208", "`checksum_level` must be at most 4")
                .at(word.span, format!("this is {level}")),
        );
        return None;
    }
    Some(level as u8)
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
