//! `protected`: outputs that are made read-only, and not overwritten by accident.

use std::os::unix::fs::PermissionsExt;

use super::{Project, ends};
use crate::common::{end, signal};
use rustix::process::Signal;

const CALLS: &str = "\
[protected]
transform call: in/*.txt suffix .txt -> out/{stem}.call
    tr a-z A-Z < {input} > {output}; test ! -e broken

merge all: call -> all
    cat {input} > {output}
";

fn calls() -> Project {
    let project = Project::new(CALLS);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run"]).expect(0).says(&["3 done"]);
    project
}

/// Whether nobody may write it.
fn is_read_only(project: &Project, path: &str) -> bool {
    let found = project.path(path).symlink_metadata().expect("it is there");
    found.permissions().mode() & 0o222 == 0
}

fn edit(project: &Project, file: &str, text: &str) {
    project.write(file, text).touch(file);
}

#[test]
fn outputs_are_read_only_once_their_job_has_succeeded() {
    let project = calls();
    assert!(is_read_only(&project, "out/a.call") && is_read_only(&project, "out/b.call"));
    assert!(!is_read_only(&project, "all"));
    for level in ["0", "3"] {
        let plan = project.flow(&["plan", "--checksum-level", level]).expect(0);
        assert!(plan.out.contains("up to date"), "{}", plan.out);
    }
    let failing = Project::new(CALLS);
    failing.write("in/a.txt", "a\n").write("broken", "");
    failing.flow(&["run"]).expect(1);
    let trash = failing
        .path(".flow/trash")
        .read_dir()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let left = trash.path().read_dir().unwrap().next().unwrap().unwrap();
    assert_ne!(left.metadata().unwrap().permissions().mode() & 0o222, 0);
    // What never was is simply made.
    std::fs::remove_file(failing.path("broken")).unwrap();
    failing.flow(&["run"]).expect(0).says(&["2 done"]);
}

#[test]
fn stale_ones_are_an_error_before_anything_runs() {
    let project = calls();
    edit(&project, "in/a.txt", "new\n");
    std::fs::remove_file(project.path("out/b.call")).unwrap();
    project
        .write("in/c.txt", "c\n")
        .write("out/b.call", "by hand\n");
    let before = project.files();
    for command in ["plan", "run"] {
        let ended = project.flow(&[command]).expect(3).says(&[
            "error[E0334]: the outputs of 2 jobs are protected, and out of date",
            "out/a.call: in/a.txt was changed: 2 B then, 4 B now",
            "out/b.call: out/b.call is not what the job made",
            "`--force call` overwrites them",
            "`flow accept` takes them",
        ]);
        assert!(!ended.err.contains("c.call"), "{}", ended.err);
        assert_eq!(project.files(), before);
    }
    // What does not need them is not held up, and asking is free.
    project
        .flow(&["run", "out/c.call"])
        .expect(0)
        .says(&["1 done"]);
    project.flow(&["status"]).expect(0);
    let why = project.flow(&["why", "out/a.call"]).expect(0).out;
    assert!(
        why.contains("cannot run: its outputs are protected"),
        "{why}"
    );
    project
        .flow(&["run", "--force", "call"])
        .expect(0)
        .says(&["4 done"]);
    assert_eq!(project.read("all"), "NEW\nB\nC\n");
    assert!(is_read_only(&project, "out/a.call") && is_read_only(&project, "out/c.call"));
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn only_the_rules_own_name_forces_it() {
    let project = calls();
    for args in [&["plan", "-B"][..], &["run", "-B", "--force", "all"]] {
        project.flow(args).expect(3).says(&[
            "out/a.call: forced",
            "`--force call` overwrites them; `--always-make` alone does not",
        ]);
    }
    project
        .flow(&["run", "-B", "--force", "call"])
        .expect(0)
        .says(&["3 done"]);
    project
        .flow(&["run", "--force", "all"])
        .expect(0)
        .says(&["1 done"]);
}

#[test]
fn what_is_missing_is_made() {
    let project = calls();
    std::fs::remove_file(project.path("out/a.call")).unwrap();
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert!(is_read_only(&project, "out/a.call"));
    // One of two is there: it would be overwritten.
    let two = Project::new("[protected]\noriginate two -> (x y)\n    touch {output}\n");
    two.flow(&["run"]).expect(0);
    std::fs::remove_file(two.path("y")).unwrap();
    let ended = two
        .flow(&["run"])
        .expect(3)
        .says(&["x is protected, and out of date", "y is missing"]);
    assert!(!ended.err.contains("flow accept"), "{}", ended.err);
    two.flow(&["run", "--force", "two"])
        .expect(0)
        .says(&["1 done"]);
    assert!(is_read_only(&two, "x") && is_read_only(&two, "y"));
}

#[test]
fn a_forced_try_that_fails_brings_the_old_ones_back_read_only() {
    let project = calls();
    edit(&project, "in/a.txt", "new\n");
    project.write("broken", "");
    project.flow(&["run", "--force", "call", "-k"]).expect(1);
    assert_eq!(project.read("out/a.call"), "A\n");
    assert!(is_read_only(&project, "out/a.call"));
    std::fs::remove_file(project.path("broken")).unwrap();
    project
        .flow(&["run"])
        .expect(3)
        .says(&["its last try failed"]);
    project.flow(&["run", "--force", "call"]).expect(0);
    assert_eq!(project.read("out/a.call"), "NEW\n");
}

#[test]
fn a_killed_run_brings_the_old_ones_back_too() {
    let project = calls();
    let slow = CALLS.replace("test ! -e", "touch ready; sleep 60; test ! -e");
    project.write("workflow.flow", slow);
    let run = project.start(&["run", "--force", "call", "-j1"]);
    project.wait_for("ready");
    signal(&run, Signal::KILL);
    end(run);
    project.write("workflow.flow", CALLS);
    project
        .flow(&["run"])
        .expect(3)
        .says(&["its last try was cut off"]);
    assert_eq!(project.read("out/a.call"), "A\n");
    assert!(is_read_only(&project, "out/a.call"));
    project.flow(&["accept"]).expect(0);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn the_first_try_may_be_cut_off_and_is_made_again() {
    let project = Project::new(&CALLS.replace("test ! -e", "touch ready; sleep 60; test ! -e"));
    project.write("in/a.txt", "a\n");
    let run = project.start(&["run"]);
    project.wait_for("ready");
    signal(&run, Signal::KILL);
    end(run);
    project.write("workflow.flow", CALLS);
    project.flow(&["run"]).expect(0).says(&["2 done"]);
}

#[test]
fn accepted_or_touched_they_are_as_they_should_be() {
    for command in [&["accept"][..], &["run", "--touch-only"]] {
        let project = calls();
        edit(&project, "in/a.txt", "new\n");
        project.flow(command).expect(0);
        assert_eq!(project.read("out/a.call"), "A\n");
        assert!(is_read_only(&project, "out/a.call"));
        project.flow(&["run"]).expect(0);
    }
}

const FOLDER: &str = "\
[protected]
merge index: ./seed -> index/
    mkdir -p {output}/deep/er; cp {input} {output}/deep/er/part; ln -s ../seed {output}/link
    cp {input} {output}/top; test ! -e broken
";

#[test]
fn a_folder_is_read_only_with_all_in_it() {
    let project = Project::new(FOLDER);
    project.write("seed", "1\n");
    project.flow(&["run"]).expect(0);
    for path in [
        "index",
        "index/deep",
        "index/deep/er",
        "index/deep/er/part",
        "index/top",
    ] {
        assert!(is_read_only(&project, path), "{path}");
    }
    // A link leads to what is somebody else's.
    assert!(!is_read_only(&project, "seed"));
    edit(&project, "seed", "22\n");
    project
        .flow(&["run"])
        .expect(3)
        .says(&["index/ is protected"]);
    project.write("broken", "");
    project.flow(&["run", "--force", "index"]).expect(1);
    assert_eq!(project.read("index/deep/er/part"), "1\n");
    assert!(is_read_only(&project, "index") && is_read_only(&project, "index/deep"));
    std::fs::remove_file(project.path("broken")).unwrap();
    let ended = project.flow(&["run", "--force", "index"]).expect(0);
    assert!(!ended.err.contains("cannot"), "{}", ended.err);
    assert_eq!(project.read("index/deep/er/part"), "22\n");
    assert!(!project.path(".flow/aside").exists());
    project
        .flow(&["clean", "--rule", "index", "--yes"])
        .expect(0);
    project.flow(&["clean", "--trash", "--yes"]).expect(0);
    assert!(!project.has("index") && !project.has(".flow/trash"));
}

#[test]
fn clean_leaves_them_unless_their_rule_is_named() {
    let project = calls();
    let cleaned = project.flow(&["clean", "--yes"]).expect(0).out;
    assert!(
        cleaned.contains("out/a.call: its rule protects it"),
        "{cleaned}"
    );
    assert!(project.has("out/a.call") && !project.has("all"));
    project
        .flow(&["clean", "--yes", "--rule", "call"])
        .expect(0);
    assert!(!project.has("out/a.call"));
}

const PARTS: &str = "\
split parts: ./seed -> parts/*
    for n in $(cat {input}); do echo $n > parts/$n; done

[protected]
transform work: parts -> done/{name}
    cp {input} {output}

transform other: parts -> other/{name}
    cp {input} {output}
";

#[test]
fn one_that_proves_stale_behind_a_split_fails_and_others_go_on() {
    let project = Project::new(PARTS);
    project.write("seed", "1 2\n");
    project.flow(&["run"]).expect(0);
    edit(&project, "seed", "1 2 3\n");
    project.write("keep", project.read("done/1"));
    let (ended, mut ends) = ends(&project, &["-k"]);
    ended
        .expect(1)
        .says(&["protected, and out of date by now: `--force work` overwrites them"]);
    ends.sort();
    assert_eq!(
        ends,
        [
            "done/1 failed 0",
            "done/2 failed 0",
            "done/3 ok 1",
            "other/1 ok 1",
            "other/2 ok 1",
            "other/3 ok 1",
            "parts/* ok 1"
        ]
    );
    assert!(is_read_only(&project, "done/1") && is_read_only(&project, "done/3"));
    // It was not tried, so that nothing is known against it but that its input is another.
    project
        .flow(&["run"])
        .expect(3)
        .says(&["done/1: parts/1 was changed"]);
    project
        .flow(&["run", "--force", "work"])
        .expect(0)
        .says(&["3 done"]);
}

#[test]
fn one_behind_a_job_that_runs_may_come_out_fresh() {
    let project = Project::new(
        "merge a: ./seed -> a\n    grep -v '#' {input} > new; cmp -s new {output}.kept || \
         { cp new {output}.kept; touch -d @1000000000 {output}.kept; }; cp -p {output}.kept {output}\n\n\
         [protected]\nmerge b: a -> b\n    cp {input} {output}\n",
    );
    project.write("seed", "1\n");
    project.flow(&["run"]).expect(0);
    edit(&project, "seed", "1\n# more\n");
    project.flow(&["plan"]).expect(0);
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    edit(&project, "seed", "22\n");
    project
        .flow(&["run"])
        .expect(1)
        .says(&["`--force b` overwrites them"]);
    assert_eq!(project.read("b"), "1\n");
}

#[test]
fn a_splits_files_are_protected() {
    let project = Project::new(&PARTS.replace("split parts", "[protected]\nsplit parts"));
    project.write("seed", "1 2\n");
    project.flow(&["run"]).expect(0);
    assert!(is_read_only(&project, "parts/1") && is_read_only(&project, "parts/2"));
    edit(&project, "seed", "2 3\n");
    project
        .flow(&["run"])
        .expect(3)
        .says(&["'parts/*' is protected"]);
    let force = ["run", "--force", "parts", "--force", "work"];
    project.flow(&force).expect(0);
    assert!(!project.has("parts/1") && is_read_only(&project, "parts/3"));
}

#[test]
fn what_contradicts_it_is_a_mistake() {
    let both = "[protected, update]\noriginate a -> a\n    touch {output}\n";
    Project::new(both)
        .flow(&["plan"])
        .expect(3)
        .says(&["`protected` and `update` contradict each other"]);
    for name in ["protected", "update"] {
        let text = format!("[{name}]\ntransform send: *.flow\n    true {{input}}\n");
        let says = format!("`{name}` is about outputs, and `send` has none");
        Project::new(&text).flow(&["plan"]).expect(3).says(&[&says]);
    }
}
