//! `check "COMMAND"`: a one-line recipe beside the rule's own.

use crate::lang::Diag;
use crate::lang::ast::{self, Attribute, Value};
use crate::workflow::load::Loader;
use crate::workflow::recipe::{RecipeScope, resolve_block};
use crate::workflow::{Expr, Recipe};

/// The command that says whether a job is stale.
pub(in crate::workflow) fn check(
    loader: &mut Loader,
    rule: &ast::Rule,
    scope: &RecipeScope,
) -> Option<Recipe> {
    let is_check = |attribute: &&Attribute| attribute.name.value == "check";
    let attribute = rule.attributes.iter().find(is_check)?;
    let command = command(loader, attribute, attribute.values.first())?;
    let check = resolve_block(loader, &command, scope);
    if let Some((_, span)) = check.exprs().find(|(expr, _)| **expr == Expr::Tmp) {
        loader.diags.push(
            Diag::error("E0271", "a check has no folder of its own")
                .at(span, "it must leave nothing behind: a plan writes nothing"),
        );
    }
    Some(check)
}

/// The quoted word as a recipe.
fn command(
    loader: &mut Loader,
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
        loader.diags.push(
            Diag::error("E0222", format!("`{name}` takes a command in quotes"))
                .at(attribute.span, "not so")
                .help(format!("like this: `{name} \"COMMAND\"`")),
        );
        return None;
    }
    word
}
