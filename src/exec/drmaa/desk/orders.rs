//! What the engine wants of the desk, and what it is told.

use std::time::Instant;

use super::{Desk, In};
use crate::event::{End, Usage};
use crate::exec::{Report, Task, TaskId};

impl Desk {
    pub(super) fn take(&mut self, message: In) {
        match message {
            In::Start(tasks) => tasks
                .into_iter()
                .map(Box::new)
                .for_each(|task| self.start(task)),
            In::Again(task) => {
                if let Some(task) = self.held.remove(&task) {
                    self.queue.push_back(task);
                }
            }
            In::Signal(task, signal) => self.signal(task, signal),
            In::Settled(task) => {
                if let Some((name, at)) = self.names.get(&task)
                    && let Some(job) = self.jobs.get_mut(name)
                {
                    job.slots[*at].is_settled = true;
                }
                self.losses.remove(&task);
            }
            In::Withdraw(name, at) => self.withdraw(&name, at),
            In::Leave(answer) => drop(answer.send(self.leave())),
            In::EndLeft(done) => {
                self.end_left();
                self.when_over = Some(done);
            }
            In::Answer(n, answer) if n == self.n_links => self.answer(answer),
            In::Hangup(n) if n == self.n_links => self.hung_up(),
            In::Answer(..) | In::Hangup(_) | In::Close => {}
        }
    }

    /// A task comes in: it is to be sent, or is on the cluster already.
    fn start(&mut self, task: Box<Task>) {
        let on_cluster = task
            .cluster
            .as_ref()
            .and_then(|place| place.take_up.clone());
        let Some((name, at)) = on_cluster else {
            match self.has_unwanted(&task) {
                true => self.behind.push(task),
                false => {
                    self.queue.push_back(task);
                    let now = Instant::now();
                    let first = self.came.map_or(now, |(first, _)| first);
                    self.came = Some((first, now));
                }
            }
            return;
        };
        let id = task.id;
        let Some(slot) = self
            .jobs
            .get_mut(&name)
            .and_then(|job| job.slots.get_mut(at))
        else {
            // It was lost before it was asked for.
            self.held.insert(id, task);
            return self.tell_again(id, "nobody knows what became of it on the cluster");
        };
        slot.task = Some(task);
        let outcome = slot.outcome.clone();
        self.names.insert(id, (name.clone(), at));
        if let Some((end, usage)) = outcome {
            self.tell_end(id, end, usage, None);
        } else if let Some(host) = self.jobs[&name].host.clone() {
            (self.tell)(Report::Begun { task: id, host });
        }
    }

    pub(super) fn tell_end(&self, task: TaskId, end: End, usage: Usage, why: Option<String>) {
        if let Some(why) = why {
            (self.tell)(Report::Explained { task, why });
        }
        (self.tell)(Report::Ended {
            task,
            end,
            usage,
            leftovers: 0,
            writing: Vec::new(),
        });
    }

    pub(super) fn tell_again(&self, task: TaskId, why: &str) {
        let why = why.to_string();
        (self.tell)(Report::Again { task, why });
    }

    pub(super) fn say(&self, text: String) {
        (self.tell)(Report::Said(text));
    }

    /// The run cannot go on.
    pub(super) fn fail(&mut self, why: String) {
        if let Some(ready) = self.ready.take() {
            ready.send(Err(why)).ok();
        } else {
            (self.tell)(Report::Lost(why));
        }
    }
}
