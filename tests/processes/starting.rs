//! What a program finds when it starts, and what becomes of one that cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use flow::event::End;
use flow::exec::{Script, ScriptWay, Task};

use crate::Test;
use crate::processes::{World, peak_kib, setup, sh, words};

pub const TESTS: &[Test] = &[
    ("a_program_tells_how_it_ended", a_program_tells_how_it_ended),
    ("its_memory_is_its_own", its_memory_is_its_own),
    ("it_has_its_own_session", it_has_its_own_session),
    ("signals_are_as_usual", signals_are_as_usual),
    ("no_descriptors_are_inherited", no_descriptors_are_inherited),
    (
        "the_environment_is_clean_and_marked",
        the_environment_is_clean_and_marked,
    ),
    ("it_runs_in_its_folder", it_runs_in_its_folder),
    ("a_missing_folder_is_told", a_missing_folder_is_told),
    (
        "what_cannot_run_is_told_as_by_a_shell",
        what_cannot_run_is_told_as_by_a_shell,
    ),
    ("scripts_of_any_length_run", scripts_of_any_length_run),
    ("what_is_too_long_is_told", what_is_too_long_is_told),
    (
        "many_run_at_once_with_few_descriptors",
        many_run_at_once_with_few_descriptors,
    ),
];

fn a_program_tells_how_it_ended() {
    let mut world = World::new();
    for (task, end) in [
        (sh(":"), End::Exited(0)),
        (sh("exit 3"), End::Exited(3)),
        (sh("kill -9 $$"), End::Signaled(9)),
        (sh("kill -15 $$"), End::Signaled(15)),
        (words(["true"]), End::Exited(0)),
        (words(["false"]), End::Exited(1)),
    ] {
        let past = world.run(task);
        assert_eq!(past.end, Some(end));
        assert!(past.pid.is_some());
        assert_eq!(past.leftovers, 0);
    }
}

fn its_memory_is_its_own() {
    let mut world = World::new();
    let ballast = vec![1u8; 200 << 20];
    let usage = world
        .run(sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"))
        .usage;
    assert!(usage.max_rss_kib < 8 << 10, "{usage:?}");
    assert!(
        usage.user_s > 0.0 && usage.wall_s >= usage.user_s,
        "{usage:?}"
    );
    let peak = peak_kib(world.local.supervisor());
    assert!(peak < 8 << 10, "the supervisor itself takes {peak} KiB");
    drop(ballast);
}

fn it_has_its_own_session() {
    let mut world = World::new();
    let task = world.start(sh("cut -d' ' -f5,6 /proc/$$/stat; echo $$"));
    let past = world.end(task);
    let pid = past.pid.unwrap();
    assert_eq!(past.text(), format!("{pid} {pid}\n{pid}\n"));
}

fn signals_are_as_usual() {
    let mut world = World::new();
    let text = world.output_of("grep -E '^Sig(Blk|Ign|Pnd)' /proc/self/status");
    for line in text.lines() {
        let set = u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap();
        // 32 and 33 are the C library's own, which it sets as it needs them.
        assert_eq!(set & !(3 << 31), 0, "{line}");
    }
    assert_eq!(text.lines().count(), 3);
}

fn no_descriptors_are_inherited() {
    let file = fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let mut world = World::new();
    // The fourth is the folder that ls reads.
    assert_eq!(world.output_of("ls /proc/self/fd"), "0\n1\n2\n3\n");
    assert_eq!(
        world.output_of("readlink /proc/self/fd/0; cat; echo end"),
        "/dev/null\nend\n"
    );
}

fn the_environment_is_clean_and_marked() {
    let mut base = setup();
    base.env = vec![
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("A".into(), "1".into()),
        ("B".into(), "2".into()),
        ("FLOW_MARK".into(), "outer.7".into()),
    ];
    let mut world = World::with(&base);
    let mut task = words(["env"]);
    task.env = [("B", "x"), ("C", "y=z"), ("B", "last"), ("FLOW_MARK", "no")]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    let text = world.run(task).text();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mark = format!("FLOW_MARK=outer.7/{}.1", base.mark);
    assert_eq!(
        lines,
        ["A=1", "B=last", "C=y=z", &mark, "PATH=/usr/bin:/bin"]
    );
}

fn it_runs_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    let mut base = setup();
    base.folder = folder.path().to_str().unwrap().into();
    let mut world = World::with(&base);
    let real = folder.path().canonicalize().unwrap();
    assert_eq!(world.output_of("pwd -P"), format!("{}\n", real.display()));
    let task = Task {
        dir: "inner".into(),
        ..sh("pwd -P")
    };
    let text = world.run(task).text();
    assert_eq!(text, format!("{}/inner\n", real.display()));
}

fn a_missing_folder_is_told() {
    let mut world = World::new();
    let task = Task {
        dir: "no/such".into(),
        ..sh(":")
    };
    let past = world.run(task);
    let why = "its folder `no/such` does not exist".to_string();
    assert_eq!(past.end, Some(End::NotStarted(why)));
    assert_eq!(past.pid, None);
}

