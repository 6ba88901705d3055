//! Runs on a cluster whose DRMAA library misbehaves on purpose: slow, lying, losing, failing, deaf. It is
//! built here from `drmaa-sys/tests/fake.c`; without a C compiler these are skipped, and say so.
//!
//! `tests/cluster/` has the same on a real Grid Engine.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{Ended, Project, end, signal, wait_until};
use rustix::process::{Pid, Signal, kill_process};

/// The library; `None` where it cannot be built.
fn library() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libfakedrmaa.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).arg(&path);
        let status = cc.arg(root.join("drmaa-sys/tests/fake.c")).status();
        if status.is_ok_and(|status| status.success()) {
            return Some(path);
        }
        eprintln!("SKIPPED: no C compiler, so there is no cluster to test with");
        None
    });
    built.as_deref()
}

/// Nothing takes as long as on a real site.
const SITE: &str =
    "[cluster]\npatience = '3s'\nask_every = '1s'\nlost_after = '2s'\nlatency = '200ms'\n";

/// Five jobs, each of which says that it ran.
const WORKFLOW: &str = "\
originate one -> a.1 b.1 c.1 d.1 e.1
    echo {output} >> ran; sleep 0.1; echo {output} > {output}

[local]
merge all: one -> all
    cat {input} > {output}
";

/// The same, whose jobs wait until they may end, or the project is gone.
fn waiting() -> String {
    WORKFLOW.replace(
        "sleep 0.1",
        "until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done",
    )
}

struct Cluster {
    project: Project,
}

impl Cluster {
    /// A cluster that does this wrong.
    fn new(workflow: &str, rules: &str) -> Option<Cluster> {
        library()?;
        let project = Project::new(workflow);
        project.write("flow.toml", SITE);
        let cluster = Cluster { project };
        cluster.rules(rules);
        Some(cluster)
    }

    fn rules(&self, rules: &str) {
        fs::write(self.project.path("rules"), rules).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.project.command(&[&["run", "--drmaa"], args].concat());
        command.env("DRMAA_LIBRARY_PATH", library().expect("it was built"));
        command.env("FAKE_DRMAA", self.project.path("rules"));
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.command(args).output().expect("flow starts").into()
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().expect("flow starts")
    }

    /// A cluster on which the five jobs have begun, and whose driver was killed.
    fn orphaned(workflow: &str) -> Option<Cluster> {
        let cluster = Cluster::new(workflow, "")?;
        let mut run = cluster.start(&[]);
        wait_until("five jobs", || cluster.ran().len() == 5);
        run.kill().unwrap();
        run.wait().unwrap();
        Some(cluster)
    }

    /// Lets jobs end that wait for it.
    fn go(&self) {
        fs::write(self.project.path("go"), "").unwrap();
    }

    /// A run at a terminal of its own; what it writes there comes as stdout, keys go to stdin. `None`
    /// without the program that makes a terminal.
    fn at_a_terminal(&self) -> Option<Child> {
        let mut command = Command::new("script");
        command.args(["-qefc", "\"$PROGRAM\" run --drmaa", "/dev/null"]);
        command.env("PROGRAM", env!("CARGO_BIN_EXE_flow"));
        command.current_dir(self.project.path(""));
        command.env("DRMAA_LIBRARY_PATH", library().expect("it was built"));
        command.env("FAKE_DRMAA", self.project.path("rules"));
        let pipe = std::process::Stdio::piped;
        let started = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn();
        if started.is_err() {
            eprintln!("SKIPPED: no `script`, so there is no terminal to test with");
        }
        started.ok()
    }

