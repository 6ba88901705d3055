//! Reads a short spelling of patterns, for the tests beside the code.

use super::{Capture, NameId, Part, Pattern};

/// Names are one byte long, and are their own id.
pub fn name(name: u8) -> NameId {
    NameId(name.into())
}

/// A pattern as `Pattern::spell` writes it; `{x}` is a capture, `{x,y}` a choice.
pub fn parse(text: &str) -> Pattern {
    // The unfinished choices around the current word, the innermost last.
    let mut around: Vec<Vec<Vec<Part>>> = Vec::new();
    let mut words = vec![Vec::new()];
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let rest = &text[at..];
        let word: &mut Vec<Part> = words.last_mut().unwrap();
        // A `]` that comes first, maybe after a `!`, is itself.
        let close = || {
            rest.char_indices()
                .skip(2)
                .find(|(n, c)| *n > 1 + usize::from(rest[1..].starts_with('!')) && *c == ']')
                .map(|(n, _)| n + 1)
        };
        let len = match bytes[at] {
            b'*' if rest.starts_with("**") => {
                word.push(Part::DoubleStar);
                2
            }
            b'*' => {
                word.push(Part::Star);
                1
            }
            b'?' => {
                word.push(Part::Any);
                1
            }
            b'[' => {
                let len = close().unwrap();
                word.push(Part::Class(rest[..len].into()));
                len
            }
            b'{' => match capture(rest) {
                Some((capture, len)) => {
                    word.push(Part::Capture(capture));
                    len
                }
                None => {
                    around.push(std::mem::replace(&mut words, vec![Vec::new()]));
                    1
                }
            },
            b',' if !around.is_empty() => {
                words.push(Vec::new());
                1
            }
            b'}' => {
                let choices = std::mem::replace(&mut words, around.pop().unwrap());
                words.last_mut().unwrap().push(Part::OneOf(choices));
                1
            }
            byte => {
                match word.last_mut() {
                    Some(Part::Text(text)) => text.push(byte),
                    _ => word.push(Part::Text(vec![byte].into())),
                }
                1
            }
        };
        at += len;
    }
    Pattern(words.pop().unwrap())
}

fn capture(rest: &str) -> Option<(Capture, usize)> {
    let spans_folders = rest.starts_with("{**");
    let at = if spans_folders { 3 } else { 1 };
    let id = *rest.as_bytes().get(at)?;
    let inner = &rest[at + 1..];
    let (constraint, len) = match inner.as_bytes().first()? {
        b'}' => (None, 1),
        b':' => {
            let mut depth = 0;
            let end = inner.find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth < 0
            })?;
            (Some(inner[1..end].to_string()), end + 1)
        }
        _ => return None,
    };
    let capture = Capture {
        name: name(id),
        spans_folders,
        constraint,
    };
    Some((capture, at + 1 + len))
}

/// The text of a pattern that `parse` read.
pub fn spell(pattern: &Pattern) -> String {
    let name = |id: NameId| char::from(id.0 as u8).to_string();
    pattern.spell(&name).to_string()
}
