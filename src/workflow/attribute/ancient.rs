//! `ancient N…`: inputs whose times are not looked at, by their names or by words of the header.
//!
//! A word is meant when it is written alike: names are looked up in the header, not here.

use crate::lang::ast::{self, Attribute, NamedWord, Value};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span};
use crate::workflow::resolver::Resolver;

/// What the `ancient` of one rule names.
pub(in crate::workflow) struct Ancient(Vec<(String, Span)>);

impl Ancient {
    pub fn of(resolver: &Resolver, rule: &ast::Rule) -> Ancient {
        let is_ancient = |attribute: &&Attribute| attribute.name.value == "ancient";
        let values = rule.attributes.iter().filter(is_ancient);
        let words = values.flat_map(|attribute| &attribute.values);
        let words = words.flat_map(|value| match value {
            Value::Word(word) => std::slice::from_ref(word),
            Value::List(list) => &list.value,
        });
        let text = |word: &ast::Word| (resolver.sources.text(word.span).to_string(), word.span);
        Ancient(words.map(text).collect())
    }

    /// Whether it names a source.
    pub fn has_source(&self, resolver: &Resolver, word: &ast::Word) -> bool {
        let text = resolver.sources.text(word.span);
        self.0.iter().any(|(name, _)| name == text)
    }

    /// Whether it names a word of `with` or `using`.
    pub fn has_extra(&self, resolver: &Resolver, word: &NamedWord) -> bool {
        let name = word.name.as_ref();
        let is_name = |text: &String| name.is_some_and(|name| name.value == *text);
        self.has_source(resolver, &word.word) || self.0.iter().any(|(text, _)| is_name(text))
    }

    /// Reports what is no input of the rule.
    pub fn check(&self, resolver: &mut Resolver, rule: &ast::Rule) {
        let extras = rule.with.iter().chain(&rule.using);
        let mut known: Vec<&str> = Vec::new();
        for extra in extras {
            known.extend(extra.name.as_ref().map(|name| name.value.as_str()));
            known.push(resolver.sources.text(extra.word.span));
        }
        for factor in &rule.factors {
            let sources = factor.sources.iter().map(|word| word.span);
            known.extend(sources.map(|span| resolver.sources.text(span)));
            if let (true, Some(filter)) = (factor.sources.is_empty(), &factor.filter) {
                known.push(resolver.sources.text(filter.word.span));
            }
        }
        let unknown = self
            .0
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()));
        let diags: Vec<Diag> = unknown
            .map(|(name, span)| {
                let diag = Diag::error("E0286", format!("`{name}` is no input of this rule"))
                    .at(*span, "asked for here")
                    .and(rule.header, "neither a name nor a word of its inputs");
                match nearest(name, known.iter().copied()) {
                    Some(near) => diag.fix(format!("did you mean `{near}`?"), *span, near),
                    None if known.is_empty() => diag.note("it has no inputs"),
                    None => diag.note(format!("its inputs are `{}`", known.join("`, `"))),
                }
            })
            .collect();
        resolver.diags.extend(diags);
    }
}