    /// The jobs that have begun, in byte order; each as often as it did.
    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.project.path("ran")).unwrap_or_default();
        let mut ran: Vec<String> = text.lines().map(String::from).collect();
        ran.sort();
        ran
    }

    fn submitted(&self) -> Vec<String> {
        let text = fs::read_to_string(self.project.path("rules.log")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    /// What is left of jobs in the state folder.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.project.path(".flow/jobs")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let is_of_job = |name: &String| {
            [".sh", ".end", ".out", ".off", ".tmp"]
                .iter()
                .any(|end| name.ends_with(end))
                || name.contains(".run@")
        };
        names.filter(is_of_job).collect()
    }
}

const ALL: [&str; 5] = ["a.1", "b.1", "c.1", "d.1", "e.1"];

#[test]
fn a_workflow_runs_on_a_cluster() {
    let Some(cluster) = Cluster::new(WORKFLOW, "noise") else {
        return;
    };
    cluster
        .run(&["--queue", "long.q"])
        .expect(0)
        .says(&["6 done"]);
    assert_eq!(cluster.ran(), ALL);
    assert_eq!(cluster.project.read("all"), "a.1\nb.1\nc.1\nd.1\ne.1\n");
    assert!(
        cluster
            .submitted()
            .iter()
            .all(|line| line.contains("-q long.q"))
    );
    assert_eq!(cluster.left(), [""; 0]);
    cluster.run(&[]).expect(0);
    assert_eq!(cluster.ran().len(), 5);
}

/// Side by side: what some of them take is waiting.
#[test]
fn a_library_that_misbehaves_costs_no_job() {
    let misbehaves = |rules: &str, says: &str| {
        let Some(cluster) = Cluster::new(WORKFLOW, rules) else {
            return;
        };
        let ended = cluster.run(&[]).expect(0);
        assert!(ended.err.contains(says), "{rules}: {}", ended.err);
        assert_eq!(cluster.ran(), ALL, "{rules}");
        assert_eq!(cluster.left(), [""; 0], "{rules}");
    };
    let cases = [
        ("slow=20", ""),
        (
            "busy=3",
            "takes no more jobs for now: job rejected: only 3 jobs",
        ),
        (
            "down=2",
            "cannot be reached: unable to contact qmaster using port 1",
        ),
        ("crash=2", "ended its process: it is started again"),
        ("hang=2", ""),
        ("mute=2", ""),
        ("lose=3", ""),
        ("deaf", ""),
        ("deaf amnesia", ""),
        ("lie", ""),
    ];
    std::thread::scope(|scope| {
        for (rules, says) in cases {
            scope.spawn(move || misbehaves(rules, says));
        }
    });
}

#[test]
fn what_is_refused_fails_in_the_schedulers_words() {
    let Some(cluster) = Cluster::new(WORKFLOW, "deny") else {
        return;
    };
    let says = "the scheduler refuses it: Job was rejected because job requests unknown queue";
    cluster.run(&["-k"]).expect(1).says(&["5 failed", says]);
    assert_eq!(cluster.ran(), [""; 0]);
    // A code that the standard does not have is an answer all the same.
    let Some(cluster) = Cluster::new(WORKFLOW, "odd") else {
        return;
    };
    let says = "the scheduler refuses it: ";
    cluster.run(&["-k"]).expect(1).says(&["5 failed", says]);
    let Some(cluster) = Cluster::new(WORKFLOW, "refuse") else {
        return;
    };
    cluster.run(&[]).expect(7).says(&["no scheduler here"]);
    let missing = cluster.run(&["--drmaa-library", "/no/such.so"]).expect(7);
    missing.says(&["no DRMAA library `/no/such.so`", "--drmaa-library"]);
}

