//! What flow knows of the state of things, and how people ask for it or set it right.

mod common;
#[path = "state/orphans.rs"]
mod orphans;

use std::fs;
use std::time::Duration;

use common::Project;

const UPPER: &str = "\
param flag = x
transform upper: in/*.txt suffix .txt -> out/{stem}.up
    tr a-z A-Z < {input} > {output}; echo {flag} >> {output}

merge all: upper -> out/all
    cat {input} > {output}
";

/// A project that is up to date.
fn fresh() -> Project {
    let project = Project::new(UPPER);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
    project
}

/// Asserts that `text` has all of these, in this order.
#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => panic!("no `{part}`, or not in its place, in\n{text}"),
        }
    }
}

#[test]
fn why_shows_a_changed_recipe_as_a_difference() {
    let project = fresh();
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "set -x\n    cat < {input}"),
    );
    let out = project.flow(&["why", "out/all"]).expect(0).out;
    in_order(
        &out,
        &[
            "out/all  made by `all`, workflow.flow:5",
            "runs because the recipe was changed (line 6)",
            "- cat {input} > {output}",
            "+ set -x",
            "+ cat < {input} > {output}",
            "it took ",
            "nothing follows from it",
            "to keep it as it is: flow accept out/all",
        ],
    );
}

#[test]
fn why_names_the_workflow_in_what_to_do() {
    let project = fresh();
    project.write("w.flow", UPPER.replace("cat {input}", "cat < {input}"));
    let out = project.flow(&["why", "w.flow", "all"]).expect(0).out;
    in_order(&out, &["flow accept w.flow all"]);
    project.flow(&["accept", "w.flow", "all"]).expect(0);
    assert_eq!(project.planned(&["w.flow"]), [""; 0]);
}

#[test]
fn why_tells_every_reason_the_deciding_one_first() {
    let project = fresh();
    project.write("in/a.txt", "longer\n");
    project.write("workflow.flow", UPPER.replace("tr a-z", "tr x-z"));
    let out = project
        .flow(&["why", "out/a.up", "--set", "flag=y"])
        .expect(0)
        .out;
    in_order(
        &out,
        &[
            "runs because in/a.txt was changed",
            "- 2 B, ",
            "+ 7 B, ",
            "also: the recipe was changed (line 3)",
            "- tr a-z",
            "+ tr x-z",
            "also: the value that reaches",
            "- flag = x",
            "+ flag = y",
            "1 job follows from it, which took",
            "flow accept out/a.up",
        ],
    );
}

#[test]
fn why_tells_programs_the_same() {
    let project = fresh();
    project.write("in/a.txt", "longer\n");
    let why = |args: &[&str]| -> Vec<serde_json::Value> {
        let out = project
            .flow(&[&["why", "--json"], args].concat())
            .expect(0)
            .out;
        out.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let lines = why(&["out/a.up", "--set", "flag=y"]);
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(line["state"], "stale");
    let kinds = line["reasons"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds
        .map(|reason| reason["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["input_changed", "params_changed"]);
    assert_eq!(line["reasons"][1]["new"]["flag"], "y");
    assert_eq!(line["follows"]["jobs"], 1);
    assert_eq!(line["accept"], "flow accept out/a.up");
    let states = |args: &[&str]| -> Vec<String> {
        let lines = why(args);
        let lines = lines.iter();
        lines
            .map(|line| format!("{} {}", line["target"], line["state"]).replace('"', ""))
            .collect()
    };
    assert_eq!(
        states(&["upper", "out/all", "in/a.txt"]),
        [
            "upper stale",
            "upper fresh",
            "out/all maybe",
            "in/a.txt source"
        ]
    );
    // The first reason is the one that a plan names.
    let plan = project.flow(&["plan", "--json", "out/a.up"]).expect(0).out;
    let plan: serde_json::Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
    assert_eq!(plan["reason"], why(&["out/a.up"])[0]["reasons"][0]);
    let ended = project.flow(&["why", "--json", "nothing"]).expect(4);
    assert_eq!(ended.out, "");
}

#[test]
fn why_tells_of_members_that_came_and_went() {
    let project = fresh();
    fs::remove_file(project.path("in/a.txt")).unwrap();
    project.write("in/c.txt", "c\n");
    let out = project.flow(&["why", "out/all"]).expect(0).out;
    in_order(
        &out,
        &[
            "runs because inputs came or went",
            "- out/a.up",
            "+ out/c.up",
            "also: out/c.up will be made again",
        ],
    );
    let out = project.flow(&["why", "out/c.up"]).expect(0).out;
    in_order(&out, &["runs because out/c.up is missing"]);
    assert!(!out.contains("flow accept"), "{out}");
}

#[test]
fn why_says_what_makes_a_file_fresh() {
    let project = fresh();
    let out = project.flow(&["why", "out/all"]).expect(0).out;
    in_order(
        &out,
        &[
            "made by `all`",
            "is fresh since ",
            "when it ran for ",
            "made from",
            "out/a.up  4 B",
            "made by `upper`",
            "out/b.up",
        ],
    );
    let out = project.flow(&["why", "in/a.txt"]).expect(0).out;
    in_order(&out, &["a source", "2 B", "read by 1 job of `upper`"]);
    fs::remove_dir_all(project.path(".flow")).unwrap();
    let out = project.flow(&["why", "out/all"]).expect(0).out;
    in_order(&out, &["by the times of its files"]);
}

#[test]
fn why_counts_over_the_jobs_of_a_rule() {
    let project = fresh();
    let out = project.flow(&["why", "upper"]).expect(0).out;
    in_order(&out, &["a rule, workflow.flow:2", "2 jobs, all fresh"]);
    project.write("in/b.txt", "other\n");
    project.write("workflow.flow", UPPER.replace("tr a-z", "tr x-z"));
    let out = project.flow(&["why", "upper"]).expect(0).out;
    in_order(
        &out,
        &[
            "2 of 2 jobs would run",
            "out/b.up: in/b.txt was changed",
            "out/a.up: the recipe was changed (line 3)",
            "they took",
            "1 job follows from it",
            "flow accept upper",
        ],
    );
}

#[test]
fn why_names_the_rule_that_came_nearest() {
    let project = fresh();
    project.flow(&["why", "out/a.uq"]).expect(4).says(&[
        "did you mean the file out/a.up?",
        "character 8: there is q, and p is wanted",
    ]);
    project
        .flow(&["why", "out/z.up"])
        .expect(4)
        .says(&["`upper` can make such a file", "none of its items"]);
    project
        .flow(&["why", "uper"])
        .expect(4)
        .says(&["did you mean the rule `upper`?"]);
    project.flow(&["why"]).expect(2);
}

#[test]
fn why_remembers_what_was_made_once() {
    let project = fresh();
    fs::remove_file(project.path("in/a.txt")).unwrap();
    project
        .flow(&["why", "out/a.up"])
        .expect(4)
        .says(&["flow made it once", "no job makes it now"]);
}

#[test]
fn why_tells_the_missing_input_of_a_job_and_of_no_other() {
    let project = Project::new(
        "transform ox: ./a suffix a -> ox\n    cp {input} {output}\n\
         transform oy: ./b suffix b -> oy\n    cp {input} {output}\n",
    );
    project.write("a", "");
    let out = project.flow(&["why", "ox"]).expect(0).out;
    in_order(&out, &["ox is missing"]);
    let out = project.flow(&["why", "oy"]).expect(0).out;
    in_order(&out, &["cannot run: b is not there, and no rule makes it"]);
}

const SPLIT: &str = "\
split parts: ./list -> parts/*.p
    for n in $(cat {input}); do echo $n > {output.dir}/$n.p; done

transform done: parts suffix .p -> .d
    cp {input} {output}

merge all: done -> all
    cat {input} /dev/null > {output}
";

#[test]
fn why_knows_what_lies_behind_a_split() {
    let project = Project::new(SPLIT);
    project.write("list", "1 2");
    let out = project.flow(&["why", "parts/1.p"]).expect(0).out;
    in_order(&out, &["made by `parts`", "is missing"]);
    let out = project.flow(&["why", "parts/1.d"]).expect(0).out;
    in_order(&out, &["parts/1.d  not known yet", "a split"]);
    project.flow(&["run"]).expect(0);
    let out = project.flow(&["why", "parts/1.d"]).expect(0).out;
    in_order(&out, &["made by `done`", "is fresh"]);
    project.set_age("list", Duration::from_secs(10));
    let out = project.flow(&["why", "parts/1.p"]).expect(0).out;
    in_order(&out, &["made by `parts`", "runs because list was changed"]);
}

#[test]
fn status_counts_jobs_by_rule() {
    let project = fresh();
    project.write("in/c.txt", "c\n");
    project.write("in/b.txt", "other\n");
    let out = project.flow(&["status"]).expect(0).out;
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            vec!["fresh", "stale", "missing"],
            vec!["upper", "1", "1", "1"],
            vec!["all", "-", "1", "-"],
            vec!["total", "1", "2", "1"],
        ]
    );
    let out = project.flow(&["status", "--json", "upper"]).expect(0).out;
    let line: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&line["rule"], &line["missing"]),
        (&"upper".into(), &1.into())
    );
}

#[test]
fn status_check_tells_by_its_exit_status() {
    let project = fresh();
    project.flow(&["status", "--check"]).expect(0);
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "false; cat {input}"),
    );
    project.flow(&["status", "--check"]).expect(8);
    project.flow(&["run"]).expect(1);
    let out = project.flow(&["status", "--check", "--json"]).expect(8).out;
    assert!(out.contains(r#""failed":1"#), "{out}");
}

#[test]
fn accepted_files_count_as_fresh_and_are_not_touched() {
    let project = fresh();
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "cat < {input}"),
    );
    project.write("in/a.txt", "changed\n");
    fs::write(project.path("out/b.up"), "by hand\n").unwrap();
    let out = project.flow(&["accept"]).expect(0).out;
    assert_eq!(out, "3 jobs accepted\n");
    assert_eq!(project.planned(&[]), [""; 0]);
    assert_eq!(project.read("out/b.up"), "by hand\n");
    let out = project.flow(&["accept"]).expect(0).out;
    assert_eq!(out, "everything is up to date already\n");
    let out = project.flow(&["why", "out/b.up"]).expect(0).out;
    in_order(&out, &["is fresh since ", "when it was accepted"]);
    project.write("in/b.txt", "and again\n");
    assert_eq!(project.planned(&[]), ["upper out/b.up", "all out/all"]);
}

#[test]
fn a_clone_with_scrambled_times_is_accepted() {
    let project = fresh();
    fs::remove_dir_all(project.path(".flow")).unwrap();
    for file in ["in/a.txt", "in/b.txt", "out/b.up"] {
        project.touch(file);
    }
    assert!(!project.planned(&[]).is_empty());
    project.flow(&["accept", "out/all"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
    // All are known now, also those that were in order by chance.
    fs::write(project.path("out/a.up"), "other").unwrap();
    assert_eq!(project.planned(&[]).len(), 2);
}

#[test]
fn what_is_missing_is_not_accepted() {
    let project = fresh();
    fs::remove_file(project.path("out/a.up")).unwrap();
    project.write("in/b.txt", "changed\n");
    let ended = project.flow(&["accept"]).expect(1);
    assert_eq!(ended.out, "1 job accepted\n");
    let ended = ended.says(&["2 jobs refused:", "out/a.up: is not there"]);
    drop(ended.says(&["out/all: its input out/a.up is not there"]));
    assert_eq!(project.planned(&[]), ["upper out/a.up", "all out/all"]);
    project.flow(&["accept", "nothing"]).expect(4);
}

#[test]
fn a_split_is_accepted_with_what_its_patterns_match() {
    let project = Project::new(SPLIT);
    project.write("list", "1 2");
    let ended = project.flow(&["accept"]).expect(1);
    ended.says(&["'parts/*.p': is not there", "all: is behind a split"]);
    // Each older than what it should have been made from.
    let made = ["parts/1.p", "parts/3.p", "parts/1.d", "parts/3.d", "all"];
    for (file, age) in made.into_iter().zip([5_000, 5_000, 6_000, 6_000, 7_000]) {
        project.write(file, file);
        project.set_age(file, Duration::from_secs(age));
    }
    let out = project.flow(&["accept"]).expect(0).out;
    assert_eq!(out, "4 jobs accepted\n");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn touched_jobs_look_done_without_running() {
    let project = fresh();
    project
        .write("in/a.txt", "changed\n")
        .write("in/c.txt", "c\n");
    let args = ["run", "--touch-only", "--events", "-"];
    let out = project.flow(&args).expect(0).out;
    assert_eq!(out.matches(r#""status":"touched""#).count(), 3, "{out}");
    assert_eq!(
        (project.read("out/a.up"), project.read("out/c.up")),
        ("A\nx\n".into(), "".into())
    );
    assert_eq!(project.planned(&[]), [""; 0]);
    assert_eq!(project.planned(&["--checksum-level", "0"]), [""; 0]);
    let time = |path: &str| {
        fs::metadata(project.path(path))
            .unwrap()
            .modified()
            .unwrap()
    };
    assert!(time("out/all") > time("out/a.up") && time("out/a.up") > time("in/a.txt"));
    project.flow(&["run", "-t"]).expect(0).says(&["up to date"]);
    project.flow(&["run", "-t", "-n", "--commands"]).expect(2);
}

#[test]
fn what_would_be_touched_is_told_and_nothing_is() {
    let project = fresh();
    project
        .write("in/a.txt", "changed\n")
        .write("in/c.txt", "c\n");
    let before = (project.files(), project.planned(&[]));
    let history = fs::read(project.path(".flow/history")).unwrap();
    let out = project.flow(&["run", "-nt"]).expect(0).out;
    let lines = [
        "upper out/a.up  new times",
        "upper out/c.up  made empty: out/c.up",
        "all out/all  new times",
        "",
        "3 jobs would look done",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), lines);
    let names = |args: &[&str], status: &str| -> Vec<String> {
        let out = project.flow(args).expect(0).out;
        let lines = out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .filter(|line| line["state"] == status || line["status"] == status)
            .map(|line| line["job"].to_string())
            .collect()
    };
    let told = names(&["run", "-n", "-t", "--json"], "touched");
    assert_eq!((project.files(), project.planned(&[])), before);
    assert_eq!(fs::read(project.path(".flow/history")).unwrap(), history);
    assert_eq!(told, names(&["run", "-t", "--events", "-"], "touched"));
    let out = project.flow(&["run", "-n", "-t"]).expect(0).out;
    assert_eq!(out, "everything is up to date\n");
}

#[test]
fn a_touch_is_rehearsed_through_a_split() {
    let project = Project::new(SPLIT);
    project.write("list", "1 2");
    let ended = project.flow(&["run", "-nt"]).expect(0);
    drop(ended.says(&[
        "2 jobs would be left as they were:",
        "all: is behind a split",
    ]));
    project.write("parts/5.p", "5");
    let out = project.flow(&["run", "-n", "-t"]).expect(0).out;
    in_order(&out, &["done parts/5.d  made empty", "all all  made empty"]);
    assert_eq!(project.files(), ["list", "parts/5.p", "workflow.flow"]);
    assert!(!project.has(".flow"));
}

#[test]
fn touching_takes_a_split_as_it_is_and_leaves_what_nobody_knows() {
    let project = Project::new(SPLIT);
    project.write("list", "1 2");
    let ended = project.flow(&["run", "-t"]).expect(1);
    ended.says(&["2 jobs left as they were:", "all: is behind a split"]);
    assert_eq!(project.files(), ["list", "workflow.flow"]);
    project.write("parts/5.p", "5");
    project.flow(&["run", "-t"]).expect(0);
    assert_eq!(
        project.files(),
        ["all", "list", "parts/5.d", "parts/5.p", "workflow.flow"]
    );
    assert_eq!(project.planned(&[]), [""; 0]);
    // What the record names is made again, empty.
    fs::remove_file(project.path("parts/5.p")).unwrap();
    project.flow(&["run", "-t"]).expect(0);
    assert_eq!(project.read("parts/5.p"), "");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn touching_makes_folders() {
    let project = Project::new("transform t: ./a suffix a -> deep/er/dir/\n    mkdir {output}\n");
    project.write("a", "");
    project.flow(&["run", "-t"]).expect(0);
    assert!(project.path("deep/er/dir").is_dir());
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn a_plan_can_ask_what_if_a_file_had_changed() {
    let project = fresh();
    let stale = ["upper out/a.up", "all out/all"];
    assert_eq!(project.planned(&["-W", "in/a.txt"]), stale);
    assert_eq!(
        project.planned(&["-W", "in/a.txt", "--checksum-level", "0"]),
        stale
    );
    // An intermediate: what it was made by is not to blame.
    assert_eq!(project.planned(&["-W", "out/b.up"]), ["all out/all"]);
    assert_eq!(
        project.planned(&["-W", "out/a.up", "-W", "in/b.txt"]).len(),
        2
    );
    project
        .flow(&["plan", "-W", "in/x.txt"])
        .expect(4)
        .says(&["in/x.txt", "did you mean in/a.txt?"]);
    project
        .flow(&["run", "-W", "in/a.txt"])
        .expect(0)
        .says(&["2 done"]);
    assert_eq!(project.planned(&[]), [""; 0]);
    project.flow(&["run", "-t", "-W", "in/a.txt"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn what_if_leaves_no_trace_where_nothing_was_recorded() {
    let project = fresh();
    fs::remove_dir_all(project.path(".flow")).unwrap();
    project
        .flow(&["run", "-W", "out/a.up"])
        .expect(0)
        .says(&["1 done"]);
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn minimal_leaves_alone_what_is_before_a_job_that_agrees() {
    let project = fresh();
    let minimal = |args: &[&str]| project.planned(&[args, &["--minimal"]].concat());
    fs::remove_file(project.path("out/a.up")).unwrap();
    project.write("in/b.txt", "changed\n");
    assert_eq!(project.planned(&["all"]).len(), 3);
    assert_eq!(minimal(&["all"]), [""; 0]);
    assert_eq!(minimal(&[]), [""; 0]);
    // What is asked for by name is made, and nothing else because of it.
    assert_eq!(minimal(&["out/a.up"]), ["upper out/a.up"]);
    // The end needs what is made for somebody else, and with it all the rest.
    assert_eq!(minimal(&["out/b.up", "all"]).len(), 3);
    project
        .flow(&["run", "--minimal"])
        .expect(0)
        .says(&["up to date"]);
    assert!(!project.has("out/a.up"));
    fs::remove_file(project.path("out/all")).unwrap();
    assert_eq!(minimal(&[]).len(), 3);
    project.flow(&["run", "--minimal"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn minimal_goes_through_splits() {
    let project = Project::new(SPLIT);
    project.write("list", "1 2");
    project.flow(&["run", "--minimal"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
    fs::remove_file(project.path("parts/1.d")).unwrap();
    assert_eq!(project.planned(&["--minimal"]), [""; 0]);
    project.write("list", "1 3");
    project.flow(&["run", "--minimal"]).expect(0);
    assert_eq!(project.read("all"), "1\n3\n");
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn history_tells_of_runs_and_jobs() {
    let project = fresh();
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "false; cat {input}"),
    );
    project.flow(&["run", "all"]).expect(1);
    let out = project.flow(&["history"]).expect(0).out;
    in_order(&out, &["Runs", "1 failed  all", "3 done", "Jobs", " out/"]);
    assert!(out.contains("out/all  failed since"), "{out}");
    let out = project.flow(&["history", "--json"]).expect(0).out;
    let lines: Vec<serde_json::Value> = (out.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let runs: Vec<_> = lines.iter().filter(|line| line["kind"] == "run").collect();
    assert_eq!(
        (&runs[0]["failed"], &runs[0]["exit"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&runs[0]["targets"][0], &runs[1]["ok"]),
        (&"all".into(), &3.into())
    );
    let job = lines.iter().find(|line| line["job"] == "out/all").unwrap();
    assert_eq!(
        (&job["last_try"], &job["n_inputs"]),
        (&"failed".into(), &2.into())
    );
    assert!(
        job["wall_s"].is_number() && job["ended"].is_string(),
        "{job}"
    );
    let out = project.flow(&["history", "out/a.up"]).expect(0).out;
    assert!(out.contains("out/a.up") && !out.contains("out/b.up") && !out.contains("Runs"));
    project
        .flow(&["history", "nothing"])
        .expect(4)
        .says(&["nothing is known of nothing"]);
    // What is recorded of jobs is as good as before.
    project.write("workflow.flow", UPPER);
    assert_eq!(project.planned(&[]), ["all out/all"]);
}

#[test]
fn clean_removes_what_was_made_and_is_as_it_was() {
    let project = fresh();
    let ended = project.flow(&["clean"]).expect(2);
    in_order(&ended.out, &["4 B  out/a.up", "3 files, 16 B"]);
    assert!(project.has("out/a.up"));
    fs::write(project.path("out/b.up"), "by hand").unwrap();
    let out = project.flow(&["clean", "--yes"]).expect(0).out;
    in_order(
        &out,
        &[
            "2 files, 12 B",
            "kept:",
            "out/b.up: it was changed",
            "2 files removed",
        ],
    );
    assert_eq!(
        project.files(),
        ["in/a.txt", "in/b.txt", "out/b.up", "workflow.flow"]
    );
    project.flow(&["clean", "--yes", "--changed"]).expect(0);
    assert_eq!(project.files(), ["in/a.txt", "in/b.txt", "workflow.flow"]);
    let out = project.flow(&["clean"]).expect(0).out;
    assert_eq!(out, "nothing to remove\n");
    project.flow(&["run"]).expect(0);
    project.flow(&["clean", "--yes", "--rule", "all"]).expect(0);
    assert!(!project.has("out/all") && project.has("out/a.up"));
    project
        .flow(&["clean", "--rule", "al"])
        .expect(4)
        .says(&["did you mean `all`?"]);
}

#[test]
fn clean_keeps_what_nothing_is_recorded_of() {
    let project = fresh();
    fs::remove_dir_all(project.path(".flow")).unwrap();
    project.flow(&["clean", "--yes"]).expect(0);
    assert!(!project.has(".flow"));
    fs::create_dir(project.path(".flow")).unwrap();
    let out = project.flow(&["clean", "--yes"]).expect(0).out;
    in_order(&out, &["kept:", "out/a.up: there is no record"]);
    assert!(project.has("out/a.up") && project.has("out/all"));
}

#[test]
fn clean_finds_orphans_and_trash() {
    let project = fresh();
    fs::remove_file(project.path("in/a.txt")).unwrap();
    // No rule makes it any more, but one reads it.
    project.write(
        "workflow.flow",
        UPPER.replace("merge all: upper", "merge new: upper ./out/all"),
    );
    project.write(
        "workflow.flow",
        project
            .read("workflow.flow")
            .replace("-> out/all", "-> new"),
    );
    let ended = project.flow(&["clean", "--orphans"]).expect(2);
    in_order(
        &ended.out,
        &["out/a.up", "1 file", "kept:", "out/all: a job reads it"],
    );
    project.flow(&["clean", "--orphans", "--yes"]).expect(0);
    assert!(!project.has("out/a.up") && project.has("out/all") && project.has("out/b.up"));
    project.write(
        "workflow.flow",
        "originate bad -> x1\n    echo x > {output}; false\n",
    );
    project.flow(&["run"]).expect(1);
    let out = project.flow(&["clean", "--trash", "--yes"]).expect(0).out;
    in_order(&out, &["2 B  .flow/trash", "removed"]);
    assert!(!project.has(".flow/trash"));
}

#[test]
fn a_run_says_first_when_much_hangs_on_one_cause() {
    let project = Project::new(UPPER);
    for n in 0..12 {
        project.write(format!("in/{n}.txt"), "a\n");
    }
    let ended = project.flow(&["run"]).expect(0);
    assert!(!ended.err.contains("because"), "{}", ended.err);
    project.write("workflow.flow", UPPER.replace("tr a-z", "tr b-z"));
    let ended = project.flow(&["run"]).expect(0);
    in_order(
        &ended.err,
        &[
            "note: 13 of 13 jobs run because the recipe of `upper` changed (line 3); they took",
            "`flow accept upper` keeps them",
        ],
    );
    let ended = project.flow(&["run", "--set", "flag=y"]).expect(0);
    in_order(
        &ended.err,
        &["13 of 13 jobs run because of `upper`: flag was x, is y"],
    );
    project.write("in/1.txt", "changed\n");
    let ended = project.flow(&["run", "--set", "flag=y"]).expect(0);
    assert!(!ended.err.contains("because"), "{}", ended.err);
}

#[test]
fn what_flow_keeps_is_its_users_alone_whatever_the_umask() {
    use std::os::unix::fs::MetadataExt;
    let project = fresh();
    // An old output goes aside, what a failed try leaves to the trash, and `{tmp}` is used.
    let fails = "cp {input} {tmp}/x; echo half > {output}; exit 1";
    project.write(
        "workflow.flow",
        UPPER.replace("tr a-z A-Z", &format!("{fails}; tr")),
    );
    let mut command = std::process::Command::new("sh");
    let open = [
        "-c",
        "umask 0; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_flow"),
        "run",
        "-k",
    ];
    command.args(open).current_dir(project.path(""));
    assert_eq!(command.output().unwrap().status.code(), Some(1));
    let mut folders = vec![project.path(".flow")];
    let mut n_folders = 0;
    while let Some(folder) = folders.pop() {
        n_folders += 1;
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let is_folder = entry.file_type().unwrap().is_dir();
            let mode = entry.metadata().unwrap().mode();
            // What the job itself has made keeps its mode, inside folders that are closed.
            if is_folder || !entry.path().starts_with(project.path(".flow/trash")) {
                assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.path());
            }
            folders.extend(is_folder.then(|| entry.path()));
        }
    }
    assert!(n_folders >= 3);
}
