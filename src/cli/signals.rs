//! What comes into the run's inbox from outside: the supervisor's reports, by a thread that does
//! nothing else, and the signals, by a tokio runtime on another. Both end with the process.

use std::sync::mpsc::Sender;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::exec::Report;
use crate::exec::local::Reports;
use crate::run::{Interrupt, Msg};

/// Starts the threads. From then on the signals that end a run are messages.
pub fn start(mut reports: Reports, inbox: Sender<Msg>) -> anyhow::Result<()> {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let signals = inbox.clone();
    thread("signals", move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("listen for signals");
        let served = runtime.and_then(|runtime| runtime.block_on(serve(&signals, &ready)));
        if let Err(error) = served {
            let lost = Report::Lost(format!("{error:#}"));
            signals.send(Msg::Report(lost)).ok();
        }
    })?;
    // Signals are caught before any job is started.
    is_ready.recv().ok();
    // One blocking read takes all that has come, with no runtime in between.
    thread("reports", move || {
        while let Some(report) = reports.next()
            && inbox.send(Msg::Report(report)).is_ok()
        {}
    })
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let thread = std::thread::Builder::new().name(name.into());
    thread
        .spawn(body)
        .with_context(|| format!("start the thread for {name}"))?;
    Ok(())
}

async fn serve(inbox: &Sender<Msg>, ready: &Sender<()>) -> anyhow::Result<()> {
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
