//! Reports: what the supervisor tells the engine.

use crate::event::{End, Usage};
use crate::exec::wire::{Fields, Malformed, put_bytes};
use crate::exec::{Report, TaskId};

const STARTED: u8 = 1;
const OUTPUT: u8 = 2;
const ENDED: u8 = 3;
const LOST: u8 = 4;
const SUSPENDED: u8 = 5;

/// Appends the prefix of an output report whose `len` bytes the caller appends.
pub fn put_output(out: &mut Vec<u8>, task: TaskId, bytes: &[u8]) {
    report(out, OUTPUT, task, |out| out.extend_from_slice(bytes));
}

/// Appends one report.
pub fn put_report(out: &mut Vec<u8>, value: &Report) {
    match value {
        Report::Started { task, pid } => {
            report(out, STARTED, *task, |out| out.extend(pid.to_le_bytes()));
        }
        Report::Output { task, bytes } => put_output(out, *task, bytes),
        Report::Ended {
            task,
            end,
            usage,
            leftovers,
            writing,
        } => report(out, ENDED, *task, |out| {
            for seconds in [usage.wall_s, usage.user_s, usage.sys_s] {
                out.extend(seconds.to_le_bytes());
            }
            out.extend(usage.max_rss_kib.to_le_bytes());
            out.extend(leftovers.to_le_bytes());
            out.extend((writing.len() as u32).to_le_bytes());
            for file in writing {
                put_bytes(out, file);
            }
            let (kind, code, why) = match end {
                End::Exited(code) => (0, *code, ""),
                End::Signaled(signal) => (1, *signal, ""),
                End::NotStarted(why) => (2, 0, why.as_str()),
            };
            out.push(kind);
            out.extend(code.to_le_bytes());
            put_bytes(out, why.as_bytes());
        }),
        Report::Suspended => report(out, SUSPENDED, TaskId(0), |_| {}),
        Report::Lost(why) => report(out, LOST, TaskId(0), |out| put_bytes(out, why.as_bytes())),
        // Only clusters have these, and not by this way.
        Report::Begun { .. }
        | Report::Explained { .. }
        | Report::Again { .. }
        | Report::Said(_) => {}
    }
}

fn report(out: &mut Vec<u8>, kind: u8, task: TaskId, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    out.push(kind);
    out.extend(task.0.to_le_bytes());
    body(out);
    let len = u32::try_from(out.len() - start - 4).expect("a report is short");
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// Takes the first report off `bytes`, with the number of bytes it took; `None` while it is not
/// there whole.
pub fn read_report(bytes: &[u8]) -> Result<Option<(Report, usize)>, Malformed> {
    let mut fields = Fields(bytes);
    let Ok(body) = fields.bytes() else {
        return Ok(None);
    };
    let taken = body.len() + 4;
    let mut fields = Fields(body);
    let kind = fields.u8()?;
    let task = TaskId(fields.u32()?);
    let report = match kind {
        STARTED => Report::Started {
            task,
            pid: fields.u32()?,
        },
        OUTPUT => Report::Output {
            task,
            bytes: fields.0.into(),
        },
        ENDED => {
            let mut seconds = || {
                let seconds = f64::from_le_bytes(fields.array()?);
                let is_amount = seconds.is_finite() && seconds >= 0.0;
                is_amount.then_some(seconds).ok_or(Malformed)
            };
            let (wall_s, user_s, sys_s) = (seconds()?, seconds()?, seconds()?);
            let usage = Usage {
                wall_s,
                user_s,
                sys_s,
                max_rss_kib: fields.u64()?,
            };
            let leftovers = fields.u32()?;
            let n_writing = fields.u32()?;
            let writing = (0..n_writing).map(|_| Ok(fields.bytes()?.into()));
            let writing = writing.collect::<Result<_, Malformed>>()?;
            let kind = fields.u8()?;
            let code = i32::from_le_bytes(fields.array()?);
            let end = match kind {
                0 => End::Exited(code),
                1 => End::Signaled(code),
                2 => End::NotStarted(fields.text()?),
                _ => return Err(Malformed),
            };
            Report::Ended {
                task,
                end,
                usage,
                leftovers,
                writing,
            }
        }
        SUSPENDED => Report::Suspended,
        LOST => Report::Lost(fields.text()?),
        _ => return Err(Malformed),
    };
    Ok(Some((report, taken)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_survive_the_way() {
        let task = TaskId(7);
        let usage = Usage {
            wall_s: 1.5,
            user_s: 0.25,
            sys_s: 0.125,
            max_rss_kib: 1 << 40,
        };
        let ended = |end, leftovers| Report::Ended {
            task,
            end,
            usage,
            leftovers,
            writing: vec!["/a b".into(); leftovers as usize],
        };
        let reports = [
            Report::Started { task, pid: 12 },
            Report::Output {
                task,
                bytes: vec![0, 255].into(),
            },
            ended(End::Exited(3), 0),
            ended(End::Signaled(9), 2),
            ended(End::NotStarted("why".into()), 0),
            Report::Suspended,
            Report::Lost("gone".into()),
        ];
        let mut bytes = Vec::new();
        for report in &reports {
            put_report(&mut bytes, report);
        }
        let mut at = 0;
        for report in &reports {
            assert_eq!(read_report(&bytes[at..at + 8]), Ok(None));
            let (found, len) = read_report(&bytes[at..]).unwrap().unwrap();
            assert_eq!(found, *report);
            at += len;
        }
        assert_eq!(at, bytes.len());
        assert_eq!(read_report(&[1, 0, 0, 0, 99]), Err(Malformed));
    }

    #[test]
    fn what_is_no_amount_of_seconds_is_not_taken_for_one() {
        for wall_s in [f64::NAN, f64::INFINITY, -1.0] {
            let mut bytes = Vec::new();
            let usage = Usage {
                wall_s,
                ..Usage::default()
            };
            put_report(
                &mut bytes,
                &Report::Ended {
                    task: TaskId(7),
                    end: End::Exited(0),
                    usage,
                    leftovers: 0,
                    writing: Vec::new(),
                },
            );
            assert_eq!(read_report(&bytes), Err(Malformed), "{wall_s}");
        }
    }
}
