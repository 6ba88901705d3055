//! Globs and names that are satisfied by what rules will make.

use super::world::{grows, plan, plans};

#[test]
fn a_glob_and_a_name_find_what_rules_make() {
    plans(
        "merge all: mid/*.m one/fixed.t -> all
    x
transform t: in/*.t suffix .t -> mid/{stem}.m
    x
originate o -> one/fixed.t
    x
",
        &["in/b.t", "in/a.t", "mid/z.m"],
        "all: mid/a.m mid/b.m mid/z.m one/fixed.t -> all
        t: in/a.t -> mid/a.m
        t: in/b.t -> mid/b.m
        o: -> one/fixed.t",
    );
}

#[test]
fn a_rule_is_never_its_own_upstream() {
    let text = "transform grow: *.z suffix .z -> .z.z\n    x\n";
    plans(text, &["x.z"], "grow: x.z -> x.z.z");
    plans(text, &["x.z", "x.z.z"], "grow: x.z -> x.z.z");
    plans(
        text,
        &["x.z", "x.z.z", "y.z", "y.z.z"],
        "grow: x.z -> x.z.z
        grow: y.z -> y.z.z",
    );
    let text = "merge all: *.txt -> all.txt\n    x\n";
    plans(text, &["a.txt"], "all: a.txt -> all.txt");
    plans(text, &["a.txt", "all.txt"], "all: a.txt -> all.txt");
}

#[test]
fn rules_that_feed_themselves_do_not_disturb_each_other() {
    let text = "transform a: *.z suffix .z -> .z.z
    x
transform b: in/*.y suffix .y -> .y.y
    x
transform c: c/*.w suffix .w -> .w.w
    x
";
    plans(
        text,
        &[
            "x.z", "x.z.z", "in/x.y", "in/x.y.y", "in/z.y", "c/x.w", "c/x.w.w",
        ],
        "a: x.z -> x.z.z
        b: in/x.y -> in/x.y.y
        b: in/z.y -> in/z.y.y
        c: c/x.w -> c/x.w.w",
    );
}

#[test]
fn a_rule_is_not_upstream_of_one_that_it_depends_on_by_name() {
    let text = "transform a: *.t suffix .t -> .u
    x
transform b: a suffix .u -> _b.t
    x
";
    let expected = "a: 1.t -> 1.u
        b: 1.u -> 1_b.t";
    plans(text, &["1.t"], expected);
    plans(text, &["1.t", "1.u", "1_b.t"], expected);
}

#[test]
fn a_filter_tells_whose_files_can_come() {
    plans(
        "transform index: out/*.bam suffix .bam -> .bai
    x
transform sort: in/*.bam match in/{s}.bam -> out/{s}.bam
    x
merge list: out/* match out/{s}.bai -> list
    x
",
        &["in/a.bam"],
        "index: out/a.bam -> out/a.bai
        sort: in/a.bam -> out/a.bam
        list: out/a.bai -> list",
    );
}

#[test]
fn with_words_find_what_rules_make() {
    plans(
        "transform call: match {s}.bam with {s}.bai -> {s}.vcf
    x
transform index: *.bam suffix .bam -> .bai
    x
",
        &["a.bam", "b.bam"],
        "call: a.bam a.bai -> a.vcf
        call: b.bam b.bai -> b.vcf
        index: a.bam -> a.bai
        index: b.bam -> b.bai",
    );
}

#[test]
fn two_rules_cannot_feed_each_other() {
    let text =
        "transform a: *.x suffix .x -> .y\n    x\ntransform b: a suffix .y -> {stem}.z\n    x\n";
    assert_eq!(plan(text, &["1.x"]), ["a: 1.x -> 1.y", "b: 1.y -> 1.z"]);
}

#[test]
fn a_folder_that_a_job_makes_is_opaque_to_globs() {
    let text = "originate d -> dir/
    mkdir {output}
merge g: dir/* */x.t -> all
    ls {input} > {output}
merge w: top.t with dir/sub/x.t -> read
    ls {input} > {output}
";
    let expected = "d: -> dir/
        g: -> all
        w: top.t dir/sub/x.t -> read
        W0321 `g` runs with no input | its sources name nothing
        W0335 a glob looks into a folder that a job makes | what lies there is none of its files \
        | makes `dir/` as a whole";
    // The same before the folder is there and after.
    for files in [&["top.t"][..], &["top.t", "dir/x.t", "dir/sub/x.t"]] {
        grows(text, files, &[], expected);
    }
    let per_sample = "transform unpack: match {s}.tar -> un/{s}/
    mkdir {output}
transform use: unpack with un/{s}/*.txt -> {s}.out
    ls {input} > {output}
transform alone: un/a/*.txt -> {stem}.alone
    ls {input} > {output}
";
    for files in [&["a.tar"][..], &["a.tar", "un/a/1.txt"]] {
        grows(
            per_sample,
            files,
            &[],
            "unpack: a.tar -> un/a/
        use: un/a/ -> a.out
        E0322 `alone` has no items | no file matches this | makes `un/a/` as a whole
        W0335 a glob looks into a folder that a job makes | what lies there is none of its files \
        | makes `un/a/` as a whole
        W0335 a glob looks into a folder that a job makes | what lies there is none of its files \
        | makes `un/a/` as a whole",
        );
    }
}
