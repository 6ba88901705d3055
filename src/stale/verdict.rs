//! How much is looked at, why a job must run, and what is known of it.

use crate::dense::{BitSet, Id};
use crate::plan::{JobId, PathId};
use crate::workflow::RuleId;

/// `--checksum-level`: how much is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Level(pub u8);

impl Level {
    /// Times of files alone; nothing that is recorded counts.
    pub const TIMES: Level = Level(0);
    /// Also whether the recipe is the one that was run.
    pub const RECIPES: Level = Level(2);
    /// Also the params, captures and environment that reach it.
    pub const PARAMS: Level = Level(3);
    /// Contents of files instead of times.
    pub const CONTENTS: Level = Level(4);
}

impl Default for Level {
    fn default() -> Level {
        Level::PARAMS
    }
}

/// Why a job must run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It was asked for by `--force` or `--always-make`.
    Forced,
    /// Its rule says so: it runs each time it is asked for.
    Always,
    OutputMissing(PathId),
    /// A temporary output is gone, and this job reads it.
    Needed {
        output: PathId,
        by: JobId,
    },
    /// A temporary output is gone, and jobs that are not known yet may read it.
    Awaited(PathId),
    /// Its rule's `check` command says so.
    CheckCommand,
    /// What it reads beside its inputs is not known: nobody has recorded it.
    InputsUnknown,
    /// A file that it was found to read is gone.
    InputGone(PathId),
    /// An input is newer than the oldest output, and nothing is recorded.
    InputNewer {
        input: PathId,
        output: PathId,
    },
    /// Its last try began and did not end.
    Unfinished,
    /// Its last try failed.
    Failed,
    /// An output is not what the job made.
    OutputChanged(PathId),
    /// An input is not the one that the job was made from.
    InputChanged(PathId),
    /// Other inputs than the job was made from, or in another order.
    InputsDiffer,
    RecipeChanged,
    /// A param, capture, environment variable or the shell.
    ParamsChanged,
    /// No record says that it is done, where that counts: it makes no files, or records were lost.
    NoRecord,
    /// A job whose files it reads will run.
    Upstream(JobId),
}

/// What is known of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verdict {
    /// Nobody has asked.
    #[default]
    Unjudged,
    Fresh,
    Stale(Reason),
}

impl Verdict {
    /// A `maybe`: it runs only because a job does whose files it reads. It is judged again when they
    /// are there, and does not run when they came out as recorded.
    pub fn is_maybe(self) -> bool {
        matches!(self, Verdict::Stale(Reason::Upstream(_)))
    }
}

/// Rules that run whatever their state.
#[derive(Clone, Debug, Default)]
pub struct Forced {
    /// `--always-make`.
    pub all: bool,
    pub rules: BitSet,
}

impl Forced {
    pub fn has(&self, rule: RuleId) -> bool {
        self.all || self.rules.contains(rule.index())
    }
}
