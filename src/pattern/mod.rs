//! Selecting and naming files: suffixes, templates, regular expressions, globs.
//!
//! Paths are bytes with `/` between folders. A word comes here with its params filled in: what is
//! still open in it are globs and captures. Names of captures are numbers; their text stays with
//! the caller.

mod class;
mod constraint;
pub mod facts;
mod fill;
mod filter;
mod glob;
mod listing;
mod nearest;
mod repeat;
mod shape;
mod template;
#[cfg(test)]
mod testing;
mod walk;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bstr::BString;

pub use facts::clean;
pub use fill::{fill, fill_glob};
pub use filter::{Captures, Filter};
pub use glob::Glob;
pub use listing::Listing;
pub use nearest::{nearest_of, nearest_path};
pub use shape::{Shape, intersects};

crate::define_id!(
    /// The name of a capture, interned by the caller.
    NameId
);

/// How many words `{a,b}` and `**` may stand for in one pattern.
const MAX_ALTERNATIVES: usize = 1024;

/// A word that names files: literal text, globs and captures.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pattern(pub Vec<Part>);

/// One piece of a [`Pattern`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Bytes that stand for themselves.
    Text(BString),
    /// `*`: any characters but `/`.
    Star,
    /// `**`: any characters, also `/`; between slashes any number of folders, also none.
    DoubleStar,
    /// `?`: one character but `/`.
    Any,
    /// `[a-z]`, `[!a-z]`, with its brackets.
    Class(String),
    /// `{a,b}`: one of these.
    OneOf(Vec<Vec<Part>>),
    /// `{name}`, `{name:[0-9]+}`, `{**name}`.
    Capture(Capture),
}

/// A named part of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    pub name: NameId,
    /// `{**name}`: the text may contain `/`.
    pub spans_folders: bool,
    /// `{name:REGEX}`: what the text may be.
    pub constraint: Option<String>,
}

/// What is wrong with a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    pub message: String,
    /// Where in the regular expression, in bytes.
    pub range: Option<Range<usize>>,
    /// The capture whose regular expression it is.
    pub capture: Option<NameId>,
}

impl PatternError {
    fn new(message: impl Into<String>) -> Self {
        PatternError {
            message: message.into(),
            range: None,
            capture: None,
        }
    }
}

/// As `text.starts_with(start)`. The texts of words are of a few bytes mostly, and so these are compared
/// one by one: memcmp loads 32, and waits for what was just written behind the few.
fn begins_with(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && text.iter().zip(start).all(|(one, other)| one == other)
}

/// As `text.ends_with(end)`; see [`begins_with`].
fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let rest = text.len().checked_sub(end.len());
    rest.is_some_and(|rest| begins_with(&text[rest..], end))
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PatternError {}

impl Capture {
    /// `{name}`.
    pub fn plain(name: NameId) -> Self {
        Capture {
            name,
            spans_folders: false,
            constraint: None,
        }
    }
}

impl Pattern {
    /// A pattern that is one literal path.
    pub fn text(text: impl Into<BString>) -> Self {
        let mut pattern = Pattern::default();
        pattern.push_text(text.into().as_slice());
        pattern
    }

