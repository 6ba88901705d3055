//! What the scheduler costs: processor time and memory per job for the shapes that runs have.
//!
//! `cargo bench --bench sched [SHAPE…]`. Each shape runs in a process of its own, so that its peak
//! is its own. Jobs end one at a time with a step after each, which is the dearest way.

use std::collections::VecDeque;
use std::process::Command;
use std::time::Duration;

use flow::sched::{
    Action, End, Job, JobIdx, Kind, KindId, Msg, Need, OnReady, Options, Sched, Standing, Totals,
};

type Shape = (&'static str, fn() -> Figures);

const SHAPES: [Shape; 9] = [
    ("wide 1,000,000", || wide(1_000_000)),
    ("wide 1,000,000, shuffled ids", || scattered(1_000_000)),
    ("10 stages of 100,000", || stages(10, 100_000)),
    ("merge of 100,000", || merge(100_000)),
    ("chain of 100,000", || chain(100_000)),
    ("10 needs x 100,000, limits", || needs(10, 100_000)),
    ("100 needs x 10,000, limits", || needs(100, 10_000)),
    ("1,000 needs x 1,000, limits", || needs(1_000, 1_000)),
    ("1,000,000 skipped", || skipped(1_000_000)),
];

struct Figures {
    n_jobs: usize,
    add: Duration,
    run: Duration,
    held_bytes: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == "--one") {
        let shape: usize = args[at + 1].parse().expect("a shape's number");
        return report(SHAPES[shape]);
    }
    println!(
        "{:32} {:>9} {:>9} {:>11} {:>11}",
        "", "add ns", "run ns", "held B/job", "peak B/job"
    );
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    for (index, (name, _)) in SHAPES.iter().enumerate() {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            let this = std::env::current_exe().expect("this program has a path");
            let status = Command::new(this)
                .args(["--one", &index.to_string()])
                .status();
            assert!(status.expect("it starts").success(), "{name} failed");
        }
    }
}

fn report((name, measure): Shape) {
    let before = memory("VmRSS:");
    let figures = measure();
    let per_job = |total: f64| total / figures.n_jobs as f64;
    println!(
        "{name:32} {:9.0} {:9.0} {:11.1} {:11.1}",
        per_job(figures.add.as_nanos() as f64),
        per_job(figures.run.as_nanos() as f64),
        per_job(figures.held_bytes as f64),
        per_job(memory("VmHWM:").saturating_sub(before) as f64),
    );
}

/// A line of `/proc/self/status`, in bytes.
fn memory(key: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let words = line.expect("the kernel says it").split_whitespace();
    let kib: usize = words
        .take(1)
        .map(|n| n.parse::<usize>().expect("a number"))
        .sum();
    kib * 1024
}

/// What this thread has had of a processor: on a busy machine the only time that means something.
fn cpu_time() -> Duration {
    // The kernel counts up at the latest when it looks for another thread.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("this is Linux");
    let nanoseconds = text.split_whitespace().next().map(str::parse);
    Duration::from_nanos(nanoseconds.expect("three numbers").expect("a number"))
}

fn new_sched() -> Sched {
    let totals = Totals {
        cores: 8,
        mem_mib: Some(16_000),
        gpus: None,
    };
    Sched::new(totals, Options::default())
}

fn plain(sched: &mut Sched) -> KindId {
    let need = sched.need(Need::default());
    sched.kind(Kind::once(need))
}

fn job(kind: KindId, order: usize) -> Job {
    Job {
        kind,
        on_ready: OnReady::Start,
        weight: 1.0,
        order: order as u64,
    }
}

