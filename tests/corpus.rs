//! Every workflow of `tests/corpus` is read as its folder says; the grammars beside flow's parser
//! are held against the same files.
//!
//! `right` has no mistake of syntax, `wrong` has one at least, and in `shell` the workflow is right
//! but a recipe is not. What names mean is not looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use flow::lang::ast::ItemKind;
use flow::lang::format::format;
use flow::lang::{Diag, FileId, parse, recipe};

/// The files of a folder of the corpus, by name.
fn corpus(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let entries = fs::read_dir(folder).expect("the corpus is there").flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (
                name,
                fs::read_to_string(entry.path()).expect("a workflow is text"),
            )
        })
        .collect()
}

fn codes(diags: &[Diag]) -> Vec<&'static str> {
    let errors = diags.iter().filter(|diag| diag.is_error());
    errors.map(|diag| diag.code).collect()
}

/// Codes of mistakes in the workflow, and in its recipes.
fn mistakes(text: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let (ast, diags) = parse(FileId(0), text);
    let mut in_recipes = Vec::new();
    for item in &ast.items {
        if let ItemKind::Rule(rule) = &item.kind
            && let Some(recipe) = &rule.recipe
        {
            in_recipes.extend(codes(&recipe::lex(recipe).1));
        }
    }
    (codes(&diags), in_recipes)
}

#[test]
fn each_file_is_what_its_folder_says() {
    let (right, shell, wrong) = (corpus("right"), corpus("shell"), corpus("wrong"));
    assert!(right.len() >= 140 && wrong.len() >= 190 && !shell.is_empty());
    for (name, text) in &right {
        assert_eq!(mistakes(text), (vec![], vec![]), "{name}");
    }
    for (name, text) in &shell {
        let (in_workflow, in_recipes) = mistakes(text);
        assert!(in_workflow.is_empty() && !in_recipes.is_empty(), "{name}");
    }
    for (name, text) in &wrong {
        let (in_workflow, in_recipes) = mistakes(text);
        let codes = [in_workflow, in_recipes].concat();
        assert!(codes.iter().any(|code| code.starts_with("E01")), "{name}");
    }
}

#[test]
fn what_is_right_can_be_laid_out_and_what_is_wrong_is_left_alone() {
    for (name, text) in corpus("right") {
        let new = format(FileId(0), &text).unwrap_or_else(|_| panic!("{name}"));
        assert_eq!(format(FileId(0), &new).ok().as_ref(), Some(&new), "{name}");
        let items = |text: &str| parse(FileId(0), text).0.items.len();
        assert_eq!(
            (items(&text), mistakes(&new)),
            (items(&new), (vec![], vec![])),
            "{name}"
        );
    }
    for (name, text) in corpus("wrong").into_iter().chain(corpus("shell")) {
        assert!(format(FileId(0), &text).is_err(), "{name}");
    }
}
