//! What a run leaves when it is killed, when its history is damaged, and when its state folder
//! cannot be written: never a wrong result that is called fresh, and a way on.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Project, end, wait_until};
use rustix::process::{Pid, Signal, kill_process};

/// Numbers without end; a story is its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Jobs that write in two steps, some through a process that would go on by itself, so that a kill
/// finds half files; `{mark}` is in the command line of all that a run starts.
const WORKFLOW: &str = "\
param mark = none
param salt = 0

transform half: in/*.txt suffix .txt -> half/{stem}.a half/{stem}.b
    cat {input} > {output[0]}; sleep 0.00{salt}3; : {mark}; echo {salt} >> {output[0]}
    cat {output[0]} {output[0]} > {output[1]}

split parts: half -> parts/*.p
    for n in 1 2 3 4; do cat {input} > {output.dir}/$n.p; sleep 0.002; : {mark}; echo $n{salt} >> {output.dir}/$n.p; done

transform late: parts suffix .p -> late/{stem}.l
    (cat {input}; sleep 0.003; : {mark}; echo end) > {output} & wait

merge all: late half -> all
    cat {input} > {output}
";

fn project() -> Project {
    let project = Project::new(WORKFLOW);
    for name in ["a", "b", "c", "d"] {
        project.write(format!("in/{name}.txt"), format!("{name}\n"));
    }
    project
}

fn contents(project: &Project) -> BTreeMap<String, String> {
    let is_made = |path: &String| !path.starts_with("in/") && !path.ends_with(".flow");
    let files = project.files().into_iter().filter(is_made);
    files
        .map(|path| (path.clone(), project.read(path)))
        .collect()
}

/// What a build of the same sources from nothing makes.
fn clean(from: &Project, args: &[&str]) -> BTreeMap<String, String> {
    let clean = project();
    for path in from.files() {
        if path.starts_with("in/") {
            clean.write(&path, from.read(&path));
        }
    }
    let args = [&["run", "-q"], args].concat();
    clean.flow(&args).expect(0);
    contents(&clean)
}

/// Processes with this in their command lines.
fn processes_with(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(mark) {
            found.push(command);
        }
    }
    found
}

/// The children of a process.
fn children(pid: u32) -> Vec<i32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

fn kill(pid: i32, signal: Signal) {
    // It may have ended by now.
    kill_process(Pid::from_raw(pid).unwrap(), signal).ok();
}

#[track_caller]
fn assert_nothing_left(project: &Project) {
    for folder in [".flow/aside", ".flow/tmp"] {
        let left = fs::read_dir(project.path(folder)).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "in {folder}");
    }
    assert!(!project.has(".flow/history.new"));
}

/// Kills runs until `n` kills have hit a run at work. Returns how many there were of each kind.
fn kill_runs(seed: u64, n: u64) -> [u64; 4] {
    let mut dice = Dice(seed);
    let mark = format!("killed-{}-{seed}", std::process::id());
    let set = format!("mark={mark}");
    let mut counts = [0; 4];
    let project = project();
    let mut salt = 0;
    let mut longest = 40;
    while counts.iter().sum::<u64>() < n {
        // Something to do: all, or one branch.
        match dice.below(3) {
            0 => salt = (salt + 1) % 9,
            _ => {
                let name = ["a", "b", "c", "d"][dice.below(4) as usize];
                let text = format!("{name}{}\n", dice.below(1000));
                project.write(format!("in/{name}.txt"), text);
                project.touch(format!("in/{name}.txt"));
            }
        }
        let salt = format!("salt={salt}");
        let args = ["run", "-q", "-j", "3", "--set", &set, "--set", &salt];
        for _ in 0..2 + dice.below(8) {
            let began = Instant::now();
            let mut run = project.start(&args);
            std::thread::sleep(Duration::from_millis(dice.below(longest)));
            if run.try_wait().unwrap().is_some() {
                longest = (began.elapsed().as_millis() as u64).max(5);
                break;
            }
            longest += 2;
            let engine = run.id() as i32;
            let kind = dice.below(4) as usize;
            let supervisors = children(run.id());
            let signal = if kind == 3 {
                Signal::TERM
            } else {
                Signal::KILL
            };
            if kind == 1 || kind == 2 {
                supervisors.iter().for_each(|pid| kill(*pid, Signal::KILL));
            }
            if kind != 1 {
                kill(engine, signal);
            }
            let ended = end(run);
            let known = [0, 1, 7, 137, 143].contains(&ended.status);
            assert!(known, "{}\n{}", ended.status, ended.err);
            counts[kind] += 1;
        }
        project.flow(&args).expect(0);
        assert_eq!(
            contents(&project),
            clean(&project, &args[4..]),
            "seed {seed}"
        );
        assert_nothing_left(&project);
        wait_until("the end of all that was started", || {
            processes_with(&mark).is_empty()
        });
        assert_eq!(project.planned(&args[4..]), [""; 0], "seed {seed}");
    }
    counts
}

#[test]
fn a_run_may_be_killed_at_any_moment() {
    let n = std::env::var("FLOW_KILLS").map_or(24, |n| n.parse().unwrap());
    let workers: Vec<_> = (1..=3)
        .map(|seed| std::thread::spawn(move || kill_runs(seed, n / 3)))
        .collect();
    let mut sums = [0; 4];
    for worker in workers {
        let counts = worker.join().unwrap();
        (0..4).for_each(|at| sums[at] += counts[at]);
    }
    let [engine, supervisor, both, term] = sums;
    eprintln!(
        "{} kills: engine {engine}, supervisor {supervisor}, both {both}, SIGTERM {term}",
        sums.iter().sum::<u64>()
    );
}

/// Kills the supervisor of a run whose job sleeps for the param `s`, and the engine too if asked, in
/// which case another run follows. `tag` makes the sleep one that no other process has. Returns whether the
/// run had a control group, and the command lines of the sleeps that are left.
fn killed_at_work(project: &Project, tag: u32, with_engine: bool) -> (bool, Vec<String>) {
    let long = format!("{tag}.{}{}", std::process::id(), u8::from(with_engine));
    let asked = format!("sleep {long}");
    let set = format!("s={long}");
    let run = project.start(&["run", "-q", "--set", &set]);
    wait_until("the job", || !processes_with(&asked).is_empty());
    let has_group = project.read(".flow/mark").contains("\n/");
    for supervisor in children(run.id()) {
        kill(supervisor, Signal::KILL);
    }
    if with_engine {
        kill(run.id() as i32, Signal::KILL);
    }
    end(run);
    if with_engine {
        project.flow(&["run", "-q"]).expect(0);
    }
    (has_group, processes_with(&asked))
}

#[test]
fn what_a_killed_supervisor_leaves_running_is_ended() {
    let project = Project::new(
        "param s = 0.0\noriginate one -> out\n    sleep {s}\n    echo {s} > {output}\n",
    );
    for with_engine in [false, true] {
        let (_, left) = killed_at_work(&project, 97, with_engine);
        assert_eq!(left, [""; 0], "{with_engine}");
    }
    assert_eq!(project.read("out"), "0.0\n");
    assert!(!project.has(".flow/mark"));
}

#[test]
fn what_hides_from_its_run_is_ended_where_control_groups_may_be_made() {
    let project = Project::new(
        "param s = 0.0\noriginate one -> out\n    env -i setsid sleep {s} & wait\n    echo {s} > {output}\n",
    );
    for with_engine in [false, true] {
        let (has_group, left) = killed_at_work(&project, 96, with_engine);
        if has_group {
            assert_eq!(left, [""; 0], "{with_engine}");
        } else {
            eprintln!("skipped: no control group may be made here");
        }
    }
}

#[test]
fn the_checks_of_a_first_judgement_end_with_flow() {
    // Also those of a plan's own, which has neither lock nor mark.
    for (at, args) in [
        &["run"][..],
        &["plan"],
        &["status"],
        &["why", "b"],
        &["accept"],
    ]
    .into_iter()
    .enumerate()
    {
        for signal in [Signal::TERM, Signal::KILL] {
            // A command line that no other process has.
            let long = format!("98.{}{at}{}", std::process::id(), signal.as_raw());
            let sleep = format!("sleep {long}");
            let project = Project::new(&format!(
                "[check \"{sleep} & wait\"]\ntransform one: ./a suffix a -> b\n    cp {{input}} {{output}}\n"
            ));
            project.write("a", "").write("b", "");
            let flow = project.start(args);
            wait_until("the check", || !processes_with(&sleep).is_empty());
            kill(flow.id() as i32, signal);
            end(flow).expect(128 + signal.as_raw());
            wait_until("the end of the check", || processes_with(&sleep).is_empty());
            if args != ["run"] && args != ["accept"] {
                assert!(!project.has(".flow"), "{args:?}");
            }
        }
    }
}

#[test]
fn a_check_that_waits_behind_a_split_holds_up_nothing() {
    let project = Project::new(
        "split parts: ./list -> parts/*.p\n    for n in $(cat {input}); do echo $n > {output.dir}/$n.p; done\n\n\
         [check \"until test -e other; do sleep 0.01; done; test -e fresh\"]\n\
         transform one: parts suffix .p -> .d\n    cp {input} {output}\n\n\
         originate long -> long\n    until test -e parts/1.p; do sleep 0.01; done; sleep 0.3; touch {output}\n\n\
         transform other: long -> other\n    touch {output}\n",
    );
    project.write("list", "1").write("parts/1.d", "by hand\n");
    project.write("fresh", "");
    project.flow(&["run", "-j4"]).expect(0).says(&["3 done"]);
    assert_eq!(project.read("parts/1.d"), "by hand\n");
    fs::remove_file(project.path("fresh")).unwrap();
    fs::remove_file(project.path("long")).unwrap();
    fs::remove_file(project.path("other")).unwrap();
    fs::remove_dir_all(project.path(".flow")).unwrap();
    project.flow(&["run", "-j4", "--force", "parts"]).expect(0);
    assert_eq!(project.read("parts/1.d"), "1\n");
}

const UPPER: &str = "\
param salt = 0
transform upper: in/*.txt suffix .txt -> out/{stem}.up
    tr a-z A-Z < {input} > {output}; echo {salt} >> {output}

merge all: upper -> out/all
    cat {input} > {output}
";

/// A project whose files and history disagree: a run, edits, another run, and one input as it was
/// before. What is fresh by times alone is stale.
fn restored() -> Project {
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run", "-q"]).expect(0);
    project.write("in/a.txt", "z\n");
    project.touch("in/a.txt");
    project.flow(&["run", "-q"]).expect(0);
    project.write("in/a.txt", "a\n");
    project
}

/// A copy with all times.
fn copy_of(project: &Project) -> Project {
    let copy = Project::new("");
    let from = project.path("").join(".");
    let mut cp = Command::new("cp");
    cp.arg("-a").arg(from).arg(copy.path(""));
    assert!(cp.status().unwrap().success());
    copy
}

/// So many histories are damaged in each way; `FLOW_KILLS` of them where it is set.
fn n_damages() -> usize {
    std::env::var("FLOW_KILLS").map_or(24, |n| n.parse().unwrap())
}

/// Runs with this history in the place of its own: what comes of it is what a clean build makes, and
/// a plan beforehand knew.
fn run_with(project: &Project, history: &[u8], clean: &BTreeMap<String, String>) {
    let project = copy_of(project);
    fs::write(project.path(".flow/history"), history).unwrap();
    project.flow(&["run", "-q"]).expect(0);
    assert_eq!(&contents(&project), clean);
    assert_eq!(project.planned(&[]), [""; 0]);
}

/// What a build from nothing makes of the same sources.
fn clean_of(project: &Project) -> BTreeMap<String, String> {
    let clean = copy_of(project);
    fs::remove_dir_all(clean.path(".flow")).unwrap();
    fs::remove_dir_all(clean.path("out")).unwrap();
    clean.flow(&["run", "-q"]).expect(0);
    contents(&clean)
}

#[test]
fn a_history_cut_at_any_byte_never_makes_a_wrong_fresh() {
    let project = restored();
    let history = project.path(".flow/history");
    let bytes = fs::read(&history).unwrap();
    let clean = clean_of(&project);
    // Plans at every byte, from three threads, and runs at some; but for CI plans around each record
    // alone. That a cut at any byte is seen the store's own tests say.
    let mark = [0xf1, 0x0e, 0xc0, 0xde];
    let is_near = |length: usize| {
        let from = length.saturating_sub(1);
        (from..=length + 1).any(|at| bytes.get(at..).is_some_and(|rest| rest.starts_with(&mark)))
    };
    let is_ci = std::env::var_os("FLOW_KILLS").is_some();
    let lengths: Vec<usize> = (0..bytes.len())
        .filter(|at| is_ci || is_near(*at))
        .collect();
    let n_runs = n_damages().min(lengths.len());
    let is_run = |at: usize| at.is_multiple_of(lengths.len().div_ceil(n_runs));
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let copy = copy_of(&project);
        let history = copy.path(".flow/history");
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(&length) = lengths.get(at) else {
                return;
            };
            fs::write(&history, &bytes[..length]).unwrap();
            let planned = copy.planned(&[]);
            for job in ["upper out/a.up", "all out/all"] {
                let is_planned = planned.iter().any(|planned| planned == job);
                assert!(is_planned, "cut at {length}: {planned:?}");
            }
            if is_run(at) {
                run_with(&project, &bytes[..length], &clean);
            }
        }
    };
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    eprintln!("cut at {} of {} bytes", lengths.len(), bytes.len());
}

#[test]
fn flipped_bits_in_the_history_never_make_a_wrong_fresh() {
    let project = restored();
    let history = project.path(".flow/history");
    let bytes = fs::read(&history).unwrap();
    let clean = clean_of(&project);
    let mut dice = Dice(77);
    for _ in 0..n_damages() {
        let mut bytes = bytes.clone();
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << dice.below(8);
        }
        run_with(&project, &bytes, &clean);
    }
    let mut damaged = bytes.clone();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    fs::write(&history, &damaged).unwrap();
    project.flow(&["run"]).expect(0).says(&["damaged"]);
    assert_eq!(contents(&project), clean);
    // The damaged file is kept for whoever wants to look.
    let kept = fs::read_dir(project.path(".flow")).unwrap().flatten();
    let is_damaged = |name: &str| name.starts_with("history.damaged-");
    assert!(
        kept.into_iter()
            .any(|entry| is_damaged(&entry.file_name().to_string_lossy()))
    );
}

#[test]
fn records_that_a_power_cut_took_are_not_taken_for_work_done() {
    // The machine went down while a first run was at work: half a file, its record lost.
    let project = Project::new("originate one -> out\n    echo whole > {output}\n");
    project.flow(&["run", "-q"]).expect(0);
    let path = project.path(".flow/history");
    let bytes = fs::read(&path).unwrap();
    fs::write(project.path("out"), "ha").unwrap();
    // What stood on the disk when the run began; on a boot that is no more.
    let boot = fs::read("/proc/sys/kernel/random/boot_id").unwrap();
    let at = bytes
        .windows(boot.len())
        .position(|window| window == boot)
        .unwrap();
    fs::write(&path, &bytes[..at + boot.len()]).unwrap();
    assert_eq!(project.planned(&[]), ["one out"], "its length tells");
    fs::remove_file(project.path(".flow/history.length")).unwrap();
    let (head, salt) = (20, &bytes[12..20]);
    let payload = [b"r", &b"another-boot"[..]].concat();
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(salt)
        .update(&(payload.len() as u32).to_le_bytes())
        .update(&payload);
    let mut other = bytes[..head].to_vec();
    other.extend(&bytes[head..head + 4]);
    other.extend((payload.len() as u32).to_le_bytes());
    other.extend(&hasher.finalize().as_bytes()[..8]);
    other.extend(&payload);
    fs::write(&path, other).unwrap();
    assert_eq!(project.planned(&[]), ["one out"]);
    project.flow(&["run", "-q"]).expect(0);
    assert_eq!(project.read("out"), "whole\n");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn what_lies_in_the_place_of_state_is_named() {
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n");
    fs::create_dir_all(project.path(".flow/lock/x")).unwrap();
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    fs::remove_file(project.path(".flow/lock")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", project.path(".flow/lock")).unwrap();
    project
        .flow(&["run"])
        .expect(7)
        .says(&[".flow/lock", "link"]);
    fs::remove_dir_all(project.path(".flow")).unwrap();

    fs::create_dir_all(project.path(".flow/history/x")).unwrap();
    project
        .flow(&["run"])
        .expect(0)
        .says(&["history", "is a folder"]);
    assert_eq!(project.planned(&[]), [""; 0]);
    fs::remove_dir_all(project.path(".flow")).unwrap();

    // The same where there was a history: what it told is missed.
    let project = restored();
    let clean = clean_of(&project);
    fs::remove_file(project.path(".flow/history")).unwrap();
    fs::create_dir_all(project.path(".flow/history/x")).unwrap();
    project
        .flow(&["run"])
        .expect(0)
        .says(&["history", "is a folder", "run again"]);
    assert_eq!(contents(&project), clean);
    fs::remove_dir_all(project.path(".flow")).unwrap();

    fs::write(project.path(".flow"), "a file").unwrap();
    project.flow(&["run"]).expect(7).says(&[".flow"]);
    project.flow(&["plan"]).expect(7).says(&[".flow"]);
}

#[test]
fn what_another_host_holds_by_a_file_is_left_to_it() {
    // As on a network file system without locks.
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n");
    let holder = |machine: &str| {
        format!(
            r#"{{"schema":1,"command":"run","pid":1,"started":9,"host":"node7","machine":"{machine}","since":"2026-03-02T10:00:00Z","id":"x"}}"#
        )
    };
    project.write(".flow/lock.held", holder("elsewhere"));
    project.flow(&["run"]).expect(5).says(&[
        "process 1 on node7 since 2026-03-02",
        "if nothing of the kind runs any more, remove",
        ".flow/lock.held",
    ]);
    assert!(!project.has("out/all"));
    assert_eq!(project.planned(&[]).len(), 2);
    // What died here needs nobody.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let space = fs::read_link("/proc/self/ns/pid").unwrap();
    let here = format!("{} {}", boot.trim(), space.display());
    project.write(".flow/lock.held", holder(&here));
    project.flow(&["run", "-q"]).expect(0);
    assert!(!project.has(".flow/lock.held"));
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_history_that_is_gone_is_missed() {
    let project = restored();
    let clean = clean_of(&project);
    fs::remove_file(project.path(".flow/history")).unwrap();
    // Its times are in order, and yet it is not what the sources make.
    assert_eq!(project.planned(&[]).len(), 3);
    project.flow(&["run"]).expect(0).says(&[
        "warning:",
        ".flow/history` is gone: jobs that it no longer knows run again",
    ]);
    assert_eq!(contents(&project), clean);
    assert_eq!(project.planned(&[]), [""; 0]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
}

#[test]
fn a_history_that_cannot_be_read_is_named_and_left() {
    let project = restored();
    let history = project.path(".flow/history");
    let bytes = fs::read(&history).unwrap();
    let before = contents(&project);
    let set = |path: &str, mode| {
        fs::set_permissions(project.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in ["", ".flow", "in", "out"] {
        set(path, 0o777);
    }
    // Whatever mask they were made with.
    project.files().iter().for_each(|path| set(path, 0o644));
    set(".flow/lock", 0o666);
    let ask = |args: &[&str]| as_nobody(&project, args);
    // Unreadable.
    set(".flow/history", 0o200);
    for command in ["run", "plan", "status", "why", "accept", "history"] {
        let file = if command == "why" {
            &["out/all"][..]
        } else {
            &[]
        };
        ask(&[&[command], file].concat()).expect(7).says(&[
            "error:",
            ".flow/history",
            "Permission denied",
        ]);
    }
    // Readable alone.
    set(".flow/history", 0o444);
    if !is_root() {
        ask(&["run"]).expect(7).says(&["error:", ".flow/history"]);
    }
    ask(&["plan"]).expect(0);
    assert_eq!(
        (fs::read(&history).unwrap(), contents(&project)),
        (bytes, before)
    );
    set(".flow/history", 0o600);
}

/// As somebody who is not root, which no permissions hold back.
fn as_nobody(project: &Project, args: &[&str]) -> common::Ended {
    let mut command = project.command(args);
    if is_root() {
        use std::os::unix::process::CommandExt;
        command.uid(65534).gid(65534);
    }
    common::Ended::from(command.output().unwrap())
}

/// Says loudly that a test is left out.
fn skip(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
}

#[test]
fn a_state_folder_of_another_user_is_refused() {
    if !is_root() {
        return skip("a_state_folder_of_another_user_is_refused", "needs root");
    }
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n");
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(other.path(), Some(65534), Some(65534)).unwrap();
    std::os::unix::fs::symlink(other.path(), project.path(".flow")).unwrap();
    project
        .flow(&["run"])
        .expect(7)
        .says(&[".flow", "another user"]);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    // One of our own elsewhere is a way to keep state on another disk.
    std::os::unix::fs::chown(other.path(), Some(0), Some(0)).unwrap();
    project.flow(&["run", "-q"]).expect(0);
    assert!(other.path().join("history").exists());
}

/// All that lies below a folder, with what would tell of any write.
fn snapshot(root: &Path) -> BTreeMap<std::path::PathBuf, (u64, u32, [i64; 4])> {
    let mut found = BTreeMap::new();
    let mut rest = vec![root.to_path_buf()];
    while let Some(path) = rest.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            rest.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        let times = [
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        ];
        found.insert(path, (meta.len(), meta.mode(), times));
    }
    found
}

#[test]
fn questions_write_nothing_where_they_could() {
    for is_run in [false, true] {
        let project = Project::new(UPPER);
        project.write("in/a.txt", "a\n");
        if is_run {
            project.flow(&["run", "-q"]).expect(0);
            project.write("in/a.txt", "b\n");
        }
        let before = snapshot(&project.path(""));
        let questions = [
            "plan -v --all",
            "plan --json",
            "run -n",
            "why out/all",
            "why upper --json",
            "status --json",
            "history --json",
            "list",
            "check",
        ];
        for question in questions {
            let args: Vec<&str> = question.split(' ').collect();
            project.flow(&args).expect(0);
            assert_eq!(before, snapshot(&project.path("")), "{question}");
        }
    }
}

#[test]
fn a_project_that_cannot_be_written_can_be_planned() {
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n");
    project.flow(&["run", "-q"]).expect(0);
    project.write("in/a.txt", "b\n");
    let folders = ["", ".flow", "in", "out"];
    let set = |mode| {
        for folder in folders {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(project.path(folder), mode).unwrap();
        }
    };
    for path in project.files() {
        let mode = fs::Permissions::from_mode(0o444);
        fs::set_permissions(project.path(path), mode).unwrap();
    }
    for file in [".flow/history", ".flow/lock"] {
        fs::set_permissions(project.path(file), fs::Permissions::from_mode(0o444)).unwrap();
    }
    set(0o555);
    let before = snapshot(&project.path(""));
    let questions = [
        "plan",
        "plan -v",
        "plan --json",
        "plan --commands",
        "run -n",
        "why out/all",
        "why upper --json",
        "why nothing",
        "status",
        "status --json",
        "history",
        "history --json",
        "list",
        "check -v",
        "log out/all",
        "fmt --check workflow.flow",
        "explain E0340",
    ];
    let ended = questions.map(|question| {
        let args: Vec<&str> = question.split(' ').collect();
        (question, as_nobody(&project, &args).status)
    });
    let run = as_nobody(&project, &["run"]);
    let after = snapshot(&project.path(""));
    set(0o755);
    for (question, status) in ended {
        let expected = if question == "why nothing" { 4 } else { 0 };
        assert_eq!(status, expected, "{question}");
    }
    run.expect(7).says(&[".flow"]);
    assert_eq!(before, after);
    assert_eq!(project.read("out/all"), "A\n0\n");
}

/// A small disk, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path());
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(SmallDisk(folder))
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.path().join("ballast")).unwrap();
        let block = [b'x'; 512];
        while file.write_all(&block).is_ok() {}
        while file.write_all(b"x").is_ok() {}
    }

    fn make_space(&self) {
        fs::remove_file(self.0.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

#[test]
fn a_full_disk_loses_no_result() {
    let test = "a_full_disk_loses_no_result";
    let Some(disk) = is_root().then(|| SmallDisk::new("256k")).flatten() else {
        return skip(test, "needs root and a tmpfs");
    };
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    let state = disk.0.path().join("state");
    let state = state.to_str().unwrap();
    let run = ["run", "-q", "--state-dir", state];

    // No place for state at all: nothing starts.
    disk.fill();
    project
        .flow(&run)
        .expect(7)
        .says(&["No space left", "state"]);
    assert!(!project.has("out/all"));
    disk.make_space();
    project.flow(&run).expect(0);
    assert_eq!(project.read("out/all"), "A\n0\nB\n0\n");

    // Full when there is something to do: the old results stay.
    project.touch("in/a.txt");
    disk.fill();
    let ended = project.flow(&run).expect(7);
    ended.says(&["No space left"]);
    assert_eq!(project.read("out/all"), "A\n0\nB\n0\n");
    disk.make_space();
    project.flow(&run).expect(0);

    // Full in the middle: what a job did is lost, what was there before is not.
    project.write("in/a.txt", "c\n");
    for n in 0..40 {
        // More records than the last page of the history has room for.
        project.write(format!("in/{n}-{}.txt", "long".repeat(30)), "x\n");
    }
    let text = UPPER.replace("tr a-z", "cat /dev/zero > ballast || true; tr a-z");
    let ballast = disk.0.path().join("ballast");
    std::os::unix::fs::symlink(ballast, project.path("ballast")).unwrap();
    project.write("workflow.flow", text);
    project.flow(&run).expect(7).says(&["No space left"]);
    assert_eq!(project.read("out/all"), "A\n0\nB\n0\n");
    disk.make_space();
    project.write("workflow.flow", UPPER);
    project.flow(&run).expect(0);
    assert!(project.read("out/all").ends_with("\nC\n0\nB\n0\n"));
    let state = ["plan", "--state-dir", state];
    assert!(project.flow(&state).expect(0).out.contains("up to date"));
}

#[test]
fn two_may_look_while_one_runs() {
    let project = Project::new(
        "transform t: in/*.txt suffix .txt -> out/{stem}.t\n    sleep 0.01; cat {input} > {output}\n",
    );
    for n in 0..60 {
        project.write(format!("in/{n}.txt"), "x");
    }
    let run = project.start(&["run", "-q", "-j", "2"]);
    project.wait_for(".flow/history");
    let mut n = 0;
    while project.files().len() < 121 {
        let readers = [project.start(&["plan"]), project.start(&["plan", "--json"])];
        for reader in readers {
            let ended = end(reader).expect(0);
            assert_eq!(ended.err, "", "readers see no damage");
        }
        n += 1;
        assert!(n < 1000);
    }
    end(run).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn each_command_that_opens_a_damaged_history_says_so() {
    for args in [&["run"][..], &["run", "--touch-only"], &["accept"]] {
        let project = restored();
        let history = project.path(".flow/history");
        let mut bytes = fs::read(&history).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&history, &bytes).unwrap();
        project
            .flow(args)
            .expect(0)
            .says(&["warning:", "damaged bytes"]);
    }
}

#[test]
fn a_history_that_is_mostly_out_of_date_becomes_small() {
    let project = Project::new(UPPER);
    for n in 0..40 {
        project.write(format!("in/{n}-{}.txt", "long".repeat(30)), "x\n");
    }
    project.flow(&["run", "-q"]).expect(0);
    let path = project.path(".flow/history");
    let size = || fs::metadata(&path).unwrap().len();
    // What 60 more runs of all would append: the records between head and end, again and again.
    let bytes = fs::read(&path).unwrap();
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    for _ in 0..1 + (2 << 20) / bytes.len() {
        file.write_all(&bytes[20..]).unwrap();
    }
    let before = size();
    assert!(before > 2 << 20);
    project.flow(&["run", "-q"]).expect(0);
    assert!(size() < before / 10, "{} of {before}", size());
    assert_eq!(project.planned(&[]), [""; 0]);
    let mut head = [0; 8];
    let mut file = fs::File::open(&path).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"flowlog\n");
    assert!(!Path::new(&path.with_extension("new")).exists());
}
