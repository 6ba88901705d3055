//! A random small workflow: its text, and what a clean build of it makes, worked out without flow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::dice::{Dice, hash, hash_all};

/// Where a rule's items come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    Sources,
    Rule(usize),
    /// Two rules, for a merge.
    Rules(usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Originate,
    Transform,
    Merge,
    Split,
    Collate,
}

/// What each job reads beside its item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    Nothing,
    /// `x0.cfg`
    File(usize),
    Rule(usize),
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub verb: Verb,
    pub from: From,
    pub with: With,
    /// What its recipe is to make of its inputs; the user changes it.
    pub version: u64,
    /// The version stands in a `let` that the recipe names.
    pub is_by_let: bool,
    pub has_two_outputs: bool,
    /// Permits of its own, and whether it holds one of the shared limit.
    pub own_limit: Option<u64>,
    pub is_limited: bool,
    pub cores: u64,
    pub retries: u64,
    pub backoff_s: u64,
    pub time_s: Option<u64>,
    pub priority: u64,
    pub after: Option<usize>,
    pub is_temp: bool,
    pub is_update: bool,
    pub has_then: bool,
}

#[derive(Clone, Debug)]
pub struct Spec {
    pub rules: Vec<Rule>,
    /// Permits of the limit `shared`.
    pub shared: u64,
    /// 3 or 4: whether contents count, or times and sizes.
    pub level: u8,
}

/// One job of a clean build.
#[derive(Clone, Debug)]
pub struct Node {
    pub rule: usize,
    pub inputs: Vec<String>,
    /// With what is in them.
    pub outputs: Vec<(String, String)>,
}

/// What a clean build makes.
#[derive(Debug, Default)]
pub struct Built {
    pub nodes: Vec<Node>,
    /// Which node makes a file.
    pub makers: BTreeMap<String, usize>,
}

const N_CONFIGS: usize = 2;

impl Spec {
    pub fn random(dice: &mut Dice) -> Spec {
        let n_rules = dice.between(2, 6) as usize;
        let level = if dice.chance(50) { 4 } else { 3 };
        let mut spec = Spec {
            rules: Vec::new(),
            shared: dice.between(1, 2),
            level,
        };
        for at in 0..n_rules {
            let rule = spec.random_rule(dice, at);
            spec.rules.push(rule);
        }
        spec
    }

    fn random_rule(&self, dice: &mut Dice, at: usize) -> Rule {
        let verb = match dice.below(100) {
            0..5 => Verb::Originate,
            5..50 => Verb::Transform,
            50..75 => Verb::Merge,
            75..88 => Verb::Split,
            _ => Verb::Collate,
        };
        let earlier = |dice: &mut Dice| dice.below(at as u64) as usize;
        let from = match at {
            0 => From::Sources,
            // Chains are more often wrong than fans.
            _ if dice.chance(55) => From::Rule(at - 1),
            _ if dice.chance(25) => From::Sources,
            _ => From::Rule(earlier(dice)),
        };
        let from = match (verb, from) {
            (Verb::Merge, From::Rule(one)) if at > 1 && dice.chance(30) => {
                let other = earlier(dice);
                if other == one {
                    from
                } else {
                    From::Rules(one, other)
                }
            }
            _ => from,
        };
        let is_own = |rule: usize| match from {
            From::Sources => false,
            From::Rule(one) => one == rule,
            From::Rules(one, other) => one == rule || other == rule,
        };
        let with = match dice.below(100) {
            0..15 => With::File(dice.below(N_CONFIGS as u64) as usize),
            15..25 if at > 0 => match earlier(dice) {
                rule if is_own(rule) => With::Nothing,
                rule => With::Rule(rule),
            },
            _ => With::Nothing,
        };
        let with = if verb == Verb::Originate {
            With::Nothing
        } else {
            with
        };
        Rule {
            verb,
            from,
            with,
            version: dice.below(1000),
            is_by_let: dice.chance(30),
            has_two_outputs: matches!(verb, Verb::Transform | Verb::Merge) && dice.chance(35),
            own_limit: dice.chance(20).then(|| dice.between(1, 2)),
            is_limited: dice.chance(30),
            cores: if dice.chance(15) {
                dice.between(2, 5)
            } else {
                1
            },
            retries: if dice.chance(30) {
                dice.between(1, 2)
            } else {
                0
            },
            backoff_s: if dice.chance(30) {
                dice.between(1, 5)
            } else {
                0
            },
            time_s: dice.chance(25).then(|| dice.between(2, 6)),
            priority: if dice.chance(15) {
                dice.between(1, 9)
            } else {
                0
            },
            after: (at > 0 && dice.chance(8)).then(|| earlier(dice)),
            is_temp: dice.chance(8),
            // A split that goes on from where it stopped has to know what it left.
            is_update: verb != Verb::Split && dice.chance(6),
            has_then: dice.chance(6),
        }
    }

