//! Ten thousand jobs in flight at once, as on a cluster.

use super::simulated::{Options, simulate};

#[test]
fn ten_thousand_jobs_run_at_once() {
    const N: u32 = 10_000;
    let files: Vec<String> = (0..N).map(|n| format!("{n}.a")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let options = Options {
        jobs: N,
        ..Options::default()
    };
    let rules =
        "transform b: *.a suffix .a -> .b\n    job {job}\n\nmerge all: b -> all\n    job {job}\n";
    let story = simulate(rules, &files, &[("7.b", "takes 3")], options);
    let count = |what: &str| {
        story
            .told
            .iter()
            .filter(|line| line.ends_with(what))
            .count()
    };
    let n_at = |second: &str, what: &str| {
        let lines = story.told.iter();
        lines
            .filter(|line| line.starts_with(second) && line.ends_with(what))
            .count()
    };
    assert_eq!(n_at("0 ", " starts"), N as usize);
    assert_eq!(n_at("1 ", " ok"), N as usize - 1);
    assert_eq!(story.told.last().unwrap(), "4 all ok");
    assert_eq!(
        (count(" starts"), count(" ok")),
        (N as usize + 1, N as usize + 1)
    );
    assert!(story.unfinished.is_empty());
}
