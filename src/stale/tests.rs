//! Which jobs must run and why, told over files in memory.

use std::cell::RefCell;

use bstr::BStr;
use proptest::prelude::*;

use super::{Forced, Judge, Level, Reason, Verdict, settle};
use crate::dense::Id;
use crate::disk::{Disk, Time};
use crate::history::{History, NoHistory, Store};
use crate::pattern::Listing;
use crate::plan::tests::properties::{Seed, files, workflow};
use crate::plan::tests::world::{World, lines, names};
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};

/// A history in memory, in which these jobs began and did not end.
fn unfinished(keys: &[&str]) -> Store {
    let mut store = Store::default();
    for key in keys {
        store.started(key.as_bytes()).unwrap();
    }
    store
}

/// A judgement of all that some targets need.
pub(crate) struct Judged {
    pub plan: Plan,
    pub wanted: Wanted,
    pub judge: Judge,
}

/// Judges what the targets need, rules or files; everything when there are none.
pub(crate) fn judge<'a>(
    world: &'a World,
    listing: &'a RefCell<Listing<'a>>,
    targets: &[&str],
    forced: &[&str],
    history: &dyn History,
) -> Judged {
    let context = Context {
        workflow: &world.workflow,
        listing,
    };
    let rule = |name: &str| {
        let mut rules = world.workflow.rules.iter();
        rules.find(|(_, rule)| rule.name == name).map(|(id, _)| id)
    };
    let mut plan = Plan::new(context);
    let mut wanted = Wanted::default();
    for target in targets {
        match rule(target) {
            Some(rule) => wanted.add_rule(&plan, context, rule),
            None => assert!(
                wanted.add_file(&plan, context, BStr::new(target)),
                "{target}"
            ),
        }
    }
    if targets.is_empty() {
        wanted.add_everything(&plan, context);
    }
    let mut force = Forced::default();
    for name in forced {
        force.rules.insert(rule(name).unwrap().index());
    }
    let mut judge = Judge::new(force, Level::default());
    settle(
        &mut plan,
        context,
        &mut wanted,
        &mut judge,
        &world.disk,
        history,
    );
    Judged {
        plan,
        wanted,
        judge,
    }
}

impl Judged {
    /// One line for each job that must run, and for each input that is not there.
    fn lines(&self) -> Vec<String> {
        let Judged { plan, judge, .. } = self;
        let name = |path: PathId| plan.path(path).to_string();
        let mut lines = Vec::new();
        for &job in &plan.known {
            let Verdict::Stale(reason) = judge.verdict(job) else {
                continue;
            };
            let why = match reason {
                Reason::Forced => "forced".into(),
                Reason::Awaited(output) => format!("{} is awaited", name(output)),
                Reason::Needed { output, by } => {
                    format!("{} is needed for {}", name(output), plan.key(by))
                }
                Reason::OutputMissing(output) => format!("{} is missing", name(output)),
                Reason::InputNewer { input, output } => {
                    format!("{} is newer than {}", name(input), name(output))
                }
                Reason::Unfinished => "unfinished".into(),
                Reason::Always
                | Reason::CheckCommand
                | Reason::NoRecord
                | Reason::InputsUnknown
                | Reason::InputGone(_)
                | Reason::Failed
                | Reason::OutputChanged(_)
                | Reason::InputChanged(_)
                | Reason::InputsDiffer
                | Reason::RecipeChanged
                | Reason::ParamsChanged => format!("{reason:?}"),
                Reason::Upstream(job) => format!("{} runs", plan.key(job)),
            };
            lines.push(format!("{}: {why}", plan.key(job)));
        }
        for missing in &judge.missing {
            lines.push(format!(
                "{} lacks {}",
                plan.key(missing.job),
                name(missing.path)
            ));
        }
        lines
    }

    fn stale(&self) -> Vec<JobId> {
        let known = self.plan.known.iter().copied();
        known.filter(|job| self.judge.will_run(*job)).collect()
    }
}

const CHAIN: &str = "transform one: *.a suffix .a -> .b
    x
transform two: one suffix .b -> .c .d
    x
merge all: two -> all.e
    x
";

/// Files as old as their place in the list: the first is the oldest.
#[track_caller]
fn stale(text: &str, files: &[&str], targets: &[&str], expected: &str) {
    let world = World::new(text, files);
    let listing = world.listing();
    let judged = judge(&world, &listing, targets, &[], &NoHistory);
    assert_eq!(judged.lines(), lines(expected), "\n{text}");
}

