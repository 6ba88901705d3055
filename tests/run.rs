//! `flow run` through its command line: what runs, what is left, what is said.

mod common;

use std::time::Duration;

use common::{Ended, Project, end, signal, wait_until};
use rustix::process::Signal;

const CHAIN: &str = "\
transform upper: in/*.txt suffix .txt -> out/{stem}.up
    tr a-z A-Z < {input} > {output}

merge all: upper -> out/all
    cat {input} > {output}
";

fn chain() -> Project {
    let project = Project::new(CHAIN);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project
}

#[test]
fn makes_what_is_missing_and_then_nothing() {
    let project = chain();
    project.flow(&["run"]).expect(0).says(&["3 done"]);
    assert_eq!(project.read("out/all"), "A\nB\n");
    project
        .flow(&["run"])
        .expect(0)
        .says(&["everything is up to date (3 jobs)"]);
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn runs_what_a_newer_input_makes_stale_and_no_more() {
    let project = chain();
    project.flow(&["run"]).expect(0);
    project.touch("in/b.txt");
    let expected = ["upper out/b.up", "all out/all"];
    assert_eq!(project.planned(&[]), expected);
    project.flow(&["run"]).expect(0).says(&["2 done, 1 fresh"]);
}

#[test]
fn a_target_is_a_rule_or_a_file() {
    let project = chain();
    project
        .flow(&["run", "out/a.up"])
        .expect(0)
        .says(&["1 done"]);
    assert!(!project.has("out/b.up"));
    project
        .flow(&["run", "upper"])
        .expect(0)
        .says(&["1 done, 1 fresh"]);
    assert!(!project.has("out/all"));
    project
        .flow(&["run", "upepr"])
        .expect(4)
        .says(&["did you mean the rule `upper`"]);
    project
        .flow(&["run", "out/c.up"])
        .expect(4)
        .says(&["out/a.up"]);
}

#[test]
fn targets_are_relative_to_the_callers_folder() {
    let project = chain();
    let mut command = project.command(&["run", "../workflow.flow", "a.up"]);
    std::fs::create_dir(project.path("out")).unwrap();
    let output = command.current_dir(project.path("out")).output().unwrap();
    common::Ended::from(output).expect(0).says(&["1 done"]);
    assert!(project.has("out/a.up") && !project.has("out/b.up"));
}

#[test]
fn a_folder_is_a_target_with_and_without_its_slash() {
    let project = Project::new("originate one -> made/\n    mkdir {output}; touch {output}/x\n");
    for target in ["made", "made/", "./made/"] {
        let ended = project.flow(&["run", "-B", target]);
        ended.expect(0).says(&["1 done"]);
    }
}

#[test]
fn forced_rules_take_what_follows_along() {
    let project = chain();
    project.flow(&["run"]).expect(0);
    assert_eq!(project.planned(&["--force", "all"]), ["all out/all"]);
    assert_eq!(project.planned(&["--force", "upper"]).len(), 3);
    project.flow(&["run", "-B"]).expect(0).says(&["3 done"]);
    project
        .flow(&["run", "--force", "uper"])
        .expect(4)
        .says(&["did you mean `upper`"]);
}

#[test]
fn a_failure_says_what_where_and_why() {
    let project = Project::new(
        "transform bad: in suffix n -> t\n    echo to stdout; echo to stderr >&2; exit 7\n",
    );
    project.write("./in", "");
    // A bare name is a rule's.
    project
        .flow(&["run"])
        .expect(3)
        .says(&["no rule named `in`", "./in"]);
    project.write(
        "workflow.flow",
        "transform bad: ./in suffix n -> t\n    echo to stdout; echo to stderr >&2; exit 7\n\
         merge after: bad -> sum\n    cat {input} > {output}\n",
    );
    let ended = project.flow(&["run"]).expect(1);
    let ended = ended.says(&[
        "bad it failed",
        "exit status 7",
        "workflow.flow:1",
        "| to stdout",
        "| to stderr",
        "flow log it",
        "1 failed, 1 skipped",
    ]);
    let last = ended
        .err
        .trim_end()
        .lines()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(last.contains("bad it: exit status 7"), "{last}");
    let log = project.flow(&["log", "it"]).expect(0);
    assert_eq!(log.out, "to stdout\nto stderr\n");
    assert_eq!(project.flow(&["log", "--failed"]).expect(0).out, log.out);
}

#[test]
fn what_a_failed_job_left_is_no_result() {
    let project = Project::new("originate one -> out\n    echo half > {output}; exit 1\n");
    project.flow(&["run"]).expect(1);
    assert!(!project.has("out"));
    assert_eq!(project.planned(&[]), ["one out"]);
}

#[test]
fn a_failed_rerun_gives_the_old_outputs_back() {
    let project = Project::new(
        "transform one: ./a.in suffix .in -> .out .log\n    \
         cp {input} {output[0]}; echo log > {output[1]}; test ! -e broken\n",
    );
    project.write("a.in", "1");
    project.flow(&["run"]).expect(0);
    project.write("broken", "").write("a.in", "2");
    project.touch("a.in");
    project.flow(&["run"]).expect(1);
    assert_eq!(
        (project.read("a.out"), project.read("a.log")),
        ("1".into(), "log\n".into())
    );
    // They are still stale, and made anew once the job works.
    assert_eq!(project.planned(&[]), ["one a.out"]);
    std::fs::remove_file(project.path("broken")).unwrap();
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("a.out"), "2");
    assert_eq!(project.files(), ["a.in", "a.log", "a.out", "workflow.flow"]);
}

