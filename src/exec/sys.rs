//! The system calls that rustix lacks: the only corner of `exec` with `unsafe` in it.
//!
//! Each function is safe to call as its signature says; what a caller has to see to is in its doc.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::event::Usage;
use crate::exec::redirect;
use crate::lang::recipe::Operator;

/// Where the start of a program failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// No process could be made.
    Clone,
    /// It could not be given its session, limits or descriptors.
    Prepare,
    /// It could not enter its folder.
    Enter,
    /// A file for one of its standard streams could not be opened, or that might have had to wait.
    Redirect,
    /// None of the programs could be loaded.
    Exec,
}

/// What a new process is to become.
pub struct Launch<'a> {
    /// Tried in this order, as a shell tries the folders of `PATH`.
    pub programs: &'a [&'a CStr],
    /// No program is needed: the process ends well in place of becoming one.
    pub is_idle: bool,
    pub argv: &'a [&'a CStr],
    pub env: &'a [&'a CStr],
    pub dir: Option<&'a CStr>,
    pub stdin: BorrowedFd<'a>,
    /// Standard output.
    pub output: BorrowedFd<'a>,
    /// Standard error.
    pub error: BorrowedFd<'a>,
    /// Carried out in this order, in `dir`.
    pub redirections: &'a [(Operator, &'a CStr)],
    /// Becomes descriptor [`SCRIPT_FD`].
    pub script: Option<BorrowedFd<'a>>,
    /// The soft and hard limit of open files.
    pub n_files: Option<(u64, u64)>,
}

/// The descriptor by which a program reads a script that is too long for an argument.
pub const SCRIPT_FD: RawFd = 3;

/// What the new process reads and writes in the memory that it shares with its starter until exec.
struct Shared<'a> {
    launch: &'a Launch<'a>,
    n_files: libc::rlimit,
    programs: *const *const c_char,
    n_programs: usize,
    /// One free slot, then the arguments, then null.
    argv: *mut *const c_char,
    env: *const *const c_char,
    failure: Option<(Stage, c_int)>,
}

/// A stack for the moment between clone and exec.
pub struct Stack(Box<[u8]>);

impl Default for Stack {
    fn default() -> Self {
        Stack(vec![0; 64 << 10].into_boxed_slice())
    }
}

/// How a start ended.
pub enum Start {
    Running(i32),
    /// With the id of the process that tried, where there was one; it has been waited for.
    Failed(Stage, io::Error, Option<i32>),
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    let null = std::iter::once(ptr::null());
    strings.iter().map(|s| s.as_ptr()).chain(null).collect()
}

/// Starts a program in a session and process group of its own. The calling thread waits until the
/// program is loaded. All signals must be blocked in it, and none may have a handler.
pub fn start(launch: &Launch, stack: &mut Stack) -> Start {
    let programs = pointers(launch.programs);
    let env = pointers(launch.env);
    let mut argv = vec![ptr::null()];
    argv.extend(pointers(launch.argv));
    let (soft, hard) = launch.n_files.unwrap_or_default();
    let mut shared = Shared {
        launch,
        n_files: libc::rlimit {
            rlim_cur: soft,
            rlim_max: hard,
        },
        programs: programs.as_ptr(),
        n_programs: launch.programs.len(),
        argv: argv.as_mut_ptr(),
        env: env.as_ptr(),
        failure: None,
    };
    let top = stack.0.as_mut_ptr_range().end;
    let top = top.wrapping_sub(top.addr() % 16);
    // SAFETY: CLONE_VFORK suspends this thread until the child has called execve or _exit, so
    // `shared`, what it points to and `stack` outlive the child's use of them, and nobody else
    // touches them meanwhile. The child runs `child` only, which calls nothing but system calls.
    let pid = unsafe {
        libc::clone(
            child,
            top.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            (&raw mut shared).cast(),
        )
    };
    if pid < 0 {
        return Start::Failed(Stage::Clone, io::Error::last_os_error(), None);
    }
    // The child wrote behind the compiler's back.
    // SAFETY: `shared` is a live local, and the child is done with it.
    match unsafe { (&raw const shared.failure).read_volatile() } {
        None => Start::Running(pid),
        Some((stage, errno)) => {
            wait(pid);
            Start::Failed(stage, io::Error::from_raw_os_error(errno), Some(pid))
        }
    }
}

