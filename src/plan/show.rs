//! What is not known yet, as text: the patterns of a stand-in's outputs.

use bstr::{BStr, BString};

use super::{Context, Entry, Plan, StandId};
use crate::pattern::NameId;
use crate::workflow::{Expr, Part};

impl Plan {
    /// What the jobs behind a stand-in will make: known captures filled in, all else as `*`.
    pub fn stand_outputs(&self, context: Context, stand: StandId) -> Vec<BString> {
        let Some(rule) = self.stands[stand].rule else {
            return Vec::new();
        };
        let rule = &context.workflow.rules[rule];
        let captures = &self.captured[self.stands[stand].captures];
        let capture = |name: NameId| -> Option<&BStr> {
            let found = captures.iter().find(|(found, _)| *found == name)?;
            Some(self.values.get(found.1))
        };
        let mut outputs = Vec::new();
        for output in rule.outputs.iter().flatten() {
            let mut text = BString::default();
            if output.replaces_suffix {
                text = self.stand_stem(context, stand);
            }
            for part in &output.word.parts {
                match part {
                    Part::Text(piece) => text.extend_from_slice(piece),
                    Part::Glob(glob) => text.extend_from_slice(&super::fill::spell(glob)),
                    Part::Value(Expr::Text(piece), _) => text.extend_from_slice(piece),
                    Part::Value(Expr::Capture { name, .. }, _) => match capture(*name) {
                        Some(value) => text.extend_from_slice(value),
                        None => text.push(b'*'),
                    },
                    Part::Value(..) => text.push(b'*'),
                }
            }
            outputs.push(text);
        }
        outputs
    }

    /// What the item of a stand-in's jobs is called, without the suffix.
    fn stand_stem(&self, context: Context, stand: StandId) -> BString {
        let rule = self.stands[stand]
            .rule
            .map(|rule| &context.workflow.rules[rule]);
        let suffix = rule
            .and_then(|rule| rule.factors.first())
            .and_then(|factor| factor.suffix())
            .unwrap_or(b"");
        let item: BString = match self.stands[stand].on.as_slice() {
            [Entry::Split(job)] => self.key(*job).into(),
            [Entry::Stand(other)] => self
                .stand_outputs(context, *other)
                .into_iter()
                .next()
                .unwrap_or("*".into()),
            _ => "*".into(),
        };
        match item.strip_suffix(suffix) {
            Some(stem) => stem.into(),
            None => "*".into(),
        }
    }
}
