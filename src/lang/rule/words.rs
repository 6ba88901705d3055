//! Puts a header's plain words where they belong, and looks at the header as a whole.

use super::{Part, Reader};
use crate::lang::ast::{FilterKind, Name, NamedWord, OutputGroup, Piece, Verb, Word};
use crate::lang::diag::Diag;
use crate::lang::span::Span;
use crate::lang::values::unclosed;
use crate::lang::word::{self, Broken, PARENTHESES};

impl Reader<'_, '_> {
    /// A word that is no keyword.
    pub(super) fn push(&mut self, name: Option<Name>, mut word: Word) -> Result<(), Broken> {
        if self.part != Part::Outputs && !self.has_arrow() && ends_in_colon(&mut word) {
            let span = Span {
                start: word.span.end,
                end: word.span.end + 1,
                ..word.span
            };
            self.diags.push(
                Diag::error("E0103", "`:` stands where `->` is expected")
                    .at(span, "")
                    .fix("write `->`", span, " ->"),
            );
            self.place(name, word)?;
            self.begin_outputs();
            return Ok(());
        }
        self.place(name, word)
    }

    fn place(&mut self, name: Option<Name>, word: Word) -> Result<(), Broken> {
        match self.part {
            Part::Sources => match self.rule.factors.last_mut() {
                Some(factor) => factor.sources.push(word),
                None => return self.source_of_originate(word),
            },
            Part::AfterFilter => {
                if self.has_arrow() {
                    self.diags.push(
                        Diag::error("E0108", "a filter takes one word")
                            .at(word.span, "a second word")
                            .help("sources stand before the filter; a word with a blank in it is quoted"),
                    );
                    return Ok(());
                }
                let before = Span {
                    end: word.span.start,
                    ..word.span
                };
                self.diags.push(
                    Diag::error("E0103", "no `->` stands before the outputs")
                        .at(word.span, "a `->` is expected before this")
                        .fix("put it there", before, "-> "),
                );
                self.begin_outputs();
                return self.place(name, word);
            }
            Part::With => self.rule.with.push(NamedWord { name, word }),
            Part::Using => self.rule.using.push(NamedWord { name, word }),
            Part::Outputs => {
                let span = name
                    .as_ref()
                    .map_or(word.span, |name| name.span.to(word.span));
                self.rule.outputs.get_or_insert_default().push(OutputGroup {
                    span,
                    words: vec![NamedWord { name, word }],
                    in_parentheses: false,
                });
            }
        }
        Ok(())
    }

    /// A word where `originate NAME` is followed by `->`.
    fn source_of_originate(&mut self, word: Word) -> Result<(), Broken> {
        if self.has_arrow() {
            self.diags.push(
                Diag::error("E0109", "`originate` makes its files from nothing")
                    .at(word.span, "it has no sources")
                    .help("`transform` makes files from others"),
            );
            return Err(Broken);
        }
        let before = Span {
            end: word.span.start,
            ..word.span
        };
        self.diags.push(
            Diag::error("E0103", "no `->` stands before the outputs")
                .at(word.span, "a `->` is expected before this")
                .fix("put it there", before, "-> "),
        );
        self.begin_outputs();
        self.place(None, word)
    }

