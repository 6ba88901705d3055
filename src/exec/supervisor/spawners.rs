//! The threads that start processes.
//!
//! Each start blocks its thread until the program is loaded, so there are several. The supervisor's
//! main thread puts requests into the queue and takes results; a readable event descriptor tells it
//! of a start that went wrong. One that went well it learns of when it looks the next time: that
//! saves a wake-up for each task. The threads live as long as the process: they are its tasks'
//! parents.

use std::collections::VecDeque;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use bstr::{BStr, BString};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::OFlags;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::exec::supervisor::command::{self, Environment, with_direct, with_launch};
use crate::exec::supervisor::forks::Forks;
use crate::exec::supervisor::orders::Text;
use crate::exec::supervisor::warm::{self, Process, Shells};
use crate::exec::sys::{self, Launch, Stack, Stage, Start};
use crate::exec::wire::{Strings, too_long};
use crate::exec::{ScriptWay, TaskId};

/// Descriptors that are left for the supervisor's own looks at `/proc`.
const RESERVED_FILES: u64 = 12;

/// A task to start.
#[derive(Debug)]
pub struct Request {
    pub strings: Strings,
    pub text: Text,
}

/// How a start went.
#[derive(Debug)]
pub enum Outcome {
    Running {
        pid: i32,
        pipe: OwnedFd,
        began: Instant,
    },
    /// There is no such program, or it cannot be run: what a shell would say and return.
    Unrunnable {
        pid: i32,
        said: BString,
        status: i32,
        began: Instant,
    },
    NotStarted(String),
    /// The machine has too little of something at the moment.
    Later(Request, io::Error),
}

impl Outcome {
    /// Whether the main thread has to know before it looks by itself.
    fn is_urgent(&self) -> bool {
        !matches!(self, Outcome::Running { .. })
    }
}

struct Queue {
    requests: VecDeque<Request>,
    n_threads: u32,
    n_idle: u32,
    is_closed: bool,
}

struct Shared {
    environment: Environment,
    null: File,
    /// The limits of open files that tasks get back, where the supervisor raised its own.
    n_files: Option<(u64, u64)>,
    /// Descriptors from this number on are not for tasks.
    first_reserved: u64,
    queue: Mutex<Queue>,
    wanted: Condvar,
    results: Mutex<Vec<(TaskId, Outcome)>>,
    shells: Mutex<Shells>,
    is_there: OwnedFd,
}

/// The threads, as the main thread sees them.
pub struct Spawners {
    shared: Arc<Shared>,
    most: u32,
    /// Requests whose results were not taken yet.
    n_open: usize,
    /// Those that warm shells have.
    forks: Forks,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spawners {
    /// Starts the first thread; others follow when there is work for them, up to `most`.
    pub fn new(
        environment: Environment,
        most: u32,
        n_files: Option<(u64, u64)>,
    ) -> io::Result<Self> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let spawners = Spawners {
            shared: Arc::new(Shared {
                environment,
                null: File::open("/dev/null")?,
                n_files,
                first_reserved: limit
                    .current
                    .unwrap_or(u64::MAX)
                    .saturating_sub(RESERVED_FILES),
                queue: Mutex::new(Queue {
                    requests: VecDeque::new(),
                    n_threads: 0,
                    n_idle: 0,
                    is_closed: false,
                }),
                wanted: Condvar::new(),
                results: Mutex::new(Vec::new()),
                shells: Mutex::new(Shells::new((most as usize / 2).max(1))),
                is_there: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            }),
            most: most.max(1),
            n_open: 0,
            forks: Forks::default(),
        };
        spawners.add_thread(&mut lock(&spawners.shared.queue))?;
        Ok(spawners)
    }

