//! Finds the name that was probably meant: "did you mean".

/// The candidate that `name` is most likely a misspelling of, if one is near enough.
///
/// Near is one edit in short names and up to three in long ones (swapped neighbours are one edit),
/// or a name that was cut short.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name_low = name.to_lowercase();
    let length = name_low.chars().count();
    // Long texts are no names; the distance is quadratic in the length.
    if length == 0 || length > 100 {
        return None;
    }
    let allowed = match length {
        1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name {
            continue;
        }
        let low = candidate.to_lowercase();
        let far = if low.chars().count().abs_diff(length) > allowed {
            usize::MAX
        } else {
            distance(&name_low, &low)
        };
        let is_cut = length >= 3 && low.starts_with(&name_low);
        let score = if far <= allowed {
            far
        } else if is_cut {
            allowed + 1
        } else {
            continue;
        };
        if best.is_none_or(|(least, _)| score < least) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
pub fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likely_name_is_found() {
        let verbs = ["transform", "split", "merge", "collate", "product"];
        let meant = |name| nearest(name, verbs);
        assert_eq!(meant("trasform"), Some("transform"));
        assert_eq!(meant("tarnsform"), Some("transform"));
        assert_eq!(meant("Transform"), Some("transform"));
        assert_eq!(meant("trans"), Some("transform"));
        assert_eq!(meant("spilt"), Some("split"));
        assert_eq!(meant("frobnicate"), None);
        assert_eq!(meant("s"), None);
        assert_eq!(meant(""), None);
    }

    #[test]
    fn a_small_change_beats_a_prefix() {
        assert_eq!(nearest("inpt", ["inptable", "input"]), Some("input"));
        assert_eq!(nearest("a1", ["a2", "b1"]), Some("a2"));
        assert_eq!(distance("ca", "ac"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
