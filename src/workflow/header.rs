//! One rule's header: its sources and filter first, and once captures are known its other words.

use super::attribute::{command, surroundings};
use super::captures::Captures;
use super::expr::{Expr, Part, Word};
use super::load::{Loader, unknown_name};
use super::scope::{BUILT_IN, Scope, Site, Unknown};
use super::space::Given;
use super::{Around, Extra, Factor, Output, Rule, SampleTable, Source, TableId, Tuple, recipe};
use crate::dense::Table;
use crate::lang::ast::{self, FilterKind, Glob, Piece, Verb};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span};
use crate::pattern::{self, Capture, Filter, NameId, Pattern};

/// A rule on its way: sources and filter are resolved, the rest follows in `finish`.
pub struct Header {
    pub rule: Rule,
    /// Captures of the filter, by factor.
    pub filter_captures: Vec<Vec<NameId>>,
    /// Captures of a template that have no `/` in them.
    pub flat_captures: Vec<NameId>,
    /// Names in the output words.
    pub output_names: Vec<NameId>,
    pub has_groups: bool,
}

impl Header {
    /// A source as messages name it.
    pub fn shown(
        &self,
        source: &Source,
        headers: &[Header],
        tables: &Table<TableId, SampleTable>,
    ) -> String {
        match source {
            Source::Table(table) => format!("`{}`", tables[*table].name),
            Source::Rule(rule) => format!("`{}`", headers[rule.0 as usize].rule.name),
            Source::Files(_) => "a file".into(),
        }
    }
}

/// Resolves the sources, the filter and the attributes of a rule.
pub fn resolve(loader: &mut Loader, rule: &ast::Rule, doc: Option<String>) -> Header {
    let attributes = loader.attributes(rule);
    let mut filter_captures = Vec::new();
    let mut flat_captures = Vec::new();
    let mut has_groups = false;
    let mut factors = Vec::new();
    for factor in &rule.factors {
        let mut sources = Vec::new();
        for word in &factor.sources {
            sources.extend(source(loader, word, Some(rule)));
        }
        once(&mut sources);
        let mut captured = Vec::new();
        let (filter, template) = resolve_filter(loader, factor.filter.as_ref(), &mut captured);
        filter_captures.push(captured);
        has_groups |= factor
            .filter
            .as_ref()
            .is_some_and(|f| f.kind == FilterKind::Regex);
        if let Some((template, _)) = &template {
            let flat = template.captures().filter(|capture| !capture.spans_folders);
            flat_captures.extend(flat.map(|capture| capture.name));
        }
        if let (true, Some((template, word))) = (factor.sources.is_empty(), template) {
            sources.push(Source::Files(as_glob(&template, word.span)));
        }
        filtered_table(loader, factor, &sources);
        let span = factor
            .filter
            .as_ref()
            .map_or(rule.header, |filter| filter.span);
        let filter_text = loader.sources.text(span).to_string();
        factors.push(Factor {
            span: factor_span(factor).unwrap_or(rule.header),
            sources,
            filter,
            filter_span: span,
            filter_text,
        });
    }
    for name in filter_captures.iter().flatten() {
        clashes(loader, *name, rule);
    }
    let words = rule.outputs.iter().flatten().flat_map(|group| &group.words);
    let holes = words.flat_map(|named| &named.word.pieces);
    let names: Vec<&str> = holes
        .filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole.name.value.as_str()),
            _ => None,
        })
        .collect();
    let output_names = names
        .iter()
        .map(|name| loader.names().intern(name.as_bytes()))
        .collect();
    let tuple = tuple(loader, rule, &factors);
    Header {
        rule: Rule {
            name: rule.name.value.clone(),
            module: None,
            doc,
            verb: rule.verb.value,
            span: rule.header,
            name_span: rule.name.span,
            factors,
            tuple,
            with: Vec::new(),
            using: Vec::new(),
            outputs: Vec::new(),
            has_outputs: rule.outputs.is_some(),
            recipe: None,
            needs: attributes.needs,
            after: attributes.after,
            priority: attributes.priority,
            active_if: attributes.active_if,
            is_always: attributes.is_always,
            is_optional: attributes.is_optional,
            around: Around::default(),
            check: None,
            deps: None,
            then: Vec::new(),
            retries: attributes.retries,
            backoff: attributes.backoff,
            cluster: attributes.cluster,
            checksum_level: attributes.checksum_level,
            captures: Vec::new(),
            flat_captures: Vec::new(),
        },
        filter_captures,
        flat_captures,
        output_names,
        has_groups,
    }
}

