//! Params in TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Wrong, list};
use crate::workflow::param::Content;

pub(super) fn read(text: &str) -> Result<Vec<Entry>, Wrong> {
    let table = DeTable::parse(text)
        .map_err(|error| Wrong::new(error.message(), error.span().unwrap_or(0..0)))?;
    let entries = table.get_ref().iter().map(|(name, value)| {
        Ok(Entry {
            name: name.get_ref().to_string(),
            value: content(text, value)?,
            range: value.span(),
        })
    });
    let mut entries = entries.collect::<Result<Vec<_>, Wrong>>()?;
    entries.sort_by_key(|entry| entry.range.start);
    Ok(entries)
}

fn content(text: &str, value: &Spanned<DeValue>) -> Result<Content, Wrong> {
    let range = value.span();
    let spelt = &text[range.clone()];
    let one = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_) => integer(spelt),
        DeValue::Float(_) => spelt.replace('_', ""),
        DeValue::Boolean(_) | DeValue::Datetime(_) => spelt.to_string(),
        DeValue::Array(values) => {
            // A list in a list is refused, so this goes one step down.
            let elements = values.iter().map(|value| element(text, value));
            return list(elements.collect::<Result<_, _>>()?);
        }
        DeValue::Table(_) => return Err(Wrong::no_value("a table", range)),
    };
    Ok(Content::One(one.into()))
}

fn element(text: &str, value: &Spanned<DeValue>) -> Result<(Content, Range<usize>), Wrong> {
    match value.get_ref() {
        DeValue::Array(_) => Err(Wrong::no_value("a list in a list", value.span())),
        _ => Ok((content(text, value)?, value.span())),
    }
}

/// `1_000` and `0xff` in the spelling that a workflow knows.
fn integer(spelt: &str) -> String {
    let plain = spelt.replace('_', "");
    let radix = match plain.get(..2) {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => return plain.strip_prefix('+').map(String::from).unwrap_or(plain),
    };
    let number = i64::from_str_radix(&plain[2..], radix);
    number.map_or(plain, |number| number.to_string())
}
