//! Params in JSON.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Entry, Wrong, list};
use crate::workflow::param::Content;

pub(super) fn read(text: &str) -> Result<Vec<Entry>, Wrong> {
    let members: Members = serde_json::from_str(text)
        .map_err(|error| Wrong::new(message(&error), place(text, &error)))?;
    let entries = members.0.into_iter().map(|(name, raw)| {
        let (value, range) = content(text, raw)?;
        Ok(Entry { name, value, range })
    });
    entries.collect()
}

/// The error without its place, which is marked.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_string()
}

fn place(text: &str, error: &serde_json::Error) -> Range<usize> {
    let lines = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    let mut at = (before + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    at..at + length
}

fn content(text: &str, raw: &RawValue) -> Result<(Content, Range<usize>), Wrong> {
    let spelt = raw.get();
    // The value is a slice of the text.
    let start = spelt.as_ptr() as usize - text.as_ptr() as usize;
    let range = start..start + spelt.len();
    let wrong = |error: serde_json::Error| Wrong::new(message(&error), range.clone());
    let content = match spelt.as_bytes()[0] {
        b'"' => Content::One(serde_json::from_str::<String>(spelt).map_err(wrong)?.into()),
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(spelt).map_err(wrong)?;
            let elements = elements
                .into_iter()
                .map(|raw| match raw.get().as_bytes()[0] {
                    b'[' => Err(Wrong::no_value("a list in a list", range.clone())),
                    _ => content(text, raw),
                });
            list(elements.collect::<Result<_, _>>()?)?
        }
        b'{' => return Err(Wrong::no_value("an object", range)),
        b'n' => return Err(Wrong::no_value("null", range)),
        _ => Content::One(spelt.into()),
    };
    Ok((content, range))
}

/// The members of an object in their order, also those with one name.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'t> Visitor<'t> for Object {
            type Value = Members<'t>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object whose members are params")
            }
            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members<'t>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
