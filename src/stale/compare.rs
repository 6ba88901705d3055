//! Whether a job is what its record says. The order of the checks is that of `language.md`, "When a
//! job is stale"; the level from which on each is made stands with it.

use super::facts::{Facts, Look};
use super::print::Print;
use super::{Ancient, Level, Reason};
use crate::dense::Interner;
use crate::disk::Time;
use crate::history::{File, Last, LastTry, Past};
use crate::pattern::NameId;
use crate::plan::{JobId, PathId, Plan};

/// What a job is compared with.
pub(super) struct Compare<'a> {
    pub plan: &'a Plan,
    pub names: &'a Interner<NameId>,
    pub facts: &'a Facts,
    pub print: &'a Print,
    pub level: Level,
    pub job: JobId,
    /// What else the job is known to read.
    pub extra: &'a [PathId],
    /// The job's outputs; a split's are those that its record names.
    pub outputs: &'a [PathId],
    /// Inputs of which only their names count.
    pub ancient: &'a Ancient,
    /// Whether a newer time with the same size is a touch. Not where records may be lost.
    pub trusts_touch: bool,
    /// Inputs that a job which will run makes: looked at again when it has.
    pub is_to_come: &'a dyn Fn(PathId) -> bool,
}

impl Compare<'_> {
    /// The first difference to the record; `None` when there is none.
    pub fn difference(&self, last: &Last) -> Option<Reason> {
        if let Some(reason) = ended_badly(last) {
            return Some(reason);
        }
        let past = last.past.as_ref()?;
        self.outputs_differ(past)
            .or_else(|| self.inputs_differ(past))
            .or_else(|| self.recipe_differs(past))
            .or_else(|| self.params_differ(past))
    }

    /// An output is not what the job made. A newer time with the same size is taken as a touch.
    fn outputs_differ(&self, past: &Past) -> Option<Reason> {
        let mut old = past.outputs();
        for &path in self.outputs {
            let text = self.plan.path(path);
            let Some(file) = old.next().filter(|file| text == file.path) else {
                // Not one that the recorded job made.
                return Some(Reason::OutputChanged(path));
            };
            if is_other_output(self.facts, self.level, self.trusts_touch, path, &file) {
                return Some(Reason::OutputChanged(path));
            }
        }
        let last = self.outputs.last().filter(|_| old.next().is_some());
        last.map(|&path| Reason::OutputChanged(path))
    }

    fn inputs_differ(&self, past: &Past) -> Option<Reason> {
        let inputs = self.plan.inputs(self.job);
        let mut old = past.inputs();
        for (at, &path) in inputs.iter().enumerate() {
            let Some(file) = old.next() else {
                return Some(Reason::InputsDiffer);
            };
            if self.plan.path(path) != file.path {
                return Some(Reason::InputsDiffer);
            }
            let is_looked_at = !self.ancient.has(at) && !(self.is_to_come)(path);
            if is_looked_at && !is_as_it_was(self.facts, self.level, path, &file) {
                return Some(Reason::InputChanged(path));
            }
        }
        if old.next().is_some() {
            return Some(Reason::InputsDiffer);
        }
        let recorded = self.recorded_extra(past);
        let mut changed = recorded.filter(|(path, file)| {
            !(self.is_to_come)(*path) && !is_as_it_was(self.facts, self.level, *path, file)
        });
        changed.next().map(|(path, _)| Reason::InputChanged(path))
    }

    /// What the job is known to read beside its inputs, as far as it is on record.
    fn recorded_extra<'p>(&self, past: &Past<'p>) -> impl Iterator<Item = (PathId, File<'p>)> {
        recorded_extra(self.plan, self.extra, past)
    }

    fn recipe_differs(&self, past: &Past) -> Option<Reason> {
        let differs = self.level >= Level::RECIPES && past.recipe != self.print.recipe;
        differs.then_some(Reason::RecipeChanged)
    }

    fn params_differ(&self, past: &Past) -> Option<Reason> {
        if self.level < Level::PARAMS {
            return None;
        }
        let is_same = has_same_params(self.plan, self.names, self.print, past, self.job);
        (!is_same).then_some(Reason::ParamsChanged)
    }
}

