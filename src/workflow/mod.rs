//! Names resolved, patterns compiled, needs known: what the rules mean, before any file is looked at.
//!
//! `load` turns a syntax tree into a [`Workflow`]; its mistakes come as diagnostics, all at once.

pub mod attribute;
pub mod captures;
mod declare;
pub mod expr;
mod given;
mod halves;
pub mod header;
pub mod lint;
pub mod load;
mod made;
mod never;
pub mod order;
pub mod param;
pub mod recipe;
mod resolver;
pub mod scope;
pub mod shape;
pub mod sheet;
mod space;
pub mod table;
mod target;
pub mod tuple;
mod value;

use std::sync::Arc;
use std::time::Duration;

use bstr::BString;

use crate::dense::{BitSet, Interner, Table};
use crate::lang::Span;
use crate::lang::ast::Verb;
use crate::pattern::{Filter, NameId, Pattern, Shape, intersects};

pub use attribute::active::ActiveIf;
pub use expr::{Expr, Fact, FileSet, Part, Word};
pub use given::waits_for_a_run;
pub use load::load;
pub use param::{Override, Param, Type};
pub use recipe::Recipe;
pub use space::beside;
pub use table::{SampleTable, TableId};
pub use tuple::Tuple;

/// The name under which the groups of a `regex` are kept: `{re[1]}`. Interned first.
pub const GROUP: NameId = NameId(0);

crate::define_id!(
    /// A rule, in the order of the file.
    RuleId
);

crate::define_id!(
    /// A `use` of another workflow.
    ModuleId
);

crate::define_id!(
    /// A `jobs_limit`, named or a rule's own.
    LimitId
);

/// A whole workflow: what its text means.
#[derive(Default)]
pub struct Workflow {
    pub params: Vec<Param>,
    pub limits: Table<LimitId, Limit>,
    /// Environment of every recipe.
    pub env: Vec<(String, BString)>,
    /// Each in a place of its own: they are large, and there may be many.
    pub rules: Table<RuleId, Box<Rule>>,
    pub tables: Table<TableId, SampleTable>,
    pub modules: Table<ModuleId, Module>,
    /// Named sets of what is to be built.
    pub targets: Vec<Target>,
    /// What is built when nothing is asked for; `None`: everything.
    pub default: Option<Vec<(Source, Span)>>,
    /// The project's default for `--checksum-level`.
    pub checksum_level: Option<u8>,
    /// The interpreter of `#!python` recipes, and what its workers import once.
    pub python: Option<BString>,
    pub preload: Vec<BString>,
    /// Names of captures; `GROUP` is the first.
    pub names: Interner<NameId>,
    /// The rules, upstream first.
    pub order: Vec<RuleId>,
    /// By rule: those whose files may be its items through a glob or a file's name.
    pub upstream_by_words: Table<RuleId, Vec<RuleId>>,
    /// Rules, and rules that make files which their words name but which are not their items: they
    /// themselves, and those that depend on them by name.
    pub fed_back: Vec<(RuleId, RuleId)>,
    /// What the outputs of each rule can be called.
    pub shapes: Table<RuleId, Vec<Shape>>,
    /// Rules without `->`.
    no_outputs: BitSet,
}

/// A workflow that another one uses, with params of its own.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// As its rules are called by: `tumour`, or `a.tumour` of the module `a`.
    pub name: String,
    pub params: Vec<Param>,
    /// Environment of its recipes, on top of the workflow's.
    pub env: Vec<(String, BString)>,
}

/// `target NAME: …`.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub span: Span,
    /// Rules and files, and where each was named.
    pub words: Vec<(Source, Span)>,
}

impl Workflow {
    /// The environment of a rule's recipes: the workflow's, then its module's.
    pub fn env_of(&self, rule: &Rule) -> impl Iterator<Item = &(String, BString)> {
        let module = rule.module.map(|module| &self.modules[module].env);
        self.env.iter().chain(module.into_iter().flatten())
    }

    /// The params that a rule's recipe can see.
    pub fn params_of(&self, rule: &Rule) -> &[Param] {
        match rule.module {
            Some(module) => &self.modules[module].params,
            None => &self.params,
        }
    }

    /// Whether one of the rule's outputs can be a file that `word` names.
    pub fn may_make(&self, rule: RuleId, word: &Word) -> bool {
        let wanted = shape::of(&shape::of_word(word, &|_| true));
        self.shapes[rule]
            .iter()
            .any(|made| intersects(&[made, &wanted]))
    }

