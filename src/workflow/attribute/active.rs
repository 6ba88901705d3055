//! `active_if PARAM`, `active_if PARAM == "x"`, `active_if PARAM != "x"`.

use crate::lang::ast::{Attribute, Value, Word};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span};
use crate::workflow::param::Content;
use crate::workflow::resolver::Resolver;

/// Whether a rule takes part, and by what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActiveIf {
    pub span: Span,
    /// How it was written: `aligner == "bwa"`.
    pub text: String,
    pub holds: bool,
}

/// Reads and decides the condition.
pub fn resolve(resolver: &mut Resolver, attribute: &Attribute) -> Option<ActiveIf> {
    let words: Vec<&Word> = attribute.values.iter().filter_map(word).collect();
    let holds = match words.as_slice() {
        _ if words.len() < attribute.values.len() => wrong_form(resolver, attribute),
        [name] => truth(resolver, name),
        [name, operator, value] => {
            let is_equal = match operator.bare() {
                Some("==") => true,
                Some("!=") => false,
                _ => return wrong_form(resolver, attribute).and(None),
            };
            comparison(resolver, name, value).map(|same| same == is_equal)
        }
        _ => wrong_form(resolver, attribute),
    }?;
    let (first, last) = (words[0], words[words.len() - 1]);
    let text = resolver.sources.text(first.span.to(last.span)).to_string();
    Some(ActiveIf {
        span: attribute.span,
        text,
        holds,
    })
}

fn word(value: &Value) -> Option<&Word> {
    match value {
        Value::Word(word) => Some(word),
        Value::List(_) => None,
    }
}

fn wrong_form(resolver: &mut Resolver, attribute: &Attribute) -> Option<bool> {
    resolver.diags.push(
        Diag::error("E0226", "`active_if` takes a param, or compares one")
            .at(attribute.span, "not so")
            .help("like this: `active_if PARAM`, `active_if PARAM == \"x\"`, `active_if PARAM != \"x\"`"),
    );
    None
}

/// What the param or let of this name is.
fn content<'a>(resolver: &'a mut Resolver, word: &Word) -> Option<(&'a str, &'a Content)> {
    let name = word.bare().unwrap_or_default();
    if !resolver.constants.values.contains_key(name) {
        let text = resolver.sources.text(word.span);
        let mut names: Vec<&str> = resolver
            .constants
            .values
            .keys()
            .map(String::as_str)
            .collect();
        names.sort();
        let diag = Diag::error("E0227", format!("there is no param named `{text}`"))
            .at(word.span, "decided on here");
        let diag = match nearest(text, names) {
            Some(near) => diag.fix(format!("did you mean `{near}`?"), word.span, near),
            None if text.contains(['=', '{']) => {
                diag.help("the param's bare name, and blanks around `==`")
            }
            None => diag.help(format!("declare it: `param {text} = false`")),
        };
        resolver.diags.push(diag);
        return None;
    }
    let (name, (content, _)) = resolver.constants.values.get_key_value(name)?;
    Some((name, content))
}

/// Whether a param alone says yes: `true`, or a text or list that is not empty.
fn truth(resolver: &mut Resolver, word: &Word) -> Option<bool> {
    let (name, content) = content(resolver, word)?;
    let text = match content {
        Content::List(items) => return Some(!items.is_empty()),
        Content::One(text) => text.to_string(),
        Content::Sources => return Some(true),
    };
    if text.parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit()) {
        let diag = Diag::error("E0226", format!("`{name}` is a number, neither yes nor no"))
            .at(word.span, format!("this is {text}"))
            .help(format!("compare it: `active_if {name} != 0`"));
        resolver.diags.push(diag);
        return None;
    }
    Some(!text.is_empty() && text != "false")
}

/// Whether the param is spelt as `value` is.
fn comparison(resolver: &mut Resolver, name: &Word, value: &Word) -> Option<bool> {
    let wanted = resolver.text(value)?;
    let (_, content) = content(resolver, name)?;
    if let Content::One(text) = content {
        return Some(*text == wanted);
    }
    resolver
        .diags
        .push(Diag::error("E0226", "a list cannot be compared").at(name.span, "this is a list"));
    None
}
