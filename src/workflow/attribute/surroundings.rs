//! `env`, `workdir`, `shell`, `stdout`, `stderr`, `deps`: words that may use all that a recipe may.

use crate::lang::Diag;
use crate::lang::ast::{self, Attribute, Piece, Value, Verb};
use crate::workflow::header::{RuleScope, resolve_words};
use crate::workflow::recipe::Shell;
use crate::workflow::resolver::Resolver;
use crate::workflow::scope::Site;
use crate::workflow::{Around, Word};

/// What surrounds the recipe of `rule`.
pub(in crate::workflow) fn resolve(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    scope: &RuleScope,
    input_slots: &[Option<String>],
    output_slots: &[Option<String>],
) -> (Around, Option<Box<Word>>) {
    let mut around = Around::default();
    let mut deps = None;
    let read = |resolver: &mut Resolver, word: &ast::Word| -> Option<Word> {
        let words = resolve_words(
            resolver,
            word,
            Site::Recipe,
            scope,
            input_slots,
            output_slots,
        );
        match <[Word; 1]>::try_from(words) {
            Ok([word]) => Some(word),
            Err(words) if words.is_empty() => None,
            Err(_) => {
                resolver.diags.push(
                    Diag::error("E0210", "a list cannot stand here")
                        .at(word.span, "this is a list"),
                );
                None
            }
        }
    };
    for attribute in &rule.attributes {
        let Some(Value::Word(word)) = attribute.values.first() else {
            if matches!(
                attribute.name.value.as_str(),
                "env" | "workdir" | "stdout" | "stderr" | "deps"
            ) {
                not_so(resolver, attribute);
            }
            continue;
        };
        match attribute.name.value.as_str() {
            "env" => {
                if let Some((name, value)) = variable(resolver, attribute, word) {
                    let value = read(resolver, &value);
                    around.env.extend(value.map(|value| (name, value)));
                }
            }
            "workdir" => {
                let word = read(resolver, word);
                around.workdir = one_path(resolver, word).map(Box::new);
            }
            "stdout" => {
                let word = read(resolver, word);
                around.stdout = file(resolver, rule, attribute, word).map(Box::new);
            }
            "deps" => {
                let word = read(resolver, word);
                deps = file(resolver, rule, attribute, word).map(Box::new);
            }
            "stderr" => {
                let word = read(resolver, word);
                around.stderr = file(resolver, rule, attribute, word).map(Box::new);
            }
            _ => {}
        }
    }
    (around, deps)
}

fn not_so(resolver: &mut Resolver, attribute: &Attribute) {
    let name = &attribute.name.value;
    resolver.diags.push(
        Diag::error("E0222", format!("`{name}` takes one word, not a list"))
            .at(attribute.span, "not so"),
    );
}

/// `NAME=VALUE`: the name, and the value as a word of its own.
fn variable(
    resolver: &mut Resolver,
    attribute: &Attribute,
    word: &ast::Word,
) -> Option<(String, ast::Word)> {
    let first = match word.pieces.first() {
        Some(Piece::Text(text)) => text.as_str(),
        _ => "",
    };
    let is_name = |name: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.chars().all(is_part) && name.starts_with(|c: char| !c.is_ascii_digit())
    };
    let (name, rest) = match first.split_once('=') {
        Some((name, rest)) if is_name(name) => (name.to_string(), rest.to_string()),
        _ => {
            resolver.diags.push(
                Diag::error("E0222", "`env` takes a name and a value: `env NAME=VALUE`")
                    .at(attribute.span, "not so")
                    .help("a value with a blank in it is quoted: `env NAME=\"a b\"`"),
            );
            return None;
        }
    };
    let mut value = word.clone();
    value.pieces[0] = Piece::Text(rest);
    // A glob is for the recipe to make something of.
    for piece in &mut value.pieces {
        if let Piece::Glob(glob) = piece {
            *piece = Piece::Text(crate::workflow::param::spelt(glob));
        }
    }
    Some((name, value))
}

/// A path that names one file.
fn one_path(resolver: &mut Resolver, word: Option<Word>) -> Option<Word> {
    let word = word?;
    if word.has_glob() {
        resolver.diags.push(
            Diag::error("E0228", "this must be one path")
                .at(word.span, "this is a glob")
                .help("a path with such a character in it is written `'a*b'` or `a\\*b`"),
        );
        return None;
    }
    Some(word)
}

/// A file that each job of the rule writes for itself.
pub(super) fn file(
    resolver: &mut Resolver,
    rule: &ast::Rule,
    attribute: &Attribute,
    word: Option<Word>,
) -> Option<Word> {
    let word = one_path(resolver, word)?;
    let is_one_job = match rule.verb.value {
        Verb::Split | Verb::Merge => true,
        Verb::Originate => rule.outputs.as_ref().is_some_and(|jobs| jobs.len() == 1),
        _ => false,
    };
    if word.is_constant() && !is_one_job {
        resolver.diags.push(
            Diag::error("E0228", "all jobs of this rule would write one file")
                .at(attribute.span, "it is the same for each job")
                .help("name it by what differs: a capture, or `{output}.log`"),
        );
        return None;
    }
    Some(word)
}

/// The shell of this rule alone.
pub(in crate::workflow) fn shell(resolver: &mut Resolver, rule: &ast::Rule) -> Option<Shell> {
    let is_shell = |attribute: &&Attribute| attribute.name.value == "shell";
    let attribute = rule.attributes.iter().find(is_shell)?;
    let mut argv = Vec::new();
    for value in &attribute.values {
        match value {
            Value::Word(word) => argv.extend(resolver.text(word)),
            Value::List(_) => not_so(resolver, attribute),
        }
    }
    let has_own = rule
        .recipe
        .as_ref()
        .is_some_and(|recipe| recipe.text.starts_with("#!"));
    if has_own {
        resolver.diags.push(
            Diag::warning("W0229", "`shell` does nothing here")
                .at(attribute.span, "the recipe's `#!` line names what runs it"),
        );
    }
    if argv == ["fresh"] {
        // The shell that the rule would have, started anew for each job.
        let is_fresh = true;
        return Some(Shell {
            is_fresh,
            ..resolver.shell.clone()
        });
    }
    (!argv.is_empty()).then_some(Shell {
        argv: argv.into(),
        is_default: false,
        is_fresh: false,
    })
}
