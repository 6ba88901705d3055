//! Compiles the checked-in parser and its scanner.

fn main() {
    let folder = "../tree-sitter-flow/src";
    cc::Build::new()
        .include(folder)
        .files([format!("{folder}/parser.c"), format!("{folder}/scanner.c")])
        .std("c11")
        .flag_if_supported("-Wno-unused-parameter")
        .warnings_into_errors(std::env::var_os("CI").is_some())
        .compile("tree-sitter-flow");
    println!("cargo::rerun-if-changed={folder}");
}
