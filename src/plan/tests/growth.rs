//! What follows a split, before and after it has run.

use super::world::{grows, plans};

#[test]
fn what_follows_a_split_is_known_by_its_patterns() {
    let text = "split s: big.txt -> parts/*.p
    x
transform t: s suffix .p -> .q
    x
merge m: t -> all
    x
";
    plans(
        text,
        &["big.txt"],
        "s: big.txt -> parts/*.p
        t: ? -> parts/*.q
        m: ? -> all",
    );
    grows(
        text,
        &["big.txt"],
        &[("parts/*.p", &["parts/1.p", "parts/2.p"])],
        "s: big.txt -> parts/1.p parts/2.p
        t: parts/1.p -> parts/1.q
        t: parts/2.p -> parts/2.q
        m: parts/1.q parts/2.q -> all",
    );
}

#[test]
fn a_split_that_makes_nothing_is_a_result() {
    grows(
        "split s: big.txt -> parts/*.p
    x
transform t: s suffix .p -> .q
    x
collate c: s match parts/{x}.p -> {x}.c
    x
merge m: t -> all
    x
",
        &["big.txt"],
        &[("parts/*.p", &[])],
        "s: big.txt ->
        m: -> all
        W0321 `m` runs with no input | its sources name nothing",
    );
}

#[test]
fn a_subdivide_passes_its_captures_on() {
    let text = "subdivide s: match in/{sample}.big -> parts/{sample}.*.p
    x
transform t: s suffix .p -> .q
    x
collate c: t -> {sample}.all
    x
merge m: c -> all
    x
";
    plans(
        text,
        &["in/a.big", "in/b.big"],
        "s: in/a.big -> parts/a.*.p
        s: in/b.big -> parts/b.*.p
        t: ? -> parts/a.*.q
        t: ? -> parts/b.*.q
        c: ? -> a.all
        c: ? -> b.all
        m: ? -> all",
    );
    grows(
        text,
        &["in/a.big", "in/b.big"],
        &[("parts/b.*.p", &["parts/b.1.p", "parts/b.2.p"])],
        "s: in/a.big -> parts/a.*.p
        s: in/b.big -> parts/b.1.p parts/b.2.p
        t: ? -> parts/a.*.q
        t: parts/b.1.p -> parts/b.1.q
        t: parts/b.2.p -> parts/b.2.q
        c: ? -> a.all
        c: parts/b.1.q parts/b.2.q -> b.all
        m: ? -> all",
    );
    grows(
        text,
        &["in/a.big", "in/b.big"],
        &[
            ("parts/b.*.p", &["parts/b.1.p"]),
            ("parts/a.*.p", &["parts/a.1.p"]),
        ],
        "s: in/a.big -> parts/a.1.p
        s: in/b.big -> parts/b.1.p
        t: parts/a.1.p -> parts/a.1.q
        t: parts/b.1.p -> parts/b.1.q
        c: parts/a.1.q -> a.all
        c: parts/b.1.q -> b.all
        m: a.all b.all -> all",
    );
}

#[test]
fn a_glob_waits_for_a_split_that_could_satisfy_it() {
    let text = "split s: big.txt -> parts/*.p
    x
transform t: parts/*.p suffix .p -> .q
    x
transform other: in/*.p suffix .p -> .q
    x
";
    plans(
        text,
        &["big.txt", "parts/old.p", "in/1.p"],
        "s: big.txt -> parts/*.p
        t: ? -> *.q
        other: in/1.p -> in/1.q",
    );
    grows(
        text,
        &["big.txt", "parts/old.p", "in/1.p"],
        &[("parts/*.p", &["parts/new.p"])],
        "s: big.txt -> parts/new.p
        t: parts/new.p -> parts/new.q
        t: parts/old.p -> parts/old.q
        other: in/1.p -> in/1.q",
    );
}

#[test]
fn with_a_rule_behind_a_split_waits_for_it() {
    let text = "split s: big.txt -> parts/*.p
    x
transform t: s suffix .p -> .q
    x
transform u: in/*.x suffix .x with t -> .y
    x
";
    plans(
        text,
        &["big.txt", "in/1.x", "in/2.x"],
        "s: big.txt -> parts/*.p
        t: ? -> parts/*.q
        u: ? -> *.y",
    );
    grows(
        text,
        &["big.txt", "in/1.x", "in/2.x"],
        &[("parts/*.p", &["parts/2.p", "parts/1.p"])],
        "s: big.txt -> parts/2.p parts/1.p
        t: parts/2.p -> parts/2.q
        t: parts/1.p -> parts/1.q
        u: in/1.x parts/2.q parts/1.q -> in/1.y
        u: in/2.x parts/2.q parts/1.q -> in/2.y",
    );
}

#[test]
fn what_a_rule_makes_is_not_its_item_behind_a_split_either() {
    grows(
        "split s: big.txt -> *.z
    x
transform grow: *.z suffix .z -> .z.z
    x
",
        &["big.txt", "a.z", "a.z.z"],
        &[("*.z", &["a.z", "b.z"])],
        "s: big.txt -> a.z b.z
        grow: a.z -> a.z.z
        grow: b.z -> b.z.z",
    );
}

#[test]
fn nor_is_what_a_rule_makes_that_depends_on_it() {
    grows(
        "split s: big.txt -> *.t
    x
transform a: *.t suffix .t -> .u
    x
transform b: a suffix .u -> _b.t
    x
",
        &["big.txt", "1.t", "1.u", "1_b.t", "old.t"],
        &[("*.t", &["1.t"])],
        "s: big.txt -> 1.t
        a: 1.t -> 1.u
        a: old.t -> old.u
        b: 1.u -> 1_b.t
        b: old.u -> old_b.t",
    );
}

#[test]
fn splits_follow_splits() {
    grows(
        "split s: big.txt -> a/*.p
    x
subdivide d: s suffix .p -> {stem}.*.q
    x
collate c: d match {g}.{n}.q -> {g}.c
    x
merge m: c d -> all
    x
",
        &["big.txt"],
        &[
            ("a/*.p", &["a/1.p", "a/2.p"]),
            ("2.*.q", &["2.x.q"]),
            ("1.*.q", &["1.x.q", "1.y.q"]),
        ],
        "s: big.txt -> a/1.p a/2.p
        d: a/1.p -> 1.x.q 1.y.q
        d: a/2.p -> 2.x.q
        c: 1.x.q 1.y.q -> 1.c
        c: 2.x.q -> 2.c
        m: 1.c 2.c 1.x.q 1.y.q 2.x.q -> all",
    );
}
