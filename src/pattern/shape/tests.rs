//! Which words, globs and filters can name one file; and that no answer is wrong.

use std::sync::LazyLock;

use bstr::BStr;
use proptest::prelude::*;

use super::super::testing::{name, parse};
use super::super::{Captures, Filter, Glob, Part, Pattern, fill_glob};
use super::search::{Common, common};
use super::{Shape, intersects};

fn word(text: &str) -> Shape {
    Shape::word(&parse(text)).unwrap()
}

fn filter(text: &str) -> Filter {
    match text.split_once(' ').unwrap() {
        ("suffix", suffix) => Filter::suffix(suffix.as_bytes()),
        ("match", template) => Filter::template(&parse(template)).unwrap(),
        ("regex", source) => Filter::regex(source, &mut |_| name(b'r')).unwrap(),
        (other, _) => panic!("{other}"),
    }
}

#[test]
fn one_file_for_all_or_none() {
    // An output word, a glob, a filter, and whether one file can be all three.
    let cases = [
        ("trimmed/{s}.fq", "trimmed/*.fq", "suffix .fq", true),
        ("trimmed/{s}.fq", "trimmed/*.fq", "suffix .fq.gz", false),
        ("trimmed/{s}.fq", "raw/*.fq", "suffix .fq", false),
        ("{d}/{s}.bam", "out/*", "match out/{s}_{l}.bam", true),
        ("{d}/x_{s}.bam", "out/*", "match out/y_{s}.bam", false),
        ("a.fq", "*.fq", "match {s}.fq", true),
        ("a.fq", "?.fq", "match b{s}.fq", false),
        ("a/{s}/b", "a/*", "regex .", false),
        ("{**d}/b", "a/*/*", "regex .", true),
        ("x/{s}", "x/*", "suffix y", true),
        (".{s}", "*", "regex .", false),
        ("d/.{s}", "d/**/*", "regex .", false),
        ("d/{s}/{t}", "d/**/*.fq", "suffix _1.fq", true),
        ("chunks/{s}.*.fq", "chunks/a*", "match {s}.{n}.fq", true),
        ("out/{s}/", "out/*", "regex .", false),
        ("out/{s}/", "out/*/", "regex .", true),
        ("{a,b}{s}", "{c,b}*", "suffix x", true),
        ("{a,b}{s}", "{c,d}*", "suffix x", false),
        ("{s}.txt", "[a-c]*", "match {x:[0-9]+}.txt", true),
        ("./a/{s}", "a//*", "match a/{s}", true),
        ("d/{s}", "d/*", "match {x}.fq", true),
        ("d/{s}", "d/*", "match ./{x}.fq", false),
        // One character, which may have several bytes, is no two: yes is the safe side.
        ("{**z}", "?", "match {u}{v}", true),
    ];
    for (output, glob, by, expected) in cases {
        let (output_word, source) = (word(output), word(glob));
        let shapes = [&output_word, &source, &Shape::filter(&filter(by))];
        assert_eq!(intersects(&shapes), expected, "{output} {glob} {by}");
    }
    assert!(intersects(&[]) && intersects(&[&Shape::anything()]));
}

#[test]
fn hard_words_end_soon() {
    let stars = word(&"*a".repeat(60));
    let others = word(&"*b".repeat(60));
    assert!(intersects(&[&stars, &stars]));
    assert!(!intersects(&[&stars, &others]));
    let choices = word(&"{a,b}".repeat(9));
    assert!(!intersects(&[&choices, &word("*c")]));
}

/// All paths over four bytes up to six long that are spelt cleanly.
static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut paths = vec![String::new()];
    let mut n = 0;
    while n < paths.len() && paths[n].len() < 6 {
        let path = paths[n].clone();
        paths.extend(["a", "b", "/", "."].map(|byte| format!("{path}{byte}")));
        n += 1;
    }
    paths.retain(|path| is_clean(path.as_bytes()));
    paths
});

