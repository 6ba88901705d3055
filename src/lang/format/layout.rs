//! Lines, blank lines between them, and comments behind them.

use super::atoms::Clause;

/// Columns of a line, at most, where it can be broken.
const WIDTH: usize = 100;

/// One item on one line where it fits; else a line for each clause, filled up with atoms.
pub(super) fn wrap(clauses: &[Clause], indent: usize) -> String {
    let on_one_line = clauses
        .iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    if width(&on_one_line) <= WIDTH {
        return on_one_line;
    }
    let mut lines: Vec<String> = Vec::new();
    for (at, clause) in clauses.iter().enumerate() {
        let (start, hang) = match at {
            0 => (0, indent),
            _ => (indent, indent + 4),
        };
        let mut line = " ".repeat(start);
        let mut is_empty = true;
        for atom in clause {
            // Two columns are for the ` \` that joins the lines.
            if !is_empty && width(&line) + 1 + width(atom) > WIDTH - 2 {
                lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(atom);
            is_empty = false;
        }
        lines.push(line);
    }
    lines.join(" \\\n")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

enum Line {
    Blank,
    /// A comment, or a line of a recipe.
    Plain(String),
    /// An item, of several lines perhaps, and the comment behind it.
    Code(String, String),
}

/// The lines of the new text.
#[derive(Default)]
pub(super) struct Page {
    lines: Vec<Line>,
    /// A blank line comes before the next line.
    owes_blank: bool,
}

impl Page {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// However often it is called in a row, one blank line comes of it; at the ends, none.
    pub fn blank(&mut self) {
        self.owes_blank = !self.lines.is_empty();
    }

    fn push(&mut self, line: Line) {
        if std::mem::take(&mut self.owes_blank) {
            self.lines.push(Line::Blank);
        }
        self.lines.push(line);
    }

    pub fn comment(&mut self, comment: String) {
        self.push(Line::Plain(comment));
    }

    pub fn code(&mut self, code: &str, comment: &str) {
        self.push(Line::Code(code.into(), comment.into()));
    }

    /// A line of a recipe, kept whatever it is.
    pub fn recipe_line(&mut self, line: String) {
        self.owes_blank = false;
        self.lines.push(Line::Plain(line));
    }

    /// The text. Comments behind lines that follow each other stand in one column.
    pub fn finish(self) -> String {
        let mut out = String::new();
        let mut column = 0;
        for (at, line) in self.lines.iter().enumerate() {
            match line {
                Line::Blank => {}
                Line::Plain(text) => {
                    out.push_str(text);
                    // One before a line end is part of that end, so that it takes two to keep one.
                    if text.ends_with('\r') {
                        out.push('\r');
                    }
                }
                Line::Code(code, comment) => {
                    out.push_str(code);
                    let own = last_width(code);
                    if !comment.is_empty() {
                        if at == 0 || commented(&self.lines[at - 1]).is_none() {
                            let run = self.lines[at..].iter().map_while(commented);
                            column = run.max().unwrap_or(own);
                        }
                        out.push_str(&" ".repeat(column.max(own) - own + 2));
                        out.push_str(comment);
                    }
                }
            }
            out.push('\n');
        }
        out
    }
}

fn last_width(code: &str) -> usize {
    width(code.rsplit('\n').next().unwrap_or(code))
}

/// The width of the code before a comment.
fn commented(line: &Line) -> Option<usize> {
    match line {
        Line::Code(code, comment) if !comment.is_empty() => Some(last_width(code)),
        _ => None,
    }
}
