//! Reads the `#!` line of a recipe.

/// What runs a recipe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Interpreter {
    /// The shell of the rule or workflow: no `#!` line.
    Default,
    /// `#!…`
    Script(Box<Script>),
}

/// The words of a `#!` line, and what they say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    pub words: Vec<String>,
    /// The program's own name: `bash` for `/usr/bin/env bash -e`.
    pub program: String,
    pub language: Language,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Placeholders are filled.
    Shell,
    /// `#!python`, and no path: runs in a warm worker.
    Python,
    /// `#!lua`, and no path: runs inside flow.
    Lua,
    /// Any other program, which reads the recipe as a file.
    Other,
}

impl Interpreter {
    /// Whether placeholders are filled.
    pub fn is_shell(&self) -> bool {
        match self {
            Interpreter::Default => true,
            Interpreter::Script(script) => script.language == Language::Shell,
        }
    }
}

pub(super) fn of(text: &str) -> Interpreter {
    let first_line = text.split('\n').next().unwrap_or("");
    let Some(line) = first_line.strip_prefix("#!") else {
        return Interpreter::Default;
    };
    let words: Vec<String> = line.split_whitespace().map(String::from).collect();
    let base = |word: &str| word.rsplit('/').next().unwrap_or("").to_string();
    let mut program = words.first().map_or(String::new(), |word| base(word));
    if program == "env" {
        let is_program = |word: &&String| !word.starts_with('-') && !word.contains('=');
        let found = words.iter().skip(1).find(is_program);
        program = found.map_or(String::new(), |word| base(word));
    }
    let language = match (program.as_str(), words.first().map(String::as_str)) {
        ("sh" | "dash" | "bash" | "zsh" | "ksh", _) => Language::Shell,
        ("python", Some("python")) => Language::Python,
        ("lua", Some("lua")) => Language::Lua,
        _ => Language::Other,
    };
    Interpreter::Script(Box::new(Script {
        words,
        program,
        language,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_language() {
        let language = |line: &str| match of(&format!("{line}\nrest")) {
            Interpreter::Default => None,
            Interpreter::Script(script) => Some(script.language),
        };
        assert_eq!(language("echo"), None);
        for shell in [
            "#!/bin/sh",
            "#!sh",
            "#!/usr/bin/env bash",
            "#! /usr/bin/env -S zsh -e",
        ] {
            assert_eq!(language(shell), Some(Language::Shell), "{shell}");
        }
        assert_eq!(language("#!python"), Some(Language::Python));
        assert_eq!(language("#!/usr/bin/python"), Some(Language::Other));
        assert_eq!(language("#!lua"), Some(Language::Lua));
        assert_eq!(language("#!/usr/bin/env Rscript"), Some(Language::Other));
        assert_eq!(language("#!"), Some(Language::Other));
    }
}
