//! Submission: equal needs go together, short jobs are packed, nothing goes faster than the site allows.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use super::{Asked, Desk, GATHER, Slot};
use crate::exec::drmaa::journal::{InFlight, Sent};
use crate::exec::drmaa::wire::{Batch, Order};
use crate::exec::drmaa::{Place, Request, packing, script};
use crate::exec::{Task, wire};

/// So many batches may be on their way to the scheduler.
const MOST_ASKED: usize = 4;

/// Names that the scheduler shows are no longer than this.
const LONGEST_TITLE: usize = 60;

impl Desk {
    /// Sends what waits, as far as that may be now.
    pub(super) fn submit(&mut self) {
        if let Some((first, last)) = self.came
            && last.elapsed() < GATHER.0
            && first.elapsed() < GATHER.1
        {
            return;
        }
        self.came = None;
        let mut orders = Vec::new();
        while !self.queue.is_empty() && self.asked.len() < MOST_ASKED {
            let now = Instant::now();
            let is_there = self.dialect.is_some() && self.link.is_some();
            if !is_there || now < self.not_before || now < self.next_at {
                break;
            }
            let tasks = self.take_equal();
            let submissions = match packing(&tasks, &self.settings) {
                None => tasks.into_iter().map(|task| vec![task]).collect(),
                Some(sizes) => split(tasks, &sizes),
            };
            let (packs, singles): (Vec<_>, Vec<_>) = submissions
                .into_iter()
                .partition(|tasks: &Vec<_>| tasks.len() > 1);
            let batches = packs.into_iter().map(|pack| vec![pack]);
            for batch in batches.chain((!singles.is_empty()).then_some(singles)) {
                match self.prepare(batch) {
                    Ok(order) => orders.push(order),
                    Err(error) => {
                        return self.fail(format!("write the scripts of jobs: {error}"));
                    }
                }
            }
        }
        if orders.is_empty() {
            return;
        }
        // A job of which nothing is written must not run. Once for all: a disk takes its time.
        if let Err(error) = self.journal.sync() {
            return self.fail(format!("write which jobs are on the cluster: {error}"));
        }
        if let Some(link) = &mut self.link {
            orders.iter().for_each(|order| link.send(order));
        }
    }

    /// Takes the first task that waits and all that can be submitted with it.
    fn take_equal(&mut self) -> Vec<Box<Task>> {
        let place = |task: &Task| task.cluster.clone().expect("only such tasks come here");
        let first = place(&self.queue[0]);
        let is_packed = first.pack.is_some();
        let most = if is_packed {
            usize::MAX
        } else {
            self.settings.bulk.max(1) as usize
        };
        let (mut taken, mut rest) = (Vec::new(), std::collections::VecDeque::new());
        for task in self.queue.drain(..) {
            let other = task.cluster.as_ref().expect("only such tasks come here");
            let is_equal = other.request == first.request
                && other.rule == first.rule
                && other.pack.is_some() == is_packed;
            match is_equal && taken.len() < most {
                true => taken.push(task),
                false => rest.push_back(task),
            }
        }
        self.queue = rest;
        taken
    }

