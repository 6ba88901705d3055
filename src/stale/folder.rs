//! What a folder holds, as one hash: the names in it and in the folders below, and the contents of
//! the files. For where contents count instead of times.

use bstr::BString;

use super::content;
use crate::disk::{Disk, Kind};
use crate::history::{Contents, Hash, Seen};

/// What one name in a folder stands for.
enum Thing {
    Folder,
    /// Its content counts; the number is its place among the files.
    File(usize),
    /// A link to a folder, which is not followed, a device, or what is gone by now: its name counts.
    Other,
}

/// The hash of what is in `folder`; files that `contents` knows are not read. `None` where
/// something in it cannot be read or changes meanwhile.
pub(super) fn hash(
    disk: &dyn Disk,
    contents: &mut Option<Box<dyn Contents>>,
    folder: &[u8],
) -> Option<Hash> {
    let mut things = Vec::new();
    let mut files: Vec<(BString, Seen)> = Vec::new();
    let mut unlisted = vec![BString::from(folder)];
    while let Some(folder) = unlisted.pop() {
        for entry in disk.list(&folder).ok()?? {
            // Flow's own state changes with each run.
            if entry.name == ".flow" {
                continue;
            }
            let slash: &[u8] = if folder.ends_with(b"/") { b"" } else { b"/" };
            let path = BString::from([&folder[..], slash, &entry.name].concat());
            let thing = match disk.identify(&path).ok()? {
                Some((stat, _)) if stat.kind == Kind::Folder && !entry.is_link => {
                    unlisted.push(path.clone());
                    Thing::Folder
                }
                Some((stat, identity)) if stat.kind == Kind::File => {
                    files.push((path.clone(), Seen { stat, identity }));
                    Thing::File(files.len() - 1)
                }
                _ => Thing::Other,
            };
            things.push((path, thing));
        }
    }
    let hashes = hash_files(disk, contents, &files)?;
    let mut hasher = blake3::Hasher::new();
    for (path, thing) in &things {
        // Not the folder's own name: it may be reached by another one.
        hasher.update(&path[folder.len()..]);
        match thing {
            Thing::Folder => hasher.update(b"/\0"),
            Thing::File(at) => hasher.update(b"\0").update(&hashes[*at]),
            Thing::Other => hasher.update(b"\0"),
        };
    }
    hasher.finalize().as_bytes().first_chunk().copied()
}

fn hash_files(
    disk: &dyn Disk,
    contents: &mut Option<Box<dyn Contents>>,
    files: &[(BString, Seen)],
) -> Option<Vec<Hash>> {
    let known = |(path, seen): &(BString, Seen)| contents.as_ref()?.get(path, seen);
    let mut hashes: Vec<Option<Hash>> = files.iter().map(known).collect();
    let unread = files
        .iter()
        .enumerate()
        .filter(|(at, _)| hashes[*at].is_none());
    let unread: Vec<(usize, Seen)> = unread.map(|(at, (_, seen))| (at, *seen)).collect();
    let read = content::read_all(disk, &unread, |at| &files[at].0);
    for ((at, seen), read) in unread.into_iter().zip(read) {
        let read = read?;
        hashes[at] = Some(read.hash);
        if read.is_settled
            && let Some(contents) = contents
        {
            contents.put(&files[at].0, &seen, read.hash);
        }
    }
    hashes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;

    #[test]
    fn names_and_contents_below_a_folder_make_its_hash() {
        let disk = MemDisk::new();
        let hash = || hash(&disk, &mut None, b"in").unwrap();
        let mut found = Vec::new();
        for (file, text) in [
            ("in/a", "one"),
            ("in/a", "two"),
            ("in/deep/b", "two"),
            ("in/deep/b", "six"),
            ("in/deep/er/c", ""),
        ] {
            disk.write(file, text);
            found.push(hash());
        }
        let mut distinct = found.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), found.len());
        disk.write("in/deep/er/c", "");
        disk.write("in/.flow/history", "x");
        assert_eq!(hash(), found[4], "only contents and names count");
    }
}
