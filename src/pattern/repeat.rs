//! Templates in which a name stands twice and has to take the same text: a matcher that tries,
//! and remembers what failed.
//!
//! A regular expression that lets the two differ goes first: most paths that do not fit end there.

use std::ops::Range;

use bstr::ByteSlice;
use regex::bytes::Regex;
use rustc_hash::FxHashSet;

use super::template::{capture_regex, compile, part_regex, placed, text_of};
use super::{Capture, NameId, Part, Pattern, PatternError};

/// Each one multiplies what there is to try.
const MAX_REPEATED: usize = 4;
const MAX_GLOBS: usize = 8;

/// A template with a repeated name, compiled.
#[derive(Clone, Debug)]
pub(super) struct Repeat {
    superset: Regex,
    takers: Vec<Taker>,
    /// For each taker: those left of it whose text comes again at it or right of it.
    bound: Vec<Vec<usize>>,
    /// For each taker: how often its text comes again.
    n_again: Vec<usize>,
    /// Whose text comes again at the end, and how long the plain text behind that is.
    closing: Option<(usize, usize)>,
}

#[derive(Clone, Debug)]
enum Taker {
    Text(Vec<u8>),
    /// The first capture of a name, or a glob, which has none.
    First(Option<NameId>, Allowed),
    /// The text that the taker with this number took.
    Again(usize, Allowed),
}

/// What a taker may take. In a template with a repeated name a constrained capture takes the
/// longest such text that lets the rest fit; with a lazy constraint, the shortest.
#[derive(Clone, Debug)]
struct Allowed {
    spans_folders: bool,
    is_lazy: bool,
    min_len: usize,
    constraint: Option<Regex>,
}

/// The ends that one taker may still try.
struct Frame {
    start: usize,
    ends: Range<usize>,
}

impl Repeat {
    pub fn new(pattern: &Pattern) -> Result<Repeat, PatternError> {
        let sources = placed(&pattern.0, true).map(|(part, place)| part_regex(part, place));
        // First, since what is not too big as a whole has no part that is.
        let superset = compile(&sources.collect::<Result<String, _>>()?)?;
        let mut takers: Vec<Taker> = Vec::new();
        for (part, place) in placed(&pattern.0, true) {
            let taker = match part {
                Part::Text(text) => Taker::Text(text_of(text, place).to_vec()),
                Part::Star => Taker::First(None, Allowed::stars(false)),
                Part::DoubleStar if !place.is_folders() => Taker::First(None, Allowed::stars(true)),
                Part::Capture(capture) => {
                    let name = Some(capture.name);
                    let is_first =
                        |taker: &Taker| matches!(taker, Taker::First(one, _) if *one == name);
                    let allowed = Allowed::capture(capture)?;
                    match takers.iter().position(is_first) {
                        Some(first) => Taker::Again(first, allowed),
                        None => Taker::First(name, allowed),
                    }
                }
                _ => Taker::First(None, Allowed::glob(&part_regex(part, place)?)?),
            };
            // Stars that touch are one: however they share it, they take the same.
            if let (Some(Taker::First(None, left)), Taker::First(None, right)) =
                (takers.last_mut(), &taker)
                && left.is_stars()
                && right.is_stars()
            {
                left.spans_folders |= right.spans_folders;
                continue;
            }
            takers.push(taker);
        }
        let mut bound = vec![Vec::new(); takers.len()];
        let mut repeated = Vec::new();
        let mut n_again = vec![0; takers.len()];
        for (again, taker) in takers.iter().enumerate() {
            let Taker::Again(first, _) = taker else {
                continue;
            };
            n_again[*first] += 1;
            if !repeated.contains(first) {
                repeated.push(*first);
            }
            for open in &mut bound[first + 1..=again] {
                if !open.contains(first) {
                    open.push(*first);
                }
            }
        }
        if repeated.len() > MAX_REPEATED {
            let message = format!("more than {MAX_REPEATED} captures stand twice");
            return Err(PatternError::new(message));
        }
        let is_glob = |taker: &&Taker| matches!(taker, Taker::First(None, _));
        if takers.iter().filter(is_glob).count() > MAX_GLOBS {
            let message = format!("more than {MAX_GLOBS} globs beside a capture that stands twice");
            return Err(PatternError::new(message));
        }
        let closing = match takers.as_slice() {
            [.., Taker::Again(first, _)] => Some((*first, 0)),
            [.., Taker::Again(first, _), Taker::Text(text)] => Some((*first, text.len())),
            _ => None,
        };
        Ok(Repeat {
            superset,
            takers,
            bound,
            n_again,
            closing,
        })
    }

    /// Whether the template fits; what it captures is appended to `captures`, `offset` added.
    pub fn matches(
        &self,
        text: &[u8],
        offset: usize,
        captures: &mut Vec<(NameId, Range<usize>)>,
    ) -> bool {
        if !self.superset.is_match(text) {
            return false;
        }
        let Some(taken) = self.search(text) else {
            return false;
        };
        for (taker, range) in self.takers.iter().zip(taken) {
            if let Taker::First(Some(name), _) = taker {
                captures.push((*name, offset + range.start..offset + range.end));
            }
        }
        true
    }

