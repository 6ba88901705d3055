//! The processes of jobs: each reads what its command names and writes what a clean build would, or
//! fails at it in one of many ways. What must hold when one starts is checked here.

use std::time::Duration;

use flow::disk::{Disk, DiskMut, Time};
use flow::event::End;
use flow::exec::sim::Fate;
use flow::exec::{Executor, Signal, Task, TaskId};

use super::dice::hash;
use super::live::Shared;
use super::mistake::Mistake;
use super::spec::{made, parts};
use super::world::{Act, State, World};

pub type ProcId = usize;

/// How a try comes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Well,
    /// Ends with status 1; so much of its outputs is there: nothing, a half, all.
    Fails(u8),
    /// Ends by itself long after anybody waits for it.
    Hangs,
    /// Says that all is well, and has written nothing.
    WritesNothing,
    /// The same, and has written its first output.
    WritesOne,
    /// Its last output is seen some time after its end.
    IsSeenLate,
    /// The kernel ends it.
    IsKilled,
    NeverStarts,
}

/// A process that was started for a job.
#[derive(Clone, Debug)]
pub struct Proc {
    /// The run that started it.
    pub run: u64,
    pub key: String,
    pub rule: usize,
    version: String,
    command: Vec<String>,
    inputs: Vec<String>,
    /// None yet for a split.
    pub outputs: Vec<String>,
    is_split: bool,
    way: Way,
    /// What it has read.
    read: Option<Vec<(String, u64)>>,
    /// It writes no more, and is gone.
    pub is_over: bool,
    /// It could not read or write.
    pub has_failed: bool,
}

impl Proc {
    pub fn command(&self) -> &[String] {
        &self.command
    }

    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }
}

/// The executor of one run.
pub struct Hands(pub Shared);

impl Executor for Hands {
    /// Orders go out together, once the records that they stand on are written.
    fn start(&mut self, task: Task) -> anyhow::Result<()> {
        self.0.borrow_mut().orders.push(task);
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let mut world = self.0.borrow_mut();
        let orders = std::mem::take(&mut world.orders);
        orders.into_iter().try_for_each(|task| world.start(task))
    }

    fn signal(&mut self, task: Option<TaskId>, signal: Signal) -> anyhow::Result<()> {
        self.flush()?;
        let mut world = self.0.borrow_mut();
        world.tell(|| match task {
            Some(task) => format!("flow sends {signal:?} to task {}", task.0),
            None => format!("flow sends {signal:?} to all"),
        });
        world.machine.signal(task, signal)
    }
}

impl World {
    fn start(&mut self, task: Task) -> anyhow::Result<()> {
        let id = task.id;
        let mut words: Vec<String> = task.argv.iter().map(ToString::to_string).collect();
        if let Some(script) = &task.script {
            let text = script.text.to_string();
            words = text.split_whitespace().map(str::to_string).collect();
        }
        if words[0] != "work" {
            let is_bad = self.is_troubled && self.dice.chance(20);
            let fate = Fate {
                end: End::Exited(i32::from(is_bad)),
                runs_for: Duration::from_millis(100),
                ..Fate::default()
            };
            return self.send(task, fate);
        }
        let (way, fate) = self.chance_of(id);
        let mut proc = self.proc(words, way);
        // That a split makes little, or that old outputs stay, is no lie where it may be so.
        let is_free = proc.is_split || self.spec.rules[proc.rule].is_update;
        if is_free && matches!(way, Way::WritesNothing | Way::WritesOne | Way::IsSeenLate) {
            proc.way = Way::Well;
        }
        let way = proc.way;
        self.check_start(&proc);
        self.tell(|| format!("starts {} ({way:?})", proc.command.join(" ")));
        if self.mistake.is_some_and(Mistake::freezes_inputs) {
            for input in proc.inputs.iter().filter(|input| !input.contains('/')) {
                self.disk.freeze(input.as_bytes());
            }
        }
        let number = self.procs.len();
        self.tasks.insert(id, number);
        self.plan_work(number, way, fate.runs_for);
        self.procs.push(proc);
        self.send(task, fate)
    }

