//! What a `$` begins: variables, `${…}`, `$(…)`, `$((…))`, `$'…'`.

use super::command::Closer;
use super::{Frame, Lexer};
use crate::lang::diag::Diag;
use crate::lang::quote::Place;

/// `${name…}`, past its name.
pub(super) struct Expansion {
    pub opened: usize,
    /// Double quotes or a here-document are around it.
    pub in_quotes: bool,
    pub operator: Operator,
}

/// What `${name` is followed by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `:-`, `=`, `+`, `?` and the like: a word that stands for the value.
    Word,
    /// `#`, `##`, `%`, `%%`: a pattern.
    Trim,
    /// `:`: offset and length.
    Offset,
    /// bash's others: `/`, `^`, `,`, `@`.
    Other,
}

impl Expansion {
    /// Whether single quotes are ordinary characters in it.
    pub fn is_quoted(&self) -> bool {
        self.in_quotes && self.operator != Operator::Trim
    }
}

/// `((` is arithmetic unless its parentheses close apart; looked at this far ahead.
const LOOK_AHEAD: usize = 1024;

impl Lexer<'_> {
    /// Whether the `((` that ends before `from` closes as `))`. As bash does, it passes over what is
    /// quoted: so no value in quotes can change it.
    pub(super) fn is_arithmetic(&self, from: usize) -> bool {
        let end = self.limit.min(from + LOOK_AHEAD);
        let mut depth = 0usize;
        let mut quote = None;
        let mut is_escaped = false;
        for at in from..end {
            let byte = self.bytes[at];
            if std::mem::take(&mut is_escaped) {
                continue;
            }
            match byte {
                b'\\' => is_escaped = quote != Some(b'\''),
                _ if quote == Some(byte) => quote = None,
                _ if quote.is_some() => {}
                b'\'' | b'"' => quote = Some(byte),
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b')' => return self.byte(at + 1) == Some(b')'),
                _ => {}
            }
        }
        // Unclosed, or so long that a mistake would be the author's: the stricter reading.
        true
    }

    /// The cursor is on a `$`. `is_bare`: quotes may follow it.
    pub(super) fn dollar(&mut self, is_bare: bool) {
        let at = self.at;
        match self.byte(at + 1) {
            Some(b'(') if self.byte(at + 2) == Some(b'(') && self.is_arithmetic(at + 3) => {
                self.open_arithmetic(at, 3, b')');
            }
            Some(b'(') => {
                self.at += 2;
                self.open_command(at, Closer::Substitution);
            }
            Some(b'[') => self.open_arithmetic(at, 2, b']'),
            Some(b'{') => self.open_expansion(),
            Some(b'\'') if is_bare => self.ansi_quotes(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                self.at += 1;
                while self.byte(self.at).is_some_and(is_name) {
                    self.at += 1;
                }
                self.variable_end = self.at;
            }
            Some(byte) if byte.is_ascii_digit() || b"@*#?$!-".contains(&byte) => {
                self.at += 2;
                self.variable_end = self.at;
            }
            _ => self.at += 1,
        }
    }

    pub(super) fn open_arithmetic(&mut self, opened: usize, length: usize, closer: u8) {
        self.frames.push(Frame::Arithmetic {
            opened,
            depth: 0,
            closer,
            quote: None,
        });
        self.at = opened + length;
    }

    fn open_expansion(&mut self) {
        let opened = self.at;
        // Trimming patterns quote on their own, so what is around them does not matter.
        let in_quotes = match self.frames.last() {
            Some(Frame::Double { .. } | Frame::HereDoc(_)) => true,
            Some(Frame::Expansion(outer)) => outer.is_quoted(),
            _ => false,
        };
        self.at += 2;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        // `${#name}`, `${!name}`; but `${#}` and `${#-x}` are the parameter `#`.
        if matches!(self.byte(self.at), Some(b'#' | b'!'))
            && self.byte(self.at + 1).is_some_and(is_name)
        {
            self.at += 1;
        }
        match self.byte(self.at) {
            Some(byte) if is_name(byte) => {
                while self.byte(self.at).is_some_and(is_name) {
                    self.at += 1;
                }
            }
            Some(byte) if b"@*#?$!-".contains(&byte) => self.at += 1,
            _ => {}
        }
        let subscript = self.at;
        if self.byte(self.at) == Some(b'[') {
            self.at += 1;
        }
        // A subscript's end is looked for when it is read; the operator comes behind it.
        self.frames.push(Frame::Expansion(Expansion {
            opened,
            in_quotes,
            operator: Operator::Other,
        }));
        match self.at > subscript {
            true => self.open_arithmetic(subscript, 1, b']'),
            false => self.operator(),
        }
    }

    /// Reads the operator of the innermost expansion, whose name or subscript has just ended.
    fn operator(&mut self) {
        let (length, operator) = match (self.byte(self.at), self.byte(self.at + 1)) {
            (Some(b':'), Some(b'-' | b'=' | b'+' | b'?')) => (2, Operator::Word),
            (Some(b'-' | b'=' | b'+' | b'?'), _) => (1, Operator::Word),
            (Some(b':'), _) => (1, Operator::Offset),
            (Some(b'#'), Some(b'#')) | (Some(b'%'), Some(b'%')) => (2, Operator::Trim),
            (Some(b'#' | b'%'), _) => (1, Operator::Trim),
            _ => (0, Operator::Other),
        };
        self.at += length;
        if let Some(Frame::Expansion(expansion)) = self.frames.last_mut() {
            expansion.operator = operator;
        }
    }

    pub(super) fn in_expansion(&mut self) {
        let Some(Frame::Expansion(expansion)) = self.frames.last() else {
            return;
        };
        let is_quoted = expansion.is_quoted();
        let place = match expansion.operator {
            Operator::Offset => Place::Arithmetic { in_test: false },
            _ if expansion.in_quotes => Place::QuotedExpansion,
            _ => Place::Expansion,
        };
        match self.bytes[self.at] {
            b'}' => {
                self.frames.pop();
                self.at += 1;
            }
            b'\\' => self.backslash(),
            b'\'' if !is_quoted => self.single(false),
            b'"' => self.open_double(false),
            b'$' => self.dollar(!is_quoted),
            b'`' => self.backticks(),
            b'{' => {
                if !self.brace(|_, _| place, false) {
                    self.at += 1;
                }
            }
            _ => self.at += 1,
        }
    }

    pub(super) fn in_arithmetic(&mut self) {
        let at = self.at;
        let next = self.byte(at + 1);
        let Some(Frame::Arithmetic {
            opened,
            depth,
            closer,
            quote,
        }) = self.frames.last_mut()
        else {
            return;
        };
        let in_single = *quote == Some(b'\'');
        match self.bytes[at] {
            byte if *quote == Some(byte) => {
                *quote = None;
                self.at += 1;
            }
            b'\\' if !in_single => self.backslash(),
            b'$' if !in_single => self.dollar(false),
            b'`' if !in_single => self.backticks(),
            b'{' => {
                if !self.brace(|_, _| Place::Arithmetic { in_test: false }, in_single) {
                    self.at += 1;
                }
            }
            _ if quote.is_some() => self.at += 1,
            // Nothing is quoted here, but what looks so does not close it.
            byte @ (b'\'' | b'"') => {
                *quote = Some(byte);
                self.at += 1;
            }
            b'(' | b'[' if (*closer == b')') == (self.bytes[at] == b'(') => {
                *depth += 1;
                self.at += 1;
            }
            byte if byte == *closer && *depth > 0 => {
                *depth -= 1;
                self.at += 1;
            }
            byte if byte == *closer => {
                let is_double = byte == b')' && next == Some(b')');
                if byte == b')' && !is_double {
                    let opened = *opened;
                    self.closed_apart(opened);
                }
                self.at += 1 + usize::from(is_double);
                self.frames.pop();
                // Behind a subscript the expansion's operator follows.
                let opened_expansion = matches!(self.frames.last(), Some(Frame::Expansion(_)));
                if byte == b']' && opened_expansion {
                    self.operator();
                }
            }
            _ => self.at += 1,
        }
    }

    /// A `((` that a shell may take for arithmetic, although it does not close as such.
    pub(super) fn closed_apart(&mut self, opened: usize) {
        if std::mem::replace(&mut self.is_unclosed, true) {
            return;
        }
        let length = self.bytes[opened..].iter().take(3);
        let length = length
            .take_while(|byte| matches!(byte, b'$' | b'('))
            .count();
        let span = self.places.span(opened..opened + length);
        self.read.diags.push(
            Diag::error("E0151", "this `((` is not closed by `))`")
                .at(span, "a shell may take it for arithmetic")
                .help("for commands in parentheses put a blank between the two: `( (`"),
        );
    }

    /// `$'…'`; the cursor is on the `$`.
    fn ansi_quotes(&mut self) {
        let opened = self.at;
        self.at += 2;
        loop {
            match self.byte(self.at) {
                None => {
                    self.unclosed(opened, 2, "quote");
                    return;
                }
                Some(b'\'') => break,
                Some(b'\\') => self.backslash(),
                Some(b'{') => {
                    if !self.brace(|_, _| Place::AnsiQuotes, true) {
                        self.at += 1;
                    }
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
    }
}