fn what_cannot_run_is_told_as_by_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, mode) in [
        ("plain", "echo plain $1", 0o755),
        ("locked", "echo locked", 0o644),
        ("broken", "#!/no/such/interpreter\n", 0o755),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut base = setup();
    base.folder = folder.path().to_str().unwrap().into();
    let mut world = World::with(&base);
    let interpreter = "./broken: the interpreter in its first line is not there\n";
    for (task, status, said) in [
        (
            words(["no-such-program"]),
            127,
            "no-such-program: command not found\n",
        ),
        (words(["./no-such"]), 127, "./no-such: command not found\n"),
        (words(["./locked"]), 126, "./locked: permission denied\n"),
        (words(["./broken"]), 126, interpreter),
        (words(["./plain", "one"]), 0, "plain one\n"),
        // The current folder is never searched.
        (words(["plain"]), 127, "plain: command not found\n"),
    ] {
        let past = world.run(task);
        assert_eq!(
            (past.end.clone(), past.text().as_str()),
            (Some(End::Exited(status)), said)
        );
        assert!(past.pid.is_some());
    }
    let mut task = words(["plain", "two"]);
    let path = format!(":.:bin:{}", folder.path().display());
    task.env = vec![("PATH".into(), path.into())];
    assert_eq!(world.run(task).text(), "plain two\n");
}

fn scripts_of_any_length_run() {
    let mut world = World::new();
    for len in [100, 131_071, 131_072, 10 << 20] {
        let mut text = b"cat; echo $#; case $0 in /dev/fd/*) echo file;; esac\n".to_vec();
        text.resize(len - 4, b'#');
        text.extend(b"\n:\n\n");
        let past = world.run(sh(text));
        let said = if len > 131_071 { "0\nfile\n" } else { "0\n" };
        assert_eq!(
            (past.end.clone(), past.text().as_str()),
            (Some(End::Exited(0)), said)
        );
    }
    let peak = peak_kib(world.local.supervisor());
    assert!(peak < 8 << 10, "the supervisor takes {peak} KiB");
    let task = Task {
        script: Some(Script {
            text: "echo by file $#\n".into(),
            way: ScriptWay::File,
        }),
        ..words(["/bin/sh", "-e"])
    };
    assert_eq!(world.run(task).text(), "by file 0\n");
}

fn what_is_too_long_is_told() {
    let mut world = World::new();
    let why = |world: &mut World, task| match world.run(task).end {
        Some(End::NotStarted(why)) => why,
        other => panic!("{other:?}"),
    };
    let long = "x".repeat(131_072);
    let said = why(&mut world, words(["echo", "a", &long]));
    assert!(
        said.starts_with("argument 2 of `echo` is 131072 bytes long"),
        "{said}"
    );
    let mut task = words(["echo"]);
    task.env = vec![("LIST".into(), long.into())];
    let said = why(&mut world, task);
    assert!(
        said.contains("variable `LIST` is 131072 bytes long"),
        "{said}"
    );
    let mut task = words(["echo"]);
    task.argv.resize(60, "x".repeat(100_000).into());
    let said = why(&mut world, task);
    assert!(
        said.contains("`echo` are 59") && said.contains("more than the kernel takes"),
        "{said}"
    );
    // Just too long with its script as an argument: then it goes by a file.
    let mut task = sh(format!("echo $#\n{}", "#".repeat(120_000)));
    task.argv.pop();
    task.argv.extend(["-c".into()]);
    let env = world.output_of("env | wc -c");
    let room = 2_097_152 - 4096 - 130_000 - env.trim().parse::<usize>().unwrap() * 2;
    task.env = (0..room / 100_016 + 1)
        .map(|at| (format!("V{at}").into(), "x".repeat(100_000).into()))
        .collect();
    let past = world.run(task);
    assert_eq!(
        (past.end.clone(), past.text().as_str()),
        (Some(End::Exited(0)), "0\n")
    );
    let text = "#".repeat(10);
    let task = Task {
        argv: vec![],
        ..sh(text)
    };
    assert_eq!(why(&mut world, task), "there is no program to run");
}

fn many_run_at_once_with_few_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: Some(64),
        maximum: before.maximum,
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::within(&folder);
    setrlimit(Resource::Nofile, before).unwrap();
    let gate = folder.path().join("gate");
    // All of them wait until the last one has started, so all have to run at once.
    let script = "ulimit -n; while ! [ -e gate ]; do sleep 0.05; done";
    let tasks: Vec<_> = (0..200).map(|_| world.start(sh(script))).collect();
    for task in &tasks {
        world.wait_for(*task, |past| past.pid.is_some());
    }
    fs::write(&gate, "").unwrap();
    for task in tasks {
        let past = world.end(task);
        assert_eq!(
            (past.end.clone(), past.text().as_str()),
            (Some(End::Exited(0)), "64\n")
        );
    }
}
