//! What the tests of the supervisor share: a supervisor, tasks for it, and what became of them.

pub mod direct;
pub mod ending;
pub mod engine;
pub mod output;
pub mod starting;
pub mod warm;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bstr::BString;
use flow::event::{End, Usage};
use flow::exec::local::{Group, Local, Reports, Setup, new_mark};
use flow::exec::supervisor::fork;
use flow::exec::{Executor, Report, Script, ScriptWay, Signal, Task, TaskId, Trail};

/// What became of a task, as far as it is known.
#[derive(Debug, Default)]
pub struct Past {
    pub pid: Option<u32>,
    pub output: BString,
    pub end: Option<End>,
    pub usage: Usage,
    pub leftovers: u32,
    pub writing: Vec<BString>,
}

impl Past {
    pub fn text(&self) -> String {
        self.output.to_string()
    }
}

/// A supervisor and its tasks.
pub struct World {
    pub local: Local,
    pub reports: Reports,
    pub past: HashMap<TaskId, Past>,
    pub mark: String,
    pub trail: Trail,
    /// All stand still, as was asked.
    pub is_suspended: bool,
    n_tasks: u32,
}

pub fn setup() -> Setup {
    let folder = std::env::temp_dir().to_str().unwrap().to_owned();
    let mut setup = Setup::new(folder, new_mark().unwrap());
    setup.grace = Duration::from_millis(200);
    setup
}

impl World {
    pub fn new() -> Self {
        World::with(&setup())
    }

    /// One whose tasks run in a folder of their own, which is named nowhere else.
    pub fn within(folder: &tempfile::TempDir) -> Self {
        let mut setup = setup();
        setup.folder = folder.path().to_str().unwrap().into();
        World::with(&setup)
    }

    pub fn with(setup: &Setup) -> Self {
        let group = Group::make();
        let trail = Trail {
            mark: setup.mark.clone(),
            group: group.as_ref().map(|group| group.path().to_path_buf()),
        };
        let (local, reports) = fork().unwrap().open(setup, group).unwrap();
        World {
            local,
            reports,
            past: HashMap::new(),
            mark: setup.mark.clone(),
            trail,
            is_suspended: false,
            n_tasks: 0,
        }
    }

    pub fn start(&mut self, task: Task) -> TaskId {
        self.n_tasks += 1;
        let id = TaskId(self.n_tasks);
        self.past.insert(id, Past::default());
        self.local.start(Task { id, ..task }).unwrap();
        self.local.flush().unwrap();
        id
    }

    pub fn signal(&mut self, task: TaskId, signal: Signal) {
        self.local.signal(Some(task), signal).unwrap();
    }

    /// Takes one report.
    pub fn step(&mut self) {
        match self.reports.next().unwrap() {
            Report::Started { task, pid } => self.past.get_mut(&task).unwrap().pid = Some(pid),
            Report::Output { task, bytes } => {
                let past = self.past.get_mut(&task).unwrap();
                assert!(past.end.is_none(), "output after the end");
                past.output.extend_from_slice(&bytes);
            }
            Report::Ended {
                task,
                end,
                usage,
                leftovers,
                writing,
            } => {
                let past = self.past.get_mut(&task).unwrap();
                assert!(past.end.is_none(), "a second end");
                past.end = Some(end);
                past.usage = usage;
                past.leftovers = leftovers;
                past.writing = writing;
            }
            Report::Suspended => self.is_suspended = true,
            Report::Lost(why) => panic!("{why}"),
            other => panic!("{other:?}"),
        }
    }

    pub fn wait_for(&mut self, task: TaskId, is_there: impl Fn(&Past) -> bool) {
        while !is_there(&self.past[&task]) {
            self.step();
        }
    }

    /// Waits for the end of `task`.
    pub fn end(&mut self, task: TaskId) -> Past {
        self.wait_for(task, |past| past.end.is_some());
        self.past.remove(&task).unwrap()
    }

    pub fn run(&mut self, task: Task) -> Past {
        let id = self.start(task);
        self.end(id)
    }

    /// Runs a script and returns what it wrote; it must end well.
    pub fn output_of(&mut self, script: &str) -> String {
        let past = self.run(sh(script));
        assert_eq!(past.end, Some(End::Exited(0)), "{past:?}");
        past.text()
    }
}

pub fn words<const N: usize>(words: [&str; N]) -> Task {
    Task {
        id: TaskId(0),
        argv: words.map(BString::from).to_vec(),
        ..Task::default()
    }
}

pub fn sh(text: impl Into<BString>) -> Task {
    Task {
        script: Some(Script {
            text: text.into(),
            way: ScriptWay::DashC,
        }),
        ..words(["/bin/sh", "-c"])
    }
}

/// How many processes carry the mark.
pub fn n_marked(mark: &str) -> usize {
    let wanted = format!("{mark}.");
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    folders
        .filter_map(|folder| std::fs::read(folder.path().join("environ")).ok())
        .filter(|environ| {
            environ
                .windows(wanted.len())
                .any(|w| w == wanted.as_bytes())
        })
        .count()
}

/// Waits until `is_so`, which a busy machine may take its time for.
pub fn eventually(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed().as_secs() < 60, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A field of `/proc/PID/status`.
pub fn status(pid: u32, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim_start_matches(':').trim().to_owned())
}

pub fn has_ended(pid: u32) -> bool {
    status(pid, "State").is_none_or(|state| state.starts_with('Z'))
}

/// The most memory that a process has had, in KiB.
pub fn peak_kib(pid: u32) -> u64 {
    let text = status(pid, "VmHWM").unwrap();
    text.trim_end_matches(" kB").parse().unwrap()
}
