//! What people type, and what comes of it.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::error::ErrorKind;
use insta::assert_snapshot;

use super::*;
use crate::cli::options::*;
use crate::ui::Detail;

/// `typed` is a command line that begins with variables: `FLOW_JOBS=3 flow run`.
fn try_parse(typed: &str) -> Result<Request, clap::Error> {
    let words: Vec<&str> = typed.split(' ').collect();
    let n_variables = words.iter().position(|word| *word == "flow").unwrap();
    let variable = |name: &str| {
        let pairs = words[..n_variables]
            .iter()
            .filter_map(|pair| pair.split_once('='));
        let mut values = pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value.into());
        values.next()
    };
    parse_from(words[n_variables..].iter().map(OsString::from), &variable)
}

fn run(typed: &str) -> RunOptions {
    match try_parse(typed) {
        Ok(Request::Run(options)) => options,
        other => panic!("{typed}: {other:?}"),
    }
}

fn plan(typed: &str) -> PlanOptions {
    match try_parse(typed) {
        Ok(Request::Plan(options)) => options,
        other => panic!("{typed}: {other:?}"),
    }
}

/// The error's first line and its tips; all are shown with exit status 2.
fn wrong(typed: &str) -> String {
    let error = try_parse(typed).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{typed}");
    let text = error.to_string();
    let is_told = |line: &&str| line.starts_with("error:") || line.trim().starts_with("tip:");
    let told: Vec<&str> = text.lines().filter(is_told).map(str::trim).collect();
    told.join(" | ")
}

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

#[test]
fn nothing_typed_leaves_the_defaults() {
    let options = run("flow run");
    let expected = RunOptions {
        common: Common::default(),
        place: Place::default(),
        targets: vec![],
        params: vec![],
        force: Force::default(),
        checksum_level: None,
        jobs: None,
        mem_mib: None,
        gpus: None,
        on_failure: OnFailure::StopAfter(n(1)),
        retries: None,
        timeout: None,
        latency_wait: None,
        grace: Duration::from_secs(2),
        fresh_shells: false,
        detach: false,
        cluster: ClusterChoice::default(),
        events: None,
        progress: Progress::Auto,
        shuffle: None,
        touch_only: false,
        what_if: WhatIf::default(),
    };
    assert_eq!(options, expected);
    assert_eq!(options.common.workflow().to_str(), Some("workflow.flow"));
}

#[test]
fn everything_can_be_typed() {
    let options = run(
        "flow -C dir run main.flow a.bam -j 4 --max-fail 3 --force trim --force=sort --set a=1 \
         --set b= --workdir w --state-dir s --events - --retries 2 -v --progress lines \
         --mem 1.5G --gpus 2 --timeout 2h --color always --shuffle 7 --grace 1m30s \
         --checksum-level 1 --latency-wait 1500ms --fresh-shells --drmaa --queue long.q \
         --native=-Plab --drmaa-library l.so --group-time 5m b.bam",
    );
    let param = |name: &str, value: &str| Param {
        name: name.into(),
        value: value.into(),
    };
    let expected = RunOptions {
        common: Common {
            chdir: Some("dir".into()),
            named_workflow: Some("main.flow".into()),
            param_files: Vec::new(),
            detail: Detail::Verbose,
            color: When::Always,
        },
        place: Place {
            workdir: Some("w".into()),
            state_dir: Some("s".into()),
        },
        targets: vec!["a.bam".into(), "b.bam".into()],
        params: vec![param("a", "1"), param("b", "")],
        force: Force {
            rules: vec!["trim".into(), "sort".into()],
            all: false,
        },
        checksum_level: Some(1),
        jobs: Some(n(4)),
        mem_mib: Some(1536),
        gpus: Some(2),
        on_failure: OnFailure::StopAfter(n(3)),
        retries: Some(2),
        timeout: Some(Duration::from_secs(7200)),
        latency_wait: Some(Duration::from_millis(1500)),
        grace: Duration::from_secs(90),
        fresh_shells: true,
        detach: false,
        cluster: ClusterChoice {
            is_used: true,
            queue: Some("long.q".into()),
            native: Some("-Plab".into()),
            library: Some("l.so".into()),
            group_time: Some(Duration::from_secs(300)),
        },
        events: Some(EventsTo::Stdout),
        progress: Progress::Lines,
        shuffle: Some(7),
        touch_only: false,
        what_if: WhatIf::default(),
    };
    assert_eq!(options, expected);
}

