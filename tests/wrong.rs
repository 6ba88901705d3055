//! What a newcomer sees of each mistake: every `tests/wrong/NAME.flow` beside `NAME.txt`.
//!
//! `UPDATE_WRONG=1 cargo test --test wrong` writes the texts anew; read them before they are kept.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Project;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let entries = fs::read_dir(folder).expect("the cases are there").flatten();
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "flow"))
        .collect();
    cases.sort();
    cases
}

/// What `flow plan` says, and its exit status. The files in a folder `NAME.d` lie beside the
/// workflow.
fn said(workflow: &str, beside: &Path) -> String {
    let project = Project::new(workflow);
    for entry in fs::read_dir(beside).into_iter().flatten().flatten() {
        let bytes = fs::read(entry.path()).expect("a file");
        project.write(entry.file_name(), bytes);
    }
    let files = workflow
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# files: "));
    for file in files.unwrap_or("").split_whitespace() {
        project.write(file, "");
    }
    let ended = project.flow(&["plan"]);
    format!("{}{}exit status {}\n", ended.out, ended.err, ended.status)
}

#[test]
fn each_mistake_is_explained() {
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut different = Vec::new();
    for case in cases {
        let text = fs::read_to_string(&case).expect("a case is text");
        let said = said(&text, &case.with_extension("d"));
        let beside = case.with_extension("txt");
        if std::env::var_os("UPDATE_WRONG").is_some() {
            fs::write(&beside, &said).expect("the text is written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if said != expected {
            let name = case
                .file_stem()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned();
            different.push(format!("=== {name}\n{said}--- expected\n{expected}"));
        }
    }
    assert!(different.is_empty(), "\n{}", different.join("\n"));
}