    /// Whether one of the rule's outputs can be called `path`.
    pub fn may_make_path(&self, rule: RuleId, path: &[u8]) -> bool {
        let wanted = shape::of(&Pattern::text(path));
        self.shapes[rule]
            .iter()
            .any(|made| intersects(&[made, &wanted]))
    }
}

/// A semaphore: at most `count` jobs hold it at once.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The name, or the rule's for a limit of its own.
    pub name: String,
    pub count: u32,
    pub span: Span,
}

/// What makes a job's items: rules, files or globs.
#[derive(Clone, Debug)]
pub enum Source {
    Rule(RuleId),
    /// Its rows are items without files.
    Table(TableId),
    /// A file's name or a glob.
    Files(Word),
}

/// Sources and their filter.
pub struct Factor {
    /// From its first word to its last.
    pub span: Span,
    pub sources: Vec<Source>,
    pub filter: Filter,
    /// Where the filter stands, with its keyword; the whole header where there is none.
    pub filter_span: Span,
    /// How it was written, for messages.
    pub filter_text: String,
}

impl Factor {
    /// The filter's suffix, where it is one.
    pub fn suffix(&self) -> Option<&[u8]> {
        match &self.filter {
            Filter::Suffix(suffix) => Some(suffix),
            _ => None,
        }
    }
}

/// A `with` or `using` word.
#[derive(Clone, Debug)]
pub struct Extra {
    pub name: Option<String>,
    pub source: Source,
    /// The times of what it brings are not looked at.
    pub is_ancient: bool,
}

/// An output word.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: Option<String>,
    pub word: Word,
    /// It is put in the place of the filter's suffix; otherwise it is a whole path.
    pub replaces_suffix: bool,
}

impl Output {
    /// The outputs are known only when the job has run.
    pub fn is_glob(&self) -> bool {
        self.word.has_glob()
    }
}

/// One value per try; the last holds for all further tries. Empty: the rule says nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PerTry<T>(pub Vec<T>);

impl<T> Default for PerTry<T> {
    fn default() -> Self {
        PerTry(Vec::new())
    }
}

impl<T: Copy> PerTry<T> {
    /// The value of a try; they count from 1.
    pub fn of(&self, attempt: u32) -> Option<T> {
        let at = (attempt.max(1) - 1) as usize;
        self.0.get(at).or(self.0.last()).copied()
    }
}

/// What one job takes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Needs {
    pub cores: PerTry<u32>,
    /// In MiB.
    pub mem_mib: PerTry<u64>,
    pub gpus: PerTry<u32>,
    /// How long a try may run.
    pub time: PerTry<Duration>,
    pub limits: Vec<LimitId>,
}

impl Needs {
    /// A rule that says nothing takes one core.
    pub fn cores_of(&self, attempt: u32) -> u32 {
        self.cores.of(attempt).unwrap_or(1)
    }

    /// For how many tries something is said.
    pub fn n_tries(&self) -> usize {
        let lengths = [self.cores.0.len(), self.mem_mib.0.len(), self.gpus.0.len()];
        lengths
            .into_iter()
            .fold(self.time.0.len().max(1), usize::max)
    }
}

/// How a rule's jobs are sent to a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cluster {
    pub queue: Option<String>,
    /// Options in the scheduler's own words.
    pub native: Option<String>,
    /// Never sent: its jobs run where flow runs.
    pub is_local: bool,
    /// So many jobs in one submission; at least 1. `None`: as history advises.
    pub group: Option<u32>,
}

/// Where a rule's recipe runs: words that are filled for each job. Few rules say anything.
#[derive(Clone, Debug, Default)]
pub struct Around {
    pub env: Vec<(String, Word)>,
    pub workdir: Option<Box<Word>>,
    /// Files that take what the recipe prints.
    pub stdout: Option<Box<Word>>,
    pub stderr: Option<Box<Word>>,
}

/// What a rule does once, when all its jobs are done.
#[derive(Clone, Debug)]
pub enum Then {
    /// `{output}` is all outputs of the rule.
    Command(Box<Recipe>),
    Touch(BString),
}