    fn send(&mut self, task: Task, fate: Fate) -> anyhow::Result<()> {
        *self.fate.lock().expect("no thread has failed") = fate;
        self.machine.start(task)
    }

    /// What becomes of a try, and when.
    fn chance_of(&mut self, _task: TaskId) -> (Way, Fate) {
        let way = match self.dice.below(100) {
            _ if !self.is_troubled => Way::Well,
            0..62 => Way::Well,
            62..76 => Way::Fails(self.dice.below(3) as u8),
            76..81 => Way::Hangs,
            81..85 => Way::WritesNothing,
            85..89 => Way::WritesOne,
            89..93 => Way::IsSeenLate,
            93..97 => Way::IsKilled,
            _ => Way::NeverStarts,
        };
        let ms = match way {
            Way::Hangs => 100_000,
            _ => self.dice.between(5, 2_000),
        };
        let end = match way {
            Way::Fails(_) => End::Exited(1),
            Way::IsKilled => End::Signaled(9),
            Way::NeverStarts => End::NotStarted("no such program".into()),
            _ => End::Exited(0),
        };
        let says_something = self.dice.chance(10);
        let fate = Fate {
            runs_for: Duration::from_nanos(ms * 1_000_000 + self.dice.below(1_000_000)),
            end,
            output: if says_something {
                "said".into()
            } else {
                "".into()
            },
            ignores_term: self.is_troubled && self.dice.chance(15),
        };
        (way, fate)
    }

    /// `work VERSION OUTPUT… from INPUT…`, or `work VERSION into FOLDER from INPUT…`.
    fn proc(&self, command: Vec<String>, way: Way) -> Proc {
        let from = command.iter().position(|word| word == "from");
        let outputs = command[2..from.unwrap_or(command.len())].to_vec();
        let inputs = from.map_or(Vec::new(), |from| command[from + 1..].to_vec());
        let is_split = outputs[0] == "into";
        let (key, outputs) = match is_split {
            true => (format!("{0}/*.{0}", outputs[1]), Vec::new()),
            false => (outputs[0].clone(), outputs),
        };
        Proc {
            run: self.n_runs,
            rule: rule_of(&key).expect("each job has a rule"),
            key,
            version: command[1].clone(),
            command,
            inputs,
            outputs,
            is_split,
            way,
            read: None,
            is_over: way == Way::NeverStarts,
            has_failed: false,
        }
    }

    fn plan_work(&mut self, proc: ProcId, way: Way, runs_for: Duration) {
        if way == Way::NeverStarts {
            return;
        }
        let total = runs_for.as_nanos() as u64;
        // One that hangs does so in the middle of its work.
        let total = if way == Way::Hangs {
            1_000_000_000
        } else {
            total
        };
        let at =
            |world: &mut World, part: u64| world.now + Duration::from_nanos(total * part / 1000);
        let reads = self.dice.between(0, 600);
        let half = self.dice.between(reads, 900);
        let when = at(self, reads);
        self.plan(when, Act::Read(proc));
        let when = at(self, half);
        self.plan(when, Act::WriteHalf(proc));
        if way != Way::Hangs {
            let when = at(self, 1000);
            self.plan(when, Act::Write(proc));
        }
    }

    pub(super) fn read(&mut self, number: ProcId) {
        if self.procs[number].is_over {
            return;
        }
        let mut contents = Vec::new();
        for input in self.procs[number].inputs.clone() {
            match self.disk.mem.read(input.as_bytes()) {
                Ok(bytes) => contents.push((input, hash(&bytes))),
                Err(_) => self.procs[number].has_failed = true,
            }
        }
        let proc = &mut self.procs[number];
        if proc.is_split {
            proc.outputs = parts(&proc.version, proc.rule, &contents);
        }
        proc.read = Some(contents);
    }

