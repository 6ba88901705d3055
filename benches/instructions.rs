//! How many instructions flow takes, counted by valgrind: steady where times are not.
//!
//! `cargo bench --bench instructions -- [--flow PATH] [--check FILE] [--write FILE]`.
//! Counts depend on the compiler, so FILE tells by which they were made: `--check` fails where one
//! differs by more than a twentieth (or 200,000), and with another compiler only shows them. Fewer than expected is
//! no better: then the file is to be written anew, so that what was won is not lost again unseen.

// Each benchmark uses a part of it.
#[allow(dead_code)]
mod workloads;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use workloads::{Shape, Tool, Workload};

const TOLERANCE: f64 = 0.05;
/// What the loader, the environment and an option more or less make of a start.
const SLACK: u64 = 200_000;

/// By name: the workload, and what flow is told to do when all of it is done.
const CASES: [(&str, Shape, usize, &[&str]); 6] = [
    ("version", Shape::Wide, 1, &["--version"]),
    ("one job, nothing to do", Shape::Wide, 1, &["run", "-q"]),
    ("wide, nothing to do", Shape::Wide, 10_000, &["run", "-q"]),
    ("stages, dry run", Shape::Stages, 10_000, &["plan"]),
    ("fan, dry run", Shape::Fan, 10_000, &["plan"]),
    ("1,000 rules, dry run", Shape::Chain, 1_000, &["plan"]),
];

/// Has all folders changed a moment ago: whether the list of one is kept would hang on how long the
/// machine has taken.
fn change_folders(place: &Path) -> io::Result<()> {
    for entry in fs::read_dir(place)? {
        let passing = entry?.path().join("passing");
        if fs::write(&passing, "").is_ok() {
            fs::remove_file(passing)?;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let mut flow = PathBuf::from(env!("CARGO_BIN_EXE_flow"));
    let (mut check, mut write) = (None, None);
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let (Some(arg), Some(value)) = (args.next(), args.next()) {
        match arg.as_str() {
            "--flow" => flow = fs::canonicalize(value)?,
            "--check" => check = Some(PathBuf::from(value)),
            "--write" => write = Some(PathBuf::from(value)),
            _ => return Err(io::Error::other(format!("no option is called {arg}"))),
        }
    }
    let expected = check.as_deref().map(Counts::read).transpose()?;
    let mut counts = Counts {
        compiler: compiler()?,
        of: BTreeMap::new(),
    };
    for (name, shape, n_jobs, command) in CASES {
        let place = tempfile::tempdir()?;
        let workload = Workload::new(shape, n_jobs);
        workload.write(Tool::Flow, place.path())?;
        // What is there and newer is taken as made: nothing needs to run.
        workload.make_outputs(place.path())?;
        let adopted = Command::new(&flow)
            .args(["run", "-q"])
            .current_dir(place.path())
            .output()?;
        assert!(adopted.status.success(), "{adopted:?}");
        change_folders(place.path())?;
        counts
            .of
            .insert(name.into(), count(&flow, command, place.path())?);
    }
    let n_off = counts.print(expected.as_ref());
    if let Some(path) = write {
        counts.write(&path)?;
    }
    match n_off {
        0 => Ok(()),
        n => Err(io::Error::other(format!("{n} counts are not as expected"))),
    }
}

/// Instructions outside of the kernel.
fn count(flow: &Path, command: &[&str], folder: &Path) -> io::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let ended = valgrind
        .arg(flow)
        .args(command)
        .current_dir(folder)
        .output()?;
    let told = String::from_utf8_lossy(&ended.stderr);
    // Of several processes the last to end is flow itself.
    let line = told
        .lines()
        .rev()
        .find_map(|line| line.split_once("Collected : "));
    let number = line.and_then(|(_, number)| number.trim().parse().ok());
    number.ok_or_else(|| io::Error::other(format!("valgrind told no count: {told}")))
}

fn compiler() -> io::Result<String> {
    let told = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&told.stdout).trim().into())
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Counts {
    compiler: String,
    of: BTreeMap<String, u64>,
}

impl Counts {
    fn read(path: &Path) -> io::Result<Counts> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }

    /// How many are not as expected.
    fn print(&self, expected: Option<&Counts>) -> usize {
        let counts = expected.filter(|expected| expected.compiler == self.compiler);
        if let (Some(expected), None) = (expected, counts) {
            println!(
                "expected of {}, and this is {}: only shown",
                expected.compiler, self.compiler
            );
        }
        let mut n_off = 0;
        for (name, &count) in &self.of {
            let before = expected.and_then(|expected| expected.of.get(name));
            let factor = before.map(|before| count as f64 / *before as f64);
            let shown = factor.map_or(String::new(), |factor| {
                format!("{factor:.3} of what is expected")
            });
            println!("{:>14}  {name:24} {shown}", count);
            let is_off = before.is_none_or(|before| {
                let allowed = (*before as f64 * TOLERANCE).max(SLACK as f64);
                count.abs_diff(*before) as f64 > allowed
            });
            n_off += usize::from(counts.is_some() && is_off);
        }
        n_off
    }
}
