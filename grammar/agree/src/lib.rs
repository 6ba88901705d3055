//! The tree-sitter parser of workflows, as a language for the `tree-sitter` crate.

unsafe extern "C" {
    fn tree_sitter_flow() -> *const tree_sitter::ffi::TSLanguage;
}

/// The language of workflows.
pub fn language() -> tree_sitter::Language {
    // SAFETY: the generated parser returns a pointer to its own static language.
    unsafe { tree_sitter::Language::from_raw(tree_sitter_flow()) }
}

/// A parser of workflows.
pub fn parser() -> tree_sitter::Parser {
    let mut parser = tree_sitter::Parser::new();
    let is_set = parser.set_language(&language());
    is_set.expect("the parser is of this library's version");
    parser
}

/// Whether the whole text is understood.
pub fn is_well_formed(text: &str) -> bool {
    let tree = parser()
        .parse(text, None)
        .expect("it has a language and no time limit");
    !tree.root_node().has_error()
}
