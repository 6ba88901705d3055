//! flow beside ninja, make, samurai and n2, those that are there, on the same jobs: nothing to do, one
//! file touched, planning all, and running all.
//!
//! `cargo bench --bench peers -- [--n N] [--runs N] [--only noop|touch|dry|full]
//! [--shape wide|stages|chain|fan|all] [--recipe touch|echo|cp|sort] [--flow PATH] [--ninja PATH] [--make PATH]
//! [--check FILE] [--write FILE]`.
//! The tools take turns, so that what disturbs the machine disturbs them all; ratios are taken
//! within a round. CPU is that of the tool and of all that it waited for.
//! `--check` fails where flow's ratio to a peer has got worse by a quarter since FILE was written, and
//! does so again when measured twice more: one bad moment of the machine is no reason.

mod baseline;
// Each benchmark uses a part of it.
#[allow(dead_code)]
mod workloads;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use baseline::Baseline;
use workloads::{Recipe, Shape, Tool, Workload};

/// A ratio that has got worse is measured so many times before it counts.
const N_TRIES: usize = 3;

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
    /// Find that nothing has to run.
    Noop,
    /// Say what would run when one input has changed.
    Touch,
    /// Say what would run when nothing has.
    Dry,
    /// Run everything, so many at once.
    Full(u32),
}

/// What makes files comes first: deleted ones make that dear, see [`Workload::clear`].
const CASES: [Case; 5] = [
    Case::Full(2),
    Case::Full(8),
    Case::Dry,
    Case::Noop,
    Case::Touch,
];

impl Case {
    fn name(self) -> String {
        match self {
            Case::Noop => "noop".into(),
            Case::Touch => "touch".into(),
            Case::Dry => "dry".into(),
            Case::Full(n_at_once) => format!("full-j{n_at_once}"),
        }
    }

    fn n_jobs(self) -> usize {
        match self {
            Case::Full(_) => 10_000,
            Case::Noop | Case::Touch | Case::Dry => 100_000,
        }
    }

    fn is_dry(self) -> bool {
        matches!(self, Case::Touch | Case::Dry)
    }
}

#[derive(Debug)]
struct Options {
    n_jobs: Option<usize>,
    n_runs: usize,
    only: String,
    shapes: Vec<Shape>,
    recipe: Recipe,
    programs: Vec<(Tool, PathBuf)>,
    check: Option<PathBuf>,
    write: Option<PathBuf>,
}

impl Options {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            n_jobs: None,
            n_runs: 5,
            only: String::new(),
            shapes: vec![Shape::Wide],
            recipe: Recipe::Touch,
            programs: Vec::new(),
            check: None,
            write: None,
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
                "--shape" if value == "all" => options.shapes = Shape::ALL.to_vec(),
                "--shape" => {
                    let mut all = Shape::ALL.into_iter();
                    let shape = all.find(|shape| shape.name() == value);
                    options.shapes = vec![shape.ok_or(format!("no shape is called {value}"))?];
                }
                "--recipe" => {
                    let mut all = Recipe::ALL.into_iter();
                    let recipe = all.find(|recipe| recipe.name() == value);
                    options.recipe = recipe.ok_or(format!("no recipe is called {value}"))?;
                }
                "--check" => options.check = Some(value.into()),
                "--write" => options.write = Some(value.into()),
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
    let tools: Vec<(Tool, PathBuf)> = Tool::ALL
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
    let before = match &options.check {
        Some(path) => Baseline::read(path)?,
        None => Baseline::default(),
    };
    let mut now = Baseline::default();
    let mut n_worse = 0;
    let kept = tempfile::tempdir()?;
    for case in CASES {
        for &shape in &options.shapes {
            if case.name().contains(&options.only) {
                n_worse += compare(
                    case,
                    shape,
                    &tools,
                    &options,
                    (&before, &mut now),
                    kept.path(),
                )?;
            }
        }
    }
    if let Some(path) = &options.write {
        now.write(path)?;
    }
    match n_worse {
        0 => Ok(()),
        n => Err(io::Error::other(format!(
            "{n} ratios have got worse by a quarter"
        ))),
    }
}

/// Measures, again where a ratio has got worse. How many of them stay so.
fn compare(
    case: Case,
    shape: Shape,
    tools: &[(Tool, PathBuf)],
    options: &Options,
    (before, now): (&Baseline, &mut Baseline),
    kept: &Path,
) -> io::Result<usize> {
    let measurement = format!("{}-{}", case.name(), shape.name());
    let mut worse = Vec::new();
    for _ in 0..N_TRIES {
        let ratios = measure(case, shape, tools, options, kept)?;
        for &(tool, ratio) in &ratios {
            now.set(&measurement, tool.name(), ratio);
        }
        let ratios = ratios.into_iter();
        worse = ratios
            .filter_map(|(tool, ratio)| {
                let factor = before.worse(&measurement, tool.name(), ratio)?;
                Some(format!(
                    "{measurement}: {factor:.2} of what it was to {}",
                    tool.name()
                ))
            })
            .collect();
        if worse.is_empty() {
            break;
        }
    }
    worse.iter().for_each(|line| println!("worse: {line}"));
    Ok(worse.len())
}

