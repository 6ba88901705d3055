//! Who holds a state folder: what stands in `.flow/lock`, one line of JSON, for messages and for
//! whoever wants to reach the holder. That it is held is for the lock itself to say.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::this_boot;

/// A process that holds a state folder.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Holder {
    pub schema: u32,
    /// `run`, or another command that changes state.
    pub command: String,
    pub pid: u32,
    /// When the process started, in ticks since boot: with `pid` it names one process for ever.
    pub started: u64,
    pub host: String,
    /// The host's boot and, behind a blank, the namespace that `pid` counts in.
    pub machine: String,
    /// RFC 3339.
    pub since: String,
    /// Names the run, as its log does.
    pub id: String,
}

impl Holder {
    /// This process, which started at `started`.
    pub fn this(command: &str, started: u64, id: &str) -> Holder {
        let (host, machine) = here();
        Holder {
            schema: 1,
            command: command.into(),
            pid: std::process::id(),
            started,
            host,
            machine,
            since: format!("{:.0}", jiff::Timestamp::now()),
            id: id.into(),
        }
    }

    /// Whether it runs jobs.
    pub fn is_run(&self) -> bool {
        self.command == "run"
    }

    /// What stands in the lock of a state folder; `None` where nothing does that can be read.
    pub fn read(state: &Path) -> Option<Holder> {
        Holder::parse(&std::fs::read(state.join("lock")).ok()?)
    }

    /// What such a line says.
    pub fn parse(text: &[u8]) -> Option<Holder> {
        serde_json::from_slice(text).ok()
    }

    /// As it stands in the lock.
    pub(super) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("plain values always have a JSON form");
        line.push('\n');
        line
    }

    /// The boot of the host, less the namespace.
    pub fn boot(machine: &str) -> &str {
        machine.split(' ').next().unwrap_or_default()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Holder { pid, host, .. } = self;
        write!(f, "process {pid} on {host}")?;
        match self.since.parse::<jiff::Timestamp>() {
            Ok(since) => write!(f, " since {}", since.strftime("%Y-%m-%d %H:%M:%S UTC")),
            Err(_) => Ok(()),
        }
    }
}

/// The name of this host, and its `machine`.
pub fn here() -> (String, String) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let host = read("/proc/sys/kernel/hostname");
    let boot = String::from_utf8_lossy(&this_boot()).into_owned();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let machine = format!("{} {}", boot.trim(), namespace.display());
    (host.trim().into(), machine)
}