#[test]
fn the_recipe_does_not_see_the_old_output() {
    let project = Project::new(
        "transform one: ./a.in suffix .in -> .out\n    \
         test ! -e {output}; cp {input} {output}\n",
    );
    project.write("a.in", "1");
    project.flow(&["run"]).expect(0);
    project.touch("a.in");
    project.flow(&["run"]).expect(0);
}

#[test]
fn a_job_without_its_outputs_has_failed() {
    let project = Project::new("originate one -> (here gone/too)\n    touch here\n");
    project
        .flow(&["run"])
        .expect(1)
        .says(&["gone/too", "did not make"]);
    assert!(!project.has("here"));
}

#[test]
fn keeps_going_with_what_does_not_depend_on_a_failure() {
    let project = Project::new(
        "transform one: in/* -> out/{name}\n    test {name} != 1; cp {input} {output}\n\
         transform two: one -> {input}.y\n    cp {input} {output}\n",
    );
    for name in 1..=4 {
        project.write(format!("in/{name}"), "");
    }
    project.flow(&["run", "-j1"]).expect(1);
    assert!(!project.has("out/4"));
    project
        .flow(&["run", "-j1", "-k"])
        .expect(1)
        .says(&["1 failed, 1 skipped"]);
    assert!(project.has("out/4.y") && !project.has("out/1"));
}

#[test]
fn stops_after_so_many_failures() {
    let project = Project::new("transform one: in/* -> out/{name}\n    exit 1\n");
    for name in 1..=5 {
        project.write(format!("in/{name}"), "");
    }
    project
        .flow(&["run", "-j1", "--max-fail", "3"])
        .expect(1)
        .says(&["3 failed"]);
}

#[test]
fn tries_again_as_often_as_it_is_told() {
    let project = Project::new(
        "[retries 2]\noriginate one -> out\n    \
         echo x >> tries; test $(wc -l < tries) -ge 3; touch {output}\n",
    );
    project.flow(&["run"]).expect(0).says(&["2 retries"]);
    assert_eq!(project.read("tries"), "x\nx\nx\n");
    let project = Project::new("[retries 1]\noriginate one -> out\n    echo x >> tries; false\n");
    project.flow(&["run"]).expect(1).says(&["try 2"]);
    assert_eq!(project.read("tries"), "x\nx\n");
}

