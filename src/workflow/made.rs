//! What rules make: the shapes of all outputs, found by the words that may name them.

use std::hash::BuildHasher;

use bstr::BStr;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::{Part, RuleId, Word};
use crate::dense::{Id, Table};
use crate::pattern::{self, Pattern, Shape};

/// The shape of an output and whose it is.
pub(super) struct Made {
    pub rule: RuleId,
    pub shape: Shape,
    /// The next of its kind with the same first folder.
    next: Option<u32>,
}

/// Output shapes, found by literal path or by their first folder.
#[derive(Default)]
pub(super) struct Index {
    pub shapes: Vec<Made>,
    /// Shapes that are one path, by it.
    literals: HashTable<u32>,
    /// Shapes whose first folder is known, by it.
    by_folder: HashTable<InFolder>,
    /// Shapes that may begin with any folder.
    anywhere: Vec<u32>,
}

/// Shapes with one first folder.
struct InFolder {
    /// One of them, which says what it is called.
    one: u32,
    literals: Chain,
    globs: Chain,
}

/// The first and the last of shapes that name each other: most folders have one, and many rules
/// have a folder each.
#[derive(Clone, Copy, Default)]
struct Chain(Option<(u32, u32)>);

impl Chain {
    fn push(&mut self, at: u32, shapes: &mut [Made]) {
        match &mut self.0 {
            None => self.0 = Some((at, at)),
            Some((_, last)) => {
                shapes[*last as usize].next = Some(at);
                *last = at;
            }
        }
    }

    fn iter(self, shapes: &[Made]) -> impl Iterator<Item = u32> {
        let first = self.0.map(|(first, _)| first);
        std::iter::successors(first, |at| shapes[*at as usize].next)
    }
}

fn hash(name: &BStr) -> u64 {
    FxBuildHasher.hash_one(name)
}

/// As [`Shape::first_folder`], for a word whose shape may not be needed.
fn first_folder(pattern: &Pattern) -> Option<&BStr> {
    let Some(pattern::Part::Text(text)) = pattern.0.first() else {
        return None;
    };
    match text.iter().position(|&byte| byte == b'/') {
        Some(end) => Some(text[..end].into()),
        None if pattern.0.len() == 1 => Some(".".into()),
        None => None,
    }
}

impl Index {
    /// What the outputs of each rule can be called. Rules come in their order.
    pub fn of(shapes: Vec<Vec<Shape>>) -> Index {
        let n = shapes.len();
        let mut index = Index {
            shapes: Vec::with_capacity(n),
            // To grow looks at all names anew. Many rules have a folder each.
            by_folder: HashTable::with_capacity(n),
            ..Index::default()
        };
        let shapes = shapes.into_iter();
        for (n, shapes) in shapes.enumerate() {
            for shape in shapes {
                index.add(RuleId::new(n), shape);
            }
        }
        index
    }

    fn add(&mut self, rule: RuleId, shape: Shape) {
        let at = self.shapes.len() as u32;
        let next = None;
        self.shapes.push(Made { rule, shape, next });
        let Index { shapes, .. } = self;
        let path_of = |at: u32| shapes[at as usize].shape.literal();
        let folder_of = |at: u32| shapes[at as usize].shape.first_folder();
        let path = path_of(at);
        if let Some(path) = path {
            let hash_of = |at: &u32| path_of(*at).map_or(0, hash);
            self.literals.insert_unique(hash(path), at, hash_of);
        }
        let Some(folder) = folder_of(at) else {
            return self.anywhere.push(at);
        };
        let is_it = |there: &InFolder| folder_of(there.one) == Some(folder);
        let hash_of = |there: &InFolder| folder_of(there.one).map_or(0, hash);
        let entry = self.by_folder.entry(hash(folder), is_it, hash_of);
        let none = Chain::default();
        let new = || InFolder {
            one: at,
            literals: none,
            globs: none,
        };
        let there = entry.or_insert_with(new).into_mut();
        let chain = match path {
            Some(_) => &mut there.literals,
            None => &mut there.globs,
        };
        chain.push(at, &mut self.shapes);
    }

    fn in_folder(&self, folder: &BStr) -> Option<&InFolder> {
        let folder_of = |at: u32| self.shapes[at as usize].shape.first_folder();
        let is_it = |there: &InFolder| folder_of(there.one) == Some(folder);
        self.by_folder.find(hash(folder), is_it)
    }

    /// Whether no shape could meet `word`, which the folder that it begins with often shows.
    pub fn has_none_for(&self, word: &Word) -> bool {
        let Some(Part::Text(text)) = word.parts.first() else {
            return false;
        };
        let folder = text.iter().position(|&byte| byte == b'/');
        let folder = folder.map(|end| &text[..end]);
        // Any other is as it is when the word was cleaned.
        let folder = folder.filter(|folder| !folder.is_empty() && *folder != b".");
        folder.is_some_and(|folder| {
            self.anywhere.is_empty() && self.in_folder(folder.into()).is_none()
        })
    }

    /// The shapes that could meet `wanted`, which is clean: a superset.
    pub fn candidates(&self, wanted: &Pattern) -> Vec<u32> {
        let shapes = &self.shapes;
        let mut found = self.anywhere.clone();
        let folder = first_folder(wanted);
        let there = folder.and_then(|folder| self.in_folder(folder));
        match (wanted.literal(), there) {
            (Some(path), there) => {
                let path = BStr::new(&path);
                let is_it = |at: &&u32| self.shapes[**at as usize].shape.literal() == Some(path);
                let same = self.literals.iter_hash(hash(path));
                found.extend(same.filter(is_it));
                found.extend(there.iter().flat_map(|there| there.globs.iter(shapes)));
            }
            (None, Some(there)) => {
                found.extend(there.literals.iter(shapes).chain(there.globs.iter(shapes)));
            }
            (None, None) if folder.is_some() => {}
            (None, None) => found = (0..self.shapes.len() as u32).collect(),
        }
        found
    }

    /// The shapes by rule, of which there are `n`.
    pub fn by_rule(self, n: usize) -> Table<RuleId, Vec<Shape>> {
        let mut all = Table::filled(n, Vec::new());
        let mut rest = self.shapes.into_iter().peekable();
        while let Some(first) = rest.next() {
            // One place is enough for most.
            let mut shapes = Vec::with_capacity(1);
            shapes.push(first.shape);
            while let Some(next) = rest.next_if(|next| next.rule == first.rule) {
                shapes.push(next.shape);
            }
            all[first.rule] = shapes;
        }
        all
    }
}