/// From the first word of a factor to its last.
fn factor_span(factor: &ast::Factor) -> Option<Span> {
    let words = factor.sources.iter().map(|word| word.span);
    let spans = words.chain(factor.filter.as_ref().map(|filter| filter.span));
    spans.reduce(Span::to)
}

/// What the jobs of a rule are named by, where that is several items.
fn tuple(loader: &mut Loader, rule: &ast::Rule, factors: &[Factor]) -> Option<Tuple> {
    let verb = rule.verb.value;
    if !verb.makes_tuples() {
        return None;
    }
    let groups = |factor: &Factor| factor.filter.n_groups() as u32;
    if verb == Verb::Product {
        return Some(Tuple {
            n_elements: factors.len() as u32,
            has_lists: false,
            n_groups: factors.iter().map(groups).collect(),
        });
    }
    let what = format!("the size of a tuple of `{}`", rule.name.value);
    let size = rule.tuple_size.as_ref();
    let mut size = size
        .and_then(|word| loader.number(word, &what, 1))
        .unwrap_or(1);
    if size > MOST_ELEMENTS {
        let word = rule.tuple_size.as_ref().expect("its number was read");
        loader.diags.push(
            Diag::error("E0280", format!("{what} is at most {MOST_ELEMENTS}"))
                .at(word.span, format!("this is {size}")),
        );
        size = 1;
    }
    Some(Tuple {
        n_elements: size,
        has_lists: true,
        n_groups: vec![factors.first().map_or(0, groups); size as usize],
    })
}

/// No more items than this name one job: what a tuple makes is named by each of them.
const MOST_ELEMENTS: u32 = 1000;

/// A capture with the name of a param or let.
fn clashes(loader: &mut Loader, name: NameId, rule: &ast::Rule) {
    let text = loader.workflow.names.get(name).to_string();
    if let Some((_, span)) = loader.constants.values.get(&text) {
        loader.diags.push(
            Diag::error(
                "E0251",
                format!("`{text}` is a capture and also a param or let"),
            )
            .at(rule.header, "captured here")
            .and(*span, "given a value here")
            .help("rename one of them"),
        );
    }
}

/// A table that is named twice has each row once.
fn once(sources: &mut Vec<Source>) {
    let mut seen: Vec<TableId> = Vec::new();
    sources.retain(|source| match source {
        Source::Table(table) if seen.contains(table) => false,
        Source::Table(table) => {
            seen.push(*table);
            true
        }
        _ => true,
    });
}

/// A filter looks at files, and rows have none.
fn filtered_table(loader: &mut Loader, factor: &ast::Factor, sources: &[Source]) {
    let Some(filter) = &factor.filter else { return };
    let tables = sources.iter().filter_map(|source| match source {
        Source::Table(table) => Some(*table),
        _ => None,
    });
    for table in tables {
        let name = &loader.workflow.tables[table].name;
        loader.diags.push(
            Diag::error("E0274", format!("no row of `{name}` can match a filter"))
                .at(
                    filter.span,
                    "a filter looks at an item's first file, and rows have none",
                )
                .help("the columns are captures already; leave the filter out"),
        );
    }
}

/// A word that names a rule, a table or files.
fn source(loader: &mut Loader, word: &ast::Word, rule: Option<&ast::Rule>) -> Vec<Source> {
    if let Some(named) = named(loader, word, Use::Items) {
        return named;
    }
    let scope_of = RuleScope {
        rule,
        tuple: None,
        captures: &Captures::default(),
        has_groups: false,
        no_item: None,
        no_input: None,
        tables: &[],
    };
    resolve_words(loader, word, Site::Source, &scope_of, &[], &[])
        .into_iter()
        .map(Source::Files)
        .collect()
}

/// A word of a `target`: a rule, or files.
pub(super) fn target_word(loader: &mut Loader, word: &ast::Word) -> Vec<Source> {
    match named(loader, word, Use::Target) {
        Some(named) => named,
        None => source(loader, word, None),
    }
}

/// What is asked of a rule or table that a word names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Its items.
    Items,
    /// Its files, as `with` and `using` do.
    Files,
    /// Only that it is built.
    Target,
}

