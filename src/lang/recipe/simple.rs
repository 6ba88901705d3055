//! Recognises recipes that are one simple command, which can be started without a shell.

use super::{KEYWORDS, Part};
use crate::lang::quote::Place;

/// A piece of a command's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WordPart {
    /// Bytes as the command sees them: quotes and backslashes are gone.
    Text(Vec<u8>),
    /// An index into [`RecipeText::parts`](super::RecipeText::parts): a placeholder, or what was
    /// one before its name turned out to be unknown.
    Part(usize),
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

/// The words of the command, if the text is one.
pub(super) fn words(text: &str, parts: &[Part]) -> Option<Vec<Vec<WordPart>>> {
    let end = text.trim_end_matches('\n').len();
    let mut splitter = Splitter {
        words: Vec::new(),
        word: None,
        state: State::Bare,
    };
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(range) => {
                let bytes = &text.as_bytes()[range.start..range.end.min(end).max(range.start)];
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
    splitter.words.extend(splitter.word.take());
    let words = splitter.words;
    let [WordPart::Text(command)] = words.first()?.as_slice() else {
        return None;
    };
    let command = str::from_utf8(command).ok()?;
    let is_taken = BUILTINS.contains(&command) || KEYWORDS.contains(&command);
    let is_command = !command.is_empty() && !command.contains('=') && !command.starts_with('%');
    (is_command && !is_taken).then_some(words)
}

struct Splitter {
    words: Vec<Vec<WordPart>>,
    word: Option<Vec<WordPart>>,
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
                (State::Bare, b' ' | b'\t') => self.words.extend(self.word.take()),
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
