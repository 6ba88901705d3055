//! `time` and `--timeout`: what runs over is ended.

use std::time::{Duration, Instant};

use super::{Project, ends};

#[test]
fn ends_a_job_that_runs_over() {
    // Time enough to print something.
    let project = Project::new("[time 1s]\noriginate a -> a\n    echo begun\n    sleep 60\n");
    let start = Instant::now();
    let (ended, ends) = ends(&project, &[]);
    ended.expect(1).says(&["ran over its time", "| begun"]);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(ends, ["a timeout 1"]);
}

#[test]
fn ends_what_does_not_listen_too() {
    let project = Project::new(
        "originate a -> a\n    trap '' TERM\n    touch {output}\n    while :; do sleep 0.1; done\n",
    );
    let (ended, ends) = ends(&project, &["--timeout", "300ms", "--grace", "100ms"]);
    ended.expect(1);
    assert_eq!(ends, ["a timeout 1"]);
    assert!(!project.has("a"), "what it left is no output");
}

#[test]
fn a_job_that_uses_its_last_moment_to_end_well_has_run_over_all_the_same() {
    let project = Project::new(
        "[time 300ms]\noriginate a -> a\n    trap 'touch {output}; exit 0' TERM\n    \
         while :; do sleep 0.05; done\n",
    );
    let (ended, ends) = ends(&project, &[]);
    ended.expect(1);
    assert_eq!(ends, ["a timeout 1"]);
}

#[test]
fn a_rule_is_stronger_than_the_option_and_each_try_has_its_own() {
    let project = Project::new(
        "[time [300ms, 1m], mem [1M, 2M], retries 1]\noriginate a -> a\n    \
         test {mem} = 2 || sleep 60\n    touch {output}\n",
    );
    let (ended, ends) = ends(&project, &["--timeout", "1ms"]);
    ended.expect(0).says(&["ran over its time of 300ms"]);
    assert_eq!(ends, ["a ok 2"]);
}
