//! Fills a recipe: as text for its shell, or as the words of a command that needs none.

use std::borrow::Cow;
use std::fmt;

use bstr::{BStr, BString, ByteSlice};

use super::simple::{Command, Operator, WordPart};
use super::{HereDoc, Part, RecipeText};
use crate::lang::ast::Hole;
use crate::lang::foreign;
use crate::lang::quote::{self, Place, Unquotable, ValueKind};
use crate::lang::span::Span;

/// What a placeholder is filled with: any number of files, or of texts.
#[derive(Clone, Debug)]
pub struct Filled<'v> {
    pub kind: ValueKind,
    pub values: Vec<Cow<'v, BStr>>,
}

/// A value that cannot be put where its placeholder stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenderError {
    pub span: Span,
    /// The placeholder as written.
    pub placeholder: String,
    pub reason: Unquotable,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot fill in {}: {}", self.placeholder, self.reason)
    }
}

impl std::error::Error for RenderError {}

impl RecipeText {
    /// Appends the recipe to `out` with every placeholder filled and quoted for its place.
    pub fn render<'v>(
        &self,
        mut fill: impl FnMut(&Hole) -> Filled<'v>,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        // The here-documents around the place, and where their bodies begin in `out`.
        let mut bodies: Vec<(&HereDoc, usize)> = Vec::new();
        // The last placeholder, to blame when a here-document came out wrong.
        let mut last = None;
        for part in &self.parts {
            match part {
                Part::Text(range) => {
                    out.extend_from_slice(&foreign::bytes(&self.text[range.clone()]))
                }
                Part::Placeholder(placeholder) => {
                    let filled = fill(&placeholder.hole);
                    if placeholder.hole.is_raw {
                        raw(&filled, out);
                        continue;
                    }
                    last = Some(&**placeholder);
                    check_nested(&placeholder.place, &filled.values, &bodies)
                        .map_err(|reason| self.error(placeholder, reason))?;
                    quote::quote(&placeholder.place, filled.kind, &filled.values, out)
                        .map_err(|reason| self.error(placeholder, reason))?;
                }
                Part::HereDocStart(at) => bodies.push((&self.here_docs[*at], out.len())),
                Part::HereDocEnd(_) => {
                    if let Some((document, start)) = bodies.pop()
                        && let Some(placeholder) = last
                        && document.is_ended_by(&out[start..])
                    {
                        return Err(self.error(placeholder, Unquotable::EndsHereDoc));
                    }
                }
            }
        }
        Ok(())
    }

    /// The words of a [simple command](RecipeText::simple_command) that is [bare](super::Simple::is_bare),
    /// equal to what a shell would make of the rendered recipe. `None` when it takes a shell.
    pub fn argv<'v>(
        &self,
        mut fill: impl FnMut(&Hole) -> Filled<'v>,
    ) -> Option<Result<Vec<BString>, RenderError>> {
        let simple = self.simple_command()?;
        if !simple.is_bare() {
            return None;
        }
        self.words(&simple.words, &mut fill)
    }

    /// The [simple command](RecipeText::simple_command) and its redirections, where it is not
    /// [bare](super::Simple::is_bare), equal to what a shell would make of the rendered recipe. `None` when it
    /// takes a shell: each file has to be one word, and none that bash knows by its name.
    pub fn redirected<'v>(&self, mut fill: impl FnMut(&Hole) -> Filled<'v>) -> Option<Command> {
        let simple = self.simple_command()?;
        if simple.is_bare() {
            return None;
        }
        let argv = self.words(&simple.words, &mut fill)?.ok()?;
        let mut redirections = Vec::with_capacity(simple.redirections.len());
        for (operator, word) in &simple.redirections {
            let file = match operator {
                Operator::ErrorToOutput => BString::default(),
                _ => {
                    let words = self.words(std::slice::from_ref(word), &mut fill)?.ok()?;
                    let [file] = <[BString; 1]>::try_from(words).ok()?;
                    file
                }
            };
            if file.starts_with(b"/dev/") && file != "/dev/null" {
                return None;
            }
            redirections.push((*operator, file));
        }
        Some(Command { argv, redirections })
    }

    fn words<'v>(
        &self,
        words: &[Vec<WordPart>],
        fill: &mut impl FnMut(&Hole) -> Filled<'v>,
    ) -> Option<Result<Vec<BString>, RenderError>> {
        let mut argv = Vec::with_capacity(words.len());
        for word in words {
            let mut open: Option<BString> = None;
            for part in word {
                let placeholder = match part {
                    WordPart::Text(text) => {
                        open.get_or_insert_default().extend_from_slice(text);
                        continue;
                    }
                    WordPart::Part(at) => match &self.parts[*at] {
                        Part::Placeholder(placeholder) => placeholder,
                        Part::Text(range) => {
                            let text = foreign::bytes(&self.text[range.clone()]);
                            open.get_or_insert_default().extend_from_slice(&text);
                            continue;
                        }
                        Part::HereDocStart(_) | Part::HereDocEnd(_) => return None,
                    },
                };
                let Filled { kind, values } = fill(&placeholder.hole);
                if values.iter().any(|value| value.contains(&0)) {
                    return Some(Err(self.error(placeholder, Unquotable::Nul)));
                }
                let place = &placeholder.place;
                if matches!(place, Place::Bare { .. }) {
                    for (at, value) in quote::words(place, kind, &values).enumerate() {
                        if at > 0 {
                            argv.extend(open.take());
                        }
                        open.get_or_insert_default().extend_from_slice(&value);
                    }
                } else {
                    let text = quote::joined(place, kind, &values);
                    open.get_or_insert_default().extend_from_slice(&text);
                }
            }
            argv.extend(open);
        }
        Some(Ok(argv))
    }

    fn error(&self, placeholder: &super::Placeholder, reason: Unquotable) -> RenderError {
        RenderError {
            span: placeholder.hole.span,
            placeholder: self.text[placeholder.range.clone()].to_string(),
            reason,
        }
    }
}

