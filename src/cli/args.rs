//! The command line as it is typed. What it means, with the environment behind it, is `options`'.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use super::completions::Completer;
use super::explain::{self, Page};
use super::options::{Format, Param, Request, ShellName, Variable};
use super::request::request;
use super::run_args::{self, PlanArgs, RunArgs};
use super::state_args::{self, AcceptArgs, CleanArgs, HistoryArgs, StatusArgs, StopArgs, WhyArgs};
use super::values;
use crate::ui::When;

const EXAMPLES: &str = "\
Examples:
  flow run                      bring everything in workflow.flow up to date
  flow run -j 8 report.tsv      only what report.tsv needs, 8 jobs at once
  flow plan                     what would run, and why
  flow why report.tsv           why report.tsv would be made again
  flow check rna.flow           every mistake in rna.flow
  flow log trimmed/a.fq         what the job that makes trimmed/a.fq printed";

const CHECK_EXAMPLES: &str = "\
Examples:
  flow check                    every mistake in workflow.flow
  flow check rna.flow -v        also what each filter leaves out
  flow check --format github    as annotations of a pull request";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  flow explain E0103            what this code means, with examples
  flow explain                  every code";

const LIST_EXAMPLES: &str = "\
Examples:
  flow list                     the rules and params of workflow.flow
  flow list rna.flow            those of rna.flow";

const LOG_EXAMPLES: &str = "\
Examples:
  flow log trimmed/a.fq         what the job that makes trimmed/a.fq printed
  flow log --failed             what each job that failed last printed
  flow log -f trimmed/a.fq      go on showing it while the job runs";

const FMT_EXAMPLES: &str = "\
Examples:
  flow fmt                      lay workflow.flow out in flow's style
  flow fmt *.flow               several files
  flow fmt --check              only say which files would change; exit status 1 if any
  flow fmt --diff               only show what would change
  flow fmt - < rna.flow         from stdin to stdout, for editors";

const LSP_EXAMPLES: &str = "\
Examples:
  flow lsp                      for an editor to start; the book says how";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  flow completions bash         for ~/.bashrc: source <(flow completions bash)
  flow completions zsh          for ~/.zshrc: source <(flow completions zsh)
  flow completions fish         for config.fish: flow completions fish | source";

/// A declarative workflow engine over files.
#[derive(Parser, Debug)]
#[command(name = "flow", version, before_long_help = EXAMPLES)]
#[command(
    arg_required_else_help = true,
    override_usage = "flow COMMAND [WORKFLOW] [TARGET]... [OPTIONS]"
)]
#[command(subcommand_value_name = "COMMAND")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Typed,
    #[command(flatten)]
    pub common: CommonArgs,
}