    fn add_thread(&self, queue: &mut Queue) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name("spawner".into())
            .stack_size(128 << 10)
            .spawn(move || spawn_requests(&shared))?;
        queue.n_threads += 1;
        Ok(())
    }

    /// Readable when [`Spawners::results`] has something that must be seen to.
    pub fn is_there(&self) -> BorrowedFd<'_> {
        self.shared.is_there.as_fd()
    }

    pub fn submit(&mut self, request: Request) {
        self.n_open += 1;
        if let Err(request) = self.fork(request) {
            self.queue(request);
        }
    }

    /// Has a warm shell start it, if there is one that can.
    fn fork(&mut self, mut request: Request) -> Result<(), Request> {
        let shared = &self.shared;
        let mut shells = lock(&shared.shells);
        if !shells.is_any_there() || !may_be_warm(shared, &request) {
            return Err(request);
        }
        // What fails here fails for the threads as well, who say so.
        let (Ok((pipe, write)), Ok(files)) = (output_pipe(shared), open_files(&request.strings))
        else {
            return Err(request);
        };
        let began = Instant::now();
        let number = self.forks.next_number();
        let sent = with_launch(
            &shared.environment,
            &request.strings,
            &mut request.text,
            &base(shared, &write, &files),
            |launch| launch.script.is_none() && shells.send(launch, number),
        );
        match sent {
            Ok(true) => {
                self.forks.add(number, request, pipe, began);
                Ok(())
            }
            _ => Err(request),
        }
    }

    fn queue(&self, request: Request) {
        let mut queue = lock(&self.shared.queue);
        queue.requests.push_back(request);
        if queue.requests.len() > queue.n_idle as usize && queue.n_threads < self.most {
            // With the first thread there, one more is a matter of speed only.
            let _ = self.add_thread(&mut queue);
        }
        let is_any_idle = queue.n_idle > 0;
        // The thread that wakes up is to find the queue unlocked.
        drop(queue);
        if is_any_idle {
            self.shared.wanted.notify_one();
        }
    }

    /// Takes back a request that no thread has taken yet.
    pub fn withdraw(&mut self, task: TaskId) -> Option<Request> {
        let mut queue = lock(&self.shared.queue);
        let at = queue.requests.iter().position(|r| r.strings.task == task)?;
        self.n_open -= 1;
        queue.requests.remove(at)
    }

    /// What has been started, or not, since the last call.
    pub fn results(&mut self) -> Vec<(TaskId, Outcome)> {
        let mut results = std::mem::take(&mut *lock(&self.shared.results));
        if !self.forks.is_empty() {
            let mut unfit = Vec::new();
            let mut shells = lock(&self.shared.shells);
            self.forks.take(&mut shells, &mut results, &mut unfit);
            drop(shells);
            unfit.into_iter().for_each(|request| self.queue(request));
        }
        self.n_open -= results.len();
        results
    }

    /// What was forked as `pid` and has ended before it was ready.
    pub fn forked(&mut self, pid: i32) -> Option<(TaskId, Outcome)> {
        let (number, task, outcome) = self.forks.with_pid(pid)?;
        lock(&self.shared.shells).forget(number);
        self.n_open -= 1;
        Some((task, outcome))
    }

    /// [`Spawners::is_there`] was readable: it is not any more.
    pub fn heard(&self) {
        let mut count = [0; 8];
        // Read or not, whoever hears takes the results.
        let _ = rustix::io::read(&self.shared.is_there, &mut count);
    }

    /// Whether there are requests whose results were not taken yet.
    pub fn has_open(&self) -> bool {
        self.n_open > 0
    }

    /// Drops what waits, and has nothing started any more.
    pub fn close(&self) {
        let mut queue = lock(&self.shared.queue);
        queue.requests.clear();
        queue.is_closed = true;
    }

    /// Whether no start is under way.
    pub fn is_idle(&self) -> bool {
        let queue = lock(&self.shared.queue);
        queue.n_idle == queue.n_threads && queue.requests.is_empty()
    }
}

