//! What people read is true: the workflows in the book are right, the README shows the quickstart as it
//! is, and the options that the book names are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The book's chapters; those in `design/` are for readers of the source.
fn chapters() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("book/src")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

/// What `flow ARGUMENTS` says in `folder`, which has to end well.
fn flow(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let done = Command::new(env!("CARGO_BIN_EXE_flow"))
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match done.status.success() {
        true => Ok(text(&done.stdout)),
        false => Err(text(&done.stdout) + &text(&done.stderr)),
    }
}

/// The code blocks of a page, each with its mark: `flow`, `text`, `text samples.tsv`.
fn code_blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(mark) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((mark, block.join("\n") + "\n"));
        }
    }
    blocks
}

/// Those with this mark.
fn marked(page: &str, mark: &str) -> Vec<String> {
    let blocks = code_blocks(page).into_iter();
    let blocks = blocks.filter(|(found, _)| *found == mark);
    blocks.map(|(_, block)| block).collect()
}

/// The `--options` in a text.
fn options(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    text.split(|c| !is_part(c))
        .filter(|word| word.len() > 3 && word.starts_with("--") && !word.starts_with("---"))
        .collect()
}

#[test]
fn workflows_in_the_book_are_right() {
    let temp = TempDir::new().unwrap();
    let mut n_blocks = 0;
    for path in chapters() {
        let page = fs::read_to_string(&path).unwrap();
        // What a workflow of the page names is shown there as well, marked by its name.
        for (mark, text) in code_blocks(&page) {
            if let Some(file) = mark.strip_prefix("text ") {
                fs::write(temp.path().join(file), text).unwrap();
            }
        }
        for block in marked(&page, "flow") {
            n_blocks += 1;
            fs::write(temp.path().join("workflow.flow"), &block).unwrap();
            if let Err(said) = flow(&["check"], temp.path()) {
                panic!("{}:\n{block}\n{said}", path.display());
            }
        }
    }
    assert!(n_blocks > 5, "only {n_blocks} workflows found in the book");
}

#[test]
fn options_in_the_book_are_there() {
    let short = flow(&["-h"], root()).unwrap();
    let list = short
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1);
    let commands = list.map_while(|line| line.split_whitespace().next());
    let help: String = commands
        .filter(|command| *command != "help")
        .map(|command| flow(&[command, "--help"], root()).unwrap())
        .collect();
    let named = read("book/src/cli.md");
    let named = options(&named);
    assert!(named.len() > 10, "only {named:?} found in the book");
    let missing: Vec<_> = named.difference(&options(&help)).copied().collect();
    assert!(missing.is_empty(), "flow has no {missing:?}");
}

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let workflow = read("examples/quickstart/workflow.flow");
    let table = read("examples/quickstart/expected/table.tsv");
    let readme = read("README.md");
    let shown = marked(&readme, "flow");
    assert_eq!(shown.len(), 1);
    assert!(
        workflow.contains(&shown[0]),
        "README.md shows something else than workflow.flow has"
    );
    for page in [readme, read("examples/quickstart/README.md")] {
        assert!(marked(&page, "text").contains(&table));
    }
}
