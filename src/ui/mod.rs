//! Sinks for people: terminal lines, diagnostics, summaries.
//!
//! Nothing here reads a clock or the environment; what came from outside passes through `safe`.

pub mod safe;
pub mod human;
pub mod words;
pub mod style;
pub mod diag;
pub mod lines;

pub use lines::{Detail, Lines, LinesOptions};
pub use safe::path;
pub use style::{Role, Style, When};
