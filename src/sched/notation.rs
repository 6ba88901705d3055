//! A few words for test runs. Statements are separated by `;`, jobs come to be when first named:
//!
//! `a b -> c -> d` · `w[3]` is `w1 w2 w3` · `cores 4` · `mem 100` · `gpus 1` · `limit net 2` ·
//! `a needs 2 cores 50 mem net then 4 cores` · `a takes 5` · `a weighs 5` · `a priority 3` ·
//! `a fails` · `a fails 2` · `a retries 3` · `a retries 3 after 10` · `a put back 1` ·
//! `a maybe run` · `a maybe fresh` · `a maybe broken` · `a becomes b c` · `a becomes` ·
//! `keep going` · `max fail 2` · `shuffle 7` · `stop at 3` · `cut at 3`

use super::world::{Log, Script, Spec, World};
use super::*;

struct Reader {
    script: Script,
    limits: Vec<String>,
}

/// Reads a story; a mistake in it panics.
pub fn read(story: &str) -> Script {
    Reader::new(story).script
}

fn number(word: &str) -> u64 {
    word.parse()
        .unwrap_or_else(|_| panic!("`{word}` is no number"))
}

fn small(word: &str) -> u32 {
    number(word) as u32
}

impl Reader {
    fn new(story: &str) -> Reader {
        let mut reader = Reader {
            script: Script {
                totals: Totals {
                    cores: 100,
                    mem_mib: None,
                    gpus: None,
                },
                options: Options::default(),
                limits: Vec::new(),
                jobs: Vec::new(),
                stop: None,
            },
            limits: Vec::new(),
        };
        for statement in story.split(';') {
            let words: Vec<&str> = statement.split_whitespace().collect();
            reader.statement(&words);
        }
        reader
    }

    fn statement(&mut self, words: &[&str]) {
        let script = &mut self.script;
        match *words {
            ["cores", n] => script.totals.cores = small(n),
            ["mem", n] => script.totals.mem_mib = Some(number(n)),
            ["gpus", n] => script.totals.gpus = Some(small(n)),
            ["limit", name, n] => {
                self.limits.push(name.into());
                script.limits.push(small(n));
            }
            ["keep", "going"] => script.options.max_fail = None,
            ["max", "fail", n] => script.options.max_fail = Some(small(n)),
            ["shuffle", seed] => script.options.shuffle = Some(number(seed)),
            ["stop", "at", n] => script.stop = Some((number(n), End::Ok)),
            ["cut", "at", n] => script.stop = Some((number(n), End::Cut)),
            _ if words.contains(&"->") => self.chain(words),
            _ => self.about_jobs(words),
        }
    }

    fn chain(&mut self, words: &[&str]) {
        let mut upstream: Vec<usize> = Vec::new();
        for group in words.split(|word| *word == "->") {
            let jobs = self.jobs(group);
            for &job in &jobs {
                self.script.jobs[job].upstream.extend(&upstream);
            }
            upstream = jobs;
        }
    }

    fn about_jobs(&mut self, words: &[&str]) {
        let verbs = [
            "needs", "takes", "weighs", "priority", "fails", "retries", "put", "maybe", "becomes",
        ];
        let verb = words.iter().position(|word| verbs.contains(word));
        let (names, said) = words.split_at(verb.unwrap_or(words.len()));
        let jobs = self.jobs(names);
        let becomes = match said {
            ["becomes", names @ ..] => self.jobs(names),
            _ => Vec::new(),
        };
        let needs = match said {
            ["needs", said @ ..] => self.needs(said),
            _ => Vec::new(),
        };
        for job in jobs {
            let spec = &mut self.script.jobs[job];
            match *said {
                [] => {}
                ["needs", ..] => spec.needs = needs.clone(),
                ["takes", n] => spec.takes_s = number(n),
                ["weighs", n] => spec.weight = Some(number(n) as f32),
                ["priority", n] => spec.priority = small(n) as i32,
                ["fails"] => spec.n_failing = u32::MAX,
                ["fails", n] => spec.n_failing = small(n),
                ["retries", n] => spec.tries = 1 + small(n),
                ["retries", n, "after", s] => {
                    spec.tries = 1 + small(n);
                    spec.backoff_s = number(s);
                }
                ["put", "back", n] => spec.n_put_back = small(n),
                ["maybe", "run"] => spec.verdict = Some(Verdict::Run),
                ["maybe", "fresh"] => spec.verdict = Some(Verdict::Fresh),
                ["maybe", "broken"] => spec.verdict = Some(Verdict::Failed),
                ["becomes", ..] => spec.becomes = Some(becomes.clone()),
                _ => panic!("`{}` says nothing known", said.join(" ")),
            }
        }
    }

