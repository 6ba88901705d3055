//! Whole runs of flow in simulated worlds: a virtual clock, a disk and a history in memory, processes
//! that only pretend, a user and faults, all of it decided by one seed. What must hold is checked
//! after each step and at the end of each world; book/src/design/simulation.md says what.
//!
//! SIM_RUNS=1000000 runs so many, from seed SIM_FIRST on; SIM_SEED=N lives the world of one seed and tells
//! it in words, with the planted SIM_MISTAKE if there is one.

mod book;
mod dice;
mod disk;
mod fold;
mod job;
mod live;
mod mistake;
mod spec;
mod user;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use live::{Life, live};
use mistake::Mistake;

/// Worlds that showed a mistake of flow's once: a try that was to be repeated when the run ended,
/// a temporary file that somebody had replaced, a `then` that was cut off; one that came before the last
/// temporary file was made again; an input that changed under two jobs; a `then` that ran twice at once;
/// a temporary split that made other files and was planned with those of before ever after; one of
/// whose files somebody had changed between two readers.
const ONCE_WRONG: [u64; 8] = [3, 1503, 1913, 31989, 32924, 63366, 111794, 130276];

/// So many runs, unless SIM_RUNS says otherwise: a few seconds without optimisation.
const RUNS: u64 = 2_000;

/// A mistake shows in one of so many worlds, or nobody looks for it.
const WORLDS_FOR_A_MISTAKE: u64 = 3_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// Fails with the story of a world, and the command that tells it again.
fn fail(seed: u64, mistake: Option<Mistake>) -> ! {
    let life = live(seed, mistake, true);
    let wrong = life.wrong.unwrap_or("the second time it held".into());
    panic!(
        "{}\n\n{wrong}\n\nagain: SIM_SEED={seed} cargo test --test simulation one_seed -- --nocapture\n",
        life.story.join("\n")
    );
}

/// Lives worlds on all processors until there were so many runs; the first seed that breaks a rule.
fn live_many(first: u64, n_runs: u64) -> (u64, u64, Option<u64>) {
    let seeds = AtomicU64::new(first);
    let runs = AtomicU64::new(0);
    let wrong = AtomicU64::new(u64::MAX);
    let work = || {
        while runs.load(Ordering::Relaxed) < n_runs && wrong.load(Ordering::Relaxed) == u64::MAX {
            let seed = seeds.fetch_add(1, Ordering::Relaxed);
            let life = live(seed, None, false);
            runs.fetch_add(life.n_runs, Ordering::Relaxed);
            if life.wrong.is_some() {
                wrong.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    on_all_processors(work);
    let wrong = wrong.into_inner();
    let n_worlds = seeds.into_inner() - first;
    (
        n_worlds,
        runs.into_inner(),
        (wrong != u64::MAX).then_some(wrong),
    )
}

fn on_all_processors(work: impl Fn() + Sync) {
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(&work);
        }
        work();
    });
}

#[test]
fn in_many_worlds_all_rules_hold() {
    let began = Instant::now();
    let first = number("SIM_FIRST").unwrap_or(1);
    let (n_worlds, n_runs, wrong) = live_many(first, number("SIM_RUNS").unwrap_or(RUNS));
    let took = began.elapsed().as_secs_f64();
    let speed = n_runs as f64 / took;
    println!("{n_runs} runs in {n_worlds} worlds, {took:.1} s, {speed:.0} runs a second");
    if let Some(seed) = wrong {
        fail(seed, None);
    }
}

#[test]
fn worlds_that_once_were_wrong_are_right() {
    for seed in ONCE_WRONG {
        if live(seed, None, false).wrong.is_some() {
            fail(seed, None);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 1..=40 {
        let [one, two] = [(); 2].map(|()| live(seed, None, true));
        assert_eq!(one.story, two.story, "seed {seed}");
        assert_eq!(one.digest, two.digest, "seed {seed}");
        assert_eq!(
            live(seed, None, false).digest,
            one.digest,
            "seed {seed}, untold"
        );
    }
}

#[test]
fn each_planted_mistake_is_found() {
    let most = number("SIM_MISTAKES").unwrap_or(0);
    let mut missed = Vec::new();
    for (mistake, what) in Mistake::ALL {
        let seeds = AtomicU64::new(1);
        let n_found = AtomicU64::new(0);
        let first = Mutex::new((u64::MAX, String::new()));
        let end = if most > 0 { most } else { WORLDS_FOR_A_MISTAKE };
        let is_enough = || most == 0 && n_found.load(Ordering::Relaxed) > 0;
        on_all_processors(|| {
            while !is_enough() {
                let seed = seeds.fetch_add(1, Ordering::Relaxed);
                if seed > end {
                    return;
                }
                let Life { wrong, .. } = live(seed, Some(mistake), false);
                if let Some(why) = wrong {
                    n_found.fetch_add(1, Ordering::Relaxed);
                    let mut first = first.lock().expect("no thread has failed");
                    if seed < first.0 {
                        *first = (seed, why);
                    }
                }
            }
        });
        let n_found = n_found.into_inner();
        let (first, why) = first.into_inner().expect("no thread has failed");
        match (n_found, most) {
            (0, _) => missed.push(mistake),
            (_, 0) => println!("{mistake:?}: seed {first}: {why}"),
            _ => println!("| {what} | {n_found} | {first} |"),
        }
    }
    assert!(missed.is_empty(), "nobody noticed {missed:?}");
}

#[test]
fn one_seed_is_replayed() {
    let Some(seed) = number("SIM_SEED") else {
        return;
    };
    let mistake = std::env::var("SIM_MISTAKE").ok().map(|name| {
        let mut all = Mistake::ALL.into_iter();
        let found = all.find(|(mistake, _)| format!("{mistake:?}") == name);
        found.unwrap_or_else(|| panic!("no such mistake: {name}")).0
    });
    let life = live(seed, mistake, true);
    println!("{}", life.story.join("\n"));
    if let Some(wrong) = life.wrong {
        panic!("{wrong}");
    }
}
