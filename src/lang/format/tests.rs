//! The layout in examples, and what it may never change for any text.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::format;
use crate::lang::span::FileId;
use crate::lang::{parse, recipe};

fn formatted(text: &str) -> String {
    match format(FileId(0), text) {
        Ok(new) => new,
        Err(diags) => panic!("{text:?}\n{diags:?}"),
    }
}

/// A tree without its places: what the text means, and nothing else.
fn meaning(text: &str) -> String {
    let (ast, _) = parse(FileId(0), text);
    static PLACES: LazyLock<regex::Regex> = LazyLock::new(|| {
        let place = "Span \\{ file: FileId\\(\\d+\\), start: \\d+, end: \\d+ \\}";
        regex::Regex::new(&format!("{place}|line_starts: \\[[^\\]]*\\]")).unwrap()
    });
    PLACES.replace_all(&format!("{ast:?}"), "").into_owned()
}

/// Comments outside recipes, in their order.
fn comments(text: &str) -> Vec<String> {
    let (ast, _) = parse(FileId(0), text);
    let recipes: Vec<_> = ast
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            crate::lang::ast::ItemKind::Rule(rule) => rule.recipe.as_ref(),
            _ => None,
        })
        .map(|recipe| recipe.span.start..recipe.span.end)
        .collect();
    let mut found = Vec::new();
    for (at, _) in text.match_indices('#') {
        if !recipes.iter().any(|range| range.contains(&(at as u32))) {
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
            found.push(
                text[at..end]
                    .trim_end_matches([' ', '\t', '\r'])
                    .to_string(),
            );
        }
    }
    found
}

/// What holds for every text without mistakes.
fn check(text: &str) -> Result<(), TestCaseError> {
    let Ok(new) = format(FileId(0), text) else {
        return Ok(());
    };
    let (_, diags) = parse(FileId(0), &new);
    prop_assert!(
        !diags.iter().any(|diag| diag.is_error()),
        "{text:?}\n{new:?}\n{diags:?}"
    );
    prop_assert_eq!(meaning(text), meaning(&new), "{:?}\n{:?}", text, new);
    let again = format(FileId(0), &new).ok();
    prop_assert_eq!(Some(&new), again.as_ref());
    for comment in ["# c", "# i", "#!bang"] {
        let count = |text: &str| {
            let text = text.replace("# !", "#!");
            let begins_word = |&(at, _): &(usize, &str)| {
                text[..at]
                    .chars()
                    .next_back()
                    .is_none_or(char::is_whitespace)
            };
            text.match_indices(comment).filter(begins_word).count()
        };
        prop_assert_eq!(count(text), count(&new), "{:?}", text);
    }
    Ok(())
}

