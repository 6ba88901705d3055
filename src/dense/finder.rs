//! Finds numbered texts by what they say. Whoever has them keeps them; here are only their numbers.
//!
//! Names come from sorted folders, and what is made from them is mostly as sorted. So texts that ascend
//! from the first one on are found by comparing, beginning where the last was found, and one that is
//! greater than all before is known to be new: that takes no memory, and looks at none that lies
//! elsewhere. From the first text on that is out of order a hash table has the rest.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;

/// Fewer texts in order are not worth comparing with.
const MIN_ASCENDING: u32 = 256;
/// A search takes so many comparisons before it counts as a far one.
const NEAR: u32 = 8;

/// Numbers by text; each call is given the way to a text by its number.
#[derive(Default)]
pub struct Finder {
    /// So many texts from the first on ascend, and are not in the table.
    n_ascending: u32,
    /// Comparisons that searches took beyond what near ones take.
    n_far: u32,
    table: HashTable<u32>,
    /// The number behind the one that was found last: mostly the one that is asked for next. Only a
    /// guess, as `place` is: it does not matter in which order threads see them.
    next: AtomicU32,
    /// Where among those that ascend the last search has ended.
    place: AtomicU32,
}

impl Clone for Finder {
    fn clone(&self) -> Self {
        Finder {
            table: self.table.clone(),
            next: AtomicU32::new(self.next.load(Ordering::Relaxed)),
            place: AtomicU32::new(self.place.load(Ordering::Relaxed)),
            ..*self
        }
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(text);
    hasher.finish()
}

impl Finder {
    /// The number of a text among the first `n`, which are all that were added.
    pub fn find<'t>(&self, text: &[u8], n: u32, at: impl Fn(u32) -> &'t [u8]) -> Option<u32> {
        let guess = self.next.load(Ordering::Relaxed);
        let found = match guess < n && at(guess) == text {
            true => Some(guess),
            false => self.seek(text, &at).0.or_else(|| {
                let found = self.table.find(hash(text), |&other| at(other) == text);
                found.copied()
            }),
        };
        if let Some(found) = found {
            self.next.store(found + 1, Ordering::Relaxed);
        }
        found
    }

