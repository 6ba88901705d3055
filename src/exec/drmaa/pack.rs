//! Many short jobs in one submission: this program, on a node, runs them one after the other.
//!
//! `STEM.pack` has the tasks: for each the seconds that it may take (8 bytes, 0 for no limit) and the
//! order that starts it, in the form in which the supervisor takes orders. What the supervisor reports
//! goes to `STEM.ends` as it is, so the end of each job is known as soon as it is there, and a pack that
//! dies loses only what had not ended.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::exec::local::{Local, Setup, new_mark};
use crate::exec::supervisor::SupervisorHandle;
use crate::exec::{Executor, Report, Signal, TaskId, wire};

/// The hidden command.
pub const COMMAND: &str = "cluster-pack";

/// Runs the pack whose files begin with `stem`, in the current folder.
pub fn run(stem: &Path, supervisor: SupervisorHandle) -> anyhow::Result<()> {
    let with = |suffix: &str| {
        let mut path = stem.as_os_str().to_owned();
        path.push(suffix);
        path
    };
    let tasks = std::fs::read(with(".pack")).context("read the pack")?;
    let mut ends = OpenOptions::new()
        .create(true)
        .append(true)
        .open(with(".ends"))?;
    let folder = std::env::current_dir().context("find the current folder")?;
    let setup = Setup::new(folder.as_os_str().as_bytes(), new_mark()?);
    let (mut local, mut reports) = supervisor.open(&setup, None)?;
    let (sender, inbox) = channel();
    std::thread::spawn(move || {
        while let Some(report) = reports.next() {
            if sender.send(report).is_err() {
                return;
            }
        }
    });
    let mut rest = &tasks[..];
    let mut at = 0;
    while !rest.is_empty() {
        let (time, order, after) = take(rest).context("the pack is cut off")?;
        local.start_as_sent(order)?;
        wait(&mut local, &inbox, &mut ends, TaskId(at), time)?;
        (rest, at) = (after, at + 1);
    }
    Ok(())
}

/// The first task: how long it may take, the order, and what follows.
pub fn take(bytes: &[u8]) -> Option<(Duration, &[u8], &[u8])> {
    let (time, rest) = bytes.split_first_chunk()?;
    let (head, text) = wire::order_lengths(*rest.first_chunk()?);
    let len = wire::ORDER_PREFIX
        .checked_add(head)?
        .checked_add(text as usize)?;
    let (order, after) = rest.split_at_checked(len)?;
    let time = match u64::from_le_bytes(*time) {
        0 => Duration::MAX,
        seconds => Duration::from_secs(seconds),
    };
    Some((time, order, after))
}

/// Until the task has ended; keeps what is reported.
fn wait(
    local: &mut Local,
    inbox: &Receiver<Report>,
    ends: &mut File,
    task: TaskId,
    time: Duration,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut is_over_time = false;
    loop {
        let left = match is_over_time {
            true => Duration::MAX,
            false => time.saturating_sub(began.elapsed()),
        };
        let report = match inbox.recv_timeout(left.min(Duration::from_secs(86_400))) {
            Ok(report) => report,
            Err(RecvTimeoutError::Timeout) => {
                if began.elapsed() >= time && !is_over_time {
                    is_over_time = true;
                    local.signal(Some(task), Signal::Terminate)?;
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the process that runs the jobs has ended")
            }
        };
        if let Report::Lost(why) = &report {
            bail!("{why}");
        }
        let mut bytes = Vec::new();
        wire::put_report(&mut bytes, &report);
        ends.write_all(&bytes).context("write how a job ended")?;
        if matches!(report, Report::Ended { .. }) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Task;

    #[test]
    fn tasks_are_taken_one_by_one() {
        let mut bytes = Vec::new();
        for (time, word) in [(0u64, "a"), (7, "b c")] {
            bytes.extend(time.to_le_bytes());
            let task = Task {
                argv: vec![word.into()],
                ..Task::default()
            };
            wire::put_task(&mut bytes, &task);
        }
        let (time, _, rest) = take(&bytes).unwrap();
        assert_eq!(time, Duration::MAX);
        let (time, order, rest) = take(rest).unwrap();
        assert_eq!((time, rest), (Duration::from_secs(7), &b""[..]));
        assert!(order.windows(3).any(|word| word == b"b c"));
        assert_eq!(
            take(&bytes[..bytes.len() - 1]).unwrap().2.len(),
            order.len() + 7
        );
        assert!(take(&order[..5]).is_none());
    }
}
