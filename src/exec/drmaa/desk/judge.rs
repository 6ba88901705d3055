//! Decides about jobs that left no record: ended, dead, or lost and to be sent again.

use std::time::{Duration, Instant};

use super::{Desk, MOST_LOST, Over};
use crate::event::{End, Usage};
use crate::exec::drmaa::record::Trace;
use crate::exec::drmaa::wire::{How, Order};
use crate::exec::drmaa::words;

/// How long the scheduler may take to end a job.
const ENDING: Duration = Duration::from_secs(30);

impl Desk {
    /// There is no record: is it to be given up?
    pub(super) fn judge(&mut self, name: &str, trace: &Trace, now: Instant) {
        let job = &self.jobs[name];
        let has_begun = job.begun.is_some();
        let is_being_ended = job.ending.is_some();
        if job.over.is_none() && job.ending.is_some_and(|since| now - since > ENDING) {
            let id = job.sent.id.clone().unwrap_or_else(|| name.into());
            self.say(format!(
                "job {id} was told to end, and the scheduler has not said that it did: look for it there"
            ));
            self.n_unheard += 1;
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
}
