//! Sees to it that what was written reaches the disk: a thread that syncs at most every 200 ms.
//!
//! What is lost between two syncs by a power cut is work to be done again, nothing else.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

/// The thread. It ends when this is dropped or finished.
#[derive(Debug)]
pub struct Syncer {
    /// Holds at most one wish: more mean no more.
    wishes: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Syncer {
    pub fn start(file: File) -> Syncer {
        let (wishes, wished) = sync_channel(1);
        let thread = std::thread::spawn(move || serve(&file, &wished));
        Syncer { wishes, thread }
    }

    /// Something was written.
    pub fn is_needed(&self) {
        // Full: a sync is to come anyway. Gone: the error comes with `finish`.
        self.wishes.try_send(()).ok();
    }

    /// Syncs once more and ends the thread; the first error that there was.
    pub fn finish(self) -> io::Result<()> {
        drop(self.wishes);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the syncing thread failed")))
    }
}

fn serve(file: &File, wished: &Receiver<()>) -> io::Result<()> {
    let mut is_open = true;
    while is_open {
        // Waits for a wish, then gathers those of the next moments.
        is_open = wished.recv().is_ok();
        if is_open {
            let end = wished.recv_timeout(PAUSE);
            is_open = !matches!(end, Err(RecvTimeoutError::Disconnected));
            if is_open && end.is_ok() {
                std::thread::sleep(PAUSE / 4);
            }
        }
        file.sync_data()?;
    }
    Ok(())
}
