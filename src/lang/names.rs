//! The words of the language: what a name is, and every verb, item, attribute and keyword.

use super::ast::Verb;

/// Words that select, add or join in a header; as bare words they are nothing else.
pub const KEYWORDS: [&str; 6] = ["suffix", "match", "regex", "with", "using", "x"];

/// Verbs by name.
pub const VERBS: [(&str, Verb); 10] = [
    ("originate", Verb::Originate),
    ("transform", Verb::Transform),
    ("split", Verb::Split),
    ("subdivide", Verb::Subdivide),
    ("merge", Verb::Merge),
    ("collate", Verb::Collate),
    ("product", Verb::Product),
    ("combinations", Verb::Combinations),
    ("permutations", Verb::Permutations),
    (
        "combinations_with_replacement",
        Verb::CombinationsWithReplacement,
    ),
];

/// Items that are no rules.
pub const SETTINGS: [&str; 13] = [
    "param",
    "let",
    "jobs_limit",
    "table",
    "shell",
    "python",
    "preload",
    "env",
    "include",
    "use",
    "target",
    "default",
    "checksum_level",
];

/// An attribute of a rule, and how many values it takes.
#[derive(Clone, Copy, Debug)]
pub struct AttributeForm {
    pub name: &'static str,
    pub least: usize,
    pub most: usize,
    /// How it is written, for messages.
    pub usage: &'static str,
}

const MANY: usize = usize::MAX;

const fn form(name: &'static str, least: usize, most: usize, usage: &'static str) -> AttributeForm {
    AttributeForm {
        name,
        least,
        most,
        usage,
    }
}

/// Every attribute.
pub const ATTRIBUTES: [AttributeForm; 29] = [
    form("jobs_limit", 1, 1, "jobs_limit NAME"),
    form("cores", 1, 1, "cores 4"),
    form("mem", 1, 1, "mem 8G"),
    form("gpus", 1, 1, "gpus 1"),
    form("time", 1, 1, "time 2h"),
    form("retries", 1, 1, "retries 3"),
    form("backoff", 1, 1, "backoff 30s"),
    form("after", 1, MANY, "after RULE"),
    form("active_if", 1, 3, "active_if PARAM == \"x\""),
    form("always", 0, 0, "always"),
    form("check", 1, 1, "check \"COMMAND\""),
    form("then", 1, 2, "then \"COMMAND\""),
    form("temp", 0, 0, "temp"),
    form("protected", 0, 0, "protected"),
    form("update", 0, 0, "update"),
    form("optional", 0, 0, "optional"),
    form("deps", 1, 1, "deps FILE"),
    form("ancient", 1, MANY, "ancient NAME"),
    form("priority", 1, 1, "priority 10"),
    form("env", 1, 1, "env NAME=VALUE"),
    form("workdir", 1, 1, "workdir DIR"),
    form("shell", 1, MANY, "shell bash -c"),
    form("stdout", 1, 1, "stdout FILE"),
    form("stderr", 1, 1, "stderr FILE"),
    form("queue", 1, 1, "queue NAME"),
    form("native", 1, 1, "native \"-l foo=1\""),
    form("local", 0, 0, "local"),
    form("group", 1, 1, "group 10"),
    form("checksum_level", 1, 1, "checksum_level 3"),
];

/// The verb of this name.
pub fn verb(name: &str) -> Option<Verb> {
    let found = VERBS.iter().find(|(text, _)| *text == name);
    found.map(|(_, verb)| *verb)
}

/// The name of this verb.
pub fn verb_name(verb: Verb) -> &'static str {
    let found = VERBS.iter().find(|(_, each)| *each == verb);
    found.map_or("", |(name, _)| name)
}

/// The attribute of this name.
pub fn attribute(name: &str) -> Option<&'static AttributeForm> {
    ATTRIBUTES.iter().find(|form| form.name == name)
}

/// Bytes of the name that `text` begins with; 0 when it begins with none.
pub fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let length = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => 1,
            b'0'..=b'9' if at > 0 => 1,
            // `a->b` is a name and an arrow.
            b'-' if at > 0 && bytes.get(at + 1) != Some(&b'>') => 1,
            0..0x80 => break,
            _ => match text[at..].chars().next() {
                Some(c) if c.is_alphabetic() || at > 0 && c.is_alphanumeric() => c.len_utf8(),
                _ => break,
            },
        };
        at += length;
    }
    at
}

/// Whether the whole text is a name.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && name_length(text) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_letter() {
        for good in ["a", "_x", "trim-2", "größe", "A_b"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "2a", "-a", "a.b", "a b", "a->"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert_eq!(name_length("samples->a"), 7);
    }
}
