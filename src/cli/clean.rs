//! `flow clean`: removes what the workflow made, as far as history can vouch for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::io::{IsTerminal, Write};

use bstr::{BStr, BString, ByteSlice};

use super::hands::Shared;
use super::hold::{Held, hold};
use super::open::{self, Opened};
use super::options::CleanOptions;
use super::orphans::maker;
use super::targets::{self, Judged, Manner, judge};
use super::{Exit, hands};
use crate::disk::{Disk, DiskMut, Real};
use crate::history::{File, History, Store};
use crate::pattern::Listing;
use crate::pattern::facts::without_slash;
use crate::plan::want::Wanted;
use crate::plan::{Context, JobId, PathId, Plan};
use crate::ui::{Detail, human, path};
use crate::workflow::RuleId;

/// So many files are listed unless all are asked for.
const SHOWN: usize = 20;

pub fn clean(options: CleanOptions) -> anyhow::Result<Exit> {
    let opened = match open::open(&options.common, &options.place, &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    if !opened.state.is_dir() {
        anstream::println!("nothing to remove: nothing was run here");
        return Ok(Exit::Done);
    }
    let hands = hands::for_question(&opened)?;
    let disk = Real::open(&opened.folder)?;
    // Held from here on, so that what is shown is what is removed.
    let held = match hold(&opened.folder, &opened.state, &disk, "clean")? {
        Ok(held) => held,
        Err(exit) => return Ok(exit),
    };
    held.warn();
    let found = match options.trash {
        true => Ok(trash(&opened, &disk)?),
        false => find(&options, &opened, &disk, &held, hands.as_ref())?,
    };
    let found = match found {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    found.show(options.common.detail == Detail::Verbose);
    if found.gone.is_empty() {
        anstream::println!("nothing to remove");
        return Ok(Exit::Done);
    }
    if !options.yes {
        if !std::io::stdin().is_terminal() {
            anstream::eprintln!("error: nobody is there to be asked; --yes removes without asking");
            return Ok(Exit::WrongCommand);
        }
        anstream::eprint!("remove them? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            anstream::println!("nothing was removed");
            return Ok(Exit::Done);
        }
    }
    remove(&disk, &found)
}

fn remove(disk: &Real, found: &Found) -> anyhow::Result<Exit> {
    let mut n_removed = 0;
    let mut has_failed = false;
    for path in found.gone.keys() {
        match disk.remove(without_slash(path)) {
            Ok(()) => n_removed += 1,
            Err(error) => {
                has_failed = true;
                anstream::eprintln!("error: {} stays: {error}", crate::ui::path(path));
            }
        }
    }
    anstream::println!("{} removed", human::counted(n_removed, "file"));
    Ok(match has_failed {
        true => Exit::Machine,
        false => Exit::Done,
    })
}

/// What goes, with its size, and what stays and why.
#[derive(Default)]
struct Found {
    gone: BTreeMap<BString, u64>,
    kept: BTreeMap<BString, &'static str>,
}

impl Found {
    fn show(&self, shows_all: bool) {
        let most = if shows_all { usize::MAX } else { SHOWN };
        let rest = |len: usize| {
            if len > most {
                anstream::println!("  and {} more: -v shows them", len - most);
            }
        };
        for (name, size) in self.gone.iter().take(most) {
            anstream::println!("  {:>10}  {}", human::size(*size), path(name));
        }
        rest(self.gone.len());
        if !self.gone.is_empty() {
            let total = human::size(self.gone.values().sum());
            let n = human::counted(self.gone.len() as u64, "file");
            anstream::println!("{n}, {total}");
        }
        if !self.kept.is_empty() {
            anstream::println!("kept:");
        }
        for (name, why) in self.kept.iter().take(most) {
            anstream::println!("  {}: {why}", path(name));
        }
        rest(self.kept.len());
    }
}

fn trash(opened: &Opened, disk: &Real) -> anyhow::Result<Found> {
    let state = super::open::state_path(&opened.folder, &opened.state);
    let contents = crate::run::trash::contents(disk, state.as_bstr())?;
    Ok(Found {
        gone: contents.into_iter().collect(),
        ..Found::default()
    })
}

fn find(
    options: &CleanOptions,
    opened: &Opened,
    disk: &Real,
    held: &Held,
    hands: Option<&Shared>,
) -> anyhow::Result<Result<Found, Exit>> {
    let history = &held.history;
    let mut rules = HashSet::new();
    let mut unknown = Vec::new();
    for name in &options.rules {
        match targets::rule(&opened.workflow, name) {
            Some(rule) => {
                rules.insert(rule);
            }
            None => unknown.push(targets::no_such_rule(&opened.workflow, "--rule", name)),
        }
    }
    if !unknown.is_empty() {
        opened.terminal.show(&unknown, &opened.sources);
        return Ok(Err(Exit::NoSuchTarget));
    }
    let listing = RefCell::new(Listing::new(disk));
    let manner = Manner {
        hands,
        ..Manner::question(None)
    };
    let judged = match judge(opened, disk, history, &listing, &[], &manner) {
        Ok(judged) => judged,
        Err(exit) => return Ok(Err(exit)),
    };
    let context = Context {
        workflow: &opened.workflow,
        listing: &listing,
    };
    let mut search = Search {
        disk,
        takes_changed: options.changed,
        found: Found::default(),
    };
    if options.temp {
        let of_temp = opened
            .workflow
            .rules
            .iter()
            .filter(|(_, rule)| rule.is_temp);
        rules.extend(of_temp.map(|(id, _)| id));
    }
    match (options.orphans, options.temp && rules.is_empty()) {
        (true, _) => search.orphans(&judged, context, history, &opened.name)?,
        (false, true) => {}
        (false, false) => search.made(&judged, context, history, &rules)?,
    }
    if options.temp {
        search.keep_what_is_read(&judged);
    }
    Ok(Ok(search.found))
}

struct Search<'a> {
    disk: &'a Real,
    takes_changed: bool,
    found: Found,
}

impl Search<'_> {
    /// What jobs of the plan have made; of these rules, or of all when none is named.
    fn made(
        &mut self,
        judged: &Judged,
        context: Context,
        history: &Store,
        rules: &HashSet<RuleId>,
    ) -> anyhow::Result<()> {
        let plan = &judged.plan;
        for job in plan.jobs.ids() {
            if !rules.is_empty() && !rules.contains(&plan.jobs[job].rule) {
                continue;
            }
            if rules.is_empty() && plan.rule_of(context.workflow, job).is_protected {
                self.protected(plan, history, job)?;
                continue;
            }
            let past = history.last(plan.key(job)).and_then(|last| last.past);
            let recorded: Vec<File> = past.into_iter().flat_map(|past| past.outputs()).collect();
            let is_split = plan.rule_of(context.workflow, job).makes_unknown_files();
            if is_split {
                for file in recorded {
                    self.file(BStr::new(file.path), Some(file))?;
                }
                continue;
            }
            for &output in plan.outputs(job) {
                let name = plan.path(output);
                let file = recorded.iter().find(|file| file.path == name).copied();
                self.file(name, file)?;
            }
        }
        Ok(())
    }

    /// Files that a job which will run reads would only be made again.
    fn keep_what_is_read(&mut self, judged: &Judged) {
        let Judged { plan, judge, .. } = judged;
        let will_run = plan.jobs.ids().filter(|job| judge.will_run(*job));
        for path in will_run.flat_map(|job| plan.inputs(job)) {
            let name = plan.path(*path);
            if self.found.gone.remove(name).is_some() {
                self.found
                    .kept
                    .insert(name.into(), "a job that will run reads it");
            }
        }
    }

    /// Keeps what a rule protects.
    fn protected(&mut self, plan: &Plan, history: &Store, job: JobId) -> anyhow::Result<()> {
        let past = history.last(plan.key(job)).and_then(|last| last.past);
        let recorded = past.into_iter().flat_map(|past| past.outputs());
        for file in recorded {
            if self.disk.is_there(without_slash(file.path))? {
                let why = "its rule protects it; --rule RULE removes it too";
                self.found.kept.insert(file.path.into(), why);
            }
        }
        Ok(())
    }

    /// What was made once and is made by no job now, nor may be by one that is not known yet.
    fn orphans(
        &mut self,
        judged: &Judged,
        context: Context,
        history: &Store,
        workflow: &BString,
    ) -> anyhow::Result<()> {
        let plan = &judged.plan;
        let read: HashSet<PathId> = (plan.jobs.ids())
            .flat_map(|job| plan.inputs(job).iter().copied())
            .collect();
        for past in history.jobs().filter_map(|(_, last)| last.past) {
            for file in past.outputs() {
                let name = BStr::new(file.path);
                let id = plan.paths.find(name);
                if Wanted::default().add_file(plan, context, name) {
                    continue;
                }
                if maker(history, &past).is_some_and(|maker| maker != *workflow) {
                    if self.disk.is_there(without_slash(name))? {
                        let why = "another workflow made it";
                        self.found.kept.insert(name.into(), why);
                    }
                    continue;
                }
                match id.is_some_and(|id| read.contains(&id)) {
                    true if self.disk.is_there(without_slash(name))? => {
                        self.found.kept.insert(name.into(), "a job reads it");
                    }
                    true => {}
                    false => self.file(name, Some(file))?,
                }
            }
        }
        Ok(())
    }

    /// Sorts one file: gone, kept, or not there.
    fn file(&mut self, name: &BStr, recorded: Option<File>) -> anyhow::Result<()> {
        let Some(stat) = self.disk.look(name)? else {
            return Ok(());
        };
        let why = match recorded {
            None => Some("there is no record that flow made it"),
            Some(file) if file.time != stat.modified || file.size != stat.size => {
                Some("it was changed since flow made it; --changed removes it too")
            }
            Some(_) => None,
        };
        match why {
            Some(why) if recorded.is_none() || !self.takes_changed => {
                self.found.kept.insert(name.into(), why);
            }
            _ => {
                let size = match stat.kind {
                    crate::disk::Kind::Folder => {
                        crate::run::outputs::size(self.disk, without_slash(name).to_vec())?
                    }
                    _ => stat.size,
                };
                self.found.kept.remove(name.as_bytes().as_bstr());
                self.found.gone.insert(name.into(), size);
            }
        }
        Ok(())
    }
}
