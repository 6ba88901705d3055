//! Diagnostics for programs: JSON Lines, and the annotations of GitHub's workflow commands.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::lang::diag::{Diag, Severity};
use crate::lang::{Sources, Span, foreign};

/// One object per diagnostic. Lines and columns count from 1, columns in characters; an end is the
/// place behind the last character.
pub fn json(diags: &[Diag], sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
    for diag in in_order(diags) {
        let mut object = json!({
            "schema": 1,
            "code": diag.code,
            "severity": severity(diag),
            "message": diag.message,
        });
        if let Some(label) = &diag.primary {
            add_place(&mut object, label.span, sources);
            object["label"] = label.text.as_str().into();
        }
        let others = diag.others.iter().map(|label| {
            let mut other = json!({"label": label.text});
            add_place(&mut other, label.span, sources);
            other
        });
        object["others"] = others.collect();
        object["notes"] = diag.notes.iter().map(String::as_str).collect();
        let helps = diag.helps.iter().map(|help| {
            let mut shown = json!({"text": help.text});
            if let Some((span, new)) = &help.edit {
                let mut edit = json!({"new": new});
                add_place(&mut edit, *span, sources);
                shown["edit"] = edit;
            }
            shown
        });
        object["helps"] = helps.collect();
        writeln!(out, "{}", foreign::shown(&object.to_string()))?;
    }
    Ok(())
}

/// By file and place; those without a place last.
fn in_order(diags: &[Diag]) -> Vec<&Diag> {
    let mut diags: Vec<&Diag> = diags.iter().collect();
    diags.sort_by_key(|diag| match &diag.primary {
        Some(label) => (false, label.span.file.0, label.span.start),
        None => (true, 0, 0),
    });
    diags
}

fn severity(diag: &Diag) -> &'static str {
    match diag.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn add_place(object: &mut Value, span: Span, sources: &Sources) {
    let (line, column) = sources.line_column(span);
    let (end_line, end_column) = end(span, sources);
    object["file"] = sources.get(span.file).name.as_str().into();
    object["line"] = line.into();
    object["column"] = column.into();
    object["end_line"] = end_line.into();
    object["end_column"] = end_column.into();
}

fn end(span: Span, sources: &Sources) -> (usize, usize) {
    let start = span.end.max(span.start);
    sources.line_column(Span { start, ..span })
}

/// `::error file=…,line=…,col=…,title=CODE::message`; labels, notes and helps are further lines.
pub fn github(diags: &[Diag], sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
    for diag in in_order(diags) {
        let mut properties = String::new();
        let mut message = diag.message.clone();
        if let Some(label) = &diag.primary {
            let (line, column) = sources.line_column(label.span);
            let (end_line, end_column) = end(label.span, sources);
            let file = property(&sources.get(label.span.file).name);
            properties = format!("file={file},line={line},endLine={end_line},col={column}");
            // Their columns include the last one, and mean nothing over several lines.
            if end_line == line && end_column > column {
                properties += &format!(",endColumn={}", end_column - 1);
            }
            properties.push(',');
            if !label.text.is_empty() {
                message += &format!(": {}", label.text);
            }
        }
        for note in &diag.notes {
            message += &format!("\nnote: {note}");
        }
        for help in &diag.helps {
            message += &format!("\nhelp: {}", help.text);
        }
        let (severity, code) = (severity(diag), diag.code);
        writeln!(
            out,
            "::{severity} {properties}title={code}::{}",
            data(&foreign::shown(&message))
        )?;
    }
    Ok(())
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property's value, which a `,` or `:` would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(
        form: fn(&[Diag], &Sources, &mut dyn Write) -> io::Result<()>,
        diag: impl Fn(Span) -> Diag,
    ) -> String {
        let mut sources = Sources::default();
        let text = "let größe = 1\nlet b = 2\n";
        let file = sources.add("a,b:100%.flow", text);
        let start = text.find('=').expect("it is there") as u32;
        let end = start + 1;
        let mut out = Vec::new();
        form(&[diag(Span { file, start, end })], &sources, &mut out).expect("memory is writable");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn columns_count_characters() {
        let text = written(json, |span| {
            Diag::error("E0101", "wrong \"here\"")
                .at(span, "this")
                .note("why")
                .fix("so", span, ":=")
        });
        let object: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            object,
            json!({
                "schema": 1, "code": "E0101", "severity": "error", "message": "wrong \"here\"",
                "file": "a,b:100%.flow", "line": 1, "column": 11, "end_line": 1, "end_column": 12,
                "label": "this", "others": [], "notes": ["why"],
                "helps": [{"text": "so", "edit": {
                    "file": "a,b:100%.flow", "new": ":=",
                    "line": 1, "column": 11, "end_line": 1, "end_column": 12,
                }}],
            })
        );
    }

    #[test]
    fn an_annotation_cannot_be_broken_by_its_text() {
        let text = written(github, |span| {
            Diag::warning("W0403", "100% :: wrong\nreally")
                .at(span, "a, b")
                .help("c")
        });
        assert_eq!(
            text,
            "::warning file=a%2Cb%3A100%25.flow,line=1,endLine=1,col=11,endColumn=11,title=W0403::\
             100%25 :: wrong%0Areally: a, b%0Ahelp: c\n"
        );
        let text = written(github, |_| Diag::error("E0001", "no file"));
        assert_eq!(text, "::error title=E0001::no file\n");
    }
}
