//! What decides, besides files, whether a job is as it was: its recipe's text, and the params,
//! captures and environment that reach it.

use bstr::{BString, ByteSlice};

use crate::dense::{Interner, Table};
use crate::pattern::{NameId, Pattern};
use crate::workflow::recipe::Launch;
use crate::workflow::{Expr, Part, Rule, RuleId, Word, Workflow};

/// One rule's recipe and params, as texts and as the numbers that records have of them.
#[derive(Clone, Debug, Default)]
pub struct Print {
    pub recipe: u64,
    /// The recipe's text, trailing blanks aside.
    pub recipe_text: BString,
    pub params: u64,
    /// A line for each param, let, environment variable and the shell that reach the recipe:
    /// `name=value`, line feeds in values as `\n`.
    pub params_text: BString,
    /// Captures that reach the recipe.
    pub captures: Vec<NameId>,
    /// Its jobs make files that its words only describe.
    pub is_split: bool,
}

/// The prints of all rules.
pub fn prints(workflow: &Workflow) -> Table<RuleId, Print> {
    let mut prints = Table::default();
    for rule in workflow.rules.values() {
        prints.push(print(workflow, rule));
    }
    prints
}

fn print(workflow: &Workflow, rule: &Rule) -> Print {
    let Some(recipe) = &rule.recipe else {
        return Print::default();
    };
    let mut recipe_text = BString::default();
    for line in recipe.text.text().trim_end().lines() {
        recipe_text.extend_from_slice(line.trim_end().as_bytes());
        recipe_text.push(b'\n');
    }
    let mut lines: Vec<BString> = Vec::new();
    let mut captures = Vec::new();
    for placeholder in recipe.text.placeholders() {
        let name = &placeholder.hole.name.value;
        match recipe.expr(&placeholder.hole) {
            Some(Expr::Text(value)) => lines.push(line(name, value)),
            Some(Expr::List(values)) => lines.push(line(name, &bstr::join(", ", values))),
            Some(Expr::Capture { name, .. }) => captures.push(*name),
            _ => {}
        }
    }
    for (name, value) in workflow.env_of(rule) {
        lines.push(line(&format!("env {name}"), value));
    }
    for (name, word) in &rule.around.env {
        lines.push(line(
            &format!("env {name}"),
            &spelt(word, &workflow.names, &mut captures),
        ));
    }
    if let Some(word) = &rule.around.workdir {
        lines.push(line(
            "workdir",
            &spelt(word, &workflow.names, &mut captures),
        ));
    }
    match &recipe.launch {
        Launch::Shell(shell) if !shell.is_default => {
            lines.push(line("shell", &bstr::join(" ", &*shell.argv)));
        }
        Launch::Shell(_) | Launch::Interpreter { .. } => {}
    }
    if matches!(
        recipe.launch,
        Launch::Interpreter {
            is_shell: false,
            ..
        }
    ) {
        // The recipe finds all of them in its description.
        for param in &workflow.params {
            if let Some(value) = &param.value {
                lines.push(line(&param.name, value.shown().as_bytes()));
            }
        }
        captures.extend(rule.captures.iter().copied());
    }
    lines.sort();
    lines.dedup();
    captures.sort();
    captures.dedup();
    let params_text: BString = bstr::concat(lines).into();
    Print {
        recipe: number(&recipe_text),
        params: number(&params_text),
        recipe_text,
        params_text,
        captures,
        is_split: rule.makes_unknown_files(),
    }
}

/// A word of an attribute, what differs from job to job by its name; captures are noted.
fn spelt(word: &Word, names: &Interner<NameId>, captures: &mut Vec<NameId>) -> BString {
    let mut text = BString::default();
    for part in &word.parts {
        match part {
            Part::Text(piece) => text.extend_from_slice(piece),
            Part::Glob(glob) => {
                let glob = Pattern(vec![glob.clone()]);
                text.extend_from_slice(&glob.spell(&|_| String::new()));
            }
            Part::Value(Expr::Text(value), _) => text.extend_from_slice(value),
            Part::Value(Expr::List(values), _) => {
                text.extend_from_slice(&bstr::join(", ", values));
            }
            Part::Value(Expr::Capture { name, index }, _) => {
                captures.push(*name);
                let index = index.map(|index| format!("[{index}]")).unwrap_or_default();
                text.extend_from_slice(format!("{{{}{index}}}", names.get(*name)).as_bytes());
            }
            // Numbers of slots and of groups are the rule's own: they stay while it does.
            Part::Value(expr, _) => text.extend_from_slice(format!("{{{expr:?}}}").as_bytes()),
        }
    }
    text
}

fn line(name: &str, value: &[u8]) -> BString {
    let value = value.replace("\\", "\\\\").replace("\n", "\\n");
    [name.as_bytes(), b"=", &value, b"\n"].concat().into()
}

/// The first 64 bits of a text's BLAKE3 hash; 0 stands for no text.
pub fn number(text: &[u8]) -> u64 {
    let hash = blake3::hash(text);
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash is longer")).max(1)
}
