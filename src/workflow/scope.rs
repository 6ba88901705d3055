//! What a name in braces stands for: built-in, capture, param or let, path fact, in this order.

use bstr::BString;
use rustc_hash::FxHashMap as HashMap;

use super::Tuple;
use super::expr::{Expr, Fact, FileSet, Slot};
use super::param::Content;
use crate::dense::Interner;
use crate::lang::ast::{Access, Hole};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span};
use crate::pattern::NameId;

/// Names that nothing else may have.
pub const BUILT_IN: [&str; 11] = [
    "input", "output", "item", "cores", "mem", "gpus", "rule", "job", "tmp", "env", "re",
];

/// Params and lets by name, and where they were written.
#[derive(Default)]
pub struct Constants {
    pub values: HashMap<String, (Content, Span)>,
    /// The environment that `{env.NAME}` looks at.
    pub environment: HashMap<String, BString>,
}

/// Where a placeholder stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    /// A value of the workflow, before there are jobs.
    Value,
    /// A source: before there are items.
    Source,
    /// A `with` or `using` word: the item is known, the inputs are not.
    Extra,
    /// An output word: inputs are known, outputs are not.
    Output,
    Recipe,
}

/// What the placeholders of one rule can see.
pub struct Scope<'a> {
    pub constants: &'a Constants,
    pub names: &'a Interner<NameId>,
    /// Captures of the filter and of the items.
    pub captures: &'a [NameId],
    /// Captures that only some of the sources have, with a source that lacks it.
    pub partial: &'a [(NameId, String)],
    /// How many groups the rule's `regex` has, the whole match among them; 0 where it has none.
    pub n_groups: usize,
    /// The rule has one job over all its items, so that a capture has no one value.
    pub is_one_job: bool,
    /// The elements of its jobs, where they have several.
    pub tuple: Option<&'a Tuple>,
    /// Names of the input words, item first (it has none), and of the output words.
    pub input_slots: &'a [Option<String>],
    pub output_slots: &'a [Option<String>],
    /// For each output word, whether it is a glob, whose files nobody knows yet.
    pub glob_outputs: &'a [bool],
    pub has_outputs: bool,
    /// Why its jobs have no files of their own, and no inputs at all, where that is so.
    pub no_item: Option<&'static str>,
    pub no_input: Option<&'static str>,
    pub site: Site,
}

/// Why a placeholder stands for nothing.
pub enum Unknown {
    /// No such name; `None` where nothing is near.
    Name { nearest: Option<String> },
    /// The name is known; its use is wrong.
    Use(Box<Diag>),
}

