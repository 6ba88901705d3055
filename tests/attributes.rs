//! What stands in `[ ]` above a rule does what it says.

mod common;

use common::{Ended, Project};

/// Runs `flow run` and gives what the events say of each job's end: `status attempt`.
fn ends(project: &Project, args: &[&str]) -> (Ended, Vec<String>) {
    let args: Vec<&str> = ["run", "--events", "events"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let ended = project.flow(&args);
    let events = project.read("events");
    let ends = events.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| event[name].to_string().replace('"', "");
        (event["event"] == "job_finished")
            .then(|| format!("{} {} {}", text("job"), text("status"), text("attempt")))
    });
    (ended, ends.collect())
}

mod amounts {
    use super::*;

    #[test]
    fn a_list_has_one_value_for_each_try() {
        let project = Project::new(
            "[cores [1, 2], mem [64M, 128M, 1G], retries 3]\n\
             originate a -> a\n    echo {cores} {mem} {gpus} >> tries\n    test {mem} = 1024 && touch {output}\n",
        );
        let (ended, ends) = ends(&project, &["-j2", "--mem", "2G"]);
        ended.expect(0);
        assert_eq!(project.read("tries"), "1 64 0\n2 128 0\n2 1024 0\n");
        assert_eq!(ends, ["a ok 3"]);
    }

    #[test]
    fn values_may_be_params() {
        let project = Project::new(
            "param threads = 2\nlet much = 1G\n\
             [cores {threads}, mem [64M, {much}]]\n\
             originate a -> a\n    echo {cores} {mem} > {output}\n",
        );
        project.flow(&["run", "-j4"]).expect(0);
        assert_eq!(project.read("a"), "2 64\n");
        project
            .flow(&["run", "-j4", "-B", "--set", "threads=3"])
            .expect(0);
        assert_eq!(project.read("a"), "3 64\n");
        project
            .flow(&["run", "--set", "threads=0"])
            .expect(3)
            .says(&["`cores` must be at least 1"]);
    }

    /// Each job notes how many of its kind are at work, itself included.
    fn crowd(attribute: &str) -> Project {
        Project::new(&format!(
            "[{attribute}]\noriginate a -> a b c d\n    mkdir at-{{output}}\n    \
             ls -d at-* | wc -l > {{output}}\n    sleep 0.1\n    rmdir at-{{output}}\n"
        ))
    }

    fn most_at_once(project: &Project) -> u32 {
        let counts = ["a", "b", "c", "d"].map(|file| project.read(file));
        counts
            .iter()
            .map(|n| n.trim().parse().unwrap())
            .max()
            .unwrap()
    }

    #[test]
    fn jobs_share_the_memory_and_gpus_there_are() {
        let cases = [
            ("mem 1G", ["--mem", "2G"], 2),
            ("mem 1.5G", ["--mem", "2G"], 1),
            ("gpus 1", ["--gpus", "2"], 2),
            ("gpus 2", ["--gpus", "2"], 1),
        ];
        for (attribute, option, most) in cases {
            let project = crowd(attribute);
            let [name, value] = option;
            project.flow(&["run", "-j4", name, value]).expect(0);
            assert!(most_at_once(&project) <= most, "{attribute}");
        }
    }

    #[test]
    fn what_is_more_than_there_is_takes_all_and_runs_alone() {
        let project = crowd("cores 8, mem 64G, gpus 3");
        let options = ["run", "-j2", "--mem", "1G", "--gpus", "1"];
        project.flow(&options).expect(0).says(&[
            "8 cores of 2",
            "65536 MiB of memory of 1024",
            "3 gpus of 1",
            "runs alone",
        ]);
        assert_eq!(most_at_once(&project), 1);
        project.write(
            "workflow.flow",
            "[cores 8, mem 64G, gpus 3]\noriginate a -> e\n    \
             echo {cores} {mem} {gpus} $CUDA_VISIBLE_DEVICES > {output}\n",
        );
        project.flow(&options).expect(0);
        assert_eq!(project.read("e"), "2 1024 1 0\n");
    }

