//! tree-sitter's parser says about every workflow of the corpus what flow's own parser says.
//!
//! What flow says is the folder a file is in; flow's `tests/corpus.rs` sees to that.

use std::fs;
use std::path::Path;

use flow_grammar_agree::is_well_formed;

/// Wrong only for who knows which names there are: a source called `sufix` is no mistake in itself.
/// And a `#` that touches a param's name looks like a comment.
const BEYOND: [&str; 5] = [
    "misspelt-filter.flow",
    "misspelt-with.flow",
    "misspelt-using.flow",
    "keyword-in-capitals-behind-a-filter.flow",
    "param-with-a-comment-at-once.flow",
];

/// Files of a folder that tree-sitter does not take for what they are, and how many it has.
fn different(folder: &str, are_well_formed: bool) -> (Vec<String>, usize) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let (mut different, mut n_files) = (Vec::new(), 0);
    for entry in fs::read_dir(corpus.join(folder)).expect("the corpus is there") {
        let entry = entry.expect("it can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).expect("a workflow is text");
        n_files += 1;
        if is_well_formed(&text) != (are_well_formed || BEYOND.contains(&name.as_str())) {
            different.push(format!("{folder}/{name}"));
        }
    }
    different.sort();
    (different, n_files)
}

#[test]
fn both_parsers_agree_on_the_corpus() {
    let none: Vec<String> = Vec::new();
    for (folder, are_well_formed, least) in [
        ("right", true, 140),
        ("shell", true, 4),
        ("wrong", false, 190),
    ] {
        let (different, n_files) = different(folder, are_well_formed);
        assert!(n_files >= least, "{n_files} files in {folder}");
        assert_eq!(different, none, "of {n_files}");
        println!("{folder}: {n_files} files");
    }
}

/// Editors parse while somebody types: whatever stands there, parsing ends.
#[test]
fn every_beginning_of_every_file_is_parsed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/right");
    let mut parser = flow_grammar_agree::parser();
    for entry in fs::read_dir(corpus).expect("the corpus is there").flatten() {
        let text = fs::read(entry.path()).expect("it can be read");
        for end in (0..text.len().min(400)).step_by(7) {
            let tree = parser.parse(&text[..end], None).expect("no time limit");
            assert_eq!(tree.root_node().kind(), "source_file");
        }
    }
}
