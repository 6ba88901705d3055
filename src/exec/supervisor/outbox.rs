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
    /// Something among them does not wait for what else there will be to say.
    is_due: bool,
    /// The engine takes no more at the moment.
    is_stuck: bool,
}

impl Outbox {
    /// `stream` must not block.
    pub fn new(stream: UnixStream) -> Self {
        Outbox {
            stream,
            bytes: Vec::new(),
            n_gone: 0,
            is_due: false,
            is_stuck: false,
        }
    }

    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// Whether output may be added. Where not, it stays in the pipes, and their writers wait.
    pub fn has_room(&self) -> bool {
        self.bytes.len() - self.n_gone < ROOM
    }

    pub fn put(&mut self, report: &Report) {
        wire::put_report(&mut self.bytes, report);
        self.is_due = true;
    }

    /// Adds what is sent with the next report, or when it is [due](Self::send_all): it would wake the
    /// engine, who has nothing to do about it.
    pub fn put_by_the_way(&mut self, report: &Report) {
        wire::put_report(&mut self.bytes, report);
    }

    /// Nothing waits for other reports any longer.
    pub fn send_all(&mut self) {
        self.is_due = !self.bytes.is_empty();
    }

    pub fn put_output(&mut self, task: TaskId, bytes: &[u8]) {
        if !bytes.is_empty() {
            wire::put_output(&mut self.bytes, task, bytes);
            self.is_due = true;
        }
    }

    /// Sends what is due, as far as the engine takes it without a wait. Fails when it is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.is_due {
            return Ok(());
        }
        while self.n_gone < self.bytes.len() {
            match self.stream.write(&self.bytes[self.n_gone..]) {
                Ok(n) => self.n_gone += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.bytes.drain(..self.n_gone);
                    self.n_gone = 0;
                    self.is_stuck = true;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.n_gone = 0;
        (self.is_due, self.is_stuck) = (false, false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Read;

    #[test]
    fn what_comes_by_the_way_waits_for_company() {
        let (stream, mut engine) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        engine.set_nonblocking(true).unwrap();
        let mut outbox = Outbox::new(stream);
        let mut n_sent = || {
            let mut bytes = [0; 1000];
            engine.read(&mut bytes).unwrap_or(0)
        };
        let started = Report::Started {
            task: TaskId(1),
            pid: 2,
        };
        outbox.put_by_the_way(&started);
        outbox.flush().unwrap();
        assert_eq!(n_sent(), 0);
        outbox.put(&Report::Suspended);
        outbox.flush().unwrap();
        let n_both = n_sent();
        outbox.put_by_the_way(&started);
        outbox.send_all();
        outbox.flush().unwrap();
        let n_started = n_sent();
        assert!(0 < n_started && n_started < n_both);
        assert!(!outbox.is_stuck());
    }
}
