//! Any pattern is compiled and laid on any path, and all ways to ask one question agree: what a
//! template captured makes the path again, what two words both match they can both name.
//!
//! The first two lines of the input are words, the third is a path. The first is laid on it as a template;
//! where the second is empty, as a regular expression.
#![no_main]

use bstr::{BStr, BString, ByteSlice};
use flow::pattern::{
    Capture, Captures, Filter, Glob, NameId, Part, Pattern, Shape, clean, fill_glob, intersects,
};
use flow_fuzz::{bounded, bounded_with_regex};
use libfuzzer_sys::fuzz_target;

/// So many commas in braces and `**` are read as such: each doubles the words that a pattern stands for, and few
/// inputs would take all the time.
const MOST_CHOICES: usize = 6;

/// A word as the language spells it. Names have one byte; what is not closed is text.
fn pattern_of(word: &[u8]) -> Pattern {
    let mut around: Vec<Vec<Vec<Part>>> = Vec::new();
    let mut choices: Vec<Vec<Part>> = vec![Vec::new()];
    let mut rest = word;
    let mut n_choices = 0;
    while let Some(&byte) = rest.first() {
        let mut n = 1;
        let part = match byte {
            b'*' if rest.starts_with(b"**") && n_choices < MOST_CHOICES => {
                n_choices += 1;
                n = 2;
                Part::DoubleStar
            }
            b'*' => Part::Star,
            b'?' => Part::Any,
            b'[' => match rest.find_byte(b']').map(|at| &rest[..=at]) {
                Some(class) if class.is_utf8() && class.len() > 2 => {
                    n = class.len();
                    Part::Class(class.to_str_lossy().into_owned())
                }
                _ => Part::Text("[".into()),
            },
            b'{' => match capture(rest) {
                Some((capture, length)) => {
                    n = length;
                    Part::Capture(capture)
                }
                None if n_choices < MOST_CHOICES => {
                    around.push(std::mem::replace(&mut choices, vec![Vec::new()]));
                    rest = &rest[1..];
                    continue;
                }
                None => Part::Text("{".into()),
            },
            b',' if !around.is_empty() && n_choices < MOST_CHOICES => {
                n_choices += 1;
                choices.push(Vec::new());
                rest = &rest[1..];
                continue;
            }
            b'}' if !around.is_empty() => {
                let outer = around.pop().expect("it is not empty");
                Part::OneOf(std::mem::replace(&mut choices, outer))
            }
            text => Part::Text([text].as_slice().into()),
        };
        rest = &rest[n..];
        push(&mut choices, part);
    }
    while let Some(outer) = around.pop() {
        let inner = std::mem::replace(&mut choices, outer);
        push(&mut choices, Part::OneOf(inner));
    }
    Pattern(choices.remove(0))
}

fn push(choices: &mut [Vec<Part>], part: Part) {
    let choice = choices.last_mut().expect("there is always one");
    match (choice.last_mut(), part) {
        (Some(Part::Text(before)), Part::Text(text)) => before.extend_from_slice(&text),
        (_, part) => choice.push(part),
    }
}

/// `{x}`, `{**x}`, `{x:REGEX}`, and how long it is.
fn capture(text: &[u8]) -> Option<(Capture, usize)> {
    let spans_folders = text.starts_with(b"{**");
    let at = if spans_folders { 3 } else { 1 };
    let name = *text.get(at).filter(|byte| byte.is_ascii_alphabetic())?;
    let inner = &text[at + 1..];
    let (constraint, length) = match inner.first()? {
        b'}' => (None, 1),
        b':' => {
            let mut depth = 0;
            let end = inner.iter().position(|&byte| {
                depth += i32::from(byte == b'{') - i32::from(byte == b'}');
                depth < 0
            })?;
            (Some(inner[1..end].to_str().ok()?.to_string()), end + 1)
        }
        _ => return None,
    };
    let capture = Capture {
        name: NameId(name.into()),
        spans_folders,
        constraint,
    };
    Some((capture, at + 1 + length))
}

fn spell(pattern: &Pattern) -> BString {
    pattern.spell(&|name| char::from(name.0 as u8).to_string())
}

