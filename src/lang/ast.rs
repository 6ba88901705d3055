//! The syntax tree of a workflow file: what was written, with its places; nothing is looked up.

use std::fmt;
use std::sync::Arc;

use super::span::{Span, Spanned};

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct Ast {
    pub items: Vec<Item>,
    /// Names of items that could not be read. Their mistakes are reported, so whoever looks up one
    /// of these names keeps silent.
    pub broken: Vec<Name>,
}

/// One item of a file, with the comment block that touches it from above.
#[derive(Clone, Debug)]
pub struct Item {
    pub span: Span,
    /// The comment's text without `#`, one line per line.
    pub doc: Option<String>,
    pub kind: ItemKind,
}

pub type Name = Spanned<String>;

#[derive(Clone, Debug)]
pub enum ItemKind {
    Param {
        name: Name,
        value: Option<Value>,
    },
    Let {
        name: Name,
        value: Value,
    },
    JobsLimit {
        name: Name,
        count: Word,
    },
    Table {
        name: Name,
        from: Value,
    },
    Shell {
        words: Vec<Word>,
    },
    Python {
        word: Word,
    },
    Preload {
        names: Vec<Word>,
    },
    Env {
        name: Name,
        value: Word,
    },
    Include {
        file: Word,
    },
    Use {
        file: Word,
        name: Name,
        bindings: Vec<(Name, Value)>,
    },
    Target {
        name: Name,
        words: Vec<Word>,
    },
    Default {
        words: Vec<Word>,
    },
    ChecksumLevel {
        level: Word,
    },
    /// Shared: whoever takes the rule in need not copy it.
    Rule(Arc<Rule>),
}

/// One word, or `[a, b]`.
#[derive(Clone, Debug)]
pub enum Value {
    Word(Word),
    List(Spanned<Vec<Word>>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Originate,
    Transform,
    Split,
    Subdivide,
    Merge,
    Collate,
    Product,
    Combinations,
    Permutations,
    CombinationsWithReplacement,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub attributes: Vec<Attribute>,
    pub verb: Spanned<Verb>,
    pub name: Name,
    /// `combinations N K:`, the size of the tuples.
    pub tuple_size: Option<Word>,
    /// The header, from the verb to its last word.
    pub header: Span,
    /// One but for `product`, which has one per `x`; none for `originate`.
    pub factors: Vec<Factor>,
    pub with: Vec<NamedWord>,
    pub using: Vec<NamedWord>,
    /// `None`: no `->` was written, so the rule's jobs have no outputs.
    pub outputs: Option<Vec<OutputGroup>>,
    pub recipe: Option<Recipe>,
}

/// Sources and the filter that selects from them.
#[derive(Clone, Debug)]
pub struct Factor {
    pub sources: Vec<Word>,
    pub filter: Option<Filter>,
}

#[derive(Clone, Debug)]
pub struct Filter {
    pub kind: FilterKind,
    pub word: Word,
    /// From the keyword to the end of its word.
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterKind {
    Suffix,
    Match,
    Regex,
}

/// `ref={genome}` or just a word.
#[derive(Clone, Debug)]
pub struct NamedWord {
    pub name: Option<Name>,
    pub word: Word,
}

/// One output word, or `(a b)`: several outputs of one job. Only `originate` groups.
#[derive(Clone, Debug)]
pub struct OutputGroup {
    pub span: Span,
    pub words: Vec<NamedWord>,
    pub in_parentheses: bool,
}

/// `jobs_limit download` or `mem [4G, 8G]`: a name and what follows it up to the comma.
#[derive(Clone, Debug)]
pub struct Attribute {
    pub span: Span,
    pub name: Name,
    pub values: Vec<Value>,
}

/// Text that is one word: pieces that touch.
#[derive(Clone, Debug)]
pub struct Word {
    pub span: Span,
    pub pieces: Vec<Piece>,
    /// True when any part of it was quoted or escaped: then it is never a rule's name or a keyword.
    pub is_quoted: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Characters that stand for themselves.
    Text(String),
    /// `*`, `?`, `[a-z]`, `{a,b}`, `**`.
    Glob(Glob),
    /// `{name}` and its longer forms.
    Hole(Box<Hole>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Glob {
    /// `*`: any characters but `/`.
    Star,
    /// `**`: any characters, also `/`; between slashes, any number of folders, also none.
    DoubleStar,
    /// `?`: one character but `/`.
    Any,
    /// `[a-z]`, with its brackets.
    Class(String),
    /// `{a,b}`: one of these.
    OneOf(Vec<Vec<Piece>>),
}

/// A place to be filled: `{name}`, `{name[1].stem}`, `{name:[0-9]+}`, `{**name}`, `{name:raw}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    pub span: Span,
    pub name: Name,
    pub access: Vec<Access>,
    /// `{**name}`: the text may contain `/`.
    pub spans_folders: bool,
    /// `{name:REGEX}` in a `match` template: what the capture may be.
    pub constraint: Option<Box<Name>>,
    /// `{name:raw}` in a recipe: inserted without quoting.
    pub is_raw: bool,
}

/// The name and what follows it: `input[1].stem`.
impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name.value)?;
        for access in &self.access {
            match access {
                Access::Index(index) => write!(f, "[{index}]")?,
                Access::Part(part) => write!(f, ".{part}")?,
            }
        }
        Ok(())
    }
}

