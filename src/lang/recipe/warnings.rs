//! Places where no value is safe, and places where one is read twice.

use std::ops::Range;

use super::shell::Surroundings;
use super::{LineStarts, Part, Placeholder};
use crate::lang::ast::Hole;
use crate::lang::diag::Diag;
use crate::lang::quote::Place;

/// The error for a place that no value is safe in.
pub(super) fn refusal(
    around: &Surroundings,
    hole: &Hole,
    range: &Range<usize>,
    place: Place,
) -> Option<Diag> {
    let source = &around.text[range.clone()];
    let refused = |why: &str| {
        Diag::error("E0152", format!("{source} cannot be filled in safely here")).at(hole.span, why)
    };
    let use_variable = "assign it to a variable first, and use that: `x={…}`, then `$x`";
    let place = match around.in_quoted_expansion {
        true => Place::QuotedExpansion,
        false => place,
    };
    match place {
        Place::Backticks => Some(refused("in backticks")),
        Place::QuotedExpansion => {
            let why = "in a quoted expansion, where shells read quotes differently";
            Some(refused(why).help(use_variable))
        }
        Place::HereDoc {
            is_quoted: false, ..
        } if around.after_variable => {
            let before = around.text[..range.start].rfind('$')?;
            let variable = &around.text[before + 1..range.start];
            let span = around.places.span(before..range.start);
            let why = format!("its value would be read as more of the name `{variable}`");
            Some(refused(&why).fix("end the name with braces", span, format!("${{{variable}}}")))
        }
        _ => None,
    }
}

/// Tells placeholders in the backticks around `inside` how to mend them.
pub(super) fn offer_substitution(
    parts: &mut [Part],
    places: &LineStarts,
    text: &str,
    inside: Range<usize>,
) {
    let script = &text[inside.clone()];
    let span = places.span(inside.start - 1..inside.end + 1);
    for part in parts.iter_mut().rev() {
        let placeholder = match part {
            Part::Placeholder(placeholder) if placeholder.range.start >= inside.start => {
                placeholder
            }
            Part::Text(range) if range.end > inside.start => continue,
            _ => return,
        };
        if let Some(diag) = placeholder.refusal.take() {
            // Backslashes mean something else in `$( )`, and a fix must not change the meaning.
            let diag = match script.contains(['\\', '\n']) {
                true => diag.help("write `$(…)` for `` `…` ``"),
                false => diag.fix("write `$(…)` for `` `…` ``", span, format!("$({script})")),
            };
            placeholder.refusal = Some(Box::new(diag));
        }
    }
}

/// Marks a placeholder in a word that another shell reads again as a script.
pub(super) fn caution(placeholder: &mut Placeholder, places: &LineStarts) {
    if placeholder.hole.is_raw {
        return;
    }
    let span = places.span(placeholder.range.clone());
    placeholder.caution = Some(Box::new(
        Diag::warning(
            "W0151",
            "an inner shell reads this value again, as part of its script",
        )
        .at(span, "a file name with special characters would be run")
        .help("pass it as an argument: `sh -c 'cat \"$1\"' _ {input}`"),
    ));
}
