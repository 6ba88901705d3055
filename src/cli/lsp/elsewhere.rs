//! Places in the files that a document includes and uses.

use std::str::FromStr;

use lsp_types::{Location, Uri};

use super::document::{Document, Reading};
use super::text::Text;
use crate::lang::ast::{ItemKind, Piece, Value, Word};
use crate::lang::{FileId, Span};
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
    let rules = reading.workflow.rules.values().iter();
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
