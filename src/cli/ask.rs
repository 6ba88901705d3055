//! A run is asked from another terminal: by a socket in its state folder, one question and one answer
//! a connection, each a line of JSON. `listen` is the run's end, `client` the other one, `words` what
//! people read.
//!
//! The form is described in book/src/design/ask.md.

pub mod client;
pub mod going;
pub mod listen;
pub mod words;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::history::Holder;
use crate::run::ask::{Answer, Question};

/// The socket's name in the state folder.
const NAME: &str = "socket";

/// The only form of questions and answers so far.
const SCHEMA: u32 = 1;

/// A question as it is written.
#[derive(Serialize, Deserialize)]
struct Request {
    schema: u32,
    #[serde(flatten)]
    question: Question,
}

/// What comes back: an answer, or why there is none.
#[derive(Serialize, Deserialize)]
struct Response {
    schema: u32,
    run: Holder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A name for the socket that fits into an address however long the folder's is: by way of the open
/// folder, which has to stay open while the name is used.
fn address(state: &Path) -> io::Result<(File, PathBuf)> {
    let mut options = File::options();
    options.read(true);
    options.custom_flags(libc::O_PATH | libc::O_DIRECTORY);
    let folder = options.open(state)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()));
    Ok((folder, path))
}

/// The user at the other end, as the kernel says.
fn peer(stream: &UnixStream) -> io::Result<u32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(credentials.uid.as_raw())
}

/// The user that this process acts as.
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Time until `deadline`, never 0, which a socket would take for no limit at all.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left.max(Duration::from_millis(1))),
    }
}

/// Reads up to the first newline. `None` where the other end closes before one comes.
fn read_line(
    stream: &mut UnixStream,
    longest: usize,
    deadline: Instant,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut part = [0; 4096];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let n_read = match stream.read(&mut part) {
            Ok(0) => return Ok(None),
            Ok(n_read) => n_read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // What a socket calls the end of its time.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        };
        let end = part[..n_read].iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&part[..end.unwrap_or(n_read)]);
        if line.len() > longest {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "too long a line",
            ));
        }
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Writes a value as a line.
fn write_line(
    stream: &mut UnixStream,
    value: &impl Serialize,
    deadline: Instant,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n_written) => rest = &rest[n_written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
