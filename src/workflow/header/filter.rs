//! The filter of a factor: `suffix`, `match` and `regex`, with the captures they bring.

use super::words::glob_part;
use crate::lang::ast::{FilterKind, Piece};
use crate::lang::{Diag, Span, ast, foreign};
use crate::pattern::{self, Capture, Filter, NameId, Pattern};
use crate::workflow::expr::{Part, Word};
use crate::workflow::resolver::Resolver;
use crate::workflow::scope::BUILT_IN;

pub(super) type Template<'a> = Option<(Pattern, &'a ast::Word)>;

pub(super) fn resolve_filter<'a>(
    resolver: &mut Resolver,
    filter: Option<&'a ast::Filter>,
    captures: &mut Vec<NameId>,
) -> (Filter, Template<'a>) {
    let Some(filter) = filter else {
        return (Filter::All, None);
    };
    match filter.kind {
        FilterKind::Suffix => {
            let text = resolver.text(&filter.word).unwrap_or_default();
            if text.is_empty() {
                resolver.diags.push(
                    Diag::error("E0253", "an empty suffix matches every file")
                        .at(filter.span, "say which ending: `suffix .txt`"),
                );
            }
            (Filter::suffix(&text), None)
        }
        FilterKind::Match => {
            let Some(pattern) = template(resolver, &filter.word) else {
                return (Filter::All, None);
            };
            for part in &pattern.0 {
                if let pattern::Part::Capture(capture) = part
                    && !captures.contains(&capture.name)
                {
                    captures.push(capture.name);
                }
            }
            match Filter::template(&pattern) {
                Ok(compiled) => (compiled, Some((pattern, &filter.word))),
                Err(error) => {
                    resolver.diags.push(
                        Diag::error("E0254", "this template cannot be understood")
                            .at(filter.word.span, error.to_string()),
                    );
                    (Filter::All, None)
                }
            }
        }
        FilterKind::Regex => {
            let text = filter.word.plain();
            let Some(text) = text else {
                // The parser said that it must be quoted.
                return (Filter::All, None);
            };
            let text = match String::from_utf8(foreign::bytes(&text).into_owned().into()) {
                Ok(text) => text,
                Err(error) => {
                    let byte = error.as_bytes()[error.utf8_error().valid_up_to()];
                    resolver.diags.push(
                        Diag::error("E0256", "a byte of this regular expression is not UTF-8")
                            .at(filter.word.span, "its syntax is text")
                            .help(format!("write the byte as `(?-u:\\x{byte:02x})`")),
                    );
                    return (Filter::All, None);
                }
            };
            let mut found = Vec::new();
            let compiled = Filter::regex(&text, &mut |name| {
                let id = resolver.name(name);
                found.push(id);
                id
            });
            match compiled {
                Ok(compiled) => {
                    captures.extend(found);
                    (compiled, None)
                }
                Err(error) => {
                    resolver.diags.push(
                        Diag::error("E0256", "this is no regular expression")
                            .at(filter.word.span, error.to_string()),
                    );
                    (Filter::All, None)
                }
            }
        }
    }
}

/// A `match` template: names that are params or lets are their values, all others captures.
pub(super) fn template(resolver: &mut Resolver, word: &ast::Word) -> Option<Pattern> {
    let mut parts = Vec::new();
    for piece in &word.pieces {
        match piece {
            Piece::Text(text) => parts.push(pattern::Part::Text(foreign::bytes(text).into_owned())),
            Piece::Glob(glob) => parts.push(glob_part(resolver, glob)?),
            Piece::Hole(hole) => {
                let name = hole.name.value.as_str();
                let is_constant = resolver.constants.values.contains_key(name)
                    || BUILT_IN.contains(&name)
                    || !hole.access.is_empty();
                if is_constant {
                    let text = resolver.text(&ast::Word {
                        span: hole.span,
                        pieces: vec![piece.clone()],
                        is_quoted: false,
                    })?;
                    parts.push(pattern::Part::Text(text));
                    continue;
                }
                parts.push(pattern::Part::Capture(Capture {
                    name: resolver.name(name),
                    spans_folders: hole.spans_folders,
                    constraint: hole.constraint.as_ref().map(|regex| regex.value.clone()),
                }));
            }
        }
    }
    Some(Pattern(parts))
}

/// The glob of all files that a template could match.
pub(super) fn as_glob(template: &Pattern, span: Span) -> Word {
    let parts = template.0.iter().map(|part| match part {
        pattern::Part::Capture(capture) if capture.spans_folders => {
            Part::Glob(pattern::Part::DoubleStar)
        }
        pattern::Part::Capture(_) => Part::Glob(pattern::Part::Star),
        pattern::Part::Text(text) => Part::Text(text.clone()),
        other => Part::Glob(other.clone()),
    });
    Word {
        span,
        parts: parts.collect(),
    }
}
