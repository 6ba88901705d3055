//! What the library's process says; and when it has to be started, waited for, or started again.

use std::time::{Duration, Instant};

use super::{Desk, Over, Trouble};
use crate::event::{End, Usage};
use crate::exec::drmaa::dialect::Dialect;
use crate::exec::drmaa::link::Link;
use crate::exec::drmaa::wire::{Answer, Order, Stands};
use crate::lang::quantity::shown_duration;

/// Pauses after a call that may succeed later: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// So often in a row may the library's process end before that is the end of the run.
const MOST_CRASHES: u32 = 8;

/// Codes of DRMAA: the library failed inside; the scheduler is not there; it takes no more for now.
const INTERNAL: i32 = 1;
const COMMUNICATION: i32 = 2;
const NO_MEMORY: i32 = 6;
const TRY_LATER: i32 = 16;

/// So often is a job submitted again that failed for a reason that may be a passing one.
const MOST_REFUSED: u32 = 3;

impl Desk {
    /// Sees to it that there is a process with the library.
    pub(super) fn connect(&mut self) {
        let now = Instant::now();
        if self.link.is_some() {
            return self.watch(now);
        }
        if now < self.not_before {
            return;
        }
        self.n_links += 1;
        let own = self.own.clone();
        match Link::start(&self.folder, self.n_links, own) {
            Ok(mut link) => {
                link.send(&Order::Open {
                    libraries: self.settings.libraries.clone(),
                    contact: self.contact.clone(),
                });
                self.link = Some(link);
                self.linked_at = now;
            }
            Err(error) => self.fail(format!(
                "start the process for the cluster's library: {error}"
            )),
        }
    }

    /// Ends a process that has not answered for too long.
    fn watch(&mut self, now: Instant) {
        let since = match self.dialect {
            None => Some(self.linked_at),
            Some(_) => self
                .asked
                .values()
                .map(|asked| asked.since)
                .chain(self.asking)
                .min(),
        };
        let silent = since.map_or(Duration::ZERO, |since| now - since);
        if silent > self.settings.patience {
            if let Some(link) = &mut self.link {
                link.kill();
            }
            // What ends comes as the end of its answers.
            self.linked_at = now;
            self.asked.values_mut().for_each(|asked| asked.since = now);
            self.asking = None;
        } else if silent > self.settings.patience / 4 && !self.is_slow_told {
            self.is_slow_told = true;
            let silent = shown_duration(Duration::from_secs(silent.as_secs()));
            self.say(format!(
                "the scheduler has not answered for {silent}: jobs that are on the cluster go on"
            ));
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Open {
                system,
                contact,
                library: _,
            } => self.opened(&system, contact),
            Answer::NotOpen {
                why,
                is_tls,
                is_passing,
            } => self.not_opened(why, is_tls, is_passing),
            Answer::Submitted { name, ids } => {
                self.goes_well();
                let asked = self.asked.remove(&name);
                for (at, name) in asked.into_iter().flat_map(|asked| asked.names).enumerate() {
                    if let Some(id) = ids.get(at) {
                        self.has_id(&name, id);
                    }
                }
            }
            Answer::Refused { name, code, why } => self.refused(&name, code, &why),
            Answer::Ended { id, how, usage } => {
                self.goes_well();
                match self.by_id.get(&id) {
                    Some(name) => {
                        if let Some(job) = self.jobs.get_mut(name) {
                            let since = Instant::now();
                            let how = Some(how);
                            job.over = Some(Over { since, how, usage });
                        }
                    }
                    None if self.asked.is_empty() => {}
                    None => drop(self.early.insert(id, (how, usage))),
                }
            }
            Answer::States { states } => {
                self.asking = None;
                if !states.is_empty() {
                    self.goes_well();
                }
                for (id, state) in states {
                    self.stands(&id, state);
                }
            }
            Answer::Silent { why } => {
                self.asking = None;
                self.in_trouble(&format!("cannot be reached: {why}"));
            }
        }
    }

    fn opened(&mut self, system: &str, contact: String) {
        let known = Dialect::of(system);
        if known.is_none() && self.settings.dialect == Dialect::default() {
            self.say(format!(
                "`{system}` is no scheduler that flow knows: what jobs need is not asked for; \
                 `[cluster.dialect]` in flow.toml can say how"
            ));
        }
        let site = self.settings.dialect.clone();
        self.dialect = Some(site.over(known.unwrap_or_default()));
        if !contact.is_empty() {
            self.journal.contact(&contact);
            self.contact = Some(contact);
        }
        self.n_crashes = 0;
        self.goes_well();
        if let Some(ready) = self.ready.take() {
            ready.send(Ok(system.into())).ok();
        }
        // Who knows what was not told meanwhile, or what was told to end and never heard of it.
        self.jobs.values_mut().for_each(|job| job.asked_at = None);
        let ending = self.jobs.values().filter(|job| job.ending.is_some());
        let ids: Vec<String> = ending.filter_map(|job| job.sent.id.clone()).collect();
        if let (false, Some(link)) = (ids.is_empty(), &mut self.link) {
            link.send(&Order::End { ids });
        }
    }

    fn not_opened(&mut self, why: String, is_tls: bool, is_passing: bool) {
        self.link = None;
        if is_passing {
            if let Some(ready) = self.ready.take() {
                ready.send(Ok(String::new())).ok();
            }
            return self.in_trouble(&format!("cannot be reached: {why}"));
        }
        let hint = match is_tls {
            true => "start flow with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536",
            false => "`--drmaa-library` names the one to use",
        };
        self.fail(format!("{why} ({hint})"));
    }

