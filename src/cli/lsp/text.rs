//! A document's text and its places: the protocol counts lines and UTF-16 units from 0, flow bytes.

use std::ops::Range;

use lsp_types::Position;

use crate::lang::Span;

/// A text and where its lines begin.
pub struct Text {
    text: String,
    line_starts: Vec<usize>,
}

impl Text {
    pub fn new(text: String) -> Text {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = newlines.map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(starts).collect();
        Text { text, line_starts }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The line that a byte stands in.
    pub fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset) - 1
    }

    /// The bytes of a line, without its end.
    pub fn line(&self, line: usize) -> Range<usize> {
        let Some(&start) = self.line_starts.get(line) else {
            return self.text.len()..self.text.len();
        };
        let end = self.line_starts.get(line + 1).map(|end| end - 1);
        let end = end.unwrap_or(self.text.len());
        start..start + self.text[start..end].trim_end_matches('\r').len()
    }

    /// The byte of a position; clamped to the text and to its line.
    pub fn offset(&self, position: Position) -> usize {
        let line = self.line(position.line as usize);
        let mut units = 0;
        for (at, c) in self.text[line.clone()].char_indices() {
            if units >= position.character as usize {
                return line.start + at;
            }
            units += c.len_utf16();
        }
        line.end
    }

    /// The position of a byte, or of the character that it is in.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let before = &self.text[self.line_starts[line]..offset];
        Position {
            line: line as u32,
            character: before.chars().map(char::len_utf16).sum::<usize>() as u32,
        }
    }

    pub fn whole(&self) -> lsp_types::Range {
        lsp_types::Range {
            start: self.position(0),
            end: self.position(self.text.len()),
        }
    }

    pub fn range(&self, span: Span) -> lsp_types::Range {
        lsp_types::Range {
            start: self.position(span.start as usize),
            end: self.position(span.end.max(span.start) as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_utf16_units() {
        let text = Text::new("größe 🧬 x\r\nb\n\nende".into());
        let position = |line, character| Position { line, character };
        for (needle, expected) in [
            ("größe", position(0, 0)),
            ("ße", position(0, 3)),
            ("🧬", position(0, 6)),
            ("x", position(0, 9)),
            ("\r\n", position(0, 10)),
            ("b", position(1, 0)),
            ("ende", position(3, 0)),
        ] {
            let offset = text.as_str().find(needle).unwrap();
            assert_eq!(text.position(offset), expected, "{needle}");
            assert_eq!(text.offset(expected), offset, "{needle}");
        }
        // Inside of a character, and beyond what there is.
        assert_eq!(text.position(3), position(0, 2));
        assert_eq!(
            text.offset(position(0, 7)),
            text.as_str().find(" x").unwrap()
        );
        assert_eq!(
            text.offset(position(1, 99)),
            text.as_str().find("b").unwrap() + 1
        );
        assert_eq!(text.offset(position(99, 0)), text.as_str().len());
        assert_eq!(text.position(usize::MAX), position(3, 4));
        assert_eq!(Text::new(String::new()).position(0), position(0, 0));
    }
}
