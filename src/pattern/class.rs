//! One bracket expression of a glob, `[a-z]`: which characters it stands for.

use super::PatternError;

/// A set of characters, never with `/` in it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Class {
    is_negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    /// Reads `[a-z_]`, `[!a-z]` or `[^a-z]`; a `]` that comes first and a `-` at an end are
    /// themselves, and so is what follows a backslash.
    pub fn parse(source: &str) -> Result<Class, PatternError> {
        let wrong = |what: &str| Err(PatternError::new(format!("`{source}` {what}")));
        let Some(inner) = source.strip_prefix('[').and_then(|s| s.strip_suffix(']')) else {
            return wrong("lacks a bracket");
        };
        let unmarked = inner.strip_prefix(['!', '^']);
        let is_negated = unmarked.is_some();
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut chars = unmarked.unwrap_or(inner).chars().peekable();
        // The first end of a range whose `-` was read.
        let mut from: Option<char> = None;
        while let Some(read) = chars.next() {
            let is_plain_dash =
                read == '-' && from.is_none() && !ranges.is_empty() && chars.peek().is_some();
            if is_plain_dash {
                from = ranges.pop().map(|(_, last)| last);
                continue;
            }
            let character = match read {
                '\\' => chars.next().unwrap_or('\\'),
                other => other,
            };
            match from.take() {
                Some(first) if first > character => return wrong("has a range from high to low"),
                Some(first) => {
                    ranges.push((first, character));
                    // A `-` after a range is itself.
                    if chars.peek() == Some(&'-') {
                        chars.next();
                        ranges.push(('-', '-'));
                    }
                }
                None => ranges.push((character, character)),
            }
        }
        if ranges.is_empty() {
            return wrong("stands for no character");
        }
        Ok(Class { is_negated, ranges })
    }

    /// Whether the character is in the class; `None` is a byte that is no character.
    pub fn contains(&self, character: Option<char>) -> bool {
        let Some(character) = character else {
            return self.is_negated;
        };
        let is_listed = (self.ranges.iter()).any(|&(a, b)| (a..=b).contains(&character));
        is_listed != self.is_negated && character != '/'
    }

    /// True when every character of the class is one byte.
    pub fn is_ascii(&self) -> bool {
        !self.is_negated && self.ranges.iter().all(|(_, last)| last.is_ascii())
    }

    /// The class as a regular expression over bytes.
    pub fn to_regex(&self) -> String {
        let mut listed = String::new();
        for &(first, last) in &self.ranges {
            listed += &format!("\\x{{{:x}}}-\\x{{{:x}}}", first as u32, last as u32);
        }
        match self.is_negated {
            true => format!(r"(?:[^/{listed}]|(?-u:[\x80-\xFF]))"),
            false => format!("[{listed}&&[^/]]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_in_a_shell() {
        // Class, what it takes, what it does not.
        let cases = [
            ("[abc]", "abc", "d-/"),
            ("[a-c_]", "abc_", "d-"),
            ("[!a-c]", "dä-", "abc/"),
            ("[^a]", "b^", "a"),
            ("[]a]", "]a", "["),
            ("[!]a]", "[b", "]a"),
            ("[a-]", "a-", "b"),
            ("[-a]", "-a", "b"),
            ("[a-c-e]", "abc-e", "d"),
            (r"[\]\\]", r"]\", "a"),
            ("[ä-ü]", "äöü", "az"),
            ("[.-0]", ".0", "/"),
        ];
        for (source, inside, outside) in cases {
            let class = Class::parse(source).unwrap();
            let regex = regex::bytes::Regex::new(&format!("^{}$", class.to_regex())).unwrap();
            for (text, expected) in [(inside, true), (outside, false)] {
                for c in text.chars() {
                    assert_eq!(class.contains(Some(c)), expected, "{source} {c}");
                    assert_eq!(
                        regex.is_match(c.to_string().as_bytes()),
                        expected,
                        "{source} {c}"
                    );
                }
            }
            assert_eq!(class.contains(None), regex.is_match(b"\xff"));
        }
    }

    #[test]
    fn a_class_of_nothing_is_an_error() {
        for source in ["[]", "[!]", "[z-a]", "[a"] {
            assert!(Class::parse(source).is_err(), "{source}");
        }
    }
}
