//! What a run answers, in words for people: lines, not yet ended.

#[cfg(test)]
mod tests;

use crate::history::Holder;
use crate::run::ask::{
    After, Amount, JobAnswer, Lack, Named, Now, Progress, Root, RuleAnswer, Short, Try, Wait, Waits,
};
use crate::ui::{human, path, safe};

/// So many kinds of wait, or of reason, are shown.
const SHOWN: usize = 8;

/// That a run is going, and how far it is where that is known.
pub fn going(holder: &Holder, progress: Option<&Progress>) -> String {
    let who = safe::line(holder.to_string().as_bytes());
    let what = match holder.command.as_str() {
        "run" => "a run is going".into(),
        command => safe::line(format!("`flow {command}` is at work").as_bytes()),
    };
    let Some(progress) = progress else {
        return format!("{what}: {who}");
    };
    let counts = &progress.counts;
    let (ended, all) = (
        human::count(counts.ended()),
        human::counted(counts.all(), "job"),
    );
    let runs = human::count(counts.running);
    let stops = match progress.is_stopping {
        true => "; nothing new starts",
        false => "",
    };
    format!("{what}: {who}; {ended} of {all} done, {runs} running{stops}")
}

/// Where a job stands.
pub fn job(answer: &JobAnswer) -> Vec<String> {
    match &answer.now {
        Now::Running(now) => vec![format!("runs now, {}", under_way(now))],
        Now::Queued(now) => vec![format!("is being started, {}", under_way(now))],
        Now::Waiting { wait: it } => wait(it),
        Now::Fresh => vec!["need not run, as the run that is going has found".into()],
        Now::Done => vec!["has run well in the run that is going".into()],
        Now::Failed { attempts } => {
            let tries = match attempts {
                0 | 1 => String::new(),
                n => format!(", {n} times"),
            };
            vec![format!("has failed in the run that is going{tries}")]
        }
        Now::Skipped { because } => {
            let job = path(&because.job);
            vec![format!("was skipped: {job}, which it needs, has failed")]
        }
        Now::Cancelled => vec!["was not started: the run ends".into()],
        Now::NotAsked => vec!["is no part of what the run that is going was asked for".into()],
    }
}

/// `try 2 of 3, for 4.0 s (process 12)`.
fn under_way(now: &Try) -> String {
    let age = human::duration(now.for_s);
    let tries = match (now.attempt, now.tries) {
        (0 | 1, _) => String::new(),
        (attempt, tries) => format!("try {attempt} of {tries}, "),
    };
    match now.pid {
        Some(pid) => format!("{tries}for {age} (process {pid})"),
        None => format!("{tries}for {age}"),
    }
}

/// What a job waits for.
fn wait(wait: &Wait) -> Vec<String> {
    match wait {
        Wait::Jobs {
            n,
            jobs,
            after,
            root,
        } => {
            let mut lines = match (*n, jobs.first()) {
                (0, _) => Vec::new(),
                (1, Some(only)) => {
                    vec![format!(
                        "waits for {}, which {}",
                        path(&only.job),
                        short(only)
                    )]
                }
                (n, _) => {
                    let mut lines = vec![format!("waits for {}:", human::counted(n, "job"))];
                    list(&mut lines, jobs, n);
                    lines
                }
            };
            lines.extend(after.iter().map(after_rule));
            // The only job before it was named already.
            let is_news = |root: &&Root| jobs.iter().all(|job| job.job != root.job.job);
            lines.extend(root.iter().filter(is_news).map(in_the_end));
            lines
        }
        Wait::Splits { splits } => {
            let mut lines = vec![waits_for_splits()];
            list(&mut lines, splits, splits.len() as u64);
            lines
        }
        Wait::Amounts { lacks } => {
            let mut lines = Vec::new();
            for lack in lacks {
                lines.push(format!("waits for {}", short_of(lack)));
                let has = |has: u64| match lack.of {
                    Amount::MemMib => format!("has {}, ", memory(has)),
                    Amount::Limit(_) | Amount::Submissions => String::new(),
                    Amount::Cores | Amount::Gpus => format!("has {}, ", human::count(has)),
                };
                list_with(&mut lines, &lack.jobs, lack.n, has);
            }
            lines
        }
        Wait::Backoff {
            for_s,
            attempt,
            tries,
        } => {
            let time = human::duration(*for_s);
            vec![format!(
                "has failed, and waits {time} before try {attempt} of {tries}"
            )]
        }
        Wait::Check => vec!["waits for what its rule's `check` says".into()],
        Wait::Stopping => vec!["will not start: the run ends".into()],
        Wait::Turn => vec!["starts now".into()],
    }
}

fn waits_for_splits() -> String {
    "waits for a split: what it reads is known when that has run".into()
}

/// That splits have to run before a file is known.
pub fn behind(splits: &[Named]) -> Vec<String> {
    let mut lines = vec!["the run that is going may come to it, when these have run:".into()];
    list(&mut lines, splits, splits.len() as u64);
    lines
}

fn in_the_end(root: &Root) -> String {
    let what = match &root.wait {
        Some(it) => wait(it).into_iter().next().unwrap_or_default(),
        None => short(&root.job),
    };
    format!("in the end for {}, which {what}", path(&root.job.job))
}

