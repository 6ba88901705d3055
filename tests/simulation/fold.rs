//! What a run tells, counted once more, and held against the world.

use std::collections::HashSet;

use flow::disk::Disk;
use flow::event::{Event, EventKind, JobFinished, Status, Tally};
use flow::run::ask::Counts;
use flow::run::{Sink, Summary};

use super::dice::{hash, hash_all};
use super::live::Shared;
use super::mistake::Mistake;
use super::spec::Verb;
use super::world::{Done, World};

/// The events of one run, folded.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    /// Cores of this run.
    pub n_cores: u32,
    n_announced: u64,
    n_fresh: u64,
    n_ok: u64,
    n_failed: u64,
    n_skipped: u64,
    n_cancelled: u64,
    n_retries: u64,
    running: HashSet<String>,
    /// Jobs that are to be tried again.
    waiting: HashSet<String>,
    ended: HashSet<String>,
    /// How often something has ended: what is temporary may do so again.
    n_ended: u64,
    /// Jobs of which a try was started.
    pub tried: HashSet<String>,
    pub failed: HashSet<String>,
    /// Splits that made other files than the run had planned with.
    outdated: HashSet<String>,
    /// Jobs whose inputs changed under them.
    changed: HashSet<String>,
    /// Rules whose `then` runs, and of which no job has ended well since it began.
    in_time: HashSet<String>,
    pub n_starts: u64,
    pub warnings: u64,
}

/// What the events say at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Seen {
    running: u64,
    failed: u64,
    skipped: u64,
    cancelled: u64,
}

/// Whether it is what a rule does when its jobs are done, which is no job.
fn is_then(key: &str) -> bool {
    key.starts_with("then:")
}

impl Seen {
    /// Whether the run itself says the same. What one of `n_thens` rules does when its jobs are done
    /// says nothing when it is not due.
    pub fn agrees(&self, counts: &Counts, n_thens: u64) -> Result<(), String> {
        let said = Seen {
            running: counts.running,
            failed: counts.failed,
            skipped: counts.skipped,
            cancelled: counts.cancelled,
        };
        let is_near = |said: u64, told: u64| (told..=told + n_thens).contains(&said);
        let is_same = (said.running, said.failed) == (self.running, self.failed)
            && is_near(said.skipped, self.skipped)
            && is_near(said.cancelled, self.cancelled);
        match is_same {
            true => Ok(()),
            false => Err(format!("{self:?} was told, {said:?} is answered")),
        }
    }
}

impl Fold {
    pub fn seen(&self) -> Seen {
        Seen {
            running: self.running.iter().filter(|key| !is_then(key)).count() as u64,
            failed: self.n_failed,
            skipped: self.n_skipped,
            cancelled: self.n_cancelled,
        }
    }

    /// Whether the run itself has said that something is stale again.
    pub fn has_changed_inputs(&self) -> bool {
        !self.changed.is_empty()
    }

    /// It runs, or waits to be tried again.
    pub fn is_under_way(&self, key: &str) -> bool {
        self.running.contains(key) || self.waiting.contains(key)
    }
}

/// Hears what the run tells.
pub struct Ear(pub Shared);

impl Sink for Ear {
    fn event(&mut self, event: &Event) {
        let mut world = self.0.borrow_mut();
        if world.mistake == Some(Mistake::EventDropped)
            && let EventKind::JobFinished(end) = &event.kind
            && end.status == Status::Skipped
        {
            return;
        }
        world.heard(event);
    }
}