/// The rules and tables that a word names, after a mistake none; `None` for a path.
fn named(loader: &mut Loader, word: &ast::Word, asked: Use) -> Option<Vec<Source>> {
    let home = loader.current;
    let mut found = Vec::new();
    // A param of a module stands for words of whoever uses it, and so on upwards.
    let mut words = vec![(home, word.clone())];
    let mut is_path = false;
    while let Some((space, name)) = words.pop() {
        loader.enter(space);
        if let [Piece::Hole(hole)] = name.pieces.as_slice()
            && hole.access.is_empty()
            && let Some((Given::Sources(passed, _), _)) =
                loader.spaces[space].given.get(&hole.name.value)
        {
            words.extend(passed.iter().rev().cloned());
            continue;
        }
        match name.bare() {
            Some(text) if is_name(text) || is_of_module(loader, text) => {
                found.extend(lookup(loader, text, word.span, asked));
            }
            _ => is_path = true,
        }
    }
    loader.enter(home);
    (!is_path).then_some(found)
}

/// `NAME.rule`, where NAME is a module.
fn is_of_module(loader: &Loader, text: &str) -> bool {
    let module = text.split_once('.').map(|(module, _)| module);
    module.is_some_and(|module| loader.spaces[loader.current].modules.contains_key(module))
}

/// A rule or table of the space that is being read.
fn lookup(loader: &mut Loader, name: &str, span: Span, asked: Use) -> Option<Source> {
    if let Some(&found) = loader.rules.get(name) {
        if asked != Use::Target && loader.has_no_outputs(found) {
            no_files(loader, name, span);
        }
        return Some(Source::Rule(found));
    }
    if let Some(found) = loader.table(name) {
        if asked != Use::Items {
            let diag = Diag::error(
                "E0275",
                format!("`{name}` is a table, and its rows have no files"),
            )
            .at(span, "files are asked for here");
            let diag = match &loader.workflow.tables[found].sheet {
                Some(sheet) => diag.help(format!("for the sheet itself write `./{sheet}`")),
                None => diag,
            };
            loader.diags.push(diag.help(format!(
                "where it is a source, its columns can name files: \
                 `transform t: {name} using raw/{{column}}.txt -> …`"
            )));
        }
        return Some(Source::Table(found));
    }
    if loader.spaces[loader.current]
        .broken
        .iter()
        .any(|broken| broken == name)
    {
        return None;
    }
    let diag = no_such_rule(loader, name, span);
    loader.diags.push(diag);
    None
}

/// A rule that makes no files, where files are asked for.
fn no_files(loader: &mut Loader, name: &str, span: Span) {
    loader.diags.push(
        Diag::error("E0284", format!("`{name}` makes no files"))
            .at(span, "it has no `->`, so there is nothing to take from it")
            .help(format!(
                "to run behind it: `[after {name}]` above this rule"
            )),
    );
}

/// The diagnostic for a name that no rule has.
pub fn no_such_rule(loader: &Loader, name: &str, span: Span) -> Diag {
    let declared = &loader.spaces[loader.current].declared;
    if let Some((place, kind @ ("table" | "target" | "module"))) = declared.get(name) {
        return Diag::error("E0252", format!("`{name}` is a {kind}, not a rule"))
            .at(span, "a rule is asked for here")
            .and(*place, format!("the {kind}"));
    }
    let diag =
        Diag::error("E0252", format!("there is no rule named `{name}`")).at(span, "asked for here");
    let mut names: Vec<&str> = loader.rules.keys().map(String::as_str).collect();
    names.sort();
    match nearest(name, names) {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), span, near),
        None => diag.help(format!("a file is written with its folder: `./{name}`")),
    }
}

/// A letter or `_`, then letters, digits, `_`, `-`.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

type Template<'a> = Option<(Pattern, &'a ast::Word)>;

