//! Any recipe is read and filled, and no value opens or closes what the recipe's own text did not.
//!
//! What a value is to the shell is seen by a mark in it that reads as a placeholder: when the filled
//! recipe is read again, every mark has to stand where nothing is special, and all that the recipe's
//! own text is has to come out as it does with a harmless value.
#![no_main]

use std::borrow::Cow;

use bstr::{BStr, ByteSlice};
use flow::lang::ast::Hole;
use flow::lang::quote::{Place, ValueKind};
use flow::lang::recipe::{Filled, Part, RecipeText, lex};
use flow_fuzz::{bounded, check_places, is_wrong, recipe_of};
use libfuzzer_sys::fuzz_target;

/// What is not read as more than the mark that it is.
const MARK: &str = "{mark}";
/// Stands behind the recipe, where all that the recipe opened is closed.
const BEHIND: &str = ": {behind}";

const NASTY: [&str; 12] = [
    "a b",
    "-x",
    "it's",
    "\"$(x)`y`",
    "a\nEOF\nE\nb",
    "*?[a]~",
    "\\",
    "); # x",
    "'\"'\"'",
    "\\'\\\"$'",
    "${x:-$((1",
    "",
];

/// What a part of a recipe is, as far as a value could change it.
#[derive(PartialEq, Eq, Debug)]
enum Structure {
    /// A mark where nothing is special, or anywhere else.
    Mark {
        is_inert: bool,
    },
    /// Another placeholder.
    Own(String, Place),
    DocumentStart,
    DocumentEnd,
}

fn structure(recipe: &RecipeText) -> Vec<Structure> {
    let parts = recipe.parts.iter().filter_map(|part| match part {
        Part::Text(_) => None,
        Part::HereDocStart(_) => Some(Structure::DocumentStart),
        Part::HereDocEnd(_) => Some(Structure::DocumentEnd),
        Part::Placeholder(one) if one.hole.name.value == "mark" => {
            let is_inert = matches!(
                one.place,
                Place::SingleQuotes { .. } | Place::DoubleQuotes { .. } | Place::HereDoc { .. }
            );
            Some(Structure::Mark { is_inert })
        }
        Part::Placeholder(one) => Some(Structure::Own(one.hole.name.value.clone(), one.place)),
    });
    parts.collect()
}

/// Fills every placeholder with `values`, but numbers where only they may stand, and leaves the one
/// behind the recipe.
fn render(recipe: &RecipeText, kind: ValueKind, values: &[Vec<u8>]) -> Option<Vec<u8>> {
    let of_numbers: Vec<_> = recipe
        .placeholders()
        .filter(|one| matches!(one.place, Place::Arithmetic { .. }))
        .map(|one| one.hole.span)
        .collect();
    let number = [b"7".to_vec()];
    let fill = |hole: &Hole| {
        let chosen = match of_numbers.contains(&hole.span) {
            true => &number[..],
            false => values,
        };
        Filled {
            kind,
            values: chosen
                .iter()
                .map(|one| Cow::Borrowed(BStr::new(one)))
                .collect(),
        }
    };
    let mut out = Vec::new();
    recipe.render(fill, &mut out).ok()?;
    Some(out)
}

fn read(text: &str) -> (RecipeText, bool) {
    let (mut recipe, diags) = lex(&recipe_of(text));
    let unknown = recipe.check_names(|_| true, &["input"]);
    let is_wrong = is_wrong(&diags) || is_wrong(&unknown);
    (recipe, is_wrong)
}

fuzz_target!(|text: &str| {
    let source = recipe_of(text);
    let n = source.text.len();
    let (mut recipe, diags) = bounded("lex", n, || lex(&source));
    check_places(&source.text, &diags);
    let unknown = bounded("check_names", n, || {
        recipe.clone().check_names(|_| true, &["input"])
    });
    check_places(&source.text, &unknown);
    recipe.check_names(|_| true, &["input"]);
    let has_raw = recipe.placeholders().any(|one| one.hole.is_raw);
    // An escaped name would be a placeholder the second time.
    let has_own = ["{mark", "{behind", "{{"]
        .iter()
        .any(|own| text.contains(own));
    if is_wrong(&diags) || is_wrong(&unknown) || text.contains('\0') || has_raw || has_own {
        return;
    }
    if !recipe.interpreter.is_shell() {
        return;
    }
    check_argv(&recipe);
    // A comment or a line that goes on would take in what stands behind it.
    let with_end = format!("{}\n{BEHIND}", source.text);
    let (with_end, is_wrong) = read(&with_end);
    if is_wrong || with_end.placeholders().count() == 1 {
        return;
    }
    let kept = |values: &[Vec<u8>], kind| {
        let out = render(&with_end, kind, values)?;
        // The last placeholder is filled as well: its mark is the one behind the recipe.
        Some(String::from_utf8(out).expect("the text was UTF-8, and so are the values"))
    };
    let plain = [MARK.as_bytes().to_vec()];
    let Some(harmless) = kept(&plain, ValueKind::Text) else {
        return;
    };
    let (harmless, harmless_is_wrong) = read(&harmless);
    let expected = structure(&harmless);
    // The text around a value can make a name of it: `{in{cores}}`.
    let has_name = |one: &Structure| matches!(one, Structure::Own(..));
    if harmless_is_wrong || expected.iter().any(has_name) {
        return;
    }
    for nasty in NASTY {
        for kind in [ValueKind::File, ValueKind::Text] {
            let value = format!("{nasty}.{MARK}").into_bytes();
            let Some(out) = bounded("render", n, || kept(std::slice::from_ref(&value), kind))
            else {
                continue;
            };
            let (filled, is_wrong) = read(&out);
            assert!(!is_wrong, "{nasty:?} in {text:?}: {out:?}");
            assert_eq!(
                structure(&filled),
                expected,
                "{nasty:?} in {text:?}: {out:?}"
            );
        }
    }
    let all_inert = expected
        .iter()
        .all(|one| *one != Structure::Mark { is_inert: false });
    assert!(all_inert, "{:?}", harmless.text());
});

/// What a command without a shell gets is what its shell would make of the filled recipe.
fn check_argv(recipe: &RecipeText) {
    for nasty in NASTY {
        for kind in [ValueKind::File, ValueKind::Text] {
            let values = [nasty.as_bytes().to_vec(), b"1".to_vec()];
            let fill = |_: &Hole| Filled {
                kind,
                values: values
                    .iter()
                    .map(|one| Cow::Borrowed(BStr::new(one)))
                    .collect(),
            };
            let Some(argv) = recipe.argv(fill) else {
                return;
            };
            let argv = argv.expect("no value has a NUL");
            let mut out = Vec::new();
            recipe
                .render(fill, &mut out)
                .expect("a simple command takes every value");
            let out = out
                .to_str()
                .expect("the text was UTF-8, and so are the values");
            let (filled, is_wrong) = read(out);
            let none = |_: &Hole| Filled {
                kind,
                values: Vec::new(),
            };
            assert!(!is_wrong, "{out:?}");
            let again = filled
                .argv(none)
                .map(|argv| argv.expect("nothing is filled in"));
            assert_eq!(again, Some(argv), "{out:?}");
        }
    }
}
