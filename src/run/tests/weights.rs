//! What takes long by the history is started in time.

use super::simulated::{Options, simulate};

/// Many samples of two short jobs each, and one of two long ones, the last by its name.
const N_SHORT: usize = 124;
const LONG_S: u64 = 50;
const CORES: u32 = 4;

const TEXT: &str = "\
transform prepare: match in/{n} -> mid/{n}
    job {job}
transform finish: match mid/{n} -> out/{n}
    job {job}
";

/// The second in which everything is done; `took` is what the history says of some jobs.
fn makespan(took: &[(&str, u64)]) -> u64 {
    let mut files: Vec<String> = (0..N_SHORT).map(|n| format!("in/{n:03}")).collect();
    files.push("in/z".into());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let takes = format!("takes {LONG_S}");
    let acts = [("mid/z", takes.as_str()), ("out/z", takes.as_str())];
    let options = Options {
        jobs: CORES,
        took: took.iter().map(|(job, s)| (job.to_string(), *s)).collect(),
        ..Options::default()
    };
    let story = simulate(TEXT, &files, &acts, options);
    let seconds = |line: &String| line.split(' ').next().unwrap().parse::<u64>().ok();
    story.told.iter().filter_map(seconds).max().unwrap()
}

#[test]
fn a_slow_chain_is_not_left_for_the_end() {
    // No schedule is shorter than the chain, and this one fills the cores to less than that.
    let best = 2 * LONG_S;
    assert!(2 * N_SHORT as u64 + best < best * u64::from(CORES));
    let in_file_order = makespan(&[]);
    assert!(in_file_order * 10 >= best * 13, "{in_file_order} of {best}");
    let mut took = vec![
        ("mid/z", LONG_S),
        ("out/z", LONG_S),
        ("mid/000", 1),
        ("out/000", 1),
    ];
    let weighed = makespan(&took);
    assert!(weighed * 100 <= best * 105, "{weighed} of {best}");
    // Its second half alone tells enough.
    took.remove(0);
    let weighed = makespan(&took);
    assert!(weighed * 100 <= best * 105, "{weighed} of {best}");
}

#[test]
fn a_new_job_weighs_what_its_rule_does() {
    let text = "\
transform quick: match in/{n} -> quick/{n}
    job {job}
transform slow: match in/{n} -> slow/{n}
    job {job}
";
    let options = Options {
        jobs: 1,
        took: vec![("quick/a".into(), 1), ("slow/a".into(), 9)],
        ..Options::default()
    };
    let story = simulate(text, &["in/a", "in/b"], &[], options);
    let starts = |line: &&String| line.ends_with("starts");
    let started: Vec<&str> = story
        .told
        .iter()
        .filter(starts)
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(started, ["slow/a", "slow/b", "quick/a", "quick/b"]);
}