fn resolve_filter<'a>(
    loader: &mut Loader,
    filter: Option<&'a ast::Filter>,
    captures: &mut Vec<NameId>,
) -> (Filter, Template<'a>) {
    let Some(filter) = filter else {
        return (Filter::All, None);
    };
    match filter.kind {
        FilterKind::Suffix => {
            let text = loader.text(&filter.word).unwrap_or_default();
            if text.is_empty() {
                loader.diags.push(
                    Diag::error("E0253", "an empty suffix matches every file")
                        .at(filter.span, "say which ending: `suffix .txt`"),
                );
            }
            (Filter::suffix(&text), None)
        }
        FilterKind::Match => {
            let Some(pattern) = template(loader, &filter.word) else {
                return (Filter::All, None);
            };
            for part in &pattern.0 {
                if let pattern::Part::Capture(capture) = part
                    && !captures.contains(&capture.name)
                {
                    captures.push(capture.name);
                }
            }
            match Filter::template(&pattern) {
                Ok(compiled) => (compiled, Some((pattern, &filter.word))),
                Err(error) => {
                    loader.diags.push(
                        Diag::error("E0254", "this template cannot be understood")
                            .at(filter.word.span, error.to_string()),
                    );
                    (Filter::All, None)
                }
            }
        }
        FilterKind::Regex => {
            let text = filter.word.plain();
            let Some(text) = text else {
                // The parser said that it must be quoted.
                return (Filter::All, None);
            };
            let names = &mut loader.workflow.names;
            let mut found = Vec::new();
            let compiled = Filter::regex(&text, &mut |name| {
                let id = names.intern(name.as_bytes());
                found.push(id);
                id
            });
            match compiled {
                Ok(compiled) => {
                    captures.extend(found);
                    (compiled, None)
                }
                Err(error) => {
                    loader.diags.push(
                        Diag::error("E0256", "this is no regular expression")
                            .at(filter.word.span, error.to_string()),
                    );
                    (Filter::All, None)
                }
            }
        }
    }
}

/// A `match` template: names that are params or lets are their values, all others captures.
fn template(loader: &mut Loader, word: &ast::Word) -> Option<Pattern> {
    let mut parts = Vec::new();
    for piece in &word.pieces {
        match piece {
            Piece::Text(text) => parts.push(pattern::Part::Text(text.as_bytes().into())),
            Piece::Glob(glob) => parts.push(glob_part(loader, glob)?),
            Piece::Hole(hole) => {
                let name = hole.name.value.as_str();
                let is_constant = loader.constants.values.contains_key(name)
                    || BUILT_IN.contains(&name)
                    || !hole.access.is_empty();
                if is_constant {
                    let text = loader.text(&ast::Word {
                        span: hole.span,
                        pieces: vec![piece.clone()],
                        is_quoted: false,
                    })?;
                    parts.push(pattern::Part::Text(text));
                    continue;
                }
                parts.push(pattern::Part::Capture(Capture {
                    name: loader.names().intern(name.as_bytes()),
                    spans_folders: hole.spans_folders,
                    constraint: hole.constraint.as_ref().map(|regex| regex.value.clone()),
                }));
            }
        }
    }
    Some(Pattern(parts))
}

/// The glob of all files that a template could match.
fn as_glob(template: &Pattern, span: Span) -> Word {
    let parts = template.0.iter().map(|part| match part {
        pattern::Part::Capture(capture) if capture.spans_folders => {
            Part::Glob(pattern::Part::DoubleStar)
        }
        pattern::Part::Capture(_) => Part::Glob(pattern::Part::Star),
        pattern::Part::Text(text) => Part::Text(text.clone()),
        other => Part::Glob(other.clone()),
    });
    Word {
        span,
        parts: parts.collect(),
    }
}

/// What a rule's words may use.
pub(super) struct RuleScope<'a> {
    pub rule: Option<&'a ast::Rule>,
    pub tuple: Option<&'a Tuple>,
    pub captures: &'a Captures,
    pub has_groups: bool,
    pub no_item: Option<&'static str>,
    pub no_input: Option<&'static str>,
    /// Tables among the sources.
    pub tables: &'a [TableId],
}

