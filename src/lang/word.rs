//! Reads one word: bare, quoted and raw pieces that touch, with globs and holes.

mod brace;
mod quoted;

use super::ast::{Glob, Piece, Word};
use super::cursor::Cursor;
use super::diag::Diag;

/// The word could not be read; the diagnostic is made.
pub(super) struct Broken;

/// Bytes that end a bare word besides blanks, and whether `->` does.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    bytes: &'static [u8],
    arrow: bool,
}

/// A setting's value that is not in a list.
pub(super) const VALUE: Ends = Ends {
    bytes: b"",
    arrow: false,
};
/// A header's sources, extras and outputs.
pub(super) const HEADER: Ends = Ends {
    bytes: b"",
    arrow: true,
};
/// Before a header's colon.
pub(super) const BEFORE_COLON: Ends = Ends {
    bytes: b":",
    arrow: true,
};
/// In `[ ]`.
pub(super) const BRACKETS: Ends = Ends {
    bytes: b",]",
    arrow: false,
};
/// In `( )`.
pub(super) const PARENTHESES: Ends = Ends {
    bytes: b",)",
    arrow: false,
};

/// Where pieces are read until.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Bare,
    /// `"…"`
    Quotes,
    /// `{…,…}` in a bare word.
    Choice,
    /// `{…,…}` in quotes.
    QuotedChoice,
}

struct Reader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    ends: Ends,
    diags: &'c mut Vec<Diag>,
    is_quoted: bool,
    /// No `]` stands between here and this place.
    no_class_before: usize,
    /// A `}` that closes nothing was reported: once for a word is enough.
    has_stray_brace: bool,
    /// How many `\{` outside choices have no `}` yet: one that follows is as literal as they are.
    n_literal_braces: usize,
}

/// The word that stands at the cursor; `None` where none begins.
pub(super) fn read(
    cursor: &mut Cursor,
    ends: Ends,
    diags: &mut Vec<Diag>,
) -> Result<Option<Word>, Broken> {
    let start = cursor.at;
    if cursor.byte() == Some(b'(') {
        diags.push(
            Diag::error("E0123", "a word cannot begin with a parenthesis")
                .at(cursor.span(start, start + 1), "")
                .help("a list is written `[a, b]`; write `\\(` for the character itself"),
        );
        return Err(Broken);
    }
    let token = cursor.until_blank();
    let mut reader = Reader {
        cursor,
        ends,
        diags,
        is_quoted: false,
        no_class_before: 0,
        has_stray_brace: false,
        n_literal_braces: 0,
    };
    // There are many words: one piece, or one more on either side of what is special.
    let n_special = token.bytes().filter(|byte| b"*?[{".contains(byte)).count();
    let mut pieces = Vec::with_capacity(2 * n_special + 1);
    reader.pieces(Within::Bare, 0, &mut pieces)?;
    pieces.shrink_to_fit();
    let is_quoted = reader.is_quoted;
    let end = cursor.at;
    Ok((end > start).then(|| Word {
        span: cursor.span(start, end),
        pieces,
        is_quoted,
    }))
}

/// `"…"` or `'…'` as plain text, for values that are commands; `None` where no quote begins.
pub(super) fn read_command(
    cursor: &mut Cursor,
    diags: &mut Vec<Diag>,
) -> Result<Option<Word>, Broken> {
    let start = cursor.at;
    let mut reader = Reader {
        cursor,
        ends: VALUE,
        diags,
        is_quoted: true,
        no_class_before: 0,
        has_stray_brace: false,
        n_literal_braces: 0,
    };
    let mut pieces = Vec::new();
    match reader.cursor.byte() {
        Some(b'\'') => reader.raw(&mut pieces)?,
        Some(b'"') => {
            reader.cursor.at += 1;
            loop {
                if reader.cursor.line_ends(reader.cursor.at) {
                    return Err(reader.unclosed(start, start + 1, "quote", "\""));
                }
                match reader.cursor.byte() {
                    Some(b'"') => break,
                    Some(b'\\') => reader.escape(true, &mut pieces)?,
                    _ => reader.character(true, &mut pieces),
                }
            }
            reader.cursor.at += 1;
        }
        _ => return Ok(None),
    }
    let end = cursor.at;
    Ok(Some(Word {
        span: cursor.span(start, end),
        pieces,
        is_quoted: true,
    }))
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_string())),
    }
}

