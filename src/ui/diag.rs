//! Diagnostics as rustc shows them: code, message, place, source line, notes, fixes; then a count.
//!
//! The picture is drawn by `annotate-snippets`, which panics on a place outside of its text;
//! `excerpt` sees to it that there is none.

mod excerpt;

use std::collections::BTreeSet;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Patch, Renderer, Snippet};

use super::{human, safe, style::Style};
use crate::lang::diag::{Diag, Help, Label, Severity};
use crate::lang::foreign;
use crate::lang::span::{FileId, Sources, Span};
use excerpt::Excerpt;

/// More would bury what is shown.
const MOST_SHOWN: usize = 50;

/// How diagnostics are to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub style: Style,
    /// Columns; longer source lines are cut around the marked place.
    pub width: usize,
}

impl Default for Look {
    fn default() -> Look {
        Look {
            style: Style::default(),
            width: 140,
        }
    }
}

/// All diagnostics by file and place, the rest counted beyond a limit, a line that counts them, and
/// where to read on. Empty when there are none.
pub fn report(diags: &[Diag], sources: &Sources, look: Look) -> String {
    let mut out = String::new();
    let shown = shown(diags);
    for diag in &shown {
        out += &render(diag, sources, look);
        out += "\n\n";
    }
    // Errors before warnings; of those the first that is read.
    let first = shown.iter().min_by_key(|diag| !diag.is_error());
    if let Some(first) = first {
        out += &summary(diags, sources, look);
        let code = first.code;
        out += &format!("\nfor more information try `flow explain {code}`\n");
    }
    out
}

/// Those that are shown, in their order. Where there are too many, errors go before warnings.
fn shown(diags: &[Diag]) -> Vec<&Diag> {
    let place = |diag: &&Diag| match &diag.primary {
        Some(label) => (0, label.span.file, label.span.start),
        None => (1, FileId::default(), 0),
    };
    let mut all: Vec<&Diag> = diags.iter().collect();
    all.sort_by_key(place);
    if all.len() > MOST_SHOWN {
        all.sort_by_key(|diag| !diag.is_error());
        all.truncate(MOST_SHOWN);
        all.sort_by_key(place);
    }
    all
}

/// `error: 3 mistakes in main.flow, 1 warning`.
fn summary(diags: &[Diag], sources: &Sources, look: Look) -> String {
    let errors = diags.iter().filter(|diag| diag.is_error()).count();
    let warnings = diags.len() - errors;
    let files: BTreeSet<FileId> = diags
        .iter()
        .filter(|diag| errors == 0 || diag.is_error())
        .filter_map(|diag| Some(diag.primary.as_ref()?.span.file))
        .collect();
    let place = match files.first() {
        None => String::new(),
        Some(&file) if files.len() == 1 => {
            format!(" in {}", safe::path(sources.get(file).name.as_bytes()))
        }
        Some(_) => format!(" in {}", human::counted(files.len() as u64, "file")),
    };
    let mistakes = human::counted(errors as u64, "mistake");
    let counted_warnings = human::counted(warnings as u64, "warning");
    let (level, mut text) = match (errors, warnings) {
        (0, _) => (Level::WARNING, format!("{counted_warnings}{place}")),
        (_, 0) => (Level::ERROR, format!("{mistakes}{place}")),
        _ => (
            Level::ERROR,
            format!("{mistakes}{place}, {counted_warnings}"),
        ),
    };
    if diags.len() > MOST_SHOWN {
        text += &format!(
            "; {} not shown",
            human::count((diags.len() - MOST_SHOWN) as u64)
        );
    }
    renderer(look).render(&[Group::with_title(level.primary_title(text))])
}

