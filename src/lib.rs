//! flow: a declarative workflow engine over files.
//!
//! The modules below are listed from the bottom up, and the list is the architecture: a module
//! uses only what stands above it. `tests/layers.rs` holds the code against it.

pub mod dense;
pub mod event;
pub mod disk;
pub mod pattern;
pub mod lang;
pub mod workflow;
pub mod plan;
pub mod history;
pub mod stale;
pub mod sched;
pub mod exec;
pub mod run;
pub mod ui;
pub mod cli;
