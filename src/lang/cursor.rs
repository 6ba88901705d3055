//! A place in a file's text that moves on: blanks, comments, continued lines, names.

use bstr::ByteSlice;

use super::ast::Name;
use super::foreign;
use super::names::name_length;
use super::span::{FileId, Span, Spanned};

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub at: usize,
    /// Bytes that are not UTF-8, where the text has any and they are looked after.
    pub foreign: Option<&'a foreign::Places>,
}

impl<'a> Cursor<'a> {
    pub fn new(file: FileId, text: &'a str) -> Cursor<'a> {
        Cursor {
            file,
            text,
            at: 0,
            foreign: None,
        }
    }

    /// In these bytes of the text, those that are not UTF-8 stand for themselves.
    pub fn accept_foreign(&self, start: usize, end: usize) {
        if let Some(foreign) = self.foreign {
            foreign.accept(start, end);
        }
    }

    /// The place of these bytes, widened to whole characters.
    pub fn span(&self, mut start: usize, mut end: usize) -> Span {
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        while end < self.text.len() && !self.text.is_char_boundary(end) {
            end += 1;
        }
        Span {
            file: self.file,
            start: start as u32,
            end: end as u32,
        }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn byte_at(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// The length of the line end at `at`, 0 when there is none; the text's end has none.
    pub fn newline_length(&self, at: usize) -> usize {
        match (self.byte_at(at), self.byte_at(at + 1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 0,
        }
    }

    /// Whether a line ends at `at`.
    pub fn line_ends(&self, at: usize) -> bool {
        at >= self.text.len() || self.newline_length(at) > 0
    }

    /// Whether a word ends at `at` because of a blank, the line's end, or a `\` before it.
    pub fn is_blank(&self, at: usize) -> bool {
        match self.byte_at(at) {
            None | Some(b' ' | b'\t' | b'\n' | b'\r') => true,
            Some(b'\\') => self.newline_length(at + 1) > 0,
            Some(_) => false,
        }
    }

    /// The text up to the next blank.
    pub fn until_blank(&self) -> &'a str {
        let end = (self.at..self.text.len()).find(|&at| self.is_blank(at));
        &self.text[self.at..end.unwrap_or(self.text.len())]
    }

    /// Where the line that `at` stands on ends, before its `\n` or `\r\n`.
    pub fn line_end(&self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let length = bytes[at..].find_byte(b'\n');
        let Some(length) = length else {
            return self.text.len();
        };
        let end = at + length;
        if length > 0 && bytes[end - 1] == b'\r' {
            end - 1
        } else {
            end
        }
    }

    /// Goes to the start of the next line.
    pub fn next_line(&mut self) {
        let end = self.line_end(self.at);
        if self.byte() == Some(b'#') {
            self.accept_foreign(self.at, end);
        }
        self.at = end + self.newline_length(end);
    }

    /// Passes what cannot be read: goes to the line after this one and those that a `\` joins to it.
    pub fn next_logical_line(&mut self) {
        loop {
            let end = self.line_end(self.at);
            if let Some(foreign) = self.foreign {
                foreign.accept_in_quotes(self.text, self.at, end);
            }
            let line = &self.text.as_bytes()[self.at..end];
            let slashes = line.iter().rev().take_while(|&&byte| byte == b'\\').count();
            self.at = end + self.newline_length(end);
            if slashes % 2 == 0 || self.is_at_end() {
                return;
            }
        }
    }

    /// Passes blanks, and line ends behind a `\`.
    pub fn skip_blanks(&mut self) {
        loop {
            match self.byte() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\r') if self.newline_length(self.at) == 0 => self.at += 1,
                Some(b'\\') if self.newline_length(self.at + 1) > 0 => {
                    self.at += 1 + self.newline_length(self.at + 1);
                }
                _ => return,
            }
        }
    }

    /// Whether nothing more stands on this line; a comment is nothing.
    pub fn is_done(&self) -> bool {
        self.line_ends(self.at) || self.byte() == Some(b'#')
    }

    /// Takes `token` if it stands here.
    pub fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes the name that stands here, if one does.
    pub fn take_name(&mut self) -> Option<Name> {
        let length = name_length(self.rest());
        if length == 0 {
            return None;
        }
        let start = self.at;
        self.at += length;
        Some(Spanned {
            value: self.text[start..self.at].to_string(),
            span: self.span(start, self.at),
        })
    }

    /// The end of what was written before here: blanks before the cursor taken off.
    pub fn end_before(&self) -> usize {
        let before = &self.text[..self.at];
        let blank = |c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\\');
        before.trim_end_matches(blank).len()
    }
}
