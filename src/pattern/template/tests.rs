//! Templates on paths, and the three ways against one that tries everything.

use std::ops::Range;

use bstr::BStr;
use proptest::prelude::*;
use regex::bytes::Regex;

use super::super::testing::parse;
use super::super::{Captures, Filter, NameId, Part, Pattern};
use super::{Template, compile, regex};

/// What a template captures, as `name=text name=text`.
fn captured(template: &str, path: &[u8]) -> Option<String> {
    let filter = Filter::template(&parse(template)).unwrap();
    let mut captures = Captures::default();
    if !filter.matches(BStr::new(path), &mut captures) {
        assert_eq!(captures, Captures::default());
        return None;
    }
    let show = |(name, range): &(NameId, Range<usize>)| {
        let text = BStr::new(&path[range.clone()]);
        format!("{}={text}", char::from(name.0 as u8))
    };
    Some(
        captures
            .named
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

#[test]
fn a_template_fits_the_whole_path() {
    // Template, path, what it captures.
    let cases = [
        ("raw/{s}_L{l}.fq", "raw/a_L1.fq", Some("s=a l=1")),
        ("raw/{s}_L{l}.fq", "raw/a_L_L1.fq", Some("s=a_L l=1")),
        ("raw/{s}_L{l}.fq", "raw/_L1.fq", None),
        ("raw/{s}_L{l}.fq", "raw/x/a_L1.fq", None),
        ("raw/{s}_L{l}.fq", "raw/a_L1.fq.gz", None),
        ("raw/{s}", "raw/", None),
        ("{a}{b}{c}", "wxyz", Some("a=wx b=y c=z")),
        ("{d}/{n}.fq", "x/y/n.fq", None),
        ("{**d}/{n}.fq", "x/y/n.fq", Some("d=x/y n=n")),
        ("{**d}{n}.fq", "x/y/nm.fq", Some("d=x/y/n n=m")),
        // Neither `/` nor `{**…}`: the name alone.
        ("{s}.fq", "a/b/c.d.fq", Some("s=c.d")),
        ("{s}.fq", "c.fq", Some("s=c")),
        ("{s}.fq", "a/.fq", None),
        ("a.fq", "b/a.fq", Some("")),
        // Constraints.
        ("{s}{n:[0-9]+}.fq", "ab123.fq", Some("s=ab12 n=3")),
        ("{s:.+?}{n:[0-9]+}.fq", "ab123.fq", Some("s=ab n=123")),
        ("{s:[a-z]+}_{n:[0-9]{2}}", "ab_17", Some("s=ab n=17")),
        ("{s:[a-z]+}_{n:[0-9]{2}}", "ab_177", None),
        ("r/{s:.+}_{n}.fq", "r/x/a_1.fq", None),
        ("r/{s:.+}_{n}.fq", "r/a_b_1.fq", Some("s=a_b n=1")),
        ("{**s:.+}_{n}.fq", "r/x/a_1.fq", Some("s=r/x/a n=1")),
        ("{a:(x)(y)}{b}", "xyz", Some("a=xy b=z")),
        ("{a:x|xy}{b:y?z?}", "xyz", Some("a=x b=yz")),
        // A name that stands twice.
        ("{s}/{s}.fq", "a/a.fq", Some("s=a")),
        ("{s}/{s}.fq", "a/b.fq", None),
        ("{a}_{b}_{a}", "x_y_x_z_x_y_x", Some("a=x_y_x b=z")),
        ("{a}{a}", "abab", Some("a=ab")),
        ("{a}{a}", "aba", None),
        ("{a:[a-z]+}{b}{a}", "q/aa1aa", Some("a=aa b=1")),
        ("{**a}-{a}.t", "x/y-x/y.t", Some("a=x/y")),
        // Globs take and name nothing.
        ("*/{s}.fq", "x/a.fq", Some("s=a")),
        ("**/{s}.fq", "a.fq", Some("s=a")),
        ("**/{s}.fq", "x/y/a.fq", Some("s=a")),
        ("x/{s}.{fq,fastq}", "x/a.fastq", Some("s=a")),
        ("{s}[._]R?.fq", "a_R1.fq", Some("s=a")),
        ("{s}/*/{s}.fq", "a/x/a.fq", Some("s=a")),
        // Stars that touch are one, beside a name that stands twice too.
        ("{s}****/{s}*.fq", "ab/x/a/abc.fq", Some("s=ab")),
        ("{s}***.{s}", "a/b.a", Some("s=a")),
        ("{s}**.{s}", "a.a", Some("s=a")),
        // What is behind the last of such names is tried anew for each text of it.
        ("{a}{b}*-{a}?{b}.x", "pqq-p-qq.x", Some("a=p b=qq")),
        ("{a}{b}*-{a}*{b}.x", "pqpq-p-qpq.x", Some("a=p b=qpq")),
        ("{a}_{a}_{a}.x", "p_p_p.x", Some("a=p")),
        ("{a}_{a}_{a}.x", "p_p_q.x", None),
    ];
    for (template, path, expected) in cases {
        let found = captured(template, path.as_bytes());
        assert_eq!(found.as_deref(), expected, "{template} on {path}");
    }
}

#[test]
fn names_that_are_no_text_are_captured_too() {
    let paths: [&[u8]; 3] = [b"r/\xff\xfe_1", b"r/a\nb_1", b"r/\xe4_1"];
    for path in paths {
        for template in ["r/{s}_{n}", "r/{s}_{n:[0-9]}", "{d}/{s}_{n}", "{**s}_{n}"] {
            assert!(captured(template, path).is_some(), "{template}");
        }
        assert!(captured("{d}/{s}_{n}", path).is_some());
    }
    assert!(captured("{s}{x}{s}", b"\xff\n\xff").is_some());
}

#[test]
fn what_is_wrong_with_a_template_is_told() {
    let error = |template: &str| Filter::template(&parse(template)).unwrap_err();
    let wrong = error("a/{b:[0-9}");
    assert_eq!(wrong.message, "unclosed character class");
    assert_eq!(
        (wrong.capture, wrong.range),
        (Some(NameId(u32::from(b'b'))), Some(0..1))
    );
    assert_eq!(
        error("{a,{b}}").message,
        "a capture cannot stand inside `{a,b}`"
    );
    assert_eq!(
        error("{a}{b}{c}{d}{e}/{a}{b}{c}{d}{e}").message,
        "more than 4 captures stand twice"
    );
    assert_eq!(
        error("{a}/*1*2*3*4*5*6*7*8*9/{a}").message,
        "more than 8 globs beside a capture that stands twice"
    );
}

#[test]
fn a_long_name_is_not_tried_for_ever() {
    let path = [&b"a".repeat(200)[..], b"b"].concat();
    assert_eq!(captured("{a}{b}{c}{d}{e}a", &path), None);
    assert_eq!(captured("{a:a*}{b:a*}{c:a*}{d:a*}c", &path), None);
    assert_eq!(captured("{a}x{b}y{c}z{a}c", &path), None);
    let found = captured("{a}{b}{a}b", &path).unwrap();
    assert_eq!(found.len(), "a= b=".len() + 99 + 2);
    assert_eq!(captured("*a*a*{n}*a*a{n}c", &path[170..]), None);
}

/// All ways a template can fit, tried in order: the first captures longest.
fn oracle(parts: &[Part], path: &[u8], at: usize, taken: &mut Vec<(NameId, Range<usize>)>) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return at == path.len();
    };
    match part {
        Part::Text(text) => {
            path[at..].starts_with(text) && oracle(rest, path, at + text.len(), taken)
        }
        Part::Capture(capture) => {
            let known = taken.iter().find(|(name, _)| *name == capture.name);
            if let Some(known) = known.map(|(_, range)| &path[range.clone()]) {
                let fits = path[at..].starts_with(known);
                return fits && oracle(rest, path, at + known.len(), taken);
            }
            for end in (at..=path.len()).rev() {
                let text = &path[at..end];
                let fits = match &capture.constraint {
                    Some(source) => Regex::new(&format!(r"\A(?:{source})\z"))
                        .unwrap()
                        .is_match(text),
                    None => !text.is_empty(),
                };
                if fits && (capture.spans_folders || !text.contains(&b'/')) {
                    taken.push((capture.name, at..end));
                    if oracle(rest, path, end, taken) {
                        return true;
                    }
                    taken.pop();
                }
            }
            false
        }
        _ => unreachable!("the oracle knows no globs"),
    }
}

