//! What is an item, in which order items come, and what they bring along.

use super::world::{plan, plans};

#[test]
fn sources_mix_and_each_item_is_taken_once_in_their_order() {
    plans(
        "originate made -> b.txt
    touch {output}
transform t: made z.txt *.txt a.txt made suffix .txt -> .out
    cp {input} {output}
",
        &["z.txt", "c.txt", "a.txt"],
        "made: -> b.txt
        t: b.txt -> b.out
        t: z.txt -> z.out
        t: a.txt -> a.out
        t: c.txt -> c.out",
    );
    plans(
        "originate made -> b.txt
    touch {output}
merge m: *.txt made c.txt -> all
    cat {input} > {output}
",
        &["c.txt", "a.txt"],
        "made: -> b.txt
        m: a.txt b.txt c.txt -> all",
    );
}

#[test]
fn a_glob_comes_in_byte_order_and_leaves_hidden_files_alone() {
    plans(
        "merge m: d/*.t -> all\n    cat {input} > {output}\n",
        &[
            "d/b.t", "d/B.t", "d/a.t", "d/a-.t", "d/é.t", "d/.h.t", "d/a10.t", "d/a9.t",
        ],
        "m: d/B.t d/a-.t d/a.t d/a10.t d/a9.t d/b.t d/é.t -> all",
    );
}

#[test]
fn outputs_of_one_job_are_one_item_and_the_first_names_it() {
    plans(
        "transform one: *.in suffix .in -> .bam .bai
    touch {output}
transform two: one suffix .bam -> .txt
    cat {input} > {output}
merge all: two -> all
    cat {input} > {output}
",
        &["a.in", "b.in"],
        "one: a.in -> a.bam a.bai
        one: b.in -> b.bam b.bai
        two: a.bam a.bai -> a.txt
        two: b.bam b.bai -> b.txt
        all: a.txt b.txt -> all",
    );
}

#[test]
fn grouped_originate_words_are_one_item() {
    plans(
        "originate o -> a.x (b.x b.y) c.x
    touch {output}
transform t: o suffix .x -> .t
    cat {input} > {output}
",
        &[],
        "o: -> a.x
        o: -> b.x b.y
        o: -> c.x
        t: a.x -> a.t
        t: b.x b.y -> b.t
        t: c.x -> c.t",
    );
}

#[test]
fn captures_travel_with_items() {
    plans(
        "transform one: match raw/{s}_{l}.fq -> {s}/{l}.bam
    cp {input} {output}
transform two: one -> sorted/{s}-{l}.bam
    cp {input} {output}
collate lanes: two -> merged/{s}.bam
    cat {input} > {output}
transform last: lanes suffix .bam -> {s}.txt
    cp {input} {output}
",
        &["raw/a_1.fq", "raw/a_2.fq", "raw/b_1.fq"],
        "one: raw/a_1.fq -> a/1.bam
        one: raw/a_2.fq -> a/2.bam
        one: raw/b_1.fq -> b/1.bam
        two: a/1.bam -> sorted/a-1.bam
        two: a/2.bam -> sorted/a-2.bam
        two: b/1.bam -> sorted/b-1.bam
        lanes: sorted/a-1.bam sorted/a-2.bam -> merged/a.bam
        lanes: sorted/b-1.bam -> merged/b.bam
        last: merged/a.bam -> a.txt
        last: merged/b.bam -> b.txt",
    );
}

