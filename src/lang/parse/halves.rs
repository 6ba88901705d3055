//! A long text is read in two halves at once.
//!
//! Where an item begins, little hangs on what stands above it: comments and attributes that wait for
//! their rule, and nothing more. So the second half is read as if it were the whole file; where the
//! first does not end right before it after all, it is read once more behind the first.

use std::panic::resume_unwind;
use std::thread;

use super::Parser;
use crate::lang::block::BLANKS;
use crate::lang::cursor::Cursor;
use crate::lang::names::{SETTINGS, name_length, verb};

/// Shorter texts are not worth a thread.
const LONG: usize = 256 << 10;

/// Few files have more than an item in so many bytes.
const SHORT_ITEM: usize = 64;

/// Where the second half of a long text begins.
pub(super) fn middle(text: &str) -> Option<usize> {
    let half = text.len() / 2;
    let is_long = text.len() >= LONG;
    is_long.then(|| item_behind(text, half)).flatten()
}

/// The first line behind `at` that begins an item, with the comments and attributes above it, and has
/// a blank line above those.
fn item_behind(text: &str, at: usize) -> Option<usize> {
    let newline = text.as_bytes()[at..]
        .iter()
        .position(|&byte| byte == b'\n')?;
    let mut start = at + newline + 1;
    let mut begins = None;
    for line in text[start..].split_inclusive('\n') {
        let after = start + line.len();
        if line.trim_end_matches('\n').trim_matches(BLANKS).is_empty() {
            begins = Some(after);
        } else if begins.is_some() && begins_item(line) {
            return begins;
        } else if !line.starts_with(['#', '[']) {
            begins = None;
        }
        start = after;
    }
    None
}

fn begins_item(line: &str) -> bool {
    let word = &line[..name_length(line)];
    verb(word).is_some() || SETTINGS.contains(&word)
}

impl Parser<'_> {
    /// Reads to the end, what begins at `middle` on a thread of its own.
    pub(super) fn in_halves(&mut self, middle: usize) {
        let (file, text) = (self.cursor.file, self.cursor.text);
        let second = || {
            let mut parser = Parser::new(Cursor {
                at: middle,
                ..Cursor::new(file, text)
            });
            parser.ast.items.reserve((text.len() - middle) / SHORT_ITEM);
            parser.lines(text.len());
            parser.unused_attributes();
            (parser.ast, parser.diags, parser.has_suspects)
        };
        // Room that stays empty costs nothing, and to grow in steps leaves holes behind.
        self.ast.items.reserve(text.len() / SHORT_ITEM);
        let second = thread::scope(|scope| {
            let builder = thread::Builder::new().name("second half".into());
            let second = builder.spawn_scoped(scope, second).ok();
            self.lines(middle);
            let second = second?.join();
            Some(second.unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let is_between = self.cursor.at == middle && self.attributes.is_empty();
        match second.filter(|_| is_between) {
            Some((ast, diags, has_suspects)) => {
                self.ast.items.extend(ast.items);
                self.ast.broken.extend(ast.broken);
                self.diags.extend(diags);
                self.has_suspects |= has_suspects;
            }
            // There was no thread to be had, or the first half goes on behind the middle.
            None => self.lines(text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::FileId;

    /// What is read from `middle` on, by one parser or by two.
    fn read(text: &str, middle: Option<usize>) -> String {
        let mut parser = Parser::new(Cursor::new(FileId(0), text));
        match middle {
            Some(middle) => parser.in_halves(middle),
            None => parser.lines(text.len()),
        }
        parser.unused_attributes();
        format!("{:#?}\n{:#?}", parser.ast, parser.diags)
    }

    #[test]
    fn two_halves_are_the_whole() {
        let texts = [
            "param a = 1\n\n# doc\n[cores 2]\nmerge m: a.txt -> b\n    cat\n\nparam b = 2\n",
            // Attributes wait for the rule in the second half.
            "param a = 1\n[cores 2]\n\nmerge m: a.txt -> b\n    cat\n\nlet x = 1\n",
            // A document that is not closed reaches over the middle.
            "merge m: a -> b\n    cat << E\ntext\n\nparam a = 1\n  E\nE\n\nlet x = 1\n",
            "merge m: a -> b\n    cat << E\ntext\n\nparam a = 1\n\nE\n\nlet x = 1\n",
            // Mistakes on either side.
            "mrege m: a -> b\n    cat\n\nparam a =\n\n# a\nmerge m: a ->\n\n [x]\nwhat\n",
            "let a = \\\n\nmerge m: a -> b \\\n\n    cat\n\nlet x = 1\n  y\n\n[a\n\nlet y = 2\n",
            "merge m: a -> b\n# c\n\n# d\nmerge n: a -> c\n    cat\n# e\n\nlet y = 1\n    z\n",
            "merge m: a -> b\n\nlet a = 1\nunknown\n\n[local]\n",
        ];
        let mut n_middles = 0;
        for text in texts {
            let whole = read(text, None);
            let middles: Vec<usize> = (0..text.len())
                .filter_map(|at| item_behind(text, at))
                .collect();
            for &middle in &middles {
                assert_eq!(read(text, Some(middle)), whole, "{text}\n--- at {middle}");
            }
            n_middles += middles.len();
        }
        assert!(n_middles > 50, "{n_middles}");
    }
}
