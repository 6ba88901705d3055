//! What stands in `[ ]` above a rule: limits, needs, order, retries.

pub mod active;
mod amounts;
pub(super) mod ancient;
pub mod command;
pub mod surroundings;

use std::time::Duration;

use super::resolver::Resolver;
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
pub fn resolve(resolver: &mut Resolver, rule: &ast::Rule) -> Attributes {
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
            resolver.diags.push(
                Diag::error("E0220", format!("`{name}` is given twice"))
                    .at(attribute.span, "the second")
                    .and(first.span, "the first"),
            );
            continue;
        }
        seen.push(attribute);
        match name {
            "cores" => found.needs.cores = amounts::counts(resolver, attribute, 1),
            "mem" => found.needs.mem_mib = amounts::memory(resolver, attribute),
            "gpus" => found.needs.gpus = amounts::counts(resolver, attribute, 0),
            "time" => found.needs.time = amounts::times(resolver, attribute),
            "retries" => {
                found.retries = one_word(resolver, attribute, "a number: `retries 3`")
                    .and_then(|word| resolver.number(word, "`retries`", 0));
            }
            "backoff" => found.backoff = amounts::backoff(resolver, attribute),
            "priority" => found.priority = priority(resolver, attribute).unwrap_or(0),
            "jobs_limit" => found
                .needs
                .limits
                .extend(jobs_limit(resolver, rule, attribute)),
            "queue" => found.cluster.queue = text(resolver, attribute, "a name: `queue long`"),
            "native" => {
                found.cluster.native = text(resolver, attribute, "options: `native \"-l foo=1\"`");
            }
            "local" => found.cluster.is_local = true,
            "group" => {
                found.cluster.group = one_word(resolver, attribute, "a number: `group 10`")
                    .and_then(|word| resolver.number(word, "`group`", 1));
            }
            "checksum_level" => {
                found.checksum_level = checksum_level(resolver, attribute);
            }
            "active_if" => {
                // Each of several has to hold. The first that does not is the one that is told.
                let condition = active::resolve(resolver, attribute);
                if found.active_if.as_ref().is_none_or(|first| first.holds) {
                    found.active_if = condition.or(found.active_if);
                }
            }
            "always" => found.is_always = true,
            "protected" => found.is_protected = has_outputs(resolver, rule, attribute),
            "update" => found.is_update = has_outputs(resolver, rule, attribute),
            "optional" => found.is_optional = true,
            "temp" => found.is_temp = has_outputs(resolver, rule, attribute),
            "ancient" => ancient::Ancient::of(resolver, rule).check(resolver, rule),
            // Read by `surroundings` and `command`, when it is known what a job brings.
            "env" | "workdir" | "shell" | "stdout" | "stderr" | "check" | "then" | "deps" => {}
            "after" => after(resolver, attribute, &mut found.after),
            _ if ATTRIBUTES.iter().any(|form| form.name == name) => resolver.diags.push(
                Diag::error("E0290", format!("the attribute `{name}` does not work yet")).at(
                    attribute.span,
                    "this version of flow reads it and can do nothing with it",
                ),
            ),
            // The parser said so.
            _ => {}
        }
    }
    amounts::check_tries(resolver, rule, &found);
    contradictions(resolver, &seen);
    found
}

