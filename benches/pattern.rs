//! Times matching, globbing and looking at 100,000 files: `cargo bench --bench pattern`.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use bstr::{BStr, BString};
use flow::disk::{Disk, Real, look_at_all};
use flow::pattern::{Capture, Captures, Filter, Glob, Listing, NameId, Part, Pattern};
use flow::pattern::{Shape, intersects};

const N: usize = 100_000;

/// The best of a few tries.
fn time<T>(what: &str, mut work: impl FnMut() -> T) {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        std::hint::black_box(work());
        best = best.min(start.elapsed());
    }
    println!("{:>9.2} ms  {what}", best.as_secs_f64() * 1e3);
}

fn capture(name: u32, constraint: Option<&str>) -> Part {
    Part::Capture(Capture {
        name: NameId(name),
        spans_folders: false,
        constraint: constraint.map(String::from),
    })
}

fn text(text: &str) -> Part {
    Part::Text(text.into())
}

fn matching(paths: &[BString]) {
    let plain = [
        text("d/"),
        capture(0, None),
        text("_L"),
        capture(1, None),
        text(".in"),
    ];
    let digits = [
        text("d/"),
        capture(0, None),
        text("_L"),
        capture(1, Some("[0-9]+")),
        text(".in"),
    ];
    let twice = [
        text("d/s"),
        capture(0, None),
        text("_L"),
        capture(0, None),
        text(".in"),
    ];
    let template =
        |parts: &[Part]| Filter::template(&Pattern(parts.to_vec())).expect("it is right");
    let mut names = |_: &str| NameId(0);
    let filters = [
        ("suffix .in", Filter::suffix(b".in")),
        ("match d/{s}_L{l}.in", template(&plain)),
        ("match d/{s}_L{l:[0-9]+}.in", template(&digits)),
        ("match d/s{x}_L{x}.in", template(&twice)),
        (
            "regex (?P<s>[^/]+)_L([0-9]+)",
            Filter::regex("(?P<s>[^/]+)_L([0-9]+)", &mut names).expect("it is right"),
        ),
    ];
    for (what, filter) in &filters {
        let mut captures = Captures::default();
        time(&format!("{N} paths, {what}"), || {
            let is_selected = |path: &&BString| {
                captures.clear();
                filter.matches(BStr::new(path), &mut captures)
            };
            paths.iter().filter(is_selected).count()
        });
    }
}

fn globbing(disk: &Real, paths: &[BString]) {
    let word = |parts: &[Part]| Pattern(parts.to_vec());
    let one = Glob::new(&word(&[text("d/"), Part::Star, text(".in")])).expect("it is right");
    let deep = Glob::new(&word(&[
        Part::DoubleStar,
        text("/"),
        Part::Star,
        text(".in"),
    ]))
    .expect("it is right");
    let matching = |glob: &Glob| {
        paths
            .iter()
            .filter(|path| glob.matches(BStr::new(path)))
            .count()
    };
    time(&format!("{N} paths match d/*.in"), || matching(&one));
    time(&format!("{N} paths match **/*.in"), || matching(&deep));
    time("list d", || disk.list(b"d").expect("it is there"));
    let mut listing = Listing::new(disk);
    let mut expand = |glob: &Glob| glob.expand(&mut listing).expect("it is there").len();
    time("expand d/*.in, d is listed", || expand(&one));
    time("expand **/*.in, d is listed", || expand(&deep));
    let output = word(&[
        text("d/"),
        capture(0, None),
        text("_"),
        capture(1, None),
        text(".in"),
    ]);
    let shapes = [
        Shape::word(&output).expect("it is right"),
        Shape::word(&word(&[text("d/"), Part::Star, text("_L"), Part::Star])).expect("it is right"),
        Shape::filter(&Filter::suffix(b".in")),
        Shape::word(&word(&[text("e/"), Part::Star])).expect("it is right"),
    ];
    time("1000 words that meet", || {
        (0..1000)
            .filter(|_| intersects(&[&shapes[0], &shapes[1], &shapes[2]]))
            .count()
    });
    time("1000 words that do not", || {
        (0..1000)
            .filter(|_| intersects(&[&shapes[0], &shapes[3], &shapes[2]]))
            .count()
    });
}

fn looking(disk: &Real, folder: &Path, paths: &[BString]) {
    let root = rustix::fs::open(folder, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty())
        .expect("it is there");
    time("statat in a loop", || {
        let stat = |path: &BString| {
            rustix::fs::statat(&root, path.as_slice(), rustix::fs::AtFlags::empty())
        };
        paths.iter().filter_map(|path| stat(path).ok()).count()
    });
    for n_threads in [1, 2] {
        time(&format!("look_at_all, {n_threads} threads"), || {
            let mut sizes = vec![0; N];
            look_at_all(
                disk,
                &mut sizes,
                |n| Some(paths[n].as_slice()),
                |size, _, seen| *size = seen.ok().flatten().map_or(0, |stat| stat.size),
                n_threads,
            );
            sizes
        });
    }
}

fn main() {
    let folder = env::temp_dir().join(format!("flow-bench-{}", process::id()));
    fs::create_dir_all(folder.join("d")).expect("the temporary folder takes files");
    let paths: Vec<BString> = (0..N)
        .map(|n| format!("d/s{:06}_L{}.in", n * 7 % N, n % 8).into())
        .collect();
    for path in &paths {
        fs::write(folder.join(path.to_string()), "").expect("the temporary folder takes files");
    }
    let disk = Real::open(&folder).expect("it was made");
    matching(&paths);
    globbing(&disk, &paths);
    looking(&disk, &folder, &paths);
    fs::remove_dir_all(&folder).expect("it was made here");
}
