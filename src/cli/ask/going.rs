//! The run that is going, for commands that only look: who it is, how far, and which jobs run.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use bstr::{BStr, BString};

use super::client::{Seen, ask, who};
use super::words;
use crate::history::Holder;
use crate::run::ask::{Answer, Progress, Question};

/// Whoever holds a state folder, as far as it can be asked.
pub struct Going {
    holder: Option<Holder>,
    progress: Option<Progress>,
    running: HashSet<BString>,
}

impl Going {
    /// Looks, and asks.
    pub fn look(state: &Path) -> Going {
        let holder = match who(state) {
            Seen::Nobody => None,
            Seen::Here(holder) | Seen::Elsewhere(holder) => Some(holder),
        };
        let is_run = holder.as_ref().is_some_and(Holder::is_run);
        let progress = match is_run.then(|| ask(state, Question::Run)) {
            Some(Ok((_, Answer::Run(progress)))) => Some(progress),
            _ => None,
        };
        let jobs = progress.iter().flat_map(|progress| &progress.jobs);
        Going {
            running: jobs.map(|job| job.job.clone()).collect(),
            holder,
            progress,
        }
    }

    /// Whether somebody holds the folder.
    pub fn is_anybody(&self) -> bool {
        self.holder.is_some()
    }

    /// Whether a job runs whose last try has begun and not ended. Of a run that cannot be asked it is
    /// taken for granted.
    pub fn runs(&self, job: &BStr) -> bool {
        match (&self.holder, &self.progress) {
            (Some(_), Some(_)) => self.running.contains(job),
            (Some(holder), None) => holder.is_run(),
            (None, _) => false,
        }
    }

    /// Says that somebody is at work: as a line of `out`, or as a note where that is for programs.
    pub fn tell(&self, is_for_programs: bool, out: &mut dyn Write) -> io::Result<()> {
        let Some(holder) = &self.holder else {
            return Ok(());
        };
        let line = words::going(holder, self.progress.as_ref());
        match is_for_programs {
            true => anstream::eprintln!("note: {line}"),
            false => writeln!(out, "{line}")?,
        }
        Ok(())
    }
}
