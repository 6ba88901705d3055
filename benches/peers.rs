//! flow beside ninja and make on the same jobs: planning, nothing to do, and running.
//!
//! `cargo bench --bench peers -- [--n N] [--runs N] [--only WORD] [--shape wide|deep|stages|fanned]
//! [--flow PATH] [--ninja PATH] [--make PATH]`.
//! The tools take turns, so that what disturbs the machine disturbs them all; ratios are taken
//! within a round. CPU is that of the tool and of all that it waited for.

mod workloads;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use workloads::{Shape, Tool, Workload};

/// What is measured of one run.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall_ms: f64,
    cpu_ms: f64,
    peak_mib: f64,
}

/// What the tool is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Case {
    /// Say what would run; everything would.
    Plan,
    /// Find that nothing has to.
    Idle,
    /// Run everything, so many at once.
    Run(u32),
}

const CASES: [Case; 4] = [Case::Plan, Case::Idle, Case::Run(2), Case::Run(8)];

impl Case {
    fn name(self) -> String {
        match self {
            Case::Plan => "plan".into(),
            Case::Idle => "idle".into(),
            Case::Run(n_at_once) => format!("run-j{n_at_once}"),
        }
    }

    fn n_jobs(self) -> usize {
        match self {
            Case::Plan | Case::Idle => 100_000,
            Case::Run(_) => 10_000,
        }
    }
}

#[derive(Debug)]
struct Options {
    n_jobs: Option<usize>,
    n_runs: usize,
    only: String,
    shape: Shape,
    programs: Vec<(Tool, PathBuf)>,
}

impl Options {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            n_jobs: None,
            n_runs: 5,
            only: String::new(),
            shape: Shape::Wide,
            programs: Vec::new(),
        };
        while let Some(arg) = args.next() {
            // cargo says this to every benchmark.
            if arg == "--bench" {
                continue;
            }
            let value = args.next().ok_or(format!("{arg} needs a value"))?;
            let number = || value.parse().map_err(|_| format!("{value} is no number"));
            match arg.as_str() {
                "--n" => options.n_jobs = Some(number()?),
                "--runs" => options.n_runs = number()?.max(1),
                "--only" => options.only = value,
                "--shape" => {
                    options.shape = match value.as_str() {
                        "wide" => Shape::Wide,
                        "deep" => Shape::Deep,
                        "stages" => Shape::Stages,
                        "fanned" => Shape::Fanned,
                        _ => return Err(format!("no shape is called {value}")),
                    }
                }
                "--flow" => options.programs.push((Tool::Flow, value.into())),
                "--ninja" => options.programs.push((Tool::Ninja, value.into())),
                "--make" => options.programs.push((Tool::Make, value.into())),
                _ => return Err(format!("no option is called {arg}")),
            }
        }
        Ok(options)
    }
}

fn main() -> io::Result<()> {
    let options = Options::read(std::env::args().skip(1)).unwrap_or_else(|problem| {
        eprintln!("{problem}");
        std::process::exit(2);
    });
    let tools: Vec<(Tool, PathBuf)> = [Tool::Flow, Tool::Ninja, Tool::Make]
        .into_iter()
        .filter_map(|tool| {
            let named = options
                .programs
                .iter()
                .rev()
                .find(|(other, _)| *other == tool);
            let program = named.map(|(_, path)| path.clone()).or_else(|| find(tool));
            Some((tool, program.filter(|program| works(tool, program))?))
        })
        .collect();
    for case in CASES {
        if case.name().contains(&options.only) {
            measure(case, &tools, &options)?;
        }
    }
    Ok(())
}

/// The program that a user of this tool starts. Scripts that only lead to it (of version
/// managers) are passed over: they take longer than the tool.
fn find(tool: Tool) -> Option<PathBuf> {
    let name = match tool {
        Tool::Flow => return Some(env!("CARGO_BIN_EXE_flow").into()),
        Tool::Ninja => "ninja",
        Tool::Make => "make",
    };
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| std::fs::read(program).is_ok_and(|bytes| !bytes.starts_with(b"#!")));
    if found.is_none() {
        println!("{tool:?} is left out: no program {name} on PATH; name one by --{name} PATH");
    }
    found
}

fn works(tool: Tool, program: &Path) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = version.is_ok_and(|status| status.success());
    if !works {
        println!("{tool:?} is left out: `--version` does not work");
    }
    works
}