    #[test]
    fn each_job_has_a_gpu_of_its_own() {
        let project = Project::new(
            "[gpus 1]\noriginate a -> a b c d\n    mkdir gpu-$CUDA_VISIBLE_DEVICES\n    \
             sleep 0.05\n    rmdir gpu-$CUDA_VISIBLE_DEVICES\n    \
             echo $CUDA_VISIBLE_DEVICES > {output}\n",
        );
        let mut command = project.command(&["run", "-j4"]);
        command.env("CUDA_VISIBLE_DEVICES", "4,7");
        Ended::from(command.output().unwrap()).expect(0);
        let gpus = ["a", "b", "c", "d"].map(|file| project.read(file));
        assert!(
            gpus.iter().all(|gpu| gpu == "4\n" || gpu == "7\n"),
            "{gpus:?}"
        );
    }
}

mod time {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn ends_a_job_that_runs_over() {
        let project =
            Project::new("[time 300ms]\noriginate a -> a\n    echo begun\n    sleep 60\n");
        let start = Instant::now();
        let (ended, ends) = ends(&project, &[]);
        ended.expect(1).says(&["ran over its time", "| begun"]);
        assert!(start.elapsed() < Duration::from_secs(20));
        assert_eq!(ends, ["a timeout 1"]);
    }

    #[test]
    fn ends_what_does_not_listen_too() {
        let project = Project::new(
            "originate a -> a\n    trap '' TERM\n    touch {output}\n    while :; do sleep 0.1; done\n",
        );
        let (ended, ends) = ends(&project, &["--timeout", "300ms", "--grace", "100ms"]);
        ended.expect(1);
        assert_eq!(ends, ["a timeout 1"]);
        assert!(!project.has("a"), "what it left is no output");
    }

    #[test]
    fn a_job_that_uses_its_last_moment_to_end_well_has_run_over_all_the_same() {
        let project = Project::new(
            "[time 300ms]\noriginate a -> a\n    trap 'touch {output}; exit 0' TERM\n    \
             while :; do sleep 0.05; done\n",
        );
        let (ended, ends) = ends(&project, &[]);
        ended.expect(1);
        assert_eq!(ends, ["a timeout 1"]);
    }

    #[test]
    fn a_rule_is_stronger_than_the_option_and_each_try_has_its_own() {
        let project = Project::new(
            "[time [300ms, 1m], retries 1]\noriginate a -> a\n    \
             test -e tried || { touch tried; sleep 60; }\n    touch {output}\n",
        );
        let (ended, ends) = ends(&project, &["--timeout", "1ms"]);
        ended.expect(0).says(&["ran over its time of 300ms"]);
        assert_eq!(ends, ["a ok 2"]);
    }
}

mod retries {
    use super::*;

    #[test]
    fn backoff_waits_between_tries_and_holds_nothing() {
        // With one core the second job can only run while the first waits.
        let project = Project::new(
            "[retries 1, backoff 400ms, priority 1]\noriginate a -> a\n    \
             date +%s%N >> times\n    test -e tried || { touch tried; exit 1; }\n    touch {output}\n\n\
             originate b -> b\n    date +%s%N >> times\n    touch {output}\n",
        );
        project.flow(&["run", "-j1"]).expect(0);
        let times = project.read("times");
        let times: Vec<u64> = times.lines().map(|time| time.parse().unwrap()).collect();
        assert_eq!(times.len(), 3, "the second job comes between the tries");
        assert!(times[2] - times[0] >= 400_000_000, "{times:?}");
    }
}

mod active_if {
    use super::*;

