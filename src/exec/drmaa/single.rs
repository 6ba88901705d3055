//! A job of its own on a node: this program stands between the script and the recipe, for what only a
//! parent learns: the signal that ended it, and the most memory that it had.
//!
//! The script does without where this program cannot be run on the node: a status above 128 is then all
//! that there is.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::Context;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::exec::sys::{self, Children};

/// The hidden command.
pub const COMMAND: &str = "cluster-job";

/// Runs a command, and writes what it used to `used`. The status is the shell's for it.
///
/// The file is there as soon as the command runs, and only then: without it nothing has begun.
pub fn run(used: &Path, argv: &[OsString]) -> anyhow::Result<u8> {
    let (program, args) = argv.split_first().context("there is nothing to run")?;
    // A scheduler signals the whole group, and the end of the recipe is to be recorded all the same. What
    // is started has none blocked.
    sys::block_signals();
    let mut file = File::create_new(used)?;
    let started = Command::new(program).args(args).spawn();
    let child = match started {
        Ok(child) => child,
        Err(error) => {
            // The shell says it in its own words, with its own status.
            std::fs::remove_file(used)?;
            return Err(error.into());
        }
    };
    let pid = Pid::from_child(&child);
    waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    )?;
    let pid = pid.as_raw_nonzero().get();
    let ended = sys::reap(pid, Children::All)?.context("it has not ended")?;
    let status = ExitStatus::from_raw(ended.status);
    let signal = status.signal().unwrap_or(0);
    writeln!(
        file,
        "used {signal} {} {} {}",
        ended.user_s, ended.sys_s, ended.max_rss_kib
    )?;
    Ok(status.code().unwrap_or(128 + signal) as u8)
}
