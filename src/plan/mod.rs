//! Rules times files: the jobs, what they read and write, and who waits for whom.
