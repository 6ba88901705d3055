//! Filters that can never match: no file need be looked at to know it.

use std::cell::LazyCell;

use bstr::BString;

use super::halves::in_halves;
use super::{Factor, Filter, Rule, Source, Workflow};
use crate::lang::Diag;
use crate::pattern::{self, Shape, intersects};

/// A mistake for each factor whose filter takes nothing of what its sources can bring. Globs are
/// left to whoever looks at the files, and can name the nearest.
pub(super) fn find(workflow: &Workflow) -> Vec<Diag> {
    let halves = in_halves(workflow.rules.len(), |which| -> Vec<Diag> {
        let rules = workflow.rules.values()[which].iter();
        let factors = rules.flat_map(|rule| rule.factors.iter().map(move |factor| (rule, factor)));
        factors
            .filter(|(_, factor)| can_never_match(workflow, factor))
            .map(|(rule, factor)| mistake(workflow, rule, factor))
            .collect()
    });
    halves.into_iter().flatten().collect()
}

fn can_never_match(workflow: &Workflow, factor: &Factor) -> bool {
    if matches!(factor.filter, Filter::All) || factor.sources.is_empty() {
        return false;
    }
    let filter = LazyCell::new(|| Shape::filter(&factor.filter));
    factor.sources.iter().all(|source| match source {
        Source::Rule(rule) => {
            let mut shapes = workflow.shapes[*rule].iter();
            !shapes.any(|made| intersects(&[made, &filter]))
        }
        // Most are globs, which is seen without putting them together.
        Source::Files(word) if word.has_glob() => false,
        Source::Files(word) => match word.pattern().literal() {
            Some(path) => {
                let mut captures = pattern::Captures::default();
                !factor.filter.matches(path.as_ref(), &mut captures)
            }
            None => false,
        },
        Source::Table(_) => false,
    })
}

fn mistake(workflow: &Workflow, rule: &Rule, factor: &Factor) -> Diag {
    let mut diag = Diag::error(
        "E0276",
        format!("the filter of `{}` can never match", rule.name),
    )
    .at(
        factor.filter_span,
        "it takes none of what the sources bring",
    );
    for source in factor.sources.iter().take(4) {
        diag = match source {
            Source::Rule(upstream) => {
                let upstream = &workflow.rules[*upstream];
                let outputs = upstream.outputs.iter().flatten().next();
                let span = outputs.map_or(upstream.span, |output| output.word.span);
                diag.and(span, format!("what `{}` makes", upstream.name))
            }
            Source::Files(word) => {
                let path = word.pattern().literal().unwrap_or(BString::default());
                diag.and(word.span, format!("this is `{path}`"))
            }
            Source::Table(_) => diag,
        };
    }
    match &factor.filter {
        Filter::Suffix(_) => diag.help("`suffix` compares the end of the path"),
        Filter::Template(_) => {
            diag.help("`match` compares the whole path, folders and all, where it has a `/`")
        }
        _ => diag,
    }
}
