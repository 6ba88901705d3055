//! Data for a million jobs: typed u32 ids, tables indexed by them, rows of ids, interned bytes.
//!
//! Everything here is a few flat arrays; nothing allocates per element.

mod finder;

use std::marker::PhantomData;
use std::ops::{Index, IndexMut, Range};

use bstr::BStr;

pub use finder::Finder;

/// An index with a meaning: a `u32` newtype made by [`define_id!`](crate::define_id).
pub trait Id: Copy + Eq {
    fn new(index: usize) -> Self;
    fn index(self) -> usize;
}

/// Defines a `u32` newtype that implements [`Id`].
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u32);
        impl $crate::dense::Id for $name {
            fn new(index: usize) -> Self {
                $name(u32::try_from(index).expect("fewer than 2^32 of anything"))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

/// A vector indexed by a typed id.
#[derive(Clone, Debug)]
pub struct Table<I, T> {
    values: Vec<T>,
    id: PhantomData<fn(I)>,
}

impl<I, T> Default for Table<I, T> {
    fn default() -> Self {
        Table {
            values: Vec::new(),
            id: PhantomData,
        }
    }
}

impl<I: Id, T> Table<I, T> {
    /// A table of `len` clones of `value`.
    pub fn filled(len: usize, value: T) -> Self
    where
        T: Clone,
    {
        Table {
            values: vec![value; len],
            id: PhantomData,
        }
    }

    /// Appends `value` and returns its id.
    pub fn push(&mut self, value: T) -> I {
        let id = I::new(self.values.len());
        self.values.push(value);
        id
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Makes room for so many more: to grow in steps leaves holes behind.
    pub fn reserve(&mut self, n: usize) {
        self.values.reserve(n);
    }

    /// Grows to `len` with clones of `value`; never shrinks.
    pub fn grow(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        if len > self.values.len() {
            self.values.resize(len, value);
        }
    }

    pub fn get(&self, id: I) -> Option<&T> {
        self.values.get(id.index())
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.values.len()).map(I::new)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        self.values
            .iter()
            .enumerate()
            .map(|(index, value)| (I::new(index), value))
    }

    pub fn values(&self) -> &[T] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
}

impl<I: Id, T> Index<I> for Table<I, T> {
    type Output = T;
    fn index(&self, id: I) -> &T {
        &self.values[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for Table<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.values[id.index()]
    }
}

/// A run of elements in a [`Pool`]: 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    start: u32,
    len: u32,
}

impl Run {
    pub fn len(self) -> usize {
        self.len as usize
    }

    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The `len` elements from `start` on.
    pub fn part(self, start: usize, len: usize) -> Run {
        assert!(start + len <= self.len(), "a part lies inside its run");
        Run {
            start: self.start + start as u32,
            len: len as u32,
        }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// Rows of elements, one after the other in one array; a row is named by its [`Run`].
#[derive(Clone, Debug)]
pub struct Pool<T> {
    values: Vec<T>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool { values: Vec::new() }
    }
}

impl<T> Pool<T> {
    /// Appends one row.
    pub fn add(&mut self, row: impl IntoIterator<Item = T>) -> Run {
        let start = self.values.len();
        self.values.extend(row);
        let index = |n: usize| u32::try_from(n).expect("fewer than 2^32 elements");
        Run {
            start: index(start),
            len: index(self.values.len() - start),
        }
    }

    /// Makes room for so many elements more.
    pub fn reserve(&mut self, n: usize) {
        self.values.reserve(n);
    }

    /// Takes the last row back.
    pub fn take_back(&mut self, row: Run) -> Vec<T> {
        assert!(row.range().end == self.len(), "only the last row can go");
        self.values.split_off(row.range().start)
    }

    /// The number of elements over all rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<T> Index<Run> for Pool<T> {
    type Output = [T];
    fn index(&self, run: Run) -> &[T] {
        &self.values[run.range()]
    }
}

/// Adjacency in two arrays (compressed sparse rows): the targets of each source, in order.
#[derive(Clone, Debug, Default)]
pub struct Rows<T> {
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Default> Rows<T> {
    /// Groups `pairs` by their first member, `n` sources in all. The order of pairs with one
    /// source is kept. `pairs` is walked twice: once to count, once to place.
    pub fn group<I: Iterator<Item = (usize, T)>>(n: usize, pairs: impl Fn() -> I) -> Self {
        let mut starts = vec![0u32; n + 2];
        for (source, _) in pairs() {
            starts[source + 2] += 1;
        }
        for source in 2..starts.len() {
            starts[source] += starts[source - 1];
        }
        let mut values = vec![T::default(); starts[n + 1] as usize];
        for (source, value) in pairs() {
            let next = &mut starts[source + 1];
            values[*next as usize] = value;
            *next += 1;
        }
        starts.pop();
        Rows { starts, values }
    }

    pub fn row(&self, source: usize) -> &[T] {
        match self.starts.get(source + 1) {
            Some(&end) => &self.values[self.starts[source] as usize..end as usize],
            None => &[],
        }
    }
}

/// Interns byte strings: each distinct one is stored once and named by an id.
#[derive(Clone)]
pub struct Interner<I> {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    finder: Finder,
    id: PhantomData<fn(I)>,
}

impl<I> Default for Interner<I> {
    fn default() -> Self {
        Interner {
            bytes: Vec::new(),
            ends: Vec::new(),
            finder: Finder::default(),
            id: PhantomData,
        }
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[u32], index: u32) -> &'a [u8] {
    let start = if index == 0 {
        0
    } else {
        ends[index as usize - 1]
    };
    &bytes[start as usize..ends[index as usize] as usize]
}

impl<I: Id> Interner<I> {
    /// The id of `text`, which is stored when it is new.
    ///
    /// Panics when all strings together reach 4 GiB.
    pub fn intern(&mut self, text: &[u8]) -> I {
        let Interner {
            bytes,
            ends,
            finder,
            ..
        } = self;
        let n = u32::try_from(ends.len()).expect("fewer than 2^32 strings");
        let n_more = ends.capacity() - ends.len();
        let found = finder.find_or_add(text, n, n_more, |index| slice(bytes, ends, index));
        let index = found.unwrap_or_else(|| {
            bytes.extend_from_slice(text);
            ends.push(u32::try_from(bytes.len()).expect("less than 4 GiB of names"));
            n
        });
        I::new(index as usize)
    }

    /// Makes room for so many strings more: to grow may mean to look at every string again.
    pub fn reserve(&mut self, n: usize) {
        let Interner {
            bytes,
            ends,
            finder,
            ..
        } = self;
        ends.reserve(n);
        finder.reserve(n, |index| slice(bytes, ends, index));
    }

    /// The id of `text` if it was interned before.
    pub fn find(&self, text: &[u8]) -> Option<I> {
        let n = self.ends.len() as u32;
        let at = |index| slice(&self.bytes, &self.ends, index);
        let found = self.finder.find(text, n, at)?;
        Some(I::new(found as usize))
    }

    pub fn get(&self, id: I) -> &BStr {
        BStr::new(slice(&self.bytes, &self.ends, I::index(id) as u32))
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I> {
        (0..self.ends.len()).map(I::new)
    }
}

/// A set of small numbers, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// Adds `index`; true when it was not in the set.
    pub fn insert(&mut self, index: usize) -> bool {
        let (word, bit) = (index / 64, 1u64 << (index % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn contains(&self, index: usize) -> bool {
        self.words
            .get(index / 64)
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub fn remove(&mut self, index: usize) {
        if let Some(word) = self.words.get_mut(index / 64) {
            *word &= !(1 << (index % 64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::define_id!(
        /// For these tests.
        X
    );

    #[test]
    fn an_interned_string_keeps_its_id() {
        let mut names = Interner::<X>::default();
        let a = names.intern(b"a");
        let empty = names.intern(b"");
        for n in 0..1000u32 {
            names.intern(n.to_string().as_bytes());
        }
        assert_eq!((names.intern(b"a"), names.intern(b"")), (a, empty));
        assert_eq!(names.get(names.find(b"17").unwrap()), "17");
        assert_eq!(names.find(b"x"), None);
    }

    #[test]
    fn rows_group_and_keep_the_order() {
        let pairs = [(2, 7u32), (0, 1), (2, 5), (0, 2)];
        let rows = Rows::group(4, || pairs.iter().copied());
        assert_eq!(rows.row(0), [1, 2]);
        assert_eq!(rows.row(1), [0u32; 0]);
        assert_eq!(rows.row(2), [7, 5]);
        assert_eq!(rows.row(9), [0u32; 0]);
    }

    #[test]
    fn a_pool_gives_back_its_rows() {
        let mut pool = Pool::default();
        let (a, b) = (pool.add([1, 2]), pool.add([]));
        let c = pool.add([3]);
        assert_eq!(
            (&pool[a], &pool[b], &pool[c]),
            (&[1, 2][..], &[][..], &[3][..])
        );
    }
}
