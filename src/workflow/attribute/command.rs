//! `check "COMMAND"`, `then "COMMAND"`: one-line recipes beside the rule's own.

use crate::lang::Diag;
use crate::lang::ast::{self, Attribute, Value};
use crate::workflow::captures::Captures;
use crate::workflow::recipe::{RecipeScope, Shell, resolve_block};
use crate::workflow::resolver::Resolver;
use crate::workflow::{Expr, FileSet, Recipe, Then};

/// The command that says whether a job is stale.
pub(in crate::workflow) fn check(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    scope: &RecipeScope,
) -> Option<Recipe> {
    let is_check = |attribute: &&Attribute| attribute.name.value == "check";
    let attribute = rule.attributes.iter().find(is_check)?;
    let command = command(resolver, attribute, attribute.values.first())?;
    let check = resolve_block(resolver, &command, scope);
    if let Some((_, span)) = check.exprs().find(|(expr, _)| **expr == Expr::Tmp) {
        resolver.diags.push(
            Diag::error("E0221", "a check has no folder of its own")
                .at(span, "it must leave nothing behind: a plan writes nothing"),
        );
    }
    Some(check)
}

/// What is done once for the whole rule.
pub(in crate::workflow) fn then(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    shell: &Shell,
) -> Vec<Then> {
    let captures = Captures::default();
    let scope = RecipeScope {
        shell: shell.clone(),
        captures: &captures,
        n_groups: 0,
        is_one_job: false,
        input_slots: &[],
        output_slots: &[],
        glob_outputs: &[],
        tuple: None,
        has_outputs: true,
        no_item: None,
        no_input: None,
    };
    let mut found = Vec::new();
    for attribute in &rule.attributes {
        if attribute.name.value != "then" {
            continue;
        }
        match attribute.values.as_slice() {
            [Value::Word(touch), Value::Word(file)] if touch.bare() == Some("touch") => {
                found.extend(resolver.text(file).map(Then::Touch));
            }
            [value] => {
                let Some(command) = command(resolver, attribute, Some(value)) else {
                    continue;
                };
                let recipe = resolve_block(resolver, &command, &scope);
                check_whole(resolver, &recipe);
                found.push(Then::Command(Box::new(recipe)));
            }
            _ => resolver.diags.push(
                Diag::error(
                    "E0222",
                    "`then` takes a command in quotes, or a file to touch",
                )
                .at(attribute.span, "not so")
                .help("like this: `then \"COMMAND\"`, `then touch FILE`"),
            ),
        }
    }
    found
}

/// A command for the whole rule knows no job.
fn check_whole(resolver: &mut Resolver, recipe: &Recipe) {
    for (expr, span) in recipe.exprs() {
        let is_known = match expr {
            Expr::Text(_) | Expr::List(_) | Expr::Rule => true,
            Expr::Files { set, .. } => *set == FileSet::Output,
            _ => false,
        };
        if !is_known {
            resolver.diags.push(
                Diag::error(
                    "E0272",
                    "`then` runs once for the whole rule, not for a job",
                )
                .at(span, "this differs from job to job")
                .help("`{output}` is all outputs of the rule"),
            );
        }
    }
}

/// The quoted word as a recipe.
fn command(
    resolver: &mut Resolver,
    attribute: &Attribute,
    value: Option<&Value>,
) -> Option<ast::Recipe> {
    let word = match value {
        Some(Value::Word(word)) => ast::Recipe::of_command(word),
        _ => None,
    };
    let is_usable = word
        .as_ref()
        .is_some_and(|recipe| !recipe.text.trim().is_empty());
    if !is_usable {
        let name = &attribute.name.value;
        resolver.diags.push(
            Diag::error("E0222", format!("`{name}` takes a command in quotes"))
                .at(attribute.span, "not so")
                .help(format!("like this: `{name} \"COMMAND\"`")),
        );
        return None;
    }
    word
}
