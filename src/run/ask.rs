//! What a run can be asked while it goes, and what it answers: plain data.
//!
//! It is also what goes through the socket in the state folder, one JSON object each way; the form is
//! described in book/src/design/ask.md and only grows.

use std::sync::mpsc::SyncSender;

use bstr::BString;
use serde::{Deserialize, Serialize};

use crate::event::json::path_form;
use crate::history::History;
use crate::plan::{Context, JobId, Plan};
use crate::stale::{Judge, Reason};

/// A question, and the way back. It is answered at most once; where the sender is dropped instead,
/// the run is over.
#[derive(Clone, Debug)]
pub struct Ask {
    pub question: Question,
    /// Of room for one, so that the loop never waits for whoever has asked.
    pub reply: SyncSender<Answer>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// How far it is.
    Run,
    /// Where a job stands: by the name of a file that it makes, its own where it makes none, or
    /// `then:RULE`.
    Job {
        #[serde(with = "path_form")]
        job: BString,
    },
    /// Where the jobs of a rule stand.
    Rule { rule: String },
    /// End, as SIGTERM does; asked twice, at once.
    Stop,
    /// Start nothing new.
    Drain,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    Run(Progress),
    Job(JobAnswer),
    Rule(RuleAnswer),
    /// No job makes it yet: these splits may lead to it when they have run.
    Behind {
        splits: Vec<Named>,
    },
    /// No such rule, and no job that makes such a file.
    Unknown,
    Ending(Ending),
}

/// How far a run is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    pub counts: Counts,
    /// Nothing new starts any more.
    pub is_stopping: bool,
    /// The jobs that run, the first of them.
    pub jobs: Vec<Named>,
}

/// Jobs by where they stand. Those that a split has still to bring are not among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// It need not run.
    pub fresh: u64,
    /// It has run well.
    pub done: u64,
    pub running: u64,
    pub waiting: u64,
    pub failed: u64,
    pub skipped: u64,
    pub cancelled: u64,
    /// What it reads is not known before a split has run.
    pub unknown: u64,
    /// No part of what the run was asked for.
    pub not_asked: u64,
}

impl Counts {
    /// Jobs that the run has dealt with, or will.
    pub fn all(&self) -> u64 {
        self.ended() + self.running + self.waiting
    }

    /// Jobs of the run that have ended, one way or another.
    pub fn ended(&self) -> u64 {
        self.done + self.failed + self.skipped + self.cancelled
    }
}

/// A job by name, and where it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Named {
    #[serde(with = "path_form")]
    pub job: BString,
    pub rule: String,
    pub state: Short,
    /// How long it has run, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// How much it has of what another waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<u64>,
}

/// Where a job stands, in a word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Short {
    Waiting,
    /// It was handed over to be started, and has no process yet.
    Queued,
    Running,
    Fresh,
    Done,
    Failed,
    Skipped,
    Cancelled,
    Unknown,
    NotAsked,
}

/// One job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JobAnswer {
    #[serde(with = "path_form")]
    pub job: BString,
    pub rule: String,
    pub now: Now,
    /// Why it runs, as the run has judged it.
    pub because: Option<Because>,
}

/// Where a job stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Now {
    Waiting { wait: Wait },
    Queued(Try),
    Running(Try),
    Fresh,
    Done,
    Failed { attempts: u32 },
    Skipped { because: Named },
    Cancelled,
    NotAsked,
}

/// A try under way.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Try {
    pub attempt: u32,
    pub tries: u32,
    pub pid: Option<u32>,
    pub for_s: f64,
}

/// What a job waits for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Wait {
    /// Jobs that make its inputs, and rules that it comes after.
    Jobs {
        n: u64,
        /// The first of them, those that run before the others.
        jobs: Vec<Named>,
        after: Vec<After>,
        /// Where none of them runs: at the end of the chain from the first of them, a job that does,
        /// or that waits for something else than jobs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root: Option<Root>,
    },
    /// Splits that have to run before its inputs are known.
    Splits { splits: Vec<Named> },
    /// More than is free; all that is short.
    Amounts { lacks: Vec<Lack> },
    /// The time after a failed try, in seconds.
    Backoff {
        for_s: f64,
        attempt: u32,
        tries: u32,
    },
    /// What its rule's `check` says.
    Check,
    /// It will not start: the run ends.
    Stopping,
    /// Nothing: it starts now.
    Turn,
}

/// The end of a chain of jobs that wait for each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Root {
    pub job: Named,
    /// What it waits for, when it does not run.
    pub wait: Option<Box<Wait>>,
}

/// A rule that a job comes `after`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct After {
    pub rule: String,
    /// Its jobs that have not ended, as far as they are known.
    pub n: u64,
    /// A split has still to bring jobs of it.
    pub has_more: bool,
}

/// Something of which there is too little.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lack {
    pub of: Amount,
    pub wanted: u64,
    pub free: u64,
    pub total: u64,
    /// How many jobs have it.
    pub n: u64,
    /// The first of them, those with most of it before the others.
    pub jobs: Vec<Named>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    Cores,
    MemMib,
    Gpus,
    /// To the cluster.
    Submissions,
    /// A `jobs_limit`: its name, or the rule whose own it is.
    Limit(String),
}

/// The jobs of a rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RuleAnswer {
    pub rule: String,
    pub counts: Counts,
    /// A split has still to bring jobs of it.
    pub has_more: bool,
    /// What they wait for, most common first.
    pub waits: Vec<Waits>,
    /// Why those run that have not ended, most common first.
    pub because: Vec<Reasons>,
}

/// Jobs that wait for the same.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waits {
    pub n: u64,
    /// The rule before it, where they wait for its jobs.
    pub rule: Option<String>,
    /// One of them, and its wait.
    #[serde(with = "path_form")]
    pub job: BString,
    pub wait: Wait,
}

/// Jobs that run for one kind of reason.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reasons {
    pub n: u64,
    /// One of them, and its reason.
    #[serde(with = "path_form")]
    pub job: BString,
    pub because: Because,
}

/// Why a job runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Because {
    /// As `reason.kind` of `flow plan --json`.
    pub reason: String,
    /// For a person.
    pub text: String,
}

/// What was done to end the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ending {
    pub how: How,
    /// Jobs that ran then.
    pub n_running: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// What runs may finish.
    Drain,
    /// What runs was told to end.
    End,
    /// It had been told already, and was killed.
    Kill,
}

/// Says why a job runs; who knows the words for people gives it to the run.
pub type Explain<'a> =
    Box<dyn Fn(&Plan, Context, &Judge, &dyn History, JobId, Reason) -> Because + 'a>;