impl Scope<'_> {
    /// What `hole` stands for.
    pub fn resolve(&self, hole: &Hole) -> Result<Expr, Unknown> {
        let name = hole.name.value.as_str();
        if let Some(set) = file_set(name) {
            return self
                .files(hole, set)
                .map_err(|diag| Unknown::Use(Box::new(diag)));
        }
        if BUILT_IN.contains(&name) {
            return self
                .built_in(hole)
                .map_err(|diag| Unknown::Use(Box::new(diag)));
        }
        if let Some(id) = self.names.find(name.as_bytes())
            && let Some(found) = self.capture(hole, id)
        {
            return found.map_err(|diag| Unknown::Use(Box::new(diag)));
        }
        if let Some((content, _)) = self.constants.values.get(name) {
            return constant(hole, content).map_err(|diag| Unknown::Use(Box::new(diag)));
        }
        if let Some(fact) = Fact::from_name(name) {
            return self
                .first_fact(hole, fact)
                .map_err(|diag| Unknown::Use(Box::new(diag)));
        }
        Err(Unknown::Name {
            nearest: self.nearest(name),
        })
    }

    /// The known name that is nearest to `name`.
    pub fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.known().iter().map(String::as_str)).map(String::from)
    }

    /// All names that mean something here.
    pub fn known(&self) -> Vec<String> {
        let mut known: Vec<String> = self
            .captures
            .iter()
            .map(|&id| self.names.get(id).to_string())
            .collect();
        known.extend(self.constants.values.keys().cloned());
        if self.site != Site::Value {
            known.extend(BUILT_IN.iter().map(|name| name.to_string()));
            known.extend(Fact::NAMES.iter().map(|name| name.to_string()));
        }
        known.sort();
        known
    }

    /// `None` when the rule has no such capture.
    fn capture(&self, hole: &Hole, id: NameId) -> Option<Result<Expr, Diag>> {
        let name = &hole.name.value;
        if let Some((_, lacking)) = self.partial.iter().find(|(partial, _)| *partial == id) {
            return Some(Err(Diag::error(
                "E0233",
                format!("not every item has `{name}`"),
            )
            .at(hole.span, format!("{lacking} brings no `{name}`"))
            .help(format!("capture it with a filter: `match …{{{name}}}…`"))));
        }
        if !self.captures.contains(&id) {
            return None;
        }
        if self.is_one_job {
            return Some(Err(Diag::error(
                "E0234",
                format!("`{{{name}}}` has no one value in a rule with one job over all items"),
            )
            .at(hole.span, "a capture differs from item to item")
            .help("`collate` makes one job for each set of captures")));
        }
        let index = match hole.access.as_slice() {
            [] => None,
            [Access::Index(index)] => Some(*index),
            _ => return Some(Err(no_part(hole, "a capture"))),
        };
        if let Some(tuple) = self.tuple.filter(|tuple| tuple.has_lists) {
            return Some(self.of_element(hole, id, index, tuple));
        }
        Some(Ok(Expr::Capture { name: id, index }))
    }

    /// A capture that each element of a tuple brings.
    fn of_element(
        &self,
        hole: &Hole,
        name: NameId,
        index: Option<i64>,
        tuple: &Tuple,
    ) -> Result<Expr, Diag> {
        let text = &hole.name.value;
        let n = tuple.n_elements as usize;
        let index = match index {
            Some(index) => Some(element(hole, n, index)? as i64),
            // All of them, as words of a recipe.
            None if self.site == Site::Recipe => None,
            None => {
                return Err(Diag::error(
                    "E0244",
                    format!("`{text}` has {n} values here, one for each element"),
                )
                .at(hole.span, "one word cannot hold them all")
                .help(format!("pick one: `{{{text}[0]}}`")));
            }
        };
        Ok(Expr::Capture { name, index })
    }

    /// `{re[1]}`, and `{re[1][0]}` for the element of a tuple.
    fn group(&self, hole: &Hole) -> Result<Expr, Diag> {
        let Some(tuple) = self.tuple else {
            return match hole.access.as_slice() {
                [Access::Index(index)] if *index >= 0 => match *index as usize {
                    index if index < self.n_groups => Ok(Expr::Group(index)),
                    index => Err(self.no_group(hole, index as i64)),
                },
                _ => Err(Diag::error("E0239", "`{re}` needs the number of a group")
                    .at(hole.span, "write `{re[1]}`")),
            };
        };
        let [Access::Index(group), Access::Index(index)] = hole.access.as_slice() else {
            return Err(Diag::error(
                "E0239",
                "`{re}` needs the number of a group and that of an element",
            )
            .at(hole.span, "write `{re[1][0]}`"));
        };
        let at = element(hole, tuple.n_elements as usize, *index)?;
        let found = usize::try_from(*group).ok();
        match found.and_then(|group| tuple.group(at, group)) {
            Some(number) => Ok(Expr::Group(number)),
            None => Err(self.no_group(hole, *group)),
        }
    }

    fn no_group(&self, hole: &Hole, group: i64) -> Diag {
        Diag::error("E0239", format!("the regex has no group {group}"))
            .at(hole.span, "asked for here")
            .help("groups are counted by their `(` from 1; `{re[0]}` is the whole match")
    }

    fn built_in(&self, hole: &Hole) -> Result<Expr, Diag> {
        let name = hole.name.value.as_str();
        let plain = |expr: Expr| match hole.access.as_slice() {
            [] => Ok(expr),
            _ => Err(no_part(hole, &format!("`{name}`"))),
        };
        if name == "env" {
            let [Access::Part(variable)] = hole.access.as_slice() else {
                return Err(Diag::error("E0235", "`{env}` needs the name of a variable")
                    .at(hole.span, "write `{env.HOME}`"));
            };
            return match self.constants.environment.get(variable) {
                Some(value) => Ok(Expr::Text(value.clone())),
                None => Err(Diag::error(
                    "E0236",
                    format!("the environment variable `{variable}` is not set"),
                )
                .at(hole.span, "asked for here")
                .help("set it before the run, or make it a `param` with a default")),
            };
        }
        if self.site == Site::Value || self.site == Site::Source {
            return Err(
                Diag::error("E0237", format!("`{{{name}}}` has no value here"))
                    .at(hole.span, "this is read before there are jobs"),
            );
        }
        match name {
            "cores" => plain(Expr::Cores),
            "mem" => plain(Expr::Mem),
            "gpus" => plain(Expr::Gpus),
            "rule" => plain(Expr::Rule),
            "job" | "tmp" if self.site != Site::Recipe => Err(Diag::error(
                "E0237",
                format!("`{{{name}}}` has no value here"),
            )
            .at(hole.span, "it is known in recipes")),
            "job" => plain(Expr::Job),
            "tmp" => plain(Expr::Tmp),
            "re" if self.n_groups == 0 => {
                Err(Diag::error("E0238", "`{re[…]}` needs a `regex` filter")
                    .at(hole.span, "this rule has none"))
            }
            "re" => self.group(hole),
            _ => unreachable!("every built-in name is handled"),
        }
    }

    /// `{input…}`, `{output…}`, `{item…}`.
    fn files(&self, hole: &Hole, set: FileSet) -> Result<Expr, Diag> {
        let name = hole.name.value.as_str();
        let is_known = match self.site {
            Site::Value | Site::Source => false,
            Site::Extra => set == FileSet::Item || set == FileSet::Input,
            Site::Output => set != FileSet::Output,
            Site::Recipe => true,
        };
        if !is_known {
            return Err(
                Diag::error("E0237", format!("`{{{name}}}` has no value here"))
                    .at(hole.span, "it is not known yet when this word is filled"),
            );
        }
        let lacks = match set {
            FileSet::Input if self.site == Site::Extra => self.no_item,
            FileSet::Input => self.no_input,
            FileSet::Item => self.no_item,
            FileSet::Output => None,
        };
        if let Some(why) = lacks {
            return Err(self.no_files(hole, why));
        }
        if set == FileSet::Output && !self.has_outputs {
            return Err(
                Diag::error("E0240", "`{output}` has no value in a rule without outputs")
                    .at(hole.span, "the rule has no `->`")
                    .help("name what it makes: `-> FILE` at the end of its header"),
            );
        }
        let mut access = hole.access.as_slice();
        let slots = match set {
            FileSet::Input => self.input_slots,
            FileSet::Output => self.output_slots,
            FileSet::Item => &[],
        };
        let mut slot = None;
        if let [Access::Part(part), rest @ ..] = access {
            let found = slots.iter().position(|slot| slot.as_deref() == Some(part));
            if let Some(found) = found {
                slot = Some(Slot(found as u32));
                access = rest;
            } else if Fact::from_name(part).is_none() {
                return Err(self.no_such_slot(hole, part, slots));
            }
        }
        let mut picked = None;
        if let (FileSet::Item, Some(tuple), [Access::Index(number), rest @ ..]) =
            (set, self.tuple, access)
        {
            picked = Some(element(hole, tuple.n_elements as usize, *number)?);
            access = rest;
        }
        let mut index = None;
        if let [Access::Index(number), rest @ ..] = access {
            index = Some(*number);
            access = rest;
        }
        let fact = match access {
            [] => None,
            [Access::Part(part), rest @ ..] => match (Fact::from_name(part), rest) {
                (Some(Fact::Parts(_)), [Access::Index(number)]) => Some(Fact::Parts(Some(*number))),
                (Some(fact), []) => Some(fact),
                _ => return Err(self.no_such_slot(hole, part, slots)),
            },
            _ => return Err(no_part(hole, "a file")),
        };
        if set == FileSet::Output && fact != Some(Fact::Dir) && self.is_glob_output(slot, index) {
            return Err(
                Diag::error("E0240", "`{output}` has no value where outputs are globs")
                    .at(hole.span, "the files are known only when the job has run")
                    .help("write into `{output.dir}`, the folder of the first output"),
            );
        }
        if let (FileSet::Output, Some(number)) = (set, index)
            && !self.output_slots.is_empty()
        {
            let n = slot.map_or(self.output_slots.len(), |_| 1);
            if pick(n, number).is_none() {
                let files = if n == 1 { "file" } else { "files" };
                return Err(Diag::error(
                    "E0243",
                    format!("`{{output}}` stands for {n} {files} here"),
                )
                .at(hole.span, format!("there is no [{number}]"))
                .help("elements are counted from 0; `[-1]` is the last"));
            }
        }
        if let Some(element) = picked {
            let element = element as u32;
            return Ok(Expr::Element {
                element,
                index,
                fact,
            });
        }
        Ok(Expr::Files {
            set,
            slot,
            index,
            fact,
        })
    }

    /// Whether a glob is among the output words that are meant.
    fn is_glob_output(&self, slot: Option<Slot>, index: Option<i64>) -> bool {
        let at = match (slot, index) {
            (Some(slot), _) => Some(slot.0 as usize),
            (None, Some(index)) if index < 0 => {
                self.glob_outputs.len().checked_add_signed(index as isize)
            }
            (None, Some(index)) => Some(index as usize),
            (None, None) => None,
        };
        match at.and_then(|at| self.glob_outputs.get(at)) {
            Some(is_glob) => *is_glob,
            None => self.glob_outputs.contains(&true),
        }
    }

    fn no_files(&self, hole: &Hole, why: &str) -> Diag {
        let name = &hole.name.value;
        Diag::error("E0246", format!("`{{{name}}}` has no value here"))
            .at(hole.span, why)
            .help("name the files by columns or captures: `using raw/{sample}.fq` in the header")
    }

    fn no_such_slot(&self, hole: &Hole, part: &str, slots: &[Option<String>]) -> Diag {
        let set = &hole.name.value;
        let known: Vec<&str> = slots
            .iter()
            .flatten()
            .map(String::as_str)
            .chain(Fact::NAMES.iter().copied())
            .collect();
        let diag = Diag::error("E0241", format!("this rule has no {set} named `{part}`"))
            .at(hole.span, "asked for here");
        match nearest(part, known.iter().copied()) {
            Some(near) => diag.help(format!("did you mean `{{{set}.{near}}}`?")),
            None => diag.help(format!("name one in the header: `{part}=FILE`")),
        }
    }

    /// `{stem}`: of the first input.
    fn first_fact(&self, hole: &Hole, fact: Fact) -> Result<Expr, Diag> {
        if self.site == Site::Value || self.site == Site::Source {
            return Err(Diag::error(
                "E0237",
                format!("`{{{}}}` has no value here", hole.name.value),
            )
            .at(hole.span, "this is read before there are jobs"));
        }
        let lacks = match self.site {
            Site::Extra => self.no_item,
            _ => self.no_input,
        };
        if let Some(why) = lacks {
            return Err(self.no_files(hole, why));
        }
        let fact = match (fact, hole.access.as_slice()) {
            (Fact::Parts(_), [Access::Index(number)]) => Fact::Parts(Some(*number)),
            (fact, []) => fact,
            _ => return Err(no_part(hole, "a path's part")),
        };
        Ok(Expr::Files {
            set: FileSet::Input,
            slot: None,
            index: Some(0),
            fact: Some(fact),
        })
    }
}

