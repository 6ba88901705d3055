//! Any text is read, resolved and laid out without a panic; the new layout means the same.
#![no_main]

use flow::lang::format::format;
use flow::lang::{Ast, Diag, Sources, Span, parse};
use flow::workflow::load;
use flow::workflow::load::Settings;
use libfuzzer_sys::fuzz_target;

/// A tree without its places.
fn meaning(ast: &Ast) -> String {
    let shown = format!("{ast:?}");
    let mut parts = shown.split("Span { file: FileId(");
    let mut out = parts.next().unwrap_or("").to_string();
    for part in parts {
        out.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    let mut parts = out.split("line_starts: [");
    let mut bare = parts.next().unwrap_or("").to_string();
    for part in parts {
        bare.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    bare
}

fn check_places(text: &str, diags: &[Diag]) {
    for diag in diags {
        let labels = diag
            .primary
            .iter()
            .chain(&diag.others)
            .map(|label| label.span);
        let edits = diag
            .helps
            .iter()
            .filter_map(|help| Some(help.edit.as_ref()?.0));
        for Span { start, end, .. } in labels.chain(edits) {
            assert!(text.get(start as usize..end as usize).is_some(), "{diag:?}");
        }
    }
}

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, diags) = parse(file, text);
    check_places(text, &diags);
    let settings = Settings {
        overrides: Vec::new(),
        environment: Default::default(),
        shell: Default::default(),
    };
    let (_, found) = load(&ast, &sources, &settings);
    check_places(text, &found);
    let Ok(new) = format(file, text) else { return };
    let (new_ast, new_diags) = parse(file, &new);
    assert!(
        !new_diags.iter().any(Diag::is_error),
        "{new:?} {new_diags:?}"
    );
    assert_eq!(meaning(&ast), meaning(&new_ast), "{new:?}");
    assert_eq!(format(file, &new).ok().as_ref(), Some(&new));
});
