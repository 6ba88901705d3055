//! Random workflows, random edits: what ran is what the dry run said, nothing is left stale, and
//! the results are those of a clean build.
//!
//! A world is its seed: `EDITS_SEED=N` plays one, `EDITS_WORLDS=N` that many.

#[path = "edits/graph.rs"]
mod graph;
#[path = "edits/mem.rs"]
mod mem;
#[path = "edits/user.rs"]
mod user;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flow::disk::{Disk, MemDisk};
use graph::{Dice, Graph};
use mem::{Ended, Project, Trouble};
use user::User;

/// Calls `world` with each seed; a failure names its seed.
fn worlds(n: u64, world: impl Fn(u64)) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    if let Some(seed) = number("EDITS_SEED") {
        return world(seed);
    }
    for seed in 0..number("EDITS_WORLDS").unwrap_or(n) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world(seed))) {
            eprintln!("--- this was EDITS_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// What a build from the sources alone makes.
fn clean_results(text: &str, disk: &MemDisk) -> BTreeMap<String, Vec<u8>> {
    let state = mem::state_folder();
    let mut clean = Project::new(state.path());
    for entry in disk.list(b"in").unwrap().unwrap() {
        let path = format!("in/{}", entry.name);
        clean.disk.write(&path, disk.read(path.as_bytes()).unwrap());
    }
    let ended = clean.run(text, Trouble::default()).unwrap();
    assert_eq!(ended.bad, [""; 0]);
    clean.results()
}

/// Each file of a clean build is there and the same. Others may be left from before.
#[track_caller]
fn assert_right(project: &Project, graph: &Graph, text: &str, story: &[String]) {
    let results = project.results();
    for (path, expected) in clean_results(text, &project.disk) {
        let found = results.get(&path);
        if found.is_none() && graph.is_temp(&path) {
            // Read once, and by nobody now.
            continue;
        }
        assert_eq!(found, Some(&expected), "{path}\n{story:#?}\n{text}");
    }
}

#[track_caller]
fn assert_idle(project: &mut Project, text: &str, story: &[String]) {
    let after = project.plan(text);
    assert_eq!(
        (after.stale, after.maybe),
        Default::default(),
        "left stale\n{story:#?}\n{text}"
    );
    let again = project.run(text, Trouble::default()).unwrap();
    assert!(again.ran.is_empty(), "{:?}\n{story:#?}\n{text}", again.ran);
}

/// What ran is what the dry run said, a maybe aside; more only behind a split.
#[track_caller]
fn assert_as_said(said: &Ended, ended: &Ended, story: &[String], text: &str) {
    for job in said.stale.keys() {
        assert!(
            ended.ran.contains(job),
            "{job} did not run\n{story:#?}\n{text}"
        );
    }
    for job in &ended.ran {
        let was_said = said.stale.contains_key(job) || said.maybe.contains_key(job);
        let was_said = was_said || !said.known.contains(job);
        assert!(was_said, "{job} was called fresh\n{story:#?}\n{text}");
    }
}

fn edit(graph: &mut Graph, user: &mut User, disk: &MemDisk, dice: &mut Dice) -> String {
    match dice.below(10) {
        0..=4 => user.edit_source(disk, dice),
        5..=6 => graph.edit(dice),
        _ => user.edit_output(disk, dice),
    }
}

/// A project with its first run done.
fn begin(dice: &mut Dice, state: &std::path::Path) -> (Graph, User, Project) {
    let (graph, mut user) = (Graph::random(dice), User::default());
    let mut project = Project::new(state);
    user.begin(&project.disk, dice);
    let text = graph.text();
    let ended = project.run(&text, Trouble::default()).unwrap();
    assert_eq!(ended.bad, [""; 0], "{text}");
    assert_idle(&mut project, &text, &[]);
    (graph, user, project)
}

#[test]
fn after_any_edits_a_run_makes_what_a_clean_build_makes() {
    worlds(60, |seed| {
        let mut dice = Dice::new(seed);
        let state = mem::state_folder();
        let (mut graph, mut user, mut project) = begin(&mut dice, state.path());
        for _ in 0..4 {
            let mut story = Vec::new();
            for _ in 0..1 + dice.below(4) {
                story.push(edit(&mut graph, &mut user, &project.disk, &mut dice));
            }
            let text = graph.text();
            let said = project.plan(&text);
            let trouble = Trouble {
                shuffle: seed,
                ..Trouble::default()
            };
            let ended = project.run(&text, trouble).unwrap();
            assert_eq!(ended.bad, [""; 0], "{story:#?}\n{text}");
            assert_as_said(&said, &ended, &story, &text);
            assert_right(&project, &graph, &text, &story);
            assert_idle(&mut project, &text, &story);
        }
    });
}

#[test]
fn after_failures_are_mended_all_is_right() {
    worlds(60, |seed| {
        let mut dice = Dice::new(seed);
        let state = mem::state_folder();
        let (mut graph, mut user, mut project) = begin(&mut dice, state.path());
        for _ in 0..3 {
            let mut story = vec![edit(&mut graph, &mut user, &project.disk, &mut dice)];
            story.push(graph.set_failing(Some(&mut dice)));
            for _ in 0..1 + dice.below(2) {
                project.run(&graph.text(), Trouble::default()).unwrap();
                story.push(edit(&mut graph, &mut user, &project.disk, &mut dice));
            }
            story.push(graph.set_failing(None));
            let text = graph.text();
            let ended = project.run(&text, Trouble::default()).unwrap();
            assert_eq!(ended.bad, [""; 0], "{story:#?}\n{text}");
            assert_right(&project, &graph, &text, &story);
            assert_idle(&mut project, &text, &story);
        }
    });
}

#[test]
fn after_the_engine_died_anywhere_the_next_run_is_right() {
    worlds(40, |seed| {
        let mut dice = Dice::new(seed);
        let state = mem::state_folder();
        let (mut graph, mut user, mut project) = begin(&mut dice, state.path());
        for _ in 0..3 {
            let mut story = Vec::new();
            for _ in 0..1 + dice.below(2) {
                story.push(edit(&mut graph, &mut user, &project.disk, &mut dice));
                let trouble = Trouble {
                    dies_after: Some(dice.below(30) as u64),
                    shuffle: seed,
                };
                let died = project.run(&graph.text(), trouble).is_none();
                story.push(format!("run, died: {died} after {:?}", trouble.dies_after));
            }
            if dice.one_in(2) {
                story.push(edit(&mut graph, &mut user, &project.disk, &mut dice));
            }
            let text = graph.text();
            let ended = project.run(&text, Trouble::default()).unwrap();
            assert_eq!(ended.bad, [""; 0], "{story:#?}\n{text}");
            assert_right(&project, &graph, &text, &story);
            assert_idle(&mut project, &text, &story);
            for left in ["aside", "tmp"] {
                let left = format!(".flow/{left}");
                let names = project.disk.list(left.as_bytes()).unwrap();
                assert!(names.unwrap_or_default().is_empty(), "{left}: {story:#?}");
            }
        }
    });
}

#[test]
fn what_is_protected_stays_as_it_was_found() {
    worlds(40, |seed| {
        let mut dice = Dice::new(seed);
        let state = mem::state_folder();
        let (mut graph, mut user, mut project) = begin(&mut dice, state.path());
        let folders = graph.protect(&mut dice);
        for _ in 0..4 {
            let mut story = vec![format!("protected: {folders:?}")];
            for _ in 0..1 + dice.below(3) {
                story.push(edit(&mut graph, &mut user, &project.disk, &mut dice));
            }
            if dice.one_in(3) {
                story.push(graph.set_failing(Some(&mut dice)));
            }
            let mut before = project.results();
            let recorded = project.recorded();
            before.retain(|path, _| {
                recorded.contains(path) && folders.iter().any(|folder| path.starts_with(folder))
            });
            let text = graph.text();
            let trouble = Trouble {
                dies_after: dice.one_in(3).then(|| dice.below(30) as u64),
                shuffle: seed,
            };
            project.run(&text, trouble);
            // What a run that died had in hand, the next one puts back.
            project.run(&text, Trouble::default()).unwrap();
            let after = project.results();
            for (path, text_before) in before {
                assert_eq!(
                    after.get(&path),
                    Some(&text_before),
                    "{path}\n{story:#?}\n{text}"
                );
            }
            graph.set_failing(None);
        }
    });
}
