//! Cuts the indented block under a header out of the text: a recipe, with its lines' places.

use super::ast::Recipe;
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::KEYWORDS;
use super::span::Span;

/// A block as it was found.
pub(super) struct Block {
    pub recipe: Recipe,
    /// The first word, when it shows that the header was to go on.
    pub continues_header: Option<Span>,
}

/// What a blank line is made of.
pub(super) const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// The blanks that `line` begins with.
pub(super) fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The block that begins at the cursor, a line's start; blank lines may come before it.
pub(super) fn read(cursor: &mut Cursor, diags: &mut Vec<Diag>) -> Option<Block> {
    let before = cursor.at;
    let mut lines: Vec<(usize, usize)> = Vec::new();
    // Lines after the last that is not blank are no part of the block.
    let mut n_kept = 0;
    let mut after = before;
    while !cursor.is_at_end() {
        let (start, end) = (cursor.at, cursor.line_end(cursor.at));
        let line = &cursor.text[start..end];
        let depth = indentation(line).len();
        let is_blank = line.trim_matches(BLANKS).is_empty();
        if depth == 0 && !is_blank {
            break;
        }
        cursor.next_line();
        // Blank lines above the first line belong to no recipe.
        if !is_blank || !lines.is_empty() {
            lines.push((start, end));
        }
        if !is_blank {
            n_kept = lines.len();
            after = cursor.at;
        }
    }
    cursor.at = after;
    lines.truncate(n_kept);
    let (&(first, first_end), &(_, last_end)) = (lines.first()?, lines.last()?);
    cursor.accept_foreign(first, last_end);
    let indent = indentation(&cursor.text[first..first_end]);
    let mut text = String::with_capacity(last_end - first);
    let mut line_starts = Vec::with_capacity(lines.len());
    let mut is_reported = false;
    for (start, end) in lines {
        let line = &cursor.text[start..end];
        let inside = line.strip_prefix(indent);
        let is_blank = line.trim_matches(BLANKS).is_empty();
        if inside.is_none() && !is_blank && !is_reported {
            is_reported = true;
            let header_like = cursor.span(first, first + indent.len());
            diags.push(
                wrong_indentation(cursor, start, line, indent)
                    .and(header_like, "this sets the recipe's indentation"),
            );
        }
        let kept = match inside {
            Some(inside) => inside,
            None if is_blank => "",
            None => line.trim_start_matches([' ', '\t']),
        };
        line_starts.push((end - kept.len()) as u32);
        text.push_str(kept);
        text.push('\n');
    }
    let first_word_at = first + indent.len();
    let first_word = Cursor {
        at: first_word_at,
        ..cursor.clone()
    }
    .until_blank();
    let continues =
        first_word == "->" || KEYWORDS[..5].contains(&first_word) && first_word != "regex";
    Some(Block {
        recipe: Recipe {
            span: cursor.span(first, last_end),
            text,
            line_starts,
        },
        continues_header: continues
            .then(|| cursor.span(first_word_at, first_word_at + first_word.len())),
    })
}

fn wrong_indentation(cursor: &Cursor, start: usize, line: &str, indent: &str) -> Diag {
    let found = indentation(line);
    let span = cursor.span(start, start + found.len());
    let (message, label) = if indent.starts_with(found) {
        (
            "this line is indented less than the recipe's first line",
            format!("{} of {} characters", found.len(), indent.len()),
        )
    } else {
        (
            "tabs and spaces are mixed in this recipe's indentation",
            format!("{}, not {}", describe(found), describe(indent)),
        )
    };
    Diag::error("E0110", message)
        .at(span, label)
        .note("the first line's indentation is taken off every line, so all must begin with it")
        .fix("begin the line like the first one", span, indent)
}

/// An indentation in words: "1 tab", "4 spaces".
fn describe(indent: &str) -> String {
    let tabs = indent.matches('\t').count();
    let spaces = indent.len() - tabs;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    match (tabs, spaces) {
        (0, _) => count(spaces, "space"),
        (_, 0) => count(tabs, "tab"),
        _ => format!("{} and {}", count(tabs, "tab"), count(spaces, "space")),
    }
}