fn is_clean(path: &[u8]) -> bool {
    let body = path.strip_suffix(b"/").unwrap_or(path);
    !path.is_empty()
        && body
            .split(|&byte| byte == b'/')
            .all(|name| !name.is_empty() && name != b"." && name != b"..")
}

/// Whether an output word can become `path`: captures as globs that take dots too.
fn can_be(pattern: &Pattern, path: &[u8], may_be_empty: bool) -> bool {
    // The text that captures bring is tried out: `x` and `z` take all that fits.
    let n = path.len();
    let texts: Vec<&[u8]> = (0..=n)
        .flat_map(|a| (a..=n).map(move |b| &path[a..b]))
        .collect();
    let has = |id: u8| pattern.captures().any(|capture| capture.name == name(id));
    let none: Vec<&[u8]> = vec![b""];
    let choices = |id: u8, spans: bool| match has(id) {
        true => texts
            .iter()
            .copied()
            .filter(|text| spans || !text.contains(&b'/'))
            .filter(|text| may_be_empty || !text.is_empty())
            .collect(),
        false => none.clone(),
    };
    let (xs, zs) = (choices(b'x', false), choices(b'z', true));
    xs.iter().any(|x| {
        zs.iter().any(|z| {
            let mut lookup = |id| if id == name(b'x') { Some(*x) } else { Some(*z) };
            let filled = fill_glob(pattern, &mut lookup).unwrap();
            if filled != *filled.clean() {
                return false;
            }
            match filled.literal() {
                Some(literal) => literal == path,
                None => Glob::new(&filled).unwrap().matches(BStr::new(path)),
            }
        })
    })
}

fn selects(filter: &Filter, path: &[u8]) -> bool {
    filter.matches(BStr::new(path), &mut Captures::default())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 120,
        max_global_rejects: 4_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_common_path_satisfies_all_and_none_is_missed(
        output in "(a|b|/|\\.|\\*){0,2}(\\{x\\})?(a|/|b){0,2}(\\{\\*\\*z\\})?(a|\\.){0,2}",
        glob in "(a|b|\\*|\\?|\\[!a\\]|\\{a,b/\\}|\\.){1,3}((/|/\\*\\*/|\\*\\*)(a|\\*|b){1,2}){0,2}/?",
        by in "suffix [ab./]{1,2}|match (a|/|\\.|\\{[uvw]\\}|\\*|\\{\\*\\*y\\}|\\*\\*/){1,5}",
    ) {
        // A name that stands twice counts as two.
        prop_assume!(["{u", "{v", "{w", "{**y"].iter().all(|name| by.matches(name).count() < 2));
        let (output, glob) = (parse(&output), parse(&glob));
        let (output, glob) = (output.clean(), glob.clean());
        prop_assume!(!output.0.is_empty());
        let compiled = Glob::new(&glob).unwrap();
        let by = filter(&by);
        let shapes = [
            &Shape::word(&output).unwrap(),
            &Shape::word(&glob).unwrap(),
            &Shape::filter(&by),
        ];
        let all = |path: &[u8], may_be_empty: bool| {
            compiled.matches(BStr::new(path))
                && selects(&by, path)
                && can_be(&output, path, may_be_empty)
        };
        // A capture that brings nothing may leave a `**` alone between slashes, where it means
        // more: the one thing that a shape does not see.
        let may_be_empty = !output.0.contains(&Part::DoubleStar);
        match common(&shapes) {
            Common::Path(path) if is_clean(&path) && path.is_ascii() => {
                prop_assert!(all(&path, true), "{}", BStr::new(&path));
            }
            // A path with an empty component, or with a character of several bytes, which may count
            // as several: nothing to compare with.
            Common::Path(_) => {}
            Common::None => {
                let missed = PATHS.iter().find(|path| all(path.as_bytes(), may_be_empty));
                prop_assert_eq!(missed, None);
            }
            Common::Unknown => prop_assert!(false, "too many states"),
        }
    }
}
