//! Runs that end before all is done: drained, interrupted, or without what runs their jobs.

use super::simulated::{Options, simulate};
use super::{CHAIN, tells};
use crate::run::{Interrupt, Msg};

#[test]
fn a_drain_lets_what_runs_finish() {
    let options = Options {
        messages: vec![(1, Msg::Drain)],
        ..Options::default()
    };
    let story = simulate(CHAIN, &["x.a"], &[("x.b", "takes 3")], options);
    tells(
        &story,
        &[
            "0 x.b starts",
            "3 x.b ok",
            "3 x.c cancelled",
            "3 all.e cancelled",
        ],
    );
    assert!(story.has("x.b"));
}

#[test]
fn an_interrupt_cuts_off_and_brings_old_outputs_back() {
    let options = Options {
        messages: vec![(1, Msg::Interrupt(Interrupt::Interrupt))],
        ..Options::default()
    };
    let story = simulate(CHAIN, &["x.b=old", "x.a"], &[("x.b", "takes 3")], options);
    tells(
        &story,
        &[
            "0 x.b starts",
            "1 x.b cancelled",
            "1 x.c cancelled",
            "1 all.e cancelled",
        ],
    );
    assert_eq!(story.read("x.b"), "old");
    assert_eq!(story.interrupt, Some(Interrupt::Interrupt));
}

#[test]
fn a_try_that_was_to_be_repeated_is_the_last_when_the_run_ends() {
    let text = "[retries 2, backoff 5s]\nmerge m: in.a -> out.e\n    job {job}\n";
    let ends = [
        (vec![(2, Msg::Interrupt(Interrupt::Interrupt))], None),
        (vec![(2, Msg::Drain)], None),
        (Vec::new(), Some(2)),
    ];
    for (messages, loses_executor_at) in ends {
        let options = Options {
            messages,
            loses_executor_at,
            ..Options::default()
        };
        let acts = [("out.e", "makes out.e fails")];
        let story = simulate(text, &["out.e=old", "in.a"], &acts, options);
        tells(
            &story,
            &["0 out.e starts", "1 out.e retry", "2 out.e failed"],
        );
        assert_eq!(story.read("out.e"), "old");
    }
}

#[test]
fn a_lost_executor_ends_the_run_and_brings_old_outputs_back() {
    let options = Options {
        loses_executor_at: Some(1),
        ..Options::default()
    };
    let story = simulate(CHAIN, &["x.b=old", "x.a"], &[("x.b", "takes 3")], options);
    assert!(story.lost.is_some());
    assert_eq!(story.read("x.b"), "old");
    tells(
        &story,
        &[
            "0 x.b starts",
            "1 x.b killed",
            "1 x.c cancelled",
            "1 all.e cancelled",
        ],
    );
}

#[test]
fn a_lost_executor_cuts_off_what_a_rule_does_at_its_end() {
    let text = "[then \"note then\"]\nmerge m: in.a -> out.e\n    job {job}\n";
    let options = Options {
        loses_executor_at: Some(3),
        ..Options::default()
    };
    let acts = [("then", "takes 5")];
    let story = simulate(text, &["in.a"], &acts, options);
    tells(
        &story,
        &[
            "0 out.e starts",
            "1 out.e ok",
            "1 then:m starts",
            "3 then:m killed",
        ],
    );
}

#[test]
fn a_drain_leaves_what_a_rule_does_at_its_end_undone() {
    let text = "[then \"note then\"]\nmerge m: in.a -> out.e\n    job {job}\n";
    let options = Options {
        messages: vec![(1, Msg::Drain)],
        ..Options::default()
    };
    let story = simulate(text, &["in.a"], &[("out.e", "takes 3")], options);
    tells(
        &story,
        &["0 out.e starts", "3 out.e ok", "3 then:m cancelled"],
    );
}
