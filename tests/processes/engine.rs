//! What happens when the engine or the supervisor dies. Other engines are this program again.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use flow::event::End;
use flow::exec::local::end_marked;
use flow::exec::{Executor, Report, Signal};

use crate::Test;
use crate::processes::{World, eventually, has_ended, n_marked, setup, sh, words};

/// The first argument of this program as an engine.
pub const ROLE: &str = "be-an-engine";

pub const TESTS: &[Test] = &[
    (
        "a_supervisor_that_stands_still_wakes_up_at_the_end_of_its_engine",
        a_supervisor_that_stands_still_wakes_up_at_the_end_of_its_engine,
    ),
    (
        "nothing_outlives_a_killed_engine",
        nothing_outlives_a_killed_engine,
    ),
    (
        "nothing_outlives_an_engine_that_returns",
        nothing_outlives_an_engine_that_returns,
    ),
    (
        "a_dead_supervisor_is_told_and_fenced",
        a_dead_supervisor_is_told_and_fenced,
    ),
    (
        "both_dead_leave_what_the_next_run_ends",
        both_dead_leave_what_the_next_run_ends,
    ),
    (
        "too_few_descriptors_mean_fewer_at_once",
        too_few_descriptors_mean_fewer_at_once,
    ),
    ("an_async_runtime_can_read", an_async_runtime_can_read),
    (
        "orders_do_not_wait_for_reports",
        orders_do_not_wait_for_reports,
    ),
];

/// Jobs that try to stay.
const STAYING: &str = "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM; sleep 300; :' &)
    setsid sleep 300 & echo up; while :; do sleep 1; done";

/// This program as an engine of its own.
pub fn play(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("stay") => {
            let mut world = World::new();
            for _ in 0..3 {
                let task = world.start(sh(STAYING));
                world.wait_for(task, |past| past.output == "up\n");
            }
            println!("{} {}", world.mark, world.local.supervisor());
            let _ = std::io::stdin().read(&mut [0]);
            // As if main returned: nothing is closed with care.
            std::process::exit(0);
        }
        Some("limited") => {
            use rustix::process::{Resource, Rlimit, setrlimit};
            let few = Rlimit {
                current: Some(40),
                maximum: Some(40),
            };
            setrlimit(Resource::Nofile, few).unwrap();
            let mut world = World::new();
            let tasks: Vec<_> = (0..60).map(|_| world.start(sh("sleep 0.05"))).collect();
            for task in tasks {
                assert_eq!(world.end(task).end, Some(End::Exited(0)));
            }
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

fn engine(what: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([ROLE, what])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// An engine with jobs that try to stay, its mark, and its supervisor.
fn staying_engine() -> (Child, String, i32) {
    let mut engine = engine("stay");
    let mut line = String::new();
    BufReader::new(engine.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (mark, pid) = line.trim().split_once(' ').unwrap();
    assert!(n_marked(mark) >= 9);
    (engine, mark.to_owned(), pid.parse().unwrap())
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn nothing_outlives_a_killed_engine() {
    let (mut engine, mark, supervisor) = staying_engine();
    engine.kill().unwrap();
    eventually(1.0, || n_marked(&mark) == 0);
    eventually(1.0, || has_ended(supervisor as u32));
    engine.wait().unwrap();
}

fn a_supervisor_that_stands_still_wakes_up_at_the_end_of_its_engine() {
    let (mut engine, mark, supervisor) = staying_engine();
    let pid = rustix::process::Pid::from_raw(supervisor).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    eventually(1.0, || {
        let stat = std::fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
        stat.contains(") T ")
    });
    engine.kill().unwrap();
    eventually(1.0, || n_marked(&mark) == 0);
    eventually(1.0, || has_ended(supervisor as u32));
    engine.wait().unwrap();
}

fn nothing_outlives_an_engine_that_returns() {
    let (mut engine, mark, _) = staying_engine();
    drop(engine.stdin.take());
    engine.wait().unwrap();
    eventually(1.0, || n_marked(&mark) == 0);
}

fn a_dead_supervisor_is_told_and_fenced() {
    let mut world = World::new();
    let task = world.start(sh(STAYING));
    world.wait_for(task, |past| past.output == "up\n");
    kill(world.local.supervisor() as i32);
    let Some(Report::Lost(why)) = world.reports.next() else {
        panic!("it is not told");
    };
    assert_eq!(why, "the process that runs the jobs has ended");
    assert_eq!(world.reports.next(), None);
    eventually(1.0, || {
        let started = world.local.start(words(["true"]));
        started.and_then(|()| world.local.flush()).is_err()
    });
    assert!(end_marked(&world.mark).unwrap() >= 3);
    assert_eq!(n_marked(&world.mark), 0);
}

fn both_dead_leave_what_the_next_run_ends() {
    let (mut engine, mark, supervisor) = staying_engine();
    kill(supervisor);
    engine.kill().unwrap();
    engine.wait().unwrap();
    assert!(n_marked(&mark) > 0);
    assert!(end_marked(&mark).unwrap() > 0);
    assert_eq!(n_marked(&mark), 0);
    assert_eq!(end_marked(&mark).unwrap(), 0);
}

fn too_few_descriptors_mean_fewer_at_once() {
    let status = engine("limited").wait().unwrap();
    assert!(status.success());
}

fn an_async_runtime_can_read() {
    let mut world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let task = world.start(sh("echo hello; sleep 0.02; exit 2"));
    let mut local = world.local;
    let mut reports = {
        let _inside = runtime.enter();
        world.reports.into_async().unwrap()
    };
    runtime.block_on(async {
        let mut seen = Vec::new();
        loop {
            match tokio::time::timeout(Duration::from_millis(2), reports.next()).await {
                // Dropped before it was ready: nothing may get lost.
                Err(_) => {}
                Ok(Some(Report::Ended { end, .. })) => {
                    assert_eq!(end, End::Exited(2));
                    break;
                }
                Ok(report) => seen.push(report.unwrap()),
            }
        }
        assert!(matches!(seen[0], Report::Started { .. }));
        let bytes = "hello\n".into();
        assert_eq!(seen[1..], [Report::Output { task, bytes }]);
        local.signal(None, Signal::Terminate).unwrap();
        drop(local);
        assert!(matches!(reports.next().await, Some(Report::Lost(_))));
        assert_eq!(reports.next().await, None);
    });
}

fn orders_do_not_wait_for_reports() {
    let base = setup();
    let mut world = World::with(&base);
    let tasks: Vec<_> = (0..4).map(|_| world.start(sh("yes"))).collect();
    // Far more than the streams hold in both directions, and nobody reads.
    let orders: Vec<_> = (0..40)
        .map(|_| world.start(sh("#".repeat(1 << 20))))
        .collect();
    for task in tasks {
        world.signal(task, Signal::Kill);
        assert_eq!(world.end(task).end, Some(End::Signaled(9)));
    }
    for task in orders {
        assert_eq!(world.end(task).end, Some(End::Exited(0)));
    }
}
