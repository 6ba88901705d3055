//! Times what happens before the first job starts, of 100,000 jobs: reading a workflow, expanding it,
//! judging it, and filling recipes. `cargo bench --bench plan [WORD…]`.
//!
//! Files are in memory, so that what is measured is flow's own: `pattern` times looking at real ones.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::time::{Duration, Instant};

use bstr::BStr;
use flow::disk::MemDisk;
use flow::history::NoHistory;
use flow::lang::{Sources, parse};
use flow::pattern::Listing;
use flow::plan::want::Wanted;
use flow::plan::{Context, Plan};
use flow::run::{Given, render};
use flow::stale::{Forced, Judge, Level, settle};
use flow::workflow::load::Settings;
use flow::workflow::{Workflow, load};

const N: usize = 100_000;

/// The best of a few tries. What `prepare` takes does not count.
fn time<I, T>(what: &str, mut prepare: impl FnMut() -> I, mut work: impl FnMut(I) -> T) {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut wanted = wanted
        .iter()
        .filter(|arg| !arg.starts_with("--"))
        .peekable();
    if wanted.peek().is_some() && !wanted.any(|word| what.contains(word.as_str())) {
        return;
    }
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let input = prepare();
        let start = Instant::now();
        let output = std::hint::black_box(work(input));
        best = best.min(start.elapsed());
        drop(output);
    }
    println!("{:>9.2} ms  {what}", best.as_secs_f64() * 1e3);
}

fn read(text: &str) -> Workflow {
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, mut diags) = parse(file, text);
    let read = |_: &_| Err(io::ErrorKind::NotFound.into());
    let (workflow, found) = load(&ast, &mut sources, &Settings::default(), &read);
    diags.extend(found);
    let wrong = diags.iter().find(|diag| diag.is_error());
    assert!(wrong.is_none(), "{wrong:?}");
    workflow
}

/// Rules that each name their files.
fn many_rules(n: usize) -> String {
    let mut text = String::from("shell sh -c\n\n");
    for n in 0..n {
        write!(
            text,
            "# Makes number {n} of many.\ntransform step{n}: in/{n}.in -> out/{n}.out\n    : > {{output}}\n\n"
        )
        .expect("a String takes all");
    }
    text
}

fn parsing() {
    for n in [N / 10, N] {
        let text = many_rules(n);
        let mib = text.len() as f64 / f64::from(1 << 20);
        time(
            &format!("parse {n} rules, {mib:.1} MiB"),
            || (),
            |()| {
                let mut sources = Sources::default();
                let file = sources.add("workflow.flow", &text);
                parse(file, &text).0
            },
        );
        time(
            &format!("parse and resolve {n} rules"),
            || (),
            |()| read(&text),
        );
    }
}

/// The shapes that workflows have, each of about `N` jobs.
fn shapes() -> [(&'static str, String); 4] {
    let mut stages = String::from("transform t0: d/*.0 suffix .0 -> .1\n    :\n");
    for n in 1..10 {
        let (before, next) = (n - 1, n + 1);
        write!(
            stages,
            "transform t{n}: t{before} suffix .{n} -> .{next}\n    :\n"
        )
        .expect("a String takes all");
    }
    [
        (
            "wide, suffix",
            "transform t: d/*.in suffix .in -> .out\n    :\n".into(),
        ),
        (
            "wide, match",
            "transform t: match d/{n}.in -> out/{n}.out\n    :\n".into(),
        ),
        ("merge", "merge t: d/*.in -> all\n    :\n".into()),
        ("10 stages", stages),
    ]
}

fn files(shape: &str) -> MemDisk {
    let disk = MemDisk::new();
    let (n, ext) = match shape {
        "10 stages" => (N / 10, "0"),
        _ => (N, "in"),
    };
    for n in 0..n {
        disk.write(format!("d/x{n:07}.{ext}"), "");
    }
    disk
}

fn planning() {
    for (name, text) in shapes() {
        let workflow = read(&text);
        let disk = files(name);
        let listing = RefCell::new(Listing::new(&disk));
        let context = Context {
            workflow: &workflow,
            listing: &listing,
        };
        // From now on the folder is listed.
        Plan::new(context);
        time(&format!("expand {name}"), || (), |()| Plan::new(context));
        let planned = || {
            let plan = Plan::new(context);
            let mut wanted = Wanted::default();
            wanted.add_everything(&plan, context);
            (plan, wanted)
        };
        time(
            &format!("judge {name}"),
            planned,
            |(mut plan, mut wanted)| {
                let mut judge = Judge::new(Forced::default(), Level::default());
                settle(
                    &mut plan,
                    context,
                    &mut wanted,
                    &mut judge,
                    &disk,
                    &NoHistory,
                );
                (plan, judge)
            },
        );
    }
}

fn rendering() {
    let cases = [
        ("plain", ": > {output}"),
        (
            "quoted",
            "printf '%s\\n' \"{input}\" '{rule}' $(basename {input}) > {output}",
        ),
    ];
    for (name, recipe) in cases {
        let workflow = read(&format!(
            "transform t: match d/{{n}}.in -> out/{{n}}.out\n    {recipe}\n"
        ));
        let disk = files(name);
        let listing = RefCell::new(Listing::new(&disk));
        let plan = Plan::new(Context {
            workflow: &workflow,
            listing: &listing,
        });
        let needs = &workflow.rules.values()[0].needs;
        let given = Given::asked(needs, 1, BStr::new("tmp"), BStr::new("/work"));
        time(
            &format!("render {name}"),
            || (),
            |()| {
                let rendered = plan
                    .jobs
                    .ids()
                    .map(|job| render(&plan, &workflow, job, &given));
                rendered.filter(Result::is_ok).count()
            },
        );
    }
}

fn main() {
    parsing();
    planning();
    rendering();
}