#[derive(Subcommand, Debug)]
pub(super) enum Typed {
    /// Bring targets up to date
    #[command(before_long_help = run_args::RUN_EXAMPLES)]
    #[command(override_usage = "flow run [WORKFLOW] [TARGET]... [OPTIONS]")]
    Run(RunArgs),
    /// Show what would run, and why; writes nothing
    #[command(before_long_help = run_args::PLAN_EXAMPLES)]
    #[command(override_usage = "flow plan [WORKFLOW] [TARGET]... [OPTIONS]")]
    Plan(PlanArgs),
    /// Report every mistake in a workflow
    #[command(before_long_help = CHECK_EXAMPLES)]
    #[command(override_usage = "flow check [WORKFLOW] [OPTIONS]")]
    Check(CheckArgs),
    /// Explain a code, such as E0103
    #[command(before_long_help = EXPLAIN_EXAMPLES)]
    #[command(override_usage = "flow explain [CODE]...")]
    Explain(ExplainArgs),
    /// List rules and params
    #[command(before_long_help = LIST_EXAMPLES)]
    #[command(override_usage = "flow list [WORKFLOW] [OPTIONS]")]
    List(ListArgs),
    /// Show what a job printed
    #[command(before_long_help = LOG_EXAMPLES)]
    #[command(override_usage = "flow log [WORKFLOW] FILE-or-JOB... [OPTIONS]")]
    Log(LogArgs),
    /// Lay workflows out in one style; their meaning and comments stay
    #[command(before_long_help = FMT_EXAMPLES)]
    #[command(override_usage = "flow fmt [FILE]... [OPTIONS]")]
    Fmt(FmtArgs),
    /// Say why a file or rule would run, or why not
    #[command(before_long_help = state_args::WHY_EXAMPLES)]
    #[command(override_usage = "flow why [WORKFLOW] FILE-or-RULE... [OPTIONS]")]
    Why(WhyArgs),
    /// Count jobs by rule: fresh, stale, missing, failed
    #[command(before_long_help = state_args::STATUS_EXAMPLES)]
    #[command(override_usage = "flow status [WORKFLOW] [TARGET]... [OPTIONS]")]
    Status(StatusArgs),
    /// End the run that is going here, from another terminal
    #[command(before_long_help = state_args::STOP_EXAMPLES)]
    #[command(override_usage = "flow stop [WORKFLOW] [OPTIONS]")]
    Stop(StopArgs),
    /// Take targets as fresh as they are
    #[command(before_long_help = state_args::ACCEPT_EXAMPLES)]
    #[command(override_usage = "flow accept [WORKFLOW] [TARGET]... [OPTIONS]")]
    Accept(AcceptArgs),
    /// Show past runs and jobs
    #[command(before_long_help = state_args::HISTORY_EXAMPLES)]
    #[command(override_usage = "flow history [WORKFLOW] [FILE-or-JOB]... [OPTIONS]")]
    History(HistoryArgs),
    /// Remove what the workflow made
    #[command(before_long_help = state_args::CLEAN_EXAMPLES)]
    #[command(override_usage = "flow clean [WORKFLOW] [OPTIONS]")]
    Clean(CleanArgs),
    /// Serve an editor: the language server protocol on stdin and stdout
    #[command(before_long_help = LSP_EXAMPLES)]
    #[command(override_usage = "flow lsp")]
    Lsp(LspArgs),
    /// Print the script that lets a shell complete what is typed
    #[command(before_long_help = COMPLETIONS_EXAMPLES)]
    #[command(override_usage = "flow completions SHELL")]
    Completions(CompletionsArgs),
}

/// Options of every command, before or after its name.
#[derive(Args, Debug)]
pub(super) struct CommonArgs {
    /// Go to DIR first
    #[arg(short = 'C', value_name = "DIR", global = true, display_order = 900)]
    pub chdir: Option<PathBuf>,
    /// Say more
    #[arg(
        short,
        long,
        global = true,
        overrides_with = "quiet",
        display_order = 901
    )]
    pub verbose: bool,
    /// Say less: failures and the summary
    #[arg(
        short,
        long,
        global = true,
        overrides_with = "verbose",
        display_order = 902
    )]
    pub quiet: bool,
    /// Colour: auto, always, never
    ///
    /// [env: FLOW_COLOR, NO_COLOR]
    #[arg(long, value_name = "WHEN", global = true, display_order = 903)]
    #[arg(hide_possible_values = true)]
    pub color: Option<When>,
}

#[derive(Args, Debug)]
pub(super) struct WordArgs {
    /// A workflow (*.flow), rules, output files
    ///
    /// Without a workflow it is workflow.flow; without rules and files it is all of them.
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(Completer::Target))]
    pub words: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct WorkflowArg {
    /// The workflow (*.flow; default: workflow.flow)
    #[arg(value_name = "WORKFLOW", add = ArgValueCompleter::new(Completer::Workflow))]
    pub words: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Give a param another value; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::parse_param)]
    #[arg(add = ArgValueCompleter::new(Completer::Param))]
    pub set: Vec<Param>,
    /// Read params from a TOML, YAML or JSON file
    ///
    /// --set is stronger, and of several files the last that has a name.
    #[arg(long = "params", value_name = "FILE")]
    pub param_files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct PlaceArgs {
    /// The folder that the workflow's files are in, instead of its own
    ///
    /// [env: FLOW_WORKDIR]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub workdir: Option<PathBuf>,
    /// Where flow keeps its state (default: .flow)
    ///
    /// [env: FLOW_STATE_DIR]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub state_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub workflow: WorkflowArg,
    /// Form of what is found: text, json, github
    ///
    /// json is one object per mistake or warning, github the annotations of its workflow commands;
    /// both go to stdout.
    #[arg(
        long,
        value_name = "FORM",
        default_value = "text",
        hide_default_value = true
    )]
    #[arg(hide_possible_values = true)]
    pub format: Format,
    #[command(flatten)]
    pub set: SetArgs,
}

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// Codes of mistakes or warnings; without one, all are listed
    #[arg(value_name = "CODE", value_parser = explain::find)]
    #[arg(add = ArgValueCompleter::new(Completer::Code))]
    pub pages: Vec<Page>,
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub workflow: WorkflowArg,
}

