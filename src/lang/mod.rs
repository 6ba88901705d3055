//! Workflow text to syntax tree and diagnostics. Never fails, never touches a disk.
//!
//! What names mean is left to `workflow`; here a word is still a word.

pub mod ast;
pub mod diag;
pub mod span;

pub use ast::Ast;
pub use diag::Diag;
pub use span::{FileId, Sources, Span};