fn file_set(name: &str) -> Option<FileSet> {
    Some(match name {
        "input" => FileSet::Input,
        "output" => FileSet::Output,
        "item" => FileSet::Item,
        _ => return None,
    })
}

fn no_part(hole: &Hole, what: &str) -> Diag {
    Diag::error("E0242", format!("{what} has no such part"))
        .at(hole.span, "what follows the name means nothing here")
}

/// The number of an element, from the end when negative.
fn element(hole: &Hole, n: usize, index: i64) -> Result<usize, Diag> {
    pick(n, index).ok_or_else(|| {
        Diag::error("E0245", format!("a job of this rule has {n} elements"))
            .at(hole.span, format!("there is no [{index}]"))
    })
}

/// A param or let; a list may be indexed.
fn constant(hole: &Hole, content: &Content) -> Result<Expr, Diag> {
    match (content, hole.access.as_slice()) {
        (Content::One(text), []) => Ok(Expr::Text(text.clone())),
        (Content::List(items), []) => Ok(Expr::List(items.clone())),
        (Content::List(items), [Access::Index(number)]) => match pick(items.len(), *number) {
            Some(index) => Ok(Expr::Text(items[index].clone())),
            None => Err(Diag::error(
                "E0243",
                format!("`{}` has {} elements", hole.name.value, items.len()),
            )
            .at(hole.span, format!("there is no [{number}]"))),
        },
        (Content::Sources, _) => Err(Diag::error(
            "E0293",
            format!("`{}` is a rule or table here", hole.name.value),
        )
        .at(hole.span, "the workflow that uses this one passes it")
        .note("such a param stands alone as a source, or behind `with` or `using`")),
        _ => Err(no_part(hole, "a param or let")),
    }
}

/// Python's indexing: from the end when negative.
pub fn pick(len: usize, index: i64) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}
