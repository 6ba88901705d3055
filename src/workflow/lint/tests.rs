//! Small workflows and what is said about them.

use super::super::load::{Settings, load};
use super::lint;
use crate::lang::{Sources, parse};

/// The warnings' codes, each with the text that it marks; then the fixes.
fn said(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, mut diags) = parse(file, text);
    let (workflow, found) = load(&ast, &mut sources, &Settings::default(), &|_| {
        Err(std::io::ErrorKind::NotFound.into())
    });
    diags.extend(found);
    assert!(diags.is_empty(), "{diags:?}");
    let mut said: Vec<String> = lint(&ast, &workflow, &sources)
        .iter()
        .map(|diag| {
            let label = diag.primary.as_ref().expect("a place");
            let fix = diag.helps.iter().find_map(|help| help.edit.as_ref());
            let fix = fix.map(|(_, new)| format!(" -> {new}")).unwrap_or_default();
            format!("{} {}{fix}", diag.code, sources.text(label.span))
        })
        .collect();
    said.sort();
    said
}

#[test]
fn names_that_nothing_uses() {
    let text = "\
param a1 = 1
param b1 = 2
let c1 = {b1}
param d1 = raw
jobs_limit few = 2
jobs_limit some = 2
[jobs_limit some]
transform t: match {d1}/{s}_{lane}_{n:[0-9]+}.txt -> {s}.out
    cp {input} {output}
";
    assert_eq!(
        said(text),
        [
            "W0401 a1",
            "W0401 c1",
            "W0402 {lane} -> *",
            "W0402 {n:[0-9]+}",
            "W0406 few"
        ]
    );
}

#[test]
fn a_use_anywhere_is_a_use() {
    let text = "\
param place = x
transform one: match raw/{a}_{b}_{b}.txt -> one/{a}.txt
    cp {input} {output}

transform two: one regex '(?P<c>.*)/(?P<d>.*)' -> two/{c}.txt
    echo {a} {place} > {output}
";
    assert_eq!(said(text), ["W0402 d"]);
}

#[test]
fn scripts_see_every_name() {
    let text = "\
param place = x
transform one: match raw/{a}.txt -> one.txt
    #!/usr/bin/perl
    print 1;
";
    assert_eq!(said(text), [""; 0]);
}

#[test]
fn variables_where_no_shell_reads() {
    let text = "\
let home = $HOME/data
param cash = '$HOME'
let price = us\\$HOME
merge m: ~/in.txt $DATA/*.txt a~b $lower with ref=$REF -> $OUT/m.txt
    cat $HOME/x {input} {home} {cash} {price} > {output}
";
    assert_eq!(
        said(text),
        [
            "W0407 $DATA -> {env.DATA}",
            "W0407 $HOME -> {env.HOME}",
            "W0407 $OUT -> {env.OUT}",
            "W0407 $REF -> {env.REF}",
            "W0407 ~ -> {env.HOME}",
        ]
    );
}

#[test]
fn files_that_are_written_out() {
    let text = "\
merge one: raw/a.txt with ref=genome.fa -> one.txt
    # raw/a.txt is read
    cat raw/a.txt 'genome.fa' not/raw/a.txt raw/a.txt.gz > one.txt
";
    assert_eq!(
        said(text),
        [
            "W0404 genome.fa -> {input.ref}",
            "W0404 one.txt -> {output}",
            "W0404 raw/a.txt",
        ]
    );
}

#[test]
fn recipes_that_do_not_mention_what_they_make() {
    let text = "\
param flags = -v
transform one: *.txt suffix .txt -> .one
    cat {input} {flags:raw}

transform two: one -> two/{name}
    cd {output.dir} && touch {name}

transform four: one suffix .one -> .one.gz
    gzip -k {input}

transform five: one -> {input}.idx
    samtools index {input}

split three: *.txt -> three/*.part
    split {input} three/
";
    assert_eq!(said(text), ["W0403 {flags:raw}", "W0405 .one"]);
}
