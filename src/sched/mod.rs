//! Decides what to run next. Knows jobs as numbers; never touches disk, clock or processes.
//!
//! States and their steps are drawn in book/src/design/sched.md. Messages go in by `tell`, actions
//! come out of `step`; time comes with the messages, so a run is a function of them.

mod graph;
mod message;
mod need;
mod queue;
mod state;
mod step;
mod why;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod notation;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod world;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::dense::{Id, Table};

pub use message::{Action, End, Msg, Verdict};
pub use need::{Lack, LimitId, Need, NeedId, Resource, Totals};
pub use state::{JobIdx, KindId, OnReady, State};
pub use why::{Counts, Standing, Waiting};

use graph::Graph;
use need::Needs;
use queue::{Queues, Rank};
use state::{KindRow, Row};

/// How a run behaves as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// After so many failed jobs nothing new starts; `None` goes on with all that does not
    /// depend on a failure.
    pub max_fail: Option<u32>,
    /// Start ready jobs in a random order, which this seed decides.
    pub shuffle: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_fail: Some(1),
            shuffle: None,
        }
    }
}

/// What jobs of one rule have in common.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Kind {
    /// One per try; the last holds for all further ones. At least one.
    pub needs: Vec<NeedId>,
    /// Larger first.
    pub priority: i32,
    /// One and the retries.
    pub tries: u32,
    /// From the end of a failed try to the start of the next.
    pub backoff: Duration,
}

impl Kind {
    /// One try with one need.
    pub fn once(need: NeedId) -> Self {
        Kind {
            needs: vec![need],
            priority: 0,
            tries: 1,
            backoff: Duration::ZERO,
        }
    }
}

/// A job to be added.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Job {
    /// For a stand-in, which takes nothing, any.
    pub kind: KindId,
    pub on_ready: OnReady,
    /// Expected seconds; 1 where nothing is known.
    pub weight: f32,
    /// Smaller first among jobs of the same priority and remaining path.
    pub order: u64,
}

/// The jobs that may have to run, and all that decides which of them starts next.
pub struct Sched {
    options: Options,
    needs: Needs,
    kinds: Table<KindId, KindRow>,
    known_kinds: HashMap<Kind, KindId, FxBuildHasher>,
    rows: Table<JobIdx, Row>,
    graph: Graph,
    queues: Queues,
    running: BTreeSet<JobIdx>,
    backing_off: BinaryHeap<Reverse<(Duration, JobIdx)>>,
    /// The latest time that a message brought, since the start of the run.
    now: Duration,
    /// The time that the caller was last asked to wake us at.
    wake_at: Option<Duration>,
    /// Jobs from here on were added since the last step; those that wait for nothing are still
    /// to be set going.
    first_new: usize,
    is_stopping: bool,
    n_failures: u32,
    jobs: Counts,
    stand_ins: Counts,
    /// Actions since the last step.
    pending: Vec<Action>,
    /// Empty between calls; its memory is used again.
    followers: Vec<JobIdx>,
}

impl Sched {
    /// An empty run.
    pub fn new(totals: Totals, options: Options) -> Self {
        Sched {
            options,
            needs: Needs::new(totals),
            kinds: Table::default(),
            known_kinds: HashMap::default(),
            rows: Table::default(),
            graph: Graph::default(),
            queues: Queues::default(),
            running: BTreeSet::new(),
            backing_off: BinaryHeap::new(),
            now: Duration::ZERO,
            wake_at: None,
            first_new: 0,
            is_stopping: false,
            n_failures: 0,
            jobs: Counts::default(),
            stand_ins: Counts::default(),
            pending: Vec::new(),
            followers: Vec::new(),
        }
    }

    /// A semaphore of so many permits, at least one.
    pub fn limit(&mut self, permits: u32) -> LimitId {
        self.needs.limit(permits)
    }

    /// The id of a need; the same for the same need.
    pub fn need(&mut self, need: Need) -> NeedId {
        self.needs.intern(need)
    }

    /// The id of a kind; the same for the same kind. It must name at least one need.
    pub fn kind(&mut self, kind: Kind) -> KindId {
        if let Some(&id) = self.known_kinds.get(&kind) {
            return id;
        }
        assert!(
            !kind.needs.is_empty(),
            "a kind has a need for its first try"
        );
        let priority = match self.options.shuffle {
            Some(_) => 0,
            None => kind.priority,
        };
        let queues = &mut self.queues;
        let tries = kind
            .needs
            .iter()
            .map(|&need| (need, queues.of(need, priority)));
        let id = self.kinds.push(KindRow {
            tries: tries.collect(),
            max_tries: u16::try_from(kind.tries.max(1)).unwrap_or(u16::MAX),
            backoff: kind.backoff,
        });
        self.known_kinds.insert(kind, id);
        id
    }

