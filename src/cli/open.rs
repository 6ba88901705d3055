//! From a workflow's name to its rules: the file read, its mistakes shown.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use bstr::BString;

use super::options::{Common, Param, Place};
use super::params;
use super::{Exit, WrongCommand};
use crate::exec::take_in_large_steps;
use crate::lang::{Ast, Diag, Sources, foreign, parse};
use crate::ui::{Style, diag};
use crate::workflow::load::Settings;
use crate::workflow::param::Content;
use crate::workflow::recipe::Shell;
use crate::workflow::{Override, Workflow, load};

/// A workflow as long as this takes memory that is worth asking for in large steps.
const LONG: usize = 256 << 10;

/// A workflow that was read, and where it works.
///
/// The process ends soon after it is done with it; what is large is not taken apart before.
pub struct Opened {
    pub workflow: ManuallyDrop<Workflow>,
    pub ast: ManuallyDrop<Ast>,
    pub sources: Sources,
    /// Mistakes and warnings so far.
    pub diags: Vec<Diag>,
    /// The name of its file.
    pub name: BString,
    /// The folder that all its paths are relative to.
    pub folder: PathBuf,
    /// Where targets on the command line are relative to.
    pub caller: PathBuf,
    pub state: PathBuf,
    pub terminal: Terminal,
}

impl Opened {
    /// The file in which lists of folders are kept.
    pub fn lists(&self) -> PathBuf {
        self.state.join("folders")
    }
}

/// How the two streams are written to.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    pub out: Style,
    pub err: Style,
    width: usize,
}

impl Terminal {
    pub fn new(common: &Common) -> Terminal {
        let variable = |name: &str| std::env::var_os(name);
        let out = Style::decide(common.color, variable, std::io::stdout().is_terminal());
        let err = Style::decide(common.color, variable, std::io::stderr().is_terminal());
        let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        Terminal {
            out,
            err,
            width: if width < 40 { 140 } else { width },
        }
    }

    /// From here on both streams lead to files.
    pub fn go_plain(&mut self) {
        (self.out, self.err) = (Style::default(), Style::default());
    }

    /// Shows diagnostics on stderr.
    pub fn show(&self, diags: &[Diag], sources: &Sources) {
        let look = diag::Look {
            style: self.err,
            width: self.width,
        };
        let text = diag::report(diags, sources, look);
        if !text.is_empty() {
            anstream::eprint!("{text}");
        }
    }
}

/// Goes where `-C` says.
pub fn change_folder(common: &Common) -> anyhow::Result<()> {
    if let Some(folder) = &common.chdir {
        std::env::set_current_dir(folder).map_err(|error| no_folder("go to", folder, error))?;
    }
    Ok(())
}

/// A folder that the command line names and that is none makes the command line wrong; any other
/// trouble with it is the machine's.
fn no_folder(what: &str, folder: &Path, error: io::Error) -> anyhow::Error {
    let why = format!("{what} the folder `{}`: {error}", folder.display());
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => WrongCommand(why).into(),
        _ => anyhow::anyhow!(why),
    }
}

/// The folder that a workflow works in, and its state folder.
pub fn places(common: &Common, place: &Place) -> anyhow::Result<(PathBuf, PathBuf, PathBuf)> {
    let caller = std::env::current_dir().context("find the current folder")?;
    let folder = match &place.workdir {
        Some(folder) => caller.join(folder),
        None => caller.join(common.workflow().parent().unwrap_or(Path::new(""))),
    };
    let folder = folder
        .canonicalize()
        .map_err(|error| no_folder("find", &folder, error))?;
    let state = match &place.state_dir {
        Some(state) => caller.join(state),
        None => folder.join(".flow"),
    };
    Ok((caller, folder, state))
}

/// The state folder as the workflow's folder sees it.
pub fn state_path(folder: &Path, state: &Path) -> BString {
    let state = state.strip_prefix(folder).unwrap_or(state);
    state.as_os_str().as_bytes().into()
}

/// Reads the workflow. `Err` inside is an exit that was explained already.
pub fn open(
    common: &Common,
    place: &Place,
    params: &[Param],
) -> anyhow::Result<Result<Opened, Exit>> {
    Ok(try_open(common, place, params)?.map_err(|unread| {
        Terminal::new(common).show(&[unread], &Sources::default());
        Exit::WrongWorkflow
    }))
}

