//! The page "Why did it run?" shows what flow says: each command on it is run, and prints what stands
//! below it, but for times, durations and processes. `UPDATE_WHY=1` writes what is printed; read the
//! difference.
//!
//! A `flow` block begins a new project with that workflow; a `console` block holds `$ commands`, each
//! with what it prints; a comment `<!-- sh: … -->` is run unseen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use regex::Regex;

fn replace(masks: &[(&str, &str)], text: &str) -> String {
    masks.iter().fold(text.to_string(), |text, (mask, shown)| {
        Regex::new(mask)
            .unwrap()
            .replace_all(&text, *shown)
            .into_owned()
    })
}

/// The page does not tell where it was made.
fn without_names(text: &str) -> String {
    let masks = [
        (r"process \d+ on \S+ since", "process 4711 on node7 since"),
        (r"\(process \d+\)", "(process 4712)"),
        (r#""pid":\d+"#, r#""pid":4712"#),
    ];
    replace(&masks, text)
}

/// Without what cannot be the same twice.
fn masked(text: &str) -> String {
    let masks = [
        (
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? UTC",
            "2026-03-02 10:00:00 UTC",
        ),
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
            "2026-03-02T10:00:00Z",
        ),
        (r"\d+\.\d+ s\b|\d+ min \d\d s\b", "0.1 s"),
        (r#""(wall_s|for_s)":[\d.]+"#, r#""$1":0.1"#),
    ];
    replace(&masks, &without_names(text))
}

/// A project that the page tells of.
struct Story {
    temp: tempfile::TempDir,
}

impl Story {
    fn new(workflow: &str) -> Story {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("work")).unwrap();
        let story = Story { temp };
        fs::write(story.folder().join("workflow.flow"), workflow).unwrap();
        story
    }

    fn folder(&self) -> PathBuf {
        self.temp.path().join("work")
    }

    /// What a command prints, on both streams as they come.
    fn shell(&self, text: &str) -> String {
        let flow = Path::new(env!("CARGO_BIN_EXE_flow")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let out = self.temp.path().join("out");
        let file = fs::File::create(&out).unwrap();
        let mut command = Command::new("bash");
        command.arg("-c").arg(text).current_dir(self.folder());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOW_") {
                command.env_remove(name);
            }
        }
        command.env("PATH", format!("{}:{path}", flow.display()));
        command.stdin(Stdio::null());
        command.stderr(file.try_clone().unwrap()).stdout(file);
        command.status().unwrap();
        fs::read_to_string(out).unwrap()
    }

    /// Lets sources be older than whatever is made of them.
    fn age(&self) {
        let mut folders = vec![self.folder()];
        let hour = Duration::from_secs(3600);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        let file = fs::File::options().append(true).open(entry.path());
                        file.unwrap()
                            .set_modified(SystemTime::now() - hour)
                            .unwrap();
                    }
                }
            }
        }
    }
}

/// The page as it would be if it were true, and its commands.
fn follow(page: &str) -> (String, Vec<String>) {
    let mut told = String::new();
    let mut commands = Vec::new();
    let mut story: Option<Story> = None;
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        told += &format!("{line}\n");
        if let Some(hidden) = line.strip_prefix("<!-- sh: ") {
            let command = hidden.strip_suffix(" -->").expect("it ends on its line");
            let story = story.as_ref().expect("a workflow stands before it");
            let printed = story.shell(command);
            assert!(!printed.contains("error"), "$ {command}\n{printed}");
            if !story.folder().join(".flow").exists() {
                story.age();
            }
        } else if line == "```flow" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let workflow = block.join("\n") + "\n";
            told += &format!("{workflow}```\n");
            story = Some(Story::new(&workflow));
        } else if line == "```console" {
            let story = story.as_ref().expect("a workflow stands before it");
            while let Some(line) = lines.next_if(|line| *line != "```") {
                let command = line.strip_prefix("$ ").expect("a command");
                let mut shown = String::new();
                while let Some(line) = lines.next_if(|l| *l != "```" && !l.starts_with("$ ")) {
                    shown += &format!("{line}\n");
                }
                let printed = story.shell(command);
                let printed = match masked(&printed) == masked(&shown) {
                    true => shown,
                    false => without_names(&printed),
                };
                told += &format!("{line}\n{printed}");
                commands.push(command.to_string());
            }
        }
    }
    (told, commands)
}

#[test]
fn the_page_shows_what_flow_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/why.md");
    let page = fs::read_to_string(&path).unwrap();
    let (told, commands) = follow(&page);
    if std::env::var_os("UPDATE_WHY").is_some() {
        fs::write(&path, &told).unwrap();
    }
    let n_asked = commands
        .iter()
        .filter(|command| command.contains("flow why"));
    assert!(n_asked.count() > 20, "only {commands:?}");
    let of_page: Vec<&str> = page.lines().collect();
    let of_flow: Vec<&str> = told.lines().collect();
    let unlike = of_page.iter().zip(&of_flow).position(|(a, b)| a != b);
    if let Some(at) = unlike {
        panic!(
            "book/src/why.md:{}: flow says\n{}",
            at + 1,
            of_flow[at..].join("\n")
        );
    }
    assert_eq!(of_page.len(), of_flow.len());
}
