//! What history costs: a record written and read, the bytes of a job, and the load of a large
//! history beside what any engine does anyway, looking at the files.
//!
//! `cargo bench --bench history -- --jobs 100000`; `--check` fails where the load takes as long.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use flow::disk::{Disk, Real, Time};
use flow::history::{File, History, Now, Store};

/// Each figure is the best of so many: others use the machine too.
const N_TRIES: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == "--jobs");
    let n_jobs = at.map_or(100_000, |at| {
        args[at + 1].parse().expect("a number of jobs")
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join(".flow");
    let paths: Vec<(String, String)> = (0..n_jobs)
        .map(|n| {
            (
                format!("raw/sample{n:06}.fastq.gz"),
                format!("trimmed/sample{n:06}.fastq.gz"),
            )
        })
        .collect();

    println!("{n_jobs} jobs of one input and one output");
    let written = write(&state, &paths);
    per("record written", written, n_jobs);
    let bytes = std::fs::metadata(state.join("history"))
        .expect("it was written")
        .len();
    println!(
        "{:24}{:>10.0} bytes",
        "a job on disk",
        bytes as f64 / n_jobs as f64
    );

    let before = resident();
    let mut store = Store::read(&state).expect("it is readable");
    let memory = resident().saturating_sub(before);
    println!(
        "{:24}{:>10.0} bytes",
        "a job in memory",
        memory as f64 / n_jobs as f64
    );
    let load = best(|| drop(black_box(Store::read(&state).expect("it is readable"))));
    per("record read", load, 2 * n_jobs);
    let asked = best(|| {
        paths
            .iter()
            .for_each(|(_, key)| _ = black_box(store.last(key.as_bytes())))
    });
    per("job asked for", asked, n_jobs);
    store.begin().expect("it is writable");
    store.close().expect("it is writable");

    make_files(folder.path(), &paths);
    let disk = Real::open(folder.path()).expect("it is there");
    let stat = best(|| {
        for (input, output) in &paths {
            black_box(disk.stat(input.as_bytes()).expect("a look"));
            black_box(disk.stat(output.as_bytes()).expect("a look"));
        }
    });
    println!(
        "{:24}{:>10.1} ms; looking at their {} files {:.1} ms",
        "load of all",
        load.as_secs_f64() * 1e3,
        2 * n_jobs,
        stat.as_secs_f64() * 1e3
    );
    let ratio = load.as_secs_f64() / stat.as_secs_f64();
    println!("{:24}{ratio:>10.2}", "load : looking");
    if args.iter().any(|arg| arg == "--check") && ratio >= 1.0 {
        eprintln!("error: the history costs more than its files");
        std::process::exit(1);
    }
}

/// A run that does all jobs.
fn write(state: &Path, paths: &[(String, String)]) -> Duration {
    std::fs::create_dir_all(state).expect("a folder");
    let mut store = Store::read(state).expect("nothing is there");
    store.begin().expect("it is writable");
    let began = Instant::now();
    for (number, (input, output)) in paths.iter().enumerate() {
        store.started(output.as_bytes()).expect("there is room");
        let now = Now {
            recipe: 0x1234_5678_9abc_def0,
            params: 0x0fed_cba9_8765_4321,
            captures: Vec::new(),
            inputs: vec![file_of(input, number)],
            outputs: vec![file_of(output, number)],
            found: Vec::new(),
            ended_ms: 1_700_000_000_000,
            wall_ms: Some(1234),
            max_rss_kib: 56_000,
        };
        store
            .succeeded(output.as_bytes(), &now)
            .expect("there is room");
    }
    store.close().expect("there is room");
    began.elapsed() / 2
}

fn file_of(path: &str, number: usize) -> File<'_> {
    File {
        path: path.as_bytes(),
        time: Time(1_700_000_000_123_456_789 + number as i64),
        size: 123_456_789,
        hash: None,
    }
}

fn make_files(folder: &Path, paths: &[(String, String)]) {
    for sub in ["raw", "trimmed"] {
        std::fs::create_dir(folder.join(sub)).expect("a folder");
    }
    for path in paths.iter().flat_map(|(input, output)| [input, output]) {
        std::fs::File::create(folder.join(path)).expect("a file");
    }
}

fn best(mut run: impl FnMut()) -> Duration {
    let one = |_| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..N_TRIES).map(one).min().expect("some tries")
}

fn per(what: &str, time: Duration, n: usize) {
    println!("{what:24}{:>10.0} ns", time.as_secs_f64() * 1e9 / n as f64);
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number") * 4096
}
