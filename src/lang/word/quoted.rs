//! Quotes and backslashes in a word, and characters that ask for them.

use super::{Broken, Reader, Within, push_text};
use crate::lang::ast::Piece;
use crate::lang::diag::Diag;
use crate::lang::foreign;

impl Reader<'_, '_> {
    /// Characters that look like others and come in by copying from a page.
    pub(super) fn check_character(&mut self, c: char) {
        let (what, instead) = match c {
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => {
                ("a blank that is not the space bar's", " ")
            }
            '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{feff}' => ("a character with no width", ""),
            '\u{201c}' | '\u{201d}' | '\u{201e}' => ("a typographic quote", "\""),
            '\u{2018}' | '\u{2019}' => ("a typographic quote", "'"),
            _ => return,
        };
        if self.is_quoted {
            return;
        }
        let at = self.cursor.at;
        let span = self.cursor.span(at, at + c.len_utf8());
        self.diags.push(
            Diag::error("E0118", format!("this word holds {what}"))
                .at(span, format!("U+{:04X}", c as u32))
                .fix("replace it", span, instead)
                .note("in quotes any character stands for itself"),
        );
    }

    /// A backslash and what it takes.
    pub(super) fn escape(
        &mut self,
        in_quotes: bool,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Broken> {
        let start = self.cursor.at;
        let rest = &self.cursor.rest()[1..];
        self.is_quoted = true;
        let Some(c) = rest.chars().next() else {
            self.cursor.at += 1;
            return Ok(());
        };
        if matches!(c, ' ' | '\t')
            && !in_quotes
            && rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
        {
            let blanks = rest.find('\n').unwrap_or(0);
            let span = self.cursor.span(start, start + 1 + blanks);
            self.diags.push(
                Diag::error("E0115", "blanks follow the `\\` at the end of the line")
                    .at(span, "so the line does not go on")
                    .fix("take the blanks off", span, "\\"),
            );
            return Err(Broken);
        }
        self.cursor.accept_foreign(start, start + 1 + c.len_utf8());
        self.cursor.at += 1 + c.len_utf8();
        match c {
            'n' if in_quotes => push_text(pieces, "\n"),
            't' if in_quotes => push_text(pieces, "\t"),
            'u' if in_quotes => return self.unicode(start, pieces),
            _ => {
                if c.is_ascii_alphanumeric() {
                    let span = self.cursor.span(start, self.cursor.at);
                    let raw = "in '…' a backslash is a backslash";
                    self.diags.push(
                        Diag::warning("W0115", format!("`\\{c}` is just `{c}`"))
                            .at(span, "the backslash changes nothing")
                            .help(raw),
                    );
                }
                push_text(pieces, c.encode_utf8(&mut [0; 4]));
            }
        }
        Ok(())
    }

    /// The `{…}` of `\u{…}`.
    fn unicode(&mut self, start: usize, pieces: &mut Vec<Piece>) -> Result<(), Broken> {
        let rest = self.cursor.rest();
        let digits = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let value = digits
            .filter(|(digits, _)| (1..=6).contains(&digits.len()))
            .and_then(|(digits, _)| Some((digits, u32::from_str_radix(digits, 16).ok()?)))
            .and_then(|(digits, value)| Some((digits, char::from_u32(value)?)));
        if let Some((digits, c)) = value {
            self.cursor.at += digits.len() + 2;
            push_text(pieces, &foreign::escaped(c.to_string()));
            return Ok(());
        }
        let span = self.cursor.span(start, self.cursor.at);
        self.diags.push(
            Diag::error("E0115", "`\\u` needs a character's number in braces")
                .at(span, "")
                .help("like this: `\\u{e4}`"),
        );
        Err(Broken)
    }

    /// `'…'`: nothing in it is special.
    pub(super) fn raw(&mut self, pieces: &mut Vec<Piece>) -> Result<(), Broken> {
        let start = self.cursor.at;
        let text = self.cursor.text;
        self.is_quoted = true;
        let length = text[start + 1..].find(['\'', '\n']);
        let length = length.filter(|length| text.as_bytes()[start + 1 + length] == b'\'');
        let Some(length) = length else {
            return Err(self.unclosed(start, start + 1, "quote", "'"));
        };
        self.cursor.accept_foreign(start, start + 1 + length);
        push_text(pieces, &text[start + 1..start + 1 + length]);
        self.cursor.at = start + length + 2;
        Ok(())
    }

    /// `"…"`
    pub(super) fn quoted(&mut self, depth: usize, pieces: &mut Vec<Piece>) -> Result<(), Broken> {
        let start = self.cursor.at;
        self.is_quoted = true;
        self.cursor.at += 1;
        self.pieces(Within::Quotes, depth, pieces)?;
        if !self.cursor.take("\"") {
            return Err(self.unclosed(start, start + 1, "quote", "\""));
        }
        Ok(())
    }
}
