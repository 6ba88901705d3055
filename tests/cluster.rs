//! Runs on a real Grid Engine, which `tests/cluster/run.sh` starts. Elsewhere these are skipped, and say so.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Ended, Project, end, signal};
use rustix::process::Signal;

/// A project whose jobs go to the real thing; `None` where there is none.
struct Cluster {
    project: Project,
}

impl Cluster {
    fn new(workflow: &str) -> Option<Cluster> {
        if std::env::var_os("CLUSTER_TESTS").is_none() {
            eprintln!("SKIPPED: no cluster here: tests/cluster/run.sh starts one");
            return None;
        }
        let project = Project::new(workflow);
        project.write(
            "flow.toml",
            "[cluster]\nask_every = '2s'\nlost_after = '5s'\n",
        );
        Some(Cluster { project })
    }

    fn command(&self, args: &[&str]) -> Command {
        self.project.command(&[&["run", "--drmaa"], args].concat())
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.command(args).output().expect("flow starts").into()
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("flow starts")
    }

    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.project.path("ran")).unwrap_or_default();
        let mut ran: Vec<String> = text.lines().map(String::from).collect();
        ran.sort();
        ran
    }

    #[track_caller]
    fn wait_for_jobs(&self, n: usize) {
        wait("jobs", || self.ran().len() >= n);
    }

    /// What is left of jobs in the state folder.
    #[track_caller]
    fn expect_nothing_left(&self) {
        let names = fs::read_dir(self.project.path(".flow/jobs")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let kept = ["sent", "library.log", "slurm_drmaa.conf"];
        let left: Vec<_> = names
            .filter(|name| !kept.contains(&&name[..]) && !name.ends_with(".env"))
            .collect();
        assert_eq!(left, [""; 0]);
    }
}

