//! What happens when the engine or the supervisor dies. Other engines are this program again.

use std::io::{BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use flow::event::End;
use flow::exec::{Executor, Report, Signal, Trail};

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
        "what_hides_is_found_by_its_control_group",
        what_hides_is_found_by_its_control_group,
    ),
    (
        "a_control_group_goes_with_its_run",
        a_control_group_goes_with_its_run,
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

/// A job that starts a process without its mark, outside its session, and says which.
const HIDING: &str = "env -i setsid sh -c 'echo $$; exec sleep 300' & while :; do sleep 1; done";

/// Says on three lines what others need to know.
fn introduce(world: &World) {
    println!("{}", world.local.supervisor());
    println!("{}", String::from_utf8(world.trail.to_bytes()).unwrap());
}

/// This program as an engine of its own.
pub fn play(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("stay") => {
            let mut world = World::new();
            for _ in 0..3 {
                let task = world.start(sh(STAYING));
                world.wait_for(task, |past| past.output == "up\n");
            }
            introduce(&world);
            let _ = std::io::stdin().read(&mut [0]);
            // As if main returned: nothing is closed with care.
            std::process::exit(0);
        }
        Some("hide") => {
            let mut world = World::new();
            let task = world.start(sh(HIDING));
            world.wait_for(task, |past| past.output.ends_with(b"\n"));
            introduce(&world);
            print!("{}", world.past[&task].output);
            let _ = std::io::stdin().read(&mut [0]);
            ExitCode::SUCCESS
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

/// An engine that has introduced itself.
struct Other {
    engine: Child,
    supervisor: i32,
    trail: Trail,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn new(what: &str) -> Self {
        let mut engine = engine(what);
        let mut lines = BufReader::new(engine.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let supervisor = line().parse().unwrap();
        let trail = line() + "\n" + &line();
        Other {
            engine,
            supervisor,
            trail: Trail::parse(trail.as_bytes()).unwrap(),
            lines,
        }
    }
}

/// An engine with jobs that try to stay, its mark, and its supervisor.
fn staying_engine() -> (Child, String, i32) {
    let other = Other::new("stay");
    assert!(n_marked(&other.trail.mark) >= 9);
    (other.engine, other.trail.mark, other.supervisor)
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn nothing_outlives_a_killed_engine() {
    let (mut engine, mark, supervisor) = staying_engine();
    engine.kill().unwrap();
    eventually(|| n_marked(&mark) == 0);
    eventually(|| has_ended(supervisor as u32));
    engine.wait().unwrap();
}

fn a_supervisor_that_stands_still_wakes_up_at_the_end_of_its_engine() {
    let (mut engine, mark, supervisor) = staying_engine();
    let pid = rustix::process::Pid::from_raw(supervisor).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    eventually(|| {
        let stat = std::fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
        stat.contains(") T ")
    });
    engine.kill().unwrap();
    eventually(|| n_marked(&mark) == 0);
    eventually(|| has_ended(supervisor as u32));
    engine.wait().unwrap();
}

fn nothing_outlives_an_engine_that_returns() {
    let (mut engine, mark, _) = staying_engine();
    drop(engine.stdin.take());
    engine.wait().unwrap();
    eventually(|| n_marked(&mark) == 0);
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
    eventually(|| {
        let started = world.local.start(words(["true"]));
        started.and_then(|()| world.local.flush()).is_err()
    });
    assert!(n_marked(&world.mark) >= 3);
    world.trail.end().unwrap();
    assert_eq!(n_marked(&world.mark), 0);
}

fn both_dead_leave_what_the_next_run_ends() {
    let mut other = Other::new("stay");
    kill(other.supervisor);
    other.engine.kill().unwrap();
    other.engine.wait().unwrap();
    let mark = other.trail.mark.clone();
    assert!(n_marked(&mark) > 0);
    // As where there are no control groups.
    let group = None;
    let by_mark = Trail { mark, group };
    by_mark.end().unwrap();
    assert_eq!(n_marked(&by_mark.mark), 0);
    by_mark.end().unwrap();
    other.trail.end().unwrap();
}

fn what_hides_is_found_by_its_control_group() {
    let mut other = Other::new("hide");
    let hidden: u32 = other.lines.next().unwrap().unwrap().parse().unwrap();
    kill(other.supervisor);
    other.engine.kill().unwrap();
    other.engine.wait().unwrap();
    assert!(!has_ended(hidden));
    other.trail.end().unwrap();
    let Some(group) = other.trail.group else {
        println!("skipped: no control group may be made here");
        return kill(hidden as i32);
    };
    assert!(has_ended(hidden));
    assert!(!group.exists());
}

fn a_control_group_goes_with_its_run() {
    let is_gone = |other: &Other| other.trail.group.as_ref().is_none_or(|path| !path.exists());
    let mut ends_well = Other::new("hide");
    drop(ends_well.engine.stdin.take());
    ends_well.engine.wait().unwrap();
    assert!(is_gone(&ends_well));
    let mut is_killed = Other::new("hide");
    is_killed.engine.kill().unwrap();
    is_killed.engine.wait().unwrap();
    eventually(|| is_gone(&is_killed));
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
