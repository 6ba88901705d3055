//! The same trivial jobs, `: > OUTPUT` or another command, written down for flow, ninja and make.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// How the jobs hang together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One output from each input.
    Wide,
    /// Ten times one output from each input, behind each other.
    Stages,
    /// Each job needs the one before.
    Chain,
    /// One job, then many that all need it, then one that needs them all.
    Fan,
}

impl Shape {
    pub const ALL: [Shape; 4] = [Shape::Wide, Shape::Stages, Shape::Chain, Shape::Fan];

    pub fn name(self) -> &'static str {
        match self {
            Shape::Wide => "wide",
            Shape::Stages => "stages",
            Shape::Chain => "chain",
            Shape::Fan => "fan",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tool {
    Flow,
    Ninja,
    Samurai,
    N2,
    Make,
}

impl Tool {
    pub const ALL: [Tool; 5] = [Tool::Flow, Tool::Ninja, Tool::Samurai, Tool::N2, Tool::Make];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Flow => "flow",
            Tool::Ninja => "ninja",
            Tool::Samurai => "samu",
            Tool::N2 => "n2",
            Tool::Make => "make",
        }
    }

    pub fn file(self) -> &'static str {
        match self {
            Tool::Flow => "workflow.flow",
            Tool::Ninja | Tool::Samurai | Tool::N2 => "build.ninja",
            Tool::Make => "Makefile",
        }
    }
}

/// What each job does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recipe {
    /// No program at all: an empty file.
    Touch,
    /// Nothing but what the shell does itself.
    Echo,
    /// One program.
    Copy,
    /// One program and a redirection.
    Sort,
}

impl Recipe {
    pub const ALL: [Recipe; 4] = [Recipe::Touch, Recipe::Echo, Recipe::Copy, Recipe::Sort];

