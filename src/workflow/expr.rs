//! Words and placeholders after names were looked up.

use std::borrow::Cow;

use bstr::BString;

use crate::lang::Span;
use crate::pattern::{self, NameId, Pattern};

/// What a placeholder stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expr {
    /// A param, let or environment variable: known when the workflow is read.
    Text(BString),
    /// A param that is a list.
    List(Vec<BString>),
    /// A capture; in a collate it may be a list, of which `index` picks one.
    Capture {
        name: NameId,
        index: Option<i64>,
    },
    /// `{re[1]}`: a group of the `regex` filter.
    Group(usize),
    /// `{input}`, `{output.bai}`, `{input[1].stem}`, `{stem}`.
    Files {
        set: FileSet,
        slot: Option<Slot>,
        index: Option<i64>,
        fact: Option<Fact>,
    },
    /// `{item[1]}` of a tuple: the files of one element.
    Element {
        element: u32,
        index: Option<i64>,
        fact: Option<Fact>,
    },
    Cores,
    /// In MiB; empty where the rule says nothing.
    Mem,
    Gpus,
    Rule,
    Job,
    Tmp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileSet {
    Input,
    Output,
    Item,
}

/// A named group of a job's files: the position of its word among the named and unnamed ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u32);

/// What a path tells about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    Dir,
    Name,
    Stem,
    Ext,
    /// The folders of the path; with an index one of them.
    Parts(Option<i64>),
}

impl Fact {
    pub const NAMES: [&str; 5] = ["dir", "name", "stem", "ext", "parts"];

    pub fn from_name(name: &str) -> Option<Fact> {
        Some(match name {
            "dir" => Fact::Dir,
            "name" => Fact::Name,
            "stem" => Fact::Stem,
            "ext" => Fact::Ext,
            "parts" => Fact::Parts(None),
            _ => return None,
        })
    }
}

/// A piece of a word.
#[derive(Clone, Debug)]
pub enum Part {
    Text(BString),
    Glob(pattern::Part),
    Value(Expr, Span),
}

/// A word of a header: to be filled for each job.
#[derive(Clone, Debug)]
pub struct Word {
    pub span: Span,
    pub parts: Vec<Part>,
}

impl Word {
    /// The text of a word that has neither globs nor values.
    pub fn literal(&self) -> Option<BString> {
        if !self.parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return None;
        }
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_slice(),
            Part::Glob(_) | Part::Value(..) => b"",
        });
        Some(bstr::concat(texts).into())
    }

    /// The text and globs of a word without values, as files are called: without `./` in front.
    pub fn pattern(&self) -> Pattern {
        let mut pattern = Pattern(Vec::with_capacity(self.parts.len()));
        for part in &self.parts {
            match part {
                Part::Text(text) => pattern.push_text(text),
                Part::Glob(glob) => pattern.push(glob.clone()),
                Part::Value(..) => {}
            }
        }
        if let Cow::Owned(clean) = pattern.clean() {
            return clean;
        }
        pattern
    }

    pub fn has_glob(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Glob(_)))
    }

    /// What its placeholders stand for.
    pub fn values(&self) -> impl Iterator<Item = (&Expr, Span)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(expr, span) => Some((expr, *span)),
            _ => None,
        })
    }

    /// The same for every job.
    pub fn is_constant(&self) -> bool {
        self.values().next().is_none()
    }
}
