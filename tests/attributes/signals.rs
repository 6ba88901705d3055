//! Signals end what runs beside the jobs, and stop all that a run has started.

use std::fs;
use std::time::{Duration, Instant};

use super::common::{end, signal, wait_until};
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

/// The states of a process and of all below it, as `T` for one that stands still.
fn states(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let children = threads.flatten().flat_map(|thread| {
        let children = fs::read_to_string(thread.path().join("children"));
        let children = children.unwrap_or_default();
        let children = children
            .split_whitespace()
            .map(|pid| states(pid.parse().unwrap()));
        children.collect::<Vec<_>>()
    });
    state
        .into_iter()
        .map(String::from)
        .chain(children)
        .collect()
}

#[test]
fn ctrl_z_stops_flow_and_all_that_it_has_started() {
    let project = Project::new(
        "originate a -> a\n    touch begun; until [ -e go -o ! -e workflow.flow ]; do sleep 0.05; done; touch {output}\n",
    );
    let child = project.start(&["run"]);
    project.wait_for("begun");
    for _ in 0..2 {
        signal(&child, Signal::TSTP);
        // Flow, its supervisor, the shell, and now and then a `sleep`.
        wait_until("a stop of all", || {
            let states = states(child.id());
            states.len() >= 3 && states.chars().all(|state| state == 'T' || state == 'Z')
        });
        signal(&child, Signal::CONT);
        wait_until("a shell that goes on", || {
            !states(child.id()).contains("TTT")
        });
    }
    project.write("go", "");
    end(child).expect(0);
}
