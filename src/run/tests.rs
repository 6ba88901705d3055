//! Whole runs without processes: a simulated executor, a disk in memory, and what was told.

mod asked;
mod early;
mod many;
mod simulated;
mod weights;

use bstr::ByteSlice;

use super::Msg;
use crate::disk::Disk;
use simulated::{Options, Story, simulate};

const CHAIN: &str = "transform one: *.a suffix .a -> .b
    job {job}
transform two: one suffix .b -> .c
    job {job}
merge all: two -> all.e
    job {job}
";

#[track_caller]
fn tells(story: &Story, expected: &[&str]) {
    assert_eq!(story.told, expected);
}

#[test]
fn jobs_start_when_their_own_inputs_are_there() {
    let story = simulate(
        CHAIN,
        &["x.a", "y.a"],
        &[("y.b", "takes 3")],
        Options::default(),
    );
    tells(
        &story,
        &[
            "0 x.b starts",
            "0 y.b starts",
            "1 x.b ok",
            "1 x.c starts",
            "2 x.c ok",
            "3 y.b ok",
            "3 y.c starts",
            "4 y.c ok",
            "4 all.e starts",
            "5 all.e ok",
        ],
    );
    assert!(story.unfinished.is_empty());
}

#[test]
fn the_same_messages_make_the_same_run() {
    let acts = [
        ("x.b", "fails; takes 2"),
        ("z.c", "fails"),
        ("y.b", "takes 5"),
    ];
    let files = ["x.a", "y.a", "z.a", "q.a"];
    let options = Options {
        retries: 1,
        jobs: 2,
        keeps_going: true,
        ..Options::default()
    };
    let first = simulate(CHAIN, &files, &acts, options.clone());
    for _ in 0..5 {
        assert_eq!(
            simulate(CHAIN, &files, &acts, options.clone()).told,
            first.told
        );
    }
}

#[test]
fn a_failure_lets_what_runs_finish_and_starts_nothing_new() {
    let acts = [("x.b", "fails"), ("y.b", "takes 3")];
    let story = simulate(CHAIN, &["x.a", "y.a"], &acts, Options::default());
    tells(
        &story,
        &[
            "0 x.b starts",
            "0 y.b starts",
            "1 x.b failed",
            "1 x.c skipped",
            "1 all.e skipped",
            "3 y.b ok",
            "3 y.c cancelled",
        ],
    );
}

#[test]
fn what_does_not_depend_on_a_failure_goes_on_when_asked() {
    let options = Options {
        keeps_going: true,
        ..Options::default()
    };
    let story = simulate(CHAIN, &["x.a", "y.a"], &[("x.b", "fails")], options);
    tells(
        &story,
        &[
            "0 x.b starts",
            "0 y.b starts",
            "1 x.b failed",
            "1 x.c skipped",
            "1 all.e skipped",
            "1 y.b ok",
            "1 y.c starts",
            "2 y.c ok",
        ],
    );
}

#[test]
fn a_try_that_failed_is_repeated_and_leaves_nothing_behind() {
    let text = "merge m: in.a -> out.e log.e\n    job {job}\n";
    let options = Options {
        retries: 2,
        ..Options::default()
    };
    let acts = [("out.e", "makes log.e fails; ok")];
    let story = simulate(text, &["in.a"], &acts, options);
    tells(
        &story,
        &[
            "0 out.e starts",
            "1 out.e retry",
            "1 out.e starts",
            "2 out.e ok",
        ],
    );
    assert_eq!(story.trash.len(), 1);
}

#[test]
fn old_outputs_come_back_when_a_job_fails_for_good() {
    let text = "merge m: in.a -> out.e two.e\n    job {job}\n";
    let options = Options {
        retries: 1,
        ..Options::default()
    };
    let acts = [("out.e", "makes out.e fails; makes two.e fails")];
    let story = simulate(text, &["out.e=old", "in.a"], &acts, options);
    tells(
        &story,
        &[
            "0 out.e starts",
            "1 out.e retry",
            "1 out.e starts",
            "2 out.e failed",
        ],
    );
    assert_eq!(story.read("out.e"), "old");
    assert!(!story.has("two.e"));
    assert_eq!(story.trash.len(), 2);
}

