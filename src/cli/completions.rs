//! `flow completions SHELL`: the script by which a shell asks flow what can be typed next, and flow's
//! answers. They come from the workflow that the line names, or from the one that need not be named.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use clap::CommandFactory;
use clap::builder::StyledStr;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};

use super::args::Cli;
use super::options::{Common, CompletionsOptions, Place, ShellName};
use super::{Exit, explain, open};
use crate::disk::Real;
use crate::pattern::Listing;
use crate::plan::{Context, Plan};

/// Set by the script when it asks.
const VARIABLE: &str = "FLOW_COMPLETE";

/// A person who has pressed Tab waits so long for names of files, not longer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The script for a shell, on stdout.
pub fn completions(options: CompletionsOptions) -> anyhow::Result<Exit> {
    let shell: &dyn EnvCompleter = match options.shell {
        ShellName::Bash => &Bash,
        ShellName::Zsh => &Zsh,
        ShellName::Fish => &Fish,
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "flow", "flow", "flow", &mut script)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Answers a shell, and ends the process, when it was a shell that asked.
pub fn answer() {
    if std::env::var_os(VARIABLE).is_some() {
        CompleteEnv::with_factory(Cli::command)
            .var(VARIABLE)
            .complete();
    }
}

/// What an argument can be.
#[derive(Clone, Copy)]
pub enum Completer {
    Workflow,
    /// Workflows, rules, targets with names, and files that rules make.
    Target,
    Rule,
    /// `NAME=` of a param.
    Param,
    Code,
}

impl ValueCompleter for Completer {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let typed = Typed::of(std::env::args_os());
        let mut found = Vec::new();
        match self {
            Completer::Workflow => found.extend(workflows(current)),
            Completer::Target => {
                found.extend(workflows(current));
                found.extend(typed.rules());
                found.extend(typed.targets());
                found.extend(typed.files(current));
            }
            Completer::Rule => found.extend(typed.rules()),
            Completer::Param => found.extend(typed.params()),
            Completer::Code => {
                found.extend(explain::pages().map(|page| candidate(page.code, Some(page.title))))
            }
        }
        let typed = current.as_bytes();
        found.retain(|each: &CompletionCandidate| each.get_value().as_bytes().starts_with(typed));
        found
    }
}

fn candidate(value: impl Into<OsString>, help: Option<&str>) -> CompletionCandidate {
    let help = help.and_then(|text| text.lines().next());
    let help = help.map(|line| crate::ui::safe::line(line.trim().as_bytes()));
    CompletionCandidate::new(value).help(help.map(StyledStr::from))
}

fn workflows(current: &OsStr) -> Vec<CompletionCandidate> {
    let is_workflow = |path: &Path| path.extension().is_some_and(|ext| ext == "flow");
    PathCompleter::any().filter(is_workflow).complete(current)
}

/// The line so far, as far as it says which workflow is meant.
struct Typed {
    common: Common,
    place: Place,
}

impl Typed {
    /// The shell's words stand behind `--`: the first is `flow` itself.
    fn of(args: impl Iterator<Item = OsString>) -> Typed {
        let mut words = args.skip_while(|word| word != "--").skip(2);
        let mut typed = Typed {
            common: Common::default(),
            place: Place::default(),
        };
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            if word == "-C" {
                typed.common.chdir = words.next().map(PathBuf::from);
            } else if word == "--workdir" {
                typed.place.workdir = words.next().map(PathBuf::from);
            } else if bytes.ends_with(b".flow") && !bytes.starts_with(b"-") {
                typed.common.named_workflow = Some(word.into());
            }
        }
        typed
    }

    /// The workflow; mistakes do not matter as long as there are names in it.
    fn open(&self) -> Option<open::Opened> {
        open::try_open(&self.common, &self.place, &[]).ok()?.ok()
    }

    fn rules(&self) -> Vec<CompletionCandidate> {
        let Some(opened) = self.open() else {
            return Vec::new();
        };
        let rules = opened.workflow.rules.values().iter();
        rules
            .map(|rule| candidate(&rule.name, rule.doc.as_deref()))
            .collect()
    }

    fn targets(&self) -> Vec<CompletionCandidate> {
        let Some(opened) = self.open() else {
            return Vec::new();
        };
        let targets = opened.workflow.targets.iter();
        targets
            .map(|target| candidate(target.name.to_string(), None))
            .collect()
    }

    fn params(&self) -> Vec<CompletionCandidate> {
        let Some(opened) = self.open() else {
            return Vec::new();
        };
        let params = opened.workflow.params.iter();
        params
            .map(|param| candidate(format!("{}=", param.name), param.doc.as_deref()))
            .collect()
    }

    /// Files that rules make, up to the next folder's end: `out/`, then what is in it.
    fn files(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let typed = current.as_bytes().to_vec();
        let Some(opened) = self.open() else {
            return Vec::new();
        };
        let (sender, found) = sync_channel(1);
        // Ends with the process, when the plan takes longer than anybody waits.
        std::thread::spawn(move || sender.send(outputs(&opened, &typed).unwrap_or_default()));
        let names = found.recv_timeout(PATIENCE).unwrap_or_default();
        let names = names.into_iter().map(OsString::from_vec);
        names.map(|name| candidate(name, None)).collect()
    }
}

/// What rules make, relative to the caller's folder.
fn outputs(opened: &open::Opened, typed: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    if opened.diags.iter().any(crate::lang::Diag::is_error) {
        return None;
    }
    let disk = Real::open(&opened.folder).ok()?;
    let listing = RefCell::new(Listing::new(&disk));
    let plan = Plan::new(Context {
        workflow: &opened.workflow,
        listing: &listing,
    });
    let caller = opened.caller.canonicalize().ok()?;
    // A workflow in a folder that is not below the caller's: its files have no short names here.
    let folder = opened.folder.strip_prefix(&caller).ok()?;
    let mut names = BTreeSet::new();
    for path in plan
        .paths
        .ids()
        .filter(|path| plan.producer(*path).is_some())
    {
        let path = folder.join(OsStr::from_bytes(plan.path(path)));
        let bytes = path.as_os_str().as_bytes();
        let Some(rest) = bytes.strip_prefix(typed) else {
            continue;
        };
        let folder_end = rest.iter().position(|&byte| byte == b'/');
        let length = typed.len() + folder_end.map_or(rest.len(), |at| at + 1);
        names.insert(bytes[..length].to_vec());
    }
    Some(names)
}