    /// The workflow as a `.flow` file.
    pub fn text(&self) -> String {
        let mut text = format!("jobs_limit shared = {}\n", self.shared);
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.is_by_let {
                writeln!(text, "let p{at} = v{}", rule.version).unwrap();
            }
            self.write_attributes(&mut text, rule);
            let source = match rule.from {
                From::Sources => "*.src".into(),
                From::Rule(one) => format!("r{one}"),
                From::Rules(one, other) => format!("r{one} r{other}"),
            };
            let with = match rule.with {
                With::Nothing => String::new(),
                With::File(n) => format!(" with x{n}.cfg"),
                With::Rule(rule) => format!(" with r{rule}"),
            };
            let two = |stem: &str| match rule.has_two_outputs {
                true => format!(" r{at}/{stem}.q{at}"),
                false => String::new(),
            };
            let header = match rule.verb {
                Verb::Originate => format!("originate r{at} -> r{at}/o1.r{at} r{at}/o2.r{at}"),
                Verb::Transform => {
                    let second = two("{stem}");
                    format!("transform r{at}: {source}{with} -> r{at}/{{stem}}.r{at}{second}")
                }
                Verb::Merge => {
                    let second = two("all");
                    format!("merge r{at}: {source}{with} -> r{at}/all.r{at}{second}")
                }
                Verb::Split => format!("split r{at}: {source}{with} -> r{at}/*.r{at}"),
                Verb::Collate => format!(
                    "collate r{at}: {source} match {{c:[a-z]}}{{**rest}}{with} -> r{at}/{{c}}x.r{at}"
                ),
            };
            let header = match (rule.verb, rule.from) {
                // Matched against the file's name alone.
                (Verb::Collate, _) => header.replace("{**rest}", "{n}"),
                _ => header,
            };
            let version = match rule.is_by_let {
                true => format!("{{p{at}}}"),
                false => format!("v{}", rule.version),
            };
            let output = match rule.verb {
                Verb::Split => format!("into r{at}"),
                _ => "{output}".into(),
            };
            let from = match rule.verb {
                Verb::Originate => "",
                _ => " from {input}",
            };
            writeln!(text, "{header}\n    work {version} {output}{from}").unwrap();
        }
        text
    }

    fn write_attributes(&self, text: &mut String, rule: &Rule) {
        let mut words = Vec::new();
        if rule.is_limited {
            words.push("jobs_limit shared".into());
        }
        words.extend(rule.own_limit.map(|n| format!("jobs_limit {n}")));
        let mut say = |is_so: bool, word: String| {
            if is_so {
                words.push(word);
            }
        };
        say(rule.cores > 1, format!("cores {}", rule.cores));
        say(rule.retries > 0, format!("retries {}", rule.retries));
        say(rule.backoff_s > 0, format!("backoff {}s", rule.backoff_s));
        say(rule.priority > 0, format!("priority {}", rule.priority));
        say(rule.is_temp, "temp".into());
        say(rule.is_update, "update".into());
        say(rule.has_then, "then \"note\"".into());
        words.extend(rule.time_s.map(|s| format!("time {s}s")));
        words.extend(rule.after.map(|rule| format!("after r{rule}")));
        if !words.is_empty() {
            writeln!(text, "[{}]", words.join(", ")).unwrap();
        }
    }

    pub fn n_thens(&self) -> u64 {
        self.rules.iter().filter(|rule| rule.has_then).count() as u64
    }

    /// The files that the user must keep.
    pub fn configs(&self) -> impl Iterator<Item = String> {
        (0..N_CONFIGS).map(|n| format!("x{n}.cfg"))
    }

    /// A clean build from these sources.
    pub fn build(&self, sources: &BTreeMap<String, Vec<u8>>) -> Built {
        let mut built = Built::default();
        let mut items: Vec<Vec<Vec<String>>> = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let own: Vec<Vec<String>> = match rule.from {
                _ if rule.verb == Verb::Originate => Vec::new(),
                From::Sources => {
                    let files = sources.keys().filter(|name| name.ends_with(".src"));
                    files.map(|name| vec![name.clone()]).collect()
                }
                From::Rule(one) => items[one].clone(),
                From::Rules(one, other) => [&items[one][..], &items[other]].concat(),
            };
            let with: Vec<String> = match rule.with {
                With::Nothing => Vec::new(),
                With::File(n) => vec![format!("x{n}.cfg")],
                With::Rule(rule) => items[rule].concat(),
            };
            let first = built.nodes.len();
            for (inputs, names) in jobs(rule, at, &own) {
                let mut seen = BTreeSet::new();
                let inputs = [&inputs[..], &with].concat().into_iter();
                let inputs: Vec<String> = inputs.filter(|file| seen.insert(file.clone())).collect();
                let read = |file: &String| match built.makers.get(file) {
                    Some(&node) => {
                        let mut made = built.nodes[node].outputs.iter();
                        made.find(|(name, _)| name == file)
                            .map(|(_, text)| hash(text.as_bytes()))
                    }
                    None => sources.get(file).map(|text| hash(text)),
                };
                let contents = inputs
                    .iter()
                    .filter_map(|file| Some((file.clone(), read(file)?)));
                let contents: Vec<(String, u64)> = contents.collect();
                let version = format!("v{}", rule.version);
                let names = match names {
                    Some(names) => names,
                    None => parts(&version, at, &contents),
                };
                let outputs = names.into_iter().map(|name| {
                    let text = made(&version, &name, &contents);
                    (name, text)
                });
                let outputs = outputs.collect();
                built.nodes.push(Node {
                    rule: at,
                    inputs,
                    outputs,
                });
            }
            let mut made = Vec::new();
            for (node, job) in built.nodes.iter().enumerate().skip(first) {
                for (name, _) in &job.outputs {
                    built.makers.insert(name.clone(), node);
                }
                let files = job.outputs.iter().map(|(name, _)| name.clone());
                match rule.verb {
                    Verb::Split => made.extend(files.map(|file| vec![file])),
                    _ => made.push(files.collect()),
                }
            }
            items.push(made);
        }
        built
    }
}

