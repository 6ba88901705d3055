//! Holds the code against the architecture: the list of modules in `src/lib.rs`, from the bottom up.
//!
//! A module uses only what stands above it in the list. An import hidden behind `crate::*`, a way
//! up through `super::super`, and a file without a `//!` header fail too.

use std::fs;
use std::path::{Path, PathBuf};

/// Every `.rs` file under `folder`, in byte order.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The modules of `lib.rs` in their order.
fn layers(lib: &str) -> Vec<String> {
    lib.lines()
        .filter_map(|line| {
            line.strip_prefix("pub mod ")
                .and_then(|rest| rest.strip_suffix(';'))
        })
        .map(String::from)
        .collect()
}

/// The first names behind each `crate::`, those of `crate::{a::…, b::…}` included.
fn used(text: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(if rest.starts_with('*') {
                "*".into()
            } else {
                word(rest)
            });
            continue;
        };
        let mut depth = 0;
        names.push(word(group));
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => names.push(word(&group[at + 1..])),
                _ => {}
            }
        }
    }
    names
}

/// What is wrong with one file of module `layer`.
fn problems(layers: &[String], layer: usize, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push("no //! header".into());
    }
    for name in used(text) {
        match layers.iter().position(|module| *module == name) {
            _ if name.is_empty() || name == "define_id" => {}
            Some(other) if other > layer => {
                found.push(format!(
                    "{} uses {name}, which stands below it",
                    layers[layer]
                ));
            }
            Some(_) => {}
            None => found.push(format!("`crate::{name}` is no module of lib.rs")),
        }
    }
    if text.contains("super::super::super") {
        found.push("a path through three `super`s hides its module".into());
    }
    found
}

#[test]
fn modules_use_only_what_stands_above_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let layers = layers(&fs::read_to_string(src.join("lib.rs")).expect("lib.rs is there"));
    let mut all = Vec::new();
    for path in rust_files(&src) {
        let inside = path.strip_prefix(&src).expect("it was found there");
        let first = inside
            .iter()
            .next()
            .expect("a file has a name")
            .to_string_lossy();
        let module = first.trim_end_matches(".rs");
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let layer = match layers.iter().position(|name| name == module) {
            Some(layer) => layer,
            None if module == "lib" || module == "main" => layers.len() - 1,
            None => panic!("{} belongs to no module of lib.rs", inside.display()),
        };
        let found = problems(&layers, layer, &text);
        all.extend(
            found
                .into_iter()
                .map(|what| format!("{}: {what}", inside.display())),
        );
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn a_step_the_wrong_way_is_found() {
    let layers: Vec<String> = ["low", "high"].map(String::from).into();
    let wrong = |layer, text: &str| !problems(&layers, layer, text).is_empty();
    assert!(wrong(0, "//! x\nuse crate::high::Thing;"));
    assert!(wrong(0, "//! x\nuse crate::{low::A, high::{B, C}};"));
    assert!(wrong(0, "//! x\nuse crate::*;"));
    assert!(wrong(1, "use crate::low::Thing;"));
    assert!(!wrong(
        1,
        "//! x\nuse crate::{low::A};\ncrate::define_id!(X);"
    ));
}
