//! Commands: words, operators, comments, and the keywords that change what a `)` means.

mod words;

use std::collections::VecDeque;

use super::here_doc::Pending;
use super::{Frame, Lexer};
use crate::lang::quote::Place;

/// What closes a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closer {
    /// The whole recipe.
    Nothing,
    /// `$(…)`, `<(…)`, `a=(…)`: a `)`, and the word goes on.
    Substitution,
    /// `(…)`: a `)`.
    Subshell,
}

/// How far a `case` is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Subject,
    In,
    Pattern,
    Body,
}

/// A command's words that are read again by another shell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rereads {
    Nothing,
    /// All of them: `eval`.
    All,
    /// The one behind `-c`.
    Shell,
    /// The next one.
    Next,
}

pub(super) struct Command {
    pub opened: usize,
    closer: Closer,
    pub here_docs: VecDeque<Pending>,
    cases: Vec<Case>,
    in_word: bool,
    word_start: usize,
    /// Nothing in the word was quoted, expanded or filled.
    is_literal: bool,
    /// The next word may be a keyword or a command's name.
    at_command: bool,
    /// The next word is a redirection's target.
    is_target: bool,
    /// Between `[[` and `]]`.
    in_test: bool,
    /// In `[[ ]]`, the next word is a number.
    is_number: bool,
    /// Parts of the word that is read, and of the one before, begin here.
    word_parts: usize,
    last_word_parts: usize,
    rereads: Rereads,
    /// `for` is the word before.
    after_for: bool,
}

impl Command {
    pub fn new(opened: usize, closer: Closer) -> Command {
        Command {
            opened,
            closer,
            here_docs: VecDeque::new(),
            cases: Vec::new(),
            in_word: false,
            word_start: opened,
            is_literal: true,
            at_command: true,
            is_target: false,
            in_test: false,
            is_number: false,
            word_parts: 0,
            last_word_parts: 0,
            rereads: Rereads::Nothing,
            after_for: false,
        }
    }

    /// A new simple command begins.
    fn begin(&mut self) {
        self.at_command = true;
        self.is_target = false;
        self.rereads = Rereads::Nothing;
    }
}

