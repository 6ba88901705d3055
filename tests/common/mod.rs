//! A project in a temporary folder, and `flow` run in it as a user would.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A folder with a workflow in it; gone when dropped.
pub struct Project {
    folder: tempfile::TempDir,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        let status = output.status.code();
        let signal = output.status.signal().map(|signal| 128 + signal);
        Ended {
            status: status.or(signal).expect("it has ended"),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    /// Asserts the exit status, and shows everything when it is another one.
    #[track_caller]
    pub fn expect(self, status: i32) -> Ended {
        assert_eq!(
            self.status, status,
            "\n--- out\n{}\n--- err\n{}",
            self.out, self.err
        );
        self
    }

    /// Asserts that stderr says all of this.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Ended {
        for text in texts {
            assert!(self.err.contains(text), "no `{text}` in\n{}", self.err);
        }
        self
    }
}

impl Project {
    /// A project whose `workflow.flow` is this text.
    pub fn new(workflow: &str) -> Project {
        let project = Project {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        project.write("workflow.flow", workflow);
        project
    }

    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file and the folders above it. It is older than anything a run makes.
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Project {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("it lies in the project")).expect("a folder");
        fs::write(&path, text).expect("a file");
        self.set_age(&path, Duration::from_secs(3600));
        self
    }

    /// Lets a file look as if it had been changed so long ago.
    pub fn set_age(&self, path: impl AsRef<Path>, age: Duration) {
        let file = fs::File::options()
            .append(true)
            .open(self.path(path))
            .expect("a file");
        file.set_modified(SystemTime::now() - age).expect("a time");
    }

    /// Lets a file look as if it had been changed just now.
    pub fn touch(&self, path: impl AsRef<Path>) {
        self.set_age(path, Duration::ZERO);
    }

    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.path(path);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// `flow` with these arguments, not yet started.
    pub fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(args).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOW_") {
                command.env_remove(name);
            }
        }
        // Nor does what its user has set up.
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        if std::env::var_os("HOME").is_none() {
            command.env("HOME", "/nonexistent");
        }
        command.env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
        command
    }

    pub fn flow(&self, args: &[impl AsRef<OsStr>]) -> Ended {
        self.command(args).output().expect("flow starts").into()
    }

    /// Starts `flow` and goes on.
    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("flow starts")
    }

    /// Waits until a file is there.
    #[track_caller]
    pub fn wait_for(&self, path: &str) {
        wait_until(path, || self.has(path));
    }

    /// The jobs that a plan would run, `rule key`, in its order.
    pub fn planned(&self, args: &[&str]) -> Vec<String> {
        let args: Vec<&str> = ["plan", "--json"].iter().chain(args).copied().collect();
        let ended = self.flow(&args).expect(0);
        let line = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| line[name].as_str().unwrap_or("?").to_string();
            format!("{} {}", text("rule"), text("job"))
        };
        ended.out.lines().map(line).collect()
    }

    /// Every file below the project, less the state folder, in byte order.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                let name = path.strip_prefix(self.folder.path()).expect("inside");
                if name == Path::new(".flow") {
                } else if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(name.to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }
}

/// So long is waited for what must come. A busy machine takes its time; what comes costs no more.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `is_so`; fails when that takes too long.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process.
pub fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("the process is there");
}

/// The end of a process that was started.
pub fn end(child: Child) -> Ended {
    child.wait_with_output().expect("it ends").into()
}
