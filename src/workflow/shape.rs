//! The shape of the paths that a word can name: its text and globs, with what is filled in as `*`.
//!
//! Shapes answer which rules are upstream through a glob, before any file is looked at.

use super::expr::{Expr, Fact, Part, Word};
use super::{Rule, SampleTable, Source, TableId};
use crate::dense::Table;
use crate::pattern::{self, Pattern, Shape};

/// What a word can name. Captures and facts are taken as anything of their kind.
pub fn of_word(word: &Word, spans_folders: &dyn Fn(pattern::NameId) -> bool) -> Pattern {
    let parts = word.parts.iter().map(|part| match part {
        Part::Text(text) => pattern::Part::Text(text.clone()),
        Part::Glob(glob) => glob.clone(),
        Part::Value(Expr::Text(text), _) => pattern::Part::Text(text.clone()),
        Part::Value(Expr::Capture { name, .. }, _) if !spans_folders(*name) => pattern::Part::Star,
        Part::Value(
            Expr::Files {
                fact: Some(fact), ..
            }
            | Expr::Element {
                fact: Some(fact), ..
            },
            _,
        ) if !matches!(fact, Fact::Dir) => pattern::Part::Star,
        Part::Value(..) => pattern::Part::DoubleStar,
    });
    Pattern(parts.collect())
}

/// What a word can name whose captures are all columns of the rule's tables: one for each row.
/// `None` where the captures come from elsewhere, or the rows are more than `most`.
pub fn of_rows(
    rule: &Rule,
    word: &Word,
    tables: &Table<TableId, SampleTable>,
    most: usize,
) -> Option<Vec<Pattern>> {
    let mut used = Vec::new();
    for (expr, _) in word.values() {
        match expr {
            Expr::Capture { name, index: None } => used.push(*name),
            Expr::Text(_) => {}
            _ => return None,
        }
    }
    let factor = rule.factors.iter().find_map(|factor| {
        let of_table = |source: &Source| match source {
            Source::Table(table) => Some(&tables[*table]),
            _ => None,
        };
        let found: Vec<&SampleTable> =
            factor.sources.iter().map(of_table).collect::<Option<_>>()?;
        let has_all = |table: &&SampleTable| used.iter().all(|name| table.columns.contains(name));
        (!used.is_empty() && !found.is_empty() && found.iter().all(has_all)).then_some(found)
    })?;
    if factor.iter().map(|table| table.rows.len()).sum::<usize>() > most {
        return None;
    }
    let mut patterns = Vec::new();
    for (table, row) in factor
        .iter()
        .flat_map(|table| table.rows.iter().map(move |row| (table, row)))
    {
        let mut pattern = Pattern::default();
        for part in &word.parts {
            match part {
                Part::Text(text) | Part::Value(Expr::Text(text), _) => pattern.push_text(text),
                Part::Glob(glob) => pattern.push(glob.clone()),
                Part::Value(Expr::Capture { name, .. }, _) => {
                    let at = table.columns.iter().position(|column| column == name)?;
                    pattern.push_text(&row[at]);
                }
                Part::Value(..) => return None,
            }
        }
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Some(patterns)
}

/// The shape of a pattern; anything at all where it says more than a shape can hold.
pub fn of(pattern: &Pattern) -> Shape {
    Shape::word(&pattern.clean()).unwrap_or_else(|_| Shape::anything())
}

/// What `suffix` makes of a source's shape: the suffix taken off, the word's shape put there.
pub fn replace_suffix(source: &Pattern, suffix: &[u8], word: Pattern) -> Pattern {
    let mut parts = source.0.clone();
    if let Some(pattern::Part::Text(last)) = parts.last_mut() {
        if let Some(stem) = last.strip_suffix(suffix) {
            *last = stem.into();
        } else if suffix.ends_with(last) {
            parts.pop();
        }
    }
    parts.extend(word.0);
    Pattern(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_is_replaced_in_the_shape() {
        let source = Pattern(vec![
            pattern::Part::Text("raw/".into()),
            pattern::Part::Star,
            pattern::Part::Text(".txt".into()),
        ]);
        let word = Pattern(vec![pattern::Part::Text(".csv".into())]);
        let shape = replace_suffix(&source, b".txt", word);
        let texts: Vec<_> = shape
            .0
            .iter()
            .map(|part| match part {
                pattern::Part::Text(text) => text.to_string(),
                _ => "*".into(),
            })
            .collect();
        assert_eq!(texts.concat(), "raw/*.csv");
    }
}
