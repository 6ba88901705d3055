//! What time it is, and how a run waits: by this machine's clocks, or by those of a simulation.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Msg;

/// The only way in which a run comes to know of time.
pub trait Clock {
    /// The time since the run began, which never goes back.
    fn elapsed(&self) -> Duration;
    /// The time of day, which somebody may set.
    fn now(&self) -> Timestamp;
    /// Waits for the next message, for so long at most.
    fn wait(&self, inbox: &Receiver<Msg>, longest: Duration) -> Result<Msg, RecvTimeoutError>;
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug)]
pub struct MachineClock {
    began: Instant,
}

impl MachineClock {
    /// The run begins now.
    pub fn start() -> MachineClock {
        MachineClock {
            began: Instant::now(),
        }
    }
}

impl Clock for MachineClock {
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn wait(&self, inbox: &Receiver<Msg>, longest: Duration) -> Result<Msg, RecvTimeoutError> {
        inbox.recv_timeout(longest)
    }
}
