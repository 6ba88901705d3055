//! The desk: has the jobs that are on the cluster, on a thread of its own.
//!
//! Orders come from the engine, answers from the process that has the library; both meet in one inbox.
//! What happened to a job is what its files say; the scheduler says when to look, and what became of
//! those that left no record. Nothing here waits for the scheduler.
//!
//! `send` submits, `answer` takes in what the library's process says, `follow` looks at files and
//! judges, `close` ends jobs and clears up.

#![allow(clippy::vec_box, reason = "tasks go from hand to hand, and are large")]

mod answer;
mod close;
mod follow;
mod send;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::dialect::Dialect;
use super::journal::{InFlight, Journal, Sent};
use super::link::Link;
use super::wire::{Answer, How};
use super::{OnCluster, Settings};
use crate::event::{End, Usage};
use crate::exec::{Report, Signal, Task, TaskId};

/// What comes in.
pub(super) enum In {
    Start(Box<Task>),
    /// What a lost try left is out of the way: send it again.
    Again(TaskId),
    Signal(Option<TaskId>, Signal),
    /// History knows how it ended.
    Settled(TaskId),
    /// Nobody wants this one any more.
    Withdraw(String, usize),
    /// All that is on the cluster goes on without this run; the answer is how many jobs that are.
    Leave(Sender<usize>),
    /// Nobody wants any of what earlier runs have left; the answer comes when nothing is left.
    EndLeft(Sender<()>),
    Answer(u32, Answer),
    /// The process with this number has ended.
    Hangup(u32),
    /// The run is over.
    Close,
}

/// Submission waits until nothing more has come in for so long, and at most so long in all: what comes
/// together goes together.
const GATHER: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// So often may a job be lost before that is a failure.
const MOST_LOST: u32 = 3;

/// How long a run that leaves its jobs waits for the ids of those that were just submitted.
const LEAVING: Duration = Duration::from_secs(5);

/// One submission.
struct Job {
    sent: Sent,
    slots: Vec<Slot>,
    /// Where it runs, once it has begun.
    host: Option<String>,
    /// The script, as it is called since.
    begun: Option<PathBuf>,
    /// How much was taken of what it prints, or of a pack's reports.
    n_taken: u64,
    looked_at: Instant,
    /// Its record was seen, and this is when.
    recorded: Option<Instant>,
    over: Option<Over>,
    /// The scheduler did not know it, since then.
    missing: Option<Instant>,
    asked_at: Option<Instant>,
    /// It was told to end, at last at this moment.
    ending: Option<Instant>,
}

/// The scheduler has said that a job is over.
struct Over {
    since: Instant,
    /// `None`: it only knows no such job any more.
    how: Option<How>,
    usage: Vec<(String, String)>,
}

/// One job of a submission.
struct Slot {
    /// `None` while no run has asked for it.
    task: Option<Box<Task>>,
    has_begun: bool,
    outcome: Option<(End, Usage)>,
    is_settled: bool,
    /// Nobody asks for it any more; a task of the same job waits until it has ended.
    is_unwanted: bool,
}

/// A batch whose answer is still to come.
struct Asked {
    names: Vec<String>,
    since: Instant,
}

/// The scheduler, or the library, cannot be reached.
struct Trouble {
    since: Instant,
    pause: Duration,
}

pub(super) struct Desk {
    settings: Settings,
    inbox: Receiver<In>,
    own: Sender<In>,
    tell: Box<dyn Fn(Report) + Send>,
    journal: Journal,
    /// Where the jobs' files are.
    folder: PathBuf,
    contact: Option<String>,
    ready: Option<Sender<Result<String, String>>>,

    link: Option<Link>,
    n_links: u32,
    linked_at: Instant,
    /// It has a session: the scheduler's dialect.
    dialect: Option<Dialect>,
    n_crashes: u32,
    is_slow_told: bool,
    trouble: Option<Trouble>,
    /// Nothing is submitted before, and no process is started.
    not_before: Instant,

    queue: VecDeque<Box<Task>>,
    /// When the first and the last of those that wait came in since the last submission.
    came: Option<(Instant, Instant)>,
    jobs: BTreeMap<String, Job>,
    names: HashMap<TaskId, (String, usize)>,
    by_id: HashMap<String, String>,
    asked: HashMap<String, Asked>,
    /// Ends that were told before the ids of their jobs.
    early: HashMap<String, (How, Vec<(String, String)>)>,
    /// A question about states is out, since then.
    asking: Option<Instant>,
    losses: HashMap<TaskId, u32>,
    /// Tasks whose lost try has to be cleared away first.
    held: HashMap<TaskId, Box<Task>>,
    /// Tasks that wait until another of the same job has ended.
    behind: Vec<Box<Task>>,
    n_batches: u64,
    /// By the rate limit, the next submission may go at this time.
    next_at: Instant,
    look_at: Instant,
    /// The jobs are left behind, since then.
    leaving: Option<Instant>,
    /// Who is told when nothing is left.
    when_empty: Option<Sender<()>>,
}

