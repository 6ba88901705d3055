//! Running a task somewhere. A task goes out, reports come back through the run's inbox.
//!
//! `local` talks to the `supervisor` process; `drmaa` sends jobs to a cluster; `sim` is the twin without
//! processes.
#![deny(unsafe_code)]

pub mod drmaa;
mod group;
pub mod local;
mod procs;
mod redirect;
pub mod sim;
pub mod supervisor;
mod sys;
mod trail;
pub mod wire;

use std::time::Duration;

use bstr::BString;

pub use sys::{give_back_large_blocks, take_in_large_steps};
pub use trail::Trail;

use crate::event::{End, Usage};
use crate::lang::recipe::Command;

crate::define_id!(
    /// A try of a job, as executors know it.
    TaskId
);

/// One program to be run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Task {
    pub id: TaskId,
    /// Program and arguments. With `script`, it is appended: as one more argument where it is
    /// short enough for the kernel, else through a file that only the process can see.
    pub argv: Vec<BString>,
    pub script: Option<Script>,
    /// What `script` does, where that is one command with redirections: it may be started in place
    /// of the shell. Where that does not go well, the shell is started after all, and says why.
    pub direct: Option<Command>,
    /// Set on top of the run's environment.
    pub env: Vec<(BString, BString)>,
    /// Where it runs; relative to the run's folder, empty for that folder itself.
    pub dir: BString,
    /// Files that take the place of the report of what it prints, made anew; relative to the run's
    /// folder. Empty: it is reported.
    pub stdout: BString,
    pub stderr: BString,
    /// What it is to make, relative to the run's folder. Where one of these is missing when its main
    /// process has ended well, processes that it left behind may go on for `patience`.
    pub outputs: Vec<BString>,
    pub patience: Duration,
    /// For a cluster; `None` for a task that runs here.
    pub cluster: Option<Box<drmaa::Place>>,
}

/// The text of a recipe, and how its interpreter takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    pub text: BString,
    pub way: ScriptWay,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScriptWay {
    /// `sh -c TEXT`: the last word of `argv` is `-c`, which is left out when the text goes by file.
    DashC,
    /// The same to the script, by a shell that is kept warm where there is one.
    WarmDashC,
    /// `python3 FILE`.
    File,
}

impl ScriptWay {
    /// Whether the text is an argument, where it is short enough.
    pub fn is_dash_c(self) -> bool {
        matches!(self, ScriptWay::DashC | ScriptWay::WarmDashC)
    }
}

/// What comes back of a task.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    Started {
        task: TaskId,
        pid: u32,
    },
    /// stdout and stderr in the order in which they came.
    Output {
        task: TaskId,
        bytes: BString,
    },
    /// The process has ended, and so has all that it left behind: nobody writes any more.
    Ended {
        task: TaskId,
        end: End,
        usage: Usage,
        leftovers: u32,
        /// Files that these were still writing when they were told to end, by their absolute paths.
        writing: Vec<BString>,
    },
    /// All tasks have been told to stand still, as [`Signal::Suspend`] to all asks.
    Suspended,
    /// It has begun to run on this host of the cluster.
    Begun {
        task: TaskId,
        host: String,
    },
    /// Why it will be reported to have failed, better than its end says.
    Explained {
        task: TaskId,
        why: String,
    },
    /// A cluster lost it: what it left is to be cleared away, and then it runs again.
    Again {
        task: TaskId,
        why: String,
    },
    /// Something to tell people.
    Said(String),
    /// The executor is gone: nothing more will come. Why, for a person.
    Lost(String),
}

/// What to do to running tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// TERM now, KILL to what is left after the grace period.
    Terminate,
    Kill,
    Suspend,
    Resume,
}

/// Somewhere to run tasks. `start` and `signal` only send; what happens comes as [`Report`]s.
pub trait Executor {
    /// Takes a task, which may wait for [`Executor::flush`]: several go out at once.
    fn start(&mut self, task: Task) -> anyhow::Result<()>;
    /// Sends what still waits.
    fn flush(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
    /// To one task, or to all; sends what waits before.
    fn signal(&mut self, task: Option<TaskId>, signal: Signal) -> anyhow::Result<()>;
    /// Runs a task again of which [`Report::Again`] came.
    fn again(&mut self, _task: TaskId) -> anyhow::Result<()> {
        Ok(())
    }
    /// History knows how the task ended: nothing of it need be kept.
    fn settled(&mut self, _task: TaskId) {}
    /// Lets go of all that is on a cluster: it goes on, and is not reported any more. How many jobs
    /// these are.
    fn leave(&mut self) -> anyhow::Result<usize> {
        Ok(0)
    }
    /// Ends a task that an earlier run has left, of which nothing is wanted any more.
    fn withdraw(&mut self, _at: (String, usize)) -> anyhow::Result<()> {
        Ok(())
    }
    /// The task that an earlier run has left of this job, and where it is. Told once.
    fn on_cluster(&mut self, _job: &[u8]) -> Option<(drmaa::InFlight, (String, usize))> {
        None
    }
}
