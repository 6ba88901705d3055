//! `flow accept`: targets, and what they need, count as fresh as they are. No file is touched.

use std::cell::RefCell;

use super::hold::{Held, hold};
use super::options::AskOptions;
use super::targets::{Manner, judge};
use super::{Exit, hands, open};
use crate::disk::Real;
use crate::history::History;
use crate::pattern::Listing;
use crate::plan::{Context, JobId, Plan};
use crate::run::touch::{Deed, Left, Marked, Marking};
use crate::ui::{human, path, words};

/// So many jobs that were refused are listed; the rest is counted.
const SHOWN: usize = 20;

pub fn accept(options: AskOptions) -> anyhow::Result<Exit> {
    let opened = match open::open(&options.common, &options.place, &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let hands = hands::for_question(&opened)?;
    let disk = Real::open(&opened.folder)?;
    let held = match hold(&opened.folder, &opened.state, &disk, "accept")? {
        Ok(held) => held,
        Err(exit) => return Ok(exit),
    };
    held.warn();
    let Held {
        mut history,
        outputs,
        lock: _lock,
        ..
    } = held;
    let listing = RefCell::new(Listing::new(&disk));
    let judged = judge(
        &opened,
        &disk,
        &history,
        &listing,
        &options.targets,
        &Manner {
            shows_all: true,
            hands: hands.as_ref(),
            ..Manner::question(options.checksum_level)
        },
    );
    let mut judged = match judged {
        Ok(judged) => judged,
        Err(exit) => return Ok(exit),
    };
    let marked = Marking {
        context: Context {
            workflow: &opened.workflow,
            listing: &listing,
        },
        plan: &mut judged.plan,
        wanted: &mut judged.wanted,
        judge: &mut judged.judge,
        disk: &disk,
        history: &mut history,
        deed: Deed::Accept,
    }
    .mark(&mut |_, _| {})?;
    history.close()?;
    outputs.finish();
    let n = human::counted(marked.done.len() as u64, "job");
    match (marked.done.len(), marked.left.len()) {
        (0, 0) => anstream::println!("everything is up to date already"),
        (_, _) => anstream::println!("{n} accepted"),
    }
    Ok(left(&judged.plan, &marked, "refused"))
}

/// Lists what was left as it was; the exit status that this means.
pub(super) fn left(plan: &Plan, marked: &Marked, what: &str) -> Exit {
    if marked.left.is_empty() {
        return Exit::Done;
    }
    let n = human::counted(marked.left.len() as u64, "job");
    let what = match marked.left.len() {
        1 => what.replace("they were", "it was"),
        _ => what.into(),
    };
    anstream::eprintln!("{n} {what}:");
    for (job, left) in marked.left.iter().take(SHOWN) {
        anstream::eprintln!("  {}", sentence(plan, *job, left));
    }
    if marked.left.len() > SHOWN {
        anstream::eprintln!("  and {} more", marked.left.len() - SHOWN);
    }
    Exit::JobsFailed
}

fn sentence(plan: &Plan, job: JobId, left: &Left) -> String {
    let name = path(plan.key(job));
    match left {
        Left::OutputsMissing(files) if files.len() == 1 && files[0] == plan.key(job) => {
            format!("{name}: is not there")
        }
        Left::OutputsMissing(files) => {
            format!(
                "{name}: {} not there",
                are(&words::names(files), files.len())
            )
        }
        Left::InputMissing(file) => format!("{name}: its input {} is not there", path(file)),
        Left::Unknown => format!("{name}: is behind a split that was left"),
    }
}

fn are(names: &str, n: usize) -> String {
    let verb = if n == 1 { "is" } else { "are" };
    format!("{names} {verb}")
}
