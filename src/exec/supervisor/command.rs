//! Turns an order into what the kernel takes: programs to try, arguments, environment.

use std::ffi::{CStr, CString};
use std::io::{self, Write};
use std::os::fd::AsFd;

use crate::exec::procs::MARK;
use crate::exec::supervisor::orders::{Text, memory_file};
use crate::exec::sys::{self, Launch};
use crate::exec::wire::{LONGEST_STRING, Setup, Strings};
use crate::exec::{ScriptWay, TaskId};
use crate::lang::recipe::{Operator, does_nothing};

/// Where programs are looked for when the environment does not say.
const PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";

/// The environment of all tasks of a run, ready for use.
pub struct Environment {
    entries: Vec<CString>,
    /// Where programs are looked for, unless a task says.
    folders: Vec<Vec<u8>>,
    /// `FLOW_MARK=`, the mark of the job that this run is part of, and the run's own mark.
    mark: Vec<u8>,
    /// Whether a shell that was loaded with it may be kept for tasks to come.
    pub may_warm: bool,
}

impl Environment {
    pub fn new(setup: &Setup) -> Self {
        let mut mark = [MARK.as_bytes(), b"="].concat();
        let mut entries = Vec::new();
        for (name, value) in &setup.env {
            if *name == MARK {
                mark.extend_from_slice(value);
                mark.push(b'/');
            } else if let Ok(entry) = CString::new([&name[..], b"=", &value[..]].concat()) {
                entries.push(entry);
            }
        }
        mark.extend_from_slice(setup.mark.as_bytes());
        // Where libraries are looked for is the same for all; what is preloaded may do anything.
        let is_early = |name: &[u8]| name.starts_with(b"LD_") && name != b"LD_LIBRARY_PATH";
        let may_warm = setup.may_warm && !entries.iter().any(|entry| is_early(name_of(entry)));
        let path = entries.iter().rev().find_map(|entry| path_of(entry));
        let folders = folders(path.unwrap_or(PATH));
        Environment {
            entries,
            folders,
            mark,
            may_warm,
        }
    }

    /// What it takes of the room for arguments and environment, in bytes.
    pub fn size(&self) -> usize {
        let sizes = self.entries.iter().map(|entry| entry.count_bytes() + 9);
        sizes.sum()
    }

    /// The entries for one task; `mark` is its own.
    fn for_task<'a>(&'a self, strings: &'a Strings, mark: &'a CStr) -> Vec<&'a CStr> {
        let mut env = Vec::with_capacity(self.entries.len() + 8);
        env.push(mark);
        let own: Vec<&CStr> = strings.env().collect();
        let is_same_name = |a: &CStr, b: &CStr| name_of(a) == name_of(b);
        env.extend(
            self.entries
                .iter()
                .map(CString::as_c_str)
                .filter(|entry| !own.iter().any(|other| is_same_name(entry, other))),
        );
        for (at, entry) in own.iter().enumerate() {
            let is_last = !own[at + 1..].iter().any(|other| is_same_name(entry, other));
            if is_last && name_of(entry) != MARK.as_bytes() {
                env.push(entry);
            }
        }
        env
    }

    fn mark_of(&self, task: TaskId) -> CString {
        let number = task.0.to_string();
        let mark = [&self.mark, &b"."[..], number.as_bytes()].concat();
        CString::new(mark).unwrap_or_default()
    }
}

fn name_of(entry: &CStr) -> &[u8] {
    let bytes = entry.to_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=');
    &bytes[..end.unwrap_or(bytes.len())]
}

fn path_of(entry: &CStr) -> Option<&[u8]> {
    entry.to_bytes().strip_prefix(b"PATH=")
}

/// The folders of a `PATH`, each with a `/` behind it; but no empty or relative one, by way of which
/// is found what happens to lie where the task runs.
fn folders(path: &[u8]) -> Vec<Vec<u8>> {
    let folders = path.split(|byte| *byte == b':');
    folders
        .filter(|folder| folder.starts_with(b"/"))
        .map(|folder| [folder, b"/"].concat())
        .collect()
}

/// The files to try for `program`, as a shell does. Each ends with a NUL.
fn programs(program: &CStr, folders: &[Vec<u8>]) -> Vec<u8> {
    let program = program.to_bytes_with_nul();
    if program.contains(&b'/') {
        return program.to_vec();
    }
    let len = folders.iter().map(|folder| folder.len() + program.len());
    let mut programs = Vec::with_capacity(len.sum());
    for folder in folders {
        programs.extend_from_slice(folder);
        programs.extend_from_slice(program);
    }
    programs
}

