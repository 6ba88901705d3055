//! Decides what to run next. Knows jobs as numbers; never touches disk, clock or processes.
