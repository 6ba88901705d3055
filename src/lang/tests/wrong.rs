//! Wrong files, and what is said about them. One mistake, one diagnostic.

use super::dump;

/// Characters that editors hide or take off are spelt out in the list.
fn unhidden(text: &str) -> String {
    text.replace("<NUL>", "\0")
        .replace("<TAB>", "\t")
        .replace("<SPACE>", " ")
        .replace("<NBSP>", "\u{a0}")
}

/// Files apart by lines of `=`; the first line of each says what is wrong with it.
const WRONG: &str = include_str!("../../../tests/fixtures/lang/wrong.txt");

#[test]
fn mistakes_are_reported_where_they_are() {
    let mut out = String::new();
    for case in WRONG.split("\n====\n") {
        let (title, text) = case.split_once('\n').expect("a title and a file");
        let text = unhidden(text);
        out += &format!("== {title}\n{}", dump::diags(&text));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn one_mistake_gives_one_diagnostic() {
    for case in WRONG.split("\n====\n") {
        let (title, text) = case.split_once('\n').expect("a title and a file");
        let text = unhidden(text);
        let shown = dump::diags(&text);
        let found = shown
            .lines()
            .filter(|line| line.starts_with(['E', 'W']))
            .count();
        let wanted = title
            .rsplit_once(" x")
            .and_then(|(_, n)| n.parse().ok())
            .unwrap_or(1);
        assert_eq!(found, wanted, "{title}\n{shown}");
    }
}
