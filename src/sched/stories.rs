//! Small stories: jobs, what becomes of them, and when. The words are in `notation`.

use std::time::Duration;

use super::notation::{read, simulate, stands, starts};
use super::world::World;
use super::*;

#[test]
fn skips_what_follows_a_failure() {
    simulate("a -> b -> c; a fails", "a failed; b skipped; c skipped");
}

#[test]
fn jobs_start_as_soon_as_their_own_upstream_is_there() {
    starts(
        "a -> b; c -> d; a c -> e; c takes 3",
        "0: c a; 1: b; 3: d e",
    );
}

#[test]
fn what_does_not_follow_a_failure_goes_on() {
    simulate(
        "a -> b; c -> d; b d -> e; a fails; keep going",
        "c ok; a failed; b skipped; e skipped; d ok",
    );
}

#[test]
fn the_first_failure_lets_finish_what_runs() {
    simulate(
        "cores 2; a; b takes 5; c; c -> d; a fails; a priority 2; b priority 1",
        "a failed; b ok; c cancelled; d cancelled",
    );
}

#[test]
fn so_many_failures_and_no_more() {
    simulate(
        "cores 1; a b c d; a b fails; max fail 2",
        "a failed; b failed; c cancelled; d cancelled",
    );
}

#[test]
fn a_failed_job_is_tried_again_in_its_place() {
    starts(
        "cores 1; a b c; a fails 2; a retries 2",
        "0: a; 1: a; 2: a; 3: b; 4: c",
    );
    simulate("a -> b; a fails 2; a retries 2", "a ok; b ok");
    simulate("a -> b; a fails 3; a retries 2", "a failed; b skipped");
}

#[test]
fn backoff_holds_no_permit() {
    starts(
        "limit net 1; a b needs net; a fails 1; a retries 1 after 10; a priority 1; b takes 3",
        "0: a; 1: b; 11: a",
    );
}

#[test]
fn a_retry_may_need_more() {
    starts(
        "mem 10; a needs 4 mem then 8 mem; a fails 1; a retries 1; b needs 4 mem; b takes 9; b priority 1",
        "0: b a; 9: a",
    );
}

#[test]
fn a_failing_job_is_not_tried_again_when_the_run_stops() {
    simulate(
        "a b -> c; a fails; b fails; b retries 5; b takes 2",
        "a failed; c skipped; b failed",
    );
    simulate(
        "a -> b; a fails; a retries 5 after 60; stop at 30",
        "a failed; b skipped",
    );
}

#[test]
fn a_job_that_could_not_be_started_keeps_its_tries() {
    starts("a -> b; a put back 2", "0: a; 1: a; 2: a; 3: b");
    simulate("a put back 5; a; stop at 2", "a cancelled");
}

#[test]
fn waiting_for_a_limit_holds_nothing_else_up() {
    starts(
        "cores 2; limit net 1; a b c needs net; a b c priority 9; a b c takes 4; d e",
        "0: a d; 1: e; 4: b; 8: c",
    );
}

#[test]
fn big_and_small_share_the_cores() {
    starts(
        "cores 4; a needs 3 cores; b needs 3 cores; c d; a takes 2; b takes 2; a priority 1",
        "0: a c; 1: d; 2: b",
    );
}

#[test]
fn several_limits_are_taken_together_or_not_at_all() {
    starts(
        "limit x 1; limit y 1; a needs x; b needs x y; c needs y; a takes 2; a priority 1; c priority 1",
        "0: a c; 2: b",
    );
}

#[test]
fn more_than_there_is_runs_alone_and_says_so_once() {
    let story = "cores 4; mem 10; a b needs 50 mem; c d; a b priority 1; c takes 2";
    starts(story, "0: a; 1: b; 2: c d");
    simulate(story, "a is clamped; a ok; b ok; d ok; c ok");
    starts(
        "cores 2; gpus 0; a needs 1 gpus; b; b priority 1",
        "0: b; 1: a",
    );
}

