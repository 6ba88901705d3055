//! Reads shell text as far as quoting goes: what stands in which quotes, and where placeholders are.
//!
//! A stack of frames says what the text is inside of; nothing recurses. What a frame does with the
//! next byte is in `command`, `expansion` and `here_doc`.

mod command;
mod expansion;
mod here_doc;

use std::ops::Range;

use super::{HereDoc, LineStarts, Part, Placeholder, warnings};
use crate::lang::ast::Hole;
use crate::lang::diag::Diag;
use crate::lang::hole::{self, Style};
use crate::lang::quote::Place;

use command::Command;
use expansion::Expansion;
use here_doc::Body;

/// What was found in a recipe.
pub(super) struct Read {
    pub parts: Vec<Part>,
    pub here_docs: Vec<HereDoc>,
    pub diags: Vec<Diag>,
    pub unclosed_here_doc: Option<String>,
}

/// Something that opened and has not closed yet.
enum Frame {
    Command(Command),
    /// `"…"`
    Double {
        opened: usize,
        /// The quotes begin a word.
        begins_word: bool,
    },
    Expansion(Expansion),
    /// `$(( ))`, `(( ))`, `$[ ]` or a subscript.
    Arithmetic {
        opened: usize,
        depth: usize,
        closer: u8,
        /// The quote that is open in it.
        quote: Option<u8>,
    },
    HereDoc(Body),
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    places: &'a LineStarts,
    at: usize,
    /// Where the innermost here-document ends, or the text.
    limit: usize,
    frames: Vec<Frame>,
    read: Read,
    /// Text up to here is in `read.parts`.
    pushed: usize,
    /// Where the last `$name` ended.
    variable_end: usize,
    /// How many of the frames are commands.
    n_commands: usize,
    /// Something that is not closed was reported.
    is_unclosed: bool,
    /// The frame of the outermost `((` that began commands; it may be gone.
    opened_tight: Option<usize>,
}

