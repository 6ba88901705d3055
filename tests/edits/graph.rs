//! Random workflows whose results are hashes: of the recipe, its param, and the inputs' contents.

use std::fmt::Write;

/// A small generator of numbers: a world is its seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Verb {
    Originate,
    Transform,
    Split,
    Subdivide,
    Merge,
    Collate,
}

impl Verb {
    /// Makes files that its words only describe.
    fn cuts(self) -> bool {
        matches!(self, Verb::Split | Verb::Subdivide)
    }
}

/// Where a rule's items come from: files `in/*.s`, or a rule.
type Source = Option<usize>;

#[derive(Clone, Debug)]
struct Rule {
    verb: Verb,
    /// More than one for `merge` only.
    sources: Vec<Source>,
    with: Option<Source>,
    /// Outputs of each job, where their number is known.
    n_outputs: usize,
    /// The recipe's own word: another one is another recipe.
    tag: usize,
    param: Option<usize>,
    fails: bool,
    is_temp: bool,
    /// `update` or `protected`; empty for neither.
    attribute: &'static str,
    /// Whether its files are called `GROUP_NUMBER`.
    has_groups: bool,
}

/// A workflow, and what may be edited in it.
#[derive(Clone, Debug)]
pub struct Graph {
    rules: Vec<Rule>,
    params: Vec<usize>,
    /// Whether contents are compared, and not times.
    by_contents: bool,
}

const VERBS: [Verb; 8] = [
    Verb::Originate,
    Verb::Transform,
    Verb::Transform,
    Verb::Split,
    Verb::Subdivide,
    Verb::Merge,
    Verb::Collate,
    Verb::Collate,
];

impl Graph {
    pub fn random(dice: &mut Dice) -> Graph {
        let mut graph = Graph {
            rules: Vec::new(),
            params: vec![0; 3],
            by_contents: dice.one_in(3),
        };
        for _ in 0..2 + dice.below(7) {
            let mut verb = *dice.pick(&VERBS);
            let mut sources = vec![graph.source(dice)];
            let has_groups = |source: &Source| source.is_none_or(|at| graph.rules[at].has_groups);
            if verb == Verb::Collate && !has_groups(&sources[0]) {
                verb = Verb::Transform;
            }
            if verb == Verb::Merge && dice.one_in(2) {
                let other = graph.source(dice);
                if !sources.contains(&other) {
                    sources.push(other);
                }
            }
            let has_groups = match verb {
                Verb::Originate | Verb::Split => true,
                Verb::Transform | Verb::Subdivide => has_groups(&sources[0]),
                Verb::Merge | Verb::Collate => false,
            };
            let with = (verb != Verb::Originate && dice.one_in(4)).then(|| graph.source(dice));
            // Its recipe makes all anew, so that to go on from what is there is the same.
            let is_update = !verb.cuts() && graph.rules.len() % 3 == 1;
            graph.rules.push(Rule {
                verb,
                attribute: if is_update { "update" } else { "" },
                with: with.filter(|with| !sources.contains(with)),
                sources,
                n_outputs: 1 + usize::from(dice.one_in(4)),
                tag: 0,
                param: dice.one_in(2).then(|| dice.below(3)),
                fails: false,
                is_temp: dice.one_in(3),
                has_groups,
            });
        }
        graph
    }

    fn source(&self, dice: &mut Dice) -> Source {
        dice.below(self.rules.len() + 1).checked_sub(1)
    }

    /// Whether a file is one of a temporary rule.
    pub fn is_temp(&self, path: &str) -> bool {
        let rules = self.rules.iter().enumerate();
        let mut temp = rules.filter(|(_, rule)| rule.is_temp);
        temp.any(|(at, _)| path.starts_with(&format!("r{at}/")))
    }

    /// Changes something; says what.
    pub fn edit(&mut self, dice: &mut Dice) -> String {
        let at = dice.below(self.rules.len());
        let n_params = self.params.len();
        let rule = &mut self.rules[at];
        match dice.below(7) {
            6 => {
                rule.is_temp = !rule.is_temp;
                format!("r{at} is temporary: {}", rule.is_temp)
            }
            0 | 1 => {
                rule.tag += 1;
                format!("edit the recipe of r{at}")
            }
            2 | 3 => {
                let param = dice.below(n_params);
                self.params[param] += 1;
                format!("edit p{param}")
            }
            4 => {
                rule.n_outputs = 3 - rule.n_outputs;
                format!("r{at} makes {} files", rule.n_outputs)
            }
            _ => {
                rule.param = dice.one_in(3).then(|| dice.below(n_params));
                format!("r{at} uses {:?}", rule.param)
            }
        }
    }