#[test]
fn spacing_is_one_way() {
    let text = "\u{feff}\n\nparam   a=1   # one\r\nparam bb  = [ 1,2 , 'x' , ]# two\n\n\n\nlet c=\t3\n\
        [ cores   2,mem [4G,8G] , always]\n  # about t\ntransform  t :  a   b suffix  .x -> .y\n\n\n\
        \techo  {input}\n\t\tdeeper\n\n\tend\n# next\noriginate o->(a,b) c\n";
    let text = text.replace("o->", "o -> ");
    insta::assert_snapshot!(formatted(&text), @r"
    param a = 1             # one
    param bb = [1, 2, 'x']  # two

    let c = 3
    [cores 2, mem [4G, 8G], always]
    # about t
    transform t: a b suffix .x -> .y
        echo  {input}
        	deeper

        end

    # next
    originate o -> (a b) c
    ");
}

#[test]
fn long_headers_break_before_their_clauses() {
    let text = "transform align: trimmed_reads other_reads_of_the_lane suffix .trimmed.fq.gz with \
        ref=reference/genome.fa index=reference/genome.fa.bwt -> bam=.sorted.bam bai=.sorted.bam.bai\n\
        target all: aaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccc \
        ddddddddddddddddddddd eeeee\n\
        transform short: \\\n  a \\\n   -> b\n";
    insta::assert_snapshot!(formatted(text), @r"
    transform align: trimmed_reads other_reads_of_the_lane \
            suffix .trimmed.fq.gz \
            with ref=reference/genome.fa index=reference/genome.fa.bwt \
            -> bam=.sorted.bam bai=.sorted.bam.bai
    target all: aaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccc \
        ddddddddddddddddddddd eeeee
    transform short: a -> b
    ");
}

#[test]
fn a_parenthesis_in_a_word_does_not_close_its_list() {
    for text in [
        "originate o -> (a b( )\n    x\n",
        "originate o -> (a(b c())\n    x\n",
        "use f.flow as m (a = b( )\n",
    ] {
        assert_eq!(formatted(text), text);
        check(text).unwrap();
    }
}

#[test]
fn what_the_shell_sees_is_kept() {
    let text = "merge a: b -> c\n\tcat <<-E > {output}\n\t\ttabs  \n\t \t mixed\n\n\t  \n\tE\n\techo\r\r\n\techo\r";
    let new = formatted(text);
    assert_eq!(
        new,
        "merge a: b -> c\n    cat <<-E > {output}\n    \ttabs  \n     \t mixed\n\n      \n    E\n    echo\r\r\n    echo\r\r\n"
    );
    check(text).unwrap();
}

#[test]
fn a_blank_at_a_words_end_is_no_continuation() {
    assert_eq!(formatted("param x = a\\ "), "param x = a\" \"\n");
    check("param x = a\\\r").unwrap();
}

#[test]
fn only_the_first_line_is_a_shebang() {
    assert_eq!(
        formatted("#!/usr/bin/flow\nparam a\n"),
        "#!/usr/bin/flow\nparam a\n"
    );
    assert_eq!(formatted("\n#!doc\nparam a\n"), "# !doc\nparam a\n");
    check("\u{feff}#!doc\nparam a\n").unwrap();
    assert_eq!(formatted("  #!doc\nparam a\n"), "# !doc\nparam a\n");
}

#[test]
fn texts_with_mistakes_are_left_alone() {
    for text in [
        "param x 1\n",
        "merge a: b -> c\n    cat <<E\nx\nE\n",
        "merge a: b -> c\n    echo '\n",
    ] {
        assert!(format(FileId(0), text).is_err(), "{text}");
    }
}

#[test]
fn known_files_keep_their_meaning_and_comments() {
    let texts = [
        include_str!("../../../tests/fixtures/lang/tour.flow"),
        include_str!("../../../tests/fixtures/lang/everything.flow"),
        include_str!("../../../examples/quickstart/workflow.flow"),
        include_str!("../../../examples/variants/workflow.flow"),
        include_str!("../../../examples/c-project/workflow.flow"),
    ];
    for text in texts {
        let new = formatted(text);
        assert_eq!(comments(text), comments(&new));
        check(text).unwrap();
        check(&text.replace('\n', "\r\n")).unwrap();
    }
}

/// One of these lines, with something behind it.
fn line(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    let ends = [
        "\n", "\n", "\n", "\r\n", " \n", "  # c\n", "\n\n", "\n \n\n", "\\\n\n",
    ];
    let line = proptest::sample::select(lines);
    (line, proptest::sample::select(ends.to_vec())).prop_map(|(line, end)| format!("{line}{end}"))
}

const SETTINGS: &[&str] = &[
    "param p",
    "param p=1",
    "param  p = [ a,b , ]",
    "let l =  'x y'",
    "let l=a\\ ",
    "jobs_limit j=2",
    "table t = [a,b]",
    "shell sh  -c",
    "use f  as m(a=1,b=[c,d])",
    "use f as m ()",
    "target all:a  b",
    "default  all",
    "checksum_level=3",
    "env A=b",
    "include  x",
    "",
    "  ",
    "\t",
];

const COMMENTS: &[&str] = &["# comment", "  # indented", "#!bang", "", "#"];

const ATTRIBUTES: &[&str] = &[
    "[cores 2,always]",
    "[ mem [1G,2G] ]",
    "[check \"a  {b}\"]",
    "[after a  b]",
];

const HEADERS: &[&str] = &[
    "transform t:a suffix .x -> .y",
    "transform  t : a  with r=b using c with d -> e",
    "originate o ->(a b)",
    "product p: a suffix .x x b x c -> d",
    "merge m: a",
    "split s: a -> b/*.c",
    "combinations c  2 :a -> b",
    "collate c: a match {x:[ab]}.c -> {x}.d",
    "transform t: \\\n  a \\\n -> b",
    "transform t: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb suffix cc -> dd",
];

const SPACES: &[&str] = &[
    "    recipe  ",
    "",
    "      deeper",
    "    # in",
    "    cat <<E",
    "    \tE",
    "    E",
    "  ",
];

const TABS: &[&str] = &[
    "\trecipe",
    "",
    "\t\tdeeper",
    "\t# in",
    "\tcat <<-E",
    "\t\tE",
    "\tE\r",
    " ",
];

fn item() -> impl Strategy<Value = String> {
    let several = |lines: &'static [&'static str], most: usize| {
        proptest::collection::vec(line(lines), 0..most).prop_map(|lines| lines.concat())
    };
    let recipe = prop_oneof![several(SPACES, 5), several(TABS, 5)];
    let rule = (
        several(ATTRIBUTES, 3),
        several(COMMENTS, 2),
        line(HEADERS),
        recipe,
    )
        .prop_map(|(attributes, comments, header, recipe)| {
            attributes + &comments + &header + &recipe
        });
    let what = prop_oneof![line(SETTINGS), several(COMMENTS, 3), rule];
    (several(COMMENTS, 2), what).prop_map(|(comments, what)| comments + &what)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_meaning_of_any_text_is_kept(items in proptest::collection::vec(item(), 0..6)) {
        check(&items.concat())?;
    }

    #[test]
    fn the_meaning_of_a_changed_file_is_kept(
        which in 0..2usize,
        at in any::<proptest::sample::Index>(),
        length in 0..6usize,
        new in proptest::sample::select(vec!["", " ", "\n", "\r", "\t", "\\\n", "#", "\\ ", "\"", "\n\n\n", ",", "x"]),
    ) {
        let text = [
            include_str!("../../../tests/fixtures/lang/tour.flow"),
            include_str!("../../../tests/fixtures/lang/everything.flow"),
        ][which];
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        if let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) {
            check(&[before, new, after].concat())?;
        }
    }
}

#[test]
fn recipes_are_read_as_before() {
    let text = "merge a: b -> c\n\tcat <<-E\n\t\t{input}\n\tE\n";
    let recipe_of = |text: &str| {
        let (ast, _) = parse(FileId(0), text);
        let crate::lang::ast::ItemKind::Rule(rule) = &ast.items[0].kind else {
            panic!("no rule");
        };
        recipe::lex(rule.recipe.as_ref().unwrap())
            .0
            .text()
            .to_string()
    };
    assert_eq!(recipe_of(text), recipe_of(&formatted(text)));
}
