//! What is shown about the name under the mouse, as Markdown.

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use super::document::{Document, Reading};
use super::find::{self, Kind, Mention};
use super::{elsewhere, words};
use crate::lang::Span;
use crate::lang::ast::{Item, ItemKind};
use crate::workflow::RuleId;

/// What there is to say about a byte of a document.
pub fn hover(document: &mut Document, offset: usize) -> Option<Hover> {
    let reading = document.reading.clone();
    let text = reading.sources.get(reading.file).text.as_str();
    let mention = find::at(&reading.ast, text, offset)?;
    let value = described(document, &reading, text, &mention)?;
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent {
            kind: MarkupKind::Markdown,
            value,
        }),
        range: Some(document.text.range(mention.span)),
    })
}

fn described(
    document: &mut Document,
    reading: &Reading,
    text: &str,
    mention: &Mention,
) -> Option<String> {
    let name = mention.name.as_str();
    let meaning = |list| {
        let meaning = words::meaning(list, name)?;
        Some(format!("`{name}`: {meaning}"))
    };
    match mention.kind {
        Kind::Verb => meaning(&words::VERBS),
        Kind::Setting => meaning(&words::SETTINGS),
        Kind::Attribute => meaning(&words::ATTRIBUTES),
        Kind::BuiltIn => meaning(&words::BUILT_IN),
        Kind::Fact => meaning(&words::FACTS),
        Kind::Constant => constant(reading, text, mention),
        Kind::Limit => limit(reading, text, mention),
        Kind::Capture => {
            let Some(definition) = find::definition(&reading.ast, text, mention) else {
                return constant(reading, text, mention);
            };
            let item = find::item_at(&reading.ast, definition.span.start as usize)?;
            let ItemKind::Rule(rule) = &item.kind else {
                return None;
            };
            let filters = rule.factors.iter().flat_map(|factor| &factor.filter);
            let span = filters.map(|filter| filter.span).find(|span| {
                span.start <= definition.span.start && definition.span.end <= span.end
            })?;
            let name = &rule.name.value;
            Some(format!(
                "captured by `{name}`:\n{}",
                fenced(source(text, span))
            ))
        }
        Kind::Rule => rule(document, reading, text, mention),
    }
}

fn source(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize)
        .unwrap_or("")
}

fn fenced(text: &str) -> String {
    // A longer fence than any in the text, so that nothing ends it early.
    let mut fence = "```".to_string();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}flow\n{}\n{fence}", text.trim_end())
}

/// The item that declares what is mentioned.
fn declared<'a>(reading: &'a Reading, text: &str, mention: &Mention) -> Option<&'a Item> {
    let definition = find::definition(&reading.ast, text, mention)?;
    let items = reading.ast.items.iter();
    let mut holding = items.filter(|item| {
        item.span.start <= definition.span.start && definition.span.end <= item.span.end
    });
    holding.next()
}

/// The declaration as it is written, and its comment.
fn with_doc(written: &str, doc: Option<&str>) -> String {
    let doc = doc
        .map(|doc| format!("\n\n{}", doc.trim()))
        .unwrap_or_default();
    fenced(written) + &doc
}

/// A declaration, here or in a file that is included.
fn declaration(reading: &Reading, text: &str, mention: &Mention) -> Option<String> {
    if let Some(item) = declared(reading, text, mention) {
        return Some(with_doc(source(text, item.span), item.doc.as_deref()));
    }
    let (item, _) = elsewhere::declared(reading, &mention.name)?;
    let written = reading.sources.text(item.span);
    Some(with_doc(written, item.doc.as_deref()))
}

fn constant(reading: &Reading, text: &str, mention: &Mention) -> Option<String> {
    let mut shown = declaration(reading, text, mention)?;
    let params = &reading.workflow.params;
    if let Some(param) = params.iter().find(|param| param.name == mention.name) {
        shown += &match &param.default {
            Some(_) => format!("\n\na param: {}", param.kind.name()),
            None => "\n\na param: it needs a value, `--set NAME=VALUE`".into(),
        };
    }
    Some(shown)
}

fn limit(reading: &Reading, text: &str, mention: &Mention) -> Option<String> {
    let shown = declaration(reading, text, mention)?;
    let holds = |rule: &&crate::lang::ast::Rule| {
        rule.attributes.iter().any(|attribute| {
            attribute.name.value == "jobs_limit"
                && source(text, attribute.span).ends_with(&format!(" {}", mention.name))
        })
    };
    let rules = find::rules(&reading.ast).filter(holds);
    let rules: Vec<String> = rules.map(|rule| format!("`{}`", rule.name.value)).collect();
    Some(match rules.is_empty() {
        true => shown,
        false => format!("{shown}\n\nheld by {}", rules.join(", ")),
    })
}

fn rule(
    document: &mut Document,
    reading: &Reading,
    text: &str,
    mention: &Mention,
) -> Option<String> {
    let (mut shown, verb) = match declared(reading, text, mention) {
        Some(item) => {
            let ItemKind::Rule(rule) = &item.kind else {
                return Some(with_doc(source(text, item.span), item.doc.as_deref()));
            };
            let shown = with_doc(source(text, rule.header), item.doc.as_deref());
            (shown, rule.verb.value.keyword())
        }
        None => {
            let Some((other, rule)) = elsewhere::rule(document, &mention.name) else {
                return declaration(reading, text, mention);
            };
            let header = other.sources.text(rule.span);
            (with_doc(header, rule.doc.as_deref()), rule.verb.keyword())
        }
    };
    if let Some(meaning) = words::meaning(&words::VERBS, verb) {
        shown += &format!("\n\n`{verb}`: {meaning}");
    }
    // The jobs of the text as it last was without mistakes.
    let good = document.good.clone()?;
    let rules = &good.workflow.rules;
    let id: Option<RuleId> = rules
        .iter()
        .find(|(_, other)| other.name == mention.name)
        .map(|(id, _)| id);
    let folder = document.folder().map(ToOwned::to_owned);
    if let (Some(id), Some(folder)) = (id, folder)
        && let Some(jobs) = document.jobs.of(&good, &folder, id)
    {
        shown += &format!("\n\n---\n\n{jobs}");
    }
    Some(shown)
}
