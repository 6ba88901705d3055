//! The run's end: a thread takes connections, and one more for each of them, of which there are few
//! at once, reads the question, sends it into the run's inbox and writes what comes back.
//!
//! The loop only ever sends into a channel with room, so whoever asks slowly, or never reads, holds
//! up nobody but himself. Connections of other users are closed at once.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{NAME, Request, Response, SCHEMA, address, peer, read_line, write_line};
use crate::cli::inbox::Sender;
use crate::history::Holder;
use crate::run::Msg;
use crate::run::ask::Ask;

/// A question is no longer, in bytes: a path has at most 4096, each up to six in JSON.
const LONGEST: usize = 64 << 10;

/// So many connections are served at once; more are closed.
const AT_ONCE: u32 = 16;

/// So long a question, and then an answer, may take on its way.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// So long the loop may take to come to a question: it may be judging what a split has brought.
const PATIENCE: Duration = Duration::from_secs(60);

/// So long a run that is over waits for answers that are on their way.
const FAREWELL: Duration = Duration::from_millis(500);

/// Connections that are being served.
#[derive(Default)]
struct Open {
    n: Mutex<u32>,
    fewer: Condvar,
}

impl Open {
    fn n(&self) -> MutexGuard<'_, u32> {
        self.n.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, until dropped.
struct Place(Arc<Open>);

impl Place {
    fn take(open: &Arc<Open>) -> Option<Place> {
        let mut n = open.n();
        if *n >= AT_ONCE {
            return None;
        }
        *n += 1;
        Some(Place(Arc::clone(open)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.n() -= 1;
        self.0.fewer.notify_all();
    }
}

/// A socket that is listened to until this is dropped.
pub struct Listening {
    path: PathBuf,
    open: Arc<Open>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
        // The answer to `flow stop` may still be on its way.
        let n = self.open.n();
        drop(self.open.fewer.wait_timeout_while(n, FAREWELL, |n| *n > 0));
    }
}

/// Listens for `owner` in the state folder, which must be held. Whatever bears the socket's name
/// there was left by a run that is dead.
pub fn start(state: &Path, holder: Holder, owner: u32, inbox: Sender) -> io::Result<Listening> {
    let path = state.join(NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = bind(state)?;
    let open = Arc::new(Open::default());
    let listening = Listening {
        path,
        open: Arc::clone(&open),
    };
    let thread = std::thread::Builder::new().name("ask".into());
    thread.spawn(move || accept(&listener, &holder, owner, &inbox, &open))?;
    Ok(listening)
}

/// A socket that is for its owner alone from the moment when it is there.
fn bind(state: &Path) -> io::Result<UnixListener> {
    let (_folder, path) = address(state)?;
    let flags = SocketFlags::CLOEXEC;
    let socket: OwnedFd =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The kernel gives the file the socket's own rights, less the mask.
    rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    rustix::net::listen(&socket, 64)?;
    Ok(socket.into())
}

/// Ends with the process.
fn accept(listener: &UnixListener, holder: &Holder, owner: u32, inbox: &Sender, open: &Arc<Open>) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // No descriptor is free, most likely: that passes.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if peer(&stream).ok() != Some(owner) {
            continue;
        }
        let Some(place) = Place::take(open) else {
            continue;
        };
        let (holder, inbox) = (holder.clone(), inbox.clone());
        let thread = std::thread::Builder::new().name("answer".into());
        // Where no thread can be had, the connection is closed.
        let served = thread.spawn(move || {
            serve(stream, holder, &inbox).ok();
            drop(place);
        });
        drop(served);
    }
}

/// One question, one answer.
fn serve(mut stream: UnixStream, run: Holder, inbox: &Sender) -> io::Result<()> {
    let until = || Instant::now() + ON_THE_WAY;
    let Some(line) = read_line(&mut stream, LONGEST, until())? else {
        return Ok(());
    };
    let (answer, error) = match serde_json::from_slice(&line) {
        Ok(Request {
            schema: SCHEMA,
            question,
        }) => {
            let (reply, answer) = sync_channel(1);
            let sent = inbox.send(Msg::Ask(Ask { question, reply }));
            match sent.map(|()| answer.recv_timeout(PATIENCE)) {
                Ok(Ok(answer)) => (Some(answer), None),
                _ => (None, Some("the run is over, or busy for long".into())),
            }
        }
        Ok(Request { schema, .. }) => (None, Some(format!("schema {schema} is not known here"))),
        Err(error) => (None, Some(format!("this is no question: {error}"))),
    };
    let response = Response {
        schema: SCHEMA,
        run,
        answer,
        error,
    };
    write_line(&mut stream, &response, until())
}