    /// Appends a part; text that touches text becomes one part.
    pub fn push(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.push_text(&text),
            part => self.0.push(part),
        }
    }

    /// Appends bytes that stand for themselves.
    pub fn push_text(&mut self, text: &[u8]) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) => before.extend_from_slice(text),
            _ => self.0.push(Part::Text(text.into())),
        }
    }

    /// True when the pattern names one path: it has neither globs nor captures.
    pub fn is_literal(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The one path the pattern names.
    pub fn literal(&self) -> Option<BString> {
        let mut path = BString::default();
        for part in &self.0 {
            match part {
                Part::Text(text) => path.extend_from_slice(text),
                _ => return None,
            }
        }
        Some(path)
    }

    /// True when a glob is in it.
    pub fn has_glob(&self) -> bool {
        let is_glob = |part: &Part| !matches!(part, Part::Text(_) | Part::Capture(_));
        self.0.iter().any(is_glob)
    }

    /// Every part in order, those inside `{a,b}` instead of it.
    fn leaves(&self) -> impl Iterator<Item = &Part> {
        let mut open: Vec<&Part> = self.0.iter().rev().collect();
        std::iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Part::OneOf(choices) => {
                        open.extend(choices.iter().rev().flat_map(|choice| choice.iter().rev()));
                    }
                    part => return Some(part),
                }
            }
        })
    }

    /// The captures in order; a name used twice comes twice.
    pub fn captures(&self) -> impl Iterator<Item = &Capture> {
        self.leaves().filter_map(|part| match part {
            Part::Capture(capture) => Some(capture),
            _ => None,
        })
    }

    /// The same word with a glob in the place of each capture: `*`, or `**` where it spans folders.
    ///
    /// It selects at least what the word can match as a template.
    pub fn to_globs(&self) -> Pattern {
        let parts = self.0.iter().map(|part| match part {
            Part::Capture(capture) if capture.spans_folders => Part::DoubleStar,
            Part::Capture(_) => Part::Star,
            part => part.clone(),
        });
        Pattern(parts.collect())
    }

    /// The same word less `./` in front, `/./` and `//`: what [`clean`] does to a path.
    pub fn clean(&self) -> Cow<'_, Pattern> {
        match self.is_clean() {
            true => Cow::Borrowed(self),
            false => Cow::Owned(self.cleaned()),
        }
    }

    /// Whether nothing is to be taken away, and no text touches another; most words are so.
    fn is_clean(&self) -> bool {
        let is_text = |at: usize| matches!(self.0.get(at), Some(Part::Text(_)));
        self.0.iter().enumerate().all(|(n, part)| {
            let Part::Text(text) = part else {
                return true;
            };
            let is_last = n + 1 == self.0.len();
            let says_nothing = |(at, _)| {
                let rest = &text[at + 1..];
                rest.starts_with(b"./") || rest.starts_with(b"/") || is_last && rest == b"."
            };
            let is_slash = |(_, byte): &(usize, &u8)| **byte == b'/';
            let mut slashes = text.iter().enumerate().filter(is_slash);
            !(text.is_empty()
                || is_text(n + 1)
                || n == 0 && text.starts_with(b"./")
                || slashes.any(says_nothing))
        })
    }

    fn cleaned(&self) -> Pattern {
        let mut cleaned = Pattern::default();
        // True at the start and after a `/`: where a `./` or one more `/` says nothing.
        let mut at_component = true;
        let mut is_first = true;
        for (n, part) in self.0.iter().enumerate() {
            let is_last = n + 1 == self.0.len();
            let Part::Text(text) = part else {
                cleaned.push(part.clone());
                (at_component, is_first) = (false, false);
                continue;
            };
            let (mut at, mut kept_to) = (0, 0);
            while let Some(&byte) = text.get(at) {
                let rest = &text[at..];
                let says_nothing = match at_component {
                    true if rest.starts_with(b"./") => 2,
                    true if !is_first && (byte == b'/' || is_last && rest == b".") => 1,
                    _ => 0,
                };
                is_first = false;
                if says_nothing > 0 {
                    cleaned.push_text(&text[kept_to..at]);
                    at += says_nothing;
                    kept_to = at;
                } else {
                    at_component = byte == b'/';
                    at += 1;
                }
            }
            cleaned.push_text(&text[kept_to..]);
        }
        if cleaned.0.is_empty() && !self.0.is_empty() {
            cleaned.push_text(b"./");
        }
        cleaned
    }

    /// The word as one would write it, captures named by `name`.
    pub fn spell(&self, name: &dyn Fn(NameId) -> String) -> BString {
        enum Item<'a> {
            Part(&'a Part),
            Mark(u8),
        }
        let mut spelt = BString::default();
        let mut open: Vec<Item> = self.0.iter().rev().map(Item::Part).collect();
        while let Some(item) = open.pop() {
            match item {
                Item::Mark(mark) => spelt.push(mark),
                Item::Part(Part::Text(text)) => spelt.extend_from_slice(text),
                Item::Part(Part::Star) => spelt.push(b'*'),
                Item::Part(Part::DoubleStar) => spelt.extend_from_slice(b"**"),
                Item::Part(Part::Any) => spelt.push(b'?'),
                Item::Part(Part::Class(class)) => spelt.extend_from_slice(class.as_bytes()),
                Item::Part(Part::Capture(capture)) => {
                    let folders = if capture.spans_folders { "**" } else { "" };
                    let colon = capture.constraint.as_ref().map_or("", |_| ":");
                    let constraint = capture.constraint.as_deref().unwrap_or("");
                    let text = format!("{{{folders}{}{colon}{constraint}}}", name(capture.name));
                    spelt.extend_from_slice(text.as_bytes());
                }
                Item::Part(Part::OneOf(choices)) => {
                    open.push(Item::Mark(b'}'));
                    for (n, choice) in choices.iter().enumerate().rev() {
                        open.extend(choice.iter().rev().map(Item::Part));
                        open.push(Item::Mark(if n == 0 { b'{' } else { b',' }));
                    }
                }
            }
        }
        spelt
    }
}