#[test]
fn a_filter_that_captures_a_known_name_takes_the_same_text_or_leaves_the_item_out() {
    plans(
        "transform one: match raw/{s}.fq -> mid/{s}.bam
    cp {input} {output}
transform two: one raw/*.bam match {dir}/{s}.bam -> out/{s}.txt
    cp {input} {output}
"
        .replace("{dir}", "{d}")
        .as_str(),
        &["raw/a.fq", "raw/x.bam"],
        "one: raw/a.fq -> mid/a.bam
        two: mid/a.bam -> out/a.txt
        two: raw/x.bam -> out/x.txt",
    );
    plans(
        "transform one: match raw/{s}-{r}.fq -> mid/{r}-{s}.bam
    cp {input} {output}
[optional]
transform two: one match mid/{s}-{q}.bam -> out/{s}.txt
    cp {input} {output}
"
        .replace("[optional]\n", "")
        .as_str(),
        &["raw/a-a.fq", "raw/a-b.fq"],
        "one: raw/a-a.fq -> mid/a-a.bam
        one: raw/a-b.fq -> mid/b-a.bam
        two: mid/a-a.bam -> out/a.txt",
    );
}

#[test]
fn groups_of_a_regex_are_captures_by_name_and_number() {
    plans(
        "transform t: raw/*.fq regex '(?<s>[a-z]+)_([0-9]+)' -> {s}/{re[2]}-{re[0]}.txt
    cp {input} {output}
",
        &["raw/a_1.fq", "raw/b_22.fq", "raw/none.fq"],
        "t: raw/a_1.fq -> a/1-a_1.txt
        t: raw/b_22.fq -> b/22-b_22.txt",
    );
}

#[test]
fn a_collate_gathers_what_names_the_same_outputs_in_order() {
    plans(
        "collate c: match in/{s}.{n}.t -> {s}.all {s}.idx
    cat {input} > {output[0]}
",
        &["in/b.1.t", "in/a.2.t", "in/a.10.t", "in/b.0.t"],
        "c: in/a.10.t in/a.2.t -> a.all a.idx
        c: in/b.0.t in/b.1.t -> b.all b.idx",
    );
}

#[test]
fn a_mistake_is_told_behind_any_number_of_warnings() {
    let merges = (0..100).map(|n| format!("merge m{n}: *.a -> c{n}\n    x\n"));
    let text = merges.collect::<String>() + "transform t: *.a -> {stem}.c\n    x\n";
    let found = plan(&text, &[]);
    let mistake = "E0322 `t` has no items | no file matches this";
    assert_eq!(found.last().map(String::as_str), Some(mistake));
}

#[test]
fn what_is_wrong_with_items_is_said() {
    let cases: &[(&str, &[&str], &str)] = &[
        (
            "transform t: *.a suffix .b -> .c\n    x\n",
            &["x.a"],
            "E0323 the filter of `t` leaves out the one item | nothing matches this",
        ),
        (
            "transform t: *.a -> {stem}.c\n    x\n",
            &["x.b"],
            "E0322 `t` has no items | no file matches this",
        ),
        (
            "merge t: *.a -> c\n    x\n",
            &["x.b"],
            "W0321 `t` runs with no input | its sources name nothing",
        ),
        (
            "transform t: *.a *.b -> out/{stem}\n    x\n",
            &["x.a", "x.b"],
            "E0301 two jobs of `t` make `out/x` | one from `x.a`, one from `x.b`",
        ),
        (
            "transform t: *.a suffix .a -> .c\n    x\nmerge m: *.a -> x.c\n    x\n",
            &["x.a"],
            "E0301 `t` and `m` both make `x.c` | this makes it | makes it from `x.a`",
        ),
        (
            "collate c: match {a}.{b}.t -> {a}.x {b}.y\n    x\n",
            &["1.2.t", "1.3.t"],
            "E0301 two jobs of `c` make `1.x` | items with the same first output differ in another one",
        ),
        (
            "merge m: *.a -> out/\n    x\ntransform t: *.a suffix .a -> out/{stem}.c\n    x\n",
            &["x.a"],
            "E0304 `out/x.c` lies in a folder that another job makes | makes the file | makes the folder `out/`",
        ),
        (
            "originate o -> out/deep/x\n    x\nmerge m: o -> out\n    x\n",
            &[],
            "E0304 `out/deep/x` lies below a file that a job makes | makes `out/deep/x` | makes `out` as a file",
        ),
        (
            "merge m: data/*.a -> data\n    x\n",
            &["data/x.a"],
            "E0304 `data/x.a` lies below a file that a job makes | reads `data/x.a` | makes `data` as a file",
        ),
        (
            "merge m: data/*.a -> data/\n    x\n",
            &["data/x.a"],
            "E0302 a job of `m` reads what it makes | `data/x.a` is an input and an output",
        ),
        (
            "transform t: *.a suffix .a -> .b ./{stem}.b\n    x\n",
            &["x.a"],
            "E0301 a job of `t` makes `x.b` twice | two of its outputs",
        ),
        (
            "transform t: *.a -> {input}\n    x\n",
            &["x.a"],
            "E0302 a job of `t` reads what it makes | `x.a` is an input and an output",
        ),
    ];
    for (text, files, expected) in cases {
        assert_eq!(plan(text, files), [*expected], "\n{text}");
    }
}
