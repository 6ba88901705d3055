//! Signals end what runs beside the jobs.

use std::time::{Duration, Instant};

use super::common::{end, signal};
use rustix::process::Signal;

use super::Project;

#[test]
fn end_what_runs_beside_the_jobs_too() {
    let then =
        Project::new("[then \"touch begun; sleep 60\"]\noriginate a -> a\n    touch {output}\n");
    let check = Project::new(
        "originate a -> a\n    touch {output}\n\n\
         [check \"touch begun; sleep 60\"]\ntransform b: a suffix a -> b\n    touch {output}\n",
    );
    check.write("b", "");
    for project in [then, check] {
        let start = Instant::now();
        let child = project.start(&["run"]);
        project.wait_for("begun");
        signal(&child, Signal::TERM);
        end(child).expect(143);
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
