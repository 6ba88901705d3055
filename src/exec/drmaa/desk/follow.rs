//! Looks at what jobs leave, and judges those of which the scheduler says that they are over.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use bstr::BString;

use super::{Desk, MOST_LOST, Over};
use crate::event::{End, Usage};
use crate::exec::drmaa::record::{self, Trace};
use crate::exec::drmaa::wire::{How, Order};
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

/// How long the scheduler may take to end a job.
const ENDING: Duration = Duration::from_secs(30);

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
    fn outcome(&mut self, name: &str, at: usize, end: End, usage: Usage, why: Option<String>) {
        let slot = &mut self.jobs.get_mut(name).expect("it was there before").slots[at];
        slot.outcome = Some((end.clone(), usage));
        slot.is_settled |= slot.is_unwanted;
        if let Some(task) = &slot.task {
            let id = task.id;
            self.tell_end(id, end, usage, why);
        }
    }

    /// Passes on what a job has printed since the last time.
    fn pass_output(&mut self, name: &str) {
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

    /// There is no record: is it to be given up?
    fn judge(&mut self, name: &str, trace: &Trace, now: Instant) {
        let job = &self.jobs[name];
        let has_begun = job.begun.is_some();
        let is_being_ended = job.ending.is_some();
        if job.over.is_none() && job.ending.is_some_and(|since| now - since > ENDING) {
            let id = job.sent.id.clone().unwrap_or_else(|| name.into());
            self.say(format!(
                "job {id} was told to end, and the scheduler has not said that it did: look for it there"
            ));
            return self.end_now(name);
        }
        let Some(over) = &job.over else {
            let Some(missing) = job.missing else { return };
            // Where nobody can begin it any more there is nothing to wait for.
            let patience = match has_begun && !is_being_ended {
                true => self.settings.lost_after,
                false => self.settings.grace,
            };
            if now - missing < patience {
                return;
            }
            return match (is_being_ended, has_begun) {
                (true, _) => self.end_now(name),
                (false, true) => self.lost(name, "the scheduler knows nothing of it any more"),
                (false, false) if self.take_back(name) => {
                    self.lost(name, "the scheduler lost it before it began");
                }
                (false, false) => {}
            };
        };
        // A record may still be on its way through a network file system.
        if now - over.since < self.settings.grace {
            return;
        }
        if is_being_ended {
            return self.end_now(name);
        }
        if !has_begun {
            if trace.begun.is_none() && self.take_back(name) {
                self.never_began(name);
            }
            return;
        }
        self.died(name);
    }

    /// The scheduler is done with a job that never began.
    fn never_began(&mut self, name: &str) {
        let over = self.jobs[name].over.as_ref().expect("it is over");
        let why = match &over.how {
            Some(How::Aborted | How::NoUsage) => words::NEVER_BEGAN,
            Some(How::Signaled(_)) => words::NEVER_BEGAN,
            _ => return self.lost(name, words::NO_SCRIPT),
        };
        let n = self.jobs[name].slots.len();
        for at in 0..n {
            let end = End::NotStarted(why.into());
            self.outcome(name, at, end, Usage::default(), None);
        }
    }

    /// A job had begun, and the scheduler says that it is over, and it left no record.
    fn died(&mut self, name: &str) {
        self.pass_output_of_single(name);
        let job = &self.jobs[name];
        let Over { how, usage, .. } = job.over.as_ref().expect("it is over");
        let host = job.host.clone().unwrap_or_default();
        let asked = job.slots[0]
            .task
            .as_ref()
            .and_then(|task| task.cluster.clone());
        let request = asked.map(|asked| asked.request).unwrap_or_default();
        let death = match how {
            Some(how) => words::of_death(how, usage, &request, &host),
            None => None,
        };
        if job.sent.is_pack {
            // Each of its jobs is tried by itself: it was the pack that was ended.
            let why = death.map_or("its pack was lost".into(), |death| death.why);
            return self.lost(name, &why);
        }
        match death {
            None => self.lost(
                name,
                &format!("it left no record on {host}: did the machine fail?"),
            ),
            Some(death) => {
                let usage = words::usage(usage);
                self.outcome(name, 0, death.end, usage, Some(death.why));
            }
        }
    }

    fn pass_output_of_single(&mut self, name: &str) {
        if !self.jobs[name].sent.is_pack {
            self.pass_output(name);
        }
    }

    /// Nobody knows what became of these: they are sent again, a few times.
    pub(super) fn lost(&mut self, name: &str, why: &str) {
        let Some(job) = self.remove(name) else { return };
        if let (Some(id), Some(link)) = (&job.sent.id, &mut self.link) {
            // Whatever is left of it.
            let ids = vec![id.clone()];
            link.send(&Order::End { ids });
        }
        let is_pack = job.sent.is_pack;
        let has_begun = job.begun.is_some();
        for slot in job.slots {
            let Some(mut task) = slot.task.filter(|_| slot.outcome.is_none()) else {
                continue;
            };
            let id = task.id;
            if is_pack {
                // Not with the others again, whatever it was.
                if slot.has_begun
                    && let Some(place) = &mut task.cluster
                {
                    place.pack = None;
                }
                if !slot.has_begun {
                    self.queue.push_back(task);
                    continue;
                }
            }
            let losses = self.losses.entry(id).or_default();
            *losses += 1;
            if *losses > MOST_LOST {
                let why = format!("lost {losses} times on the cluster: {why}");
                let end = match has_begun {
                    true => End::Signaled(9),
                    false => End::NotStarted(why.clone()),
                };
                let why = has_begun.then_some(why);
                self.tell_end(id, end, Usage::default(), why);
                continue;
            }
            if has_begun {
                self.held.insert(id, task);
                self.tell_again(id, why);
            } else {
                self.queue.push_back(task);
            }
        }
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
