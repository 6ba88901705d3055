//! Runs each example in a copy of its folder and compares what it makes with what it should make.
//!
//! An example whose tools are missing is skipped and says so on stderr; with `ALL_EXAMPLES=1` in
//! the environment that is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;

/// What examples make; never copied.
const MADE: [&str; 3] = [".flow", "out", "build"];

/// A copy of an example's folder.
struct Example {
    folder: PathBuf,
    /// Holds the copy and, outside of it, the runs' event files.
    temp: TempDir,
}

/// A job that ran: its rule and its outputs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Job {
    rule: String,
    outputs: Vec<String>,
}

fn source_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

fn copy_folder(from: &Path, to: &Path) {
    let mut folders = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            let copy = to.join(entry.file_name());
            if MADE.iter().any(|made| entry.file_name() == *made) {
                continue;
            } else if entry.file_type().unwrap().is_dir() {
                folders.push((entry.path(), copy));
            } else {
                fs::copy(entry.path(), copy).unwrap();
            }
        }
    }
}

impl Example {
    fn copy(name: &str) -> Example {
        let temp = TempDir::new().unwrap();
        let folder = temp.path().join(name);
        copy_folder(&source_of(name), &folder);
        Example { folder, temp }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOW_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a command that has to succeed and returns its stdout.
    fn succeed(&self, mut command: Command) -> String {
        let done = command.output().unwrap();
        let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success(),
            "{command:?}: {}\n{stdout}\n{}",
            done.status,
            String::from_utf8_lossy(&done.stderr)
        );
        stdout
    }

    /// `flow run ARGUMENTS`, which has to succeed; the jobs that ran, in order.
    fn run(&self, arguments: &[&str]) -> Vec<Job> {
        let events = self.temp.path().join("events.jsonl");
        let _ = fs::remove_file(&events);
        let mut command = self.command(env!("CARGO_BIN_EXE_flow"));
        command
            .arg("run")
            .args(arguments)
            .arg("--events")
            .arg(&events);
        self.succeed(command);
        let text = fs::read_to_string(&events).unwrap();
        assert!(text.contains("\"run_finished\""), "no end in\n{text}");
        let mut jobs = Vec::new();
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            if event["event"] != "job_finished" {
                continue;
            }
            assert_eq!(event["status"], "ok", "{line}");
            let outputs = event["outputs"].as_array().unwrap();
            jobs.push(Job {
                rule: event["rule"].as_str().unwrap().into(),
                outputs: outputs
                    .iter()
                    .map(|path| path.as_str().unwrap().into())
                    .collect(),
            });
        }
        jobs
    }

    /// What `flow plan` says has to run: nothing, in the tests below.
    fn plan(&self, arguments: &[&str]) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_flow"));
        command.args(["plan", "--json"]).args(arguments);
        self.succeed(command)
    }

    fn touch(&self, path: &str) {
        let file = fs::File::options()
            .append(true)
            .open(self.folder.join(path))
            .unwrap();
        file.set_modified(SystemTime::now()).unwrap();
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn assert_up_to_date(&self, arguments: &[&str]) {
        assert_eq!(self.plan(arguments), "");
        assert_eq!(self.run(arguments), []);
    }
}

/// How many jobs of each rule ran.
fn count_by_rule(jobs: &[Job]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for job in jobs {
        *counts.entry(job.rule.as_str()).or_default() += 1;
    }
    counts
}

/// The first outputs of the jobs that ran; each of them must be one of its own.
fn first_outputs(jobs: &[Job]) -> BTreeSet<&str> {
    let outputs: BTreeSet<&str> = jobs.iter().map(|job| job.outputs[0].as_str()).collect();
    assert_eq!(outputs.len(), jobs.len(), "a job ran twice: {jobs:?}");
    outputs
}

/// True when all `tools` are there. Otherwise says what is missing, or fails if nothing may be.
fn can_run(example: &str, tools: &[&str], data: Option<&str>) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |tool: &&&str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let mut missing: Vec<String> = tools
        .iter()
        .filter(|tool| !is_there(tool))
        .map(|tool| format!("`{tool}`"))
        .collect();
    if let Some(data) = data.filter(|data| !source_of(example).join(data).exists()) {
        missing.push(format!(
            "examples/{example}/{data} (see examples/{example}/setup.sh)"
        ));
    }
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    assert!(
        std::env::var_os("ALL_EXAMPLES").is_none(),
        "example {example} cannot run without {missing}"
    );
    // Not by eprintln!, which cargo shows of failed tests only.
    let told = format!("skipped: example {example} needs {missing}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    false
}

