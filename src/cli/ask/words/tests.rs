//! Answers, and what people read of them.

use super::*;
use crate::run::ask::{Because, Counts, Reasons};

fn named(job: &str, state: Short, for_s: Option<f64>) -> Named {
    Named {
        job: job.into(),
        rule: "r".into(),
        state,
        for_s,
        has: None,
    }
}

fn says(now: Now) -> String {
    let answer = JobAnswer {
        job: "out/a".into(),
        rule: "r".into(),
        now,
        because: None,
    };
    job(&answer).join("\n")
}

#[test]
fn each_wait_has_its_words() {
    let running = named("a b", Short::Running, Some(3.21));
    let waiting = named("\u{1b}[31m", Short::Waiting, None);
    let lack = |of, wanted, free, total| Lack {
        of,
        wanted,
        free,
        total,
        n: 9,
        jobs: vec![Named {
            has: Some(3),
            ..running.clone()
        }],
    };
    let waits = [
        Wait::Jobs {
            n: 1,
            jobs: vec![running.clone()],
            after: vec![],
            root: None,
        },
        Wait::Jobs {
            n: 4,
            jobs: vec![running.clone(), waiting],
            after: vec![After {
                rule: "x".into(),
                n: 2,
                has_more: true,
            }],
            root: Some(Root {
                job: named("far", Short::Waiting, None),
                wait: Some(Box::new(Wait::Check)),
            }),
        },
        Wait::Splits {
            splits: vec![running.clone()],
        },
        Wait::Amounts {
            lacks: vec![
                lack(Amount::Limit("net".into()), 1, 0, 2),
                lack(Amount::MemMib, 2048, 1, 3000),
                lack(Amount::Cores, 4, 1, 8),
            ],
        },
        Wait::Backoff {
            for_s: 28.04,
            attempt: 2,
            tries: 3,
        },
    ];
    let said: Vec<String> = waits.map(|wait| says(Now::Waiting { wait })).into();
    insta::assert_snapshot!(said.join("\n--\n"), @r"
    waits for 'a b', which runs for 3.2 s
    --
    waits for 4 jobs:
        'a b'  runs for 3.2 s
        $'\x1b[31m'  waits too
        and 2 more
    waits for rule `x`, which it comes after: 2 jobs left, and more to come
    in the end for far, which waits for what its rule's `check` says
    --
    waits for a split: what it reads is known when that has run
        'a b'  runs for 3.2 s
    --
    waits for a permit of `net`: 0 of 2 are free
        'a b'  runs for 3.2 s
        and 8 more
    waits for 2.0 GiB of memory: 1.0 MiB of 2.9 GiB is free
        'a b'  has 3.0 MiB, runs for 3.2 s
        and 8 more
    waits for 4 cores: 1 of 8 is free
        'a b'  has 3, runs for 3.2 s
        and 8 more
    --
    has failed, and waits 28.0 s before try 2 of 3
    ");
}

#[test]
fn a_rule_says_the_most_common_first_as_it_got_it() {
    let answer = RuleAnswer {
        rule: "r".into(),
        counts: Counts {
            done: 1200,
            running: 2,
            waiting: 9,
            ..Counts::default()
        },
        has_more: false,
        waits: vec![
            Waits {
                n: 7,
                rule: Some("trim".into()),
                job: "out/b".into(),
                wait: Wait::Jobs {
                    n: 2,
                    jobs: vec![named("t/b", Short::Running, Some(4.0))],
                    after: vec![],
                    root: None,
                },
            },
            Waits {
                n: 2,
                rule: None,
                job: "out/c".into(),
                wait: Wait::Check,
            },
        ],
        because: vec![Reasons {
            n: 11,
            job: "out/b".into(),
            because: Because {
                reason: "recipe_changed".into(),
                text: "the recipe was changed".into(),
            },
        }],
    };
    insta::assert_snapshot!(rule(&answer).join("\n"), @r"
    1200 done, 2 running, 9 waiting
    7 jobs wait for rule `trim`, such as out/b for t/b, which runs for 4.0 s
    2 jobs, such as out/c: waits for what its rule's `check` says
    11 jobs run, such as out/b: the recipe was changed
    ");
}
