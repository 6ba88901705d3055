//! Brackets and braces in a word: classes, choices and placeholders.

use super::{Broken, Reader, Within, push_text};
use crate::lang::ast::{Glob, Hole, Piece};
use crate::lang::diag::Diag;
use crate::lang::hole::{self, Style};

/// Choices in choices in choices, at most.
const DEEPEST: usize = 50;

impl Reader<'_, '_> {
    /// `[a-z]`; in quotes a lone `[` is text.
    pub(super) fn class(&mut self, in_quotes: bool, pieces: &mut Vec<Piece>) -> Result<(), Broken> {
        let start = self.cursor.at;
        let bytes = self.cursor.text.as_bytes();
        let mut at = start + 1;
        at += usize::from(matches!(bytes.get(at), Some(b'!' | b'^')));
        at += usize::from(bytes.get(at) == Some(&b']'));
        let mut closes = None;
        if at >= self.no_class_before {
            while let Some(&byte) = bytes.get(at) {
                let stops = match byte {
                    b'\n' => true,
                    b'"' => in_quotes,
                    b' ' | b'\t' => !in_quotes,
                    _ => false,
                };
                if byte == b']' || stops {
                    closes = (byte == b']').then_some(at);
                    break;
                }
                at += 1;
            }
            if closes.is_none() {
                self.no_class_before = at;
            }
        }
        match closes {
            Some(end) => {
                let class = self.cursor.text[start..=end].to_string();
                pieces.push(Piece::Glob(Glob::Class(class)));
                self.cursor.at = end + 1;
            }
            None if in_quotes => self.character(in_quotes, pieces),
            None => return Err(self.unclosed(start, start + 1, "bracket", "]")),
        }
        Ok(())
    }

    /// `{name…}`, `{a,b}`, or a mistake.
    pub(super) fn brace(
        &mut self,
        in_quotes: bool,
        depth: usize,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Broken> {
        let start = self.cursor.at;
        let found = hole::read(self.cursor.file, start, self.cursor.rest(), Style::Word);
        if let Some((hole, length)) = found
            && !(in_quotes && hole_leaves_quotes(&hole))
        {
            self.cursor.at += length;
            pieces.push(Piece::Hole(hole.into()));
            return Ok(());
        }
        if depth == DEEPEST {
            let span = self.cursor.span(start, start + 1);
            self.diags.push(
                Diag::error("E0117", "braces are nested too deeply")
                    .at(span, format!("more than {DEEPEST} deep")),
            );
            return Err(Broken);
        }
        self.cursor.at += 1;
        let within = if in_quotes {
            Within::QuotedChoice
        } else {
            Within::Choice
        };
        let mut choices = Vec::new();
        loop {
            let mut choice = Vec::new();
            self.pieces(within, depth + 1, &mut choice)?;
            choices.push(choice);
            match self.cursor.byte() {
                Some(b',') => self.cursor.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unclosed_brace(start)),
            }
        }
        self.cursor.at += 1;
        if choices.len() > 1 {
            pieces.push(Piece::Glob(Glob::OneOf(choices)));
            return Ok(());
        }
        self.neither(start, self.cursor.at);
        push_text(pieces, &self.cursor.text[start..self.cursor.at]);
        Ok(())
    }

    /// `{…}` that is no placeholder and has no comma.
    fn neither(&mut self, start: usize, end: usize) {
        let inside = &self.cursor.text[start + 1..end - 1];
        let span = self.cursor.span(start, end);
        let diag = if inside.is_empty() {
            Diag::error("E0116", "nothing stands in these braces").at(span, "")
        } else {
            Diag::error("E0116", "braces hold a name, or choices with a comma")
                .at(span, "this is neither")
        };
        let trimmed = inside.trim();
        self.diags.push(
            if trimmed != inside && crate::lang::names::is_name(trimmed) {
                diag.fix("take the blanks out", span, format!("{{{trimmed}}}"))
            } else if inside.contains("..") {
                diag.help("ranges are written out: `{1,2,3}`; `[0-9]` is any one digit")
            } else if inside.contains('[') {
                diag.help("an index is a whole number: `{name[0]}`")
            } else {
                diag.help(
                    "for the characters themselves write `\\{` and `\\}`, or put the word in '…'",
                )
            },
        );
    }

    fn unclosed_brace(&mut self, start: usize) -> Broken {
        let line = &self.cursor.text[start..self.cursor.line_end(start)];
        let closes_later = line.find('}').map(|at| line[..=at].to_string());
        let broken = self.unclosed(start, start + 1, "brace", "}");
        let inside = closes_later.as_deref().map(|text| &text[1..text.len() - 1]);
        if let (Some(diag), Some(inside)) = (self.diags.last_mut(), inside)
            && crate::lang::names::is_name(inside.trim())
        {
            diag.message = "a blank stands in these braces".into();
            let span = self.cursor.span(start, start + inside.len() + 2);
            diag.helps.clear();
            let fixed = format!("{{{}}}", inside.trim());
            *diag = std::mem::replace(diag, Diag::error("E0116", ""))
                .at(span, "a blank ends the word")
                .fix("take the blanks out", span, fixed);
        }
        broken
    }
}

/// Whether a regex in the hole holds a bare `"`, which would have closed the quotes around it.
fn hole_leaves_quotes(hole: &Hole) -> bool {
    let Some(regex) = &hole.constraint else {
        return false;
    };
    let mut is_escaped = false;
    regex.value.bytes().any(|byte| {
        let leaves = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        leaves
    })
}