#[test]
fn each_status_is_the_recipes_own() {
    let workflow = "\
originate bad -> s.0 s.3 s.99 s.100 s.137
    echo said {output}; touch {output}; exit {ext:raw}

originate killed -> k
    kill -9 $$
";
    let workflow = workflow.replace("{ext:raw}", "$(echo {output} | cut -d. -f2)");
    let Some(cluster) = Cluster::new(&workflow, "lie") else {
        return;
    };
    let ended = cluster.run(&["-k"]).expect(1);
    let ended = ended.says(&["1 done", "5 failed"]);
    let ended = ended.says(&["exit status 3", "exit status 99", "exit status 100"]);
    ended.says(&[
        "| said s.3",
        "exit status 137: a command in it was killed by SIGKILL",
        "killed by signal 9 (SIGKILL)",
    ]);
    let log = cluster.project.flow(&["log", "s.3"]).expect(0);
    assert!(log.out.contains("said s.3"));
}

#[test]
fn a_retry_asks_for_what_the_next_try_is_given() {
    let workflow = "\
[mem [100M, 200M], retries 1]
originate one -> a
    test {mem} = 200 && touch {output}
";
    let Some(cluster) = Cluster::new(workflow, "") else {
        return;
    };
    cluster.run(&[]).expect(0);
    let submitted = cluster.submitted();
    assert!(submitted[0].contains("h_vmem=100M") && submitted[1].contains("h_vmem=200M"));
}

#[test]
fn a_driver_that_dies_leaves_its_jobs_to_the_next() {
    let Some(cluster) = Cluster::orphaned(&waiting()) else {
        return;
    };
    // Here they would run twice.
    let here = cluster.project.flow(&["run"]).expect(5);
    here.says(&["5 jobs are still on the cluster", "flow run --drmaa"]);
    let second = cluster.start(&[]);
    std::thread::sleep(Duration::from_millis(500));
    cluster.go();
    end(second)
        .expect(0)
        .says(&["5 jobs that an earlier run has sent", "6 done"]);
    assert_eq!(cluster.ran(), ALL);
    assert_eq!(cluster.left(), [""; 0]);
}

#[test]
fn jobs_that_ended_without_a_driver_are_harvested() {
    let Some(cluster) = Cluster::orphaned(WORKFLOW) else {
        return;
    };
    std::thread::sleep(Duration::from_millis(500));
    cluster.rules("amnesia");
    cluster.run(&[]).expect(0).says(&["6 done"]);
    assert_eq!(cluster.ran(), ALL);
}

#[test]
fn jobs_that_no_run_follows_are_listed_and_ended() {
    let Some(cluster) = Cluster::orphaned(&waiting()) else {
        return;
    };
    cluster.project.write("b.1", "as it was");
    let flow = |args: &[&str]| -> Ended {
        let mut command = cluster.project.command(args);
        command.env("DRMAA_LIBRARY_PATH", library().unwrap());
        let command = command.env("FAKE_DRMAA", cluster.project.path("rules"));
        command.output().unwrap().into()
    };
    let told = flow(&["status"]).expect(0).out;
    let ids = fs::read_to_string(cluster.project.path(".flow/jobs/sent")).unwrap();
    let ids = ids.lines().filter_map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(entry["id"][1].as_str()?.to_string())
    });
    let ids: Vec<String> = ids.collect();
    assert_eq!(ids.len(), 5);
    assert!(told.contains("5 jobs are on the cluster, and no run follows them"));
    for id in &ids {
        assert!(told.contains(&format!("id {id}, runs on ")), "{told}");
    }
    let lines = flow(&["status", "--json"]).expect(0).out;
    let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let first = &line["on_cluster"][0];
    assert_eq!(
        (&line["running"], &first["job"]),
        (&5.into(), &"a.1".into())
    );
    assert!(ids.iter().any(|id| first["id"] == id[..]), "{first}");
    let drained = flow(&["stop", "--drain"]).expect(0).out;
    assert!(
        drained.contains("5 jobs on the cluster may finish"),
        "{drained}"
    );
    cluster.rules("refuse");
    flow(&["stop"])
        .expect(7)
        .says(&["the cluster cannot be used"]);
    cluster.rules("");
    let stopped = flow(&["stop"]).expect(0).out;
    assert!(
        stopped.contains("ended 5 jobs that a run had left"),
        "{stopped}"
    );
    assert_eq!(cluster.left(), [""; 0]);
    // They are gone indeed.
    cluster.go();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!cluster.project.has("a.1"));
    assert!(!flow(&["status"]).out.contains("on the cluster"));
    flow(&["stop"]).expect(4).says(&["no run is going"]);
}

