//! Filling a header's word for one job: its text, its globs, and what its placeholders stand for.

use bstr::{BStr, BString};

use super::name::Naming;
use super::{Context, PathId, Plan};
use crate::lang::{Diag, Span};
use crate::pattern::{self, Pattern, facts};
use crate::workflow::GROUP;
use crate::workflow::scope::pick;
use crate::workflow::{Expr, Fact, FileSet, Part, Rule, RuleId, Word};

impl Plan {
    /// Appends the text of `word`, globs as they are spelt; false after a mistake, which is reported.
    pub(super) fn fill(
        &mut self,
        context: Context,
        rule: RuleId,
        word: &Word,
        naming: &Naming,
        out: &mut Vec<u8>,
    ) -> bool {
        for part in &word.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Glob(glob) => out.extend_from_slice(&spell(glob)),
                Part::Value(expr, span) => {
                    if let Err(diag) = self.value(context, rule, expr, *span, naming, out) {
                        self.report(*diag);
                        return false;
                    }
                }
            }
        }
        true
    }

    /// The word with its values as literal text and its globs as globs.
    pub(super) fn fill_pattern(
        &mut self,
        context: Context,
        rule: RuleId,
        word: &Word,
        naming: &Naming,
    ) -> Option<Pattern> {
        let mut parts = Vec::new();
        for part in &word.parts {
            parts.push(match part {
                Part::Text(text) => pattern::Part::Text(text.clone()),
                Part::Glob(glob) => glob.clone(),
                Part::Value(expr, span) => {
                    let mut text = Vec::new();
                    if let Err(diag) = self.value(context, rule, expr, *span, naming, &mut text) {
                        self.report(*diag);
                        return None;
                    }
                    pattern::Part::Text(text.into())
                }
            });
        }
        Some(Pattern(parts))
    }

    /// Appends what one placeholder of a word stands for.
    fn value(
        &self,
        context: Context,
        rule: RuleId,
        expr: &Expr,
        span: Span,
        naming: &Naming,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Diag>> {
        let rule = &context.workflow.rules[rule];
        match expr {
            Expr::Text(text) => out.extend_from_slice(text),
            Expr::Capture { name, index } => {
                let mut values = naming.captures.iter().filter(|(found, _)| found == name);
                let index = match index.unwrap_or(0) {
                    index if index < 0 => pick(values.clone().count(), index),
                    index => Some(index as usize),
                };
                match index.and_then(|index| values.nth(index)) {
                    Some((_, value)) => out.extend_from_slice(self.values.get(*value)),
                    None => return Err(Box::new(lacks(rule, naming, span, self))),
                }
            }
            Expr::Group(number) => {
                let mut groups = naming.captures.iter().filter(|(name, _)| *name == GROUP);
                let group = groups.nth(*number);
                let (_, value) = group.expect("groups are counted when the workflow is read");
                out.extend_from_slice(self.values.get(*value));
            }
            Expr::Files {
                set,
                slot,
                index,
                fact,
            } => {
                let files: &[PathId] = match (set, slot) {
                    (FileSet::Item, _) => &naming.item,
                    (_, None) if !naming.item.is_empty() && fact.is_some() && index == &Some(0) => {
                        &naming.item
                    }
                    (_, None) => &naming.inputs,
                    (_, Some(slot)) => {
                        let before = &naming.slots[..slot.0 as usize];
                        let start = before.iter().sum::<u32>() as usize;
                        &naming.inputs[start..start + naming.slots[slot.0 as usize] as usize]
                    }
                };
                return self.file(files, *index, *fact, span, out);
            }
            Expr::Element {
                element,
                index,
                fact,
            } => {
                let files = super::part(&naming.item, Some(&naming.elements), *element as usize);
                return self.file(files, *index, *fact, span, out);
            }
            Expr::Cores => out.extend_from_slice(rule.needs.cores_of(1).to_string().as_bytes()),
            Expr::Rule => out.extend_from_slice(rule.name.as_bytes()),
            Expr::Mem | Expr::Gpus | Expr::Job | Expr::Tmp | Expr::List(_) => {}
        }
        Ok(())
    }

    /// Appends the one file that is meant, or what its path tells.
    fn file(
        &self,
        files: &[PathId],
        index: Option<i64>,
        fact: Option<Fact>,
        span: Span,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<Diag>> {
        let at = match index {
            None if files.len() == 1 || fact.is_some() => Some(0),
            None => None,
            Some(index) => pick(files.len(), index),
        };
        let Some(path) = at.and_then(|at| files.get(at)) else {
            return Err(Box::new(
                Diag::error("E0312", "this stands for no one file")
                    .at(span, format!("there are {} files here", files.len()))
                    .help("pick one by its number: `{input[0]}`"),
            ));
        };
        let Some(fact) = fact else {
            out.extend_from_slice(self.paths.get(*path));
            return Ok(());
        };
        match path_fact(self.paths.get(*path), fact).as_slice() {
            [one] => out.extend_from_slice(one),
            _ => {
                return Err(Box::new(
                    Diag::error("E0312", "this stands for no one name")
                        .at(span, "the path has no such folder"),
                ));
            }
        }
        Ok(())
    }
}

/// A glob as it is spelt.
pub(super) fn spell(glob: &pattern::Part) -> BString {
    Pattern(vec![glob.clone()]).spell(&|_| String::new())
}

/// What a path tells; several for `parts` without a number.
pub fn path_fact(path: &BStr, fact: Fact) -> Vec<BString> {
    match fact {
        Fact::Dir => vec![facts::dir(path).into()],
        Fact::Name => vec![facts::name(path).into()],
        Fact::Stem => vec![facts::stem(path).into()],
        Fact::Ext => vec![facts::ext(path).into()],
        Fact::Parts(None) => facts::parts(path).map(BString::from).collect(),
        Fact::Parts(Some(index)) => {
            let parts: Vec<&[u8]> = facts::parts(path).collect();
            pick(parts.len(), index)
                .map(|at| parts[at].into())
                .into_iter()
                .collect()
        }
    }
}

fn lacks(rule: &Rule, naming: &Naming, span: Span, plan: &Plan) -> Diag {
    let item = naming
        .item
        .first()
        .map_or("an item".into(), |path| plan.path(*path).to_string());
    Diag::error("E0310", "an item lacks this capture")
        .at(span, format!("`{item}` brings none"))
        .and(rule.name_span, "in this rule")
}