fn after_rule(after: &After) -> String {
    let rule = safe::line(after.rule.as_bytes());
    let left = match (after.n, after.has_more) {
        (0, _) => "not all of its jobs are known".into(),
        (n, false) => format!("{} left", human::counted(n, "job")),
        (n, true) => format!("{} left, and more to come", human::counted(n, "job")),
    };
    format!("waits for rule `{rule}`, which it comes after: {left}")
}

fn short_of(lack: &Lack) -> String {
    let Lack {
        wanted,
        free,
        total,
        ..
    } = lack;
    let are = if *free == 1 { "is" } else { "are" };
    match &lack.of {
        Amount::Cores => {
            let cores = human::counted(*wanted, "core");
            format!("{cores}: {free} of {total} {are} free")
        }
        Amount::Gpus => {
            let gpus = human::counted(*wanted, "gpu");
            format!("{gpus}: {free} of {total} {are} free")
        }
        Amount::Submissions => {
            format!("a submission to the cluster: {free} of {total} {are} free")
        }
        Amount::MemMib => {
            let [wanted, free, total] = [wanted, free, total].map(|mib| memory(*mib));
            format!("{wanted} of memory: {free} of {total} is free")
        }
        Amount::Limit(name) => {
            let name = safe::line(name.as_bytes());
            format!("a permit of `{name}`: {free} of {total} {are} free")
        }
    }
}

fn memory(mib: u64) -> String {
    human::size(mib.saturating_mul(1 << 20))
}

/// Adds a line for each job, and one for those that are not named.
fn list(lines: &mut Vec<String>, jobs: &[Named], n: u64) {
    list_with(lines, jobs, n, |_| String::new());
}

/// As [`list`], each with what it has.
fn list_with(lines: &mut Vec<String>, jobs: &[Named], n: u64, has: impl Fn(u64) -> String) {
    lines.extend(jobs.iter().map(|job| {
        let has = job.has.map(&has).unwrap_or_default();
        format!("    {}  {has}{}", path(&job.job), short(job))
    }));
    let n_more = n.saturating_sub(jobs.len() as u64);
    if n_more > 0 {
        lines.push(format!("    and {} more", human::count(n_more)));
    }
}

/// `runs for 3.2 s`.
fn short(job: &Named) -> String {
    let age = job.for_s.map(human::duration);
    match (job.state, age) {
        (Short::Running, Some(age)) => format!("runs for {age}"),
        (Short::Running, None) => "runs".into(),
        (Short::Queued, _) => "is being started".into(),
        (Short::Waiting, _) => "waits too".into(),
        (Short::Unknown, _) => "is behind a split itself".into(),
        (Short::Fresh, _) => "is fresh".into(),
        (Short::Done, _) => "has run well".into(),
        (Short::Failed, _) => "has failed".into(),
        (Short::Skipped, _) => "was skipped".into(),
        (Short::Cancelled, _) => "was not started".into(),
        (Short::NotAsked, _) => "is no part of the run".into(),
    }
}

/// The jobs of a rule: counts, what they wait for, why they run.
pub fn rule(answer: &RuleAnswer) -> Vec<String> {
    let counts = &answer.counts;
    let counts = [
        (counts.done, "done"),
        (counts.running, "running"),
        (counts.waiting, "waiting"),
        (counts.unknown, "behind a split"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.cancelled, "not started"),
        (counts.fresh, "fresh"),
        (counts.not_asked, "not asked for"),
    ];
    let counts = counts.iter().filter(|(n, _)| *n > 0);
    let counts = counts.map(|(n, what)| format!("{} {what}", human::count(*n)));
    let mut counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        counts.push("no job is known yet".into());
    }
    let mut lines = vec![counts.join(", ")];
    if answer.has_more {
        lines.push("not all of its jobs are known: a split has to run first".into());
    }
    for waits in answer.waits.iter().take(SHOWN) {
        lines.push(common(waits));
    }
    for reasons in answer.because.iter().take(SHOWN) {
        let text = safe::line(reasons.because.text.as_bytes());
        let job = path(&reasons.job);
        lines.push(match reasons.n {
            1 => format!("{job} runs because {text}"),
            n => {
                let n = human::counted(n, "job");
                format!("{n} run, such as {job}: {text}")
            }
        });
    }
    lines
}

/// What jobs have in common that wait.
fn common(waits: &Waits) -> String {
    let n = human::counted(waits.n, "job");
    let verb = if waits.n == 1 { "waits" } else { "wait" };
    let example = path(&waits.job);
    match (&waits.wait, &waits.rule) {
        (Wait::Jobs { jobs, root, .. }, Some(rule)) => {
            let rule = safe::line(rule.as_bytes());
            let before = match jobs.first() {
                Some(first) => format!(" for {}, which {}", path(&first.job), short(first)),
                None => String::new(),
            };
            let root = root.iter().map(|root| format!("; {}", in_the_end(root)));
            let root: String = root.collect();
            format!("{n} {verb} for rule `{rule}`, such as {example}{before}{root}")
        }
        (Wait::Amounts { lacks }, _) if !lacks.is_empty() => {
            let lack = &lacks[0];
            let holders = human::counted(lack.n, "job");
            let have = if lack.n == 1 { "has" } else { "have" };
            format!(
                "{n} {verb} for {}; {holders} {have} the rest",
                short_of(lack)
            )
        }
        (it, _) => {
            let first = wait(it).into_iter().next().unwrap_or_default();
            format!("{n}, such as {example}: {first}")
        }
    }
}
