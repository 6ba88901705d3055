//! The supervisor's loop. It owns all state; the spawner threads only start processes.
//!
//! It never waits for the engine: orders and reports are read and written as far as they go at the
//! moment. So a full stream in one direction cannot hold up the other one, and the engine may write
//! orders with blocking calls whatever it does about the reports.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustc_hash::FxHashMap;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::exec::supervisor::command::Environment;
use crate::exec::supervisor::ending::Orphan;
use crate::exec::supervisor::in_place::InPlace;
use crate::exec::supervisor::job::Job;
use crate::exec::supervisor::orders::{Orders, Text};
use crate::exec::supervisor::outbox::Outbox;
use crate::exec::supervisor::output::CHUNK;
use crate::exec::supervisor::spawners::{Request, Spawners};
use crate::exec::supervisor::start::FIRST_READ;
use crate::exec::sys::Reaped;
use crate::exec::wire::{Order, Setup};
use crate::exec::{TaskId, sys};

/// What an event of the loop is about; from `PIPES` on, the output of a task.
const ORDERS: u64 = 0;
const SIGNALS: u64 = 1;
const RESULTS: u64 = 2;
const REPORTS: u64 = 3;
pub const PIPES: u64 = 1 << 32;

pub struct Supervisor {
    pub mark: String,
    pub grace: Duration,
    pub quota: u64,
    orders: Orders,
    orders_in: UnixStream,
    pub outbox: Outbox,
    /// Whether the loop is to be told when the engine takes more.
    is_outbox_watched: bool,
    pub epoll: OwnedFd,
    child_signals: OwnedFd,
    pub in_place: InPlace,
    pub spawners: Spawners,
    pub jobs: FxHashMap<TaskId, Job>,
    pub by_pid: FxHashMap<i32, TaskId>,
    /// Children of which nothing is known and that have ended, with when that was found: they may
    /// be main processes whose spawners are about to tell of them.
    pub early_ends: HashMap<i32, (Instant, Reaped)>,
    pub orphans: HashMap<i32, Orphan>,
    /// Whether an orphan has ended since its task was looked at.
    pub has_lost_orphan: bool,
    timers: BTreeSet<(Instant, TaskId)>,
    /// When what the spawners have started is looked for, if nothing has happened by then.
    pub look_at: Option<Instant>,
    /// Tasks that wait for what the machine lacks at the moment, or until all go on, and when one is
    /// tried again.
    pub held: VecDeque<Request>,
    pub retry_at: Option<Instant>,
    pub starved_since: Option<Instant>,
    /// Tasks whose output waits for room in the outbox.
    pub stalled: Vec<TaskId>,
    /// Whether all tasks are suspended, those to come included.
    pub is_suspended: bool,
    /// That they are is to be told, by then at the latest.
    pub tell_suspended_by: Option<Instant>,
    /// The engine ends of its own accord.
    was_farewell: bool,
    /// For one read. Empty while orders are obeyed, which never reads output.
    pub scratch: Box<[u8]>,
}

/// Serves the engine until it is gone; whether it has taken leave, or nobody knows of it.
pub fn serve(mut orders_in: UnixStream, reports: UnixStream) -> anyhow::Result<bool> {
    let mut orders = Orders::default();
    let mut scratch = vec![0; CHUNK].into_boxed_slice();
    loop {
        let len = orders_in.read(&mut scratch)?;
        if len == 0 {
            return Ok(false);
        }
        let mut bytes = &scratch[..len];
        match orders.next(&mut bytes) {
            Ok(None) => {}
            Ok(Some((Order::Setup(setup), _))) => {
                let rest = bytes.to_vec();
                let mut supervisor = Supervisor::new(setup, orders, orders_in, reports, scratch)?;
                supervisor.obey(&rest)?;
                return supervisor.run();
            }
            _ => bail!("the first order is no setup"),
        }
    }
}

/// Raises the limit of open files as far as it goes; returns what it was if that changed it.
fn raise_n_files() -> Option<(u64, u64)> {
    let before = getrlimit(Resource::Nofile);
    let mut wanted = before;
    wanted.current = before.maximum;
    if before.current == before.maximum || setrlimit(Resource::Nofile, wanted).is_err() {
        return None;
    }
    let number = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    Some((number(before.current), number(before.maximum)))
}

impl Supervisor {
    fn new(
        setup: Setup,
        orders: Orders,
        orders_in: UnixStream,
        reports: UnixStream,
        scratch: Box<[u8]>,
    ) -> anyhow::Result<Self> {
        if !setup.folder.is_empty() {
            let folder = CString::new(&setup.folder[..])?;
            rustix::process::chdir(&folder)
                .with_context(|| format!("enter the folder `{}`", setup.folder))?;
        }
        orders_in.set_nonblocking(true)?;
        reports.set_nonblocking(true)?;
        let n_files = raise_n_files();
        let spawners = Spawners::new(Environment::new(&setup), setup.spawners, n_files)
            .context("start a thread")?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let child_signals = sys::child_signals()?;
        let watch = |fd, token, flags| epoll::add(&epoll, fd, EventData::new_u64(token), flags);
        watch(orders_in.as_fd(), ORDERS, EventFlags::IN)?;
        watch(child_signals.as_fd(), SIGNALS, EventFlags::IN)?;
        watch(spawners.is_there(), RESULTS, EventFlags::IN)?;
        // Without a flag, it is still told when the engine's end is closed.
        watch(reports.as_fd(), REPORTS, EventFlags::empty())?;
        Ok(Supervisor {
            mark: setup.mark,
            grace: setup.grace,
            quota: setup.quota,
            orders,
            orders_in,
            outbox: Outbox::new(reports),
            is_outbox_watched: false,
            epoll,
            child_signals,
            in_place: InPlace::default(),
            spawners,
            jobs: FxHashMap::default(),
            by_pid: FxHashMap::default(),
            early_ends: HashMap::new(),
            orphans: HashMap::new(),
            has_lost_orphan: false,
            timers: BTreeSet::new(),
            look_at: None,
            held: VecDeque::new(),
            retry_at: None,
            starved_since: None,
            stalled: Vec::new(),
            is_suspended: false,
            tell_suspended_by: None,
            was_farewell: false,
            scratch,
        })
    }

