//! What outputs and extra inputs are called.

use super::world::{plan, plans};

/// The one output of a transform over `from`, whose output word is `word`.
#[track_caller]
fn named(from: &str, filter: &str, word: &str) -> String {
    let text = format!("transform t: {from} {filter} -> {word}\n    x\n");
    let found = plan(&text, &[from]);
    let [line] = found.as_slice() else {
        panic!("{found:?}")
    };
    line.split_once(" -> ")
        .map_or(line.clone(), |(_, name)| name.to_string())
}

#[test]
fn a_word_takes_the_suffix_place_or_is_a_whole_path() {
    let suffix = "suffix .fq";
    for (word, expected) in [
        (".bam", "raw/a.bam"),
        ("_sorted.bam", "raw/a_sorted.bam"),
        ("y", "raw/ay"),
        ("out/x", "out/x"),
        ("./y", "y"),
        ("{stem}.bam", "a.bam"),
        ("\"\"{stem}.bam", "a.bam"),
        (".{stem}.bam", "raw/a.a.bam"),
        ("../up.bam", "../up.bam"),
        ("a//b/./c", "a/b/c"),
    ] {
        assert_eq!(named("raw/a.fq", suffix, word), expected, "{word}");
    }
    for (word, expected) in [(".bam", ".bam"), ("y", "y"), ("{stem}.bam", "a.bam")] {
        assert_eq!(named("raw/a.fq", "", word), expected, "{word}");
    }
}

#[test]
fn path_facts_are_of_the_first_input_and_of_any_that_is_named() {
    for (word, expected) in [
        ("{dir}/{name}.x", "one/two/a.tar.gz.x"),
        ("{stem}", "a.tar"),
        ("q{ext}", "q.gz"),
        ("{input.stem}.x", "a.tar.x"),
        ("{input[0].parts[-1]}.x", "two.x"),
        ("{input[0].parts[0]}.x", "one.x"),
        ("{input.parts[1]}.x", "two.x"),
        ("{item.name}.x", "a.tar.gz.x"),
        ("{item}.x", "one/two/a.tar.gz.x"),
    ] {
        assert_eq!(named("one/two/a.tar.gz", "", word), expected, "{word}");
    }
    for (word, expected) in [
        ("x/{dir}/b", "x/b"),
        ("{stem}.x", "README.x"),
        ("a{ext}", "a"),
    ] {
        assert_eq!(named("./README", "", word), expected, "{word}");
    }
    plans(
        "transform t: *.a suffix .a with ref=\"lib/ref b.fa\" other/c.d -> x{input.ref.stem}-{input[1].dir}-{input[2].name}.o
    x
"
        .replace("x{", "./{stem}")
        .replace("{stem}input", "{stem}-{input")
        .as_str(),
        &["s.a", "lib/ref b.fa", "other/c.d"],
        "t: s.a lib/ref b.fa other/c.d -> s-ref b-lib-c.d.o",
    );
}

#[test]
fn with_adds_to_every_job_and_using_replaces() {
    let files = ["a.in", "b.in", "r1.fa", "r2.fa", "m/a.1", "m/a.2", "m/b.1"];
    plans(
        "originate ref -> x.idx (y.idx y.txt)
    touch {output}
transform t: match {s}.in with ref *.fa m/{s}.* -> {s}.out
    x
transform u: match {s}.in using m/{s}.* ref -> {s}.use
    x
",
        &files,
        "ref: -> x.idx
        ref: -> y.idx y.txt
        t: a.in x.idx y.idx y.txt r1.fa r2.fa m/a.1 m/a.2 -> a.out
        t: b.in x.idx y.idx y.txt r1.fa r2.fa m/b.1 -> b.out
        u: m/a.1 m/a.2 x.idx y.idx y.txt -> a.use
        u: m/b.1 x.idx y.idx y.txt -> b.use",
    );
}

#[test]
fn outputs_have_names_of_their_own_and_lie_in_no_folder_of_flow() {
    let of = |word: &str| {
        let text = format!("originate a -> {word}\n    touch {{output}}\n");
        plan(&text, &[])[0].split('|').next().unwrap().to_string()
    };
    for word in [".", "./", "..", "../", "a/..", "../..", "/", "\"\""] {
        assert_eq!(
            of(word),
            "E0313 an output comes out without a name ",
            "{word}"
        );
    }
    for word in [".flow/x", "./.flow/history", ".flow/x/"] {
        assert_eq!(
            of(word),
            "E0314 an output lies in flow's own folder ",
            "{word}"
        );
    }
    for word in [".flowx", "x..", "../a", "a/.flow/x", "..a"] {
        assert!(of(word).starts_with("a: ->"), "{word}: {}", of(word));
    }
}

#[test]
fn a_with_word_that_comes_out_empty_is_left_out() {
    plans(
        "param extra = \"\"
transform t: *.in suffix .in with {extra} none/*.x b.x -> .out
    x
",
        &["a.in", "b.x"],
        "t: a.in b.x -> a.out",
    );
}

#[test]
fn a_merge_takes_its_extras_once_and_a_collate_each_once_by_member() {
    plans(
        "merge m: *.in with r.fa -> m.out
    x
collate c: match {s}.{n}.in with r.fa by/{n}.x -> {s}.c
    x
collate u: match {s}.{n}.in using by/{n}.x r.fa -> {s}.u
    x
",
        &["a.1.in", "a.2.in", "b.1.in", "r.fa", "by/1.x", "by/2.x"],
        "m: a.1.in a.2.in b.1.in r.fa -> m.out
        c: a.1.in a.2.in r.fa by/1.x by/2.x -> a.c
        c: b.1.in r.fa by/1.x -> b.c
        u: by/1.x by/2.x r.fa -> a.u
        u: by/1.x r.fa -> b.u",
    );
}

#[test]
fn what_a_value_brings_is_never_a_pattern() {
    plans(
        "transform t: match in/{s}.t with by/{s}.x -> out/{s}.o
    x
",
        &["in/*.t", "in/{a,b}.t", "in/[x].t", "by/a.x"],
        "t: in/*.t by/*.x -> out/*.o
        t: in/[x].t by/[x].x -> out/[x].o
        t: in/{a,b}.t by/{a,b}.x -> out/{a,b}.o",
    );
}

#[test]
fn names_that_stand_for_no_file_are_mistakes() {
    for (word, expected) in [
        (
            "{input[7]}.x",
            "E0312 this stands for no one file | there are 1 files here",
        ),
        (
            "{input.parts[5]}.x",
            "E0312 this stands for no one name | the path has no such folder",
        ),
    ] {
        let text = format!("transform t: a/b.c -> {word}\n    x\n");
        assert_eq!(plan(&text, &["a/b.c"]), [expected], "{word}");
    }
}

#[test]
fn a_folder_is_an_output_and_what_lies_in_it_an_input() {
    plans(
        "merge unpack: pack.tar -> out/
    x
transform t: out/a.txt suffix .txt -> made/a.up
    x
merge m: ./out -> m.out
    x
merge n: out/ other/ -> n.out
    x
",
        &["pack.tar", "other/x"],
        "unpack: pack.tar -> out/
        t: out/a.txt -> made/a.up
        m: out/ -> m.out
        n: out/ other/ -> n.out",
    );
}
