//! Tasks that warm shells were asked to start, until it is known how that went.

use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::exec::TaskId;
use crate::exec::supervisor::spawners::{Outcome, Request};
use crate::exec::supervisor::warm::{Reply, Shells};
use crate::exec::sys;

/// What the main thread waits for.
#[derive(Default)]
pub struct Forks {
    open: Vec<Fork>,
    n_sent: u32,
}

struct Fork {
    number: u32,
    request: Request,
    pipe: OwnedFd,
    began: Instant,
    pid: Option<i32>,
    /// What decides, when it has come.
    last: Option<Reply>,
}

impl Fork {
    fn running(self, pid: i32) -> (TaskId, Outcome) {
        let Fork { pipe, began, .. } = self;
        let task = self.request.strings.task;
        (task, Outcome::Running { pid, pipe, began })
    }
}

impl Forks {
    /// The number of the next request.
    pub fn next_number(&mut self) -> u32 {
        self.n_sent = self.n_sent.wrapping_add(1);
        self.n_sent
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A request was sent; `pipe` is where its output comes from.
    pub fn add(&mut self, number: u32, request: Request, pipe: OwnedFd, began: Instant) {
        let (pid, last) = (None, None);
        self.open.push(Fork {
            number,
            request,
            pipe,
            began,
            pid,
            last,
        });
    }

    /// Takes the replies that have come: adds what runs to `results`, and to `unfit` what is to be
    /// started in the usual way.
    pub fn take(
        &mut self,
        shells: &mut Shells,
        results: &mut Vec<(TaskId, Outcome)>,
        unfit: &mut Vec<Request>,
    ) {
        shells.replies(|number, reply| {
            for fork in self.open.iter_mut().filter(|fork| fork.number == number) {
                match reply {
                    Reply::Forked(pid) => fork.pid = Some(pid),
                    Reply::Ready(pid) | Reply::Unready(pid) => {
                        (fork.pid, fork.last) = (Some(pid), Some(reply));
                    }
                    Reply::NotForked | Reply::Gone => fork.last = Some(reply),
                }
            }
        });
        for fork in self.open.extract_if(.., |fork| fork.last.is_some()) {
            match (fork.last, fork.pid) {
                (Some(Reply::Unready(pid)), _) => {
                    sys::wait(pid);
                    unfit.push(fork.request);
                }
                // Who would have said that it is ready has ended before, and its end tells how.
                (Some(Reply::Ready(_) | Reply::Gone), Some(pid)) => results.push(fork.running(pid)),
                _ => unfit.push(fork.request),
            }
        }
    }

    /// The task whose process this is, though nobody has said that it is ready.
    pub fn with_pid(&mut self, pid: i32) -> Option<(u32, TaskId, Outcome)> {
        let at = self.open.iter().position(|fork| fork.pid == Some(pid))?;
        let fork = self.open.swap_remove(at);
        let number = fork.number;
        let (task, outcome) = fork.running(pid);
        Some((number, task, outcome))
    }
}