    /// What each taker takes: of all ways that fit, the one that gives the first takers the most.
    fn search(&self, text: &[u8]) -> Option<Vec<Range<usize>>> {
        // The last taker whose text comes again: behind it, all that is to come again is known.
        let last = self.n_again.iter().rposition(|&n| n > 0)?;
        // A taker, where it would begin, and the bound texts that it and the rest depend on.
        let mut failed: FxHashSet<[u32; 2 + 2 * MAX_REPEATED]> = FxHashSet::default();
        // The same behind `last`, for what was taken up to it and nothing else.
        let mut failed_now: FxHashSet<[u32; 2]> = FxHashSet::default();
        let key = |taken: &[Range<usize>], start: usize| {
            let mut key = [0; 2 + 2 * MAX_REPEATED];
            let ends = self.bound[taken.len()].iter();
            let ends = ends.flat_map(|&first| [taken[first].start, taken[first].end]);
            let all = [taken.len(), start].into_iter().chain(ends);
            for (place, number) in key.iter_mut().zip(all) {
                *place = number as u32;
            }
            key
        };
        let is_now = |n: usize| n > last && !self.bound[n].is_empty();
        let mut taken: Vec<Range<usize>> = Vec::new();
        let mut frames = vec![self.open(text, &taken, 0)];
        while let Some(frame) = frames.last_mut() {
            let (n, start) = (taken.len(), frame.start);
            let Some(end) = self.takers[n].next_end(text, frame) else {
                // The others have one way only, which is found again as fast as it is looked up.
                if matches!(self.takers[n], Taker::First(..)) {
                    match is_now(n) {
                        true => failed_now.insert([n as u32, start as u32]),
                        false => failed.insert(key(&taken, start)),
                    };
                }
                frames.pop();
                taken.pop();
                continue;
            };
            if !self.can_come_again(n, text, start..end) {
                continue;
            }
            if n == last {
                failed_now.clear();
            }
            taken.push(start..end);
            let n = n + 1;
            if n < self.takers.len() {
                let has_failed = matches!(self.takers[n], Taker::First(..))
                    && match is_now(n) {
                        true => failed_now.contains(&[n as u32, end as u32]),
                        false => failed.contains(&key(&taken, end)),
                    };
                if !has_failed {
                    frames.push(self.open(text, &taken, end));
                    continue;
                }
            } else if end == text.len() {
                return Some(taken);
            }
            taken.pop();
        }
        None
    }

    /// Whether what a taker would take stands often enough behind that, and at the end where it has to.
    fn can_come_again(&self, n: usize, text: &[u8], taken: Range<usize>) -> bool {
        let wanted = &text[taken.clone()];
        if self.n_again[n] == 0 || wanted.is_empty() {
            return true;
        }
        let mut rest = &text[taken.end..];
        if let Some((first, n_behind)) = self.closing
            && first == n
            && !rest[..rest.len().saturating_sub(n_behind)].ends_with(wanted)
        {
            return false;
        }
        (0..self.n_again[n]).all(|_| match rest.find(wanted) {
            Some(at) => {
                rest = &rest[at + wanted.len()..];
                true
            }
            None => false,
        })
    }

    fn open(&self, text: &[u8], taken: &[Range<usize>], start: usize) -> Frame {
        let rest = &text[start..];
        let exactly = |wanted: &[u8]| match rest.starts_with(wanted) {
            true => start + wanted.len()..start + wanted.len() + 1,
            false => 0..0,
        };
        let ends = match &self.takers[taken.len()] {
            Taker::Text(text) => exactly(text),
            Taker::Again(first, allowed) => {
                let wanted = &text[taken[*first].clone()];
                match allowed.takes(wanted) {
                    true => exactly(wanted),
                    false => 0..0,
                }
            }
            Taker::First(_, allowed) => {
                let slash = rest.iter().position(|&byte| byte == b'/');
                let longest = match allowed.spans_folders {
                    true => rest.len(),
                    false => slash.unwrap_or(rest.len()),
                };
                start + allowed.min_len..start + longest + 1
            }
        };
        Frame { start, ends }
    }
}

impl Taker {
    fn next_end(&self, text: &[u8], frame: &mut Frame) -> Option<usize> {
        let Taker::First(_, allowed) = self else {
            return frame.ends.next();
        };
        let start = frame.start;
        let is_allowed = |end: &usize| allowed.takes(&text[start..*end]);
        match allowed.is_lazy {
            true => frame.ends.by_ref().find(is_allowed),
            false => frame.ends.by_ref().rev().find(is_allowed),
        }
    }
}

impl Allowed {
    fn capture(capture: &Capture) -> Result<Allowed, PatternError> {
        let fitted = capture_regex(capture)?;
        let constraint = match capture.constraint {
            Some(_) => Some(compile(&fitted.regex)?),
            None => None,
        };
        Ok(Allowed {
            spans_folders: capture.spans_folders,
            is_lazy: fitted.is_lazy,
            min_len: usize::from(capture.constraint.is_none()),
            constraint,
        })
    }

    /// What `*` takes, or `**` that stands for more than whole folders.
    fn stars(spans_folders: bool) -> Allowed {
        Allowed {
            spans_folders,
            is_lazy: false,
            min_len: 0,
            constraint: None,
        }
    }

    /// Of a taker without a name: whether it is stars.
    fn is_stars(&self) -> bool {
        self.constraint.is_none()
    }

    fn glob(source: &str) -> Result<Allowed, PatternError> {
        Ok(Allowed {
            spans_folders: true,
            is_lazy: false,
            min_len: 0,
            constraint: Some(compile(source)?),
        })
    }

    fn takes(&self, text: &[u8]) -> bool {
        text.len() >= self.min_len
            && (self.spans_folders || !text.contains(&b'/'))
            && (self.constraint.as_ref()).is_none_or(|constraint| constraint.is_match(text))
    }
}
