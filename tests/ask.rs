//! A run that is going, asked and ended from another terminal.

mod common;

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{PATIENCE, Project, end, signal, wait_until};
use rustix::process::Signal;

/// Jobs that run until there is a file `go`, or the project is gone, one at a time.
const WAITS: &str = "\
jobs_limit net = 1

[jobs_limit net]
transform get: in/* -> got/{name}
    touch begun.{name}; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; cp {input} {output}

merge all: get -> total
    cat {input} > {output}
";

fn waits() -> Project {
    let project = Project::new(WAITS);
    project.write("in/a", "1\n").write("in/b", "2\n");
    project
}

/// Starts a run, and comes back when the first job runs and can be asked about.
fn start(project: &Project, args: &[&str], begun: &str) -> Child {
    let run = project.start(&[&["run"], args].concat());
    project.wait_for(begun);
    run
}

fn go(project: &Project) {
    fs::write(project.path("go"), "").unwrap();
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

/// Asks until all of this is said: that a process was started comes to the run a moment after what
/// the process does comes to the disk.
#[track_caller]
fn says_why(project: &Project, target: &str, parts: &[&str]) {
    let start = Instant::now();
    loop {
        let out = project.flow(&["why", target]).expect(0).out;
        let is_said = parts.iter().all(|part| out.contains(part));
        if is_said || start.elapsed() > PATIENCE {
            return says(&out, parts);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_run_says_what_its_jobs_do_and_wait_for() {
    let project = waits();
    let run = start(&project, &["-j4"], "begun.a");
    says_why(
        &project,
        "got/a",
        &[
            "a run is going: process ",
            "; 0 of 3 jobs done, 1 running\n",
            "got/a  made by `get`, workflow.flow:4\nruns now, for ",
            "(process ",
            "\nruns because got/a is missing\n",
            "1 job follows from it",
        ],
    );
    says_why(
        &project,
        "got/b",
        &[
            "waits for a permit of `net`: 0 of 1 are free\n    got/a  runs for ",
            "\nruns because got/b is missing\n",
        ],
    );
    says_why(
        &project,
        "total",
        &[
            "waits for 2 jobs:\n    got/a  runs for ",
            "\n    got/b  waits too\n",
        ],
    );
    says_why(
        &project,
        "get",
        &[
            "1 running, 1 waiting\n",
            "1 job waits for a permit of `net`: 0 of 1 are free; 1 job has the rest\n",
            "2 jobs run, such as got/a: got/a is missing\n",
        ],
    );
    says_why(&project, "in/a", &["a source"]);
    go(&project);
    end(run).expect(0);
    let out = project.flow(&["why", "got/a"]).expect(0).out;
    assert!(
        !out.contains("a run is going") && out.contains("is fresh"),
        "{out}"
    );
    assert!(!project.has(".flow/socket"));
}

#[test]
fn those_who_only_look_say_that_a_run_is_going() {
    let project = waits();
    let run = start(&project, &[], "begun.a");
    let out = project.flow(&["status"]).expect(0).out;
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["fresh", "stale", "missing", "running"], "{out}");
    assert_eq!(rows[1], ["get", "-", "-", "1", "1"], "{out}");
    says(
        &out,
        &[
            "\na run is going: process ",
            "0 of 3 jobs done, 1 running\n",
        ],
    );
    let ended = project.flow(&["status", "--json"]).expect(0);
    assert_eq!(ended.out.lines().count(), 2);
    says(&ended.out, &["\"running\":1"]);
    says(&ended.err, &["note: a run is going"]);
    let out = project.flow(&["history"]).expect(0).out;
    says(&out, &["got/a  runs now\n", "\na run is going: process "]);
    project.flow(&["run"]).expect(5).says(&[
        "another run holds",
        "process",
        " since 20",
        "hint: `flow why FILE`",
    ]);
    go(&project);
    end(run).expect(0);
    let out = project.flow(&["status"]).expect(0).out;
    assert!(!out.contains("going") && !out.contains("running"), "{out}");
}

#[test]
fn cores_and_the_time_before_another_try_are_told() {
    let project = Project::new(
        "[cores 2, priority 1]\noriginate big -> big\n    touch begun; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; \
         touch {output}\n\noriginate small -> small\n    touch {output}\n",
    );
    let run = start(&project, &["-j2"], "begun");
    says_why(
        &project,
        "small/../small",
        &["waits for 1 core: 0 of 2 are free\n    big  has 2, runs for "],
    );
    go(&project);
    end(run).expect(0);
    let project = Project::new("[retries 1, backoff 1h]\noriginate again -> again\n    exit 3\n");
    let run = project.start(&["run"]);
    wait_until("the first try", || {
        let out = project.flow(&["why", "again"]).expect(0).out;
        out.contains("has failed, and waits 59 min ") && out.contains(" before try 2 of 2\n")
    });
    let out = project.flow(&["stop", "--wait"]).expect(0).out;
    says(&out, &["to end; no job was running\nit has ended\n"]);
    end(run).expect(143).says(&["`flow stop` ends the run"]);
}

#[test]
fn a_chain_of_waiting_jobs_is_followed_to_its_end() {
    let project = Project::new(
        "originate one -> a\n    touch begun; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; touch {output}\n\n\
         transform two: one suffix a -> b\n    cp {input} {output}\n\n\
         transform three: two suffix b -> c\n    cp {input} {output}\n\n\
         [after three]\noriginate late -> last\n    touch {output}\n",
    );
    let run = start(&project, &[], "begun");
    says_why(&project, "b", &["waits for a, which runs for "]);
    says_why(
        &project,
        "c",
        &["waits for b, which waits too\nin the end for a, which runs for "],
    );
    says_why(
        &project,
        "last",
        &["which it comes after: 1 job left\nin the end for a, which runs for "],
    );
    says_why(
        &project,
        "three",
        &["such as c for b, which waits too; in the end for a, which runs for "],
    );
    go(&project);
    end(run).expect(0);
}

#[test]
fn what_is_behind_a_split_says_which_runs() {
    let project = Project::new(
        "split parts: ./list -> parts/*.p\n    \
         touch begun; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; touch {output.dir}/1.p\n\n\
         transform each: parts suffix .p -> .d\n    cp {input} {output}\n\n\
         merge all: each -> all\n    cat {input} > {output}\n",
    );
    project.write("list", "");
    let run = start(&project, &[], "begun");
    let split = "    'parts/*.p'  runs for ";
    says_why(&project, "parts/1.d", &["not known yet", split]);
    // The rule and its file have one name.
    says_why(&project, "./all", &["waits for a split", split]);
    says_why(&project, "all", &["1 behind a split\n", "a rule"]);
    says_why(&project, "parts/1.p", &["made by `parts`", "\nruns now, "]);
    go(&project);
    end(run).expect(0);
}

#[test]
fn what_a_rule_does_at_its_end_is_told_too() {
    let project = Project::new(
        "[then \"touch begun; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done\"]\n\
         originate one -> b\n    touch {output}\n\n\
         [after one]\noriginate two -> c\n    touch {output}; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done\n",
    );
    let run = start(&project, &["-j1"], "begun");
    says_why(
        &project,
        "then:one",
        &["what `one` does once, when its jobs are done\nruns now, for "],
    );
    says_why(
        &project,
        "c",
        &["waits for 1 core: 0 of 1 are free\n    then:one  "],
    );
    project.flow(&["why", "then:two"]).expect(4);
    go(&project);
    end(run).expect(0);
}

#[test]
fn a_run_that_is_drained_finishes_what_runs() {
    let project = waits();
    let run = start(&project, &[], "begun.a");
    let out = project.flow(&["stop", "--drain"]).expect(0).out;
    says(
        &out,
        &[
            "asked the run, process ",
            " to start nothing new",
            "1 job was running\n",
        ],
    );
    says_why(
        &project,
        "got/b",
        &["; nothing new starts\n", "will not start: the run ends\n"],
    );
    go(&project);
    end(run)
        .expect(1)
        .says(&["`flow stop --drain`: what runs may finish"]);
    assert!(project.has("got/a") && !project.has("got/b"));
}

#[test]
fn a_run_that_is_stopped_twice_ends_at_once() {
    let project = Project::new(
        "originate one -> b\n    trap '' TERM; touch begun; while [ -e workflow.flow ]; do sleep 0.02; done\n",
    );
    let run = start(&project, &["--grace", "1h"], "begun");
    let stop = |args: &[&str]| project.flow(&[&["stop"], args].concat()).expect(0).out;
    says(&stop(&[]), &["to end; 1 job was running\n"]);
    says_why(&project, "b", &["; nothing new starts\n", "runs now, "]);
    let out = stop(&["--wait"]);
    says(
        &out,
        &["once more: it kills what runs; 1 job was running\nit has ended\n"],
    );
    end(run).expect(143).says(&["one b"]);
    let ended = project.flow(&["stop"]).expect(4);
    ended.says(&["error: no run is going in "]);
}

#[test]
fn a_run_that_stands_still_goes_on_to_end() {
    for (args, status) in [(&["stop", "--wait"][..], 143), (&["stop", "--drain"], 1)] {
        let project = waits();
        let run = start(&project, &[], "begun.a");
        signal(&run, Signal::TSTP);
        let stat = format!("/proc/{}/stat", run.id());
        let is_still = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
        wait_until("a stop", is_still);
        // Who only looks does not wait for an answer that cannot come.
        let asked = Instant::now();
        let out = project.flow(&["why", "got/b"]).expect(0).out;
        says(&out, &["; it stands still (Ctrl-Z), `fg` in its terminal"]);
        project.flow(&["status"]).expect(0);
        assert!(asked.elapsed() < Duration::from_secs(5) && is_still());
        let out = project.flow(args).expect(0).out;
        says(
            &out,
            &["stood still (Ctrl-Z): it goes on", "1 job was running"],
        );
        go(&project);
        end(run).expect(status);
    }
}

#[test]
fn a_state_folder_that_is_moved_away_comes_back() {
    let project = waits();
    project.write("got/a", "old\n");
    project.touch("in/a");
    let run = start(&project, &["-j2"], "begun.a");
    let state = project.path(".flow");
    let away = project.path("away");
    fs::rename(&state, &away).unwrap();
    wait_until("the folder", || state.is_dir());
    assert!(!away.exists());
    go(&project);
    let ended = end(run).expect(0);
    ended.says(&[
        "the state folder `.flow` was moved to `",
        "/away` and was put back",
    ]);
    let again = project.flow(&["run"]).expect(0);
    again.says(&["everything is up to date (3 jobs)"]);
}

#[test]
fn a_run_whose_state_folder_is_gone_ends() {
    for is_replaced in [false, true] {
        let project = waits();
        let run = start(&project, &["-j2"], "begun.a");
        let state = project.path(".flow");
        match is_replaced {
            false => fs::remove_dir_all(&state).unwrap(),
            true => {
                // At one stroke, so that it is not put back first.
                let other = project.path("other");
                fs::create_dir(&other).unwrap();
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let cwd = rustix::fs::CWD;
                rustix::fs::renameat_with(cwd, &other, cwd, &state, flags).unwrap();
            }
        }
        let ended = end(run).expect(7);
        ended.says(&[match is_replaced {
            false => "the state folder `.flow` was removed",
            true => "/other`, and something else stands in its place",
        }]);
        assert!(!project.has("got/a") && !project.has(".flow/history.length"));
        go(&project);
        let next = project.flow(&["run"]).expect(0);
        next.says(&["3 done"]);
    }
}

#[test]
fn without_a_socket_there_are_signals() {
    for (args, status, name) in [
        (&["stop", "--wait"][..], 143, "SIGTERM"),
        (&["stop", "--drain"], 1, "SIGUSR1"),
    ] {
        let project = waits();
        let run = start(&project, &[], "begun.a");
        fs::remove_file(project.path(".flow/socket")).unwrap();
        let out = project.flow(&["why", "got/b"]).expect(0).out;
        says(
            &out,
            &["a run is going: process ", "; it listens to no questions\n"],
        );
        says(&project.flow(&["status"]).expect(0).out, &["running"]);
        let out = project.flow(args).expect(0).out;
        says(&out, &[&format!("sent {name} to the run, process ")]);
        go(&project);
        end(run).expect(status);
    }
}

#[test]
fn a_run_that_cannot_listen_runs_all_the_same() {
    let project = waits();
    fs::create_dir_all(project.path(".flow/socket/in the way")).unwrap();
    let run = start(&project, &["-v"], "begun.a");
    let out = project.flow(&["stop", "--drain"]).expect(0).out;
    says(&out, &["sent SIGUSR1 to the run, process "]);
    go(&project);
    end(run).expect(1).says(&["note: nobody can ask this run"]);
    assert!(project.has("got/a"));
}

#[test]
fn a_run_that_has_started_nothing_yet_is_ended_by_either() {
    let project = Project::new(
        "[check \"touch begun; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done\"]\n\
         transform one: ./a suffix a -> b\n    touch {output}\n",
    );
    project.write("a", "").write("b", "");
    let run = start(&project, &[], "begun");
    let out = project.flow(&["stop", "--drain", "--wait"]).expect(0).out;
    says(
        &out,
        &[
            "sent SIGTERM to the run, process ",
            "has started nothing yet\nit has ended\n",
        ],
    );
    go(&project);
    end(run).expect(143);
}

#[test]
fn a_run_is_found_by_its_state_folder_however_long_that_is_called() {
    let project = waits();
    let long = ["elsewhere", &"x".repeat(200), &"y".repeat(200)].join("/");
    let run = start(&project, &["--state-dir", &long], "begun.a");
    project.flow(&["stop"]).expect(4);
    let why = project
        .flow(&["why", "got/b", "--state-dir", &long])
        .expect(0);
    says(&why.out, &["waits for a permit of `net`"]);
    project.flow(&["stop", "--state-dir", &long]).expect(0);
    end(run).expect(143);
    assert!(!project.path(long).join("socket").exists());
}

#[test]
fn a_run_that_was_killed_is_over_and_the_next_one_says_so() {
    let project = waits();
    let run = start(&project, &[], "begun.a");
    let id = run.id();
    signal(&run, Signal::KILL);
    end(run).expect(137);
    assert!(project.has(".flow/socket"));
    let out = project.flow(&["why", "got/a"]).expect(0).out;
    assert!(!out.contains("going"), "{out}");
    project.flow(&["stop"]).expect(4).says(&["no run is going"]);
    go(&project);
    let note = format!("the run before this one, process {id} on ");
    project
        .flow(&["run"])
        .expect(0)
        .says(&[&note, "was cut off: what it had begun runs again"]);
    let ended = project.flow(&["run"]).expect(0);
    assert!(!ended.err.contains("cut off"), "{}", ended.err);
}

#[test]
fn a_run_on_another_host_is_named_and_left_alone() {
    let project = waits();
    let run = start(&project, &[], "begun.a");
    fs::remove_file(project.path(".flow/socket")).unwrap();
    let lock = project.read(".flow/lock");
    let mut holder: serde_json::Value = serde_json::from_str(&lock).unwrap();
    holder["host"] = "far-away".into();
    holder["machine"] = "another".into();
    fs::write(project.path(".flow/lock"), holder.to_string()).unwrap();
    let ended = project.flow(&["stop"]).expect(5);
    ended.says(&[
        "on far-away since 20",
        "cannot be reached from here",
        "`kill -TERM ",
    ]);
    let out = project.flow(&["why", "got/b"]).expect(0).out;
    says(
        &out,
        &["on far-away since 20", "it can be asked there only"],
    );
    project
        .flow(&["run"])
        .expect(5)
        .says(&["another run holds", "on far-away since"]);
    fs::write(project.path(".flow/lock"), lock).unwrap();
    signal(&run, Signal::TERM);
    end(run).expect(143);
}

#[test]
fn those_who_ask_slowly_hold_nobody_up() {
    let project = waits();
    let run = start(&project, &[], "begun.a");
    let socket = project.path(".flow/socket");
    let _slow: Vec<UnixStream> = (0..20)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    go(&project);
    let start = Instant::now();
    end(run).expect(0);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_log_is_followed_from_before_the_job_prints_until_it_ends() {
    let project = Project::new(
        "transform say: ./in -> out\n    touch begun; \
         until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; echo said $(cat {input}); touch {output}\n",
    );
    project.write("in", "once");
    go(&project);
    project.flow(&["run"]).expect(0);
    assert_eq!(
        project.flow(&["log", "-f", "out"]).expect(0).out,
        "said once\n"
    );
    for file in ["go", "begun"] {
        fs::remove_file(project.path(file)).unwrap();
    }
    fs::write(project.path("in"), "twice").unwrap();
    let run = start(&project, &[], "begun");
    let follower = project.start(&["log", "-f", "out"]);
    // Gives it the time to ask; one that comes late would find the whole.
    project.flow(&["why", "out"]).expect(0);
    go(&project);
    end(run).expect(0);
    assert_eq!(end(follower).expect(0).out, "said twice\n");
}

#[test]
fn a_run_that_was_killed_before_it_began_a_job_has_nothing_to_run_again() {
    let project = Project::new(
        "[check \"touch judging; test ! -e slow || sleep 60\"]\noriginate a -> a\n    touch {output}\n",
    );
    project.write("a", "").write("slow", "");
    let run = start(&project, &[], "judging");
    signal(&run, Signal::KILL);
    end(run).expect(137);
    std::fs::remove_file(project.path("slow")).unwrap();
    let ended = project.flow(&["run"]).expect(0).says(&["was cut off"]);
    assert!(!ended.err.contains("had begun"), "{}", ended.err);
}
