//! What was typed means this: plain structs of checked values, which `request` fills.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::BString;
use clap::ValueEnum;

use super::explain::Page;
use crate::ui::{Detail, When};

/// The workflow where none is named.
pub const DEFAULT_WORKFLOW: &str = "workflow.flow";

/// How long jobs may take to end when they are told to.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(2);

/// Looks into the environment.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// One thing that flow was asked to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    Run(RunOptions),
    Plan(PlanOptions),
    Check(CheckOptions),
    Explain(ExplainOptions),
    List(ListOptions),
    Log(LogOptions),
    Fmt(FmtOptions),
    Why(WhyOptions),
    Status(StatusOptions),
    Stop(StopOptions),
    Accept(AskOptions),
    History(HistoryOptions),
    Clean(CleanOptions),
    Lsp,
    Completions(CompletionsOptions),
}

/// What every command takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Common {
    /// Where to go first.
    pub chdir: Option<PathBuf>,
    /// The workflow that was named.
    pub named_workflow: Option<PathBuf>,
    /// Files of params, as typed; the last one that has a name counts.
    pub param_files: Vec<PathBuf>,
    pub detail: Detail,
    pub color: When,
}

impl Common {
    /// The workflow that was named, or the one that need not be.
    pub fn workflow(&self) -> &Path {
        let named = self.named_workflow.as_deref();
        named.unwrap_or(Path::new(DEFAULT_WORKFLOW))
    }
}

/// Folders that are not where they are by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub workdir: Option<PathBuf>,
    pub state_dir: Option<PathBuf>,
}

/// A param's value, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    pub name: String,
    pub value: String,
}

/// What runs whatever its state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Force {
    /// These rules, also where their outputs are protected; often none.
    pub rules: Vec<String>,
    /// `--always-make`.
    pub all: bool,
}

/// When failures end a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFailure {
    KeepGoing,
    /// Nothing new starts after so many.
    StopAfter(NonZeroU32),
}

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Progress {
    #[default]
    Auto,
    Bar,
    Lines,
    None,
}

/// Where events go as JSON Lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventsTo {
    Stdout,
    File(PathBuf),
}

/// `flow run`.
#[derive(Clone, PartialEq, Debug)]
pub struct RunOptions {
    pub common: Common,
    pub place: Place,
    /// Rules and files, as typed: files are relative to the folder after `-C`.
    pub targets: Vec<BString>,
    /// In the order typed; the last of a name counts.
    pub params: Vec<Param>,
    pub force: Force,
    /// `None`: the workflow's.
    pub checksum_level: Option<u8>,
    /// `None`: as many as there are processors.
    pub jobs: Option<NonZeroU32>,
    /// `None`: what the machine has.
    pub mem_mib: Option<u64>,
    /// `None`: what can be found.
    pub gpus: Option<u32>,
    pub on_failure: OnFailure,
    /// For rules that do not say.
    pub retries: Option<u32>,
    /// How long a try may run, for rules that do not say.
    pub timeout: Option<Duration>,
    /// How long outputs may take to appear; `None`: by where they are.
    pub latency_wait: Option<Duration>,
    pub grace: Duration,
    /// No shell is kept warm.
    pub fresh_shells: bool,
    pub cluster: ClusterChoice,
    /// The run goes on in the background.
    pub detach: bool,
    pub events: Option<EventsTo>,
    pub progress: Progress,
    /// The seed of a random order.
    pub shuffle: Option<u64>,
    /// Stale jobs are made to look done.
    pub touch_only: bool,
    pub what_if: WhatIf,
}

/// Whether jobs go to a cluster, and how; what is not said here the site's configuration says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClusterChoice {
    pub is_used: bool,
    /// For rules that do not say.
    pub queue: Option<String>,
    /// Options in the scheduler's own words, for all jobs.
    pub native: Option<String>,
    pub library: Option<PathBuf>,
    /// How much work makes a pack of short jobs.
    pub group_time: Option<Duration>,
}

/// `flow plan`, and `flow run -n`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanOptions {
    pub common: Common,
    pub place: Place,
    pub targets: Vec<BString>,
    pub params: Vec<Param>,
    pub force: Force,
    /// `None`: the workflow's.
    pub checksum_level: Option<u8>,
    pub json: bool,
    /// Also jobs that are fresh.
    pub all: bool,
    /// Also the commands.
    pub commands: bool,
    /// `-n -t`: what would be touched.
    pub touch_only: bool,
    pub what_if: WhatIf,
}

/// What is looked at as if it were otherwise, and what is not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WhatIf {
    /// Files, as typed, that count as changed.
    pub changed: Vec<BString>,
    /// A job that agrees with its record ends the search.
    pub is_minimal: bool,
}

/// `flow check`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckOptions {
    pub common: Common,
    pub params: Vec<Param>,
    pub format: Format,
}

/// How `flow check` says what it found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Github,
}

/// `flow explain`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainOptions {
    pub common: Common,
    /// None: all codes are listed.
    pub pages: Vec<Page>,
}

/// `flow completions`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompletionsOptions {
    pub shell: ShellName,
}

/// A shell that can ask what may be typed next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ShellName {
    Bash,
    Zsh,
    Fish,
}

/// `flow list`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListOptions {
    pub common: Common,
}

/// `flow log`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogOptions {
    pub common: Common,
    pub place: Place,
    /// Files or jobs; may be empty when `failed`.
    pub jobs: Vec<BString>,
    /// All jobs that failed when they were last tried.
    pub failed: bool,
    /// Go on until the job ends.
    pub follow: bool,
}

/// `flow fmt`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FmtOptions {
    pub common: Common,
    /// At least one; `-` is stdin.
    pub files: Vec<PathBuf>,
    /// Whether files that would change are a failure; then none is written.
    pub check: bool,
    /// Whether changes are shown instead of written.
    pub diff: bool,
}

/// What is judged, and by which rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskOptions {
    pub common: Common,
    pub place: Place,
    pub targets: Vec<BString>,
    pub params: Vec<Param>,
    /// `None`: the workflow's.
    pub checksum_level: Option<u8>,
}

/// `flow why`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WhyOptions {
    /// With at least one target.
    pub ask: AskOptions,
    pub json: bool,
}

/// `flow status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusOptions {
    pub ask: AskOptions,
    /// Stale jobs are told by the exit status.
    pub check: bool,
    pub json: bool,
}

/// `flow stop`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StopOptions {
    pub common: Common,
    pub place: Place,
    /// What runs may finish.
    pub drains: bool,
    /// Until the run has ended.
    pub waits: bool,
    /// By which jobs are ended that no run follows.
    pub library: Option<PathBuf>,
}

/// `flow clean`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CleanOptions {
    pub common: Common,
    pub place: Place,
    pub params: Vec<Param>,
    /// Only what these made; all when there are none.
    pub rules: Vec<String>,
    pub temp: bool,
    pub orphans: bool,
    pub trash: bool,
    /// Also files that were changed since they were made.
    pub changed: bool,
    pub yes: bool,
}

/// `flow history`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryOptions {
    pub common: Common,
    pub place: Place,
    /// Files or jobs; none for all, and the runs.
    pub jobs: Vec<BString>,
    pub all: bool,
    pub json: bool,
}