impl Lexer<'_> {
    fn command(&mut self) -> &mut Command {
        match self.frames.last_mut() {
            Some(Frame::Command(command)) => command,
            _ => unreachable!("the innermost frame was a command a moment ago"),
        }
    }

    pub(super) fn open_command(&mut self, opened: usize, closer: Closer) {
        self.n_commands += 1;
        if self.opened_tight.is_none_or(|at| at >= self.frames.len()) {
            self.opened_tight = self.is_tight(opened).then_some(self.frames.len());
        }
        let command = Command::new(opened, closer);
        self.frames.push(Frame::Command(command));
    }

    /// Whether `((` stands there, which a shell first tries as arithmetic.
    fn is_tight(&self, opened: usize) -> bool {
        let rest = &self.bytes[opened..];
        rest.starts_with(b"((") || rest.starts_with(b"$((")
    }

    /// Where the outermost `((` around the cursor stands that begins commands.
    pub(super) fn tight_parentheses(&self) -> Option<usize> {
        let frame = self.frames.get(self.opened_tight?)?;
        let Frame::Command(command) = frame else {
            return None;
        };
        self.is_tight(command.opened).then_some(command.opened)
    }

    /// Begins a word unless one is being read; whether it did.
    fn begin_word(&mut self, is_literal: bool) -> bool {
        let (at, n_parts) = (self.at, self.read.parts.len());
        let command = self.command();
        let begins = !command.in_word;
        if begins {
            command.in_word = true;
            command.word_start = at;
            command.is_literal = true;
            command.last_word_parts = command.word_parts;
            command.word_parts = n_parts;
        }
        command.is_literal &= is_literal;
        begins
    }

    pub(super) fn in_command(&mut self) {
        let next = self.byte(self.at + 1);
        let in_word = self.command().in_word;
        match self.bytes[self.at] {
            b' ' | b'\t' => {
                self.end_word();
                self.at += 1;
            }
            b'\n' => {
                self.end_word();
                self.command().begin();
                self.at += 1;
                self.begin_here_docs();
            }
            b'\\' if next == Some(b'\n') => self.at += 2,
            b'\\' => {
                self.begin_word(false);
                self.backslash();
            }
            b'\'' => {
                let begins_word = self.begin_word(false);
                self.single(begins_word);
            }
            b'"' => {
                let begins_word = self.begin_word(false);
                self.open_double(begins_word);
            }
            b'`' => {
                self.begin_word(false);
                self.backticks();
            }
            b'$' => {
                self.begin_word(false);
                self.dollar(true);
            }
            b'{' => self.command_brace(),
            b'#' if !in_word => {
                self.at = self.find(self.at, b'\n').unwrap_or(self.limit);
            }
            b'(' => self.open_parenthesis(),
            b')' => self.close_parenthesis(),
            b';' => {
                self.end_word();
                let ends_case = matches!(next, Some(b';' | b'&'));
                let command = self.command();
                command.begin();
                if ends_case && let Some(case) = command.cases.last_mut() {
                    *case = Case::Pattern;
                }
                self.at += 1 + usize::from(ends_case);
            }
            b'&' if next == Some(b'>') => {
                self.end_word();
                self.at += 1;
            }
            b'&' | b'|' => {
                self.end_word();
                if !self.command().in_test {
                    self.command().begin();
                }
                self.at += 1;
            }
            b'<' | b'>' => self.redirection(next),
            _ => {
                self.begin_word(true);
                self.at += 1;
                // Most bytes are letters, which mean nothing but themselves.
                let rest = &self.bytes[self.at..self.limit];
                let letters = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric());
                self.at += letters.count();
            }
        }
    }

    fn command_brace(&mut self) {
        let begins_word = !self.command().in_word;
        // In a test a plain `-n` would be an operator, so nothing is plain there.
        let may_be_alone = begins_word && !self.command().in_test;
        let hole = self.hole_at(self.at);
        let is_hole = hole.is_some();
        let is_escaped = !is_hole && self.hole_at(self.at + 1).is_some();
        self.begin_word(!is_hole && !is_escaped);
        let place = |lexer: &Self, end: usize| {
            let ends = match lexer.byte(end) {
                None => true,
                Some(byte) => b" \t\n;)|&".contains(&byte),
            };
            Place::Bare {
                begins_word,
                is_alone: may_be_alone && ends,
            }
        };
        if !self.brace_of(hole, place, false) {
            self.at += 1;
        }
    }

    fn open_parenthesis(&mut self) {
        let at = self.at;
        let is_double = self.byte(at + 1) == Some(b'(');
        let command = self.command();
        if command.in_test {
            self.end_word();
            self.at += 1;
            return;
        }
        if !command.in_word && command.cases.last() == Some(&Case::Pattern) {
            self.at += 1;
            return;
        }
        if command.in_word {
            // `f()`, `a=(…)`, `@(…)`: all belong to the word for our purposes.
            command.is_literal = false;
            self.at += 1;
            self.open_command(at, Closer::Substitution);
            return;
        }
        let may_be_arithmetic = command.at_command || command.after_for;
        if is_double && may_be_arithmetic && self.is_arithmetic(at + 2) {
            self.command().at_command = false;
            self.open_arithmetic(at, 2, b')');
            return;
        }
        self.at += 1;
        self.open_command(at, Closer::Subshell);
    }

    fn close_parenthesis(&mut self) {
        self.end_word();
        self.at += 1;
        let command = self.command();
        if command.in_test {
            return;
        }
        if let Some(case) = command.cases.last_mut()
            && *case == Case::Pattern
        {
            *case = Case::Body;
            command.begin();
            return;
        }
        let closer = command.closer;
        if closer == Closer::Nothing {
            return;
        }
        let here_docs = std::mem::take(&mut command.here_docs);
        self.frames.pop();
        self.n_commands -= 1;
        if let Some(Frame::Command(outer)) = self.frames.last_mut() {
            // Bodies that did not come before the parenthesis come behind the next line end.
            outer.here_docs.extend(here_docs);
            if closer == Closer::Subshell {
                outer.at_command = true;
            }
        }
    }

    fn redirection(&mut self, next: Option<u8>) {
        let command = self.command();
        if command.in_test {
            self.end_word();
            self.at += 1;
            return;
        }
        if next == Some(b'(') {
            self.begin_word(false);
            let opened = self.at;
            self.at += 2;
            self.open_command(opened, Closer::Substitution);
            return;
        }
        // `2>`: digits that touch are no word.
        let digits = &self.bytes[self.command().word_start..self.at];
        let is_number = digits.iter().all(u8::is_ascii_digit);
        if self.command().in_word && self.command().is_literal && is_number {
            self.command().in_word = false;
        }
        self.end_word();
        if self.starts_with("<<<") {
            self.at += 3;
        } else if self.starts_with("<<") {
            self.announce_here_doc();
            return;
        } else {
            let is_two = matches!(next, Some(b'>' | b'&' | b'|'));
            self.at += 1 + usize::from(is_two);
        }
        self.command().is_target = true;
    }
}