/// The program that a user of this tool starts. Scripts that only lead to it (of version
/// managers) are passed over: they take longer than the tool.
fn find(tool: Tool) -> Option<PathBuf> {
    let name = match tool {
        Tool::Flow => return Some(env!("CARGO_BIN_EXE_flow").into()),
        tool => tool.name(),
    };
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| std::fs::read(program).is_ok_and(|bytes| !bytes.starts_with(b"#!")));
    let is_expected = matches!(tool, Tool::Ninja | Tool::Make);
    if found.is_none() && is_expected {
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
        Case::Full(n) => n,
        _ => 2,
    };
    let jobs = format!("-j{n_at_once}");
    let mut command = Command::new(program);
    match tool {
        Tool::Flow if case.is_dry() => command.arg("plan"),
        Tool::Flow => command.args(["run", "-q", &jobs]),
        Tool::Ninja | Tool::Samurai if case.is_dry() => command.args(["-n", &jobs]),
        Tool::Ninja => command.args(["--quiet", &jobs]),
        Tool::Samurai | Tool::N2 => command.arg(&jobs),
        // -r: without the built-in rules, which cost make a search for each file.
        Tool::Make if case.is_dry() => command.args(["-r", "-n", &jobs]),
        Tool::Make => command.args(["-r", "-s", &jobs]),
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
            Case::Dry | Case::Full(_) => {
                let aside = format!("{}.{}", self.folder.display(), self.costs.len());
                return workload.clear(&self.folder, Path::new(&aside));
            }
            Case::Noop | Case::Touch if !self.costs.is_empty() => return Ok(()),
            Case::Noop | Case::Touch => {}
        }
        cost(self.command(Case::Full(8)))?;
        check_outputs(workload, &self.folder, workload.n_jobs)?;
        if case == Case::Touch {
            let n_stale = workload.touch_one(&self.folder)?;
            if self.tool == Tool::Flow {
                check_plan(&self.program, &self.folder, n_stale)?;
            }
        }
        Ok(())
    }

    fn run_once(&mut self, case: Case, workload: &Workload) -> io::Result<()> {
        self.prepare(case, workload)?;
        let cost = cost(self.command(case))?;
        let expected = match case {
            Case::Dry => 0,
            Case::Noop | Case::Touch | Case::Full(_) => workload.n_jobs,
        };
        check_outputs(workload, &self.folder, expected)?;
        self.costs.push(cost);
        Ok(())
    }
}

/// What follows from the one input, and nothing else, would run.
fn check_plan(flow: &Path, folder: &Path, n_stale: usize) -> io::Result<()> {
    let told = Command::new(flow)
        .args(["plan", "--json"])
        .current_dir(folder)
        .output()?;
    let n_told = told.stdout.iter().filter(|byte| **byte == b'\n').count();
    match n_told == n_stale {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{n_told} jobs would run, not {n_stale}"
        ))),
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

/// Flow's processor time in that of each peer: the median over the rounds. What was made may stay in
/// the folder `kept`.
fn measure(
    case: Case,
    shape: Shape,
    tools: &[(Tool, PathBuf)],
    options: &Options,
    kept: &Path,
) -> io::Result<Vec<(Tool, f64)>> {
    let workload = Workload {
        recipe: options.recipe,
        ..Workload::new(shape, options.n_jobs.unwrap_or(case.n_jobs()))
    };
    let place = tempfile::tempdir_in(kept)?;
    let mut entrants = Vec::new();
    // n2 makes no dry runs.
    let can = |tool: Tool| !(tool == Tool::N2 && case.is_dry());
    for (tool, program) in tools.iter().filter(|(tool, _)| can(*tool)) {
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
    if matches!(case, Case::Full(_)) {
        // Until all is measured: see `Workload::clear`.
        let _ = place.keep();
    }
    let Some(flow) = entrants.iter().find(|entrant| entrant.tool == Tool::Flow) else {
        return Err(io::Error::other("flow itself was not measured"));
    };
    let peers = entrants.iter().filter(|entrant| entrant.tool != Tool::Flow);
    Ok(peers
        .map(|peer| {
            let pairs = flow.costs.iter().zip(&peer.costs);
            let mut ratios: Vec<f64> = pairs
                .map(|(own, other)| own.cpu_ms / other.cpu_ms)
                .collect();
            (peer.tool, middle(&mut ratios))
        })
        .collect())
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
    let Workload {
        shape,
        n_jobs,
        recipe,
    } = workload;
    println!(
        "\n{}, {}, {n_jobs} jobs `{}`, {} rounds: median (least to most)",
        case.name(),
        shape.name(),
        recipe.name(),
        peer.costs.len()
    );
    let against = peer.tool.name();
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
            entrant.tool.name(),
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
