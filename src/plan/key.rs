//! Jobs without outputs: each is known by its rule and captures, `upload(sample=a)`.

use bstr::{BStr, BString};

use super::{Context, Job, JobId, NameId, Plan};
use crate::lang::Diag;
use crate::workflow::GROUP;

impl Plan {
    /// The name by which a job is known: its first output, or its rule and captures.
    pub fn key(&self, job: JobId) -> &BStr {
        match (self.outputs(job).first(), self.keys.get(&job)) {
            (Some(&output), _) => self.paths.get(output),
            (None, Some(&key)) => self.values.get(key),
            (None, None) => BStr::new(""),
        }
    }

    /// The job without outputs that is known so.
    pub fn job_of_key(&self, key: &[u8]) -> Option<JobId> {
        self.by_key.get(&self.values.find(key)?).copied()
    }

    /// Gives a job without outputs its name; two with one name are a mistake.
    pub(super) fn name_job(&mut self, context: Context, id: JobId, job: Job) {
        let key = self.key_text(context, job);
        let key = self.values.intern(&key);
        self.keys.insert(id, key);
        let first = *self.by_key.entry(key).or_insert(id);
        if first != id {
            let rule = &context.workflow.rules[job.rule];
            let text = self.values.get(key).to_string();
            self.report(
                Diag::error(
                    "E0305",
                    format!("two jobs of `{}` are both known as `{text}`", rule.name),
                )
                .at(
                    rule.span,
                    "it makes no files, so its captures tell its jobs apart",
                )
                .help("capture what they differ in, or let the rule make a file for each"),
            );
        }
    }

    /// The rule with the job's captures; with its files where it has no captures.
    fn key_text(&self, context: Context, job: Job) -> BString {
        let rule = &context.workflow.rules[job.rule];
        let mut text = BString::from(rule.name.as_str());
        let mut row: Vec<_> = self.captured[job.captures].to_vec();
        row.retain(|(name, _)| *name != GROUP);
        let named = |name: NameId| context.workflow.names.get(name);
        // By name, so that the order of words in the header does not matter; a tuple's values
        // stay in the order of its elements.
        row.sort_by(|one, two| named(one.0).cmp(named(two.0)));
        let mut arguments: Vec<BString> = Vec::new();
        for (name, value) in row {
            let mut argument = BString::from(named(name));
            argument.push(b'=');
            escape(self.values.get(value), &mut argument);
            arguments.push(argument);
        }
        if arguments.is_empty() && !rule.gathers() {
            for path in &self.files[job.item] {
                let mut argument = BString::default();
                escape(self.paths.get(*path), &mut argument);
                arguments.push(argument);
            }
        }
        if !arguments.is_empty() {
            text.push(b'(');
            text.extend_from_slice(&bstr::join(",", arguments));
            text.push(b')');
        }
        text
    }
}

/// Different values stay different: what ends a value is marked inside of one.
fn escape(value: &BStr, out: &mut BString) {
    for &byte in value.iter() {
        if matches!(byte, b',' | b')' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}