#[test]
fn what_ended_while_nobody_looked_is_not_lost_by_a_stop() {
    let Some(cluster) = Cluster::orphaned(WORKFLOW) else {
        return;
    };
    let ended = || cluster.project.flow(&["status"]).out;
    wait_until("their ends", || ended().matches("has ended").count() == 5);
    let mut stop = cluster.project.command(&["stop"]);
    stop.env("DRMAA_LIBRARY_PATH", library().unwrap());
    let stop = stop.env("FAKE_DRMAA", cluster.project.path("rules"));
    let stopped = Ended::from(stop.output().unwrap()).expect(0).out;
    assert_eq!(
        stopped,
        "5 jobs had ended before: `flow run --drmaa` takes in how\n"
    );
    cluster.run(&[]).expect(0).says(&["6 done"]);
    assert_eq!(cluster.ran(), ALL);
}

#[test]
fn a_try_that_is_taken_up_counts_as_the_try_that_it_is() {
    let workflow = "\
[retries 1]
originate one -> a
    echo {output} >> ran; test -e second || { touch second; exit 1; }
    until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; exit 1
";
    let Some(cluster) = Cluster::new(workflow, "") else {
        return;
    };
    let mut first = cluster.start(&[]);
    wait_until("the second try", || cluster.ran().len() == 2);
    first.kill().unwrap();
    first.wait().unwrap();
    let second = cluster.start(&[]);
    std::thread::sleep(Duration::from_millis(300));
    cluster.go();
    end(second).expect(1).says(&["1 failed"]);
    assert_eq!(cluster.ran(), ["a", "a"]);
}

#[test]
fn where_contents_count_an_input_that_only_looks_the_same_is_another() {
    let workflow = "\
merge copy: ./in -> out
    echo {output} >> ran; cp {input} {output}; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done
";
    for (level, n_runs, expected) in [("1", 1, "old\n"), ("4", 2, "new\n")] {
        let Some(cluster) = Cluster::new(workflow, "") else {
            return;
        };
        let input = cluster.project.path("in");
        cluster.project.write("in", "old\n");
        let mut first = cluster.start(&["--checksum-level", level]);
        wait_until("the job", || cluster.project.has("out"));
        first.kill().unwrap();
        first.wait().unwrap();
        let modified = fs::metadata(&input).unwrap().modified().unwrap();
        cluster.project.write("in", "new\n");
        fs::File::options()
            .write(true)
            .open(&input)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        let second = cluster.start(&["--checksum-level", level]);
        std::thread::sleep(Duration::from_millis(300));
        cluster.go();
        end(second).expect(0);
        assert_eq!(cluster.ran().len(), n_runs, "level {level}");
        assert_eq!(cluster.project.read("out"), expected, "level {level}");
    }
}

/// The process that has the library for a run.
fn helper(run: &Child) -> Option<Pid> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut helpers = processes.filter(|process| {
        let read = |name: &str| fs::read_to_string(process.path().join(name)).unwrap_or_default();
        read("cmdline").contains("\0cluster-library")
            && read("status").contains(&format!("\nPPid:\t{}\n", run.id()))
    });
    let number = helpers.next()?.file_name();
    Pid::from_raw(number.to_str()?.parse().ok()?)
}

