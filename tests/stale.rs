//! When a job runs again and when it does not, through the command line.

mod common;

use std::fs;
use std::process::Command;
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

/// The reasons of a plan, `job: kind`.
fn reasons(project: &Project, args: &[&str]) -> Vec<String> {
    let args: Vec<&str> = ["plan", "--json"].iter().chain(args).copied().collect();
    let ended = project.flow(&args).expect(0);
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_string();
        format!("{}: {}", text(&line["job"]), text(&line["reason"]["kind"]))
    };
    ended.out.lines().map(line).collect()
}

#[test]
fn a_changed_recipe_is_a_reason_and_its_layout_is_none() {
    let project = fresh();
    project.write(
        "workflow.flow",
        UPPER.replace("    cat {input} >", "      cat {input} >"),
    );
    assert_eq!(reasons(&project, &[]), [""; 0]);
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "cat < {input}"),
    );
    assert_eq!(reasons(&project, &[]), ["out/all: recipe_changed"]);
    assert_eq!(reasons(&project, &["--checksum-level", "1"]), [""; 0]);
}

#[test]
fn a_param_counts_where_it_reaches_the_recipe() {
    let project = fresh();
    let stale = [
        "out/a.up: params_changed",
        "out/b.up: params_changed",
        "out/all: upstream",
    ];
    assert_eq!(reasons(&project, &["--set", "flag=y"]), stale);
    assert_eq!(
        reasons(&project, &["--set", "flag=y", "--checksum-level", "2"]),
        [""; 0]
    );
    let out = project
        .flow(&["plan", "-v", "--set", "flag=y"])
        .expect(0)
        .out;
    assert!(out.contains("flag was x, is y"), "{out}");
}

#[test]
fn a_rule_may_be_renamed() {
    let project = fresh();
    project.write("workflow.flow", UPPER.replace("upper", "capitals"));
    assert_eq!(reasons(&project, &[]), [""; 0]);
}

#[test]
fn inputs_that_come_and_go_are_a_reason() {
    let project = fresh();
    fs::remove_file(project.path("in/a.txt")).unwrap();
    assert_eq!(reasons(&project, &[]), ["out/all: inputs_differ"]);
    let out = project.flow(&["plan", "-v"]).expect(0).out;
    assert!(out.contains("out/a.up went"), "{out}");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/all"), "B\nx\n");
    // Older than everything: by times alone nobody would see it.
    project.write("in/a.txt", "back\n");
    project.set_age("in/a.txt", Duration::from_secs(1_000_000));
    assert_eq!(
        reasons(&project, &[]),
        ["out/a.up: input_changed", "out/all: inputs_differ"]
    );
}

#[test]
fn an_input_restored_from_a_backup_is_seen() {
    let project = fresh();
    project.write("in/a.txt", "older\n");
    project.set_age("in/a.txt", Duration::from_secs(100_000));
    assert_eq!(
        reasons(&project, &[]),
        ["out/a.up: input_changed", "out/all: upstream"]
    );
}

#[test]
fn an_output_changed_by_hand_is_seen_and_kept_in_the_trash() {
    let project = fresh();
    fs::write(project.path("out/a.up"), "by hand, with care").unwrap();
    assert_eq!(
        reasons(&project, &[]),
        ["out/a.up: output_changed", "out/all: upstream"]
    );
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/a.up"), "A\nx\n");
    assert_eq!(in_trash(&project), "by hand, with care");
}

#[test]
fn what_only_its_content_tells_to_be_by_hand_is_kept_in_the_trash() {
    let project = fresh();
    project.flow(&["run", "--checksum-level", "4"]).expect(0);
    let time = fs::metadata(project.path("out/a.up")).unwrap().modified();
    fs::write(project.path("out/a.up"), "B\ny\n").unwrap();
    let file = fs::File::options()
        .append(true)
        .open(project.path("out/a.up"));
    file.unwrap().set_modified(time.unwrap()).unwrap();
    project.flow(&["run", "--checksum-level", "4"]).expect(0);
    assert_eq!(project.read("out/a.up"), "A\nx\n");
    assert_eq!(in_trash(&project), "B\ny\n");
}

