//! `--params FILE`: values for many params, in TOML, YAML or JSON. Numbers stay as they are spelt.

mod json;
mod toml;
mod yaml;

use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;

use crate::lang::{Diag, FileId, Sources, Span};
use crate::workflow::Override;
use crate::workflow::param::Content;

/// One value of a file, and where it stands.
#[derive(Debug)]
struct Entry {
    name: String,
    value: Content,
    range: Range<usize>,
}

/// What is wrong with a file, and where.
#[derive(Debug)]
struct Wrong {
    message: String,
    range: Range<usize>,
}

impl Wrong {
    fn new(message: impl Into<String>, range: Range<usize>) -> Wrong {
        Wrong {
            message: message.into(),
            range,
        }
    }

    /// A value that no param can have.
    fn no_value(what: &str, range: Range<usize>) -> Wrong {
        let takes = "a param is true or false, a number, text, or a list of these";
        Wrong::new(format!("{what} is no value for a param: {takes}"), range)
    }
}

/// Reads a file of params; what is wrong with it is appended to `diags`.
pub(super) fn read(path: &Path, sources: &mut Sources, diags: &mut Vec<Diag>) -> Vec<Override> {
    let why = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => return parse(path, &text, sources, diags),
        Ok(Err(_)) => "it is not UTF-8 text".to_string(),
        Err(error) => error.to_string(),
    };
    diags.push(unreadable(path).note(why));
    Vec::new()
}

/// Reads the text of a file, whose ending says how it is written, and adds it to `sources`.
pub fn parse(
    path: &Path,
    text: &str,
    sources: &mut Sources,
    diags: &mut Vec<Diag>,
) -> Vec<Override> {
    let read = match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => toml::read,
        Some("yaml" | "yml") => yaml::read,
        Some("json") => json::read,
        _ => {
            let why = "its name ends in none of .toml, .yaml, .yml and .json";
            diags.push(unreadable(path).note(why));
            return Vec::new();
        }
    };
    let file = sources.add(path.to_string_lossy(), text);
    match read(text) {
        Ok(entries) => overrides(file, entries, diags),
        Err(Wrong { message, range }) => {
            diags.push(unreadable(path).at(span(file, range), message));
            Vec::new()
        }
    }
}

fn unreadable(path: &Path) -> Diag {
    let shown = crate::ui::path(path.as_os_str().as_bytes());
    Diag::error("E0003", format!("the params in {shown} cannot be read"))
}

fn span(file: FileId, range: Range<usize>) -> Span {
    Span {
        file,
        start: range.start as u32,
        end: range.end as u32,
    }
}

/// Each name once.
fn overrides(file: FileId, entries: Vec<Entry>, diags: &mut Vec<Diag>) -> Vec<Override> {
    let mut found: Vec<Override> = Vec::new();
    for entry in entries {
        let span = span(file, entry.range);
        let first = found.iter().find(|other| other.name == entry.name);
        if let Some(first) = first.and_then(|first| first.span) {
            diags.push(
                Diag::error("E0003", format!("`{}` has two values", entry.name))
                    .at(span, "the second")
                    .and(first, "the first"),
            );
            continue;
        }
        found.push(Override {
            name: entry.name,
            value: entry.value,
            span: Some(span),
        });
    }
    found
}

/// The elements of a list, none of which is a list itself.
fn list(elements: Vec<(Content, Range<usize>)>) -> Result<Content, Wrong> {
    let texts = elements.into_iter().map(|(content, range)| match content {
        Content::One(text) => Ok(text),
        _ => Err(Wrong::no_value("a list in a list", range)),
    });
    Ok(Content::List(texts.collect::<Result<Vec<BString>, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(read: fn(&str) -> Result<Vec<Entry>, Wrong>, text: &str) -> String {
        match read(text) {
            Ok(entries) => {
                let entry = |entry: &Entry| {
                    format!(
                        "{}={} @{}",
                        entry.name,
                        entry.value.shown(),
                        &text[entry.range.clone()]
                    )
                };
                entries.iter().map(entry).collect::<Vec<_>>().join("; ")
            }
            Err(wrong) => format!("{}: {:?}", wrong.message, &text[wrong.range]),
        }
    }

    #[test]
    fn numbers_stay_as_they_are_spelt() {
        let toml = "a = 1e-3\nb = 0.10\nc = 1_000\nd = 'x y'\ne = true\nf = [1.50, 'z']\ng = 2024-01-02\nh = 0xff\n";
        let expected = "a=1e-3 @1e-3; b=0.10 @0.10; c=1000 @1_000; d=x y @'x y'; e=true @true; \
                        f=[1.50, z] @[1.50, 'z']; g=2024-01-02 @2024-01-02; h=255 @0xff";
        assert_eq!(shown(toml::read, toml), expected);
        let json = r#"{"a": 1e-3, "b": 0.10, "d": "x \"y\" é", "e": false, "f": [1.50, "z"]}"#;
        let expected = "a=1e-3 @1e-3; b=0.10 @0.10; d=x \"y\" é @\"x \\\"y\\\" é\"; \
                        e=false @false; f=[1.50, z] @[1.50, \"z\"]";
        assert_eq!(shown(json::read, json), expected);
        let yaml = "# é\na: 1e-3\nb: 0.10\nd: \"x y\"\ne: True\nf: [1.50, z]\ng:\n  - é\n  - 2\n";
        let expected = "a=1e-3 @1e-3; b=0.10 @0.10; d=x y @\"x y\"; e=true @True; \
                        f=[1.50, z] @[1.50, z]; g=[é, 2] @- é\n  - 2\n";
        assert_eq!(shown(yaml::read, yaml), expected);
    }

    #[test]
    fn what_is_no_value_is_told_with_its_place() {
        let what = |text: String| text.split(" is no value").next().unwrap().to_string();
        for (read, text, expected) in [
            (toml::read as fn(&str) -> _, "[a]\nb = 1\n", "a table"),
            (toml::read, "a = [[1]]\n", "a list in a list"),
            (json::read, "{\"a\": {}}", "an object"),
            (json::read, "{\"a\": null}", "null"),
            (json::read, "{\"a\": [[1]]}", "a list in a list"),
            (yaml::read, "a:\n  b: 1\n", "a mapping"),
            (yaml::read, "a:\n", "null"),
            (yaml::read, "a: ~\n", "null"),
            (yaml::read, "a: [[1]]\n", "a list in a list"),
            (yaml::read, "a: &x 1\nb: *x\n", "an alias"),
        ] {
            assert_eq!(what(shown(read, text)), expected, "{text}");
        }
    }

    #[test]
    fn a_file_holds_names_with_values() {
        for (read, text) in [
            (
                toml::read as fn(&str) -> Result<Vec<Entry>, Wrong>,
                "a = \n",
            ),
            (toml::read, "a = 1\na = 2\n"),
            (json::read, "[1]"),
            (json::read, "{\"a\": 1} x"),
            (json::read, "{\"é\": 1,\n\"a\" 1}"),
            (yaml::read, "- 1\n"),
            (yaml::read, "é: 1\n]"),
            (yaml::read, "a: 1\n---\na: 2\n"),
            (yaml::read, "[a]: 1\n"),
            (yaml::read, "text"),
        ] {
            let wrong = read(text).expect_err(text);
            assert!(text.get(wrong.range.clone()).is_some(), "{text}: {wrong:?}");
        }
        for (read, text) in [
            (toml::read as fn(&str) -> _, ""),
            (yaml::read, "# none\n"),
            (json::read, "{}"),
        ] {
            assert_eq!(shown(read, text), "", "{text}");
        }
    }
}
