//! `target` and `default`: named sets of what is to be built.

use super::load::Loader;
use super::{Source, Target, header};
use crate::lang::Diag;
use crate::lang::ast;
use crate::lang::nearest::nearest;

/// A `target` as it was written; a `default` has no name.
pub(super) struct Named {
    pub space: usize,
    pub name: Option<ast::Name>,
    pub words: Vec<ast::Word>,
}

/// Looks up what the targets name, now that all names are known.
pub(super) fn resolve(loader: &mut Loader) {
    let named = std::mem::take(&mut loader.targets);
    for Named { space, name, words } in &named {
        let Some(name) = name else { continue };
        loader.enter(*space);
        let words = words
            .iter()
            .flat_map(|word| {
                let sources = header::target_word(loader, word).into_iter();
                sources.map(|source| (source, word.span))
            })
            .collect();
        let target = Target {
            name: format!("{}{}", loader.prefix(), name.value),
            span: name.span,
            words,
        };
        let at = loader.workflow.targets.len();
        loader.workflow.targets.push(target);
        let current = loader.current;
        let targets = &mut loader.spaces[current].targets;
        targets.entry(name.value.clone()).or_insert(at);
    }
    for Named { space, name, words } in &named {
        if name.is_none() {
            loader.enter(*space);
            defaults(loader, words);
        }
    }
    loader.enter(0);
}

/// The names behind `default`. A module's count when it is a workflow of its own.
fn defaults(loader: &mut Loader, words: &[ast::Word]) {
    let mut found = Vec::new();
    for word in words {
        let name = word.bare().unwrap_or("");
        let at = loader.spaces[loader.current].targets.get(name).copied();
        if let Some(at) = at {
            found.extend(loader.workflow.targets[at].words.clone());
        } else if let Some(&rule) = loader.rules.get(name) {
            found.push((Source::Rule(rule), word.span));
        } else {
            let diag = no_such_target(loader, word);
            loader.diags.push(diag);
        }
    }
    if loader.current == 0 {
        let default = loader.workflow.default.get_or_insert_default();
        default.extend(found);
    }
}

fn no_such_target(loader: &Loader, word: &ast::Word) -> Diag {
    let text = loader.sources.text(word.span);
    let diag = Diag::error("E0295", format!("`{text}` is neither a target nor a rule"))
        .at(word.span, "`default` takes their names");
    let targets = loader.spaces[loader.current].targets.keys();
    let mut names: Vec<&str> = targets
        .chain(loader.rules.keys())
        .map(String::as_str)
        .collect();
    names.sort();
    match nearest(text, names) {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), word.span, near),
        None => diag.help("for files, name a target: `target all: FILE…` and `default all`"),
    }
}
