//! Reads a whole file: its lines, comments, attributes and items, one after the other.
//!
//! An item that cannot be read is reported once and left out; reading goes on behind it.

mod halves;
mod strays;

use std::sync::Arc;

use super::ast::{Ast, Attribute, Item, ItemKind, Name, Rule};
use super::block::{self, BLANKS, indentation};
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::{SETTINGS, name_length, verb};
use super::span::{FileId, Span, Spanned};
use super::word::Broken;
use super::{attributes, foreign, guess, misspelt, rule, settings};

/// The code of the mistake that bytes are no text.
pub const NOT_TEXT: &str = "E0002";

/// The syntax tree of a file's text, and everything that is wrong with its syntax, in the order of
/// the text. A mistake that has one obvious meaning is mended in the tree.
pub fn parse(file: FileId, text: &str) -> (Ast, Vec<Diag>) {
    // Half of what places can count, so that no sum of two overflows.
    if text.len() > (u32::MAX / 2) as usize {
        let diag = Diag::error("E0122", "a workflow file is at most 2 GiB long");
        return (Ast::default(), vec![diag]);
    }
    let foreign = foreign::Places::of(text);
    let mut parser = Parser::new(Cursor {
        foreign: foreign.as_ref(),
        ..Cursor::new(file, text)
    });
    parser.cursor.take("\u{feff}");
    parser.check_nul();
    match halves::middle(text).filter(|_| foreign.is_none()) {
        Some(middle) => parser.in_halves(middle),
        None => parser.lines(text.len()),
    }
    parser.unused_attributes();
    if parser.has_suspects {
        misspelt::mend(&mut parser.ast, &mut parser.diags);
    }
    let mut diags = parser.diags;
    if let Some(foreign) = &foreign {
        check_foreign(foreign, &parser.cursor, &mut diags);
    }
    diags.sort_by_key(|diag| diag.primary.as_ref().map(|label| label.span.start));
    (parser.ast, diags)
}

/// Bytes that are not UTF-8 and stand where words of the language do. The first says it for all, and
/// for whatever else is wrong because of them.
fn check_foreign(foreign: &foreign::Places, cursor: &Cursor, diags: &mut Vec<Diag>) {
    let Some(at) = foreign.first_wrong(None) else {
        return;
    };
    diags.retain(|diag| {
        let place = diag.primary.as_ref().map(|label| label.span);
        place.is_none_or(|span| foreign.first_wrong(Some(span)).is_none())
    });
    diags.push(
        Diag::error(NOT_TEXT, "the workflow is not UTF-8 text")
            .at(cursor.span(at, at + 1), "the first byte that is not")
            .note("only in quotes, recipes and comments does such a byte stand for itself"),
    );
}

/// What stands above the line that is read: it says whose an indented line was to be.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// A setting's keyword.
    Setting(Span),
    /// A rule, its recipe included if it has one.
    Rule {
        header: Span,
        has_recipe: bool,
        /// The first comment at the header's depth since.
        comment: Option<Span>,
    },
    /// Something that was reported.
    Broken,
}

pub(super) struct Parser<'a> {
    pub cursor: Cursor<'a>,
    pub diags: Vec<Diag>,
    ast: Ast,
    /// Comment lines that touch the line that is read.
    doc: Vec<&'a str>,
    /// Attribute lines that wait for their rule.
    attributes: Vec<Attribute>,
    attributes_doc: Option<String>,
    before: Before,
    /// A keyword may be misspelt in some rule.
    has_suspects: bool,
}

