//! Tasks as processes of this machine, run by the supervisor: the engine's ends of the streams.
//!
//! [`Local`] writes orders, from one thread, with blocking calls; [`Reports`] reads what comes back,
//! when it is there, by waiting for it, or in an async runtime. The supervisor takes orders whether or not its
//! reports are read, so a write waits only for the supervisor, never for the engine itself.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Context;
use bstr::BString;
use rustix::process::{Pid, Signal as OsSignal, WaitOptions, getpid, kill_process, waitpid};
use tokio::io::AsyncReadExt;

pub use crate::exec::group::Group;
pub use crate::exec::procs::{MARK, Proc, Sent, look, send, stands_still};
use crate::exec::supervisor::SupervisorHandle;
pub use crate::exec::wire::Setup;
use crate::exec::{Executor, Report, Signal, Task, TaskId, wire};

/// Orders that are longer together do not wait for one another, in bytes.
const ENOUGH: usize = 64 << 10;

/// Variables that change what a shell does before it reads its script.
const SHELL_VARIABLES: [&str; 8] = [
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "IFS",
    "CDPATH",
    "GLOBIGNORE",
    "PS4",
];

/// `vars` without those that would change what a recipe means.
pub fn clean_environment(
    vars: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(BString, BString)> {
    let is_clean = |name: &BString| {
        !name.starts_with(b"BASH_FUNC_") && !SHELL_VARIABLES.iter().any(|other| name == other)
    };
    vars.into_iter()
        .map(|(name, value)| (name.into_vec().into(), value.into_vec().into()))
        .filter(|(name, _)| is_clean(name))
        .collect()
}

/// Stops this process and its supervisor, whose tasks stand still already, until somebody lets this
/// one go on.
pub fn stand_still(supervisor: u32) {
    let stop = |pid, signal| {
        // One that is gone is noticed by the end of its reports.
        kill_process(pid, signal).ok();
    };
    let supervisor = Pid::from_raw(supervisor as i32);
    supervisor
        .into_iter()
        .for_each(|pid| stop(pid, OsSignal::STOP));
    stop(getpid(), OsSignal::STOP);
    supervisor
        .into_iter()
        .for_each(|pid| stop(pid, OsSignal::CONT));
}

/// A new mark: nobody else's, in this run or any other.
pub fn new_mark() -> io::Result<String> {
    let mut bytes = [0; 12];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Setup {
    /// The usual: this process's environment, cleaned; two seconds of grace; two spawner threads
    /// for each processor; 64 MiB of output; warm shells.
    pub fn new(folder: impl Into<BString>, mark: String) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Setup {
            env: clean_environment(std::env::vars_os()),
            folder: folder.into(),
            mark,
            grace: Duration::from_secs(2),
            // Twice: 2,800 jobs a second where once gives 2,300 (2 cores, -j8; bench spawn, 2026-11).
            spawners: 2 * cores.min(32) as u32,
            quota: 64 << 20,
            may_warm: true,
        }
    }
}

impl SupervisorHandle {
    /// Tells the supervisor about the run. From then on it takes tasks. It goes into `group`, if that
    /// is possible, with all that it starts.
    pub fn open(self, setup: &Setup, group: Option<Group>) -> io::Result<(Local, Reports)> {
        let group = group.filter(|group| group.take_in(self.pid).is_ok());
        let mut bytes = Vec::new();
        wire::put_setup(&mut bytes, setup);
        let mut local = Local {
            pid: self.pid,
            orders: self.orders,
            bytes,
            group,
        };
        local.write()?;
        let reports = Reports {
            stream: self.reports,
            frames: Frames::default(),
        };
        Ok((local, reports))
    }
}

/// Starts and signals tasks.
///
/// Dropping it ends all that still runs, at once, and the supervisor, and waits for that.
#[derive(Debug)]
pub struct Local {
    pid: i32,
    orders: UnixStream,
    bytes: Vec<u8>,
    group: Option<Group>,
}

impl Local {
    /// The supervisor's process id.
    pub fn supervisor(&self) -> u32 {
        self.pid as u32
    }

    fn write(&mut self) -> io::Result<()> {
        let result = self.orders.write_all(&self.bytes);
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        result
    }

    /// As [`Executor::start`], of an order that was put down before.
    pub(super) fn start_as_sent(&mut self, order: &[u8]) -> anyhow::Result<()> {
        self.bytes.extend_from_slice(order);
        self.send()
    }

    fn send(&mut self) -> anyhow::Result<()> {
        self.write()
            .context("send to the process that runs the jobs")
    }
}

impl Executor for Local {
    /// Fails, or [`Executor::flush`] does, when the supervisor is gone, which comes as
    /// [`Report::Lost`] too.
    fn start(&mut self, task: Task) -> anyhow::Result<()> {
        wire::put_task(&mut self.bytes, &task);
        if self.bytes.len() < ENOUGH {
            return Ok(());
        }
        self.send()
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.send()
    }

    fn signal(&mut self, task: Option<TaskId>, signal: Signal) -> anyhow::Result<()> {
        wire::put_signal(&mut self.bytes, task, signal);
        self.send()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // What was not sent is not to start any more. The supervisor may be gone already.
        self.bytes.clear();
        wire::put_farewell(&mut self.bytes);
        let _ = self.write();
        // The end of the stream is what it ends by.
        let _ = self.orders.shutdown(std::net::Shutdown::Both);
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()));
        }
        // Nobody is in it any more, unless the supervisor was killed.
        self.group.take();
    }
}

