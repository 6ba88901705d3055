//! Finds misspelt keywords in headers: `sufix .fq` reads like two sources.

use std::sync::Arc;

use super::ast::{Ast, Filter, FilterKind, ItemKind, Name, NamedWord, Rule};
use super::diag::Diag;
use super::names::is_name;
use super::nearest::distance;

/// Reports and mends them, where no item of the file has such a name.
pub(super) fn mend(ast: &mut Ast, diags: &mut Vec<Diag>) {
    let mut defined: Vec<String> = ast.broken.iter().map(|name| name.value.clone()).collect();
    for item in &ast.items {
        match &item.kind {
            ItemKind::Rule(rule) => defined.push(rule.name.value.clone()),
            ItemKind::Table { name, .. } | ItemKind::Use { name, .. } => {
                defined.push(name.value.clone());
            }
            _ => {}
        }
    }
    for item in &mut ast.items {
        let ItemKind::Rule(rule) = &mut item.kind else {
            continue;
        };
        let Some((at, keyword)) = suspect(rule) else {
            continue;
        };
        let rule = Arc::make_mut(rule);
        let Some(factor) = rule.factors.last_mut() else {
            continue;
        };
        let text = factor.sources[at].bare().unwrap_or("").to_string();
        if defined.contains(&text) {
            continue;
        }
        let mut tail = factor.sources.split_off(at);
        let word = tail.remove(0);
        diags.push(
            Diag::error(
                "E0101",
                format!("`{text}` is no word of the language and no rule"),
            )
            .at(word.span, "")
            .fix(format!("did you mean `{keyword}`?"), word.span, keyword),
        );
        let kind = match keyword {
            "suffix" => FilterKind::Suffix,
            "match" => FilterKind::Match,
            "regex" => FilterKind::Regex,
            _ => {
                let extras = if keyword == "with" {
                    &mut rule.with
                } else {
                    &mut rule.using
                };
                extras.extend(tail.into_iter().map(|word| NamedWord {
                    name: None::<Name>,
                    word,
                }));
                continue;
            }
        };
        let filter_word = tail.remove(0);
        factor.filter = Some(Filter {
            kind,
            span: word.span.to(filter_word.span),
            word: filter_word,
        });
    }
}

/// Whether there may be one in `rule`.
pub(super) fn is_suspect(rule: &Rule) -> bool {
    suspect(rule).is_some()
}

/// The source of the last factor that looks like a keyword with a word behind it.
fn suspect(rule: &Rule) -> Option<(usize, &'static str)> {
    let factor = rule
        .factors
        .last()
        .filter(|factor| factor.filter.is_none())?;
    let before_last = factor.sources.len().checked_sub(1)?;
    factor.sources[..before_last]
        .iter()
        .enumerate()
        .find_map(|(at, word)| {
            // Any other word is a path.
            let text = word.bare().filter(|text| is_name(text))?;
            let keywords = ["suffix", "match", "regex", "with", "using"];
            let near = |keyword: &&str| {
                text.len().abs_diff(keyword.len()) <= 1 && distance(text, keyword) == 1
            };
            let keyword = keywords.into_iter().find(near)?;
            // A filter takes exactly one word, the last.
            let is_filter = !matches!(keyword, "with" | "using");
            (!is_filter || at + 2 == factor.sources.len()).then_some((at, keyword))
        })
}
