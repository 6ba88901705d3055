//! Runs on a cluster whose DRMAA library misbehaves on purpose: slow, lying, losing, failing, deaf. It is
//! built here from `drmaa-sys/tests/fake.c`; without a C compiler these are skipped, and say so.
//!
//! `tests/cluster/` has the same on a real Grid Engine.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Duration;

use common::{Ended, Project, end, signal, wait_until};
use rustix::process::Signal;

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
const SITE: &str = "[cluster]\npatience = '3s'\nask_every = '1s'\nlost_after = '2s'\n";

/// Five jobs, each of which says that it ran.
const WORKFLOW: &str = "\
originate one -> a.1 b.1 c.1 d.1 e.1
    echo {output} >> ran; sleep 0.1; echo {output} > {output}

[local]
merge all: one -> all
    cat {input} > {output}
";

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

#[test]
fn a_library_that_misbehaves_costs_no_job() {
    for (rules, says) in [
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
        ("lose=3", "lost"),
        ("deaf", ""),
        ("deaf amnesia", ""),
        ("lie", ""),
    ] {
        let Some(cluster) = Cluster::new(WORKFLOW, rules) else {
            return;
        };
        let ended = cluster.run(&[]).expect(0);
        if rules != "lose=3" {
            assert!(ended.err.contains(says), "{rules}: {}", ended.err);
        }
        assert_eq!(cluster.ran(), ALL, "{rules}");
        assert_eq!(cluster.left(), [""; 0], "{rules}");
    }
}

#[test]
fn what_is_refused_fails_in_the_schedulers_words() {
    let Some(cluster) = Cluster::new(WORKFLOW, "deny") else {
        return;
    };
    let says = "the scheduler refuses it: Job was rejected because job requests unknown queue";
    cluster.run(&["-k"]).expect(1).says(&["5 failed", says]);
    assert_eq!(cluster.ran(), [""; 0]);
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
    let workflow = WORKFLOW.replace("sleep 0.1", "until test -e go; do sleep 0.02; done");
    let Some(cluster) = Cluster::new(&workflow, "") else {
        return;
    };
    let mut first = cluster.start(&[]);
    wait_until("five jobs", || cluster.ran().len() == 5);
    first.kill().unwrap();
    first.wait().unwrap();
    // Here they would run twice.
    let here = cluster.project.flow(&["run"]).expect(5);
    here.says(&["5 jobs are still on the cluster", "flow run --drmaa"]);
    let second = cluster.start(&[]);
    std::thread::sleep(Duration::from_millis(500));
    fs::write(cluster.project.path("go"), "").unwrap();
    end(second)
        .expect(0)
        .says(&["5 jobs that an earlier run has sent", "6 done"]);
    assert_eq!(cluster.ran(), ALL);
    assert_eq!(cluster.left(), [""; 0]);
}

#[test]
fn jobs_that_ended_without_a_driver_are_harvested() {
    let Some(cluster) = Cluster::new(WORKFLOW, "") else {
        return;
    };
    let mut first = cluster.start(&[]);
    wait_until("five jobs", || cluster.ran().len() == 5);
    first.kill().unwrap();
    first.wait().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    cluster.rules("amnesia");
    cluster.run(&[]).expect(0).says(&["6 done"]);
    assert_eq!(cluster.ran(), ALL);
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
    let workflow = WORKFLOW.replace("sleep 0.1", "until test -e go; do sleep 0.02; done");
    let Some(cluster) = Cluster::new(&workflow, "") else {
        return;
    };
    let mut first = cluster.start(&[]);
    wait_until("five jobs", || cluster.ran().len() == 5);
    first.kill().unwrap();
    first.wait().unwrap();
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
