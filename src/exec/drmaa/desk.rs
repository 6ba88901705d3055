//! The desk: has the jobs that are on the cluster, on a thread of its own.
//!
//! Orders come from the engine, answers from the process that has the library; both meet in one inbox.
//! What happened to a job is what its files say; the scheduler says when to look, and what became of
//! those that left no record. Nothing here waits for the scheduler.
//!
//! `orders` takes in what the engine wants, `send` submits, `answer` takes in what the library's process
//! says, `follow` looks at files, `judge` decides about jobs that left no record, `close` ends jobs and
//! clears up.

#![allow(clippy::vec_box, reason = "tasks go from hand to hand, and are large")]

mod answer;
mod close;
mod follow;
mod judge;
mod orders;
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
    /// Decided at once.
    Start(Vec<Task>),
    /// What a lost try left is out of the way: send it again.
    Again(TaskId),
    Signal(Option<TaskId>, Signal),
    /// History knows how it ended.
    Settled(TaskId),
    /// Nobody wants this one any more.
    Withdraw(String, usize),
    /// All that is on the cluster goes on without this run; the answer is how many jobs that are.
    Leave(Sender<usize>),
    /// Nobody wants any of what earlier runs have left and what still runs; the answer comes when all is
    /// over: how many the scheduler has not said to have ended.
    EndLeft(Sender<usize>),
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

/// How long a run that is over waits for what is still to be known of jobs that it leaves, or has told to
/// end.
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
    /// Who is told when all is over.
    when_over: Option<Sender<usize>>,
    /// Submissions that were told to end, and of which nothing was heard.
    n_unheard: usize,
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
            when_over: None,
            n_unheard: 0,
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
        while !is_over || self.has_unfinished() {
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
            if self.is_all_over()
                && let Some(done) = self.when_over.take()
            {
                done.send(self.n_unheard).ok();
            }
        }
        // Nobody would read what is said from here on.
        self.clear_up(Duration::ZERO);
        self.journal.sync().ok();
    }

    /// Whether something is still to come when the run is over. Without its id a job that stays is lost to
    /// whoever comes next, and one that nobody wants would be found by them, and taken for a failure.
    fn has_unfinished(&self) -> bool {
        let is_new = |since: Option<Instant>| since.is_some_and(|at| at.elapsed() < LEAVING);
        let is_ending = |job: &Job| {
            let open = |slot: &Slot| slot.is_unwanted && slot.outcome.is_none();
            is_new(job.ending) && job.slots.iter().all(open)
        };
        let awaits_ids = is_new(self.leaving) && !self.asked.is_empty();
        self.link.is_some() && (awaits_ids || self.jobs.values().any(is_ending))
    }

    /// How long there is nothing to do unless something comes in.
    fn pause(&self) -> Duration {
        let idle = Duration::from_millis(500);
        if self.came.is_some() {
            return GATHER.0;
        }
        let now = Instant::now();
        let looks = (!self.jobs.is_empty()).then_some(self.look_at);
        // What might have been sent before waits for an answer.
        let sends = Some(self.not_before.max(self.next_at));
        let sends = sends.filter(|at| *at > now && !self.queue.is_empty());
        let next = looks.into_iter().chain(sends).min();
        next.map_or(idle, |at| at.saturating_duration_since(now).min(idle))
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