/// Resolves a word; one that is nothing but a list param is several words.
pub(super) fn resolve_words(
    loader: &mut Loader,
    word: &ast::Word,
    site: Site,
    rule: &RuleScope,
    input_slots: &[Option<String>],
    output_slots: &[Option<String>],
) -> Vec<Word> {
    let verb = rule.rule.map(|rule| rule.verb.value);
    let mut parts = Vec::new();
    let mut is_good = true;
    for piece in &word.pieces {
        let part = match piece {
            Piece::Text(text) => Part::Text(text.as_bytes().into()),
            Piece::Glob(glob) => match glob_part(loader, glob) {
                Some(part) => Part::Glob(part),
                None => return Vec::new(),
            },
            Piece::Hole(hole) => {
                let scope = Scope {
                    constants: &loader.constants,
                    names: &loader.workflow.names,
                    captures: &rule.captures.known,
                    partial: &rule.captures.partial,
                    has_groups: rule.has_groups,
                    is_one_job: matches!(verb, Some(Verb::Merge | Verb::Split)),
                    tuple: rule.tuple,
                    input_slots,
                    output_slots,
                    outputs_unknown: site == Site::Recipe
                        && matches!(verb, Some(Verb::Split | Verb::Subdivide)),
                    has_outputs: true,
                    no_item: rule.no_item,
                    no_input: rule.no_input,
                    site,
                };
                match scope.resolve(hole) {
                    Ok(Expr::List(items)) if word.pieces.len() == 1 => {
                        let word = |item| Word {
                            span: word.span,
                            parts: vec![Part::Text(item)],
                        };
                        return items.into_iter().map(word).collect();
                    }
                    Ok(Expr::List(_)) => {
                        loader.diags.push(
                            Diag::error("E0210", "a list cannot stand inside a word")
                                .at(hole.span, "this is a list")
                                .help(format!("pick one: `{{{}[0]}}`", hole.name.value)),
                        );
                        is_good = false;
                        continue;
                    }
                    Ok(Expr::Text(text)) => Part::Text(text),
                    Ok(expr) => Part::Value(expr, hole.span),
                    Err(unknown) => {
                        let diag = match (&unknown, site) {
                            (Unknown::Name { nearest }, Site::Output | Site::Extra)
                                if nearest.is_none() || !rule.tables.is_empty() =>
                            {
                                no_capture(loader, hole, rule.tables)
                            }
                            (Unknown::Name { nearest: None }, Site::Source) => {
                                no_template(word, hole, rule.rule)
                            }
                            _ => unknown_name(hole, unknown),
                        };
                        loader.diags.push(diag);
                        is_good = false;
                        continue;
                    }
                }
            }
        };
        parts.push(part);
    }
    if is_good {
        vec![Word {
            span: word.span,
            parts,
        }]
    } else {
        Vec::new()
    }
}

/// A source that was meant to capture, as in other workflow languages.
fn no_template(word: &ast::Word, hole: &ast::Hole, rule: Option<&ast::Rule>) -> Diag {
    let name = &hole.name.value;
    let diag = Diag::error("E0230", format!("nothing is named `{name}` here"))
        .at(hole.span, "a source captures nothing; a filter does");
    let has_filter = |rule: &ast::Rule| rule.factors.iter().any(|factor| factor.filter.is_some());
    if rule.is_none_or(has_filter) {
        return diag;
    }
    let before = Span {
        end: word.span.start,
        ..word.span
    };
    diag.fix(format!("capture `{name}` with `match`"), before, "match ")
}

fn no_capture(loader: &Loader, hole: &ast::Hole, tables: &[TableId]) -> Diag {
    let name = &hole.name.value;
    let mut diag = Diag::error("E0231", format!("nothing captures `{name}`")).at(
        hole.span,
        "neither this rule's filter nor its sources bring it",
    );
    let mut columns: Vec<String> = Vec::new();
    for &table in tables {
        let table = &loader.workflow.tables[table];
        diag = diag.and(table.span, format!("the columns of `{}`", table.name));
        let names = table.columns.iter();
        columns.extend(names.map(|name| loader.workflow.names.get(*name).to_string()));
    }
    let near = nearest(name, columns.iter().map(String::as_str));
    match near {
        Some(near) => diag.fix(format!("did you mean `{near}`?"), hole.name.span, near),
        None if !tables.is_empty() => diag,
        None => diag.help(format!(
            "capture it with a filter, such as `match …{{{name}}}…`"
        )),
    }
}

fn glob_part(loader: &mut Loader, glob: &Glob) -> Option<pattern::Part> {
    Some(match glob {
        Glob::Star => pattern::Part::Star,
        Glob::DoubleStar => pattern::Part::DoubleStar,
        Glob::Any => pattern::Part::Any,
        Glob::Class(text) => pattern::Part::Class(text.clone()),
        Glob::OneOf(choices) => {
            let mut all = Vec::new();
            for pieces in choices {
                let mut parts = Vec::new();
                for piece in pieces {
                    parts.push(match piece {
                        Piece::Text(text) => pattern::Part::Text(text.as_bytes().into()),
                        Piece::Glob(inner) => glob_part(loader, inner)?,
                        Piece::Hole(hole) => {
                            let word = ast::Word {
                                span: hole.span,
                                pieces: vec![piece.clone()],
                                is_quoted: false,
                            };
                            pattern::Part::Text(loader.text(&word)?)
                        }
                    });
                }
                all.push(parts);
            }
            pattern::Part::OneOf(all)
        }
    })
}

