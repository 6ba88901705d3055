//! Inputs whose times are not looked at: those that a rule's `ancient` names.

use bstr::ByteSlice;

use crate::pattern::{Glob, clean};
use crate::plan::{JobId, PathId, Plan};
use crate::workflow::{Rule, Source, Workflow};

/// Which inputs of one job these are.
pub struct Ancient {
    /// By the input's position; empty where there are none.
    is_ancient: Vec<bool>,
}

impl Ancient {
    pub fn of(plan: &Plan, workflow: &Workflow, job: JobId) -> Ancient {
        let rule = plan.rule_of(workflow, job);
        if !rule.has_ancient() {
            return Ancient {
                is_ancient: Vec::new(),
            };
        }
        let mut is_ancient = vec![false; plan.inputs(job).len()];
        let has_item = rule.using.is_empty();
        let n_item = if has_item { plan.item(job).len() } else { 0 };
        if has_item {
            by_source(plan, rule, plan.item(job), &mut is_ancient);
        }
        let mut at = n_item;
        for (number, extra) in rule.extras().iter().enumerate() {
            let n = plan.slot(job, number + usize::from(has_item)).len();
            is_ancient[at..at + n].fill(extra.is_ancient);
            at += n;
        }
        Ancient { is_ancient }
    }

    /// Whether the input at this position is one.
    pub fn has(&self, at: usize) -> bool {
        self.is_ancient.get(at).copied().unwrap_or(false)
    }
}

/// Marks the files of a job's item that came by a source which is ancient.
fn by_source(plan: &Plan, rule: &Rule, item: &[PathId], is_ancient: &mut [bool]) {
    for source in &rule.ancient {
        let mut mark = |is_its: &dyn Fn(PathId) -> bool| {
            for (path, mark) in item.iter().zip(&mut *is_ancient) {
                *mark |= is_its(*path);
            }
        };
        match source {
            Source::Table(_) => {}
            Source::Rule(rule) => mark(&|path| {
                let producer = plan.producer(path);
                producer.is_some_and(|job| plan.jobs[job].rule == *rule)
            }),
            Source::Files(word) => match word.literal() {
                Some(literal) => {
                    let literal = clean(&literal);
                    mark(&|path| plan.path(path) == literal.as_bstr());
                }
                None => {
                    // One that is no glob has brought no file.
                    if let Ok(glob) = Glob::new(&word.pattern()) {
                        mark(&|path| glob.matches(plan.path(path)));
                    }
                }
            },
        }
    }
}
