//! Says what a line that begins with no word of the language was probably meant to be.

use super::block::BLANKS;
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::{SETTINGS, VERBS, verb};
use super::nearest::nearest;
use super::span::{Span, Spanned};

/// What is known about the line's surroundings.
pub(super) struct Facts {
    /// The header right above, when it has no recipe.
    pub header_without_recipe: Option<Span>,
}

/// A diagnostic for the line that begins with `word`, and the word to read it as, if that is clear.
/// The cursor stands behind the word.
pub(super) fn unknown(
    cursor: &Cursor,
    word: Spanned<&str>,
    facts: Facts,
) -> (Diag, Option<&'static str>) {
    let text = word.value;
    let start = word.span.start as usize;
    let line = &cursor.text[start..cursor.line_end(start)];
    let line = line.trim_end_matches(BLANKS);
    let rest = line[text.len()..].trim_start();
    let whole = cursor.span(start, start + line.len());
    let unknown = || Diag::error("E0101", format!("`{text}` begins no item")).at(word.span, "");
    let names = VERBS.iter().map(|(name, _)| *name).chain(SETTINGS);
    if matches!(text, "rule" | "checkpoint") {
        let diag = Diag::error(
            "E0121",
            format!("a rule begins with its verb, not with `{text}`"),
        )
        .at(whole, "this looks like Snakemake")
        .help("one job per item: `transform NAME: SOURCES -> OUTPUTS`, the commands indented below")
        .help("one job over all: `merge NAME: SOURCES -> OUTPUT`");
        return (diag, None);
    }
    if matches!(text, "process" | "workflow" | "task") && rest.ends_with('{') {
        let diag = Diag::error(
            "E0121",
            format!("`{text} {{ }}` is of another workflow language"),
        )
        .at(whole, "")
        .help("a rule is `transform NAME: SOURCES -> OUTPUTS`, the commands indented below");
        return (diag, None);
    }
    let is_assignment = [":=", "?=", "+="].iter().any(|sign| rest.starts_with(sign))
        || rest.starts_with('=') && !rest.starts_with("=>") && !rest.starts_with("==");
    // `mem 4G` above a rule lacks its brackets; `params = x` is a name and no misspelling.
    if is_assignment {
        let before = Span {
            end: word.span.start,
            ..word.span
        };
        let diag = unknown().help("`param NAME = VALUE` is one that users may override");
        return (
            diag.fix("a constant is written with `let`", before, "let "),
            None,
        );
    }
    if let Some(meant) = nearest(text, names) {
        let diag = unknown().fix(format!("did you mean `{meant}`?"), word.span, meant);
        // Read as what it was meant to be only if it looks the part.
        let is_like = verb(meant).is_none() || rest.contains("->") || rest.contains(':');
        return (diag, is_like.then_some(meant));
    }
    if let Some(header) = facts.header_without_recipe {
        let before = Span {
            end: word.span.start,
            ..word.span
        };
        let diag = Diag::error("E0111", "a recipe is indented")
            .at(whole, "not indented")
            .and(header, "under this header")
            .fix("indent it", before, "    ");
        return (diag, None);
    }
    if super::names::attribute(text).is_some() {
        let diag = Diag::error(
            "E0113",
            format!("`{text}` is an attribute, which stands in brackets"),
        )
        .at(whole, "")
        .fix(
            "put it in brackets above its rule",
            whole,
            format!("[{line}]"),
        );
        return (diag, None);
    }
    if let Some((targets, sources)) = line.split_once(':')
        && !line.contains("->")
    {
        let (targets, sources) = (targets.trim(), sources.trim());
        let diag = Diag::error("E0121", "a rule begins with a verb")
            .at(whole, "this looks like Make")
            .help(match sources.is_empty() {
                true => format!("made from nothing: `originate NAME -> {targets}`"),
                false => format!("one job: `merge NAME: {sources} -> {targets}`"),
            });
        return (diag, None);
    }
    let verbs: Vec<&str> = VERBS.iter().map(|(name, _)| *name).collect();
    let diag = unknown()
        .note(format!("rules begin with {}", verbs.join(", ")))
        .note(format!("other items are {}", SETTINGS.join(", ")));
    (diag, None)
}
