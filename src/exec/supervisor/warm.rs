//! Warm shells: processes that have a shell loaded, and fork one for each job.
//!
//! What a shell costs is less its own work than that of the dynamic linker. So shells that are
//! started again and again are kept in a few processes, which have come as far as to the first
//! instruction of the shell's own, and are told to fork: `warm/preload.rs` tells how, and is what
//! runs in them. A copy begins its life as every shell does, with the job's words, environment,
//! folder and descriptors, as a child of this process. Whatever a warm shell cannot do, or fails to
//! do, is done by a start in the usual way.
//!
//! Spawner threads make these processes, and so are the parents of all copies; the main thread sends
//! requests, and takes replies when it looks. Nobody waits for either.

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

/// A shell that was started so many times is likely to be started again.
const WORTH_IT: u32 = 3;

/// How many shells that differ are kept.
const MOST: usize = 4;

/// After so many that did not do what they should, no more are tried.
const MOST_FAILURES: u32 = 3;

/// Requests that one may have before it: more would not fit into its socket.
const MOST_OPEN: usize = 8;

/// Entries of the environment beyond those that the first job of a shell has.
const SPARE: usize = 16;

/// The longest request, in bytes: what `warm/preload.rs` has room for.
const ROOM: usize = 128 << 10;

/// How long a new one may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

// Kinds of replies.
const HELLO: i32 = 0;
const FORKED: i32 = 1;
const READY: i32 = 2;

/// All that are kept.
#[derive(Default)]
pub struct Shells {
    shells: Vec<Shell>,
    n_failures: u32,
    /// How many processes there may be of each.
    most: usize,
}

/// A shell by its words, which are the same for every job but for the script.
struct Shell {
    words: Vec<u8>,
    n_uses: u32,
    /// How many there are, or are being made.
    n_made: usize,
    processes: Vec<Process>,
}

/// A shell that is loaded and waits.
pub struct Process {
    socket: OwnedFd,
    /// How many entries of the environment there is room for.
    n_env: usize,
    open: Vec<Open>,
    is_gone: bool,
}

/// A request to which a reply is still to come: of the shell that it has forked, or of the copy.
#[derive(Clone, Copy)]
struct Open {
    number: u32,
    is_forked: bool,
    is_ready: bool,
}

/// What a warm shell says of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It has forked this process.
    Forked(i32),
    /// It could not fork.
    NotForked,
    /// The copy has all that the job is to have, and goes on.
    Ready(i32),
    /// The copy could not get what it needs, and has ended.
    Unready(i32),
    /// No reply will come any more.
    Gone,
}

/// Whether a task may set this in its environment without making a difference before `main`.
pub fn is_late(entry: &CStr) -> bool {
    // The linker, the C library and its allocator read theirs early. By `PATH` the shell is found.
    const EARLY: [&[u8]; 4] = [b"LD_", b"GLIBC_", b"MALLOC_", b"PATH="];
    let entry = entry.to_bytes();
    !EARLY.iter().any(|early| entry.starts_with(early))
}

/// The words of a shell whose script is the last one of `argv`; `None` where it is not known to be
/// like any other when it is warm.
fn words_of(argv: &[&CStr]) -> Option<Vec<u8>> {
    let (_, words) = argv.split_last()?;
    let mut name = words.first()?.to_bytes().rsplit(|byte| *byte == b'/');
    let is_known = SHELLS.contains(&name.next()?);
    let bytes = words.iter().flat_map(|word| word.to_bytes_with_nul());
    is_known.then(|| bytes.copied().collect())
}

impl Shells {
    /// Up to `most` processes of each shell.
    pub fn new(most: usize) -> Self {
        Shells {
            most,
            ..Shells::default()
        }
    }

    /// Notes a start in the usual way; whether it is time to keep one more.
    pub fn is_wanted(&mut self, argv: &[&CStr]) -> bool {
        if PRELOAD.is_empty() || self.n_failures >= MOST_FAILURES {
            return false;
        }
        let Some(words) = words_of(argv) else {
            return false;
        };
        let at = match self.shells.iter().position(|shell| shell.words == words) {
            Some(at) => at,
            None => {
                if self.shells.len() == MOST {
                    // Its processes end as their sockets are closed; what they have forked is told
                    // of by its end.
                    let idle = |shell: &Shell| shell.processes.iter().all(|p| p.open.is_empty());
                    let Some(at) = self.shells.iter().position(idle) else {
                        return false;
                    };
                    self.shells.remove(at);
                }
                self.shells.push(Shell {
                    words,
                    n_uses: 0,
                    n_made: 0,
                    processes: Vec::new(),
                });
                self.shells.len() - 1
            }
        };
        let shell = &mut self.shells[at];
        shell.n_uses += 1;
        let is_wanted = shell.n_uses > WORTH_IT && shell.n_made < self.most;
        shell.n_made += usize::from(is_wanted);
        is_wanted
    }

    /// Keeps what was wanted, if it could be made.
    pub fn keep(&mut self, argv: &[&CStr], process: Option<Process>) {
        self.n_failures += u32::from(process.is_none());
        let words = words_of(argv);
        if let Some(shell) = self
            .shells
            .iter_mut()
            .find(|s| Some(&s.words) == words.as_ref())
        {
            shell.n_made -= usize::from(process.is_none());
            shell.processes.extend(process);
        }
    }

