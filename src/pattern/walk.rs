//! Which existing paths a glob names: each folder on the way is listed once, through a `Listing`.
//!
//! Folders that a word spells are not listed, and links to folders are followed where a component
//! names them; `**` does not enter links, so that a link upwards makes no endless tree.

use std::collections::HashSet;
use std::io;

use bstr::{BStr, BString};

use super::Glob;
use super::glob::{Component, Line, may_descend};
use super::listing::Listing;
use crate::disk::Names;

/// A folder on the way, and the component to be matched in it.
struct Place {
    /// Empty for the workflow's folder.
    folder: BString,
    next: usize,
}

impl Glob {
    /// The paths that are there, in byte order, each once.
    ///
    /// Files, devices and links that lead nowhere count as files; a link to a folder is a folder.
    pub fn expand(&self, listing: &mut Listing) -> io::Result<Names> {
        let mut found = Names::default();
        for line in &self.lines {
            expand_line(&line.components, listing, &mut found)?;
        }
        found.sort();
        Ok(found)
    }

    /// The folders it looks into before it meets a wildcard, for whoever watches them.
    pub fn roots(&self) -> impl Iterator<Item = BString> {
        self.lines.iter().map(Line::root)
    }
}

impl Line {
    fn root(&self) -> BString {
        let mut root = BString::default();
        let (_, folders) = self
            .components
            .split_last()
            .unwrap_or((&Component::Folders, &[]));
        for (n, component) in folders.iter().enumerate() {
            match component {
                Component::Literal(name) => root = child(&root, name, n),
                _ => break,
            }
        }
        match root.is_empty() {
            true => ".".into(),
            false => root,
        }
    }
}

fn expand_line(
    components: &[Component],
    listing: &mut Listing,
    found: &mut Names,
) -> io::Result<()> {
    let n_deep = components
        .iter()
        .filter(|one| **one == Component::Folders)
        .count();
    // With one `**` no place is met twice.
    let mut visited: HashSet<(BString, usize)> = HashSet::new();
    let mut open = vec![Place {
        folder: BString::default(),
        next: 0,
    }];
    while let Some(Place { folder, next }) = open.pop() {
        if n_deep > 1 && !visited.insert((folder.clone(), next)) {
            continue;
        }
        let is_last = next + 1 == components.len();
        match &components[next] {
            Component::Literal(name) if !is_last => open.push(Place {
                folder: child(&folder, name, next),
                next: next + 1,
            }),
            Component::Literal(name) if name.is_empty() => {
                if !folder.is_empty() && listing.is_folder(BStr::new(&folder))? {
                    let mut path = folder;
                    if path != "/" {
                        path.push(b'/');
                    }
                    found.push(&path, true, false);
                }
            }
            Component::Literal(name) => {
                let entries = listing.folder(BStr::new(&folder))?;
                let entry = (entries.as_deref()).and_then(|all| all.find(name));
                if let Some(entry) = entry.filter(|entry| !entry.is_folder) {
                    found.push(&child(&folder, name, next), false, entry.is_link);
                }
            }
            Component::Wild(wild) => {
                let entries = listing.folder(BStr::new(&folder))?;
                let entries = entries.iter().flat_map(|all| wild.candidates(all));
                let mut path = folder.clone();
                if !(path.is_empty() || path.ends_with(b"/")) {
                    path.push(b'/');
                }
                let n_before = path.len();
                for entry in entries {
                    if entry.is_folder == is_last || !wild.matches(entry.name) {
                        continue;
                    }
                    path.truncate(n_before);
                    path.extend_from_slice(entry.name);
                    match is_last {
                        true => found.push(&path, entry.is_folder, entry.is_link),
                        false => open.push(Place {
                            folder: path.clone(),
                            next: next + 1,
                        }),
                    }
                }
            }
            Component::Folders => {
                let entries = listing.folder(BStr::new(&folder))?;
                for entry in entries.iter().flat_map(|entries| entries.iter()) {
                    if entry.is_folder && !entry.is_link && may_descend(entry.name) {
                        open.push(Place {
                            folder: child(&folder, entry.name, next),
                            next,
                        });
                    }
                }
                open.push(Place {
                    folder,
                    next: next + 1,
                });
            }
        }
    }
    Ok(())
}

