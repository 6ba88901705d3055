//! Tasks as jobs of a cluster, through its DRMAA library; rules that are `local` run here.
//!
//! [`Cluster`] is the engine's end; the `desk` behind it has the jobs, on a thread of its own; the
//! library is in a process of its own (`helper`), to which `link` leads. `script` writes what runs on
//! a node and `record` reads what it leaves; `journal` is how the next run finds jobs that are still
//! there, and `left` knows them; `dialect` has the schedulers' options, `words` what their numbers mean; `pack` runs many
//! short jobs in one submission.

mod desk;
mod dialect;
mod helper;
pub mod journal;
mod left;
mod link;
pub mod pack;
pub mod record;
mod script;
mod single;
mod wire;
mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bstr::BString;

use super::local::{Local, MARK};
use super::{Executor, Report, Signal, Task, TaskId};
use desk::{Desk, In};
use journal::Journal;
use left::clear;

pub use dialect::Dialect;
pub use drmaa_sys::find;
pub use helper::serve as serve_library;
pub use journal::InFlight;
pub use left::{OnCluster, Remote, Stand};
pub use link::COMMAND as LIBRARY_COMMAND;
pub use pack::{COMMAND as PACK_COMMAND, run as run_pack};
pub use single::{COMMAND as JOB_COMMAND, run as run_job};

/// What a cluster is to know of a task.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Place {
    /// The job's key.
    pub job: BString,
    pub rule: String,
    pub attempt: u32,
    pub request: Request,
    /// Whether it may share a submission with others of its rule.
    pub pack: Option<Pack>,
    /// By which a later run knows the same task and the same inputs.
    pub task_print: u64,
    pub inputs_print: u64,
    /// Its own folder; empty for none.
    pub tmp: BString,
    /// It is on the cluster already: in this submission, at this place.
    pub take_up: Option<(String, usize)>,
}

/// What the scheduler is asked for. Jobs with the same request are submitted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Request {
    pub cores: u32,
    pub mem_mib: Option<u64>,
    pub gpus: u32,
    pub time_s: Option<u64>,
    pub queue: Option<String>,
    pub native: Option<String>,
}

/// How a job may be packed with others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pack {
    /// How long it is likely to take, in seconds.
    pub seconds: Option<f64>,
    /// So many in one submission at most, where the rule says so.
    pub at_most: Option<u32>,
}

/// How a site wants it.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    pub libraries: Vec<PathBuf>,
    /// The workflow's folder, from the root.
    pub folder: PathBuf,
    /// The state folder, from where flow stands.
    pub state: PathBuf,
    /// The folder of the jobs' files as a job sees it from the workflow's folder.
    pub jobs_path: String,
    /// Unique to this run.
    pub run: String,
    /// The environment of all jobs.
    pub env: Vec<(BString, BString)>,
    pub dialect: Dialect,
    /// For rules that do not say.
    pub queue: Option<String>,
    /// For all jobs, before what their rules say.
    pub native: Option<String>,
    /// Submissions in a second.
    pub rate: f64,
    /// Jobs in one bulk.
    pub bulk: u32,
    /// How much work makes a pack, at most.
    pub group_time: Duration,
    /// Submissions that may be on the cluster at once.
    pub n_at_once: u32,
    /// How long the library's process may be silent before it is started again.
    pub patience: Duration,
    /// How long a job that had begun, and that the scheduler does not know, may still leave its record.
    pub lost_after: Duration,
    /// How long a record may be on its way.
    pub grace: Duration,
    /// How often the scheduler is asked about a job of which nothing was heard.
    pub ask_every: Duration,
    /// How often the jobs' files are looked at.
    pub poll: Duration,
    /// This program, as a node finds it.
    pub flow: Vec<u8>,
}

