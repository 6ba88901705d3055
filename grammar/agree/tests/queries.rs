//! The queries for editors: they are about nodes that there are, and recipes get their language.

use flow_grammar_agree::{language, parser};
use tree_sitter::{Query, QueryCursor, StreamingIterator};

const INJECTIONS: &str = include_str!("../../tree-sitter-flow/queries/injections.scm");
const HIGHLIGHTS: &str = include_str!("../../tree-sitter-flow/queries/highlights.scm");

/// The language of each part of the text that has one of its own.
fn injected(text: &str) -> Vec<(String, String)> {
    let query = Query::new(&language(), INJECTIONS).expect("the query is about this language");
    let tree = parser().parse(text, None).expect("no time limit");
    let mut cursor = QueryCursor::new();
    let mut found = Vec::new();
    let content = query.capture_index_for_name("injection.content");
    let mut matches = cursor.matches(&query, tree.root_node(), text.as_bytes());
    while let Some(each) = matches.next() {
        let settings = query.property_settings(each.pattern_index);
        let language = settings
            .iter()
            .find(|setting| &*setting.key == "injection.language");
        let language = language
            .and_then(|setting| setting.value.as_deref())
            .unwrap_or("");
        for capture in each
            .captures()
            .iter()
            .filter(|capture| Some(capture.index) == content)
        {
            let part = &text[capture.node.byte_range()];
            found.push((language.to_string(), part.trim().to_string()));
        }
    }
    found
}

#[test]
fn highlights_are_about_nodes_that_there_are() {
    Query::new(&language(), HIGHLIGHTS).expect("the query is about this language");
}

#[test]
fn recipes_have_the_language_of_their_first_line() {
    for (line, language) in [
        ("echo {input}", "bash"),
        ("{input} x", "bash"),
        ("#!/bin/sh -e", "bash"),
        ("#!/usr/bin/env zsh", "bash"),
        ("#!python", "python"),
        ("#!/usr/bin/env Rscript", "r"),
        ("#!lua", "lua"),
    ] {
        let found = injected(&format!(
            "merge m: a -> b\n    {line}\n    x\nparam p = 1\n"
        ));
        assert_eq!(
            found,
            [(language.to_string(), format!("{line}\n    x"))],
            "{line}"
        );
    }
    assert_eq!(
        injected("merge m: a -> b\n    #!/usr/bin/awk -f\n    x\n"),
        []
    );
}

#[test]
fn commands_and_regexes_have_theirs() {
    let text = "[check \"test {a}\"]\ntransform t: a regex '^b$' -> c\n";
    let expected = [("bash", "\"test {a}\""), ("regex", "'^b$'")];
    let expected = expected.map(|(language, part)| (language.to_string(), part.to_string()));
    assert_eq!(injected(text), expected);
}
