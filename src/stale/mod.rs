//! Decides which jobs must run, each with one typed reason.