fn renderer(look: Look) -> Renderer {
    let renderer = match look.style.is_coloured {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    // Below this there is no room for line numbers and a word.
    renderer.hyperlink(false).term_width(look.width.max(40))
}

/// One diagnostic, without a newline at its end.
pub fn render(diag: &Diag, sources: &Sources, look: Look) -> String {
    let level = match diag.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(safe::text(&foreign::bytes(&diag.message)));
    let mut main = Group::with_title(title.id(diag.code));
    for marks in clusters(diag, sources) {
        main = main.elements(marked_source(&marks, sources));
    }
    for note in &diag.notes {
        main = main.element(Level::NOTE.message(safe::text(&foreign::bytes(note))));
    }
    let mut groups = vec![];
    for help in &diag.helps {
        let text = safe::text(&foreign::bytes(&help.text));
        match patched_source(help, sources) {
            Some(patched) => {
                let title = Level::HELP.secondary_title(text);
                groups.push(Group::with_title(title).element(patched));
            }
            None => main = main.element(Level::HELP.message(text)),
        }
    }
    groups.insert(0, main);
    renderer(look).render(&groups)
}

/// A marked place, and whether it is the one that is wrong.
struct Mark<'a> {
    label: &'a Label,
    kind: AnnotationKind,
}

/// The places of a diagnostic, grouped by where they can be shown in one piece; the primary
/// place's group first, then by file and place.
fn clusters<'a>(diag: &'a Diag, sources: &Sources) -> Vec<Vec<Mark<'a>>> {
    let primary = diag.primary.iter().map(|label| Mark {
        label,
        kind: AnnotationKind::Primary,
    });
    let others = diag.others.iter().map(|label| Mark {
        label,
        kind: AnnotationKind::Context,
    });
    let mut marks: Vec<Mark> = primary.chain(others).collect();
    marks.sort_by_key(|mark| (mark.label.span.file, mark.label.span.start));
    let mut clusters: Vec<Vec<Mark>> = Vec::new();
    for mark in marks {
        match clusters.last_mut() {
            Some(cluster) if is_near(cluster, mark.label.span, sources) => cluster.push(mark),
            _ => clusters.push(vec![mark]),
        }
    }
    clusters.sort_by_key(|cluster| {
        cluster
            .iter()
            .all(|mark| mark.kind != AnnotationKind::Primary)
    });
    clusters
}

fn is_near(cluster: &[Mark], span: Span, sources: &Sources) -> bool {
    let text = &sources.get(span.file).text;
    let same_file = cluster
        .iter()
        .map(|mark| mark.label.span)
        .filter(|other| other.file == span.file);
    same_file
        .map(|other| excerpt::marked_place(text, other).end)
        .any(|end| (span.start as usize) < end + excerpt::NEAR)
}

/// The lines of one cluster with its places marked.
fn marked_source<'a>(marks: &[Mark], sources: &Sources) -> Vec<Element<'a>> {
    let first = marks
        .iter()
        .find(|mark| mark.kind == AnnotationKind::Primary)
        .unwrap_or(&marks[0]);
    let file = first.label.span.file;
    let source = sources.get(file);
    let places: Vec<_> = marks
        .iter()
        .map(|mark| excerpt::marked_place(&source.text, mark.label.span))
        .collect();
    let excerpt = Excerpt::new(&source.text, &places);
    let name = safe::line(source.name.as_bytes());
    let annotations: Vec<_> = marks
        .iter()
        .zip(&places)
        .map(|(mark, place)| {
            let text =
                Some(safe::line(&foreign::bytes(&mark.label.text))).filter(|text| !text.is_empty());
            mark.kind.span(excerpt.inside(place)).label(text)
        })
        .collect();
    let is_whole = excerpt.prefix.is_empty();
    let snippet = Snippet::source(excerpt.text)
        .line_start(excerpt.first_line)
        .annotations(annotations);
    if is_whole {
        return vec![snippet.path(name).into()];
    }
    let (line, column) = sources.line_column(first.label.span);
    let origin = Origin::path(name).line(line).char_column(column);
    vec![origin.into(), snippet.into()]
}

/// The source with a help's edit in place; `None` when it has none that can be shown.
fn patched_source<'a>(help: &'a Help, sources: &Sources) -> Option<Snippet<'a, Patch<'a>>> {
    let (span, new) = help.edit.as_ref()?;
    let source = sources.get(span.file);
    let place = excerpt::edited_place(&source.text, *span)?;
    if source.text[place.clone()] == **new {
        return None;
    }
    let excerpt = Excerpt::new(&source.text, std::slice::from_ref(&place));
    let patch = Patch::new(excerpt.inside(&place), excerpt::harmless(new));
    Some(
        Snippet::source(excerpt.text)
            .line_start(excerpt.first_line)
            .path(safe::line(source.name.as_bytes()))
            .patch(patch),
    )
}

#[cfg(test)]
mod tests;