impl World {
    fn heard(&mut self, event: &Event) {
        let at = event.time.as_nanosecond() as u64;
        match &event.kind {
            EventKind::RunStarted { jobs, fresh, .. } | EventKind::RunGrew { jobs, fresh, .. } => {
                self.fold.n_announced += jobs;
                self.fold.n_fresh += fresh;
                self.note("jobs", &format!("{jobs} to do, {fresh} fresh"), at);
            }
            EventKind::JobStarted { name, attempt, .. } => {
                let key = name.job.to_string();
                self.note("started", &key, at + u64::from(*attempt));
                self.fold.n_starts += 1;
                if self.fold.ended.contains(&key) && !self.is_temp(&key) {
                    self.wrong(format!("{key} starts after it has ended"));
                }
                self.fold.waiting.remove(&key);
                if !self.fold.running.insert(key.clone()) {
                    self.wrong(format!("{key} starts while it runs"));
                }
                if is_then(&key) {
                    self.fold.in_time.insert(name.rule.clone());
                }
            }
            EventKind::JobRetry(retry) => {
                let key = retry.name.job.to_string();
                self.note("failed, and is tried again", &key, at);
                self.thaw_inputs(&key);
                self.fold.running.remove(&key);
                self.fold.waiting.insert(key.clone());
                self.fold.n_retries += 1;
            }
            EventKind::JobFinished(end) => self.finished(end, at),
            EventKind::JobFresh(name) => {
                let key = name.job.to_string();
                self.note("is fresh", &key, at);
                self.fold.n_fresh += 1;
                self.fold.ended.insert(key);
                self.fold.n_ended += 1;
            }
            EventKind::TempDeleted { name, .. } => {
                self.note("is deleted", &name.job.to_string(), at);
            }
            EventKind::Warning { message } => {
                self.note("warning", message, at);
                self.fold.warnings += 1;
                self.is_in_doubt |= self.grain.is_some() && message.contains("not taken as output");
                if message.contains("changed while it ran")
                    && let Some((key, _)) = message.split_once(": its input")
                {
                    self.fold.changed.insert(key.into());
                }
                // A split whose files were temporary: the plan has those of last time.
                if let Some((key, _)) = message.split_once(": made other files") {
                    self.fold.outdated.insert(key.into());
                }
            }
            EventKind::RunFinished(tally) => {
                self.note("the run has ended", "", at);
                self.check_tally(tally);
            }
            EventKind::JobOutput { .. } => {}
        }
    }

    fn note(&mut self, what: &str, whom: &str, at: u64) {
        let number = hash(what.as_bytes()) ^ hash(whom.as_bytes());
        self.digest = hash_all([self.digest, number, at]);
        self.tell(|| format!("  {what}: {whom}"));
    }

    /// What such a rule's jobs have made may be needed again, and its `then` is done once more behind it.
    fn is_temp(&self, key: &str) -> bool {
        super::job::rule_of(key.trim_start_matches("then:"))
            .is_some_and(|rule| self.spec.rules[rule].is_temp)
    }

    fn thaw_inputs(&mut self, key: &str) {
        if !self.mistake.is_some_and(Mistake::freezes_inputs) {
            return;
        }
        let proc = self.procs.iter().rev().find(|proc| proc.key == key);
        for input in proc.into_iter().flat_map(|proc| proc.inputs()) {
            if !input.contains('/') {
                self.disk.thaw(input.as_bytes());
            }
        }
    }

    fn finished(&mut self, end: &JobFinished, at: u64) {
        let key = end.name.job.to_string();
        let how = match &end.failure {
            Some(failure) => format!("{:?}, {failure:?}", end.status),
            None => format!("{:?}", end.status),
        };
        self.note(&how, &key, at);
        self.fold.running.remove(&key);
        self.fold.waiting.remove(&key);
        self.fold.n_ended += u64::from(!is_then(&key));
        if !self.fold.ended.insert(key.clone()) && !self.is_temp(&key) {
            self.wrong(format!("{key} ends twice"));
        }
        if end.attempt > 0 {
            self.thaw_inputs(&key);
            if end.status != Status::Ok {
                self.check_given_back(&key);
                // It is tried again, also where it came to nothing before it had a process.
                self.done.remove(&key);
            }
        }
        match end.status {
            Status::Ok => {
                let rule = end.name.rule.clone();
                let is_in_time = self.fold.in_time.remove(&rule);
                if !is_then(&key) {
                    self.fold.n_ok += 1;
                    self.owed.insert(rule);
                    self.ended_well(key, end);
                } else if is_in_time {
                    self.owed.remove(&rule);
                }
            }
            Status::Failed | Status::Killed | Status::Timeout => {
                self.fold.n_failed += 1;
                self.fold.failed.insert(key);
            }
            Status::Skipped => self.fold.n_skipped += 1,
            Status::Cancelled => self.fold.n_cancelled += 1,
            Status::Touched => self.wrong(format!("{key} is touched")),
        }
    }

