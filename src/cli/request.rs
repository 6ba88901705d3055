//! From what was typed to what it means. A flag is stronger than its `FLOW_*` variable; both are read
//! by the same function.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use bstr::BString;

use super::args::{Cli, CommonArgs, PlaceArgs, Typed};
use super::options::{
    AskOptions, CheckOptions, CleanOptions, ClusterChoice, Common, CompletionsOptions,
    DEFAULT_GRACE, DEFAULT_WORKFLOW, EventsTo, ExplainOptions, FmtOptions, Force, HistoryOptions,
    ListOptions, LogOptions, OnFailure, Place, PlanOptions, Request, RunOptions, StatusOptions,
    StopOptions, Variable, WhatIf, WhyOptions,
};
use super::run_args::{ForceArgs, PlanArgs, RunArgs};
use super::state_args::{AskArgs, WhatIfArgs};
use super::values::{
    parse_at_least_one, parse_bool, parse_choice, parse_count, parse_duration, parse_level,
    parse_memory, parse_seed, parse_timeout,
};
use crate::ui::{Detail, safe};

/// What `typed` means. An error is a sentence for the person who typed it.
pub(super) fn request(typed: Cli, variable: Variable) -> Result<Request, String> {
    let common = common(typed.common, variable)?;
    match typed.command {
        Typed::Run(args) if args.dry_run => plan(
            common,
            args.touch_only,
            PlanArgs {
                words: args.words,
                json: args.json,
                all: args.all,
                commands: args.commands,
                force: args.force,
                set: args.set,
                place: args.place,
                what_if: args.what_if,
            },
            variable,
        ),
        Typed::Run(args) => run(common, args, variable),
        Typed::Plan(args) => plan(common, false, args, variable),
        Typed::Check(args) => Ok(Request::Check(CheckOptions {
            common: Common {
                param_files: args.set.param_files,
                ..only_workflow(common, args.workflow.words)?
            },
            params: args.set.set,
            format: args.format,
        })),
        Typed::Explain(args) => Ok(Request::Explain(ExplainOptions {
            common,
            pages: args.pages,
        })),
        Typed::List(args) => Ok(Request::List(ListOptions {
            common: only_workflow(common, args.workflow.words)?,
        })),
        Typed::Lsp(_) => Ok(Request::Lsp),
        Typed::Completions(args) => Ok(Request::Completions(CompletionsOptions {
            shell: args.shell,
        })),
        Typed::Log(args) => {
            let (common, jobs) = words(common, args.words)?;
            if jobs.is_empty() && !args.failed {
                return Err("name a file or job whose log is wanted, or say --failed".into());
            }
            Ok(Request::Log(LogOptions {
                common,
                place: place(args.place, variable),
                jobs,
                failed: args.failed,
                follow: args.follow,
            }))
        }
        Typed::Fmt(args) => Ok(Request::Fmt(FmtOptions {
            common,
            files: match args.files.is_empty() {
                true => vec![DEFAULT_WORKFLOW.into()],
                false => args.files,
            },
            check: args.check,
            diff: args.diff,
        })),
        Typed::Why(args) => {
            let options = ask(common, args.ask, variable)?;
            if options.targets.is_empty() {
                return Err("name the file or rule that you ask about".into());
            }
            Ok(Request::Why(WhyOptions {
                ask: options,
                json: args.json,
            }))
        }
        Typed::Status(args) => Ok(Request::Status(StatusOptions {
            ask: ask(common, args.ask, variable)?,
            check: args.check,
            json: args.json,
        })),
        Typed::Stop(args) => Ok(Request::Stop(StopOptions {
            common: only_workflow(common, args.workflow.words)?,
            place: place(args.place, variable),
            drains: args.drain,
            waits: args.wait,
            library: path_setting(args.drmaa_library, "FLOW_DRMAA_LIBRARY", variable),
        })),
        Typed::Clean(args) => Ok(Request::Clean(CleanOptions {
            common: only_workflow(common, args.workflow.words)?,
            place: place(args.place, variable),
            params: args.set.set,
            rules: args.rule,
            temp: args.temp,
            orphans: args.orphans,
            trash: args.trash,
            changed: args.changed,
            yes: args.yes,
        })),
        Typed::History(args) => {
            let (common, jobs) = words(common, args.words)?;
            Ok(Request::History(HistoryOptions {
                common,
                place: place(args.place, variable),
                jobs,
                all: args.all,
                json: args.json,
            }))
        }
        Typed::Accept(args) => Ok(Request::Accept(ask(common, args.ask, variable)?)),
    }
}

