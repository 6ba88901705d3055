//! What rules are resolved with: the names of all spaces, which stand, and what comes of it.
//!
//! Many rules are resolved on two threads. Each has a resolver of its own, and what they find is put
//! together in the order of the rules.

use std::sync::Arc;

use bstr::BString;
use rustc_hash::FxHashMap as HashMap;

use super::recipe::Shell;
use super::scope::Constants;
use super::space::Space;
use super::table::TableId;
use super::value::Values;
use super::{Cluster, Limit, LimitId, Needs, RuleId, Workflow};
use crate::dense::Id;
use crate::lang::{Diag, Sources, ast};
use crate::pattern::NameId;

/// What stands while rules are resolved.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub sources: &'a Sources,
    pub spaces: &'a [Space],
    /// Without its rules, which are on their way.
    pub workflow: &'a Workflow,
}

/// Looks up what the words of rules name.
pub struct Resolver<'a> {
    pub sources: &'a Sources,
    pub workflow: &'a Workflow,
    pub spaces: &'a [Space],
    /// The space in which names are looked up. The four that follow are its own.
    pub current: usize,
    pub constants: &'a Constants,
    pub limits: &'a HashMap<String, LimitId>,
    pub rules: &'a HashMap<String, RuleId>,
    pub shell: &'a Shell,
    /// Of the rule before.
    pub needs: Arc<Needs>,
    pub cluster: Arc<Cluster>,
    pub diags: Vec<Diag>,
    /// Limits that rules have for themselves. They come behind those of the workflow.
    pub own_limits: Vec<Limit>,
}

impl<'a> Resolver<'a> {
    /// One that looks names up in the main workflow.
    pub fn new(known: Known<'a>) -> Resolver<'a> {
        let main = &known.spaces[0];
        Resolver {
            sources: known.sources,
            workflow: known.workflow,
            spaces: known.spaces,
            current: 0,
            constants: &main.constants,
            limits: &main.limits,
            rules: &main.rules,
            shell: &main.shell,
            needs: Arc::default(),
            cluster: Arc::default(),
            diags: Vec::new(),
            own_limits: Vec::new(),
        }
    }

    /// Goes into a space.
    pub fn enter(&mut self, space: usize) {
        if space == self.current {
            return;
        }
        let found = &self.spaces[space];
        self.current = space;
        self.constants = &found.constants;
        self.limits = &found.limits;
        self.rules = &found.rules;
        self.shell = &found.shell;
    }

    /// The number of a capture's name: all that are written were taken in before.
    pub fn name(&self, name: &str) -> NameId {
        let found = self.workflow.names.find(name.as_bytes());
        found.expect("the names of captures are known before rules are resolved")
    }

    /// The rule makes no files.
    pub fn has_no_outputs(&self, rule: RuleId) -> bool {
        self.workflow.no_outputs.contains(rule.index())
    }

    pub fn table(&self, name: &str) -> Option<TableId> {
        self.spaces[self.current].tables.get(name).copied()
    }

    /// Declares a limit that one rule has for itself.
    pub fn add_limit(&mut self, limit: Limit) -> LimitId {
        let at = self.workflow.limits.len() + self.own_limits.len();
        self.own_limits.push(limit);
        LimitId::new(at)
    }

    /// The text of a word that is the same for every job.
    pub fn text(&mut self, word: &ast::Word) -> Option<BString> {
        self.values().text(word)
    }

    /// A whole number of at least `least`; what it is for is said in messages.
    pub fn number(&mut self, word: &ast::Word, what: &str, least: u32) -> Option<u32> {
        self.values().number(word, what, least)
    }

    fn values(&mut self) -> Values<'_> {
        Values {
            constants: self.constants,
            diags: &mut self.diags,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lang::{Diag, Sources, parse};
    use crate::workflow::load::Settings;
    use crate::workflow::{Workflow, load};

    /// A workflow of so many rules that each half has its own resolver.
    fn many(rule: impl Fn(usize) -> String) -> (Workflow, Vec<Diag>) {
        let rules: Vec<String> = (0..1_500).map(rule).collect();
        let text = format!("jobs_limit shared = 9\n\n{}", rules.join("\n"));
        let mut sources = Sources::default();
        let file = sources.add("main.flow", text.as_str());
        let (ast, diags) = parse(file, &text);
        assert_eq!(diags, []);
        let nothing = |_: &str| -> std::io::Result<Vec<u8>> { unreachable!("nothing is named") };
        load(&ast, &mut sources, &Settings::default(), &nothing)
    }

    #[test]
    fn limits_of_single_rules_are_told_apart() {
        let (workflow, diags) = many(|n| {
            let limit = match n % 3 {
                0 => format!("[jobs_limit {n}1]\n"),
                1 => "[jobs_limit shared]\n".into(),
                _ => String::new(),
            };
            format!("{limit}merge r{n}: a{n}/*.txt -> b{n}\n    cat {{input}} > {{output}}\n")
        });
        assert_eq!(diags, []);
        for (n, rule) in workflow.rules.values().iter().enumerate() {
            let limits = rule
                .needs
                .limits
                .iter()
                .map(|limit| &workflow.limits[*limit]);
            let limits: Vec<(&str, u32)> = limits.map(|it| (it.name.as_str(), it.count)).collect();
            let name = format!("r{n}");
            let expected = match n % 3 {
                0 => vec![(name.as_str(), n as u32 * 10 + 1)],
                1 => vec![("shared", 9)],
                _ => vec![],
            };
            assert_eq!(limits, expected, "{name}");
        }
    }

    #[test]
    fn names_of_captures_are_told_apart() {
        let (workflow, diags) = many(|n| {
            let filter = match n % 4 {
                0 => format!("match a/{{t{n}}}.txt"),
                1 => format!("regex '(?P<t{n}>[a-z]+)[.]txt'"),
                2 => format!("regex '(?x) a/ ( ?<t{n}> [a-z]+ ) # (?<no>'"),
                _ => format!("match {{t{n}:[<>a-z]+}}.txt"),
            };
            format!(
                "transform r{n}: a/*.txt {filter} -> b{n}/{{t{n}}}\n    cp {{input}} {{output}}\n"
            )
        });
        assert_eq!(diags, []);
        for (n, rule) in workflow.rules.values().iter().enumerate() {
            let names = rule.captures.iter().map(|name| workflow.names.get(*name));
            let names: Vec<String> = names.map(|name| name.to_string()).collect();
            assert_eq!(names, [format!("t{n}")]);
        }
    }

    #[test]
    fn mistakes_come_in_the_order_of_the_rules() {
        let (_, diags) = many(|n| {
            format!("[after no{n}]\nmerge r{n}: a{n}/*.txt -> b{n}/{{no{n}}}\n    cat {{no}}\n")
        });
        // All headers, then what hangs on their captures.
        let places = |code: &str| -> Vec<u32> {
            let found = diags.iter().filter(|diag| diag.code == code);
            let spans = found.filter_map(|diag| Some(diag.primary.as_ref()?.span.start));
            spans.collect()
        };
        for code in ["E0252", "E0231"] {
            assert_eq!(places(code).len(), 1_500);
            assert!(places(code).is_sorted());
        }
    }
}
