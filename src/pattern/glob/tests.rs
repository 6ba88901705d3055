//! Globs on paths, and against a matcher that tries everything.

use proptest::prelude::*;

use super::super::testing::parse;
use super::*;

fn matches(glob: &str, path: &[u8]) -> bool {
    Glob::new(&parse(glob)).unwrap().matches(path.into())
}

#[test]
fn globs_match_as_in_a_shell() {
    // Glob, what it names, what it does not.
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "a/*.in",
            &["a/1.in", "a/x.y.in"],
            &["a/.in", "a/.x.in", "b/1.in", "a/b/1.in", "a/1.in/"],
        ),
        ("*", &["a", "a.b"], &["", ".a", "a/b", "a/"]),
        ("?x", &["ax", "äx"], &[".x", "x", "aax", "/x"]),
        ("[!a]x", &["bx"], &["ax", ".x", "/x"]),
        ("a?[0-9]", &["ab1", "a.1"], &["a/1", "abc"]),
        (".*", &[".a", ".bashrc"], &["a", ".flow"]),
        ("*/x", &["a/x"], &[".a/x", ".flow/x", "x"]),
        (".f*/x", &[".fg/x"], &[".flow/x"]),
        (".flow/*", &[], &[".flow/x"]),
        (".flow/x", &[".flow/x"], &[]),
        (
            "**/*.fq",
            &["a.fq", "x/a.fq", "x/y/a.fq"],
            &[".x/a.fq", "x/.a.fq", "x/a.fq/"],
        ),
        (
            "d/**",
            &["d/a", "d/x/a"],
            &["d", "d/", "d/.a", "d/.x/a", "d/x/"],
        ),
        (
            "d/**/x",
            &["d/x", "d/a/x", "d/a/b/x"],
            &["d/.a/x", "x", "d/x/y"],
        ),
        ("d/**/", &["d/", "d/a/", "d/a/b/"], &["d/a", "d/.a/"]),
        (
            "a**b",
            &["ab", "axb", "a/b", "ax/y/zb"],
            &["a/.b", "a/.x/b", "b"],
        ),
        ("**.fq", &["a.fq", "x/a.fq"], &[".fq", "x/.fq"]),
        ("{a,b}{1,2}.fq", &["a1.fq", "b2.fq"], &["a.fq", "ab.fq"]),
        ("{.a,b}*", &[".ax", "bx"], &[".bx"]),
        ("x/{a/b,c}/*", &["x/a/b/1", "x/c/1"], &["x/a/1"]),
        ("d*/", &["da/"], &["da", ".da/", "da/b/"]),
        ("/a/*", &["/a/b"], &["a/b", "/a/b/c"]),
        ("./a//./*", &["a/b"], &["./a/b"]),
        ("../*.fq", &["../a.fq"], &["a.fq"]),
        ("a*b*c*d", &["abcd", "axbbcxdd"], &["abdc", "abc"]),
    ];
    for (glob, inside, outside) in cases {
        for path in *inside {
            assert!(matches(glob, path.as_bytes()), "{glob} names {path}");
        }
        for path in *outside {
            assert!(
                !matches(glob, path.as_bytes()),
                "{glob} does not name {path}"
            );
        }
    }
}

#[test]
fn names_need_be_no_text() {
    assert!(matches("r/*.fq", b"r/\xff\xfe.fq") && matches("r/*.fq", b"r/a\nb.fq"));
    assert!(matches("?", b"\xff") && !matches("?", b"\xff\xff"));
    assert!(matches("a?c", "aäc".as_bytes()) && matches("[ä-ü]", "ö".as_bytes()));
    assert!(!matches("*??", "ä".as_bytes()));
}