impl Reader<'_, '_> {
    /// Reads until what ends `within`, which is left to be read.
    fn pieces(
        &mut self,
        within: Within,
        depth: usize,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Broken> {
        let in_choice = matches!(within, Within::Choice | Within::QuotedChoice);
        let in_quotes = matches!(within, Within::Quotes | Within::QuotedChoice);
        let mut parentheses = 0usize;
        loop {
            let at = self.cursor.at;
            let Some(byte) = self.cursor.byte() else {
                return Ok(());
            };
            match byte {
                b'\n' => return Ok(()),
                b'\r' if self.cursor.line_ends(at) || !in_quotes => return Ok(()),
                b' ' | b'\t' if !in_quotes => return Ok(()),
                b'"' if in_quotes => return Ok(()),
                b',' | b'}' if in_choice => return Ok(()),
                b'-' if within == Within::Bare
                    && self.ends.arrow
                    && self.cursor.rest().starts_with("->") =>
                {
                    return Ok(());
                }
                b')' if within == Within::Bare && parentheses > 0 => {
                    parentheses -= 1;
                    self.character(in_quotes, pieces);
                }
                _ if within == Within::Bare && self.ends.bytes.contains(&byte) => return Ok(()),
                b'(' => {
                    parentheses += 1;
                    self.character(in_quotes, pieces);
                }
                b'\\' if self.cursor.line_ends(at + 1) => {
                    if in_quotes || at + 1 < self.cursor.text.len() {
                        return Ok(());
                    }
                    self.cursor.at += 1;
                    let span = self.cursor.span(at, at + 1);
                    self.diags.push(
                        Diag::error("E0115", "nothing follows the backslash")
                            .at(span, "the file ends here"),
                    );
                    return Err(Broken);
                }
                b'\\' => {
                    if !in_choice {
                        match self.cursor.text.as_bytes().get(at + 1) {
                            Some(b'{') => self.n_literal_braces += 1,
                            Some(b'}') => {
                                self.n_literal_braces = self.n_literal_braces.saturating_sub(1);
                            }
                            _ => {}
                        }
                    }
                    self.escape(in_quotes, pieces)?;
                }
                b'\'' if !in_quotes => self.raw(pieces)?,
                b'"' => self.quoted(depth, pieces)?,
                b'*' => {
                    let is_double = self.cursor.take("**");
                    self.cursor.at += usize::from(!is_double);
                    pieces.push(Piece::Glob(if is_double {
                        Glob::DoubleStar
                    } else {
                        Glob::Star
                    }));
                }
                b'?' => {
                    self.cursor.at += 1;
                    pieces.push(Piece::Glob(Glob::Any));
                }
                b'[' => self.class(in_quotes, pieces)?,
                b'{' => self.brace(in_quotes, depth, pieces)?,
                b'}' if self.n_literal_braces > 0 => {
                    self.n_literal_braces -= 1;
                    self.character(in_quotes, pieces);
                }
                b'}' => {
                    if !std::mem::replace(&mut self.has_stray_brace, true) {
                        let span = self.cursor.span(at, at + 1);
                        self.diags.push(
                            Diag::error("E0116", "this `}` closes nothing")
                                .at(span, "no `{` before it in this word")
                                .fix("write `\\}` for the character itself", span, "\\}"),
                        );
                    }
                    self.character(in_quotes, pieces);
                }
                _ => self.character(in_quotes, pieces),
            }
        }
    }

    /// Takes one character as itself, or as many as are never special.
    fn character(&mut self, in_quotes: bool, pieces: &mut Vec<Piece>) {
        let rest = self.cursor.rest();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./".contains(byte);
        let n_plain = rest.bytes().take_while(|byte| is_plain(byte)).count();
        if n_plain > 0 {
            push_text(pieces, &rest[..n_plain]);
            self.cursor.at += n_plain;
            return;
        }
        let Some(c) = rest.chars().next() else { return };
        if !c.is_ascii() {
            self.check_character(c);
            if in_quotes {
                let at = self.cursor.at;
                self.cursor.accept_foreign(at, at + c.len_utf8());
            }
        }
        push_text(pieces, &rest[..c.len_utf8()]);
        self.cursor.at += c.len_utf8();
    }

    fn unclosed(&mut self, start: usize, end: usize, what: &str, closer: &str) -> Broken {
        if what == "quote" {
            // What was to be in it is not known.
            self.cursor.accept_foreign(end, self.cursor.line_end(end));
        }
        let span = self.cursor.span(start, end);
        let opener = &self.cursor.text[start..end];
        let line = self.cursor.text[end..].lines().next().unwrap_or_default();
        let (place, help) = match opener {
            "[" if line.contains(closer) => (
                "in this word",
                "attributes stand on a line of their own, before the rule".to_string(),
            ),
            _ => (
                "on this line",
                format!("close it, or write `\\{opener}` for the character itself"),
            ),
        };
        self.diags.push(
            Diag::error(
                if what == "quote" { "E0105" } else { "E0106" },
                format!("this {what} is not closed"),
            )
            .at(span, format!("no `{closer}` {place}"))
            .help(help),
        );
        Broken
    }
}