fn with_all_names_different(pattern: &Pattern) -> Pattern {
    let mut pattern = pattern.clone();
    for (n, part) in pattern.0.iter_mut().enumerate() {
        if let Part::Capture(capture) = part {
            capture.name = NameId(n as u32);
        }
    }
    pattern
}

fn check(template: &str, path: &str) -> Result<(), TestCaseError> {
    let pattern = super::normalized(&parse(template));
    let path = path.as_bytes();
    let on_name = super::is_on_name_alone(&pattern);
    let start = match on_name {
        true => path.iter().rposition(|&b| b == b'/').map_or(0, |n| n + 1),
        false => 0,
    };
    let mut expected = Vec::new();
    let fits = oracle(&pattern.0, path, start, &mut expected);
    let mut found = Vec::new();
    let template = Template::new(&pattern).unwrap();
    let does_fit = template.matches(BStr::new(path), &mut found);
    prop_assert_eq!((does_fit, &found), (fits, &expected));
    // The expression that the simple ways would be compiled to agrees with them.
    let (source, _) = regex(&with_all_names_different(&pattern)).unwrap();
    let superset = compile(&source).unwrap();
    let mut different = Vec::new();
    let fits = oracle(
        &with_all_names_different(&pattern).0,
        path,
        start,
        &mut different,
    );
    let groups = superset.captures(&path[start..]);
    prop_assert_eq!(groups.is_some(), fits);
    if let Some(groups) = groups {
        for (n, (_, range)) in different.iter().enumerate() {
            let group = groups.get(n + 1).unwrap();
            prop_assert_eq!(start + group.start()..start + group.end(), range.clone());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        max_global_rejects: 10_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn plain_templates_agree_with_trying(
        template in "(a|b|_|/|\\{[xyzuv]\\}){0,7}",
        path in "[ab_/]{0,8}",
    ) {
        check(&template, &path)?;
    }

    #[test]
    fn all_templates_agree_with_trying(
        template in "(a|_|/|\\{[xy]\\}|\\{\\*\\*[xz]\\}|\\{u:[ab]*\\}){0,6}",
        path in "[ab_/]{0,8}",
    ) {
        // The oracle looks at the constraint of a name's first capture only.
        prop_assume!(template.matches("{u:").count() < 2);
        check(&template, &path)?;
    }
}

#[test]
fn a_character_is_never_cut_in_two() {
    let template = Template::new(&parse("{a}{b}")).unwrap();
    let taken = |name: &[u8]| {
        let mut captures = Vec::new();
        let fits = template.matches(BStr::new(name), &mut captures);
        fits.then(|| {
            captures
                .into_iter()
                .map(|(_, range)| range)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(taken("xä".as_bytes()), Some(vec![0..1, 1..3]));
    assert_eq!(taken("ä".as_bytes()), None);
    assert_eq!(taken(b"\xc3\xff"), Some(vec![0..1, 1..2]));
}

#[test]
fn a_slash_that_cleaning_takes_away_still_means_the_whole_path() {
    assert_eq!(captured("./{s}.fq", b"a.fq").as_deref(), Some("s=a"));
    assert_eq!(captured("./{s}.fq", b"d/a.fq"), None);
    assert_eq!(captured("{s}.fq", b"d/a.fq").as_deref(), Some("s=a"));
}
