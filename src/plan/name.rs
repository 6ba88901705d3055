//! Naming a job: its inputs and outputs for one item. Each word is filled by `fill`.

use std::collections::HashMap;
use std::sync::Arc;

use bstr::{BStr, BString};

use super::source::Item;
use super::{Context, Entry, Job, JobId, NOBODY, ONE_EACH, PathId, Plan, SlotsId, ValueId};
use crate::dense::Run;
use crate::lang::Diag;
use crate::pattern::{self, Captures, Filter, Glob, NameId, clean};
use crate::workflow::GROUP;
use crate::workflow::{Extra, Output, Part, Rule, RuleId, Source, Word};

/// What the words of one job see, and buffers that are used again for the next.
#[derive(Default)]
pub(super) struct Scratch {
    /// By rule: the captures that its items bring along.
    pub travelling: Vec<Vec<NameId>>,
    /// `with` words that are the same for all jobs of a rule, by rule and number.
    pub shared: HashMap<(RuleId, u32), Arc<[PathId]>>,
    pub groups: Captures,
    pub outputs: Vec<PathId>,
    pub text: Vec<u8>,
}

/// What names one job; used again for the next. It is handed on and stays where it is: to move it for
/// each job, out of the plan and back, costs more than all that is done with it.
#[derive(Default, Clone)]
pub(super) struct Naming {
    pub item: Vec<PathId>,
    pub inputs: Vec<PathId>,
    /// How many inputs each input word brought.
    pub slots: Vec<u32>,
    pub captures: Vec<(NameId, ValueId)>,
    /// The item's first file without the filter's suffix.
    pub stem: BString,
    /// How many files each element of a tuple brings.
    pub elements: Vec<u32>,
}

impl Plan {
    /// Whether the filter takes the item; what it captures is then in `naming`.
    pub(super) fn select(
        &mut self,
        context: Context,
        rule: RuleId,
        factor: usize,
        item: Item,
        naming: &mut Naming,
    ) -> bool {
        let seen = &mut self.seen[rule][factor];
        let factor = &context.workflow.rules[rule].factors[factor];
        seen.items += 1;
        let first = self.files[item.files].first().copied();
        naming.captures.clear();
        naming
            .captures
            .extend_from_slice(&self.captured[item.captures]);
        let Some(first) = first else {
            // A row of a table: there is nothing that a filter could look at.
            let is_taken = matches!(factor.filter, Filter::All);
            seen.matched += u32::from(is_taken);
            return is_taken;
        };
        let path = self.paths.get(first);
        let mut is_taken = true;
        match &factor.filter {
            Filter::All => {}
            filter => {
                self.scratch.groups.clear();
                is_taken = filter.matches(path, &mut self.scratch.groups);
                if let (true, Some(stem)) = (is_taken, filter.stem(path)) {
                    naming.stem.clear();
                    naming.stem.extend_from_slice(stem);
                }
            }
        }
        if is_taken {
            let groups = &self.scratch.groups;
            let named = groups
                .named
                .iter()
                .map(|(name, range)| (*name, range.clone()));
            let numbered = groups.numbered.iter().map(|range| (GROUP, range.clone()));
            for (name, range) in named.chain(numbered) {
                let value = self.values.intern(&path[range]);
                let known = naming.captures.iter().find(|(known, _)| *known == name);
                match known {
                    // The item brings it along already: the same text, or no match.
                    Some((_, other)) if name != GROUP => is_taken &= *other == value,
                    _ => naming.captures.push((name, value)),
                }
            }
            self.scratch.groups.clear();
        }
        if is_taken {
            seen.matched += 1;
        } else {
            seen.left_out.push(first);
        }
        is_taken
    }

    /// Makes the job of one item; `None` when the filter leaves it out.
    pub(super) fn item_job(
        &mut self,
        context: Context,
        rule_id: RuleId,
        item: Item,
        naming: &mut Naming,
    ) -> Option<JobId> {
        if !self.select(context, rule_id, 0, item, naming) {
            return None;
        }
        let rule = &context.workflow.rules[rule_id];
        naming.item.clear();
        naming.item.extend_from_slice(&self.files[item.files]);
        let inputs = self.fill_inputs(context, rule_id, naming, item.files);
        let outputs = self.fill_outputs(context, rule_id, naming, rule.outputs.first())?;
        let captures = self.captured.add(naming.captures.iter().copied());
        let slots = self.slots_of(rule, &naming.slots);
        let job = Job {
            rule: rule_id,
            inputs,
            item: item.files,
            outputs,
            captures,
            slots,
        };
        Some(self.push_job(context, job))
    }

