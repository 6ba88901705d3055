//! The jobs that earlier runs have left on the cluster: found, listed, and their files cleared away.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Context;
use bstr::BString;

use super::journal::{self, InFlight, Left};
use super::record;

/// What is in the jobs' folder besides jobs.
const OTHERS: [&str; 3] = ["sent", "library.log", "slurm_drmaa.conf"];

/// The jobs that earlier runs have left on the cluster, by key; where they are.
#[derive(Clone, Debug, Default)]
pub struct OnCluster {
    pub jobs: HashMap<BString, (InFlight, (String, usize))>,
    pub(super) left: Left,
}

impl OnCluster {
    /// Forgets jobs whose end is known already: there is nothing to take up, and their files go.
    pub fn keep(&mut self, state: &Path, is_open: impl Fn(&[u8]) -> bool) {
        if self.left.sent.is_empty() {
            return;
        }
        let folder = state.join(journal::FOLDER);
        // Of one that was never submitted, as far as is known, the script is taken back: if the
        // scheduler has it all the same, it finds none.
        let never_began = |sent: &journal::Sent| {
            let path = |suffix: &str| folder.join(format!("{}.{suffix}", sent.name));
            std::fs::rename(path("sh"), path("off")).ok();
            let traces = record::traces(&folder).unwrap_or_default();
            traces
                .get(&sent.name)
                .is_none_or(|trace| trace.begun.is_none())
        };
        self.left
            .sent
            .retain(|_, sent| sent.id.is_some() || !never_began(sent));
        let sent = &self.left.sent;
        self.jobs
            .retain(|job, (_, (name, _))| is_open(job) && sent.contains_key(name));
        let jobs = &self.jobs;
        let is_known =
            |sent: &journal::Sent| sent.jobs.iter().any(|job| jobs.contains_key(&job.job));
        self.left.sent.retain(|_, sent| is_known(sent));
        if self.left.sent.is_empty() {
            clear(&folder, &self.left);
        }
    }

    /// Those whose end history does not know, by key, and how far each has come by its files. Changes
    /// nothing, so it may be asked while a run holds the folder.
    pub fn list(state: &Path, is_open: impl Fn(&[u8]) -> bool) -> anyhow::Result<Vec<Remote>> {
        let found = OnCluster::read(state)?;
        let traces = match found.jobs.is_empty() {
            true => HashMap::new(),
            false => record::traces(&state.join(journal::FOLDER)).context("list their files")?,
        };
        let jobs = found.jobs.iter().filter(|(job, _)| is_open(job));
        let mut jobs: Vec<Remote> = jobs
            .map(|(job, (in_flight, (name, _)))| {
                let trace = traces.get(name).cloned().unwrap_or_default();
                Remote {
                    job: job.clone(),
                    attempt: in_flight.attempt,
                    id: found.left.sent.get(name).and_then(|sent| sent.id.clone()),
                    stand: match trace.begun {
                        _ if trace.has_ended => Stand::Ended,
                        Some((_, host, _)) => Stand::Begun { host },
                        None => Stand::Queued,
                    },
                }
            })
            .collect();
        jobs.sort_by(|one, other| one.job.cmp(&other.job));
        Ok(jobs)
    }

    /// Those of a state folder.
    pub fn read(state: &Path) -> anyhow::Result<OnCluster> {
        let left = Left::read(state).context("read which jobs are on the cluster")?;
        let mut jobs = HashMap::new();
        for sent in left.sent.values() {
            for (at, job) in sent.jobs.iter().enumerate() {
                jobs.insert(job.job.clone(), (job.clone(), (sent.name.clone(), at)));
            }
        }
        Ok(OnCluster { jobs, left })
    }
}

/// A job on the cluster that no run follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// The job's key.
    pub job: BString,
    pub attempt: u32,
    /// The scheduler's; `None` where the run that sent it did not live to learn it.
    pub id: Option<String>,
    pub stand: Stand,
}

/// How far a job has come, by what it has left in the state folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stand {
    Queued,
    /// It, or the pack that it is in, has begun on this host.
    Begun {
        host: String,
    },
    /// It waits for a run that takes in how it ended.
    Ended,
}

/// Removes files of jobs that nothing is known of any more, and what batches and runs have that are gone.
pub(super) fn clear(folder: &Path, left: &Left) {
    let batch = |name: &str| name.rsplit_once('.').map(|(batch, _)| batch.to_string());
    let batches: HashSet<String> = left.sent.keys().filter_map(|name| batch(name)).collect();
    let run = |batch: &String| Some(batch.rsplit_once('-')?.0.to_string());
    let runs: HashSet<String> = batches.iter().filter_map(run).collect();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !OTHERS.contains(name)) else {
            continue;
        };
        let stem = name.split_once(".run@").or_else(|| name.rsplit_once('.'));
        let (stem, suffix) = stem.unwrap_or((name, ""));
        let is_known = match suffix {
            "env" => runs.contains(stem),
            "bulk" => batches.contains(stem),
            _ => left.sent.contains_key(stem),
        };
        if !is_known {
            // One that stays is looked at again next time.
            std::fs::remove_file(entry.path()).ok();
        }
    }
}
