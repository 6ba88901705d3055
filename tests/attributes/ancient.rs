//! `ancient`: inputs whose times are not looked at.

use super::Project;

/// Both are inputs; only `in/*.txt` are looked at.
fn project(attribute: &str) -> Project {
    let project = Project::new(&format!(
        "originate index -> made/index\n    echo index > {{output}}\n\n\
         [{attribute}]\n\
         transform t: match in/{{s}}.txt with ref=ref/{{s}}.fa index -> out/{{s}}\n    \
         cat {{input}} > {{output}}\n"
    ));
    project.write("in/a.txt", "a\n").write("ref/a.fa", "ref\n");
    project
}

#[test]
fn neither_time_nor_size_of_the_named_input_counts() {
    for name in ["ref", "ref/{s}.fa"] {
        let project = project(&format!("ancient {name}"));
        project.flow(&["run"]).expect(0);
        project.write("ref/a.fa", "longer\n").touch("ref/a.fa");
        for level in ["0", "1", "3"] {
            let ended = project.flow(&["plan", "--checksum-level", level]).expect(0);
            assert!(
                ended.out.contains("up to date"),
                "{name} {level}: {}",
                ended.out
            );
        }
        let why = project.flow(&["why", "out/a"]).expect(0).out;
        let line = why.lines().find(|line| line.contains("ref/a.fa")).unwrap();
        assert!(line.ends_with("; its time is not looked at"), "{why}");
        assert_eq!(why.matches("not looked at").count(), 1, "{why}");
        project.touch("in/a.txt");
        assert_eq!(project.planned(&[]), ["t out/a"]);
    }
}

#[test]
fn nothing_recorded_is_no_reason_to_look_at_it() {
    let project = project("ancient ref index");
    project.write("out/a", "old\n").write("made/index", "old\n");
    project.touch("ref/a.fa");
    project.touch("made/index");
    project.touch("out/a");
    project.touch("ref/a.fa");
    assert_eq!(project.planned(&[]), [""; 0]);
    assert_eq!(project.planned(&["--checksum-level", "0"]), [""; 0]);
}

#[test]
fn the_run_of_its_rule_is_no_reason_but_goes_first() {
    let project = project("ancient index, ancient ref");
    project.flow(&["run"]).expect(0);
    std::fs::remove_file(project.path("made/index")).unwrap();
    assert_eq!(project.planned(&[]), ["index made/index"]);
    let force = ["--force", "index", "-W", "ref/a.fa"];
    assert_eq!(project.planned(&force), ["index made/index"]);
    project.touch("in/a.txt");
    assert_eq!(project.planned(&[]), ["index made/index", "t out/a"]);
    project.flow(&["run", "-j1"]).expect(0).says(&["2 done"]);
    assert_eq!(project.read("out/a"), "a\nref\nindex\n");
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn it_has_to_be_there_and_which_it_is_counts() {
    let project = project("ancient ref");
    project.flow(&["run"]).expect(0);
    std::fs::remove_file(project.path("ref/a.fa")).unwrap();
    project
        .flow(&["run"])
        .expect(4)
        .says(&["`ref/a.fa` is not there"]);
    let text = project.read("workflow.flow");
    project.write("workflow.flow", text.replace("ref/{s}.fa", "other/{s}.fa"));
    project.write("other/a.fa", "ref\n");
    let plan = project.flow(&["plan", "-v"]).expect(0).out;
    assert!(plan.contains("other/a.fa came, ref/a.fa went"), "{plan}");
}

#[test]
fn sources_can_be_named_too() {
    let items = |attribute: &str| {
        let project = Project::new(&format!(
            "originate a -> gen/a\n    echo a > {{output}}\n\n\
             [{attribute}]\nmerge m: a in/*.txt ./one -> m\n    cat {{input}} > {{output}}\n"
        ));
        project.write("in/x.txt", "x\n").write("one", "1\n");
        project.flow(&["run"]).expect(0);
        let files = ["gen/a", "in/x.txt", "one"];
        files.map(|file| {
            let age = std::time::Duration::from_secs(7200);
            project.flow(&["accept"]).expect(0);
            match file {
                "gen/a" => project.touch(file),
                _ => project.set_age(file, age),
            }
            project.planned(&[]).len()
        })
    };
    assert_eq!(items("priority 1"), [1, 1, 1]);
    assert_eq!(items("ancient a"), [0, 1, 1]);
    assert_eq!(items("ancient in/*.txt"), [1, 0, 1]);
    assert_eq!(items("ancient ./one a"), [0, 1, 0]);
}

#[test]
fn a_word_that_brings_several_files_or_none_is_one_word() {
    let project = Project::new(
        "[ancient more]\n\
         merge m: in/* with none=none/* more=more/* last=./last -> m\n    cat {input} > {output}\n",
    );
    for file in ["in/1", "in/2", "more/1", "more/2", "last"] {
        project.write(file, file);
    }
    project.flow(&["run"]).expect(0);
    project.touch("more/1");
    project.touch("more/2");
    assert_eq!(project.planned(&[]), [""; 0]);
    for file in ["in/2", "last"] {
        project.flow(&["run"]).expect(0);
        project.touch(file);
        assert_eq!(project.planned(&[]), ["m m"], "{file}");
    }
}

#[test]
fn it_may_change_while_the_job_runs() {
    let project = Project::new(
        "[ancient db]\nmerge m: ./in with db=./db -> m\n    echo more >> db; cat {input} > {output}\n",
    );
    project.write("in", "in\n").write("db", "db\n");
    let ended = project.flow(&["run"]).expect(0);
    assert!(!ended.err.contains("changed while it ran"), "{}", ended.err);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn a_name_that_is_no_input_is_a_mistake() {
    project("ancient rfe").flow(&["plan"]).expect(3).says(&[
        "E0286",
        "`rfe` is no input of this rule",
        "did you mean `ref`?",
    ]);
    project("ancient [ref, out/{s}]")
        .flow(&["plan"])
        .expect(3)
        .says(&["`out/{s}` is no input", "in/{s}.txt"]);
}