/// A here-document is read line by line before what is nested in it, so that not even single
/// quotes keep it from joining lines at a `\` and taking tabs off.
fn check_nested(
    place: &Place,
    values: &[Cow<BStr>],
    bodies: &[(&HereDoc, usize)],
) -> Result<(), Unquotable> {
    let is_escaped = matches!(
        place,
        Place::HereDoc {
            is_quoted: false,
            ..
        }
    );
    let joins_lines = !is_escaped && bodies.iter().any(|(document, _)| !document.is_quoted);
    let strips_tabs = bodies.iter().any(|(document, _)| document.strips_tabs);
    for value in values {
        if strips_tabs && value.contains_str("\n\t") {
            return Err(Unquotable::LosesTabs);
        }
        let has_marks = value.iter().any(|byte| matches!(byte, 0x01 | 0x7f));
        if !bodies.is_empty() && has_marks || joins_lines && value.contains_str("\\\n") {
            return Err(Unquotable::LosesBytes);
        }
    }
    Ok(())
}

/// `{name:raw}`: the author wants the shell to read it.
fn raw(filled: &Filled, out: &mut Vec<u8>) {
    for (at, value) in filled.values.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(value);
    }
}

impl HereDoc {
    /// Whether a line of the filled body would end the document early.
    fn is_ended_by(&self, body: &[u8]) -> bool {
        let delimiter = foreign::bytes(&self.delimiter);
        let ends = |line: &[u8]| {
            let tabs = match self.strips_tabs {
                true => line.iter().take_while(|&&byte| byte == b'\t').count(),
                false => 0,
            };
            // dash drops a byte of its own kind behind a line's start that equals the delimiter.
            let behind = line[tabs..].strip_prefix(&**delimiter);
            behind.is_some_and(|rest| matches!(rest.first(), None | Some(0x81..=0x88)))
        };
        if body.split(|&byte| byte == b'\n').any(ends) {
            return true;
        }
        // A shell joins lines at a backslash before it compares them.
        !self.is_quoted
            && body.contains_str("\\\n")
            && body
                .replace("\\\n", "")
                .split(|&byte| byte == b'\n')
                .any(ends)
    }
}