    fn run(mut self) -> anyhow::Result<bool> {
        let result = self.run_until_alone();
        self.end_all();
        result.map(|()| self.was_farewell)
    }

    fn run_until_alone(&mut self) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(64);
        loop {
            self.go_on_with_stalled();
            if self.outbox.flush().is_err() {
                return Ok(());
            }
            self.watch_outbox()?;
            let next = self.timers.first().map(|(at, _)| *at);
            let has_more = !self.stalled.is_empty() && self.outbox.has_room();
            let soon = has_more.then(Instant::now);
            // What was started is looked for by then at the latest: its pipe is to be read.
            if self.spawners.has_open() {
                self.look_at
                    .get_or_insert_with(|| Instant::now() + FIRST_READ);
            }
            let next = next.into_iter().chain(self.retry_at);
            let next = next.chain(soon).chain(self.look_at).min();
            let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = timeout.map(|time| time.try_into().expect("a timer is not far off"));
            events.clear();
            let buffer = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, buffer, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut is_child_news = false;
            for event in &events {
                match event.data.u64() {
                    ORDERS => {
                        if !self.read_orders()? {
                            return Ok(());
                        }
                    }
                    SIGNALS => {
                        let mut siginfo = [0; 128];
                        let _ = rustix::io::read(&self.child_signals, &mut siginfo);
                        is_child_news = true;
                    }
                    RESULTS => {
                        self.spawners.heard();
                        is_child_news = true;
                    }
                    REPORTS => {
                        let gone = EventFlags::HUP | EventFlags::ERR;
                        if { event.flags }.intersects(gone) {
                            return Ok(());
                        }
                    }
                    pipe => self.read_output(TaskId((pipe - PIPES) as u32)),
                }
            }
            if is_child_news {
                self.reap();
            } else if self.look_at.is_some_and(|at| at <= Instant::now()) {
                self.take_results();
            }
            self.run_timers();
            self.tell_suspended();
        }
    }

    /// Reads what has come from the engine; false at its end.
    fn read_orders(&mut self) -> anyhow::Result<bool> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let result = match self.orders_in.read(&mut scratch) {
            Ok(0) => Ok(false),
            Ok(len) => self.obey(&scratch[..len]).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(_) => Ok(false),
        };
        self.scratch = scratch;
        result
    }

    fn obey(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        loop {
            match self.orders.next(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some((Order::Start(strings), text))) => {
                    let mut job = Job::new(Instant::now());
                    job.outputs = strings.outputs().map(CStr::to_owned).collect();
                    job.patience = strings.patience;
                    self.jobs.insert(strings.task, job);
                    self.submit(Request { strings, text });
                }
                Ok(Some((Order::Refuse(task, why), Text::Short(_)))) => {
                    self.jobs.insert(task, Job::new(Instant::now()));
                    self.give_up(task, why);
                }
                Ok(Some((Order::Signal(task, signal), _))) => self.signal(task, signal),
                Ok(Some((Order::Farewell, _))) => self.was_farewell = true,
                _ => bail!("an order cannot be understood"),
            }
        }
    }

    /// Brings the table of timers in line with what `task` waits for.
    pub fn set_timer(&mut self, task: TaskId) {
        let Some(job) = self.jobs.get_mut(&task) else {
            return;
        };
        let wanted = job.read_at.into_iter().chain(job.look_at).min();
        if job.timer != wanted {
            if let Some(at) = job.timer {
                self.timers.remove(&(at, task));
            }
            self.timers.extend(wanted.map(|at| (at, task)));
            job.timer = wanted;
        }
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| at <= now) {
            self.release(1);
        }
        while let Some((at, task)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            let Some(job) = self.jobs.get_mut(&task) else {
                continue;
            };
            job.timer = None;
            let is_due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
            let (read, look) = (is_due(&mut job.read_at), is_due(&mut job.look_at));
            if read {
                self.outbox.send_all();
                self.read_output(task);
            }
            if look {
                self.look_at_processes(task, now);
            }
            self.set_timer(task);
        }
    }

    /// Has the loop told when the engine takes more, while something waits for that.
    fn watch_outbox(&mut self) -> anyhow::Result<()> {
        let wanted = self.outbox.is_stuck();
        if wanted != self.is_outbox_watched {
            let flags = if wanted {
                EventFlags::OUT
            } else {
                EventFlags::empty()
            };
            let token = EventData::new_u64(REPORTS);
            epoll::modify(&self.epoll, self.outbox.stream(), token, flags)?;
            self.is_outbox_watched = wanted;
        }
        Ok(())
    }
}