/// Adds the jobs and runs them; `end` says how each ends.
fn drain<E>(
    mut sched: Sched,
    jobs: impl ExactSizeIterator<Item = Job>,
    edges: impl Fn() -> E,
    end: impl Fn(JobIdx) -> End,
) -> Figures
where
    E: Iterator<Item = (JobIdx, JobIdx)>,
{
    let n_jobs = jobs.len();
    let before = memory("VmRSS:");
    let start = cpu_time();
    sched.add(jobs, edges);
    let add = cpu_time() - start;
    let held_bytes = memory("VmRSS:").saturating_sub(before);

    let start = cpu_time();
    let mut actions = Vec::new();
    let mut running = VecDeque::new();
    let mut n_final = 0;
    loop {
        sched.step(&mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Start { job, .. } => running.push_back(job),
                Action::Failed { .. } | Action::Skip { .. } => n_final += 1,
                _ => {}
            }
        }
        let Some(job) = running.pop_front() else {
            break;
        };
        let end = end(job);
        n_final += usize::from(end == End::Ok);
        sched.tell(Duration::from_millis(1), Msg::Ended { job, end });
    }
    let run = cpu_time() - start;
    assert_eq!((n_final, sched.standing()), (n_jobs, Standing::Over));
    Figures {
        n_jobs,
        add,
        run,
        held_bytes,
    }
}

fn id(index: usize) -> JobIdx {
    JobIdx(index as u32)
}

fn wide(n_jobs: usize) -> Figures {
    let mut sched = new_sched();
    let kind = plain(&mut sched);
    let jobs = (0..n_jobs).map(move |index| job(kind, index));
    drain(sched, jobs, std::iter::empty, |_| End::Ok)
}

/// As wide, but ranks come in no order: the heap has to work.
fn scattered(n_jobs: usize) -> Figures {
    let totals = Totals {
        cores: 8,
        mem_mib: None,
        gpus: None,
    };
    let options = Options {
        shuffle: Some(1),
        ..Options::default()
    };
    let mut sched = Sched::new(totals, options);
    let kind = plain(&mut sched);
    let jobs = (0..n_jobs).map(move |index| job(kind, index));
    drain(sched, jobs, std::iter::empty, |_| End::Ok)
}

fn stages(n_stages: usize, width: usize) -> Figures {
    let mut sched = new_sched();
    let kind = plain(&mut sched);
    let jobs = (0..n_stages * width).map(move |index| job(kind, index));
    let edges = || (width..n_stages * width).map(|index| (id(index - width), id(index)));
    drain(sched, jobs, edges, |_| End::Ok)
}

fn merge(n_inputs: usize) -> Figures {
    let mut sched = new_sched();
    let kind = plain(&mut sched);
    let jobs = (0..n_inputs + 1).map(move |index| job(kind, index));
    let edges = || (0..n_inputs).map(|index| (id(index), id(n_inputs)));
    drain(sched, jobs, edges, |_| End::Ok)
}

fn chain(n_jobs: usize) -> Figures {
    let mut sched = new_sched();
    let kind = plain(&mut sched);
    let jobs = (0..n_jobs).map(move |index| job(kind, index));
    let edges = || (1..n_jobs).map(|index| (id(index - 1), id(index)));
    drain(sched, jobs, edges, |_| End::Ok)
}

/// Rules with a limit of their own each, one of two shared ones, and different cores and memory.
fn needs(n_needs: usize, n_each: usize) -> Figures {
    let mut sched = new_sched();
    let shared = [sched.limit(2), sched.limit(3)];
    let kinds: Vec<KindId> = (0..n_needs)
        .map(|index| {
            let own = sched.limit(1 + index as u32 % 4);
            let need = sched.need(Need {
                cores: 1 + index as u32 % 3,
                mem_mib: 1000 * (index as u64 % 7),
                gpus: 0,
                limits: vec![own, shared[index % 2]],
            });
            sched.kind(Kind::once(need))
        })
        .collect();
    let jobs = (0..n_needs * n_each).map(move |index| job(kinds[index % n_needs], index));
    drain(sched, jobs, std::iter::empty, |_| End::Ok)
}

/// One failure, and everything behind it: half side by side, half in a row.
fn skipped(n_jobs: usize) -> Figures {
    let mut sched = new_sched();
    let kind = plain(&mut sched);
    let jobs = (0..n_jobs).map(move |index| job(kind, index));
    let edges = || {
        (1..n_jobs).map(move |index| match index < n_jobs / 2 {
            true => (id(0), id(index)),
            false => (id(index - 1), id(index)),
        })
    };
    drain(sched, jobs, edges, |_| End::Failed)
}
