//! Commands with redirections that start without a shell do what the shell would have done.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use flow::event::End;
use flow::exec::{Script, ScriptWay, Signal, Task};
use flow::lang::ast::Recipe;
use flow::lang::recipe;
use flow::lang::span::Span;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::umask;

use super::warm::files;
use super::{World, setup};

pub const TESTS: &[(&str, fn())] = &[
    ("redirections_do_what_they_do_in_a_shell", they_do_the_same),
    ("redirections_take_no_shell", they_take_no_shell),
    (
        "what_does_nothing_takes_no_process",
        nothing_takes_no_process,
    ),
    ("what_is_waited_for_can_be_ended", a_pipe_is_no_trap),
];

/// Each is run in a folder of these: `old`, which holds some lines, `locked`, `secret` (not to be
/// written, not to be read), `folder`, `link` to `old`, `dangling` to nothing.
const RECIPES: &[&str] = &[
    "sort old > new",
    "sort old > old",
    "sort old >new",
    "cat old >> new",
    "cat /etc/passwd >> old",
    "tr a-z A-Z < old > new",
    "> new cat old",
    "< old sort -r > new",
    "cat old \\\n  > new",
    "cat old > 'a b'",
    "cat old > \"a \"b\\ c",
    "cat old > \"\"",
    "cat old > folder/../new",
    "cat old > folder",
    "cat old > folder/",
    "cat old > missing/new",
    "cat old > locked",
    "cat < secret",
    "cat old > link",
    "cat old > dangling",
    "cat old >> dangling",
    "cat < dangling",
    "cat < missing",
    "cat < missing > new",
    "cat old > new < missing",
    "cat old > new 2> missing/new",
    "cat < folder",
    "ls missing 2> err",
    "ls old missing > out 2> err",
    "ls old missing > both 2>&1",
    "ls old missing 2>&1 > out",
    "ls old missing 2> err 2>&1",
    "ls old missing &> both",
    "cat old > one > two",
    "cat old > /dev/null",
    "cat < /dev/null > new",
    "cat > new",
    "cp old copy > out",
    "grep nothing old > new",
    "tee copy < old > new",
    "ls /proc/self/fd > fds",
    "no-such-command > new 2> err",
    "./old > new",
    "./no-such-file > new",
    ":",
    "true",
    ": old 'a b' --help",
    "true --help > new",
    ": > new",
    ": > old",
    ": >> old",
    ": >> new 2> err",
    "> new :",
    ": > one > two",
    ": > link",
    ": > dangling",
    ": > folder/new",
    ": > folder",
    ": > locked",
    ": > missing/new",
    ": > one > missing/new",
    ": < secret",
    ": < missing > new",
    ": < old > old",
    ": > /dev/null 2>&1",
    ": &> both",
];

fn prepare(folder: &Path) {
    fs::create_dir_all(folder.join("folder")).unwrap();
    for (name, mode) in [("old", 0o644), ("locked", 0o444), ("secret", 0o200)] {
        let path = folder.join(name);
        fs::write(&path, "some\nlines\nand more\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("old", folder.join("link")).unwrap();
    symlink("nothing", folder.join("dangling")).unwrap();
}

fn task(text: &str) -> Task {
    let recipe = Recipe {
        span: Span::default(),
        text: text.into(),
        line_starts: vec![0; 3],
    };
    let (read, diags) = recipe::lex(&recipe);
    assert!(diags.is_empty(), "{diags:?}");
    let direct = read.redirected(|hole| panic!("{hole:?} in {text}"));
    assert!(direct.is_some(), "{text}");
    Task {
        argv: ["bash", "-euo", "pipefail", "-c"].map(Into::into).to_vec(),
        script: Some(Script {
            text: text.into(),
            way: ScriptWay::DashC,
        }),
        direct,
        dir: "here".into(),
        ..Task::default()
    }
}

fn world(folder: &Path) -> World {
    let mut setup = setup();
    setup.folder = folder.to_str().unwrap().into();
    setup.spawners = 1;
    // Bash sets it for what it starts.
    setup.env.retain(|(name, _)| name != "_");
    World::with(&setup)
}

fn they_do_the_same() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path().join("here");
    let mut differing = Vec::new();
    for (mask, is_printed_to_files) in [(0o022, false), (0o077, true), (0o002, false)] {
        let before = umask(Mode::from_raw_mode(mask));
        let mut world = world(place.path());
        umask(before);
        for recipe in RECIPES {
            let [shell, direct] = [false, true].map(|is_direct| {
                prepare(&here);
                let mut task = task(recipe);
                if !is_direct {
                    task.direct = None;
                }
                if is_printed_to_files {
                    task.stdout = "here/printed".into();
                    task.stderr = "here/complaints".into();
                }
                let past = world.run(task);
                let found = (past.end, past.output, past.leftovers, files_of(&here));
                fs::remove_dir_all(&here).unwrap();
                found
            });
            if shell != direct {
                differing.push(format!("{mask:o} {recipe}\n{shell:?}\n{direct:?}\n"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// All but the rights of `secret`, which has to be read here.
fn files_of(folder: &Path) -> impl PartialEq + std::fmt::Debug + use<> {
    let path = folder.join("secret");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    files(folder)
}

fn they_take_no_shell() {
    let place = tempfile::tempdir().unwrap();
    prepare(&place.path().join("here"));
    let mut world = world(place.path());
    let mut probe = task("printenv _ 2> err");
    assert_eq!(world.run(probe.clone()).end, Some(End::Exited(1)));
    probe.direct = None;
    let past = world.run(probe);
    assert_eq!(past.end, Some(End::Exited(0)), "{past:?}");
}

fn nothing_takes_no_process() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path().join("here");
    prepare(&here);
    let mut world = world(place.path());
    // The machine may hold one up so long that the threads which start processes do the next ones.
    let past = (0..100)
        .map(|_| world.run(task(": > new")))
        .find(|past| past.pid.is_none());
    let past = past.expect("one of them needed none");
    assert_eq!(past.end, Some(End::Exited(0)), "{past:?}");
    assert_eq!(fs::read(here.join("new")).unwrap(), b"");
    // What goes wrong is for a process to tell.
    let past = world.run(task(": > folder"));
    assert!(
        past.pid.is_some() && past.end == Some(End::Exited(1)),
        "{past:?}"
    );
}

fn a_pipe_is_no_trap() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path().join("here");
    prepare(&here);
    mknodat(CWD, here.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let mut world = world(place.path());
    let waiting = world.start(task("cat < pipe > new"));
    world.wait_for(waiting, |past| past.pid.is_some());
    // The only thread that starts processes is free for others.
    let past = world.run(task("cat < old"));
    assert_eq!(past.end, Some(End::Exited(0)));
    world.signal(waiting, Signal::Terminate);
    let past = world.end(waiting);
    assert!(matches!(past.end, Some(End::Signaled(15))), "{past:?}");
    let waiting = world.start(task("cat < pipe > new"));
    fs::write(here.join("pipe"), "through\n").unwrap();
    assert_eq!(world.end(waiting).end, Some(End::Exited(0)));
    assert_eq!(fs::read(here.join("new")).unwrap(), b"through\n");
}
