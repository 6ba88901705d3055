//! Params and lets: named text, typed by how it is spelt.

use bstr::BString;

use crate::lang::Span;
use crate::lang::ast::{Glob, Piece};

/// What a value may be overridden by: a value of the same type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Bool,
    Int,
    Float,
    Text,
    List,
}

impl Type {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bool => "true or false",
            Type::Int => "integer",
            Type::Float => "number",
            Type::Text => "text",
            Type::List => "list",
        }
    }

    /// The type of a word that was written without quotes.
    pub fn of(text: &str) -> Type {
        if text == "true" || text == "false" {
            Type::Bool
        } else if text.parse::<i64>().is_ok() {
            Type::Int
        } else if text.parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit()) {
            Type::Float
        } else {
            Type::Text
        }
    }

    /// Whether a value of type `other` may stand for one of this type.
    pub fn takes(self, other: Type) -> bool {
        self == other
            || self == Type::Text && other != Type::List
            || self == Type::Float && other == Type::Int
    }
}

/// What a param or let stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    One(BString),
    List(Vec<BString>),
    /// Rules or tables that were passed to a module.
    Sources,
}

impl Content {
    /// As it could be written, for people.
    pub fn shown(&self) -> String {
        match self {
            Content::One(text) => text.to_string(),
            Content::List(items) => {
                let items: Vec<String> = items.iter().map(as_element).collect();
                format!("[{}]", items.join(", "))
            }
            Content::Sources => "what it was passed".into(),
        }
    }
}

/// An element of a list as it can be written: in quotes where it would end, or be more than one.
fn as_element(text: &BString) -> String {
    let text = text.to_string();
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !",[](){}#\"'\\".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("{text:?}").replace('{', "\\{"),
    }
}

#[derive(Clone, Debug)]
pub struct Param {
    pub name: String,
    pub doc: Option<String>,
    pub span: Span,
    /// `None` when the workflow has no default.
    pub default: Option<Content>,
    pub kind: Type,
    /// What it is in this run: the override, else the default.
    pub value: Option<Content>,
}

impl Param {
    /// Its value as JSON, by its type.
    pub fn json(&self) -> Option<serde_json::Value> {
        use serde_json::Value;
        Some(match self.value.as_ref()? {
            Content::Sources => return None,
            Content::List(items) => items.iter().map(|item| item.to_string()).collect(),
            Content::One(text) => {
                let text = text.to_string();
                let number = matches!(self.kind, Type::Int | Type::Float | Type::Bool)
                    .then(|| serde_json::from_str::<Value>(&text).ok());
                number.flatten().unwrap_or(Value::String(text))
            }
        })
    }
}

/// A value from outside: `--set NAME=VALUE`, or a line of a file of params.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    pub name: String,
    pub value: Content,
    /// Where it stands in a file.
    pub span: Option<Span>,
}

/// A glob as it is spelt, where it stands for itself.
pub fn spelt(glob: &Glob) -> String {
    match glob {
        Glob::Star => "*".into(),
        Glob::DoubleStar => "**".into(),
        Glob::Any => "?".into(),
        Glob::Class(text) => text.clone(),
        Glob::OneOf(choices) => {
            let choices: Vec<String> = choices.iter().map(|pieces| spelt_pieces(pieces)).collect();
            format!("{{{}}}", choices.join(","))
        }
    }
}

fn spelt_pieces(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Glob(glob) => text.push_str(&spelt(glob)),
            Piece::Hole(hole) => {
                text.push('{');
                text.push_str(&hole.name.value);
                text.push('}');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_type_of_its_spelling() {
        for (text, kind) in [
            ("true", Type::Bool),
            ("-3", Type::Int),
            ("2.5", Type::Float),
            ("1e-3", Type::Float),
            ("inf", Type::Text),
            ("4G", Type::Text),
        ] {
            assert_eq!(Type::of(text), kind, "{text}");
        }
        assert!(Type::Float.takes(Type::Int) && !Type::Int.takes(Type::Float));
        assert!(Type::Text.takes(Type::Int) && !Type::Text.takes(Type::List));
    }
}
