//! Sinks for people: terminal lines, diagnostics, summaries.
