//! Here-documents: their delimiters, and their bodies behind the next line end.

use super::{Frame, HereDoc, Lexer, Part};
use crate::lang::diag::Diag;
use crate::lang::quote::Place;

/// A here-document that was announced; its body is still to come.
pub(super) struct Pending {
    declared: std::ops::Range<usize>,
    doc: HereDoc,
}

/// The body of an unquoted here-document, which is being read.
pub(super) struct Body {
    index: usize,
    strips_tabs: bool,
    /// Behind the delimiter's line.
    after: usize,
    /// What bounded the text around it.
    outer_limit: usize,
}

impl Lexer<'_> {
    /// `<<` or `<<-` and the delimiter; the cursor is on the first `<`.
    pub(super) fn announce_here_doc(&mut self) {
        let start = self.at;
        self.at += 2;
        let strips_tabs = self.byte(self.at) == Some(b'-');
        self.at += usize::from(strips_tabs);
        loop {
            match (self.byte(self.at), self.byte(self.at + 1)) {
                (Some(b' ' | b'\t'), _) => self.at += 1,
                (Some(b'\\'), Some(b'\n')) => self.at += 2,
                _ => break,
            }
        }
        let word_start = self.at;
        let mut delimiter: Vec<u8> = Vec::new();
        let mut is_quoted = false;
        let mut word_end = self.at;
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\'' | b'"' => {
                    is_quoted = true;
                    let Some(end) = self.find(self.at + 1, byte) else {
                        self.unclosed(self.at, 1, "quote");
                        self.at = self.limit;
                        return;
                    };
                    delimiter.extend_from_slice(&self.bytes[self.at + 1..end]);
                    self.at = end + 1;
                }
                // The line goes on, and so may the word.
                b'\\' if self.byte(self.at + 1) == Some(b'\n') => {
                    self.at += 2;
                    continue;
                }
                b'\\' => {
                    is_quoted = true;
                    delimiter.extend(self.byte(self.at + 1));
                    self.at = (self.at + 2).min(self.limit);
                }
                _ => {
                    delimiter.push(byte);
                    self.at += 1;
                }
            }
            word_end = self.at;
        }
        if word_end == word_start {
            return;
        }
        // To tell it from arithmetic, a shell looks for its end and takes quotes in the body for quotes.
        if let Some(opened) = self.tight_parentheses() {
            self.closed_apart(opened);
        }
        let doc = HereDoc {
            delimiter: String::from_utf8_lossy(&delimiter).into_owned(),
            is_quoted,
            strips_tabs,
        };
        let declared = start..word_end;
        if let Some(Frame::Command(command)) = self.frames.last_mut() {
            command.here_docs.push_back(Pending { declared, doc });
        }
    }

    /// Reads the next announced body, if one is due; the cursor is at a line's start.
    pub(super) fn begin_here_docs(&mut self) {
        loop {
            let Some(Frame::Command(command)) = self.frames.last_mut() else {
                return;
            };
            let Some(pending) = command.here_docs.pop_front() else {
                return;
            };
            let start = self.at;
            let Some((end, after)) = self.body_end(start, &pending.doc) else {
                self.report(&pending);
                if let Some(Frame::Command(command)) = self.frames.last_mut() {
                    command.here_docs.clear();
                }
                self.at = self.limit;
                return;
            };
            let index = self.read.here_docs.len();
            let (is_quoted, strips_tabs) = (pending.doc.is_quoted, pending.doc.strips_tabs);
            self.read.here_docs.push(pending.doc);
            self.push_text(start);
            self.read.parts.push(Part::HereDocStart(index));
            if !is_quoted {
                let body = Body {
                    index,
                    strips_tabs,
                    after,
                    outer_limit: self.limit,
                };
                self.frames.push(Frame::HereDoc(body));
                self.limit = end;
                return;
            }
            self.flat(start, end, true, |_| Place::HereDoc {
                is_quoted,
                strips_tabs,
            });
            self.push_text(end);
            self.read.parts.push(Part::HereDocEnd(index));
            self.at = after;
        }
    }

    /// Where the body ends, and where its delimiter's line does.
    fn body_end(&self, start: usize, doc: &HereDoc) -> Option<(usize, usize)> {
        let mut at = start;
        let mut is_continued = false;
        while at < self.limit {
            let end = self.find(at, b'\n').unwrap_or(self.limit);
            let line = &self.bytes[at..end];
            let tabs = match doc.strips_tabs {
                true => line.iter().take_while(|&&byte| byte == b'\t').count(),
                false => 0,
            };
            if !is_continued && &line[tabs..] == doc.delimiter.as_bytes() {
                return Some((at, (end + 1).min(self.limit)));
            }
            let slashes = line.iter().rev().take_while(|&&byte| byte == b'\\').count();
            is_continued = !doc.is_quoted && slashes % 2 == 1;
            at = end + 1;
        }
        None
    }

    fn report(&mut self, pending: &Pending) {
        let delimiter = &pending.doc.delimiter;
        if self.read.unclosed_here_doc.is_some() {
            return;
        }
        let span = self.places.span(pending.declared.clone());
        let mut diag = Diag::error("E0150", "this here-document is not closed")
            .at(span, format!("no line of the recipe is `{delimiter}`"));
        let rest = &self.text[pending.declared.end..self.limit.max(pending.declared.end)];
        let mut at = pending.declared.end;
        let mut indented = None;
        for line in rest.split('\n') {
            if line.trim() == delimiter && !delimiter.is_empty() {
                indented = Some(at..at + line.len());
                break;
            }
            at += line.len() + 1;
        }
        diag = match indented {
            Some(range) => {
                let span = self.places.span(range);
                diag.and(span, "this line has blanks around it").fix(
                    "take the blanks away",
                    span,
                    delimiter.clone(),
                )
            }
            None => diag.help(format!(
                "end it with a line `{delimiter}`, indented like the recipe"
            )),
        };
        self.read.diags.push(diag);
        self.read.unclosed_here_doc = Some(delimiter.clone());
    }

    /// At the limit: ends the innermost here-document. False when there is none.
    pub(super) fn end_here_doc(&mut self) -> bool {
        let is_body = |frame: &Frame| matches!(frame, Frame::HereDoc(_));
        let Some(at) = self.frames.iter().rposition(is_body) else {
            return false;
        };
        if self.frames.len() > at + 1 {
            if matches!(self.frames.last(), Some(Frame::Command(_))) {
                self.end_word();
            }
            let opened = match &self.frames[at + 1] {
                Frame::Command(command) => command.opened,
                Frame::Expansion(expansion) => expansion.opened,
                Frame::Double { opened, .. } | Frame::Arithmetic { opened, .. } => *opened,
                Frame::HereDoc(_) => self.at,
            };
            self.unclosed(opened, 1, "expansion");
            self.frames.truncate(at + 1);
            let is_command = |frame: &&Frame| matches!(frame, Frame::Command(_));
            self.n_commands = self.frames.iter().filter(is_command).count();
        }
        let Some(Frame::HereDoc(body)) = self.frames.pop() else {
            return false;
        };
        self.push_text(self.limit);
        self.read.parts.push(Part::HereDocEnd(body.index));
        self.limit = body.outer_limit;
        self.at = body.after;
        self.begin_here_docs();
        true
    }

    /// At the text's end: here-documents whose lines never began.
    pub(super) fn unread_here_docs(&mut self) {
        for at in 0..self.frames.len() {
            if let Frame::Command(command) = &mut self.frames[at]
                && let Some(pending) = command.here_docs.pop_front()
            {
                self.report(&pending);
            }
        }
    }

    pub(super) fn in_here_doc(&mut self) {
        let Some(Frame::HereDoc(body)) = self.frames.last() else {
            return;
        };
        let place = Place::HereDoc {
            is_quoted: false,
            strips_tabs: body.strips_tabs,
        };
        match self.bytes[self.at] {
            b'\\' => self.backslash(),
            b'$' => self.dollar(false),
            b'`' => self.backticks(),
            b'{' => {
                if !self.brace(|_, _| place, false) {
                    self.at += 1;
                }
            }
            _ => self.at += 1,
        }
    }
}