    /// What a job that came to nothing has left is gone, and its old outputs are there again.
    fn check_given_back(&mut self, key: &str) {
        let Some(proc) = self.procs.iter().rev().find(|proc| proc.key == key) else {
            return;
        };
        // Beside a split's own files others may lie that a run left which was cut off.
        let rule = &self.spec.rules[proc.rule];
        if proc.run != self.n_runs || rule.is_update || rule.verb == Verb::Split {
            return;
        }
        for output in proc.outputs.clone() {
            let stat = self.disk.mem.stat(output.as_bytes()).ok().flatten();
            let now = stat.map(|stat| {
                let text = self.disk.mem.read(output.as_bytes()).unwrap_or_default();
                (stat.modified, text)
            });
            if now != self.disk.put_aside(output.as_bytes()) {
                self.wrong(format!(
                    "{key} has failed, and {output} is not as it was before"
                ));
            }
        }
    }

    /// A job that ended well has its outputs, and they are its own.
    fn ended_well(&mut self, key: String, end: &JobFinished) {
        let Some(number) = self.procs.iter().rposition(|proc| proc.key == key) else {
            self.wrong(format!("{key} has ended well and never started"));
        };
        let proc = self.procs[number].clone();
        if proc.run != self.n_runs {
            self.wrong(format!(
                "{key} has ended well and was not started in this run"
            ));
        }
        if self.fold.outdated.contains(&key) {
            return;
        }
        let outputs: Vec<String> = end.outputs.iter().map(ToString::to_string).collect();
        for output in &outputs {
            if self.state(output).is_none() {
                self.wrong(format!(
                    "{key} has ended well and its output {output} is not there"
                ));
            }
            if let Some(&writer) = self.writers.get(output)
                && writer != number
            {
                let run = self.procs[writer].run;
                self.wrong(format!(
                    "{key} has ended well with an output {output} that run {run} wrote"
                ));
            }
        }
        self.ever_done.extend(outputs.iter().cloned());
        if self.fold.changed.contains(&key) || self.book.has_failed() {
            return;
        }
        self.recorded.extend(outputs.iter().cloned());
        let states = |files: &[String]| files.iter().map(|file| self.state(file)).collect();
        let done = Done {
            command: proc.command().to_vec(),
            inputs: states(proc.inputs()),
            outputs: outputs
                .iter()
                .map(|file| (file.clone(), self.state(file)))
                .collect(),
        };
        self.done_soon.push((key, done));
    }

    fn check_tally(&mut self, tally: &Tally) {
        let fold = &self.fold;
        let told = [
            fold.n_ok,
            fold.n_failed,
            fold.n_skipped,
            fold.n_cancelled,
            fold.n_retries,
        ];
        let said = [
            tally.ok,
            tally.failures(),
            tally.skipped,
            tally.cancelled,
            tally.retries,
        ];
        if told != said || fold.n_fresh != tally.fresh {
            self.wrong(format!(
                "events do not fold to the counts: {told:?} against {said:?}"
            ));
        }
    }

    /// All that was to be done has come to an end, one way or another.
    pub fn check_end(&mut self, summary: &Summary) {
        self.records_are_written();
        if let Some(lost) = &summary.lost
            && !self.is_troubled
        {
            self.wrong(format!("the run could not go on, for no reason: {lost}"));
        }
        if let Some(key) = self.fold.running.iter().min() {
            self.wrong(format!("{key} still runs when the run ends"));
        }
        let n_ended = self.fold.n_ended;
        let n = self.fold.n_announced;
        if n_ended < n && summary.lost.is_none() {
            self.wrong(format!(
                "{n} jobs were to be done, and {n_ended} have ended"
            ));
        }
    }
}