/// In how many packs, of which sizes, these tasks go; `None` where each goes by itself.
///
/// A pack is never longer than the group time. Shorter ones are made for as many nodes as there may be,
/// as long as each is worth its submission: a minute of work, or many jobs.
fn packing(tasks: &[Box<Task>], settings: &Settings) -> Option<Vec<usize>> {
    const SPREAD: usize = 8;
    const ENOUGH: usize = 64;
    const WORTH_IT: f64 = 60.0;
    let pack = tasks.first()?.cluster.as_ref()?.pack?;
    let hint = |task: &Task| task.cluster.as_ref().and_then(|place| place.pack?.seconds);
    let target = settings.group_time.as_secs_f64();
    let most = match (pack.at_most, pack.seconds) {
        (Some(most), _) => most as usize,
        (None, Some(_)) => {
            let total: f64 = tasks.iter().filter_map(|task| hint(task)).sum();
            let by_time = (total / target).ceil() as usize;
            let by_number = (tasks.len() / ENOUGH).min(SPREAD);
            let by_work = ((total / WORTH_IT) as usize).min(settings.n_at_once as usize);
            tasks
                .len()
                .div_ceil(by_time.max(by_number).max(by_work).max(1))
        }
        (None, None) => 1,
    };
    let most = most.max(1);
    let mut sizes = Vec::new();
    let mut left = tasks.len();
    while left > 0 {
        // As even as can be.
        let size = left.div_ceil(left.div_ceil(most));
        sizes.push(size);
        left -= size;
    }
    Some(sizes)
}

/// The cluster, and this machine for what is `local`.
pub struct Cluster {
    local: Local,
    desk: Sender<In>,
    thread: Option<JoinHandle<()>>,
    /// Not handed over yet: that they begin is written first, and what comes together goes together.
    begun: Vec<Task>,
    settings: (Option<String>, Option<String>),
    on_cluster: HashMap<BString, (InFlight, (String, usize))>,
    /// The scheduler, in its own words; empty while it cannot be reached.
    pub system: String,
}

impl Cluster {
    /// Opens the session, and takes up what is left. `tell` gets the reports.
    pub fn open(
        local: Local,
        settings: Settings,
        left: OnCluster,
        tell: Box<dyn Fn(Report) + Send>,
    ) -> anyhow::Result<Cluster> {
        let defaults = (settings.queue.clone(), settings.native.clone());
        let on_cluster = left.jobs.clone();
        let Opened {
            desk,
            thread,
            system,
        } = open(settings, left, tell)?;
        Ok(Cluster {
            local,
            desk,
            thread: Some(thread),
            begun: Vec::new(),
            settings: defaults,
            on_cluster,
            system,
        })
    }

    fn hand_over(&mut self) -> anyhow::Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        let begun = std::mem::take(&mut self.begun);
        self.send(In::Start(begun))
    }

    fn send(&self, message: In) -> anyhow::Result<()> {
        let sent = self.desk.send(message);
        sent.map_err(|_| anyhow!("the thread that has the cluster's jobs has ended"))
    }
}

/// A desk at work.
struct Opened {
    desk: Sender<In>,
    thread: JoinHandle<()>,
    system: String,
}

fn open(
    settings: Settings,
    left: OnCluster,
    tell: Box<dyn Fn(Report) + Send>,
) -> anyhow::Result<Opened> {
    let folder = journal::folder(&settings.state).context("make the folder for jobs")?;
    clear(&folder, &left.left);
    let journal = Journal::create(&settings.state, &left.left);
    let journal = journal.context("write which jobs are on the cluster")?;
    let environment = script::environment(&settings.env, MARK);
    let path = folder.join(format!("{}.env", settings.run));
    std::fs::write(&path, &environment).with_context(|| format!("write `{}`", path.display()))?;
    let (desk, inbox) = channel();
    let (ready, is_ready) = channel();
    let behind = Desk::new(settings, left, journal, (desk.clone(), inbox), ready, tell);
    let thread = std::thread::Builder::new().name("cluster".into());
    let thread = thread
        .spawn(move || behind.serve())
        .context("start a thread")?;
    let opened = is_ready
        .recv()
        .unwrap_or_else(|_| Err("its thread has ended".into()));
    let system = opened.map_err(|why| anyhow!("the cluster cannot be used: {why}"))?;
    Ok(Opened {
        desk,
        thread,
        system,
    })
}