    pub fn name(self) -> &'static str {
        match self {
            Recipe::Touch => "touch",
            Recipe::Echo => "echo",
            Recipe::Copy => "cp",
            Recipe::Sort => "sort",
        }
    }

    fn text(self, input: &str, output: &str) -> String {
        match self {
            Recipe::Touch => format!(": > {output}"),
            Recipe::Echo => format!("echo {input} > {output}"),
            Recipe::Copy => format!("cp {input} {output}"),
            Recipe::Sort => format!("sort {input} > {output}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Workload {
    pub shape: Shape,
    pub n_jobs: usize,
    pub recipe: Recipe,
}

const N_STAGES: usize = 10;

impl Workload {
    /// Rounds `n_jobs` down to what the shape can have.
    pub fn new(shape: Shape, n_jobs: usize) -> Self {
        let n_jobs = match shape {
            Shape::Wide | Shape::Chain => n_jobs.max(1),
            Shape::Stages => (n_jobs / N_STAGES).max(1) * N_STAGES,
            Shape::Fan => n_jobs.max(3),
        };
        Workload {
            shape,
            n_jobs,
            recipe: Recipe::Touch,
        }
    }

    /// Writes inputs and workflow into an empty folder.
    pub fn write(&self, tool: Tool, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder.join("in"))?;
        for index in 0..self.n_inputs() {
            fs::write(folder.join(format!("in/{index}.in")), "")?;
        }
        self.make_folders(folder)?;
        let text = match tool {
            Tool::Flow => self.flow(),
            Tool::Ninja | Tool::Samurai | Tool::N2 => self.ninja(),
            Tool::Make => self.make(),
        };
        fs::write(folder.join(tool.file()), text)
    }

    /// Brings the folder back to where nothing has run. What there was goes to the folder `aside`,
    /// which must not be there yet.
    ///
    /// Not deleted: ext4 looks for a number that no file had in the last minutes, past all those
    /// that were freed, and can take more time for that than a shell for its job.
    pub fn clear(&self, folder: &Path, aside: &Path) -> io::Result<()> {
        fs::create_dir(aside)?;
        let states = [".flow", ".ninja_log", ".ninja_deps", ".n2_db"];
        for (at, name) in self
            .folders()
            .iter()
            .map(String::as_str)
            .chain(states)
            .enumerate()
        {
            match fs::rename(folder.join(name), aside.join(at.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.make_folders(folder)
    }

    /// Makes all outputs, newer than what they are made from.
    pub fn make_outputs(&self, folder: &Path) -> io::Result<()> {
        let mut result = Ok(());
        self.each_job(|output, _| {
            if result.is_ok() {
                result = fs::write(folder.join(output), "");
            }
        });
        result
    }

    /// Changes one input; so many jobs follow from it.
    pub fn touch_one(&self, folder: &Path) -> io::Result<usize> {
        let index = self.n_inputs() / 2;
        let input = fs::File::options()
            .write(true)
            .open(folder.join(format!("in/{index}.in")))?;
        input.set_modified(std::time::SystemTime::now())?;
        Ok(match self.shape {
            Shape::Wide => 1,
            Shape::Stages => N_STAGES,
            Shape::Chain => self.n_jobs,
            Shape::Fan => 2,
        })
    }

    /// The outputs that are there: `n_jobs` once all have run.
    pub fn count_outputs(&self, folder: &Path) -> io::Result<usize> {
        let mut n_outputs = 0;
        for name in self.folders() {
            n_outputs += fs::read_dir(folder.join(name))?.count();
        }
        Ok(n_outputs)
    }

    // make does not make them.
    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        let mut folders = self.folders().into_iter();
        folders.try_for_each(|name| fs::create_dir_all(folder.join(name)))
    }

    fn n_inputs(&self) -> usize {
        match self.shape {
            Shape::Wide => self.n_jobs,
            Shape::Chain => 1,
            Shape::Stages => self.n_jobs / N_STAGES,
            Shape::Fan => self.n_jobs - 2,
        }
    }

    /// The folders of outputs, which hold nothing else.
    fn folders(&self) -> Vec<String> {
        match self.shape {
            Shape::Wide | Shape::Chain => vec!["out".into()],
            Shape::Stages => (1..=N_STAGES).map(|stage| format!("s{stage}")).collect(),
            Shape::Fan => ["head", "fan", "all"].map(String::from).into(),
        }
    }

    /// Calls `tell` with output and inputs of each job, upstream ones first.
    fn each_job(&self, mut tell: impl FnMut(&str, &str)) {
        let n_inputs = self.n_inputs();
        match self.shape {
            Shape::Wide => {
                for index in 0..n_inputs {
                    tell(&format!("out/{index}.out"), &format!("in/{index}.in"));
                }
            }
            Shape::Chain => {
                let mut before = "in/0.in".to_string();
                for index in 0..self.n_jobs {
                    let output = format!("out/{index}.out");
                    tell(&output, &before);
                    before = output;
                }
            }
            Shape::Stages => {
                for stage in 1..=N_STAGES {
                    for index in 0..n_inputs {
                        let input = match stage {
                            1 => format!("in/{index}.in"),
                            _ => format!("s{}/{index}.out", stage - 1),
                        };
                        tell(&format!("s{stage}/{index}.out"), &input);
                    }
                }
            }
            Shape::Fan => {
                tell("head/head.out", "");
                let mut gathered = String::new();
                for index in 0..n_inputs {
                    let output = format!("fan/{index}.out");
                    tell(&output, &format!("in/{index}.in head/head.out"));
                    gathered.push_str(&output);
                    gathered.push(' ');
                }
                tell("all/all.out", gathered.trim_end());
            }
        }
    }

    fn flow(&self) -> String {
        let mut text = match self.recipe {
            // The shell that ninja and make use.
            Recipe::Echo => String::from("shell sh -c\n\n"),
            // Which shell there would be is flow's own affair.
            Recipe::Touch | Recipe::Copy | Recipe::Sort => String::new(),
        };
        let recipe = self.recipe.text("{input}", "{output}");
        let mut rule = |header: &str| {
            write!(text, "{header}\n    {recipe}\n\n").expect("a String takes all");
        };
        match self.shape {
            Shape::Wide => rule("transform step: match in/{n}.in -> out/{n}.out"),
            Shape::Chain => {
                rule("transform step0: in/0.in -> out/0.out");
                for index in 1..self.n_jobs {
                    let before = index - 1;
                    rule(&format!(
                        "transform step{index}: step{before} -> out/{index}.out"
                    ));
                }
            }
            Shape::Stages => {
                rule("transform stage1: match in/{n}.in -> s1/{n}.out");
                for stage in 2..=N_STAGES {
                    let before = stage - 1;
                    rule(&format!(
                        "transform stage{stage}: stage{before} match s{before}/{{n}}.out -> s{stage}/{{n}}.out"
                    ));
                }
            }
            Shape::Fan => {
                rule("originate first -> head/head.out");
                rule("transform fan: match in/{n}.in with first -> fan/{n}.out");
                rule("merge last: fan -> all/all.out");
            }
        }
        text
    }

    fn ninja(&self) -> String {
        let recipe = self.recipe.text("$in", "$out");
        let mut text = format!("rule make\n  command = {recipe}\n");
        self.each_job(|output, inputs| {
            writeln!(text, "build {output}: make {inputs}").expect("a String takes all");
        });
        text
    }

    fn make(&self) -> String {
        let mut all = String::from(".PHONY: all\nall:");
        let mut rules = String::new();
        let recipe = self.recipe.text("$<", "$@");
        self.each_job(|output, inputs| {
            all.push(' ');
            all.push_str(output);
            write!(rules, "{output}: {inputs}\n\t{recipe}\n").expect("a String takes all");
        });
        all + "\n" + &rules
    }
}
