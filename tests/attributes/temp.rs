//! `temp`: deleted when nothing needs it any more, known, made again only when it is needed.

use std::fs;

use super::Project;

const CHAIN: &str = "\
param end = .

[temp]
transform trim: in/*.txt suffix .txt -> mid/{stem}.trim mid/{stem}.log
    echo trimmed >> made; tr -d ' ' < {input} > {output[0]}; echo log > {output[1]}

[temp]
transform sort: trim -> mid/{stem}.sorted
    echo sorted >> made; sort {input[0]} > {output}

transform count: sort suffix .sorted -> out/{stem}.n
    echo counted >> made; wc -l < {input} > {output}; echo '{end:raw}' >> {output}

transform head: sort suffix .sorted -> out/{stem}.head
    echo headed >> made; head -n 1 {input} > {output}
";

fn project() -> Project {
    let project = Project::new(CHAIN);
    project.write("in/a.txt", "b b\na\n");
    project
}

/// What was made since the last time it was asked.
fn made(project: &Project) -> String {
    let made = fs::read_to_string(project.path("made")).unwrap_or_default();
    fs::remove_file(project.path("made")).ok();
    made.replace('\n', " ").trim_end().to_string()
}

#[test]
fn is_deleted_when_its_last_reader_is_done_and_stays_known() {
    let project = project();
    project
        .flow(&["run", "-j", "1"])
        .expect(0)
        .says(&["4 done"]);
    assert_eq!(
        project.files(),
        ["in/a.txt", "made", "out/a.head", "out/a.n", "workflow.flow"]
    );
    assert_eq!(project.planned(&[]), [""; 0]);
    project.flow(&["status", "--check"]).expect(0);
    project.flow(&["run"]).expect(0);
    assert_eq!(made(&project), "trimmed sorted counted headed");
    let why = project.flow(&["why", "mid/a.trim"]).expect(0).out;
    assert!(why.contains("is fresh"), "{why}");
    assert!(why.contains("deleted"), "{why}");
}

#[test]
fn a_plan_tells_what_would_be_deleted() {
    let project = project();
    let doomed = |args: &[&str]| {
        let out = project
            .flow(&[&["plan", "-v"], args].concat())
            .expect(0)
            .out;
        let lines = out.lines().filter(|line| line.contains("temporary"));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let all = "mid/a.trim  temporary: deleted when what reads it is done\n\
               mid/a.log  temporary: deleted when what reads it is done\n\
               mid/a.sorted  temporary: deleted when what reads it is done\n\
               3 temporary files would be deleted\n";
    assert_eq!(doomed(&[]), all);
    // Another reader is left out, and what is asked for stays.
    assert!(!doomed(&["count"]).contains("a.sorted"));
    assert!(!doomed(&["count", "head", "mid/a.trim"]).contains("a.trim"));
    // What was kept goes once all that read it are asked for, also where they are done.
    project.flow(&["run", "mid/a.sorted"]).expect(0);
    assert_eq!(
        doomed(&[]),
        "mid/a.sorted  temporary: deleted when what reads it is done\n\
         1 temporary file would be deleted\n"
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(
        project.files(),
        ["in/a.txt", "made", "out/a.head", "out/a.n", "workflow.flow"]
    );
    assert_eq!(doomed(&[]), "");
}

#[test]
fn is_made_again_with_what_it_needs_when_a_reader_runs() {
    let project = project();
    project.flow(&["run"]).expect(0);
    made(&project);
    let changed = ["--set", "end=!"];
    let planned = project.planned(&changed);
    // `head` is looked at again, and need not run.
    let expected = [
        "trim mid/a.trim",
        "sort mid/a.sorted",
        "count out/a.n",
        "head out/a.head",
    ];
    assert_eq!(planned, expected);
    let plan = project
        .flow(&["plan", "-v", "--set", "end=!"])
        .expect(0)
        .out;
    let said = "mid/a.sorted, which was temporary, is needed for out/a.n";
    assert!(plan.contains(said), "{plan}");
    project.flow(&["run", "--set", "end=!"]).expect(0);
    assert_eq!(made(&project), "trimmed sorted counted");
    assert!(!project.has("mid/a.sorted") && !project.has("mid/a.trim"));
    assert_eq!(project.planned(&changed), [""; 0]);
}

#[test]
fn a_changed_source_goes_through_it() {
    let project = project();
    project.flow(&["run"]).expect(0);
    made(&project);
    project.write("in/a.txt", "c\nb\na\n");
    project.flow(&["run", "-j", "1"]).expect(0);
    assert_eq!(made(&project), "trimmed sorted counted headed");
    assert_eq!(project.read("out/a.n"), "3\n.\n");
}

#[test]
fn stays_while_a_reader_has_failed_or_is_not_asked_for() {
    let project = project();
    project.flow(&["run", "count"]).expect(0);
    assert!(project.has("mid/a.sorted"), "`head` still wants it");
    assert!(!project.has("mid/a.trim"));
    assert!(!project.has("mid/a.log"), "nobody reads it");
    project.flow(&["run", "head"]).expect(0);
    assert!(!project.has("mid/a.sorted"));
    let failing = CHAIN.replace("head -n 1", "false; head -n 1");
    project.write("workflow.flow", &failing);
    made(&project);
    project.flow(&["run"]).expect(1);
    assert_eq!(made(&project), "trimmed sorted headed");
    assert!(project.has("mid/a.sorted"));
    project.write("workflow.flow", CHAIN);
    project.flow(&["run"]).expect(0);
    assert_eq!(made(&project), "headed");
    assert!(!project.has("mid/a.sorted"));
}

#[test]
fn asked_for_by_name_is_made_and_kept() {
    let project = project();
    project.flow(&["run"]).expect(0);
    made(&project);
    project.flow(&["run", "mid/a.sorted"]).expect(0);
    assert_eq!(made(&project), "trimmed sorted");
    assert!(project.has("mid/a.sorted") && !project.has("mid/a.trim"));
    project.flow(&["run", "trim", "count"]).expect(0);
    assert_eq!(made(&project), "trimmed");
    assert!(project.has("mid/a.trim"));
    // A run that does not ask for it leaves what a clean build would.
    project.flow(&["run"]).expect(0);
    assert_eq!(made(&project), "");
    assert!(!project.has("mid/a.sorted") && !project.has("mid/a.trim"));
}

#[test]
fn parts_of_a_split_go_one_by_one_and_come_again() {
    let project = Project::new(
        "param end = .\n\n\
         [temp]\nsplit parts: in/all -> parts/*.p\n    \
         echo split >> made; mkdir -p parts; for n in $(cat {input}); do echo $n > parts/$n.p; done\n\n\
         transform count: parts suffix .p -> {stem}.n\n    \
         echo {stem} >> made; test {stem} != two || test -e ok; cat {input} > {output}; echo '{end:raw}' >> {output}\n",
    );
    project.write("in/all", "one\ntwo\n");
    project.flow(&["run", "-k", "-j", "1"]).expect(1);
    assert!(!project.has("parts/one.p") && project.has("parts/two.p"));
    project.write("ok", "");
    made(&project);
    assert_eq!(project.planned(&[]), ["count two.n"]);
    project.flow(&["run"]).expect(0);
    assert_eq!(made(&project), "two");
    assert!(!project.has("parts/two.p"));
    assert_eq!(project.planned(&[]), [""; 0]);
    project
        .flow(&["run", "--set", "end=!", "-j", "1"])
        .expect(0);
    assert_eq!(made(&project), "split one two");
    assert_eq!(project.read("two.n"), "two\n!\n");
}

#[test]
fn a_split_that_makes_other_files_than_last_time_is_known_by_them_from_then_on() {
    let project = Project::new(
        "param end = .\n\n\
         [temp]\nsplit parts: in/all -> parts/*.p\n    \
         for n in $(cat names); do cp {input} parts/$n.p; done\n\n\
         merge all: parts -> all\n    echo {input} '{end:raw}' > {output}\n",
    );
    project.write("in/all", "x").write("names", "1 2");
    project.flow(&["run"]).expect(0);
    // What it reads besides its inputs, nobody knows.
    project.write("names", "1 3");
    let ended = project.flow(&["run", "--set", "end=!"]).expect(1);
    ended.says(&["made other files than when it last ran"]);
    project.flow(&["run", "--set", "end=!"]).expect(0);
    assert_eq!(project.read("all"), "parts/1.p parts/3.p !\n");
    project
        .flow(&["run", "--set", "end=!"])
        .expect(0)
        .says(&["up to date"]);
}

#[test]
fn what_somebody_puts_in_its_place_between_two_readers_stays() {
    let project = Project::new(
        "[temp]\nsplit parts: in/all -> parts/*.p\n    touch parts/a.p parts/b.p\n\n\
         transform read: parts suffix .p -> {stem}.n\n    \
         test {stem} = b || echo mine > parts/b.p; cat {input} > {output}\n",
    );
    project.write("in/all", "x");
    project.flow(&["run", "-j", "1"]).expect(0);
    assert!(!project.has("parts/a.p"));
    assert_eq!(project.read("parts/b.p"), "mine\n");
}

#[test]
fn what_comes_out_otherwise_makes_its_other_readers_stale() {
    let project = Project::new(
        "param end = .\n\n\
         [temp]\ntransform part: in/a -> mid/a\n    cat size > {output}\n\n\
         transform one: part -> out/one\n    cat {input} > {output}; echo '{end:raw}' >> {output}\n\n\
         transform two: part -> out/two\n    cat {input} > {output}\n",
    );
    project.write("in/a", "").write("size", "short\n");
    project.flow(&["run"]).expect(0);
    project.write("size", "longer\n");
    project.flow(&["run", "--set", "end=!"]).expect(0);
    assert_eq!(project.read("out/two"), "longer\n");
}

#[test]
fn touching_does_not_create_it() {
    let project = project();
    project.flow(&["run", "--touch-only"]).expect(0);
    assert!(!project.has("mid/a.trim") && project.has("out/a.n"));
    assert_eq!(project.planned(&[]), [""; 0]);
    project
        .flow(&["run", "--touch-only", "--set", "end=!"])
        .expect(0);
    assert!(!project.has("mid/a.trim"));
    assert_eq!(project.planned(&["--set", "end=!"]), [""; 0]);
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let project = project();
    project.flow(&["run"]).expect(0);
    project.flow(&["run", "mid/a.trim"]).expect(0);
    // As long as it was: taken for a touch.
    fs::write(project.path("mid/a.log"), "LOG\n").unwrap();
    project.flow(&["run"]).expect(0);
    assert!(!project.has("mid/a.trim") && !project.has("mid/a.log"));
    let trash = fs::read_dir(project.path(".flow/trash")).unwrap();
    let runs: Vec<_> = trash.map(|run| run.unwrap().path()).collect();
    let kept: Vec<_> = runs
        .iter()
        .flat_map(|run| fs::read_dir(run).unwrap())
        .collect();
    assert_eq!(kept.len(), 1, "somebody changed it");
    assert_eq!(
        fs::read(kept[0].as_ref().unwrap().path()).unwrap(),
        b"LOG\n"
    );
}

#[test]
fn what_somebody_puts_in_its_place_is_not_taken_for_it() {
    let text = "\
[temp]
transform trim: in/*.txt suffix .txt -> mid/{stem}.trim
    tr -d ' ' < {input} > {output}

merge edit: in/a.txt -> edited
    if [ -e by-hand ]; then echo by hand >> mid/a.trim; fi; touch {output}

[after edit]
transform count: trim -> out/{stem}.n
    if [ ! -e by-hand ]; then exit 1; fi; wc -l < {input} > {output}
";
    let project = Project::new(text);
    project.write("in/a.txt", "b b\na\n");
    project.flow(&["run", "-k"]).expect(1);
    project.write("by-hand", "");
    fs::remove_file(project.path("edited")).unwrap();
    // Edited when it had been looked at, and before it is read.
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/a.n").trim(), "3");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/a.n").trim(), "2");
    project.flow(&["status", "--check"]).expect(0);
}

#[test]
fn one_whose_input_changed_while_it_was_made_is_no_result() {
    let project = Project::new(
        "\
[temp]
transform copy: in/*.txt -> mid/{name}
    if [ -e odd ]; then cp -p {input} kept; cp odd {input}; fi; cat {input} > {output}

transform show: copy -> out/{name}
    cat {input} > {output}
",
    );
    project.write("in/a.txt", "one");
    project.flow(&["run"]).expect(0);
    project.write("in/a.txt", "two");
    project.write("odd", "odd");
    project.flow(&["run"]).says(&["changed while it ran"]);
    // All is as it was when that run began.
    fs::rename(project.path("kept"), project.path("in/a.txt")).unwrap();
    fs::remove_file(project.path("odd")).unwrap();
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/a.txt"), "two");
}
