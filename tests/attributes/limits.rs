//! `jobs_limit`, and that who waits holds nobody else up.

use super::Project;

/// Each job waits until `few` are at work, though not for ever, and notes how many there are.
const CROWD: &str = r#"    mkdir at-{rule}-{output}
    tries=0
    while [ "$(printf '%s\n' at-* | wc -l)" -lt {few} ] && [ "$tries" -lt 200 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    sleep 0.05
    printf '%s\n' at-* | wc -l > {output}
    sleep 0.05
    rmdir at-{rule}-{output}
"#;

fn most_at_once(project: &Project, files: &[&str]) -> u32 {
    let counts = files.iter().map(|file| project.read(file));
    let counts = counts.map(|count| count.trim().parse().expect("a number"));
    counts.max().expect("there are jobs")
}

#[test]
fn a_named_limit_is_shared_by_all_rules_that_name_it() {
    let project = Project::new(&format!(
        "param few = 2\njobs_limit db = {{few}}\n\
         [jobs_limit db]\noriginate one -> a b c\n{CROWD}\n\
         [jobs_limit db]\noriginate two -> d e f\n{CROWD}"
    ));
    let files = ["a", "b", "c", "d", "e", "f"];
    project.flow(&["run", "-j6"]).expect(0);
    assert_eq!(most_at_once(&project, &files), 2);
    project
        .flow(&["run", "-j6", "-B", "--set", "few=1"])
        .expect(0);
    assert_eq!(most_at_once(&project, &files), 1);
}

#[test]
fn a_number_limits_one_rule_and_several_limits_hold_at_once() {
    let project = Project::new(&format!(
        "param few = 1\njobs_limit net = 3\n[jobs_limit net, jobs_limit 1]\noriginate one -> a b c\n{CROWD}"
    ));
    project.flow(&["run", "-j6"]).expect(0);
    assert_eq!(most_at_once(&project, &["a", "b", "c"]), 1);
}

#[test]
fn cores_are_counted_against_the_jobs_there_may_be() {
    let project = Project::new(&format!(
        "param few = 2\n[cores 2]\noriginate one -> a b c d\n{CROWD}"
    ));
    project.flow(&["run", "-j5"]).expect(0);
    assert_eq!(most_at_once(&project, &["a", "b", "c", "d"]), 2);
}

#[test]
fn what_waits_for_one_thing_holds_back_nothing_that_is_free_to_go() {
    // The first rule's jobs come first in every order, and only one of them may run, which waits for
    // the others, though not for ever.
    for attribute in ["jobs_limit 1", "mem 1G", "gpus 1", "cores 3"] {
        let project = Project::new(&format!(
            "[{attribute}, priority 9]\noriginate slow -> s1 s2 s3\n    tries=0\n    \
             until test -e q1 -a -e q2 -a -e q3 || test $tries -ge 500; do\n        \
             sleep 0.02; tries=$((tries + 1))\n    done\n    touch {{output}}\n\n\
             originate quick -> q1 q2 q3\n    ls s* > new.{{output}} 2> /dev/null || true\n    \
             mv new.{{output}} {{output}}\n"
        ));
        let options = ["run", "-j4", "--mem", "1G", "--gpus", "1"];
        project.flow(&options).expect(0);
        for file in ["q1", "q2", "q3"] {
            // None of the slow ones had ended.
            assert_eq!(project.read(file), "", "{attribute}");
        }
    }
}