pub struct Rule {
    /// With the names of its modules in front: `tumour.align`.
    pub name: String,
    /// The module that it is in; `None` in the main workflow.
    pub module: Option<ModuleId>,
    pub doc: Option<String>,
    pub verb: Verb,
    /// The header, from the verb to its last word.
    pub span: Span,
    pub name_span: Span,
    /// None for `originate`; several for `product`; one for the other verbs.
    pub factors: Vec<Factor>,
    /// What a job's elements are, for the verbs whose jobs are named by several items.
    pub tuple: Option<Box<Tuple>>,
    pub with: Vec<Extra>,
    /// Replaces the job's inputs when there is any.
    pub using: Vec<Extra>,
    /// Sources the times of whose files are not looked at.
    pub ancient: Vec<Source>,
    /// One group, but for `originate`: one per job.
    pub outputs: Vec<Vec<Output>>,
    /// False when the rule was written without `->`: its jobs make no files.
    pub has_outputs: bool,
    pub recipe: Option<Recipe>,
    /// Shared by rules that need the same.
    pub needs: Arc<Needs>,
    pub after: Vec<RuleId>,
    pub priority: i32,
    /// `None`: it takes part always.
    pub active_if: Option<Box<ActiveIf>>,
    /// Its jobs run each time they are asked for.
    pub is_always: bool,
    /// Outputs are made read-only, and not overwritten unless the rule is forced by name.
    pub is_protected: bool,
    /// Old outputs stay in place for a recipe that goes on from them.
    pub is_update: bool,
    /// To have no items is no mistake.
    pub is_optional: bool,
    /// Its outputs are deleted when nothing needs them any more.
    pub is_temp: bool,
    pub around: Around,
    /// Says whether a job is stale.
    pub check: Option<Box<Recipe>>,
    /// A Makefile rule that the job writes: what it names are inputs from then on.
    pub deps: Option<Box<Word>>,
    /// In this order, when all jobs are done and any has run.
    pub then: Vec<Then>,
    /// `None`: the run's default.
    pub retries: Option<u32>,
    /// From a failed try to the next.
    pub backoff: Duration,
    /// Shared by rules that say the same.
    pub cluster: Arc<Cluster>,
    /// `None`: the run's default.
    pub checksum_level: Option<u8>,
    /// The captures that its jobs' items bring along.
    pub captures: Vec<NameId>,
    /// Captures whose text is known to have no `/` in it.
    pub flat_captures: Vec<NameId>,
}

impl Workflow {
    /// The rules whose jobs may read files that `rule` makes: by its name, by a glob, or as what
    /// their `deps` tell.
    pub fn readers(&self, rule: RuleId) -> Vec<RuleId> {
        let reads = |reader: &RuleId| {
            let found = &self.rules[*reader];
            let mut by_name = found.asked();
            by_name.any(|source| matches!(source, Source::Rule(other) if *other == rule))
                || self.upstream_by_words[*reader].contains(&rule)
                || found.deps.is_some()
        };
        let readers = self.rules.ids().filter(|reader| *reader != rule);
        readers.filter(reads).collect()
    }
}

impl Rule {
    /// Whether it takes part; one that does not has no items.
    pub fn is_active(&self) -> bool {
        self.active_if
            .as_ref()
            .is_none_or(|condition| condition.holds)
    }

    /// Its jobs' outputs are known only when they have run.
    pub fn makes_unknown_files(&self) -> bool {
        matches!(self.verb, Verb::Split | Verb::Subdivide)
    }

    /// The words that bring further inputs to a job.
    pub fn extras(&self) -> &[Extra] {
        match self.using.is_empty() {
            true => &self.with,
            false => &self.using,
        }
    }

    /// Whether there are inputs whose times are not looked at.
    pub fn has_ancient(&self) -> bool {
        !self.ancient.is_empty() || self.extras().iter().any(|extra| extra.is_ancient)
    }

    /// One job, or one per set of outputs, over many items.
    pub fn gathers(&self) -> bool {
        matches!(self.verb, Verb::Split | Verb::Merge | Verb::Collate)
    }

    /// All sources in a row, those of the first factor first.
    pub fn sources(&self) -> impl Iterator<Item = (usize, &Source)> {
        let factors = self.factors.iter().enumerate();
        factors.flat_map(|(at, factor)| factor.sources.iter().map(move |source| (at, source)))
    }

    /// All words that ask for inputs: sources, `with` and `using`.
    pub fn asked(&self) -> impl Iterator<Item = &Source> {
        let sources = self.factors.iter().flat_map(|factor| &factor.sources);
        let extras = self
            .with
            .iter()
            .chain(&self.using)
            .map(|extra| &extra.source);
        sources.chain(extras)
    }
}

impl Verb {
    /// As it is written.
    pub fn keyword(self) -> &'static str {
        match self {
            Verb::Originate => "originate",
            Verb::Transform => "transform",
            Verb::Split => "split",
            Verb::Subdivide => "subdivide",
            Verb::Merge => "merge",
            Verb::Collate => "collate",
            Verb::Product => "product",
            Verb::Combinations => "combinations",
            Verb::Permutations => "permutations",
            Verb::CombinationsWithReplacement => "combinations_with_replacement",
        }
    }
}
