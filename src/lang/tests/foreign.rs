//! Bytes that are not UTF-8: where they stand for themselves, and where they are a mistake.

use crate::lang::format::format;
use crate::lang::span::FileId;
use crate::lang::{NOT_TEXT, foreign, parse};

const FILE: FileId = FileId(0);

/// Codes and places of what is wrong with a file.
fn wrong(file: &[u8]) -> Vec<(&'static str, usize)> {
    let text = foreign::read(file.to_vec());
    let (_, diags) = parse(FILE, &text);
    let place = |at: u32| foreign::bytes(&text[..at as usize]).len();
    let shown = diags.iter().filter(|diag| diag.is_error()).map(|diag| {
        let start = diag.primary.as_ref().map_or(0, |label| label.span.start);
        (diag.code, place(start))
    });
    shown.collect()
}

#[test]
fn they_stand_for_themselves_in_quotes_recipes_and_comments() {
    for file in [
        b"# caf\xe9\n".as_slice(),
        b"  # caf\xe9",
        b"param p = \"\xff\" # \xe9\n",
        b"param p = ['\xff', a\"\xfe\"b, a\\\xff]\n",
        b"let p = \"{a\xff,b}\"\n",
        b"[check \"a \xff\"] # \xff\n# \xff\nmerge m: \"\xff\" -> '\xff' \\\n  \"\xff\" # \xff\n    cat \xff # \xff\n\n    \xff\n",
        b"\xef\xbb\xbfmerge m: \"\xff\" -> y\r\n  cat \xff\r\n",
    ] {
        assert_eq!(wrong(file), [], "{}", file.escape_ascii());
    }
}

#[test]
fn anywhere_else_the_first_is_one_mistake() {
    for (file, at) in [
        (b"\xff\xfep\0a\0r\0".as_slice(), 0),
        (b"param p = 1\n\xff\xfe\x80\x81\n", 12),
        (b"p\xffram p = 1\n", 1),
        (b"param p\xff = 1\n", 7),
        (b"param p = \xff\n", 10),
        (b"param p = \xff\"a\"\n", 10),
        (b"param p = \"a\"\xff\n", 13),
        (b"param p = \"[\xff]\"\n", 12),
        (b"merge m: \"{x:\xff}\" -> a\n  cat\n", 13),
        (b"[chec\xff \"x\"]\nmerge m: a -> b\n  cat\n", 5),
        (b"merge m: a\xffb \xff -> c # \xff\n    cat\n", 10),
        (b"merge m: \"\xff\" \xff -> c\n    cat\n", 13),
        (b"merge m: a -\xff> c\n    cat\n", 12),
    ] {
        let found = wrong(file);
        let foreign: Vec<_> = found.iter().filter(|(code, _)| *code == NOT_TEXT).collect();
        assert_eq!(foreign, [&(NOT_TEXT, at)], "{}", file.escape_ascii());
    }
    assert_eq!(
        wrong(b"\xff a\n"),
        [(NOT_TEXT, 0)],
        "it is no misspelt keyword too"
    );
}

#[test]
fn a_line_that_cannot_be_read_is_not_blamed_on_them() {
    for (file, code) in [
        (
            b"merge \"a\": \"\xff\" '\xff' -> b # \xff\n    cat \xff\n".as_slice(),
            "E0104",
        ),
        (b"param p = \"\xff\n", "E0105"),
        (b"parm p = \"\xff\"\n", "E0101"),
    ] {
        assert_eq!(wrong(file).first().map(|(code, _)| *code), Some(code));
        assert_eq!(wrong(file).len(), 1, "{}", file.escape_ascii());
    }
}

#[test]
fn a_character_that_is_asked_for_by_number_is_itself() {
    let text = "param p = \"\\u{10feff}\"\n";
    let (ast, _) = parse(FILE, text);
    let crate::lang::ast::ItemKind::Param { value, .. } = &ast.items[0].kind else {
        panic!("{ast:?}");
    };
    let Some(crate::lang::ast::Value::Word(word)) = value else {
        panic!("{value:?}");
    };
    let spelt = word.spelt().unwrap();
    assert_eq!(*foreign::bytes(&spelt), *"\u{10feff}".as_bytes());
}

#[test]
fn a_layout_keeps_them() {
    let file = b"# \xe9\nmerge   m: \"\xff\"   -> '\xfe' # \xe9\n  cat \xff\n    \xff\n";
    let new = format(FILE, &foreign::read(file.to_vec())).expect("it has no mistakes");
    assert_eq!(
        *foreign::bytes(&new),
        *b"# \xe9\nmerge m: \"\xff\" -> '\xfe'  # \xe9\n    cat \xff\n      \xff\n".as_slice()
    );
}
