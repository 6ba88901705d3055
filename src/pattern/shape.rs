//! Whether one path can satisfy several words, globs and filters at once.
//!
//! Each becomes a few lines of steps that read a path byte by byte; a walk over what all of them can
//! have read finds a common path or none. Exact for text, globs, suffixes and plain templates; a
//! constraint counts as any text without `/`, a regular expression as anything, a name that stands
//! twice as two names, and a byte that is not ASCII as a character or a part of one.

mod search;

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};

use super::class::Class;
use super::template::{Place, placed, text_of};
use super::{Capture, Filter, Part, Pattern, PatternError, alternatives, clean};

pub use search::intersects;

/// The paths that a word, glob or filter may stand for.
#[derive(Clone, Debug)]
pub struct Shape {
    /// `None`: any path at all.
    lines: Option<Vec<Line>>,
}

/// One word of a shape: text with steps of other kinds in it.
#[derive(Clone, Debug, Default)]
struct Line {
    /// What it reads byte by byte; a zero stands where another step does.
    text: BString,
    /// The other steps, each with its place in the text. Most words have few.
    others: Vec<(u32, Step)>,
}

/// Bytes as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ByteSet([u64; 4]);

/// What is read next. Guarded steps are those of globs: they take no dot at a component's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Byte(u8),
    One {
        set: ByteSet,
        is_guarded: bool,
    },
    /// One byte or none.
    Maybe(ByteSet),
    /// Any number of bytes.
    Any {
        set: ByteSet,
        is_guarded: bool,
    },
    /// `**/`: any number of whole folders.
    Folders {
        is_guarded: bool,
    },
    /// `**` elsewhere: any text whose components are not hidden.
    Deep,
}

/// How globs and captures of a pattern are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A capture may bring anything or nothing; globs find files.
    Word,
    /// A capture takes at least a character; globs are laid on paths, hidden ones too.
    Template,
}

impl ByteSet {
    fn where_true(is_in: impl Fn(u8) -> bool) -> ByteSet {
        let mut words = [0; 4];
        for byte in (0..=255u8).filter(|&byte| is_in(byte)) {
            words[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
        ByteSet(words)
    }

    fn all() -> ByteSet {
        ByteSet([u64::MAX; 4])
    }

    fn no_slash() -> ByteSet {
        ByteSet([!(1 << b'/'), u64::MAX, u64::MAX, u64::MAX])
    }

    /// The bytes of a character after its first.
    fn continuation() -> ByteSet {
        ByteSet([0, 0, u64::MAX, 0])
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] & (1 << (byte % 64)) != 0
    }
}

impl Shape {
    /// Any path.
    pub fn anything() -> Shape {
        Shape { lines: None }
    }

    /// An output or source word: captures as any text without `/`, or with it where they span
    /// folders; globs as what they find.
    pub fn word(pattern: &Pattern) -> Result<Shape, PatternError> {
        Shape::of_pattern(pattern, Role::Word)
    }

    /// What a filter selects.
    pub fn filter(filter: &Filter) -> Shape {
        match filter {
            Filter::All | Filter::Regex(_) => Shape::anything(),
            Filter::Suffix(suffix) => Shape {
                lines: Some(vec![Line::of_suffix(suffix)]),
            },
            // It was compiled, so its classes and braces are in order; if not, anything is safe.
            Filter::Template(template) => {
                let mut shape = Shape::of_pattern(template.pattern(), Role::Template)
                    .unwrap_or_else(|_| Shape::anything());
                if template.is_on_name_alone() {
                    shape.add_folders();
                }
                shape
            }
        }
    }

    /// The one path that it is.
    pub fn literal(&self) -> Option<&BStr> {
        match self.lines.as_deref() {
            Some([line]) if line.is_literal() => Some(line.text.as_bstr()),
            _ => None,
        }
    }

    /// The folder that all of its paths begin with, or `.` for one without folders, where its text
    /// says so.
    pub fn first_folder(&self) -> Option<&BStr> {
        let (first, rest) = self.lines.as_deref()?.split_first()?;
        let folder = first.first_folder()?;
        let is_it = |line: &Line| line.first_folder() == Some(folder);
        rest.iter().all(is_it).then_some(folder)
    }

    fn of_pattern(pattern: &Pattern, role: Role) -> Result<Shape, PatternError> {
        if let Some(path) = pattern.literal() {
            let path = match role {
                Role::Word => clean(&path).into_owned().into(),
                Role::Template => path,
            };
            return Ok(Shape {
                lines: Some(vec![Line::literal(path)]),
            });
        }
        let has_choice = pattern.0.iter().any(|part| matches!(part, Part::OneOf(_)));
        let alternatives = match has_choice {
            true => Cow::Owned(alternatives(&pattern.0)?),
            false => Cow::Borrowed(std::slice::from_ref(pattern)),
        };
        let mut lines = Vec::with_capacity(alternatives.len());
        for word in &*alternatives {
            let word = match role {
                Role::Word => word.clean(),
                Role::Template => Cow::Borrowed(word),
            };
            let mut line = Line::with_room_for(&word);
            for (part, place) in placed(&word.0, true) {
                add_steps(part, place, role, &mut line)?;
            }
            lines.push(line.whole());
        }
        Ok(Shape { lines: Some(lines) })
    }

