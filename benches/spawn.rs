//! What running a trivial job costs through the supervisor, beside a loop that does nothing else.
//!
//! `cargo bench --bench spawn [JOBS]`. CPU of the jobs themselves is told apart from that of who
//! runs them; on a machine with other work, compare the CPU columns, not the rates.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bstr::BString;
use flow::exec::local::{Setup, new_mark};
use flow::exec::supervisor::fork;
use flow::exec::{Executor, Report, Script, ScriptWay, Task, TaskId};
use rustix::time::{ClockId, clock_gettime};

/// What one way of running jobs took.
struct Cost {
    wall: Duration,
    own: Duration,
    jobs: Duration,
    /// The largest memory that was reported of a job.
    max_rss_kib: u64,
}

fn main() {
    let n_jobs = std::env::args().find_map(|arg| arg.parse().ok());
    let n_jobs = n_jobs.unwrap_or(4000);
    println!(
        "{n_jobs} jobs each; CPU in µs a job: own (of who runs the jobs), all (jobs included)"
    );
    println!(
        "{:12} {:>2}  {:>8} {:>6} {:>6}  {:>8} {:>6} {:>6}  {:>8} {:>6}",
        "", "-j", "bare/s", "own", "all", "flow/s", "own", "all", "own+", "all ×"
    );
    let shell = ("sh -c :", vec!["/bin/sh", "-c", ":"]);
    let program = ("/bin/true", vec!["/bin/true"]);
    for (name, words) in [shell, program] {
        for at_once in [2, 8] {
            // Twice each, in turns, and the better one: other work on the machine only adds.
            let better = |a: Cost, b: Cost| {
                if a.own + a.jobs < b.own + b.jobs {
                    a
                } else {
                    b
                }
            };
            let (a, b) = (
                bare(&words, n_jobs, at_once),
                supervised(&words, n_jobs, at_once),
            );
            let a = better(a, bare(&words, n_jobs, at_once));
            let b = better(b, supervised(&words, n_jobs, at_once));
            let micros = |time: Duration| time.as_secs_f64() * 1e6 / n_jobs as f64;
            let rate = |cost: &Cost| n_jobs as f64 / cost.wall.as_secs_f64();
            let all = |cost: &Cost| micros(cost.own + cost.jobs);
            println!(
                "{name:12} {at_once:>2}  {:>8.0} {:>6.1} {:>6.1}  {:>8.0} {:>6.1} {:>6.1}  {:>+8.1} {:>6.2}",
                rate(&a),
                micros(a.own),
                all(&a),
                rate(&b),
                micros(b.own),
                all(&b),
                micros(b.own) - micros(a.own),
                all(&b) / all(&a),
            );
            println!("{:15}  a job's memory: {} KiB", "", b.max_rss_kib);
        }
    }
}

/// CPU time of this process, ended threads included.
fn own_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .expect("no time is negative")
}

/// CPU time of the children that were waited for, in steps of a clock tick.
fn children_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("it is there");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("it is a number");
    Duration::from_secs_f64((ticks(14) + ticks(15)) / 100.0)
}

/// CPU time of all threads of another process.
fn time_of(pid: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it is there");
    let nanos = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn supervised(words: &[&str], n_jobs: usize, at_once: usize) -> Cost {
    let mut setup = Setup::new("/", new_mark().expect("there is randomness"));
    setup.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    let (mut local, mut reports) = fork()
        .and_then(|s| s.open(&setup, None))
        .expect("it starts");
    let mut n_started = 0;
    let mut start = |local: &mut flow::exec::local::Local| {
        n_started += 1;
        let (words, script) = match words {
            [first @ .., text] if !first.is_empty() => (first, Some(*text)),
            _ => (words, None),
        };
        let task = Task {
            id: TaskId(n_started as u32),
            argv: words.iter().copied().map(BString::from).collect(),
            script: script.map(|text| Script {
                text: text.into(),
                way: ScriptWay::DashC,
            }),
            ..Task::default()
        };
        let sent = local.start(task).and_then(|()| local.flush());
        sent.expect("the supervisor is there");
    };
    let (own, begun) = (own_time(), Instant::now());
    let (mut jobs, mut max_rss_kib) = (0.0, 0);
    for _ in 0..at_once {
        start(&mut local);
    }
    let mut n_ended = 0;
    while n_ended < n_jobs {
        if let Report::Ended { usage, .. } = reports.next().expect("there is more") {
            n_ended += 1;
            jobs += usage.user_s + usage.sys_s;
            max_rss_kib = max_rss_kib.max(usage.max_rss_kib);
            if n_ended + at_once <= n_jobs {
                start(&mut local);
            }
        }
    }
    Cost {
        wall: begun.elapsed(),
        // The supervisor's threads live as long as it does, so none is missed.
        own: own_time() - own + time_of(local.supervisor()),
        jobs: Duration::from_secs_f64(jobs),
        max_rss_kib,
    }
}

/// As many threads as jobs at once, each of which starts one and waits for it.
fn bare(words: &[&str], n_jobs: usize, at_once: usize) -> Cost {
    let words: Vec<CString> = words
        .iter()
        .map(|word| CString::new(*word).expect("it has no NUL"))
        .collect();
    let (own, children, begun) = (own_time(), children_time(), Instant::now());
    let n_started = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while n_started.fetch_add(1, Ordering::Relaxed) < n_jobs {
                    spawn_and_wait(&words);
                }
            });
        }
    });
    let cost = Cost {
        wall: begun.elapsed(),
        own: own_time() - own,
        jobs: children_time() - children,
        max_rss_kib: 0,
    };
    // A joined thread is listed for a moment still, and the next fork wants none.
    while std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1) {
        std::thread::yield_now();
    }
    cost
}

fn spawn_and_wait(words: &[CString]) {
    let null = CString::new(std::path::Path::new("/dev/null").as_os_str().as_bytes());
    let null = null.expect("it has no NUL");
    let env = [c"PATH=/usr/bin:/bin".as_ptr().cast_mut(), ptr::null_mut()];
    let mut argv: Vec<*mut libc::c_char> = words.iter().map(|w| w.as_ptr().cast_mut()).collect();
    argv.push(ptr::null_mut());
    // SAFETY: actions and attributes are initialised before use and destroyed after it; argv and
    // env end with null and point to strings that live on; pid and status are live locals.
    unsafe {
        let mut actions = std::mem::zeroed();
        let mut attributes = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&mut actions);
        libc::posix_spawnattr_init(&mut attributes);
        libc::posix_spawnattr_setflags(&mut attributes, libc::POSIX_SPAWN_SETSID);
        for fd in 0..2 {
            let flags = if fd == 0 {
                libc::O_RDONLY
            } else {
                libc::O_WRONLY
            };
            libc::posix_spawn_file_actions_addopen(&mut actions, fd, null.as_ptr(), flags, 0);
        }
        libc::posix_spawn_file_actions_adddup2(&mut actions, 1, 2);
        let (mut pid, mut status) = (0, 0);
        let error = libc::posix_spawn(
            &mut pid,
            argv[0],
            &actions,
            &attributes,
            argv.as_ptr(),
            env.as_ptr(),
        );
        assert_eq!(error, 0, "it starts");
        libc::waitpid(pid, &mut status, 0);
        libc::posix_spawn_file_actions_destroy(&mut actions);
        libc::posix_spawnattr_destroy(&mut attributes);
    }
}
