//! Reads a rule's header: `VERB NAME: SOURCES FILTER EXTRAS -> OUTPUTS`.

mod keywords;
mod words;

use super::ast::{Factor, Name, Rule, Verb};
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::{name_length, verb_name};
use super::settings::{ends_in_comma, expect_name, missing_colon};
use super::span::{Span, Spanned};
use super::word::{self, BEFORE_COLON, Broken, HEADER};

/// Where in a header words belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Sources,
    AfterFilter,
    With,
    Using,
    Outputs,
}

/// What people write for `->`.
const WRONG_ARROWS: [&str; 9] = ["=>", "<-", "-->", "→", ">", "=", ":", "|", "-"];

/// The header behind `verb`, without attributes and recipe. After a mistake its name is put into
/// `named`, if it is known.
pub(super) fn read(
    cursor: &mut Cursor,
    verb: Spanned<Verb>,
    named: &mut Option<Name>,
    diags: &mut Vec<Diag>,
) -> Result<Rule, Broken> {
    let name = expect_name(cursor, verb.span, "a rule", diags)?;
    let rule = Rule {
        attributes: Vec::new(),
        verb,
        header: verb.span.to(name.span),
        name,
        tuple_size: None,
        factors: Vec::with_capacity(usize::from(verb.value != Verb::Originate)),
        with: Vec::new(),
        using: Vec::new(),
        outputs: None,
        recipe: None,
    };
    let mut reader = Reader {
        cursor,
        rule,
        part: Part::Sources,
        has_arrow: None,
        diags,
    };
    let read = reader.header();
    let mut rule = reader.rule;
    if let Err(Broken) = read {
        *named = Some(rule.name);
        return Err(Broken);
    }
    rule.header.end = cursor.end_before() as u32;
    Ok(rule)
}

struct Reader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    rule: Rule,
    part: Part,
    /// Whether a `->` comes later on this line, once somebody asked.
    has_arrow: Option<bool>,
    diags: &'c mut Vec<Diag>,
}

fn makes_tuples(verb: Verb) -> bool {
    use Verb::{Combinations, CombinationsWithReplacement, Permutations};
    matches!(
        verb,
        Combinations | Permutations | CombinationsWithReplacement
    )
}