    pub(super) fn write(&mut self, number: ProcId, is_half: bool) {
        let proc = self.procs[number].clone();
        if proc.is_over || proc.has_failed {
            return;
        }
        let n = proc.outputs.len();
        let (n_whole, n_half) = match (is_half, proc.way) {
            (_, Way::WritesNothing) => (0, 0),
            (true, Way::Fails(0) | Way::WritesOne | Way::IsSeenLate) => (0, 0),
            (true, _) => (0, n),
            (false, Way::Fails(0 | 1) | Way::IsKilled) => (0, 0),
            (false, Way::WritesOne) => (n.min(1), 0),
            (false, Way::IsSeenLate) => (n - 1, 0),
            (false, _) => (n, 0),
        };
        let read = proc.read.as_ref().expect("it has read before");
        for (at, path) in proc.outputs.iter().enumerate() {
            let text = made(&proc.version, path, read);
            if at < n_whole {
                self.put(number, path, text.as_bytes());
            } else if at < n_half {
                self.put(number, path, &text.as_bytes()[..7]);
            } else if !is_half && proc.way == Way::IsSeenLate && at + 1 == n {
                let ms = self.dice.between(1, 4_000);
                let when = self.later(ms);
                self.plan(when, Act::Appear(number, path.clone(), text.into_bytes()));
            }
        }
        if !is_half && proc.way == Way::IsSeenLate && !self.disk.is_remote(b"") {
            // On a disk of this machine nothing is late: then it has lied.
            self.forget_late(number);
        }
    }

    /// Writes a file for a process.
    fn put(&mut self, number: ProcId, path: &str, bytes: &[u8]) {
        self.check_writer(number, path);
        let mut bytes = bytes;
        if self.disk.fails().is_err() {
            bytes = &bytes[..bytes.len() / 2];
            self.procs[number].has_failed = true;
        }
        self.writers.insert(path.into(), number);
        // What stands in the place where a process writes is its own affair.
        if self.disk.mem.is_there(path.as_bytes()).unwrap_or(false) {
            self.by_hand.remove(path);
        }
        // A folder that was taken away under it makes it fail.
        if self.disk.mem.write_file(path.as_bytes(), bytes).is_err() {
            self.procs[number].has_failed = true;
        }
    }

    pub(super) fn appear(&mut self, number: ProcId, path: &str, bytes: &[u8]) {
        // What was taken for missing by then, and made again or given up, is no more.
        if self.procs[number].run != self.n_runs {
            return;
        }
        let is_again = |other: &Proc| other.key == self.procs[number].key;
        if self.procs[number + 1..].iter().any(is_again) {
            return;
        }
        self.tell(|| format!("{path} is seen"));
        // What came back in its place is under it, whosever it was.
        self.by_hand.remove(path);
        self.writers.insert(path.into(), number);
        self.disk.mem.write_file(path.as_bytes(), bytes).ok();
    }

    /// Nobody else writes what this process writes.
    fn check_writer(&mut self, number: ProcId, path: &str) {
        let others = self.procs.iter().enumerate();
        let mut others = others.filter(|(other, proc)| *other != number && !proc.is_over);
        if let Some((_, other)) = others.find(|(_, proc)| proc.outputs.iter().any(|o| o == path)) {
            let (key, run) = (other.key.clone(), other.run);
            let this = self.procs[number].run;
            self.wrong(format!(
                "two writers of {path}: run {run} started one for {key}, run {this} the other"
            ));
        }
    }

    /// What must hold when a job starts.
    fn check_start(&mut self, proc: &Proc) {
        let key = &proc.key;
        if let Some(other) = self
            .procs
            .iter()
            .find(|other| !other.is_over && other.key == *key)
        {
            let run = other.run;
            self.wrong(format!(
                "{key} starts while one that run {run} started still runs"
            ));
        }
        for input in &proc.inputs {
            if self.state(input).is_none() {
                self.wrong(format!("{key} starts before its input {input} is there"));
            }
            let mut alive = self.procs.iter().filter(|other| !other.is_over);
            if alive.any(|other| other.outputs.contains(input)) {
                self.wrong(format!(
                    "{key} starts while its input {input} is being made"
                ));
            }
        }
        self.check_upstream(proc);
        self.check_limits(proc);
        self.check_waste(proc);
    }

