//! What can be typed behind `run` and `plan`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::args::{PlaceArgs, SetArgs, WordArgs};
use super::completions::Completer;
use super::options::Progress;
use super::state_args::WhatIfArgs;
use super::values;

pub const RUN_EXAMPLES: &str = "\
Examples:
  flow run                      bring everything in workflow.flow up to date
  flow run -j 8 report.tsv      only what report.tsv needs, 8 jobs at once
  flow run rna.flow trim -k     rule trim of rna.flow, whatever fails beside it
  flow run --force trim         rule trim again, and what follows from it
  flow run --set genome=hg38    with another value for param genome
  flow run --drmaa --detach     on a cluster, and the terminal is free again
  flow run -n                   only say what would run, and why";

pub const PLAN_EXAMPLES: &str = "\
Examples:
  flow plan                     what would run, and why
  flow plan report.tsv          only what report.tsv needs
  flow plan -W ref.fa           what would run if ref.fa had just changed
  flow plan --commands          with the commands that would be run
  flow plan --json --all        every job, also fresh ones, as JSON Lines";

#[derive(Args, Debug)]
pub(super) struct ForceArgs {
    /// Run this rule whatever its state; repeatable
    #[arg(long, value_name = "RULE", add = ArgValueCompleter::new(Completer::Rule))]
    pub force: Vec<String>,
    /// Run everything whatever its state
    #[arg(short = 'B', long)]
    pub always_make: bool,
    /// What makes a job stale: 0 times, 1 records, 2 recipes, 3 params, 4 contents (default: 3)
    ///
    /// [env: FLOW_CHECKSUM_LEVEL]
    #[arg(long, value_name = "LEVEL", hide_short_help = true)]
    #[arg(value_parser = values::parse_level)]
    pub checksum_level: Option<u8>,
}

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub words: WordArgs,
    /// Jobs at once (default: the processors there are)
    ///
    /// [env: FLOW_JOBS]
    #[arg(short, long, value_name = "N", value_parser = values::parse_at_least_one)]
    pub jobs: Option<NonZeroU32>,
    /// Memory for all jobs together, as in 16G (default: all there is)
    ///
    /// Only rules that say how much they take are counted. [env: FLOW_MEM]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    #[arg(value_parser = values::parse_memory)]
    pub mem: Option<u64>,
    /// Gpus for all jobs together (default: those that are found)
    ///
    /// They are those of CUDA_VISIBLE_DEVICES, or the NVIDIA devices. [env: FLOW_GPUS]
    #[arg(long, value_name = "N", hide_short_help = true)]
    #[arg(value_parser = values::parse_count)]
    pub gpus: Option<u32>,
    /// Only show what would run, as `flow plan`
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Go on with what does not depend on a failure
    ///
    /// [env: FLOW_KEEP_GOING]
    #[arg(short, long, overrides_with = "max_fail")]
    pub keep_going: bool,
    /// Start nothing new after N failures (default: 1)
    ///
    /// [env: FLOW_MAX_FAIL]
    #[arg(long, value_name = "N", overrides_with = "keep_going")]
    #[arg(value_parser = values::parse_at_least_one)]
    pub max_fail: Option<NonZeroU32>,
    #[command(flatten)]
    pub force: ForceArgs,
    #[command(flatten)]
    pub set: SetArgs,
    /// Try a failed job again, unless its rule says how often
    ///
    /// [env: FLOW_RETRIES]
    #[arg(long, value_name = "N", value_parser = values::parse_count)]
    pub retries: Option<u32>,
    /// End a try that runs longer, as in 1h, unless its rule says how long
    ///
    /// [env: FLOW_TIMEOUT]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    #[arg(value_parser = values::parse_timeout)]
    pub timeout: Option<Duration>,
    /// How long outputs may take to appear after their job has ended, as in 5s
    ///
    /// The default is 5s where they are on a network file system, and 0s elsewhere.
    ///
    /// [env: FLOW_LATENCY_WAIT]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    #[arg(value_parser = values::parse_duration)]
    pub latency_wait: Option<Duration>,
    /// Send jobs to a cluster, through its DRMAA library
    ///
    /// Rules that are `local` run here; -j is then how many jobs may be there at once (default 200).
    /// Jobs that an earlier run has left there are taken up. [env: FLOW_DRMAA]
    #[arg(long, hide_short_help = true)]
    pub drmaa: bool,
    /// The cluster's queue, for rules that name none
    ///
    /// [env: FLOW_QUEUE]
    #[arg(long, value_name = "QUEUE", hide_short_help = true)]
    pub queue: Option<String>,
    /// Options for all jobs in the scheduler's own words
    ///
    /// [env: FLOW_NATIVE]
    #[arg(
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        hide_short_help = true
    )]
    pub native: Option<String>,
    /// The cluster's DRMAA library (default: as DRMAA_LIBRARY_PATH, SGE_ROOT or the loader find it)
    ///
    /// [env: FLOW_DRMAA_LIBRARY]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub drmaa_library: Option<PathBuf>,
    /// How much work of short jobs goes into one submission, as in 10m (the default)
    ///
    /// [env: FLOW_GROUP_TIME]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    #[arg(value_parser = values::parse_duration)]
    pub group_time: Option<Duration>,
    /// Go on in the background, and return when the run has begun
    ///
    /// `flow status` shows how far it is, `flow stop` ends it; what it says goes to
    /// .flow/detached.log.
    #[arg(long, conflicts_with_all = ["dry_run", "touch_only"], hide_short_help = true)]
    pub detach: bool,
    /// Write events as JSON Lines; - is stdout
    ///
    /// [env: FLOW_EVENTS]
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Progress: auto, bar, lines, none
    ///
    /// [env: FLOW_PROGRESS]
    #[arg(long, value_name = "HOW", hide_possible_values = true)]
    pub progress: Option<Progress>,
    /// How long jobs may take to end when they are told to, as in 2s (the default)
    ///
    /// [env: FLOW_GRACE]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    #[arg(value_parser = values::parse_duration)]
    pub grace: Option<Duration>,
    /// Start a shell anew for each job, instead of keeping some warm
    ///
    /// [env: FLOW_FRESH_SHELLS]
    #[arg(long, hide_short_help = true)]
    pub fresh_shells: bool,
    /// Start ready jobs in a random order: finds undeclared dependencies
    ///
    /// [env: FLOW_SHUFFLE]
    #[arg(long, value_name = "SEED", hide_short_help = true)]
    #[arg(value_parser = values::parse_seed)]
    pub shuffle: Option<u64>,
    /// Run nothing: stale outputs get new times, or are made empty, and count as done
    #[arg(short, long, conflicts_with_all = ["all", "commands"], hide_short_help = true)]
    pub touch_only: bool,
    #[command(flatten)]
    pub what_if: WhatIfArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// With -n: one JSON object per job
    #[arg(long, requires = "dry_run", hide_short_help = true)]
    pub json: bool,
    /// With -n: also jobs that are fresh
    #[arg(long, requires = "dry_run", hide_short_help = true)]
    pub all: bool,
    /// With -n: also the commands
    #[arg(long, requires = "dry_run", hide_short_help = true)]
    pub commands: bool,
}

#[derive(Args, Debug)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub words: WordArgs,
    /// One JSON object per job
    #[arg(long)]
    pub json: bool,
    /// Also jobs that are fresh
    #[arg(long)]
    pub all: bool,
    /// Also the commands
    #[arg(long)]
    pub commands: bool,
    #[command(flatten)]
    pub what_if: WhatIfArgs,
    #[command(flatten)]
    pub force: ForceArgs,
    #[command(flatten)]
    pub set: SetArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}