    /// The inputs of a job whose item is in `naming`.
    pub(super) fn fill_inputs(
        &mut self,
        context: Context,
        rule: RuleId,
        naming: &mut Naming,
        item: Run,
    ) -> Run {
        let is_plain = {
            let rule = &context.workflow.rules[rule];
            rule.with.is_empty() && rule.using.is_empty()
        };
        naming.inputs.clear();
        naming.slots.clear();
        if context.workflow.rules[rule].using.is_empty() {
            naming.inputs.extend_from_slice(&naming.item);
            naming.slots.push(naming.item.len() as u32);
        }
        if is_plain {
            return item;
        }
        self.fill_extras(context, rule, naming);
        self.files.add(naming.inputs.iter().copied())
    }

    /// Appends what `with` or `using` bring to the inputs in `naming`.
    pub(super) fn fill_extras(&mut self, context: Context, rule: RuleId, naming: &mut Naming) {
        for (number, extra) in context.workflow.rules[rule].extras().iter().enumerate() {
            let n_before = naming.inputs.len();
            self.fill_extra(context, rule, number as u32, extra, naming);
            naming.slots.push((naming.inputs.len() - n_before) as u32);
        }
    }

    pub(super) fn fill_extra(
        &mut self,
        context: Context,
        rule: RuleId,
        number: u32,
        extra: &Extra,
        naming: &mut Naming,
    ) {
        let word = match &extra.source {
            Source::Files(word) if !word.is_constant() => word,
            // A param's value that is empty names no file.
            Source::Files(word) if word.literal().is_some_and(|path| path.is_empty()) => return,
            _ => {
                let shared = self.shared(context, rule, number, &extra.source);
                naming.inputs.extend_from_slice(&shared);
                return;
            }
        };
        if word.has_glob() {
            let Some(pattern) = self.fill_pattern(context, rule, word, naming) else {
                return;
            };
            let parts = pattern.0.into_iter().map(|part| match part {
                pattern::Part::Text(text) => Part::Text(text),
                part => Part::Glob(part),
            });
            let word = Word {
                span: word.span,
                parts: parts.collect(),
            };
            let entries = self.file_entries(context, rule, &word);
            naming
                .inputs
                .extend(entries.iter().filter_map(|entry| match entry {
                    Entry::File(path) => Some(*path),
                    _ => None,
                }));
        } else {
            let mut text = Vec::new();
            if self.fill(context, rule, word, naming, &mut text) && !text.is_empty() {
                let path = self.intern_input(&text);
                naming.inputs.push(path);
            }
        }
    }

    /// The files of a `with` word that is the same for all jobs of the rule.
    fn shared(
        &mut self,
        context: Context,
        rule: RuleId,
        number: u32,
        source: &Source,
    ) -> Arc<[PathId]> {
        if let Some(found) = self.scratch.shared.get(&(rule, number)) {
            return found.clone();
        }
        let entries = match source {
            Source::Rule(upstream) => self.leaves(*upstream).into_owned(),
            Source::Table(_) => Vec::new(),
            Source::Files(word) => self.file_entries(context, rule, word),
        };
        let mut files = Vec::new();
        for entry in entries {
            match entry {
                Entry::File(path) => files.push(path),
                Entry::Job(job) => files.extend_from_slice(self.outputs(job)),
                Entry::Split(job) => files.extend_from_slice(self.made(job).unwrap_or(&[])),
                Entry::Stand(_) | Entry::Row(_) => {}
            }
        }
        let files: Arc<[PathId]> = files.into();
        self.scratch.shared.insert((rule, number), files.clone());
        files
    }

    /// The outputs of a job as a row of `files`, globs as text. `None` after a mistake, which is
    /// reported.
    pub(super) fn fill_outputs(
        &mut self,
        context: Context,
        rule: RuleId,
        naming: &Naming,
        outputs: Option<&Vec<Output>>,
    ) -> Option<Run> {
        let mut text = std::mem::take(&mut self.scratch.text);
        self.scratch.outputs.clear();
        let mut is_good = true;
        for output in outputs.into_iter().flatten() {
            let path = self.fill_output(context, rule, naming, output, &mut text);
            is_good = path.is_some();
            self.scratch.outputs.extend(path);
            if !is_good {
                break;
            }
        }
        self.scratch.text = text;
        is_good.then(|| self.files.add(self.scratch.outputs.iter().copied()))
    }

