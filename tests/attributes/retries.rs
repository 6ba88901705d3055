//! `retries` and `backoff`.

use super::Project;

#[test]
fn backoff_waits_between_tries_and_holds_nothing() {
    // With one core the second job can only run while the first waits.
    let project = Project::new(
        "[retries 1, backoff 400ms, priority 1]\noriginate a -> a\n    \
         date +%s%N >> times\n    test -e tried || { touch tried; exit 1; }\n    touch {output}\n\n\
         originate b -> b\n    date +%s%N >> times\n    touch {output}\n",
    );
    project.flow(&["run", "-j1"]).expect(0);
    let times = project.read("times");
    let times: Vec<u64> = times.lines().map(|time| time.parse().unwrap()).collect();
    assert_eq!(times.len(), 3, "the second job comes between the tries");
    assert!(times[2] - times[0] >= 400_000_000, "{times:?}");
}
