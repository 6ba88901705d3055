//! Reads what settings, attributes and bindings hold: one word or `[a, b]`.

use super::ast::{Name, Value, Word};
use super::cursor::Cursor;
use super::diag::Diag;
use super::foreign;
use super::span::{FileId, Span, Spanned};
use super::word::{self, BRACKETS, Broken, Ends};

/// The value at the cursor; `None` where none begins.
pub(super) fn read(
    cursor: &mut Cursor,
    ends: Ends,
    diags: &mut Vec<Diag>,
) -> Result<Option<Value>, Broken> {
    if cursor.byte() == Some(b'[') {
        return Ok(Some(Value::List(list(cursor, diags)?)));
    }
    Ok(word::read(cursor, ends, diags)?.map(Value::Word))
}

/// `[a, b]`
fn list(cursor: &mut Cursor, diags: &mut Vec<Diag>) -> Result<Spanned<Vec<Word>>, Broken> {
    let start = cursor.at;
    let mut words: Vec<Word> = Vec::new();
    // Whether a word may come: at the start and behind a comma.
    let mut wants_word = true;
    cursor.at += 1;
    loop {
        cursor.skip_blanks();
        let at = cursor.at;
        if cursor.is_done() {
            return Err(unclosed(cursor, start, "[", "]", diags));
        }
        match cursor.byte() {
            Some(b']') => break,
            Some(b',') if wants_word => {
                let span = cursor.span(at, at + 1);
                let diag = Diag::error("E0120", "nothing stands before this comma");
                diags.push(diag.at(span, "").fix("leave the comma out", span, ""));
                cursor.at += 1;
            }
            Some(b',') => {
                cursor.at += 1;
                wants_word = true;
            }
            Some(b'[') => {
                diags.push(
                    Diag::error("E0117", "a list holds words, not lists")
                        .at(cursor.span(at, at + 1), "a list in a list")
                        .help("for the character itself write `\\[`"),
                );
                return Err(Broken);
            }
            _ => {
                let Some(word) = word::read(cursor, BRACKETS, diags)? else {
                    return Err(unclosed(cursor, start, "[", "]", diags));
                };
                if !wants_word {
                    missing_comma(cursor, &words, word.span, diags);
                }
                words.push(word);
                wants_word = false;
            }
        }
    }
    cursor.at += 1;
    Ok(Spanned {
        value: words,
        span: cursor.span(start, cursor.at),
    })
}

fn missing_comma(cursor: &Cursor, words: &[Word], next: Span, diags: &mut Vec<Diag>) {
    let end = words.last().map_or(next.start, |word| word.span.end) as usize;
    diags.push(
        Diag::error("E0120", "a comma is missing between two values of a list")
            .at(next, "a second value begins here")
            .fix("put a comma between them", cursor.span(end, end), ",")
            .help("one value with a blank in it is quoted: \"a b\""),
    );
}

/// An opener whose closer does not come on the line.
pub(super) fn unclosed(
    cursor: &Cursor,
    start: usize,
    opener: &str,
    closer: &str,
    diags: &mut Vec<Diag>,
) -> Broken {
    let span = cursor.span(start, start + 1);
    diags.push(
        Diag::error("E0106", format!("this `{opener}` is not closed"))
            .at(span, format!("no `{closer}` on this line"))
            .help("a line goes on behind a `\\` at its end"),
    );
    Broken
}

/// `(a = b, c = [d, e])`, the cursor at the `(`.
pub(super) fn bindings(
    cursor: &mut Cursor,
    diags: &mut Vec<Diag>,
) -> Result<Vec<(Name, Value)>, Broken> {
    let start = cursor.at;
    let mut bindings: Vec<(Name, Value)> = Vec::new();
    cursor.at += 1;
    loop {
        cursor.skip_blanks();
        let at = cursor.at;
        if cursor.is_done() {
            return Err(unclosed(cursor, start, "(", ")", diags));
        }
        if cursor.take(")") {
            return Ok(bindings);
        }
        if cursor.take(",") {
            continue;
        }
        let Some(name) = cursor.take_name() else {
            let token = cursor.until_blank().len().max(1);
            diags.push(
                Diag::error("E0104", "a param of the module is expected")
                    .at(cursor.span(at, at + token), "no name")
                    .help("bindings look like this: `(genome = \"hg38.fa\", reads = trim)`"),
            );
            return Err(Broken);
        };
        cursor.skip_blanks();
        if !cursor.take("=") {
            diags.push(
                Diag::error("E0107", format!("`{}` is given no value", name.value))
                    .at(name.span, "")
                    .help(format!("write `{} = VALUE`", name.value)),
            );
            return Err(Broken);
        }
        cursor.skip_blanks();
        let value = match cursor.is_done() {
            true => None,
            false => read(cursor, word::PARENTHESES, diags)?,
        };
        let Some(value) = value else {
            let after = cursor.end_before();
            diags.push(
                Diag::error("E0107", format!("`{}` is given no value", name.value))
                    .at(cursor.span(after - 1, after), "nothing follows this"),
            );
            return Err(Broken);
        };
        bindings.push((name, value));
        cursor.skip_blanks();
        if !cursor.is_done() && !matches!(cursor.byte(), Some(b',' | b')')) {
            let end = cursor.end_before();
            diags.push(
                Diag::error("E0120", "a comma is missing between two bindings")
                    .at(
                        cursor.span(cursor.at, cursor.at + cursor.until_blank().len()),
                        "",
                    )
                    .fix("put a comma between them", cursor.span(end, end), ","),
            );
        }
    }
}

impl Value {
    /// Where it was written.
    pub fn span(&self) -> Span {
        match self {
            Value::Word(word) => word.span,
            Value::List(list) => list.span,
        }
    }
}

/// Reads a value that was given outside a workflow, as by `--set NAME=VALUE`: `[a, b]` is a list,
/// anything else one word, taken as it was spelt.
pub fn parse_value(file: FileId, text: &str) -> Result<Value, Box<Diag>> {
    let text = &foreign::escaped(text.to_string());
    let mut cursor = Cursor::new(file, text);
    cursor.skip_blanks();
    if cursor.byte() != Some(b'[') {
        return Ok(Value::Word(Word {
            span: cursor.span(0, text.len()),
            pieces: vec![super::ast::Piece::Text(text.to_string())],
            is_quoted: true,
        }));
    }
    let mut diags = Vec::new();
    let list = list(&mut cursor, &mut diags);
    cursor.skip_blanks();
    if let Some(diag) = diags.into_iter().find(Diag::is_error) {
        return Err(Box::new(diag));
    }
    match list {
        Ok(list) if cursor.is_at_end() => Ok(Value::List(list)),
        _ => {
            let diag = Diag::error("E0119", "something follows the list");
            let span = cursor.span(cursor.at, text.len());
            Err(Box::new(diag.at(span, "nothing may stand behind the `]`")))
        }
    }
}