    fn fill_output(
        &mut self,
        context: Context,
        rule: RuleId,
        naming: &Naming,
        output: &Output,
        text: &mut Vec<u8>,
    ) -> Option<PathId> {
        text.clear();
        if output.replaces_suffix {
            text.extend_from_slice(&naming.stem);
        }
        if !self.fill(context, rule, &output.word, naming, text) {
            return None;
        }
        let path = clean(text);
        if is_above(&path) {
            self.report(
                Diag::error("E0313", "an output comes out without a name").at(
                    output.word.span,
                    format!("this is `{}` for one of the items", BStr::new(&text)),
                ),
            );
            return None;
        }
        if path.starts_with(b".flow/") {
            self.report(
                Diag::error("E0314", "an output lies in flow's own folder")
                    .at(output.word.span, format!("this is `{}`", BStr::new(&path)))
                    .help("write it elsewhere: what flow keeps in `.flow` it alone may change"),
            );
            return None;
        }
        Some(self.paths.intern(&path))
    }

    /// The job as one more of the plan, its outputs registered.
    pub(super) fn push_job(&mut self, context: Context, job: Job) -> JobId {
        let id = self.jobs.push(job);
        let rule = &context.workflow.rules[job.rule];
        self.producer.grow(self.paths.len(), NOBODY);
        if !rule.has_outputs {
            self.name_job(context, id, job);
        } else if !rule.makes_unknown_files() {
            self.register(context, id, job.outputs);
        }
        if let Some(stand) = self.current_stand {
            self.came_by.insert(id, stand);
        }
        id
    }

    /// Makes `job` the producer of `files`; two producers of one file are a mistake.
    pub(super) fn register(&mut self, context: Context, job: JobId, files: Run) {
        self.producer.grow(self.paths.len(), NOBODY);
        for at in 0..files.len() {
            let path = self.files[files][at];
            let first = self.producer[path];
            if first != NOBODY && first != job {
                self.two_producers(context, path, first, job);
                continue;
            }
            self.producer[path] = job;
            let text = self.paths.get(path);
            if let Some(folder) = text.strip_suffix(b"/") {
                self.folders.insert(folder.into(), job);
            }
        }
    }

    pub(super) fn slots_of(&mut self, rule: &Rule, lengths: &[u32]) -> SlotsId {
        // Only these are asked for by their number.
        let is_asked = |extra: &Extra| extra.name.is_some() || extra.is_ancient;
        if !rule.extras().iter().any(is_asked) || lengths.iter().all(|length| *length == 1) {
            return ONE_EACH;
        }
        let lengths = self.lengths.add(lengths.iter().copied());
        self.slots.push(lengths)
    }

    /// The globs of a split's or subdivide's outputs, filled in for this job.
    pub fn output_globs(&mut self, context: Context, job: JobId) -> Vec<Glob> {
        let rule_id = self.jobs[job].rule;
        let rule = &context.workflow.rules[rule_id];
        let mut naming = Naming {
            item: self.item(job).to_vec(),
            inputs: self.inputs(job).to_vec(),
            slots: self.slots(job).unwrap_or_default().to_vec(),
            captures: self.captured[self.jobs[job].captures].to_vec(),
            stem: BString::default(),
            elements: Vec::new(),
        };
        let filter = rule.factors.first().map(|factor| &factor.filter);
        if let (Some(filter), Some(&first)) = (filter, naming.item.first())
            && let Some(stem) = filter.stem(self.paths.get(first))
        {
            naming.stem = stem.into();
        }
        if naming.slots.is_empty() {
            naming.slots = vec![1; naming.inputs.len()];
        }
        let mut globs = Vec::new();
        for output in rule.outputs.iter().flatten() {
            let Some(mut pattern) = self.fill_pattern(context, rule_id, &output.word, &naming)
            else {
                continue;
            };
            if output.replaces_suffix {
                pattern
                    .0
                    .insert(0, pattern::Part::Text(naming.stem.clone()));
            }
            match Glob::new(&pattern.clean()) {
                Ok(glob) => globs.push(glob),
                Err(error) => self.report(
                    Diag::error("E0324", "this glob cannot be used")
                        .at(output.word.span, error.to_string()),
                ),
            }
        }
        globs
    }
}

/// No file and no folder of its own: the workflow's folder, or one above it.
fn is_above(path: &[u8]) -> bool {
    let last = path.strip_suffix(b"/").unwrap_or(path);
    matches!(
        last.rsplit(|byte| *byte == b'/').next(),
        Some(b"" | b"." | b"..")
    )
}
