//! Reports on their way to the engine, which may be slow to take them.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use crate::exec::{Report, TaskId, wire};

/// Output is taken from tasks while less than this waits here; other reports are always taken, and
/// are few: some for each task that the engine has started.
const ROOM: usize = 256 << 10;

/// The bytes that the engine has not taken yet.
pub struct Outbox {
    stream: UnixStream,
    bytes: Vec<u8>,
    /// How many of them are gone already.
    n_gone: usize,
}

impl Outbox {
    /// `stream` must not block.
    pub fn new(stream: UnixStream) -> Self {
        Outbox {
            stream,
            bytes: Vec::new(),
            n_gone: 0,
        }
    }

    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether output may be added. Where not, it stays in the pipes, and their writers wait.
    pub fn has_room(&self) -> bool {
        self.bytes.len() - self.n_gone < ROOM
    }

    pub fn put(&mut self, report: &Report) {
        wire::put_report(&mut self.bytes, report);
    }

    pub fn put_output(&mut self, task: TaskId, bytes: &[u8]) {
        if !bytes.is_empty() {
            wire::put_output(&mut self.bytes, task, bytes);
        }
    }

    /// Sends what the engine takes without waiting for it. Fails when the engine is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.n_gone < self.bytes.len() {
            match self.stream.write(&self.bytes[self.n_gone..]) {
                Ok(n) => self.n_gone += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.bytes.drain(..self.n_gone);
                    self.n_gone = 0;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.n_gone = 0;
        Ok(())
    }
}
