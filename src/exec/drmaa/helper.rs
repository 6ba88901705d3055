//! The process that has the cluster's library. It is this same program, started again.
//!
//! A library may block for minutes, print where it should not, or crash: all that costs this process
//! and not the run. Standard input is the socket to the engine; what the library prints goes to a file.
//!
//! Three threads: this one reads orders, so that the end of the engine is noticed whatever the
//! library does; one submits and asks; one waits for ends.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use drmaa_sys::{Code, Control, Error, OpenError, Session, State, Wait};

use super::wire::{Answer, Batch, How, Order, Stands, line};

/// How long one wait for ends lasts. Libraries count in seconds.
const WAIT: Duration = Duration::from_secs(1);

/// Between two waits where there is nothing to wait for.
const PAUSE: Duration = Duration::from_millis(100);

/// The way back to the engine, for all threads.
#[derive(Clone)]
struct Back(Arc<Mutex<UnixStream>>);

impl Back {
    fn send(&self, answer: &Answer) {
        let Ok(mut stream) = self.0.lock() else {
            return;
        };
        // When nobody reads, the engine is gone, and the reading thread ends the process.
        stream.write_all(&line(answer)).ok();
    }
}

/// The whole life of the process.
pub fn serve() -> anyhow::Result<()> {
    let own = std::io::stdin().as_fd().try_clone_to_owned();
    let stream = UnixStream::from(own.context("take the socket to the engine")?);
    let back = Back(Arc::new(Mutex::new(stream.try_clone()?)));
    let (orders, inbox) = channel();
    let worker = back.clone();
    let (done, is_done) = channel::<()>();
    std::thread::spawn(move || {
        work(&worker, inbox);
        drop(done);
    });
    read(BufReader::new(stream), &orders);
    drop(orders);
    // The session is given back, which a library that hangs does not hold up for long.
    is_done.recv_timeout(3 * WAIT).ok();
    // Not by `exit`: the library's own last steps may hang as well.
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
    Ok(())
}

/// Passes orders on until the engine is gone.
fn read(stream: BufReader<UnixStream>, orders: &Sender<Order>) {
    for line in stream.split(b'\n').map_while(Result::ok) {
        let Ok(order) = serde_json::from_slice(&line) else {
            return;
        };
        if orders.send(order).is_err() {
            return;
        }
    }
}

/// Does what is ordered, until there are no more orders.
fn work(back: &Back, orders: Receiver<Order>) {
    let Ok(Order::Open { libraries, contact }) = orders.recv() else {
        return;
    };
    let session = match open(&libraries, contact.as_deref()) {
        Ok((session, library)) => {
            back.send(&Answer::Open {
                system: session.system().unwrap_or_default(),
                contact: session.contact().unwrap_or_default(),
                library,
            });
            Arc::new(session)
        }
        Err(error) => return back.send(&not_open(&error)),
    };
    let (waiter, way) = (session.clone(), back.clone());
    let is_over = Arc::new(AtomicBool::new(false));
    let is_told = is_over.clone();
    let waiter = std::thread::spawn(move || wait(&waiter, &way, &is_told));
    for order in orders {
        match order {
            Order::Open { .. } => {}
            Order::Submit(batch) => back.send(&submit(&session, batch)),
            Order::End { ids } => {
                for id in ids {
                    // One that has ended meanwhile is told so elsewhere.
                    if let Err(error) = session.control(Some(&id), Control::Terminate)
                        && error.code.is_passing()
                    {
                        back.send(&silent(&error));
                    }
                }
            }
            Order::Ask { ids } => ask(&session, back, ids),
        }
    }
    is_over.store(true, Ordering::SeqCst);
    // It has the session too, which ends with the last who has it.
    waiter.join().ok();
}

/// The first library that can be had.
fn open(libraries: &[PathBuf], contact: Option<&str>) -> Result<(Session, PathBuf), OpenError> {
    let mut missing = None;
    for library in libraries {
        let opened = Session::open(library, contact).or_else(|error| match (&error, contact) {
            // It may be that of another library, or of one that has forgotten it.
            (OpenError::Refused(refused), Some(_)) if !refused.code.is_passing() => {
                Session::open(library, None)
            }
            _ => Err(error),
        });
        match opened {
            Ok(session) => return Ok((session, library.clone())),
            Err(error @ OpenError::NotFound(..)) => drop(missing.get_or_insert(error)),
            Err(error) => return Err(error),
        }
    }
    Err(missing.unwrap_or(OpenError::NotFound(PathBuf::new(), "none was named".into())))
}

fn not_open(error: &OpenError) -> Answer {
    Answer::NotOpen {
        why: error.to_string(),
        is_tls: matches!(error, OpenError::StaticTls(..)),
        is_passing: matches!(error, OpenError::Refused(error) if error.code.is_passing()),
    }
}

fn silent(error: &Error) -> Answer {
    Answer::Silent {
        why: error.message.clone(),
    }
}

fn submit(session: &Session, batch: Batch) -> Answer {
    match try_submit(session, &batch) {
        Ok(ids) => Answer::Submitted {
            name: batch.name,
            ids,
        },
        Err(error) => Answer::Refused {
            name: batch.name,
            code: error.code.number(),
            why: error.message,
        },
    }
}

fn try_submit(session: &Session, batch: &Batch) -> Result<Vec<String>, Error> {
    let mut template = session.template()?;
    // What a job prints it keeps itself; this is for a shell that does not find its script.
    let attributes = [
        ("drmaa_remote_command", "/bin/sh"),
        ("drmaa_wd", &batch.folder),
        ("drmaa_job_name", &batch.title),
        ("drmaa_output_path", ":/dev/null"),
        ("drmaa_error_path", ":/dev/null"),
        ("drmaa_native_specification", &batch.native),
    ];
    for (name, value) in attributes {
        if !value.is_empty() {
            template.set(name, value)?;
        }
    }
    template.set_list("drmaa_v_argv", &[&batch.script])?;
    match batch.n {
        None => Ok(vec![template.run()?]),
        Some(n) => template.run_bulk(1, n as i32),
    }
}

fn ask(session: &Session, back: &Back, ids: Vec<String>) {
    let mut states = Vec::new();
    for id in ids {
        match session.state(&id) {
            Ok(State::Done | State::Failed) => states.push((id, Some(Stands::Over))),
            Ok(State::Undetermined) => states.push((id, Some(Stands::Unclear))),
            Ok(_) => states.push((id, Some(Stands::There))),
            Err(error) if error.code == Code::InvalidJob => states.push((id, None)),
            // The others would wait for the same.
            Err(error) if error.code.is_passing() => {
                back.send(&silent(&error));
                break;
            }
            Err(_) => {}
        }
    }
    back.send(&Answer::States { states });
}

/// Tells of every job that ends.
fn wait(session: &Session, back: &Back, is_over: &AtomicBool) {
    while !is_over.load(Ordering::SeqCst) {
        match session.wait(None, WAIT) {
            Ok(Wait::Ended(ended)) => back.send(&Answer::Ended {
                id: ended.job,
                how: match ended.how {
                    drmaa_sys::How::Exited(code) => How::Exited(code),
                    drmaa_sys::How::Signaled(signal) => How::Signaled(signal),
                    drmaa_sys::How::Aborted => How::Aborted,
                    drmaa_sys::How::NoUsage => How::NoUsage,
                    drmaa_sys::How::Unknown => How::Unknown,
                },
                usage: ended.usage,
            }),
            Ok(Wait::NotYet) => {}
            Ok(Wait::Nothing) => std::thread::sleep(PAUSE),
            Err(_) => std::thread::sleep(WAIT),
        }
    }
}
