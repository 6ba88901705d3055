//! Amounts, one for all tries or one for each: `cores 2`, `mem [4G, 8G]`, `time 2h`.

use std::time::Duration;

use super::{Attributes, one_word};
use crate::lang::Diag;
use crate::lang::ast::{self, Attribute, Value, Word};
use crate::lang::quantity::{parse_duration, parse_mib};
use crate::workflow::PerTry;
use crate::workflow::resolver::Resolver;

/// Whole numbers of at least `least`.
pub fn counts(resolver: &mut Resolver, attribute: &Attribute, least: u32) -> PerTry<u32> {
    let what = format!("`{}`", attribute.name.value);
    per_try(resolver, attribute, |resolver, word| {
        resolver.number(word, &what, least)
    })
}

/// Amounts of memory, in MiB.
pub fn memory(resolver: &mut Resolver, attribute: &Attribute) -> PerTry<u64> {
    per_try(resolver, attribute, |resolver, word| {
        measure(resolver, word, "`mem`", "some memory", parse_mib)
    })
}

/// How long tries may run.
pub fn times(resolver: &mut Resolver, attribute: &Attribute) -> PerTry<Duration> {
    per_try(resolver, attribute, |resolver, word| {
        let time = duration(resolver, word, "`time`")?;
        if time.is_zero() {
            resolver.diags.push(
                Diag::error("E0224", "`time` must be more than nothing")
                    .at(word.span, "no job ends in no time"),
            );
            return None;
        }
        Some(time)
    })
}

/// The time between two tries.
pub fn backoff(resolver: &mut Resolver, attribute: &Attribute) -> Duration {
    let word = one_word(resolver, attribute, "a time: `backoff 30s`");
    word.and_then(|word| duration(resolver, word, "`backoff`"))
        .unwrap_or_default()
}

fn duration(resolver: &mut Resolver, word: &Word, what: &str) -> Option<Duration> {
    measure(resolver, word, what, "a time", parse_duration)
}

/// A word as `parse` reads it.
fn measure<T>(
    resolver: &mut Resolver,
    word: &Word,
    what: &str,
    kind: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    let text = resolver.text(word)?.to_string();
    match parse(&text) {
        Ok(value) => Some(value),
        Err(why) => {
            resolver.diags.push(
                Diag::error(
                    "E0224",
                    format!("{what} takes {kind}, and `{text}` is none"),
                )
                .at(word.span, why),
            );
            None
        }
    }
}

/// The one value, or one for each try.
fn per_try<T>(
    resolver: &mut Resolver,
    attribute: &Attribute,
    mut read: impl FnMut(&mut Resolver, &Word) -> Option<T>,
) -> PerTry<T> {
    let words = match attribute.values.first() {
        Some(Value::Word(word)) => std::slice::from_ref(word),
        Some(Value::List(list)) => &list.value[..],
        None => &[],
    };
    if words.is_empty() {
        let name = &attribute.name.value;
        resolver.diags.push(
            Diag::error("E0222", format!("the list of `{name}` is empty"))
                .at(attribute.span, "there is no value in it")
                .help("one value for all tries, or one for each: `mem [4G, 8G]`"),
        );
    }
    PerTry(
        words
            .iter()
            .filter_map(|word| read(resolver, word))
            .collect(),
    )
}

/// A list that is longer than the rule has tries: its last values would never be used.
pub fn check_tries(resolver: &mut Resolver, rule: &ast::Rule, found: &Attributes) {
    let Some(retries) = found.retries else {
        // The run's own default may bring tries enough.
        return;
    };
    for attribute in &rule.attributes {
        if let Some(Value::List(list)) = attribute.values.first()
            && list.value.len() > retries as usize + 1
            && matches!(
                attribute.name.value.as_str(),
                "cores" | "mem" | "gpus" | "time"
            )
        {
            let n_values = list.value.len();
            let tries = match retries {
                0 => "one try".to_string(),
                _ => format!("{} tries", retries + 1),
            };
            resolver.diags.push(
                Diag::warning(
                    "W0225",
                    format!(
                        "`{}` names more values than there are tries",
                        attribute.name.value
                    ),
                )
                .at(list.span, format!("{n_values} values for {tries}"))
                .help(format!("a value for each try: `retries {}`", n_values - 1)),
            );
        }
    }
}