    /// Sends a request of this number to a shell with the least to do; false where the job is to be
    /// started in the usual way.
    pub fn send(&mut self, launch: &Launch, number: u32) -> bool {
        let words = words_of(launch.argv);
        let shell = self
            .shells
            .iter_mut()
            .find(|s| Some(&s.words) == words.as_ref());
        let processes = shell.into_iter().flat_map(|shell| &mut shell.processes);
        let fit = processes.filter(|p| p.open.len() < MOST_OPEN && launch.env.len() <= p.n_env);
        let least = fit.min_by_key(|process| process.open.len());
        let is_sent = least.is_some_and(|process| process.send(launch, number));
        if !is_sent {
            self.drop_gone();
        }
        is_sent
    }

    /// Whether there is any to send to.
    pub fn is_any_there(&self) -> bool {
        self.shells.iter().any(|shell| !shell.processes.is_empty())
    }

    /// Tells of all replies that have come.
    pub fn replies(&mut self, mut told: impl FnMut(u32, Reply)) {
        for process in self
            .shells
            .iter_mut()
            .flat_map(|shell| &mut shell.processes)
        {
            process.take_replies(&mut told);
        }
        self.drop_gone();
    }

    fn drop_gone(&mut self) {
        for shell in &mut self.shells {
            let n_before = shell.processes.len();
            shell.processes.retain(|process| !process.is_gone);
            let n_gone = n_before - shell.processes.len();
            shell.n_made -= n_gone;
            self.n_failures += n_gone as u32;
        }
    }

    /// No reply to this request is waited for any more.
    pub fn forget(&mut self, number: u32) {
        for process in self
            .shells
            .iter_mut()
            .flat_map(|shell| &mut shell.processes)
        {
            process.open.retain(|open| open.number != number);
        }
    }
}

/// The shared object, in a file without a name.
fn preload() -> Option<File> {
    let mut file = orders::memory_file().ok()?;
    file.write_all(PRELOAD).ok()?;
    Some(file)
}

impl Process {
    /// Starts a shell as for `launch`, and waits until it is loaded.
    pub fn new(launch: &Launch, stack: &mut Stack) -> Option<Process> {
        let preload = preload()?;
        let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
        let (socket, theirs) = socketpair(family, SocketType::SEQPACKET, flags, None).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).ok()?;
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
        let [kind, _, n_words, n_env] = receive(&socket, RecvFlags::empty()).ok()??;
        let is_right = kind == HELLO && n_words as usize == launch.argv.len();
        // Dropped, the socket ends the process.
        is_right.then_some(Process {
            socket,
            n_env: n_env as usize,
            open: Vec::new(),
            is_gone: false,
        })
    }

    fn send(&mut self, launch: &Launch, number: u32) -> bool {
        let mut request = Vec::with_capacity(4096);
        let counts = [launch.argv.len() as u32, launch.env.len() as u32];
        for count in [number].into_iter().chain(counts) {
            request.extend(count.to_le_bytes());
        }
        let dir = launch.dir.unwrap_or_default();
        for string in [&dir].into_iter().chain(launch.argv).chain(launch.env) {
            request.extend_from_slice(string.to_bytes_with_nul());
        }
        if request.len() > ROOM {
            return false;
        }
        let files = [launch.stdin, launch.output, launch.error];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = sendmsg(&self.socket, &[IoSlice::new(&request)], &mut control, flags);
        // What is still open is told of by the replies.
        self.is_gone = self.open.is_empty() && !matches!(sent, Ok(_) | Err(Errno::AGAIN));
        if sent.is_ok() {
            self.open.push(Open {
                number,
                is_forked: false,
                is_ready: false,
            });
        }
        sent.is_ok()
    }

    fn take_replies(&mut self, told: &mut impl FnMut(u32, Reply)) {
        while !self.open.is_empty() {
            let (number, reply) = match receive(&self.socket, RecvFlags::DONTWAIT) {
                Ok(Some([FORKED, number, ..0, _])) => (number, Reply::NotForked),
                Ok(Some([FORKED, number, pid, _])) => (number, Reply::Forked(pid)),
                Ok(Some([READY, number, pid, 0])) => (number, Reply::Ready(pid)),
                Ok(Some([READY, number, pid, _])) => (number, Reply::Unready(pid)),
                Err(Errno::AGAIN) => return,
                _ => {
                    let open = self.open.drain(..);
                    open.for_each(|open| told(open.number, Reply::Gone));
                    self.is_gone = true;
                    return;
                }
            };
            let number = number as u32;
            for open in self.open.iter_mut().filter(|open| open.number == number) {
                match reply {
                    Reply::Forked(_) => open.is_forked = true,
                    Reply::Ready(_) | Reply::Unready(_) => open.is_ready = true,
                    Reply::NotForked | Reply::Gone => {
                        (open.is_forked, open.is_ready) = (true, true)
                    }
                }
            }
            self.open.retain(|open| !open.is_forked || !open.is_ready);
            told(number, reply);
        }
    }
}

/// The next reply; `None` when nobody is left who could send one.
fn receive(socket: &OwnedFd, flags: RecvFlags) -> Result<Option<[i32; 4]>, Errno> {
    let mut bytes = [0; 16];
    let (len, _) = rustix::io::retry_on_intr(|| recv(socket, &mut bytes[..], flags))?;
    let number = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    Ok((len == bytes.len()).then(|| [number(0), number(4), number(8), number(12)]))
}