/// The strings that end with the NULs of `bytes`.
fn strings(mut bytes: &[u8]) -> Vec<&CStr> {
    let mut strings = Vec::with_capacity(16);
    while let Ok(string) = CStr::from_bytes_until_nul(bytes) {
        strings.push(string);
        bytes = &bytes[string.count_bytes() + 1..];
    }
    strings
}

/// What a program gets besides the words of its order.
enum Last {
    Nothing,
    Argument(CString),
    /// The name of the script's file; and whether the option for a script in an argument goes.
    File(CString, ScriptWay),
}

fn last(strings: &Strings, text: &mut Text) -> io::Result<Last> {
    let Some(way) = strings.way else {
        return Ok(Last::Nothing);
    };
    if let Text::Short(bytes) = text {
        let fits = bytes.len() <= LONGEST_STRING && !bytes.contains(&0);
        if way.is_dash_c() && fits {
            return Ok(Last::Argument(
                CString::new(bytes.clone()).expect("it has no NUL"),
            ));
        }
        file(text)?;
    }
    let name = format!("/dev/fd/{}", sys::SCRIPT_FD);
    let name = CString::new(name).expect("it has no NUL");
    Ok(Last::File(name, way))
}

/// Moves the text of a script to a file.
pub fn file(text: &mut Text) -> io::Result<()> {
    if let Text::Short(bytes) = text {
        let mut file = memory_file()?;
        file.write_all(bytes)?;
        *text = Text::Filed(file);
    }
    Ok(())
}

/// `-c` leaves nothing, `-euc` leaves `-eu`; a word that is no such option stays.
fn without_c(word: &CStr) -> Option<CString> {
    match word.to_bytes() {
        b"-c" => None,
        [b'-', flags @ .., b'c'] if !flags.starts_with(b"-") => {
            CString::new([b"-", flags].concat()).ok()
        }
        _ => Some(word.to_owned()),
    }
}

/// Calls `launch` with what starts the task's command that does without a shell.
pub fn with_direct<T>(
    environment: &Environment,
    strings: &Strings,
    base: &Launch,
    launch: impl FnOnce(&Launch) -> T,
) -> T {
    let argv: Vec<&CStr> = strings.direct().collect();
    let redirections: Vec<(Operator, &CStr)> = strings.redirections().collect();
    let base = Launch {
        redirections: &redirections,
        is_idle: does_nothing(argv[0].to_bytes()),
        ..*base
    };
    with_words(environment, strings, &argv, &base, launch)
}

/// Calls `launch` with what starts the task, made from its order and `base`.
///
/// Fails where its script cannot be put into a file.
pub fn with_launch<T>(
    environment: &Environment,
    strings: &Strings,
    text: &mut Text,
    base: &Launch,
    launch: impl FnOnce(&Launch) -> T,
) -> io::Result<T> {
    let last = last(strings, text)?;
    let shorter;
    let mut argv: Vec<&CStr> = strings.argv().collect();
    match &last {
        Last::Nothing => {}
        Last::Argument(text) => argv.push(text),
        Last::File(name, way) => {
            if way.is_dash_c()
                && argv.len() > 1
                && let Some(option) = argv.pop()
            {
                shorter = without_c(option);
                argv.extend(shorter.as_deref());
            }
            argv.push(name);
        }
    }
    let base = Launch {
        script: match &*text {
            Text::Filed(file) => Some(file.as_fd()),
            _ => None,
        },
        ..*base
    };
    Ok(with_words(environment, strings, &argv, &base, launch))
}

fn with_words<T>(
    environment: &Environment,
    strings: &Strings,
    argv: &[&CStr],
    base: &Launch,
    launch: impl FnOnce(&Launch) -> T,
) -> T {
    let mark = environment.mark_of(strings.task);
    let env = environment.for_task(strings, &mark);
    let own = strings.env().filter_map(path_of).last().map(folders);
    let programs = programs(argv[0], own.as_ref().unwrap_or(&environment.folders));
    let dir = strings.dir();
    launch(&Launch {
        programs: &self::strings(&programs),
        argv,
        env: &env,
        dir: (!dir.is_empty()).then_some(dir),
        ..*base
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_folders_are_searched() {
        let found = programs(c"ls", &folders(b":/bin::.:bin:/usr/bin"));
        assert_eq!(strings(&found), [c"/bin/ls", c"/usr/bin/ls"]);
        assert_eq!(strings(&programs(c"./x", &folders(b"/bin"))), [c"./x"]);
    }

    #[test]
    fn the_option_for_a_script_in_an_argument_goes() {
        let without = |word: &CStr| without_c(word);
        assert_eq!(without(c"-c"), None);
        assert_eq!(without(c"-euc"), Some(c"-eu".to_owned()));
        assert_eq!(without(c"--norc"), Some(c"--norc".to_owned()));
        assert_eq!(without(c"pipefail"), Some(c"pipefail".to_owned()));
    }
}
