//! The names of a workflow or of one of its modules, each in a space of its own; the files that
//! they are written in.

use std::ops::Deref;
use std::sync::Arc;

use bstr::BString;
use rustc_hash::FxHashMap as HashMap;

use super::load::Loader;
use super::param::{Content, Type};
use super::recipe::Shell;
use super::scope::Constants;
use super::table::TableId;
use super::{LimitId, ModuleId, Param, RuleId};
use crate::lang::ast::{self, Ast, Item, ItemKind, Piece, Value};
use crate::lang::{Diag, FileId, NOT_TEXT, Span, foreign, parse};

/// So deep may files include and use each other.
const MOST_DEEP: usize = 200;
/// So many modules may there be: files that use two each grow beyond all bounds.
const MOST_MODULES: usize = 10_000;
/// So many files may be included, for the same reason.
const MOST_INCLUDED: usize = 10_000;

/// What a module's param was given.
#[derive(Clone, Debug)]
pub enum Given {
    Value(Content, Type, Span),
    /// Rules or tables: words of the space that passes them on.
    Sources(Vec<(usize, ast::Word)>, Span),
}

/// The names of one workflow or module.
#[derive(Default)]
pub struct Space {
    /// What stands before its rules' names: `tumour.`; empty for the main workflow.
    pub prefix: String,
    pub constants: Constants,
    pub limits: HashMap<String, LimitId>,
    /// Its own rules, and those of its modules as `NAME.rule`.
    pub rules: HashMap<String, RuleId>,
    pub shell: Shell,
    pub tables: HashMap<String, TableId>,
    pub targets: HashMap<String, usize>,
    pub modules: HashMap<String, usize>,
    /// What its params were given; not those of the main workflow.
    pub given: HashMap<String, (Given, Span)>,
    pub params: Vec<Param>,
    pub env: Vec<(String, BString)>,
    pub module: Option<ModuleId>,
    /// Where `use` stands that made it.
    pub used: Option<Span>,
    /// Names of items that could not be read.
    pub broken: Vec<String>,
    /// Other names in the one namespace of rules, where they stand and what they name.
    pub declared: HashMap<String, (Span, &'static str)>,
}

/// A file that is being read, and the word that named it; none for the main file.
type Above = (String, Option<Span>);

/// A rule as it was written, and the space it is in.
pub(super) struct Found {
    pub space: usize,
    pub rule: Arc<ast::Rule>,
    pub doc: Option<String>,
}

/// A file that was read. One that others name is kept for whoever names it again.
#[derive(Clone)]
enum File<'a> {
    Main(&'a Ast),
    Named(Arc<Ast>),
}

impl Deref for File<'_> {
    type Target = Ast;
    fn deref(&self) -> &Ast {
        match self {
            File::Main(ast) => ast,
            File::Named(ast) => ast,
        }
    }
}

/// A file whose items are being taken in, one after the other.
struct Frame<'a> {
    file: File<'a>,
    next: usize,
    name: String,
    /// The word that named it; none for the main file.
    named: Option<Span>,
}

/// A space that is to be read.
struct Todo<'a> {
    space: usize,
    file: File<'a>,
    name: String,
    named: Option<Span>,
    /// The files above it, and the words by which each names the next.
    above: Vec<Above>,
}

