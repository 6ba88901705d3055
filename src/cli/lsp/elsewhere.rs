//! Places in the files that a document includes and uses.

use std::collections::HashSet;
use std::str::FromStr;

use lsp_types::{Location, Uri};

use super::document::{Document, Reading};
use super::text::Text;
use crate::lang::ast::{Ast, Item, ItemKind, Piece, Value, Word};
use crate::lang::{FileId, Sources, Span, parse};
use crate::workflow::{Rule, beside};

/// The item of the document that names this file; for a file that another one names, the first item
/// that names any.
pub fn named_by(reading: &Reading, file: FileId) -> Option<Span> {
    let by = &reading.sources.get(reading.file).name;
    let mut first = None;
    for item in &reading.ast.items {
        let word = match &item.kind {
            ItemKind::Include { file } | ItemKind::Use { file, .. } => file,
            ItemKind::Table {
                from: Value::Word(file),
                ..
            } => file,
            _ => continue,
        };
        let is_it = |text: String| beside(by, &text) == reading.sources.get(file).name;
        if literal(word).is_some_and(is_it) {
            return Some(word.span);
        }
        first = first.or(Some(word.span));
    }
    first
}

/// The files that this one includes, and those that they include, each once.
pub fn included(ast: &Ast, sources: &Sources, file: FileId) -> Vec<Ast> {
    let mut found: Vec<Ast> = Vec::new();
    let mut seen = HashSet::from([file]);
    let mut rest = named_files(ast, sources, file);
    while let Some(file) = rest.pop() {
        if seen.insert(file) {
            let (ast, _) = parse(file, &sources.get(file).text);
            rest.extend(named_files(&ast, sources, file));
            found.push(ast);
        }
    }
    found
}

/// The files that `include` items name, as far as they were read.
fn named_files(ast: &Ast, sources: &Sources, by: FileId) -> Vec<FileId> {
    let by = &sources.get(by).name;
    let words = ast.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Include { file } => literal(file),
        _ => None,
    });
    let files = words.filter_map(|word| {
        let name = beside(by, &word);
        let mut all = sources.all();
        all.find(|(_, source)| source.name == name)
            .map(|(id, _)| id)
    });
    files.collect()
}

/// The items of a document and of the files that it includes.
pub fn items(reading: &Reading) -> impl Iterator<Item = &Item> {
    let asts = std::iter::once(&reading.ast).chain(&reading.included);
    asts.flat_map(|ast| &ast.items)
}

/// The param, let, limit or table of this name that an included file declares.
pub fn declared<'a>(reading: &'a Reading, name: &str) -> Option<(&'a Item, Span)> {
    let mut items = reading.included.iter().flat_map(|ast| &ast.items);
    items.find_map(|item| match &item.kind {
        ItemKind::Param { name: found, .. }
        | ItemKind::Let { name: found, .. }
        | ItemKind::JobsLimit { name: found, .. }
        | ItemKind::Table { name: found, .. } => {
            (found.value == name).then_some((item, found.span))
        }
        _ => None,
    })
}

fn literal(word: &Word) -> Option<String> {
    let parts = word.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        _ => None,
    });
    parts.collect()
}

/// A place in another file of a reading.
pub fn location(reading: &Reading, span: Span) -> Option<Location> {
    let source = reading.sources.get(span.file);
    Some(Location {
        uri: address(&source.name)?,
        range: Text::new(source.text.clone()).range(span),
    })
}

/// A rule that is declared in another file, by the name that it has here.
pub fn rule<'a>(document: &'a Document, name: &str) -> Option<(&'a Reading, &'a Rule)> {
    let good = document.good.as_deref();
    let mut readings = std::iter::once(&*document.reading).chain(good);
    readings.find_map(|reading| {
        let found = rules(reading).find(|rule| rule.name == name)?;
        Some((reading, found))
    })
}

/// The rules of other files.
pub fn rules(reading: &Reading) -> impl Iterator<Item = &Rule> {
    let rules = reading.workflow.rules.iter().map(|(_, rule)| &**rule);
    rules.filter(|rule| rule.name_span.file != reading.file)
}

/// The `file:` address of a whole path.
fn address(path: &str) -> Option<Uri> {
    if !path.starts_with('/') {
        return None;
    }
    let mut text = String::from("file://");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                text.push(byte.into())
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    Uri::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn paths_have_addresses() {
        let shown = |path| address(path).map(|uri| uri.as_str().to_string());
        assert_eq!(
            shown("/a b/cü%.flow").as_deref(),
            Some("file:///a%20b/c%C3%BC%25.flow")
        );
        assert_eq!(shown("a.flow"), None);
    }
}
