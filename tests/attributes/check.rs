//! `check`: a command decides.

use super::Project;

/// The check's exit status is what `state` says.
fn checked(attributes: &str) -> Project {
    let project = Project::new(&format!(
        "[check \"echo asked {{output}} >> asked; exit $(cat state)\"{attributes}]\n\
         transform a: in/* -> out/{{name}}\n    echo made >> made; cp {{input}} {{output}}\n\n\
         transform b: a -> {{input}}.b\n    cp {{input}} {{output}}\n"
    ));
    project.write("in/x y", "1\n").write("state", "0\n");
    project
}

#[test]
fn decides_alone_once_the_output_is_there() {
    let project = checked("");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert!(!project.has("asked"), "what is missing is made");
    project.touch("in/x y");
    assert_eq!(project.planned(&[]), [""; 0], "a newer input means nothing");
    assert_eq!(project.read("asked"), "asked out/x y\n");
    project.write("state", "1\n");
    assert_eq!(project.planned(&[]), ["a out/x y", "b out/x y.b"]);
    let plan = project.flow(&["plan", "--json"]).expect(0).out;
    assert!(
        plan.contains(r#""reason":{"kind":"check_command"}"#),
        "{plan}"
    );
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert_eq!(project.read("made"), "made\nmade\n");
    project.write("state", "0\n");
    assert_eq!(project.planned(&["--force", "a"]).len(), 2);
}

#[test]
fn what_is_neither_yes_nor_no_is_an_error() {
    let project = checked("");
    project.flow(&["run"]).expect(0);
    project.write("state", "2; echo what now");
    for command in ["run", "plan"] {
        project.flow(&[command]).expect(3).says(&[
            "the check of `out/x y` says neither yes nor no",
            "exit status 2",
            "workflow.flow:1:8",
        ]);
    }
    project.write(
        "workflow.flow",
        "[check \"echo oh no >&2; exit 3\"]\noriginate a -> state\n    touch {output}\n",
    );
    project
        .flow(&["plan"])
        .expect(3)
        .says(&["exit status 3; it printed: oh no"]);
    project.write(
        "workflow.flow",
        "[check \"kill -9 $$; true\"]\noriginate a -> state\n    touch {output}\n",
    );
    project
        .flow(&["plan"])
        .expect(3)
        .says(&["killed by signal 9"]);
}

#[test]
fn behind_a_job_that_runs_it_is_asked_when_that_has_run() {
    let project = Project::new(
        "transform a: ./in -> a\n    cut -c1 {input} > {output}\n\n\
         [check \"cmp -s {input} {output}\"]\n\
         transform b: a -> b\n    echo made >> made; cp {input} {output}\n",
    );
    project.write("in", "1a\n");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    // What `a` makes is the same again: `b` has nothing to do.
    project.write("in", "1b\n").touch("in");
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    assert_eq!(project.read("made"), "made\n");
    project.write("in", "2\n").touch("in");
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert_eq!(
        (project.read("made"), project.read("b")),
        ("made\nmade\n".into(), "2\n".into())
    );
    // An error then is the job's failure.
    let text = project.read("workflow.flow");
    let text = text.replace("cmp -s {input} {output}", "echo none; exit 4");
    project.write("workflow.flow", text);
    project.write("in", "3\n").touch("in");
    project
        .flow(&["run"])
        .expect(1)
        .says(&["its check says neither yes nor no: exit status 4", "none"]);
}

#[test]
fn nobody_is_asked_about_what_runs_anyway() {
    let project = Project::new(
        "transform a: ./in -> a\n    cp {input} {output}\n\n\
         [check \"echo asked >> asked\"]\ntransform b: a suffix a -> b\n    cp {input} {output}\n",
    );
    project.write("in", "").write("b", "");
    for args in [&["plan"][..], &["plan", "--force", "b"]] {
        project.flow(args).expect(0);
    }
    assert!(!project.has("asked"));
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("asked"), "asked\n", "once `a` has run");
}

#[test]
fn many_are_asked_at_once() {
    let project = Project::new(
        "[check \"mkdir -p at; touch at/{s}; until test -e at/b && test -e at/a; do sleep 0.01; done\"]\n\
         transform t: match in/{s} -> out/{s}\n    touch {output}\n",
    );
    for name in ["a", "b"] {
        project
            .write(format!("in/{name}"), "")
            .write(format!("out/{name}"), "");
    }
    project
        .flow(&["run", "-j2"])
        .expect(0)
        .says(&["up to date"]);
}

#[test]
fn a_split_that_its_check_finds_fresh_has_the_files_that_are_there() {
    let project = Project::new(
        "[check \"test -e in\"]\nsplit s: ./in -> parts/*\n    touch {output.dir}/1 {output.dir}/2\n\n\
         transform t: s -> t/{name}\n    touch {output}\n",
    );
    project.write("in", "");
    project.flow(&["run"]).expect(0).says(&["3 done"]);
    project.touch("in");
    assert_eq!(project.planned(&[]), [""; 0]);
}