#[test]
fn quickstart() {
    let example = Example::copy("quickstart");
    let jobs = example.run(&[]);
    let letters = 22;
    let all = [
        ("count", 17),
        ("frequent", 1),
        ("lengths", 5),
        ("letters", 1),
        ("rank", letters),
        ("stanzas", 5),
        ("table", 1),
    ];
    assert_eq!(count_by_rule(&jobs), BTreeMap::from(all));
    for table in ["table.tsv", "frequent.tsv"] {
        assert_eq!(
            example.read(&format!("out/{table}")),
            example.read(&format!("expected/{table}"))
        );
    }
    example.assert_up_to_date(&[]);

    // One work: its own stanzas, and everything that looks at all works.
    example.touch("works/Hope.txt");
    let jobs = example.run(&[]);
    let behind = [
        ("count", 3),
        ("frequent", 1),
        ("lengths", 1),
        ("letters", 1),
        ("rank", letters),
        ("stanzas", 1),
        ("table", 1),
    ];
    assert_eq!(count_by_rule(&jobs), BTreeMap::from(behind));
    for job in &jobs {
        let is_of_one_work = ["stanzas", "count", "lengths"].contains(&job.rule.as_str());
        assert!(
            !is_of_one_work || job.outputs[0].contains("/Hope"),
            "{job:?}"
        );
    }

    // A param reaches the recipes that name it.
    let jobs = example.run(&["--set", "top=3"]);
    assert_eq!(first_outputs(&jobs), BTreeSet::from(["out/frequent.tsv"]));
    assert_eq!(example.read("out/frequent.tsv").lines().count(), 3);
    let jobs = example.run(&[]);
    assert_eq!(first_outputs(&jobs), BTreeSet::from(["out/frequent.tsv"]));
    assert_eq!(
        example.read("out/frequent.tsv"),
        example.read("expected/frequent.tsv")
    );

    // A stanza less: its piece goes, and drops out of the table.
    let work = example.read("works/Hope.txt");
    let stanzas: Vec<&str> = work.split("\n\n").collect();
    example.write("works/Hope.txt", &(stanzas[..2].join("\n\n") + "\n"));
    let jobs = example.run(&[]);
    let counts = count_by_rule(&jobs);
    assert_eq!((counts["stanzas"], counts["count"]), (1, 2), "{counts:?}");
    assert!(!example.folder.join("out/stanzas/Hope/03.txt").exists());
    let table = example.read("expected/table.tsv");
    let shorter = table.replace("\nHope\t3\t69\t24\n", "\nHope\t2\t47\t24\n");
    assert_ne!(shorter, table);
    assert_eq!(example.read("out/table.tsv"), shorter);
    example.assert_up_to_date(&[]);
    example.write("works/Hope.txt", &work);
    example.run(&[]);
    assert_eq!(example.read("out/table.tsv"), table);
}

#[test]
fn c_project() {
    if !can_run("c-project", &["cc", "ar"], None) {
        return;
    }
    let example = Example::copy("c-project");
    let jobs = example.run(&[]);
    let all = BTreeSet::from([
        "build/release/app/wordfreq.o",
        "build/release/empty.words",
        "build/release/lib/table.o",
        "build/release/lib/words.o",
        "build/release/libwordfreq.a",
        "build/release/lighthouse.words",
        "build/release/tests/unit.o",
        "build/release/unit-tests",
        "build/release/unit-tests.log",
        "build/release/wordfreq",
    ]);
    assert_eq!(first_outputs(&jobs), all);
    assert_eq!(
        example.read("build/release/unit-tests.log"),
        "16 claims, 0 broken\n"
    );
    example.assert_up_to_date(&[]);

    // A source file of the library: not the other objects.
    example.touch("lib/words.c");
    let jobs = example.run(&[]);
    let behind = BTreeSet::from([
        "build/release/empty.words",
        "build/release/lib/words.o",
        "build/release/libwordfreq.a",
        "build/release/lighthouse.words",
        "build/release/unit-tests",
        "build/release/unit-tests.log",
        "build/release/wordfreq",
    ]);
    assert_eq!(first_outputs(&jobs), behind);

    example.touch("include/table.h");
    assert_eq!(first_outputs(&example.run(&[])), all);

    // A header that one of the sources does not read.
    example.touch("include/words.h");
    let mut behind = all.clone();
    behind.remove("build/release/lib/table.o");
    assert_eq!(first_outputs(&example.run(&[])), behind);

    // Another build beside the first, which stays as it is.
    let debug = ["--set", "mode=debug", "--set", "cflags=[-g, -O0]"];
    assert_eq!(example.run(&debug).len(), all.len());
    example.assert_up_to_date(&debug);
    example.assert_up_to_date(&[]);
}

#[test]
fn variants() {
    let tools = ["bwa", "samtools", "bcftools"];
    if !can_run("variants", &tools, Some("data/complete")) {
        return;
    }
    let example = Example::copy("variants");
    let jobs = example.run(&[]);
    let all = [
        ("align", 4),
        ("call", 2),
        ("compare", 2),
        ("depth", 2),
        ("index", 2),
        ("join", 2),
        ("plant", 2),
        ("report", 1),
    ];
    assert_eq!(count_by_rule(&jobs), BTreeMap::from(all));
    let report = example.read("out/report.tsv");
    assert!(
        report.contains("\necoli\t353.95\t16\t16\t0\t0\n"),
        "{report}"
    );
    let mut check = example.command("sh");
    check.arg("check.sh");
    eprint!("{}", example.succeed(check));
    example.assert_up_to_date(&[]);

    // One part of one sample's reads, named by `with`.
    example.touch("data/reads/lambda.block2_2.fq.gz");
    let jobs = example.run(&[]);
    let behind = BTreeSet::from([
        "out/bam/parts/lambda.block2.bam",
        "out/bam/lambda.bam",
        "out/calls/lambda.vcf.gz",
        "out/compared/lambda.tsv",
        "out/depth/lambda.tsv",
        "out/report.tsv",
    ]);
    assert_eq!(first_outputs(&jobs), behind);
}
