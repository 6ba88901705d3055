//! Workflow text in the one calm layout: `flow fmt`. What the text means stays as it is, and so do
//! its comments and every byte that a recipe's shell sees.
//!
//! Lines are walked with the parser's own readers, so that both agree on what a line holds.

mod atoms;
mod layout;

use super::ast::ItemKind;
use super::block::{self, BLANKS};
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::verb;
use super::span::{FileId, Spanned};
use super::word::Broken;
use super::{attributes, parse, recipe, rule, settings};
use layout::Page;

/// What a recipe's lines begin with.
const RECIPE_INDENT: &str = "    ";

/// The text laid out anew. A text with mistakes in its syntax is not touched: they come back.
pub fn format(file: FileId, text: &str) -> Result<String, Vec<Diag>> {
    let (ast, mut diags) = parse(file, text);
    for item in &ast.items {
        if let ItemKind::Rule(rule) = &item.kind
            && let Some(recipe) = &rule.recipe
        {
            diags.extend(recipe::lex(recipe).1);
        }
    }
    if diags.iter().any(Diag::is_error) {
        return Err(diags);
    }
    let mut cursor = Cursor::new(file, text);
    cursor.take("\u{feff}");
    let mut formatter = Formatter {
        cursor,
        page: Page::default(),
    };
    while !formatter.cursor.is_at_end() {
        // Broken cannot happen: the same readers have just read this text without a mistake.
        if formatter.line().is_err() {
            return Err(diags);
        }
    }
    Ok(formatter.page.finish())
}

struct Formatter<'a> {
    cursor: Cursor<'a>,
    page: Page,
}

impl Formatter<'_> {
    /// One line with everything that belongs to it.
    fn line(&mut self) -> Result<(), Broken> {
        let cursor = &mut self.cursor;
        let line = &cursor.text[cursor.at..cursor.line_end(cursor.at)];
        let content = line.trim_matches(BLANKS);
        if content.is_empty() {
            self.page.blank();
            cursor.next_line();
        } else if let Some(text) = content.strip_prefix('#') {
            // Only at the very start is `#!` no description.
            let is_first = cursor.at == 0 && line.starts_with('#');
            let is_moved_up = text.starts_with('!') && self.page.is_empty() && !is_first;
            let space = if is_moved_up { " " } else { "" };
            self.page.comment(format!("#{space}{text}"));
            cursor.next_line();
        } else if line.starts_with('[') {
            let read = attributes::read(cursor, &mut Vec::new())?;
            let clauses = atoms::of_attributes(cursor.text, &read);
            self.code(&layout::wrap(&clauses, 4));
        } else {
            self.item()?;
        }
        Ok(())
    }

    fn item(&mut self) -> Result<(), Broken> {
        let cursor = &mut self.cursor;
        let keyword = cursor.take_name().ok_or(Broken)?;
        let (mut named, mut diags) = (None, Vec::new());
        let Some(value) = verb(&keyword.value) else {
            let kind = settings::read(cursor, keyword.as_str(), &mut named, &mut diags)?;
            let clauses = atoms::of_setting(cursor.text, &keyword.value, &kind);
            self.code(&layout::wrap(&clauses, 4));
            return Ok(());
        };
        let span = keyword.span;
        let rule = rule::read(cursor, Spanned { value, span }, &mut named, &mut diags)?;
        // Deeper than a recipe, so that the two stay apart.
        let clauses = atoms::of_header(cursor.text, &rule);
        self.code(&layout::wrap(&clauses, 8));
        if let Some(block) = block::read(&mut self.cursor, &mut diags) {
            for line in block.recipe.text.split_terminator('\n') {
                self.page.recipe_line(match line.is_empty() {
                    true => String::new(),
                    false => format!("{RECIPE_INDENT}{line}"),
                });
            }
            self.page.blank();
        }
        Ok(())
    }

    /// Code, and the comment behind it.
    fn code(&mut self, code: &str) {
        let cursor = &mut self.cursor;
        cursor.skip_blanks();
        let rest = cursor.text[cursor.at..cursor.line_end(cursor.at)].trim_end_matches(BLANKS);
        self.page.code(code, rest);
        cursor.next_line();
    }
}

#[cfg(test)]
mod tests;