#[test]
fn nothing_is_stale_when_every_file_is_younger_than_what_it_is_made_from() {
    stale(CHAIN, &["x.a", "x.b", "x.c", "x.d", "all.e"], &[], "");
    // A job's own outputs may be of any order, and as old as its inputs.
    stale(CHAIN, &["x.a", "x.b", "x.d", "x.c", "all.e"], &[], "");
    let world = World::new(CHAIN, &["x.a", "x.b", "x.c", "x.d", "all.e"]);
    for file in ["x.a", "x.b", "x.c", "x.d", "all.e"] {
        world.disk.set_time(file, Time(7));
    }
    let listing = world.listing();
    assert!(
        judge(&world, &listing, &[], &[], &NoHistory)
            .stale()
            .is_empty()
    );
}

#[test]
fn a_reason_goes_through_the_whole_graph() {
    stale(
        CHAIN,
        &[
            "y.a", "y.b", "y.c", "y.d", "x.b", "x.c", "x.d", "all.e", "x.a",
        ],
        &[],
        "x.b: x.a is newer than x.b
        x.c: x.b runs
        all.e: x.c runs",
    );
}

#[test]
fn an_intermediate_file_that_is_missing_is_made_again() {
    stale(
        CHAIN,
        &["x.a", "x.c", "x.d", "all.e"],
        &[],
        "x.b: x.b is missing
        x.c: x.b runs
        all.e: x.c runs",
    );
    stale(
        CHAIN,
        &["x.a", "x.b", "x.c", "all.e"],
        &[],
        "x.c: x.d is missing
        all.e: x.c runs",
    );
}

#[test]
fn the_oldest_output_is_held_against_the_newest_input() {
    stale(
        "merge all: *.a with r.txt -> one.e two.e\n    x\n",
        &["x.a", "one.e", "y.a", "r.txt", "two.e"],
        &[],
        "one.e: r.txt is newer than one.e",
    );
}

#[test]
fn targets_want_what_they_need_and_no_more() {
    let files = ["x.a", "y.a"];
    let x = "x.b: x.b is missing
        x.c: x.c is missing";
    stale(CHAIN, &files, &["x.c"], x);
    stale(CHAIN, &files, &["x.d"], x);
    stale(
        CHAIN,
        &files,
        &["one"],
        "x.b: x.b is missing
        y.b: y.b is missing",
    );
    // What nobody asked for may lack its inputs.
    let text = "merge one: gone.txt -> one.e\n    x\nmerge two: *.a -> two.e\n    x\n";
    stale(text, &files, &["two"], "two.e: two.e is missing");
    stale(
        text,
        &files,
        &[],
        "one.e: one.e is missing
        two.e: two.e is missing
        one.e lacks gone.txt",
    );
}

#[test]
fn what_is_made_from_nothing_is_looked_at_for_existence() {
    let text = "originate o -> o.a p.a\n    x\ntransform t: o suffix .a -> .b\n    x\n";
    stale(text, &["o.a", "p.a", "o.b", "p.b"], &[], "");
    stale(
        text,
        &["o.b", "p.b", "o.a"],
        &[],
        "p.a: p.a is missing
        o.b: o.a is newer than o.b
        p.b: p.a runs",
    );
}

#[test]
fn the_first_reason_in_the_order_is_told() {
    let reasons = |files: &[&str], forced: &[&str], history: Store| {
        let world = World::new(CHAIN, files);
        let listing = world.listing();
        judge(&world, &listing, &["two"], forced, &history).lines()
    };
    let wrong = ["x.b", "x.c", "x.a"];
    let began = unfinished(&["x.b", "x.c"]);
    assert_eq!(
        reasons(&wrong, &["two"], began),
        ["x.b: x.a is newer than x.b", "x.c: forced"]
    );
    let began = unfinished(&["x.b", "x.c"]);
    assert_eq!(
        reasons(&wrong, &[], began),
        ["x.b: x.a is newer than x.b", "x.c: x.d is missing"]
    );
    let right = ["x.a", "x.b", "x.c", "x.d"];
    let began = unfinished(&["x.b", "x.c"]);
    assert_eq!(
        reasons(&right, &[], began),
        ["x.b: unfinished", "x.c: unfinished"]
    );
    let began = unfinished(&["x.b"]);
    assert_eq!(
        reasons(&right, &[], began),
        ["x.b: unfinished", "x.c: x.b runs"]
    );
}

