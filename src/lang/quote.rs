//! Puts values into shell text so that the shell reads back exactly their bytes.
//!
//! Single quotes are the main tool: every shell, in every locale, takes what they hold as it is. A
//! value between double quotes therefore ends them, follows in single quotes, and opens them again,
//! unless it is so plain that backslashes are easier to read.

use std::borrow::{Borrow, Cow};
use std::fmt;

use bstr::{BStr, BString, ByteSlice};

/// Where in a recipe a placeholder stands; this decides how its values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In no quotes. A list becomes several words.
    Bare {
        /// Nothing of the word comes before it.
        begins_word: bool,
        /// It is the whole word.
        is_alone: bool,
    },
    /// In `"…"`. A list is joined by spaces, as in all places below.
    DoubleQuotes {
        begins_word: bool,
        /// `$name` touches it from the left, and must not take the value as more of its name.
        after_variable: bool,
    },
    /// In `'…'`.
    SingleQuotes { begins_word: bool },
    /// In `$'…'`.
    AnsiQuotes,
    /// In a here-document.
    HereDoc {
        /// `<<'END'`: the shell expands nothing in it.
        is_quoted: bool,
        /// `<<-`: tabs at the start of lines are taken off.
        strips_tabs: bool,
    },
    /// In the word or pattern of `${x:-word}`, in no quotes.
    Expansion,
    /// In `"${x:-word}"` or in a here-document's `${x:-word}`: shells disagree about quotes there.
    QuotedExpansion,
    /// In `$(( ))`, a subscript, or beside `-eq` in `[[ ]]`: whole numbers only, because the shell
    /// would evaluate anything else.
    Arithmetic { in_test: bool },
    /// In backticks: nothing can be quoted there in a way all shells agree on.
    Backticks,
}

/// What a value is: only file names get `./` before a leading `-`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    File,
    Text,
}

/// Why values cannot be put into a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unquotable {
    Nul,
    NoNumber,
    EndsHereDoc,
    LosesTabs,
    /// A here-document would drop some: marks that bash uses itself, or a `\` before a line's end.
    LosesBytes,
    /// The place takes no value at all; the lexer refuses it too.
    NoSafeWay,
}

impl fmt::Display for Unquotable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unquotable::Nul => "a value with a NUL byte cannot be passed to a command",
            Unquotable::NoNumber => "arithmetic takes one whole number here, and the value is none",
            Unquotable::EndsHereDoc => "the value makes a line that ends the here-document",
            Unquotable::LosesTabs => "`<<-` would take tabs off the value",
            Unquotable::LosesBytes => {
                "the shell would lose bytes of the value in this here-document"
            }
            Unquotable::NoSafeWay => "no value is safe here",
        })
    }
}

impl std::error::Error for Unquotable {}

