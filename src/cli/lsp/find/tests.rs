//! One workflow, and what stands at its places.

use super::*;
use crate::lang::{FileId, parse};

const TEXT: &str = "\
param genome = hg38
jobs_limit few = 2

transform one: match raw/{sample}.txt -> one/{sample}.txt
    cp {input} {output}

[jobs_limit few, after one]
transform two: one regex '(?P<id>.*)' -> two/{id}.{sample}.{genome}
    echo {genome} {stem} '{id}'
";

/// What stands at the place of `needle`, and the line that it leads to.
fn found(needle: &str, from: usize) -> String {
    let (ast, _) = parse(FileId(0), TEXT);
    let offset = TEXT[from..].find(needle).unwrap() + from;
    let Some(mention) = at(&ast, TEXT, offset + 1) else {
        return "nothing".into();
    };
    let line = definition(&ast, TEXT, &mention).map(|to| {
        let before = &TEXT[..to.span.start as usize];
        before.lines().count()
    });
    format!("{:?} {} {line:?}", mention.kind, mention.name)
}

#[test]
fn names_lead_to_where_they_are_declared() {
    let two = TEXT.find("[jobs").unwrap();
    let recipe = TEXT.find("    echo").unwrap();
    for (needle, from, expected) in [
        ("param", 0, "Setting param None"),
        ("genome", 0, "Constant genome Some(1)"),
        ("hg38", 0, "nothing"),
        ("few", two, "Limit few Some(2)"),
        ("one", two, "Rule one Some(4)"),
        ("one regex", two, "Rule one Some(4)"),
        ("after", two, "Attribute after None"),
        ("transform", two, "Verb transform None"),
        ("sample", two, "Capture sample Some(4)"),
        ("id}.", two, "Capture id Some(8)"),
        ("genome", recipe, "Constant genome Some(1)"),
        ("stem", recipe, "Fact stem None"),
        ("id", recipe, "Capture id Some(8)"),
        ("echo", recipe, "nothing"),
    ] {
        assert_eq!(found(needle, from), expected, "{needle}");
    }
}

#[test]
fn every_mention_is_found() {
    let (ast, _) = parse(FileId(0), TEXT);
    let all = all(&ast, TEXT, true);
    let n = |name: &str| all.iter().filter(|mention| mention.name == name).count();
    assert_eq!(
        (n("genome"), n("sample"), n("one"), n("input")),
        (3, 3, 3, 1)
    );
    for mention in all {
        let span = mention.span;
        assert_eq!(&TEXT[span.start as usize..span.end as usize], mention.name);
    }
}
