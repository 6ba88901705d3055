//! What is left behind, and what is told to end.

use std::time::Duration;

use flow::event::End;
use flow::exec::{Executor, Signal};

use crate::Test;
use crate::processes::{World, eventually, n_marked, sh, status, words};

pub const TESTS: &[Test] = &[
    (
        "what_a_job_leaves_behind_is_ended",
        what_a_job_leaves_behind_is_ended,
    ),
    (
        "a_daemon_without_a_mark_is_ended_too",
        a_daemon_without_a_mark_is_ended_too,
    ),
    ("what_ends_soon_is_let_end", what_ends_soon_is_let_end),
    (
        "what_still_writes_a_file_is_let_end",
        what_still_writes_a_file_is_let_end,
    ),
    (
        "files_cut_off_in_the_middle_are_told",
        files_cut_off_in_the_middle_are_told,
    ),
    (
        "a_daemon_that_ignores_term_is_killed",
        a_daemon_that_ignores_term_is_killed,
    ),
    ("others_are_left_alone", others_are_left_alone),
    ("terminate_asks_first", terminate_asks_first),
    ("what_ignores_term_is_killed", what_ignores_term_is_killed),
    ("kill_reaches_other_sessions", kill_reaches_other_sessions),
    (
        "suspended_processes_stand_still",
        suspended_processes_stand_still,
    ),
    (
        "what_is_being_started_stands_still_before_that_is_told",
        what_is_being_started_stands_still_before_that_is_told,
    ),
    (
        "suspended_processes_can_be_ended",
        suspended_processes_can_be_ended,
    ),
    (
        "a_task_is_ended_before_it_starts",
        a_task_is_ended_before_it_starts,
    ),
    (
        "many_short_jobs_leave_nothing",
        many_short_jobs_leave_nothing,
    ),
];

fn what_a_job_leaves_behind_is_ended() {
    let mut world = World::new();
    let past = world.run(sh("(setsid sleep 300 &); sleep 300 & exit 4"));
    assert_eq!((past.end, past.leftovers), (Some(End::Exited(4)), 2));
    assert_eq!(n_marked(&world.mark), 0);
}

fn a_daemon_without_a_mark_is_ended_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::within(&folder);
    let script = "env -i setsid sh -c 'echo $$; echo > said; exec sleep 300' &
        until [ -e said ]; do sleep 0.01; done";
    let past = world.run(sh(script));
    assert_eq!(past.leftovers, 1);
    let pid: u32 = past.text().trim().parse().unwrap();
    assert_eq!(status(pid, "Name"), None);
}

fn what_ends_soon_is_let_end() {
    let mut world = World::new();
    let past = world.run(sh("(sleep 0.01; echo late) & exit 0"));
    assert_eq!((past.text().as_str(), past.leftovers), ("late\n", 0));
}

fn what_still_writes_a_file_is_let_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let mut world = World::within(&folder);
    // As the last part of `cmd > >(sort > out)`.
    let script = "(sleep 0.6; echo late) > out & until [ -e out ]; do sleep 0.01; done";
    let past = world.run(sh(script));
    assert_eq!((past.leftovers, past.writing.len()), (0, 0));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "late\n");
}

fn files_cut_off_in_the_middle_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("out");
    let mut world = World::within(&folder);
    let script = "sleep 300 > out & until [ -e out ]; do sleep 0.01; done";
    let past = world.run(sh(script));
    assert_eq!(past.leftovers, 1);
    assert_eq!(past.writing, [file.to_str().unwrap()]);
}

fn a_daemon_that_ignores_term_is_killed() {
    let mut world = World::new();
    let past = world.run(sh("(trap '' TERM; while :; do sleep 0.02; done) & exit 0"));
    assert_eq!(past.end, Some(End::Exited(0)));
    assert!(past.leftovers >= 1);
    assert_eq!(n_marked(&world.mark), 0);
}

fn others_are_left_alone() {
    let mut world = World::new();
    // Has an orphan of its own while the other one ends.
    let long = world.start(sh(
        "(setsid sh -c 'echo up; sleep 300' &); read x < /dev/zero",
    ));
    world.wait_for(long, |past| past.output == "up\n");
    let past = world.run(sh("setsid sleep 300 & sleep 0.05"));
    assert_eq!(past.leftovers, 1);
    assert_eq!(world.run(sh(":")).leftovers, 0);
    // Its shell, the orphan's shell and the orphan's sleep.
    assert_eq!(n_marked(&world.mark), 3);
    world.signal(long, Signal::Terminate);
    assert_eq!(world.end(long).end, Some(End::Signaled(15)));
    assert_eq!(n_marked(&world.mark), 0);
}