impl Desk {
    pub fn new(
        settings: Settings,
        left: OnCluster,
        journal: Journal,
        (own, inbox): (Sender<In>, Receiver<In>),
        ready: Sender<Result<String, String>>,
        tell: Box<dyn Fn(Report) + Send>,
    ) -> Desk {
        let now = Instant::now();
        let folder = settings.state.join(super::journal::FOLDER);
        let mut desk = Desk {
            settings,
            inbox,
            own,
            tell,
            journal,
            folder,
            contact: left.left.contact,
            ready: Some(ready),
            link: None,
            n_links: 0,
            linked_at: now,
            dialect: None,
            n_crashes: 0,
            is_slow_told: false,
            trouble: None,
            not_before: now,
            queue: VecDeque::new(),
            came: None,
            jobs: BTreeMap::new(),
            names: HashMap::new(),
            by_id: HashMap::new(),
            asked: HashMap::new(),
            early: HashMap::new(),
            asking: None,
            losses: HashMap::new(),
            held: HashMap::new(),
            behind: Vec::new(),
            n_batches: 0,
            next_at: now,
            look_at: now,
            leaving: None,
            when_empty: None,
        };
        for sent in left.left.sent.into_values() {
            if let Some(id) = &sent.id {
                desk.by_id.insert(id.clone(), sent.name.clone());
            }
            // What history knows the end of, in a pack with others, is only to be cleared away.
            let slot = |job: &InFlight| Slot {
                is_unwanted: !left.jobs.contains_key(&job.job),
                ..Slot::new(None)
            };
            let slots = sent.jobs.iter().map(slot).collect();
            desk.add(sent, slots);
        }
        desk
    }

    fn add(&mut self, sent: Sent, slots: Vec<Slot>) {
        for (at, slot) in slots.iter().enumerate() {
            if let Some(task) = &slot.task {
                self.names.insert(task.id, (sent.name.clone(), at));
            }
        }
        let job = Job {
            slots,
            host: None,
            begun: None,
            n_taken: 0,
            looked_at: Instant::now(),
            recorded: None,
            over: None,
            missing: None,
            asked_at: None,
            ending: None,
            sent,
        };
        self.jobs.insert(job.sent.name.clone(), job);
    }

    /// Until the run is over.
    pub fn serve(mut self) {
        let mut is_over = false;
        while !is_over || self.awaits_ids() {
            let pause = self.pause();
            match self.inbox.recv_timeout(pause) {
                Ok(In::Close) => is_over = true,
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Ok(message) = self.inbox.try_recv() {
                match message {
                    In::Close => is_over = true,
                    message => self.take(message),
                }
            }
            self.connect();
            self.submit();
            self.look();
            self.let_on();
            self.ask();
            self.clear_up(Duration::from_secs(1));
            if let Err(error) = self.journal.write() {
                self.fail(format!("write the list of jobs on the cluster: {error}"));
            }
            if self.jobs.is_empty()
                && let Some(done) = self.when_empty.take()
            {
                done.send(()).ok();
            }
        }
        // Nobody would read what is said from here on.
        self.clear_up(Duration::ZERO);
        self.journal.sync().ok();
    }

    /// Whether ids of jobs that stay on the cluster are still to come: without its id a job is lost to
    /// whoever comes next.
    fn awaits_ids(&self) -> bool {
        let leaving = self.leaving.filter(|since| since.elapsed() < LEAVING);
        leaving.is_some() && self.link.is_some() && !self.asked.is_empty()
    }

    /// How long there is nothing to do unless something comes in.
    fn pause(&self) -> Duration {
        let idle = Duration::from_millis(500);
        if self.came.is_some() {
            return GATHER.0;
        }
        let is_idle = self.jobs.is_empty() && self.queue.is_empty() && self.asked.is_empty();
        match is_idle {
            true => idle,
            false => self
                .look_at
                .saturating_duration_since(Instant::now())
                .min(idle),
        }
    }

    fn take(&mut self, message: In) {
        match message {
            In::Start(task) => self.start(task),
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
                self.when_empty = Some(done);
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

    fn tell_end(&self, task: TaskId, end: End, usage: Usage, why: Option<String>) {
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

    fn tell_again(&self, task: TaskId, why: &str) {
        let why = why.to_string();
        (self.tell)(Report::Again { task, why });
    }

    fn say(&self, text: String) {
        (self.tell)(Report::Said(text));
    }

    /// The run cannot go on.
    fn fail(&mut self, why: String) {
        if let Some(ready) = self.ready.take() {
            ready.send(Err(why)).ok();
        } else {
            (self.tell)(Report::Lost(why));
        }
    }
}

impl Slot {
    fn new(task: Option<Box<Task>>) -> Slot {
        Slot {
            task,
            has_begun: false,
            outcome: None,
            is_settled: false,
            is_unwanted: false,
        }
    }
}