#[test]
fn a_split_replans_what_follows_it() {
    let project = Project::new(
        "split parts: ./big -> parts/*.p\n    \
         for n in $(cat {input}); do echo $n > {output.dir}/$n.p; done\n\
         transform twice: parts suffix .p -> .q\n    cat {input} {input} > {output}\n\
         merge all: twice -> all\n    cat {input} > {output}\n",
    );
    project.write("big", "1 2 3");
    let planned = project.planned(&[]);
    assert_eq!(planned, ["parts parts/*.p", "twice parts/*.q", "all all"]);
    project.flow(&["run"]).expect(0).says(&["5 done"]);
    assert_eq!(project.read("all"), "1\n1\n2\n2\n3\n3\n");
    assert_eq!(project.planned(&[]), [""; 0]);
    project.touch("parts/2.p");
    assert_eq!(project.planned(&[]), ["twice parts/2.q", "all all"]);
}

#[test]
fn one_samples_chunks_do_not_wait_for_the_others() {
    // `b`'s subdivide waits for `a`'s total: a barrier between the rules would never end.
    let project = Project::new(
        "subdivide parts: match in/{s}.txt -> parts/{s}.*.p\n    \
         if [ {s} = b ]; then while [ ! -e total/a ]; do sleep 0.01; done; fi\n    \
         for n in 1 2; do cp {input} {output.dir}/{s}.$n.p; done\n\
         transform count: parts suffix .p -> .n\n    wc -c < {input} > {output}\n\
         collate total: count -> total/{s}\n    cat {input} > {output}\n\
         merge all: total -> all\n    cat {input} > {output}\n",
    );
    project.write("in/a.txt", "a").write("in/b.txt", "bb");
    project.flow(&["run", "-j2"]).expect(0).says(&["9 done"]);
    assert_eq!(
        project.read("all").split_whitespace().collect::<Vec<_>>(),
        ["1", "1", "2", "2"]
    );
}

#[test]
fn a_target_behind_a_split_runs_no_more_than_it_needs() {
    let project = Project::new(
        "split parts: ./big -> parts/*.p\n    for n in 1 2 3; do touch {output.dir}/$n.p; done\n\
         transform twice: parts suffix .p -> .q\n    cp {input} {output}\n",
    );
    project.write("big", "");
    project
        .flow(&["run", "parts/2.q"])
        .expect(0)
        .says(&["2 done"]);
    assert!(project.has("parts/2.q") && !project.has("parts/1.q"));
    project.flow(&["run", "parts/9.q"]).expect(4);
}

#[test]
fn limits_hold_over_all_rules_that_name_them() {
    let recipe = "    mkdir busy; sleep 0.02; rmdir busy; touch {output}\n";
    let project = Project::new(&format!(
        "jobs_limit one = 1\n\
         [jobs_limit one]\ntransform a: in/* -> a/{{name}}\n{recipe}\
         [jobs_limit one]\ntransform b: in/* -> b/{{name}}\n{recipe}"
    ));
    for name in 0..4 {
        project.write(format!("in/{name}"), "");
    }
    project.flow(&["run", "-j8"]).expect(0).says(&["8 done"]);
}

#[test]
fn more_cores_than_there_are_run_alone() {
    let project = Project::new(
        "[cores 64]\ntransform a: in/* -> a/{name}\n    \
         mkdir busy; sleep 0.02; rmdir busy; echo {cores} > {output}\n",
    );
    project.write("in/1", "").write("in/2", "");
    project
        .flow(&["run", "-j4"])
        .expect(0)
        .says(&["64 cores of 4", "runs alone"]);
}