#[track_caller]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{what} do not come"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command of Grid Engine's; what it prints.
fn grid(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .expect("it is on PATH");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The ids of all jobs that are queued or running.
fn queued() -> Vec<String> {
    let lines = grid("qstat", &[]);
    let ids = lines
        .lines()
        .skip(2)
        .filter_map(|line| line.split_whitespace().next());
    ids.map(String::from).collect()
}

/// The daemon of this name that belongs to the test's own cell.
fn daemon(name: &str) -> i32 {
    let root = std::env::var("SGE_ROOT").unwrap();
    let file = match name {
        "sge_qmaster" => "spool/qmaster/qmaster.pid",
        _ => "spool/execd/localhost/execd.pid",
    };
    let pid = fs::read_to_string(Path::new(&root).join(file)).unwrap();
    pid.trim().parse().unwrap()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

/// Starts a daemon again, bound to this machine alone as it was.
fn start_daemon(name: &str) {
    let root = std::env::var("SGE_ROOT").unwrap();
    let status = Command::new(name)
        .env("LD_PRELOAD", Path::new(&root).join("loopback.so"))
        .status();
    assert!(status.unwrap().success());
}

/// Numbers without end.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn jobs_get_what_they_ask_for() {
    let workflow = "\
[queue long.q, cores 2, mem 200M, time 1m, native \"-ac flow=1\"]
originate asked -> asked
    { echo $QUEUE $NSLOTS $(ulimit -v) {cores}; qstat -j $JOB_ID; } > {output}

originate one -> a.1 b.1 c.1
    echo ${SGE_TASK_ID} \"$ODD\" > {output}

[local]
originate here -> here
    echo \"${JOB_ID:-none}\" > {output}
";
    let Some(cluster) = Cluster::new(workflow) else {
        return;
    };
    let mut command = cluster.command(&["-v", "asked", "one", "here"]);
    let odd = "a=b='c'\n\"$x\" `y`";
    let ended: Ended = command.env("ODD", odd).output().unwrap().into();
    ended.expect(0).says(&["note: jobs go to SGE 8", "5 done"]);
    let asked = cluster.project.read("asked");
    // Memory is for each of the two cores.
    let first = asked.lines().next().unwrap();
    assert_eq!(first, "long.q 2 204800 2");
    assert!(
        asked.contains("h_rt=60") && asked.contains("flow=1"),
        "{asked}"
    );
    for name in ["a.1", "b.1", "c.1"] {
        let text = cluster.project.read(name);
        let (task, rest) = text.split_once(' ').unwrap();
        // Equal needs went together.
        assert!(["1", "2", "3", "4"].contains(&task), "{text}");
        assert_eq!(rest, format!("{odd}\n"));
    }
    assert_eq!(cluster.project.read("here"), "none\n");
    cluster.expect_nothing_left();
}

#[test]
fn failures_are_told_in_words() {
    let workflow = "\
[queue nosuch.q]
originate queue -> q
    touch {output}

[native \"-l nosuch=1\"]
originate option -> o
    touch {output}

[time 2s]
originate long -> long
    sleep 60

[mem 400M]
originate large -> large
    for i in $(seq 100); do a+=(\"$(head -c 20M /dev/zero | tr '\\0' x)\"); sleep 0.2; done

originate status -> s.99 s.100 s.3
    echo said {output}; exit $(echo {output} | cut -d. -f2)

originate missing -> m
    true

originate killed -> k
    kill -9 $$
";
    let Some(cluster) = Cluster::new(workflow) else {
        return;
    };
    let ended = cluster.run(&["-k", "--latency-wait", "0s"]).expect(1);
    ended.says(&[
        "9 failed",
        "the scheduler refuses it: Job was rejected because job requests unknown queue \"nosuch.q\"",
        "unknown resource \"nosuch\"",
        "ran over the 2s that its rule asks for (`time`), and the scheduler ended it on ",
        "likely out of memory: it had",
        "exit status 99",
        "exit status 100",
        "| said s.3",
        "ended well but did not make: m",
        "killed by signal 9 (SIGKILL)",
    ]);
    cluster.expect_nothing_left();
}

#[test]
fn what_an_operator_deletes_has_failed() {
    let workflow = "\
originate runs -> r
    touch begun; sleep 60

[native \"-h\"]
originate waits -> w
    touch {output}
";
    let Some(cluster) = Cluster::new(workflow) else {
        return;
    };
    let run = cluster.start(&["-k"]);
    wait("jobs", || {
        cluster.project.has("begun") && queued().len() == 2
    });
    for id in queued() {
        grid("qdel", &[&id]);
    }
    let ended = end(run).expect(1);
    ended.says(&[
        "deleted while it ran on ",
        "ended it before it began: somebody deleted it",
    ]);
    cluster.expect_nothing_left();
}

/// Ten jobs of a second each, and one after them.
const TEN: &str = "\
table n = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
transform one: n -> {n}.1
    echo {output} >> ran; sleep 1; echo {output} > {output}

merge all: one -> all
    cat {input} > {output}
";

fn expect_ten(cluster: &Cluster) {
    let expected: Vec<String> = (0..10).map(|n| format!("{n}.1")).collect();
    assert_eq!(cluster.ran(), expected);
    assert_eq!(cluster.project.read("all").lines().count(), 10);
    cluster.expect_nothing_left();
}

#[test]
fn a_master_that_dies_and_comes_back_is_waited_for() {
    let Some(cluster) = Cluster::new(&TEN.replace("sleep 1", "sleep 4")) else {
        return;
    };
    let run = cluster.start(&[]);
    // One that is on its way to a node when the master dies stays so for minutes.
    cluster.wait_for_jobs(10);
    kill(daemon("sge_qmaster"));
    std::thread::sleep(Duration::from_secs(6));
    start_daemon("sge_qmaster");
    let ended = end(run).expect(0);
    // The last job could only be sent when it was back.
    ended.says(&[
        "the scheduler cannot be reached",
        "the scheduler answers again",
        "11 done",
    ]);
    expect_ten(&cluster);
}

#[test]
fn a_job_whose_shepherd_dies_runs_again() {
    let workflow = "originate one -> a\n    echo {output} >> ran; sleep 4; touch {output}\n";
    let Some(cluster) = Cluster::new(workflow) else {
        return;
    };
    let run = cluster.start(&[]);
    cluster.wait_for_jobs(1);
    let root = std::env::var("SGE_ROOT").unwrap();
    let id = queued().pop().expect("it runs");
    let spool = Path::new(&root).join("spool/execd/localhost/active_jobs");
    let spool = spool.join(format!("{id}.1"));
    let pid = |name: &str| -> i32 {
        let text = fs::read_to_string(spool.join(name)).unwrap();
        text.trim().parse().unwrap()
    };
    // As when the machine fails: neither the job nor its shepherd says anything.
    let (shepherd, job) = (pid("pid"), pid("job_pid"));
    kill(shepherd);
    let group = rustix::process::Pid::from_raw(job).unwrap();
    rustix::process::kill_process_group(group, Signal::KILL).ok();
    end(run)
        .expect(0)
        .says(&["a: it left no record on", "it is sent again", "1 done"]);
    assert_eq!(cluster.ran(), ["a", "a"]);
}

#[test]
fn an_interrupt_deletes_what_is_on_the_cluster() {
    let Some(cluster) = Cluster::new(&TEN.replace("sleep 1", "sleep 60")) else {
        return;
    };
    let run = cluster.start(&[]);
    cluster.wait_for_jobs(5);
    signal(&run, Signal::TERM);
    end(run).expect(143).says(&["cut off"]);
    wait("no more jobs", || queued().is_empty());
    cluster.expect_nothing_left();
}

#[test]
fn limits_hold_on_the_cluster() {
    let workflow = "\
jobs_limit two = 2
table n = [0, 1, 2, 3, 4, 5]
[jobs_limit two]
transform one: n -> {n}.1
    n=$(find . -maxdepth 1 -name 'busy.*' | wc -l); mkdir busy.{n}; sleep 0.5; rmdir busy.{n}
    echo $n > {output}
transform other: n -> {n}.2
    n=$(find . -maxdepth 1 -name 'free.*' | wc -l); mkdir free.{n}; sleep 0.5; rmdir free.{n}
    echo $n > {output}
";
    let Some(cluster) = Cluster::new(workflow) else {
        return;
    };
    cluster.run(&["-j", "3"]).expect(0);
    let most = |ending: &str| {
        let read = |n: u32| -> u32 {
            let text = cluster.project.read(format!("{n}.{ending}"));
            text.trim().parse().unwrap()
        };
        (0..6).map(read).max().unwrap()
    };
    assert!(
        most("1") < 2 && most("2") < 3,
        "{} {}",
        most("1"),
        most("2")
    );
}

/// The promise: whatever moment the driver dies at, nothing is lost and nothing runs twice.
#[test]
fn a_driver_killed_fifty_times_loses_and_doubles_nothing() {
    const KILLS: u32 = 50;
    let workflow = "\
table n = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
transform one: n -> {n}.1
    echo {output} >> ran; sleep 0.{n}; echo {output} > {output}
[group 4]
transform two: one suffix .1 -> .2
    echo {output} >> ran; sleep 0.2; cat {input} > {output}
merge all: two -> all
    echo {output} >> ran; cat {input} > {output}
";
    if Cluster::new(workflow).is_none() {
        return;
    }
    let seed = u64::from(std::process::id()) | 1;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let (mut n_kills, mut n_runs, mut n_projects) = (0, 0, 0);
    while n_kills < KILLS {
        let cluster = Cluster::new(workflow).expect("it was there before");
        n_projects += 1;
        loop {
            n_runs += 1;
            let mut run = cluster.start(&[]);
            let until = Instant::now() + Duration::from_millis(20 + dice.below(1500));
            while Instant::now() < until && run.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            if run.try_wait().unwrap().is_some() {
                end(run).expect(0);
                break;
            }
            if n_kills == KILLS {
                end(run).expect(0);
                break;
            }
            run.kill().unwrap();
            run.wait().unwrap();
            n_kills += 1;
        }
        let ran = cluster.ran();
        let mut once = ran.clone();
        once.dedup();
        assert_eq!(ran, once, "seed {seed}: something ran twice");
        assert_eq!(ran.len(), 41, "seed {seed}: something is lost");
        assert_eq!(cluster.project.read("all").lines().count(), 20);
        cluster.expect_nothing_left();
    }
    println!("{n_kills} kills in {n_runs} runs of {n_projects} projects: 41 jobs each, each once");
}

fn jobs(n: u32) -> String {
    let list: Vec<String> = (0..n).map(|n| n.to_string()).collect();
    format!(
        "table n = [{}]\ntransform one: n -> out/{{n}}\n    touch {{output}}\n",
        list.join(", ")
    )
}

/// A bare loop over the library submits so many jobs and waits for them: how long, in seconds.
fn bare_loop(n: u32) -> f64 {
    let began = Instant::now();
    let root = Path::new(env!("CARGO_BIN_EXE_flow")).parent().unwrap();
    let mut command = Command::new(root.join("examples/bare_loop"));
    command.env("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=16384");
    let status = command.arg(n.to_string()).status();
    assert!(status.expect("run.sh built it").success());
    began.elapsed().as_secs_f64()
}

/// How many jobs are measured beside a bare loop.
fn n_measured() -> u32 {
    let n = std::env::var("CLUSTER_JOBS").unwrap_or("300".into());
    n.parse().expect("CLUSTER_JOBS is a number")
}

/// Jobs one by one take at most 1.1 times what a bare loop takes, and packed at least 20 times less. With
/// few jobs the start of the run and of the scheduler's work weighs more, and they may take longer.
#[test]
fn flow_is_as_fast_as_a_bare_loop_and_packed_far_faster() {
    let n = n_measured();
    let (longest, least) = if n >= 1000 { (1.1, 20.0) } else { (1.4, 4.0) };
    let Some(cluster) = Cluster::new(&jobs(n).replace("transform", "[group 1]\ntransform")) else {
        return;
    };
    let flow = |args: &[&str]| {
        let began = Instant::now();
        cluster.run(args).expect(0).says(&[&format!("{n} done")]);
        cluster.expect_nothing_left();
        began.elapsed().as_secs_f64()
    };
    // In turns: the machine is not as fast from one minute to the next.
    let before = bare_loop(n);
    let by_one = flow(&["-j", &n.to_string()]);
    let loops = before.midpoint(bare_loop(n));
    // As new as for the others; only history knows that they are short.
    fs::remove_dir_all(cluster.project.path("out")).unwrap();
    cluster.project.write("workflow.flow", jobs(n));
    let packed = flow(&[]);
    let (times, part) = (by_one / loops, loops / packed);
    println!(
        "{n} jobs: bare loop {loops:.1} s, flow {by_one:.1} s ({times:.2} times), packed {packed:.1} s \
         (a {part:.0}th)"
    );
    assert!(times <= longest, "{times:.2} times a bare loop");
    assert!(part >= least, "only a {part:.1}th of a bare loop");
}

#[test]
fn two_thousand_jobs_run_end_to_end() {
    let workflow = jobs(2000).replace("transform", "[group 250]\ntransform");
    let Some(cluster) = Cluster::new(&workflow) else {
        return;
    };
    let began = Instant::now();
    cluster.run(&[]).expect(0).says(&["2000 done"]);
    let packed = began.elapsed().as_secs_f64();
    assert_eq!(
        fs::read_dir(cluster.project.path("out")).unwrap().count(),
        2000
    );
    cluster.run(&[]).expect(0);
    cluster.expect_nothing_left();
    let n = n_measured().min(2000);
    let each = bare_loop(n) / f64::from(n);
    println!(
        "2,000 packed jobs: {packed:.1} s; a bare loop takes {:.0} ms for each of {n}: {:.0} s for as many",
        1000.0 * each,
        2000.0 * each
    );
    assert!(2000.0 * each / packed >= 10.0);
}
