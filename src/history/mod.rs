//! What is remembered of jobs between runs: what they looked like when they last succeeded, which
//! began and did not end, and what they printed.
//!
//! History is evidence, never authority: a job is fresh only if its record and what is on disk
//! agree, so that to lose history costs work and never makes a wrong «fresh».

pub mod anchor;
pub mod contents;
pub mod discovered;
pub mod extent;
pub mod holder;
pub mod lock;
mod marker;
pub mod log;
pub mod notes;
pub mod output;
pub mod owed;
pub mod past;
pub mod place;
pub mod printed;
pub mod runs;
mod index;
pub mod store;
mod sync;
#[cfg(test)]
mod tests;

use bstr::{BStr, BString};

pub use anchor::Anchor;
pub use contents::{Contents, ContentsFile, Seen};
pub use discovered::{Discovered, DiscoveredFile};
pub use holder::Holder;
pub use owed::{Owed, OwedFile};
pub use past::{File, Hash, Now, Past};
pub use runs::Run;
pub use store::Store;

/// How the last try of a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastTry {
    Done,
    Failed,
    /// It began, and nobody saw it end.
    Unfinished,
}

/// What is known of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Last<'a> {
    pub last_try: LastTry,
    /// What it looked like when it last succeeded, which may be long ago.
    pub past: Option<Past<'a>>,
}

/// Records of jobs by key (the first output). Writing is the run's alone.
///
/// What is added may wait for [`History::flush`]: several records go out with one write.
pub trait History {
    /// `None` where nothing is known of the job.
    fn last(&self, job: &[u8]) -> Option<Last<'_>>;
    /// Tells of every job that has succeeded.
    fn each(&self, _told: &mut dyn FnMut(&Past)) {}
    /// The name of the workflow whose run went on at this time; `None` where that is not known.
    fn workflow_at(&self, _ms: u64) -> Option<BString> {
        None
    }
    /// A text by the number that a record has of it.
    fn text(&self, id: u64) -> Option<&BStr>;
    /// Whether a job that it does not know was never tried here. Not so when records were lost.
    fn is_complete(&self) -> bool;
    /// Keeps a text that records name by this number.
    fn remember(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()>;
    /// A try begins.
    fn started(&mut self, job: &[u8]) -> anyhow::Result<()>;
    fn succeeded(&mut self, job: &[u8], now: &Now) -> anyhow::Result<()>;
    /// A try has failed or was cut off.
    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()>;
    /// Writes what was added. Before a job runs its start is written: whatever ends this process
    /// then, the next run knows of it.
    fn flush(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
    /// The run ends.
    fn close(&mut self) -> anyhow::Result<()>;
}

impl<H: History + ?Sized> History for &mut H {
    fn last(&self, job: &[u8]) -> Option<Last<'_>> {
        (**self).last(job)
    }

    fn each(&self, told: &mut dyn FnMut(&Past)) {
        (**self).each(told);
    }

    fn workflow_at(&self, ms: u64) -> Option<BString> {
        (**self).workflow_at(ms)
    }

    fn text(&self, id: u64) -> Option<&BStr> {
        (**self).text(id)
    }

    fn is_complete(&self) -> bool {
        (**self).is_complete()
    }

    fn remember(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        (**self).remember(id, text)
    }

    fn started(&mut self, job: &[u8]) -> anyhow::Result<()> {
        (**self).started(job)
    }

    fn succeeded(&mut self, job: &[u8], now: &Now) -> anyhow::Result<()> {
        (**self).succeeded(job, now)
    }

    fn failed(&mut self, job: &[u8]) -> anyhow::Result<()> {
        (**self).failed(job)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        (**self).flush()
    }

    fn close(&mut self) -> anyhow::Result<()> {
        (**self).close()
    }
}

/// No history: every job is judged by the times of its files.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn is_complete(&self) -> bool {
        true
    }

    fn last(&self, _job: &[u8]) -> Option<Last<'_>> {
        None
    }

    fn text(&self, _id: u64) -> Option<&BStr> {
        None
    }

    fn remember(&mut self, _id: u64, _text: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    fn started(&mut self, _job: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    fn succeeded(&mut self, _job: &[u8], _now: &Now) -> anyhow::Result<()> {
        Ok(())
    }

    fn failed(&mut self, _job: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}