fn common(args: CommonArgs, variable: Variable) -> Result<Common, String> {
    Ok(Common {
        chdir: args.chdir,
        named_workflow: None,
        param_files: Vec::new(),
        detail: match (args.verbose, args.quiet) {
            (true, _) => Detail::Verbose,
            (_, true) => Detail::Quiet,
            _ => Detail::Normal,
        },
        color: setting(args.color, "FLOW_COLOR", variable, parse_choice)?.unwrap_or_default(),
    })
}

fn plan(
    common: Common,
    touch_only: bool,
    args: PlanArgs,
    variable: Variable,
) -> Result<Request, String> {
    let (mut common, targets) = words(common, args.words.words)?;
    common.param_files = args.set.param_files;
    Ok(Request::Plan(PlanOptions {
        common,
        place: place(args.place, variable),
        targets,
        params: args.set.set,
        checksum_level: level(&args.force, variable)?,
        force: force(args.force),
        json: args.json,
        all: args.all,
        commands: args.commands,
        touch_only,
        what_if: what_if(args.what_if),
    }))
}

fn run(common: Common, args: RunArgs, variable: Variable) -> Result<Request, String> {
    let (mut common, targets) = words(common, args.words.words)?;
    common.param_files = args.set.param_files;
    let events = path_setting(args.events, "FLOW_EVENTS", variable);
    let progress = setting(args.progress, "FLOW_PROGRESS", variable, parse_choice)?;
    let grace = setting(args.grace, "FLOW_GRACE", variable, parse_duration)?;
    let fresh_shells = args.fresh_shells.then_some(true);
    let fresh_shells = setting(fresh_shells, "FLOW_FRESH_SHELLS", variable, parse_bool)?;
    Ok(Request::Run(RunOptions {
        common,
        place: place(args.place, variable),
        targets,
        params: args.set.set,
        checksum_level: level(&args.force, variable)?,
        force: force(args.force),
        jobs: setting(args.jobs, "FLOW_JOBS", variable, parse_at_least_one)?,
        mem_mib: setting(args.mem, "FLOW_MEM", variable, parse_memory)?,
        gpus: setting(args.gpus, "FLOW_GPUS", variable, parse_count)?,
        on_failure: on_failure(args.keep_going, args.max_fail, variable)?,
        retries: setting(args.retries, "FLOW_RETRIES", variable, parse_count)?,
        timeout: setting(args.timeout, "FLOW_TIMEOUT", variable, parse_timeout)?,
        latency_wait: setting(
            args.latency_wait,
            "FLOW_LATENCY_WAIT",
            variable,
            parse_duration,
        )?,
        grace: grace.unwrap_or(DEFAULT_GRACE),
        fresh_shells: fresh_shells.unwrap_or(false),
        cluster: ClusterChoice {
            is_used: args.drmaa
                || setting(None, "FLOW_DRMAA", variable, parse_bool)?.unwrap_or(false),
            queue: setting(args.queue, "FLOW_QUEUE", variable, any_text)?,
            native: setting(args.native, "FLOW_NATIVE", variable, any_text)?,
            library: path_setting(args.drmaa_library, "FLOW_DRMAA_LIBRARY", variable),
            group_time: setting(args.group_time, "FLOW_GROUP_TIME", variable, parse_duration)?,
        },
        detach: args.detach,
        events: events.map(|path| match path.as_os_str() == "-" {
            true => EventsTo::Stdout,
            false => EventsTo::File(path),
        }),
        progress: progress.unwrap_or_default(),
        shuffle: setting(args.shuffle, "FLOW_SHUFFLE", variable, parse_seed)?,
        touch_only: args.touch_only,
        what_if: what_if(args.what_if),
    }))
}

