//! Puts captured text in the place of captures. What a capture brings is never a pattern.

use bstr::BString;

use super::{NameId, Part, Pattern, alternatives};

/// Appends the word with its captures filled to `out`; globs come as they are spelt.
///
/// `Err` is a name that `lookup` does not know; `out` then holds what came before it.
pub fn fill<'t>(
    pattern: &Pattern,
    lookup: &mut dyn FnMut(NameId) -> Option<&'t [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), NameId> {
    for part in &pattern.0 {
        match part {
            Part::Text(text) => out.extend_from_slice(text),
            Part::Capture(capture) => {
                out.extend_from_slice(lookup(capture.name).ok_or(capture.name)?);
            }
            glob => {
                let filled = fill_glob(&Pattern(vec![glob.clone()]), lookup)?;
                out.extend_from_slice(&filled.spell(&|_| String::new()));
            }
        }
    }
    Ok(())
}

/// The word with literal text in the place of captures; its globs stay globs.
pub fn fill_glob<'t>(
    pattern: &Pattern,
    lookup: &mut dyn FnMut(NameId) -> Option<&'t [u8]>,
) -> Result<Pattern, NameId> {
    let mut filled = Pattern::default();
    for part in &pattern.0 {
        match part {
            Part::Capture(capture) => {
                filled.push_text(lookup(capture.name).ok_or(capture.name)?);
            }
            Part::OneOf(choices) if has_captures(choices) => {
                let lines = match alternatives(std::slice::from_ref(part)) {
                    Ok(lines) => lines,
                    // Too many: compiling the glob will say so.
                    Err(_) => {
                        filled.push(part.clone());
                        continue;
                    }
                };
                let mut words = Vec::new();
                for line in lines {
                    let mut word = Pattern::default();
                    for part in line.0 {
                        match part {
                            Part::Capture(capture) => {
                                word.push_text(lookup(capture.name).ok_or(capture.name)?);
                            }
                            part => word.push(part),
                        }
                    }
                    words.push(word.0);
                }
                filled.push(Part::OneOf(words));
            }
            part => filled.push(part.clone()),
        }
    }
    Ok(filled)
}

fn has_captures(choices: &[Vec<Part>]) -> bool {
    let has = |choice: &Vec<Part>| Pattern(choice.clone()).captures().next().is_some();
    choices.iter().any(has)
}

/// Shorthands on the pattern itself.
impl Pattern {
    /// The path that the word names once its captures are filled in; see [`fill`].
    pub fn filled<'t>(
        &self,
        lookup: &mut dyn FnMut(NameId) -> Option<&'t [u8]>,
    ) -> Result<BString, NameId> {
        let mut out = Vec::new();
        fill(self, lookup, &mut out)?;
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Glob;
    use crate::pattern::testing::{name, parse};

    /// `x` is `*` and `y` is `{a,b}`.
    fn lookup(id: NameId) -> Option<&'static [u8]> {
        [
            (name(b'x'), &b"*"[..]),
            (name(b'y'), b"{a,b}"),
            (name(b'z'), b"\xff"),
        ]
        .into_iter()
        .find_map(|(known, text)| (known == id).then_some(text))
    }

    #[test]
    fn a_word_is_filled() {
        let filled = |word: &str| parse(word).filled(&mut lookup);
        assert_eq!(filled("o/{x}_{y}.bam").unwrap(), "o/*_{a,b}.bam");
        assert_eq!(filled("{z}").unwrap(), b"\xff"[..]);
        assert_eq!(filled("{x}.*.{p,q{z}}").unwrap(), b"*.*.{p,q\xff}"[..]);
        assert_eq!(filled("a{q}b").unwrap_err(), name(b'q'));
    }

    #[test]
    fn what_a_capture_brings_is_no_pattern() {
        let filled = fill_glob(&parse("c/{x}.*.fq"), &mut lookup).unwrap();
        let glob = Glob::new(&filled).unwrap();
        assert!(glob.matches(b"c/*.1.fq".into()));
        assert!(!glob.matches(b"c/a.1.fq".into()));
        let filled = fill_glob(&parse("{p,{x}}?"), &mut lookup).unwrap();
        let glob = Glob::new(&filled).unwrap();
        assert!(glob.matches(b"*1".into()) && glob.matches(b"p1".into()));
        assert!(!glob.matches(b"a1".into()));
        assert_eq!(
            fill_glob(&parse("{p,{q}}"), &mut lookup).unwrap_err(),
            name(b'q')
        );
    }
}