impl Loader<'_> {
    /// Reads the main workflow and all modules.
    pub(super) fn read_all(&mut self, main: &Ast) {
        let file = main.items.first().map(|item| item.span.file);
        let name = file.map_or(String::new(), |file| self.sources.get(file).name.clone());
        let mut todo = vec![Todo {
            space: 0,
            file: File::Main(main),
            name,
            named: None,
            above: Vec::new(),
        }];
        let mut next = 0;
        while next < todo.len() {
            let found = self.read_space(&todo[next]);
            todo.extend(found);
            next += 1;
        }
        self.name_rules_of_modules();
    }

    /// Declares everything in one space; the modules that it uses are still to be read.
    fn read_space<'a>(&mut self, todo: &Todo<'a>) -> Vec<Todo<'a>> {
        self.current = todo.space;
        let mut frames = Vec::new();
        self.push_frame(&mut frames, todo.file.clone(), &todo.name, todo.named);
        let mut uses: Vec<(Item, Vec<Above>)> = Vec::new();
        while let Some(frame) = frames.last_mut() {
            let file = frame.file.clone();
            let Some(item) = file.items.get(frame.next) else {
                frames.pop();
                continue;
            };
            frame.next += 1;
            let above = || {
                let frames = frames.iter().map(|frame| (frame.name.clone(), frame.named));
                todo.above.iter().cloned().chain(frames).collect::<Vec<_>>()
            };
            match &item.kind {
                ItemKind::Include { file } => {
                    let above = above();
                    if !self.may_include(file.span) {
                        continue;
                    }
                    if let Some((name, found)) = self.open_file(file, &above) {
                        let found = File::Named(found);
                        self.push_frame(&mut frames, found, &name, Some(file.span));
                    }
                }
                ItemKind::Use { name, .. } => {
                    self.claim(name, "module");
                    let above = above();
                    uses.push((item.clone(), above));
                }
                _ => self.declare(item),
            }
        }
        self.finish_params();
        uses.into_iter()
            .filter_map(|(item, above)| self.begin_module(todo.space, &item, above))
            .collect()
    }

    /// Counts what is included; the first one too many is reported.
    fn may_include(&mut self, span: Span) -> bool {
        self.n_included += 1;
        if self.n_included == MOST_INCLUDED + 1 {
            let message = format!("more than {MOST_INCLUDED} files are included");
            self.diags
                .push(Diag::error("E0291", message).at(span, "this is one too many"));
        }
        self.n_included <= MOST_INCLUDED
    }

    fn push_frame<'a>(
        &mut self,
        frames: &mut Vec<Frame<'a>>,
        file: File<'a>,
        name: &str,
        named: Option<Span>,
    ) {
        let broken = file.broken.iter().map(|name| name.value.clone());
        let current = self.current;
        self.spaces[current].broken.extend(broken);
        let n_rules = file
            .items
            .iter()
            .filter(|item| matches!(item.kind, ItemKind::Rule(_)));
        let n_rules = n_rules.count();
        self.spaces[current].rules.reserve(n_rules);
        self.found.reserve(n_rules);
        frames.push(Frame {
            file,
            next: 0,
            name: name.into(),
            named,
        });
    }

    /// A file that an `include` or `use` names, parsed; `None` after a mistake.
    fn open_file(&mut self, word: &ast::Word, above: &[Above]) -> Option<(String, Arc<Ast>)> {
        let file = self.text(word)?.to_string();
        let name = beside(&self.sources.get(word.span.file).name, &file);
        if let Some(start) = above.iter().position(|(other, _)| *other == name) {
            self.diags.push(cycle(&above[start..], &name, word.span));
            return None;
        }
        if above.len() >= MOST_DEEP {
            self.diags.push(
                Diag::error(
                    "E0291",
                    format!("files are nested more than {MOST_DEEP} deep"),
                )
                .at(word.span, "this one is too deep"),
            );
            return None;
        }
        if let Some(ast) = self.parsed.get(&name) {
            return Some((name, ast.clone()));
        }
        let (name, bytes) = self.read_file(&file, word.span, "the workflow")?;
        let id = self.sources.add(name.clone(), foreign::read(bytes));
        let (ast, mut diags) = parse(id, &self.sources.get(id).text);
        let not_text = diags.iter_mut().find(|diag| diag.code == NOT_TEXT);
        let is_text = not_text.is_none();
        if let Some(diag) = not_text {
            diag.code = "E0292";
            *diag = diag.clone().and(word.span, "named here");
        }
        self.diags.extend(diags);
        if !is_text {
            return None;
        }
        let ast = Arc::new(ast);
        self.parsed.insert(name.clone(), ast.clone());
        Some((name, ast))
    }

    /// A file that is named relative to the file that says so: its name as messages show it, and what
    /// it holds.
    fn read_file(&mut self, file: &str, said: Span, what: &str) -> Option<(String, Vec<u8>)> {
        let name = beside(&self.sources.get(said.file).name, file);
        match (self.files)(&name) {
            Ok(bytes) => Some((name, bytes)),
            Err(error) => {
                self.diags.push(
                    Diag::error("E0292", format!("{what} `{name}` cannot be read"))
                        .at(said, error.to_string())
                        .note("it is looked for beside the file that names it"),
                );
                None
            }
        }
    }

    /// The text of a file that is named relative to the file that says so.
    pub(super) fn read_text(
        &mut self,
        file: &str,
        said: Span,
        what: &str,
    ) -> Option<(FileId, String, String)> {
        let (name, bytes) = self.read_file(file, said, what)?;
        match String::from_utf8(bytes) {
            Ok(text) => {
                let id = self.sources.add(name.clone(), text.clone());
                Some((id, name, text))
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to() as u32;
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let id = self.sources.add(name, text);
                let span = Span {
                    file: id,
                    start: at,
                    end: at + 3,
                };
                self.diags.push(
                    Diag::error("E0292", format!("{what} is not UTF-8 text"))
                        .at(span, "the first byte that is not")
                        .and(said, "named here"),
                );
                None
            }
        }
    }

    /// Makes the space of a module and gives its params their values.
    fn begin_module<'a>(
        &mut self,
        user: usize,
        item: &Item,
        above: Vec<Above>,
    ) -> Option<Todo<'a>> {
        let ItemKind::Use {
            file,
            name,
            bindings,
        } = &item.kind
        else {
            return None;
        };
        let opened = self.open_file(file, &above);
        if self.spaces.len() > MOST_MODULES {
            self.diags.push(
                Diag::error(
                    "E0291",
                    format!("there are more than {MOST_MODULES} modules"),
                )
                .at(item.span, "this is one too many"),
            );
            return None;
        }
        let mut given: HashMap<String, (Given, Span)> = HashMap::default();
        for (param, value) in bindings {
            if let Some((_, first)) = given.get(&param.value) {
                self.diags.push(
                    Diag::error("E0203", format!("`{}` has two values", param.value))
                        .at(param.span, "the second")
                        .and(*first, "the first"),
                );
            } else if let Some(value) = self.given(user, value) {
                given.insert(param.value.clone(), (value, param.span));
            }
        }
        let space = self.spaces.len();
        let prefix = format!("{}{}.", self.prefix(), name.value);
        let module = super::Module {
            name: prefix.trim_end_matches('.').into(),
            ..Default::default()
        };
        let module = self.workflow.modules.push(module);
        self.spaces.push(Space {
            prefix,
            given,
            module: Some(module),
            used: Some(item.span),
            shell: self.settings.shell.clone(),
            constants: Constants {
                values: HashMap::default(),
                environment: self.settings.environment.clone(),
            },
            ..Default::default()
        });
        self.spaces[user].modules.insert(name.value.clone(), space);
        let (file_name, ast) = opened?;
        Some(Todo {
            space,
            file: File::Named(ast),
            name: file_name,
            named: Some(file.span),
            above,
        })
    }

    /// What a binding passes: rules and tables as sources, anything else as a value.
    fn given(&mut self, user: usize, value: &Value) -> Option<Given> {
        let words = match value {
            Value::Word(word) => std::slice::from_ref(word),
            Value::List(list) => &list.value,
        };
        let n_sources = words.iter().filter(|word| self.is_source(word)).count();
        if n_sources == 0 {
            let (content, kind) = self.content(value)?;
            return Some(Given::Value(content, kind, value.span()));
        }
        if n_sources < words.len() {
            let other = words.iter().find(|word| !self.is_source(word));
            self.diags.push(
                Diag::error("E0293", "a list is of rules and tables, or of values")
                    .at(value.span(), "a rule or table stands here beside a value")
                    .and(
                        other.map_or(value.span(), |word| word.span),
                        "this is neither",
                    ),
            );
            return None;
        }
        let words = words.iter().map(|word| (user, word.clone())).collect();
        Some(Given::Sources(words, value.span()))
    }

    /// Whether a word is the name of a rule or table, or a param that was given one.
    fn is_source(&self, word: &ast::Word) -> bool {
        let space = &self.spaces[self.current];
        if let [Piece::Hole(hole)] = word.pieces.as_slice() {
            let given = space.given.get(&hole.name.value);
            return hole.access.is_empty() && matches!(given, Some((Given::Sources(..), _)));
        }
        let Some(name) = word.bare() else {
            return false;
        };
        let of_module = name.split_once('.').map(|(module, _)| module);
        space.rules.contains_key(name)
            || space.tables.contains_key(name)
            || of_module.is_some_and(|module| {
                let declared = space.declared.get(module);
                declared.is_some_and(|(_, kind)| *kind == "module")
            })
    }

    /// Adds the rules of modules to the names of their users, as `NAME.rule`.
    fn name_rules_of_modules(&mut self) {
        self.current = 0;
        for space in 0..self.spaces.len() {
            let modules = self.spaces[space].modules.clone();
            for (name, module) in modules {
                let rules = &self.spaces[module].rules;
                let own = rules.iter().filter(|(rule, _)| !rule.contains('.'));
                let own: Vec<_> = own
                    .map(|(rule, id)| (format!("{name}.{rule}"), *id))
                    .collect();
                self.spaces[space].rules.extend(own);
            }
        }
    }

    /// The space that is being read.
    pub(super) fn space(&self) -> &Space {
        &self.spaces[self.current]
    }

    pub(super) fn space_mut(&mut self) -> &mut Space {
        &mut self.spaces[self.current]
    }
}