/// Resolves `with`, `using`, outputs and the recipe, once it is known which captures there are.
pub fn finish(loader: &mut Loader, rule: &ast::Rule, header: &mut Header, captures: &Captures) {
    let tuple = header.rule.tuple.clone();
    let tables: Vec<TableId> = header
        .rule
        .sources()
        .filter_map(|(_, source)| match source {
            Source::Table(table) => Some(*table),
            _ => None,
        })
        .collect();
    let no_item = no_item(&header.rule, tables.len());
    let has_extras = !rule.with.is_empty() || !rule.using.is_empty();
    let no_input = no_item.filter(|_| !has_extras);
    let scope = RuleScope {
        rule: Some(rule),
        tuple: tuple.as_ref(),
        no_item,
        no_input,
        tables: &tables,
        captures,
        has_groups: header.has_groups,
    };
    header.rule.with = extras(loader, &rule.with, &scope);
    header.rule.using = extras(loader, &rule.using, &scope);
    let inputs = if header.rule.using.is_empty() {
        &header.rule.with
    } else {
        &header.rule.using
    };
    let mut input_slots: Vec<Option<String>> = Vec::new();
    if header.rule.using.is_empty() && rule.verb.value != Verb::Originate {
        // The item itself is the first, without a name.
        input_slots.push(None);
    }
    input_slots.extend(inputs.iter().map(|extra| extra.name.clone()));
    twice(loader, rule.with.iter().chain(&rule.using));
    match &rule.outputs {
        None => without_outputs(loader, rule),
        Some(groups) => outputs(loader, rule, groups, header, &scope, &input_slots),
    }
    let output_slots: Vec<Option<String>> = header
        .rule
        .outputs
        .first()
        .into_iter()
        .flatten()
        .map(|o| o.name.clone())
        .collect();
    (header.rule.around, header.rule.deps) =
        surroundings::resolve(loader, rule, &scope, &input_slots, &output_slots);
    let shell = surroundings::shell(loader, rule);
    let scope = recipe::RecipeScope {
        shell: shell.unwrap_or_else(|| loader.shell.clone()),
        captures,
        has_groups: header.has_groups,
        is_one_job: matches!(rule.verb.value, Verb::Merge | Verb::Split),
        tuple: tuple.as_ref(),
        input_slots: &input_slots,
        output_slots: &output_slots,
        outputs_unknown: header.rule.makes_unknown_files()
            && header.rule.outputs.iter().flatten().any(Output::is_glob),
        has_outputs: header.rule.has_outputs,
        no_item,
        no_input,
    };
    header.rule.recipe = recipe::resolve(loader, rule, &scope);
    header.rule.check = command::check(loader, rule, &scope);
    header.rule.then = command::then(loader, rule, &scope.shell);
}

/// Why a rule's jobs have no files of their own, where that is so.
fn no_item(rule: &Rule, n_tables: usize) -> Option<&'static str> {
    if rule.verb == Verb::Originate {
        return Some("`originate` makes its outputs from nothing");
    }
    let n_sources = rule.sources().count();
    (n_tables > 0 && n_tables == n_sources)
        .then_some("its items are rows of a table, which have no files")
}

/// A rule without `->` whose verb is about the names of files.
fn without_outputs(loader: &mut Loader, rule: &ast::Rule) {
    let (reason, help) = match rule.verb.value {
        Verb::Split | Verb::Subdivide => (
            "its jobs make files, and nothing says which",
            "say what they are called: `-> parts/*.txt`",
        ),
        Verb::Collate => (
            "it gathers the items that name the same outputs",
            "name outputs, or make one job over all items: `merge`",
        ),
        _ => return,
    };
    let verb = rule.verb.value.keyword();
    loader.diags.push(
        Diag::error("E0285", format!("`{verb}` needs outputs"))
            .at(rule.header, reason)
            .help(help),
    );
}

