//! Any recipe is read and filled without a panic, and no value opens or closes what the recipe's
//! own text did not: what comes out is as whole as what went in.
#![no_main]

use std::borrow::Cow;

use bstr::{BStr, ByteSlice};
use flow::lang::Diag;
use flow::lang::ast::Recipe;
use flow::lang::quote::ValueKind;
use flow::lang::recipe::{Filled, lex};
use flow::lang::span::Span;
use libfuzzer_sys::fuzz_target;

// Without braces, which would be read as placeholders the second time.
const NASTY: [&str; 8] = [
    "a b",
    "-x",
    "it's",
    "\"$(x)`y`",
    "a\nEOF\nE\nb",
    "*?[a]~",
    "\\",
    "); # x",
];

fn recipe_of(text: &str) -> Recipe {
    let line_starts = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len() as u32;
        Some(start)
    });
    Recipe {
        span: Span::default(),
        line_starts: line_starts.collect(),
        text: text.to_string(),
    }
}

fn is_wrong(diags: &[Diag]) -> bool {
    diags.iter().any(Diag::is_error)
}

fuzz_target!(|text: &str| {
    // As the parser makes them: at least one line, each ended.
    let text = format!("{}\n", text.trim_end_matches('\n'));
    let (mut recipe, diags) = lex(&recipe_of(&text));
    let unknown = recipe.check_names(|_| true, &["input"]);
    if is_wrong(&diags) || is_wrong(&unknown) || text.contains('\0') {
        return;
    }
    let is_shell = recipe.interpreter.is_shell();
    for kind in [ValueKind::File, ValueKind::Text] {
        for value in NASTY {
            let fill = |_: &_| Filled {
                kind,
                values: vec![
                    Cow::Borrowed(BStr::new(value)),
                    Cow::Borrowed(BStr::new("1")),
                ],
            };
            let _ = recipe.argv(fill);
            let mut out = Vec::new();
            if recipe.placeholders().any(|one| one.hole.is_raw)
                || recipe.render(fill, &mut out).is_err()
            {
                continue;
            }
            let out = out
                .to_str()
                .expect("the text was UTF-8, and so are the values");
            // Another interpreter's text may not be read as this one's.
            if is_shell {
                let codes = lex(&recipe_of(out)).1.into_iter().map(|diag| diag.code);
                assert!(
                    !codes
                        .into_iter()
                        .any(|code| matches!(code, "E0150" | "E0151")),
                    "{out:?}"
                );
            }
        }
    }
});
