//! What a shell is answered, by way of the script that flow prints for bash.

mod common;

use std::process::Command;

use common::Project;

const WORKFLOW: &str = "\
# The genome.
param genome = hg38

# Capitals, please.
transform up: raw/*.txt suffix .txt -> out/{stem}.up
    tr a-z A-Z < {input} > {output}

merge all: up -> all.txt
    cat {input} > {output}

target report: all.txt
";

/// What bash would offer behind this line, by pressing Tab.
fn offered(project: &Project, line: &str) -> Vec<String> {
    let script = project.flow(&["completions", "bash"]).expect(0).out;
    project.write("script", script);
    let flow = std::path::Path::new(env!("CARGO_BIN_EXE_flow"));
    let folder = flow.parent().expect("a folder").display().to_string();
    let path = std::env::var("PATH").expect("a path");
    let words: Vec<&str> = line.split(' ').collect();
    let n = words.len() - 1;
    let current = words[n];
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let typed = format!(
        "source ./script; COMP_WORDS=({}); COMP_CWORD={n}; COMP_TYPE=9
         _clap_complete_flow flow '{current}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" ")
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &typed]);
    bash.env("PATH", format!("{folder}:{path}"));
    let ended = bash
        .current_dir(project.path(""))
        .output()
        .expect("bash starts");
    let mut all: Vec<String> = String::from_utf8_lossy(&ended.stdout)
        .lines()
        .map(|line| line.trim().to_string())
        .collect();
    all.sort();
    all
}

#[test]
fn commands_rules_files_params_and_codes_are_offered() {
    let project = Project::new(WORKFLOW);
    project.write("raw/a.txt", "").write("raw/b.txt", "");
    for (line, expected) in [
        ("flow che", vec!["check"]),
        ("flow st", vec!["status", "stop"]),
        ("flow stop --dra", vec!["--drain"]),
        ("flow run u", vec!["up"]),
        ("flow run rep", vec!["report"]),
        ("flow plan a", vec!["all", "all.txt"]),
        ("flow run o", vec!["out/"]),
        ("flow run out/", vec!["out/a.up", "out/b.up"]),
        ("flow run --force ", vec!["all", "up"]),
        ("flow run --set gen", vec!["genome="]),
        ("flow check work", vec!["workflow.flow"]),
        ("flow explain E010", (1..=9).map(|_| "").collect()),
        ("flow why out/a", vec!["out/a.up"]),
        ("flow clean --rule u", vec!["up"]),
        ("flow fmt work", vec!["workflow.flow"]),
        ("flow completions f", vec!["fish"]),
    ] {
        let found = offered(&project, line);
        if line.contains("explain") {
            assert_eq!(found.len(), expected.len(), "{found:?}");
            continue;
        }
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn a_broken_workflow_is_no_reason_to_print_anything() {
    let project = Project::new("transform up raw/*.txt -> x\n");
    assert_eq!(offered(&project, "flow run z"), [""]);
    assert!(!project.has(".flow"));
}

#[test]
fn each_shell_has_a_script() {
    let project = Project::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = project.flow(&["completions", shell]).expect(0).out;
        assert!(script.contains("FLOW_COMPLETE"), "{script}");
    }
    project
        .flow(&["completions", "tcsh"])
        .expect(2)
        .says(&["'tcsh'"]);
}
