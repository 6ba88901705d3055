//! What is done to each of many rules, half of it on a thread of its own.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

/// So many rules are worth a thread.
pub(super) const MANY_RULES: usize = 1_000;

/// What `look` finds for `0..n`, in one piece or in two that follow each other.
pub(super) fn in_halves<T: Send>(n: usize, look: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    match n < MANY_RULES {
        true => vec![look(0..n)],
        false => both([0..n / 2, n / 2..n], look),
    }
}

/// What `change` does to all, and what it finds, in one piece or in two that follow each other.
pub(super) fn change_halves<A: Halved, T: Send>(all: A, change: impl Fn(A) -> T + Sync) -> Vec<T> {
    let n = all.n();
    match n < MANY_RULES {
        true => vec![change(all)],
        false => both(all.cut(n / 2).into(), change),
    }
}

/// What can be cut in two.
pub(super) trait Halved: Send + Sized {
    fn n(&self) -> usize;
    fn cut(self, at: usize) -> (Self, Self);
}

impl<T: Send> Halved for &mut [T] {
    fn n(&self) -> usize {
        self.len()
    }
    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

/// Of as many each.
impl<A: Halved, B: Halved> Halved for (A, B) {
    fn n(&self) -> usize {
        self.0.n()
    }
    fn cut(self, at: usize) -> (Self, Self) {
        let ((a, rest_of_a), (b, rest_of_b)) = (self.0.cut(at), self.1.cut(at));
        ((a, b), (rest_of_a, rest_of_b))
    }
}

fn both<A: Send, T: Send>([first, second]: [A; 2], look: impl Fn(A) -> T + Sync) -> Vec<T> {
    // Whoever comes first does it: the thread, or this one where there is none to be had.
    let second = Mutex::new(Some(second));
    let look_at_second = || {
        let second = second.lock().expect("nobody fails who holds it").take();
        second.map(&look)
    };
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("rules".into());
        let thread = builder.spawn_scoped(scope, look_at_second).ok();
        let first = look(first);
        let found = match thread.map(|thread| thread.join()) {
            Some(found) => found.unwrap_or_else(|panic| resume_unwind(panic)),
            None => look_at_second(),
        };
        [Some(first), found].into_iter().flatten().collect()
    })
}
