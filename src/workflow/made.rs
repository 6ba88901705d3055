//! What rules make: the shapes of all outputs, found by the words that may name them.

use std::hash::BuildHasher;

use bstr::{BStr, BString};
use hashbrown::{HashMap, HashTable};
use rustc_hash::FxBuildHasher;

use super::RuleId;
use crate::dense::{Id, Table};
use crate::pattern::{self, Pattern, Shape};

/// The shape of an output and whose it is.
pub(super) struct Made {
    pub rule: RuleId,
    pub shape: Shape,
}

/// Output shapes, found by literal path or by their first folder.
#[derive(Default)]
pub(super) struct Index {
    pub shapes: Vec<Made>,
    /// Shapes that are one path, by it.
    literals: HashTable<u32>,
    by_folder: HashMap<BString, InFolder, FxBuildHasher>,
    /// Shapes that may begin with any folder.
    anywhere: Vec<u32>,
}

/// Shapes whose first folder is literal.
#[derive(Default)]
struct InFolder {
    literals: Vec<u32>,
    globs: Vec<u32>,
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
    pub fn of(shapes: impl Iterator<Item = Vec<Shape>>) -> Index {
        let mut index = Index::default();
        index.shapes.reserve(shapes.size_hint().0);
        for (n, shapes) in shapes.enumerate() {
            for shape in shapes {
                index.add(RuleId::new(n), shape);
            }
        }
        index
    }

    fn add(&mut self, rule: RuleId, shape: Shape) {
        let at = self.shapes.len() as u32;
        if let Some(path) = shape.literal() {
            let hash = |path: &BStr| FxBuildHasher.hash_one(path);
            let shapes = &self.shapes;
            let hash_of = |at: &u32| shapes[*at as usize].shape.literal().map_or(0, hash);
            self.literals.insert_unique(hash(path), at, hash_of);
        }
        match shape.first_folder() {
            Some(folder) => {
                let there = self.by_folder.entry_ref(folder).or_default();
                match shape.literal() {
                    Some(_) => there.literals.push(at),
                    None => there.globs.push(at),
                }
            }
            None => self.anywhere.push(at),
        }
        self.shapes.push(Made { rule, shape });
    }

    /// The shapes that could meet `wanted`, which is clean: a superset.
    pub fn candidates(&self, wanted: &Pattern) -> Vec<u32> {
        let mut found = self.anywhere.clone();
        let folder = first_folder(wanted);
        let there = folder.and_then(|folder| self.by_folder.get(folder));
        match (wanted.literal(), there) {
            (Some(path), there) => {
                let path = BStr::new(&path);
                let is_it = |at: &&u32| self.shapes[**at as usize].shape.literal() == Some(path);
                let same = self.literals.iter_hash(FxBuildHasher.hash_one(path));
                found.extend(same.filter(is_it));
                found.extend(there.iter().flat_map(|there| &there.globs));
            }
            (None, Some(there)) => found.extend(there.literals.iter().chain(&there.globs)),
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