#[test]
fn after_orders_without_files() {
    let project = Project::new(
        "[after second]\noriginate first -> 1\n    test -e 2; touch 1\n\
         originate second -> 2\n    sleep 0.05; touch 2\n",
    );
    project
        .flow(&["run", "-j2", "first"])
        .expect(0)
        .says(&["2 jobs to run", "2 done"]);
    // Nothing becomes stale by it.
    project.touch("2");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn an_input_that_changes_meanwhile_is_told() {
    let project = Project::new(
        "transform one: ./a suffix a -> b\n    echo more >> {input}; touch {output}\n",
    );
    project.write("a", "");
    project
        .flow(&["run"])
        .expect(0)
        .says(&["changed while it ran"]);
}

#[test]
fn jobs_read_nothing_from_the_terminal_and_nothing_from_bash_env() {
    let project = Project::new("originate one -> out\n    cat > {output}; declare -F > fns || :\n");
    project.write("evil", "touch evil-ran\n");
    let mut command = project.command(&["run"]);
    command
        .env("BASH_ENV", project.path("evil"))
        .env("IFS", "x")
        .env("BASH_FUNC_cat%%", "() { :; }");
    common::Ended::from(command.output().unwrap()).expect(0);
    assert_eq!(
        (project.read("out"), project.read("fns")),
        (String::new(), String::new())
    );
    assert!(!project.has("evil-ran"));
}

#[test]
fn a_second_run_in_the_folder_hears_of_the_first() {
    let project = Project::new("originate one -> out\n    touch go; sleep 30\n");
    let first = project.start(&["run"]);
    project.wait_for("go");
    project
        .flow(&["run"])
        .expect(5)
        .says(&["another run holds", "process ", " on ", " since 20"]);
    project.flow(&["plan"]).expect(0);
    signal(&first, Signal::TERM);
    end(first).expect(143);
}

/// Processes whose command line holds `text`.
fn processes(text: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count()
}

/// A time to sleep for that no other process, of these tests or others, has.
fn long(seconds: u32) -> String {
    format!("{seconds}.{}", std::process::id())
}

#[test]
fn signals_end_jobs_and_all_that_they_started() {
    for (kind, status, seconds) in [
        (Signal::INT, 130, long(3001)),
        (Signal::TERM, 143, long(3002)),
        (Signal::HUP, 129, long(3003)),
    ] {
        let project = Project::new(&format!(
            "transform one: ./a suffix a -> b\n    \
             echo half > {{output}}; (sleep {seconds} &); touch go; sleep {seconds}\n"
        ));
        project.write("a", "").write("b", "old");
        project.touch("a");
        let run = project.start(&["run"]);
        project.wait_for("go");
        signal(&run, kind);
        end(run).expect(status).says(&["one b"]);
        assert_eq!(project.read("b"), "old");
        assert_eq!(processes(&format!("sleep\0{seconds}")), 0);
    }
}

#[test]
fn what_ignores_the_first_signal_ends_with_the_second() {
    let seconds = long(3004);
    let project = Project::new(&format!(
        "originate one -> b\n    trap 'touch told' TERM; touch go; while :; do sleep {seconds}; done\n"
    ));
    let run = project.start(&["run", "--grace", "1h"]);
    project.wait_for("go");
    signal(&run, Signal::INT);
    project.wait_for("told");
    signal(&run, Signal::INT);
    end(run).expect(130);
    assert_eq!(processes(&format!("sleep\0{seconds}")), 0);
}

#[test]
fn jobs_end_with_flow_however_it_ends() {
    let seconds = long(3005);
    let project = Project::new(&format!(
        "transform one: ./a suffix a -> b\n    echo half > {{output}}; touch go; sleep {seconds}\n",
    ));
    project.write("a", "").write("b", "old");
    project.touch("a");
    let run = project.start(&["run"]);
    project.wait_for("go");
    signal(&run, Signal::KILL);
    end(run).expect(137);
    let job = format!("sleep\0{seconds}");
    wait_until("the end of the job", || processes(&job) == 0);
    // The half-written file is not taken for a result, and the old one is back.
    project.write(
        "workflow.flow",
        "transform one: ./a suffix a -> b\n    cat {input} missing\n",
    );
    project.flow(&["run"]).expect(1).says(&["put back"]);
    assert_eq!(project.read("b"), "old");
}

#[test]
fn a_first_output_cut_off_is_not_taken_for_a_result() {
    let seconds = long(3006);
    let project = Project::new(&format!(
        "originate one -> b\n    echo half > {{output}}; touch go; sleep {seconds}\n"
    ));
    let run = project.start(&["run"]);
    project.wait_for("go");
    signal(&run, Signal::KILL);
    end(run).expect(137);
    let job = format!("sleep\0{seconds}");
    wait_until("the end of the job", || processes(&job) == 0);
    assert_eq!(project.planned(&[]), ["one b"]);
    project.write(
        "workflow.flow",
        "originate one -> b\n    echo whole > {output}\n",
    );
    project.flow(&["run"]).expect(0).says(&["1 done"]);
    assert_eq!(project.read("b"), "whole\n");
}

#[test]
fn a_plan_writes_nothing() {
    let project = chain();
    project.flow(&["run"]).expect(0);
    std::fs::remove_dir_all(project.path(".flow")).unwrap();
    project.touch("in/a.txt");
    let before = project.files();
    project.flow(&["plan"]).expect(0);
    project.flow(&["run", "-n"]).expect(0);
    assert_eq!(project.files(), before);
    assert!(!project.has(".flow"));
}

#[test]
fn events_tell_the_whole_run() {
    let project = chain();
    let ended = project
        .flow(&["run", "-q", "-j1", "--events", "-"])
        .expect(0);
    let events: Vec<serde_json::Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    let job = ["job_started", "job_finished"];
    let expected = [&["run_started"][..], &job, &job, &job, &["run_finished"]].concat();
    assert_eq!(names, expected);
    let last = &events[6];
    assert_eq!(
        (&last["rule"], &last["status"]),
        (&"all".into(), &"ok".into())
    );
    assert_eq!(last["inputs"], serde_json::json!(["out/a.up", "out/b.up"]));
    assert_eq!(last["exit_code"], 0);
    assert!(last["max_rss_kib"].as_u64().unwrap() > 100);
}

#[test]
fn output_that_is_empty_leaves_no_file() {
    let project = chain();
    project.flow(&["run"]).expect(0);
    let state: Vec<_> = std::fs::read_dir(project.path(".flow"))
        .unwrap()
        .flatten()
        .collect();
    // The lock, the history and its length.
    assert!(state.len() <= 3, "{state:?}");
    let ended = project.flow(&["log", "out/all"]).expect(0);
    let ended = ended.says(&["out/all printed nothing when it ran, 20"]);
    assert_eq!(ended.out, "");
}

#[test]
fn what_an_earlier_try_printed_is_not_shown_as_the_last_one() {
    let project = Project::new(
        "originate a -> a\n    echo oh; false\n\noriginate b -> b\n    touch {output}\n",
    );
    project.flow(&["run", "-j1"]).expect(1);
    assert_eq!(project.flow(&["log", "a"]).expect(0).out, "oh\n");
    project
        .flow(&["log", "b"])
        .expect(0)
        .says(&["b has not run here"]);
    let mended = "originate a -> a\n    touch {output}\n\noriginate b -> b\n    false\n";
    project.write("workflow.flow", mended);
    project.flow(&["run", "-j1", "-k"]).expect(1);
    for follow in [&["log", "a"][..], &["log", "-f", "a"]] {
        let ended = project.flow(follow).expect(0);
        let ended = ended.says(&["a printed nothing when it ran"]);
        assert_eq!(ended.out, "");
    }
    let ended = project.flow(&["log", "--failed"]).expect(0);
    ended.says(&["b printed nothing in its last try, which failed"]);
}

#[test]
fn what_failed_is_shown_until_it_is_done_or_gone() {
    let with = |a: &str, rest: &str| format!("originate a -> a\n    {a}\n\n{rest}");
    let b = "originate b -> b\n    echo bad b; false\n";
    let project = Project::new(&with("echo bad a; false", b));
    let failed = |project: &Project| project.flow(&["log", "--failed"]).expect(0).out;
    let none = "no job failed when it was last tried\n";
    assert_eq!(failed(&project), none);
    project.flow(&["run", "a"]).expect(1);
    project.flow(&["run", "b"]).expect(1);
    let both = "==> a <==\nbad a\n==> b <==\nbad b\n";
    assert_eq!(failed(&project), both);
    // Where it cannot be told which jobs there are, none is left out.
    project.write("workflow.flow", "originate\n");
    assert_eq!(failed(&project), both);
    project.write("workflow.flow", with("touch {output}", b));
    project.flow(&["run", "a"]).expect(0);
    assert_eq!(failed(&project), "bad b\n");
    let c = "originate c -> c\n    echo bad c; test -e mended && touch {output}\n";
    project.write("workflow.flow", with("touch {output}", c));
    project.flow(&["run"]).expect(1);
    assert_eq!(failed(&project), "bad c\n");
    project.write("mended", "");
    project.flow(&["run"]).expect(0);
    assert_eq!(failed(&project), none);
}

#[test]
fn a_try_that_failed_is_not_shown_for_a_silent_one_that_ended_well() {
    let project = Project::new(
        "[retries 1]\noriginate a -> a\n    test -e seen || { echo no; touch seen; false; }; touch {output}\n",
    );
    project.flow(&["run"]).expect(0);
    let shown = project.flow(&["log", "a"]).expect(0);
    assert_eq!(shown.says(&["a printed nothing when it ran"]).out, "");
    assert!(project.flow(&["log", "--failed"]).out.starts_with("no job"));
}

#[test]
fn what_a_job_printed_is_shown_whatever_time_its_log_has() {
    let project = Project::new("originate a -> a\n    touch -- {output}; echo said\n");
    project.flow(&["run"]).expect(0);
    for log in std::fs::read_dir(project.path(".flow/log")).unwrap() {
        project.set_age(log.unwrap().path(), Duration::from_secs(3600));
    }
    assert_eq!(project.flow(&["log", "a"]).expect(0).out, "said\n");
}

#[test]
fn params_reach_words_and_recipes() {
    let project = Project::new(
        "param who = world\nparam flags = [a, \"b c\"]\nlet greeting = \"hello {who}\"\n\
         originate one -> {who}.txt\n    printf '%s\\n' {greeting} {flags} > {output}\n",
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("world.txt"), "hello world\na\nb c\n");
    project
        .flow(&["run", "--set", "who=a b; touch pwned"])
        .expect(0);
    assert_eq!(
        project.read("a b; touch pwned.txt"),
        "hello a b; touch pwned\na\nb c\n"
    );
    project
        .flow(&["run", "--set", "hwo=x"])
        .expect(3)
        .says(&["did you mean `who`"]);
}

#[test]
fn a_folder_is_asked_for_with_its_slash_or_without() {
    let project = Project::new("originate a -> dir/\n    mkdir {output}; echo said\n");
    project.flow(&["run", "dir"]).expect(0);
    for name in ["dir", "dir/"] {
        let why = project.flow(&["why", name]).expect(0).out;
        assert!(why.contains("made by `a`"), "{why}");
        assert_eq!(project.flow(&["log", name]).expect(0).out, "said\n");
        project.flow(&["plan", name]).expect(0);
    }
}

#[test]
fn a_link_that_leads_nowhere_is_told_to_be_one() {
    let project = chain();
    std::os::unix::fs::symlink("nowhere", project.path("in/c.txt")).unwrap();
    let ended = project.flow(&["run"]).expect(4);
    ended.says(&[
        "`in/c.txt` is not there",
        "it is a link, and leads to nothing",
    ]);
}

#[test]
fn a_loop_of_links_is_told_to_be_one() {
    let project = Project::new("transform t: match in/{x}.txt -> out/{x}.txt\n    true\n");
    project.write("in/a.txt", "");
    for (link, to) in [("in/c.txt", "d.txt"), ("in/d.txt", "c.txt")] {
        std::os::unix::fs::symlink(to, project.path(link)).unwrap();
    }
    let ended = project.flow(&["run"]).expect(4);
    ended.says(&["`in/c.txt` is not there", "a loop of links"]);
}

#[test]
fn a_workflow_that_everybody_may_change_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new("include more.flow\n");
    project.write("more.flow", "originate a -> a\n    touch {output}\n");
    let is_told = |mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(project.path("more.flow"), mode).unwrap();
        let ended = project.flow(&["run"]).expect(0);
        ended.err.contains("`more.flow` is world-writable")
    };
    assert_eq!([0o644, 0o664, 0o646].map(is_told), [false, false, true]);
}

