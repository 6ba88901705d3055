//! Workflow text to syntax tree and diagnostics. Never fails, never touches a disk.
//!
//! What names mean is left to `workflow`; here a word is still a word.

pub mod ast;
pub mod diag;
pub mod foreign;
pub mod format;
pub mod names;
pub mod nearest;
pub mod quantity;
pub mod quote;
pub mod recipe;
pub mod span;

mod attributes;
mod block;
mod cursor;
mod guess;
mod hole;
mod misspelt;
mod parse;
mod rule;
mod settings;
mod values;
mod word;

pub use ast::Ast;
pub use diag::Diag;
pub use nearest::nearest;
pub use parse::{NOT_TEXT, parse};
pub use span::{FileId, Sources, Span};
pub use values::parse_value;

#[cfg(test)]
mod tests;