/// The life of a spawner thread.
fn spawn_requests(shared: &Shared) {
    let mut stack = Stack::default();
    let mut queue = lock(&shared.queue);
    loop {
        let Some(request) = queue.requests.pop_front() else {
            queue.n_idle += 1;
            queue = shared
                .wanted
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.n_idle -= 1;
            continue;
        };
        if queue.is_closed {
            continue;
        }
        drop(queue);
        let task = request.strings.task;
        let outcome = spawn(shared, request, &mut stack);
        let is_urgent = outcome.is_urgent();
        lock(&shared.results).push((task, outcome));
        if is_urgent {
            let _ = rustix::io::write(&shared.is_there, &1u64.to_ne_bytes());
        }
        queue = lock(&shared.queue);
    }
}

/// Whether the same start may go well later.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE)
    )
}

/// A pipe whose reading end does not block.
fn output_pipe(shared: &Shared) -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    if read.as_raw_fd().max(write.as_raw_fd()) as u64 >= shared.first_reserved {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
    Ok((read, write))
}

/// Makes the files that take the task's standard output and error, where it names some. One name
/// for both is one file, in the order of what is written.
fn open_files(strings: &Strings) -> Result<[Option<File>; 2], (BString, io::Error)> {
    let [out, err] = strings.files().map(CStr::to_bytes);
    let open = |path: &[u8]| {
        let opened = File::create(OsStr::from_bytes(path));
        opened.map_err(|error| (path.into(), error))
    };
    let first = (!out.is_empty()).then(|| open(out)).transpose()?;
    let second = match &first {
        Some(file) if err == out => Some(file.try_clone().map_err(|error| (err.into(), error))?),
        _ => (!err.is_empty()).then(|| open(err)).transpose()?,
    };
    Ok([first, second])
}

/// Whether a warm shell may start it, as far as its order tells.
fn may_be_warm(shared: &Shared, request: &Request) -> bool {
    request.strings.way == Some(ScriptWay::WarmDashC)
        && !request.strings.is_direct()
        && shared.environment.may_warm
        && request.strings.env().all(warm::is_late)
}

/// The descriptors of a start, and nothing else of it.
fn base<'a>(shared: &'a Shared, write: &'a OwnedFd, files: &'a [Option<File>; 2]) -> Launch<'a> {
    Launch {
        programs: &[],
        is_idle: false,
        argv: &[],
        env: &[],
        dir: None,
        stdin: shared.null.as_fd(),
        output: files[0].as_ref().map_or(write.as_fd(), File::as_fd),
        error: files[1].as_ref().map_or(write.as_fd(), File::as_fd),
        redirections: &[],
        script: None,
        n_files: shared.n_files,
    }
}

/// Starts the program, and a warm shell for those to come, if it is worth that.
fn start(shared: &Shared, launch: &Launch, stack: &mut Stack, may_be_warm: bool) -> Start {
    let start = sys::start(launch, stack);
    let is_shell = may_be_warm && launch.script.is_none() && matches!(start, Start::Running(_));
    if is_shell && lock(&shared.shells).is_wanted(launch.argv) {
        let process = Process::new(launch, stack);
        lock(&shared.shells).keep(launch.argv, process);
    }
    start
}

