//! Many names in one buffer: a folder may hold a million, and nothing is allocated for each.

use bstr::{BStr, BString};

use super::Entry;
use super::kept::Origin;

/// Names with what is known of each.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Names {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    /// The folder that they are all of, where its list may be kept.
    pub(super) origin: Option<Origin>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot {
    start: u32,
    len: u16,
    is_folder: bool,
    is_link: bool,
}

const _: () = assert!(size_of::<Slot>() == 8);

/// One of them; see [`Entry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'n> {
    pub name: &'n BStr,
    pub is_folder: bool,
    pub is_link: bool,
}

impl Names {
    /// Appends a name. Panics where it has 64 KiB, or all together 4 GiB: no kernel gives such.
    pub fn push(&mut self, name: &[u8], is_folder: bool, is_link: bool) {
        self.origin = None;
        self.slots.push(Slot {
            start: u32::try_from(self.bytes.len()).expect("less than 4 GiB of names"),
            len: u16::try_from(name.len()).expect("a name has less than 64 KiB"),
            is_folder,
            is_link,
        });
        self.bytes.extend_from_slice(name);
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn text(&self, slot: &Slot) -> &[u8] {
        let start = slot.start as usize;
        &self.bytes[start..start + usize::from(slot.len)]
    }

    fn view(&self, slot: &Slot) -> Name<'_> {
        Name {
            name: BStr::new(self.text(slot)),
            is_folder: slot.is_folder,
            is_link: slot.is_link,
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Name<'_>> {
        self.slots.iter().map(|slot| self.view(slot))
    }

    /// Brings them into byte order, each name once.
    pub fn sort(&mut self) {
        if !self.slots.is_sorted_by(|a, b| self.text(a) < self.text(b)) {
            self.sort_anyway();
        }
    }

    /// By eight bytes of each name as one number, which mostly decides; they begin where the names
    /// begin to differ.
    fn sort_anyway(&mut self) {
        let Some(first) = self.slots.first() else {
            return;
        };
        let first = self.text(first);
        let n_common = self.slots.iter().fold(first.len(), |n, slot| {
            let pairs = self.text(slot).iter().zip(&first[..n]);
            pairs.take_while(|(one, other)| one == other).count()
        });
        let keyed = self.slots.iter().map(|slot| {
            let rest = &self.text(slot)[n_common..];
            let mut key = [0; 8];
            let n = rest.len().min(key.len());
            key[..n].copy_from_slice(&rest[..n]);
            (u64::from_be_bytes(key), *slot)
        });
        let mut keyed: Vec<(u64, Slot)> = keyed.collect();
        keyed.sort_unstable_by(|(a, one), (b, other)| {
            a.cmp(b).then_with(|| self.text(one).cmp(self.text(other)))
        });
        keyed.dedup_by(|(a, one), (b, other)| a == b && self.text(one) == self.text(other));
        // Whoever goes through them finds the next name behind the last.
        let mut bytes = Vec::with_capacity(self.bytes.len());
        self.slots.clear();
        for (_, slot) in keyed {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(&self.bytes[slot.start as usize..][..usize::from(slot.len)]);
            self.slots.push(Slot { start, ..slot });
        }
        self.bytes = bytes;
    }

    /// The name, where they are in byte order and it is among them.
    pub fn find(&self, name: &[u8]) -> Option<Name<'_>> {
        let at = self
            .slots
            .binary_search_by(|slot| self.text(slot).cmp(name));
        at.ok().map(|at| self.view(&self.slots[at]))
    }

    /// Those that begin so, where they are in byte order.
    pub fn with_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = Name<'_>> {
        let start = self.slots.partition_point(|slot| self.text(slot) < prefix);
        let rest = &self.slots[start..];
        let n = rest.partition_point(|slot| self.text(slot).starts_with(prefix));
        rest[..n].iter().map(|slot| self.view(slot))
    }

    /// All names, one behind the other.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends the length and kind of each name.
    pub(super) fn put_slots(&self, out: &mut Vec<u8>) {
        for slot in &self.slots {
            let [low, high] = slot.len.to_le_bytes();
            out.extend([
                low,
                high,
                u8::from(slot.is_folder) | u8::from(slot.is_link) << 1,
            ]);
        }
    }

    /// From what [`put_slots`](Names::put_slots) wrote, and [`bytes`](Names::bytes) were; `None` where
    /// these do not belong together.
    pub(super) fn from_parts(slots: &[u8], bytes: Vec<u8>) -> Option<Names> {
        let mut names = Names {
            slots: Vec::with_capacity(slots.len() / 3),
            bytes,
            origin: None,
        };
        let mut start = 0u32;
        for &[low, high, kind] in slots.as_chunks::<3>().0 {
            let len = u16::from_le_bytes([low, high]);
            names.slots.push(Slot {
                start,
                len,
                is_folder: kind & 1 != 0,
                is_link: kind & 2 != 0,
            });
            start = start.checked_add(u32::from(len))?;
        }
        (start as usize == names.bytes.len()).then_some(names)
    }

    /// Notes of each link whether it leads to a folder.
    pub(super) fn look_at_links(&mut self, leads_to_folder: impl Fn(&[u8]) -> bool) {
        for at in 0..self.slots.len() {
            if self.slots[at].is_link {
                self.slots[at].is_folder = leads_to_folder(self.text(&self.slots[at]));
            }
        }
    }

    /// Gives back memory that was kept for more.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.slots.shrink_to_fit();
    }
}

impl FromIterator<Entry> for Names {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Names {
        let mut names = Names::default();
        for entry in entries {
            names.push(&entry.name, entry.is_folder, entry.is_link);
        }
        names
    }
}

impl IntoIterator for Names {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        let entries = self.iter().map(|one| Entry {
            name: BString::from(one.name),
            is_folder: one.is_folder,
            is_link: one.is_link,
        });
        entries.collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_sorted_by_bytes_and_found(
            mut texts in proptest::collection::vec("[ab\u{0}]{0,12}", 0..40),
            prefix in "[ab]{0,2}",
        ) {
            let mut names = Names::default();
            for text in &texts {
                names.push(text.as_bytes(), text.len() % 2 == 0, false);
            }
            names.sort();
            texts.sort();
            texts.dedup();
            let sorted: Vec<&BStr> = names.iter().map(|one| one.name).collect();
            prop_assert_eq!(&sorted, &texts);
            for text in &texts {
                let found = names.find(text.as_bytes()).unwrap();
                prop_assert_eq!((found.name, found.is_folder), (BStr::new(text), text.len() % 2 == 0));
            }
            prop_assert_eq!(names.find(b"c"), None);
            texts.retain(|text| text.starts_with(&prefix));
            let found: Vec<&BStr> = names.with_prefix(prefix.as_bytes()).map(|one| one.name).collect();
            prop_assert_eq!(found, texts);
        }
    }
}
