//! Warm shells: to a recipe, and to whoever looks at it, they are like any other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bstr::BString;
use flow::event::End;
use flow::exec::{Script, ScriptWay, Task};

use super::{World, eventually, n_marked, setup, words};

pub const TESTS: &[(&str, fn())] = &[
    ("recipes_do_the_same_in_a_warm_shell", recipes_do_the_same),
    ("locales_are_the_same_in_a_warm_shell", locales_are_the_same),
    ("a_warm_shell_is_used", a_warm_shell_is_used),
    ("what_acts_before_main_gets_a_fresh_shell", what_acts_early),
    (
        "a_warm_shell_that_dies_is_no_loss",
        one_that_dies_is_no_loss,
    ),
    ("warm_shells_end_with_the_supervisor", they_end),
];

const SHELLS: [&[&str]; 2] = [&["sh", "-eu", "-c"], &["bash", "-euo", "pipefail", "-c"]];

/// Starts after which a shell is warm.
const N_COLD: usize = 4;

fn task(shell: &[&str], text: &str, way: ScriptWay) -> Task {
    Task {
        argv: shell.iter().copied().map(BString::from).collect(),
        script: Some(Script {
            text: text.into(),
            way,
        }),
        ..Task::default()
    }
}

/// One spawner thread, so that it is known when its shells are warm.
fn world(folder: &Path) -> World {
    let mut setup = setup();
    setup.folder = folder.to_str().unwrap().into();
    setup.spawners = 1;
    setup.env.retain(|(name, _)| !name.starts_with(b"LD_"));
    World::with(&setup)
}

fn warm_up(world: &mut World, shell: &[&str]) {
    for _ in 0..=N_COLD {
        world.run(task(shell, ":", ScriptWay::WarmDashC));
    }
}

/// Whether a shell was forked from a warm one: what makes it so is among what it has loaded.
const IS_WARM: &str = "grep -c memfd:flow /proc/$$/maps || true";

fn is_warm(world: &mut World, task: Task) -> bool {
    world.run(task).text() != "0\n"
}

/// All that a recipe left in its folder: names, kinds and rights, contents.
pub fn files(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = match meta.is_file() {
                true => fs::read(&path).unwrap(),
                false => Vec::new(),
            };
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            found.insert(name.to_owned(), (meta.permissions().mode(), content));
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// `text` without the number of the task in its mark.
fn without_number(text: &str, mark: &str) -> String {
    let mut pieces = text.split(mark);
    let mut cleaned = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let number = |c: char| c == '.' || c.is_ascii_digit();
        cleaned.push_str("MARK");
        cleaned.push_str(piece.trim_start_matches(number));
    }
    cleaned
}

