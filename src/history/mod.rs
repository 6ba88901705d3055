//! What is remembered of jobs between runs: which began and did not end, and what they printed.
//!
//! What is remembered is evidence, never authority: to lose it may cost work, and no more.

pub mod journal;
pub mod lock;
pub mod log;
pub mod output;

pub use journal::Journal;

/// Records of jobs by key (the first output). Writing is the run's alone.
pub trait History {
    /// The job's last try began and did not end: what is there under the names of its outputs is
    /// not to be trusted.
    fn is_unfinished(&self, job: &[u8]) -> bool;
    /// The job begins.
    fn started(&mut self, job: &[u8]) -> anyhow::Result<()>;
    /// The job has ended: well, or with nothing of it left.
    fn ended(&mut self, job: &[u8]) -> anyhow::Result<()>;
    /// The run ends.
    fn close(&mut self) -> anyhow::Result<()>;
}

/// No history: every job is judged by the times of its files.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn is_unfinished(&self, _job: &[u8]) -> bool {
        false
    }

    fn started(&mut self, _job: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    fn ended(&mut self, _job: &[u8]) -> anyhow::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}
