//! What comes to a run: messages from other threads, and the supervisor's reports.
//!
//! The run reads the reports itself, when it waits. A thread that passed them on would have to be
//! woken for each job that ends, and would have to wake the run. The other threads have little to say:
//! they ring a bell, which the run hears while it waits for reports.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SendError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::exec::Report;
use crate::exec::local::Reports;
use crate::run::{Clock, MachineClock, Msg};

/// What other threads put messages into. Each rings the bell.
#[derive(Clone)]
pub struct Sender {
    messages: mpsc::Sender<Msg>,
    bell: Arc<OwnedFd>,
}

impl Sender {
    /// Fails when the run is over.
    pub fn send(&self, msg: Msg) -> Result<(), SendError<Msg>> {
        self.messages.send(msg)?;
        // One that has been rung too often to count has not been heard yet.
        rustix::io::write(&*self.bell, &1u64.to_ne_bytes()).ok();
        Ok(())
    }

    /// A message to the thread itself, which needs no bell.
    fn report(&self, report: Report) {
        // Where nobody has the other end, the run is over.
        self.messages.send(Msg::Report(report)).ok();
    }
}

/// The two ends of an inbox.
pub fn inbox() -> rustix::io::Result<(Sender, Receiver<Msg>)> {
    let (messages, inbox) = mpsc::channel();
    let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let bell = Arc::new(bell);
    Ok((Sender { messages, bell }, inbox))
}

/// The clocks of this machine; whoever waits by them hears the reports and the bell.
pub struct Hearing {
    clock: MachineClock,
    sender: Sender,
    /// `None` where nothing is started, and when they have come to their end.
    reports: RefCell<Option<Reports>>,
}

impl Hearing {
    /// The run begins now.
    pub fn start(sender: Sender, mut reports: Option<Reports>) -> Hearing {
        // Those that came while the plan was judged.
        reports
            .iter_mut()
            .for_each(|reports| reports.take_whole(|report| sender.report(report)));
        Hearing {
            clock: MachineClock::start(),
            sender,
            reports: RefCell::new(reports),
        }
    }

    /// Waits until something is heard, for so long at most, and puts reports into the inbox.
    fn hear(&self, longest: Duration) -> Result<(), Errno> {
        let mut reports = self.reports.borrow_mut();
        let is_heard = {
            let bell = PollFd::new(&*self.sender.bell, PollFlags::IN);
            let stream = reports.iter().map(|reports| reports.as_fd());
            let stream = stream.map(|stream| PollFd::from_borrowed_fd(stream, PollFlags::IN));
            let mut both: Vec<PollFd> = [bell].into_iter().chain(stream).collect();
            let longest = longest.try_into().expect("a run waits for no years");
            poll(&mut both, Some(&longest))?;
            [0, 1].map(|at| both.get(at).is_some_and(|fd| !fd.revents().is_empty()))
        };
        let [is_rung, has_report] = is_heard;
        if is_rung {
            rustix::io::read(&*self.sender.bell, &mut [0; 8]).ok();
        }
        if has_report && let Some(stream) = &mut *reports {
            let mut is_over = false;
            stream.read(|report| {
                is_over |= matches!(report, Report::Lost(_));
                self.sender.report(report);
            });
            if is_over {
                *reports = None;
            }
        }
        Ok(())
    }
}

impl Clock for Hearing {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, inbox: &Receiver<Msg>, longest: Duration) -> Result<Msg, RecvTimeoutError> {
        let until = Instant::now() + longest;
        loop {
            if let Ok(msg) = inbox.try_recv() {
                return Ok(msg);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.hear(left) {
                Ok(()) | Err(Errno::INTR) => {}
                Err(error) => {
                    let why = format!("the process that runs the jobs cannot be heard: {error}");
                    return Ok(Msg::Report(Report::Lost(why)));
                }
            }
            if left.is_zero() {
                return inbox.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_another_thread_ends_the_wait() {
        let (sender, messages) = inbox().unwrap();
        let hearing = Hearing::start(sender.clone(), None);
        let told = std::thread::spawn(move || sender.send(Msg::Drain));
        let heard = hearing.wait(&messages, Duration::from_secs(60));
        assert!(matches!(heard, Ok(Msg::Drain)));
        assert!(told.join().unwrap().is_ok());
    }

    #[test]
    fn the_bell_is_silent_once_it_was_heard() {
        let (sender, messages) = inbox().unwrap();
        let hearing = Hearing::start(sender.clone(), None);
        for _ in 0..3 {
            sender.send(Msg::Drain).unwrap();
        }
        let heard = || hearing.wait(&messages, Duration::ZERO);
        assert!((0..3).all(|_| heard().is_ok()));
        assert_eq!(heard().unwrap_err(), RecvTimeoutError::Timeout);
        let began = Instant::now();
        assert!(hearing.wait(&messages, Duration::from_millis(20)).is_err());
        assert!(began.elapsed() >= Duration::from_millis(20));
    }
}
