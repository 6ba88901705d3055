//! A rule's recipe: its placeholders looked up, and what runs it.

use std::sync::Arc;

use bstr::BString;

use super::captures::Captures;
use super::load::unknown_name;
use super::resolver::Resolver;
use super::scope::{Scope, Site, Unknown};
use super::{Expr, Tuple};
use crate::lang::ast::{self, Hole};
use crate::lang::recipe::{Interpreter, Language, RecipeText, Script, lex};
use crate::lang::{Diag, Span, foreign};

/// The program that takes a recipe's text as its last argument, `-c` included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shell {
    /// Shared by all recipes that it runs.
    pub argv: Arc<[BString]>,
    /// Not chosen by the workflow: simple commands may do without it.
    pub is_default: bool,
    /// Not one that is kept warm.
    pub is_fresh: bool,
}

impl Default for Shell {
    fn default() -> Self {
        Shell {
            argv: ["sh", "-eu", "-c"].map(BString::from).into(),
            is_default: true,
            is_fresh: false,
        }
    }
}

impl Shell {
    /// bash with errors ending the recipe.
    pub fn bash() -> Self {
        Shell {
            argv: ["bash", "-euo", "pipefail", "-c"].map(BString::from).into(),
            is_default: true,
            is_fresh: false,
        }
    }
}

/// What runs a recipe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Launch {
    /// A shell that takes the text behind `-c`.
    Shell(Shell),
    /// The program of a `#!` line, which takes a file.
    Interpreter { argv: Vec<BString>, is_shell: bool },
}

#[derive(Clone, Debug)]
pub struct Recipe {
    pub span: Span,
    pub text: RecipeText,
    pub launch: Launch,
    /// What each placeholder stands for, and where it begins in the file; in the order of their places.
    exprs: Vec<(u32, Expr)>,
}

impl Recipe {
    /// What a placeholder of this recipe stands for.
    pub fn expr(&self, hole: &Hole) -> Option<&Expr> {
        find(&self.exprs, hole)
    }

    /// What all placeholders stand for, and where they are.
    pub fn exprs(&self) -> impl Iterator<Item = (&Expr, Span)> {
        let placeholders = self.text.placeholders();
        placeholders
            .filter_map(|placeholder| Some((self.expr(&placeholder.hole)?, placeholder.hole.span)))
    }
}

fn find<'e>(exprs: &'e [(u32, Expr)], hole: &Hole) -> Option<&'e Expr> {
    let at = exprs.binary_search_by_key(&hole.span.start, |(start, _)| *start);
    at.ok().map(|at| &exprs[at].1)
}

/// What a recipe can see.
pub(super) struct RecipeScope<'a> {
    /// What runs it where it names no interpreter itself.
    pub shell: Shell,
    pub captures: &'a Captures,
    pub n_groups: usize,
    pub is_one_job: bool,
    pub tuple: Option<&'a Tuple>,
    pub input_slots: &'a [Option<String>],
    pub output_slots: &'a [Option<String>],
    pub glob_outputs: &'a [bool],
    pub has_outputs: bool,
    pub no_item: Option<&'static str>,
    pub no_input: Option<&'static str>,
}

/// Reads a rule's recipe and looks up its placeholders.
pub(super) fn resolve(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    seen: &RecipeScope,
) -> Option<Recipe> {
    let Some(recipe) = &rule.recipe else {
        resolver.diags.push(
            Diag::error("E0270", format!("`{}` has no recipe", rule.name.value))
                .at(rule.header, "an indented block must follow")
                .help("write the command below, indented: `    cp {input} {output}`"),
        );
        return None;
    };
    Some(resolve_block(resolver, recipe, seen))
}

/// Reads a block, or a command in an attribute, and looks up its placeholders.
pub(super) fn resolve_block(
    resolver: &mut Resolver,
    recipe: &ast::Recipe,
    seen: &RecipeScope,
) -> Recipe {
    let (mut text, diags) = lex(recipe);
    resolver.diags.extend(diags);
    let scope = Scope {
        constants: resolver.constants,
        names: &resolver.workflow.names,
        captures: &seen.captures.known,
        partial: &seen.captures.partial,
        n_groups: seen.n_groups,
        is_one_job: seen.is_one_job,
        tuple: seen.tuple,
        input_slots: seen.input_slots,
        output_slots: seen.output_slots,
        glob_outputs: seen.glob_outputs,
        has_outputs: seen.has_outputs,
        no_item: seen.no_item,
        no_input: seen.no_input,
        site: Site::Recipe,
    };
    let mut exprs = Vec::with_capacity(text.placeholders().count());
    let mut found: Vec<Diag> = Vec::new();
    for placeholder in text.placeholders() {
        match scope.resolve(&placeholder.hole) {
            Ok(expr) => {
                exprs.push((placeholder.hole.span.start, expr));
            }
            // Said by `check_names`, which knows what quotes mean.
            Err(Unknown::Name { .. }) => {}
            Err(unknown @ Unknown::Use(_)) => {
                found.push(unknown_name(&placeholder.hole, unknown));
                // Known, although its use is wrong.
                exprs.push((placeholder.hole.span.start, Expr::Rule));
            }
        }
    }
    exprs.sort_by_key(|(start, _)| *start);
    let is_known = |hole: &Hole| find(&exprs, hole).is_some();
    // Only who mistypes a name wants to hear which there are.
    let known = match text.placeholders().all(|each| is_known(&each.hole)) {
        true => Vec::new(),
        false => scope.known(),
    };
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    found.extend(text.check_names(is_known, &names));
    let launch = match &text.interpreter {
        Interpreter::Default => Launch::Shell(seen.shell.clone()),
        Interpreter::Script(script) => {
            let Script {
                words, language, ..
            } = &**script;
            if matches!(language, Language::Python | Language::Lua) {
                let word = &words[0];
                found.push(
                    Diag::error("E0290", format!("`#!{word}` does not work yet"))
                        .at(text.span_of(0..2 + word.len()), "flow runs no such worker")
                        .help(format!("start a program: `#!/usr/bin/env {word}`")),
                );
            }
            Launch::Interpreter {
                argv: words
                    .iter()
                    .map(|word| foreign::bytes(word).into_owned())
                    .collect(),
                is_shell: *language == Language::Shell,
            }
        }
    };
    resolver.diags.extend(found);
    Recipe {
        span: recipe.span,
        text,
        launch,
        exprs,
    }
}