    /// Writes what a submission needs, one pack or jobs one by one in one go; the order that is to be
    /// sent once that is on the disk.
    fn prepare(&mut self, submissions: Vec<Vec<Box<Task>>>) -> io::Result<Order> {
        let now = Instant::now();
        self.n_batches += 1;
        let batch = format!("{}-{}", self.settings.run, self.n_batches);
        let n = submissions.len();
        let first = submissions[0][0]
            .cluster
            .clone()
            .expect("only such tasks come here");
        let request = asked_for(&first.request, submissions[0].len());
        let title = title(&first.rule);
        let mut names = Vec::new();
        for (at, tasks) in submissions.into_iter().enumerate() {
            let name = format!("{batch}.{}", at + 1);
            self.write(&name, &tasks)?;
            let sent = Sent {
                name: name.clone(),
                is_pack: tasks.len() > 1,
                jobs: tasks.iter().map(|task| in_flight(task)).collect(),
                id: None,
            };
            self.journal.sent(&sent);
            let slots = tasks.into_iter().map(|task| Slot::new(Some(task)));
            self.add(sent, slots.collect());
            names.push(name);
        }
        let bulk = self.folder.join(format!("{batch}.bulk"));
        if n > 1 {
            fs::write(bulk, script::bulk(&self.stem(&batch)))?;
        }
        let native = self
            .dialect
            .as_ref()
            .map(|dialect| dialect.options(&request));
        let script = match n {
            1 => format!("{}.sh", self.stem(&names[0])),
            _ => format!("{}.bulk", self.stem(&batch)),
        };
        let order = Order::Submit(Batch {
            name: batch.clone(),
            folder: self.settings.folder.display().to_string(),
            script,
            title,
            native: native.unwrap_or_default(),
            n: (n > 1).then_some(n as u32),
        });
        self.asked.insert(batch, Asked { names, since: now });
        // Each of a bulk's jobs counts.
        let gap = Duration::from_secs_f64(n as f64 / self.settings.rate.max(0.01));
        self.next_at = self.next_at.max(now) + gap;
        Ok(order)
    }

    /// The path of a job's files, as its script has it.
    fn stem(&self, name: &str) -> String {
        format!("{}/{name}", self.settings.jobs_path)
    }

    /// Writes what a submission needs.
    fn write(&self, name: &str, tasks: &[Box<Task>]) -> io::Result<()> {
        let stem = self.stem(name);
        let path = |suffix: &str| self.folder.join(format!("{name}.{suffix}"));
        let environment = self.stem(&format!("{}.env", self.settings.run));
        let text = match tasks {
            [task] => {
                let (text, recipe) = script::job(task, &self.settings.flow, &stem, &environment);
                if let Some(recipe) = recipe {
                    fs::write(path("text"), &recipe)?;
                }
                text
            }
            tasks => {
                let mut bytes = Vec::new();
                for (at, task) in tasks.iter().enumerate() {
                    let time = task.cluster.as_ref().and_then(|place| place.request.time_s);
                    bytes.extend(time.unwrap_or(0).to_le_bytes());
                    let id = crate::exec::TaskId(at as u32);
                    wire::put_task(
                        &mut bytes,
                        &Task {
                            id,
                            ..(**task).clone()
                        },
                    );
                }
                fs::write(path("pack"), bytes)?;
                script::pack(&self.settings.flow, &stem, &environment)
            }
        };
        fs::write(path("sh"), &text)
    }
}

fn split(tasks: Vec<Box<Task>>, sizes: &[usize]) -> Vec<Vec<Box<Task>>> {
    let mut tasks = tasks.into_iter();
    let taken = sizes
        .iter()
        .map(|size| tasks.by_ref().take(*size).collect());
    taken.filter(|pack: &Vec<_>| !pack.is_empty()).collect()
}

/// What is asked for: a pack runs its jobs one after the other, and has the time of all.
fn asked_for(request: &Request, n: usize) -> Request {
    Request {
        time_s: request.time_s.map(|time| time.saturating_mul(n as u64)),
        ..request.clone()
    }
}

fn in_flight(task: &Task) -> InFlight {
    let place: &Place = task.cluster.as_ref().expect("only such tasks come here");
    InFlight {
        job: place.job.clone(),
        attempt: place.attempt,
        task: place.task_print,
        inputs: place.inputs_print,
        tmp: place.tmp.clone(),
    }
}

/// A name that every scheduler takes.
fn title(rule: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let plain = rule.chars().map(|c| if is_plain(c) { c } else { '_' });
    let title: String = plain.take(LONGEST_TITLE).collect();
    // Grid Engine has words of its own.
    let is_taken = ["all", "none", "template"].contains(&&title.to_lowercase()[..]);
    match title.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_taken {
        true => title,
        false => format!("flow-{title}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_what_every_scheduler_takes() {
        assert_eq!(title("align"), "align");
        assert_eq!(title("tumour.align"), "tumour.align");
        assert_eq!(title("_x"), "flow-_x");
        assert_eq!(title("all"), "flow-all");
        assert_eq!(title("grüße"), "gr__e");
    }
}
