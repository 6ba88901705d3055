//! Warm shells: processes that have a shell loaded, and fork one for each job.
//!
//! What a shell costs is less its own work than that of the dynamic linker. So each spawner thread
//! keeps a few shells that have come as far as to the first instruction of their own, and has them
//! fork: `warm/preload.rs` tells how, and is what runs in them. A copy begins its life as every shell
//! does, with the job's words, environment, folder and descriptors, as a child of this process.
//! Whatever a warm shell cannot do, or fails to do, is done by a start in the usual way.

use std::ffi::CStr;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType, recv, sendmsg, socketpair,
};

use crate::exec::supervisor::orders;
use crate::exec::sys::{self, Launch, Stack, Start};

/// What makes a shell warm; nothing where flow was built without it.
static PRELOAD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preload.so"));

/// Programs that do nothing by their environment before their `main`, libraries included.
const SHELLS: [&[u8]; 3] = [b"sh", b"dash", b"bash"];

/// A thread that starts a shell so many times is likely to start it again.
const WORTH_IT: u32 = 3;

/// How many shells that differ a thread keeps.
const MOST: usize = 4;

/// After so many that did not do what they should, no more are tried.
const MOST_FAILURES: u32 = 3;

/// Entries of the environment beyond those that the first job of a shell has.
const SPARE: usize = 16;

/// The longest request, in bytes: what `warm/preload.rs` has room for.
const ROOM: usize = 128 << 10;

/// How long a reply may take before somebody looks whether it can still come.
const LOOK: Duration = Duration::from_millis(500);

// Kinds of replies.
const HELLO: i32 = 0;
const FORKED: i32 = 1;
const READY: i32 = 2;

/// The warm shells of one spawner thread.
#[derive(Default)]
pub struct Shells {
    shells: Vec<Shell>,
    preload: Option<File>,
    n_failures: u32,
}

/// A shell by its words, which are the same for every job but for the script.
struct Shell {
    words: Vec<u8>,
    n_uses: u32,
    process: Option<Process>,
}

struct Process {
    socket: OwnedFd,
    /// How many entries of the environment there is room for.
    n_env: usize,
}

/// Whether a task may set this in its environment without making a difference before `main`.
pub fn is_late(entry: &CStr) -> bool {
    // The linker, the C library and its allocator read theirs early. By `PATH` the shell is found.
    const EARLY: [&[u8]; 4] = [b"LD_", b"GLIBC_", b"MALLOC_", b"PATH="];
    let entry = entry.to_bytes();
    !EARLY.iter().any(|early| entry.starts_with(early))
}

impl Shells {
    /// Starts a program that is a shell with a script as its last argument, by a fork of a warm one.
    /// `None`: to be started in the usual way.
    pub fn start(&mut self, launch: &Launch, stack: &mut Stack) -> Option<i32> {
        let (_, words) = launch.argv.split_last()?;
        let name = words
            .first()?
            .to_bytes()
            .rsplit(|byte| *byte == b'/')
            .next()?;
        if PRELOAD.is_empty() || self.n_failures >= MOST_FAILURES || !SHELLS.contains(&name) {
            return None;
        }
        let key: Vec<u8> = words
            .iter()
            .flat_map(|word| word.to_bytes_with_nul())
            .copied()
            .collect();
        let at = match self.shells.iter().position(|shell| shell.words == key) {
            Some(at) => at,
            None => {
                if self.shells.len() == MOST {
                    self.shells.remove(0);
                }
                let (n_uses, process) = (0, None);
                self.shells.push(Shell {
                    words: key,
                    n_uses,
                    process,
                });
                self.shells.len() - 1
            }
        };
        let shell = &mut self.shells[at];
        shell.n_uses += 1;
        if shell.process.is_none() {
            if shell.n_uses <= WORTH_IT {
                return None;
            }
            let process = preload_file(&mut self.preload)
                .and_then(|preload| Process::new(launch, &preload, stack));
            if process.is_none() {
                self.n_failures += 1;
            }
            shell.process = process;
        }
        let process = shell.process.as_ref()?;
        match process.fork(launch) {
            Forked::Started(pid) => Some(pid),
            Forked::Unfit => None,
            Forked::Failed => {
                self.n_failures += 1;
                shell.process = None;
                None
            }
        }
    }
}

