//! `priority` and `after`.

use super::{Project, ends};

#[test]
fn the_larger_priority_comes_first_and_then_the_order_of_the_file() {
    let note = "    echo {output} >> order; touch {output}\n";
    let project = Project::new(&format!(
        "originate a -> a1 a2\n{note}\n[priority 5]\noriginate b -> b1\n{note}\n\
         [priority -5]\noriginate c -> c1\n{note}\noriginate d -> d1\n{note}"
    ));
    project.flow(&["run", "-j1"]).expect(0);
    assert_eq!(project.read("order"), "b1\na1\na2\nd1\nc1\n");
}

#[test]
fn rules_that_are_named_are_built_first_and_make_nothing_stale() {
    let project = Project::new(
        "param on = true\n[active_if on]\noriginate prepare -> p1 p2\n    sleep 0.1; touch {output}\n\n\
         [after prepare]\noriginate a -> a\n    ls p1 p2 > {output} 2> /dev/null || true\n",
    );
    project.flow(&["run", "-j4", "a"]).expect(0);
    assert_eq!(project.read("a"), "p1\np2\n");
    project.flow(&["run", "-B", "prepare"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
    // One that takes no part is passed.
    project
        .flow(&["run", "-B", "--set", "on=false"])
        .expect(0)
        .says(&["1 done"]);
}

#[test]
fn a_rule_that_failed_holds_back_what_comes_after_it() {
    let project = Project::new(
        "originate prepare -> p1 p2\n    test {output} = p1 && touch {output}\n\n\
         [after prepare]\noriginate a -> a\n    touch {output}\n\n\
         originate free -> free\n    touch {output}\n",
    );
    let (ended, mut ends) = ends(&project, &["-k"]);
    ended.expect(1);
    ends.sort();
    assert_eq!(ends, ["a skipped 0", "free ok 1", "p1 ok 1", "p2 failed 1"]);
}