fn terminate_asks_first() {
    let mut world = World::new();
    let task = world.start(sh(
        "trap 'echo asked; exit 5' TERM; echo up; while :; do sleep 0.02; done",
    ));
    world.wait_for(task, |past| past.output == "up\n");
    world.signal(task, Signal::Terminate);
    let past = world.end(task);
    assert_eq!(past.end, Some(End::Exited(5)));
    assert!(past.output.ends_with(b"asked\n"), "{past:?}");
}

fn what_ignores_term_is_killed() {
    let mut world = World::new();
    let task = world.start(sh("trap '' TERM; echo up; while :; do sleep 0.02; done"));
    world.wait_for(task, |past| past.output == "up\n");
    world.signal(task, Signal::Terminate);
    world.signal(task, Signal::Terminate);
    assert_eq!(world.end(task).end, Some(End::Signaled(9)));
}

fn kill_reaches_other_sessions() {
    let mut world = World::new();
    let task = world.start(sh(
        "setsid setsid sleep 300 & setsid sh -c 'echo up; sleep 300'; :",
    ));
    world.wait_for(task, |past| past.output == "up\n");
    world.signal(task, Signal::Kill);
    assert_eq!(world.end(task).end, Some(End::Signaled(9)));
    assert_eq!(n_marked(&world.mark), 0);
}

fn suspended_processes_stand_still() {
    let mut world = World::new();
    // In the background: a shell that waits for its child's exec (vfork) cannot be stopped.
    let task = world.start(sh(
        "setsid sh -c 'sleep 300 & echo $$; wait' & echo up; wait",
    ));
    world.wait_for(task, |past| past.output.len() > 4);
    let text = world.past[&task].text();
    let number = |word: &str| word.parse::<u32>().ok();
    let other = text.split_whitespace().find_map(number).unwrap();
    let pid = world.past[&task].pid.unwrap();
    let are_stopped = |wanted| {
        let is_stopped = |pid: &u32| status(*pid, "State").unwrap().starts_with('T');
        move || [pid, other].iter().all(|pid| is_stopped(pid) == wanted)
    };
    world.local.signal(None, Signal::Suspend).unwrap();
    eventually(are_stopped(true));
    // What is to be started now starts when all go on.
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let later = world.start(words(["touch", made.to_str().unwrap()]));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!made.exists());
    world.local.signal(None, Signal::Resume).unwrap();
    eventually(are_stopped(false));
    assert_eq!(world.end(later).end, Some(End::Exited(0)));
    assert!(made.exists());
    world.signal(task, Signal::Terminate);
    assert_eq!(world.end(task).end, Some(End::Signaled(15)));
    assert_eq!(n_marked(&world.mark), 0);
}

fn what_is_being_started_stands_still_before_that_is_told() {
    for _ in 0..20 {
        let mut world = World::new();
        let tasks: Vec<_> = (0..3)
            .map(|_| world.start(words(["sleep", "300"])))
            .collect();
        world.local.signal(None, Signal::Suspend).unwrap();
        while !world.is_suspended {
            world.step();
        }
        for task in tasks {
            let pid = world.past[&task].pid.expect("it has started");
            eventually(|| status(pid, "State").unwrap().starts_with('T'));
        }
    }
}

fn suspended_processes_can_be_ended() {
    let mut world = World::new();
    let task = world.start(words(["sleep", "300"]));
    world.wait_for(task, |past| past.pid.is_some());
    world.signal(task, Signal::Suspend);
    world.signal(task, Signal::Terminate);
    assert_eq!(world.end(task).end, Some(End::Signaled(15)));
}

fn a_task_is_ended_before_it_starts() {
    let mut world = World::new();
    // Both orders are read at once, so the second meets the first in whatever state it is.
    for _ in 0..20 {
        let task = world.start(words(["sleep", "300"]));
        world.signal(task, Signal::Kill);
        match world.end(task).end {
            Some(End::Signaled(9)) => {}
            Some(End::NotStarted(why)) => assert!(why.starts_with("it was told to end"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

fn many_short_jobs_leave_nothing() {
    let mut world = World::new();
    let tasks: Vec<_> = (0..300)
        .map(|n| world.start(sh(format!("(:&) ; echo {n}; exit {}", n % 50))))
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let past = world.end(task);
        assert_eq!(past.end, Some(End::Exited(n as i32 % 50)));
        // On a busy machine `:` may end behind its job, and is then a leftover.
        assert_eq!(past.text(), format!("{n}\n"));
    }
    assert_eq!(n_marked(&world.mark), 0);
    let supervisor = world.local.supervisor();
    let open = std::fs::read_dir(format!("/proc/{supervisor}/fd"))
        .unwrap()
        .count();
    assert!(open < 16, "{open} descriptors are open");
}