/// An output that is a list without elements.
fn no_words(loader: &mut Loader, span: Span) {
    loader
        .diags
        .push(Diag::error("E0283", "an output comes to nothing").at(span, "this list is empty"));
}

fn extras(loader: &mut Loader, words: &[ast::NamedWord], scope: &RuleScope) -> Vec<Extra> {
    let mut found = Vec::new();
    for word in words {
        let name = word.name.as_ref().map(|name| name.value.clone());
        let sources = match named(loader, &word.word, Use::Files) {
            Some(named) => named,
            None => resolve_words(loader, &word.word, Site::Extra, scope, &[], &[])
                .into_iter()
                .map(Source::Files)
                .collect(),
        };
        found.extend(sources.into_iter().map(|source| Extra {
            name: name.clone(),
            source,
        }));
    }
    found
}

/// Two words with one name.
fn twice<'a>(loader: &mut Loader, words: impl Iterator<Item = &'a ast::NamedWord>) {
    let mut seen: Vec<&ast::Name> = Vec::new();
    for name in words.filter_map(|named| named.name.as_ref()) {
        match seen.iter().find(|first| first.value == name.value) {
            Some(first) => loader.diags.push(
                Diag::error(
                    "E0257",
                    format!("`{}` names two words of one rule", name.value),
                )
                .at(name.span, "the second")
                .and(first.span, "the first"),
            ),
            None => seen.push(name),
        }
    }
}

fn outputs(
    loader: &mut Loader,
    rule: &ast::Rule,
    groups: &[ast::OutputGroup],
    header: &mut Header,
    scope: &RuleScope,
    input_slots: &[Option<String>],
) {
    let is_originate = rule.verb.value == Verb::Originate;
    let mut filters = rule
        .factors
        .iter()
        .filter_map(|factor| factor.filter.as_ref());
    let has_suffix = filters.any(|filter| filter.kind == FilterKind::Suffix);
    let mut all: Vec<Vec<Output>> = Vec::new();
    for group in groups {
        let mut outputs = Vec::new();
        for named in &group.words {
            let n_before = loader.diags.len();
            let words = resolve_words(loader, &named.word, Site::Output, scope, input_slots, &[]);
            if words.is_empty() && loader.diags.len() == n_before && !is_originate {
                no_words(loader, named.word.span);
            }
            for word in words {
                check_glob(loader, rule, &word);
                let replaces_suffix = has_suffix && !is_whole_path(&named.word);
                if replaces_suffix && rule.verb.value.makes_tuples() {
                    no_suffix_of_tuple(loader, rule, &named.word);
                }
                let name = named.name.as_ref().map(|name| name.value.clone());
                outputs.push(Output {
                    name,
                    word,
                    replaces_suffix,
                });
            }
        }
        twice(loader, group.words.iter());
        if is_originate && !group.in_parentheses {
            // A list is as many words as it has elements.
            all.extend(outputs.into_iter().map(|output| vec![output]));
        } else {
            all.push(outputs);
        }
    }
    header.rule.outputs = if is_originate {
        all
    } else {
        vec![all.into_iter().flatten().collect()]
    };
}

/// With `suffix`: a `/` in it, or a `{` first.
fn is_whole_path(word: &ast::Word) -> bool {
    matches!(word.pieces.first(), Some(Piece::Hole(_)))
        || word
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Text(text) if text.contains('/')))
}

/// An output that would stand in the place of a suffix, and nobody knows of which one.
fn no_suffix_of_tuple(loader: &mut Loader, rule: &ast::Rule, word: &ast::Word) {
    let verb = rule.verb.value.keyword();
    loader.diags.push(
        Diag::error("E0281", format!("an output of `{verb}` is a whole path"))
            .at(
                word.span,
                "several items name it, so there is no one suffix to replace",
            )
            .help(
                "begin it with a folder, `out/…`, or with a place to be filled, `{item[0].stem}…`",
            ),
    );
}

fn check_glob(loader: &mut Loader, rule: &ast::Rule, word: &Word) {
    let verb = rule.verb.value;
    if word.has_glob() && !matches!(verb, Verb::Split | Verb::Subdivide) {
        loader.diags.push(
            Diag::error(
                "E0259",
                format!("an output of `{}` must be one file", verb.keyword()),
            )
            .at(word.span, "this is a glob")
            .help("`split` and `subdivide` make as many files as they like")
            .help("a file with such a character in its name is quoted: `\"a*b\"`"),
        );
    }
}
