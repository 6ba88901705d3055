//! `active_if`: rules that take no part.

use super::Project;

/// What `tool` and `extra` are decides which of the rules run.
const CHOICE: &str = "\
param tool = bwa
param extra = false
[active_if tool == \"bwa\"]
transform bwa: match in/{s}.fq -> out/{s}.bam
    echo bwa > {output}

[active_if tool != \"bwa\"]
transform star: match in/{s}.fq -> out/{s}.bam
    echo star > {output}

[active_if extra]
transform plot: out/*.bam suffix .bam -> .png
    touch {output}

[after plot]
merge all: bwa star plot -> all
    cat {input} > {output}
";

fn choice() -> Project {
    let project = Project::new(CHOICE);
    project.write("in/a.fq", "");
    project
}

#[test]
fn a_rule_takes_part_only_when_the_param_says_so() {
    let project = choice();
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert_eq!(project.read("all"), "bwa\n");
    assert!(!project.has("out/a.png"));
    let project = choice();
    let set = ["run", "--set", "tool=other", "--set", "extra=true"];
    project.flow(&set).expect(0).says(&["3 done"]);
    assert_eq!(project.read("all"), "star\n");
    assert!(project.has("out/a.png"));
}

#[test]
fn what_takes_no_part_is_shown() {
    let project = choice();
    let list = project.flow(&["list"]).expect(0).out;
    assert!(list.contains("inactive (active_if extra)"), "{list}");
    assert!(!list.contains("active_if tool == "), "{list}");
    let plan = project.flow(&["plan", "-v"]).expect(0).out;
    assert!(
        plan.contains("star  takes no part: active_if tool != \"bwa\""),
        "{plan}"
    );
    project
        .flow(&["run", "plot"])
        .expect(0)
        .says(&["`plot` was asked for, and takes no part"]);
}

#[test]
fn what_follows_has_none_of_its_items_and_that_is_no_mistake() {
    let project = Project::new(
        "param on = false\n[active_if on]\noriginate a -> made/a\n    touch {output}\n\n\
         transform b: a suffix a -> b\n    touch {output}\n\n\
         transform c: made/* -> {input}.c\n    touch {output}\n\n\
         transform d: b c -> {input}.d\n    touch {output}\n",
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(project.files(), ["workflow.flow"]);
    project.flow(&["run", "--set", "on=true"]).expect(0);
    assert!(project.has("made/a.c.d") && project.has("made/b.d"));
}

#[test]
fn of_several_all_must_hold() {
    let project = Project::new(
        "param dry = true\nparam warm = false\nparam tool = spade\n\
         [active_if dry, active_if warm]\n[active_if tool == \"spade\"]\n\
         originate sow -> bed\n    touch {output}\n",
    );
    let list = project.flow(&["list"]).expect(0).out;
    assert!(list.contains("inactive (active_if warm)"), "{list}");
    for (set, sown) in [
        (["--set", "dry=true"].as_slice(), false),
        (&["--set", "warm=true", "--set", "dry=false"], false),
        (&["--set", "warm=true", "--set", "tool=fork"], false),
        (&["--set", "warm=true"], true),
    ] {
        let args: Vec<&str> = ["run"].iter().chain(set).copied().collect();
        project.flow(&args).expect(0);
        assert_eq!(project.has("bed"), sown, "{set:?}");
    }
}

#[test]
fn text_and_lists_say_yes_unless_they_are_empty() {
    for (value, is_active) in [
        ("true", true),
        ("false", false),
        ("\"\"", false),
        ("some", true),
        ("[]", false),
        ("[a]", true),
    ] {
        let project = Project::new(&format!(
            "param p = {value}\n[active_if p]\noriginate a -> a\n    touch {{output}}\n"
        ));
        project.flow(&["run"]).expect(0);
        assert_eq!(project.has("a"), is_active, "{value}");
    }
}
