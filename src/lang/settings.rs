//! Reads the items that are no rules: `param`, `let`, `table`, `use` and the others.

use super::ast::{ItemKind, Name, Value, Word};
use super::block::BLANKS;
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::{KEYWORDS, name_length};
use super::span::{Span, Spanned};
use super::values;
use super::word::{self, Broken, HEADER, VALUE};

/// The name of what is being defined, which follows `keyword`.
pub(super) fn expect_name(
    cursor: &mut Cursor,
    keyword: Span,
    what: &str,
    diags: &mut Vec<Diag>,
) -> Result<Name, Broken> {
    cursor.skip_blanks();
    let at = cursor.at;
    let Some(name) = cursor.take_name() else {
        let token = cursor.until_blank();
        let token = token.split([':', '=']).next().unwrap_or("");
        let is_missing = cursor.is_done() || token.is_empty() || token == "->" || token == "-";
        let diag = if is_missing {
            Diag::error("E0104", format!("{what} has no name")).at(keyword, "a name follows this")
        } else {
            let span = cursor.span(at, at + token.len());
            Diag::error("E0104", format!("`{token}` is no name")).at(span, "")
        };
        diags.push(diag.note("a name is a letter or `_`, then letters, digits, `_` and `-`"));
        return Err(Broken);
    };
    let follows = cursor.rest();
    let ends = matches!(cursor.byte(), Some(b':' | b'=' | b'(')) || follows.starts_with("->");
    if !ends && !cursor.is_blank(cursor.at) {
        let length = follows.find([' ', '\t', '\r', '\n', ':', '=', '(']);
        let length = length.unwrap_or(follows.len());
        let whole = cursor.span(at, cursor.at + length);
        let text = &cursor.text[at..cursor.at + length];
        let wrong = follows.chars().next().unwrap_or(' ');
        let fixed: String = text
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        diags.push(
            Diag::error("E0104", format!("`{wrong}` cannot stand in a name"))
                .at(whole, "")
                .note("a name is a letter or `_`, then letters, digits, `_` and `-`")
                .fix("use another character", whole, fixed),
        );
        cursor.at += length;
        return Ok(Name {
            value: text.to_string(),
            span: whole,
        });
    }
    // Params and the like are never bare words, so they may be called `x`.
    let is_bare_word = matches!(what, "a rule" | "a table" | "a target" | "a module");
    if is_bare_word && KEYWORDS.contains(&name.value.as_str()) {
        diags.push(
            Diag::error(
                "E0124",
                format!("`{}` is a word of the language", name.value),
            )
            .at(name.span, format!("{what} cannot be called so"))
            .help("take another name"),
        );
        return Err(Broken);
    }
    Ok(name)
}

/// One setting behind its keyword. The name it defines is put into `named` as soon as it is known.
pub(super) fn read(
    cursor: &mut Cursor,
    keyword: Spanned<&str>,
    named: &mut Option<Name>,
    diags: &mut Vec<Diag>,
) -> Result<ItemKind, Broken> {
    let span = keyword.span;
    let mut reader = Reader {
        cursor,
        keyword,
        diags,
    };
    Ok(match keyword.value {
        "param" => {
            let name = reader.name("a param", named)?;
            reader.cursor.skip_blanks();
            let value = match reader.cursor.is_done() {
                true => None,
                false => Some(reader.assigned()?),
            };
            ItemKind::Param { name, value }
        }
        "let" => ItemKind::Let {
            name: reader.name("a constant", named)?,
            value: reader.assigned()?,
        },
        "jobs_limit" => ItemKind::JobsLimit {
            name: reader.name("a limit", named)?,
            count: reader.assigned_word()?,
        },
        "table" => ItemKind::Table {
            name: reader.name("a table", named)?,
            from: reader.assigned()?,
        },
        "env" => ItemKind::Env {
            name: reader.name("a variable", &mut None)?,
            value: reader.assigned_word()?,
        },
        "checksum_level" => ItemKind::ChecksumLevel {
            level: reader.assigned_word()?,
        },
        "shell" => ItemKind::Shell {
            words: reader.words("shell bash -euo pipefail -c")?,
        },
        "preload" => ItemKind::Preload {
            names: reader.words("preload numpy")?,
        },
        "default" => ItemKind::Default {
            words: reader.words("default report")?,
        },
        "python" => ItemKind::Python {
            word: reader.word("python python3")?,
        },
        "include" => ItemKind::Include {
            file: reader.word("include common.flow")?,
        },
        "target" => {
            let name = reader.name("a target", named)?;
            reader.cursor.skip_blanks();
            if !reader.cursor.take(":") {
                missing_colon(&name, "target", reader.diags);
            }
            ItemKind::Target {
                words: reader.words("target all: report")?,
                name,
            }
        }
        _ => reader.module(span, named)?,
    })
}