/// Appends `values` to `out`, which ends with the text before the placeholder, written for `place`.
///
/// Whether a here-document's line came out equal to its delimiter only the whole text shows:
/// [`RecipeText::render`](super::recipe::RecipeText::render) looks.
pub fn quote<V: Borrow<BStr>>(
    place: &Place,
    kind: ValueKind,
    values: &[V],
    out: &mut Vec<u8>,
) -> Result<(), Unquotable> {
    if values.iter().any(|value| value.borrow().contains(&0)) {
        return Err(Unquotable::Nul);
    }
    match *place {
        Place::Bare { is_alone, .. } => {
            for (at, value) in words(place, kind, values).enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                let stands_alone = is_alone || at > 0 && at + 1 < values.len();
                if stands_alone && is_plain(&value) {
                    out.extend_from_slice(&value);
                } else {
                    single(&value, out);
                }
            }
        }
        Place::DoubleQuotes { after_variable, .. } => {
            let text = joined(place, kind, values);
            if !after_variable && text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
                escape(&text, b"$`\"\\", out);
            } else {
                out.push(b'"');
                single(&text, out);
                out.push(b'"');
            }
        }
        Place::SingleQuotes { .. } => inside_single(&joined(place, kind, values), out),
        Place::AnsiQuotes => {
            out.push(b'\'');
            single(&joined(place, kind, values), out);
            out.extend_from_slice(b"$'");
        }
        Place::HereDoc {
            is_quoted,
            strips_tabs,
        } => {
            let text = joined(place, kind, values);
            if text.iter().any(|byte| matches!(byte, 0x01 | 0x7f)) {
                return Err(Unquotable::LosesBytes);
            }
            if strips_tabs && loses_tabs(&text, out) {
                return Err(Unquotable::LosesTabs);
            }
            escape(&text, if is_quoted { b"" } else { b"$`\\" }, out);
        }
        Place::Expansion => {
            for (at, value) in words(place, kind, values).enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                single(&value, out);
            }
        }
        Place::Arithmetic { in_test } => {
            let [value] = values else {
                return Err(Unquotable::NoNumber);
            };
            let value: &[u8] = value.borrow();
            let digits = value.strip_prefix(b"-").unwrap_or(value);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(Unquotable::NoNumber);
            }
            // `5-{n}` with -3 would be a decrement.
            let wraps = digits.len() < value.len() && !in_test;
            out.extend_from_slice(if wraps { b"(" } else { b"" });
            out.extend_from_slice(value);
            out.extend_from_slice(if wraps { b")" } else { b"" });
        }
        Place::QuotedExpansion | Place::Backticks => return Err(Unquotable::NoSafeWay),
    }
    Ok(())
}

/// The values as the command is to see them in this place, one by one.
pub(super) fn words<'v, V: Borrow<BStr>>(
    place: &Place,
    kind: ValueKind,
    values: &'v [V],
) -> impl Iterator<Item = Cow<'v, BStr>> {
    let (first_begins, others_begin) = match *place {
        Place::Bare { begins_word, .. } => (begins_word, true),
        Place::DoubleQuotes { begins_word, .. } | Place::SingleQuotes { begins_word } => {
            (begins_word, begins_word)
        }
        _ => (false, false),
    };
    values.iter().enumerate().map(move |(at, value)| {
        let value: &BStr = value.borrow();
        let begins = if at == 0 { first_begins } else { others_begin };
        if begins && kind == ValueKind::File && value.starts_with(b"-") {
            Cow::Owned(BString::from([b"./".as_slice(), value].concat()))
        } else {
            Cow::Borrowed(value)
        }
    })
}

/// The values in one, as places in quotes take them.
pub(super) fn joined<V: Borrow<BStr>>(place: &Place, kind: ValueKind, values: &[V]) -> Vec<u8> {
    let mut text = Vec::new();
    for (at, value) in words(place, kind, values).enumerate() {
        if at > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(&value);
    }
    text
}

/// Appends `'value'`.
fn single(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    inside_single(value, out);
    out.push(b'\'');
}

fn inside_single(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        match byte {
            b'\'' => out.extend_from_slice(br"'\''"),
            _ => out.push(byte),
        }
    }
}

fn escape(value: &[u8], special: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// Whether a word of these bytes needs no quotes wherever a whole word may stand. No `=`, which
/// would assign; no keyword.
fn is_plain(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(byte);
    !value.is_empty()
        && value.iter().all(plain)
        && !super::recipe::KEYWORDS
            .iter()
            .any(|word| word.as_bytes() == value)
}

/// Whether `<<-` would take tabs off the value, which follows `out`, or off what follows it.
fn loses_tabs(value: &[u8], out: &[u8]) -> bool {
    let line = out.rsplit(|&byte| byte == b'\n').next().unwrap_or(b"");
    let at_line_start = line.iter().all(|&byte| byte == b'\t');
    at_line_start && value.starts_with(b"\t")
        || value.contains_str("\n\t")
        || value.ends_with(b"\n")
}
