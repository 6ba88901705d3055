//! Which rule came nearest to making a file, and at which character it failed.

use bstr::{BStr, BString, ByteSlice};

use crate::pattern;
use crate::workflow::{Expr, Fact, Output, Part, RuleId, Workflow};

/// How far one output word goes along with a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Near {
    pub rule: RuleId,
    /// Which of the rule's output words, over all groups.
    pub word: usize,
    /// Bytes of the path that the word's own text matched.
    pub n_literal: usize,
    pub end: End,
}

/// Where a word and a path part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The word can name the path: it is the items that do not bring it.
    Fits,
    /// From this byte on the path differs; the word wants this text there, or nothing more.
    At { at: usize, wanted: BString },
}

/// The rules' words that have most in common with `path`, best first.
pub fn nearest_rules(workflow: &Workflow, path: &BStr) -> Vec<Near> {
    let mut found: Vec<Near> = Vec::new();
    for (rule, written) in workflow.rules.iter() {
        let words = written.outputs.iter().flatten().enumerate();
        let best = words
            .map(|(word, output)| {
                let (n_literal, end) = walk(&pieces(output), path);
                Near {
                    rule,
                    word,
                    n_literal,
                    end,
                }
            })
            .max_by_key(rank);
        found.extend(best.filter(|near| near.n_literal > 0));
    }
    found.sort_by_key(|near| std::cmp::Reverse(rank(near)));
    found
}

fn rank(near: &Near) -> (bool, usize) {
    (near.end == End::Fits, near.n_literal)
}

/// What a word is to a path.
enum Piece {
    Text(BString),
    /// Anything, without `/` or with it.
    Any {
        spans_folders: bool,
    },
}

fn pieces(output: &Output) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if output.replaces_suffix {
        pieces.push(Piece::Any {
            spans_folders: true,
        });
    }
    for part in &output.word.parts {
        let any = |spans_folders| Piece::Any { spans_folders };
        pieces.push(match part {
            Part::Text(text) | Part::Value(Expr::Text(text), _) => Piece::Text(text.clone()),
            Part::Glob(glob) => any(*glob == pattern::Part::DoubleStar),
            Part::Value(Expr::Capture { .. }, _) => any(true),
            Part::Value(Expr::Files { fact, .. }, _) => any(matches!(fact, None | Some(Fact::Dir))),
            Part::Value(..) => any(true),
        });
    }
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.extend_from_slice(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// How far the pieces go along with the path: the bytes that their texts matched at best, and
/// where that ended.
fn walk(pieces: &[Piece], path: &[u8]) -> (usize, End) {
    let mut best = (
        0,
        End::At {
            at: 0,
            wanted: BString::default(),
        },
    );
    let mut note = |n_literal: usize, at: usize, wanted: &[u8]| {
        let wanted = BString::from(wanted);
        let is_further = match best.1 {
            End::At { at: before, .. } => at > before,
            End::Fits => false,
        };
        if n_literal > best.0 || n_literal == best.0 && is_further {
            best = (n_literal, End::At { at, wanted });
        }
    };
    // By place in the path: the most bytes of text that led there; `None` where nothing does.
    let mut reached: Vec<Option<usize>> = vec![None; path.len() + 1];
    reached[0] = Some(0);
    for piece in pieces {
        let mut next: Vec<Option<usize>> = vec![None; path.len() + 1];
        for (at, n_literal) in reached.iter().enumerate() {
            let Some(n_literal) = *n_literal else {
                continue;
            };
            let mut reach = |to: usize, n: usize| {
                next[to] = next[to].max(Some(n));
            };
            match piece {
                Piece::Text(text) => {
                    let pairs = text.iter().zip(&path[at..]);
                    let n_same = pairs.take_while(|(a, b)| a == b).count();
                    note(n_literal + n_same, at + n_same, &text[n_same..]);
                    if n_same == text.len() {
                        reach(at + n_same, n_literal + n_same);
                    }
                }
                Piece::Any { spans_folders } => {
                    for to in at..=path.len() {
                        reach(to, n_literal);
                        if path.get(to) == Some(&b'/') && !spans_folders {
                            break;
                        }
                    }
                }
            }
        }
        reached = next;
    }
    match reached[path.len()] {
        Some(n_literal) => (n_literal, End::Fits),
        None => best,
    }
}

impl Near {
    /// One sentence; `word` is the output as it is written.
    pub fn sentence(&self, workflow: &Workflow, word: &str, path: &BStr) -> String {
        let name = &workflow.rules[self.rule].name;
        let word = crate::ui::path(word.as_bytes());
        match &self.end {
            End::Fits => {
                format!(
                    "`{name}` can make such a file, as {word}, and none of its items leads to this one"
                )
            }
            End::At { at, wanted } => {
                let n = path[..*at].chars().count() + 1;
                let is = match path[*at..].chars().next() {
                    Some(c) => format!("is {}", crate::ui::path(c.to_string().as_bytes())),
                    None => "the name ends".into(),
                };
                let wanted = match wanted.is_empty() {
                    true => "the word ends".into(),
                    false => format!("{} is wanted", crate::ui::path(wanted)),
                };
                format!(
                    "`{name}` makes {word}, which fits as far as character {n}: there {is}, and {wanted}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*` is anything within a folder, `%` anything at all.
    fn walked(word: &str, path: &str) -> String {
        let mut pieces = Vec::new();
        for text in word.split_inclusive(['*', '%']) {
            let body = text.trim_end_matches(['*', '%']);
            if !body.is_empty() {
                pieces.push(Piece::Text(body.into()));
            }
            if body.len() < text.len() {
                pieces.push(Piece::Any {
                    spans_folders: text.ends_with('%'),
                });
            }
        }
        match walk(&pieces, path.as_bytes()) {
            (n, End::Fits) => format!("{n} fits"),
            (n, End::At { at, wanted }) => format!("{n} at {at} wants {wanted}"),
        }
    }

    #[test]
    fn the_character_that_does_not_fit_is_found() {
        for (word, path, expected) in [
            ("out/*.up", "out/a.up", "7 fits"),
            ("out/*.up", "out/a.txt", "5 at 6 wants up"),
            ("out/*.up", "ouy/a.up", "2 at 2 wants t/"),
            ("out/*.up", "out/a/b.up", "4 at 5 wants .up"),
            ("%.up", "out/a/b.up", "3 fits"),
            ("out/all", "out/al", "6 at 6 wants l"),
            ("out/all", "out/alll", "7 at 7 wants "),
            ("x", "y", "0 at 0 wants "),
        ] {
            assert_eq!(walked(word, path), expected, "{word} {path}");
        }
    }
}