/// A header whose name is not followed by its colon.
pub(super) fn missing_colon(name: &Name, what: &str, diags: &mut Vec<Diag>) {
    let end = Span {
        start: name.span.end,
        ..name.span
    };
    diags.push(
        Diag::error("E0102", format!("no `:` follows the {what}'s name"))
            .at(name.span, "a `:` is expected behind this")
            .fix("put it there", end, ":"),
    );
}

struct Reader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    keyword: Spanned<&'c str>,
    diags: &'c mut Vec<Diag>,
}

impl Reader<'_, '_> {
    fn name(&mut self, what: &str, named: &mut Option<Name>) -> Result<Name, Broken> {
        let name = expect_name(self.cursor, self.keyword.span, what, self.diags)?;
        *named = Some(name.clone());
        Ok(name)
    }

    fn no_value(&mut self, usage: &str) -> Broken {
        let (start, end) = (self.keyword.span.start as usize, self.cursor.end_before());
        let written = self.cursor.span(start, end);
        let text = &self.cursor.text[start..end];
        let text = text.strip_suffix('=').unwrap_or(text).trim_end();
        let diag = Diag::error("E0107", format!("`{text}` has no value"));
        self.diags.push(
            diag.at(written, "a value is expected behind this")
                .help(format!("like this: `{usage}`")),
        );
        Broken
    }

    /// `= VALUE`
    fn assigned(&mut self) -> Result<Value, Broken> {
        let usage = format!("{} NAME = VALUE", self.keyword.value);
        let usage = usage.replace("checksum_level NAME", "checksum_level");
        self.cursor.skip_blanks();
        let at = self.cursor.at;
        let rest = self.cursor.rest();
        let sign = [":=", "?=", "==", "=", ":"]
            .into_iter()
            .find(|sign| rest.starts_with(sign));
        match sign {
            Some("=") => self.cursor.at += 1,
            Some(wrong) => {
                self.cursor.at += wrong.len();
                let span = self.cursor.span(at, at + wrong.len());
                let diag = Diag::error("E0129", format!("`{wrong}` stands where `=` is expected"));
                self.diags
                    .push(diag.at(span, "").fix("write `=`", span, "="));
            }
            None if self.cursor.is_done() => return Err(self.no_value(&usage)),
            None => {
                let span = self.cursor.span(at, at + self.cursor.until_blank().len());
                let before = self.cursor.span(at, at);
                let diag = Diag::error("E0129", "no `=` stands before the value");
                self.diags
                    .push(diag.at(span, "a `=` is expected before this").fix(
                        "put it there",
                        before,
                        "= ",
                    ));
            }
        }
        self.cursor.skip_blanks();
        let value = match self.cursor.is_done() {
            true => None,
            false => values::read(self.cursor, VALUE, self.diags)?,
        };
        let Some(value) = value else {
            return Err(self.no_value(&usage));
        };
        self.cursor.skip_blanks();
        if !self.cursor.is_done() {
            self.too_many(&value);
        }
        Ok(value)
    }

    /// Words behind the one value: a blank was not quoted, or a list has no brackets.
    fn too_many(&mut self, value: &Value) {
        let start = value.span().start as usize;
        let end = self.cursor.line_end(self.cursor.at);
        let line = self.cursor.text[start..end].trim_end_matches(BLANKS);
        let whole = self.cursor.span(start, start + line.len());
        let extra = self.cursor.span(self.cursor.at, start + line.len());
        let diag = Diag::error("E0119", "a value is one word or a list").at(extra, "a second word");
        let can_quote = matches!(value, Value::Word(_)) && !line.contains(['"', '\'', '\\', '#']);
        self.diags.push(if can_quote && line.contains(',') {
            diag.fix("write a list", whole, format!("[{line}]"))
        } else if can_quote {
            diag.fix("quote it", whole, format!("\"{line}\""))
                .help(format!(
                    "a list is written `[{}]`",
                    line.split_whitespace().collect::<Vec<_>>().join(", ")
                ))
        } else {
            diag.help("quote a value with blanks: \"a b\"; a list is written `[a, b]`")
        });
        self.cursor.at = end;
    }