#[derive(Args, Debug)]
pub(super) struct LogArgs {
    /// A workflow (*.flow), output files or jobs
    #[arg(value_name = "FILE-or-JOB", add = ArgValueCompleter::new(Completer::Target))]
    pub words: Vec<OsString>,
    /// The logs of all jobs that failed when they were last tried
    #[arg(long)]
    pub failed: bool,
    /// Go on showing what is printed until the job ends
    #[arg(short, long)]
    pub follow: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct FmtArgs {
    /// Files; - is stdin to stdout (default: workflow.flow)
    #[arg(value_name = "FILE", add = ArgValueCompleter::new(Completer::Workflow))]
    pub files: Vec<PathBuf>,
    /// Write nothing; exit status 1 if a file would change
    #[arg(long)]
    pub check: bool,
    /// Write nothing; show what would change
    #[arg(long)]
    pub diff: bool,
}

#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// bash, zsh, fish
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub shell: ShellName,
}

#[derive(Args, Debug)]
pub(super) struct LspArgs {
    /// What editors add that can talk in several ways; flow talks in this one
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// What this process was asked to do. Prints help, a version or a mistake, and exits, itself.
pub fn parse(args: Vec<OsString>) -> Request {
    match parse_from(args, &|name| std::env::var_os(name)) {
        Ok(request) => request,
        // Exit status 2 for a mistake, 0 for help.
        Err(error) => error.exit(),
    }
}

/// What `args` (the program's name first) ask for, with `variable` behind what they leave open.
/// An error is also the way in which help comes.
pub fn parse_from(
    args: impl IntoIterator<Item = OsString>,
    variable: Variable,
) -> Result<Request, clap::Error> {
    let matches = command().try_get_matches_from(args).map_err(hint)?;
    let typed = Cli::from_arg_matches(&matches)?;
    let name = matches.subcommand_name().unwrap_or_default().to_string();
    request(typed, variable).map_err(|wrong| {
        let mut flow = command();
        let command = match flow.find_subcommand_mut(&name) {
            Some(command) => command,
            None => return clap::Error::raw(ErrorKind::ValueValidation, wrong),
        };
        command.error(ErrorKind::ValueValidation, wrong)
    })
}

/// The whole command line. What every command's short help says is not said beside their list, which
/// has to fit on a screen, nor that there is a version.
fn command() -> Command {
    let mut flow = Cli::command();
    // Commands get their own copies of what they share.
    flow.build();
    let is_shared =
        |arg: &Arg| ["verbose", "quiet", "color", "version"].contains(&arg.get_id().as_str());
    flow.mut_args(|arg| match is_shared(&arg) {
        true => arg.hide_short_help(true),
        false => arg,
    })
    .mut_subcommand("help", |help| help.hide(true))
}

/// A word that is no command: `flow main.flow` forgets it; and where nothing is like it, all there
/// are are named.
fn hint(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let tip = if word.ends_with(".flow") {
        format!("a workflow follows a command: flow run {word}")
    } else if error.get(ContextKind::SuggestedSubcommand).is_none() {
        let flow = Cli::command();
        let names: Vec<&str> = flow
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        format!("the commands are {}", names.join(", "))
    } else {
        return error;
    };
    let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tips);
    error
}

#[cfg(test)]
mod tests;