fn spawn(shared: &Shared, mut request: Request, stack: &mut Stack) -> Outcome {
    if let Text::Lost(error) = &request.text {
        return Outcome::NotStarted(format!("there is no room for its script: {}", words(error)));
    }
    let (pipe, write) = match output_pipe(shared) {
        Ok(ends) => ends,
        Err(error) => return Outcome::Later(request, error),
    };
    let files = match open_files(&request.strings) {
        Ok(files) => files,
        Err((_, error)) if is_shortage(&error) => return Outcome::Later(request, error),
        Err((path, error)) => {
            let why = format!("cannot write to `{path}`: {}", words(&error));
            return Outcome::NotStarted(why);
        }
    };
    let base = base(shared, &write, &files);
    let began = Instant::now();
    let direct = request.strings.is_direct().then(|| {
        with_direct(&shared.environment, &request.strings, &base, |launch| {
            sys::start(launch, stack)
        })
    });
    let may_be_warm = may_be_warm(shared, &request);
    let mut launch = |request: &mut Request| {
        with_launch(
            &shared.environment,
            &request.strings,
            &mut request.text,
            &base,
            |launch| start(shared, launch, stack, may_be_warm),
        )
    };
    let mut start = match direct {
        // What the shell does over again has the same effect the second time.
        Some(Start::Failed(Stage::Redirect | Stage::Exec, error, _)) if !is_shortage(&error) => {
            launch(&mut request)
        }
        Some(start) => Ok(start),
        None => launch(&mut request),
    };
    if let Ok(Start::Failed(Stage::Exec, error, _)) = &start
        && error.raw_os_error() == Some(libc::E2BIG)
        && request.strings.way.is_some()
        && matches!(request.text, Text::Short(_))
    {
        // Without the script among the arguments they may be short enough.
        start = command::file(&mut request.text).and_then(|()| launch(&mut request));
    }
    let (stage, error, pid) = match start {
        Ok(Start::Running(pid)) => return Outcome::Running { pid, pipe, began },
        Ok(Start::Failed(stage, error, pid)) => (stage, error, pid),
        Err(error) => (Stage::Clone, error, None),
    };
    if is_shortage(&error) {
        return Outcome::Later(request, error);
    }
    match (stage, pid) {
        (Stage::Exec, Some(pid)) if error.raw_os_error() != Some(libc::E2BIG) => {
            let (said, status) = complaint(&request.strings, &error);
            Outcome::Unrunnable {
                pid,
                said,
                status,
                began,
            }
        }
        _ => Outcome::NotStarted(reason(shared, &request.strings, stage, &error)),
    }
}

/// What a shell would say of a program that cannot be run, and the status it would return.
fn complaint(strings: &Strings, error: &io::Error) -> (BString, i32) {
    let program = BStr::new(program(strings));
    if error.raw_os_error() != Some(libc::ENOENT) {
        let what = match error.raw_os_error() {
            Some(libc::EACCES) => "permission denied".into(),
            _ => words(error),
        };
        return (format!("{program}: {what}\n").into(), 126);
    }
    let mut path = BString::default();
    if !program.starts_with(b"/") {
        path.extend_from_slice(strings.dir().to_bytes());
        if !path.is_empty() {
            path.push(b'/');
        }
    }
    path.extend_from_slice(program);
    if program.contains(&b'/') && rustix::fs::stat(&path[..]).is_ok() {
        let what = "the interpreter in its first line is not there";
        return (format!("{program}: {what}\n").into(), 126);
    }
    (format!("{program}: command not found\n").into(), 127)
}

fn program(strings: &Strings) -> &[u8] {
    strings.argv().next().map_or(b"", CStr::to_bytes)
}

/// What the system says, in the middle of a sentence.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// Why a task did not start, for a person.
fn reason(shared: &Shared, strings: &Strings, stage: Stage, error: &io::Error) -> String {
    let dir = BStr::new(strings.dir().to_bytes());
    match (stage, error.raw_os_error()) {
        (Stage::Exec, Some(libc::E2BIG)) => {
            let own = strings.argv().chain(strings.env());
            let own: usize = own.map(|string| string.count_bytes() + 9).sum();
            too_long(BStr::new(program(strings)), own + shared.environment.size())
        }
        (Stage::Enter, Some(libc::ENOENT)) => format!("its folder `{dir}` does not exist"),
        (Stage::Enter, _) => format!("cannot enter its folder `{dir}`: {}", words(error)),
        (Stage::Prepare, _) => format!("cannot prepare its process: {}", words(error)),
        (Stage::Clone | Stage::Redirect | Stage::Exec, _) => {
            format!("cannot start a process: {}", words(error))
        }
    }
}