    fn assigned_word(&mut self) -> Result<Word, Broken> {
        match self.assigned()? {
            Value::Word(word) => Ok(word),
            Value::List(list) => {
                let diag =
                    Diag::error("E0119", format!("`{}` takes one value", self.keyword.value));
                self.diags.push(diag.at(list.span, "a list"));
                Err(Broken)
            }
        }
    }

    /// All words up to the line's end, at least one.
    fn words(&mut self, usage: &str) -> Result<Vec<Word>, Broken> {
        let ends = match self.keyword.value {
            "target" | "default" => HEADER,
            _ => VALUE,
        };
        let mut words = Vec::new();
        loop {
            self.cursor.skip_blanks();
            if self.cursor.is_done() {
                break;
            }
            match word::read(self.cursor, ends, self.diags)? {
                Some(mut word) => {
                    if ends_in_comma(&mut word, self.diags) && word.pieces.is_empty() {
                        continue;
                    }
                    words.push(word);
                }
                None => {
                    let at = self.cursor.at;
                    let diag = Diag::error(
                        "E0103",
                        format!("`{}` makes nothing, so it has no `->`", self.keyword.value),
                    );
                    self.diags.push(diag.at(self.cursor.span(at, at + 2), ""));
                    return Err(Broken);
                }
            }
        }
        match words.is_empty() {
            true => Err(self.no_value(usage)),
            false => Ok(words),
        }
    }

    /// Exactly one word.
    fn word(&mut self, usage: &str) -> Result<Word, Broken> {
        self.cursor.skip_blanks();
        let word = match self.cursor.is_done() {
            true => None,
            false => word::read(self.cursor, VALUE, self.diags)?,
        };
        word.ok_or_else(|| self.no_value(usage))
    }

    /// `use FILE as NAME (a = b)`
    fn module(&mut self, keyword: Span, named: &mut Option<Name>) -> Result<ItemKind, Broken> {
        let usage = "use align.flow as align (genome = \"hg38.fa\")";
        let file = self.word(usage)?;
        self.cursor.skip_blanks();
        let at = self.cursor.at;
        let is_as = self.cursor.until_blank() == "as";
        if !is_as {
            let span = match self.cursor.is_done() {
                true => keyword.to(file.span),
                false => self.cursor.span(at, at + self.cursor.until_blank().len()),
            };
            self.diags.push(
                Diag::error("E0107", "`use FILE` is followed by `as NAME`")
                    .at(span, "the module gets no name")
                    .help(format!("like this: `{usage}`")),
            );
            return Err(Broken);
        }
        self.cursor.at += 2;
        let as_span = self.cursor.span(at, at + 2);
        let name = expect_name(self.cursor, as_span, "a module", self.diags)?;
        *named = Some(name.clone());
        self.cursor.skip_blanks();
        let bindings = match self.cursor.byte() {
            Some(b'(') => values::bindings(self.cursor, self.diags)?,
            Some(_) if !self.cursor.is_done() && name_length(self.cursor.rest()) > 0 => {
                let at = self.cursor.at;
                let span = self.cursor.span(at, at + self.cursor.until_blank().len());
                self.diags.push(
                    Diag::error("E0106", "a module's params stand in parentheses")
                        .at(span, "no `(` before this")
                        .help(format!("like this: `{usage}`")),
                );
                return Err(Broken);
            }
            _ => Vec::new(),
        };
        Ok(ItemKind::Use {
            file,
            name,
            bindings,
        })
    }
}

/// Takes a comma off the word's end and reports it: outside brackets, blanks alone separate.
pub(super) fn ends_in_comma(word: &mut Word, diags: &mut Vec<Diag>) -> bool {
    use super::ast::Piece;
    let Some(Piece::Text(text)) = word.pieces.last_mut() else {
        return false;
    };
    if word.is_quoted || !text.ends_with(',') {
        return false;
    }
    text.pop();
    if text.is_empty() {
        word.pieces.pop();
    }
    let span = Span {
        start: word.span.end - 1,
        ..word.span
    };
    word.span.end -= 1;
    diags.push(
        Diag::error("E0120", "words of a header are separated by blanks alone")
            .at(span, "a comma")
            .fix("leave it out", span, "")
            .help("write `\\,` for a name that ends in a comma"),
    );
    true
}
