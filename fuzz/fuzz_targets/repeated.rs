//! Texts of 64 KiB in which one piece comes again and again are read in linear time, whatever it is: as
//! a workflow, as a recipe, as words, as the files that a workflow names.
//!
//! The input is a beginning, the piece and an end, with `\x1e` between them.
#![no_main]

use std::borrow::Cow;
use std::io;
use std::path::Path;

use bstr::BStr;
use flow::cli::params;
use flow::lang::format::format;
use flow::lang::quote::ValueKind;
use flow::lang::recipe::{Filled, lex};
use flow::lang::{FileId, Sources, parse, parse_value};
use flow::stale::depfile;
use flow::ui::diag::{Look, report};
use flow::workflow::lint::lint;
use flow::workflow::load;
use flow::workflow::load::Settings;
use flow::workflow::sheet::rows;
use flow_fuzz::{bounded, bounded_with_regex, is_wrong, recipe_of};
use libfuzzer_sys::fuzz_target;

const SIZE: usize = 64 << 10;

fn check_workflow(text: &str) {
    let n = text.len();
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, mut diags) = bounded("parse", n, || parse(file, text));
    let no_file = |_: &str| Err(io::ErrorKind::NotFound.into());
    let settings = Settings::default();
    let (workflow, found) = bounded_with_regex("load", n, || {
        load(&ast, &mut sources.clone(), &settings, &no_file)
    });
    diags.extend(found);
    if !is_wrong(&diags) {
        diags.extend(bounded("lint", n, || lint(&ast, &workflow, &sources)));
    }
    bounded("report", n, || report(&diags, &sources, Look::default()));
    let _ = bounded("format", n, || format(file, text));
}

fn check_recipe(text: &str) {
    let source = recipe_of(text);
    let n = source.text.len();
    let (mut recipe, diags) = bounded("lex", n, || lex(&source));
    let unknown = bounded("check_names", n, || {
        recipe.clone().check_names(|_| true, &["input", "output"])
    });
    recipe.check_names(|_| true, &["input", "output"]);
    if is_wrong(&diags) || is_wrong(&unknown) {
        return;
    }
    let fill = |_: &_| Filled {
        kind: ValueKind::File,
        values: vec![Cow::Borrowed(BStr::new("it's"))],
    };
    bounded("render", n, || recipe.render(fill, &mut Vec::new()).is_ok());
    bounded("argv", n, || recipe.argv(fill));
}

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\x1e');
    let mut next = || parts.next().unwrap_or_default();
    let (beginning, piece, end) = (next(), next(), next());
    if piece.is_empty() {
        return;
    }
    let text = [beginning, &piece.repeat(SIZE / piece.len()), end].concat();
    let text = text.as_str();
    check_workflow(text);
    check_recipe(text);
    let _ = bounded("parse_value", SIZE, || parse_value(FileId(0), text));
    for separator in [',', '\t'] {
        let _ = bounded("rows", SIZE, || rows(FileId(0), text, separator));
    }
    bounded("depfile", SIZE, || depfile::parse(text.as_bytes()));
    for name in ["p.toml", "p.yaml", "p.json"] {
        bounded(name, SIZE, || {
            params::parse(
                Path::new(name),
                text,
                &mut Sources::default(),
                &mut Vec::new(),
            )
        });
    }
});