#[test]
fn a_run_whose_program_was_replaced_goes_on() {
    let Some(cluster) = Cluster::new(&waiting(), "") else {
        return;
    };
    let program = cluster.project.path("program");
    // By a process of its own: what is open to be written cannot be started.
    let mut cp = Command::new("cp");
    cp.arg(env!("CARGO_BIN_EXE_flow")).arg(&program);
    assert!(cp.status().unwrap().success());
    let usual = cluster.command(&[]);
    let mut command = Command::new(&program);
    command.args(usual.get_args());
    command.current_dir(cluster.project.path(""));
    command.envs(
        usual
            .get_envs()
            .filter_map(|(name, set)| Some((name, set?))),
    );
    let run = command.stderr(std::process::Stdio::piped()).spawn();
    let run = run.expect("flow starts");
    wait_until("five jobs", || cluster.ran().len() == 5);
    fs::remove_file(&program).unwrap();
    let first = helper(&run).expect("it has the library");
    kill_process(first, Signal::KILL).unwrap();
    wait_until("another", || helper(&run).is_some_and(|now| now != first));
    cluster.go();
    end(run).expect(0).says(&["it is started again", "6 done"]);
    assert_eq!(cluster.ran(), ALL);
}

#[test]
fn a_run_goes_on_without_its_terminal() {
    let Some(cluster) = Cluster::new(&waiting(), "") else {
        return;
    };
    let begun = cluster.run(&["--detach"]).expect(0);
    assert!(
        begun.out.contains("goes on in the background"),
        "{}",
        begun.out
    );
    assert_eq!(begun.err, "");
    wait_until("five jobs", || cluster.ran().len() == 5);
    let status = cluster.project.flow(&["status"]).expect(0).out;
    assert!(status.contains("a run is going: process "), "{status}");
    cluster
        .run(&["--detach"])
        .expect(5)
        .says(&["another run holds"]);
    cluster.go();
    let log = || cluster.project.read(".flow/detached.log");
    wait_until("its end", || log().contains("6 done"));
    // It tells what came of it before it tidies up.
    wait_until("no files of jobs", || cluster.left().is_empty());
    // There is nothing to go on with.
    let again = cluster.run(&["--detach"]).expect(0);
    assert_eq!(again.out, "");
    cluster.project.write("workflow.flow", "merge x\n");
    cluster.run(&["--detach"]).expect(3);
}

#[test]
fn a_run_in_the_background_is_stopped_from_elsewhere() {
    let Some(cluster) = Cluster::new(&waiting(), "") else {
        return;
    };
    cluster.run(&["--detach"]).expect(0);
    wait_until("five jobs", || cluster.ran().len() == 5);
    cluster.project.flow(&["stop", "--wait"]).expect(0);
    assert!(
        cluster
            .project
            .read(".flow/detached.log")
            .contains("5 cut off")
    );
    assert_eq!(cluster.left(), [""; 0]);
}

