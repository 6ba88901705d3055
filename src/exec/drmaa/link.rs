//! The engine's end of the process that has the library: starts it, talks to it, starts it again.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::time::Duration;

use drmaa_sys::Tunables;

use super::desk::In;
use super::wire::{Answer, Order, line};

/// The hidden command by which this program becomes that process.
pub const COMMAND: &str = "cluster-library";

/// A process that has the library, or is about to load it.
pub(super) struct Link {
    child: Child,
    stream: UnixStream,
}

impl Link {
    /// Starts the process; its answers and at last its end go to `inbox`, under the number `n`.
    ///
    /// `folder` takes what the library prints.
    pub fn start(folder: &Path, n: u32, inbox: Sender<In>) -> io::Result<Link> {
        let (own, its) = UnixStream::pair()?;
        let mut log = OpenOptions::new();
        let log = log
            .create(true)
            .append(true)
            .open(folder.join("library.log"))?;
        // Not by its name: another version may bear that by now, or none.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("flow").arg(COMMAND);
        command.stdin(Stdio::from(OwnedFd::from(its)));
        command.stdout(log.try_clone()?).stderr(log);
        // Ctrl-C is for the engine.
        command.process_group(0);
        // Debian's library needs more static thread-local storage than a program has to spare, and the
        // loader only listens at the start of a process. Others do not mind.
        let now = std::env::var_os("GLIBC_TUNABLES");
        if let Tunables::Set(value) = drmaa_sys::tunables(now.as_deref()) {
            command.env("GLIBC_TUNABLES", value);
        }
        // slurm-drmaa asks every ten seconds about each job, unless it is told otherwise.
        if std::env::var_os("SLURM_DRMAA_CONF").is_none() {
            let settings = folder.join("slurm_drmaa.conf");
            std::fs::write(&settings, "pool_delay: 1,\nwait_thread: 1,\n")?;
            command.env("SLURM_DRMAA_CONF", settings);
        }
        let child = command.spawn()?;
        // It reads at once, whatever the library does; one that was stopped must not stop the run.
        own.set_write_timeout(Some(Duration::from_secs(5)))?;
        let stream = own.try_clone()?;
        let thread = std::thread::Builder::new().name("answers".into());
        thread.spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let Ok(answer) = serde_json::from_slice::<Answer>(&line) else {
                    break;
                };
                if inbox.send(In::Answer(n, answer)).is_err() {
                    return;
                }
            }
            inbox.send(In::Hangup(n)).ok();
        })?;
        Ok(Link { child, stream: own })
    }

    /// Sends an order. One that finds nobody is told by the end of the answers.
    pub fn send(&mut self, order: &Order) {
        self.stream.write_all(&line(order)).ok();
    }
}

impl Link {
    /// Ends a process that does not answer.
    pub fn kill(&mut self) {
        self.child.kill().ok();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // It ends by itself when it is not spoken to any more.
        self.stream.shutdown(std::net::Shutdown::Both).ok();
        self.child.try_wait().ok();
    }
}
