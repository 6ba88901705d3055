//! Recognises recipes that are one simple command, which can be started without a shell.

use bstr::BString;

use super::{KEYWORDS, Part};
use crate::lang::quote::Place;

/// A piece of a command's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WordPart {
    /// Bytes as the command sees them: quotes and backslashes are gone.
    Text(Vec<u8>),
    /// An index into [`RecipeText::parts`](super::RecipeText::parts): a placeholder.
    Part(usize),
}

/// What a redirection does with its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `<`
    Input,
    /// `>`
    Output,
    /// `>>`
    Append,
    /// `2>`
    Error,
    /// `&>`
    Both,
    /// `2>&1`, which has no file.
    ErrorToOutput,
}

/// A command with its redirections, from left to right, as a shell would carry it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    pub argv: Vec<BString>,
    pub redirections: Vec<(Operator, BString)>,
}

/// A recipe that is one simple command, not filled yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Simple {
    pub words: Vec<Vec<WordPart>>,
    pub redirections: Vec<(Operator, Vec<WordPart>)>,
}

impl Simple {
    /// See [`does_nothing`].
    pub fn does_nothing(&self) -> bool {
        matches!(self.words[..], [ref command, ..]
            if matches!(command[..], [WordPart::Text(ref text)] if does_nothing(text)))
    }

    /// Whether its words alone start it: a program, with nothing to be done before.
    pub fn is_bare(&self) -> bool {
        self.redirections.is_empty() && !self.does_nothing()
    }
}

/// Whether a command does nothing, whatever words follow it, and ends well: it takes no program. Its
/// redirections are carried out.
pub fn does_nothing(command: &[u8]) -> bool {
    matches!(command, b":" | b"true")
}

/// Commands that bash or dash runs itself.
const BUILTINS: [&str; 62] = [
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Bare,
    Single,
    Double,
}

/// The command, if the text is one.
pub(super) fn read(text: &str, parts: &[Part]) -> Option<Simple> {
    let end = text.trim_end_matches('\n').len();
    let mut splitter = Splitter {
        found: Simple::default(),
        word: None,
        operator: None,
        is_last: false,
        state: State::Bare,
    };
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(range) => {
                let bytes = &text.as_bytes()[range.start..range.end.min(end).max(range.start)];
                splitter.is_last = range.end >= end;
                splitter.bytes(bytes)?;
            }
            Part::Placeholder(placeholder) => {
                let hole = &placeholder.hole;
                let place = placeholder.place;
                let is_refused = placeholder.refusal.is_some() || hole.is_raw;
                let is_simple = matches!(
                    place,
                    Place::Bare { .. } | Place::DoubleQuotes { .. } | Place::SingleQuotes { .. }
                );
                if is_refused || !is_simple {
                    return None;
                }
                let word = splitter.word.get_or_insert_default();
                word.push(WordPart::Part(index));
            }
            Part::HereDocStart(_) | Part::HereDocEnd(_) => return None,
        }
    }
    if splitter.state != State::Bare {
        return None;
    }
    splitter.end_word();
    if splitter.operator.is_some() {
        return None;
    }
    let found = splitter.found;
    let [WordPart::Text(command)] = found.words.first()?.as_slice() else {
        return None;
    };
    let command = str::from_utf8(command).ok()?;
    let is_builtin = BUILTINS.contains(&command) && !does_nothing(command.as_bytes());
    let is_taken = is_builtin || KEYWORDS.contains(&command);
    let is_command = !command.is_empty() && !command.contains('=') && !command.starts_with('%');
    (is_command && !is_taken).then_some(found)
}

struct Splitter {
    found: Simple,
    word: Option<Vec<WordPart>>,
    /// Its file is the next word.
    operator: Option<Operator>,
    /// Nothing follows the bytes that are read.
    is_last: bool,
    state: State,
}

impl Splitter {
    fn push(&mut self, bytes: &[u8]) {
        let word = self.word.get_or_insert_default();
        match word.last_mut() {
            Some(WordPart::Text(text)) => text.extend_from_slice(bytes),
            _ => word.push(WordPart::Text(bytes.to_vec())),
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        match self.operator.take() {
            Some(operator) => self.found.redirections.push((operator, word)),
            None => self.found.words.push(word),
        }
    }

    /// Takes the operator that begins at `at`, and says where it ends. What touches it from the
    /// left takes a shell, but for the `2` of `2>`.
    fn operator(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let before = &bytes[..at];
        let is_bare = before.ends_with(b" 2") || before.ends_with(b"\t2");
        let two = [WordPart::Text(b"2".to_vec())];
        let is_two = is_bare && self.word.as_deref() == Some(&two);
        if is_two {
            self.word = None;
        }
        if self.word.is_some() || self.operator.is_some() {
            return None;
        }
        let rest = &bytes[at..];
        let (operator, len) = match rest {
            [b'>', b'&', b'1', after @ ..] if is_two => {
                let ends = match after.first() {
                    Some(byte) => matches!(byte, b' ' | b'\t'),
                    None => self.is_last,
                };
                if !ends {
                    return None;
                }
                let redirection = (Operator::ErrorToOutput, Vec::new());
                self.found.redirections.push(redirection);
                return Some(at + 3);
            }
            [b'>', b'>', ..] if is_two => return None,
            [b'>', ..] if is_two => (Operator::Error, 1),
            _ if is_two => return None,
            [b'>', b'>', ..] => (Operator::Append, 2),
            [b'>', ..] => (Operator::Output, 1),
            [b'<', ..] => (Operator::Input, 1),
            [b'&', b'>', ..] => (Operator::Both, 2),
            _ => return None,
        };
        self.operator = Some(operator);
        Some(at + len)
    }

    /// `None` at anything that takes a shell.
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            let next = bytes.get(at).copied();
            match (self.state, byte) {
                (State::Single, b'\'') => self.state = State::Bare,
                (State::Double, b'"') => self.state = State::Bare,
                (State::Double, b'$' | b'`') => return None,
                (State::Double, b'\\') => {
                    match next? {
                        b'\n' => {}
                        c @ (b'$' | b'`' | b'"' | b'\\') => self.push(&[c]),
                        c => self.push(&[b'\\', c]),
                    }
                    at += 1;
                }
                (State::Single | State::Double, _) => self.push(&[byte]),
                (State::Bare, b' ' | b'\t') => self.end_word(),
                (State::Bare, b'<' | b'>' | b'&') => at = self.operator(bytes, at - 1)?,
                (State::Bare, b'\\') => {
                    match next? {
                        b'\n' => {}
                        c => self.push(&[c]),
                    }
                    at += 1;
                }
                (State::Bare, b'\'') => {
                    self.push(b"");
                    self.state = State::Single;
                }
                (State::Bare, b'"') => {
                    self.push(b"");
                    self.state = State::Double;
                }
                (State::Bare, _) => {
                    let is_plain = byte.is_ascii_alphanumeric() || b"_-./,:+@%=".contains(&byte);
                    if !is_plain {
                        return None;
                    }
                    self.push(&[byte]);
                }
            }
        }
        Some(())
    }
}