/// What follows the name in a hole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Access {
    /// `[0]`, `[-1]`.
    Index(i64),
    /// `.stem`.
    Part(String),
}

/// The indented block under a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipe {
    /// The block as written, from its first line to its last.
    pub span: Span,
    /// The text with the first line's indentation taken off every line, lines ended by `\n`.
    pub text: String,
    /// For each line of `text`, where its first byte stands in the file.
    pub line_starts: Vec<u32>,
}

impl Recipe {
    /// The place in the file of bytes `start..end` of `text`.
    pub fn span_of(&self, start: usize, end: usize) -> Span {
        let place = |at: usize| {
            let at = at.min(self.text.len());
            let before = &self.text.as_bytes()[..at];
            let line = before.iter().filter(|&&byte| byte == b'\n').count();
            let line_start = before
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |n| n + 1);
            let origin = self.line_starts.get(line).or(self.line_starts.last());
            origin.copied().unwrap_or(self.span.start) + (at - line_start) as u32
        };
        Span {
            file: self.span.file,
            start: place(start),
            end: place(end),
        }
    }
}

impl Recipe {
    /// A one-line recipe from a quoted word: the COMMAND of `check` and `then`.
    pub fn of_command(word: &Word) -> Option<Recipe> {
        let text = word.plain().filter(|_| word.is_quoted)?;
        // Exact unless characters before the place were escaped.
        let line_starts = vec![word.span.start + 1; text.split('\n').count()];
        Some(Recipe {
            span: word.span,
            text,
            line_starts,
        })
    }
}

impl Word {
    /// The bare text of a word that may be a name or keyword.
    pub fn bare(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] if !self.is_quoted => Some(text),
            _ => None,
        }
    }

    /// The word as it was spelt, globs included, for values that are inserted; `None` when it has
    /// holes, whose values are not known here.
    pub fn spelt(&self) -> Option<String> {
        let mut text = String::new();
        // Depth is bounded: braces in words are nested at most fifty deep.
        spell(&self.pieces, &mut text).then_some(text)
    }

    /// The text of a word that has neither globs nor holes.
    pub fn plain(&self) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                _ => return None,
            }
        }
        Some(text)
    }
}

/// Appends the pieces as they were written; false when a hole is among them.
fn spell(pieces: &[Piece], text: &mut String) -> bool {
    pieces.iter().all(|piece| {
        match piece {
            Piece::Text(part) | Piece::Glob(Glob::Class(part)) => text.push_str(part),
            Piece::Glob(Glob::Star) => text.push('*'),
            Piece::Glob(Glob::DoubleStar) => text.push_str("**"),
            Piece::Glob(Glob::Any) => text.push('?'),
            Piece::Glob(Glob::OneOf(choices)) => {
                for (at, choice) in choices.iter().enumerate() {
                    text.push(if at == 0 { '{' } else { ',' });
                    if !spell(choice, text) {
                        return false;
                    }
                }
                text.push('}');
            }
            Piece::Hole(_) => return false,
        }
        true
    })
}
