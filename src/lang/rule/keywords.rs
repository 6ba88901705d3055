//! What the words of the language do in a header: filters, extras, and factors.

use super::{Part, Reader};
use crate::lang::ast::{Factor, Filter, FilterKind, Piece, Verb, Word};
use crate::lang::diag::Diag;
use crate::lang::span::Span;
use crate::lang::word::{self, Broken, HEADER};

impl Reader<'_, '_> {
    pub(super) fn filter(&mut self, keyword: &Word) -> Result<(), Broken> {
        let kind = match keyword.bare() {
            Some("suffix") => FilterKind::Suffix,
            Some("match") => FilterKind::Match,
            _ => FilterKind::Regex,
        };
        let text = keyword.bare().unwrap_or("");
        self.cursor.skip_blanks();
        let token = self.cursor.until_blank();
        let is_next = matches!(
            token,
            "->" | "with" | "using" | "x" | "suffix" | "match" | "regex"
        );
        let word = match is_next || self.cursor.is_done() {
            true => None,
            false => word::read(self.cursor, HEADER, self.diags)?,
        };
        let Some(word) = word else {
            let usage = match kind {
                FilterKind::Suffix => "suffix .fq",
                FilterKind::Match => "match raw/{sample}.fq",
                FilterKind::Regex => "regex '^raw/(.+)[.]fq$'",
            };
            self.diags.push(
                Diag::error("E0108", format!("`{text}` is followed by no word"))
                    .at(keyword.span, "a word is expected behind this")
                    .help(format!("like this: `{usage}`"))
                    .help(format!("a file of this name is written `./{text}`")),
            );
            return Err(Broken);
        };
        if kind == FilterKind::Regex {
            self.check_regex(&word);
        }
        let filter = Filter {
            kind,
            span: keyword.span.to(word.span),
            word,
        };
        let span = filter.span;
        match self.part {
            Part::Sources => self.part = Part::AfterFilter,
            Part::AfterFilter => {
                let first = self
                    .rule
                    .factors
                    .last()
                    .and_then(|last| last.filter.as_ref());
                let mut diag = Diag::error("E0108", "a source has one filter")
                    .at(span, "the second one")
                    .help("one `match` or `regex` can say both");
                if let Some(first) = first {
                    diag = diag.and(first.span, "the first one");
                }
                self.diags.push(diag);
                return Ok(());
            }
            _ => {
                let place = match self.part {
                    Part::Outputs => "->",
                    Part::With => "with",
                    _ => "using",
                };
                self.diags.push(
                    Diag::error("E0127", format!("a filter stands before `{place}`"))
                        .at(span, format!("this comes after `{place}`"))
                        .note("the order is: sources, filter, `with` and `using`, `->`, outputs"),
                );
                // The rule reads as if it stood in its place, so that nothing else is reported.
            }
        }
        if let Some(factor) = self.rule.factors.last_mut() {
            factor.filter.get_or_insert(filter);
        } else {
            self.error(
                "E0109",
                "`originate` has no sources, so no filter",
                span,
                "nothing to select from",
            );
        }
        Ok(())
    }

    /// A bare regex loses its backslashes, and its brackets read as globs.
    fn check_regex(&mut self, word: &Word) {
        let is_plain = word
            .pieces
            .iter()
            .all(|piece| matches!(piece, Piece::Text(_)));
        let text = &self.cursor.text[word.span.start as usize..word.span.end as usize];
        let is_quoted = text.starts_with(['\'', '"']);
        if is_plain && (is_quoted || !text.contains('\\')) {
            return;
        }
        let diag = Diag::error("E0128", "a regular expression is written in '…'")
            .at(word.span, "its special characters mean something else here");
        self.diags.push(if text.contains(['\'', '"']) {
            diag.help("put all of it in single quotes")
        } else {
            diag.fix("quote it", word.span, format!("'{text}'"))
        });
    }

    /// `with` or `using`.
    pub(super) fn extras(&mut self, keyword: &Word) {
        let text = keyword.bare().unwrap_or("");
        if self.part == Part::Outputs {
            self.diags.push(
                Diag::error("E0127", format!("`{text}` stands before `->`"))
                    .at(keyword.span, "this comes after `->`")
                    .note("the order is: sources, filter, `with` and `using`, `->`, outputs"),
            );
        } else if self.rule.verb.value == Verb::Originate {
            let message = format!("`originate` has no inputs, so no `{text}`");
            self.error("E0109", message, keyword.span, "");
        }
        let extras = match text {
            "with" => &mut self.rule.with,
            _ => &mut self.rule.using,
        };
        extras.reserve_exact(1);
        self.part = if text == "with" {
            Part::With
        } else {
            Part::Using
        };
        self.cursor.skip_blanks();
        let next = self.cursor.until_blank();
        if self.cursor.is_done() || matches!(next, "->" | "with" | "using") {
            self.diags.push(
                Diag::error("E0107", format!("`{text}` is followed by no word"))
                    .at(keyword.span, "a word is expected behind this"),
            );
        }
    }

    /// `x`: the next factor of a product.
    pub(super) fn factor(&mut self, word: &Word) -> Result<(), Broken> {
        let is_product = self.rule.verb.value == Verb::Product;
        let in_place = matches!(self.part, Part::Sources | Part::AfterFilter);
        if is_product && in_place {
            self.check_factor(word.span);
            self.rule.factors.push(Factor {
                sources: Vec::new(),
                filter: None,
            });
            self.part = Part::Sources;
            return Ok(());
        }
        let diag = if is_product {
            Diag::error("E0125", "factors stand before `with`, `using` and `->`")
        } else {
            Diag::error(
                "E0125",
                format!(
                    "`x` joins the factors of a `product`, not of `{}`",
                    self.verb()
                ),
            )
            .fix("a file of this name is written `./x`", word.span, "./x")
        };
        self.diags
            .push(diag.at(word.span, "`x` is a word of the language"));
        Err(Broken)
    }

    /// A factor with neither source nor template.
    fn check_factor(&mut self, span: Span) {
        let Some(factor) = self.rule.factors.last() else {
            return;
        };
        let is_match = factor
            .filter
            .as_ref()
            .is_some_and(|filter| filter.kind == FilterKind::Match);
        if factor.sources.is_empty() && !is_match {
            self.error(
                "E0126",
                "a factor of this product has no source",
                span,
                "nothing stands before this",
            );
        }
    }
}
