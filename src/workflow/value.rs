//! The values of words that are the same for every job: params, lets and the environment filled in.

use bstr::BString;

use super::Expr;
use super::load::unknown_name;
use super::param::spelt;
use super::scope::{Constants, Scope, Site};
use crate::dense::Interner;
use crate::lang::ast::{self, Piece};
use crate::lang::{Diag, foreign};

/// A longer text can be passed to no command (Linux, `execve(2)`), and lets that use others grow fast.
const LONGEST_VALUE: usize = 128 << 10;

/// What fills words, and where it says what is wrong with them.
pub(super) struct Values<'a> {
    pub constants: &'a Constants,
    pub diags: &'a mut Vec<Diag>,
}

impl Values<'_> {
    /// A whole number of at least `least`; what it is for is said in messages.
    pub fn number(&mut self, word: &ast::Word, what: &str, least: u32) -> Option<u32> {
        let text = self.text(word)?.to_string();
        match text.parse::<u32>() {
            Ok(number) if number >= least => Some(number),
            Ok(_) => {
                self.diags.push(
                    Diag::error("E0208", format!("{what} must be at least {least}"))
                        .at(word.span, format!("this is {text}")),
                );
                None
            }
            Err(_) => {
                self.diags.push(
                    Diag::error("E0209", format!("{what} must be a whole number"))
                        .at(word.span, format!("`{text}` is none")),
                );
                None
            }
        }
    }

    /// The text of a word that is the same for every job: params and lets filled in.
    pub fn text(&mut self, word: &ast::Word) -> Option<BString> {
        let mut text = BString::default();
        let mut is_good = true;
        for piece in &word.pieces {
            match piece {
                Piece::Text(part) => text.extend_from_slice(&foreign::bytes(part)),
                Piece::Glob(glob) => text.extend_from_slice(&foreign::bytes(&spelt(glob))),
                Piece::Hole(hole) => match constant(self.constants, hole) {
                    Ok(Expr::Text(value)) if text.len() + value.len() > LONGEST_VALUE => {
                        let longest = LONGEST_VALUE >> 10;
                        let message = format!("this value is longer than {longest} KiB");
                        self.diags.push(
                            Diag::error("E0211", message)
                                .at(hole.span, "what comes in here makes it so long"),
                        );
                        return None;
                    }
                    Ok(Expr::Text(value)) => text.extend_from_slice(&value),
                    Ok(_) => {
                        self.diags.push(
                            Diag::error("E0210", "a list cannot stand inside a word")
                                .at(hole.span, "this is a list")
                                .help(format!("pick one: `{{{}[0]}}`", hole.name.value)),
                        );
                        is_good = false;
                    }
                    Err(diag) => {
                        self.diags.push(diag);
                        is_good = false;
                    }
                },
            }
        }
        is_good.then_some(text)
    }
}

/// A placeholder where only params, lets and the environment are known.
pub(super) fn constant(constants: &Constants, hole: &ast::Hole) -> Result<Expr, Diag> {
    let names = Interner::default();
    let scope = Scope {
        constants,
        names: &names,
        captures: &[],
        partial: &[],
        n_groups: 0,
        is_one_job: false,
        tuple: None,
        input_slots: &[],
        output_slots: &[],
        glob_outputs: &[],
        has_outputs: true,
        no_item: None,
        no_input: None,
        site: Site::Value,
    };
    scope
        .resolve(hole)
        .map_err(|unknown| unknown_name(hole, unknown))
}