/// What a run at a terminal says and how it ends, when these keys are pressed while five jobs are on the
/// cluster; `\x03` is Ctrl-C.
fn pressed(cluster: &Cluster, keys: &[&str], then: impl FnOnce()) -> Option<Ended> {
    let mut run = cluster.at_a_terminal()?;
    wait_until("five jobs", || cluster.ran().len() == 5);
    let status = || cluster.project.flow(&["status"]).expect(0).out;
    wait_until("the run to know", || {
        status().contains("a run is going") && status().contains("5 running")
    });
    for key in keys {
        let stdin = run.stdin.as_mut().expect("it is piped");
        stdin.write_all(key.as_bytes()).unwrap();
        stdin.flush().unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    then();
    Some(end(run))
}

#[test]
fn ctrl_c_leaves_the_choice() {
    let Some(cluster) = Cluster::new(&waiting(), "") else {
        return;
    };
    let asks = "5 jobs on the cluster: w waits (or Enter), l leaves them, c cancels (or Ctrl-C)";
    let Some(left) = pressed(&cluster, &["\x03", "x", "l"], || {}) else {
        return;
    };
    let left = left.expect(130);
    assert!(left.out.contains(asks), "{}", left.out);
    assert!(
        left.out.contains("5 jobs stay on the cluster"),
        "{}",
        left.out
    );
    let status = cluster.project.flow(&["status"]).expect(0).out;
    assert!(status.contains("5 jobs are on the cluster"), "{status}");
    // Taken up, asked again, and waited for: what comes after them does not start.
    let waited = pressed(&cluster, &["\x03", "\r"], || cluster.go()).unwrap();
    let waited = waited.expect(130);
    assert!(
        waited.out.contains("5 done, 1 not started"),
        "{}",
        waited.out
    );
    assert_eq!(cluster.ran(), ALL);
    cluster.run(&[]).expect(0).says(&["1 done"]);
}

#[test]
fn ctrl_c_twice_cancels() {
    for keys in [["\x03", "\x03"], ["\x03", "c"]] {
        let Some(cluster) = Cluster::new(&waiting(), "") else {
            return;
        };
        let Some(ended) = pressed(&cluster, &keys, || {}) else {
            return;
        };
        let ended = ended.expect(130);
        assert!(ended.out.contains("5 cut off"), "{}", ended.out);
        assert_eq!(cluster.left(), [""; 0]);
    }
}

#[test]
fn what_waits_and_what_runs_here_is_counted_in_its_own_measure() {
    let workflow = "\
[local, cores 10000]
originate here -> u v
    test ! -e busy; mkdir busy; sleep 0.1; rmdir busy; echo {cores} > {output}

originate one -> a b
    touch ran.{output}; until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done; touch {output}
";
    let Some(cluster) = Cluster::new(workflow, "") else {
        return;
    };
    let run = cluster.start(&["-j", "1"]);
    wait_until("a job, and those here", || {
        cluster.project.has("ran.a") && cluster.project.has("u") && cluster.project.has("v")
    });
    let why = cluster.project.flow(&["why", "b"]).expect(0).out;
    let waits = "waits for a submission to the cluster: 0 of 1 are free";
    assert!(why.contains(waits), "{why}");
    cluster.go();
    let ended = end(run).expect(0);
    ended.says(&["`here` asks for 10000 cores of ", "it takes all there is"]);
    let there = std::thread::available_parallelism().unwrap();
    assert_eq!(cluster.project.read("u"), format!("{there}\n"));
}

#[test]
fn what_history_knows_is_cleared_away_by_whoever_comes_next() {
    let Some(cluster) = Cluster::new(WORKFLOW, "") else {
        return;
    };
    cluster.run(&[]).expect(0);
    // As if the driver had died after the last job and before it cleared up.
    let sent = cluster.project.read(".flow/jobs/sent");
    let kept: Vec<&str> = sent
        .lines()
        .filter(|line| !line.contains("\"gone\""))
        .collect();
    fs::write(cluster.project.path(".flow/jobs/sent"), kept.join("\n")).unwrap();
    let sent: Vec<&str> = sent
        .split('"')
        .filter(|word| word.ends_with("-1.1"))
        .collect();
    let record = format!(".flow/jobs/{}.end", sent[0]);
    fs::write(cluster.project.path(&record), "").unwrap();
    cluster.project.flow(&["run"]).expect(0);
    assert_eq!(cluster.left(), [""; 0]);
    assert_eq!(cluster.ran().len(), 5);
}

#[test]
fn a_job_that_is_another_by_now_is_ended_first() {
    let Some(cluster) = Cluster::orphaned(&waiting()) else {
        return;
    };
    cluster.project.write("workflow.flow", WORKFLOW);
    cluster.run(&[]).expect(0);
    assert_eq!(cluster.ran().len(), 10);
    assert_eq!(cluster.project.read("all"), "a.1\nb.1\nc.1\nd.1\ne.1\n");
    assert_eq!(cluster.left(), [""; 0]);
}

#[test]
fn an_interrupt_ends_what_is_on_the_cluster() {
    let workflow = WORKFLOW.replace("sleep 0.1", "sleep 30");
    let Some(cluster) = Cluster::new(&workflow, "") else {
        return;
    };
    let run = cluster.start(&[]);
    wait_until("five jobs", || cluster.ran().len() == 5);
    signal(&run, Signal::TERM);
    end(run).expect(143).says(&["5 cut off"]);
    assert_eq!(cluster.left(), [""; 0]);
}

#[test]
fn an_interrupt_ends_what_was_not_come_to_as_well() {
    let Some(cluster) = Cluster::orphaned(&waiting()) else {
        return;
    };
    let run = cluster.start(&["-j", "1"]);
    let status = || cluster.project.flow(&["status"]).expect(0).out;
    wait_until("a run", || status().contains("1 running"));
    signal(&run, Signal::TERM);
    end(run).expect(143).says(&["1 cut off, 5 not started"]);
    assert_eq!(cluster.left(), [""; 0]);
    cluster.go();
    cluster.run(&[]).expect(0).says(&["6 done"]);
    assert_eq!(cluster.ran().len(), 10);
}

#[test]
fn submissions_come_no_faster_than_the_site_wants() {
    let Some(cluster) = Cluster::new(WORKFLOW, "") else {
        return;
    };
    let slow = format!("{SITE}bulk = 1\nsubmit_rate = 5\n");
    cluster.project.write("flow.toml", slow);
    let began = Instant::now();
    cluster.run(&[]).expect(0);
    // A fifth of a second between each two of five.
    assert!(began.elapsed() >= Duration::from_millis(800));
}

#[test]
fn an_output_that_comes_late_is_waited_for() {
    let workflow = "originate one -> a\n    (sleep 0.5; echo late > {output}) > /dev/null 2>&1 &\n";
    let Some(cluster) = Cluster::new(workflow, "") else {
        return;
    };
    cluster.run(&["--latency-wait", "10s"]).expect(0);
    assert_eq!(cluster.project.read("a"), "late\n");
}

#[test]
fn who_waits_for_the_scheduler_takes_no_time_of_the_processor() {
    let Some(cluster) = Cluster::new(WORKFLOW, "down=1000") else {
        return;
    };
    let mut run = cluster.start(&[]);
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", run.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11..13]
            .iter()
            .map(|n| n.parse::<u64>().unwrap())
            .sum::<u64>()
    };
    std::thread::sleep(Duration::from_secs(1));
    let before = ticks();
    std::thread::sleep(Duration::from_secs(2));
    // Hundredths of a second.
    let taken = ticks() - before;
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(taken < 50, "{taken}");
}

