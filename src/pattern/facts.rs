//! What a path says of itself: its folder, name, stem and extension; and its one spelling.
//!
//! A folder's path may end in `/`; its facts are those without it.

use std::borrow::Cow;

/// The path less the slashes at its end; `/` stays.
pub fn without_slash(path: &[u8]) -> &[u8] {
    let len = path
        .iter()
        .rposition(|&byte| byte != b'/')
        .map_or(0, |n| n + 1);
    &path[..len.max(usize::from(path.starts_with(b"/")))]
}

/// Where the name begins.
fn name_start(path: &[u8]) -> usize {
    path.iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |n| n + 1)
}

/// The folder a path is in: `.` for a bare name, `/` for what is in the root.
pub fn dir(path: &[u8]) -> &[u8] {
    let path = without_slash(path);
    match name_start(path) {
        0 => b".",
        1 => b"/",
        start => without_slash(&path[..start]),
    }
}

/// The last part of a path, with its extension.
pub fn name(path: &[u8]) -> &[u8] {
    let path = without_slash(path);
    &path[name_start(path)..]
}

/// Where the last extension of a name begins. Dots in front hide a file and begin none.
fn ext_start(name: &[u8]) -> usize {
    let hidden = name.iter().take_while(|&&byte| byte == b'.').count();
    name[hidden..]
        .iter()
        .rposition(|&byte| byte == b'.')
        .map_or(name.len(), |n| hidden + n)
}

/// The name less its last extension: `a.tar` of `x/a.tar.gz`.
pub fn stem(path: &[u8]) -> &[u8] {
    let name = name(path);
    &name[..ext_start(name)]
}

/// The last extension with its dot, or nothing: `.gz` of `a.tar.gz`, none of `.bashrc`.
pub fn ext(path: &[u8]) -> &[u8] {
    let name = name(path);
    &name[ext_start(name)..]
}

/// The folders on the way to a path, from the top: `raw` and `s1` of `raw/s1/a.fq`.
pub fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let path = without_slash(path);
    path[..name_start(path)]
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
}

/// The one spelling of a path: without `./` in front, `/./` and `//`.
///
/// A `/` at the end stays, it says that a folder is meant. `..` stays too: behind a link `x/..`
/// is not where it seems to be.
pub fn clean(path: &[u8]) -> Cow<'_, [u8]> {
    let says_nothing = |component: &[u8]| component.is_empty() || component == b".";
    let body = path.strip_prefix(b"/").unwrap_or(path);
    let body = body.strip_suffix(b"/").unwrap_or(body);
    if path == b"." || path == b"/" || !body.split(|&byte| byte == b'/').any(says_nothing) {
        return Cow::Borrowed(path);
    }
    let mut cleaned = Vec::with_capacity(path.len());
    if path.starts_with(b"/") {
        cleaned.push(b'/');
    }
    for component in path.split(|&byte| byte == b'/') {
        if !says_nothing(component) {
            cleaned.extend_from_slice(component);
            cleaned.push(b'/');
        }
    }
    let is_folder = path.ends_with(b"/") || path.ends_with(b"/.");
    match cleaned.len() {
        0 if is_folder => cleaned.extend_from_slice(b"./"),
        0 | 1 => {}
        _ if is_folder => {}
        _ => {
            cleaned.pop();
        }
    }
    Cow::Owned(cleaned)
}

#[cfg(test)]
mod tests {
    use bstr::{BStr, ByteSlice};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_of_paths() {
        // Path, dir, name, stem, ext, parts.
        let cases = [
            ("a.tar.gz", ".", "a.tar.gz", "a.tar", ".gz", ""),
            ("raw/s1/a.fq", "raw/s1", "a.fq", "a", ".fq", "raw s1"),
            (".bashrc", ".", ".bashrc", ".bashrc", "", ""),
            ("x/.a.b", "x", ".a.b", ".a", ".b", "x"),
            ("x.y/Makefile", "x.y", "Makefile", "Makefile", "", "x.y"),
            ("out/run.d/", "out", "run.d", "run", ".d", "out"),
            ("/a.b", "/", "a.b", "a", ".b", ""),
            ("/u/a", "/u", "a", "a", "", "u"),
            ("a.", ".", "a.", "a", ".", ""),
            ("..", ".", "..", "..", "", ""),
            ("../a", "..", "a", "a", "", ".."),
            ("/", "/", "", "", "", ""),
        ];
        for (path, is_dir, is_name, is_stem, is_ext, are_parts) in cases {
            let path = path.as_bytes();
            let facts = [dir(path), name(path), stem(path), ext(path)].map(BStr::new);
            assert_eq!(facts, [is_dir, is_name, is_stem, is_ext], "{facts:?}");
            assert_eq!(bstr::join(" ", parts(path)).as_bstr(), are_parts);
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        let cases = [
            ("./a", "a"),
            ("a//b/./c", "a/b/c"),
            ("././a/", "a/"),
            ("a/.", "a/"),
            ("a/..", "a/.."),
            ("../a", "../a"),
            (".a/b.", ".a/b."),
            ("//a", "/a"),
            ("/.", "/"),
            (".//", "./"),
            ("./.", "./"),
            (".", "."),
            ("./", "./"),
            ("", ""),
        ];
        for (path, expected) in cases {
            let cleaned = clean(path.as_bytes());
            assert_eq!(BStr::new(&*cleaned), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(path in "[a./]{0,8}") {
            let once = clean(path.as_bytes()).into_owned();
            let twice = clean(&once);
            prop_assert_eq!(BStr::new(&*twice), BStr::new(&once));
            let pattern = crate::pattern::Pattern::text(path.as_str());
            let of_pattern = pattern.clean().literal().unwrap();
            prop_assert_eq!(of_pattern, BStr::new(&once));
        }

        #[test]
        fn folder_and_name_make_the_path(path in "[a-c]{1,2}(/[a-c.]{1,3}){0,3}") {
            let path = path.as_bytes();
            let joined = [dir(path), b"/", name(path)].concat();
            let joined = clean(&joined);
            let cleaned = clean(path);
            prop_assert_eq!(without_slash(&joined), without_slash(&cleaned));
            prop_assert_eq!([stem(path), ext(path)].concat(), name(path));
        }
    }
}
