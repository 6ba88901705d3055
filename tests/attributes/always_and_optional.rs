//! `always` and `optional`.

use super::Project;

#[test]
fn always_runs_each_time_it_is_asked_for() {
    let project = Project::new(
        "[always]\noriginate a -> a\n    echo a >> n; touch {output}\n\n\
         originate b -> b\n    touch {output}\n",
    );
    for _ in 0..3 {
        project.flow(&["run"]).expect(0);
    }
    project.flow(&["run", "b"]).expect(0);
    assert_eq!(project.read("n"), "a\na\na\n");
    let plan = project.flow(&["plan", "--json"]).expect(0).out;
    assert!(plan.contains(r#""reason":{"kind":"always"}"#), "{plan}");
}

#[test]
fn optional_may_have_no_items() {
    let text = |attribute: &str| {
        format!(
            "{attribute}transform a: in/*.txt -> {{input}}.a\n    touch {{output}}\n\n\
             {attribute}transform b: *.flow suffix .txt -> .b\n    touch {{output}}\n\n\
             merge all: a b -> all\n    touch {{output}}\n"
        )
    };
    let without = Project::new(&text(""));
    without
        .flow(&["run"])
        .expect(3)
        .says(&["`a` has no items", "the filter of `b` leaves out"]);
    let with = Project::new(&text("[optional]\n"));
    with.flow(&["run"]).expect(0);
    assert_eq!(with.files(), ["all", "workflow.flow"]);
}
