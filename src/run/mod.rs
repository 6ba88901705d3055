//! The loop that joins scheduler, executor, history and sinks. Owns all state.