pub(super) fn read(text: &str, places: &LineStarts) -> Read {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        places,
        at: 0,
        limit: text.len(),
        frames: vec![Frame::Command(Command::new(0, command::Closer::Nothing))],
        read: Read {
            // One for each placeholder, and one more on either side.
            parts: Vec::with_capacity(2 * text.bytes().filter(|byte| *byte == b'{').count() + 1),
            here_docs: Vec::new(),
            diags: Vec::new(),
            unclosed_here_doc: None,
        },
        pushed: 0,
        variable_end: usize::MAX,
        n_commands: 1,
        is_unclosed: false,
        opened_tight: None,
    };
    lexer.run();
    lexer.read.parts.shrink_to_fit();
    lexer.read
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        loop {
            if self.at >= self.limit {
                if !self.end_here_doc() {
                    break;
                }
                continue;
            }
            match self.frames.last() {
                Some(Frame::Command(_)) => self.in_command(),
                Some(Frame::Double { .. }) => self.in_double(),
                Some(Frame::Expansion(_)) => self.in_expansion(),
                Some(Frame::Arithmetic { .. }) => self.in_arithmetic(),
                Some(Frame::HereDoc(_)) => self.in_here_doc(),
                None => break,
            }
        }
        if matches!(self.frames.last(), Some(Frame::Command(_))) {
            self.end_word();
        }
        self.unread_here_docs();
        self.report_unclosed();
        self.push_text(self.text.len());
    }

    fn report_unclosed(&mut self) {
        let Some(frame) = self.frames.get(1) else {
            return;
        };
        let (opened, length, what) = match frame {
            Frame::Command(command) => (command.opened, 1, "parenthesis"),
            Frame::Double { opened, .. } => (*opened, 1, "quote"),
            Frame::Expansion(expansion) => (expansion.opened, 2, "`${`"),
            Frame::Arithmetic { opened, .. } => (*opened, 1, "arithmetic"),
            Frame::HereDoc(_) => return,
        };
        self.unclosed(opened, length, what);
    }

    fn unclosed(&mut self, opened: usize, length: usize, what: &str) {
        // What is open around it is open because of it.
        if self.read.unclosed_here_doc.is_some() || std::mem::replace(&mut self.is_unclosed, true) {
            return;
        }
        let span = self.places.span(opened..opened + length);
        self.read.diags.push(
            Diag::error("E0151", format!("this {what} is not closed in the recipe"))
                .at(span, "the recipe ends before it does"),
        );
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes[..self.limit].get(at).copied()
    }

    fn starts_with(&self, token: &str) -> bool {
        self.bytes[self.at..self.limit].starts_with(token.as_bytes())
    }

    fn find(&self, from: usize, byte: u8) -> Option<usize> {
        self.find_before(self.limit, from, byte)
    }

    fn find_before(&self, end: usize, from: usize, byte: u8) -> Option<usize> {
        let inside = self.bytes.get(from..end)?;
        inside.iter().position(|&b| b == byte).map(|n| from + n)
    }

    fn push_text(&mut self, end: usize) {
        if end > self.pushed {
            self.read.parts.push(Part::Text(self.pushed..end));
        }
        self.pushed = end;
    }

    /// The placeholder at `at`, unless the brace is text there.
    fn hole_at(&self, at: usize) -> Option<(Hole, usize)> {
        let before = at.checked_sub(1).and_then(|before| self.byte(before));
        if self.byte(at) != Some(b'{') || matches!(before, Some(b'$' | b'%' | b'@')) {
            return None;
        }
        let base = self.places.place(at) as usize;
        let found = hole::read(self.places.file, base, &self.text[at..], Style::Recipe)?;
        (at + found.1 <= self.limit).then_some(found)
    }

    /// A `{`: takes a placeholder or an escaped one and returns true, or leaves it.
    fn brace(&mut self, place: impl FnOnce(&Self, usize) -> Place, unknown_is_text: bool) -> bool {
        let hole = self.hole_at(self.at);
        self.brace_of(hole, place, unknown_is_text)
    }

    /// As [`Lexer::brace`], where it was read already what the brace begins.
    fn brace_of(
        &mut self,
        hole: Option<(Hole, usize)>,
        place: impl FnOnce(&Self, usize) -> Place,
        unknown_is_text: bool,
    ) -> bool {
        let at = self.at;
        let before = at.checked_sub(1).and_then(|before| self.byte(before));
        let is_text = matches!(before, Some(b'$' | b'%' | b'@'));
        if self.byte(at + 1) == Some(b'{')
            && !is_text
            && let Some((_, length)) = self.hole_at(at + 1)
            && self.byte(at + 1 + length) == Some(b'}')
        {
            // `{{name}}` is `{name}`: the outer braces are passed over.
            self.push_text(at);
            self.pushed = at + 1;
            self.push_text(at + 1 + length);
            self.pushed = at + length + 2;
            self.at = self.pushed;
            return true;
        }
        let Some((hole, length)) = hole else {
            return false;
        };
        let place = place(self, at + length);
        self.placeholder(hole, at..at + length, place, unknown_is_text);
        self.at = at + length;
        true
    }

    fn placeholder(
        &mut self,
        hole: Hole,
        range: Range<usize>,
        place: Place,
        text_if_unknown: bool,
    ) {
        let refusal = match hole.is_raw {
            true => None,
            false => warnings::refusal(&self.surroundings(), &hole, &range, place),
        };
        self.push_text(range.start);
        self.pushed = range.end;
        self.read
            .parts
            .push(Part::Placeholder(Box::new(Placeholder {
                hole,
                range,
                place,
                unknown_is_text: text_if_unknown,
                refusal: refusal.map(Box::new),
                caution: None,
                n_commands: self.n_commands,
            })));
    }

    /// Placeholders in `start..end`, where nothing else is special.
    fn flat(
        &mut self,
        start: usize,
        end: usize,
        unknown_is_text: bool,
        place: impl Fn(usize) -> Place,
    ) {
        self.at = start;
        while let Some(found) = self.find_before(end, self.at, b'{') {
            self.at = found;
            if !self.brace(|_, _| place(found), unknown_is_text) {
                self.at += 1;
            }
        }
        self.at = end;
    }

    /// A backslash that takes the next byte. One before a placeholder is a mistake, because it
    /// would take away the value's first quote.
    fn backslash(&mut self) {
        let at = self.at;
        if let Some((_, length)) = self.hole_at(at + 1) {
            let end = at + 1 + length;
            let source = &self.text[at + 1..end];
            let span = self.places.span(at..end);
            self.read.diags.push(
                Diag::error("E0153", "a backslash stands before a placeholder")
                    .at(span, "it would undo the quoting of the value")
                    .fix(
                        format!("write `{{{source}}}` for a literal `{source}`"),
                        span,
                        format!("{{{source}}}"),
                    ),
            );
            self.at = end;
            return;
        }
        self.at = (at + 2).min(self.limit);
    }

    /// `'…'`; the cursor is on the first quote.
    fn single(&mut self, begins_word: bool) {
        let start = self.at + 1;
        match self.find(start, b'\'') {
            Some(end) => {
                self.flat(start, end, true, |at| Place::SingleQuotes {
                    begins_word: begins_word && at == start,
                });
                self.at = end + 1;
            }
            None => {
                self.unclosed(start - 1, 1, "quote");
                self.at = self.limit;
            }
        }
    }

    /// `` `…` ``; the cursor is on the first backtick.
    fn backticks(&mut self) {
        let start = self.at + 1;
        let mut in_single = false;
        let mut in_double = false;
        self.at = start;
        loop {
            match self.byte(self.at) {
                None => {
                    self.unclosed(start - 1, 1, "backtick");
                    return;
                }
                Some(b'`') => break,
                Some(b'\\') => self.at = (self.at + 2).min(self.limit),
                Some(b'{') => {
                    if !self.brace(|_, _| Place::Backticks, in_single) {
                        self.at += 1;
                    }
                }
                Some(byte) => {
                    in_single ^= byte == b'\'' && !in_double;
                    in_double ^= byte == b'"' && !in_single;
                    self.at += 1;
                }
            }
        }
        let end = self.at;
        self.at += 1;
        warnings::offer_substitution(&mut self.read.parts, self.places, self.text, start..end);
    }

    /// `"`, in a command word or an unquoted expansion.
    fn open_double(&mut self, begins_word: bool) {
        self.frames.push(Frame::Double {
            opened: self.at,
            begins_word,
        });
        self.at += 1;
    }

    fn in_double(&mut self) {
        let Some(Frame::Double {
            opened,
            begins_word,
        }) = self.frames.last()
        else {
            return;
        };
        let begins_word = *begins_word && self.at == opened + 1;
        match self.bytes[self.at] {
            b'"' => {
                self.frames.pop();
                self.at += 1;
            }
            b'\\' => self.backslash(),
            b'$' => self.dollar(false),
            b'`' => self.backticks(),
            b'{' => {
                let place = |lexer: &Self, _| Place::DoubleQuotes {
                    begins_word,
                    after_variable: lexer.variable_end == lexer.at,
                };
                if !self.brace(place, false) {
                    self.at += 1;
                }
            }
            _ => self.at += 1,
        }
    }

    /// Whether the innermost double quotes stand in an expansion that is quoted itself.
    fn is_in_quoted_expansion(&self) -> bool {
        let outside = self
            .frames
            .iter()
            .rev()
            .find(|frame| !matches!(frame, Frame::Double { .. }));
        matches!(outside, Some(Frame::Expansion(expansion)) if expansion.is_quoted())
    }
}

/// What `warnings` needs to know about the place that is read.
pub(super) struct Surroundings<'a> {
    pub in_quoted_expansion: bool,
    pub after_variable: bool,
    pub text: &'a str,
    pub places: &'a LineStarts,
}

impl<'a> Lexer<'a> {
    fn surroundings(&self) -> Surroundings<'a> {
        let in_double = matches!(self.frames.last(), Some(Frame::Double { .. }));
        Surroundings {
            in_quoted_expansion: in_double && self.is_in_quoted_expansion(),
            after_variable: self.variable_end == self.at,
            text: self.text,
            places: self.places,
        }
    }
}
