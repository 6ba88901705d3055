//! Jobs that are named by several items: what their words may pick, and in which order they come.

use crate::lang::ast::Verb;

/// The elements of each job of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tuple {
    pub n_elements: u32,
    /// All elements come from one set of items, so that a capture has one value for each.
    pub has_lists: bool,
    /// By element: how many groups its `regex` captures by number.
    pub n_groups: Vec<u32>,
}

impl Tuple {
    /// The number of a group among those of all elements.
    pub fn group(&self, element: usize, group: usize) -> Option<usize> {
        let n = *self.n_groups.get(element)? as usize;
        let before: u32 = self.n_groups[..element].iter().sum();
        (group < n).then_some(before as usize + group)
    }
}

impl Verb {
    /// Its jobs are named by several items.
    pub fn makes_tuples(self) -> bool {
        matches!(
            self,
            Verb::Product
                | Verb::Combinations
                | Verb::Permutations
                | Verb::CombinationsWithReplacement
        )
    }
}

/// All tuples of numbers below the sizes, in the order of Python's itertools: the last element
/// changes fastest.
///
/// The four verbs differ in which of these tuples they keep.
#[derive(Clone, Debug)]
pub struct Tuples {
    verb: Verb,
    /// By element: how many there are.
    sizes: Vec<u32>,
    next: Vec<u32>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    New,
    Begun,
    Over,
}

impl Tuples {
    /// `sizes` are all the same for any verb but `product`.
    pub fn new(verb: Verb, sizes: Vec<u32>) -> Tuples {
        Tuples {
            verb,
            next: Vec::new(),
            sizes,
            state: State::New,
        }
    }

    /// How many tuples there are; `None` where that is beyond all numbers.
    pub fn count(&self) -> Option<u128> {
        let k = self.sizes.len() as u128;
        let n = self.sizes.first().map_or(0, |n| u128::from(*n));
        let choose = |n: u128| -> Option<u128> {
            // Each quotient is a binomial coefficient itself, so that nothing is lost.
            (0..k).try_fold(1u128, |all, at| match n.checked_sub(at) {
                None => Some(0),
                Some(left) => Some(all.checked_mul(left)? / (at + 1)),
            })
        };
        match self.verb {
            Verb::Combinations => choose(n),
            Verb::CombinationsWithReplacement if n == 0 => Some(0),
            Verb::CombinationsWithReplacement => choose(n + k - 1),
            Verb::Permutations => {
                (0..k).try_fold(1u128, |all, at| all.checked_mul(n.saturating_sub(at)))
            }
            _ => {
                let sizes = self.sizes.iter().map(|n| u128::from(*n));
                if self.sizes.contains(&0) {
                    return Some(0);
                }
                sizes.into_iter().try_fold(1u128, u128::checked_mul)
            }
        }
    }

    /// The next tuple.
    pub fn step(&mut self) -> Option<&[u32]> {
        let found = match self.state {
            State::New => {
                self.state = State::Begun;
                self.fill(0, 0)
            }
            State::Begun => self.advance(),
            State::Over => false,
        };
        if !found {
            self.state = State::Over;
            return None;
        }
        Some(&self.next)
    }

    /// Counts up from the last element on.
    fn advance(&mut self) -> bool {
        while let Some(last) = self.next.pop() {
            if self.fill(self.next.len(), last + 1) {
                return true;
            }
        }
        false
    }

    /// Puts the least allowed numbers into the places from `from` on, the first at least `least`.
    fn fill(&mut self, from: usize, least: u32) -> bool {
        let mut least = least;
        for at in from..self.sizes.len() {
            let before = at.checked_sub(1).map(|before| self.next[before]);
            let first = match (self.verb, before) {
                (Verb::Combinations, Some(before)) => least.max(before + 1),
                (Verb::CombinationsWithReplacement, Some(before)) => least.max(before),
                (Verb::Permutations, _) => (least..self.sizes[at])
                    .find(|number| !self.next.contains(number))
                    .unwrap_or(self.sizes[at]),
                _ => least,
            };
            if first >= self.sizes[at] {
                self.next.truncate(from);
                return false;
            }
            self.next.push(first);
            least = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(verb: Verb, sizes: &[u32]) -> Vec<Vec<u32>> {
        let mut tuples = Tuples::new(verb, sizes.to_vec());
        let mut found = Vec::new();
        while let Some(tuple) = tuples.step() {
            found.push(tuple.to_vec());
        }
        found
    }

    #[test]
    fn they_come_in_the_order_of_itertools() {
        let text = |verb, sizes: &[u32]| {
            let words = all(verb, sizes).into_iter().map(|tuple| {
                let letters = tuple.iter().map(|n| ['A', 'B', 'C', 'D'][*n as usize]);
                letters.collect::<String>()
            });
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(Verb::Product, &[2, 3]), "AA AB AC BA BB BC");
        assert_eq!(text(Verb::Combinations, &[4, 4]), "AB AC AD BC BD CD");
        assert_eq!(text(Verb::Permutations, &[3, 3]), "AB AC BA BC CA CB");
        let repeated = "AA AB AC BB BC CC";
        assert_eq!(text(Verb::CombinationsWithReplacement, &[3, 3]), repeated);
        assert_eq!(text(Verb::Combinations, &[2, 2, 2]), "");
        assert_eq!(text(Verb::Product, &[2, 0]), "");
    }

    proptest! {
        #[test]
        fn each_verb_keeps_its_part_of_the_product(n in 0u32..6, k in 1usize..5) {
            let product = all(Verb::Product, &vec![n; k]);
            prop_assert_eq!(product.len(), (n as usize).pow(k as u32));
            type Keeps = fn(&[u32]) -> bool;
            let keeps: [(Verb, Keeps); 3] = [
                (Verb::Combinations, |t| t.windows(2).all(|w| w[0] < w[1])),
                (Verb::CombinationsWithReplacement, |t| t.windows(2).all(|w| w[0] <= w[1])),
                (Verb::Permutations, |t| (1..t.len()).all(|at| !t[..at].contains(&t[at]))),
            ];
            for (verb, is_kept) in keeps {
                let kept: Vec<_> = product.iter().filter(|tuple| is_kept(tuple)).cloned().collect();
                let found = all(verb, &vec![n; k]);
                let count = Tuples::new(verb, vec![n; k]).count();
                prop_assert_eq!(count, Some(found.len() as u128));
                prop_assert_eq!(found, kept);
            }
        }
    }

    #[test]
    fn a_count_beyond_all_numbers_is_none() {
        assert_eq!(Tuples::new(Verb::Product, vec![u32::MAX; 5]).count(), None);
        assert_eq!(
            Tuples::new(Verb::Combinations, vec![100_000; 2]).count(),
            Some(4_999_950_000)
        );
    }
}