/// Ends what earlier runs have left on the cluster and what still runs, and waits until it has ended. How
/// many submissions the scheduler has not said to have ended.
pub fn end_left(
    settings: Settings,
    left: OnCluster,
    tell: Box<dyn Fn(Report) + Send>,
) -> anyhow::Result<usize> {
    let Opened { desk, thread, .. } = open(settings, left, tell)?;
    let (done, is_done) = channel();
    desk.send(In::EndLeft(done)).ok();
    let ended = is_done.recv();
    desk.send(In::Close).ok();
    thread.join().ok();
    ended.context("the thread that has the cluster's jobs has ended")
}

impl Executor for Cluster {
    fn start(&mut self, mut task: Task) -> anyhow::Result<()> {
        let Some(place) = &mut task.cluster else {
            return self.local.start(task);
        };
        let (queue, native) = &self.settings;
        place.request.queue = place.request.queue.take().or(queue.clone());
        let own = place.request.native.take();
        place.request.native = match (native, own) {
            (Some(site), Some(own)) => Some(format!("{site} {own}")),
            (site, own) => own.or(site.clone()),
        };
        self.begun.push(task);
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.hand_over()?;
        self.local.flush()
    }

    fn signal(&mut self, task: Option<TaskId>, signal: Signal) -> anyhow::Result<()> {
        self.hand_over()?;
        // Each of them knows its own.
        self.send(In::Signal(task, signal))?;
        self.local.signal(task, signal)
    }

    fn again(&mut self, task: TaskId) -> anyhow::Result<()> {
        self.send(In::Again(task))
    }

    fn settled(&mut self, task: TaskId) {
        // One that is gone has said so.
        self.send(In::Settled(task)).ok();
    }

    fn leave(&mut self) -> anyhow::Result<usize> {
        let (answer, is_answered) = channel();
        self.send(In::Leave(answer))?;
        let n_left = is_answered.recv();
        n_left.context("the thread that has the cluster's jobs has ended")
    }

    fn withdraw(&mut self, (name, at): (String, usize)) -> anyhow::Result<()> {
        self.send(In::Withdraw(name, at))
    }

    fn on_cluster(&mut self, job: &[u8]) -> Option<(InFlight, (String, usize))> {
        self.on_cluster.remove(bstr::BStr::new(job))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.desk.send(In::Close).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(n: usize, seconds: Option<f64>, at_most: Option<u32>) -> Option<Vec<usize>> {
        let task = Task {
            cluster: Some(Box::new(Place {
                pack: Some(Pack { seconds, at_most }),
                ..Place::default()
            })),
            ..Task::default()
        };
        let settings = Settings {
            group_time: Duration::from_secs(600),
            ..settings()
        };
        packing(&vec![Box::new(task); n], &settings)
    }

    fn settings() -> Settings {
        Settings {
            libraries: Vec::new(),
            folder: PathBuf::new(),
            state: PathBuf::new(),
            jobs_path: String::new(),
            run: String::new(),
            env: Vec::new(),
            dialect: Dialect::default(),
            queue: None,
            native: None,
            rate: 1.0,
            bulk: 1,
            group_time: Duration::ZERO,
            n_at_once: 100,
            patience: Duration::ZERO,
            lost_after: Duration::ZERO,
            grace: Duration::ZERO,
            ask_every: Duration::ZERO,
            poll: Duration::ZERO,
            flow: Vec::new(),
        }
    }

    #[test]
    fn packs_are_as_long_as_they_should_be_and_even() {
        // Half a minute each: two make a submission worth it.
        assert_eq!(sizes(5, Some(30.0), None), Some(vec![3, 2]));
        // Where there are more than may be out at once: as many as the group time takes.
        let many = sizes(4000, Some(30.0), None).unwrap();
        assert_eq!((many.len(), many[0]), (200, 20));
        // Where the rule says how many, that holds.
        assert_eq!(sizes(7, Some(60.0), Some(3)), Some(vec![3, 2, 2]));
        assert_eq!(sizes(4, None, Some(10)), Some(vec![4]));
        // Two thousand of no length are spread, and fifty are not.
        assert_eq!(sizes(2000, Some(0.01), None), Some(vec![250; 8]));
        assert_eq!(sizes(50, Some(0.01), None), Some(vec![50]));
        // Longer than the group time: each by itself.
        assert_eq!(sizes(3, Some(700.0), None), Some(vec![1; 3]));
    }
}
