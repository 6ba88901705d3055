//! Lines that stand where they cannot: indented under no header, or left over from a recipe.

use super::{Before, Parser};
use crate::lang::ast::{Item, ItemKind, Rule};
use crate::lang::block::{BLANKS, indentation};
use crate::lang::cursor::Cursor;
use crate::lang::diag::Diag;
use crate::lang::names::{SETTINGS, verb};
use crate::lang::span::Span;

impl Parser<'_> {
    pub(super) fn forgotten_backslash(&mut self, rule: &Rule, word: Span, has_comment: bool) {
        let text = &self.cursor.text[word.start as usize..word.end as usize];
        let end = Span {
            start: rule.header.end,
            ..rule.header
        };
        let diag = Diag::error("E0112", format!("a recipe begins with `{text}`"))
            .at(word, "this belongs to the header above")
            .and(rule.header, "which ends here, for want of a `\\`");
        self.diags.push(match has_comment {
            false => diag.fix("end the header's line with a `\\`", end, " \\"),
            true => diag.help("end the header's line with a `\\`, and put its comment elsewhere"),
        });
    }

    /// Indented lines where no recipe can be.
    pub(super) fn indented(&mut self) {
        let at = self.cursor.at;
        let line = &self.cursor.text[at..self.cursor.line_end(at)];
        let indent = indentation(line).len();
        let content = self
            .cursor
            .span(at + indent, at + line.trim_end_matches(BLANKS).len());
        let first_word = line
            .trim_matches(BLANKS)
            .split([' ', '\t'])
            .next()
            .unwrap_or("");
        let looks_like_item = verb(first_word).is_some() && line.contains([':', '>'])
            || SETTINGS.contains(&first_word) && line.contains('=');
        let diag = match self.before {
            Before::Broken => None,
            Before::Rule { header, has_recipe: true, comment: Some(comment) } => Some(
                Diag::error("E0111", "this line belongs to no recipe")
                    .at(content, "indented, but under no header")
                    .and(comment, "this comment at the header's depth ended the recipe")
                    .and(header, "the header")
                    .fix("indent the comment like the recipe", Span { end: comment.start, ..comment }, &line[..indent]),
            ),
            Before::Rule { header, comment: Some(comment), .. } => Some(
                Diag::error("E0111", "this line belongs to no recipe")
                    .at(content, "indented, but under no header")
                    .and(comment, "this comment stands between the header and its recipe")
                    .and(header, "the header")
                    .fix("indent the comment like the recipe", Span { end: comment.start, ..comment }, &line[..indent]),
            ),
            _ if looks_like_item => Some(
                Diag::error("E0111", format!("`{first_word}` is indented"))
                    .at(content, "an item begins at the start of its line")
                    .fix("take the indentation off", self.cursor.span(at, at + indent), ""),
            ),
            Before::Setting(keyword) => Some(
                Diag::error("E0111", "this indented line belongs to no rule")
                    .at(content, "only a rule has a recipe")
                    .and(keyword, "the item above")
                    .help("an item's line goes on behind a `\\` at its end"),
            ),
            Before::Nothing | Before::Rule { .. } => Some(
                Diag::error("E0111", "this indented line belongs to no rule")
                    .at(content, "no header stands above it")
                    .help("a recipe stands under a header such as `transform NAME: SOURCES -> OUTPUTS`"),
            ),
        };
        self.diags.extend(diag);
        self.skip_block();
    }

    /// Where the here-document ends that the recipe above leaves open, when the line at `start`
    /// belongs to it: its end stands at the header's depth.
    pub(super) fn rest_of_here_document(&self, start: usize) -> Option<usize> {
        let Item {
            kind: ItemKind::Rule(rule),
            ..
        } = self.ast.items.last()?
        else {
            return None;
        };
        let Before::Rule { comment: None, .. } = self.before else {
            return None;
        };
        let recipe = rule.recipe.as_ref()?;
        let delimiter = crate::lang::recipe::unclosed_here_document(recipe)?;
        let mut lines = Cursor {
            at: start,
            ..self.cursor.clone()
        };
        // A bound on the lines keeps a file full of such mistakes linear.
        for _ in 0..200 {
            if lines.is_at_end() {
                return None;
            }
            let at = lines.at;
            let line = &lines.text[at..lines.line_end(at)];
            lines.next_line();
            if line.trim_start_matches('\t') == delimiter {
                return Some(lines.at);
            }
        }
        None
    }
}
