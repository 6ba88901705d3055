//! Files that flow made once and that no job makes now.

use std::fs;

use super::common::Project;

const BY_GLOB: &str = "\
transform upper: in/*.txt suffix .txt -> out/{stem}.up
    tr a-z A-Z < {input} > {output}

transform twice: out/*.up suffix .up -> out/{stem}.two
    cat {input} {input} > {output}

merge all: out/*.two -> all
    cat {input} /dev/null > {output}
";

#[test]
fn an_orphan_is_no_item_of_a_glob() {
    let project = Project::new(BY_GLOB);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run"]).expect(0);
    fs::remove_file(project.path("in/a.txt")).unwrap();
    project
        .flow(&["run"])
        .expect(0)
        .says(&["out/a.up", "made once", "out/a.two"]);
    assert_eq!(project.read("all"), "B\nB\n");
    assert_eq!(project.planned(&[]), [""; 0]);
    // One that somebody has changed or touched is theirs.
    project.write("out/a.up", "mine\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "mine\nmine\nB\nB\n");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn orphans_are_told_from_what_others_made() {
    let project = Project::new(BY_GLOB);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run"]).expect(0);
    // A rule may be renamed, and another workflow goes on from what this one made.
    project.write("workflow.flow", BY_GLOB.replace("upper:", "loud:"));
    assert_eq!(project.planned(&[]), [""; 0]);
    project.write(
        "other.flow",
        "merge joined: out/*.two -> joined\n    cat {input} > {output}\n",
    );
    project.flow(&["run", "other.flow"]).expect(0);
    assert_eq!(project.read("joined"), "A\nA\nB\nB\n");
    // Without history nothing is known to be one.
    fs::remove_file(project.path("in/a.txt")).unwrap();
    fs::remove_dir_all(project.path(".flow")).unwrap();
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn outputs_under_an_earlier_name_are_orphans() {
    let project = Project::new(BY_GLOB);
    project.write("in/a.txt", "a\n");
    project.flow(&["run"]).expect(0);
    // Called otherwise now, in the same folder, where the glob below takes both.
    let renamed = BY_GLOB
        .replace("{stem}.two", "{stem}.2.two")
        .replace("out/*.two -> all", "out/*.two -> all2");
    project.write("workflow.flow", &renamed);
    project
        .flow(&["run"])
        .expect(0)
        .says(&["W0334", "`out/a.two`: made once, and by no job now"]);
    assert_eq!(project.read("all2"), "A\nA\n");
    project.flow(&["clean", "--orphans", "--yes"]).expect(0);
    assert!(!project.has("out/a.two") && !project.has("all") && project.has("out/a.2.two"));
    assert!(!project.flow(&["run"]).expect(0).err.contains("W0334"));
}

#[test]
fn outputs_of_a_rule_that_is_gone_are_orphans() {
    let project = Project::new("originate a -> out/a.x out/b.x\n    echo {output} > {output}\n");
    project.flow(&["run"]).expect(0);
    project.write(
        "workflow.flow",
        "merge all: out/*.x -> all\n    cat {input} > {output}\n\n\
         merge one: out/a.x -> one\n    cat {input} > {output}\n",
    );
    // Asked for by its name it is read, and told of.
    let ended = project.flow(&["run"]).expect(0);
    ended.says(&[
        "`out/a.x` and 1 more: made once",
        "passed by",
        "`out/a.x`: made once",
        "taken as it is",
    ]);
    assert_eq!(project.read("all") + &project.read("one"), "out/a.x\n");
    project.touch("out/a.x");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "out/a.x\n");
}

#[test]
fn what_came_of_a_piece_that_is_gone_is_an_orphan_behind_the_split_too() {
    let project = Project::new(
        "split parts: ./list -> parts/*.p\n    for p in $(cat {input}); do echo $p > parts/$p.p; done\n\n\
         transform up: parts suffix .p -> .up\n    cp {input} {output}\n\n\
         merge all: parts/*.up -> all\n    cat {input} > {output}\n",
    );
    project.write("list", "a b c\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "a\nb\nc\n");
    project.write("list", "a b\n").touch("list");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "a\nb\n");
    assert!(project.has("parts/c.up"));
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn clean_leaves_what_another_workflow_made() {
    let project = Project::new("originate a -> a.x\n    touch {output}\n");
    project.write("other.flow", "originate b -> b.x\n    touch {output}\n");
    project.flow(&["run"]).expect(0);
    project.flow(&["run", "other.flow"]).expect(0);
    let ended = project
        .flow(&["clean", "--orphans", "--yes", "other.flow"])
        .expect(0);
    assert!(
        ended.out.contains("a.x: another workflow made it"),
        "{}",
        ended.out
    );
    assert!(project.has("a.x"));
    // Both name a file of the other's kind: it is told whose it is.
    project.write("other.flow", "merge c: *.x -> c.y\n    ls {input} > {output}\n\noriginate d -> d.x\n    touch {output}\n");
    project
        .flow(&["run", "other.flow"])
        .expect(0)
        .says(&["`b.x`: made once"]);
    assert_eq!(project.read("c.y"), "a.x\nd.x\n");
}