#[test]
fn the_workflow_is_the_word_that_ends_in_flow() {
    let words = |typed: &str| {
        let options = run(typed);
        let workflow = options.common.workflow().to_str().unwrap().to_string();
        let targets: Vec<String> = options.targets.iter().map(|t| t.to_string()).collect();
        format!("{workflow} {}", targets.join(","))
    };
    assert_eq!(words("flow run a x/main.flow b"), "x/main.flow a,b");
    assert_eq!(
        words("flow run .flow x/.flow flow"),
        "workflow.flow .flow,x/.flow,flow"
    );
    assert_eq!(words("flow run -- -x"), "workflow.flow -x");
    let typed = ["flow", "run"].map(OsString::from).into_iter();
    let target: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"\xff.bam".to_vec());
    let request = parse_from(typed.chain([target]), &|_| None).unwrap();
    assert!(matches!(request, Request::Run(run) if run.targets == [b"\xff.bam".as_slice()]));
}

#[test]
fn a_flag_is_stronger_than_a_variable() {
    assert_eq!(run("FLOW_JOBS=3 flow run").jobs, Some(n(3)));
    assert_eq!(run("FLOW_JOBS=3 flow run -j4").jobs, Some(n(4)));
    assert_eq!(run("FLOW_JOBS= flow run").jobs, None);
    let options = run(
        "FLOW_WORKDIR=w FLOW_STATE_DIR=s FLOW_EVENTS=e FLOW_RETRIES=2 FLOW_PROGRESS=none \
         FLOW_MEM=2G FLOW_GPUS=0 FLOW_TIMEOUT=5m FLOW_COLOR=never FLOW_GRACE=5s FLOW_SHUFFLE=9 \
         FLOW_LATENCY_WAIT=9s flow run",
    );
    assert_eq!(options.place.workdir, Some("w".into()));
    assert_eq!(options.place.state_dir, Some("s".into()));
    assert_eq!(options.events, Some(EventsTo::File("e".into())));
    assert_eq!(
        (options.retries, options.progress),
        (Some(2), Progress::None)
    );
    assert_eq!((options.mem_mib, options.gpus), (Some(2048), Some(0)));
    assert_eq!(options.timeout, Some(Duration::from_secs(300)));
    assert_eq!(options.latency_wait, Some(Duration::from_secs(9)));
    assert_eq!(options.common.color, When::Never);
    assert_eq!(
        (options.grace, options.shuffle),
        (Duration::from_secs(5), Some(9))
    );
}

#[test]
fn the_last_word_on_failures_counts() {
    let cases = [
        ("flow run -k", OnFailure::KeepGoing),
        ("flow run --max-fail 3 -k", OnFailure::KeepGoing),
        ("flow run -k --max-fail 3", OnFailure::StopAfter(n(3))),
        ("FLOW_MAX_FAIL=2 flow run", OnFailure::StopAfter(n(2))),
        ("FLOW_MAX_FAIL=2 flow run -k", OnFailure::KeepGoing),
        ("FLOW_KEEP_GOING=1 flow run", OnFailure::KeepGoing),
        ("FLOW_KEEP_GOING=0 flow run", OnFailure::StopAfter(n(1))),
        (
            "FLOW_KEEP_GOING=1 flow run --max-fail 3",
            OnFailure::StopAfter(n(3)),
        ),
    ];
    for (typed, expected) in cases {
        assert_eq!(run(typed).on_failure, expected, "{typed}");
    }
    assert_eq!(run("flow run -q -v").common.detail, Detail::Verbose);
    assert_eq!(run("flow run -v -q").common.detail, Detail::Quiet);
    assert_eq!(run("flow -q run").common.detail, Detail::Quiet);
}

