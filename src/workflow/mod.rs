//! Names resolved, patterns compiled, needs known: what the rules mean, before any file is looked at.
