//! `queue`, `native`, `local`, `group`: of no effect where jobs run on this machine.

use super::Project;

#[test]
fn what_is_for_clusters_changes_nothing_here() {
    let project = Project::new(
        "param partition = long\n\
         [queue {partition}, native \"-l foo=1 -q {partition}\", group 10]\n\
         originate a -> a b c\n    echo {output} > {output}\n\n\
         [local]\nmerge all: a -> all\n    cat {input} > {output}\n",
    );
    project.flow(&["check"]).expect(0);
    project.flow(&["run"]).expect(0).says(&["4 done"]);
    assert_eq!(project.read("all"), "a\nb\nc\n");
    // Where a job runs is no part of what it makes.
    project
        .flow(&["plan", "--set", "partition=short"])
        .expect(0);
    assert_eq!(project.planned(&["--set", "partition=short"]), [""; 0]);
}

#[test]
fn what_they_take_is_checked() {
    let wrong = |attribute: &str| {
        let project = Project::new(&format!(
            "[{attribute}]\noriginate a -> a\n    touch {{output}}\n"
        ));
        project.flow(&["check"]).expect(3).err
    };
    for (attribute, code) in [
        ("queue", "E0107"),
        ("native", "E0107"),
        ("group", "E0107"),
        ("group 0", "E0208"),
        ("group x", "E0209"),
        ("local yes", "E0119"),
        ("native -l foo", "E0119"),
        ("queue {nothing}", "E0230"),
    ] {
        let err = wrong(attribute);
        assert!(err.contains(code), "{attribute}: {err}");
    }
}
