//! Reads `{name…}`: the one form of placeholders, shared by words and recipes.

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1};
use nom::combinator::{map, map_res, opt, recognize};
use nom::multi::fold_many0;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::ast::{Access, Hole, Name};
use super::names::name_length;
use super::span::{FileId, Span, Spanned};

/// Where a placeholder stands: what may follow its name differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// In a word: `{**name}` and `{name:REGEX}`.
    Word,
    /// In a recipe: `{name:raw}`.
    Recipe,
}

/// The hole that `text` begins with and its length; `base` is where `text` stands in the file.
pub(super) fn read(file: FileId, base: usize, text: &str, style: Style) -> Option<(Hole, usize)> {
    let in_word = style == Style::Word;
    let after_brace = text.strip_prefix('{')?;
    let (rest, stars) = stars(after_brace).ok()?;
    if stars && !in_word {
        return None;
    }
    let name_at = text.len() - rest.len();
    let (rest, name) = name(rest).ok()?;
    // `many0` would make room for four where most have none.
    let push = |mut all: Vec<Access>, one| {
        all.push(one);
        all
    };
    let (rest, access) = fold_many0(access, Vec::new, push).parse(rest).ok()?;
    let span = |start: usize, end: usize| Span {
        file,
        start: (base + start) as u32,
        end: (base + end) as u32,
    };
    let spanned = |value: &str, start: usize| -> Name {
        Spanned {
            value: value.to_string(),
            span: span(start, start + value.len()),
        }
    };
    let (constraint, is_raw, length) = if rest.starts_with('}') {
        (None, false, text.len() - rest.len() + 1)
    } else if in_word {
        let regex = rest.strip_prefix(':')?;
        let at = text.len() - regex.len();
        let length = regex_length(regex)?;
        let regex = spanned(&regex[..length], at);
        (Some(Box::new(regex)), false, at + length + 1)
    } else {
        let rest = rest.strip_prefix(":raw}")?;
        (None, true, text.len() - rest.len())
    };
    let hole = Hole {
        span: span(0, length),
        name: spanned(name, name_at),
        access,
        spans_folders: stars,
        constraint,
        is_raw,
    };
    Some((hole, length))
}

fn stars(text: &str) -> IResult<&str, bool> {
    map(opt(tag("**")), |found| found.is_some()).parse(text)
}

fn name(text: &str) -> IResult<&str, &str> {
    match name_length(text) {
        0 => Err(nom::Err::Error(nom::error::Error::new(
            text,
            nom::error::ErrorKind::Alpha,
        ))),
        length => Ok((&text[length..], &text[..length])),
    }
}

fn access(text: &str) -> IResult<&str, Access> {
    let number = recognize((opt(char('-')), digit1));
    let index = delimited(char('['), map_res(number, str::parse::<i64>), char(']'));
    let part = preceded(char('.'), name);
    alt((
        map(index, Access::Index),
        map(part, |name: &str| Access::Part(name.to_string())),
    ))
    .parse(text)
}

/// Bytes of a regular expression up to the `}` that closes the hole around it, which is on the
/// same line. Braces in a class or behind a backslash do not count.
fn regex_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut braces, mut class_depth) = (0, 0usize, 0usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => return None,
            b'\\' if bytes.get(at + 1) != Some(&b'\n') => at += 1,
            b'[' => {
                class_depth += 1;
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                // A `]` that comes first is a member of the class.
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b']' if class_depth > 0 => class_depth -= 1,
            b'{' if class_depth == 0 => braces += 1,
            b'}' if class_depth == 0 && braces == 0 => return Some(at),
            b'}' if class_depth == 0 => braces -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str, style: Style) -> usize {
        read(FileId(0), 0, text, style).map_or(0, |(_, length)| length)
    }

    #[test]
    fn placeholders_end_at_their_own_brace() {
        for whole in [
            "{a}",
            "{a[0]}",
            "{input[-1].parts[2]}",
            "{**a}",
            "{a:[0-9]{3}}",
            "{a:[^}]+}",
            "{a:[]}]x}",
            "{a:\\}}",
            "{a:raw}",
        ] {
            assert_eq!(length(whole, Style::Word), whole.len(), "{whole}");
            assert_eq!(length(&format!("{whole}}}x"), Style::Word), whole.len());
        }
        for whole in ["{a}", "{a[0]}", "{a.b:raw}", "{a-b}"] {
            assert_eq!(length(whole, Style::Recipe), whole.len(), "{whole}");
        }
    }

    #[test]
    fn other_braces_are_text() {
        let texts = [
            "{}",
            "{4}",
            "{1..9}",
            "{a,b}",
            "{ x }",
            "{n++}",
            "{a:3}",
            "{**a}",
            "{a[x]}",
            "{a",
            "{a[99999999999999999999]}",
            "{a.}",
        ];
        for text in texts {
            assert_eq!(length(text, Style::Recipe), 0, "{text}");
        }
        assert_eq!(length("{a:[0-9", Style::Word), 0);
    }
}
