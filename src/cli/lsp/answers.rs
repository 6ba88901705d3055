//! Diagnostics, fixes, places and symbols of a document, in the protocol's form.

use std::collections::HashMap;

use lsp_types::{
    CodeAction, CodeActionKind, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity,
    DocumentSymbol, Location, NumberOrString, Range, SymbolKind, TextEdit, WorkspaceEdit,
};

use super::document::Document;
use super::{elsewhere, find};
use crate::lang::ast::{Item, ItemKind, Name};
use crate::lang::diag::{Diag, Label, Severity};
use crate::lang::foreign;
use crate::lang::format::format;

/// What is wrong with a document, and what looks like a slip.
pub fn diagnostics(document: &Document) -> Vec<Diagnostic> {
    let diags = document.reading.diags.iter();
    diags.map(|diag| diagnostic(document, diag)).collect()
}

fn diagnostic(document: &Document, diag: &Diag) -> Diagnostic {
    let mut message = diag.message.clone();
    let mut range = Range::default();
    if let Some(label) = diag.primary.as_ref() {
        let file = label.span.file;
        if file == document.reading.file {
            range = document.text.range(label.span);
        } else if let Some(span) = elsewhere::named_by(&document.reading, file) {
            range = document.text.range(span);
        }
        if !label.text.is_empty() {
            message += &format!(": {}", label.text);
        }
    }
    for note in &diag.notes {
        message += &format!("\nnote: {note}");
    }
    for help in &diag.helps {
        message += &format!("\nhelp: {}", help.text);
    }
    let message = foreign::shown(&message).into_owned();
    let is_here = |label: &&Label| label.span.file == document.reading.file;
    let primary = diag.primary.iter().filter(|label| !is_here(label));
    let related: Vec<_> = primary
        .chain(&diag.others)
        .filter_map(|label| {
            let location = match is_here(&label) {
                true => location(document, document.text.range(label.span)),
                false => elsewhere::location(&document.reading, label.span)?,
            };
            Some(DiagnosticRelatedInformation {
                location,
                message: label.text.clone(),
            })
        })
        .collect();
    Diagnostic {
        range,
        severity: Some(match diag.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(diag.code.into())),
        source: Some("flow".into()),
        message,
        related_information: Some(related).filter(|related| !related.is_empty()),
        ..Default::default()
    }
}

fn location(document: &Document, range: Range) -> Location {
    Location {
        uri: document.uri.clone(),
        range,
    }
}

/// The fixes of the mistakes that touch a range.
// The protocol keys edits by address, which its types count as changeable inside.
#[allow(clippy::mutable_key_type)]
pub fn fixes(document: &Document, range: Range) -> Vec<CodeAction> {
    let mut actions = Vec::new();
    for diag in &document.reading.diags {
        let shown = diagnostic(document, diag);
        let touches = shown.range.start <= range.end && range.start <= shown.range.end;
        for help in diag.helps.iter().filter(|_| touches) {
            let Some((span, new)) = &help.edit else {
                continue;
            };
            if span.file != document.reading.file {
                continue;
            }
            let edit = TextEdit {
                range: document.text.range(*span),
                new_text: new.clone(),
            };
            let changes = HashMap::from([(document.uri.clone(), vec![edit])]);
            actions.push(CodeAction {
                title: help.text.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![shown.clone()]),
                edit: Some(WorkspaceEdit {
                    changes: Some(changes),
                    ..Default::default()
                }),
                ..Default::default()
            });
        }
    }
    actions
}

/// The edit that lays a document out in flow's style; `None` while its syntax is wrong.
pub fn layout(document: &Document) -> Option<Vec<TextEdit>> {
    let old = document.text.as_str();
    let new = format(document.reading.file, old).ok()?;
    let whole = TextEdit {
        range: document.text.whole(),
        new_text: new,
    };
    Some(match whole.new_text == old {
        true => Vec::new(),
        false => vec![whole],
    })
}

/// Where the name at a byte is declared.
pub fn definition(document: &Document, offset: usize) -> Option<Location> {
    let (ast, text) = (&document.reading.ast, document.text.as_str());
    let mention = find::at(ast, text, offset)?;
    let Some(found) = find::definition(ast, text, &mention) else {
        let is_rule = mention.kind == find::Kind::Rule;
        if let Some((reading, rule)) = elsewhere::rule(document, &mention.name).filter(|_| is_rule)
        {
            return elsewhere::location(reading, rule.name_span);
        }
        let (_, name) = elsewhere::declared(&document.reading, &mention.name)?;
        return elsewhere::location(&document.reading, name);
    };
    Some(location(document, document.text.range(found.span)))
}

/// Where else the name at a byte stands.
pub fn references(document: &Document, offset: usize, with_definition: bool) -> Vec<Location> {
    let (ast, text) = (&document.reading.ast, document.text.as_str());
    let Some(mention) = find::at(ast, text, offset) else {
        return Vec::new();
    };
    let all = find::all(ast, text, true).into_iter();
    all.filter(|other| other.kind == mention.kind && other.name == mention.name)
        .filter(|other| with_definition || !other.is_definition)
        .map(|other| location(document, document.text.range(other.span)))
        .collect()
}

/// The items of a document that have names.
pub fn symbols(document: &Document) -> Vec<DocumentSymbol> {
    let items = document.reading.ast.items.iter();
    items.filter_map(|item| symbol(document, item)).collect()
}

fn symbol(document: &Document, item: &Item) -> Option<DocumentSymbol> {
    let (name, kind, detail): (&Name, _, &str) = match &item.kind {
        ItemKind::Param { name, .. } => (name, SymbolKind::CONSTANT, "param"),
        ItemKind::Let { name, .. } => (name, SymbolKind::CONSTANT, "let"),
        ItemKind::JobsLimit { name, .. } => (name, SymbolKind::NUMBER, "jobs_limit"),
        ItemKind::Table { name, .. } => (name, SymbolKind::ARRAY, "table"),
        ItemKind::Use { name, .. } => (name, SymbolKind::MODULE, "use"),
        ItemKind::Target { name, .. } => (name, SymbolKind::EVENT, "target"),
        ItemKind::Env { name, .. } => (name, SymbolKind::VARIABLE, "env"),
        ItemKind::Rule(rule) => {
            let verb = rule.verb.value.keyword();
            (&rule.name, SymbolKind::FUNCTION, verb)
        }
        _ => return None,
    };
    let mut whole = item.span.to(name.span);
    if let ItemKind::Rule(rule) = &item.kind {
        whole = rule
            .recipe
            .as_ref()
            .map_or(whole, |recipe| whole.to(recipe.span));
        let first = rule.attributes.first();
        whole.start = first.map_or(whole.start, |first| whole.start.min(first.span.start));
    }
    // The old field has to be named, whatever its value.
    #[allow(deprecated)]
    Some(DocumentSymbol {
        name: name.value.clone(),
        detail: Some(detail.into()),
        kind,
        tags: None,
        deprecated: None,
        range: document.text.range(whole),
        selection_range: document.text.range(name.span),
        children: None,
    })
}