#[test]
fn short_jobs_go_together() {
    let workflow = WORKFLOW.replace("originate one", "[group 3]\noriginate one");
    let Some(cluster) = Cluster::new(&workflow, "") else {
        return;
    };
    cluster.run(&[]).expect(0).says(&["6 done"]);
    assert_eq!(cluster.ran(), ALL);
    assert_eq!(cluster.submitted().len(), 2);
    // Now history knows that they are short.
    cluster.project.write("workflow.flow", WORKFLOW);
    cluster.run(&["-B"]).expect(0);
    assert_eq!(cluster.submitted().len(), 3);
    assert_eq!(cluster.ran().len(), 10);
}

#[test]
fn a_pack_that_dies_loses_only_what_had_not_ended() {
    let workflow = "\
[group 5]
originate one -> a.1 b.1 c.1 d.1 e.1
    echo {output} >> ran; test {output} != c.1 || test -e died || \\
    { touch died; kill -9 -- -$(ps -o pgid= -p $JOB_ID | tr -d ' '); sleep 5; }; touch {output}
";
    let Some(cluster) = Cluster::new(workflow, "") else {
        return;
    };
    cluster.run(&[]).expect(0).says(&["5 done", "c.1"]);
    assert_eq!(cluster.ran(), ["a.1", "b.1", "c.1", "c.1", "d.1", "e.1"]);
}