/// The file that is in the trash.
fn in_trash(project: &Project) -> String {
    let trash = fs::read_dir(project.path(".flow/trash"))
        .unwrap()
        .flatten()
        .next()
        .unwrap();
    let kept = fs::read_dir(trash.path())
        .unwrap()
        .flatten()
        .next()
        .unwrap();
    fs::read_to_string(kept.path()).unwrap()
}

#[test]
fn a_touched_output_is_as_good_as_before() {
    let project = fresh();
    project.touch("out/a.up");
    // Its consumer was made from the file as it was before.
    assert_eq!(reasons(&project, &[]), ["out/all: input_changed"]);
}

#[test]
fn a_failed_job_runs_again_although_its_old_output_is_back() {
    let project = fresh();
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "false; cat {input}"),
    );
    project.flow(&["run"]).expect(1);
    project.write("workflow.flow", UPPER);
    assert_eq!(reasons(&project, &[]), ["out/all: failed"]);
    project.flow(&["run"]).expect(0);
    assert_eq!(reasons(&project, &[]), [""; 0]);
}

#[test]
fn without_history_files_in_order_are_adopted() {
    let project = fresh();
    fs::remove_dir_all(project.path(".flow")).unwrap();
    assert_eq!(reasons(&project, &[]), [""; 0]);
    project
        .flow(&["run"])
        .expect(0)
        .says(&["everything is up to date"]);
    // From now on they are known.
    fs::write(project.path("out/a.up"), "other").unwrap();
    assert_eq!(reasons(&project, &[]).len(), 2);
}

#[test]
fn the_project_may_move() {
    let project = fresh();
    let moved = Project::new("");
    fs::create_dir(moved.path("moved")).unwrap();
    let from = project.path("").join(".");
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(moved.path("moved"))
        .status();
    assert!(status.unwrap().success());
    drop(project);
    let out = moved.flow(&["plan", "moved/workflow.flow"]).expect(0).out;
    assert!(out.contains("up to date"), "{out}");
}

#[test]
fn a_damaged_history_costs_work_and_nothing_else() {
    let project = fresh();
    let bytes = fs::read(project.path(".flow/history")).unwrap();
    for (at, damage) in [(0, &b"garbage"[..]), (40, b"xx"), (bytes.len() - 3, b"x")] {
        let mut bytes = bytes.clone();
        bytes[at..at + damage.len()].copy_from_slice(damage);
        fs::write(project.path(".flow/history"), bytes).unwrap();
        project.flow(&["plan"]).expect(0);
        project
            .flow(&["run"])
            .expect(0)
            .says(&["warning", "history"]);
        assert_eq!(reasons(&project, &[]), [""; 0], "damage at {at}");
        assert_eq!(project.read("out/all"), "A\nx\nB\nx\n");
    }
    for length in [0, 5, 19, 20, 30, bytes.len() / 2] {
        fs::write(project.path(".flow/history"), &bytes[..length]).unwrap();
        project.flow(&["run"]).expect(0);
        assert_eq!(reasons(&project, &[]), [""; 0], "cut at {length}");
    }
}

#[test]
fn a_history_of_a_newer_flow_is_left_alone() {
    let project = fresh();
    let newer = [&b"flowlog\n"[..], &[9, 0, 0, 0], &[0; 8]].concat();
    fs::write(project.path(".flow/history"), &newer).unwrap();
    project.flow(&["run"]).expect(7).says(&["newer flow"]);
    assert_eq!(fs::read(project.path(".flow/history")).unwrap(), newer);
}