#[test]
fn many_stars_do_not_take_for_ever() {
    let path = "a".repeat(2000);
    assert!(!matches(
        &"a*".repeat(100).replace("*a", "*a?"),
        format!("{path}/b").as_bytes()
    ));
    assert!(!matches(&format!("{}b", "*a".repeat(50)), path.as_bytes()));
    let deep = "a/".repeat(500);
    assert!(!matches(
        &format!("{}b", "**/a/".repeat(30)),
        format!("{deep}c").as_bytes()
    ));
}

#[test]
fn what_is_wrong_with_a_glob_is_told() {
    let error = |glob: &str| Glob::new(&parse(glob)).unwrap_err().message;
    assert_eq!(error("a/[z-a]"), "`[z-a]` has a range from high to low");
    assert_eq!(error("a/{x}"), "a capture has no value here");
    assert!(error(&"a**".repeat(11)).starts_with("the braces stand for"));
}

/// Tries everything, after the words of the contract. `is_guarded`: a wildcard that took nothing
/// begins the component, so no dot may come first.
fn oracle(word: &[Part], at_start: bool, path: &str, is_guarded: bool) -> bool {
    let Some((part, rest)) = word.split_first() else {
        return path.is_empty() && !is_guarded;
    };
    let first = path.chars().next();
    let hides = at_start && first == Some('.');
    let one = |is_in: &dyn Fn(char) -> bool| {
        let is_taken = first.is_some_and(|c| c != '/' && is_in(c)) && !hides;
        is_taken && oracle(rest, false, &path[1..], false)
    };
    let starts_slash = matches!(rest.first(), Some(Part::Text(text)) if text.starts_with(b"/"));
    match part {
        Part::Text(text) => {
            let text = text.to_string();
            let after = path.strip_prefix(&text);
            let is_hidden = is_guarded && text.starts_with(['.', '/']);
            after.is_some_and(|path| !is_hidden && oracle(rest, text.ends_with('/'), path, false))
        }
        Part::Any => one(&|_| true),
        Part::Class(class) => one(&|c| Class::parse(class).unwrap().contains(Some(c))),
        Part::DoubleStar if at_start && !is_guarded && starts_slash => {
            // Whole folders: none, or one and again.
            let mut rest = rest.to_vec();
            if let Part::Text(text) = &mut rest[0] {
                text.remove(0);
            }
            rest.retain(|part| *part != Part::Text("".into()));
            let after = path
                .split_once('/')
                .filter(|(name, _)| !hides && !name.is_empty());
            oracle(&rest, true, path, false)
                || after.is_some_and(|(_, path)| oracle(word, true, path, false))
        }
        Part::Star | Part::DoubleStar if !hides => {
            let is_deep = *part == Part::DoubleStar;
            let mut at_start = at_start;
            let mut taken = path.char_indices();
            loop {
                let left = taken.as_str();
                if oracle(rest, at_start, left, at_start) {
                    return true;
                }
                match taken.next() {
                    Some((_, '/')) if !is_deep || at_start => return false,
                    Some((_, '.')) if at_start => return false,
                    None => return false,
                    Some((_, c)) => at_start = c == '/',
                }
            }
        }
        // With nothing taken, what follows may not spell the dot either.
        Part::Star | Part::DoubleStar => false,
        _ => unreachable!(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        max_global_rejects: 10_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn globs_agree_with_trying(
        glob in "(a|b|\\.|\\*|\\?|\\[ab\\]|\\[!a\\]|\\*\\*|\\{a,b/\\}|\\{a/\\*,b\\}){1,4}(/(a|b|\\.|\\*|\\*\\*|\\?){1,3}){0,2}",
        path in "[ab.]{1,3}(/[ab.]{1,3}){0,3}",
    ) {
        // The contract says nothing of `***`, and a word is cleaned before.
        prop_assume!(!glob.contains("***"));
        prop_assume!(!path.split('/').any(|name| name == "."));
        let mut expected = false;
        for word in &super::alternatives(&parse(&glob).0).unwrap() {
            expected |= oracle(&word.clean().0, true, &path, false);
        }
        prop_assert_eq!(matches(&glob, path.as_bytes()), expected);
    }
}
