//! The walk over what all lines can have read of one path.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;

use super::{Line, Shape, Step};

/// A walk that has seen this many states gives up and says yes, which is the safe side.
const MAX_STATES: usize = 50_000;

/// Where one line stands: its next step, and what the path's current component looks like to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct State {
    step: u32,
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Nothing of the component is read.
    Start,
    /// Nothing is read, and a glob that took nothing stands before: no dot, and not empty.
    Guarded,
    Inside,
}

/// The outcome of a walk.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Common {
    Path(Vec<u8>),
    None,
    /// Too many states to tell.
    Unknown,
}

/// Whether one path can satisfy all of the shapes.
pub fn intersects(shapes: &[&Shape]) -> bool {
    common(shapes) != Common::None
}

/// A path that satisfies all of the shapes, one of the shortest.
pub(super) fn common(shapes: &[&Shape]) -> Common {
    let limited: Vec<&[Line]> = shapes
        .iter()
        .filter_map(|one| one.lines.as_deref())
        .collect();
    // Choices of one line of each shape, begun and not yet excluded.
    let mut open: Vec<Vec<&Line>> = vec![Vec::new()];
    while let Some(chosen) = open.pop() {
        let Some(lines) = limited.get(chosen.len()) else {
            match walk(&chosen) {
                Common::None => continue,
                found => return found,
            }
        };
        for line in lines.iter().rev() {
            if chosen.iter().all(|other| line.may_meet(other)) {
                let mut chosen = chosen.clone();
                chosen.push(line);
                open.push(chosen);
            }
        }
    }
    Common::None
}

/// All that a walk has met: for each place in the path, where every line stands. They lie side by side,
/// since there may be many.
struct Met {
    n_lines: usize,
    states: Vec<State>,
    /// Which one each was reached from, and the byte that was read between.
    came: Vec<(u32, Option<u8>)>,
    known: HashTable<u32>,
}

impl Met {
    fn get(&self, n: usize) -> &[State] {
        &self.states[n * self.n_lines..][..self.n_lines]
    }

    /// Adds what was not met before.
    fn add(&mut self, states: &[State], from: usize, read: Option<u8>) {
        let hash = |states: &[State]| FxBuildHasher.hash_one(states);
        let n_lines = self.n_lines;
        let known = |n: u32| &self.states[n as usize * n_lines..][..n_lines];
        let entry = self
            .known
            .entry(hash(states), |&n| known(n) == states, |&n| hash(known(n)));
        if let Entry::Vacant(entry) = entry {
            entry.insert(self.came.len() as u32);
            self.states.extend_from_slice(states);
            self.came.push((from as u32, read));
        }
    }

    fn path_to(&self, mut n: usize) -> Vec<u8> {
        let mut path = Vec::new();
        while n > 0 {
            path.extend(self.came[n].1);
            n = self.came[n].0 as usize;
        }
        path.reverse();
        path
    }
}

/// Breadth first, so that the path is short.
fn walk(lines: &[&Line]) -> Common {
    if lines.is_empty() {
        return Common::Path(Vec::new());
    }
    let bytes = telling_bytes(lines);
    let start = State {
        step: 0,
        at: At::Start,
    };
    let mut met = Met {
        n_lines: lines.len(),
        states: Vec::new(),
        came: Vec::new(),
        known: HashTable::new(),
    };
    met.add(&vec![start; lines.len()], 0, None);
    let (mut states, mut next) = (Vec::new(), Vec::new());
    let mut n = 0;
    while n < met.came.len() {
        if met.came.len() > MAX_STATES {
            return Common::Unknown;
        }
        states.clear();
        states.extend_from_slice(met.get(n));
        if lines
            .iter()
            .zip(&states)
            .all(|(line, state)| line.accepts(*state))
        {
            return Common::Path(met.path_to(n));
        }
        for (line, at) in lines.iter().zip(0..) {
            if let Some(skipped) = line.skip(states[at]) {
                next.clone_from(&states);
                next[at] = skipped;
                met.add(&next, n, None);
            }
        }
        let only = lines.iter().zip(&states).find_map(|(line, state)| {
            match line.step(state.step as usize) {
                Some(Step::Byte(byte)) => Some([byte]),
                _ => None,
            }
        });
        for &byte in only.as_ref().map_or(&bytes[..], |only| only) {
            let read = lines.iter().zip(&states);
            next.clear();
            next.extend(read.map_while(|(line, state)| line.read(*state, byte)));
            if next.len() == lines.len() {
                met.add(&next, n, Some(byte));
            }
        }
        n += 1;
    }
    Common::None
}

/// One byte of each group that no step tells apart, letters first where there is a choice.
fn telling_bytes(lines: &[&Line]) -> Vec<u8> {
    let mut is_edge = [false; 257];
    let mut edge = |byte: u8| {
        is_edge[usize::from(byte)] = true;
        is_edge[usize::from(byte) + 1] = true;
    };
    for byte in [0, b'/', b'.', b'a'] {
        edge(byte);
    }
    for step in lines.iter().flat_map(|line| line.steps()) {
        match step {
            Step::Byte(byte) => edge(byte),
            Step::One { set, .. } | Step::Maybe(set) | Step::Any { set, .. } => {
                for byte in 1..=255u8 {
                    if set.contains(byte) != set.contains(byte - 1) {
                        edge(byte);
                    }
                }
            }
            Step::Folders { .. } | Step::Deep => {}
        }
    }
    // No path has a zero byte.
    let mut bytes: Vec<u8> = (1..=255)
        .filter(|&byte| is_edge[usize::from(byte)])
        .collect();
    bytes.sort_by_key(|byte| !byte.is_ascii_alphanumeric());
    bytes
}

impl Line {
    fn accepts(&self, state: State) -> bool {
        state.step as usize == self.len() && state.at != At::Guarded
    }

    /// The state after the next step took nothing.
    fn skip(&self, state: State) -> Option<State> {
        let guarded = match state.at {
            At::Start => At::Guarded,
            at => at,
        };
        let at = match self.step(state.step as usize)? {
            Step::Any {
                is_guarded: true, ..
            }
            | Step::Deep => guarded,
            Step::Any { .. } | Step::Maybe(_) => state.at,
            Step::Folders { .. } if state.at == At::Start => At::Start,
            Step::Folders { .. } | Step::Byte(_) | Step::One { .. } => return None,
        };
        Some(State {
            step: state.step + 1,
            at,
        })
    }

    /// The state after the next step took `byte`.
    fn read(&self, state: State, byte: u8) -> Option<State> {
        let is_mark = byte == b'.' || byte == b'/';
        if state.at == At::Guarded && is_mark {
            return None;
        }
        let hides = state.at == At::Start && byte == b'.';
        let mut at = match byte {
            b'/' => At::Start,
            _ => At::Inside,
        };
        let step = self.step(state.step as usize)?;
        let is_taken = match step {
            Step::Byte(wanted) => wanted == byte,
            Step::One { set, is_guarded } | Step::Any { set, is_guarded } => {
                set.contains(byte) && !(is_guarded && hides)
            }
            Step::Maybe(set) => set.contains(byte),
            Step::Folders { is_guarded } => {
                let is_empty = state.at == At::Start && byte == b'/';
                !(is_empty || is_guarded && hides)
            }
            Step::Deep => {
                if byte == b'/' {
                    at = At::Guarded;
                }
                !(state.at == At::Start && is_mark)
            }
        };
        let stays = matches!(step, Step::Any { .. } | Step::Folders { .. } | Step::Deep);
        is_taken.then_some(State {
            step: state.step + u32::from(!stays),
            at,
        })
    }
}