    /// What `tool` and `extra` are decides which of the rules run.
    const CHOICE: &str = "\
param tool = bwa
param extra = false
[active_if tool == \"bwa\"]
transform bwa: match in/{s}.fq -> out/{s}.bam
    echo bwa > {output}

[active_if tool != \"bwa\"]
transform star: match in/{s}.fq -> out/{s}.bam
    echo star > {output}

[active_if extra]
transform plot: out/*.bam suffix .bam -> .png
    touch {output}

[after plot]
merge all: bwa star plot -> all
    cat {input} > {output}
";

    fn choice() -> Project {
        let project = Project::new(CHOICE);
        project.write("in/a.fq", "");
        project
    }

    #[test]
    fn a_rule_takes_part_only_when_the_param_says_so() {
        let project = choice();
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        assert_eq!(project.read("all"), "bwa\n");
        assert!(!project.has("out/a.png"));
        let project = choice();
        let set = ["run", "--set", "tool=other", "--set", "extra=true"];
        project.flow(&set).expect(0).says(&["3 done"]);
        assert_eq!(project.read("all"), "star\n");
        assert!(project.has("out/a.png"));
    }

    #[test]
    fn what_takes_no_part_is_shown() {
        let project = choice();
        let list = project.flow(&["list"]).expect(0).out;
        assert!(list.contains("inactive (active_if extra)"), "{list}");
        assert!(!list.contains("active_if tool == "), "{list}");
        let plan = project.flow(&["plan", "-v"]).expect(0).out;
        assert!(
            plan.contains("star  takes no part: active_if tool != \"bwa\""),
            "{plan}"
        );
        project
            .flow(&["run", "plot"])
            .expect(0)
            .says(&["`plot` was asked for, and takes no part"]);
    }

    #[test]
    fn what_follows_has_none_of_its_items_and_that_is_no_mistake() {
        let project = Project::new(
            "param on = false\n[active_if on]\noriginate a -> made/a\n    touch {output}\n\n\
             transform b: a suffix a -> b\n    touch {output}\n\n\
             transform c: made/* -> {input}.c\n    touch {output}\n\n\
             transform d: b c -> {input}.d\n    touch {output}\n",
        );
        project.flow(&["run"]).expect(0);
        assert_eq!(project.files(), ["workflow.flow"]);
        project.flow(&["run", "--set", "on=true"]).expect(0);
        assert!(project.has("made/a.c.d") && project.has("made/b.d"));
    }

    #[test]
    fn text_and_lists_say_yes_unless_they_are_empty() {
        for (value, is_active) in [
            ("true", true),
            ("false", false),
            ("\"\"", false),
            ("some", true),
            ("[]", false),
            ("[a]", true),
        ] {
            let project = Project::new(&format!(
                "param p = {value}\n[active_if p]\noriginate a -> a\n    touch {{output}}\n"
            ));
            project.flow(&["run"]).expect(0);
            assert_eq!(project.has("a"), is_active, "{value}");
        }
    }
}

mod always_and_optional {
    use super::*;

    #[test]
    fn always_runs_each_time_it_is_asked_for() {
        let project = Project::new(
            "[always]\noriginate a -> a\n    echo a >> n; touch {output}\n\n\
             originate b -> b\n    touch {output}\n",
        );
        for _ in 0..3 {
            project.flow(&["run"]).expect(0);
        }
        project.flow(&["run", "b"]).expect(0);
        assert_eq!(project.read("n"), "a\na\na\n");
        let plan = project.flow(&["plan", "--json"]).expect(0).out;
        assert!(plan.contains(r#""reason":{"kind":"always"}"#), "{plan}");
    }

    #[test]
    fn optional_may_have_no_items() {
        let text = |attribute: &str| {
            format!(
                "{attribute}transform a: in/*.txt -> {{input}}.a\n    touch {{output}}\n\n\
                 {attribute}transform b: ./workflow.flow suffix .txt -> .b\n    touch {{output}}\n\n\
                 merge all: a b -> all\n    touch {{output}}\n"
            )
        };
        let without = Project::new(&text(""));
        without
            .flow(&["run"])
            .expect(3)
            .says(&["`a` has no items", "the filter of `b` leaves out"]);
        let with = Project::new(&text("[optional]\n"));
        with.flow(&["run"]).expect(0);
        assert_eq!(with.files(), ["all", "workflow.flow"]);
    }
}

mod surroundings {
    use super::*;

    #[test]
    fn a_rule_has_variables_of_its_own() {
        let project = Project::new(
            "env A = all\nenv B = all\nparam much = \"a b\"\n\
             [env B=rule, env C=\"{much} {s} *\", env D={input}]\n\
             transform t: match in/{s} -> out/{s}\n    \
             printf '%s\\n' \"$A\" \"$B\" \"$C\" \"$D\" > {output}\n\n\
             originate other -> other\n    echo $B ${C-none} > {output}\n",
        );
        project.write("in/x", "");
        project.flow(&["run"]).expect(0);
        assert_eq!(project.read("out/x"), "all\nrule\na b x *\nin/x\n");
        assert_eq!(project.read("other"), "all none\n");
    }

    #[test]
    fn a_recipe_that_runs_elsewhere_still_finds_its_files() {
        let project = Project::new(
            "[workdir work/{s}]\n\
             transform t: match in/{s}.txt -> out/{s}.txt\n    \
             pwd > here\n    cat {input} > {output}\n    echo {dir} {stem} {tmp} > where\n    \
             touch {tmp}/x\n\n\
             [workdir work]\n\
             transform simple: ./in/a.txt -> simple\n    cp {input} {output}\n\n\
             [workdir work]\n\
             transform script: in/a.txt -> script\n    #!/bin/sh\n    \
             cat {input} > {output}; pwd >> {output}\n",
        );
        project.write("in/a.txt", "a\n");
        project.flow(&["run"]).expect(0);
        let folder = project.path(".").canonicalize().unwrap();
        let folder = folder.display();
        assert_eq!(project.read("work/a/here"), format!("{folder}/work/a\n"));
        assert_eq!(project.read("out/a.txt"), "a\n");
        assert_eq!(project.read("simple"), "a\n");
        assert_eq!(project.read("script"), format!("a\n{folder}/work\n"));
        let place = project.read("work/a/where");
        assert!(
            place.starts_with(&format!("{folder}/in a {folder}/.flow/tmp/")),
            "{place}"
        );
    }

    #[test]
    fn a_rule_has_a_shell_of_its_own() {
        let project = Project::new(
            "[shell sh -c]\noriginate a -> a\n    false; touch {output}\n\n\
             originate b -> b\n    false; touch {output}\n",
        );
        project.flow(&["run", "-k"]).expect(1);
        assert!(project.has("a") && !project.has("b"));
    }

    #[test]
    fn what_a_recipe_prints_goes_where_the_rule_says() {
        let project = Project::new(
            "[stdout logs/{s}.out, stderr logs/{s}.err]\n\
             transform two: match in/{s} -> out/{s}\n    echo out; echo err >&2; touch {output}\n\n\
             [stdout {output}.log, stderr {output}.log]\n\
             transform one: two -> {input}.one\n    echo out; echo err >&2; echo more; touch {output}\n\n\
             [stdout {output}]\n\
             transform direct: two -> {input}.direct\n    echo {input}\n\n\
             [stderr {output}.err]\n\
             transform half: two -> {input}.half\n    echo shown; echo hidden >&2; touch {output}\n",
        );
        project.write("in/x", "");
        project.flow(&["run"]).expect(0);
        assert_eq!(project.read("logs/x.out"), "out\n");
        assert_eq!(project.read("logs/x.err"), "err\n");
        assert_eq!(project.read("out/x.one.log"), "out\nerr\nmore\n");
        assert_eq!(project.read("out/x.direct"), "out/x\n");
        assert_eq!(project.read("out/x.half.err"), "hidden\n");
        let log = |job: &str| project.flow(&["log", job]).out;
        assert!(!log("out/x").contains("out\n"));
        assert!(log("out/x.half").contains("shown") && !log("out/x.half").contains("hidden"));
    }

    #[test]
    fn each_try_begins_its_files_anew_and_a_failure_shows_their_end() {
        let project = Project::new(
            "[stdout log, stderr log, retries 1]\noriginate a -> a\n    \
             echo one; echo try >&2; exit 3\n",
        );
        project.flow(&["run"]).expect(1).says(&["| one", "| try"]);
        assert_eq!(project.read("log"), "one\ntry\n");
        let project =
            Project::new("[stdout workflow.flow/x]\noriginate a -> a\n    touch {output}\n");
        project
            .flow(&["run"])
            .expect(1)
            .says(&["make the folder `workflow.flow`"]);
    }
}

mod check {
    use super::*;

    /// The check's exit status is what `state` says.
    fn checked(attributes: &str) -> Project {
        let project = Project::new(&format!(
            "[check \"echo asked {{output}} >> asked; exit $(cat state)\"{attributes}]\n\
             transform a: in/* -> out/{{name}}\n    echo made >> made; cp {{input}} {{output}}\n\n\
             transform b: a -> {{input}}.b\n    cp {{input}} {{output}}\n"
        ));
        project.write("in/x y", "1\n").write("state", "0\n");
        project
    }

    #[test]
    fn decides_alone_once_the_output_is_there() {
        let project = checked("");
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        assert!(!project.has("asked"), "what is missing is made");
        project.touch("in/x y");
        assert_eq!(project.planned(&[]), [""; 0], "a newer input means nothing");
        assert_eq!(project.read("asked"), "asked out/x y\n");
        project.write("state", "1\n");
        assert_eq!(project.planned(&[]), ["a out/x y", "b out/x y.b"]);
        let plan = project.flow(&["plan", "--json"]).expect(0).out;
        assert!(
            plan.contains(r#""reason":{"kind":"check_command"}"#),
            "{plan}"
        );
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        assert_eq!(project.read("made"), "made\nmade\n");
        project.write("state", "0\n");
        assert_eq!(project.planned(&["--force", "a"]).len(), 2);
    }

    #[test]
    fn what_is_neither_yes_nor_no_is_an_error() {
        let project = checked("");
        project.flow(&["run"]).expect(0);
        project.write("state", "2; echo what now");
        for command in ["run", "plan"] {
            project.flow(&[command]).expect(3).says(&[
                "the check of `out/x y` says neither yes nor no",
                "exit status 2",
                "workflow.flow:1:8",
            ]);
        }
        project.write(
            "workflow.flow",
            "[check \"echo oh no >&2; exit 3\"]\noriginate a -> state\n    touch {output}\n",
        );
        project
            .flow(&["plan"])
            .expect(3)
            .says(&["exit status 3; it printed: oh no"]);
        project.write(
            "workflow.flow",
            "[check \"kill -9 $$; true\"]\noriginate a -> state\n    touch {output}\n",
        );
        project
            .flow(&["plan"])
            .expect(3)
            .says(&["killed by signal 9"]);
    }

    #[test]
    fn behind_a_job_that_runs_it_is_asked_when_that_has_run() {
        let project = Project::new(
            "transform a: ./in -> a\n    cut -c1 {input} > {output}\n\n\
             [check \"cmp -s {input} {output}\"]\n\
             transform b: a -> b\n    echo made >> made; cp {input} {output}\n",
        );
        project.write("in", "1a\n");
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        // What `a` makes is the same again: `b` has nothing to do.
        project.write("in", "1b\n").touch("in");
        project.flow(&["run"]).expect(0).says(&["1 done"]);
        assert_eq!(project.read("made"), "made\n");
        project.write("in", "2\n").touch("in");
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        assert_eq!(
            (project.read("made"), project.read("b")),
            ("made\nmade\n".into(), "2\n".into())
        );
        // An error then is the job's failure.
        let text = project.read("workflow.flow");
        let text = text.replace("cmp -s {input} {output}", "echo none; exit 4");
        project.write("workflow.flow", text);
        project.write("in", "3\n").touch("in");
        project
            .flow(&["run"])
            .expect(1)
            .says(&["its check says neither yes nor no: exit status 4", "none"]);
    }

    #[test]
    fn nobody_is_asked_about_what_runs_anyway() {
        let project = Project::new(
            "transform a: ./in -> a\n    cp {input} {output}\n\n\
             [check \"echo asked >> asked\"]\ntransform b: a suffix a -> b\n    cp {input} {output}\n",
        );
        project.write("in", "").write("b", "");
        for args in [&["plan"][..], &["plan", "--force", "b"]] {
            project.flow(args).expect(0);
        }
        assert!(!project.has("asked"));
        project.flow(&["run"]).expect(0);
        assert_eq!(project.read("asked"), "asked\n", "once `a` has run");
    }

    #[test]
    fn many_are_asked_at_once() {
        let project = Project::new(
            "[check \"mkdir -p at; touch at/{s}; until test -e at/b && test -e at/a; do sleep 0.01; done\"]\n\
             transform t: match in/{s} -> out/{s}\n    touch {output}\n",
        );
        for name in ["a", "b"] {
            project
                .write(format!("in/{name}"), "")
                .write(format!("out/{name}"), "");
        }
        project
            .flow(&["run", "-j2"])
            .expect(0)
            .says(&["up to date"]);
    }

    #[test]
    fn a_split_that_its_check_finds_fresh_has_the_files_that_are_there() {
        let project = Project::new(
            "[check \"test -e in\"]\nsplit s: ./in -> parts/*\n    touch {output.dir}/1 {output.dir}/2\n\n\
             transform t: s -> t/{name}\n    touch {output}\n",
        );
        project.write("in", "");
        project.flow(&["run"]).expect(0).says(&["3 done"]);
        project.touch("in");
        assert_eq!(project.planned(&[]), [""; 0]);
    }
}

mod then {
    use super::*;

    const PARTS: &str = "\
[then \"ls {output} > all; echo done {rule} >> times\"]
transform t: in/* -> out/{name}
    cp {input} {output}

[after t]
originate late -> late
    touch {output}
";

    fn parts() -> Project {
        let project = Project::new(PARTS);
        project.write("in/a b", "1").write("in/c", "1");
        project
    }

    #[test]
    fn runs_once_when_the_last_job_has_succeeded_and_any_ran() {
        let project = parts();
        project.flow(&["run", "-j2"]).expect(0).says(&["4 done"]);
        assert_eq!(project.read("all"), "out/a b\nout/c\n");
        project.flow(&["run"]).expect(0).says(&["up to date"]);
        assert_eq!(project.read("times"), "done t\n");
        project.touch("in/c");
        project.flow(&["run"]).expect(0);
        assert_eq!(project.read("times"), "done t\ndone t\n");
    }

    #[test]
    fn is_owed_until_all_jobs_are_done() {
        let project = parts();
        project.flow(&["run", "out/c"]).expect(0).says(&["1 done"]);
        assert!(!project.has("times"), "a part of the rule is not the rule");
        let bad = PARTS.replace("cp {input}", "test {input} = in/c && cp {input}");
        project.write("workflow.flow", bad);
        project.flow(&["run", "-k"]).expect(1);
        assert!(!project.has("times"), "one job has failed");
        project.write("workflow.flow", PARTS);
        let plan = project.flow(&["plan"]).expect(0).out;
        assert!(plan.contains("then:t  owed from an earlier run"), "{plan}");
        project.flow(&["run"]).expect(0);
        assert_eq!(project.read("times"), "done t\n");
    }

    #[test]
    fn is_owed_until_it_succeeds() {
        let project = parts();
        let bad = PARTS.replace("ls {output}", "echo no luck; exit 3; ls {output}");
        project.write("workflow.flow", bad);
        let (ended, ends) = ends(&project, &["-k"]);
        ended.expect(1).says(&[
            "t then:t failed",
            "exit status 3",
            "| no luck",
            "workflow.flow:2",
        ]);
        assert!(ends.contains(&"then:t failed 1".to_string()), "{ends:?}");
        let log = project.flow(&["log", "then:t"]).out;
        assert!(log.contains("no luck"), "{log}");
        assert!(
            project.has("late"),
            "what comes after the rule does not wait for it"
        );
        project.write("workflow.flow", PARTS);
        project.flow(&["run"]).expect(0).says(&["1 done"]);
        assert_eq!(project.read("times"), "done t\n");
        project.flow(&["run"]).expect(0).says(&["up to date"]);
    }

    #[test]
    fn touches_a_file_and_does_one_thing_after_the_other() {
        let project = Project::new(
            "param mark = marks/done\n\
             [then \"test ! -e {mark} && echo 1 > n\", then touch {mark}, then \"test -e {mark} && echo 2 >> n\"]\n\
             originate a -> a\n    touch {output}\n",
        );
        project.flow(&["run"]).expect(0);
        assert_eq!(
            (project.read("n"), project.has("marks/done")),
            ("1\n2\n".into(), true)
        );
    }

    #[test]
    fn a_rule_behind_a_split_is_done_when_all_that_came_of_it_is() {
        let project = Project::new(
            "split s: ./in -> parts/*\n    for part in $(cat {input}); do touch {output.dir}/$part; done\n\n\
             [then \"echo {output} >> all\"]\n\
             transform t: s -> t/{name}\n    touch {output}\n\n\
             [then \"echo {output} >> splits\"]\n\
             subdivide u: t -> u/{name}/*\n    touch {output.dir}/x\n\n\
             [after u]\noriginate late -> late\n    touch {output}\n",
        );
        project.write("in", "1 2");
        project.flow(&["run", "-k"]).expect(0);
        assert_eq!(project.read("all"), "t/1 t/2\n");
        assert_eq!(project.read("splits"), "u/1/x u/2/x\n");
        // Where the split fails, nobody waits for what cannot come.
        project.write(
            "workflow.flow",
            project
                .read("workflow.flow")
                .replace("for part", "exit 1; for part"),
        );
        std::fs::remove_file(project.path("late")).unwrap();
        project
            .flow(&["run", "-k", "-B"])
            .expect(1)
            .says(&["s", "failed"]);
        assert!(!project.has("late"));
        assert_eq!(project.read("all"), "t/1 t/2\n");
    }
}

mod deps {
    use super::*;

    /// A compiler of a kind: takes in files by `include NAME`, and says which.
    const COMPILE: &str = "\
[deps {output}.d]
transform compile: src/*.src suffix .src -> obj/{stem}.o
    names=$(sed -n 's/^include //p' {input})
    echo \"{output}: {input} \"$names > {output}.d
    cat {input} $names > {output}
";

    fn project() -> Project {
        let project = Project::new(COMPILE);
        project
            .write("src/a.src", "include inc/one\ninclude inc/two\n")
            .write("src/b.src", "include inc/two\n")
            .write("inc/one", "1\n")
            .write("inc/two", "2\n")
            .write("inc/three", "3\n");
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        project.flow(&["run"]).expect(0).says(&["up to date"]);
        project
    }

    #[test]
    fn what_a_job_named_are_its_inputs_from_then_on() {
        let project = project();
        project.touch("inc/one");
        assert_eq!(project.planned(&[]), ["compile obj/a.o"]);
        project.touch("inc/two");
        assert_eq!(project.planned(&[]), ["compile obj/a.o", "compile obj/b.o"]);
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        project.touch("inc/three");
        assert_eq!(project.planned(&[]), [""; 0]);
    }

    #[test]
    fn the_newest_run_says_what_they_are() {
        let project = project();
        project
            .write("src/b.src", "include inc/three\n")
            .touch("src/b.src");
        project.flow(&["run"]).expect(0).says(&["1 done"]);
        project.touch("inc/two");
        assert_eq!(project.planned(&[]), ["compile obj/a.o"]);
        project.touch("inc/three");
        assert_eq!(project.planned(&[]), ["compile obj/a.o", "compile obj/b.o"]);
    }

    #[test]
    fn one_that_is_gone_makes_the_job_stale_and_is_no_error() {
        let project = project();
        project.write("src/a.src", "include inc/two\n");
        std::fs::remove_file(project.path("inc/one")).unwrap();
        let plan = project.flow(&["plan", "-v"]).expect(0).out;
        assert!(plan.contains("inc/one, which it read, is gone"), "{plan}");
        project.flow(&["run"]).expect(0).says(&["1 done"]);
        project.flow(&["run"]).expect(0).says(&["up to date"]);
    }

    #[test]
    fn what_nobody_recorded_is_not_taken_for_nothing() {
        let project = project();
        std::fs::remove_file(project.path(".flow/discovered")).unwrap();
        let plan = project.flow(&["plan", "--json"]).expect(0).out;
        assert!(
            plan.contains(r#""reason":{"kind":"inputs_differ"}"#),
            "{plan}"
        );
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        project.flow(&["run"]).expect(0).says(&["up to date"]);
    }

    #[test]
    fn a_job_without_its_file_has_failed_and_an_old_one_does_not_count() {
        let project = project();
        let text = COMPILE.replace("> {output}.d", "> other");
        project.write("workflow.flow", &text);
        project
            .flow(&["run", "-B", "-j1"])
            .expect(1)
            .says(&["did not make: obj/a.o.d"]);
        project.write(
            "workflow.flow",
            COMPILE.replace("{output}: {input}", "no rule"),
        );
        project
            .flow(&["run", "-B", "-j1"])
            .expect(1)
            .says(&["`obj/a.o.d` holds no Makefile rule"]);
    }

    #[test]
    fn what_a_job_named_and_another_makes_is_made_first() {
        let project = Project::new(&format!(
            "transform header: version suffix version -> inc/gen\n    cp {{input}} {{output}}\n\n\
             [after header]\n{COMPILE}"
        ).replace("header: version", "header: ./version"));
        project
            .write("version", "1\n")
            .write("src/a.src", "include inc/gen\n");
        project.flow(&["run"]).expect(0).says(&["2 done"]);
        project.write("version", "2\n").touch("version");
        assert_eq!(
            project.planned(&["obj/a.o"]),
            ["header inc/gen", "compile obj/a.o"]
        );
        project
            .flow(&["run", "-j4", "obj/a.o"])
            .expect(0)
            .says(&["2 done"]);
        assert_eq!(project.read("obj/a.o"), "include inc/gen\n2\n");
        project.flow(&["run"]).expect(0).says(&["up to date"]);
    }

    #[test]
    fn paths_are_those_of_the_folder_that_the_recipe_runs_in() {
        let project = Project::new(
            "[deps {output}.d, workdir src]\n\
             transform c: src/*.src suffix .src -> obj/{stem}.o\n    \
             echo \"x: inc.h $PWD/../abs.h\" > {output}.d; touch {output}\n",
        );
        project
            .write("src/a.src", "")
            .write("src/inc.h", "")
            .write("abs.h", "");
        project.flow(&["run"]).expect(0);
        project.touch("src/inc.h");
        assert_eq!(project.planned(&[]), ["c obj/a.o"]);
        project.flow(&["run"]).expect(0);
        project.touch("abs.h");
        assert_eq!(project.planned(&[]), ["c obj/a.o"]);
    }

    #[test]
    fn one_that_changes_while_the_job_runs_leaves_it_stale() {
        let project = Project::new(
            "[deps a.d]\noriginate a -> a\n    cp inc a; sleep 0.02; echo new > inc; sleep 0.02\n    \
             touch {output}; echo 'a: inc' > a.d\n",
        );
        project.write("inc", "old\n");
        project
            .flow(&["run"])
            .expect(0)
            .says(&["its input `inc` changed while it ran"]);
        assert_eq!(project.planned(&[]), ["a a"]);
    }
}

mod signals {
    use std::time::{Duration, Instant};

    use common::{end, signal};
    use rustix::process::Signal;

    use super::*;

    #[test]
    fn end_what_runs_beside_the_jobs_too() {
        let then = Project::new(
            "[then \"touch begun; sleep 60\"]\noriginate a -> a\n    touch {output}\n",
        );
        let check = Project::new(
            "originate a -> a\n    touch {output}\n\n\
             [check \"touch begun; sleep 60\"]\ntransform b: a suffix a -> b\n    touch {output}\n",
        );
        check.write("b", "");
        for project in [then, check] {
            let start = Instant::now();
            let child = project.start(&["run"]);
            project.wait_for("begun");
            signal(&child, Signal::TERM);
            end(child).expect(143);
            assert!(start.elapsed() < Duration::from_secs(20));
        }
    }
}
