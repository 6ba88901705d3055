//! What a word of a header comes to, once its names are looked up.

use crate::lang::ast::{Glob, Piece, Verb};
use crate::lang::nearest::nearest;
use crate::lang::{Diag, Span, ast, foreign};
use crate::pattern;
use crate::workflow::captures::Captures;
use crate::workflow::expr::{Expr, Part, Word};
use crate::workflow::load::unknown_name;
use crate::workflow::resolver::Resolver;
use crate::workflow::scope::{Scope, Site, Unknown};
use crate::workflow::{TableId, Tuple};

/// What a rule's words may use.
pub(in crate::workflow) struct RuleScope<'a> {
    pub rule: Option<&'a ast::Rule>,
    pub tuple: Option<&'a Tuple>,
    pub captures: &'a Captures,
    pub n_groups: usize,
    pub no_item: Option<&'static str>,
    pub no_input: Option<&'static str>,
    /// Tables among the sources.
    pub tables: &'a [TableId],
}

/// Resolves a word; one that is nothing but a list param is several words.
pub(in crate::workflow) fn resolve_words(
    resolver: &mut Resolver,
    word: &ast::Word,
    site: Site,
    rule: &RuleScope,
    input_slots: &[Option<String>],
    output_slots: &[Option<String>],
) -> Vec<Word> {
    let verb = rule.rule.map(|rule| rule.verb.value);
    let is_unknown = site == Site::Recipe && matches!(verb, Some(Verb::Split | Verb::Subdivide));
    let glob_outputs = vec![is_unknown; output_slots.len()];
    let mut parts = Vec::with_capacity(word.pieces.len());
    let mut is_good = true;
    for piece in &word.pieces {
        let part = match piece {
            Piece::Text(text) => Part::Text(foreign::bytes(text).into_owned()),
            Piece::Glob(glob) => match glob_part(resolver, glob) {
                Some(part) => Part::Glob(part),
                None => return Vec::new(),
            },
            Piece::Hole(hole) => {
                let scope = Scope {
                    constants: resolver.constants,
                    names: &resolver.workflow.names,
                    captures: &rule.captures.known,
                    partial: &rule.captures.partial,
                    n_groups: rule.n_groups,
                    is_one_job: matches!(verb, Some(Verb::Merge | Verb::Split)),
                    tuple: rule.tuple,
                    input_slots,
                    output_slots,
                    glob_outputs: &glob_outputs,
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
                        resolver.diags.push(
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
                                no_capture(resolver, hole, rule.tables)
                            }
                            (Unknown::Name { nearest }, Site::Source) => {
                                let diag = no_template(word, hole, rule.rule);
                                match nearest {
                                    Some(near) => diag.help(format!("or did you mean `{near}`?")),
                                    None => diag,
                                }
                            }
                            _ => unknown_name(hole, unknown),
                        };
                        resolver.diags.push(diag);
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
pub(super) fn no_template(word: &ast::Word, hole: &ast::Hole, rule: Option<&ast::Rule>) -> Diag {
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

pub(super) fn no_capture(resolver: &Resolver, hole: &ast::Hole, tables: &[TableId]) -> Diag {
    let name = &hole.name.value;
    let mut diag = Diag::error("E0231", format!("nothing captures `{name}`")).at(
        hole.span,
        "neither this rule's filter nor its sources bring it",
    );
    let mut columns: Vec<String> = Vec::new();
    for &table in tables {
        let table = &resolver.workflow.tables[table];
        diag = diag.and(table.span, format!("the columns of `{}`", table.name));
        let names = table.columns.iter();
        columns.extend(names.map(|name| resolver.workflow.names.get(*name).to_string()));
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

pub(super) fn glob_part(resolver: &mut Resolver, glob: &Glob) -> Option<pattern::Part> {
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
                        Piece::Text(text) => pattern::Part::Text(foreign::bytes(text).into_owned()),
                        Piece::Glob(inner) => glob_part(resolver, inner)?,
                        Piece::Hole(hole) => {
                            let word = ast::Word {
                                span: hole.span,
                                pieces: vec![piece.clone()],
                                is_quoted: false,
                            };
                            pattern::Part::Text(resolver.text(&word)?)
                        }
                    });
                }
                all.push(parts);
            }
            pattern::Part::OneOf(all)
        }
    })
}
