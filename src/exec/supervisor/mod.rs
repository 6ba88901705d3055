//! The process that runs the tasks: forked first, small, and the last to go.
//!
//! The engine is its parent. Orders come in on one stream, reports go out on another. When the
//! first ends, the engine is gone, and all that was started is ended before this process ends.

mod command;
mod ending;
mod forks;
mod in_place;
mod job;
mod orders;
mod outbox;
mod output;
mod pass_on;
mod serve;
mod signals;
mod spawners;
mod start;
mod warm;

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Signal};

use crate::exec::{Report, group, sys, wire};

/// The supervisor, as the engine holds it until it says what the run is like.
#[derive(Debug)]
pub struct SupervisorHandle {
    pub(in crate::exec) pid: i32,
    pub(in crate::exec) orders: UnixStream,
    pub(in crate::exec) reports: UnixStream,
}

/// Forks the supervisor.
///
/// To be called first thing in `main`: fails when the process has a second thread already. What the
/// process holds by now, the supervisor holds too, and its size is the least that the memory of any
/// task can be reported as. Descriptors that are open already are not passed on.
pub fn fork() -> io::Result<SupervisorHandle> {
    if std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1) {
        return Err(io::Error::other(
            "the supervisor must be forked before any thread starts",
        ));
    }
    let (orders, orders_in) = UnixStream::pair()?;
    let (reports, reports_out) = UnixStream::pair()?;
    let engine = rustix::process::getpid();
    match sys::fork()? {
        Some(pid) => Ok(SupervisorHandle {
            pid,
            orders,
            reports,
        }),
        None => {
            drop((orders, reports));
            let (status, was_farewell) = supervise(orders_in, reports_out);
            // Of an engine that dies the streams end before it is anybody else's child.
            if !was_farewell || rustix::process::getppid() != Some(engine) {
                // Otherwise the engine does that.
                group::end_own().ok();
            }
            sys::exit_now(status)
        }
    }
}

/// The supervisor's whole life. Returns its exit status, and whether the engine has taken leave.
fn supervise(orders: UnixStream, reports: UnixStream) -> (i32, bool) {
    sys::stay_small();
    sys::close_all_but(&[orders.as_raw_fd(), reports.as_raw_fd()]);
    // A session of its own, so that no terminal signals it; without it, blocked signals do.
    let _ = rustix::process::setsid();
    // An engine that stands still stops this process too. Should it end then, this one wakes up and
    // sees to the end of all. Its parent is the engine's main thread, which lives as long as it.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::CONT));
    if let Err(error) = rustix::process::set_child_subreaper(Pid::from_raw(1)) {
        tell(&reports, &format!("this system has no subreapers: {error}"));
        return (1, false);
    }
    sys::silence();
    let (Ok(last), Ok(very_last)) = (reports.try_clone(), reports.try_clone()) else {
        return (1, false);
    };
    // A panic in any thread is the end: the engine ends the tasks, by their mark.
    std::panic::set_hook(Box::new(move |info| {
        tell(&very_last, &info.to_string());
        sys::exit_now(1);
    }));
    match serve::serve(orders, reports) {
        Ok(was_farewell) => (0, was_farewell),
        Err(error) => {
            let why = format!("the process that runs the jobs has to stop: {error:#}");
            tell(&last, &why);
            (1, false)
        }
    }
}

/// The last words of a supervisor that cannot go on.
fn tell(mut reports: &UnixStream, why: &str) {
    let mut bytes = Vec::new();
    wire::put_report(&mut bytes, &Report::Lost(why.into()));
    // The engine sees the end of the stream in any case.
    let _ = io::Write::write_all(&mut reports, &bytes);
}
