//! Workflows over files in memory, and the jobs they come out as.

mod growth;
mod items;
mod naming;
pub(crate) mod properties;
mod upstream;
pub(crate) mod world;
