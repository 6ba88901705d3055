//! Colours: whether there are any, and which role has which. Meaning never hangs on them alone.

use std::ffi::OsStr;
use std::fmt;

use anstyle::{AnsiColor, Style as Ansi};

/// What `--color` was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// What a piece of text is; each role has a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Error,
    Warning,
    Good,
    /// What a reader should find first.
    Strong,
    /// What a reader may pass over.
    Faint,
}

/// With or without colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    pub is_coloured: bool,
}

/// Text in its role's colour; made by [`Style::paint`].
pub struct Painted<T> {
    ansi: Ansi,
    value: T,
}

impl Style {
    /// Decides for one stream. In order: `--color`, `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb`, and
    /// whether the stream is a terminal. `variable` looks into the environment.
    pub fn decide<V: AsRef<OsStr>>(
        when: When,
        variable: impl Fn(&str) -> Option<V>,
        is_terminal: bool,
    ) -> Style {
        let is_set = |name| variable(name).is_some_and(|value| !value.as_ref().is_empty());
        let is = |name, text: &str| variable(name).is_some_and(|value| value.as_ref() == text);
        let is_coloured = match when {
            When::Always => true,
            When::Never => false,
            When::Auto if is_set("NO_COLOR") => false,
            When::Auto if is_set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") => true,
            When::Auto => is_terminal && !is("TERM", "dumb"),
        };
        Style { is_coloured }
    }

    pub fn paint<T: fmt::Display>(self, role: Role, value: T) -> Painted<T> {
        let ansi = match role {
            _ if !self.is_coloured => Ansi::new(),
            Role::Error => AnsiColor::BrightRed.on_default().bold(),
            Role::Warning => AnsiColor::Yellow.on_default().bold(),
            Role::Good => AnsiColor::Green.on_default(),
            Role::Strong => Ansi::new().bold(),
            Role::Faint => Ansi::new().dimmed(),
        };
        Painted { ansi, value }
    }
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}{}{:#}", self.ansi, self.value, self.ansi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decided_in_order() {
        use When::*;
        let cases: [(When, &str, bool, bool); 12] = [
            (Auto, "", true, true),
            (Auto, "", false, false),
            (Auto, "TERM=dumb", true, false),
            (Auto, "TERM=xterm", true, true),
            (Auto, "NO_COLOR=1", true, false),
            (Auto, "NO_COLOR=", true, true),
            (Auto, "CLICOLOR_FORCE=1", false, true),
            (Auto, "CLICOLOR_FORCE=0", false, false),
            (Auto, "CLICOLOR_FORCE=1 TERM=dumb", false, true),
            (Auto, "CLICOLOR_FORCE=1 NO_COLOR=1", true, false),
            (Always, "NO_COLOR=1 TERM=dumb", false, true),
            (Never, "CLICOLOR_FORCE=1", true, false),
        ];
        for (when, environment, is_terminal, expected) in cases {
            let variable = |name: &str| {
                environment
                    .split(' ')
                    .filter_map(|pair| pair.split_once('='))
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value)
            };
            let style = Style::decide(when, variable, is_terminal);
            assert_eq!(style.is_coloured, expected, "{when:?} {environment}");
        }
    }

    #[test]
    fn without_colour_text_is_as_it_was() {
        let plain = Style::default();
        assert_eq!(plain.paint(Role::Error, "x").to_string(), "x");
        let coloured = Style { is_coloured: true };
        let text = coloured.paint(Role::Strong, "x").to_string();
        assert_eq!(text, "\x1b[1mx\x1b[0m");
    }
}