/// The words that `{a,b}` make of `parts`, in order; none of their parts is a `OneOf`.
fn alternatives(parts: &[Part]) -> Result<Vec<Pattern>, PatternError> {
    let mut lines = Vec::new();
    // What is settled of a word, and what is still to read, its next part last.
    let mut open: Vec<(Pattern, Vec<&Part>)> =
        vec![(Pattern::default(), parts.iter().rev().collect())];
    while let Some((mut settled, mut rest)) = open.pop() {
        loop {
            match rest.pop() {
                None => {
                    lines.push(settled);
                    break;
                }
                Some(Part::OneOf(choices)) => {
                    for choice in choices.iter().rev() {
                        let mut rest = rest.clone();
                        rest.extend(choice.iter().rev());
                        open.push((settled.clone(), rest));
                    }
                    break;
                }
                Some(part) => settled.push(part.clone()),
            }
        }
        if lines.len() + open.len() > MAX_ALTERNATIVES {
            return Err(too_many_alternatives());
        }
    }
    Ok(lines)
}

fn too_many_alternatives() -> PatternError {
    PatternError::new(format!(
        "the braces stand for more than {MAX_ALTERNATIVES} words"
    ))
}

#[cfg(test)]
mod tests {
    use super::testing::{parse, spell};

    #[test]
    fn braces_stand_for_words_in_order() {
        let pattern = parse("a{b,c{d,},}e{f,g}");
        let lines = super::alternatives(&pattern.0).unwrap();
        let words: Vec<String> = lines.iter().map(spell).collect();
        let expected = [
            "abef", "abeg", "acdef", "acdeg", "acef", "aceg", "aef", "aeg",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn too_many_braces_are_an_error() {
        let error = super::alternatives(&parse(&"{a,b}".repeat(11)).0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the braces stand for more than 1024 words"
        );
    }

    #[test]
    fn a_pattern_is_spelt_as_it_was_written() {
        for word in ["a/{x}_*.{fq,f{a,b}?}", "{**x}/**/[!a]{y:[0-9]+}", ""] {
            assert_eq!(spell(&parse(word)), word);
        }
    }

    #[test]
    fn a_word_is_cleaned_around_its_captures() {
        let cases = [
            ("./a/{x}", "a/{x}"),
            ("{x}/./b//c", "{x}/b/c"),
            ("{x}./b", "{x}./b"),
            (".//./*", "*"),
            ("/.//a", "/a"),
            ("{x}/.", "{x}/"),
            (".", "."),
            ("./", "./"),
            ("a/{x}/", "a/{x}/"),
            ("/", "/"),
            ("//", "/"),
            ("/{x}//", "/{x}/"),
            ("a/.{x}", "a/.{x}"),
            ("a/.", "a/"),
        ];
        for (word, expected) in cases {
            let pattern = parse(word);
            assert_eq!(spell(&pattern.clean()), expected, "{word}");
            assert_eq!(
                pattern.is_clean(),
                word == expected && word != "./",
                "{word}"
            );
            assert_eq!(*pattern.clean(), pattern.cleaned(), "{word}");
        }
    }

    #[test]
    fn captures_are_found_inside_braces() {
        let pattern = parse("{a}/{x,{b}}{c:[0-9]}");
        let names: Vec<u32> = pattern.captures().map(|capture| capture.name.0).collect();
        assert_eq!(names, [u32::from(b'a'), u32::from(b'b'), u32::from(b'c')]);
        assert!(pattern.has_glob() && !pattern.is_literal());
        assert_eq!(parse("a b").literal().unwrap(), "a b");
    }
}
