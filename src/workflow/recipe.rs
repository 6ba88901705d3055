//! A rule's recipe: its placeholders looked up, and what runs it.

use std::collections::HashMap;

use bstr::BString;

use super::captures::Captures;
use super::load::{Loader, unknown_name};
use super::scope::{Scope, Site, Unknown};
use super::{Expr, Tuple};
use crate::lang::ast::{self, Hole};
use crate::lang::recipe::{Interpreter, Language, RecipeText, lex};
use crate::lang::{Diag, Span, foreign};

/// The program that takes a recipe's text as its last argument, `-c` included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shell {
    pub argv: Vec<BString>,
    /// Not chosen by the workflow: simple commands may do without it.
    pub is_default: bool,
    /// Not one that is kept warm.
    pub is_fresh: bool,
}

impl Default for Shell {
    fn default() -> Self {
        let argv = ["sh", "-eu", "-c"].map(BString::from).to_vec();
        Shell {
            argv,
            is_default: true,
            is_fresh: false,
        }
    }
}

impl Shell {
    /// bash with errors ending the recipe.
    pub fn bash() -> Self {
        let argv = ["bash", "-euo", "pipefail", "-c"]
            .map(BString::from)
            .to_vec();
        Shell {
            argv,
            is_default: true,
            is_fresh: false,
        }
    }
}

/// What runs a recipe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Launch {
    /// A shell that takes the text behind `-c`.
    Shell {
        argv: Vec<BString>,
        is_default: bool,
        /// Not one that is kept warm.
        is_fresh: bool,
    },
    /// The program of a `#!` line, which takes a file.
    Interpreter { argv: Vec<BString>, is_shell: bool },
}

#[derive(Clone, Debug)]
pub struct Recipe {
    pub span: Span,
    pub text: RecipeText,
    pub launch: Launch,
    /// What each placeholder stands for, by where it begins in the file.
    exprs: HashMap<u32, Expr>,
}

impl Recipe {
    /// What a placeholder of this recipe stands for.
    pub fn expr(&self, hole: &Hole) -> Option<&Expr> {
        self.exprs.get(&hole.span.start)
    }

    /// What all placeholders stand for, and where they are.
    pub fn exprs(&self) -> impl Iterator<Item = (&Expr, Span)> {
        let placeholders = self.text.placeholders();
        placeholders
            .filter_map(|placeholder| Some((self.expr(&placeholder.hole)?, placeholder.hole.span)))
    }
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

/// Looks up the placeholders of a rule's recipe.
pub(super) fn resolve(loader: &mut Loader, rule: &ast::Rule, seen: &RecipeScope) -> Option<Recipe> {
    let Some(recipe) = &rule.recipe else {
        loader.diags.push(
            Diag::error("E0270", format!("`{}` has no recipe", rule.name.value))
                .at(rule.header, "an indented block must follow")
                .help("write the command below, indented: `    cp {input} {output}`"),
        );
        return None;
    };
    Some(resolve_block(loader, recipe, seen))
}

/// Looks up the placeholders of a block, or of a command in an attribute.
pub(super) fn resolve_block(
    loader: &mut Loader,
    recipe: &ast::Recipe,
    seen: &RecipeScope,
) -> Recipe {
    let (mut text, diags) = lex(recipe);
    loader.diags.extend(diags);
    let scope = Scope {
        constants: &loader.constants,
        names: &loader.workflow.names,
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
    let mut exprs = HashMap::new();
    let mut found: Vec<Diag> = Vec::new();
    for placeholder in text.placeholders() {
        match scope.resolve(&placeholder.hole) {
            Ok(expr) => {
                exprs.insert(placeholder.hole.span.start, expr);
            }
            // Said by `check_names`, which knows what quotes mean.
            Err(Unknown::Name { .. }) => {}
            Err(unknown @ Unknown::Use(_)) => {
                found.push(unknown_name(&placeholder.hole, unknown));
                // Known, although its use is wrong.
                exprs.insert(placeholder.hole.span.start, Expr::Rule);
            }
        }
    }
    let known = scope.known();
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    found.extend(text.check_names(|hole| exprs.contains_key(&hole.span.start), &names));
    let launch = match &text.interpreter {
        Interpreter::Default => Launch::Shell {
            argv: seen.shell.argv.clone(),
            is_default: seen.shell.is_default,
            is_fresh: seen.shell.is_fresh,
        },
        Interpreter::Script {
            words, language, ..
        } => {
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
    loader.diags.extend(found);
    Recipe {
        span: recipe.span,
        text,
        launch,
        exprs,
    }
}
