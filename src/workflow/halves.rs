//! What is done to each of many rules, half of it on a thread of its own.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

/// So many rules are worth a thread.
pub(super) const MANY_RULES: usize = 1_000;

/// What `look` finds for `0..n`, in one piece or in two that follow each other.
pub(super) fn in_halves<T: Send>(n: usize, look: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    if n < MANY_RULES {
        return vec![look(0..n)];
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("rules".into());
        let second = builder.spawn_scoped(scope, || look(n / 2..n)).ok();
        let first = look(0..n / 2);
        let second = match second.map(|second| second.join()) {
            Some(found) => found.unwrap_or_else(|panic| resume_unwind(panic)),
            // There was no thread to be had.
            None => look(n / 2..n),
        };
        vec![first, second]
    })
}
