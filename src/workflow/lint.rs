//! What works as it is and looks like a slip: warnings of `flow check`, once nothing is wrong.
//!
//! Names are compared, not scopes: a name that is used anywhere counts as used.

mod paths;
mod recipes;
mod shells;
mod uses;

use std::collections::HashSet;

use super::Workflow;
use super::halves::in_halves;
use crate::lang::ast::{Ast, FilterKind, Item, ItemKind};
use crate::lang::{Diag, Sources, Span};
use uses::{Uses, holes};

/// Warnings about a workflow without mistakes, in no order.
pub fn lint(ast: &Ast, workflow: &Workflow, sources: &Sources) -> Vec<Diag> {
    let of_items = in_halves(ast.items.len(), |which| {
        let items = &ast.items[which];
        let mut diags = Vec::new();
        shells::words(items, sources, &mut diags);
        paths::detours(items, sources, &mut diags);
        (Uses::of_items(items, sources), diags)
    });
    let (uses, of_items): (Vec<Uses>, Vec<Vec<Diag>>) = of_items.into_iter().unzip();
    let uses = Uses::of_all(uses);
    let main = ast.items.first().map(|item| item.span.file);
    let of_recipes = in_halves(workflow.rules.len(), |which| {
        let mut diags = Vec::new();
        let mut own_uses = Uses::default();
        for rule in &workflow.rules.values()[which] {
            let Some(recipe) = &rule.recipe else { continue };
            let is_seen = Some(rule.name_span.file) == main;
            if is_seen {
                own_uses.recipe(recipe);
            }
            if recipe.text.interpreter.is_shell() {
                recipes::raw(recipe, sources, &mut diags);
                let names_output = recipes::written_out(rule, recipe, &mut diags);
                if is_seen && !names_output && !uses.redirected.contains(&rule.name_span.start) {
                    recipes::no_output(rule, recipe, &mut diags);
                }
            }
        }
        (own_uses, diags)
    });
    let (more, of_recipes): (Vec<Uses>, Vec<Vec<Diag>>) = of_recipes.into_iter().unzip();
    let uses = more.into_iter().fold(uses, Uses::and);
    let mut diags = Vec::new();
    // What is included may use anything that is declared here.
    let is_whole = |item: &Item| !matches!(item.kind, ItemKind::Include { .. });
    let is_whole = ast.items.iter().all(is_whole);
    if is_whole && !uses.has_scripts {
        constants(ast, &uses, &mut diags);
        captures(ast, &uses, sources, &mut diags);
    }
    if is_whole {
        limits(ast, &uses, &mut diags);
    }
    diags.extend(of_items.into_iter().flatten());
    diags.extend(of_recipes.into_iter().flatten());
    // A rule of a module is there once for each use of it.
    let mut seen = HashSet::new();
    let place = |diag: &Diag| diag.primary.as_ref().map(|label| label.span);
    diags.retain(|diag| seen.insert((diag.code, place(diag))));
    diags
}

fn constants(ast: &Ast, uses: &Uses, diags: &mut Vec<Diag>) {
    for item in &ast.items {
        let (what, name) = match &item.kind {
            ItemKind::Param { name, .. } => ("param", name),
            ItemKind::Let { name, .. } => ("let", name),
            _ => continue,
        };
        if uses.has(&name.value) || uses.in_templates.contains(name.value.as_str()) {
            continue;
        }
        diags.push(
            Diag::warning("W0401", format!("nothing uses the {what} `{}`", name.value))
                .at(name.span, "given a value here, and not asked for")
                .help(format!("use it as `{{{}}}`, or take it out", name.value)),
        );
    }
}

fn captures(ast: &Ast, uses: &Uses, sources: &Sources, diags: &mut Vec<Diag>) {
    let constants: HashSet<&str> = ast
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Param { name, .. } | ItemKind::Let { name, .. } => Some(name.value.as_str()),
            _ => None,
        })
        .collect();
    let rules = ast.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Rule(rule) => Some(rule),
        _ => None,
    });
    for filter in rules
        .flat_map(|rule| &rule.factors)
        .flat_map(|factor| &factor.filter)
    {
        let unused = |name: &str| !uses.has(name) && !constants.contains(name);
        let message = |name: &str| format!("nothing uses the capture `{name}`");
        match filter.kind {
            FilterKind::Suffix => {}
            FilterKind::Match => {
                for (is_direct, hole) in holes(&filter.word) {
                    let name = hole.name.value.as_str();
                    if !is_direct || !hole.access.is_empty() || !unused(name) {
                        continue;
                    }
                    let glob = if hole.spans_folders { "**" } else { "*" };
                    let diag = Diag::warning("W0402", message(name))
                        .at(hole.span, "captured here, and not asked for");
                    diags.push(match hole.constraint {
                        Some(_) => diag,
                        None => diag.fix(
                            format!("where anything may stand, write `{glob}`"),
                            hole.span,
                            glob,
                        ),
                    });
                }
            }
            FilterKind::Regex => {
                let span = filter.word.span;
                for (name, span) in groups(span, sources.text(span)) {
                    if unused(name) {
                        diags.push(
                            Diag::warning("W0402", message(name))
                                .at(span, "captured here, and not asked for")
                                .help("a group that captures nothing is `(?:…)`"),
                        );
                    }
                }
            }
        }
    }
}

/// The named groups of a regular expression, `(?P<name>…)` or `(?<name>…)`, whose text stands here.
pub fn groups(span: Span, text: &str) -> Vec<(&str, Span)> {
    let mut found = Vec::new();
    for opening in ["(?P<", "(?<"] {
        for (at, _) in text.match_indices(opening) {
            let start = at + opening.len();
            let name = text[start..].split('>').next().unwrap_or("");
            // `(?<=…)` and `(?<!…)` are no groups, and no syntax of ours either.
            if crate::lang::names::is_name(name) {
                let start = span.start + start as u32;
                let end = start + name.len() as u32;
                found.push((name, Span { start, end, ..span }));
            }
        }
    }
    found
}

fn limits(ast: &Ast, uses: &Uses, diags: &mut Vec<Diag>) {
    for item in &ast.items {
        if let ItemKind::JobsLimit { name, .. } = &item.kind
            && !uses.limits.contains(name.value.as_str())
        {
            let name_text = &name.value;
            diags.push(
                Diag::warning("W0406", format!("no rule holds the limit `{name_text}`"))
                    .at(name.span, "declared here, and limits nothing")
                    .help(format!("above a rule: `[jobs_limit {name_text}]`")),
            );
        }
    }
}

#[cfg(test)]
mod tests;
