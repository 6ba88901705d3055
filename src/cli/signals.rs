//! The io thread: a tokio runtime that brings the supervisor's reports and the signals into the
//! run's inbox. It ends with the reports.

use std::sync::mpsc::Sender;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::exec::Report;
use crate::exec::local::Reports;
use crate::run::{Interrupt, Msg};

/// Starts the thread. From then on the signals that end a run are messages.
pub fn start(reports: Reports, inbox: Sender<Msg>) -> anyhow::Result<()> {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("io".into());
    thread
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    if let Err(error) = runtime.block_on(serve(reports, &inbox, &ready)) {
                        inbox
                            .send(Msg::Report(Report::Lost(format!("{error:#}"))))
                            .ok();
                    }
                }
                Err(error) => {
                    inbox
                        .send(Msg::Report(Report::Lost(error.to_string())))
                        .ok();
                }
            }
        })
        .context("start the io thread")?;
    // Signals are caught before any job is started.
    is_ready.recv().ok();
    Ok(())
}

async fn serve(reports: Reports, inbox: &Sender<Msg>, ready: &Sender<()>) -> anyhow::Result<()> {
    let mut reports = reports
        .into_async()
        .context("read the supervisor's reports")?;
    let listen = |kind| signal(kind).context("listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let mut drain = listen(SignalKind::user_defined1())?;
    let mut suspend = listen(SignalKind::from_raw(libc::SIGTSTP))?;
    ready.send(()).ok();
    loop {
        let msg = tokio::select! {
            // Reports first: a job that has ended needs no signal.
            biased;
            report = reports.next() => match report {
                Some(report) => Msg::Report(report),
                None => return Ok(()),
            },
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
