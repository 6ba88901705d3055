//! What was typed, what it means, and one file per command. The only module that knows the process.

pub mod args;
pub mod cluster;
pub mod explain;
mod exposed;
pub mod options;
pub mod params;
pub mod values;

mod accept;
mod ask;
mod cause;
mod check;
mod choose;
mod clean;
mod completions;
mod detach;
mod diff;
mod doomed;
mod fence;
mod fmt;
mod guard;
mod follow;
mod force;
mod hands;
mod helpers;
mod history;
mod hold;
mod inbox;
mod list;
mod log;
mod look;
mod lsp;
mod machine;
mod near;
mod open;
mod orphans;
mod plan;
mod reason;
mod rehearse;
mod request;
mod run_args;
mod run;
mod signals;
mod sinks;
mod state_args;
mod status;
mod stop;
mod targets;
mod touch;
mod why;

use std::ffi::OsString;
use std::process::ExitCode;

use options::Request;

/// How flow ended; the numbers are the contract of `book/src/cli.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    Done,
    /// Jobs failed, or `fmt --check` found a file to change.
    JobsFailed,
    /// It needs an answer, and there is nobody to ask.
    WrongCommand,
    /// The workflow is wrong: its text, or what its rules make of the files.
    WrongWorkflow,
    /// No such target, or an input that nothing makes.
    NoSuchTarget,
    /// Another run holds this folder.
    Held,
    /// The machine failed flow.
    Machine,
    /// `status --check` found stale work.
    Stale,
    /// An editor left `flow lsp` without a `shutdown`; the number is the protocol's.
    NoShutdown,
    /// Ended by this signal.
    Signal(u8),
    /// As the process ended that did it.
    Of(u8),
}

impl Exit {
    /// The exit status; a command line that cannot be read, which never gets here, is 2 as well.
    pub fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::JobsFailed | Exit::NoShutdown => 1,
            Exit::WrongCommand => 2,
            Exit::WrongWorkflow => 3,
            Exit::NoSuchTarget => 4,
            Exit::Held => 5,
            Exit::Machine => 7,
            Exit::Stale => 8,
            Exit::Signal(number) => 128 + number,
            Exit::Of(status) => status,
        }
    }
}

/// The command line can be read and names what is not there.
#[derive(Debug)]
pub struct WrongCommand(String);

impl std::fmt::Display for WrongCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongCommand {}

/// The whole program.
pub fn main() -> ExitCode {
    // A shell that asks what can be typed starts nothing.
    completions::answer();
    if let Some(exit) = helpers::become_one() {
        return exit;
    }
    let (args, is_detached) = detach::args();
    if is_detached {
        detach::leave_session();
    }
    // First of all, while the process is small and has one thread. A wrong guess costs a process.
    let supervisor = runs_jobs(&args).then(crate::exec::supervisor::fork);
    crate::exec::give_back_large_blocks();
    let ended = match args::parse(args) {
        Request::Run(options) if options.detach && !is_detached => detach::start(),
        Request::Run(options) => run::run(options, supervisor),
        Request::Plan(options) => plan::plan(options),
        Request::Check(options) => check::check(options),
        Request::Explain(options) => explain::explain(options),
        Request::List(options) => list::list(options),
        Request::Log(options) => log::log(options),
        Request::Fmt(options) => fmt::fmt(options),
        Request::Why(options) => why::why(options),
        Request::Status(options) => status::status(options),
        Request::Stop(options) => stop::stop(options),
        Request::Accept(options) => accept::accept(options),
        Request::History(options) => history::history(options),
        Request::Clean(options) => clean::clean(options),
        Request::Lsp => lsp::serve(),
        Request::Completions(options) => completions::completions(options),
    };
    match ended {
        Ok(exit) => ExitCode::from(exit.status()),
        Err(error) if is_broken_pipe(&error) => ExitCode::from(Exit::Signal(13).status()),
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            let exit = match error.is::<WrongCommand>() {
                true => Exit::WrongCommand,
                false => Exit::Machine,
            };
            ExitCode::from(exit.status())
        }
    }
}

/// Whether this looks like a command that starts jobs.
fn runs_jobs(args: &[OsString]) -> bool {
    let is = |arg: &OsString, texts: &[&str]| texts.iter().any(|text| arg == text);
    let has = |texts: &[&str]| args.iter().skip(1).any(|arg| is(arg, texts));
    has(&["run"]) && !has(&["-n", "--dry-run", "-h", "--help"])
}

/// Whoever read our output has gone, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
