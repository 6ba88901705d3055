//! The hidden commands by which this program becomes one of a run's helpers on a cluster.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use super::Exit;
use crate::exec::drmaa::{
    JOB_COMMAND, LIBRARY_COMMAND, PACK_COMMAND, run_job, run_pack, serve_library,
};
use crate::exec::supervisor;

/// Does the work of a helper where it was started as one; then that was all.
pub fn become_one() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let command = args.next()?;
    let done = if command == JOB_COMMAND {
        let used = args.next()?;
        let argv: Vec<OsString> = args.collect();
        match run_job(Path::new(&used), &argv) {
            Ok(status) => return Some(ExitCode::from(status)),
            // The script tries it without.
            Err(_) => return Some(ExitCode::from(Exit::Machine.status())),
        }
    } else if command == LIBRARY_COMMAND {
        serve_library()
    } else if command == PACK_COMMAND {
        let stem = args.next()?;
        // Forked here, while the process is small.
        let supervisor = supervisor::fork().map_err(anyhow::Error::from);
        supervisor.and_then(|supervisor| run_pack(Path::new(&stem), supervisor))
    } else {
        return None;
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(Exit::Machine.status())
        }
    })
}
