//! Any text can be written as one word, in each of the ways that words are written, and is read back
//! as it was; any line is read as words that lie where they say they do.
#![no_main]

use flow::lang::ast::{ItemKind, Value, Word};
use flow::lang::{FileId, parse, parse_value};
use flow_fuzz::{bounded, check_places, is_wrong};
use libfuzzer_sys::fuzz_target;

const FILE: FileId = FileId(0);

/// `"…"`, with an escape for whatever needs one.
fn quoted(text: &str) -> String {
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => word += "\\n",
            '\t' => word += "\\t",
            '"' | '\\' | '*' | '?' | '[' | '{' | '}' => word.extend(['\\', c]),
            c if c.is_control() => word += &format!("\\u{{{:x}}}", u32::from(c)),
            c => word.push(c),
        }
    }
    word + "\""
}

/// A bare word with a backslash before everything that is no letter; `None` where a line would end.
fn bare(text: &str) -> Option<String> {
    let mut word = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\0' => return None,
            c if c.is_alphanumeric() || "_./".contains(c) => word.push(c),
            c => word.extend(['\\', c]),
        }
    }
    // A name would be a rule's.
    let is_path = word.contains(['.', '/', '\\']);
    (is_path && !text.ends_with([' ', '\t'])).then_some(word)
}

/// `'…'`; `None` where one cannot hold it.
fn raw(text: &str) -> Option<String> {
    (!text.contains(['\'', '\n', '\0'])).then(|| format!("'{text}'"))
}

fn words_of(kind: &ItemKind) -> Vec<&Word> {
    match kind {
        ItemKind::Target { words, .. } => words.iter().collect(),
        ItemKind::Param {
            value: Some(value), ..
        } => match value {
            Value::Word(word) => vec![word],
            Value::List(list) => list.value.iter().collect(),
        },
        ItemKind::Rule(rule) => {
            let sources = rule.factors.iter().flat_map(|factor| &factor.sources);
            let outputs = rule.outputs.iter().flatten().flat_map(|group| &group.words);
            sources.chain(outputs.map(|named| &named.word)).collect()
        }
        _ => Vec::new(),
    }
}

/// Each written word comes out as `text`, whatever stands around it.
fn check(text: &str, written: &[String]) {
    let mut workflow = String::new();
    for word in written {
        workflow +=
            &format!("param p = {word}\nparam q = [{word}, {word}]\ntarget t: {word} {word}\n");
        workflow += &format!("merge m: {word} {word} -> {word} x={word}\n");
    }
    let (ast, diags) = parse(FILE, &workflow);
    assert!(!is_wrong(&diags), "{workflow:?}: {diags:?}");
    let expected = [1, 2, 2, 4].iter().cycle().take(4 * written.len());
    let counts = ast.items.iter().map(|item| words_of(&item.kind).len());
    assert!(counts.eq(expected.copied()), "{workflow:?}");
    for (items, written) in ast.items.chunks(4).zip(written) {
        for word in items.iter().flat_map(|item| words_of(&item.kind)) {
            assert_eq!(word.plain().as_deref(), Some(text), "{workflow:?}");
            let place = word.span.start as usize..word.span.end as usize;
            assert_eq!(&workflow[place], written);
        }
    }
}

fuzz_target!(|text: &str| {
    let mut written: Vec<String> = [Some(quoted(text)), bare(text), raw(text)]
        .into_iter()
        .flatten()
        .collect();
    // Pieces that touch are one word.
    let middle = (0..=text.len() / 2)
        .rev()
        .find(|&at| text.is_char_boundary(at));
    let (left, right) = text.split_at(middle.unwrap_or(0));
    written.extend(raw(left).map(|left| left + &quoted(right)));
    check(text, &written);
    // The text as it is, in each place where words stand.
    let mut lines = String::new();
    for before in [
        "param p = ",
        "param p = [",
        "merge m: ",
        "merge m: a -> ",
        "[cores ",
        "use f as m (",
    ] {
        lines += &format!("{before}{text}\n");
    }
    let (ast, diags) = bounded("parse", lines.len(), || parse(FILE, &lines));
    check_places(&lines, &diags);
    let mut last = 0;
    for word in ast.items.iter().flat_map(|item| words_of(&item.kind)) {
        let place = word.span.start as usize..word.span.end as usize;
        assert!(
            place.start >= last && lines.get(place.clone()).is_some(),
            "{lines:?}"
        );
        assert!(!place.is_empty(), "{lines:?}");
        last = place.end;
    }
    match bounded("parse_value", text.len(), || parse_value(FILE, text)) {
        Ok(Value::Word(word)) => assert_eq!(word.plain().as_deref(), Some(text)),
        Ok(Value::List(_)) => {}
        Err(diag) => check_places(text, &[*diag]),
    }
});
