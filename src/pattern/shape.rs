//! Whether one path can satisfy several words, globs and filters at once.
//!
//! Each becomes a few lines of steps that read a path byte by byte; a walk over what all of them can
//! have read finds a common path or none. Exact for text, globs, suffixes and plain templates; a
//! constraint counts as any text without `/`, a regular expression as anything, a name that stands
//! twice as two names, and a byte that is not ASCII as a character or a part of one.

mod search;

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

/// One word of a shape.
#[derive(Clone, Debug)]
enum Line {
    /// One path. Most words are, and a step a byte would take much room.
    Literal(BString),
    Steps {
        steps: Vec<Step>,
        /// How each of its paths begins and ends.
        prefix: BString,
        suffix: BString,
    },
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
            Some([Line::Literal(path)]) => Some(path.as_bstr()),
            _ => None,
        }
    }

    fn of_pattern(pattern: &Pattern, role: Role) -> Result<Shape, PatternError> {
        if let Some(path) = pattern.literal() {
            let path = match role {
                Role::Word => clean(&path).into_owned().into(),
                Role::Template => path,
            };
            return Ok(Shape {
                lines: Some(vec![Line::Literal(path)]),
            });
        }
        let alternatives = alternatives(&pattern.0)?;
        let mut lines = Vec::with_capacity(alternatives.len());
        for word in alternatives {
            let word = match role {
                Role::Word => word.clean(),
                Role::Template => word,
            };
            let mut steps = Vec::new();
            for (part, place) in placed(&word.0, true) {
                add_steps(part, place, role, &mut steps)?;
            }
            lines.push(Line::new(steps));
        }
        Ok(Shape { lines: Some(lines) })
    }

    /// The same names in any folder, too.
    fn add_folders(&mut self) {
        let Some(lines) = &mut self.lines else { return };
        let inside = |line: &Line| {
            let folders = [any(ByteSet::all()), Step::Byte(b'/')];
            Line::new(folders.into_iter().chain(line.steps()).collect())
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

fn add_steps(
    part: &Part,
    place: Place,
    role: Role,
    steps: &mut Vec<Step>,
) -> Result<(), PatternError> {
    let is_guarded = role == Role::Word;
    let no_slash = ByteSet::no_slash();
    let one = |set| Step::One { set, is_guarded };
    match part {
        Part::Text(text) => steps.extend(text_of(text, place).iter().map(|&b| Step::Byte(b))),
        Part::Star => steps.push(Step::Any {
            set: no_slash,
            is_guarded,
        }),
        Part::DoubleStar if place.is_folders() => steps.push(Step::Folders { is_guarded }),
        Part::DoubleStar if is_guarded => steps.push(Step::Deep),
        Part::DoubleStar => steps.push(any(ByteSet::all())),
        Part::Any => {
            steps.push(one(no_slash));
            steps.extend([Step::Maybe(ByteSet::continuation()); 3]);
        }
        Part::Class(source) => {
            let class = Class::parse(source)?;
            let contains = |byte: u8| class.contains(byte.is_ascii().then(|| byte.into()));
            if class.is_ascii() {
                steps.push(one(ByteSet::where_true(contains)));
            } else {
                let may_begin = |byte: u8| !byte.is_ascii() || contains(byte);
                steps.push(one(ByteSet::where_true(may_begin)));
                steps.extend([Step::Maybe(ByteSet::continuation()); 3]);
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
                steps.push(Step::One {
                    set,
                    is_guarded: false,
                });
            }
            steps.push(any(set));
        }
        Part::OneOf(_) => unreachable!("alternatives leave no choice"),
    }
    Ok(())
}

impl Line {
    fn new(steps: Vec<Step>) -> Line {
        let byte = |step: &Step| match step {
            Step::Byte(byte) => Some(*byte),
            _ => None,
        };
        let prefix: BString = steps.iter().map_while(byte).collect::<Vec<u8>>().into();
        if prefix.len() == steps.len() {
            return Line::Literal(prefix);
        }
        let mut suffix: Vec<u8> = steps.iter().rev().map_while(byte).collect();
        suffix.reverse();
        Line::Steps {
            steps,
            prefix,
            suffix: suffix.into(),
        }
    }

    /// As `Filter::stem` has it.
    fn of_suffix(suffix: &[u8]) -> Line {
        let mut steps = vec![any(ByteSet::all())];
        if suffix.starts_with(b".") {
            steps.push(Step::One {
                set: ByteSet::no_slash(),
                is_guarded: false,
            });
        }
        steps.extend(suffix.iter().map(|&byte| Step::Byte(byte)));
        Line::new(steps)
    }

    fn len(&self) -> usize {
        match self {
            Line::Literal(text) => text.len(),
            Line::Steps { steps, .. } => steps.len(),
        }
    }

    fn step(&self, at: usize) -> Option<Step> {
        match self {
            Line::Literal(text) => text.get(at).map(|&byte| Step::Byte(byte)),
            Line::Steps { steps, .. } => steps.get(at).copied(),
        }
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        (0..self.len()).filter_map(|at| self.step(at))
    }

    fn prefix(&self) -> &[u8] {
        match self {
            Line::Literal(text) => text,
            Line::Steps { prefix, .. } => prefix,
        }
    }

    fn suffix(&self) -> &[u8] {
        match self {
            Line::Literal(text) => text,
            Line::Steps { suffix, .. } => suffix,
        }
    }

    /// A quick look: false when the beginnings or ends alone exclude each other.
    fn may_meet(&self, other: &Line) -> bool {
        if let (Line::Literal(one), Line::Literal(other)) = (self, other) {
            return one == other;
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
