//! The executor without processes: tasks end as a closure decides, on a clock that only jumps.
//!
//! [`Sim::advance`] gives the next report in the order of virtual time; reports of one moment come
//! in the order in which they were caused. Nothing else decides, so a run is repeatable.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bstr::BString;

use crate::event::{End, Usage};
use crate::exec::{Executor, Report, Signal, Task, TaskId};

/// What becomes of a task.
#[derive(Clone, PartialEq, Debug)]
pub struct Fate {
    pub runs_for: Duration,
    pub end: End,
    /// Written at the end.
    pub output: BString,
    /// Whether it goes on after TERM, until the KILL that follows.
    pub ignores_term: bool,
}

impl Default for Fate {
    /// Ends well after a second, without a word.
    fn default() -> Self {
        Fate {
            runs_for: Duration::from_secs(1),
            end: End::Exited(0),
            output: BString::default(),
            ignores_term: false,
        }
    }
}

/// What is to happen, at the moment and with the number that order it.
type At = (Duration, u64);

struct Running {
    began: Duration,
    fate: Fate,
    /// Where in the queue its end stands; `None` while it is suspended.
    ends_at: Option<At>,
    /// How long it had to go when it was suspended.
    left: Duration,
}

/// An executor in memory.
pub struct Sim {
    decide: Box<dyn FnMut(&Task) -> Fate + Send>,
    now: Duration,
    n_caused: u64,
    reports: BTreeMap<At, Report>,
    ends: BTreeMap<At, TaskId>,
    running: HashMap<TaskId, Running>,
    grace: Duration,
}

impl Sim {
    /// `decide` says what becomes of each task when it starts.
    pub fn new(decide: impl FnMut(&Task) -> Fate + Send + 'static) -> Self {
        Sim {
            decide: Box::new(decide),
            now: Duration::ZERO,
            n_caused: 0,
            reports: BTreeMap::new(),
            ends: BTreeMap::new(),
            running: HashMap::new(),
            grace: Duration::from_secs(2),
        }
    }

    /// The virtual time since the beginning.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// When the next report comes, if nothing is started or signalled before.
    pub fn next_at(&self) -> Option<Duration> {
        let report = self.reports.first_key_value().map(|(at, _)| *at);
        let end = self.ends.first_key_value().map(|(at, _)| *at);
        report.into_iter().chain(end).min().map(|(time, _)| time)
    }

    /// How many tasks have started and not ended.
    pub fn n_running(&self) -> usize {
        self.running.len()
    }

    /// Lets time pass without a report, for timers between two of them. Never past
    /// [`Sim::next_at`].
    pub fn wait_until(&mut self, time: Duration) {
        let time = self.next_at().map_or(time, |next| time.min(next));
        self.now = self.now.max(time);
    }

    /// Jumps to the next report and returns it; `None` when nothing would ever happen.
    pub fn advance(&mut self) -> Option<Report> {
        let end = self.ends.first_key_value().map(|(at, _)| *at);
        let report = self.reports.first_key_value().map(|(at, _)| *at);
        if let Some(at) = end
            && report.is_none_or(|other| at < other)
        {
            let task = self.ends.remove(&at)?;
            self.end(at.0, task);
        }
        let (at, report) = self.reports.pop_first()?;
        self.now = self.now.max(at.0);
        Some(report)
    }

    /// The executor is lost, with all that runs: what a supervisor's death looks like.
    pub fn lose(&mut self) {
        (self.ends, self.running) = Default::default();
        self.report(
            self.now,
            Report::Lost("the simulated executor has ended".into()),
        );
    }

    fn key(&mut self, time: Duration) -> At {
        self.n_caused += 1;
        (time, self.n_caused)
    }

    fn report(&mut self, time: Duration, report: Report) {
        let key = self.key(time);
        self.reports.insert(key, report);
    }

    /// Queues the last reports of a task that ends at `time`.
    fn end(&mut self, time: Duration, task: TaskId) {
        let Some(Running { began, fate, .. }) = self.running.remove(&task) else {
            return;
        };
        if !fate.output.is_empty() {
            let bytes = fate.output;
            self.report(time, Report::Output { task, bytes });
        }
        let usage = Usage {
            wall_s: time.saturating_sub(began).as_secs_f64(),
            ..Usage::default()
        };
        let ended = Report::Ended {
            task,
            end: fate.end,
            usage,
            leftovers: 0,
            writing: Vec::new(),
        };
        self.report(time, ended);
    }

    fn signal_one(&mut self, task: TaskId, signal: Signal) {
        let (now, key) = (self.now, self.key(self.now));
        let Some(job) = self.running.get_mut(&task) else {
            return;
        };
        let (time, end) = match signal {
            Signal::Suspend => {
                if let Some(at) = job.ends_at.take() {
                    self.ends.remove(&at);
                    job.left = at.0.saturating_sub(now);
                }
                return;
            }
            Signal::Resume if job.ends_at.is_some() => return,
            Signal::Resume => (now + job.left, job.fate.end.clone()),
            Signal::Kill => (now, End::Signaled(9)),
            Signal::Terminate if job.fate.ignores_term => (now + self.grace, End::Signaled(9)),
            Signal::Terminate => (now, End::Signaled(15)),
        };
        if let Some(before) = job.ends_at.take() {
            self.ends.remove(&before);
            // What would have ended before the KILL does so still.
            if before.0 < time {
                job.ends_at = Some(before);
                self.ends.insert(before, task);
                return;
            }
        }
        job.fate.end = end;
        let at = (time, key.1);
        job.ends_at = Some(at);
        self.ends.insert(at, task);
    }
}

