//! `flow run --detach`: the run goes on in the background, and the command returns.
//!
//! Whoever typed it starts this program once more, in a session of its own. Until that has begun to run
//! jobs it says what it has to say to the terminal, and its exit status is the command's; from then on
//! it writes to a file in the state folder. Its standard input is a socket on which it says that it has
//! begun.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::Exit;
use super::open::Opened;
use crate::history::Holder;

/// What the other process finds before the words that were typed.
const COMMAND: &str = "detached";

/// What the run says, in the state folder.
const LOG: &str = "detached.log";

/// What was typed, and whether this is the process in the background.
pub fn args() -> (Vec<OsString>, bool) {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let is_detached = args.get(1).is_some_and(|word| word == COMMAND);
    if is_detached {
        args.remove(1);
    }
    (args, is_detached)
}

/// Leaves the session of whoever started this process, so that the end of their terminal is not its own.
pub fn leave_session() {
    // It leads no group yet: it was just started.
    rustix::process::setsid().ok();
}

/// Starts the run in the background, and returns when it has begun, or ended before.
pub fn start() -> anyhow::Result<Exit> {
    let (own, its) = UnixStream::pair().context("make a socket")?;
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.arg(COMMAND).args(std::env::args_os().skip(1));
    command.stdin(Stdio::from(OwnedFd::from(its)));
    let mut child = command.spawn().context("start the run in the background")?;
    // Its end of the socket, so that the end of the process is the end of what comes.
    drop(command);
    let mut told = String::new();
    BufReader::new(own).read_line(&mut told).ok();
    if told.ends_with('\n') {
        anstream::print!("{told}");
        return Ok(Exit::Done);
    }
    let status = child.wait().context("wait for the run")?;
    let signal = status.signal().map(|signal| 128 + signal);
    let status = status.code().or(signal).unwrap_or(1);
    Ok(Exit::Of(status as u8))
}

/// Says that the run has begun; from here on it writes to its file.
pub fn begin(opened: &Opened, holder: &Holder) -> anyhow::Result<()> {
    let path = opened.state.join(LOG);
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let log = options.open(&path);
    let log = log.with_context(|| format!("write to `{}`", path.display()))?;
    let terminal = std::io::stdin().as_fd().try_clone_to_owned();
    let mut socket = UnixStream::from(terminal.context("take the socket")?);
    let null = File::open("/dev/null").context("open /dev/null")?;
    let turned = rustix::stdio::dup2_stdin(&null)
        .and_then(|()| rustix::stdio::dup2_stdout(&log))
        .and_then(|()| rustix::stdio::dup2_stderr(&log));
    turned.context("leave the terminal")?;
    let told = format!(
        "run {}, process {}, goes on in the background: `flow status` shows how far it is, `flow stop` \
         ends it, and `{}` has what it says\n",
        holder.id,
        holder.pid,
        path.display()
    );
    // Whoever has pressed Ctrl-C meanwhile wants no run.
    socket
        .write_all(told.as_bytes())
        .context("whoever started it has gone")
}
