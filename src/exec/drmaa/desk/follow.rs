//! Looks at what jobs leave, and asks how those stand that leave nothing.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use bstr::BString;

use super::Desk;
use crate::event::{End, Usage};
use crate::exec::drmaa::record::{self, Trace};
use crate::exec::drmaa::wire::Order;
use crate::exec::drmaa::words;
use crate::exec::{Report, wire};

/// How often a running job is looked at for what it prints.
const OUTPUT_EVERY: Duration = Duration::from_secs(1);

/// How often, at least, the scheduler is asked about a job that is to end or is missing.
const ASK_SOON: Duration = Duration::from_secs(2);

/// So many jobs are asked about in one go.
const MOST_ASKED: usize = 50;

/// How long a failure waits for the scheduler's own numbers.
const NUMBERS: Duration = Duration::from_secs(3);

/// The most output of a job that is passed on, in bytes.
const MOST_OUTPUT: u64 = 64 << 20;

impl Desk {
    /// Looks at the jobs' files, if it is time.
    pub(super) fn look(&mut self) {
        let now = Instant::now();
        if now < self.look_at || self.jobs.is_empty() {
            return;
        }
        self.look_at = now + self.settings.poll;
        // One that cannot be listed now can be later.
        let Ok(mut traces) = record::traces(&self.folder) else {
            return;
        };
        let names: Vec<String> = self.jobs.keys().cloned().collect();
        for name in names {
            let trace = traces.remove(&name).unwrap_or_default();
            self.look_at_one(&name, trace, now);
        }
        // The costs of a look are those of listing the folder: never more than a tenth of the time.
        self.look_at = self.look_at.max(Instant::now() + now.elapsed() * 9);
    }

    fn look_at_one(&mut self, name: &str, trace: Trace, now: Instant) {
        let Some(job) = self.jobs.get_mut(name) else {
            return;
        };
        if job.slots.iter().all(|slot| slot.outcome.is_some()) {
            return;
        }
        if let (None, Some((script, host, id))) = (&job.begun, &trace.begun) {
            (job.begun, job.host) = (Some(script.clone()), Some(host.clone()));
            let is_pack = job.sent.is_pack;
            let tasks = job.slots.iter().filter_map(|slot| slot.task.as_ref());
            let begun: Vec<_> = tasks.filter(|_| !is_pack).map(|task| task.id).collect();
            let id_is_new = job.sent.id.is_none() && !id.is_empty();
            if id_is_new {
                // The answer to its submission was lost.
                job.sent.id = Some(id.clone());
                self.by_id.insert(id.clone(), name.into());
                self.journal.id(name, id);
            }
            for task in begun {
                let host = host.clone();
                (self.tell)(Report::Begun { task, host });
            }
        }
        if self.jobs[name].sent.is_pack {
            self.read_pack(name);
        }
        if trace.has_ended {
            return self.recorded(name, now);
        }
        let job = self.jobs.get_mut(name).expect("it was there before");
        if job.begun.is_some() && !job.sent.is_pack && now - job.looked_at > OUTPUT_EVERY {
            job.looked_at = now;
            self.pass_output(name);
        }
        self.judge(name, &trace, now);
    }

    /// There is a record: takes it when it is whole.
    fn recorded(&mut self, name: &str, now: Instant) {
        let job = self.jobs.get_mut(name).expect("it was there before");
        let seen = *job.recorded.get_or_insert(now);
        let end = self.folder.join(format!("{name}.end"));
        let Some(record) = record::read(&end, job.begun.as_deref()) else {
            // A node that crashed leaves that; a network file system may show it for a moment.
            if now - seen > self.settings.grace {
                self.lost(name, "its record is not whole");
            }
            return;
        };
        if job.sent.is_pack {
            // It has said of each job how it ended, or was cut off.
            if now - seen > self.settings.grace {
                self.lost(name, "its pack ended before it");
            }
            return;
        }
        let failed = record.code != 0;
        if failed && job.over.is_none() && job.ending.is_none() && now - seen < NUMBERS {
            return;
        }
        self.pass_output(name);
        let job = self.jobs.get_mut(name).expect("it was there before");
        let mut usage = record.usage;
        let end = match (job.ending, record.signal) {
            (Some(_), _) if failed => End::Signaled(15),
            (_, Some(signal)) => End::Signaled(signal),
            _ => End::Exited(record.code),
        };
        let mut why = None;
        if let Some(over) = &job.over {
            if usage.max_rss_kib == 0 {
                usage.max_rss_kib = words::peak_kib(&over.usage);
            }
            let asked = job.slots[0].task.as_ref();
            let asked = asked.and_then(|task| task.cluster.as_ref());
            why = asked.and_then(|asked| words::of_end(&end, &over.usage, &asked.request));
        }
        self.outcome(name, 0, end, usage, why);
    }

