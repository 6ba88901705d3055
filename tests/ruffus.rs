//! Each folder of `examples/ruffus` is a copy of the same story told by Ruffus' manual, and its `jobs`
//! file says what runs when. `UPDATE_RUFFUS=1` writes what does run; read the difference. `RUFFUS=pairs`
//! follows those with `pairs` in their path.
//!
//! A `jobs` file is a list of commands, and under each what comes of it:
//!
//!     $ flow run                        for `flow run` and `flow plan`, one line for each job:
//!     trim: a.fq ref.fa -> a.bam        rule, inputs, outputs
//!     upload(sample=a): a.bam           a job without outputs by its name
//!     failed trim: b.fq -> b.bam        what became of it, where that is not `ok`; of a plan's
//!     maybe sort: a.bam -> a.sorted     job, what is thought of it, where that is not `stale`
//!     $ touch a.fq && cat b.txt         any other command: what it prints
//!     exit 1                            how it ends, where that is not 0
//!     says no such rule                 what is told on stderr, among other things

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Ended;
use serde_json::Value;

/// A command, and what is to come of it.
#[derive(Default)]
struct Step {
    /// Comments and blank lines that stand above it.
    above: String,
    command: String,
    status: i32,
    says: Vec<String>,
    lines: Vec<String>,
}

impl Step {
    fn makes_jobs(&self) -> bool {
        self.command.starts_with("flow run") || self.command.starts_with("flow plan")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The stories of a folder, in order.
fn stories(folder: &str) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.is_dir()).collect()
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = Step::default();
    let mut above = String::new();
    for line in text.lines() {
        let next = line.strip_prefix("$ ");
        if let Some(command) = next {
            steps.push(std::mem::take(&mut step));
            step.above = std::mem::take(&mut above);
            step.command = command.to_string();
        } else if line.is_empty() || line.starts_with("# ") {
            above += &format!("{line}\n");
        } else if let Some(status) = line.strip_prefix("exit ") {
            step.status = status.parse().expect("a number");
        } else if let Some(text) = line.strip_prefix("says ") {
            step.says.push(text.to_string());
        } else {
            step.lines.push(line.to_string());
        }
    }
    steps.push(step);
    steps.remove(0);
    steps
}

fn print(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        text += &format!("{}$ {}\n", step.above, step.command);
        if step.status != 0 {
            text += &format!("exit {}\n", step.status);
        }
        for says in &step.says {
            text += &format!("says {says}\n");
        }
        for line in &step.lines {
            text += &format!("{line}\n");
        }
    }
    text
}

/// A job of a plan or run: its name, and its line in a `jobs` file.
struct Job {
    name: String,
    line: String,
    /// A plan's: it may or may not run.
    is_maybe: bool,
}

fn job(value: &Value) -> Job {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let paths = |name: &str| {
        let paths = value[name].as_array().into_iter().flatten();
        let paths = paths.map(|path| format!(" {}", path.as_str().expect("UTF-8")));
        paths.collect::<String>()
    };
    let name = format!("{} {}", text("rule"), text("job"));
    let (inputs, outputs) = (paths("inputs"), paths("outputs"));
    let mut line = match outputs.as_str() {
        "" => format!("{}:{inputs}", text("job")),
        _ => format!("{}:{inputs} ->{outputs}", text("rule")),
    };
    let became = [text("status"), text("state")].concat();
    let is_maybe = ["unknown", "maybe"].contains(&became.as_str());
    if !["ok", "stale", ""].contains(&became.as_str()) {
        line = format!("{became} {line}");
    }
    Job {
        name,
        line,
        is_maybe,
    }
}

/// A copy of an example that is worked in.
struct Scratch {
    temp: tempfile::TempDir,
}

