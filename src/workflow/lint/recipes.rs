//! What a recipe says and does not say about the files of its rule.

use std::ops::Range;

use crate::lang::ast::Hole;
use crate::lang::{Diag, Sources};
use crate::workflow::{Expr, FileSet, Output, Part, Recipe, Rule, Source, Word};

pub(super) fn raw(recipe: &Recipe, sources: &Sources, diags: &mut Vec<Diag>) {
    for placeholder in recipe.text.placeholders() {
        let hole = &placeholder.hole;
        if hole.is_raw {
            let shown = sources.text(hole.span);
            diags.push(
                Diag::warning("W0403", format!("{shown} is inserted without quotes"))
                    .at(hole.span, "its value is read as part of the script")
                    .help("a list, `[-a, -b]`, is quoted word by word and needs no `:raw`"),
            );
        }
    }
}

/// Files that the recipe spells out although the header names them; true when an output is
/// among them.
pub(super) fn written_out(rule: &Rule, recipe: &Recipe, diags: &mut Vec<Diag>) -> bool {
    let mut names_output = false;
    let factors = match rule.using.is_empty() {
        true => &rule.factors[..],
        false => &[],
    };
    let sources = factors.iter().flat_map(|factor| &factor.sources);
    let n_inputs = sources.clone().count() + rule.extras().len();
    let extras = rule.extras().iter();
    let extras = extras.map(|extra| (&extra.source, extra.name.as_ref()));
    for (source, name) in sources.map(|source| (source, None)).chain(extras) {
        let Source::Files(word) = source else {
            continue;
        };
        // No file is called so.
        if word.has_glob() {
            continue;
        }
        let instead = match name {
            Some(name) => Some(format!("{{input.{name}}}")),
            None => (n_inputs == 1).then(|| "{input}".into()),
        };
        literal(recipe, word, "input", instead, diags);
    }
    // The jobs of an `originate` have one group each; only one can be meant by a number.
    let [outputs] = rule.outputs.as_slice() else {
        return false;
    };
    for (at, output) in outputs
        .iter()
        .enumerate()
        .filter(|(_, output)| !output.replaces_suffix && output.word.is_constant())
    {
        let instead = match &output.name {
            Some(name) => format!("{{output.{name}}}"),
            None if outputs.len() == 1 => "{output}".into(),
            None => format!("{{output[{at}]}}"),
        };
        names_output |= literal(recipe, &output.word, "output", Some(instead), diags);
    }
    names_output
}

/// Reports the places where the recipe spells the word out; whether there are any.
fn literal(
    recipe: &Recipe,
    word: &Word,
    what: &str,
    instead: Option<String>,
    diags: &mut Vec<Diag>,
) -> bool {
    let path = word
        .literal()
        .and_then(|path| String::from_utf8(path.into()).ok());
    let Some(path) = path.filter(|path| path.contains(['/', '.'])) else {
        return false;
    };
    let places = places(recipe.text.text(), &path);
    for place in &places {
        let span = recipe.text.span_of(place.clone());
        let diag = Diag::warning(
            "W0404",
            format!("the {what} `{path}` is written out in the recipe"),
        )
        .at(span, format!("this is the rule's {what}"))
        .and(word.span, "named here");
        diags.push(match &instead {
            Some(instead) => diag.fix(format!("write `{instead}`"), span, instead.as_str()),
            None => diag.help(format!(
                "give it a name in the header, and write `{{{what}.NAME}}`"
            )),
        });
    }
    !places.is_empty()
}

/// Where `path` stands in a recipe as a whole word, outside of comments on their own lines.
fn places(text: &str, path: &str) -> Vec<Range<usize>> {
    let belongs = |c: char| c.is_alphanumeric() || "_-./{}*?~$".contains(c);
    let is_whole = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + path.len()..].chars().next();
        !before.is_some_and(belongs) && !after.is_some_and(belongs)
    };
    let is_comment = |at: usize| {
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        text[line..].trim_start().starts_with('#')
    };
    text.match_indices(path)
        .map(|(at, _)| at..at + path.len())
        .filter(|place| is_whole(place.start) && !is_comment(place.start))
        .collect()
}

pub(super) fn no_output(rule: &Rule, recipe: &Recipe, diags: &mut Vec<Diag>) {
    let mut outputs = rule.outputs.iter().flatten();
    let Some(first) = outputs.next() else { return };
    let is_output = |hole: &Hole| {
        let expr = recipe.expr(hole);
        matches!(
            expr,
            Some(Expr::Files {
                set: FileSet::Output,
                ..
            })
        )
    };
    let is_mentioned = recipe.text.placeholders().any(|each| is_output(&each.hole));
    let is_known = is_mentioned || is_beside_input(rule, first);
    if is_known || first.is_glob() || outputs.any(Output::is_glob) {
        return;
    }
    diags.push(
        Diag::warning(
            "W0405",
            format!("the recipe of `{}` never mentions its output", rule.name),
        )
        .at(first.word.span, "a job that ends without this has failed")
        .help("let the recipe write to `{output}`"),
    );
}

/// Its name is the input's and more, as `gzip` or an indexer makes it unasked.
fn is_beside_input(rule: &Rule, output: &Output) -> bool {
    let suffix = rule.factors.first().and_then(|factor| factor.suffix());
    match (output.word.parts.first(), suffix) {
        (Some(Part::Text(text)), Some(suffix)) if output.replaces_suffix => {
            text.starts_with(suffix)
        }
        (Some(Part::Value(Expr::Files { set, fact, .. }, _)), _) => {
            *set != FileSet::Output && fact.is_none()
        }
        _ => false,
    }
}