    /// The library's process has ended.
    pub(super) fn hung_up(&mut self) {
        if self.link.take().is_none() {
            return;
        }
        self.dialect = None;
        self.asking = None;
        self.n_crashes += 1;
        if self.n_crashes > MOST_CRASHES {
            return self.fail(format!(
                "the cluster's library ended its process {} times in a row; what it printed is in \
                 `{}`",
                self.n_crashes,
                self.folder.join("library.log").display()
            ));
        }
        if self.n_crashes == 1 {
            self.say("the cluster's library ended its process: it is started again".into());
        }
        let pause = Duration::from_millis(100) * 2u32.pow(self.n_crashes.min(8));
        self.not_before = Instant::now() + pause;
        // Nobody knows whether the scheduler got what was on its way.
        for (name, _) in std::mem::take(&mut self.asked) {
            self.unsent(&name, |_, _| None);
        }
    }

    /// The scheduler does what it is asked.
    fn goes_well(&mut self) {
        self.is_slow_told = false;
        if let Some(trouble) = self.trouble.take() {
            self.not_before = Instant::now();
            let after = trouble.since.elapsed();
            if after > Duration::from_secs(2) {
                let after = shown_duration(Duration::from_secs(after.as_secs()));
                self.say(format!("the scheduler answers again, after {after}"));
            }
        }
    }

    /// The scheduler does not, for now: it is asked again, ever more seldom.
    fn in_trouble(&mut self, what: &str) {
        let now = Instant::now();
        if self.trouble.is_none() {
            self.say(format!(
                "the scheduler {what}: waiting for it, jobs that run go on"
            ));
        }
        let trouble = self.trouble.get_or_insert(Trouble {
            since: now,
            pause: PAUSES.0,
        });
        self.not_before = now + trouble.pause;
        trouble.pause = (trouble.pause * 2).min(PAUSES.1);
    }

    fn has_id(&mut self, name: &str, id: &str) {
        let Some(job) = self.jobs.get_mut(name) else {
            return;
        };
        job.sent.id = Some(id.into());
        if let Some((how, usage)) = self.early.remove(id) {
            let since = Instant::now();
            let how = Some(how);
            job.over = Some(Over { since, how, usage });
        }
        if job.ending.is_some() {
            job.ending = Some(Instant::now());
            if let Some(link) = &mut self.link {
                let ids = vec![id.to_string()];
                link.send(&Order::End { ids });
            }
        }
        self.by_id.insert(id.into(), name.into());
        self.journal.id(name, id);
    }

    fn refused(&mut self, name: &str, code: i32, why: &str) {
        match code {
            COMMUNICATION => self.in_trouble(&format!("cannot be reached: {why}")),
            TRY_LATER | NO_MEMORY => self.in_trouble(&format!("takes no more jobs for now: {why}")),
            // Another answer than this comes from a scheduler that works.
            _ => self.goes_well(),
        }
        let passes = matches!(code, COMMUNICATION | TRY_LATER | NO_MEMORY);
        if code == INTERNAL {
            self.not_before = Instant::now() + PAUSES.0;
        }
        self.unsent(name, |desk, task| {
            if passes {
                return None;
            }
            let refusals = desk.losses.entry(task).or_default();
            *refusals += 1;
            if code == INTERNAL && *refusals < MOST_REFUSED {
                return None;
            }
            Some(format!("the scheduler refuses it: {why}"))
        });
    }

    /// A batch did not arrive, or nobody knows: what can be taken back goes into the queue again,
    /// unless `verdict` says why not. What has begun all the same goes on.
    fn unsent(
        &mut self,
        batch: &str,
        verdict: impl Fn(&mut Desk, crate::exec::TaskId) -> Option<String>,
    ) {
        let names = match self.asked.remove(batch) {
            Some(asked) => asked.names,
            // The process ended: the batch was taken out before.
            None => {
                let of_batch =
                    |name: &&String| name.rsplit_once('.').is_some_and(|(stem, _)| stem == batch);
                self.jobs.keys().filter(of_batch).cloned().collect()
            }
        };
        let mut again = Vec::new();
        for name in names {
            if !self.take_back(&name) {
                continue;
            }
            let Some(job) = self.remove(&name) else {
                continue;
            };
            for slot in job.slots {
                let Some(task) = slot.task else { continue };
                let id = task.id;
                if job.ending.is_some() {
                    self.tell_end(id, End::Signaled(15), Usage::default(), None);
                } else if let Some(why) = verdict(self, id) {
                    self.tell_end(id, End::NotStarted(why), Usage::default(), None);
                } else {
                    again.push(task);
                }
            }
        }
        for task in again.into_iter().rev() {
            self.queue.push_front(task);
        }
    }

    /// The scheduler has said how a job stands.
    fn stands(&mut self, id: &str, state: Option<Stands>) {
        let Some(job) = self.by_id.get(id).and_then(|name| self.jobs.get_mut(name)) else {
            return;
        };
        let now = Instant::now();
        match state {
            Some(Stands::There) => job.missing = None,
            Some(Stands::Unclear) => {}
            // How it ended may still be told.
            Some(Stands::Over) | None => drop(job.missing.get_or_insert(now)),
        }
    }
}
