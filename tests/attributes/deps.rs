//! `deps`: inputs that a job names itself.

use super::Project;

/// A compiler of a kind: takes in files by `include NAME`, and says which.
const COMPILE: &str = "\
[deps {output}.d]
transform compile: src/*.src suffix .src -> obj/{stem}.o
    names=$(sed -n 's/^include //p' {input})
    echo \"{output}: {input} \"$names > {output}.d
    cat {input} $names > {output}
";

fn project() -> Project {
    let project = Project::new(COMPILE);
    project
        .write("src/a.src", "include inc/one\ninclude inc/two\n")
        .write("src/b.src", "include inc/two\n")
        .write("inc/one", "1\n")
        .write("inc/two", "2\n")
        .write("inc/three", "3\n");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
    project
}

#[test]
fn what_a_job_named_are_its_inputs_from_then_on() {
    let project = project();
    project.touch("inc/one");
    assert_eq!(project.planned(&[]), ["compile obj/a.o"]);
    project.touch("inc/two");
    assert_eq!(project.planned(&[]), ["compile obj/a.o", "compile obj/b.o"]);
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    project.touch("inc/three");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn the_newest_run_says_what_they_are() {
    let project = project();
    project
        .write("src/b.src", "include inc/three\n")
        .touch("src/b.src");
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    project.touch("inc/two");
    assert_eq!(project.planned(&[]), ["compile obj/a.o"]);
    project.touch("inc/three");
    assert_eq!(project.planned(&[]), ["compile obj/a.o", "compile obj/b.o"]);
}

#[test]
fn one_that_is_gone_makes_the_job_stale_and_is_no_error() {
    let project = project();
    project.write("src/a.src", "include inc/two\n");
    std::fs::remove_file(project.path("inc/one")).unwrap();
    let plan = project.flow(&["plan", "-v"]).expect(0).out;
    assert!(plan.contains("inc/one, which it read, is gone"), "{plan}");
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn what_nobody_recorded_is_not_taken_for_nothing() {
    let project = project();
    std::fs::remove_file(project.path(".flow/discovered")).unwrap();
    let plan = project.flow(&["plan", "--json"]).expect(0).out;
    assert!(
        plan.contains(r#""reason":{"kind":"inputs_differ"}"#),
        "{plan}"
    );
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn a_job_without_its_file_has_failed_and_an_old_one_does_not_count() {
    let project = project();
    let text = COMPILE.replace("> {output}.d", "> other");
    project.write("workflow.flow", &text);
    project
        .flow(&["run", "-B", "-j1"])
        .expect(1)
        .says(&["did not make: obj/a.o.d"]);
    project.write(
        "workflow.flow",
        COMPILE.replace("{output}: {input}", "no rule"),
    );
    project
        .flow(&["run", "-B", "-j1"])
        .expect(1)
        .says(&["`obj/a.o.d` holds no Makefile rule"]);
}

#[test]
fn what_a_job_named_and_another_makes_is_made_first() {
    let project = Project::new(
        &format!(
            "transform header: version suffix version -> inc/gen\n    cp {{input}} {{output}}\n\n\
         [after header]\n{COMPILE}"
        )
        .replace("header: version", "header: ./version"),
    );
    project
        .write("version", "1\n")
        .write("src/a.src", "include inc/gen\n");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    project.write("version", "2\n").touch("version");
    assert_eq!(
        project.planned(&["obj/a.o"]),
        ["header inc/gen", "compile obj/a.o"]
    );
    project
        .flow(&["run", "-j4", "obj/a.o"])
        .expect(0)
        .says(&["2 done"]);
    assert_eq!(project.read("obj/a.o"), "include inc/gen\n2\n");
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn paths_are_those_of_the_folder_that_the_recipe_runs_in() {
    let project = Project::new(
        "[deps {output}.d, workdir src]\n\
         transform c: src/*.src suffix .src -> obj/{stem}.o\n    \
         echo \"x: inc.h $(echo \"$PWD\" | sed 's/ /\\\\ /g')/../abs.h\" > {output}.d; touch {output}\n",
    );
    project
        .write("src/a.src", "")
        .write("src/inc.h", "")
        .write("abs.h", "");
    project.flow(&["run"]).expect(0);
    project.touch("src/inc.h");
    assert_eq!(project.planned(&[]), ["c obj/a.o"]);
    project.flow(&["run"]).expect(0);
    project.touch("abs.h");
    assert_eq!(project.planned(&[]), ["c obj/a.o"]);
}

#[test]
fn one_that_changes_while_the_job_runs_leaves_it_stale() {
    let project = Project::new(
        "[deps a.d]\noriginate a -> a\n    cp inc a; sleep 0.02; echo new > inc; sleep 0.02\n    \
         touch {output}; echo 'a: inc' > a.d\n",
    );
    project.write("inc", "old\n");
    project
        .flow(&["run"])
        .expect(0)
        .says(&["its input `inc` changed while it ran"]);
    assert_eq!(project.planned(&[]), ["a a"]);
}

#[test]
fn an_older_file_in_the_place_of_one_that_was_read_is_seen() {
    let project = Project::new(
        "[deps {output}.d]\ntransform c: in/* -> {name}.o\n    \
         cp inc {output}; echo 'x: inc' > {output}.d\n",
    );
    project.write("in/a", "").write("inc", "one\n");
    project.flow(&["run"]).expect(0);
    project.set_age("inc", std::time::Duration::from_secs(1_000_000));
    assert_eq!(project.planned(&[]), ["c a.o"]);
    let why = project.flow(&["why", "a.o"]).expect(0).out;
    assert!(why.contains("inc was changed"), "{why}");
    project.flow(&["run", "--checksum-level", "4"]).expect(0);
    project.touch("inc");
    assert_eq!(project.planned(&["--checksum-level", "4"]), [""; 0]);
}

#[test]
fn a_pipe_is_not_waited_for() {
    let project =
        Project::new("[deps out.d]\noriginate a -> out\n    echo x > {output}; mkfifo out.d\n");
    let start = std::time::Instant::now();
    project
        .flow(&["run"])
        .expect(1)
        .says(&["`out.d` holds no Makefile rule"]);
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
}