impl Scratch {
    fn copy(story: &Path) -> Scratch {
        let temp = tempfile::tempdir().unwrap();
        let mut folders = vec![(story.to_path_buf(), temp.path().join("work"))];
        while let Some((from, to)) = folders.pop() {
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(&from).unwrap().flatten() {
                let copy = to.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push((entry.path(), copy));
                } else if entry.file_name() != "jobs" {
                    fs::copy(entry.path(), copy).unwrap();
                }
            }
        }
        Scratch { temp }
    }

    /// What a command of a shell does in the copy; `flow` is the one that was built.
    fn shell(&self, text: &str) -> Ended {
        let flow = Path::new(env!("CARGO_BIN_EXE_flow")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command.current_dir(self.temp.path().join("work"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOW_") {
                command.env_remove(name);
            }
        }
        command.env("PATH", format!("{}:{path}", flow.display()));
        // Where decimals have a comma `awk` writes one.
        command.env_remove("LC_ALL").env("LC_NUMERIC", "C");
        command.stdin(Stdio::null()).output().unwrap().into()
    }

    fn planned(&self, arguments: &str) -> (Ended, Vec<Job>) {
        // What `-t` makes look done is what would run without it.
        let arguments: Vec<&str> = arguments.split(' ').filter(|word| *word != "-t").collect();
        let ended = self.shell(&format!("flow run -n --json {}", arguments.join(" ")));
        let jobs = ended.out.lines();
        let jobs = jobs.map(|line| job(&serde_json::from_str(line).expect("JSON")));
        let jobs = jobs.collect();
        (ended, jobs)
    }

    fn ran(&self, arguments: &str) -> (Ended, Vec<Job>) {
        let events = self.temp.path().join("events");
        let _ = fs::remove_file(&events);
        let ended = self.shell(&format!("flow run {arguments} --events ../events"));
        let events = fs::read_to_string(&events).unwrap_or_default();
        let events = events.lines();
        let events = events.map(|line| serde_json::from_str(line).expect("JSON"));
        let done = events.filter(|event: &Value| event["event"] == "job_finished");
        (ended, done.map(|event| job(&event)).collect())
    }

    /// Does what a step says: how it ended, what came of it, and where its plan had told otherwise.
    fn follow(&self, step: &Step) -> (Ended, Vec<String>, Vec<String>) {
        let lines = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.line).collect();
        if let Some(arguments) = step.command.strip_prefix("flow run") {
            let (_, planned) = self.planned(arguments);
            let (ended, ran) = self.ran(arguments);
            let unlike = unlike(&planned, &ran);
            (ended, lines(ran), unlike)
        } else if let Some(arguments) = step.command.strip_prefix("flow plan") {
            let (ended, planned) = self.planned(arguments);
            (ended, lines(planned), Vec::new())
        } else {
            let ended = self.shell(&step.command);
            let lines = ended.out.lines().filter(|line| !line.is_empty());
            let lines = lines.map(str::to_string).collect();
            (ended, lines, Vec::new())
        }
    }
}

/// Jobs that were planned and did not run, or ran and were not planned; but for those behind a split.
fn unlike(planned: &[Job], ran: &[Job]) -> Vec<String> {
    let names = |jobs: &[Job]| jobs.iter().map(|job| job.name.clone()).collect();
    let (plan, run): (BTreeSet<String>, BTreeSet<String>) = (names(planned), names(ran));
    let rule = |name: &str| name.split(' ').next().map(str::to_string);
    let (maybe, sure): (Vec<&Job>, Vec<&Job>) = planned.iter().partition(|job| job.is_maybe);
    let maybe: BTreeSet<_> = maybe.iter().map(|job| rule(&job.name)).collect();
    let sure = sure.iter().filter(|job| !run.contains(&job.name));
    let more = run
        .difference(&plan)
        .filter(|name| !maybe.contains(&rule(name)) && !name.contains(" then:"));
    sure.map(|job| format!("planned, and does not run: {}", job.line))
        .chain(more.map(|name| format!("runs, and was not planned: {name}")))
        .collect()
}

/// The lines in an order that does not hang on which job was faster.
fn sorted(lines: &[String]) -> Vec<&String> {
    let mut lines: Vec<&String> = lines.iter().collect();
    lines.sort();
    lines
}

/// The lines of jobs as a reader expects them: by rule, as the workflow has them.
fn by_rule(mut lines: Vec<String>, workflow: &str) -> Vec<String> {
    let place = |line: &String| {
        let job = line.split_once(':').map_or("", |(job, _)| job);
        let rule = job.rsplit(' ').next().unwrap_or_default();
        let rule = rule.split('(').next().unwrap_or_default();
        let header = [":", " ->", " 2:", " 3:"].map(|end| format!(" {rule}{end}"));
        let found = header
            .iter()
            .find_map(|header| workflow.find(header.as_str()));
        found.unwrap_or(usize::MAX)
    };
    lines.sort();
    lines.sort_by_key(place);
    lines
}

