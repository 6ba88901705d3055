//! What a run answers while it goes.

use std::sync::mpsc::sync_channel;

use super::*;
use crate::run::ask::{
    After, Amount, Answer, Ask, Ending, JobAnswer, Named, Now, Question, RuleAnswer, Wait,
};

/// What is answered at these seconds: to `rule NAME`, `run`, `stop`, `drain`, or of a job.
#[track_caller]
fn asked(
    text: &str,
    files: &[&str],
    acts: &[(&str, &str)],
    options: Options,
    questions: &[(u64, &str)],
) -> Vec<String> {
    let mut messages = options.messages.clone();
    let mut answers = Vec::new();
    for &(at, question) in questions {
        let (reply, answer) = sync_channel(1);
        let question = match question.split_once(' ') {
            Some(("rule", rule)) => Question::Rule { rule: rule.into() },
            _ if question == "run" => Question::Run,
            _ if question == "stop" => Question::Stop,
            _ if question == "drain" => Question::Drain,
            _ => Question::Job {
                job: question.into(),
            },
        };
        messages.push((at, Msg::Ask(Ask { question, reply })));
        answers.push(answer);
    }
    simulate(
        text,
        files,
        acts,
        Options {
            messages,
            ..options
        },
    );
    let told = answers.iter().map(|answer| match answer.try_recv() {
        Ok(answer) => told(&answer),
        Err(_) => "no answer".into(),
    });
    told.collect()
}

fn told(answer: &Answer) -> String {
    match answer {
        Answer::Run(progress) => {
            let counts = &progress.counts;
            format!(
                "{} of {} ended, {} run: {}",
                counts.ended(),
                counts.all(),
                counts.running,
                names(&progress.jobs)
            )
        }
        Answer::Job(job) => told_job(job),
        Answer::Rule(rule) => told_rule(rule),
        Answer::Behind { splits } => format!("behind {}", names(splits)),
        Answer::Unknown => "unknown".into(),
        Answer::Ending(Ending { how, n_running }) => format!("{how:?}, {n_running} ran"),
    }
}

fn names(jobs: &[Named]) -> String {
    let names = jobs
        .iter()
        .map(|job| format!("{} {:?}", job.job, job.state));
    names.collect::<Vec<_>>().join(", ")
}

fn told_job(job: &JobAnswer) -> String {
    let because = match &job.because {
        Some(because) => format!(", because {}", because.reason),
        None => String::new(),
    };
    let now = match &job.now {
        Now::Waiting { wait } => told_wait(wait),
        Now::Queued(now) => format!("queued, try {} of {}", now.attempt, now.tries),
        Now::Running(now) => {
            assert!(now.pid.is_some());
            format!("runs, try {} of {}", now.attempt, now.tries)
        }
        Now::Skipped { because } => format!("skipped for {}", because.job),
        other => format!("{other:?}").to_lowercase(),
    };
    // Numbers in reasons are ids, which say nothing here.
    let because = because.split('(').next().unwrap_or_default();
    format!("{} {now}{because}", job.job)
}

fn told_wait(wait: &Wait) -> String {
    match wait {
        Wait::Jobs {
            n,
            jobs,
            after,
            root,
        } => {
            let after = after.iter().map(|After { rule, n, has_more }| {
                let more = if *has_more { "+" } else { "" };
                format!("; after {rule}: {n}{more}")
            });
            let root = root.iter().map(|root| {
                let wait = root.wait.iter().map(|wait| told_wait(wait));
                let wait = wait.collect::<String>();
                format!("; in the end {} {:?} {wait}", root.job.job, root.job.state)
            });
            format!(
                "waits for {n}: {}{}{}",
                names(jobs),
                after.collect::<String>(),
                root.collect::<String>()
            )
        }
        Wait::Splits { splits } => format!("waits for splits: {}", names(splits)),
        Wait::Amounts { lacks } => {
            let lacks = lacks.iter().map(|lack| {
                let of = match &lack.of {
                    Amount::Limit(name) => name.clone(),
                    other => format!("{other:?}"),
                };
                let holders = names(&lack.jobs);
                format!(
                    "{} {of}, {} of {} free, {holders}",
                    lack.wanted, lack.free, lack.total
                )
            });
            format!("waits for {}", lacks.collect::<Vec<_>>().join("; "))
        }
        Wait::Backoff { attempt, tries, .. } => format!("waits for try {attempt} of {tries}"),
        other => format!("waits: {other:?}"),
    }
}