#[test]
fn a_dry_run_is_a_plan() {
    assert_eq!(
        plan("flow run -n x.flow a --json --all --commands -B --set a=1 -j4"),
        plan("flow plan x.flow a --json --all --commands -B --set a=1")
    );
    let force = plan("flow plan -B --force x").force;
    assert_eq!((force.all, force.rules), (true, vec!["x".into()]));
    let alone = try_parse("flow run --json").unwrap_err().to_string();
    assert!(alone.contains("--dry-run"), "{alone}");
}

#[test]
fn the_other_commands_take_their_words() {
    let check = try_parse("flow check x.flow -v --set a=1").unwrap();
    assert!(matches!(check, Request::Check(o)
        if o.common.detail == Detail::Verbose && o.params.len() == 1));
    assert!(matches!(try_parse("flow list").unwrap(), Request::List(_)));
    let log = try_parse("flow log x.flow a.bam -f").unwrap();
    assert!(matches!(log, Request::Log(o) if o.follow && o.jobs == ["a.bam"]));
    let log = try_parse("flow log --failed").unwrap();
    assert!(matches!(log, Request::Log(o) if o.failed && o.jobs.is_empty()));
}

#[test]
fn mistakes_say_what_is_wrong_and_what_was_meant() {
    let typed = [
        "flow rnu",
        "flow chekc",
        "flow main.flow",
        "flow run --job 3",
        "flow run -j 0",
        "flow run -j x",
        "flow run -j 99999999999",
        "flow run --max-fail 0",
        "flow run --grace 5",
        "flow run --set genome",
        "flow run --progress lins",
        "flow run --shuffle -1",
        "flow run a.flow b.flow",
        "flow check a.bam",
        "flow log",
        "flow plan -k",
        "FLOW_JOBS=0 flow run",
        "FLOW_COLOR=red flow list",
        "FLOW_KEEP_GOING=maybe flow run",
    ];
    let told: Vec<String> = typed
        .iter()
        .map(|typed| format!("$ {typed}\n{}\n", wrong(typed)))
        .collect();
    assert_snapshot!(told.join("\n"));
}

fn commands() -> Vec<clap::Command> {
    let flow = command();
    let own = flow
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    let mut all: Vec<clap::Command> = own.cloned().collect();
    all.push(flow);
    let narrow = |command: clap::Command| command.term_width(80);
    all.into_iter().map(narrow).collect()
}

#[test]
fn short_help_fits_on_a_screen() {
    for mut command in commands() {
        let help = command.render_help().to_string();
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(help.lines().count() <= 24 && widest <= Some(80), "{help}");
    }
    let [run, flow] = [0, commands().len() - 1].map(|n| commands()[n].render_help());
    assert_snapshot!(format!("{run}\n{flow}"));
}

#[test]
fn long_help_begins_with_examples_that_work() {
    for mut command in commands() {
        let help = command.render_long_help().to_string();
        assert!(help.starts_with("Examples:\n  flow "), "{help}");
        let examples = help
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with("  flow "));
        for example in examples {
            let typed = example.trim().split("   ").next().unwrap();
            assert!(try_parse(typed).is_ok(), "{typed}");
        }
    }
}

#[test]
fn long_help_names_every_variable() {
    let help: String = commands()
        .iter_mut()
        .map(|command| command.render_long_help().to_string())
        .collect();
    let source = include_str!("../options.rs");
    let names = source.split('"').filter(|text| text.starts_with("FLOW_"));
    for name in names {
        assert!(help.contains(name), "{name}");
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    for (typed, kind) in [
        ("flow run --help", ErrorKind::DisplayHelp),
        ("flow --version", ErrorKind::DisplayVersion),
    ] {
        let error = try_parse(typed).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (kind, 0));
    }
    assert_eq!(try_parse("flow").unwrap_err().exit_code(), 2);
    Cli::command().debug_assert();
}
