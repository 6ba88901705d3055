//! Ctrl-C while jobs are on a cluster: asks at the terminal what becomes of them, by one key.
//!
//! Keys come at once while the question stands; when it is answered, or the run is over, the terminal
//! is as it was.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::inbox::Sender;
use crate::run::{Interrupt, Msg};
use crate::ui::human;

/// Asks whoever sits at the terminal.
pub struct Choose {
    inbox: Sender,
    keys: Option<Keys>,
}

impl Choose {
    pub fn new(inbox: Sender) -> Choose {
        Choose { inbox, keys: None }
    }

    /// Asks about so many jobs. False where nobody is there to answer: no terminal, or one that has
    /// another program in front.
    pub fn ask(&mut self, n_jobs: usize) -> bool {
        if !std::io::stderr().is_terminal() {
            return false;
        }
        let Some(keys) = Keys::open() else {
            return false;
        };
        let them = if n_jobs == 1 { "it" } else { "them" };
        // The terminal has written `^C` where the line begins.
        anstream::eprintln!(
            "\n{} on the cluster: w waits (or Enter), l leaves {them}, c cancels (or Ctrl-C)",
            human::counted(n_jobs as u64, "job")
        );
        self.keys = Some(keys.clone());
        let inbox = self.inbox.clone();
        let thread = std::thread::Builder::new().name("keys".into());
        let listens = thread.spawn(move || {
            if let Some(answer) = keys.answer() {
                // When nobody listens any more the run is over.
                inbox.send(answer).ok();
            }
        });
        listens.is_ok()
    }
}

impl Drop for Choose {
    fn drop(&mut self) {
        if let Some(keys) = &self.keys {
            keys.close();
        }
    }
}

/// The terminal, while each key comes at once.
#[derive(Clone)]
struct Keys {
    terminal: Arc<File>,
    /// How it was before; taken when it is so again.
    before: Arc<Mutex<Option<Termios>>>,
}

impl Keys {
    fn open() -> Option<Keys> {
        let terminal = File::open("/dev/tty").ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut keys = before.clone();
        keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        tcsetattr(&terminal, OptionalActions::Now, &keys).ok()?;
        Some(Keys {
            terminal: Arc::new(terminal),
            before: Arc::new(Mutex::new(Some(before))),
        })
    }

    /// Waits for a key that means something; `None` is to wait for the jobs.
    fn answer(&self) -> Option<Msg> {
        let answer = loop {
            let mut key = [0];
            match (&*self.terminal).read(&mut key) {
                Ok(1) => {}
                // The terminal has gone.
                Ok(_) | Err(_) => break None,
            }
            match key[0] {
                b'w' | b'W' | b'\n' | b'\r' => {
                    anstream::eprintln!("waiting for what is on the cluster; Ctrl-C cancels it");
                    break None;
                }
                b'l' | b'L' => break Some(Msg::Leave),
                b'c' | b'C' => break Some(Msg::Interrupt(Interrupt::Interrupt)),
                _ => {}
            }
        };
        self.close();
        answer
    }

    fn close(&self) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = before.take() {
            tcsetattr(&*self.terminal, OptionalActions::Now, &before).ok();
        }
    }
}
