//! The trash: what failed tries left, and outputs that somebody had changed, within a quota.
//!
//! It lies in the state folder, a folder for each run. What is on another file system stays there
//! under a hidden name; a note in `elsewhere/` says where, so that it is counted, and goes, with
//! the trash of its run.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use bstr::{BStr, BString, ByteSlice};

use super::outputs::{Store, size};
use crate::disk::DiskMut;
use crate::pattern::facts;

/// How much may stay in the trash, in bytes. What the newest run left always stays.
pub(super) const QUOTA: u64 = 1 << 30;

/// How the hidden names begin.
const HIDDEN: &[u8] = b".flow-trash-";

impl Store<'_> {
    /// Removes or keeps what a failed try left: where the file system is full it would only stand in
    /// the way of all that follows. Whether it was kept.
    pub fn discard_try(&mut self, outputs: &[BString]) -> io::Result<bool> {
        let is_full = |output: &BString| self.disk().is_full(facts::dir(output));
        let is_kept = !outputs.iter().any(is_full);
        for output in outputs {
            match is_kept {
                true => self.throw_away(BStr::new(facts::without_slash(output)))?,
                false => self.disk().remove(facts::without_slash(output))?,
            }
        }
        Ok(is_kept)
    }

    pub(super) fn bring_to_trash(&mut self, path: &BStr, name: &[u8]) -> io::Result<()> {
        let n = self.count();
        let folder = format!("{}/trash/{}", self.state(), self.run());
        self.disk().make_private_folder(folder.as_bytes())?;
        let place = format!("{folder}/{n}-");
        let place = [place.as_bytes(), &name[..name.len().min(200)]].concat();
        match self.disk().rename(path, &place) {
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                let hidden = self.beside(path, "trash");
                let notes = format!("{}/elsewhere/{}", self.state(), self.run());
                self.disk().make_private_folder(notes.as_bytes())?;
                let note = format!("{notes}/{n}");
                self.disk().write_file(note.as_bytes(), &hidden)?;
                self.disk().rename(path, &hidden)
            }
            moved => moved,
        }
    }

    /// Removes the trash of the oldest runs until the rest is within `quota` bytes.
    pub(super) fn prune_trash(&self, quota: u64) -> io::Result<()> {
        let disk = self.disk();
        let mut runs = BTreeSet::new();
        for folder in ["trash", "elsewhere"] {
            let folder = format!("{}/{folder}", self.state());
            let entries = disk.list(folder.as_bytes())?.unwrap_or_default();
            runs.extend(entries.into_iter().map(|entry| entry.name));
        }
        let mut total = 0;
        for (at, run) in runs.iter().rev().enumerate() {
            let folder =
                |name: &str| [self.state().as_bytes(), b"/", name.as_bytes(), b"/", run].concat();
            let hidden = hidden(disk, &folder("elsewhere"))?;
            total += size(disk, folder("trash"))?;
            total += hidden.iter().map(|(_, size)| size).sum::<u64>();
            if at > 0 && total > quota {
                for (path, _) in &hidden {
                    disk.remove(path)?;
                }
                disk.remove(&folder("elsewhere"))?;
                disk.remove(&folder("trash"))?;
            }
        }
        Ok(())
    }
}

/// All that is in the trash of a state folder, to be removed, with its size in bytes.
pub fn contents(disk: &dyn DiskMut, state: &BStr) -> io::Result<Vec<(BString, u64)>> {
    let [trash, notes] =
        [&b"/trash"[..], b"/elsewhere"].map(|name| BString::from([state, name].concat()));
    let mut found = Vec::new();
    if disk.is_there(&trash)? {
        let size = size(disk, trash.to_vec())?;
        found.push((trash, size));
    }
    for run in disk.list(&notes)?.unwrap_or_default() {
        found.extend(hidden(disk, &[&notes, &b"/"[..], &run.name].concat())?);
    }
    if disk.is_there(&notes)? {
        found.push((notes, 0));
    }
    Ok(found)
}

/// What the notes of one run name and is there, with its size.
fn hidden(disk: &dyn DiskMut, notes: &[u8]) -> io::Result<Vec<(BString, u64)>> {
    let mut found = Vec::new();
    for note in disk.list(notes)?.unwrap_or_default() {
        let path: BString = disk.read(&[notes, b"/", &note.name].concat())?.into();
        // A note that somebody else wrote must not cost a file.
        if facts::name(&path).starts_with(HIDDEN) && disk.is_there(&path)? {
            let own = disk.stat(&path)?.map_or(0, |stat| stat.size);
            found.push((path.clone(), own.max(size(disk, path.into())?)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;

    /// A store whose first output cannot be moved to the state folder.
    fn apart(disk: &MemDisk) -> Store<'_> {
        disk.write("far/out", "12345");
        disk.break_path(".flow/trash/run1/1-out", ErrorKind::CrossesDevices);
        Store::new(disk, ".flow".into(), "run1".into())
    }

    #[test]
    fn what_is_elsewhere_is_found_again() {
        let disk = MemDisk::new();
        let mut store = apart(&disk);
        assert!(store.discard_try(&["far/out".into()]).unwrap());
        assert!(!disk.is_there(b"far/out").unwrap());
        let found = contents(&disk, BStr::new(".flow")).unwrap();
        let hidden = BString::from("far/.flow-trash-run1-1");
        assert!(found.contains(&(hidden.clone(), 5)), "{found:?}");
        // The newest run's stays, that of the one before does not.
        store.prune_trash(0).unwrap();
        assert!(disk.is_there(&hidden).unwrap());
        disk.make_folder(b".flow/trash/run2").unwrap();
        store.prune_trash(5).unwrap();
        assert!(disk.is_there(&hidden).unwrap());
        store.prune_trash(4).unwrap();
        assert!(!disk.is_there(&hidden).unwrap());
        assert!(!disk.is_there(b".flow/elsewhere/run1").unwrap());
    }

    #[test]
    fn a_foreign_note_costs_no_file() {
        let disk = MemDisk::new();
        disk.write("precious", "x");
        disk.write(".flow/elsewhere/run1/1", "precious");
        let found = contents(&disk, BStr::new(".flow")).unwrap();
        assert_eq!(found, [(BString::from(".flow/elsewhere"), 0)]);
    }

    #[test]
    fn nothing_is_kept_where_there_is_no_room() {
        let disk = MemDisk::new();
        disk.write("out/a", "12345");
        disk.break_path("out", ErrorKind::StorageFull);
        let mut store = Store::new(&disk, ".flow".into(), "run1".into());
        assert!(!store.discard_try(&["out/a".into()]).unwrap());
        assert!(!disk.is_there(b"out/a").unwrap());
        assert!(!disk.is_there(b".flow/trash").unwrap());
    }
}