/// The shared object, in a file without a name.
fn preload_file(kept: &mut Option<File>) -> Option<File> {
    if kept.is_none() {
        let mut file = orders::memory_file().ok()?;
        file.write_all(PRELOAD).ok()?;
        *kept = Some(file);
    }
    kept.as_ref()?.try_clone().ok()
}

enum Forked {
    Started(i32),
    /// The job is none for a warm shell, and the shell is as it was.
    Unfit,
    /// The shell is of no use any more, and nothing of the job has run.
    Failed,
}

impl Process {
    fn new(launch: &Launch, preload: &File, stack: &mut Stack) -> Option<Process> {
        let (socket, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LOOK)).ok()?;
        // Should it not be preloaded, the shell does nothing and ends.
        let mut argv = launch.argv.to_vec();
        *argv.last_mut()? = c":";
        let mut env = launch.env.to_vec();
        // By the descriptor that a job has for its input, and which each copy gets anew.
        env.push(c"LD_PRELOAD=/proc/self/fd/0");
        env.extend([c"FLOW_SPARE="; SPARE]);
        let start = sys::start(
            &Launch {
                argv: &argv,
                env: &env,
                dir: None,
                stdin: preload.as_fd(),
                output: launch.stdin,
                error: launch.stdin,
                script: Some(theirs.as_fd()),
                ..*launch
            },
            stack,
        );
        drop(theirs);
        let Start::Running(_) = start else {
            return None;
        };
        let [kind, n_words, n_env] = reply(&socket).ok()??;
        let is_right = kind == HELLO && n_words as usize == launch.argv.len();
        // Dropped, the socket ends the process.
        is_right.then_some(Process {
            socket,
            n_env: n_env as usize,
        })
    }

    fn fork(&self, launch: &Launch) -> Forked {
        if launch.env.len() > self.n_env {
            return Forked::Unfit;
        }
        let mut request = Vec::with_capacity(4096);
        request.extend((launch.argv.len() as u32).to_le_bytes());
        request.extend((launch.env.len() as u32).to_le_bytes());
        let dir = launch.dir.unwrap_or_default();
        for string in [&dir].into_iter().chain(launch.argv).chain(launch.env) {
            request.extend_from_slice(string.to_bytes_with_nul());
        }
        if request.len() > ROOM {
            return Forked::Unfit;
        }
        let files = [launch.stdin, launch.output, launch.error];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        let text = [IoSlice::new(&request)];
        if sendmsg(&self.socket, &text, &mut control, SendFlags::NOSIGNAL).is_err() {
            return Forked::Failed;
        }
        self.take_replies()
    }

    /// Two replies, in any order: of the shell that it has forked, of the copy that it is ready.
    fn take_replies(&self) -> Forked {
        let (mut pid, mut is_told, mut ready) = (None, false, None);
        while !is_told || ready.is_none() {
            match reply(&self.socket) {
                // The start in the usual way will find the same want, and say so.
                Ok(Some([FORKED, ..0, _])) => return Forked::Unfit,
                Ok(Some([FORKED, forked, _])) => (pid, is_told) = (Some(forked), true),
                Ok(Some([READY, copy, error])) => (pid, ready) = (Some(copy), Some(error)),
                Err(Errno::AGAIN) if pid.is_none_or(sys::is_running) => {}
                // Whoever was to reply is gone.
                _ => break,
            }
        }
        match (pid, ready) {
            (None, _) => Forked::Failed,
            (Some(pid), Some(1..)) => {
                sys::wait(pid);
                Forked::Unfit
            }
            // One that was killed before it was ready has ended like any other.
            (Some(pid), _) => Forked::Started(pid),
        }
    }
}

/// The next reply; `None` when nobody is left who could send one.
fn reply(socket: &OwnedFd) -> Result<Option<[i32; 3]>, Errno> {
    let mut bytes = [0; 12];
    let (len, _) = rustix::io::retry_on_intr(|| recv(socket, &mut bytes[..], RecvFlags::empty()))?;
    let number = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    Ok((len == bytes.len()).then(|| [number(0), number(4), number(8)]))
}