fn has_same_params(
    plan: &Plan,
    names: &Interner<NameId>,
    print: &Print,
    past: &Past,
    job: JobId,
) -> bool {
    let now = captures(plan, names, job, print);
    past.params == print.params && past.captures().eq(now)
}

/// Whether the job has the recipe, params and captures of its record.
pub fn is_same_make(
    plan: &Plan,
    names: &Interner<NameId>,
    print: &Print,
    past: &Past,
    job: JobId,
) -> bool {
    past.recipe == print.recipe && has_same_params(plan, names, print, past, job)
}

/// The last try did not end well.
pub(super) fn ended_badly(last: &Last) -> Option<Reason> {
    match last.last_try {
        LastTry::Unfinished => Some(Reason::Unfinished),
        LastTry::Failed => Some(Reason::Failed),
        LastTry::Done => None,
    }
}

/// The names of output words behind the first, which names the job.
const MORE_OUTPUTS: [&[u8]; 3] = [b"second output", b"third output", b"other output"];

/// The captures of a job that reach its recipe, by name. Those of a split have its further output
/// words among them: what it made does not tell them.
pub(super) fn captures<'a>(
    plan: &'a Plan,
    names: &'a Interner<NameId>,
    job: JobId,
    print: &'a Print,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let words = match print.is_split {
        true => plan.outputs(job).get(1..).unwrap_or(&[]),
        false => &[],
    };
    let word = |(at, path): (usize, &PathId)| {
        let name = MORE_OUTPUTS[at.min(MORE_OUTPUTS.len() - 1)];
        (name, plan.path(*path) as &[u8])
    };
    let words = words.iter().enumerate().map(word);
    let reaches = |name| print.captures.contains(&name);
    plan.captures(job)
        .filter(move |(name, _)| reaches(*name))
        .map(|(name, value)| (names.get(name) as &[u8], value as &[u8]))
        .chain(words)
}

/// Those of `extra` that the record has at the same place.
pub(super) fn recorded_extra<'p>(
    plan: &Plan,
    extra: &[PathId],
    past: &Past<'p>,
) -> impl Iterator<Item = (PathId, File<'p>)> {
    let pairs = extra.iter().copied().zip(past.found());
    pairs.filter(|(path, file)| plan.path(*path) == file.path)
}

/// Whether an input is the one on record: by its content where that counts and is known, else by
/// time and size.
pub(super) fn is_as_it_was(facts: &Facts, level: Level, path: PathId, file: &File) -> bool {
    let Look::There { time, size } = facts.get(path) else {
        return false;
    };
    match (facts.hash(path), file.hash) {
        (Some(now), Some(old)) if level >= Level::CONTENTS => now == old,
        _ => (time, size) == (file.time, file.size) && !facts.is_doubted(path),
    }
}

/// Whether an output is not what the job made; a newer time with the same size is a touch.
pub fn is_other_output(
    facts: &Facts,
    level: Level,
    trusts_touch: bool,
    path: PathId,
    file: &File,
) -> bool {
    let Look::There { time, size } = facts.get(path) else {
        return false;
    };
    // A folder is looked at for existence.
    if file.path.ends_with(b"/") {
        return false;
    }
    match (facts.hash(path), file.hash) {
        (Some(now), Some(old)) if level >= Level::CONTENTS => now != old,
        _ => size != file.size || time < file.time || !trusts_touch && time > file.time,
    }
}

/// The newest of some files, and the oldest of others.
#[derive(Default)]
pub(super) struct Times {
    pub newest_input: Option<(Time, PathId)>,
    pub oldest_output: Option<(Time, PathId)>,
}

impl Times {
    pub fn input(&mut self, time: Time, path: PathId) {
        if self.newest_input.is_none_or(|(newest, _)| time > newest) {
            self.newest_input = Some((time, path));
        }
    }

    pub fn output(&mut self, time: Time, path: PathId) {
        if self.oldest_output.is_none_or(|(oldest, _)| time < oldest) {
            self.oldest_output = Some((time, path));
        }
    }
}
