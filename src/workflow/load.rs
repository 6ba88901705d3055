//! From a syntax tree to a [`Workflow`]: declares names, then resolves each rule, then orders them.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use bstr::BString;
use rustc_hash::FxHashMap as HashMap;

use super::halves::{change_halves, in_halves};
use super::header::{self, Header};
use super::param::Override;
use super::resolver::{Known, Resolver};
use super::scope::{Constants, Unknown};
use super::space::{Found, Space};
use super::table::{SampleTable, TableId};
use super::{Workflow, captures, never, order, target};
use crate::dense::Interner;
use crate::lang::ast::{self, Ast};
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

/// Names and where each was declared.
pub struct Loader<'a> {
    pub sources: &'a mut Sources,
    pub settings: &'a Settings,
    pub workflow: Workflow,
    pub diags: Vec<Diag>,
    pub(super) files: Files<'a>,
    /// The main workflow, and its modules in the order in which they are read.
    pub(super) spaces: Vec<Space>,
    /// The one that is being read.
    pub(super) current: usize,
    /// Files that were read, by name.
    pub(super) parsed: HashMap<String, Arc<Ast>>,
    pub(super) n_included: usize,
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
    let main = Space {
        constants: Constants {
            values: HashMap::default(),
            environment: settings.environment.clone(),
        },
        shell: settings.shell.clone(),
        ..Default::default()
    };
    let mut loader = Loader {
        sources,
        settings,
        workflow: Workflow::default(),
        diags: Vec::new(),
        files,
        spaces: vec![main],
        current: 0,
        parsed: HashMap::default(),
        n_included: 0,
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
    /// What stands once everything is declared.
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            sources: self.sources,
            spaces: &self.spaces,
            workflow: &self.workflow,
        }
    }

    fn resolve_rules(&mut self) {
        let mut found = std::mem::take(&mut self.found);
        let names = in_halves(found.len(), |which| {
            let mut names = Vec::new();
            for found in &found[which] {
                captures::names(&found.rule, &mut names);
            }
            names
        });
        for name in names.iter().flatten() {
            self.workflow.names.intern(name.as_bytes());
        }
        drop(names);
        let mut headers = self.headers(&mut found);
        let Some(by_name) = order::by_name(&headers, &mut self.diags) else {
            return;
        };
        let tables = &self.workflow.tables;
        let names = &self.workflow.names;
        let mut captures = captures::flow(&headers, &by_name, tables, names, &mut self.diags);
        let known = self.known();
        let all = (&mut found[..], (&mut headers[..], &mut captures[..]));
        let diags = change_halves(all, |(found, (headers, captures))| {
            let mut resolver = Resolver::new(known);
            let captures = headers.iter_mut().zip(captures);
            for (Found { space, rule, .. }, (header, captures)) in found.iter().zip(captures) {
                resolver.enter(*space);
                header::finish(&mut resolver, rule, header, captures);
                header.rule.captures = std::mem::take(&mut captures.of_items);
                header.rule.flat_captures = std::mem::take(&mut captures.flat);
            }
            resolver.diags
        });
        self.diags.extend(diags.into_iter().flatten());
        self.workflow.rules.reserve(headers.len());
        for header in headers {
            self.workflow.rules.push(header.rule);
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

    /// The sources, filters and attributes of all rules.
    fn headers(&mut self, found: &mut [Found]) -> Vec<Header> {
        let known = self.known();
        let halves = change_halves(&mut *found, |found| {
            let mut resolver = Resolver::new(known);
            let headers = found.iter_mut().map(|Found { space, rule, doc }| {
                resolver.enter(*space);
                let mut header = header::resolve(&mut resolver, rule, doc.take());
                let space = &known.spaces[*space];
                header.rule.name.insert_str(0, &space.prefix);
                header.rule.module = space.module;
                header
            });
            let headers: Vec<Header> = headers.collect();
            (headers, resolver.diags, resolver.own_limits)
        });
        let n_limits = self.workflow.limits.len();
        let mut all: Vec<Header> = Vec::with_capacity(found.len());
        for (headers, diags, own_limits) in halves {
            let before = self.workflow.limits.len() - n_limits;
            all.extend(headers.into_iter().map(|mut header| {
                header.shift_limits(n_limits, before);
                header
            }));
            self.diags.extend(diags);
            for limit in own_limits {
                self.workflow.limits.push(limit);
            }
        }
        all
    }

    pub fn names(&mut self) -> &mut Interner<NameId> {
        &mut self.workflow.names
    }

    /// What stands before the names of this space's rules: `tumour.`, or nothing.
    pub(super) fn prefix(&self) -> &str {
        &self.spaces[self.current].prefix
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
            let Space {
                tables, constants, ..
            } = &self.spaces[space];
            for &id in tables.values() {
                let table = &self.workflow.tables[id];
                for &column in &table.columns {
                    let name = self.workflow.names.get(column).to_string();
                    let Some((_, value)) = constants.values.get(&name) else {
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