    /// Nothing that this job needs has failed in this run.
    fn check_upstream(&mut self, proc: &Proc) {
        let built = self.built.clone();
        let mut rest: Vec<String> = proc.inputs.clone();
        let mut n_seen = 0;
        while let Some(file) = rest.get(n_seen).cloned() {
            n_seen += 1;
            let Some(&node) = built.makers.get(&file) else {
                continue;
            };
            let node = &built.nodes[node];
            let outputs = node.outputs.iter().map(|(name, _)| name);
            let key = outputs
                .clone()
                .find(|name| self.fold.failed.contains(*name));
            if let Some(failed) = key {
                let (key, failed) = (proc.key.clone(), failed.clone());
                self.wrong(format!(
                    "{key} starts though {failed}, which it needs, has failed"
                ));
            }
            for input in &node.inputs {
                if !rest.contains(input) {
                    rest.push(input.clone());
                }
            }
        }
    }

    /// No more at once than is allowed.
    fn check_limits(&mut self, proc: &Proc) {
        let alive = self
            .procs
            .iter()
            .filter(|other| !other.is_over && other.run == self.n_runs);
        let rules: Vec<usize> = alive.map(|other| other.rule).chain([proc.rule]).collect();
        let spec = &self.spec;
        let n_cores = u64::from(self.fold.n_cores);
        let cores: u64 = rules
            .iter()
            .map(|rule| spec.rules[*rule].cores.min(n_cores))
            .sum();
        let n_shared = rules
            .iter()
            .filter(|rule| spec.rules[**rule].is_limited)
            .count() as u64;
        let of_rule = rules.iter().filter(|rule| **rule == proc.rule).count() as u64;
        let own = spec.rules[proc.rule].own_limit.unwrap_or(u64::MAX);
        if cores > n_cores || n_shared > spec.shared || of_rule > own {
            let key = &proc.key;
            self.wrong(format!(
                "{key} is one too many: {cores} cores of {n_cores}, {n_shared} permits of {}, \
                 {of_rule} of its rule's {own}",
                spec.shared
            ));
        }
    }

    /// A file as it was before it was put aside.
    fn state_before(&self, path: &str) -> State {
        match self.disk.put_aside(path.as_bytes()) {
            Some((_, text)) if self.spec.level == 4 => Some((Time(0), text)),
            Some(before) => Some(before),
            None => self.state(path),
        }
    }

    fn forget_late(&mut self, number: ProcId) {
        self.drop_acts(|act| matches!(act, Act::Appear(proc, ..) if *proc == number));
    }

    /// It has something to do: anything is different since it last ended well.
    fn check_waste(&mut self, proc: &Proc) {
        let is_first = self.fold.tried.insert(proc.key.clone());
        let Some(done) = self.done.remove(&proc.key).filter(|_| is_first) else {
            return;
        };
        let inputs: Vec<_> = proc.inputs.iter().map(|input| self.state(input)).collect();
        // Old outputs are out of the way by now.
        let is_same = |(path, state): &(String, State)| *state == self.state_before(path);
        let is_idle = done.command == proc.command
            && done.inputs == inputs
            && done.outputs.iter().all(is_same);
        let is_back = |input: &String| self.undone.contains(input) || self.handled.contains(input);
        let is_undone = proc.inputs.iter().any(is_back);
        if is_idle && !is_undone && !self.spec.rules[proc.rule].is_temp {
            let key = &proc.key;
            self.wrong(format!(
                "{key} runs though nothing has changed since it was made"
            ));
        }
    }
}

/// The number of the rule that a path belongs to.
pub fn rule_of(path: &str) -> Option<usize> {
    path.split('/').next()?.strip_prefix('r')?.parse().ok()
}