    /// Says how one job of a submission ended.
    pub(super) fn outcome(
        &mut self,
        name: &str,
        at: usize,
        end: End,
        usage: Usage,
        why: Option<String>,
    ) {
        let slot = &mut self.jobs.get_mut(name).expect("it was there before").slots[at];
        slot.outcome = Some((end.clone(), usage));
        slot.is_settled |= slot.is_unwanted;
        if let Some(task) = &slot.task {
            let id = task.id;
            self.tell_end(id, end, usage, why);
        }
    }

    /// Passes on what a job has printed since the last time.
    pub(super) fn pass_output(&mut self, name: &str) {
        let path = self.folder.join(format!("{name}.out"));
        let job = self.jobs.get_mut(name).expect("it was there before");
        let Some(task) = job.slots[0].task.as_ref().map(|task| task.id) else {
            return;
        };
        let room = MOST_OUTPUT.saturating_sub(job.n_taken);
        let Some(bytes) = read_on(&path, job.n_taken, room) else {
            return;
        };
        job.n_taken += bytes.len() as u64;
        for part in bytes.chunks(64 << 10) {
            let bytes = BString::from(part);
            (self.tell)(Report::Output { task, bytes });
        }
    }

    /// Passes on what the jobs of a pack have reported since the last time.
    fn read_pack(&mut self, name: &str) {
        let path = self.folder.join(format!("{name}.ends"));
        let job = self.jobs.get_mut(name).expect("it was there before");
        let host = job.host.clone().unwrap_or_default();
        let Some(bytes) = read_on(&path, job.n_taken, u64::MAX) else {
            return;
        };
        let mut at = 0;
        // One that is not whole yet is read next time.
        while let Ok(Some((report, len))) = wire::read_report(&bytes[at..]) {
            at += len;
            let of = match &report {
                Report::Started { task, .. }
                | Report::Output { task, .. }
                | Report::Ended { task, .. } => task.0 as usize,
                _ => continue,
            };
            let job = self.jobs.get_mut(name).expect("it was there before");
            let Some(slot) = job.slots.get_mut(of) else {
                continue;
            };
            if slot.outcome.is_some() {
                continue;
            }
            let task = slot.task.as_ref().map(|task| task.id);
            match report {
                Report::Started { .. } => {
                    slot.has_begun = true;
                    if let Some(task) = task {
                        let host = host.clone();
                        (self.tell)(Report::Begun { task, host });
                    }
                }
                Report::Output { bytes, .. } => {
                    if let Some(task) = task {
                        (self.tell)(Report::Output { task, bytes });
                    }
                }
                Report::Ended {
                    end,
                    usage,
                    leftovers,
                    writing,
                    ..
                } => {
                    slot.outcome = Some((end.clone(), usage));
                    slot.is_settled |= slot.is_unwanted;
                    job.recorded = Some(Instant::now());
                    if let Some(task) = task {
                        (self.tell)(Report::Ended {
                            task,
                            end,
                            usage,
                            leftovers,
                            writing,
                        });
                    }
                }
                _ => {}
            }
        }
        self.jobs
            .get_mut(name)
            .expect("it was there before")
            .n_taken += at as u64;
    }

    /// Asks how jobs stand of which nothing was heard for a while.
    pub(super) fn ask(&mut self) {
        let now = Instant::now();
        if self.asking.is_some() || self.dialect.is_none() || now < self.not_before {
            return;
        }
        let mut ids = Vec::new();
        for job in self.jobs.values_mut() {
            let every = match job.ending.is_some() || job.missing.is_some() {
                true => ASK_SOON.min(self.settings.ask_every),
                false => self.settings.ask_every,
            };
            let is_due = job.asked_at.is_none_or(|at| now - at >= every);
            let is_open = job.over.is_none() && job.slots.iter().any(|s| s.outcome.is_none());
            if let (true, true, Some(id)) = (is_due, is_open, &job.sent.id)
                && ids.len() < MOST_ASKED
            {
                // A new one is heard of soon enough.
                if job.asked_at.is_some() || job.slots.iter().any(|s| s.task.is_none()) {
                    ids.push(id.clone());
                }
                job.asked_at = Some(now);
            }
        }
        if let (false, Some(link)) = (ids.is_empty(), &mut self.link) {
            self.asking = Some(now);
            link.send(&Order::Ask { ids });
        }
    }
}

/// What a file has from `at` on, at most `room` bytes; `None` for nothing.
fn read_on(path: &std::path::Path, at: u64, room: u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    if len <= at || room == 0 {
        return None;
    }
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = Vec::new();
    file.take(room).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