impl<'a> Parser<'a> {
    fn new(cursor: Cursor<'a>) -> Parser<'a> {
        Parser {
            cursor,
            diags: Vec::new(),
            ast: Ast::default(),
            doc: Vec::new(),
            attributes: Vec::new(),
            attributes_doc: None,
            before: Before::Nothing,
            has_suspects: false,
        }
    }

    /// Reads on until a line begins at `end` or behind it.
    fn lines(&mut self, end: usize) {
        while self.cursor.at < end {
            let before = self.cursor.at;
            self.line();
            debug_assert!(self.cursor.at > before, "each line is passed");
        }
    }

    fn check_nul(&mut self) {
        if let Some(at) = self.cursor.text.find('\0') {
            self.diags.push(
                Diag::error("E0118", "a NUL byte stands in this file")
                    .at(self.cursor.span(at, at + 1), "here")
                    .note("a workflow is UTF-8 text; this may be UTF-16, or a damaged file"),
            );
        }
    }

    /// One line with everything that belongs to it.
    fn line(&mut self) {
        let cursor = &self.cursor;
        let line = &cursor.text[cursor.at..cursor.line_end(cursor.at)];
        let content = line.trim_start_matches(BLANKS);
        if content.is_empty() {
            self.doc.clear();
            self.cursor.next_line();
        } else if content.starts_with('#') {
            self.comment(line, content);
        } else if indentation(line).is_empty() {
            match line.starts_with('[') {
                true => self.attribute_line(),
                false => self.item(),
            }
        } else {
            self.indented();
        }
    }

    fn comment(&mut self, line: &'a str, content: &'a str) {
        let at = self.cursor.at;
        let is_shebang = at == 0 && line.starts_with("#!");
        if !is_shebang {
            let text = content.trim_start_matches('#');
            self.doc
                .push(text.strip_prefix(' ').unwrap_or(text).trim_end());
        }
        let span = self.cursor.span(at, at + line.len());
        self.cursor.accept_foreign(at, at + line.len());
        if let Before::Rule { comment, .. } = &mut self.before
            && indentation(line).is_empty()
        {
            comment.get_or_insert(span);
        }
        self.cursor.next_line();
    }

    fn take_doc(&mut self) -> Option<String> {
        let doc = (!self.doc.is_empty()).then(|| foreign::shown(&self.doc.join("\n")).into_owned());
        self.doc.clear();
        doc
    }

    fn attribute_line(&mut self) {
        let doc = self.take_doc();
        self.attributes_doc = self.attributes_doc.take().or(doc);
        let start = self.cursor.at;
        let n_diags = self.diags.len();
        self.before = Before::Broken;
        let Ok(mut found) = attributes::read(&mut self.cursor, &mut self.diags) else {
            self.cursor.next_logical_line();
            return;
        };
        if found.is_empty() && self.diags.len() == n_diags {
            let span = self.cursor.span(start, self.cursor.at);
            let diag = Diag::error("E0107", "nothing stands in these brackets");
            self.diags.push(diag.at(span, ""));
        }
        match self.attributes.is_empty() {
            true => self.attributes = found,
            false => self.attributes.append(&mut found),
        }
        self.cursor.skip_blanks();
        if !self.cursor.is_done() {
            // What follows is read as if it began its own line.
            let at = self.cursor.at;
            let between = self.cursor.span(self.cursor.end_before(), at);
            self.diags.push(
                Diag::error("E0119", "attributes have a line of their own")
                    .at(
                        self.cursor.span(at, at + self.cursor.until_blank().len()),
                        "",
                    )
                    .fix("break the line here", between, "\n"),
            );
            return;
        }
        self.cursor.next_line();
    }

    /// Attributes that no rule follows.
    fn unused_attributes(&mut self) {
        let attributes = std::mem::take(&mut self.attributes);
        self.attributes_doc = None;
        if let (Some(first), Some(last)) = (attributes.first(), attributes.last()) {
            self.diags.push(
                Diag::error("E0113", "these attributes belong to no rule")
                    .at(first.span.to(last.span), "no rule follows")
                    .help("attributes stand on the lines above the rule they belong to"),
            );
        }
    }

    /// A setting, a rule, or something unknown.
    fn item(&mut self) {
        let start = self.cursor.at;
        let doc = self.take_doc();
        let mut keyword = self.keyword();
        if verb(keyword.value).is_none() && !SETTINGS.contains(&keyword.value) {
            let facts = guess::Facts {
                // A line right under a header without a recipe was to be one.
                header_without_recipe: match self.before {
                    Before::Rule {
                        header,
                        has_recipe: false,
                        comment: None,
                    } => Some(header),
                    _ => None,
                },
            };
            if let Some(end) = self.rest_of_here_document(start) {
                // The recipe's lexer reports that the document is not closed.
                self.cursor.at = end;
                self.skip_block();
                return;
            }
            let (diag, meant) = guess::unknown(&self.cursor, keyword, facts);
            self.diags.push(diag);
            match meant {
                Some(meant) => keyword.value = meant,
                None => {
                    self.unused_by_broken();
                    self.cursor.at = start;
                    self.cursor.next_logical_line();
                    self.skip_block();
                    return;
                }
            }
        }
        let mut named = None;
        let read = match verb(keyword.value) {
            Some(value) => self.rule(
                Spanned {
                    value,
                    span: keyword.span,
                },
                &mut named,
            ),
            None => {
                self.unused_attributes();
                let read = settings::read(&mut self.cursor, keyword, &mut named, &mut self.diags);
                if read.is_err() {
                    self.cursor.at = start;
                    self.cursor.next_logical_line();
                }
                read.map(|kind| (kind, self.cursor.end_before()))
            }
        };
        match read {
            Ok((kind, end)) => {
                let doc = match kind {
                    ItemKind::Rule(_) => self.attributes_doc.take().or(doc),
                    _ => doc,
                };
                let span = self.cursor.span(start, end);
                let is_rule = matches!(kind, ItemKind::Rule(_));
                self.ast.items.push(Item { span, doc, kind });
                if !is_rule {
                    self.end_of_line();
                    self.before = Before::Setting(keyword.span);
                }
            }
            Err(Broken) => {
                self.ast.broken.extend(named);
                self.unused_by_broken();
                self.skip_block();
            }
        }
    }

    /// The name that a line begins with; where there is none, what stands there up to a blank.
    fn keyword(&mut self) -> Spanned<&'a str> {
        let at = self.cursor.at;
        let value = match name_length(self.cursor.rest()) {
            0 => self.cursor.until_blank(),
            length => &self.cursor.rest()[..length],
        };
        self.cursor.at += value.len();
        Spanned {
            value,
            span: self.cursor.span(at, self.cursor.at),
        }
    }

