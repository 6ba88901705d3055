//! Sees to it that what was written reaches the disk: a thread that syncs at most every 200 ms.
//!
//! What is lost between two syncs by a power cut is work to be done again, nothing else.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

/// The thread. It ends when this is dropped or finished, and after an error.
#[derive(Debug)]
pub struct Syncer {
    wishes: SyncSender<()>,
    /// A sync is to come: no more wishes are sent until it begins.
    is_wished: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Syncer {
    /// Fails where no thread or descriptor is to be had, which may pass.
    pub fn start(file: &File) -> io::Result<Syncer> {
        let file = file.try_clone()?;
        let (wishes, wished) = sync_channel(1);
        let is_wished = Arc::new(AtomicBool::new(false));
        let shared = is_wished.clone();
        let thread = std::thread::Builder::new().name("sync".into());
        Ok(Syncer {
            wishes,
            is_wished,
            thread: thread.spawn(move || serve(&file, &wished, &shared))?,
        })
    }

    /// Something was written.
    pub fn is_needed(&self) {
        if !self.is_wished.swap(true, Ordering::SeqCst) {
            // Gone: the error comes with `finish`.
            self.wishes.try_send(()).ok();
        }
    }

    /// Whether a sync has failed: nothing else ends the thread before it is finished.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Syncs what was not yet, and ends the thread; the first error that there was.
    pub fn finish(self) -> io::Result<()> {
        drop(self.wishes);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the syncing thread failed")))
    }
}

/// Sleeps until there is a wish, lets those of the next moments gather, and syncs.
fn serve(file: &File, wished: &Receiver<()>, is_wished: &AtomicBool) -> io::Result<()> {
    while wished.recv().is_ok() {
        // No second wish comes meanwhile, so this is the pause or the end.
        wished.recv_timeout(PAUSE).ok();
        is_wished.store(false, Ordering::SeqCst);
        file.sync_data()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_error_ends_the_thread_and_is_told() {
        // What cannot be synced: the kernel says so of a pipe.
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        let syncer = Syncer::start(&File::from(reader)).unwrap();
        assert!(!syncer.has_ended());
        syncer.is_needed();
        let began = Instant::now();
        while !syncer.has_ended() && began.elapsed() < PAUSE * 50 {
            std::thread::sleep(PAUSE / 10);
        }
        syncer.is_needed();
        assert!(syncer.has_ended());
        assert!(syncer.finish().is_err());
    }

    #[test]
    fn the_end_does_not_wait_for_the_pause() {
        let is_at_once = || {
            let syncer = Syncer::start(&tempfile::tempfile().unwrap()).unwrap();
            (0..1000).for_each(|_| syncer.is_needed());
            let began = Instant::now();
            syncer.finish().unwrap();
            began.elapsed() < PAUSE
        };
        // A busy machine is slow now and then; what waits does so each time.
        assert!((0..20).any(|_| is_at_once()));
    }
}