#[test]
fn a_job_without_its_outputs_has_failed() {
    let text = "merge m: in.a -> out.e two.e three.e\n    job {job}\n";
    let story = simulate(
        text,
        &["in.a"],
        &[("out.e", "makes two.e")],
        Options::default(),
    );
    tells(
        &story,
        &["0 out.e starts", "1 out.e failed, lacks out.e three.e"],
    );
    assert!(!story.has("two.e"));
}

#[test]
fn an_input_that_changes_meanwhile_leaves_the_job_open() {
    let text = "merge m: in.a other.a -> out.e\n    job {job}\n";
    let acts = [("out.e", "touches other.a ok")];
    let story = simulate(text, &["in.a", "other.a"], &acts, Options::default());
    tells(
        &story,
        &[
            "0 out.e starts",
            "warning: out.e: its input `other.a` changed while it ran, so it is stale already",
            "1 out.e ok",
        ],
    );
    assert_eq!(story.unfinished, ["out.e"]);
}

#[test]
fn an_input_that_changes_leaves_each_job_open_that_reads_it() {
    let text = "[checksum_level 4]\ntransform t: *.a with lib.cfg -> {stem}.b\n    job {job}\n";
    let files = ["lib.cfg=old", "x.a", "y.a"];
    let acts = [("x.b", "rewrites lib.cfg ok"), ("y.b", "takes 2")];
    let story = simulate(text, &files, &acts, Options::default());
    tells(
        &story,
        &[
            "0 x.b starts",
            "0 y.b starts",
            "warning: x.b: its input `lib.cfg` changed while it ran, so it is stale already",
            "1 x.b ok",
            "warning: y.b: its input `lib.cfg` changed while it ran, so it is stale already",
            "2 y.b ok",
        ],
    );
    assert_eq!(story.unfinished, ["x.b", "y.b"]);
}

#[test]
fn an_input_that_is_gone_fails_the_job_before_it_starts() {
    let acts = [("x.b", "removes y.a ok")];
    let options = Options {
        jobs: 1,
        ..Options::default()
    };
    let story = simulate(CHAIN, &["x.a", "y.a"], &acts, options);
    let gone = "1 y.b failed, the input `y.a` is gone";
    assert!(
        story.told.iter().any(|line| line == gone),
        "{:#?}",
        story.told
    );
    assert!(!story.told.iter().any(|line| line.ends_with("y.b starts")));
}

#[test]
fn a_job_that_never_starts_leaves_its_old_outputs_alone() {
    let text = "transform one: *.a suffix .a -> .b .log
    job {job}
subdivide two: *.a suffix .a -> {stem}.*.p
    job {job}
";
    let options = Options {
        jobs: 1,
        keeps_going: true,
        ..Options::default()
    };
    let files = ["y.b=old", "y.log=old", "y.1.p=old", "x.a", "y.a"];
    let story = simulate(text, &files, &[("x.b", "removes y.a ok")], options);
    let is_gone = |line: &&String| line.ends_with("failed, the input `y.a` is gone");
    assert_eq!(
        story.told.iter().filter(is_gone).count(),
        2,
        "{:#?}",
        story.told
    );
    for file in ["y.b", "y.log", "y.1.p"] {
        assert_eq!(story.read(file), "old");
    }
    assert_eq!(story.trash.len(), 0);
}

const SPLIT: &str = "split s: big.txt -> p/*.p
    job {job}
transform t: s suffix .p -> .q
    job {job}
merge all: t -> all.e
    job {job}
";