/// The path of `name` in `folder`; component 0 that is empty is the root.
fn child(folder: &[u8], name: &[u8], n: usize) -> BString {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if (n == 0 && name.is_empty()) || !(folder.is_empty() || folder.ends_with(b"/")) {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;
    use crate::pattern::testing::parse;

    fn disk() -> MemDisk {
        let disk = MemDisk::new();
        for path in [
            "a.fq",
            "b.fq",
            ".hidden.fq",
            "raw/1.fq",
            "raw/2.fq",
            "raw/s/3.fq",
            "raw/s/t/4.fq",
            "raw/.x/5.fq",
            "raw/s.x/6.fq",
            ".flow/7.fq",
            "raw-x/8.fq",
        ] {
            disk.write(path, "");
        }
        disk.link("raw/s/up", "..");
        disk.link("raw/far", "../raw-x");
        disk.link("raw/gone.fq", "nowhere");
        disk
    }

    fn expand(disk: &MemDisk, glob: &str) -> String {
        let mut listing = Listing::new(disk);
        let glob = Glob::new(&parse(glob)).unwrap();
        let found = glob.expand(&mut listing).unwrap();
        for path in found.iter().map(|one| one.name) {
            assert!(glob.matches(path), "{path}");
        }
        let words: Vec<&BStr> = found.iter().map(|one| one.name).collect();
        bstr::join(" ", words)
            .iter()
            .map(|&byte| char::from(byte))
            .collect()
    }

    #[test]
    fn a_glob_finds_what_is_there() {
        let disk = disk();
        let cases = [
            ("*.fq", "a.fq b.fq"),
            ("raw/*.fq", "raw/1.fq raw/2.fq raw/gone.fq"),
            ("raw/*/*.fq", "raw/far/8.fq raw/s.x/6.fq raw/s/3.fq"),
            (
                "raw/s/up/*.fq",
                "raw/s/up/1.fq raw/s/up/2.fq raw/s/up/gone.fq",
            ),
            (
                "raw/**/*.fq",
                "raw/1.fq raw/2.fq raw/gone.fq raw/s.x/6.fq raw/s/3.fq raw/s/t/4.fq",
            ),
            ("raw/**/s/**/*.fq", "raw/s/3.fq raw/s/t/4.fq"),
            (
                "**",
                "a.fq b.fq raw-x/8.fq raw/1.fq raw/2.fq raw/gone.fq raw/s.x/6.fq raw/s/3.fq raw/s/t/4.fq",
            ),
            ("{b,a,b}.fq", "a.fq b.fq"),
            ("r*w*/1.fq", "raw/1.fq"),
            ("raw/s*/*", "raw/s.x/6.fq raw/s/3.fq"),
            ("raw/t*", ""),
            ("ra*/", "raw-x/ raw/"),
            ("raw/*/", "raw/far/ raw/s.x/ raw/s/"),
            ("raw/", "raw/"),
            ("raw/1.fq", "raw/1.fq"),
            ("raw", ""),
            ("*/1.fq", "raw/1.fq"),
            ("raw/.x/*", "raw/.x/5.fq"),
            (".*/*", ""),
            ("./raw//?.fq", "raw/1.fq raw/2.fq"),
            ("none/*", ""),
            ("a.fq/*", ""),
            ("/work/raw/1*", "/work/raw/1.fq"),
        ];
        for (glob, expected) in cases {
            assert_eq!(expand(&disk, glob), expected, "{glob}");
        }
    }

    #[test]
    fn names_need_be_no_text() {
        let disk = MemDisk::new();
        disk.write(b"d/\xff\n.fq", "");
        assert_eq!(expand(&disk, "d/*.fq"), "d/\u{ff}\n.fq");
    }

    #[test]
    fn a_folder_is_listed_once_and_then_known() {
        let disk = disk();
        let mut listing = Listing::new(&disk);
        let path = |text: &'static str| BStr::new(text);
        assert_eq!(listing.knows(path("raw/1.fq")), None);
        let glob = Glob::new(&parse("raw/*")).unwrap();
        let found = glob.expand(&mut listing).unwrap();
        disk.write("raw/new.fq", "");
        assert_eq!(glob.expand(&mut listing).unwrap(), found);
        for (text, known) in [
            ("raw/1.fq", Some(true)),
            ("raw/new.fq", Some(false)),
            ("raw/1.fq/", Some(false)),
            ("raw/s/", Some(true)),
            ("raw/gone.fq", None),
            ("other/x", None),
        ] {
            assert_eq!(listing.knows(path(text)), known, "{text}");
        }
        assert!(!listing.exists(path("raw/gone.fq")).unwrap());
        assert!(listing.exists(path("raw/far")).unwrap());
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_an_error() {
        let disk = disk();
        disk.break_path("raw/s", std::io::ErrorKind::PermissionDenied);
        let glob = |text: &str| {
            Glob::new(&parse(text))
                .unwrap()
                .expand(&mut Listing::new(&disk))
        };
        let error = glob("raw/**/*.fq").unwrap_err();
        assert!(error.to_string().starts_with("list `raw/s`: "), "{error}");
        assert_eq!(glob("raw/*.fq").unwrap().len(), 3);
    }

    #[test]
    fn the_roots_of_a_glob_are_where_it_begins_to_look() {
        for (text, expected) in [
            ("a/b/*/c", "a/b"),
            ("*", "."),
            ("/*", "/"),
            ("a/**", "a"),
            ("{a,b}/*", "a b"),
        ] {
            let roots: Vec<_> = Glob::new(&parse(text)).unwrap().roots().collect();
            assert_eq!(bstr::join(" ", roots), expected.as_bytes(), "{text}");
        }
    }
}
