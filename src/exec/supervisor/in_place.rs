//! Commands that do nothing, such as `: > FILE`: their files are opened here, without a process.
//!
//! The engine has looked at these files the moment before, so where they lie is within reach.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::event::Usage;
use crate::exec::wire::Strings;
use crate::exec::{redirect, sys};
use crate::lang::recipe::does_nothing;

/// Where opening takes longer than this, several threads do better.
const LONG: Duration = Duration::from_micros(500);

/// For how long they do it then.
const PAUSE: Duration = Duration::from_millis(100);

/// Does what can be done at once in the place of the threads that start processes.
#[derive(Default)]
pub struct InPlace {
    not_before: Option<Instant>,
}

impl InPlace {
    /// Does what a task is to do; `None` where it is to be started like any other, which also says
    /// what is wrong with it.
    pub fn carry_out(&mut self, strings: &Strings) -> Option<Usage> {
        let command = strings.direct().next()?;
        let prints_nowhere = strings.files().iter().all(|file| file.is_empty());
        if !does_nothing(command.to_bytes()) || !prints_nowhere {
            return None;
        }
        let began = Instant::now();
        if self.not_before.is_some_and(|at| began < at) {
            return None;
        }
        let before = sys::own_usage();
        let opened = open_all(strings);
        let wall = began.elapsed();
        self.not_before = (wall > LONG).then(|| began + wall + PAUSE);
        opened.ok()?;
        let after = sys::own_usage();
        Some(Usage {
            wall_s: wall.as_secs_f64(),
            user_s: after.user_s - before.user_s,
            sys_s: after.sys_s - before.sys_s,
            ..after
        })
    }
}

fn open_all(strings: &Strings) -> Result<(), Errno> {
    let dir = strings.dir();
    let entered = match dir.is_empty() {
        true => None,
        false => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Some(openat(CWD, dir, flags, Mode::empty())?)
        }
    };
    let dir = entered.as_ref().map_or(CWD, |dir| dir.as_fd());
    for (operator, file) in strings.redirections() {
        redirect::open(dir, operator, file)?;
    }
    Ok(())
}