#[test]
fn what_follows_a_split_is_judged_when_the_split_is_fresh() {
    let text = "split s: big.txt -> p/*.p
    x
transform t: s suffix .p -> .q
    x
merge m: t -> all.e
    x
";
    stale(
        text,
        &["big.txt", "p/1.p", "p/2.p", "p/1.q"],
        &[],
        "p/2.q: p/2.q is missing
        all.e: all.e is missing",
    );
    stale(
        text,
        &["p/1.p", "p/1.q", "all.e", "big.txt"],
        &[],
        "p/*.p: big.txt is newer than p/1.p",
    );
    stale(text, &["big.txt"], &[], "p/*.p: p/*.p is missing");
    // A file of the split makes only its own way stale.
    let world = World::new(
        text,
        &["big.txt", "p/1.p", "p/2.p", "p/1.q", "p/2.q", "all.e"],
    );
    world.disk.touch("p/2.p");
    let listing = world.listing();
    assert_eq!(
        judge(&world, &listing, &[], &[], &NoHistory).lines(),
        ["p/2.q: p/2.p is newer than p/2.q", "all.e: p/2.q runs"]
    );
}

#[test]
fn a_folder_is_there_or_not_and_a_link_is_its_target() {
    let text = "merge unpack: pack.tar -> out/\n    x\nmerge m: out/1.txt -> m.e\n    x\n";
    stale(text, &["pack.tar", "out/1.txt", "m.e"], &[], "");
    stale(
        text,
        &["pack.tar", "m.e"],
        &[],
        "out/: out/ is missing
        m.e: out/ runs",
    );
    let world = World::new("merge m: in.txt -> out.e\n    x\n", &["real", "out.e"]);
    world.disk.link("in.txt", "real");
    let listing = world.listing();
    assert!(
        judge(&world, &listing, &[], &[], &NoHistory)
            .stale()
            .is_empty()
    );
    world.disk.touch("real");
    assert_eq!(
        judge(&world, &listing, &[], &[], &NoHistory).lines(),
        ["out.e: in.txt is newer than out.e"]
    );
}

/// Runs what is stale until nothing is: outputs are written, upstream first. False when it will
/// not end.
fn run_all(world: &World, seed: u64) -> bool {
    for _ in 0..20 {
        let listing = world.listing();
        let Judged { plan, judge, .. } = judge(world, &listing, &[], &[], &NoHistory);
        let mut n_run = 0;
        for &job in plan.known.iter().filter(|job| judge.will_run(**job)) {
            n_run += 1;
            let rule = plan.rule_of(&world.workflow, job);
            for &output in plan.outputs(job) {
                let mut made = vec![plan.path(output).into()];
                if rule.makes_unknown_files() {
                    made = files(plan.path(output), seed);
                }
                for file in made {
                    world.disk.write(&file, "x");
                }
            }
        }
        if n_run == 0 {
            return true;
        }
    }
    false
}

/// Known jobs that read the file, or something that one of them makes.
fn descendants(plan: &Plan, path: PathId) -> Vec<JobId> {
    let mut found: Vec<JobId> = Vec::new();
    for &job in &plan.known {
        let reads = plan.inputs(job).iter().any(|&input| {
            let producer = plan.producer(input);
            input == path || producer.is_some_and(|producer| found.contains(&producer))
        });
        if reads {
            found.push(job);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_change_makes_its_descendants_stale_and_nothing_else(
        seeds in prop::collection::vec(any::<Seed>(), 1..6),
        sources in prop::collection::btree_set("in/[ab]{1,2}[.]f", 1..4),
        seed: u64,
        pick: prop::sample::Index,
    ) {
        let text = workflow(&seeds);
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let world = World::new(&text, &sources);
        let is_wrong = |judged: &Judged| judged.plan.diags.iter().any(|diag| diag.is_error());
        let listing = world.listing();
        prop_assume!(!is_wrong(&judge(&world, &listing, &[], &[], &NoHistory)));
        prop_assume!(run_all(&world, seed));
        let listing = world.listing();
        let before = judge(&world, &listing, &[], &[], &NoHistory);
        prop_assume!(!is_wrong(&before));
        prop_assert_eq!(before.lines(), [""; 0], "\n{}", text);
        let paths: Vec<PathId> = before
            .plan
            .paths
            .ids()
            .filter(|path| world.disk.stat(before.plan.path(*path)).unwrap().is_some())
            .collect();
        let touched = paths[pick.index(paths.len())];
        world.disk.touch(before.plan.path(touched));
        let after = judge(&world, &listing, &[], &[], &NoHistory);
        let touched = after.plan.paths.find(before.plan.path(touched)).unwrap();
        prop_assert_eq!(
            after.stale(),
            descendants(&after.plan, touched),
            "{} touched\n{}",
            names(&after.plan, &[touched]),
            text
        );
    }
}
