//! Jobs that run on a cluster: what they ask for, those that an earlier run has left there, those that
//! were lost, and those that are left behind.

use std::collections::HashMap;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::outputs::Aside;
use super::{Engine, Given, Interrupt, Rendered, render};
use crate::disk::Stat;
use crate::event::Status;
use crate::exec::TaskId;
use crate::exec::drmaa::{InFlight, Pack, Place, Request};
use crate::history::LastTry;
use crate::plan::JobId;
use crate::sched::{self, Need};
use crate::stale::print::number;
use crate::workflow::RuleId;

/// How jobs are sent to a cluster.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterOptions {
    /// Submissions at once.
    pub jobs: u32,
    /// Cores of this machine, which jobs take that run here.
    pub local_cores: u32,
    /// How much work makes a pack.
    pub group_time: Duration,
}

/// A submission is worth so many of the scheduler's cores, so that each job of a pack can be worth less.
pub(super) const WORTH: u32 = 1000;

/// Jobs that take longer than this are never packed unless their rule says so, in seconds.
const SHORT: f64 = 30.0;

/// A job that an earlier run has left on the cluster.
pub(super) struct TakenUp {
    found: InFlight,
    at: (String, usize),
    aside: Aside,
}

impl TakenUp {
    pub fn attempt(&self) -> u32 {
        self.found.attempt
    }

    pub fn tmp(&self) -> &BString {
        &self.found.tmp
    }

    /// What its old outputs are, put aside by the run that sent it.
    pub fn aside(&self) -> Aside {
        self.aside.clone()
    }
}

impl ClusterOptions {
    /// So many cores the scheduler is told that there are: for the submissions, and one for each job that
    /// runs here, which takes none of them.
    pub(super) fn worth(&self) -> u32 {
        let out = self.jobs.min(u32::MAX / WORTH).saturating_mul(WORTH);
        out.saturating_add(self.local_cores)
    }
}

