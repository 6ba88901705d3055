//! Reads the regular expressions of filters: what is wrong with one, and where; and makes one fit
//! to be a part of a larger one.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{self, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange};
use regex_syntax::hir::{Hir, HirKind, Look};

use super::PatternError;

/// How deep groups may nest; it bounds the recursion below.
const MAX_NESTING: u32 = 64;

/// No path is a tenth as long, and the tree of an expression takes a hundred times its length.
const LONGEST: usize = 32 << 10;

/// A constraint on a capture, ready to stand inside a larger expression.
pub(super) struct Constraint {
    pub regex: String,
    /// True when it prefers the shortest text: it has a lazy repetition.
    pub is_lazy: bool,
}

impl Constraint {
    pub fn greedy(regex: &str) -> Constraint {
        Constraint {
            regex: regex.into(),
            is_lazy: false,
        }
    }
}

/// The syntax tree of `source`, or what is wrong with it.
pub(super) fn parse(source: &str) -> Result<Hir, PatternError> {
    if source.len() > LONGEST {
        return Err(PatternError::new("the regular expression is too big"));
    }
    let mut parser = ParserBuilder::new();
    let parser = parser.utf8(false).nest_limit(MAX_NESTING);
    parser.build().parse(source).map_err(|error| {
        let (message, span) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span())),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span())),
            _ => (error.to_string(), None),
        };
        PatternError {
            message,
            range: span.map(|span| span.start.offset..span.end.offset),
            capture: None,
        }
    })
}

/// The constraint `source` without groups of its own, and unless `spans_folders` without `/`.
pub(super) fn constraint(source: &str, spans_folders: bool) -> Result<Constraint, PatternError> {
    let tree = parse(source)?;
    let mut is_lazy = false;
    let fitted = fit(&tree, spans_folders, &mut is_lazy)?;
    Ok(Constraint {
        regex: format!("(?:{fitted})"),
        is_lazy,
    })
}

fn fit(tree: &Hir, spans_folders: bool, is_lazy: &mut bool) -> Result<Hir, PatternError> {
    let mut fit_all = |trees: &[Hir]| -> Result<Vec<Hir>, PatternError> {
        let fitted = trees.iter().map(|tree| fit(tree, spans_folders, is_lazy));
        fitted.collect()
    };
    Ok(match tree.kind() {
        HirKind::Literal(literal) if !spans_folders && literal.0.contains(&b'/') => Hir::fail(),
        HirKind::Class(class) if !spans_folders => Hir::class(without_slash(class)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => tree.clone(),
        HirKind::Look(Look::Start | Look::End) => {
            return Err(PatternError::new(
                "the whole capture has to fit: leave out `^` and `$`",
            ));
        }
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Repetition(repetition) => {
            *is_lazy |= !repetition.greedy && repetition.max != Some(repetition.min);
            Hir::repetition(hir::Repetition {
                sub: Box::new(fit(&repetition.sub, spans_folders, is_lazy)?),
                ..repetition.clone()
            })
        }
        HirKind::Capture(group) => fit(&group.sub, spans_folders, is_lazy)?,
        HirKind::Concat(trees) => Hir::concat(fit_all(trees)?),
        HirKind::Alternation(trees) => Hir::alternation(fit_all(trees)?),
    })
}

fn without_slash(class: &hir::Class) -> hir::Class {
    match class {
        hir::Class::Unicode(class) => {
            let mut class = class.clone();
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('/', '/')]));
            hir::Class::Unicode(class)
        }
        hir::Class::Bytes(class) => {
            let mut class = class.clone();
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'/', b'/')]));
            hir::Class::Bytes(class)
        }
    }
}

/// `text` as a regular expression that matches just it.
pub(super) fn literal(text: &[u8]) -> String {
    Hir::literal(text).to_string()
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;

    fn takes(source: &str, text: &[u8]) -> bool {
        let constraint = constraint(source, false).unwrap();
        let regex = Regex::new(&format!(r"\A{}\z", constraint.regex)).unwrap();
        regex.is_match(text)
    }

    #[test]
    fn a_constraint_takes_no_slash() {
        let cases = [
            (".+", "ab", true),
            (".+", "a/b", false),
            ("[^_]+", "a/b", false),
            ("[^_]+", "ab", true),
            ("a/b|c", "a/b", false),
            ("a/b|c", "c", true),
            ("(?P<x>[0-9]{2})(y)", "12y", true),
            (r"\d+", "17", true),
            ("(?i)abc", "aBC", true),
            ("a||b", "", true),
        ];
        for (source, text, expected) in cases {
            assert_eq!(takes(source, text.as_bytes()), expected, "{source} {text}");
        }
        assert!(takes("(?-u:.)+", b"\xff\xfe"));
        assert!(!takes(".+", b"\xff"));
        assert!(constraint("a.c", true).unwrap().regex != constraint("a.c", false).unwrap().regex);
    }

    #[test]
    fn a_wrong_expression_says_where() {
        let error = parse("a[b").unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.range),
            ("unclosed character class", Some(1..2))
        );
        assert!(parse(&"(".repeat(1000)).is_err());
        assert!(parse(&"a".repeat(LONGEST)).is_ok() && parse(&"a".repeat(LONGEST + 1)).is_err());
        assert!(constraint("^[0-9]+$", false).is_err());
    }

    #[test]
    fn laziness_is_seen() {
        assert!(constraint("(a.+?)b", false).unwrap().is_lazy);
        assert!(!constraint("a.+b?", false).unwrap().is_lazy);
    }

    #[test]
    fn a_literal_matches_just_itself() {
        for text in [&b"a.b*[{\\"[..], b"\xff\x00/\n", "ä".as_bytes(), b""] {
            let regex = Regex::new(&format!(r"\A{}\z", literal(text))).unwrap();
            assert!(regex.is_match(text));
        }
        assert!(
            !Regex::new(&format!(r"\A{}\z", literal(b"a.b")))
                .unwrap()
                .is_match(b"axb")
        );
    }
}