const BEHIND_A_SPLIT: &str = "\
originate list -> list
    touch begun; sleep 0.3; echo 1 2 > {output}

split parts: list -> parts/*.p
    for p in $(cat {input}); do echo $p > parts/$p.p; done

merge all: parts -> all
    cat {input} > {output}
";

#[test]
fn a_drained_run_says_by_its_status_whether_all_is_up_to_date() {
    let until_told = "until [ -e go -o ! -e workflow.flow ]; do sleep 0.02; done";
    let drain = |project: &Project| {
        let child = project.start(&["run"]);
        project.wait_for("begun");
        signal(&child, Signal::USR1);
        // An answer is behind what came before the question.
        project.flow(&["status"]).expect(0);
        std::fs::write(project.path("go"), "").unwrap();
        end(child)
    };
    let project = Project::new(&BEHIND_A_SPLIT.replace("sleep 0.3", until_told));
    let ended = drain(&project).expect(1).says(&["1 done", "2 not started"]);
    assert!(!ended.err.contains("skipped"), "{}", ended.err);
    // What ran was all there was to do.
    let recipe = format!("touch begun; {until_told}; touch {{output}}");
    let project = Project::new(&format!("originate a -> a\n    {recipe}\n"));
    drain(&project).expect(0).says(&["finished: 1 done"]);
}

#[test]
fn the_count_of_jobs_is_open_while_a_split_may_bring_more() {
    let project = Project::new(BEHIND_A_SPLIT);
    let ended = project.flow(&["run"]).expect(0);
    ended.says(&[
        "2 jobs to run, and what splits bring",
        "[1/2+] list",
        "[2/3] parts",
        "[3/3] all",
    ]);
    // The part that is asked for comes, and is told to come, by the split.
    let project = Project::new(BEHIND_A_SPLIT);
    let up = "\ntransform up: parts suffix .p -> .up\n    cp {input} {output}\n";
    project.write("workflow.flow", BEHIND_A_SPLIT.to_string() + up);
    let ended = project.flow(&["run", "parts/2.up"]).expect(0);
    ended.says(&["[1/2+] list", "[2/3] parts", "[3/3] up parts/2.up"]);
}

#[test]
fn a_file_that_did_not_come_because_of_a_failure_is_no_unknown_target() {
    let broken = BEHIND_A_SPLIT.replace("for p", "false; for p");
    let up = "\ntransform up: parts suffix .p -> .up\n    cp {input} {output}\n";
    let project = Project::new(&(broken + up));
    let ended = project.flow(&["run", "parts/2.up"]).expect(1);
    assert!(!ended.err.contains("E0340"), "{}", ended.err);
    project.write("workflow.flow", BEHIND_A_SPLIT.to_string() + up);
    project
        .flow(&["run", "parts/3.up"])
        .expect(4)
        .says(&["E0340", "has run, and did not"]);
}

#[test]
fn targets_are_seen_from_where_they_are_typed() {
    let project = Project::new(
        "param on = false\n\noriginate a -> out/a.txt\n    touch {output}\n\n\
         [active_if on]\noriginate b -> out/b.txt\n    touch {output}\n",
    );
    project.write("sub/x", "").write("out/x", "");
    let folder = project.path(".").canonicalize().unwrap();
    let flow = |within: &str, target: &str| {
        let mut command = project.command(&["plan", "../workflow.flow", target]);
        Ended::from(command.current_dir(project.path(within)).output().unwrap())
    };
    for target in ["../out/a.txt", "../sub/../out/a.txt"] {
        flow("sub", target).expect(0);
    }
    flow("out", "a.txt").expect(0);
    flow("sub", "out/a.txt")
        .expect(4)
        .says(&["did you mean the file ../out/a.txt?"]);
    // A whole path that leads into the folder is one of its files.
    let whole = folder.join("out/a.txt").display().to_string();
    assert_eq!(flow("sub", &whole).expect(0).out, flow("out", "a.txt").out);
    flow("sub", "out/a.tx")
        .expect(4)
        .says(&["did you mean the file ../out/a.txt?"]);
    flow("out", "a.tx")
        .expect(4)
        .says(&["did you mean the file a.txt?"]);
    flow("out", "b.txt")
        .expect(4)
        .says(&["`b` makes such files, and takes no part in this run"]);
}