type Job = (Vec<String>, Option<Vec<String>>);

/// The inputs and outputs of a rule's jobs; what a split makes is not known by then.
fn jobs(rule: &Rule, at: usize, items: &[Vec<String>]) -> Vec<Job> {
    let name = |stem: &str| {
        let first = format!("r{at}/{stem}.r{at}");
        match rule.has_two_outputs {
            true => vec![first, format!("r{at}/{stem}.q{at}")],
            false => vec![first],
        }
    };
    match rule.verb {
        Verb::Originate => {
            let one = |stem| (Vec::new(), Some(name(stem)));
            vec![one("o1"), one("o2")]
        }
        Verb::Transform => {
            let one = |item: &Vec<String>| (item.clone(), Some(name(stem(&item[0]))));
            items.iter().map(one).collect()
        }
        Verb::Merge => vec![(items.concat(), Some(name("all")))],
        Verb::Split => vec![(items.concat(), None)],
        Verb::Collate => {
            let mut groups: Vec<(String, Vec<String>)> = Vec::new();
            for item in items {
                let letter = stem(&item[0])[..1].to_string();
                match groups.iter_mut().find(|(other, _)| *other == letter) {
                    Some((_, files)) => files.extend(item.clone()),
                    None => groups.push((letter, item.clone())),
                }
            }
            let one = |(letter, files)| (files, Some(name(&format!("{letter}x"))));
            groups.into_iter().map(one).collect()
        }
    }
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}

/// The files that a split makes of these inputs.
pub fn parts(version: &str, rule: usize, inputs: &[(String, u64)]) -> Vec<String> {
    let number = hash_all([hash(version.as_bytes()), hash_inputs(inputs)]);
    let letter = |k: u64| char::from(b'a' + (number >> (8 * k) & 1) as u8);
    let name = |k| format!("r{rule}/{}{k}.r{rule}", letter(k));
    let mut names: Vec<String> = (0..1 + number % 3).map(name).collect();
    names.sort();
    names
}

/// What is in an output.
pub fn made(version: &str, name: &str, inputs: &[(String, u64)]) -> String {
    let names = [version, name].map(|text| hash(text.as_bytes()));
    let number = hash_all(names.into_iter().chain([hash_inputs(inputs)]));
    // As large as chance has it.
    format!("{number:016x}")[(number % 2) as usize..].to_string()
}

fn hash_inputs(inputs: &[(String, u64)]) -> u64 {
    hash_all(
        inputs
            .iter()
            .flat_map(|(name, content)| [hash(name.as_bytes()), *content]),
    )
}
