//! Redirections of a command that starts without a shell: its files are opened as a shell opens them.
//!
//! A new process does that before it becomes a program, when it shares its starter's memory: nothing
//! here allocates.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdout};

use crate::lang::recipe::Operator;

/// Opens the file of one redirection; `None` where it has none.
///
/// Fails with `EINVAL` for what may have to be waited for: that is for a process that can be ended.
pub fn open(dir: BorrowedFd, operator: Operator, file: &CStr) -> Result<Option<OwnedFd>, Errno> {
    let made = OFlags::WRONLY | OFlags::CREATE;
    let flags = match operator {
        Operator::Input => OFlags::RDONLY,
        Operator::Output | Operator::Both | Operator::Error => made | OFlags::TRUNC,
        Operator::Append => made | OFlags::APPEND,
        Operator::ErrorToOutput => return Ok(None),
    };
    let open = |flags| {
        fs::openat(
            dir,
            file,
            flags | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o666),
        )
    };
    // Mostly there is no such file, and nothing that would have to be looked at.
    if flags.contains(OFlags::CREATE)
        && let Ok(new) = open(flags | OFlags::EXCL)
    {
        return Ok(Some(new));
    }
    if !is_opened_at_once(dir, file) {
        return Err(Errno::INVAL);
    }
    open(flags).map(Some)
}

/// Has the standard streams of this process lead where a redirection says, in its current folder.
pub fn carry_out(operator: Operator, file: &CStr) -> Result<(), Errno> {
    let Some(opened) = open(fs::CWD, operator, file)? else {
        return dup2_stderr(stdout());
    };
    match operator {
        Operator::Input => dup2_stdin(&opened),
        Operator::Error => dup2_stderr(&opened),
        Operator::Output | Operator::Append => dup2_stdout(&opened),
        Operator::Both => dup2_stdout(&opened).and_then(|()| dup2_stderr(&opened)),
        Operator::ErrorToOutput => Ok(()),
    }
}

/// Whether there is a plain file or `/dev/null` behind the name, or nothing that can be told.
fn is_opened_at_once(dir: BorrowedFd, file: &CStr) -> bool {
    let Ok(stat) = fs::statat(dir, file, fs::AtFlags::empty()) else {
        return true;
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => true,
        FileType::CharacterDevice => stat.st_rdev == fs::makedev(1, 3),
        _ => false,
    }
}
