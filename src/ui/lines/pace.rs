//! What comes faster than a person can read is counted instead of shown.

use std::collections::VecDeque;
use std::fmt;

use crate::ui::human;

/// So many lines of a topic in a second can be read.
const READABLE: usize = 20;
const SECOND: i64 = 1_000_000;
/// Between two lines that count.
const BETWEEN_COUNTS: i64 = SECOND / 2;

/// What is paced on its own: a flood of one kind hides none of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Topic {
    Done,
    Failure,
    Retry,
    Warning,
}

const TOPICS: usize = 4;

/// The times (microseconds) of the last happenings, for each topic.
#[derive(Default)]
pub(super) struct Pace {
    last: [VecDeque<i64>; TOPICS],
}

impl Pace {
    /// Notes that something happens now; true unless more happened in the last second than can
    /// be read.
    pub fn admits(&mut self, topic: Topic, now: i64) -> bool {
        let last = &mut self.last[topic as usize];
        let is_flood = last.len() == READABLE
            // A clock that was set back admits.
            && last.front().is_some_and(|&then| (0..SECOND).contains(&(now - then)));
        if last.len() == READABLE {
            last.pop_front();
        }
        last.push_back(now);
        !is_flood
    }
}

/// How much was not shown since it was last counted.
#[derive(Default)]
pub(super) struct Missed {
    counts: [u64; TOPICS],
    /// When the first of them came.
    since: i64,
}

impl Missed {
    pub fn add(&mut self, topic: Topic, now: i64) {
        if self.is_empty() {
            self.since = now;
        }
        self.counts[topic as usize] += 1;
    }

    fn is_empty(&self) -> bool {
        self.counts == [0; TOPICS]
    }

    /// True when it is time to say so.
    pub fn is_due(&self, now: i64) -> bool {
        !self.is_empty() && !(0..BETWEEN_COUNTS).contains(&(now - self.since))
    }

    /// What to say, and nothing more until something else is missed.
    pub fn take(&mut self) -> Option<Missed> {
        (!self.is_empty()).then(|| std::mem::take(self))
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let parts: Vec<String> = [
            (Topic::Done, "done", "done"),
            (Topic::Failure, "failed", "failed"),
            (Topic::Retry, "retry", "retries"),
            (Topic::Warning, "warning", "warnings"),
        ]
        .into_iter()
        .filter_map(|(topic, one, many)| match self.counts[topic as usize] {
            0 => None,
            1 => Some(format!("1 more {one}")),
            n => Some(format!("{} more {many}", human::count(n))),
        })
        .collect();
        write!(out, "… {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_a_trickle_is_shown() {
        let shown = |between: i64| {
            let mut pace = Pace::default();
            (0..100)
                .filter(|n| pace.admits(Topic::Done, n * between))
                .count()
        };
        assert_eq!(shown(SECOND / 10), 100);
        assert_eq!(shown(SECOND / 20), 100);
        assert_eq!(shown(SECOND / 25), 20);
        assert_eq!(shown(0), 20);
    }

    #[test]
    fn what_is_missed_is_said_every_half_second() {
        let mut missed = Missed::default();
        assert!(!missed.is_due(i64::MAX) && missed.take().is_none());
        missed.add(Topic::Done, 100);
        missed.add(Topic::Warning, 200);
        assert!(!missed.is_due(100 + BETWEEN_COUNTS - 1));
        assert!(missed.is_due(100 + BETWEEN_COUNTS));
        let said = missed.take().unwrap().to_string();
        assert_eq!(said, "… 1 more done, 1 more warning");
        assert!(missed.take().is_none());
    }
}