    fn needs(&self, words: &[&str]) -> Vec<Need> {
        words
            .split(|word| *word == "then")
            .map(|words| self.need(words))
            .collect()
    }

    fn need(&self, mut words: &[&str]) -> Need {
        let mut need = Need::default();
        loop {
            words = match words {
                [] => return need,
                [n, "cores", rest @ ..] => {
                    need.cores = small(n);
                    rest
                }
                [n, "mem", rest @ ..] => {
                    need.mem_mib = number(n);
                    rest
                }
                [n, "gpus", rest @ ..] => {
                    need.gpus = small(n);
                    rest
                }
                [limit, rest @ ..] => {
                    let known = self.limits.iter().position(|name| name == limit);
                    let known = known.unwrap_or_else(|| panic!("no limit `{limit}`"));
                    need.limits.push(LimitId::new(known));
                    rest
                }
            }
        }
    }

    fn jobs(&mut self, names: &[&str]) -> Vec<usize> {
        let mut jobs = Vec::new();
        for name in names {
            match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
                Some((stem, n)) => {
                    jobs.extend((1..=number(n)).map(|n| self.job(&format!("{stem}{n}"))));
                }
                None => jobs.push(self.job(name)),
            }
        }
        jobs
    }

    fn job(&mut self, name: &str) -> usize {
        let jobs = &mut self.script.jobs;
        let known = jobs.iter().position(|job| job.name == name);
        known.unwrap_or_else(|| {
            jobs.push(Spec::new(name.into()));
            jobs.len() - 1
        })
    }
}

fn log(story: &str) -> Log {
    World::new(read(story)).run()
}

/// Runs a story, and compares how its jobs ended, in the order in which they did.
#[track_caller]
pub fn simulate(story: &str, expected: &str) {
    let log = log(story);
    let ends = log
        .ends
        .iter()
        .map(|(name, state)| format!("{name} {}", format!("{state:?}").to_lowercase()));
    let notes = log.notes.iter().cloned();
    assert_eq!(notes.chain(ends).collect::<Vec<_>>().join("; "), expected);
}

/// Runs a story, and compares when its jobs started, each try anew.
#[track_caller]
pub fn starts(story: &str, expected: &str) {
    let mut text = String::new();
    let mut last = None;
    for (at, name) in log(story).starts {
        if last != Some(at) {
            let separator = if last.is_some() { "; " } else { "" };
            text.push_str(&format!("{separator}{at}:"));
            last = Some(at);
        }
        text.push_str(&format!(" {name}"));
    }
    assert_eq!(text, expected);
}

/// Runs a story up to a second, and compares what each unfinished job then does or waits for.
#[track_caller]
pub fn stands(story: &str, at_s: u64, expected: &str) {
    let reader = Reader::new(story);
    let names: Vec<String> = reader
        .script
        .jobs
        .iter()
        .map(|job| job.name.clone())
        .collect();
    let mut world = World::new(reader.script);
    world.run_until(at_s);
    let limit = |limit: LimitId| reader.limits[limit.index()].clone();
    let told = names.iter().filter_map(|name| {
        let said = world.standing_of(name, &limit)?;
        Some(format!("{name} {said}"))
    });
    assert_eq!(told.collect::<Vec<_>>().join("; "), expected);
}