fn recipes_do_the_same() {
    let recipes = include_str!("recipes.txt").trim_end_matches('\n');
    let place = tempfile::tempdir().unwrap();
    let mut world = world(place.path());
    let mut n_compared = 0;
    let mut differing = Vec::new();
    for shell in SHELLS {
        warm_up(&mut world, shell);
        let probe = |way| task(shell, IS_WARM, way);
        assert!(is_warm(&mut world, probe(ScriptWay::WarmDashC)));
        assert!(!is_warm(&mut world, probe(ScriptWay::DashC)));
        for recipe in recipes.split("\n----\n") {
            let ways = [ScriptWay::DashC, ScriptWay::WarmDashC];
            let [fresh, warm] = ways.map(|way| {
                let folder = place.path().join("here");
                fs::create_dir(&folder).unwrap();
                let mut task = task(shell, recipe, way);
                task.dir = "here".into();
                task.env = vec![("GREETING".into(), "good day".into())];
                let past = world.run(task);
                let left = files(&folder);
                fs::remove_dir_all(&folder).unwrap();
                let said = without_number(&past.text(), &world.mark);
                (past.end, said, past.leftovers, left)
            });
            n_compared += 1;
            if fresh != warm {
                differing.push(format!("{shell:?} {recipe}\n{fresh:?}\n{warm:?}\n"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(n_compared > 300, "{n_compared} were compared");
}

/// What a locale makes of letters, their order, numbers, dates, messages and its own name.
const LOCALIZED: &str = r#"
x=$(printf 'd\303\244\303\237')
printf '%s %s\n' "${#x}" "$x" | od -c
case $x in d??) echo two;; d????) echo four;; *) echo other;; esac
printf '%.2f\n' 1.5
printf 'b\na\nC\n\303\244\n' | sort
date -d @0 +%c
cat nothing 2>&1 || :
locale 2>&1 || :
eval 'printf "%s %s %(%A)T\n" "${x^^}" "${x:1:1}" 0; [[ $x > dz ]] && echo behind' 2>/dev/null || :
"#;

fn locales_are_the_same() {
    let place = tempfile::tempdir().unwrap();
    let sets: [&[(&str, &str)]; 6] = [
        &[],
        &[("LC_ALL", "C.UTF-8")],
        &[("LC_ALL", "POSIX")],
        &[("LC_ALL", "xx_YY.UTF-8")],
        &[("LC_ALL", ""), ("LANG", "C"), ("LC_CTYPE", "C.UTF-8")],
        &[("LC_ALL", ""), ("LOCPATH", "nowhere"), ("LANG", "C.UTF-8")],
    ];
    for first in ["C", "C.UTF-8", "xx_YY"] {
        let mut setup = setup();
        setup.folder = place.path().to_str().unwrap().into();
        setup.spawners = 1;
        setup.env.retain(|(name, _)| !name.starts_with(b"L"));
        setup.env.push(("LC_ALL".into(), first.into()));
        let mut world = World::with(&setup);
        for shell in SHELLS {
            warm_up(&mut world, shell);
            for set in sets {
                let [fresh, warm] = [ScriptWay::DashC, ScriptWay::WarmDashC].map(|way| {
                    let mut task = task(shell, LOCALIZED, way);
                    let set = set.iter();
                    task.env = set
                        .map(|(name, value)| ((*name).into(), (*value).into()))
                        .collect();
                    let past = world.run(task);
                    (past.text(), past.end)
                });
                assert_eq!(fresh, warm, "{shell:?} {first} {set:?}");
            }
            let probe = task(shell, IS_WARM, ScriptWay::WarmDashC);
            assert!(is_warm(&mut world, probe));
        }
    }
}

fn a_warm_shell_is_used() {
    let place = tempfile::tempdir().unwrap();
    let mut world = world(place.path());
    for shell in SHELLS {
        for at in 0..=N_COLD {
            let probe = task(shell, IS_WARM, ScriptWay::WarmDashC);
            assert_eq!(is_warm(&mut world, probe), at == N_COLD, "{shell:?} {at}");
        }
        // Its own time, not that of the shell that it was forked from.
        let past = world.run(task(shell, "exit 3", ScriptWay::WarmDashC));
        assert_eq!(past.end, Some(End::Exited(3)));
        assert!(past.usage.max_rss_kib > 0 && past.usage.user_s < 1.0);
    }
    // Whose words are no shell's is started as it is.
    let other = ["env", "sh", "-c"];
    warm_up(&mut world, &other);
    assert!(!is_warm(
        &mut world,
        task(&other, IS_WARM, ScriptWay::WarmDashC)
    ));
}

fn what_acts_early() {
    let place = tempfile::tempdir().unwrap();
    let mut world = world(place.path());
    let shell = SHELLS[0];
    warm_up(&mut world, shell);
    for (name, value) in [
        ("LD_BIND_NOW", "1"),
        ("MALLOC_ARENA_MAX", "1"),
        ("PATH", "/usr/bin:/bin"),
    ] {
        let mut probe = task(shell, IS_WARM, ScriptWay::WarmDashC);
        probe.env = vec![(name.into(), value.into())];
        assert!(!is_warm(&mut world, probe), "{name}");
    }
    let long = format!("{IS_WARM} # {}", "x".repeat(130_000));
    assert!(!is_warm(
        &mut world,
        task(shell, &long, ScriptWay::WarmDashC)
    ));
    let mut many = task(shell, IS_WARM, ScriptWay::WarmDashC);
    many.env = (0..100)
        .map(|n| (format!("V{n}").into(), "x".into()))
        .collect();
    assert!(!is_warm(&mut world, many));
    assert!(is_warm(
        &mut world,
        task(shell, IS_WARM, ScriptWay::WarmDashC)
    ));
}

/// The supervisor's children that no task is: warm shells.
fn shells_of(supervisor: u32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{supervisor}/task")).unwrap();
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn one_that_dies_is_no_loss() {
    let place = tempfile::tempdir().unwrap();
    let mut world = world(place.path());
    let shell = SHELLS[0];
    warm_up(&mut world, shell);
    for _ in 0..2 {
        let [warm] = shells_of(world.local.supervisor())[..] else {
            panic!("one shell is warm");
        };
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(warm).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        let past = world.run(task(shell, "echo done", ScriptWay::WarmDashC));
        assert_eq!(
            (past.end, past.output),
            (Some(End::Exited(0)), "done\n".into())
        );
        assert!(is_warm(
            &mut world,
            task(shell, IS_WARM, ScriptWay::WarmDashC)
        ));
    }
    let past = world.run(words(["true"]));
    assert_eq!(past.end, Some(End::Exited(0)));
}

fn they_end() {
    let place = tempfile::tempdir().unwrap();
    let mut world = world(place.path());
    SHELLS.iter().for_each(|shell| warm_up(&mut world, shell));
    let shells = shells_of(world.local.supervisor());
    assert_eq!(shells.len(), 2);
    let mark = world.mark.clone();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(world.local.supervisor() as i32).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    eventually(|| n_marked(&mark) == 0);
}