    /// As [`Finder::find`]; a text that is not found is number `n` from now on. So many more are
    /// expected to come behind it.
    pub fn find_or_add<'t>(
        &mut self,
        text: &[u8],
        n: u32,
        n_more: usize,
        at: impl Fn(u32) -> &'t [u8],
    ) -> Option<u32> {
        if self.n_ascending == n && (n == 0 || text > at(n - 1)) {
            self.n_ascending += 1;
            return None;
        }
        let (found, n_steps) = self.seek(text, &at);
        self.n_far += n_steps.saturating_sub(NEAR);
        let is_worth_it = self.n_ascending >= MIN_ASCENDING && self.n_far <= self.n_ascending;
        if self.n_ascending > 0 && !is_worth_it {
            self.take_into_table(n_more, &at);
        }
        if found.is_some() {
            return found;
        }
        if self.table.is_empty() {
            self.table.reserve(n_more + 1, |&other| hash(at(other)));
        }
        let is_it = |&other: &u32| at(other) == text;
        match self
            .table
            .entry(hash(text), is_it, |&other| hash(at(other)))
        {
            Entry::Occupied(found) => Some(*found.get()),
            Entry::Vacant(place) => {
                place.insert(n);
                None
            }
        }
    }

    /// Makes room in the table, where there is one, for so many more.
    pub fn reserve<'t>(&mut self, n_more: usize, at: impl Fn(u32) -> &'t [u8]) {
        if !self.table.is_empty() {
            self.table.reserve(n_more, |&other| hash(at(other)));
        }
    }

    /// Looks for a text among those that ascend, in steps that double as long as they lead on. Says
    /// how many it took.
    fn seek<'t>(&self, text: &[u8], at: impl Fn(u32) -> &'t [u8]) -> (Option<u32>, u32) {
        let n = self.n_ascending;
        if n == 0 || text < at(0) || text > at(n - 1) {
            return (None, 0);
        }
        // What is before `low` is less, what is from `high` on is greater.
        let (mut low, mut high) = (0, n);
        let mut probe = self.place.load(Ordering::Relaxed).min(n - 1);
        let mut n_steps = 0;
        while low < high {
            let step = 1 << n_steps.min(31);
            n_steps += 1;
            match at(probe).cmp(text) {
                std::cmp::Ordering::Equal => {
                    self.place.store(probe + 1, Ordering::Relaxed);
                    return (Some(probe), n_steps);
                }
                std::cmp::Ordering::Less => {
                    low = probe + 1;
                    probe = (low + (high - low) / 2).min(probe.saturating_add(step));
                }
                std::cmp::Ordering::Greater => {
                    high = probe;
                    probe = (low + (high - low) / 2).max(probe.saturating_sub(step));
                }
            }
        }
        self.place.store(low, Ordering::Relaxed);
        (None, n_steps)
    }

    /// From now on the table has all.
    fn take_into_table<'t>(&mut self, n_more: usize, at: impl Fn(u32) -> &'t [u8]) {
        let room = self.n_ascending as usize + n_more + 1;
        self.table.reserve(room, |&other| hash(at(other)));
        for number in 0..self.n_ascending {
            let own = hash(at(number));
            self.table
                .insert_unique(own, number, |&other| hash(at(other)));
        }
        (self.n_ascending, self.n_far) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Adds each of them, and checks what is found against a map.
    fn add_all(texts: &[Vec<u8>]) -> Finder {
        let mut finder = Finder::default();
        let mut known: Vec<&[u8]> = Vec::new();
        let mut numbers: HashMap<&[u8], u32> = HashMap::new();
        for text in texts {
            let n = known.len() as u32;
            let expected = numbers.get(&text[..]).copied();
            let found = finder.find_or_add(text, n, 10, |number| known[number as usize]);
            assert_eq!(found, expected);
            if expected.is_none() {
                numbers.insert(text, n);
                known.push(text);
            }
            let number = finder.find(text, known.len() as u32, |number| known[number as usize]);
            assert_eq!(number, Some(expected.unwrap_or(n)));
        }
        let find =
            |text: &[u8]| finder.find(text, known.len() as u32, |number| known[number as usize]);
        for (text, number) in numbers {
            assert_eq!(find(text), Some(number));
            assert_eq!(find(&[text, b"x"].concat()), None);
        }
        finder
    }

    fn numbered(numbers: impl IntoIterator<Item = u32>) -> Vec<Vec<u8>> {
        let text = |number: u32| format!("{number:09}").into_bytes();
        numbers.into_iter().map(text).collect()
    }

    #[test]
    fn texts_in_order_take_no_table() {
        let finder = add_all(&numbered((0..3000).chain(0..3000).chain((0..3000).rev())));
        assert_eq!((finder.n_ascending, finder.table.capacity()), (3000, 0));
    }

    #[test]
    fn what_lies_near_by_leaves_those_in_order_as_they_are() {
        let even = (0..3000).map(|number| number * 2);
        let finder = add_all(&numbered(
            even.chain((0..3000).map(|number| number * 2 + 1)),
        ));
        assert_eq!(finder.n_ascending, 3000);
    }

    #[test]
    fn searches_that_lead_far_end_in_a_table() {
        let far = (0..3000).map(|number| (number * 1009 % 3000) * 2 + 1);
        let even = (0..3000).map(|number| number * 2);
        let finder = add_all(&numbered(even.chain(far)));
        assert_eq!((finder.n_ascending, finder.table.len()), (0, 6000));
    }

    #[test]
    fn no_order_is_no_reason_to_compare() {
        let finder = add_all(&numbered((0..3000).map(|number| number * 1009 % 3000)));
        assert_eq!((finder.n_ascending, finder.table.len()), (0, 3000));
    }

    proptest! {
        #[test]
        fn each_text_has_one_number(
            n_sorted in 0..600usize,
            mut numbers in proptest::collection::vec(0..2000u32, 0..900),
        ) {
            let n_sorted = n_sorted.min(numbers.len());
            numbers[..n_sorted].sort();
            add_all(&numbered(numbers));
        }
    }
}
