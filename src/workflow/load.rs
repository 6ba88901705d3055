//! From a syntax tree to a [`Workflow`]: declares names, then resolves each rule, then orders them.

use std::collections::HashSet;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use bstr::BString;
use rustc_hash::FxHashMap as HashMap;

use super::halves::MANY_RULES;
use super::header::{self, Header};
use super::param::Override;
use super::scope::{Constants, Unknown};
use super::space::{Found, Space};
use super::table::{SampleTable, TableId};
use super::{
    Cluster, LimitId, Needs, RuleId, Workflow, attribute, captures, never, order, recipe, target,
};
use crate::dense::{Id, Interner};
use crate::lang::ast::{self, Ast};
use crate::lang::recipe::lex;
use crate::lang::{Diag, Sources};
use crate::pattern::NameId;

/// What comes from outside the text.
#[derive(Default)]
pub struct Settings {
    /// Params that were set outside; the last one of a name counts.
    pub overrides: Vec<Override>,
    /// What `{env.NAME}` finds.
    pub environment: HashMap<String, BString>,
    /// The program that recipes are given to where the workflow names none.
    pub shell: super::recipe::Shell,
}

/// Reads a file that a workflow names, by its path as messages show it.
pub type Files<'a> = &'a dyn Fn(&str) -> io::Result<Vec<u8>>;

/// Names and where each was declared. What is public here is of the space that is being read.
pub struct Loader<'a> {
    pub sources: &'a mut Sources,
    pub settings: &'a Settings,
    pub constants: Constants,
    pub limits: HashMap<String, LimitId>,
    pub rules: HashMap<String, RuleId>,
    pub shell: super::recipe::Shell,
    pub workflow: Workflow,
    pub diags: Vec<Diag>,
    pub(super) files: Files<'a>,
    /// The main workflow, and its modules in the order in which they are read.
    pub(super) spaces: Vec<Space>,
    /// The one that is being read. Its `constants`, `limits`, `rules` and `shell` are above.
    pub(super) current: usize,
    /// Files that were read, by name.
    pub(super) parsed: HashMap<String, Arc<Ast>>,
    pub(super) n_included: usize,
    /// Of the rule before.
    pub(super) needs: Arc<Needs>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) found: Vec<Found>,
    pub(super) targets: Vec<target::Named>,
}

/// Mistakes after which a file's names are not known.
const UNREADABLE: [&str; 4] = ["E0271", "E0277", "E0291", "E0292"];

/// How the codes of mistakes about names begin.
const FOLLOWS: [&str; 5] = ["E015", "E023", "E0252", "E0294", "E0295"];

/// What `ast` means. Files that it names are added to `sources`. The workflow is whole only when no
/// diagnostic is an error.
pub fn load(
    ast: &Ast,
    sources: &mut Sources,
    settings: &Settings,
    files: Files,
) -> (Workflow, Vec<Diag>) {
    let mut loader = Loader {
        sources,
        settings,
        constants: Constants {
            values: HashMap::default(),
            environment: settings.environment.clone(),
        },
        limits: HashMap::default(),
        rules: HashMap::default(),
        shell: settings.shell.clone(),
        workflow: Workflow::default(),
        diags: Vec::new(),
        files,
        spaces: vec![Space::default()],
        current: 0,
        parsed: HashMap::default(),
        n_included: 0,
        needs: Arc::default(),
        cluster: Arc::default(),
        found: Vec::new(),
        targets: Vec::new(),
    };
    let group = loader.names().intern(b"re");
    debug_assert_eq!(group, super::GROUP);
    loader.read_all(ast);
    loader.unknown_overrides();
    loader.clashing_columns();
    target::resolve(&mut loader);
    loader.resolve_rules();
    loader.enter(0);
    for space in &mut loader.spaces {
        if let Some(module) = space.module {
            let module = &mut loader.workflow.modules[module];
            module.params = std::mem::take(&mut space.params);
            module.env = std::mem::take(&mut space.env);
        }
    }
    // What is missing may stand in a file that could not be read.
    let is_partial = loader
        .diags
        .iter()
        .any(|diag| UNREADABLE.contains(&diag.code));
    // A file that is used twice is wrong once.
    let mut known: HashSet<Diag> = HashSet::new();
    loader.diags.retain(|diag| {
        let follows = is_partial && FOLLOWS.iter().any(|code| diag.code.starts_with(code));
        !follows && known.insert(diag.clone())
    });
    (loader.workflow, loader.diags)
}

