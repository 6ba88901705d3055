//! What each job looked like when it last succeeded.
