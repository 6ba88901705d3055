//! Any pattern is compiled and laid on any path without a panic; the ways to ask one question agree.
#![no_main]

use bstr::BStr;
use flow::pattern::{Capture, Captures, Filter, Glob, NameId, Part, Pattern, Shape, intersects};
use libfuzzer_sys::fuzz_target;

/// A pattern from bytes: capital letters are captures, some signs are globs, the rest is text.
fn pattern_of(bytes: &[u8]) -> Pattern {
    let mut around: Vec<Vec<Vec<Part>>> = Vec::new();
    let mut choices: Vec<Vec<Part>> = vec![Vec::new()];
    for &byte in bytes.iter().take(64) {
        let capture = |name: u8, spans_folders, constraint: Option<&str>| {
            let constraint = constraint.map(String::from);
            Part::Capture(Capture {
                name: NameId(name.into()),
                spans_folders,
                constraint,
            })
        };
        let part = match byte {
            b'*' => Part::Star,
            b'%' => Part::DoubleStar,
            b'?' => Part::Any,
            b'[' => Part::Class("[!a-c]".into()),
            b']' => Part::Class("[ab.]".into()),
            b'A'..=b'H' => capture(byte, false, None),
            b'I'..=b'P' => capture(byte, true, None),
            b'Q'..=b'T' => capture(byte, false, Some("[ab]+|c")),
            b'U'..=b'Z' => capture(byte, true, Some("(a|b/)*")),
            b'{' if around.len() < 4 => {
                around.push(std::mem::replace(&mut choices, vec![Vec::new()]));
                continue;
            }
            b',' if !around.is_empty() => {
                choices.push(Vec::new());
                continue;
            }
            b'}' if !around.is_empty() => {
                let outer = around.pop().expect("it is not empty");
                Part::OneOf(std::mem::replace(&mut choices, outer))
            }
            text => Part::Text([text].as_slice().into()),
        };
        choices.last_mut().expect("there is always one").push(part);
    }
    while let Some(outer) = around.pop() {
        let inner = std::mem::replace(&mut choices, outer);
        choices
            .last_mut()
            .expect("there is always one")
            .push(Part::OneOf(inner));
    }
    let mut pattern = Pattern::default();
    for part in choices.remove(0) {
        pattern.push(part);
    }
    pattern
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |&byte| byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (first, second, path) = (pattern_of(next()), pattern_of(next()), next());
    let path = flow::pattern::clean(&path[..path.len().min(64)]).into_owned();
    let path = BStr::new(&path);
    let globs = [&first, &second].map(|pattern| Glob::new(&pattern.to_globs()));
    let shapes = [&first, &second].map(Shape::word);
    if let (Ok(one), Ok(other), [Ok(one_shape), Ok(other_shape)]) = (&globs[0], &globs[1], &shapes)
    {
        // What both match shows that they can name one file.
        if one.matches(path) && other.matches(path) {
            assert!(
                intersects(&[one_shape, other_shape]),
                "{first:?} {second:?} {path:?}"
            );
        }
    }
    let Ok(filter) = Filter::template(&first) else {
        return;
    };
    let mut captures = Captures::default();
    if filter.matches(path, &mut captures) {
        for capture in first.captures() {
            let text = captures.get(capture.name, path).expect("it has captured");
            assert!(!text.is_empty() || capture.constraint.is_some());
            let spans = first
                .captures()
                .any(|one| one.name == capture.name && one.spans_folders);
            assert!(spans || !text.contains(&b'/'), "{first:?} {path:?}");
        }
    }
});
