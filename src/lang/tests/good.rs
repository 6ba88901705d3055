//! Right files, and the trees they make.

use super::dump;
use crate::lang::span::FileId;
use crate::lang::{parse, parse_value};

const TOUR: &str = include_str!("../../../tests/fixtures/lang/tour.flow");
const EVERYTHING: &str = include_str!("../../../tests/fixtures/lang/everything.flow");

fn tree(text: &str) -> String {
    let (ast, diags) = parse(FileId(0), text);
    assert!(diags.is_empty(), "{}", dump::diags(text));
    dump::ast(&ast)
}

#[test]
fn the_first_workflow_is_read() {
    insta::assert_snapshot!(tree(TOUR));
}

#[test]
fn every_item_verb_and_attribute_is_read() {
    insta::assert_snapshot!(tree(EVERYTHING));
}

#[test]
fn line_ends_and_byte_order_marks_change_nothing_but_places() {
    let places_off = |tree: String| {
        let lines = tree
            .lines()
            .map(|line| line.split(" at [").next().unwrap_or("").to_string());
        lines.collect::<Vec<_>>()
    };
    let unix = places_off(tree(TOUR));
    let dos = places_off(tree(&TOUR.replace('\n', "\r\n")));
    assert_eq!(unix, dos);
    assert_eq!(unix, places_off(tree(&format!("\u{feff}{TOUR}"))));
}

#[test]
fn words_are_pieces_that_touch() {
    let word = |text: &str| {
        let source = format!("transform t: a -> {text}\n");
        let (ast, diags) = parse(FileId(0), &source);
        assert!(diags.is_empty(), "{}", dump::diags(&source));
        let dumped = dump::ast(&ast);
        dumped.rsplit("-> ").next().unwrap_or("").trim().to_string()
    };
    let cases = [
        (r"my\ file", "\"my file\""),
        (r#"a"b c"'d e'f"#, "\"ab cd ef\""),
        (r#"ref="a b.fa""#, "ref=\"a b.fa\""),
        (r#""a\tb\u{e4}\"\\""#, "\"a\tbä\"\\\""),
        (r"'a\n*{b}'", r#""a\n*{b}""#),
        (r"\*\{\[\?", "\"*{[?\""),
        (r#""$\{x}.\{a,b}\{c\}""#, "\"${x}.{a,b}{c}\""),
        (r"\{{a}}", "\"{‹a›}\""),
        ("a**/*.[a-z]?", "a‹**›/‹*›.‹[a-z]›‹?›"),
        ("{a,{b,c}*,{d}}", "‹one of a|‹one of b|c›‹*›|‹d››"),
        ("{a:[0-9]{3}}.{b[-1].dir.x}", "‹a : [0-9]{3}›.‹b[-1].dir.x›"),
        ("{**folder}/{x:[^,}]+}", "‹**folder›/‹x : [^,}]+›"),
        (r#""{a} *[b]""#, "\"‹a› ‹*›‹[b]›\""),
        ("a#b", "a#b"),
        ("./x ./year=2024/x", "./x ./year=2024/x"),
        ("a(1).txt", "a(1).txt"),
        (r#""""#, "\"\""),
    ];
    for (text, expected) in cases {
        assert_eq!(word(text), expected, "{text}");
    }
}

#[test]
fn values_are_inserted_as_they_were_spelt() {
    let spelt = |text: &str| {
        let source = format!("param p = {text}\n");
        let (ast, _) = parse(FileId(0), &source);
        match &ast.items[0].kind {
            crate::lang::ast::ItemKind::Param {
                value: Some(crate::lang::ast::Value::Word(word)),
                ..
            } => word.spelt(),
            _ => None,
        }
    };
    for text in ["08", "1e-5", "*.{fq,fa}", "a?[b]**", "-q"] {
        assert_eq!(spelt(text).as_deref(), Some(text));
    }
    assert_eq!(spelt("\"a  b\"").as_deref(), Some("a  b"));
    assert_eq!(spelt("{x}"), None);
}

#[test]
fn values_from_the_command_line_need_no_quotes() {
    let value = |text| parse_value(FileId(0), text).map_err(|diag| diag.message);
    let shown = |text| {
        format!(
            "{:?}",
            value(text).map(|value| match value {
                crate::lang::ast::Value::Word(word) => word.plain().into_iter().collect::<Vec<_>>(),
                crate::lang::ast::Value::List(list) =>
                    list.value.iter().filter_map(|word| word.spelt()).collect(),
            })
        )
    };
    assert_eq!(shown("a b {c} \"d"), r#"Ok(["a b {c} \"d"])"#);
    assert_eq!(shown("[a, \"b c\",d]"), r#"Ok(["a", "b c", "d"])"#);
    assert_eq!(shown("[]"), "Ok([])");
    assert_eq!(shown(""), r#"Ok([""])"#);
    assert_eq!(shown("[a"), r#"Err("this `[` is not closed")"#);
    assert_eq!(shown("[a] b"), r#"Err("something follows the list")"#);
}

#[test]
fn a_backslash_at_a_lines_end_touches_no_word() {
    for text in [
        "merge m: a ->\\\nb",
        "merge m: a\\\n-> b",
        "use f as\\\nm",
        "transform t: a suffix\\\n.x -> b",
    ] {
        assert_eq!(dump::diags(text), "", "{text}");
    }
    assert_eq!(
        dump::diags("merge m: a -\\\nb"),
        dump::diags("merge m: a - \\\nb")
    );
}

#[test]
fn a_path_is_no_misspelt_keyword() {
    let (_, diags) = parse(
        FileId(0),
        "merge m: a m.tch ./x -> b\ntransform t: a wit/ y -> b\n",
    );
    assert!(diags.is_empty(), "{diags:?}");
}