#[test]
fn a_large_folder_is_seen_as_it_is_though_its_list_is_kept() {
    let project =
        Project::new("transform t: in/*.in suffix .in -> out/{stem}.out\n    : > {output}\n");
    for n in 0..1200 {
        project.write(format!("in/{n}.in"), "");
    }
    project.flow(&["run", "-j8"]).expect(0);
    // A list is kept of what has not changed for two seconds.
    std::thread::sleep(Duration::from_millis(2100));
    project.flow(&["run"]).expect(0);
    let is_kept = project.has(".flow/folders");
    assert_eq!(project.planned(&[]), [""; 0]);
    project.write("in/new.in", "");
    assert_eq!(project.planned(&[]), ["t out/new.out"]);
    fs::remove_file(project.path("in/new.in")).unwrap();
    fs::remove_file(project.path("out/7.out")).unwrap();
    assert_eq!(project.planned(&[]), ["t out/7.out"]);
    project.flow(&["run"]).expect(0);
    for damage in [
        "",
        "flow folders 1\n",
        "flow folders 1\n\0none that is right, but longer than a head is",
    ] {
        if is_kept {
            project.write(".flow/folders", damage);
        }
        assert_eq!(project.planned(&[]), [""; 0]);
        project.flow(&["run"]).expect(0);
    }
}

const SPLIT: &str = "\
split parts: ./list -> parts/*.p
    for n in $(cat {input}); do echo $n > {output.dir}/$n.p; done

merge all: parts -> all
    cat {input} /dev/null > {output}
";