/// `file`, which is said in the file `by`, as a path.
pub fn beside(by: &str, file: &str) -> String {
    let folder = match by.rfind('/') {
        Some(end) if !file.starts_with('/') => &by[..=end],
        _ => "",
    };
    let is_absolute = folder.starts_with('/') || file.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(file.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if is_absolute {
        format!("/{path}")
    } else {
        path
    }
}

/// A file that comes back to itself.
fn cycle(steps: &[Above], name: &str, last: Span) -> Diag {
    let mut names: Vec<&str> = steps.iter().map(|(name, _)| name.as_str()).collect();
    names.push(name);
    let chain: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let diag = Diag::error(
        "E0291",
        format!("files name each other in a cycle: {}", chain.join(" → ")),
    );
    let says = |at: usize| format!("`{}` names `{}`", names[at], names[at + 1]);
    let mut diag = diag.at(last, says(names.len() - 2));
    for (at, (_, named)) in steps.iter().enumerate().skip(1).take(8) {
        if let Some(span) = named {
            diag = diag.and(*span, says(at - 1));
        }
    }
    diag
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn a_file_is_named_beside_the_one_that_says_so() {
        for (by, file, path) in [
            ("main.flow", "a.flow", "a.flow"),
            ("sub/main.flow", "a.flow", "sub/a.flow"),
            ("sub/main.flow", "./x/../../a.flow", "a.flow"),
            ("../main.flow", "../a.flow", "../../a.flow"),
            ("/w/main.flow", "../a.flow", "/a.flow"),
            ("sub/main.flow", "/lib/a.flow", "/lib/a.flow"),
        ] {
            assert_eq!(beside(by, file), path, "{by} {file}");
        }
    }
}
