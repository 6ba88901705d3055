//! Outputs that appear after their job has ended, and those that are cut off in the middle.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::{Project, end, signal, wait_until};
use crate::ends;

const WORKFLOW: &str = "
originate a -> a.txt
    echo $$ > begun

merge b: a -> b.txt
    cp {input} {output}
";

/// Another machine, which writes a file some time after the job has ended.
fn make_late(project: &Project, file: &str, after: Duration) -> std::thread::JoinHandle<()> {
    let (begun, file) = (project.path("begun"), project.path(file));
    std::thread::spawn(move || {
        wait_until("the end of the job", || {
            let text = fs::read_to_string(&begun).unwrap_or_default();
            let job = text.strip_suffix('\n');
            job.is_some_and(|job| !Path::new("/proc").join(job).exists())
        });
        std::thread::sleep(after);
        fs::write(file, "late\n").expect("a file");
    })
}

#[test]
fn a_late_output_is_waited_for_and_told() {
    let project = Project::new(WORKFLOW);
    let other = make_late(&project, "a.txt", Duration::from_millis(400));
    let (ended, ends) = ends(&project, &["--latency-wait", "30s"]);
    other.join().expect("it writes");
    ended.expect(0).says(&[
        "warning: a.txt: `a.txt` appeared ",
        " s after the job had ended",
    ]);
    assert_eq!(ends, ["a.txt ok 1", "b.txt ok 1"]);
    assert_eq!(project.read("b.txt"), "late\n");
}

#[test]
fn what_does_not_come_is_a_failure_and_what_it_cost_is_told() {
    let project = Project::new(WORKFLOW);
    let (ended, ends) = ends(&project, &["--latency-wait", "50ms"]);
    ended.expect(1).says(&["a.txt: waited 50ms for `a.txt`"]);
    assert_eq!(ends, ["a.txt failed 1", "b.txt skipped 0"]);
}

#[test]
fn an_interrupt_ends_the_wait() {
    let project = Project::new(WORKFLOW);
    let flow = project.start(&["run", "--latency-wait", "1h"]);
    project.wait_for("begun");
    // The job has one more system call to make before it ends.
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    signal(&flow, Signal::INT);
    end(flow).expect(130);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_output_that_a_leftover_was_still_writing_is_none() {
    let project = Project::new(
        "
originate a -> a.txt
    sh -c 'echo half; exec sleep 300' > {output} &
    until [ -s {output} ]; do sleep 0.01; done

merge b: a -> b.txt
    cp {input} {output}
",
    );
    let (ended, ends) = ends(&project, &[]);
    ended
        .expect(1)
        .says(&["was still writing `a.txt` and has been ended"]);
    assert_eq!(ends, ["a.txt failed 1", "b.txt skipped 0"]);
    assert!(!project.has("a.txt"));
}

#[test]
fn what_writes_an_output_may_go_on_after_the_shell() {
    // As the last part of `cmd > >(sort > {output})` does.
    let project = Project::new(
        "
originate a -> a.txt
    { sleep 0.6; echo whole; } > {output} &
",
    );
    let (ended, ends) = ends(&project, &[]);
    let ended = ended.expect(0);
    assert!(!ended.err.contains("warning"), "{}", ended.err);
    assert_eq!(ends, ["a.txt ok 1"]);
    assert_eq!(project.read("a.txt"), "whole\n");
}

#[test]
fn what_a_job_leaves_behind_may_make_what_is_missing() {
    let late = "
originate a -> a.txt
    setsid sh -c 'sleep 1; echo whole > a.tmp; mv a.tmp a.txt' > /dev/null 2>&1 < /dev/null &

merge b: a -> b.txt
    cp {input} {output}
";
    let project = Project::new(late);
    let (ended, ends_) = ends(&project, &[]);
    ended.expect(0);
    assert_eq!(ends_, ["a.txt ok 1", "b.txt ok 1"]);
    assert_eq!(project.read("b.txt"), "whole\n");
    let project = Project::new(late);
    let (ended, ends_) = ends(&project, &["--latency-wait", "200ms"]);
    ended.expect(1).says(&["behind, which flow has ended"]);
    assert_eq!(ends_, ["a.txt failed 1", "b.txt skipped 0"]);
}
