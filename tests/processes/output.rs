//! What programs write, and how much of it comes through.

use std::fs;

use flow::event::End;
use flow::exec::{Signal, Task};

use crate::Test;
use crate::processes::{World, eventually, has_ended, peak_kib, setup, sh, status};

pub const TESTS: &[Test] = &[
    ("output_keeps_its_order", output_keeps_its_order),
    ("the_first_bytes_come_at_once", the_first_bytes_come_at_once),
    (
        "little_by_little_comes_in_few_reports",
        little_by_little_comes_in_few_reports,
    ),
    (
        "much_output_comes_through_whole",
        much_output_comes_through_whole,
    ),
    (
        "too_much_output_is_cut_in_the_middle",
        too_much_output_is_cut_in_the_middle,
    ),
    (
        "a_slow_engine_holds_writers_back",
        a_slow_engine_holds_writers_back,
    ),
    (
        "nobody_waits_for_who_holds_the_output",
        nobody_waits_for_who_holds_the_output,
    ),
    (
        "files_take_what_is_written_to_them",
        files_take_what_is_written_to_them,
    ),
];

fn files_take_what_is_written_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut base = setup();
    base.folder = folder.path().to_str().unwrap().into();
    let mut world = World::with(&base);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("both"), "of an earlier try").unwrap();
    for (stdout, stderr, reported) in [
        ("out", "err", ""),
        ("out", "", "b\n"),
        ("", "err", "a\nc\n"),
        ("both", "both", ""),
    ] {
        let task = Task {
            stdout: stdout.into(),
            stderr: stderr.into(),
            // The names are those of the run's folder, wherever the task runs.
            dir: "/".into(),
            ..sh("echo a; echo b >&2; echo c")
        };
        let past = world.run(task);
        assert_eq!(past.end, Some(End::Exited(0)));
        assert_eq!(past.text(), reported, "{stdout} {stderr}");
    }
    assert_eq!(read("out"), "a\nc\n");
    assert_eq!(read("err"), "b\n");
    assert_eq!(read("both"), "a\nb\nc\n");
    let past = world.run(Task {
        stdout: "no/such".into(),
        ..sh("echo a")
    });
    let why = "cannot write to `no/such`: no such file or directory".to_string();
    assert_eq!(past.end, Some(End::NotStarted(why)));
}

fn output_keeps_its_order() {
    let mut world = World::new();
    let text = world.output_of("for i in 1 2 3; do echo $i; echo $i >&2; done");
    assert_eq!(text, "1\n1\n2\n2\n3\n3\n");
}

fn the_first_bytes_come_at_once() {
    let mut world = World::new();
    let task = world.start(sh("printf first; kill -STOP $$; printf second"));
    world.wait_for(task, |past| past.output == "first");
    let pid = world.past[&task].pid.unwrap();
    eventually(|| status(pid, "State").unwrap().starts_with('T'));
    world.signal(task, Signal::Resume);
    assert_eq!(world.end(task).text(), "firstsecond");
}

fn little_by_little_comes_in_few_reports() {
    let mut world = World::new();
    let script = "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.005; done";
    let begun = std::time::Instant::now();
    let task = world.start(sh(script));
    let mut n_reports = 0;
    while world.past[&task].end.is_none() {
        world.step();
        n_reports += 1;
    }
    // One report for each 50 ms, start, end, and the first bytes. On a slow machine each line comes
    // in one of its own.
    let most = 10 + 2 * begun.elapsed().as_millis() / 50;
    assert!(n_reports < most, "{n_reports} reports");
}

fn much_output_comes_through_whole() {
    let mut world = World::new();
    let past = world.run(sh("seq 1 2000000"));
    assert_eq!(past.end, Some(End::Exited(0)));
    let mut wanted = String::new();
    for n in 1..=2_000_000 {
        wanted += &format!("{n}\n");
    }
    assert!(past.output == wanted, "{} bytes", past.output.len());
}

fn too_much_output_is_cut_in_the_middle() {
    let mut base = setup();
    base.quota = 1 << 20;
    let mut world = World::with(&base);
    let n_bytes: usize = 100 << 20;
    let past = world.run(sh(format!("yes | head -c {n_bytes}; printf 'the end'")));
    assert_eq!(past.end, Some(End::Exited(0)));
    let missing = n_bytes + 7 - (1 << 20) - (64 << 10);
    let line = format!("\n[flow: {missing} bytes are left out here]\n");
    assert_eq!(past.output.len(), (1 << 20) + line.len() + (64 << 10));
    assert!(past.output[1 << 20..].starts_with(line.as_bytes()));
    assert!(past.output.ends_with(b"y\nthe end"));
    let peak = peak_kib(world.local.supervisor());
    assert!(peak < 8 << 10, "the supervisor takes {peak} KiB");
}

fn a_slow_engine_holds_writers_back() {
    let mut world = World::new();
    let tasks: Vec<_> = (0..8).map(|_| world.start(sh("yes"))).collect();
    for task in &tasks {
        world.wait_for(*task, |past| !past.output.is_empty());
    }
    // Nobody reads now. What waits for the engine is bounded, and orders are still obeyed.
    let pids: Vec<u32> = tasks
        .iter()
        .map(|task| world.past[task].pid.unwrap())
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let peak = peak_kib(world.local.supervisor());
    assert!(peak < 8 << 10, "the supervisor takes {peak} KiB");
    for task in &tasks {
        world.signal(*task, Signal::Kill);
    }
    eventually(|| pids.iter().all(|pid| has_ended(*pid)));
    for task in tasks {
        assert_eq!(world.end(task).end, Some(End::Signaled(9)));
    }
}

fn nobody_waits_for_who_holds_the_output() {
    let mut world = World::new();
    let past = world.run(sh("echo a; sleep 300 & echo b"));
    assert_eq!((past.text().as_str(), past.leftovers), ("a\nb\n", 1));
    assert!(past.usage.wall_s < 5.0);
}