/// The new process's life before exec. It shares the memory of the supervisor and must neither
/// allocate nor panic nor touch anything but `arg` and its own stack.
extern "C" fn child(arg: *mut c_void) -> c_int {
    // SAFETY: `start` passes its `Shared`, which is this process's alone until exec.
    let shared = unsafe { &mut *arg.cast::<Shared>() };
    shared.failure = Some(become_program(shared));
    // SAFETY: _exit only ends this process; it runs no code of the process that started it.
    unsafe { libc::_exit(127) }
}

/// Returns only with what went wrong.
fn become_program(shared: &Shared) -> (Stage, c_int) {
    let launch = shared.launch;
    let stdin = launch.stdin.as_raw_fd();
    let (output, error) = (launch.output.as_raw_fd(), launch.error.as_raw_fd());
    // SAFETY: system calls on this process's own copies of the descriptors, with pointers to live
    // values; CLONE_FILES was not given, so the supervisor's descriptors stay as they are.
    unsafe {
        if libc::setsid() < 0
            || libc::dup2(stdin, 0) < 0
            || libc::dup2(output, 1) < 0
            || libc::dup2(error, 2) < 0
        {
            return (Stage::Prepare, errno());
        }
        if let Some(script) = launch.script {
            let script = script.as_raw_fd();
            // dup2 onto itself would leave it to be closed by exec.
            let put = match script {
                SCRIPT_FD => libc::fcntl(script, libc::F_SETFD, 0),
                _ => libc::dup2(script, SCRIPT_FD),
            };
            if put < 0 {
                return (Stage::Prepare, errno());
            }
        }
        if let Some(dir) = launch.dir
            && libc::chdir(dir.as_ptr()) < 0
        {
            return (Stage::Enter, errno());
        }
        // Before the limit of open files is lowered, which is below what the supervisor has open.
        for (operator, file) in launch.redirections {
            if let Err(errno) = redirect::carry_out(*operator, file) {
                return (Stage::Redirect, errno.raw_os_error());
            }
        }
        if launch.n_files.is_some() && libc::setrlimit(libc::RLIMIT_NOFILE, &shared.n_files) < 0 {
            return (Stage::Prepare, errno());
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        if libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut()) < 0 {
            return (Stage::Prepare, errno());
        }
        if launch.is_idle {
            libc::_exit(0);
        }
    }
    (Stage::Exec, exec(shared))
}

/// Tries the programs; returns the error that a shell would tell.
fn exec(shared: &Shared) -> c_int {
    let mut told = libc::ENOENT;
    for at in 0..shared.n_programs {
        // SAFETY: `at` is within the array; `argv` has a slot before the arguments, at least one
        // argument, and a null at its end, like `env`; all strings end with NUL.
        let error = unsafe {
            let program = *shared.programs.add(at);
            // A look takes a fraction of what exec takes to find nothing.
            if shared.n_programs > 1 && libc::access(program, libc::F_OK) < 0 {
                match errno() {
                    libc::ENOENT | libc::ENOTDIR => continue,
                    _ => {}
                }
            }
            libc::execve(program, shared.argv.add(1), shared.env);
            if errno() == libc::ENOEXEC {
                // A text without `#!`: what a shell does with it.
                *shared.argv = c"/bin/sh".as_ptr();
                *shared.argv.add(1) = program;
                libc::execve(c"/bin/sh".as_ptr(), shared.argv, shared.env);
            }
            errno()
        };
        match error {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => told = libc::EACCES,
            other => return other,
        }
    }
    told
}

fn errno() -> c_int {
    // SAFETY: the address is this thread's own errno, always there.
    unsafe { *libc::__errno_location() }
}

/// Waits until `pid`, a child, has ended, and forgets it.
pub fn wait(pid: i32) {
    let mut status = 0;
    // SAFETY: `status` is a live local.
    while unsafe { libc::waitpid(pid, &mut status, 0) } < 0 && errno() == libc::EINTR {}
}

/// Which children a question is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Children {
    All,
    /// Those that the calling thread started or, as the main thread, adopted.
    OfThisThread,
}

impl Children {
    fn flags(self) -> c_int {
        match self {
            Children::All => 0,
            Children::OfThisThread => libc::__WNOTHREAD,
        }
    }
}