impl Loader<'_> {
    fn resolve_rules(&mut self) {
        let mut found = std::mem::take(&mut self.found);
        let docs: Vec<Option<String>> = found.iter_mut().map(|found| found.doc.take()).collect();
        // To read the recipes takes no names, and as long as to resolve the headers.
        let lex = || -> Vec<Option<recipe::Lexed>> {
            let recipes = found.iter().map(|found| found.rule.recipe.as_ref());
            recipes.map(|recipe| recipe.map(lex)).collect()
        };
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("recipes".into());
            let is_long = found.len() >= MANY_RULES;
            // Where no thread can be had they are read one by one.
            let lexing = is_long.then(|| builder.spawn_scoped(scope, lex).ok());
            self.resolve_found(&found, docs, lexing.flatten());
        });
    }

    /// `recipes` are those of all rules, where they are being read already.
    fn resolve_found(
        &mut self,
        found: &[Found],
        docs: Vec<Option<String>>,
        recipes: Option<ScopedJoinHandle<Vec<Option<recipe::Lexed>>>>,
    ) {
        let mut headers: Vec<Header> = Vec::with_capacity(found.len());
        for (Found { space, rule, .. }, doc) in found.iter().zip(docs) {
            self.enter(*space);
            let mut header = header::resolve(self, rule, doc);
            header.rule.name.insert_str(0, &self.spaces[*space].prefix);
            header.rule.module = self.spaces[*space].module;
            headers.push(header);
        }
        let Some(by_name) = order::by_name(&headers, &mut self.diags) else {
            return;
        };
        let tables = &self.workflow.tables;
        let names = &self.workflow.names;
        let captures = captures::flow(&headers, &by_name, tables, names, &mut self.diags);
        let recipes =
            recipes.map(|lexing| lexing.join().unwrap_or_else(|panic| resume_unwind(panic)));
        let mut recipes = recipes.into_iter().flatten();
        for (index, Found { space, rule, .. }) in found.iter().enumerate() {
            self.enter(*space);
            let recipe = recipes.next().flatten();
            header::finish(self, rule, &mut headers[index], &captures[index], recipe);
        }
        self.workflow.rules.reserve(headers.len());
        for (header, captures) in headers.into_iter().zip(captures) {
            let mut rule = header.rule;
            rule.captures = captures.of_items;
            rule.flat_captures = captures.flat;
            self.workflow.rules.push(rule);
        }
        if self.diags.iter().any(Diag::is_error) {
            return;
        }
        match order::by_words(
            &self.workflow.rules,
            &self.workflow.tables,
            &by_name,
            self.sources,
        ) {
            Ok(ordered) => {
                self.workflow.order = ordered.order;
                self.workflow.upstream_by_words = ordered.upstream_by_words;
                self.workflow.fed_back = ordered.fed_back;
                self.workflow.shapes = ordered.shapes;
                self.diags.extend(never::find(&self.workflow));
            }
            Err(diag) => self.diags.push(diag),
        }
    }

    /// The rule makes no files.
    pub fn has_no_outputs(&self, rule: RuleId) -> bool {
        self.workflow.no_outputs.contains(rule.index())
    }

    /// Attributes of a rule, checked.
    pub fn attributes(&mut self, rule: &ast::Rule) -> attribute::Attributes {
        attribute::resolve(self, rule)
    }

    pub fn names(&mut self) -> &mut Interner<NameId> {
        &mut self.workflow.names
    }

    /// What stands before the names of this space's rules: `tumour.`, or nothing.
    pub(super) fn prefix(&self) -> &str {
        &self.spaces[self.current].prefix
    }

    pub(super) fn table(&self, name: &str) -> Option<TableId> {
        self.spaces[self.current].tables.get(name).copied()
    }

    pub(super) fn add_table(&mut self, name: &str, table: SampleTable) {
        let id = self.workflow.tables.push(table);
        let current = self.current;
        let tables = &mut self.spaces[current].tables;
        tables.entry(name.into()).or_insert(id);
    }

    /// Columns with the name of a param or let.
    fn clashing_columns(&mut self) {
        let mut found: HashSet<(TableId, NameId)> = HashSet::new();
        for space in 0..self.spaces.len() {
            self.enter(space);
            for &id in self.spaces[space].tables.values() {
                let table = &self.workflow.tables[id];
                for &column in &table.columns {
                    let name = self.workflow.names.get(column).to_string();
                    let Some((_, value)) = self.constants.values.get(&name) else {
                        continue;
                    };
                    if found.insert((id, column)) {
                        self.diags.push(
                            Diag::error(
                                "E0251",
                                format!("`{name}` is a column and also a param or let"),
                            )
                            .at(table.span, format!("the columns of `{}`", table.name))
                            .and(*value, "given a value here")
                            .help("rename one of them"),
                        );
                    }
                }
            }
        }
    }
}

/// The diagnostic for a placeholder that stands for nothing.
pub fn unknown_name(hole: &ast::Hole, unknown: Unknown) -> Diag {
    match unknown {
        Unknown::Use(diag) => *diag,
        Unknown::Name { nearest } => {
            let name = &hole.name.value;
            let diag = Diag::error("E0230", format!("nothing is named `{name}` here")).at(
                hole.span,
                "neither a capture, a param, a let nor a path's part",
            );
            match nearest {
                Some(near) => diag.fix(
                    format!("did you mean `{near}`?"),
                    hole.name.span,
                    near.clone(),
                ),
                None => diag,
            }
        }
    }
}
