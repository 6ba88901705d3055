//! What goes between the engine and the process that has the cluster's library: a JSON object a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the engine wants.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The first of all.
    Open {
        /// To be tried in this order.
        libraries: Vec<PathBuf>,
        /// That of the session before, whose jobs are to be taken up.
        contact: Option<String>,
    },
    Submit(Batch),
    /// Ends these jobs.
    End {
        ids: Vec<String>,
    },
    /// How these stand.
    Ask {
        ids: Vec<String>,
    },
}

/// Jobs that are submitted together: one script, or one for each number from 1 to `n`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Batch {
    pub name: String,
    /// Where they run: the workflow's folder.
    pub folder: String,
    /// For `/bin/sh`, relative to the folder.
    pub script: String,
    /// What the scheduler shows.
    pub title: String,
    pub native: String,
    /// `None` for a job that is no part of a bulk.
    pub n: Option<u32>,
}

/// What comes back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Open {
        system: String,
        contact: String,
        library: PathBuf,
    },
    /// There is no session. `is_tls`: it needs more static thread-local storage; `is_passing`: the
    /// scheduler is not there at the moment.
    NotOpen {
        why: String,
        is_tls: bool,
        is_passing: bool,
    },
    Submitted {
        name: String,
        ids: Vec<String>,
    },
    Refused {
        name: String,
        code: i32,
        why: String,
    },
    Ended {
        id: String,
        how: How,
        usage: Vec<(String, String)>,
    },
    /// `None`: the scheduler knows no such job; those that it could not say of are left out.
    States {
        states: Vec<(String, Option<Stands>)>,
    },
    /// The scheduler did not answer, in its own words.
    Silent {
        why: String,
    },
}

/// How a job ended, as the scheduler has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    Exited(i32),
    Signaled(String),
    Aborted,
    NoUsage,
    Unknown,
}

/// Where a job stands, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stands {
    /// Waiting, running, held or suspended.
    There,
    Over,
    Unclear,
}

/// A line of its own.
pub(super) fn line<T: Serialize>(value: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("its keys are texts");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_went() {
        let order = Order::Submit(Batch {
            name: "a.1".into(),
            folder: "/a\nb".into(),
            script: "x".into(),
            title: "t".into(),
            native: String::new(),
            n: Some(3),
        });
        let line = line(&order);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(serde_json::from_slice::<Order>(&line).unwrap(), order);
    }
}
