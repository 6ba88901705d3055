//! The end of a try: are all outputs there, is everything as it was, and what follows.

use bstr::BString;

use super::late::Left;
use super::retry::Tried;
use super::{Engine, Running};
use crate::event::{End, EventKind, Failure, JobFinished, JobRetry, Status, Usage};
use crate::exec::TaskId;
use crate::history::output::Kind as LogKind;
use crate::history::{History, Now};
use crate::lang::quantity::shown_duration;
use crate::plan::{JobId, PathId};
use crate::sched::{self, Action};
use crate::stale::print::Print;
use crate::stale::problem::failed_checks;
use crate::stale::settle;

/// A file that a job has printed into is only read for its end when it is no longer, in bytes.
const READ_AT_MOST: u64 = 4 << 20;

/// Lines of output that a failure shows.
const TAIL_LINES: usize = 20;

impl Engine<'_> {
    /// A process has ended, and so has all that it left behind.
    pub(super) fn ended(&mut self, task: TaskId, end: End, usage: Usage, left: &Left) {
        let Some(mut running) = self.running.remove(&task) else {
            self.errand_ended(task, end);
            return;
        };

        self.gpus.give_back(&running.gpus);
        let is_ended = running.is_cut || running.is_over_time;
        if !is_ended {
            self.tell_left(running.job, left);
        }
        if !end.is_ok() || is_ended {
            let why = running.why.take();
            let failure = why.map_or(Failure::Process, Failure::Engine);
            self.failed(running, Some(end), Some(usage), failure);
            return;
        }
        self.ended_well(task, running, end, usage, left);
    }

    /// Whether all declared outputs are there; a split's files.
    pub(super) fn check_outputs(&mut self, job: JobId) -> Result<Option<Vec<PathId>>, Failure> {
        let rule = self.plan.rule_of(self.context.workflow, job);
        let is_split = rule.makes_unknown_files();
        let globs: Vec<bool> = rule
            .outputs
            .iter()
            .flatten()
            .map(|output| output.is_glob())
            .collect();
        let mut missing = Vec::new();
        for (at, &path) in self.plan.outputs(job).iter().enumerate() {
            if is_split && globs.get(at) == Some(&true) {
                continue;
            }
            let text = self.plan.path(path);
            match self.store.disk().look(text) {
                Ok(Some(stat)) => self.judge.facts.set(path, Some(stat)),
                Ok(None) => missing.push(BString::from(text)),
                Err(error) => {
                    let why = format!("the output `{text}` cannot be looked at: {error}");
                    return Err(Failure::Engine(why));
                }
            }
        }
        if !missing.is_empty() {
            return Err(Failure::OutputsMissing(missing));
        }
        if !is_split {
            return Ok(None);
        }
        let found = self
            .matches(job)
            .map_err(|error| Failure::Engine(format!("the outputs cannot be listed: {error}")))?;
        let before = self.before.remove(&job).unwrap_or_default();
        let mut made = Vec::new();
        let mut foreign = Vec::new();
        for path in found {
            let stat = self.store.disk().look(&path).ok().flatten();
            if stat.is_some() && before.get(&path).copied() == stat {
                foreign.push(path);
                continue;
            }
            let path = self.plan.paths.intern(&path);
            self.judge.facts.set(path, stat);
            made.push(path);
        }
        if let Some(first) = foreign.first() {
            let key = self.key_text(job);
            let n = foreign.len();
            let others = if n > 1 {
                format!(" and {} more", n - 1)
            } else {
                String::new()
            };
            self.warn(format!(
                "{key}: `{first}`{others} was there before and is unchanged: not taken as output"
            ));
        }
        Ok(Some(made))
    }

    /// `late` is an input that the job named itself and that changed meanwhile.
    pub(super) fn succeeded(
        &mut self,
        running: Running,
        end: End,
        usage: Usage,
        made: Option<Vec<PathId>>,
        late: Option<BString>,
    ) {
        let job = running.job;
        let key: BString = self.plan.key(job).into();
        self.owe_then(self.plan.jobs[job].rule);
        if self.counts_contents(job) {
            let outputs = made.as_deref().unwrap_or(self.plan.outputs(job));
            let disk = self.store.disk();
            self.judge.facts.look_into(&self.plan, disk, outputs);
        }
        self.restore_times(&running, made.as_deref());
        if let Some(files) = &made {
            self.judge.set_ran(job, running.began);
            match self.plan.made(job) {
                None => self.grow(job, files),
                Some(_) => self.made_again(job, files),
            }
        }
        let changed = self.changed_input(&running).or(late);
        let changed = changed.or_else(|| self.changed_content(&running));
        let ended_ms = self.clock.now().as_millisecond() as u64;
        // Before the history: who finds it done there finds here what it printed.
        if running.output_bytes > 0 || running.attempt > 1 {
            let when = ended_ms.to_string();
            let attempt = running.attempt;
            let written = (self.log).write(LogKind::Done, &key, attempt, when.as_bytes());
            self.check_log(written);
        }
        match changed {
            None => self.record(&running, usage, ended_ms),
            // It stays open in the history: the next run makes it again.
            Some(input) => self.warn(format!(
                "{key}: its input `{input}` changed while it ran, so it is stale already"
            )),
        }
        if let Some(aside) = self.aside.remove(&job)
            && let Err(error) = self.store.drop_old(&aside)
        {
            self.warn(format!("{key}: an old output cannot be removed: {error}"));
        }
        self.remove_tmp(&running);
        self.executor.settled(running.task);
        self.judge.set_ran(job, running.began);
        let now = self.now();
        self.finished(&running, Status::Ok, Some(end), Some(usage), None);
        self.sched.tell(
            now,
            sched::Msg::Ended {
                job: running.idx,
                end: sched::End::Ok,
            },
        );
        self.done_reading(job);
    }

    /// Keeps what the job looked like.
    fn record(&mut self, running: &Running, usage: Usage, ended_ms: u64) {
        let job = running.job;
        self.keep_inputs(job, &running.inputs);
        let ran = Now {
            ended_ms,
            wall_ms: Some((usage.wall_s * 1000.0) as u64),
            max_rss_kib: usage.max_rss_kib,
            ..Now::default()
        };
        self.record_as(job, ran);
    }

    /// A split has its files: plans and judges what follows.
    pub(super) fn grow(&mut self, job: JobId, files: &[PathId]) {
        *self.context.listing.borrow_mut() = crate::pattern::Listing::new(self.store.disk());
        self.temps.n_grown += 1;
        let n_known = self.plan.known.len();
        let n_jobs = self.n_jobs();
        self.plan.grow(self.context, job, files);
        let new = self.plan.known[n_known..].to_vec();
        self.wanted.grow(&self.plan, self.context, &new);
        settle(
            &mut self.plan,
            self.context,
            &mut self.wanted,
            &mut self.judge,
            self.store.disk(),
            self.history.as_ref(),
        );
        let missing = crate::stale::problem::missing_inputs(
            &self.plan,
            self.context,
            &self.wanted,
            &self.judge,
        );
        let mut diags = self.plan.diags.split_off(self.n_diags);
        diags.extend(missing);
        diags.extend(failed_checks(&self.plan, self.context, &self.judge));
        self.judge.failed_checks.clear();
        if diags.iter().any(|diag| diag.is_error()) {
            // What runs may finish; the rest of the plan is not to be trusted.
            let now = self.now();
            self.sched.tell(now, sched::Msg::Stop);
        } else {
            self.add_known();
            let known = self.plan.known[n_known..].iter();
            let fresh = known.filter(|job| self.wanted.has(**job) && !self.judge.will_run(**job));
            let (fresh, may_grow) = (fresh.count() as u64, self.may_grow());
            self.emit(EventKind::RunGrew {
                jobs: (self.n_jobs() - n_jobs) as u64,
                fresh,
                may_grow,
            });
        }
        for diag in &diags {
            if !diag.is_error() {
                self.warn(diag.message.clone());
            }
        }
        self.diags
            .extend(diags.into_iter().filter(|diag| diag.is_error()));
    }

    /// A try has failed or was cut off. The scheduler says whether another follows.
    pub(super) fn failed(
        &mut self,
        running: Running,
        end: Option<End>,
        usage: Option<Usage>,
        failure: Failure,
    ) {
        let job = running.job;
        self.remove_tmp(&running);
        let how = if running.is_cut {
            sched::End::Cut
        } else {
            sched::End::Failed
        };
        let now = self.now();
        self.sched.tell(
            now,
            sched::Msg::Ended {
                job: running.idx,
                end: how,
            },
        );
        let mut actions = Vec::new();
        self.sched.step(&mut actions);
        let is_retried = actions
            .iter()
            .any(|action| matches!(action, Action::Retry { job, .. } if *job == running.idx));
        self.executor.settled(running.task);
        let key: BString = self.plan.key(job).into();
        // What happens to it while it is being ended is nobody's fault but its time's.
        let over_time = running.deadline.filter(|_| running.is_over_time);
        let failure = match over_time {
            Some((_, time)) if is_retried => {
                let time = shown_duration(time);
                Failure::Engine(format!("ran over its time of {time}, and was ended"))
            }
            _ => failure,
        };
        let text = match &failure {
            _ if over_time.is_some() => "over its time".into(),
            Failure::Process => end.as_ref().map_or(String::new(), |end| format!("{end:?}")),
            Failure::OutputsMissing(_) => "outputs missing".into(),
            Failure::Engine(why) => why.clone(),
        };
        let written = self
            .log
            .write(LogKind::Failed, &key, running.attempt, text.as_bytes());
        self.check_log(written);
        if is_retried {
            self.discard(job);
            let name = self.name(job);
            let attempt = running.attempt;
            self.emit(EventKind::JobRetry(JobRetry {
                name,
                attempt,
                end: end.clone(),
                failure: Some(failure.clone()),
                usage,
            }));
            self.keep_try(Tried {
                running,
                end,
                usage,
                failure,
            });
        } else {
            self.failed_for_good(Tried {
                running,
                end,
                usage,
                failure,
            });
        }
        for action in actions {
            self.act(action);
        }
    }

    /// What a job that failed for good left goes to the trash, and its old outputs come back.
    pub(super) fn clean_up(&mut self, running: &Running) {
        let job = running.job;
        self.discard(job);
        self.give_back(job);
        let key: BString = self.plan.key(job).into();
        if let Err(error) = self.history.failed(&key) {
            self.stop(format!("{error:#}"));
        }
    }

    /// Old outputs of a job come back, when they are aside.
    pub(super) fn give_back(&mut self, job: JobId) {
        if let Some(aside) = self.aside.remove(&job)
            && let Err(error) = self.store.bring_back(&aside)
        {
            let key = self.key_text(job);
            self.warn(format!("{key}: an old output cannot be put back: {error}"));
        }
    }

    /// Moves what a failed try left of its outputs into the trash. A job that came to nothing
    /// before its old outputs were out of the way has left none.
    pub(super) fn discard(&mut self, job: JobId) {
        if self.is_update(job) {
            return;
        }
        let rule = self.plan.rule_of(self.context.workflow, job);
        let left: Vec<BString> = if rule.makes_unknown_files() {
            let Some(before) = self.before.get(&job).cloned() else {
                return;
            };
            let found = self.matches(job).unwrap_or_default();
            let is_new = |path: &BString| {
                let stat = self.store.disk().look(path).ok().flatten();
                before.get(path).copied() != stat
            };
            found.into_iter().filter(is_new).collect()
        } else if self.aside.contains_key(&job) {
            self.paths(self.plan.outputs(job))
        } else {
            return;
        };
        let key = self.key_text(job);
        match self.store.discard_try(&left) {
            Ok(true) => {}
            Ok(false) => self.warn(format!(
                "{key}: what the job left was removed, not kept in the trash: the file system is full"
            )),
            Err(error) => self.warn(format!(
                "{key}: what the job left cannot be moved to the trash: {error}"
            )),
        }
    }

    fn remove_tmp(&mut self, running: &Running) {
        if let Some(tmp) = &running.tmp {
            // A folder that cannot be removed is a nuisance, no reason to fail.
            self.store.disk().remove(tmp).ok();
        }
    }

    pub(super) fn finished(
        &mut self,
        running: &Running,
        status: Status,
        end: Option<End>,
        usage: Option<Usage>,
        failure: Option<Failure>,
    ) {
        let job = running.job;
        let tail = match failure {
            None => BString::default(),
            Some(_) if running.tail.is_empty() => self.printed(running),
            Some(_) => last_lines(&running.tail),
        };
        let finished = JobFinished {
            name: self.name(job),
            status,
            attempt: running.attempt,
            end,
            usage,
            failure,
            inputs: self.paths(self.plan.inputs(job)),
            outputs: self.output_paths(job),
            tail,
            output_bytes: running.output_bytes,
            place: self.place(self.plan.jobs[job].rule),
        };
        self.emit(EventKind::JobFinished(finished));
    }
}

impl Engine<'_> {
    /// The last that a try wrote into the files that its rule names for what it prints.
    fn printed(&self, running: &Running) -> BString {
        let disk = self.store.disk();
        let is_short = |file: &&BString| {
            let stat = disk.stat(file).ok().flatten();
            stat.is_some_and(|stat| stat.size > 0 && stat.size <= READ_AT_MOST)
        };
        let file = running.printed.iter().find(is_short);
        let text = file
            .and_then(|file| disk.read(file).ok())
            .unwrap_or_default();
        let start = text.len().saturating_sub(super::engine::TAIL);
        last_lines(&text[start..])
    }
}

/// The last lines of a text.
pub(super) fn last_lines(text: &[u8]) -> BString {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = body
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    let start = ends.map(|(at, _)| at + 1).nth(TAIL_LINES - 1).unwrap_or(0);
    text[start..].into()
}

/// Keeps a record, and the texts that it names by number.
pub(super) fn keep(
    history: &mut dyn History,
    print: &Print,
    key: &[u8],
    now: &Now,
) -> anyhow::Result<()> {
    history.remember(print.recipe, &print.recipe_text)?;
    history.remember(print.params, &print.params_text)?;
    history.succeeded(key, now)
}