    /// Adds jobs, which get the next ids in their order, and edges (upstream, downstream). Returns
    /// the first id; nothing happens before the next step.
    ///
    /// An edge may join new jobs, or a new and an old one, or two old ones. Its downstream job must
    /// not have started; its upstream job may be anywhere: one that has ended well holds nothing
    /// back, behind one that failed all is skipped. `edges` is called twice and must give the same
    /// edges. Together with the edges that are there they must not form a circle.
    pub fn add<E>(
        &mut self,
        jobs: impl IntoIterator<Item = Job, IntoIter: ExactSizeIterator>,
        edges: impl Fn() -> E,
    ) -> JobIdx
    where
        E: Iterator<Item = (JobIdx, JobIdx)>,
    {
        let first = self.rows.len();
        self.push_rows(jobs.into_iter());
        let mut is_sorted = true;
        let mut doomed = Vec::new();
        let rows = &mut self.rows;
        self.graph.add(rows.len(), &edges, |upstream, downstream| {
            is_sorted &= upstream < downstream || downstream.index() < first;
            let (state, because) = (rows[upstream].state, rows[upstream].waiting_on);
            let target = &mut rows[downstream];
            assert!(
                target.state == State::Waiting || target.state.is_final(),
                "an edge comes too late for {downstream:?}, which is {:?}",
                target.state
            );
            match state {
                _ if target.state != State::Waiting => return false,
                State::Ok | State::Fresh => return false,
                State::Failed => doomed.push((downstream, upstream)),
                State::Skipped => doomed.push((downstream, JobIdx(because))),
                _ => {}
            }
            target.waiting_on += 1;
            true
        });
        self.graph.find_paths(&mut self.rows, first, is_sorted);
        for (job, because) in doomed {
            self.skip(vec![job], because);
        }
        JobIdx::new(first)
    }

    fn push_rows(&mut self, jobs: impl ExactSizeIterator<Item = Job>) {
        let first = self.rows.len();
        let blank = Row {
            order: 0,
            waiting_on: 0,
            kind: KindId(0),
            path: 0.0,
            attempt: 0,
            state: State::Waiting,
            on_ready: OnReady::Start,
        };
        self.rows.grow(first + jobs.len(), blank);
        for (index, job) in jobs.enumerate() {
            let is_usable = job.weight.is_finite() && job.weight >= 0.0;
            let row = &mut self.rows[JobIdx::new(first + index)];
            row.order = job.order;
            row.kind = job.kind;
            // `+ 0.0` makes -0 a 0, whose bits are in order.
            row.path = if is_usable { job.weight + 0.0 } else { 1.0 };
            row.on_ready = job.on_ready;
            self.counts(job.on_ready).add(State::Waiting, 1);
        }
    }

    /// Keeps a job waiting until [`Sched::release`], beside what it waits for anyway. It must not
    /// have been set going: hold a new job before the next step.
    pub fn hold(&mut self, job: JobIdx) {
        let row = &mut self.rows[job];
        assert_eq!(row.state, State::Waiting, "{job:?} can no longer be held");
        row.waiting_on += 1;
    }

    /// So many tries of a job were begun in an earlier run: the next one is counted, and given what it
    /// needs, as what follows them. It must not have been set going, as for [`Sched::hold`].
    pub fn go_on_after(&mut self, job: JobIdx, n_tries: u32) {
        let row = &mut self.rows[job];
        assert_eq!(row.state, State::Waiting, "{job:?} has begun already");
        row.attempt = u16::try_from(n_tries).unwrap_or(u16::MAX - 1);
    }

    /// Takes back one [`Sched::hold`]. Of a job that was skipped or cancelled meanwhile, nothing.
    pub fn release(&mut self, job: JobIdx) {
        self.count_down(job);
    }

    fn counts(&mut self, on_ready: OnReady) -> &mut Counts {
        match on_ready {
            OnReady::Resolve => &mut self.stand_ins,
            OnReady::Start | OnReady::Judge => &mut self.jobs,
        }
    }

    /// The only place where a state changes.
    fn set(&mut self, job: JobIdx, next: State) {
        let row = &mut self.rows[job];
        let (old, on_ready) = (row.state, row.on_ready);
        debug_assert!(
            old.may_become(next),
            "{job:?} went from {old:?} to {next:?}"
        );
        row.state = next;
        let counts = self.counts(on_ready);
        counts.take(old);
        counts.add(next, 1);
    }

    fn rank(&self, job: JobIdx) -> Rank {
        match self.options.shuffle {
            Some(seed) => Rank::shuffled(seed, job),
            None => Rank::new(self.rows[job].path, self.rows[job].order, job),
        }
    }
}