/// Attributes of one rule that cannot both hold: what is protected neither goes nor grows.
fn contradictions(resolver: &mut Resolver, attributes: &[&Attribute]) {
    let find = |name: &str| attributes.iter().find(|found| found.name.value == name);
    for (one, other) in [("protected", "temp"), ("protected", "update")] {
        if let (Some(one), Some(other)) = (find(one), find(other)) {
            let (one, other) = if one.span.start < other.span.start {
                (one, other)
            } else {
                (other, one)
            };
            let names = (&one.name.value, &other.name.value);
            resolver.diags.push(
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
    resolver: &mut Resolver,
    attribute: &'a Attribute,
    takes: &str,
) -> Option<&'a ast::Word> {
    match attribute.values.as_slice() {
        [Value::Word(word)] => Some(word),
        _ => {
            resolver.diags.push(
                Diag::error("E0222", format!("`{}` takes {takes}", attribute.name.value))
                    .at(attribute.span, "not so"),
            );
            None
        }
    }
}

/// The text of the one word that the attribute takes.
fn text(resolver: &mut Resolver, attribute: &Attribute, takes: &str) -> Option<String> {
    let word = one_word(resolver, attribute, takes)?;
    Some(resolver.text(word)?.to_string())
}

/// Whether the rule has outputs, to which the attribute could do something; a mistake if not.
fn has_outputs(resolver: &mut Resolver, rule: &ast::Rule, attribute: &Attribute) -> bool {
    if rule.outputs.is_none() {
        let name = &attribute.name.value;
        let text = format!(
            "`{name}` is about outputs, and `{}` has none",
            rule.name.value
        );
        resolver.diags.push(
            Diag::error("E0262", text)
                .at(attribute.span, "nothing for it to do")
                .and(rule.header, "no `->` here"),
        );
    }
    rule.outputs.is_some()
}

fn checksum_level(resolver: &mut Resolver, attribute: &Attribute) -> Option<u8> {
    let word = one_word(
        resolver,
        attribute,
        "a number from 0 to 4: `checksum_level 3`",
    )?;
    let level = resolver.number(word, "`checksum_level`", 0)?;
    if level > 4 {
        resolver.diags.push(
            Diag::error("E0208", "`checksum_level` must be at most 4")
                .at(word.span, format!("this is {level}")),
        );
        return None;
    }
    Some(level as u8)
}

fn priority(resolver: &mut Resolver, attribute: &Attribute) -> Option<i32> {
    let word = one_word(resolver, attribute, "a number: `priority 10`")?;
    let text = resolver.text(word)?.to_string();
    let number = text.parse::<i32>().ok();
    if number.is_none() {
        resolver.diags.push(
            Diag::error("E0209", "`priority` must be a whole number")
                .at(word.span, format!("`{text}` is none")),
        );
    }
    number
}

/// A named limit, or one of the rule's own.
fn jobs_limit(resolver: &mut Resolver, rule: &ast::Rule, attribute: &Attribute) -> Option<LimitId> {
    let word = one_word(
        resolver,
        attribute,
        "a limit's name or a number: `jobs_limit 2`",
    )?;
    let text = resolver.text(word)?.to_string();
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        let count = resolver.number(word, "a limit", 1)?;
        let limit = Limit {
            name: rule.name.value.clone(),
            count,
            span: attribute.span,
        };
        return Some(resolver.add_limit(limit));
    }
    if let Some(&limit) = resolver.limits.get(&text) {
        return Some(limit);
    }
    let diag = Diag::error("E0223", format!("there is no limit named `{text}`"))
        .at(word.span, "asked for here");
    let mut names: Vec<&str> = resolver.limits.keys().map(String::as_str).collect();
    names.sort();
    let diag = match nearest(&text, names) {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), word.span, near),
        None => diag.help(format!("declare it: `jobs_limit {text} = 2`")),
    };
    resolver.diags.push(diag);
    None
}

fn after(resolver: &mut Resolver, attribute: &Attribute, found: &mut Vec<RuleId>) {
    if attribute.values.is_empty() {
        resolver.diags.push(
            Diag::error("E0222", "`after` takes rules: `after index`").at(attribute.span, "not so"),
        );
    }
    for value in &attribute.values {
        let words = match value {
            Value::Word(word) => std::slice::from_ref(word),
            Value::List(list) => &list.value,
        };
        for word in words {
            let Some(name) = resolver.text(word) else {
                continue;
            };
            let name = name.to_string();
            match resolver.rules.get(&name) {
                Some(&rule) => found.push(rule),
                None => {
                    let diag = super::header::no_such_rule(resolver, &name, word.span);
                    resolver.diags.push(diag);
                }
            }
        }
    }
}
