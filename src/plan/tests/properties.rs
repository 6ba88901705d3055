//! Splits may run in any order: the plan comes out the same.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use bstr::{BString, ByteSlice};
use proptest::prelude::*;

use super::world::{World, dump, grow, pending_splits, said};
use crate::plan::{Context, Plan};

/// Numbers from which one rule is written.
pub(crate) type Seed = (u8, u8, u8, u8);

/// A workflow of these rules, each of whose files lie in a folder of the rule's own.
pub(crate) fn workflow(seeds: &[Seed]) -> String {
    let mut text = String::new();
    let mut captured: Vec<Option<String>> = Vec::new();
    for (at, &(verb, first, second, extra)) in seeds.iter().enumerate() {
        let source = |pick: u8| match usize::from(pick) % (2 * at + 1) {
            0 => "in/*.f".to_string(),
            pick if pick <= at => format!("r{}", pick - 1),
            pick => format!("r{}/**/*.f", pick - 1 - at),
        };
        let (one, two) = (source(first), source(second));
        let only = usize::from(first) % (2 * at + 1);
        let has_two = second % 3 == 0 && one != two;
        let brought = match only {
            pick if pick > 0 && pick <= at && !has_two => captured[pick - 1].clone(),
            _ => None,
        };
        let mut sources = one;
        if has_two {
            write!(sources, " {two}").unwrap();
        }
        let with = match usize::from(extra) % (3 * at + 3) {
            pick if pick < at => format!(" with r{pick}"),
            pick if pick < 2 * at => format!(" with r{}/**", pick - at),
            _ => String::new(),
        };
        let filter = format!("regex '(?<g{at}>[^/])[^/]*$'");
        let own = Some(format!("g{at}"));
        let (header, captures) = match verb % 6 {
            0 => (format!("split r{at}: {sources}{with} -> r{at}/*.f"), None),
            1 => (format!("merge r{at}: {sources}{with} -> r{at}/all.f"), None),
            2 => (
                format!("subdivide r{at}: {sources} {filter}{with} -> r{at}/{{dir}}/{{stem}}.*.f"),
                own,
            ),
            3 => match &brought {
                Some(name) => (
                    format!("collate r{at}: {sources}{with} -> r{at}/{{{name}}}.f"),
                    brought.clone(),
                ),
                None => (
                    format!("collate r{at}: {sources} {filter}{with} -> r{at}/{{g{at}}}.f"),
                    own,
                ),
            },
            _ => (
                format!("transform r{at}: {sources}{with} -> r{at}/{{dir}}/{{stem}}.f"),
                brought.clone(),
            ),
        };
        captured.push(captures);
        writeln!(text, "{header}\n    x").unwrap();
    }
    text
}

/// What a split or subdivide makes: up to three files, as its pattern and `seed` decide.
pub(crate) fn files(pattern: &[u8], seed: u64) -> Vec<BString> {
    let mut hasher = DefaultHasher::new();
    (pattern, seed).hash(&mut hasher);
    let mask = hasher.finish();
    let names = ["a", "ab", "b"].iter().enumerate();
    let taken = names.filter(|(at, _)| mask >> at & 1 == 1);
    taken
        .map(|(_, name)| pattern.replacen("*", name, 1).into())
        .collect()
}

/// Lets all splits run, `choose` picking the next of so many, and shows the plan.
fn grown(world: &World, seed: u64, mut choose: impl FnMut(usize) -> usize) -> String {
    let listing = world.listing();
    let context = Context {
        workflow: &world.workflow,
        listing: &listing,
    };
    let mut plan = Plan::new(context);
    let mut n_grown = 0;
    loop {
        let pending = pending_splits(&plan, context);
        if pending.is_empty() || n_grown > 60 {
            break;
        }
        let job = pending[choose(pending.len())];
        let made = files(plan.key(job), seed);
        grow(world, &mut plan, context, job, &made);
        n_grown += 1;
    }
    if n_grown > 60 {
        return String::new();
    }
    let mut wrong: Vec<String> = plan.diags.iter().map(said).collect();
    wrong.sort();
    wrong.dedup();
    format!("{}{}", dump(&plan, context), wrong.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn splits_may_run_in_any_order(
        seeds in prop::collection::vec(any::<Seed>(), 1..7),
        files in prop::collection::btree_set("in/[ab]{1,2}[.]f", 0..4),
        seed: u64,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 64),
    ) {
        let text = workflow(&seeds);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let world = World::new(&text, &files);
        let in_order = grown(&world, seed, |_| 0);
        // All files are there now.
        let again = grown(&world, seed, |_| 0);
        prop_assert_eq!(&in_order, &again, "\n{}", text);
        let world = World::new(&text, &files);
        let mut picks = picks.into_iter();
        let shuffled = grown(&world, seed, |n| picks.next().map_or(0, |pick| pick.index(n)));
        prop_assert_eq!(in_order, shuffled, "\n{}", text);
    }
}
