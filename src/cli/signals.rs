//! Signals that are messages to the run: caught by a tokio runtime on a thread of its own, which ends
//! with the process.

use std::sync::mpsc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::inbox::Sender;
use crate::exec::Report;
use crate::run::{Interrupt, Msg};

/// Starts the thread. From then on the signals that end a run are messages.
pub fn start(inbox: Sender) -> anyhow::Result<()> {
    let (ready, is_ready) = mpsc::channel();
    let thread = std::thread::Builder::new().name("signals".into());
    let started = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("listen for signals");
        let served = runtime.and_then(|runtime| runtime.block_on(serve(&inbox, &ready)));
        if let Err(error) = served {
            let lost = Report::Lost(format!("{error:#}"));
            inbox.send(Msg::Report(lost)).ok();
        }
    });
    started.context("start the thread for signals")?;
    // Signals are caught before any job is started.
    is_ready.recv().ok();
    Ok(())
}

async fn serve(inbox: &Sender, ready: &mpsc::Sender<()>) -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let mut drain = listen(SignalKind::user_defined1())?;
    let mut suspend = listen(SignalKind::from_raw(libc::SIGTSTP))?;
    ready.send(()).ok();
    loop {
        let msg = tokio::select! {
            _ = interrupt.recv() => Msg::Interrupt(Interrupt::Interrupt),
            _ = terminate.recv() => Msg::Interrupt(Interrupt::Terminate),
            _ = hangup.recv() => Msg::Interrupt(Interrupt::Hangup),
            _ = drain.recv() => Msg::Drain,
            _ = suspend.recv() => Msg::Suspend,
        };
        if inbox.send(msg).is_err() {
            return Ok(());
        }
    }
}