/// Two flags about one thing: the last one typed was kept, and either is stronger than both
/// variables.
fn on_failure(
    keep_going: bool,
    max_fail: Option<NonZeroU32>,
    variable: Variable,
) -> Result<OnFailure, String> {
    let goes_on = match max_fail {
        Some(_) => false,
        None => {
            let flag = keep_going.then_some(true);
            setting(flag, "FLOW_KEEP_GOING", variable, parse_bool)?.unwrap_or(false)
        }
    };
    if goes_on {
        return Ok(OnFailure::KeepGoing);
    }
    let count = setting(max_fail, "FLOW_MAX_FAIL", variable, parse_at_least_one)?;
    Ok(OnFailure::StopAfter(count.unwrap_or(NonZeroU32::MIN)))
}

fn ask(common: Common, args: AskArgs, variable: Variable) -> Result<AskOptions, String> {
    let (common, targets) = words(common, args.words.words)?;
    Ok(AskOptions {
        common,
        place: place(args.place, variable),
        targets,
        params: args.set.set,
        checksum_level: setting(
            args.checksum_level,
            "FLOW_CHECKSUM_LEVEL",
            variable,
            parse_level,
        )?,
    })
}

fn level(args: &ForceArgs, variable: Variable) -> Result<Option<u8>, String> {
    setting(
        args.checksum_level,
        "FLOW_CHECKSUM_LEVEL",
        variable,
        parse_level,
    )
}

fn force(args: ForceArgs) -> Force {
    Force {
        rules: args.force,
        all: args.always_make,
    }
}

fn place(args: PlaceArgs, variable: Variable) -> Place {
    Place {
        workdir: path_setting(args.workdir, "FLOW_WORKDIR", variable),
        state_dir: path_setting(args.state_dir, "FLOW_STATE_DIR", variable),
    }
}

/// A flag's value, or the variable's; an empty variable says nothing.
fn setting<T>(
    flag: Option<T>,
    name: &str,
    variable: Variable,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let value = match (&flag, variable(name)) {
        (None, Some(value)) if !value.is_empty() => value,
        _ => return Ok(flag),
    };
    let shown = safe::line(value.as_bytes());
    let text = value.to_str().ok_or("it is not UTF-8".to_string());
    let parsed = text.and_then(parse);
    parsed
        .map(Some)
        .map_err(|wrong| format!("invalid value '{shown}' for the variable {name}: {wrong}"))
}

fn any_text(text: &str) -> Result<String, String> {
    Ok(text.into())
}

fn path_setting(flag: Option<PathBuf>, name: &str, variable: Variable) -> Option<PathBuf> {
    let value = || variable(name).filter(|value| !value.is_empty());
    flag.or_else(|| value().map(PathBuf::from))
}

/// The word that ends in `.flow` is the workflow, every other one is a target.
fn words(mut common: Common, words: Vec<OsString>) -> Result<(Common, Vec<BString>), String> {
    let mut targets = Vec::new();
    for word in words {
        if !is_workflow(&word) {
            targets.push(BString::from(word.into_vec()));
            continue;
        }
        if let Some(first) = &common.named_workflow {
            let [first, second] =
                [first.as_os_str(), &word].map(|word| safe::path(word.as_bytes()));
            return Err(format!(
                "two workflows are named, {first} and {second}; there can be one"
            ));
        }
        common.named_workflow = Some(word.into());
    }
    Ok((common, targets))
}

fn what_if(args: WhatIfArgs) -> WhatIf {
    let file = |file: PathBuf| BString::from(file.into_os_string().into_vec());
    WhatIf {
        changed: args.what_if.into_iter().map(file).collect(),
        is_minimal: args.minimal,
    }
}

/// True for `main.flow`; `.flow` itself is the folder of flow's state.
fn is_workflow(word: &OsStr) -> bool {
    let name = word.as_bytes().rsplit(|&byte| byte == b'/').next();
    name.is_some_and(|name| name.ends_with(b".flow") && name != b".flow")
}

fn only_workflow(common: Common, typed: Vec<OsString>) -> Result<Common, String> {
    let (common, targets) = words(common, typed)?;
    match targets.first() {
        None => Ok(common),
        Some(word) => {
            let word = safe::path(word);
            Err(format!(
                "{word} is no workflow: its name does not end in .flow"
            ))
        }
    }
}