fuzz_target!(|data: &[u8]| {
    let n = data.len();
    let mut lines = data.splitn(3, |&byte| byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let words = [next(), next()];
    let path = clean(next()).into_owned();
    let path = BStr::new(&path);
    // No file has an empty path, or one with a zero byte.
    if path.is_empty() || path.contains(&0) {
        return;
    }
    if words[1].is_empty() {
        return check_regex(words[0], path, n);
    }
    check_suffix(words[1], path);
    let patterns = words.map(pattern_of);

    for pattern in &patterns {
        // One spelling is enough, also of a word.
        let cleaned = pattern.clean();
        assert_eq!(cleaned.clean(), cleaned, "{pattern:?}");
        if let Some(literal) = pattern.literal()
            && literal.find_byteset(b"{,}").is_none()
        {
            assert_eq!(
                cleaned.literal().as_deref(),
                Some(&*BString::from(&*clean(&literal)))
            );
            assert_eq!(spell(pattern), literal);
        }
    }
    let globs = patterns
        .each_ref()
        .map(|pattern| bounded_with_regex("glob", n, || Glob::new(&pattern.to_globs())));
    let shapes = patterns
        .each_ref()
        .map(|pattern| bounded_with_regex("shape", n, || Shape::word(pattern)));
    let matched = globs.each_ref().map(|glob| match glob {
        Ok(glob) => bounded("glob matches", n, || glob.matches(path)),
        Err(_) => false,
    });
    // What two words both match shows that they can name one file.
    let [Ok(one), Ok(other)] = &shapes else {
        return;
    };
    let meet = bounded_with_regex("intersects", n, || intersects(&[one, other]));
    assert!(meet || matched != [true, true], "{patterns:?} {path:?}");
    let filter = bounded_with_regex("template", n, || Filter::template(&patterns[0]));
    if let Ok(filter) = filter
        && check_template(&patterns[0], &filter, path, n)
    {
        let meet = intersects(&[other, &Shape::filter(&filter)]);
        assert!(meet || !matched[1], "{patterns:?} {path:?}");
    }
});

/// What a template captures is no more than it may take, and makes the path again.
fn check_template(pattern: &Pattern, filter: &Filter, path: &BStr, n: usize) -> bool {
    let (fits, captures) = bounded_with_regex("template matches", n, || {
        let mut captures = Captures::default();
        (filter.matches(path, &mut captures), captures)
    });
    if !fits {
        assert_eq!(captures, Captures::default());
        return false;
    }
    for capture in pattern.captures() {
        let text = captures.get(capture.name, path).expect("it has captured");
        assert!(!text.is_empty() || capture.constraint.is_some());
        let spans = pattern
            .captures()
            .any(|one| one.name == capture.name && one.spans_folders);
        assert!(spans || !text.contains(&b'/'), "{pattern:?} {path:?}");
        // Where a template has more to it than text and captures, bytes are what it is made of.
        let is_plain = |part: &Part| match part {
            Part::Text(_) => true,
            Part::Capture(one) => !one.spans_folders && one.constraint.is_none(),
            _ => false,
        };
        let names = || pattern.captures().map(|one| one.name);
        let is_twice = names().any(|name| names().filter(|one| *one == name).count() > 1);
        if path.is_utf8() && spell(pattern).is_utf8() && pattern.0.iter().all(is_plain) && !is_twice
        {
            assert!(
                text.is_utf8(),
                "{pattern:?} {path:?}: a character is cut in two"
            );
        }
    }
    let mut lookup = |name| captures.get(name, path).map(|text| text.as_bytes());
    let filled = fill_glob(&pattern.clean(), &mut lookup).expect("each has captured");
    // A `/` in a constraint is none of the template's.
    let leaves_name = |part: &Part| match part {
        Part::Text(text) => text.contains(&b'/'),
        Part::Capture(one) => one.spans_folders,
        _ => false,
    };
    let is_on_name = !pattern.0.iter().any(leaves_name);
    if let Some(literal) = filled.literal() {
        let whole = match is_on_name {
            true => &path[path.rfind_byte(b'/').map_or(0, |at| at + 1)..],
            false => path,
        };
        assert_eq!(literal, whole, "{pattern:?}");
    }
    true
}

/// A suffix and what it leaves are the path.
fn check_suffix(suffix: &[u8], path: &BStr) {
    if suffix.is_empty() {
        return;
    }
    let filter = Filter::suffix(suffix);
    let stem = filter.stem(path);
    assert_eq!(
        filter.matches(path, &mut Captures::default()),
        stem.is_some()
    );
    if let Some(stem) = stem {
        assert_eq!([stem.as_bytes(), suffix].concat(), path.as_bytes());
        let shapes = [
            &Shape::filter(&filter),
            &Shape::word(&Pattern::text(path)).expect("text"),
        ];
        assert!(
            path.contains(&0) || intersects(&shapes),
            "{suffix:?} {path:?}"
        );
    }
}

fn check_regex(source: &[u8], path: &BStr, n: usize) {
    let Ok(source) = source.to_str() else { return };
    let filter = bounded_with_regex("regex", n, || {
        Filter::regex(source, &mut |name| NameId(name.len() as u32))
    });
    match filter {
        Ok(filter) => {
            let mut captures = Captures::default();
            let is_found = bounded_with_regex("regex matches", n, || {
                filter.matches(path, &mut Captures::default())
            });
            assert_eq!(filter.matches(path, &mut captures), is_found);
            assert_eq!(
                captures.numbered.len(),
                if is_found { filter.n_groups() } else { 0 }
            );
            let named = captures.named.iter().map(|(_, range)| range);
            for range in named.chain(&captures.numbered) {
                assert!(path.get(range.clone()).is_some());
            }
        }
        Err(error) => {
            let place = error.range.unwrap_or_default();
            assert!(source.get(place).is_some(), "{source:?}");
        }
    }
}
