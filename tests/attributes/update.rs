//! `update`: old outputs stay in place, and the recipe goes on from there.

use std::os::unix::fs::MetadataExt;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Project, ends};
use crate::common::{end, signal};
use rustix::process::Signal;

/// Adds a line for each step up to what `upto` says, and fails behind it when `upto` says so.
const STEPS: &str = "\
[update]
merge steps: ./upto -> log
    read last then < {input}
    touch {output}; n=$(wc -l < {output})
    while [ \"$n\" -lt \"$last\" ]; do n=$((n + 1)); echo \"step $n\" >> {output}; done
    $then

transform copy: steps -> copy
    cp {input} {output}
";

fn steps(upto: &str) -> Project {
    let project = Project::new(STEPS);
    project.write("upto", upto);
    project
}

fn go_on(project: &Project, upto: &str) {
    project.write("upto", upto).touch("upto");
}

fn lines(n: usize) -> String {
    (1..=n).map(|n| format!("step {n}\n")).collect()
}

#[test]
fn the_recipe_finds_what_it_made_before() {
    let project = steps("2 true\n");
    project.flow(&["run"]).expect(0);
    go_on(&project, "4 true\n");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert_eq!(
        (project.read("log"), project.read("copy")),
        (lines(4), lines(4))
    );
    project.flow(&["run"]).expect(0).says(&["up to date"]);
    assert!(!project.has(".flow/trash"));
}

#[test]
fn what_a_failed_try_left_stays_and_is_not_done() {
    let project = steps("1 true\n");
    project.flow(&["run"]).expect(0);
    go_on(&project, "3 false\n");
    project.flow(&["run"]).expect(1);
    assert_eq!(
        (project.read("log"), project.read("copy")),
        (lines(3), lines(1))
    );
    for level in ["0", "1", "3"] {
        let planned = project.planned(&["--checksum-level", level]);
        assert_eq!(planned, ["steps log", "copy copy"], "{level}");
        // What reads it is not made from a half.
        let planned = project.planned(&["--minimal", "copy", "--checksum-level", level]);
        assert_eq!(planned, ["steps log", "copy copy"], "{level}");
    }
    let why = project.flow(&["why", "log"]).expect(0).out;
    assert!(why.contains("its last try failed"), "{why}");
    go_on(&project, "5 true\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(
        (project.read("log"), project.read("copy")),
        (lines(5), lines(5))
    );
}

#[test]
fn the_first_try_of_all_may_fail_too() {
    let project = steps("2 false\n");
    project.flow(&["run"]).expect(1);
    assert_eq!(project.read("log"), lines(2));
    project.write("upto", "2 true\n");
    assert_eq!(
        project.planned(&["--checksum-level", "0"]),
        ["steps log", "copy copy"]
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("copy"), lines(2));
}

#[test]
fn a_retry_goes_on_as_well() {
    let project = Project::new(
        "[update, retries 3]\noriginate a -> a\n    echo x >> {output}; test $(wc -l < {output}) = 3\n",
    );
    let (ended, ends) = ends(&project, &[]);
    ended.expect(0);
    assert_eq!(
        (ends, project.read("a")),
        (vec!["a ok 3".into()], "x\nx\nx\n".into())
    );
}

#[test]
fn a_check_does_not_take_a_half_for_the_whole() {
    let project = Project::new(
        "[update, check \"test -e {output}\"]\noriginate a -> a\n    \
         echo x >> {output}; test $(wc -l < {output}) = 2\n",
    );
    project.flow(&["run"]).expect(1);
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn what_a_killed_run_left_stays_and_is_not_done() {
    let project = steps("2 true\n");
    project.flow(&["run"]).expect(0);
    let text = project
        .read("workflow.flow")
        .replace("    $then", "    eval \"$then\"");
    project.write("workflow.flow", text);
    project
        .write("upto", "3 touch ready; sleep 60\n")
        .touch("upto");
    let run = project.start(&["run"]);
    project.wait_for("ready");
    signal(&run, Signal::KILL);
    end(run);
    assert_eq!(
        project.planned(&["--checksum-level", "0"]),
        ["steps log", "copy copy"]
    );
    go_on(&project, "4 true\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(
        (project.read("log"), project.read("copy")),
        (lines(4), lines(4))
    );
}

#[test]
fn the_recipe_goes_on_from_what_somebody_changed() {
    let project = steps("2 true\n");
    project.flow(&["run"]).expect(0);
    project.write("log", "by hand\n").touch("log");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert_eq!(project.read("log"), "by hand\nstep 2\n");
}

/// Makes a part for each number up to what `upto` says that has none.
const PARTS: &str = "\
[update]
split parts: ./upto -> parts/*
    read last then < {input}
    for n in $(seq \"$last\"); do [ -e parts/$n ] || echo $n > parts/$n; done
    $then

merge all: parts -> all
    cat {input} > {output}
";

#[test]
fn a_split_keeps_the_files_that_it_made_before() {
    let project = Project::new(PARTS);
    project.write("parts/foreign", "not mine\n");
    go_on(&project, "2 true\n");
    // Nothing is recorded: what is there is taken for the split's own.
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "1\n2\nnot mine\n");
    project.write("parts/late", "not mine\n");
    go_on(&project, "3 true\n");
    let ended = project.flow(&["run"]).expect(0);
    assert!(
        ended.err.contains("`parts/late` was there before"),
        "{}",
        ended.err
    );
    assert_eq!(project.read("all"), "1\n2\n3\nnot mine\n");
    go_on(&project, "4 rm parts/1\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "2\n3\n4\nnot mine\n");
    assert!(project.has("parts/late") && !project.has("parts/1"));
}

#[test]
fn a_split_goes_on_from_the_parts_of_a_try_that_failed() {
    let project = Project::new(PARTS);
    project.write("upto", "2 false\n");
    project.flow(&["run"]).expect(1);
    assert_eq!(project.read("parts/2"), "2\n");
    assert!(!project.has("all"));
    go_on(&project, "3 true\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "1\n2\n3\n");
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn what_it_leaves_as_it_was_ends_the_wave() {
    let project = Project::new(
        "[update]\nmerge seen: ./upto -> log\n    test -e {output} || echo one > {output}\n\n\
         transform copy: seen -> copy\n    cp {input} {output}\n",
    );
    project.write("upto", "1");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    // Until the file system's clock has moved on, a file may have been made anew unseen.
    let made = std::fs::metadata(project.path("log")).unwrap();
    let step = match made.mtime_nsec() {
        0 => Duration::from_secs(2),
        _ => Duration::from_millis(20),
    };
    let nanoseconds = u32::try_from(made.ctime_nsec()).unwrap();
    let changed = UNIX_EPOCH + Duration::new(made.ctime() as u64, nanoseconds);
    while SystemTime::now() <= changed + step {
        sleep(Duration::from_millis(1));
    }
    go_on(&project, "22");
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}
