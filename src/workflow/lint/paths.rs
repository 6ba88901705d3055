//! Paths that go into a folder and back: `sub/../a`.

use crate::lang::ast::{Item, ItemKind, Piece, Rule, Word};
use crate::lang::{Diag, Sources};

/// To flow such a path and the short one are two files.
pub(super) fn detours(items: &[Item], sources: &Sources, diags: &mut Vec<Diag>) {
    // What is quoted or escaped may be spelt otherwise.
    let may_have_any = |rule: &Rule| {
        let header = sources.text(rule.header);
        header.contains("..") || header.contains(['\\', '"', '\''])
    };
    let rules = items.iter().filter_map(|item| match &item.kind {
        ItemKind::Rule(rule) if may_have_any(rule) => Some(rule),
        _ => None,
    });
    for word in rules.flat_map(|rule| words(rule)) {
        if !word.pieces.iter().any(|piece| text(piece).contains("..")) {
            continue;
        }
        let text: String = word.pieces.iter().map(text).collect();
        if let Some(folder) = detour(&text) {
            diags.push(
                Diag::warning("W0408", format!("this path goes into `{folder}` and back"))
                    .at(
                        word.span,
                        "to flow this is another file than without the detour",
                    )
                    .note("where the folder is a link the two are not the same, so `..` stays")
                    .help("write the short path, everywhere the same"),
            );
        }
    }
}

fn words(rule: &Rule) -> impl Iterator<Item = &Word> {
    let sources = rule.factors.iter().flat_map(|factor| &factor.sources);
    let outputs = rule.outputs.iter().flatten().flat_map(|group| &group.words);
    let named = rule.with.iter().chain(&rule.using).chain(outputs);
    sources.chain(named.map(|named| &named.word))
}

/// What stands there, with something for what is filled in.
fn text(piece: &Piece) -> &str {
    match piece {
        Piece::Text(text) => text,
        Piece::Glob(_) => "*",
        Piece::Hole(_) => "…",
    }
}

/// The folder that a `..` comes back from.
fn detour(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    let pairs = parts.windows(2);
    let mut back = pairs.filter(|pair| pair[1] == ".." && !["", ".", ".."].contains(&pair[0]));
    back.next().map(|pair| pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_way_in_and_out_is_a_detour() {
        for (path, folder) in [
            ("sub/../a", Some("sub")),
            ("../x/y/../a", Some("y")),
            ("…/..", Some("…")),
            ("../a", None),
            ("../../a", None),
            ("/../a", None),
            ("./../a", None),
            ("a..b/..c/a", None),
        ] {
            assert_eq!(detour(path), folder, "{path}");
        }
    }
}
