//! Two texts as a small difference: lines that went, lines that came, a line of context around.

use bstr::{BStr, ByteSlice};

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    Same,
    Gone,
    Come,
}

/// Texts of more lines than this are compared by their common beginning and end alone.
const MOST_LINES: usize = 400;

/// Lines that differ, with one line of context on either side; `None` stands where lines between
/// two differences are left out.
pub fn lines<'t>(old: &'t [u8], new: &'t [u8]) -> Vec<Option<(Mark, &'t BStr)>> {
    let all = marked(old, new);
    let is_near = |at: usize| {
        let from = at.saturating_sub(1);
        all[from..all.len().min(at + 2)]
            .iter()
            .any(|(mark, _)| *mark != Mark::Same)
    };
    let mut shown = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if is_near(at) {
            shown.push(Some(*line));
        } else if shown.last().is_some_and(Option::is_some) {
            shown.push(None);
        }
    }
    if shown.last() == Some(&None) {
        shown.pop();
    }
    shown
}

/// The first line of the new text, from 0, that is not the old one's.
pub fn first_change(old: &[u8], new: &[u8]) -> usize {
    old.lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new)
        .count()
}

fn marked<'t>(old: &'t [u8], new: &'t [u8]) -> Vec<(Mark, &'t BStr)> {
    let mut old: Vec<&BStr> = old.lines().map(BStr::new).collect();
    let mut new: Vec<&BStr> = new.lines().map(BStr::new).collect();
    let n_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (mut all, mut end) = (Vec::new(), Vec::new());
    all.extend(new.drain(..n_start).map(|line| (Mark::Same, line)));
    old.drain(..n_start);
    while let (Some(a), Some(b)) = (old.last(), new.last())
        && a == b
    {
        end.push((Mark::Same, *b));
        old.pop();
        new.pop();
    }
    let is_long = old.len() > MOST_LINES || new.len() > MOST_LINES;
    let common = match is_long {
        true => Vec::new(),
        false => common(&old, &new),
    };
    let (mut at_old, mut at_new) = (0, 0);
    for (o, n) in common.into_iter().chain([(old.len(), new.len())]) {
        all.extend(old[at_old..o].iter().map(|line| (Mark::Gone, *line)));
        all.extend(new[at_new..n].iter().map(|line| (Mark::Come, *line)));
        if let Some(line) = new.get(n) {
            all.push((Mark::Same, line));
        }
        (at_old, at_new) = (o + 1, n + 1);
    }
    all.extend(end.into_iter().rev());
    all
}

/// The places, in both, of a longest common subsequence.
fn common(old: &[&BStr], new: &[&BStr]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut length = vec![0u32; (old.len() + 1) * width];
    for o in (0..old.len()).rev() {
        for n in (0..new.len()).rev() {
            length[o * width + n] = match old[o] == new[n] {
                true => length[(o + 1) * width + n + 1] + 1,
                false => length[(o + 1) * width + n].max(length[o * width + n + 1]),
            };
        }
    }
    let (mut o, mut n) = (0, 0);
    let mut pairs = Vec::new();
    while o < old.len() && n < new.len() {
        if old[o] == new[n] {
            pairs.push((o, n));
            (o, n) = (o + 1, n + 1);
        } else if length[(o + 1) * width + n] >= length[o * width + n + 1] {
            o += 1;
        } else {
            n += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let line = |line: &Option<(Mark, &BStr)>| match line {
            None => "~".to_string(),
            Some((Mark::Same, line)) => format!(" {line}"),
            Some((Mark::Gone, line)) => format!("-{line}"),
            Some((Mark::Come, line)) => format!("+{line}"),
        };
        let lines = lines(old.as_bytes(), new.as_bytes());
        lines.iter().map(line).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn what_differs_is_shown_with_a_line_around() {
        for (old, new, expected) in [
            ("a", "a", ""),
            ("a", "b", "-a|+b"),
            ("", "a\nb", "+a|+b"),
            ("a\nb\nc\nd\ne", "a\nb\nX\nd\ne", " b|-c|+X| d"),
            (
                "a\nb\nc\nd\ne\nf",
                "A\nb\nc\nd\ne\nF",
                "-a|+A| b|~| e|-f|+F",
            ),
            ("a\nb\nc", "a\nc", " a|-b| c"),
        ] {
            assert_eq!(shown(old, new), expected, "{old:?} {new:?}");
        }
    }

    proptest! {
        #[test]
        fn both_texts_are_in_it(old in "([abc]\n){0,8}", new in "([abc]\n){0,8}") {
            let all = marked(old.as_bytes(), new.as_bytes());
            let side = |without: Mark| -> String {
                let kept = all.iter().filter(|(mark, _)| *mark != without);
                kept.map(|(_, line)| format!("{line}\n")).collect()
            };
            prop_assert_eq!(side(Mark::Come), old.as_str());
            prop_assert_eq!(side(Mark::Gone), new.as_str());
        }
    }
}
