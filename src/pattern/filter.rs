//! What a rule's `suffix`, `match` or `regex` does to a path: selects it, and captures parts of it.

use std::ops::Range;

use bstr::{BStr, BString};
use regex::bytes::Regex;

use super::constraint;
use super::template::Template;
use super::{NameId, Pattern, PatternError};

/// A rule's filter, compiled.
#[derive(Clone, Debug)]
pub enum Filter {
    /// No filter: every path is selected.
    All,
    Suffix(BString),
    Template(Box<Template>),
    Regex(Box<Search>),
}

/// A regular expression that is found anywhere in a path.
#[derive(Clone, Debug)]
pub struct Search {
    regex: Regex,
    /// The names of its groups.
    names: Vec<(NameId, usize)>,
}

/// What a filter captured: ranges of the path that it matched.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Captures {
    /// Named captures, each name once, in the order of the pattern.
    pub named: Vec<(NameId, Range<usize>)>,
    /// The groups of a regular expression by number, the whole match first; empty otherwise.
    pub numbered: Vec<Range<usize>>,
}

impl Captures {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.named.clear();
        self.numbered.clear();
    }

    /// What `name` took of `path`.
    pub fn get<'p>(&self, name: NameId, path: &'p BStr) -> Option<&'p BStr> {
        let (_, range) = self.named.iter().find(|(known, _)| *known == name)?;
        Some(BStr::new(&path[range.clone()]))
    }
}

impl Filter {
    /// Selects the paths that end in `text`; the caller refuses an empty one.
    pub fn suffix(text: &[u8]) -> Filter {
        Filter::Suffix(text.into())
    }

    /// Selects the paths that the template fits.
    ///
    /// A template with neither `/` nor `{**name}` is laid on the file name alone. Globs in it match
    /// and capture nothing.
    pub fn template(pattern: &Pattern) -> Result<Filter, PatternError> {
        Ok(Filter::Template(Box::new(Template::new(pattern)?)))
    }

    /// Selects the paths in which the regular expression is found.
    ///
    /// `names` interns the names of its groups.
    pub fn regex(
        source: &str,
        names: &mut dyn FnMut(&str) -> NameId,
    ) -> Result<Filter, PatternError> {
        constraint::parse(source)?;
        let regex = Regex::new(source).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                PatternError::new("the regular expression is too big")
            }
            error => PatternError::new(error.to_string()),
        })?;
        let named = regex
            .capture_names()
            .enumerate()
            .filter_map(|(n, name)| name.map(|name| (names(name), n)));
        let names = named.collect();
        Ok(Filter::Regex(Box::new(Search { regex, names })))
    }

    /// Whether `path` is selected; what it captures is appended to `captures`.
    ///
    /// A group of a regular expression that took no part in the match has captured nothing: the
    /// empty text. When the answer is no, `captures` is as before.
    pub fn matches(&self, path: &BStr, captures: &mut Captures) -> bool {
        match self {
            Filter::All => true,
            Filter::Suffix(_) => self.stem(path).is_some(),
            Filter::Template(template) => template.matches(path, &mut captures.named),
            Filter::Regex(search) => search.matches(path, captures),
        }
    }

    /// How many groups a regular expression captures by number, the whole match among them.
    pub fn n_groups(&self) -> usize {
        match self {
            Filter::Regex(search) => search.regex.captures_len(),
            _ => 0,
        }
    }

    /// For a suffix: the path without it.
    ///
    /// The suffix may be the whole file name (`reads.fq`, and the stem ends in `/`), but a hidden
    /// file is not its own extension: `.txt` and `a/.txt` do not end in the suffix `.txt`.
    pub fn stem<'p>(&self, path: &'p BStr) -> Option<&'p BStr> {
        let Filter::Suffix(suffix) = self else {
            return None;
        };
        let stem = path.strip_suffix(suffix.as_slice())?;
        let is_hidden_file =
            suffix.starts_with(b".") && stem.last().is_none_or(|&byte| byte == b'/');
        (!is_hidden_file).then(|| BStr::new(stem))
    }
}

impl Search {
    fn matches(&self, path: &BStr, captures: &mut Captures) -> bool {
        let mut groups = self.regex.capture_locations();
        if self.regex.captures_read(&mut groups, path).is_none() {
            return false;
        }
        let group = |n: usize| groups.get(n).map_or(0..0, |(start, end)| start..end);
        let named = self.names.iter().map(|&(name, n)| (name, group(n)));
        captures.named.extend(named);
        captures.numbered.extend((0..groups.len()).map(group));
        true
    }
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice;

    use super::*;
    use crate::pattern::testing::name;

    #[test]
    fn a_suffix_leaves_a_stem() {
        let cases = [
            (".fq", "raw/a.fq", Some("raw/a")),
            (".fq", "a.fq.gz", None),
            ("_1.fq", "_1.fq", Some("")),
            ("reads.fq", "s1/reads.fq", Some("s1/")),
            ("/reads.fq", "s1/reads.fq", Some("s1")),
            (".txt", ".txt", None),
            (".txt", "a/.txt", None),
            (".txt", ".a.txt", Some(".a")),
        ];
        for (suffix, path, stem) in cases {
            let filter = Filter::suffix(suffix.as_bytes());
            let path = BStr::new(path);
            assert_eq!(filter.stem(path), stem.map(BStr::new), "{suffix} {path}");
            let selected = filter.matches(path, &mut Captures::default());
            assert_eq!(selected, stem.is_some());
        }
    }

    #[test]
    fn a_regex_captures_by_name_and_number() {
        let mut names = |text: &str| name(text.as_bytes()[0]);
        let filter = Filter::regex(r"(?P<s>\w+)_(\d)(?P<x>z)?\.fq", &mut names).unwrap();
        let path = BStr::new(b"raw/\xff/ab_1.fq.gz");
        let mut captures = Captures::default();
        assert!(filter.matches(path, &mut captures));
        assert_eq!(captures.get(name(b's'), path).unwrap(), "ab");
        assert_eq!(captures.get(name(b'x'), path).unwrap(), "");
        let numbered: Vec<&[u8]> = captures
            .numbered
            .iter()
            .map(|n| &path.as_bytes()[n.clone()])
            .collect();
        assert_eq!(numbered, [&b"ab_1.fq"[..], b"ab", b"1", b""]);
        captures.clear();
        assert!(!filter.matches(BStr::new("raw/ab.fq"), &mut captures));
        assert_eq!(captures, Captures::default());
    }

    #[test]
    fn a_wrong_regex_is_told_with_its_place() {
        let error = Filter::regex("a(b", &mut |_| name(b'a')).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.range),
            ("unclosed group", Some(1..2))
        );
        assert!(Filter::regex(r"[a-z]{1000}{1000}", &mut |_| name(b'a')).is_err());
    }
}