fn split(list: &str) -> Project {
    let project = Project::new(SPLIT);
    project.write("list", list);
    project.flow(&["run"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
    project
}

#[test]
fn parts_that_do_not_come_again_are_gone() {
    let project = split("1 2 3");
    project.write("list", "2 4");
    project.touch("list");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("all"), "2\n4\n");
    assert_eq!(
        project.files(),
        ["all", "list", "parts/2.p", "parts/4.p", "workflow.flow"]
    );
    assert_eq!(project.planned(&[]), [""; 0]);
}

#[test]
fn a_part_that_was_deleted_is_missed_and_a_foreign_one_is_told() {
    let project = split("1 2");
    fs::remove_file(project.path("parts/2.p")).unwrap();
    assert_eq!(reasons(&project, &[])[0], "parts/*.p: output_missing");
    project.flow(&["run"]).expect(0);
    project.write("parts/mine.p", "mine");
    project.flow(&["plan"]).expect(0).says(&["parts/mine.p"]);
    assert_eq!(project.planned(&[]), [""; 0]);
    project.touch("list");
    project.flow(&["run"]).expect(0).says(&["parts/mine.p"]);
    assert_eq!(
        (project.read("all"), project.read("parts/mine.p")),
        ("1\n2\n".into(), "mine".into())
    );
}

#[test]
fn no_parts_are_a_result() {
    let project = split("");
    assert_eq!(project.read("all"), "");
    project
        .flow(&["run"])
        .expect(0)
        .says(&["everything is up to date"]);
}

#[test]
fn a_failed_split_gives_its_old_parts_back() {
    let project = split("1 2");
    project.write("list", "3 4");
    project.touch("list");
    project.write("workflow.flow", SPLIT.replace("; done", "; done; false"));
    project.flow(&["run"]).expect(1);
    assert_eq!(
        project.files(),
        ["all", "list", "parts/1.p", "parts/2.p", "workflow.flow"]
    );
}

#[test]
fn level_zero_looks_at_times_alone() {
    let project = fresh();
    let level = ["--checksum-level", "0"];
    project.write(
        "workflow.flow",
        UPPER.replace("cat {input}", "cat < {input}"),
    );
    assert_eq!(reasons(&project, &level), [""; 0]);
    project.touch("in/b.txt");
    assert_eq!(
        reasons(&project, &level),
        ["out/b.up: input_newer", "out/all: upstream"]
    );
}

#[test]
fn what_a_rule_says_of_its_surroundings_counts_and_its_level_is_its_own() {
    let rules = |env: &str, level: u8, word: &str| {
        format!(
            "[env X=\"{env}\"]\ntransform up: in/*.txt suffix .txt -> out/{{stem}}.up\n    \
             echo $X > {{output}}\n\n\
             [checksum_level {level}]\ntransform low: in/*.txt suffix .txt -> low/{{stem}}.low\n    \
             echo {word} > {{output}}\n"
        )
    };
    let project = Project::new(&rules("1", 1, "a"));
    project.write("in/a.txt", "a\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(reasons(&project, &[]), [""; 0]);
    project.write("workflow.flow", rules("2", 1, "b"));
    assert_eq!(reasons(&project, &[]), ["out/a.up: params_changed"]);
    project.write("workflow.flow", rules("1", 2, "b"));
    assert_eq!(reasons(&project, &[]), ["low/a.low: recipe_changed"]);
}

#[test]
fn what_came_out_as_recorded_ends_the_wave() {
    let workflow = "\
transform part: in/*.txt suffix .txt -> out/{stem}.part
    tr a-z A-Z < {input} > {output}; touch -d @1000000000 {output}

split piece: part -> out/piece_*.p
    for file in {input}; do cp $file out/piece_$(basename $file).p; done

transform count: piece suffix .p -> .n
    wc -c < {input} > {output}

merge all: count -> out/all
    cat {input} > {output}
";
    let project = Project::new(workflow);
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run"]).expect(0);
    project.write("in/a.txt", "A\n");
    project.touch("in/a.txt");
    let plan = project.flow(&["plan", "--json"]).expect(0).out;
    let states = plan.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        format!("{}: {}", line["rule"], line["state"]).replace('"', "")
    });
    let expected = [
        "part: stale",
        "piece: maybe",
        "count: unknown",
        "all: unknown",
    ];
    assert_eq!(states.collect::<Vec<_>>(), expected);
    let text = project.flow(&["plan"]).expect(0).out;
    let total = "2 jobs would run, 1 of them if what they read changes, and what follows from them";
    assert!(text.contains(total), "{text}");
    let events = project.flow(&["run", "--events", "-"]).expect(0);
    events.says(&["1 done"]);
    assert_eq!(project.planned(&[]), [""; 0]);
    project.write("in/a.txt", "longer\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.read("out/all"), "7\n2\n");
}

/// A project at level 4 that is up to date.
fn by_contents() -> Project {
    let project = Project::new(&format!("checksum_level = 4\n{UPPER}"));
    project.write("in/a.txt", "a\n").write("in/b.txt", "b\n");
    project.flow(&["run"]).expect(0);
    assert_eq!(project.planned(&[]), [""; 0]);
    project
}

#[test]
fn by_contents_what_was_touched_or_restored_is_the_same() {
    let project = by_contents();
    project.touch("in/a.txt");
    project.set_age("in/b.txt", Duration::from_secs(1_000_000));
    project.set_age("out/a.up", Duration::from_secs(1_000_000));
    let old = project.read("out/b.up");
    fs::remove_file(project.path("out/b.up")).unwrap();
    fs::write(project.path("out/b.up"), old).unwrap();
    assert_eq!(project.planned(&[]), [""; 0]);
    project.flow(&["run"]).expect(0).says(&["up to date"]);
    // By times all of that is something else.
    let times = ["--checksum-level", "3"];
    let expected = [
        "out/a.up: output_changed",
        "out/b.up: input_changed",
        "out/all: upstream",
    ];
    assert_eq!(reasons(&project, &times), expected);
}

#[test]
fn by_contents_a_change_that_keeps_time_and_size_is_seen() {
    let project = by_contents();
    for (path, reason) in [
        ("in/a.txt", "out/a.up: input_changed"),
        ("out/b.up", "out/b.up: output_changed"),
    ] {
        let path = project.path(path);
        let text = fs::read_to_string(&path).unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        std::io::Write::write_all(&mut &file, &vec![b'?'; text.len()]).unwrap();
        file.set_modified(time).unwrap();
        assert_eq!(reasons(&project, &["--checksum-level", "3"]), [""; 0]);
        assert_eq!(reasons(&project, &[]), [reason, "out/all: upstream"]);
        project.flow(&["run"]).expect(0);
    }
    assert_eq!(
        project.read("out/all"),
        "?\u{0}x\nB\nx\n".replace('\u{0}', "?")
    );
}

#[test]
fn by_contents_what_is_made_the_same_again_ends_the_wave() {
    let project = by_contents();
    let recipe = "tr a-z A-Z < {input} > {output}";
    let other = "tr '[:lower:]' '[:upper:]' < {input} > {output}";
    let workflow = project.read("workflow.flow").replace(recipe, other);
    project.write("workflow.flow", workflow);
    let expected = [
        "out/a.up: recipe_changed",
        "out/b.up: recipe_changed",
        "out/all: upstream",
    ];
    assert_eq!(reasons(&project, &[]), expected);
    project.flow(&["run"]).expect(0).says(&["2 done"]);
    assert_eq!(reasons(&project, &[]), [""; 0]);
    let history = project.flow(&["history", "--json"]).expect(0).out;
    assert!(history.contains("out/all"), "{history}");
}

#[test]
fn contents_are_looked_at_from_when_the_level_says_so() {
    let project = fresh();
    let four = ["--checksum-level", "4"];
    assert_eq!(reasons(&project, &four), [""; 0]);
    // Nobody has looked into it yet: its time decides.
    project.touch("in/a.txt");
    let changed = ["out/a.up: input_changed", "out/all: upstream"];
    assert_eq!(reasons(&project, &four), changed);
    project.flow(&["run", "--checksum-level", "4"]).expect(0);
    project.touch("in/a.txt");
    project.touch("in/b.txt");
    assert_eq!(reasons(&project, &four), [""; 0]);
    project
        .flow(&["why", "out/a.up", "--checksum-level", "4"])
        .expect(0);
    // A rule's own level.
    let own = UPPER.replace("transform upper", "[checksum_level 4]\ntransform upper");
    project.write("workflow.flow", own);
    assert_eq!(reasons(&project, &[]), [""; 0]);
    project.write("workflow.flow", UPPER);
    assert_eq!(reasons(&project, &[]).len(), 3);
}

#[test]
fn a_folder_is_its_time_and_the_names_in_it() {
    let project = Project::new("merge list: in/ -> out\n    ls {input} > {output}\n");
    project.write("in/a", "").write("in/b", "");
    project.flow(&["run"]).expect(0);
    let folder = project.path("in");
    let time = fs::metadata(&folder).unwrap().modified().unwrap();
    fs::rename(project.path("in/b"), project.path("in/c")).unwrap();
    fs::File::open(&folder).unwrap().set_modified(time).unwrap();
    assert_eq!(reasons(&project, &[]), ["out: input_changed"]);
    project.flow(&["run", "--checksum-level", "4"]).expect(0);
    fs::File::open(&folder)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    assert_eq!(reasons(&project, &["--checksum-level", "4"]), [""; 0]);
    assert_eq!(reasons(&project, &[]), ["out: input_changed"]);
}

#[test]
fn a_folder_counts_by_what_is_in_it_where_contents_count() {
    let project =
        Project::new("merge all: in/ -> out\n    cat {input}/f {input}/deep/g > {output}\n");
    project.write("in/f", "f1\n").write("in/deep/g", "g1\n");
    let four = ["run", "--checksum-level", "4"];
    project.flow(&four).expect(0);
    // The folder's own time and names stay, and so do the sizes.
    for (file, text) in [("in/f", "f2\n"), ("in/deep/g", "g2\n")] {
        project.write(file, text);
        project.flow(&["run"]).expect(0);
        assert!(
            !project.read("out").contains(text),
            "not at the default level"
        );
        project.flow(&four).expect(0);
        assert!(project.read("out").contains(text));
    }
    project.touch("in/f");
    let planned = project.planned(&["--checksum-level", "4"]);
    assert_eq!(planned, [""; 0], "a touch changes no content");
}

#[test]
fn what_is_made_anew_within_a_step_of_the_clock_is_not_taken_for_what_it_was() {
    // As on a file system that knows whole seconds only.
    let project = Project::new(
        "transform one: ./a suffix a -> b\n    cp {input} {output}; touch -d @$(cat second) {output}\n\n\
         transform two: one suffix b -> c\n    cat {input} > {output}\n",
    );
    // Both runs have to be within one; on a busy machine not each pair is.
    for n in 0..100 {
        let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let second = now();
        project.write("second", second.to_string());
        for text in [2 * n, 2 * n + 1] {
            project.write("a", format!("{text:03}"));
            project.set_age("a", Duration::from_secs(1000 - text));
            project.flow(&["run"]).expect(0);
        }
        if now() <= second + 1 {
            return assert_eq!(project.read("c"), format!("{:03}", 2 * n + 1));
        }
    }
    panic!("two runs take more than a second each time");
}
