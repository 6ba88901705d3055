//! Bytes of a workflow that are not UTF-8, as characters: a file's name may hold any, and can be
//! typed as it is.
//!
//! The language reads text, so each such byte has a stand-in among the characters of private use,
//! U+10FE80 to U+10FEFF, until the word or recipe that it stands in is wanted as bytes. Where the
//! file has one of these characters itself, its own four bytes are foreign: every file comes back
//! as it was.

use std::borrow::Cow;
use std::cell::Cell;

use bstr::{BStr, BString, ByteSlice};

use super::span::Span;

const FIRST: u32 = 0x10fe80;
const LAST: u32 = 0x10feff;

fn is_stand_in(c: char) -> bool {
    (FIRST..=LAST).contains(&(c as u32))
}

/// Cheap, and false for nearly every text.
fn may_have_any(text: &str) -> bool {
    // All stand-ins begin with this byte, and few other characters do.
    text.as_bytes().find_byte(0xf4).is_some()
}

fn push(byte: u8, out: &mut String) {
    let c = char::from_u32(FIRST - 0x80 + u32::from(byte));
    out.push(c.expect("the last 1 KiB of Unicode has no gaps"));
}

/// A file's bytes as text.
pub fn read(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => escaped(text),
        Err(error) => {
            let mut out = String::with_capacity(error.as_bytes().len());
            for chunk in error.as_bytes().utf8_chunks() {
                escape(chunk.valid(), &mut out);
                chunk
                    .invalid()
                    .iter()
                    .for_each(|&byte| push(byte, &mut out));
            }
            out
        }
    }
}

/// Text from elsewhere, such as the command line, as that of a file.
pub fn escaped(text: String) -> String {
    if !may_have_any(&text) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    escape(&text, &mut out);
    out
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match is_stand_in(c) {
            true => c
                .encode_utf8(&mut [0; 4])
                .bytes()
                .for_each(|byte| push(byte, out)),
            false => out.push(c),
        }
    }
}

/// The bytes that were read as `text`.
pub fn bytes(text: &str) -> Cow<'_, BStr> {
    if !may_have_any(text) {
        return Cow::Borrowed(text.into());
    }
    let mut out = BString::default();
    for c in text.chars() {
        match is_stand_in(c) {
            true => out.push((c as u32 - FIRST + 0x80) as u8),
            false => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// As many characters as `text` has, for people: U+FFFD for each foreign byte.
pub fn shown(text: &str) -> Cow<'_, str> {
    match may_have_any(text) {
        true => Cow::Owned(text.replace(is_stand_in, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// The foreign bytes of a text that is being read, and which of them stand where they may.
pub(super) struct Places(Vec<(u32, Cell<bool>)>);

impl Places {
    /// `None` where a text has none, as nearly all have.
    pub fn of(text: &str) -> Option<Places> {
        if !may_have_any(text) {
            return None;
        }
        let all = text.match_indices(is_stand_in);
        let places: Vec<_> = all.map(|(at, _)| (at as u32, Cell::new(false))).collect();
        (!places.is_empty()).then_some(Places(places))
    }

    /// In these bytes of the text each stands for itself.
    pub fn accept(&self, start: usize, end: usize) {
        let from = self.0.partition_point(|(at, _)| (*at as usize) < start);
        let inside = self.0[from..].iter();
        inside
            .take_while(|(at, _)| (*at as usize) < end)
            .for_each(|(_, is_accepted)| is_accepted.set(true));
    }

    /// As [`Places::accept`] for what looks quoted in a line that cannot be read, or is behind a `#`.
    pub fn accept_in_quotes(&self, text: &str, start: usize, end: usize) {
        let mut opened: Option<(char, usize)> = None;
        for (at, c) in text[start..end].char_indices() {
            let at = start + at;
            match opened {
                None if matches!(c, '"' | '\'' | '#') => opened = Some((c, at)),
                Some((quote, from)) if quote == c && c != '#' => {
                    self.accept(from, at);
                    opened = None;
                }
                _ => {}
            }
        }
        if let Some((_, from)) = opened {
            self.accept(from, end);
        }
    }

    /// Where the first one stands that was not accepted; inside `span`, if one is given.
    pub fn first_wrong(&self, span: Option<Span>) -> Option<usize> {
        let (start, end) = span.map_or((0, u32::MAX), |span| (span.start, span.end));
        let from = self.0.partition_point(|(at, _)| *at < start);
        let inside = self.0[from..].iter().take_while(|(at, _)| *at < end);
        let mut wrong = inside.filter(|(_, is_accepted)| !is_accepted.get());
        wrong.next().map(|(at, _)| *at as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_is_a_character() {
        let text = read(b"caf\xe9 \xff\xfe".to_vec());
        assert_eq!(text, "caf\u{10fee9} \u{10feff}\u{10fefe}");
        assert_eq!(shown(&text), "caf\u{fffd} \u{fffd}\u{fffd}");
        assert_eq!(*bytes(&text), *b"caf\xe9 \xff\xfe".as_slice());
        assert_eq!(read("größe \u{10fe7f}".into()), "größe \u{10fe7f}");
    }

    #[test]
    fn the_characters_themselves_come_back_too() {
        for c in ['\u{10fe80}', '\u{10feb7}', '\u{10feff}'] {
            let text = read(c.to_string().into());
            assert_eq!(text.chars().count(), 4);
            assert_eq!(escaped(c.to_string()), text);
            assert_eq!(*bytes(&text), *c.to_string().as_bytes());
        }
    }

    proptest! {
        #[test]
        fn every_file_comes_back(
            parts in prop::collection::vec(
                prop_oneof![
                    any::<[u8; 3]>().prop_map(|bytes| bytes.to_vec()),
                    any::<char>().prop_map(|c| c.to_string().into_bytes()),
                    prop::char::range('\u{10fe70}', '\u{10ff0f}').prop_map(|c| c.to_string().into_bytes()),
                    Just(vec![0xf4, 0x8f, 0xba]),
                ],
                0..12,
            )
        ) {
            let file = parts.concat();
            let text = read(file.clone());
            prop_assert_eq!(bytes(&text).into_owned(), file);
        }
    }
}
