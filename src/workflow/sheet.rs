//! The text of a sample sheet: lines and fields with their places. TSV or CSV, quoted as in RFC 4180.
//!
//! A quote that does not open its field is text: sheets by hand are full of them.

use crate::lang::{Diag, FileId, Span};

/// One field, unquoted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub value: String,
    pub span: Span,
}

/// What stands between fields.
pub fn separator(name: &str, text: &str) -> char {
    let ending = name.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    match ending.as_str() {
        "csv" => ',',
        "tsv" | "tab" => '\t',
        _ if text.lines().next().unwrap_or("").contains('\t') => '\t',
        _ => ',',
    }
}

/// The rows of a sheet; lines without any character are none. A mistake ends the reading.
pub fn rows(file: FileId, text: &str, separator: char) -> Result<Vec<Vec<Field>>, Box<Diag>> {
    let mut rows = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while at < text.len() {
        let line = &text[at..];
        if let Some(rest) = line.strip_prefix("\r\n").or(line.strip_prefix('\n')) {
            at = text.len() - rest.len();
            continue;
        }
        let mut row = Vec::new();
        loop {
            let (field, end) = field(file, text, at, separator)?;
            row.push(field);
            at = end;
            match text[at..].chars().next() {
                Some(found) if found == separator => at += separator.len_utf8(),
                Some('\r') => at += 2,
                Some(_) => at += 1,
                None => {}
            }
            if at == text.len() && end < at && text[end..].starts_with(separator) {
                // A separator at the very end: one more field, without text.
                continue;
            }
            if at == text.len() || !text[end..].starts_with(separator) {
                break;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The field that begins at `start`, and where it ends: at a separator, a line's end, or the end.
fn field(
    file: FileId,
    text: &str,
    start: usize,
    separator: char,
) -> Result<(Field, usize), Box<Diag>> {
    let span = |start: usize, end: usize| Span {
        file,
        start: start as u32,
        end: end as u32,
    };
    let ends = |at: usize| {
        let rest = &text[at..];
        rest.is_empty()
            || rest.starts_with(separator)
            || rest.starts_with('\n')
            || rest.starts_with("\r\n")
    };
    let mut value = String::new();
    let mut at = start;
    if !text[start..].starts_with('"') {
        while !ends(at) {
            let next = text[at..].chars().next().expect("not at the end");
            value.push(next);
            at += next.len_utf8();
        }
        let span = span(start, at);
        return Ok((Field { value, span }, at));
    }
    at += 1;
    loop {
        let Some(quote) = text[at..].find('"') else {
            let diag = Diag::error("E0277", "this quote is not closed");
            return Err(Box::new(
                diag.at(span(start, start + 1), "the field has no end")
                    .help("a quote inside a quoted field is written twice: `\"\"`"),
            ));
        };
        value.push_str(&text[at..at + quote]);
        at += quote + 1;
        if !text[at..].starts_with('"') {
            break;
        }
        value.push('"');
        at += 1;
    }
    if !ends(at) {
        let length = text[at..].chars().next().map_or(0, char::len_utf8);
        let diag = Diag::error("E0277", "text follows a quoted field");
        return Err(Box::new(
            diag.at(span(at, at + length), "here its quote is closed already")
                .help("a quote inside a quoted field is written twice: `\"\"`"),
        ));
    }
    let span = span(start, at);
    Ok((Field { value, span }, at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, String> {
        let rows = rows(FileId(0), text, ',').map_err(|diag| diag.message)?;
        let values = |row: Vec<Field>| row.into_iter().map(|field| field.value).collect();
        Ok(rows.into_iter().map(values).collect())
    }

    #[test]
    fn fields_are_quoted_as_in_rfc_4180() {
        let shown = |text| match read(text) {
            Ok(rows) => rows
                .iter()
                .map(|row| row.join("|"))
                .collect::<Vec<_>>()
                .join("/"),
            Err(message) => message,
        };
        assert_eq!(shown("a,b\n1,2\n"), "a|b/1|2");
        assert_eq!(shown("\u{feff}a,b\r\n1,2"), "a|b/1|2");
        assert_eq!(shown("\"a,\"\"x\"\"\",\"b\nc\"\n"), "a,\"x\"|b\nc");
        assert_eq!(shown("a,\n,\n\n,b,"), "a|/|/|b|");
        assert_eq!(shown("5\" pipe, x \n"), "5\" pipe| x ");
        assert_eq!(shown(""), "");
        assert_eq!(shown("a,\"b\n"), "this quote is not closed");
        assert_eq!(shown("\"a\"b\n"), "text follows a quoted field");
    }

    #[test]
    fn a_field_knows_its_place() {
        let rows = rows(FileId(0), "ab,\"c\"\nd", ',').unwrap();
        let places: Vec<_> = rows
            .iter()
            .flatten()
            .map(|f| (f.span.start, f.span.end))
            .collect();
        assert_eq!(places, [(0, 2), (3, 6), (7, 8)]);
    }

    #[test]
    fn a_mistake_marks_whole_characters() {
        for text in ["\"a\"ä\n", "ä,\"ä", "\"\"\u{1f600}"] {
            let diag = rows(FileId(0), text, ',').unwrap_err();
            let span = diag.primary.unwrap().span;
            let marked = text.get(span.start as usize..span.end as usize);
            assert!(
                marked.is_some_and(|marked| marked.chars().count() == 1),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_quoted_is_read(
            table in prop::collection::vec(prop::collection::vec("[a,\"\r\n ä]{0,4}", 1..4), 0..5),
        ) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
            let text: String = table.iter().map(line).collect();
            prop_assert_eq!(read(&text), Ok(table));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a,\"\r\n\t ä]{0,20}") {
            let _ = rows(FileId(0), &text, ',');
        }
    }
}