    /// `(a b)`: outputs of one job.
    pub(super) fn parenthesis(&mut self) -> Result<(), Broken> {
        let start = self.cursor.at;
        let open = self.cursor.span(start, start + 1);
        if self.part != Part::Outputs {
            self.diags.push(
                Diag::error("E0123", "parentheses group outputs only")
                    .at(open, "")
                    .help("write `\\(` for the character itself"),
            );
            return Err(Broken);
        }
        self.cursor.at += 1;
        let mut words = Vec::new();
        loop {
            self.cursor.skip_blanks();
            if self.cursor.is_done() {
                return Err(unclosed(self.cursor, start, "(", ")", self.diags));
            }
            if self.cursor.take(")") {
                break;
            }
            if self.cursor.take(",") {
                continue;
            }
            if self.cursor.byte() == Some(b'(') {
                let span = self.cursor.span(self.cursor.at, self.cursor.at + 1);
                self.error(
                    "E0117",
                    "a group holds words, not groups",
                    span,
                    "a group in a group",
                );
                return Err(Broken);
            }
            let name = self.name_before_equals()?;
            match word::read(self.cursor, PARENTHESES, self.diags)? {
                Some(word) => words.push(NamedWord { name, word }),
                None => return Err(unclosed(self.cursor, start, "(", ")", self.diags)),
            }
        }
        let span = self.cursor.span(start, self.cursor.at);
        if words.is_empty() {
            self.error("E0107", "nothing stands in these parentheses", span, "");
            return Err(Broken);
        }
        let outputs = self.rule.outputs.get_or_insert_default();
        if self.rule.verb.value == Verb::Originate {
            outputs.push(OutputGroup {
                span,
                words,
                in_parentheses: true,
            });
            return Ok(());
        }
        outputs.extend(words.into_iter().map(|word| OutputGroup {
            span: word.word.span,
            words: vec![word],
            in_parentheses: false,
        }));
        let inside = &self.cursor.text[start + 1..self.cursor.at - 1];
        let fixed = inside.trim().replace(',', "");
        let message = format!(
            "`{}` has no groups: all its outputs belong to one job",
            self.verb()
        );
        self.diags.push(
            Diag::error("E0123", message)
                .at(span, "only `originate` groups")
                .fix("leave the parentheses out", span, fixed),
        );
        Ok(())
    }

    /// What only the whole header shows.
    pub(super) fn check_whole(&mut self) -> Result<(), Broken> {
        let rule = &self.rule;
        let header = rule.verb.span.to(rule.name.span);
        if rule.outputs.as_ref().is_some_and(Vec::is_empty) {
            let end = self.cursor.end_before();
            let span = self.cursor.span(end.saturating_sub(2), end);
            self.diags.push(
                Diag::error("E0107", "nothing follows the `->`")
                    .at(span, "outputs are expected behind this")
                    .help("a rule with no outputs has no `->`"),
            );
            return Err(Broken);
        }
        if rule.verb.value == Verb::Originate {
            if rule.outputs.is_none() {
                self.diags.push(
                    Diag::error("E0103", "`originate` needs outputs")
                        .at(header, "no `->` follows")
                        .help("like this: `originate samples -> a.txt b.txt`"),
                );
                return Err(Broken);
            }
            return Ok(());
        }
        let Some(last) = rule.factors.last() else {
            return Ok(());
        };
        let is_match = last
            .filter
            .as_ref()
            .is_some_and(|filter| filter.kind == FilterKind::Match);
        let has_extras = !rule.with.is_empty() || !rule.using.is_empty();
        if last.sources.is_empty() && !is_match && !has_extras {
            let label = if rule.factors.len() > 1 {
                "nothing follows the last `x`"
            } else {
                "nothing stands between its name and what it makes"
            };
            let name = &rule.name.value;
            self.diags.push(
                Diag::error("E0126", format!("`{name}` has no sources"))
                    .at(header, label)
                    .help("sources are rules, tables, files and globs")
                    .help(format!(
                        "what is made from nothing is an `originate {name} -> …`"
                    ))
                    .help("a job that makes and reads nothing takes a row: `table once = [now]`"),
            );
            return Err(Broken);
        }
        if rule.verb.value == Verb::Product && rule.factors.len() == 1 {
            self.diags.push(
                Diag::error("E0125", "a product has two or more factors")
                    .at(header, "no `x` follows")
                    .help("like this: `product pairs: a x b -> …`; for each item alone it is `transform`"),
            );
            return Err(Broken);
        }
        Ok(())
    }
}

/// Takes a bare `:` off the word's end.
fn ends_in_colon(word: &mut Word) -> bool {
    let Some(Piece::Text(text)) = word.pieces.last_mut() else {
        return false;
    };
    if word.is_quoted || text.len() < 2 || !text.ends_with(':') {
        return false;
    }
    text.pop();
    word.span.end -= 1;
    true
}