/// Reads the workflow. `Err` inside says why there is nothing to read.
pub fn try_open(
    common: &Common,
    place: &Place,
    set: &[Param],
) -> anyhow::Result<Result<Opened, Diag>> {
    change_folder(common)?;
    let terminal = Terminal::new(common);
    let path = common.workflow();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(unread(common, path, &error))),
    };
    if bytes.len() >= LONG {
        take_in_large_steps();
    }
    let (caller, folder, state) = places(common, place)?;
    let mut sources = Sources::default();
    let name = path.to_string_lossy().into_owned();
    let file = sources.add(name, foreign::read(bytes));
    let (ast, mut diags) = parse(file, &sources.get(file).text);
    let mut overrides = Vec::new();
    for file in &common.param_files {
        overrides.extend(params::read(file, &mut sources, &mut diags));
    }
    overrides.extend(set.iter().map(|param| Override {
        name: param.name.clone(),
        value: Content::One(param.value.as_str().into()),
        span: None,
    }));
    let settings = Settings {
        overrides,
        environment: environment(),
        shell: default_shell(),
    };
    let read = |name: &str| std::fs::read(name);
    let (workflow, found) = load(&ast, &mut sources, &settings, &read);
    diags.extend(found);
    Ok(Ok(Opened {
        workflow: ManuallyDrop::new(workflow),
        ast: ManuallyDrop::new(ast),
        sources,
        diags,
        name: path.file_name().unwrap_or_default().as_bytes().into(),
        folder,
        caller,
        state,
        terminal,
    }))
}

/// The diagnostic for a workflow that is not there or may not be read.
fn unread(common: &Common, path: &Path, error: &std::io::Error) -> Diag {
    let shown = crate::ui::path(path.as_os_str().as_bytes());
    let mut diag = match (error.kind(), &common.named_workflow) {
        (std::io::ErrorKind::NotFound, None) => {
            Diag::error("E0001", format!("there is no {shown} in this folder"))
                .help("go to its folder: `flow COMMAND -C FOLDER`")
                .help("or name another workflow: `flow COMMAND FILE.flow`")
        }
        _ => Diag::error("E0001", format!("the workflow {shown} cannot be read"))
            .note(error.to_string()),
    };
    let near = near_workflows(path);
    if !near.is_empty() {
        diag = diag.note(format!("there is {}", near.join(", ")));
    }
    diag
}

/// Workflows in the same folder.
fn near_workflows(path: &Path) -> Vec<String> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten();
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "flow") && path.is_file())
        .map(|path| format!("`{}`", path.strip_prefix("./").unwrap_or(&path).display()))
        .collect();
    names.sort();
    names.truncate(5);
    names
}

/// The environment, as far as its names are text.
pub fn environment() -> rustc_hash::FxHashMap<String, BString> {
    let vars = std::env::vars_os();
    vars.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_vec().into())))
        .collect()
}

/// bash where it is, else sh.
pub fn default_shell() -> Shell {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_bash = std::env::split_paths(&path)
        .any(|folder| folder.is_absolute() && folder.join("bash").is_file());
    if has_bash {
        Shell::bash()
    } else {
        Shell::default()
    }
}

/// `path`, which is relative to `caller`, as the workflow in `folder` writes it.
pub fn as_written(path: &[u8], caller: &Path, folder: &Path) -> BString {
    let path = Path::new(OsStr::from_bytes(path));
    if path.is_absolute() && !without_dots(path).starts_with(folder) {
        return path.as_os_str().as_bytes().into();
    }
    let caller = caller.canonicalize().unwrap_or(caller.into());
    let absolute = without_dots(&caller.join(path));
    let above = folder
        .ancestors()
        .position(|ancestor| absolute.starts_with(ancestor));
    let n_up = above.unwrap_or(0);
    let shared = folder.ancestors().nth(n_up).unwrap_or(folder);
    let inside = absolute.strip_prefix(shared).unwrap_or(&absolute);
    let mut written: PathBuf = std::iter::repeat_n("..", n_up).collect();
    written.push(inside);
    let mut written = written.into_os_string().into_vec();
    if path.as_os_str().as_bytes().ends_with(b"/") {
        written.push(b'/');
    }
    crate::pattern::clean(&written).into_owned().into()
}

/// `path`, which the workflow in `folder` writes so, as it is typed in the folder `caller`.
pub fn as_typed(path: &[u8], caller: &Path, folder: &Path) -> BString {
    as_written(
        path,
        folder,
        &caller.canonicalize().unwrap_or(caller.into()),
    )
}

/// An absolute path with each `..` taken back as it is written.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_relative_to_the_caller() {
        let written = |path: &str, caller: &str| {
            let folder = Path::new("/data/project");
            as_written(path.as_bytes(), Path::new(caller), folder).to_string()
        };
        for (path, caller, expected) in [
            ("a/b", "/data/project", "a/b"),
            ("./a//b", "/data/project", "a/b"),
            ("out/", "/data/project", "out/"),
            ("a/b", "/data/project/sub", "sub/a/b"),
            ("../a", "/data/project/sub", "a"),
            ("../../project/a", "/data/project/sub", "a"),
            ("project/a", "/data", "a"),
            ("a", "/data", "../a"),
            ("../a", "/data/project", "../a"),
            ("../other/a", "/data/project", "../other/a"),
            ("../../../../../a", "/data/project", "../../a"),
            ("/data/project/a", "/data", "a"),
            (
                "/data/project/../other/a",
                "/data",
                "/data/project/../other/a",
            ),
        ] {
            assert_eq!(written(path, caller), expected, "{path} from {caller}");
        }
    }
}