/// Some child that has ended and was not reaped. `Err` when there are no children at all.
pub fn find_ended(which: Children) -> io::Result<Option<i32>> {
    // SAFETY: all zeroes is a valid siginfo_t, which waitid fills; si_pid is in the part that it
    // fills, or zero.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL | which.flags();
        if libc::waitid(libc::P_ALL, 0, &mut info, flags) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((info.si_pid() != 0).then(|| info.si_pid()))
    }
}

/// What the kernel says of a child that has ended.
pub struct Reaped {
    pub pid: i32,
    pub status: c_int,
    pub user_s: f64,
    pub sys_s: f64,
    pub max_rss_kib: u64,
}

/// Reaps `pid` (or any child, with -1) if it has ended and is one of `which`.
pub fn reap(pid: i32, which: Children) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: all zeroes is a valid rusage, which wait4 fills; both pointers are to live locals.
    let (pid, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let flags = libc::WNOHANG | libc::__WALL | which.flags();
        (libc::wait4(pid, &mut status, flags, &mut usage), usage)
    };
    match pid {
        ..0 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ => Ok(Some(Reaped {
            pid,
            status,
            user_s: seconds(usage.ru_utime),
            sys_s: seconds(usage.ru_stime),
            max_rss_kib: usage.ru_maxrss as u64,
        })),
    }
}

/// What the calling thread has taken so far; as memory, the most that this process ever held. The wall
/// time is left out.
pub fn own_usage() -> Usage {
    // SAFETY: all zeroes is a valid rusage, which the call fills.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage
    };
    Usage {
        wall_s: 0.0,
        user_s: seconds(usage.ru_utime),
        sys_s: seconds(usage.ru_stime),
        max_rss_kib: usage.ru_maxrss as u64,
    }
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

/// Forks this process, which must have one thread. `None` is the child, which has all signals
/// blocked, none ignored and none handled.
pub fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the pointers are to live locals; with one thread there is no lock that another
    // could hold in the child. Signals are blocked, so that none meets the child half made.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, &mut before);
        let pid = libc::fork();
        let error = io::Error::last_os_error();
        if pid == 0 {
            for signal in 1..=libc::SIGRTMAX() {
                libc::signal(signal, libc::SIG_DFL);
            }
            return Ok(None);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        if pid < 0 { Err(error) } else { Ok(Some(pid)) }
    }
}

/// Blocks all signals in this thread: those of its group that cannot be kept out end others only.
pub fn block_signals() {
    // SAFETY: the set is a live local; the call only changes this thread's mask.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, ptr::null_mut());
    }
}

/// Ends this process without running anything that the parent registered.
pub fn exit_now(status: c_int) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// A descriptor that becomes readable when SIGCHLD, blocked, has come. Does not block.
pub fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is a live local; the descriptor is new and nobody else's.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Has standard input, output and error lead nowhere.
pub fn silence() {
    if let Ok(null) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
    {
        for standard in 0..=2 {
            // SAFETY: these three stay open all the time; what they lead to is nobody's property.
            unsafe { libc::dup2(null.as_raw_fd(), standard) };
        }
    }
}

/// Closes every descriptor above 2 but `keep`. Only for a process that owns no other yet.
pub fn close_all_but(keep: &[RawFd]) {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2 && !keep.contains(fd))
        .collect();
    for fd in open {
        // SAFETY: the caller says that nothing in this process owns it. The one by which the list
        // was read is closed already: that close fails, and harms nobody in a single thread.
        unsafe { libc::close(fd) };
    }
}

/// Makes the allocator give large blocks back to the system when they are free, as it does at first.
/// Left to itself it keeps those of up to 32 MiB once it has seen one, and the peak of a plan with a
/// million jobs is made of what other tables have left.
pub fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

/// Makes the allocator take its memory from the system in large steps. What is not touched costs
/// nothing; left to itself it asks again for each page that a thread other than the first fills, and
/// whoever touches a page meanwhile waits.
pub fn take_in_large_steps() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets parameters of the allocator.
    unsafe {
        // As large as the pool of a thread can be.
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Makes the allocator give memory back and keep few pools: the peak of this process is the floor
/// of what is reported for each program it starts.
pub fn stay_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 64 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 10);
    }
}
