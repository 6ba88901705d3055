//! What a task writes: how much of it is passed on, and when its pipe is read next.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};

/// How much is read at once, and kept of the end of an output that is over its quota.
pub const CHUNK: usize = 64 << 10;

/// The longest time for which bytes lie in a pipe unread.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Shorter pauses are not worth a timer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);

/// Divides an output into the head, which is passed on, and the last [`CHUNK`] bytes of the rest.
pub struct Share {
    left: u64,
    /// Bytes beyond the head.
    beyond: u64,
    ring: Vec<u8>,
    /// Where the oldest byte of the ring is, once it is full.
    oldest: usize,
}

impl Share {
    pub fn new(quota: u64) -> Self {
        Share {
            left: quota,
            beyond: 0,
            ring: Vec::new(),
            oldest: 0,
        }
    }

    /// Whether all that comes is kept here, and needs no room elsewhere.
    pub fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Takes the next bytes; returns those that are passed on.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let len = bytes
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (head, rest) = bytes.split_at(len);
        self.left -= len as u64;
        self.keep(rest);
        head
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.beyond += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(CHUNK)..];
        let (fill, over) = bytes.split_at(bytes.len().min(CHUNK - self.ring.len()));
        self.ring.extend_from_slice(fill);
        let (first, second) = over.split_at(over.len().min(CHUNK - self.oldest));
        self.ring[self.oldest..self.oldest + first.len()].copy_from_slice(first);
        self.ring[..second.len()].copy_from_slice(second);
        self.oldest = (self.oldest + over.len()) % CHUNK;
    }

    /// What follows the head at the end: nothing, or the tail behind a line that says what is
    /// missing before it.
    pub fn finish(mut self) -> Vec<u8> {
        self.ring.rotate_left(self.oldest);
        let missing = self.beyond - self.ring.len() as u64;
        if missing == 0 {
            return self.ring;
        }
        let mut end = format!("\n[flow: {missing} bytes are left out here]\n").into_bytes();
        end.extend_from_slice(&self.ring);
        end
    }
}

/// What one read of a pipe gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Got {
    Bytes(usize),
    Nothing,
    /// Nobody has the other end any more.
    End,
}

/// The reading end of a task's output.
pub struct Output {
    /// `None` when there is nothing more to come.
    pipe: Option<OwnedFd>,
    /// Whether the pipe is known to epoll.
    is_watched: bool,
    pub share: Share,
    last_read: Instant,
}

impl Output {
    pub fn new(pipe: OwnedFd, quota: u64, now: Instant) -> Self {
        Output {
            pipe: Some(pipe),
            is_watched: false,
            share: Share::new(quota),
            last_read: now,
        }
    }

    /// Reads once, without waiting.
    pub fn read(&mut self, into: &mut [u8]) -> Got {
        let Some(pipe) = &self.pipe else {
            return Got::End;
        };
        match rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut *into)) {
            Ok(0) => Got::End,
            Ok(len) => Got::Bytes(len),
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::WouldBlock => {
                Got::Nothing
            }
            Err(_) => Got::End,
        }
    }

    /// How many bytes are in the pipe now.
    pub fn n_waiting(&self) -> u64 {
        let pipe = self.pipe.as_ref();
        pipe.and_then(|pipe| rustix::io::ioctl_fionread(pipe).ok())
            .unwrap_or(0)
    }

    /// Has `epoll` tell once, by `token`, when there is something to read.
    pub fn watch(&mut self, epoll: &OwnedFd, token: u64) -> io::Result<()> {
        let Some(pipe) = &self.pipe else {
            return Ok(());
        };
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        let token = EventData::new_u64(token);
        if self.is_watched {
            epoll::modify(epoll, pipe, token, flags)?;
        } else {
            epoll::add(epoll, pipe, token, flags)?;
            self.is_watched = true;
        }
        Ok(())
    }

    /// Closes the pipe. Its registration goes first: a process that is being started has a copy of
    /// the descriptor for a moment, and would keep it alive.
    pub fn close(&mut self, epoll: &OwnedFd) {
        if let Some(pipe) = self.pipe.take()
            && self.is_watched
        {
            let _ = epoll::delete(epoll, &pipe);
        }
    }

    /// How long to leave the pipe alone after a read of `len` bytes.
    pub fn pause(&mut self, len: usize, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.last_read);
        self.last_read = now;
        pause(len, since)
    }
}

/// How long a pipe may fill before it is read again, when `len` bytes came in `since`: until about
/// half of it is full. So a task that writes little by little costs few reads and reports, one that
/// writes much never waits, and the bytes lie in the pipe, not in this process.
fn pause(len: usize, since: Duration) -> Duration {
    if len >= CHUNK / 2 {
        return Duration::ZERO;
    }
    let pause = since.mul_f64((CHUNK / 2) as f64 / len.max(1) as f64);
    match pause.min(LONGEST_PAUSE) {
        short if short < SHORTEST_PAUSE => Duration::ZERO,
        pause => pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn what_fits_is_passed_on_as_it_is() {
        let mut share = Share::new(10);
        assert_eq!(share.take(b"0123456789"), b"0123456789");
        assert!(share.is_over());
        assert_eq!(share.finish(), b"");
    }

    #[test]
    fn a_little_too_much_loses_nothing() {
        let mut share = Share::new(4);
        assert_eq!(share.take(b"012345"), b"0123");
        assert_eq!(share.take(b"67"), b"");
        assert_eq!(share.finish(), b"4567");
    }

    #[test]
    fn pauses_follow_the_writer() {
        let ms = Duration::from_millis;
        assert_eq!(pause(CHUNK, ms(1000)), Duration::ZERO);
        assert_eq!(pause(10, ms(1000)), LONGEST_PAUSE);
        assert_eq!(pause(4096, ms(2)), ms(16));
        assert_eq!(pause(4096, Duration::from_micros(20)), Duration::ZERO);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn head_and_tail_are_the_ends_of_the_whole(
            quota in 0u64..100_000,
            sizes in proptest::collection::vec(0usize..90_000, 0..8),
        ) {
            let mut whole = Vec::new();
            let mut out = Vec::new();
            let mut share = Share::new(quota);
            for size in sizes {
                let from = whole.len();
                whole.extend((from..from + size).map(|at| (at % 251) as u8));
                out.extend_from_slice(share.take(&whole[from..]));
            }
            out.extend(share.finish());
            let most = quota as usize + CHUNK;
            if whole.len() <= most {
                prop_assert!(out == whole);
            } else {
                let line = format!("\n[flow: {} bytes are left out here]\n", whole.len() - most);
                let head = &whole[..quota as usize];
                let tail = &whole[whole.len() - CHUNK..];
                prop_assert!(out == [head, line.as_bytes(), tail].concat());
            }
        }
    }
}