    /// The same names in any folder, too.
    fn add_folders(&mut self) {
        let Some(lines) = &mut self.lines else { return };
        let inside = |line: &Line| {
            let mut inside = Line::default();
            inside.extend([any(ByteSet::all()), Step::Byte(b'/')]);
            inside.extend(line.steps());
            inside.whole()
        };
        let more: Vec<Line> = lines.iter().map(inside).collect();
        lines.extend(more);
    }
}

fn any(set: ByteSet) -> Step {
    Step::Any {
        set,
        is_guarded: false,
    }
}

fn add_steps(part: &Part, place: Place, role: Role, line: &mut Line) -> Result<(), PatternError> {
    let is_guarded = role == Role::Word;
    let no_slash = ByteSet::no_slash();
    let one = |set| Step::One { set, is_guarded };
    match part {
        Part::Text(text) => line.text.extend_from_slice(text_of(text, place)),
        Part::Star => line.push(Step::Any {
            set: no_slash,
            is_guarded,
        }),
        Part::DoubleStar if place.is_folders() => line.push(Step::Folders { is_guarded }),
        Part::DoubleStar if is_guarded => line.push(Step::Deep),
        Part::DoubleStar => line.push(any(ByteSet::all())),
        Part::Any => {
            line.push(one(no_slash));
            line.extend([Step::Maybe(ByteSet::continuation()); 3]);
        }
        Part::Class(source) => {
            let class = Class::parse(source)?;
            let contains = |byte: u8| class.contains(byte.is_ascii().then(|| byte.into()));
            if class.is_ascii() {
                line.push(one(ByteSet::where_true(contains)));
            } else {
                let may_begin = |byte: u8| !byte.is_ascii() || contains(byte);
                line.push(one(ByteSet::where_true(may_begin)));
                line.extend([Step::Maybe(ByteSet::continuation()); 3]);
            }
        }
        Part::Capture(Capture {
            spans_folders,
            constraint,
            ..
        }) => {
            let set = match spans_folders {
                true => ByteSet::all(),
                false => no_slash,
            };
            if role == Role::Template && constraint.is_none() {
                line.push(Step::One {
                    set,
                    is_guarded: false,
                });
            }
            line.push(any(set));
        }
        Part::OneOf(_) => unreachable!("alternatives leave no choice"),
    }
    Ok(())
}

impl Line {
    /// One path.
    fn literal(path: BString) -> Line {
        Line {
            text: path,
            others: Vec::new(),
        }
    }

    fn with_room_for(word: &Pattern) -> Line {
        let n_bytes = |part: &Part| match part {
            Part::Text(text) => text.len(),
            _ => 1,
        };
        let is_text = |part: &&Part| matches!(part, Part::Text(_));
        let n_texts = word.0.iter().filter(is_text).count();
        Line {
            text: Vec::with_capacity(word.0.iter().map(n_bytes).sum()).into(),
            others: Vec::with_capacity(word.0.len() - n_texts),
        }
    }

    /// As `Filter::stem` has it.
    fn of_suffix(suffix: &[u8]) -> Line {
        let mut line = Line::default();
        line.push(any(ByteSet::all()));
        if suffix.starts_with(b".") {
            line.push(Step::One {
                set: ByteSet::no_slash(),
                is_guarded: false,
            });
        }
        line.text.extend_from_slice(suffix);
        line
    }

    fn push(&mut self, step: Step) {
        if let Step::Byte(byte) = step {
            self.text.push(byte);
        } else {
            self.others.push((self.text.len() as u32, step));
            self.text.push(0);
        }
    }

    fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        steps.into_iter().for_each(|step| self.push(step));
    }

    /// A workflow keeps one for each output of its rules.
    fn whole(mut self) -> Line {
        self.text.shrink_to_fit();
        self.others.shrink_to_fit();
        self
    }

    fn is_literal(&self) -> bool {
        self.others.is_empty()
    }

    fn len(&self) -> usize {
        self.text.len()
    }

    fn step(&self, at: usize) -> Option<Step> {
        let byte = *self.text.get(at)?;
        let other = match byte {
            0 => self
                .others
                .binary_search_by_key(&at, |(at, _)| *at as usize),
            _ => Err(0),
        };
        Some(other.map_or(Step::Byte(byte), |n| self.others[n].1))
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        (0..self.len()).filter_map(|at| self.step(at))
    }

    fn first_folder(&self) -> Option<&BStr> {
        let prefix = self.prefix();
        match prefix.find_byte(b'/') {
            Some(end) => Some(prefix[..end].into()),
            None => self.is_literal().then_some(".".into()),
        }
    }

    /// How each of its paths begins.
    fn prefix(&self) -> &[u8] {
        let end = self
            .others
            .first()
            .map_or(self.len(), |(at, _)| *at as usize);
        &self.text[..end]
    }

    /// How each of its paths ends.
    fn suffix(&self) -> &[u8] {
        let start = self.others.last().map_or(0, |(at, _)| *at as usize + 1);
        &self.text[start..]
    }

    /// A quick look: false when the beginnings or ends alone exclude each other.
    fn may_meet(&self, other: &Line) -> bool {
        if self.is_literal() && other.is_literal() {
            return self.text == other.text;
        }
        let starts_meet = match self.prefix().len() <= other.prefix().len() {
            true => other.prefix().starts_with(self.prefix()),
            false => self.prefix().starts_with(other.prefix()),
        };
        let ends_meet = match self.suffix().len() <= other.suffix().len() {
            true => other.suffix().ends_with(self.suffix()),
            false => self.suffix().ends_with(other.suffix()),
        };
        starts_meet && ends_meet
    }
}

#[cfg(test)]
mod tests;
