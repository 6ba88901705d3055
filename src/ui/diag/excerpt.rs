//! The part of a source that a diagnostic shows: whole lines, harmless for a terminal, and small
//! however large the source is.

use std::ops::Range;

use crate::lang::foreign;
use crate::lang::span::Span;
use crate::ui::safe;

/// Places in one file closer than this (bytes) are shown in one piece.
pub(super) const NEAR: usize = 4096;

/// A marked place longer than this (bytes) is cut to its first line; an edit is not shown.
const LONGEST_PLACE: usize = 8192;

/// So much (bytes) of a line is kept before the first and after the last place.
const MARGIN: usize = 1000;

/// True where text can be parted: between characters, and not inside of `\r\n`.
fn is_boundary(text: &str, at: usize) -> bool {
    text.is_char_boundary(at) && !(text[..at].ends_with('\r') && text[at..].starts_with('\n'))
}

/// A span as a range of `text`: inside of it and at boundaries.
fn clamped(text: &str, span: Span) -> Range<usize> {
    let mut start = text.len().min(span.start as usize);
    while !is_boundary(text, start) {
        start -= 1;
    }
    let mut end = text.len().min(span.end as usize).max(start);
    while !is_boundary(text, end) {
        end += 1;
    }
    start..end
}

/// What is marked of a span: without newlines at its end, and not endless.
pub(super) fn marked_place(text: &str, span: Span) -> Range<usize> {
    let Range { start, mut end } = clamped(text, span);
    if end - start > LONGEST_PLACE {
        let first_line = text[start..end].find('\n').unwrap_or(end - start);
        end = start + first_line.min(LONGEST_PLACE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
    }
    start..start + text[start..end].trim_end_matches(['\n', '\r']).len()
}

/// The place of an edit, unless it is too long to be shown.
pub(super) fn edited_place(text: &str, span: Span) -> Option<Range<usize>> {
    Some(clamped(text, span)).filter(|place| place.len() <= LONGEST_PLACE)
}

/// As many characters as `text` has, those replaced that a terminal would not simply show.
pub(super) fn harmless(text: &str) -> String {
    let text = foreign::shown(text);
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        out.push(match c {
            '\n' | '\t' => c,
            '\r' if chars.peek() == Some(&'\n') => c,
            // Unicode has a picture for each of the old control characters.
            '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).expect("U+2400 to U+241F"),
            '\x7f' => '\u{2421}',
            c if safe::is_harmful(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        });
    }
    out
}

/// Lines of a source.
pub(super) struct Excerpt<'a> {
    source: &'a str,
    /// Where it begins in `source`.
    start: usize,
    /// `…` where the first line is not shown from its start: its columns are not the source's.
    pub prefix: &'static str,
    pub text: String,
    /// The number of its first line, from 1.
    pub first_line: usize,
}

impl<'a> Excerpt<'a> {
    /// The lines that `places` touch and those between; each from [`marked_place`]
    /// or [`edited_place`].
    pub fn new(source: &'a str, places: &[Range<usize>]) -> Excerpt<'a> {
        let first = places.iter().map(|place| place.start).min().unwrap_or(0);
        let last = places.iter().map(|place| place.end).max().unwrap_or(0);
        let line_start = source[..first].rfind('\n').map_or(0, |at| at + 1);
        let line_end = match source[last..].find('\n') {
            Some(length) => last + source[last..last + length].trim_end_matches('\r').len(),
            None => source.len(),
        };
        let mut start = line_start.max(first.saturating_sub(MARGIN));
        let mut end = line_end.min(last + MARGIN);
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        while !source.is_char_boundary(end) {
            end += 1;
        }
        let prefix = if start > line_start { "…" } else { "" };
        let suffix = if end < line_end { "…" } else { "" };
        let newlines = source.as_bytes()[..start]
            .iter()
            .filter(|&&byte| byte == b'\n');
        Excerpt {
            source,
            start,
            prefix,
            text: format!("{prefix}{}{suffix}", harmless(&source[start..end])),
            first_line: newlines.count() + 1,
        }
    }

    /// A place of the source as a place of [`Excerpt::text`].
    pub fn inside(&self, place: &Range<usize>) -> Range<usize> {
        let at = |at: usize| self.prefix.len() + harmless(&self.source[self.start..at]).len();
        at(place.start)..at(place.end)
    }
}