    fn rule(
        &mut self,
        verb: Spanned<super::ast::Verb>,
        named: &mut Option<Name>,
    ) -> Result<(ItemKind, usize), Broken> {
        let header = rule::read(&mut self.cursor, verb, named, &mut self.diags);
        let mut rule: Rule = match header {
            Ok(rule) => rule,
            Err(Broken) => {
                self.cursor.at = verb.span.start as usize;
                self.cursor.next_logical_line();
                return Err(Broken);
            }
        };
        let has_comment = self.cursor.byte() == Some(b'#');
        self.cursor.next_line();
        let mut end = rule.header.end as usize;
        if let Some(block) = block::read(&mut self.cursor, &mut self.diags) {
            if let Some(word) = block.continues_header {
                self.forgotten_backslash(&rule, word, has_comment);
                *named = Some(rule.name);
                return Err(Broken);
            }
            end = block.recipe.span.end as usize;
            rule.recipe = Some(block.recipe);
        }
        rule.attributes = std::mem::take(&mut self.attributes);
        // A file may have a hundred thousand rules.
        rule.attributes.shrink_to_fit();
        self.has_suspects |= misspelt::is_suspect(&rule);
        self.before = Before::Rule {
            header: rule.header,
            has_recipe: rule.recipe.is_some(),
            comment: None,
        };
        Ok((ItemKind::Rule(Arc::new(rule)), end))
    }

    /// Behind a setting nothing more stands on its line.
    fn end_of_line(&mut self) {
        self.cursor.skip_blanks();
        if !self.cursor.is_done() {
            let at = self.cursor.at;
            let line = self.cursor.text[at..self.cursor.line_end(at)].trim_end_matches(BLANKS);
            self.diags.push(
                Diag::error("E0119", "something follows that does not belong here")
                    .at(
                        self.cursor.span(at, at + line.len()),
                        "the item ends before this",
                    )
                    .help("a word with a blank in it is quoted: \"a b\""),
            );
            self.cursor.next_logical_line();
            return;
        }
        self.cursor.next_line();
    }

    /// Attributes of an item that is reported already.
    fn unused_by_broken(&mut self) {
        self.attributes.clear();
        self.attributes_doc = None;
    }

    /// Passes the block under something that is reported already; the cursor is at a line's start.
    fn skip_block(&mut self) {
        self.before = Before::Broken;
        let closes = [")", "]", "}"];
        while !self.cursor.is_at_end() {
            let line = &self.cursor.text[self.cursor.at..self.cursor.line_end(self.cursor.at)];
            let is_part =
                !indentation(line).is_empty() || closes.contains(&line.trim_end_matches(BLANKS));
            if !is_part {
                return;
            }
            let at = self.cursor.at;
            self.cursor.accept_foreign(at, at + line.len());
            self.cursor.next_line();
        }
    }
}