/// Follows the steps of a story; what is not as its `jobs` says.
fn follow(story: &Path) -> Vec<String> {
    let name = story.file_name().unwrap().to_string_lossy();
    let path = story.join("jobs");
    let mut steps = parse(&read(&path));
    let is_update = std::env::var_os("UPDATE_RUFFUS").is_some();
    let scratch = Scratch::copy(story);
    let workflow = read(&story.join("workflow.flow"));
    let mut wrong = Vec::new();
    for step in &mut steps {
        let (ended, lines, unlike) = scratch.follow(step);
        let told = format!("{name}: $ {}", step.command);
        wrong.extend(unlike.iter().map(|what| format!("{told}: {what}")));
        let same = match step.makes_jobs() {
            true => sorted(&lines) == sorted(&step.lines),
            false => lines == step.lines,
        };
        if is_update {
            step.status = ended.status;
            if !same {
                step.lines = match step.makes_jobs() {
                    true => by_rule(lines, &workflow),
                    false => lines,
                };
            }
        } else if !same || ended.status != step.status {
            let (lines, said) = (lines.join("\n"), &ended.err);
            wrong.push(format!("{told}: exit {}\n{lines}\n{said}", ended.status));
        }
        let lacking = step.says.iter().filter(|says| !ended.err.contains(*says));
        wrong.extend(lacking.map(|says| format!("{told}: no `{says}` in\n{}", ended.err)));
    }
    if is_update {
        fs::write(&path, print(&steps)).unwrap();
    }
    let runs = steps
        .iter()
        .filter(|step| step.command.starts_with("flow run"));
    let mut runs = runs.skip_while(|step| step.lines.is_empty()).skip(1);
    let is_fresh = runs.any(|step| step.lines.is_empty() && step.status == 0);
    if !is_fresh && !read(&path).contains("# Never fresh") {
        wrong.push(format!("{name}: no run that finds everything up to date"));
    }
    wrong
}

/// Follows many stories, two at a time.
#[track_caller]
fn follow_all(stories: &BTreeSet<PathBuf>) {
    let only = std::env::var("RUFFUS").unwrap_or_default();
    let is_asked = |story: &&PathBuf| story.to_string_lossy().contains(&only);
    let stories: Vec<&PathBuf> = stories.iter().filter(is_asked).collect();
    let (some, others) = stories.split_at(stories.len() / 2);
    let all = |stories: &[&PathBuf]| stories.iter().flat_map(|story| follow(story)).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let others = scope.spawn(|| -> Vec<String> { all(others) });
        let some: Vec<String> = all(some);
        [some, others.join().expect("it has not panicked")].concat()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_example_runs_the_jobs_it_must() {
    let examples = stories("examples/ruffus");
    assert!(examples.len() > 60, "only {} examples", examples.len());
    for story in &examples {
        let check = Scratch::copy(story).shell("flow check");
        let is_told = read(&story.join("jobs")).contains("$ flow check\n");
        let said = (check.status, check.err.as_str());
        assert!(is_told || said == (0, ""), "{story:?}: {}", check.err);
    }
    follow_all(&examples);
}

#[test]
fn where_ruffus_is_silently_wrong_flow_is_not() {
    let stories = stories("tests/ruffus");
    assert!(stories.len() > 20, "only {} stories", stories.len());
    follow_all(&stories);
}

#[test]
fn workflows_are_laid_out() {
    let folders = stories("examples/ruffus").into_iter();
    let folders = folders.chain(stories("tests/ruffus"));
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().flatten());
    let files = files.map(|file| file.path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "flow"));
    let mut flow = Command::new(env!("CARGO_BIN_EXE_flow"));
    let ended: Ended = flow
        .args(["fmt", "--check"])
        .args(files)
        .output()
        .unwrap()
        .into();
    ended.expect(0);
}

#[test]
fn each_example_is_in_the_list() {
    let list = read(&root().join("examples/ruffus/README.md"));
    for story in stories("examples/ruffus") {
        let name = story.file_name().unwrap().to_string_lossy();
        assert!(list.contains(&format!("]({name})")), "{name} is not listed");
        let text = read(&story.join("workflow.flow"));
        assert!(text.starts_with("# "), "{name} does not say what it shows");
    }
}
