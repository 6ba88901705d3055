//! What holds in every run, whatever the jobs, needs, failures and stops: the world checks each
//! action against its own books, so here it is enough to run it to the end.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::world::{Script, Spec, World};
use super::*;

fn a_need() -> impl Strategy<Value = Need> {
    (0..6u32, 0..12u64, 0..3u32, vec(0..3u32, 0..3)).prop_map(|(cores, mem_mib, gpus, limits)| {
        Need {
            cores,
            mem_mib,
            gpus,
            limits: limits.into_iter().map(LimitId).collect(),
        }
    })
}

fn a_verdict() -> impl Strategy<Value = Option<Verdict>> {
    prop_oneof![
        6 => Just(None),
        2 => Just(Some(Verdict::Run)),
        2 => Just(Some(Verdict::Fresh)),
        1 => Just(Some(Verdict::Failed)),
    ]
}

fn a_job() -> impl Strategy<Value = Spec> {
    let needs = vec(a_need(), 1..3);
    let tries = (
        1..4u32,
        0..3u64,
        prop_oneof![4 => Just(0), 1 => 0..4u32],
        0..2u32,
    );
    let rest = (-1..2i32, 0..4u64, a_verdict());
    (needs, tries, rest).prop_map(|(needs, tries, (priority, takes_s, verdict))| {
        let (tries, backoff_s, n_failing, n_put_back) = tries;
        Spec {
            needs,
            priority,
            tries,
            backoff_s,
            takes_s,
            n_failing,
            n_put_back,
            verdict,
            ..Spec::new(String::new())
        }
    })
}

/// What joins the jobs: each gets up to three upstream jobs among those before it.
type Edges = Vec<Vec<Index>>;

fn a_script() -> impl Strategy<Value = Script> {
    let jobs = vec(a_job(), 1..30);
    let totals = (
        1..5u32,
        prop::option::of(0..9u64),
        prop::option::of(0..3u32),
    );
    let max_fail = prop_oneof![2 => Just(None), 1 => (1..4u32).prop_map(Some)];
    let options = (max_fail, prop::option::of(any::<u64>()));
    let end = prop_oneof![Just(End::Ok), Just(End::Cut)];
    let stop = prop::option::weighted(0.3, (0..20u64, end));
    let edges = vec(vec(any::<Index>(), 0..4), 30);
    let growth = vec(vec(any::<bool>(), 4), 30);
    let limits = vec(1..3u32, 3);
    let world = (totals, options, limits, stop);
    (jobs, edges, growth, any::<bool>(), world).prop_map(
        |(mut jobs, edges, growth, is_put_back, (totals, options, limits, stop))| {
            let (cores, mem_mib, gpus) = totals;
            let (max_fail, shuffle) = options;
            for job in &mut jobs {
                job.n_put_back *= u32::from(is_put_back);
            }
            Script {
                totals: Totals {
                    cores,
                    mem_mib,
                    gpus,
                },
                options: Options { max_fail, shuffle },
                limits,
                jobs: joined(jobs, &edges, &growth),
                stop,
            }
        },
    )
}

/// Gives the jobs their names, their edges and, to some, a stand-in that hides them at first.
fn joined(mut jobs: Vec<Spec>, edges: &Edges, growth: &[Vec<bool>]) -> Vec<Spec> {
    let n_jobs = jobs.len();
    for job in 0..n_jobs {
        jobs[job].name = format!("j{job}");
        if job > 0 {
            jobs[job].upstream = edges[job].iter().map(|index| index.index(job)).collect();
        }
    }
    // Some jobs that are upstream of nothing hide behind a stand-in that waits for one of theirs. What
    // they turn out to be, some of the last three jobs gather.
    for job in 0..n_jobs.saturating_sub(3) {
        let is_upstream = jobs.iter().any(|other| other.upstream.contains(&job));
        if !growth[job][0] || is_upstream {
            continue;
        }
        let mut stand_in = Spec::new(format!("s{job}"));
        stand_in.upstream = jobs[job].upstream.iter().take(1).copied().collect();
        stand_in.becomes = Some(vec![job]);
        let position = jobs.len();
        jobs.push(stand_in);
        for gatherer in n_jobs - 3..n_jobs {
            if growth[job][1 + gatherer - (n_jobs - 3)] {
                jobs[gatherer].upstream.push(position);
            }
        }
    }
    jobs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_run_keeps_the_rules_and_ends(script in a_script()) {
        World::new(script).run();
    }

    #[test]
    fn the_same_messages_make_the_same_run(script in a_script()) {
        let run = || World::new(script.clone()).run();
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn a_path_is_a_weight_and_the_longest_path_behind_it(
        weights in vec(0..100u32, 1..40),
        edges in vec(vec(any::<Index>(), 0..4), 40),
        shift in 0..40usize,
    ) {
        // Ids are the positions turned around by `shift`, so that edges go both ways.
        let n_jobs = weights.len();
        let idx = |job: usize| JobIdx::new((job + shift) % n_jobs);
        let upstream = |job: usize| edges[job].iter().take(if job == 0 { 0 } else { 4 })
            .map(move |index| index.index(job)).collect::<Vec<_>>();
        let pairs: Vec<_> = (0..n_jobs)
            .flat_map(|job| upstream(job).into_iter().map(move |up| (up, job)))
            .collect();
        let mut expected: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
        for job in (0..n_jobs).rev() {
            let behind = pairs.iter().filter(|(up, _)| *up == job).map(|&(_, down)| expected[down]);
            expected[job] += behind.fold(0.0, f32::max);
        }
        let mut sched = Sched::new(
            Totals { cores: 1, mem_mib: None, gpus: None },
            Options::default(),
        );
        let mut jobs = vec![
            Job { kind: KindId(0), on_ready: OnReady::Start, weight: 0.0, order: 0 };
            n_jobs
        ];
        for job in 0..n_jobs {
            jobs[idx(job).index()].weight = weights[job] as f32;
        }
        sched.add(jobs, || pairs.iter().map(|&(up, down)| (idx(up), idx(down))));
        for (job, &expected) in expected.iter().enumerate() {
            prop_assert_eq!(sched.rows[idx(job)].path, expected);
        }
    }
}