#[test]
fn priority_then_longest_path_then_order() {
    starts(
        "cores 1; a; b -> c; d; e; e priority 1; c weighs 9",
        "0: e; 1: b; 2: c; 3: a; 4: d",
    );
}

#[test]
fn the_longest_path_counts_seconds_not_jobs() {
    starts(
        "cores 1; a -> b -> c -> d; x -> y; y weighs 10",
        "0: x; 1: y; 2: a; 3: b; 4: c; 5: d",
    );
}

#[test]
fn paths_are_found_whatever_the_order_of_the_jobs() {
    // Named from the end, so that every edge leads to a lower id.
    starts(
        "cores 1; d; c; b; a; e; f; a -> b -> c -> d; e -> f",
        "0: a; 1: b; 2: c; 3: e; 4: d; 5: f",
    );
}

#[test]
fn a_seed_shuffles() {
    let order = |seed: u64| {
        let log = World::new(read(&format!(
            "cores 1; a[9] priority 1; b[9]; shuffle {seed}"
        )))
        .run();
        log.starts
            .into_iter()
            .map(|(_, name)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(3), order(3));
    assert_ne!(order(3), order(4));
    let is_first = order(3)[..9].iter().all(|name| name.starts_with('a'));
    assert!(!is_first, "a shuffle goes over priorities");
}

#[test]
fn a_maybe_that_is_fresh_lets_the_wave_stop() {
    simulate("a -> b -> c; b c maybe fresh", "a ok; b fresh; c fresh");
    simulate(
        "a -> b -> c; b maybe run; c maybe fresh",
        "a ok; b ok; c fresh",
    );
    simulate("a -> b -> c; b maybe broken", "a ok; b failed; c skipped");
    simulate("a -> b; a fails; b maybe run", "a failed; b skipped");
}

#[test]
fn a_stand_in_becomes_jobs_that_gather_again() {
    starts(
        "split -> r* -> merge; r* becomes r[3]; r3 takes 5",
        "0: split; 1: r3 r1 r2; 6: merge",
    );
    simulate("split -> r* -> merge; r* becomes", "split ok; merge ok");
}

#[test]
fn stand_ins_follow_each_other() {
    starts(
        "split -> r* -> s* -> merge; r* becomes r[2]; r1 -> s1; r2 -> s2; s* becomes s[2]; r2 takes 3",
        "0: split; 1: r2 r1; 2: s1; 4: s2; 5: merge",
    );
}

#[test]
fn what_is_behind_a_failed_split_is_skipped() {
    simulate(
        "split -> r* -> merge; r* becomes r[3]; split fails",
        "split failed; merge skipped",
    );
    simulate(
        "split -> r* -> merge; r* becomes r[2]; r1 fails; keep going",
        "split ok; r2 ok; r1 failed; merge skipped",
    );
}

#[test]
fn late_jobs_may_follow_what_runs_is_done_or_failed() {
    let late = "s -> r*; r* becomes x; keep going;";
    simulate(&format!("{late} a -> x; a takes 3"), "s ok; a ok; x ok");
    simulate(&format!("{late} a -> x"), "s ok; a ok; x ok");
    simulate(
        &format!("{late} a -> x; a fails"),
        "s ok; a failed; x skipped",
    );
    simulate(
        "a; s -> r*; r* becomes x; keep going; a -> x; a fails",
        "s ok; a failed; x skipped",
    );
    simulate(
        &format!("{late} a -> b -> x; a fails"),
        "s ok; a failed; b skipped; x skipped",
    );
}

#[test]
fn a_stop_lets_what_runs_finish() {
    simulate(
        "cores 2; a b c -> d; a b takes 4; stop at 1",
        "a ok; b ok; c cancelled; d cancelled",
    );
}

#[test]
fn what_a_stop_cuts_off_is_cancelled_not_failed() {
    simulate(
        "cores 2; a b c -> d; a b takes 4; a b retries 3; cut at 1",
        "a cancelled; b cancelled; c cancelled; d cancelled",
    );
}

#[test]
fn nothing_is_judged_in_a_run_that_stops() {
    simulate(
        "a -> b; c; a takes 3; c fails; b maybe fresh",
        "c failed; a ok; b cancelled",
    );
}

fn two_cores() -> Sched {
    let totals = Totals {
        cores: 2,
        mem_mib: None,
        gpus: None,
    };
    Sched::new(totals, Options::default())
}

fn job(kind: KindId) -> Job {
    Job {
        kind,
        on_ready: OnReady::Start,
        weight: 1.0,
        order: 0,
    }
}

const END: Duration = Duration::from_secs(1);

#[test]
fn a_held_job_waits_for_its_release() {
    let mut sched = two_cores();
    let need = sched.need(Need::default());
    let kind = sched.kind(Kind::once(need));
    let a = sched.add([job(kind)], std::iter::empty);
    sched.hold(a);
    let mut actions = Vec::new();
    sched.step(&mut actions);
    assert_eq!((&actions[..], sched.standing()), (&[][..], Standing::Held));
    assert_eq!(sched.why_waiting(a), Some(Waiting::Upstream(1)));
    sched.release(a);
    sched.step(&mut actions);
    assert_eq!(actions, [Action::Start { job: a, attempt: 1 }]);
}

#[test]
fn a_job_goes_on_from_the_tries_of_an_earlier_run() {
    let mut sched = two_cores();
    let need = sched.need(Need::default());
    let kind = sched.kind(Kind {
        tries: 3,
        ..Kind::once(need)
    });
    let a = sched.add([job(kind)], std::iter::empty);
    sched.go_on_after(a, 1);
    let mut actions = Vec::new();
    sched.step(&mut actions);
    assert_eq!(actions, [Action::Start { job: a, attempt: 2 }]);
    let end = End::Failed;
    sched.tell(END, Msg::Ended { job: a, end });
    sched.step(&mut actions);
    assert_eq!(actions[2..], [Action::Start { job: a, attempt: 3 }]);
    sched.tell(END, Msg::Ended { job: a, end });
    sched.step(&mut actions);
    assert_eq!(actions[3..], [Action::Failed { job: a }]);
}

#[test]
fn a_new_job_can_be_held_until_the_next_step() {
    let mut sched = two_cores();
    let need = sched.need(Need::default());
    let kind = sched.kind(Kind::once(need));
    let mut actions = Vec::new();
    let a = sched.add([job(kind)], std::iter::empty);
    sched.step(&mut actions);
    let b = sched.add([job(kind)], || [(a, JobIdx(1))].into_iter());
    let end = End::Ok;
    sched.tell(END, Msg::Ended { job: a, end });
    sched.hold(b);
    sched.step(&mut actions);
    assert_eq!((actions.len(), sched.standing()), (1, Standing::Held));
    sched.release(b);
    sched.step(&mut actions);
    assert_eq!(actions[1], Action::Start { job: b, attempt: 1 });
}

#[test]
fn a_maybe_that_must_run_may_wait_for_jobs_that_are_added_for_it() {
    let mut sched = two_cores();
    let need = sched.need(Need::default());
    let kind = sched.kind(Kind::once(need));
    let maybe = Job {
        on_ready: OnReady::Judge,
        ..job(kind)
    };
    let a = sched.add([maybe], std::iter::empty);
    let mut actions = Vec::new();
    sched.step(&mut actions);
    assert_eq!(actions, [Action::Judge { job: a }]);
    let verdict = Verdict::RunLater;
    sched.tell(END, Msg::Judged { job: a, verdict });
    let b = sched.add([job(kind)], || [(JobIdx(1), a)].into_iter());
    sched.release(a);
    sched.step(&mut actions);
    assert_eq!(actions[1..], [Action::Start { job: b, attempt: 1 }]);
    let end = End::Ok;
    sched.tell(END, Msg::Ended { job: b, end });
    sched.step(&mut actions);
    // It is not asked about again.
    assert_eq!(actions[2..], [Action::Start { job: a, attempt: 1 }]);
}

#[test]
fn it_says_what_a_job_waits_for() {
    let mut sched = two_cores();
    let net = sched.limit(1);
    let need = sched.need(Need {
        limits: vec![net],
        ..Need::default()
    });
    let kind = sched.kind(Kind::once(need));
    let [a, b, c, d] = [0, 1, 2, 3].map(JobIdx);
    sched.add([job(kind); 4], || [(a, c), (b, c), (c, d)].into_iter());
    sched.step(&mut Vec::new());
    let lack = Lack {
        resource: Resource::Limit(net),
        wanted: 1,
        there: 0,
    };
    assert_eq!(sched.why_waiting(a), None);
    assert_eq!(sched.why_waiting(b), Some(Waiting::For(lack)));
    assert_eq!(sched.why_waiting(c), Some(Waiting::Upstream(2)));
    let mut upstream = Vec::new();
    sched.each_upstream(|job| job == c || job == d, |_, job| upstream.push(job));
    assert_eq!(upstream, [a, b, c]);
    assert_eq!(sched.ready().collect::<Vec<_>>(), [(need, 1, Some(lack))]);
    sched.tell(
        END,
        Msg::Ended {
            job: a,
            end: End::Failed,
        },
    );
    assert_eq!(sched.skipped_because(c), Some(a));
    assert_eq!(sched.why_waiting(b), Some(Waiting::Stopping));
}

#[test]
fn it_says_which_jobs_another_waits_for() {
    let story = "a b -> c -> d; a takes 3; b takes 1";
    stands(
        story,
        0,
        "a runs, try 1; b runs, try 1; c waits for a b; d waits for c",
    );
    stands(story, 1, "a runs, try 1; c waits for a; d waits for c");
    stands(story, 4, "d runs, try 1");
}

#[test]
fn it_says_what_is_short_and_who_has_it() {
    stands(
        "cores 4; limit net 1; a needs 3 cores net; b needs 2 cores net; c needs 2 cores; \
         a priority 1; a takes 9",
        0,
        "a runs, try 1; b waits for 1 net, 0 of 1 free, a has it \
         and 2 cores, 1 of 4 free, a has it; c waits for 2 cores, 1 of 4 free, a has it",
    );
    stands(
        "mem 10; gpus 1; a needs 8 mem 1 gpus; b needs 4 mem 1 gpus; a takes 9",
        0,
        "a runs, try 1; b waits for 1 gpus, 0 of 1 free, a has it \
         and 4 memory, 2 of 10 free, a has it",
    );
}

#[test]
fn it_says_when_a_failed_job_is_tried_again() {
    let story = "a -> b; a fails 1; a retries 2 after 30";
    stands(story, 5, "a is tried again at 31; b waits for a");
    stands(story, 31, "a runs, try 2; b waits for a");
}

#[test]
fn it_says_that_a_job_will_not_start_when_the_run_stops() {
    stands(
        "cores 1; a -> b; c; a takes 9; stop at 3",
        4,
        "a runs, try 1; b will not start; c will not start",
    );
}

#[test]
fn what_comes_of_a_stand_in_holds_up_what_waits_for_it() {
    let story = "s -> x -> r; x becomes p q; s takes 2; p takes 5";
    stands(
        story,
        1,
        "s runs, try 1; x waits for s; r waits for x; p is not known; q is not known",
    );
    stands(story, 4, "r waits for p; p runs, try 1");
}

#[test]
#[should_panic(expected = "in a circle")]
fn a_circle_is_a_mistake_of_the_caller() {
    let mut sched = two_cores();
    let need = sched.need(Need::default());
    let kind = sched.kind(Kind::once(need));
    let [a, b] = [0, 1].map(JobIdx);
    sched.add([job(kind); 2], || [(a, b), (b, a)].into_iter());
}

#[test]
#[should_panic(expected = "does not run")]
fn the_end_of_a_job_that_was_not_started_is_a_mistake_of_the_caller() {
    let mut sched = two_cores();
    let need = sched.need(Need::default());
    let kind = sched.kind(Kind::once(need));
    let a = sched.add([job(kind)], std::iter::empty);
    sched.tell(
        END,
        Msg::Ended {
            job: a,
            end: End::Ok,
        },
    );
}