/// Puts reports together from the bytes of a stream.
#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    /// How many of them were taken.
    n_taken: usize,
    is_over: bool,
}

impl Frames {
    /// The next report that is there whole.
    fn next(&mut self) -> Option<Report> {
        match wire::read_report(&self.bytes[self.n_taken..]) {
            Ok(Some((report, len))) => {
                self.n_taken += len;
                self.is_over |= matches!(report, Report::Lost(_));
                Some(report)
            }
            Ok(None) => None,
            Err(_) => Some(self.lost("sends what cannot be understood")),
        }
    }

    /// Where the bytes that are read next go.
    fn spare(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.n_taken);
        self.n_taken = 0;
        self.bytes.reserve(128 << 10);
        &mut self.bytes
    }

    /// What to report of a read that gave `result`, if it gave no bytes.
    fn no_more(&mut self, result: io::Result<usize>) -> Option<Report> {
        match result {
            Ok(0) => Some(self.lost("has ended")),
            Err(error) => Some(self.lost(&format!("cannot be heard: {error}"))),
            Ok(_) => None,
        }
    }

    fn lost(&mut self, what: &str) -> Report {
        self.is_over = true;
        Report::Lost(format!("the process that runs the jobs {what}"))
    }
}

/// Reads reports with blocking calls.
#[derive(Debug)]
pub struct Reports {
    stream: UnixStream,
    frames: Frames,
}

impl Reports {
    /// The next report. The last one is [`Report::Lost`]; then there are no more.
    #[expect(clippy::should_implement_trait, reason = "as AsyncReports has it")]
    pub fn next(&mut self) -> Option<Report> {
        while !self.frames.is_over {
            if let Some(report) = self.frames.next().or_else(|| self.receive()) {
                return Some(report);
            }
        }
        None
    }

    /// Reads once, which waits only where nothing has come, and tells of all that is there whole.
    pub fn read(&mut self, mut told: impl FnMut(Report)) {
        self.receive().into_iter().for_each(&mut told);
        self.take_whole(told);
    }

    /// Tells of reports that have been read already.
    pub fn take_whole(&mut self, mut told: impl FnMut(Report)) {
        while !self.frames.is_over
            && let Some(report) = self.frames.next()
        {
            told(report);
        }
    }

    /// One read; what to report when it was the last one.
    fn receive(&mut self) -> Option<Report> {
        let spare = self.frames.spare();
        let result = rustix::io::retry_on_intr(|| {
            rustix::io::read(&self.stream, rustix::buffer::spare_capacity(spare))
        });
        self.frames.no_more(result.map_err(io::Error::from))
    }

    /// For a tokio runtime, inside which this must be called.
    pub fn into_async(self) -> io::Result<AsyncReports> {
        self.stream.set_nonblocking(true)?;
        Ok(AsyncReports {
            stream: tokio::net::UnixStream::from_std(self.stream)?,
            frames: self.frames,
        })
    }
}

/// Readable when there is something to read.
impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Reads reports in a tokio runtime.
#[derive(Debug)]
pub struct AsyncReports {
    stream: tokio::net::UnixStream,
    frames: Frames,
}

impl AsyncReports {
    /// The next report. The last one is [`Report::Lost`]; then there are no more.
    ///
    /// Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Report> {
        while !self.frames.is_over {
            if let Some(report) = self.frames.next() {
                return Some(report);
            }
            let result = self.stream.read_buf(self.frames.spare()).await;
            if let Some(lost) = self.frames.no_more(result) {
                return Some(lost);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_shell_is_left_out() {
        let vars = ["HOME", "BASH_ENV", "BASH_FUNC_ls%%", "IFS", "ENVIRONMENT"];
        let clean = clean_environment(vars.map(|name| (name.into(), "x".into())));
        let names: Vec<&BString> = clean.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["HOME", "ENVIRONMENT"]);
    }

    #[test]
    fn a_mark_is_new_each_time() {
        let mark = new_mark().unwrap();
        assert_eq!(mark.len(), 24);
        assert_ne!(mark, new_mark().unwrap());
    }
}