#[test]
fn a_split_brings_what_follows_it_in_mid_run() {
    let acts = [("p/*.p", "makes p/1.p makes p/2.p")];
    let story = simulate(SPLIT, &["big.txt"], &acts, Options::default());
    tells(
        &story,
        &[
            "0 p/*.p starts",
            "1 p/*.p ok",
            "1 p/1.q starts",
            "1 p/2.q starts",
            "2 p/1.q ok",
            "2 p/2.q ok",
            "2 all.e starts",
            "3 all.e ok",
        ],
    );
    let story = simulate(
        SPLIT,
        &["big.txt"],
        &[("p/*.p", "fails")],
        Options::default(),
    );
    tells(
        &story,
        &["0 p/*.p starts", "1 p/*.p failed", "1 all.e skipped"],
    );
    let story = simulate(
        SPLIT,
        &["big.txt"],
        &[("p/*.p", "makes")],
        Options::default(),
    );
    tells(
        &story,
        &[
            "0 p/*.p starts",
            "warning: `all` runs with no input",
            "1 p/*.p ok",
            "1 all.e starts",
            "2 all.e ok",
        ],
    );
}

#[test]
fn splits_follow_splits_in_mid_run() {
    let text = "split s: big.txt -> p/*.p
    job {job}
subdivide d: s suffix .p -> d/{stem}.*.d
    job {job}
transform t: d suffix .d -> .t
    job {job}
merge all: t -> all.e
    job {job}
";
    let acts = [
        ("p/*.p", "makes p/1.p makes p/2.p"),
        ("d/1.*.d", "makes d/1.a.d"),
        ("d/2.*.d", "takes 3 makes d/2.a.d makes d/2.b.d"),
    ];
    let story = simulate(text, &["big.txt"], &acts, Options::default());
    let ends = story.told.iter().filter(|line| !line.ends_with("starts"));
    let ends: Vec<&str> = ends.map(String::as_str).collect();
    assert_eq!(
        ends,
        [
            "1 p/*.p ok",
            "2 d/1.*.d ok",
            "3 d/1.a.t ok",
            "4 d/2.*.d ok",
            "5 d/2.a.t ok",
            "5 d/2.b.t ok",
            "6 all.e ok",
        ]
    );
}

#[test]
fn what_a_split_finds_unchanged_is_not_its_own() {
    let acts = [("p/*.p", "makes p/2.p")];
    let story = simulate(
        SPLIT,
        &["p/1.p", "p/2.p", "big.txt"],
        &acts,
        Options::default(),
    );
    let text = "warning: p/*.p: `p/1.p` was there before and is unchanged: not taken as output";
    assert_eq!(story.told[1], text);
    assert!(!story.has("p/1.q"));
    assert!(story.has("p/2.q"));
    assert!(story.has("p/1.p"));
}

#[test]
fn what_a_failed_split_made_goes_and_what_was_there_stays() {
    let acts = [("p/*.p", "makes p/2.p makes p/3.p fails")];
    let story = simulate(SPLIT, &["p/1.p", "big.txt"], &acts, Options::default());
    assert_eq!(story.trash.len(), 2, "{:?}", story.trash);
    assert!(story.has("p/1.p") && !story.has("p/2.p") && !story.has("p/3.p"));
}

#[test]
fn rules_wait_for_those_they_are_after() {
    let text = "transform one: *.a suffix .a -> .b
    job {job}
[after one]
originate two -> z.e
    job {job}
";
    let story = simulate(
        text,
        &["x.a", "y.a"],
        &[("y.b", "takes 3")],
        Options::default(),
    );
    assert_eq!(story.told[4..], ["3 z.e starts", "4 z.e ok"]);
    let story = simulate(
        text,
        &["x.a", "y.a"],
        &[("y.b", "fails")],
        Options::default(),
    );
    assert_eq!(story.told.last().map(String::as_str), Some("1 z.e skipped"));
}

#[test]
fn a_run_leaves_no_state_behind_but_trash() {
    let story = simulate(CHAIN, &["x.b", "x.c", "x.a"], &[], Options::default());
    assert!(story.told.iter().all(|line| !line.contains("failed")));
    let state = story.disk.list(b".flow").unwrap().unwrap_or_default();
    let names: Vec<_> = state
        .iter()
        .map(|entry| entry.name.to_str_lossy())
        .collect();
    assert_eq!(names, [""; 0]);
}