fn command(tool: Tool, program: &Path, case: Case, folder: &Path) -> Command {
    let n_at_once = match case {
        Case::Run(n) => n,
        Case::Plan | Case::Idle => 2,
    };
    let jobs = format!("-j{n_at_once}");
    let mut command = Command::new(program);
    match (tool, case) {
        (Tool::Flow, Case::Plan) => command.arg("plan"),
        (Tool::Flow, _) => command.args(["run", "-q", &jobs]),
        (Tool::Ninja, Case::Plan) => command.args(["-n", &jobs]),
        (Tool::Ninja, _) => command.args(["--quiet", &jobs]),
        // -r: without the built-in rules, which cost make a search for each file.
        (Tool::Make, Case::Plan) => command.args(["-r", "-n", &jobs]),
        (Tool::Make, _) => command.args(["-r", "-s", &jobs]),
    };
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Starts it and waits for its end; an error when it did not end well.
fn cost(mut command: Command) -> io::Result<Cost> {
    let start = Instant::now();
    let child = command.spawn()?;
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals, and nobody else waits for this child: `child` is
    // dropped without a wait.
    let pid = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    let wall_ms = start.elapsed().as_secs_f64() * 1e3;
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if status != 0 {
        return Err(io::Error::other(format!("it ended with status {status}")));
    }
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    Ok(Cost {
        wall_ms,
        cpu_ms: ms(usage.ru_utime) + ms(usage.ru_stime),
        peak_mib: usage.ru_maxrss as f64 / 1024.0,
    })
}

struct Entrant {
    tool: Tool,
    program: PathBuf,
    folder: PathBuf,
    costs: Vec<Cost>,
}

impl Entrant {
    fn command(&self, case: Case) -> Command {
        command(self.tool, &self.program, case, &self.folder)
    }

    /// Brings the folder to where the case begins.
    fn prepare(&self, case: Case, workload: &Workload) -> io::Result<()> {
        match case {
            Case::Plan | Case::Run(_) => workload.clear(&self.folder),
            Case::Idle if self.costs.is_empty() => {
                cost(self.command(Case::Run(8)))?;
                check_outputs(workload, &self.folder, workload.n_jobs)
            }
            Case::Idle => Ok(()),
        }
    }

    fn run_once(&mut self, case: Case, workload: &Workload) -> io::Result<()> {
        self.prepare(case, workload)?;
        let cost = cost(self.command(case))?;
        let expected = match case {
            Case::Plan => 0,
            Case::Idle | Case::Run(_) => workload.n_jobs,
        };
        check_outputs(workload, &self.folder, expected)?;
        self.costs.push(cost);
        Ok(())
    }
}

/// A tool that is fast because it does nothing is no peer.
fn check_outputs(workload: &Workload, folder: &Path, expected: usize) -> io::Result<()> {
    let n_outputs = workload.count_outputs(folder)?;
    match n_outputs == expected {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "there are {n_outputs} outputs, not {expected}"
        ))),
    }
}

fn measure(case: Case, tools: &[(Tool, PathBuf)], options: &Options) -> io::Result<()> {
    let workload = Workload::new(options.shape, options.n_jobs.unwrap_or(case.n_jobs()));
    let place = tempfile::tempdir()?;
    let mut entrants = Vec::new();
    for (tool, program) in tools {
        let folder = place.path().join(format!("{tool:?}"));
        workload.write(*tool, &folder)?;
        entrants.push(Entrant {
            tool: *tool,
            program: program.clone(),
            folder,
            costs: Vec::new(),
        });
    }
    for _ in 0..options.n_runs {
        entrants.retain_mut(|entrant| match entrant.run_once(case, &workload) {
            Ok(()) => true,
            Err(problem) => {
                println!(
                    "{:?} is left out of {}: {problem}",
                    entrant.tool,
                    case.name()
                );
                false
            }
        });
    }
    print(case, &workload, &entrants);
    Ok(())
}

fn print(case: Case, workload: &Workload, entrants: &[Entrant]) {
    // The peer that the others are held against.
    let peer = entrants
        .iter()
        .find(|entrant| entrant.tool == Tool::Ninja)
        .or(entrants.last());
    let Some(peer) = peer else {
        return;
    };
    let Workload { shape, n_jobs } = workload;
    println!(
        "\n{}, {shape:?}, {n_jobs} jobs, {} rounds: median (least to most)",
        case.name(),
        peer.costs.len()
    );
    let against = format!("{:?}", peer.tool).to_lowercase();
    println!(
        "{:6} {:>26} {:>26} {:>9} {:>24} {:>24}",
        "",
        "wall ms",
        "cpu ms",
        "peak MiB",
        format!("wall / {against}"),
        format!("cpu / {against}")
    );
    for entrant in entrants {
        let column = |of: fn(&Cost) -> f64| entrant.costs.iter().map(of).collect::<Vec<_>>();
        let ratio = |of: fn(&Cost) -> f64| {
            let pairs = entrant.costs.iter().zip(&peer.costs);
            pairs
                .map(|(own, other)| of(own) / of(other))
                .collect::<Vec<_>>()
        };
        println!(
            "{:6} {:>26} {:>26} {:9.0} {:>24} {:>24}",
            format!("{:?}", entrant.tool).to_lowercase(),
            spread(column(|cost| cost.wall_ms), 0),
            spread(column(|cost| cost.cpu_ms), 0),
            middle(&mut column(|cost| cost.peak_mib)),
            spread(ratio(|cost| cost.wall_ms), 2),
            spread(ratio(|cost| cost.cpu_ms), 2),
        );
    }
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(mut values: Vec<f64>, n_digits: usize) -> String {
    let middle = middle(&mut values);
    let (least, most) = (values[0], values[values.len() - 1]);
    format!("{middle:.n_digits$} ({least:.n_digits$} to {most:.n_digits$})")
}