impl Reader<'_, '_> {
    fn verb(&self) -> &'static str {
        verb_name(self.rule.verb.value)
    }

    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span, label: &str) {
        self.diags.push(Diag::error(code, message).at(span, label));
    }

    fn header(&mut self) -> Result<(), Broken> {
        self.before_sources()?;
        self.words()?;
        self.check_whole()
    }

    /// The size of tuples and the colon.
    fn before_sources(&mut self) -> Result<(), Broken> {
        let verb = self.rule.verb.value;
        self.cursor.skip_blanks();
        if makes_tuples(verb) {
            self.tuple_size()?;
        }
        self.cursor.skip_blanks();
        let at = self.cursor.at;
        let has_colon = self.cursor.take(":");
        if verb == Verb::Originate {
            self.cursor.skip_blanks();
            // With sources behind it, those are the mistake.
            if has_colon && (self.cursor.is_done() || self.cursor.rest().starts_with("->")) {
                let span = self.cursor.span(at, at + 1);
                self.diags.push(
                    Diag::error("E0109", "`originate` has no sources, so no `:`")
                        .at(span, "")
                        .fix("leave it out", span, ""),
                );
            }
            return Ok(());
        }
        self.rule.factors.push(Factor {
            sources: Vec::with_capacity(1),
            filter: None,
        });
        // What follows shows that there are no sources either, which is said instead.
        if !has_colon && !self.cursor.rest().starts_with("->") {
            let Rule {
                name, tuple_size, ..
            } = &self.rule;
            let what = Name {
                span: tuple_size.as_ref().map_or(name.span, |k| k.span),
                value: name.value.clone(),
            };
            missing_colon(&what, "rule", self.diags);
        }
        Ok(())
    }

    fn tuple_size(&mut self) -> Result<(), Broken> {
        let is_missing = self.cursor.is_done() || matches!(self.cursor.byte(), Some(b':'));
        let size = match is_missing {
            true => None,
            false => word::read(self.cursor, BEFORE_COLON, self.diags)?,
        };
        if size.is_none() {
            let span = self.rule.name.span;
            let usage = format!("like this: `{} NAME 2: SOURCES -> OUTPUTS`", self.verb());
            let message = format!("`{}` needs the size of its tuples", self.verb());
            self.diags.push(
                Diag::error("E0107", message)
                    .at(span, "a number is expected behind this")
                    .help(usage),
            );
            return Err(Broken);
        }
        self.rule.tuple_size = size;
        Ok(())
    }

    /// Everything behind the colon.
    fn words(&mut self) -> Result<(), Broken> {
        let start = self.cursor.at;
        loop {
            self.cursor.skip_blanks();
            if self.cursor.is_done() {
                return Ok(());
            }
            let at = self.cursor.at;
            if self.cursor.take("->") {
                self.arrow(at, at == start)?;
                continue;
            }
            let token = self.cursor.until_blank();
            let takes_names = matches!(self.part, Part::With | Part::Using | Part::Outputs);
            if token == "=" && takes_names {
                return Err(self.blanks_around_equals(at));
            }
            if self.part != Part::Outputs && WRONG_ARROWS.contains(&token) {
                self.cursor.at += token.len();
                let span = self.cursor.span(at, self.cursor.at);
                self.diags.push(
                    Diag::error("E0103", format!("`{token}` stands where `->` is expected"))
                        .at(span, "")
                        .fix("write `->`", span, "->"),
                );
                self.begin_outputs();
                continue;
            }
            if self.cursor.byte() == Some(b'(') {
                self.parenthesis()?;
                continue;
            }
            let name = match takes_names {
                true => self.name_before_equals()?,
                false => None,
            };
            let Some(mut word) = word::read(self.cursor, HEADER, self.diags)? else {
                // Only `name=` can be followed by nothing here, and that is reported.
                return Err(Broken);
            };
            if ends_in_comma(&mut word, self.diags) && word.pieces.is_empty() {
                continue;
            }
            if name.is_none()
                && let Some(text) = word.bare()
            {
                match text {
                    "suffix" | "match" | "regex" => {
                        self.filter(&word)?;
                        continue;
                    }
                    "with" | "using" => {
                        self.extras(&word);
                        continue;
                    }
                    "x" => {
                        self.factor(&word)?;
                        continue;
                    }
                    _ => {}
                }
            }
            self.push(name, word)?;
        }
    }

    /// `->`, already taken; the header's own colon may stand right before it.
    fn arrow(&mut self, at: usize, is_behind_colon: bool) -> Result<(), Broken> {
        let end = self.cursor.at;
        let span = self.cursor.span(at, end);
        let touches_before = !self.cursor.is_blank(at - 1) && !is_behind_colon;
        if touches_before || !self.cursor.is_blank(end) && self.cursor.byte() != Some(b'(') {
            let label = if touches_before { " -> " } else { "-> " };
            self.diags.push(
                Diag::error("E0103", "`->` stands between blanks")
                    .at(span, "it touches a word")
                    .fix("put blanks around it", span, label)
                    .help("a name with `->` in it is quoted"),
            );
        }
        if self.part == Part::Outputs {
            self.error("E0103", "a rule has one `->`", span, "the second one");
            return Err(Broken);
        }
        self.begin_outputs();
        Ok(())
    }

    fn begin_outputs(&mut self) {
        self.part = Part::Outputs;
        self.rule.outputs = Some(Vec::with_capacity(1));
    }

    fn has_arrow(&mut self) -> bool {
        let (cursor, found) = (&self.cursor, &mut self.has_arrow);
        *found.get_or_insert_with(|| {
            let mut line = (*cursor).clone();
            line.next_logical_line();
            let text = &cursor.text[cursor.at..line.at];
            text.contains(" -> ") || text.trim_end().ends_with(" ->")
        })
    }

    /// A `=` alone: `ref = genome.fa`.
    fn blanks_around_equals(&mut self, at: usize) -> Broken {
        let before = self.cursor.end_before();
        self.cursor.at += 1;
        self.cursor.skip_blanks();
        let equals = self.cursor.span(at, at + 1);
        let diag = Diag::error("E0129", "nothing touches this `=`").at(
            equals,
            "a name is expected right before it, and a path right behind",
        );
        let around = self.cursor.span(before, self.cursor.at);
        self.diags.push(match self.cursor.is_done() {
            true => diag.help("like this: `ref={genome}`, with no blanks"),
            false => diag.fix("leave the blanks out", around, "="),
        });
        Broken
    }

    /// `name=`, when a name and a `=` stand here and a word touches them.
    fn name_before_equals(&mut self) -> Result<Option<Name>, Broken> {
        let rest = self.cursor.rest();
        let length = name_length(rest);
        if length == 0 || !rest[length..].starts_with('=') {
            return Ok(None);
        }
        let name = self.cursor.take_name();
        self.cursor.at += 1;
        if self.cursor.is_blank(self.cursor.at) {
            let span = self
                .cursor
                .span(self.cursor.at - length - 1, self.cursor.at);
            self.diags.push(
                Diag::error("E0129", "nothing touches this `=`")
                    .at(span, "a path is expected right behind it")
                    .help("like this: `ref={genome}`, with no blanks")
                    .help("a path with `=` in it is written `./a=b`"),
            );
            return Err(Broken);
        }
        Ok(name)
    }
}
