//! Which content files were found to have, so that each is read once: a file of the state folder.

use std::path::Path;

use super::notes::Notes;
use super::past::Hash;
use crate::disk::{Identity, Stat, Time};

/// A file as it was when its content was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    pub stat: Stat,
    pub identity: Identity,
}

/// Hashes of contents by file.
pub trait Contents {
    /// `None` where nobody has read the file as it is now.
    fn get(&self, path: &[u8], seen: &Seen) -> Option<Hash>;
    fn put(&mut self, path: &[u8], seen: &Seen, hash: Hash);
    /// Writes down what was put. The run's alone, under its lock.
    fn save(&mut self) -> anyhow::Result<()>;
}

/// Hashes in a file of the state folder.
#[derive(Debug, Default)]
pub struct ContentsFile {
    notes: Notes,
    put: Vec<(Vec<u8>, Vec<u8>)>,
}

impl ContentsFile {
    /// One that is damaged is begun anew: it only spares work.
    pub fn read(state: &Path) -> anyhow::Result<ContentsFile> {
        Ok(ContentsFile {
            notes: Notes::read(state, "contents")?,
            put: Vec::new(),
        })
    }
}

impl Contents for ContentsFile {
    fn get(&self, path: &[u8], seen: &Seen) -> Option<Hash> {
        let (now, hash) = self.notes.get(path)?.split_at_checked(STATE)?;
        (now == state(seen)).then_some(())?;
        hash.try_into().ok()
    }

    fn put(&mut self, path: &[u8], seen: &Seen, hash: Hash) {
        self.put
            .push((path.to_vec(), [&state(seen)[..], &hash].concat()));
    }

    fn save(&mut self) -> anyhow::Result<()> {
        for (path, value) in self.put.drain(..) {
            self.notes.set(&path, &value)?;
        }
        Ok(())
    }
}

/// So many bytes describe a file's state.
const STATE: usize = 32;

fn state(seen: &Seen) -> [u8; STATE] {
    let Time(modified) = seen.stat.modified;
    let Time(changed) = seen.identity.changed;
    let numbers = [
        seen.stat.size,
        modified as u64,
        seen.identity.inode,
        changed as u64,
    ];
    let mut state = [0; STATE];
    for (bytes, number) in state.chunks_exact_mut(8).zip(numbers) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Kind;

    #[test]
    fn a_content_is_known_of_the_state_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let seen = |changed| Seen {
            stat: Stat {
                kind: Kind::File,
                size: 3,
                modified: Time(-7),
            },
            identity: Identity {
                inode: 5,
                changed: Time(changed),
            },
        };
        let mut contents = ContentsFile::read(folder.path()).unwrap();
        contents.put(b"a\xff", &seen(1), [9; 16]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        contents.save().unwrap();
        let again = ContentsFile::read(folder.path()).unwrap();
        assert_eq!(again.get(b"a\xff", &seen(1)), Some([9; 16]));
        assert_eq!(again.get(b"a\xff", &seen(2)), None);
        assert_eq!(again.get(b"b", &seen(1)), None);
    }
}
