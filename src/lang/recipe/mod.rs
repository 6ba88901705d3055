//! What a recipe's text is to a shell: plain text and placeholders, each with its place.
//!
//! Which names are known is the caller's to say (`check_names`); filling in is `render` and `argv`.

mod interpreter;
mod names;
mod render;
mod shell;
mod simple;
mod warnings;

use std::ops::Range;
use std::sync::OnceLock;

use super::ast::{Hole, Recipe};
use super::diag::Diag;
use super::foreign;
use super::quote::Place;
use super::span::{FileId, Span};

pub use interpreter::{Interpreter, Language, Script};
pub use render::{Filled, RenderError};
pub use simple::{Command, Operator, Simple, WordPart, does_nothing};

/// Words that mean something to the grammar of one shell or another.
pub(super) const KEYWORDS: [&str; 23] = [
    "!", "{", "}", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for",
    "function", "if", "in", "select", "then", "time", "until", "while", "repeat",
];

/// A recipe as text and placeholders.
#[derive(Clone, Debug)]
pub struct RecipeText {
    pub interpreter: Interpreter,
    /// Everything, the `#!` line included.
    pub parts: Vec<Part>,
    text: String,
    places: LineStarts,
    here_docs: Vec<HereDoc>,
    /// See [`RecipeText::simple_command`]: found when a job asks for it.
    simple: OnceLock<Option<Box<Simple>>>,
}

#[derive(Clone, Debug)]
pub enum Part {
    /// Bytes of the recipe's text, as they are.
    Text(Range<usize>),
    Placeholder(Box<Placeholder>),
    /// The body of a here-document begins or ends here.
    HereDocStart(usize),
    HereDocEnd(usize),
}

/// Braces that hold a name.
#[derive(Clone, Debug)]
pub struct Placeholder {
    pub hole: Hole,
    /// The bytes of the recipe's text, braces included.
    pub range: Range<usize>,
    pub place: Place,
    /// In single quotes and quoted here-documents an unknown name is no mistake but text.
    pub unknown_is_text: bool,
    /// Why no value can stand here, if the name is known.
    pub refusal: Option<Box<Diag>>,
    /// What is risky about this place, if the name is known.
    pub caution: Option<Box<Diag>>,
    /// How many commands it is nested in.
    n_commands: usize,
}

#[derive(Clone, Debug)]
struct HereDoc {
    delimiter: String,
    is_quoted: bool,
    strips_tabs: bool,
}

/// Reads a recipe. The diagnostics are those that do not depend on which names are known.
pub fn lex(recipe: &Recipe) -> (RecipeText, Vec<Diag>) {
    let places = LineStarts::new(recipe);
    let interpreter = interpreter::of(&recipe.text);
    if !interpreter.is_shell() {
        let text = RecipeText {
            interpreter,
            parts: vec![Part::Text(0..recipe.text.len())],
            text: recipe.text.clone(),
            places,
            here_docs: Vec::new(),
            simple: OnceLock::new(),
        };
        return (text, Vec::new());
    }
    let read = shell::read(&recipe.text, &places);
    let text = RecipeText {
        interpreter,
        parts: read.parts,
        text: recipe.text.clone(),
        places,
        here_docs: read.here_docs,
        simple: OnceLock::new(),
    };
    (text, read.diags)
}

/// The delimiter of a here-document that the recipe leaves open.
pub(super) fn unclosed_here_document(recipe: &Recipe) -> Option<String> {
    if !recipe.text.contains("<<") || !interpreter::of(&recipe.text).is_shell() {
        return None;
    }
    shell::read(&recipe.text, &LineStarts::new(recipe)).unclosed_here_doc
}

impl RecipeText {
    /// The recipe's text before filling in.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The placeholders in their order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(&**placeholder),
            _ => None,
        })
    }

    /// The place in the file of a range of the text.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        self.places.span(range)
    }

    /// A recipe that is one command without shell syntax other than redirections: it can be started
    /// without a shell, by [`RecipeText::argv`] or [`RecipeText::redirected`]. `None` when it takes
    /// a shell.
    pub fn simple_command(&self) -> Option<&Simple> {
        let read = || match self.interpreter {
            // What a shell makes of bytes that are no text is its own business.
            Interpreter::Default if foreign::shown(&self.text) == self.text => {
                simple::read(&self.text, &self.parts).map(Box::new)
            }
            _ => None,
        };
        self.simple.get_or_init(read).as_deref()
    }
}

/// Where each line of a recipe's text stands in the file.
#[derive(Clone, Debug)]
pub(super) struct LineStarts {
    file: FileId,
    /// Of each line: its first byte in the text, and in the file.
    lines: Vec<(usize, u32)>,
}

impl LineStarts {
    fn new(recipe: &Recipe) -> LineStarts {
        let newlines = recipe.text.match_indices('\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1));
        let mut lines = Vec::with_capacity(recipe.line_starts.len());
        lines.extend(starts.zip(recipe.line_starts.iter().copied()));
        LineStarts {
            file: recipe.span.file,
            lines,
        }
    }

    fn place(&self, at: usize) -> u32 {
        let line = self.lines.partition_point(|(start, _)| *start <= at);
        let Some(&(start, origin)) = self.lines.get(line.saturating_sub(1)) else {
            return 0;
        };
        origin + (at - start) as u32
    }

    fn span(&self, range: Range<usize>) -> Span {
        let start = self.place(range.start);
        // The end belongs to the line of the last byte, not to the line after it.
        let end = match range.end > range.start {
            true => self.place(range.end - 1) + 1,
            false => start,
        };
        Span {
            file: self.file,
            start,
            end,
        }
    }
}
