//! `then`: once, when all is done.

use super::{Project, ends};

const PARTS: &str = "\
[then \"ls {output} > all; echo done {rule} >> times\"]
transform t: in/* -> out/{name}
    cp {input} {output}

[after t]
originate late -> late
    touch {output}
";

fn parts() -> Project {
    let project = Project::new(PARTS);
    project.write("in/a b", "1").write("in/c", "1");
    project
}

#[test]
fn runs_once_when_the_last_job_has_succeeded_and_any_ran() {
    let project = parts();
    project
        .flow(&["run", "-j2"])
        .expect(0)
        .says(&["3 jobs to run", "3 done, 1 then"]);
    assert_eq!(project.read("all"), "out/a b\nout/c\n");
    project.flow(&["run"]).expect(0).says(&["up to date"]);
    assert_eq!(project.read("times"), "done t\n");
    project.touch("in/c");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("times"), "done t\ndone t\n");
}

#[test]
fn a_plan_tells_it_beside_the_jobs() {
    let project = parts();
    let plan = |args: &[&str]| project.flow(&[&["plan"], args].concat()).expect(0).out;
    let out = plan(&[]);
    assert!(
        out.contains("then:t  once, when its jobs are done\n"),
        "{out}"
    );
    assert!(out.contains("\n3 jobs would run"), "{out}");
    assert!(!plan(&["out/c"]).contains("then:t"));
    project.flow(&["run"]).expect(0);
    assert!(!plan(&[]).contains("then:t"));
}

#[test]
fn is_owed_until_all_jobs_are_done() {
    let project = parts();
    project.flow(&["run", "out/c"]).expect(0).says(&["1 done"]);
    assert!(!project.has("times"), "a part of the rule is not the rule");
    let bad = PARTS.replace("cp {input}", "test {input} = in/c && cp {input}");
    project.write("workflow.flow", bad);
    project.flow(&["run", "-k"]).expect(1);
    assert!(!project.has("times"), "one job has failed");
    project.write("workflow.flow", PARTS);
    let plan = project.flow(&["plan"]).expect(0).out;
    assert!(plan.contains("then:t  owed from an earlier run"), "{plan}");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("times"), "done t\n");
}

#[test]
fn is_owed_until_it_succeeds() {
    let project = parts();
    let bad = PARTS.replace("ls {output}", "echo no luck; exit 3; ls {output}");
    project.write("workflow.flow", bad);
    let (ended, ends) = ends(&project, &["-k"]);
    ended.expect(1).says(&[
        "t then:t failed",
        "exit status 3",
        "| no luck",
        "workflow.flow:2",
    ]);
    assert!(ends.contains(&"then:t failed 1".to_string()), "{ends:?}");
    let log = project.flow(&["log", "then:t"]).out;
    assert!(log.contains("no luck"), "{log}");
    assert!(
        project.has("late"),
        "what comes after the rule does not wait for it"
    );
    project.write("workflow.flow", PARTS);
    let ended = project.flow(&["run"]).expect(0);
    ended.says(&["finished: 1 then, 3 fresh"]);
    assert_eq!(project.read("times"), "done t\n");
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn touches_a_file_and_does_one_thing_after_the_other() {
    let project = Project::new(
        "param mark = marks/done\n\
         [then \"test ! -e {mark} && echo 1 > n\", then touch {mark}, then \"test -e {mark} && echo 2 >> n\"]\n\
         originate a -> a\n    touch {output}\n",
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(
        (project.read("n"), project.has("marks/done")),
        ("1\n2\n".into(), true)
    );
}

#[test]
fn a_rule_behind_a_split_is_done_when_all_that_came_of_it_is() {
    let project = Project::new(
        "split s: ./in -> parts/*\n    for part in $(cat {input}); do touch {output.dir}/$part; done\n\n\
         [then \"echo {output} >> all\"]\n\
         transform t: s -> t/{name}\n    touch {output}\n\n\
         [then \"echo {output} >> splits\"]\n\
         subdivide u: t -> u/{name}/*\n    touch {output.dir}/x\n\n\
         [after u]\noriginate late -> late\n    touch {output}\n",
    );
    project.write("in", "1 2");
    project.flow(&["run", "-k"]).expect(0);
    assert_eq!(project.read("all"), "t/1 t/2\n");
    assert_eq!(project.read("splits"), "u/1/x u/2/x\n");
    // Where the split fails, nobody waits for what cannot come.
    project.write(
        "workflow.flow",
        project
            .read("workflow.flow")
            .replace("for part", "exit 1; for part"),
    );
    std::fs::remove_file(project.path("late")).unwrap();
    project
        .flow(&["run", "-k", "-B"])
        .expect(1)
        .says(&["s", "failed"]);
    assert!(!project.has("late"));
    assert_eq!(project.read("all"), "t/1 t/2\n");
}

#[test]
fn waits_for_temporary_files_that_turn_out_to_be_needed() {
    let project = Project::new(
        "[temp, then \"ls {output} >> times\"]\n\
         transform t: in/* -> out/{name}\n    cp {input} {output}\n\n\
         merge all: t -> all\n    cat {input} > {output}\n",
    );
    project.write("in/a", "1").write("in/b", "1");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("times"), "out/a\nout/b\n");
    // Of out/a it is known only when out/b is there, and another.
    project.write("in/b", "22");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("times"), "out/a\nout/b\n".repeat(2));
    assert!(!project.has("out/a"));
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn is_done_once_though_temporary_files_are_made_again() {
    let project = Project::new(
        "[temp, cores 2, then \"sleep 0.3; echo done >> times\"]\n\
         transform t: in/* -> out/{name}\n    cp {input} {output}\n\n\
         merge all: t -> all\n    cat {input} > {output}\n",
    );
    project.write("in/a", "1").write("in/b", "1");
    project.flow(&["run", "-j2"]).expect(0);
    project.write("in/b", "22");
    // It is due when out/b is there, and when out/a is; in this order it waits for a core till then.
    project.flow(&["run", "-j2", "--shuffle", "2"]).expect(0);
    assert_eq!(project.read("times"), "done\n".repeat(2));
}
