//! `target` and `default`: named sets of what is to be built.

use super::load::Loader;
use super::resolver::Resolver;
use super::{Source, Target, header};
use crate::lang::ast;
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span};

/// A `target` as it was written; a `default` has no name.
pub(super) struct Named {
    pub space: usize,
    pub name: Option<ast::Name>,
    pub words: Vec<ast::Word>,
}

/// Looks up what the targets name, now that all names are known.
pub(super) fn resolve(loader: &mut Loader) {
    let named = std::mem::take(&mut loader.targets);
    let mut resolver = Resolver::new(loader.known());
    let words: Vec<Vec<(Source, Span)>> = named
        .iter()
        .filter(|named| named.name.is_some())
        .map(|named| {
            resolver.enter(named.space);
            let words = named.words.iter();
            let sources = words.flat_map(|word| {
                let sources = header::target_word(&mut resolver, word).into_iter();
                sources.map(|source| (source, word.span))
            });
            sources.collect()
        })
        .collect();
    let diags = resolver.diags;
    loader.diags.extend(diags);
    let of_names = named
        .iter()
        .filter_map(|named| Some((named.space, named.name.as_ref()?)));
    for ((space, name), words) in of_names.zip(words) {
        let target = Target {
            name: format!("{}{}", loader.spaces[space].prefix, name.value),
            span: name.span,
            words,
        };
        let at = loader.workflow.targets.len();
        loader.workflow.targets.push(target);
        let targets = &mut loader.spaces[space].targets;
        targets.entry(name.value.clone()).or_insert(at);
    }
    for Named { space, name, words } in &named {
        if name.is_none() {
            loader.current = *space;
            defaults(loader, words);
        }
    }
    loader.current = 0;
}

/// The names behind `default`. A module's count when it is a workflow of its own.
fn defaults(loader: &mut Loader, words: &[ast::Word]) {
    let mut found = Vec::new();
    for word in words {
        let name = word.bare().unwrap_or("");
        let at = loader.space().targets.get(name).copied();
        if let Some(at) = at {
            found.extend(loader.workflow.targets[at].words.clone());
        } else if let Some(&rule) = loader.space().rules.get(name) {
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
    let targets = loader.space().targets.keys();
    let mut names: Vec<&str> = targets
        .chain(loader.space().rules.keys())
        .map(String::as_str)
        .collect();
    names.sort();
    match nearest(text, names) {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), word.span, near),
        None => diag.help("for files, name a target: `target all: FILE…` and `default all`"),
    }
}