    /// Protects what about half of the rules make that know what they make; gives their folders.
    pub fn protect(&mut self, dice: &mut Dice) -> Vec<String> {
        let mut folders = Vec::new();
        for (at, rule) in self.rules.iter_mut().enumerate() {
            if !rule.verb.cuts() && dice.one_in(2) {
                rule.attribute = "protected";
                folders.push(format!("r{at}/"));
            }
        }
        folders
    }

    /// Lets a rule's jobs fail, or mends all.
    pub fn set_failing(&mut self, dice: Option<&mut Dice>) -> String {
        let at = dice.map(|dice| dice.below(self.rules.len()));
        for (number, rule) in self.rules.iter_mut().enumerate() {
            rule.fails = at == Some(number);
        }
        format!("failing: {at:?}")
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.by_contents {
            writeln!(text, "checksum_level = 4").unwrap();
        }
        for (at, value) in self.params.iter().enumerate() {
            writeln!(text, "param p{at} = {value}").unwrap();
        }
        for (at, rule) in self.rules.iter().enumerate() {
            rule.write(at, &mut text);
        }
        text
    }
}

fn extension(source: Source) -> String {
    source.map_or("s".into(), |at| format!("r{at}"))
}

fn word(source: Source) -> String {
    source.map_or("in/*.s".into(), |at| format!("r{at}"))
}

impl Rule {
    fn write(&self, at: usize, text: &mut String) {
        let own = format!("r{at}");
        let sources: Vec<String> = self.sources.iter().map(|source| word(*source)).collect();
        let (sources, ext) = (sources.join(" "), extension(self.sources[0]));
        let with = self
            .with
            .map_or(String::new(), |with| format!("with {} ", word(with)));
        let two = |first: String| match self.n_outputs {
            1 => first,
            _ => format!("{first} {}", first.replace(".r", ".x")),
        };
        let verb = format!("{:?}", self.verb).to_lowercase();
        let (filter, outputs) = match self.verb {
            Verb::Originate => (String::new(), format!("{own}/a_1.{own} {own}/b_7.{own}")),
            Verb::Transform => (
                format!("suffix .{ext} "),
                two(format!("{own}/{{stem}}.{own}")),
            ),
            Verb::Split => (String::new(), format!("{own}/*.{own}")),
            Verb::Subdivide => (format!("suffix .{ext} "), format!("{own}/{{stem}}.*.{own}")),
            Verb::Merge => (String::new(), two(format!("{own}/all.{own}"))),
            Verb::Collate => (
                format!("match {{g}}_{{n}}.{ext} "),
                two(format!("{own}/{{g}}.{own}")),
            ),
        };
        let tag = format!("{}{}", if self.fails { 'f' } else { 't' }, self.tag);
        let made = match self.verb {
            Verb::Split => format!("cut {tag} {{output.dir}}/ {own} a_1 a_2 b_1 c_3"),
            Verb::Subdivide => format!("cut {tag} {{output.dir}}/{{stem}}. {own} 0 1_2 2"),
            _ => format!("mix {tag} {{output}}"),
        };
        let input = if self.verb == Verb::Originate {
            ""
        } else {
            " {input}"
        };
        let sources = if self.verb == Verb::Originate {
            String::new()
        } else {
            format!(": {sources} ")
        };
        let param = self
            .param
            .map_or(String::new(), |param| format!(" {{p{param}}}"));
        let comes = if self.verb == Verb::Originate {
            " "
        } else {
            ""
        };
        if self.is_temp && self.attribute != "protected" {
            writeln!(text, "[temp]").unwrap();
        }
        if !self.attribute.is_empty() {
            writeln!(text, "[{}]", self.attribute).unwrap();
        }
        writeln!(
            text,
            "{verb} {own}{sources}{comes}{filter}{with}-> {outputs}"
        )
        .unwrap();
        writeln!(text, "    sh ./{made} --{input} --{param}\n").unwrap();
    }
}
