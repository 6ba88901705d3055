//! What a finished word of a command means: keywords, tests, and words that are read again.

use super::{Case, Rereads};
use crate::lang::quote::Place;
use crate::lang::recipe::shell::Lexer;
use crate::lang::recipe::{Part, warnings};

impl Lexer<'_> {
    /// A word has ended before the cursor, if one was read.
    pub(in crate::lang::recipe::shell) fn end_word(&mut self) {
        let at = self.at;
        let text = self.text;
        let command = self.command();
        if !command.in_word {
            return;
        }
        command.in_word = false;
        let word = match command.is_literal {
            true => &text[command.word_start..at],
            false => "",
        };
        command.after_for = false;
        if std::mem::take(&mut command.is_target) {
            return;
        }
        if command.in_test {
            self.word_in_test(word);
            return;
        }
        match command.cases.last_mut() {
            Some(case @ Case::Subject) => {
                *case = Case::In;
                return;
            }
            Some(case @ Case::In) => {
                *case = Case::Pattern;
                return;
            }
            Some(Case::Pattern) => {
                if word == "esac" {
                    command.cases.pop();
                }
                return;
            }
            _ => {}
        }
        if !command.at_command {
            self.argument(word);
            return;
        }
        match word {
            "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "{" | "!" | "time"
            | "coproc" => return,
            "case" => command.cases.push(Case::Subject),
            "esac" => {
                command.cases.pop();
            }
            "[[" => {
                command.in_test = true;
                command.is_number = false;
            }
            "eval" => command.rereads = Rereads::All,
            "for" => command.after_for = true,
            _ => {
                let start = &text[command.word_start..at];
                // Behind `f()` the function's body follows.
                if is_assignment(start) || start.ends_with("()") {
                    return;
                }
                let program = word.rsplit('/').next().unwrap_or("");
                if matches!(program, "sh" | "bash" | "dash" | "zsh" | "ksh") {
                    command.rereads = Rereads::Shell;
                }
            }
        }
        command.at_command = false;
    }

    /// A word behind a command's name.
    fn argument(&mut self, word: &str) {
        let command = self.command();
        let first = command.word_parts;
        let is_option = word.starts_with(['-', '+']);
        let rereads = match command.rereads {
            Rereads::Shell if is_option && !word.starts_with("--") && word.contains('c') => {
                command.rereads = Rereads::Next;
                return;
            }
            // In `-o pipefail` a word of the option, elsewhere a script's name.
            Rereads::Shell if !is_option && word != "pipefail" => {
                command.rereads = Rereads::Nothing;
                return;
            }
            Rereads::Next if is_option || word == "pipefail" => return,
            Rereads::Next => {
                command.rereads = Rereads::Nothing;
                true
            }
            Rereads::All => true,
            Rereads::Nothing | Rereads::Shell => false,
        };
        if rereads {
            let place = self.places;
            let n_commands = self.n_commands;
            for part in &mut self.read.parts[first..] {
                if let Part::Placeholder(placeholder) = part
                    && placeholder.n_commands == n_commands
                {
                    warnings::caution(placeholder, place);
                }
            }
        }
    }

    /// A word between `[[` and `]]`: beside a number's operator, bash evaluates it.
    fn word_in_test(&mut self, word: &str) {
        let mut from = self.read.parts.len();
        let command = self.command();
        match word {
            "]]" => {
                command.in_test = false;
                command.at_command = false;
            }
            "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
                command.is_number = true;
                from = command.last_word_parts;
            }
            _ if command.is_number => {
                command.is_number = false;
                from = command.word_parts;
            }
            _ => {}
        }
        let n_commands = self.n_commands;
        for part in &mut self.read.parts[from..] {
            if let Part::Placeholder(placeholder) = part
                && placeholder.n_commands == n_commands
            {
                placeholder.place = Place::Arithmetic { in_test: true };
            }
        }
    }
}

/// Whether a word that begins a command assigns: `name=…`, `name+=…`, `name[i]=…`.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else {
        return false;
    };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split('[').next().unwrap_or("");
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
