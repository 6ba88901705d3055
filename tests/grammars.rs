//! The words of the language stand in one place, `lang::names`; every grammar lists the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use flow::lang::names::{ATTRIBUTES, KEYWORDS, SETTINGS, VERBS};

type Words = BTreeSet<String>;

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Words {
    words.into_iter().map(String::from).collect()
}

fn verbs() -> Words {
    words(VERBS.iter().map(|(name, _)| *name))
}

fn attributes() -> Words {
    words(ATTRIBUTES.iter().map(|form| form.name))
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("grammar")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands in the text behind `start`, up to `end`.
#[track_caller]
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start:?}"));
    rest.split_once(end)
        .unwrap_or_else(|| panic!("no {end:?} behind {start:?}"))
        .0
}

/// Everything in double quotes that is a word.
fn quoted(text: &str) -> Words {
    let is_word = |part: &&str| !part.is_empty() && flow::lang::names::is_name(part);
    words(text.split('"').skip(1).step_by(2).filter(is_word))
}

fn union(sets: &[&Words]) -> Words {
    sets.iter().flat_map(|set| set.iter().cloned()).collect()
}

#[test]
fn the_ebnf_lists_them() {
    let text = read("flow.ebnf");
    let settings = between(&text, "\nsetting     =", ";");
    assert_eq!(quoted(settings), union(&[&words(SETTINGS), &words(["as"])]));
    let header = between(&text, "\nheader      =", "# `suffix");
    let each = quoted(header);
    assert_eq!(each, union(&[&verbs(), &words(["x"])]));
    let keywords = between(&text, "\nfilter      =", "outputs     =");
    assert_eq!(union(&[&quoted(keywords), &words(["x"])]), words(KEYWORDS));
    let reserved = between(&text, "# `suffix", "`");
    assert_eq!(
        words(format!("suffix{reserved}").split(' ')),
        words(KEYWORDS)
    );
    let mut listed = Words::new();
    for (start, least, most) in [
        ("\nalone       =", 0, 0),
        ("\none         =", 1, 1),
        ("\nmany        =", 1, usize::MAX),
        ("\none-or-two  =", 1, 2),
        ("\nup-to-three =", 1, 3),
    ] {
        let group = quoted(between(&text, start, ";"));
        let of_form = ATTRIBUTES
            .iter()
            .filter(|form| (form.least, form.most) == (least, most));
        assert_eq!(group, words(of_form.map(|form| form.name)), "{start}");
        listed.extend(group);
    }
    assert_eq!(listed, attributes());
}

#[test]
fn tree_sitter_lists_them() {
    let text = read("tree-sitter-flow/grammar.js");
    let array = |name: &str| quoted(between(&text, &format!("const {name} = ["), "]"));
    let found = union(&[
        &array("EACH"),
        &array("TUPLES"),
        &words(["originate", "product"]),
    ]);
    assert_eq!(found, verbs());
    for verb in ["originate", "product"] {
        assert!(text.contains(&format!("alias(\"{verb}\", $.verb)")));
    }
    for (name, least, most) in [("ALONE", 0, 0), ("ONE", 1, 1), ("MANY", 1, usize::MAX)] {
        let is_own = |name: &str| matches!(name, "active_if" | "check" | "then");
        let forms = ATTRIBUTES
            .iter()
            .filter(|form| (form.least, form.most) == (least, most));
        let names = forms.map(|form| form.name).filter(|name| !is_own(name));
        assert_eq!(array(name), words(names), "{name}");
    }
    for own in ["active_if", "check", "then"] {
        assert!(text.contains(&format!("alias(\"{own}\", $.attribute_name)")));
    }
    let settings = between(&text, "_setting_line: ($) =>", "_newline");
    for setting in SETTINGS {
        assert!(settings.contains(&format!("$.{setting},")), "{setting}");
        assert!(text.contains(&format!("{setting}: ($) =>")), "{setting}");
    }
    let keywords = between(
        &read("tree-sitter-flow/src/scanner.c"),
        "KEYWORDS[] = {",
        "}",
    )
    .to_string();
    assert_eq!(quoted(&keywords), words(KEYWORDS));
    let colours = read("tree-sitter-flow/queries/highlights.scm");
    let group = |mark: &str| {
        let before = colours.split_once(mark).expect("it is coloured").0;
        quoted(&before[before.rfind('[').expect("it is a group")..])
    };
    assert_eq!(
        group("] @keyword\n"),
        union(&[&words(SETTINGS), &words(["as"])])
    );
    assert_eq!(group("] @keyword.operator"), words(KEYWORDS));
}

#[test]
fn vim_lists_them() {
    let text = read("vim/syntax/flow.vim").replace("\n      \\", "");
    for (group, expected) in [
        ("flowVerb", verbs()),
        ("flowSetting", words(SETTINGS)),
        ("flowKeyword", words(KEYWORDS)),
        ("flowAttribute", attributes()),
    ] {
        let line = between(&text, &format!("syntax keyword {group} "), "\n");
        let options = ["contained", "skipwhite"];
        let listed = line
            .split(' ')
            .filter(|word| !options.contains(word) && !word.starts_with("nextgroup="));
        assert_eq!(words(listed), expected, "{group}");
    }
}

#[test]
fn vs_code_lists_them() {
    let text = read("vscode/syntaxes/flow.tmLanguage.json");
    let grammar: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let parts = &grammar["repository"];
    let listed = |pattern: &serde_json::Value, start: &str, end: &str| {
        let pattern = pattern.as_str().expect("it is a pattern");
        words(between(pattern, start, end).split('|'))
    };
    assert_eq!(listed(&parts["rule"]["begin"], "^(", ")"), verbs());
    assert_eq!(
        listed(&parts["setting"]["begin"], "^(", ")"),
        words(SETTINGS)
    );
    let attribute = &parts["attributes"]["patterns"][0]["match"];
    assert_eq!(listed(attribute, "(?:", ")"), attributes());
    let keyword = &parts["words"]["patterns"][1]["match"];
    assert_eq!(listed(keyword, "(?:", ")"), words(KEYWORDS));
    let settings = read("vscode/language-configuration.json");
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("it is JSON");
    let indents = &settings["indentationRules"]["increaseIndentPattern"];
    assert_eq!(listed(indents, "^(", ")"), verbs());
    let _: serde_json::Value =
        serde_json::from_str(&read("vscode/package.json")).expect("it is JSON");
}

/// Every pattern that a grammar for VS Code names is there.
#[test]
fn vs_code_includes_what_there_is() {
    let text = read("vscode/syntaxes/flow.tmLanguage.json");
    let grammar: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let parts = grammar["repository"].as_object().expect("it has parts");
    let names = text.split("\"include\": \"#").skip(1);
    for name in names.map(|rest| rest.split('"').next().expect("there is a first")) {
        assert!(parts.contains_key(name), "{name}");
    }
}