impl Engine<'_> {
    /// Whether the jobs of a rule go to the cluster.
    pub(super) fn goes_out(&self, rule: RuleId) -> bool {
        let is_local = self.context.workflow.rules[rule].cluster.is_local;
        self.options.cluster.is_some() && !is_local
    }

    /// What the scheduler is to count for a try, where jobs go to a cluster.
    pub(super) fn need_out(&self, rule: RuleId, need: Need) -> Need {
        let Some(options) = &self.options.cluster else {
            return need;
        };
        if !self.goes_out(rule) {
            let mut limits = need.limits;
            let cores = need.cores.clamp(1, options.local_cores);
            limits.extend(self.here.iter().flat_map(|here| (0..cores).map(|_| *here)));
            return Need {
                cores: 1,
                limits,
                ..need
            };
        }
        let in_one = match self.pack(rule) {
            None => 1.0,
            Some(Pack { at_most, seconds }) => {
                let by_time = options.group_time.as_secs_f64() / seconds.unwrap_or(1.0).max(0.001);
                at_most.map_or(by_time, f64::from)
            }
        };
        Need {
            cores: ((f64::from(WORTH) / in_one.max(1.0)) as u32).max(1),
            mem_mib: 0,
            gpus: 0,
            limits: need.limits,
        }
    }

    /// Of a rule whose jobs run here while others go to a cluster: what the scheduler says otherwise.
    pub(super) fn warn_of_too_many_cores(&mut self, rule: RuleId) {
        let Some(there) = self
            .options
            .cluster
            .as_ref()
            .map(|cluster| cluster.local_cores)
        else {
            return;
        };
        let found = &self.context.workflow.rules[rule];
        let wanted = found.needs.cores_of(1);
        if !self.goes_out(rule) && wanted > there {
            let name = found.name.clone();
            self.warn(format!(
                "`{name}` asks for {wanted} cores of {there} here: it takes all there is"
            ));
        }
    }

    /// How the jobs of a rule may be packed.
    fn pack(&self, rule: RuleId) -> Option<Pack> {
        let seconds = self.means.get(&rule).copied();
        match self.context.workflow.rules[rule].cluster.group {
            Some(1) => None,
            at_most @ Some(_) => Some(Pack { seconds, at_most }),
            None if seconds? <= SHORT => Some(Pack {
                seconds,
                at_most: None,
            }),
            None => None,
        }
    }

    /// How long the jobs of each rule took, on average, as history has it.
    pub(super) fn find_means(&mut self) {
        if self.options.cluster.is_none() {
            return;
        }
        let mut sums: HashMap<RuleId, (f64, u32)> = HashMap::new();
        for &job in &self.plan.known {
            let last = self.history.last(self.plan.key(job));
            let wall = last.and_then(|last| last.past?.ran().wall_ms);
            if let Some(ms) = wall {
                let (sum, n) = sums.entry(self.plan.jobs[job].rule).or_default();
                (*sum, *n) = (*sum + ms as f64 / 1000.0, *n + 1);
            }
        }
        let means = sums
            .into_iter()
            .map(|(rule, (sum, n))| (rule, sum / f64::from(n)));
        self.means = means.collect();
    }

    /// Where and how a try of a job runs on the cluster; `None` for one that runs here.
    pub(super) fn place_out(
        &self,
        job: JobId,
        attempt: u32,
        rendered: &Rendered,
        inputs: &[Option<Stat>],
        taken_up: Option<&TakenUp>,
    ) -> Option<Box<Place>> {
        let rule = self.plan.jobs[job].rule;
        if !self.goes_out(rule) {
            return None;
        }
        let pack = self.pack(rule);
        let rule = &self.context.workflow.rules[rule];
        let time = self.time_of(job, attempt);
        Some(Box::new(Place {
            job: self.plan.key(job).into(),
            rule: rule.name.clone(),
            attempt,
            request: Request {
                cores: rule.needs.cores_of(attempt),
                mem_mib: rule.needs.mem_mib.of(attempt),
                gpus: rule.needs.gpus.of(attempt).unwrap_or(0),
                time_s: time.map(|time| time.as_secs().max(1)),
                queue: rule.cluster.queue.clone(),
                native: rule.cluster.native.clone(),
            },
            pack,
            task_print: task_print(rendered),
            inputs_print: self.inputs_print(job, inputs),
            tmp: rendered.tmp.clone().unwrap_or_default(),
            take_up: taken_up.map(|taken| taken.at.clone()),
        }))
    }

    /// What the inputs of a job look like. Where contents count, other files that look the same differ
    /// in it too.
    fn inputs_print(&self, job: JobId, inputs: &[Option<Stat>]) -> u64 {
        let paths = self.plan.inputs(job).iter();
        let counts_contents = self.counts_contents(job);
        let mut text = Vec::new();
        for (path, stat) in paths.zip(inputs) {
            let path = self.plan.path(*path);
            text.extend_from_slice(path);
            text.push(0);
            if let Some(stat) = stat {
                text.extend(stat.size.to_le_bytes());
                text.extend(stat.modified.0.to_le_bytes());
            }
            if counts_contents && let Ok(Some((_, identity))) = self.store.disk().identify(path) {
                text.extend(identity.inode.to_le_bytes());
                text.extend(identity.changed.0.to_le_bytes());
            }
        }
        number(&text)
    }

    /// Finds the jobs of this run that are on the cluster already. One that would not be the same any
    /// more, or that has to wait for others, is ended there.
    pub(super) fn take_up(&mut self) -> anyhow::Result<()> {
        if self.options.cluster.is_none() {
            return Ok(());
        }
        let mut asides = self.store.asides()?;
        let mut n_taken = 0;
        for job in self.plan.known.clone() {
            let key: BString = self.plan.key(job).into();
            if !self.wanted.has(job) {
                continue;
            }
            let Some((found, at)) = self.executor.on_cluster(&key) else {
                continue;
            };
            let aside = asides.remove(&key).unwrap_or_default();
            let last = self.history.last(&key).map(|last| last.last_try);
            if last == Some(LastTry::Unfinished) && self.is_same(job, &found) {
                n_taken += 1;
                self.taken_up.insert(job, TakenUp { found, at, aside });
            } else {
                self.executor.withdraw(at)?;
                let failed = self.store.recover_job(&aside, &self.output_paths(job));
                if let Err(error) = failed {
                    let key = self.key_text(job);
                    self.warn(format!("{key}: an old output cannot be put back: {error}"));
                }
            }
        }
        if n_taken > 0 {
            let jobs = if n_taken == 1 { "job" } else { "jobs" };
            self.warn(format!(
                "{n_taken} {jobs} that an earlier run has sent to the cluster: taken up"
            ));
        }
        Ok(())
    }

    /// Whether a job would be sent as it was.
    fn is_same(&self, job: JobId, found: &InFlight) -> bool {
        let verdict = self.judge.verdict(job);
        if !self.judge.will_run(job) || verdict.is_maybe() {
            return false;
        }
        if !self.goes_out(self.plan.jobs[job].rule) {
            return false;
        }
        let inputs: Option<Vec<_>> = (self.plan.inputs(job).iter())
            .map(|path| self.store.disk().look(self.plan.path(*path)).ok())
            .collect();
        let rule = self.plan.rule_of(self.context.workflow, job);
        let folder = self.options.folder.as_bstr();
        let given = Given::asked(&rule.needs, found.attempt, found.tmp.as_bstr(), folder);
        let rendered = render(&self.plan, self.context.workflow, job, &given);
        inputs.is_some_and(|inputs| self.inputs_print(job, &inputs) == found.inputs)
            && rendered.is_ok_and(|rendered| task_print(&rendered) == found.task)
    }

    /// The cluster lost a task: what it left goes, and it runs again.
    pub(super) fn run_again(&mut self, task: TaskId, why: &str) {
        let Some(running) = self.running.get(&task) else {
            return;
        };
        let job = running.job;
        let key = self.key_text(job);
        self.warn(format!("{key}: {why}: it is sent again"));
        self.discard(job);
        if let Err(error) = self.executor.again(task) {
            self.stop(format!("{error:#}"));
        }
    }

    /// At the first Ctrl-C, jobs that are on a cluster need not be ended: asks, where somebody can
    /// answer. Nothing new starts in any case.
    pub(super) fn asks_what_then(&mut self) -> bool {
        let n_out = self.running.values().filter(|try_| try_.is_out).count();
        if n_out == 0 || self.n_interrupts > 0 || self.has_asked {
            return false;
        }
        self.has_asked = self.sinks.iter_mut().any(|sink| sink.choose(n_out));
        if self.has_asked {
            self.interrupt.get_or_insert(Interrupt::Interrupt);
            let now = self.now();
            self.sched.tell(now, sched::Msg::Stop);
        }
        self.has_asked
    }

    /// The run ends, and its jobs on the cluster go on without it; those that run here do not.
    pub(super) fn leave(&mut self) {
        let n_left = match self.executor.leave() {
            Ok(n_left) => n_left,
            Err(error) => return self.stop(format!("{error:#}")),
        };
        let now = self.now();
        self.sched.tell(now, sched::Msg::Stop);
        let out = self.running.iter().filter(|(_, running)| running.is_out);
        let mut out: Vec<TaskId> = out.map(|(task, _)| *task).collect();
        out.sort();
        for task in out {
            let Some(running) = self.running.remove(&task) else {
                continue;
            };
            // Its old outputs stay where they are, for whoever takes it up.
            self.aside.remove(&running.job);
            self.sched.tell(
                now,
                sched::Msg::Ended {
                    job: running.idx,
                    end: sched::End::Cut,
                },
            );
            self.emit_unstarted(running.job, Status::Cancelled);
        }
        if n_left > 0 {
            let (jobs, them) = match n_left {
                1 => ("job stays", "it"),
                _ => ("jobs stay", "them"),
            };
            self.warn(format!(
                "{n_left} {jobs} on the cluster: `flow run --drmaa` takes {them} up, `flow status` \
                 lists {them}, `flow stop` ends {them}"
            ));
        }
        // Those that this run has not come to yet stay as well.
        let stay = std::mem::take(&mut self.taken_up);
        self.interrupted(Interrupt::Interrupt);
        self.taken_up = stay;
    }

    /// Ends what an earlier run has left on the cluster and this one has not come to yet.
    pub(super) fn withdraw_taken_up(&mut self) {
        for taken in self.taken_up.values() {
            let (name, at) = &taken.at;
            // The error is that the executor is gone, which says so itself.
            self.executor.withdraw((name.clone(), *at)).ok();
        }
    }
}

/// What two tasks that do the same have in common.
fn task_print(rendered: &Rendered) -> u64 {
    let mut text = Vec::new();
    let mut put = |bytes: &[u8]| {
        text.extend((bytes.len() as u64).to_le_bytes());
        text.extend_from_slice(bytes);
    };
    for part in [&rendered.dir, &rendered.stdout, &rendered.stderr] {
        put(part);
    }
    rendered.argv.iter().for_each(|word| put(word));
    put(b"");
    for (name, value) in &rendered.env {
        put(name);
        put(value);
    }
    if let Some(script) = &rendered.script {
        put(&script.text);
    }
    number(&text)
}
