//! The existing file that was probably meant, for error messages.

use bstr::{BStr, BString};

use super::facts;
use super::listing::Listing;

/// The nearest of `candidates` to `wanted`: few letters differ, else the same name elsewhere.
pub fn nearest_of<'c>(
    wanted: &BStr,
    candidates: impl IntoIterator<Item = &'c BStr>,
) -> Option<&'c BStr> {
    let limit = allowed_edits(facts::name(wanted));
    let mut best: Option<((bool, usize), &BStr)> = None;
    for candidate in candidates {
        if candidate == wanted {
            continue;
        }
        let rank = match distance(wanted, candidate, limit) {
            Some(edits) => (false, edits),
            None if facts::name(candidate) == facts::name(wanted) => (true, candidate.len()),
            None => continue,
        };
        if best.is_none_or(|(other, path)| (rank, candidate) < (other, path)) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, path)| path)
}

/// The nearest path that is there: one with a similar name in the same folder, else in a folder
/// with a similar name, else the same name in a folder that was listed before.
pub fn nearest_path(wanted: &BStr, listing: &mut Listing) -> Option<BString> {
    let (dir, name) = (facts::dir(wanted), facts::name(wanted));
    if let Some(found) = similar_name(dir, name, listing, false) {
        return Some(found);
    }
    // The folder itself may be misspelt.
    if dir != b"." && dir != b"/" {
        let (above, folder) = (facts::dir(dir), facts::name(dir));
        if let Some(dir) = similar_name(above, folder, listing, true) {
            if has_name(&dir, name, listing) {
                return Some(join(&dir, name));
            }
            if let Some(found) = similar_name(&dir, name, listing, false) {
                return Some(found);
            }
        }
    }
    let elsewhere = listing
        .listed()
        .filter(|(_, entries)| entries.find(name).is_some())
        .map(|(folder, _)| join(folder, name));
    elsewhere.min_by(|a, b| (a.len(), a).cmp(&(b.len(), b)))
}

/// The entry of `dir` whose name differs least from `name`, but differs.
fn similar_name(
    dir: &[u8],
    name: &[u8],
    listing: &mut Listing,
    only_folders: bool,
) -> Option<BString> {
    // An error here would hide the one that is being told.
    let entries = listing.folder(BStr::new(dir)).ok()??;
    let limit = allowed_edits(name);
    let near = entries
        .iter()
        .filter(|entry| entry.is_folder || !only_folders);
    let near = near.filter_map(|entry| match distance(name, entry.name, limit)? {
        0 => None,
        edits => Some((edits, entry.name)),
    });
    near.min().map(|(_, name)| join(dir, name))
}

fn has_name(dir: &[u8], name: &[u8], listing: &mut Listing) -> bool {
    let entries = listing.folder(BStr::new(dir)).ok().flatten();
    entries.is_some_and(|entries| entries.find(name).is_some())
}

fn join(dir: &[u8], name: &[u8]) -> BString {
    match dir {
        b"." => name.into(),
        b"/" => [b"/", name].concat().into(),
        _ => [dir, b"/", name].concat().into(),
    }
}

/// How many edits still count as a slip of the hand.
fn allowed_edits(name: &[u8]) -> usize {
    (name.len() / 3).clamp(1, 3)
}

/// Edits between two byte strings (insert, delete, replace, swap of neighbours), at most `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for n in 0..a.len() {
        let mut new = vec![n + 1];
        for m in 0..b.len() {
            let replaced = old[m] + usize::from(a[n] != b[m]);
            let mut least = replaced.min(old[m + 1] + 1).min(new[m] + 1);
            if n > 0 && m > 0 && a[n] == b[m - 1] && a[n - 1] == b[m] {
                least = least.min(older[m - 1] + 1);
            }
            new.push(least);
        }
        if new.iter().all(|&edits| edits > limit) {
            return None;
        }
        older = std::mem::replace(&mut old, new);
    }
    Some(old[b.len()]).filter(|&edits| edits <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("abc", "abc", Some(0)),
            ("abc", "acb", Some(1)),
            ("abc", "abcd", Some(1)),
            ("abc", "xbc", Some(1)),
            ("sample_1", "sampel_2", Some(2)),
            ("", "ab", Some(2)),
            ("abcdef", "uvwxyz", None),
            ("a", "abcde", None),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes(), 3), edits, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes(), 3), edits, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_path_is_found() {
        let disk = MemDisk::new();
        for path in ["raw/a.fq", "raw/b.fq.gz", "ref/genome.fa", "top.txt"] {
            disk.write(path, "");
        }
        let mut listing = Listing::new(&disk);
        for (wanted, expected) in [
            ("raw/a.fp", Some("raw/a.fq")),
            ("raw/b.fq", Some("raw/a.fq")),
            ("rwa/b.fq.gz", Some("raw/b.fq.gz")),
            ("ref/gneome.fa", Some("ref/genome.fa")),
            ("tpo.txt", Some("top.txt")),
            ("data/genome.fa", Some("ref/genome.fa")),
            ("data/nothing-like-it", None),
        ] {
            let found = nearest_path(BStr::new(wanted), &mut listing);
            assert_eq!(found, expected.map(BString::from), "{wanted}");
        }
    }

    #[test]
    fn the_nearest_of_some_paths_is_found() {
        let candidates = ["out/a.bam", "out/b.bam", "deep/er/c.txt", "c.txt"].map(BStr::new);
        let nearest = |wanted: &str| nearest_of(BStr::new(wanted), candidates);
        assert_eq!(nearest("out/a.bma"), Some(BStr::new("out/a.bam")));
        assert_eq!(nearest("elsewhere/c.txt"), Some(BStr::new("c.txt")));
        assert_eq!(nearest("zzz"), None);
    }
}
