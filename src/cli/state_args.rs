//! What can be typed behind the commands about state: `why`, `status`, `stop`, `accept`, `clean`,
//! `history`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::args::{PlaceArgs, SetArgs, WordArgs, WorkflowArg};
use super::completions::Completer;
use super::values;

pub const WHY_EXAMPLES: &str = "\
Examples:
  flow why report.tsv           why report.tsv would be made again, or why not
  flow why trim                 the same for all jobs of rule trim
  flow why trim --set q=30      if param q were 30
  flow why trim --json          one JSON object per job

While a run is going, it is asked what the job or the rule's jobs wait for.";

/// What is judged, and by which rules.
#[derive(Args, Debug)]
pub(super) struct AskArgs {
    #[command(flatten)]
    pub words: WordArgs,
    #[command(flatten)]
    pub set: SetArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// What makes a job stale: 0 times, 1 records, 2 recipes, 3 params, 4 contents (default: 3)
    ///
    /// [env: FLOW_CHECKSUM_LEVEL]
    #[arg(long, value_name = "LEVEL", hide_short_help = true)]
    #[arg(value_parser = values::parse_level)]
    pub checksum_level: Option<u8>,
}

#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    pub ask: AskArgs,
    /// One JSON object per job
    #[arg(long)]
    pub json: bool,
}

pub const STATUS_EXAMPLES: &str = "\
Examples:
  flow status                   jobs of each rule: fresh, stale, missing, failed
  flow status report.tsv        only what report.tsv needs
  flow status --check           exit status 8 when anything is stale
  flow status --json            one JSON object per rule";

#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub ask: AskArgs,
    /// End with status 8 when anything is not fresh
    #[arg(long)]
    pub check: bool,
    /// One JSON object per rule
    #[arg(long)]
    pub json: bool,
}

pub const STOP_EXAMPLES: &str = "\
Examples:
  flow stop                     end the run that is going here; once more ends it at once
                                with none: the jobs that one has left on a cluster
  flow stop --drain             let what runs finish, and start nothing new
  flow stop --wait && flow run  begin again when it has ended";

#[derive(Args, Debug)]
pub(super) struct StopArgs {
    #[command(flatten)]
    pub workflow: WorkflowArg,
    /// Let what runs finish, and start nothing new
    #[arg(long)]
    pub drain: bool,
    /// Come back when the run has ended
    #[arg(long)]
    pub wait: bool,
    /// The cluster's DRMAA library, for jobs that were left there (default: as for run)
    ///
    /// [env: FLOW_DRMAA_LIBRARY]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub drmaa_library: Option<PathBuf>,
    #[command(flatten)]
    pub place: PlaceArgs,
}

pub const ACCEPT_EXAMPLES: &str = "\
Examples:
  flow accept                   everything counts as fresh as it is
  flow accept align             what rule align made, and all that it was made from
  flow accept out/a.bam         the same for one file";

#[derive(Args, Debug)]
pub(super) struct AcceptArgs {
    #[command(flatten)]
    pub ask: AskArgs,
}

/// Of `run` and `plan`.
#[derive(Args, Debug)]
pub(super) struct WhatIfArgs {
    /// As if FILE had just changed; repeatable
    #[arg(short = 'W', long, value_name = "FILE", hide_short_help = true)]
    pub what_if: Vec<PathBuf>,
    /// Leave alone what is missing or stale before a job that is as recorded
    #[arg(long, hide_short_help = true)]
    pub minimal: bool,
}

pub const HISTORY_EXAMPLES: &str = "\
Examples:
  flow history                  the last runs, and the last jobs
  flow history out/a.bam        when the job that makes out/a.bam ran, and how long
  flow history --json           all runs and jobs, as JSON Lines";

#[derive(Args, Debug)]
pub(super) struct HistoryArgs {
    /// A workflow (*.flow), output files or jobs
    #[arg(value_name = "FILE-or-JOB", add = ArgValueCompleter::new(Completer::Target))]
    pub words: Vec<OsString>,
    /// All of them, not only the last ones
    #[arg(long)]
    pub all: bool,
    /// One JSON object per run and job
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

pub const CLEAN_EXAMPLES: &str = "\
Examples:
  flow clean                    remove what the workflow made; asks first
  flow clean --rule align       only what rule align made
  flow clean --temp             temporary files that are still there
  flow clean --orphans          what was made once, and by no rule now
  flow clean --trash --yes      what failed jobs left, without asking";

#[derive(Args, Debug)]
pub(super) struct CleanArgs {
    #[command(flatten)]
    pub workflow: WorkflowArg,
    /// Only what this rule made; repeatable
    #[arg(long, value_name = "RULE", conflicts_with_all = ["temp", "orphans", "trash"])]
    #[arg(add = ArgValueCompleter::new(Completer::Rule))]
    pub rule: Vec<String>,
    /// Temporary files that nothing that will run reads
    #[arg(long, conflicts_with_all = ["orphans", "trash"])]
    pub temp: bool,
    /// What was made once, and by no job now
    #[arg(long, conflicts_with = "trash")]
    pub orphans: bool,
    /// What failed jobs left in the trash
    #[arg(long)]
    pub trash: bool,
    /// Also files that were changed since they were made
    #[arg(long)]
    pub changed: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub set: SetArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}