impl Executor for Sim {
    fn start(&mut self, task: Task) -> anyhow::Result<()> {
        let fate = (self.decide)(&task);
        let id = task.id;
        if matches!(fate.end, End::NotStarted(_)) {
            let ended = Report::Ended {
                task: id,
                end: fate.end,
                usage: Usage::default(),
                leftovers: 0,
                writing: Vec::new(),
            };
            self.report(self.now, ended);
            return Ok(());
        }
        self.report(
            self.now,
            Report::Started {
                task: id,
                pid: id.0 + 1,
            },
        );
        let at = self.key(self.now + fate.runs_for);
        self.ends.insert(at, id);
        self.running.insert(
            id,
            Running {
                began: self.now,
                fate,
                ends_at: Some(at),
                left: Duration::ZERO,
            },
        );
        Ok(())
    }

    fn signal(&mut self, task: Option<TaskId>, signal: Signal) -> anyhow::Result<()> {
        match task {
            Some(task) => self.signal_one(task, signal),
            None => {
                let mut tasks: Vec<TaskId> = self.running.keys().copied().collect();
                tasks.sort_unstable();
                for task in tasks {
                    self.signal_one(task, signal);
                }
                if signal == Signal::Suspend {
                    self.report(self.now, Report::Suspended);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u32, words: &str) -> Task {
        Task {
            id: TaskId(id),
            argv: words.split(' ').map(BString::from).collect(),
            ..Task::default()
        }
    }

    /// `sleep N`, `stubborn N`: N seconds; anything else never starts.
    fn sim() -> Sim {
        Sim::new(|task| match task.argv[0].to_string().as_str() {
            what @ ("sleep" | "stubborn") => Fate {
                runs_for: Duration::from_secs(task.argv[1].to_string().parse().unwrap()),
                output: "x".into(),
                ignores_term: what == "stubborn",
                ..Fate::default()
            },
            _ => Fate {
                end: End::NotStarted("no".into()),
                ..Fate::default()
            },
        })
    }

    /// All reports to come, a line each: when, which task, what.
    fn story(sim: &mut Sim) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(report) = sim.advance() {
            let at = sim.now().as_secs();
            lines.push(match report {
                Report::Started { task, .. } => format!("{at} {} starts", task.0),
                Report::Output { task, bytes } => format!("{at} {} says {bytes}", task.0),
                Report::Ended { task, end, .. } => format!("{at} {} {end:?}", task.0),
                Report::Suspended => format!("{at} all stand still"),
                Report::Lost(_) => format!("{at} lost"),
                other => format!("{at} {other:?}"),
            });
        }
        lines
    }

    #[test]
    fn reports_come_in_the_order_of_time() {
        let mut sim = sim();
        for (id, words) in [(1, "sleep 5"), (2, "sleep 3"), (3, "nothing")] {
            sim.start(task(id, words)).unwrap();
        }
        assert_eq!(
            story(&mut sim),
            [
                "0 1 starts",
                "0 2 starts",
                "0 3 NotStarted(\"no\")",
                "3 2 says x",
                "3 2 Exited(0)",
                "5 1 says x",
                "5 1 Exited(0)",
            ]
        );
    }

    #[test]
    fn signals_end_tasks() {
        let mut sim = sim();
        for (id, words) in [(1, "sleep 9"), (2, "stubborn 9"), (3, "stubborn 1")] {
            sim.start(task(id, words)).unwrap();
        }
        sim.signal(None, Signal::Terminate).unwrap();
        let ends: Vec<String> = story(&mut sim).into_iter().skip(3).collect();
        assert_eq!(
            ends,
            [
                "0 1 says x",
                "0 1 Signaled(15)",
                "1 3 says x",
                "1 3 Exited(0)",
                "2 2 says x",
                "2 2 Signaled(9)",
            ]
        );
        assert_eq!(sim.n_running(), 0);
    }

    #[test]
    fn a_suspended_task_has_its_time_later() {
        let mut sim = sim();
        sim.start(task(1, "sleep 5")).unwrap();
        sim.start(task(2, "sleep 7")).unwrap();
        sim.wait_until(Duration::from_secs(0));
        sim.signal(Some(TaskId(1)), Signal::Suspend).unwrap();
        assert_eq!(story(&mut sim).last().unwrap(), "7 2 Exited(0)");
        sim.signal(None, Signal::Resume).unwrap();
        assert_eq!(story(&mut sim), ["12 1 says x", "12 1 Exited(0)"]);
    }

    #[test]
    fn a_lost_executor_says_no_more() {
        let mut sim = sim();
        sim.start(task(1, "sleep 5")).unwrap();
        sim.lose();
        assert_eq!(story(&mut sim), ["0 1 starts", "0 lost"]);
    }
}
