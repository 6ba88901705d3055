//! How jobs are sent to a cluster: the `[cluster]` part of flow.toml, under what was typed.
//!
//! Strongest first: the flag, its `FLOW_*` variable, `flow.toml` beside the workflow,
//! `flow/config.toml` in the user's configuration folder.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::open::state_path;
use super::options::{ClusterChoice, Common};
use crate::exec::drmaa::{Dialect, OnCluster, Settings, find};
use crate::exec::local::clean_environment;
use crate::history::{History, LastTry, Store};
use crate::lang::quantity::parse_duration;
use crate::run::ClusterOptions;

/// Jobs on the cluster at once, where nobody says.
const JOBS: u32 = 200;

/// The `[cluster]` part of a file. What is not said is left to the file below.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    pub library: Option<PathBuf>,
    pub queue: Option<String>,
    pub native: Option<String>,
    pub jobs: Option<u32>,
    pub submit_rate: Option<f64>,
    pub bulk: Option<u32>,
    pub group_time: Option<String>,
    pub patience: Option<String>,
    pub lost_after: Option<String>,
    pub ask_every: Option<String>,
    pub latency: Option<String>,
    pub flow: Option<PathBuf>,
    pub dialect: Dialect,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    cluster: Site,
}

impl Site {
    /// Reads a file; one that is not there says nothing.
    fn read(path: &Path) -> anyhow::Result<Site> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Site::default()),
            Err(error) => return Err(error).with_context(|| format!("read `{}`", path.display())),
        };
        Site::parse(&text).with_context(|| format!("read `{}`", path.display()))
    }

    /// What the text of a file says.
    pub fn parse(text: &str) -> Result<Site, toml::de::Error> {
        toml::from_str(text).map(|file: File| file.cluster)
    }

    /// This one, where it says something, over `other`.
    fn over(self, other: Site) -> Site {
        Site {
            library: self.library.or(other.library),
            queue: self.queue.or(other.queue),
            native: self.native.or(other.native),
            jobs: self.jobs.or(other.jobs),
            submit_rate: self.submit_rate.or(other.submit_rate),
            bulk: self.bulk.or(other.bulk),
            group_time: self.group_time.or(other.group_time),
            patience: self.patience.or(other.patience),
            lost_after: self.lost_after.or(other.lost_after),
            ask_every: self.ask_every.or(other.ask_every),
            latency: self.latency.or(other.latency),
            flow: self.flow.or(other.flow),
            dialect: self.dialect.over(other.dialect),
        }
    }

    /// What the files say.
    fn find(workflow: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> anyhow::Result<Site> {
        let beside = Site::read(&workflow.with_file_name("flow.toml"))?;
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")));
        let users = config.map(|folder| Site::read(&folder.join("flow/config.toml")));
        Ok(beside.over(users.transpose()?.unwrap_or_default()))
    }
}

/// A duration of a file, or the one that holds without.
fn duration(said: &Option<String>, name: &str, without: Duration) -> anyhow::Result<Duration> {
    let Some(said) = said else { return Ok(without) };
    match parse_duration(said) {
        Ok(duration) => Ok(duration),
        Err(why) => bail!("`{name}` of `[cluster]`: {why}"),
    }
}

/// Where jobs are sent from, and in which run.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub folder: &'a Path,
    pub state: &'a Path,
    pub run: &'a str,
    /// Jobs' files go through a network file system.
    pub is_remote: bool,
}

/// How the cluster is used; `jobs` is what `-j` says.
pub fn settings(
    typed: &ClusterChoice,
    jobs: Option<NonZeroU32>,
    common: &Common,
    setting: &Setting,
) -> anyhow::Result<(Settings, ClusterOptions)> {
    let variable = |name: &str| std::env::var_os(name);
    let &Setting {
        folder,
        state,
        run,
        is_remote,
    } = setting;
    let site = Site::find(common.workflow(), &variable)?;
    let library = typed.library.clone().or(site.library);
    if folder.to_str().is_none() {
        bail!("the workflow's folder has a name that is not UTF-8, which no DRMAA library takes");
    }
    let seen = state_path(folder, state);
    let flow = match site.flow {
        Some(flow) => flow,
        None => std::env::current_exe().context("find this program")?,
    };
    let jobs = jobs
        .map(|jobs| jobs.get())
        .or(site.jobs)
        .unwrap_or(JOBS)
        .max(1);
    let second = Duration::from_secs(1);
    let group_time = match typed.group_time {
        Some(time) => time,
        None => duration(&site.group_time, "group_time", 600 * second)?,
    };
    // By another machine's clock and cache.
    let (grace, poll) = match is_remote {
        true => (15 * second, second),
        false => (second, Duration::from_millis(50)),
    };
    let settings = Settings {
        libraries: find(library.as_deref(), &variable),
        folder: folder.into(),
        state: state.into(),
        jobs_path: format!("{seen}/jobs"),
        run: run.into(),
        env: clean_environment(std::env::vars_os()),
        dialect: site.dialect,
        queue: typed.queue.clone().or(site.queue),
        native: typed.native.clone().or(site.native),
        rate: site.submit_rate.unwrap_or(200.0),
        bulk: site.bulk.unwrap_or(500),
        group_time,
        n_at_once: jobs,
        patience: duration(&site.patience, "patience", 600 * second)?,
        lost_after: duration(&site.lost_after, "lost_after", 60 * second)?,
        ask_every: duration(&site.ask_every, "ask_every", 30 * second)?,
        grace: duration(&site.latency, "latency", grace)?,
        poll,
        flow: flow.as_os_str().as_bytes().to_vec(),
    };
    let options = ClusterOptions {
        jobs,
        local_cores: super::machine::processors() as u32,
        group_time,
    };
    Ok((settings, options))
}

/// What earlier runs have left on the cluster, less what history knows the end of.
pub fn left(state: &Path, history: &Store) -> anyhow::Result<OnCluster> {
    let mut left = OnCluster::read(state)?;
    left.keep(state, |job| {
        let last = history.last(job);
        last.is_some_and(|last| last.last_try == LastTry::Unfinished)
    });
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_the_workflow_is_stronger() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, users) = (
            folder.path().join("flow.toml"),
            folder.path().join("c/flow"),
        );
        std::fs::create_dir_all(&users).unwrap();
        std::fs::write(&beside, "[cluster]\nqueue = 'long'\n[other]\nx = 1\n").unwrap();
        let text = "[cluster]\nqueue = 'short'\njobs = 7\n[cluster.dialect]\ncores = '-pe x'\n";
        std::fs::write(users.join("config.toml"), text).unwrap();
        let config = folder.path().join("c");
        let variable = |name: &str| (name == "XDG_CONFIG_HOME").then(|| config.clone().into());
        let site = Site::find(&folder.path().join("w.flow"), &variable).unwrap();
        assert_eq!((site.queue.as_deref(), site.jobs), (Some("long"), Some(7)));
        assert_eq!(site.dialect.cores.as_deref(), Some("-pe x"));
    }

    #[test]
    fn what_is_misspelt_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flow.toml");
        std::fs::write(&file, "[cluster]\nqeue = 'long'\n").unwrap();
        let error = format!("{:#}", Site::read(&file).unwrap_err());
        assert!(
            error.contains("flow.toml") && error.contains("qeue"),
            "{error}"
        );
        let wrong = duration(&Some("soon".into()), "patience", Duration::ZERO);
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.starts_with("`patience` of `[cluster]`: "), "{wrong}");
    }
}