fn told_rule(rule: &RuleAnswer) -> String {
    let counts = &rule.counts;
    let waits = rule.waits.iter().map(|waits| {
        let before = waits.rule.as_deref().unwrap_or("-");
        format!(
            "; {} for {before}, as {} {}",
            waits.n,
            waits.job,
            told_wait(&waits.wait)
        )
    });
    let because = rule.because.iter().map(|reasons| {
        let reason = reasons.because.reason.split('(').next().unwrap_or_default();
        format!("; {} {reason}", reasons.n)
    });
    format!(
        "{} done, {} running, {} waiting, {} unknown{}{}",
        counts.done,
        counts.running,
        counts.waiting,
        counts.unknown,
        waits.collect::<String>(),
        because.collect::<String>()
    )
}

#[test]
fn a_job_runs_waits_for_others_or_has_run() {
    let files = ["x.a", "y.a"];
    let acts = [("x.b", "takes 1"), ("y.b", "takes 9")];
    let questions = [
        (0, "x.b"),
        (0, "all.e"),
        (5, "x.b"),
        (5, "y.c"),
        (5, "all.e"),
        (5, "x.a"),
        (5, "rule two"),
        (5, "rule three"),
        (5, "run"),
    ];
    let told = asked(CHAIN, &files, &acts, Options::default(), &questions);
    let expected = [
        "x.b runs, try 1 of 1, because OutputMissing",
        "all.e waits for 2: x.c Waiting, y.c Waiting; in the end x.b Running , because OutputMissing",
        "x.b done",
        "y.c waits for 1: y.b Running, because OutputMissing",
        "all.e waits for 1: y.c Waiting; in the end y.b Running , because OutputMissing",
        "unknown",
        "1 done, 0 running, 1 waiting, 0 unknown; 1 for one, as y.c waits for 1: y.b Running; 1 OutputMissing",
        "unknown",
        "2 of 5 ended, 1 run: y.b Running",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_short_is_told_with_who_has_it() {
    let text = "jobs_limit net = 1
[jobs_limit net]
transform get: *.a suffix .a -> .b
    job {job}
[cores 3]
transform big: *.a suffix .a -> .c
    job {job}
[mem 3M]
transform fat: *.a suffix .a -> .d
    job {job}
[jobs_limit 1, priority 2]
transform own: *.a suffix .a -> .e
    job {job}
";
    let options = Options {
        mem_mib: Some(4),
        ..Options::default()
    };
    let acts = ["x.b", "x.c", "x.d", "x.e"].map(|job| (job, "takes 9"));
    let questions = [
        (5, "y.b"),
        (5, "x.c"),
        (5, "y.d"),
        (5, "y.e"),
        (5, "rule big"),
        (5, "rule own"),
    ];
    let told = asked(text, &["x.a", "y.a"], &acts, options, &questions);
    let expected = [
        "y.b waits for 1 net, 0 of 1 free, x.b Running, because OutputMissing",
        "x.c waits for 3 Cores, 1 of 4 free, x.b Running, x.d Running, x.e Running, because OutputMissing",
        "y.d waits for 3 MemMib, 1 of 4 free, x.d Running, because OutputMissing",
        "y.e waits for 1 own, 0 of 1 free, x.e Running, because OutputMissing",
        "0 done, 0 running, 2 waiting, 0 unknown; 2 for -, as x.c waits for 3 Cores, 1 of 4 free, x.b Running, x.d Running, x.e Running; 2 OutputMissing",
        "0 done, 1 running, 1 waiting, 0 unknown; 1 for -, as y.e waits for 1 own, 0 of 1 free, x.e Running; 2 OutputMissing",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_failed_try_waits_and_what_follows_a_failure_is_skipped() {
    let text = "[retries 1, backoff 1h]
transform slow: x.a suffix .a -> .b
    job {job}
transform bad: y.a suffix .a -> .b
    job {job}
transform then_: bad suffix .b -> .c
    job {job}
merge long: z.a -> long
    job {job}
";
    let options = Options {
        keeps_going: true,
        ..Options::default()
    };
    let acts = [("x.b", "fails"), ("y.b", "fails"), ("long", "takes 9")];
    let questions = [
        (5, "x.b"),
        (5, "y.b"),
        (5, "y.c"),
        (5, "rule slow"),
        (6, "stop"),
    ];
    let told = asked(text, &["x.a", "y.a", "z.a"], &acts, options, &questions);
    let expected = [
        "x.b waits for try 2 of 2, because OutputMissing",
        "y.b failed { attempts: 1 }",
        "y.c skipped for y.b",
        "0 done, 0 running, 1 waiting, 0 unknown; 1 for -, as x.b waits for try 2 of 2; 1 OutputMissing",
        "End, 1 ran",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_rule_that_comes_after_another_says_so() {
    let text = "transform one: *.a suffix .a -> .b
    job {job}
[after one]
transform two: *.a suffix .a -> .c
    job {job}
";
    let acts = [("x.b", "takes 9"), ("y.b", "takes 2")];
    let questions = [(1, "x.c"), (5, "y.c"), (5, "rule two")];
    let told = asked(text, &["x.a", "y.a"], &acts, Options::default(), &questions);
    let expected = [
        "x.c waits for 0: ; after one: 2; in the end x.b Running , because OutputMissing",
        "y.c waits for 0: ; after one: 1; in the end x.b Running , because OutputMissing",
        "0 done, 0 running, 2 waiting, 0 unknown; 2 for one, as x.c waits for 0: ; after one: 1; in the end x.b Running ; 2 OutputMissing",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_behind_a_split_says_which() {
    let text = "split parts: ./list -> parts/*.p
    job {job}
transform each: parts suffix .p -> .d
    job {job}
merge all: each -> total
    job {job}
";
    let acts = [("parts/*.p", "takes 5 makes parts/1.p")];
    let questions = [
        (1, "parts/1.p"),
        (1, "parts/1.d"),
        (1, "total"),
        (1, "rule each"),
        (1, "rule all"),
        (1, "run"),
        (1, "nowhere"),
        (1, "rule nothing"),
        (5, "total"),
    ];
    let told = asked(text, &["list"], &acts, Options::default(), &questions);
    let expected = [
        "parts/*.p runs, try 1 of 1, because OutputMissing",
        "behind parts/*.p Running",
        "total waits for splits: parts/*.p Running",
        "0 done, 0 running, 0 waiting, 0 unknown",
        "0 done, 0 running, 0 waiting, 1 unknown; 1 for -, as total waits for splits: parts/*.p Running",
        "0 of 1 ended, 1 run: parts/*.p Running",
        "unknown",
        "unknown",
        "total waits for 1: parts/1.d Running, because OutputMissing",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_run_is_drained_stopped_and_killed_by_those_who_ask() {
    let files = ["x.a", "y.a"];
    let acts = [("x.b", "takes 3"), ("y.b", "takes 9")];
    let questions = [
        (1, "drain"),
        (1, "y.c"),
        (4, "x.c"),
        (5, "stop"),
        (5, "stop"),
    ];
    let told = asked(CHAIN, &files, &acts, Options::default(), &questions);
    let expected = [
        "Drain, 2 ran",
        "y.c waits: Stopping, because OutputMissing",
        "x.c waits: Stopping, because OutputMissing",
        "End, 1 ran",
        "no answer",
    ];
    assert_eq!(told, expected);
}
