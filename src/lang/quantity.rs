//! Times and amounts of memory as people write them: `1m30s`, `8G`.

use std::time::Duration;

/// `1h`, `30s`, `1m30s`, `500ms`: whole numbers with units, the larger first.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let malformed = || "a duration is written as 30s, 1m30s, 1h or 500ms".to_string();
    let too_long = || "it is too long".to_string();
    let mut rest = text;
    let mut milliseconds = 0u64;
    let mut larger_units = UNITS.as_slice();
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(malformed)?;
        let (number, behind) = rest.split_at(number_end);
        let unit_end = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let at = larger_units.iter().position(|(name, _)| *name == unit);
        let (at, length) = at
            .map(|at| (at, larger_units[at].1))
            .ok_or_else(malformed)?;
        if number.is_empty() {
            return Err(malformed());
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(length).ok_or_else(too_long)?;
        milliseconds = milliseconds.checked_add(part).ok_or_else(too_long)?;
        larger_units = &larger_units[at + 1..];
        rest = behind;
    }
    match text.is_empty() {
        true => Err(malformed()),
        false => Ok(Duration::from_millis(milliseconds)),
    }
}

/// An amount of memory in MiB, a part of one counted as a whole: `500M`, `8G`, `1.5G`, `2GiB`.
/// Units are powers of 1024, at least `K`: a bare number could mean bytes or megabytes.
pub fn parse_mib(text: &str) -> Result<u64, String> {
    let malformed = || "an amount of memory is written as 500M, 8G or 1.5T".to_string();
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let unit_at = text.find(|c| !is_number(c)).ok_or_else(malformed)?;
    let (number, unit) = text.split_at(unit_at);
    let letter = unit.to_ascii_lowercase();
    let letter = letter.strip_suffix("ib").or(letter.strip_suffix('b'));
    let kib: u128 = match letter.unwrap_or(&unit.to_ascii_lowercase()) {
        "k" => 1,
        "m" => 1 << 10,
        "g" => 1 << 20,
        "t" => 1 << 30,
        _ => return Err(malformed()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || part.contains('.') || number.len() > 18 {
        return Err(malformed());
    }
    // In digits rather than in floating point, so that 0.1G is what it says.
    let scale = 10u128.pow(part.len() as u32);
    let digits: u128 = format!("{whole}{part}").parse().map_err(|_| malformed())?;
    let mib = (digits * kib).div_ceil(scale).div_ceil(1 << 10);
    u64::try_from(mib).map_err(|_| "it is too much".into())
}

/// As `parse_duration` reads it: `1h30m`.
pub fn shown_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, length) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ] {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    match text.is_empty() {
        true => "0s".into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_shown() {
        for text in ["1h", "30s", "1m30s", "1d2h3m4s5ms", "0s", "250ms"] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(shown_duration(duration), text);
        }
        for text in [
            "", "5", "s", "1x", "1s1h", "1s1s", "-1s", "1.5h", "1 s", "soon",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_is_a_number_with_a_unit() {
        let cases = [
            ("8G", 8192),
            ("500M", 500),
            ("1.5g", 1536),
            ("2GiB", 2048),
            ("2TB", 2 << 20),
            ("1K", 1),
            ("1025k", 2),
            ("0.1G", 103),
            ("0M", 0),
        ];
        for (text, mib) in cases {
            assert_eq!(parse_mib(text), Ok(mib), "{text}");
        }
        let wrong = [
            "",
            "8",
            "G",
            "8X",
            "8 G",
            "-1G",
            ".5G",
            "1.G",
            "1.2.3G",
            "8Gi",
            "8GB2",
            "9999999999999999999T",
        ];
        for text in wrong {
            assert!(parse_mib(text).is_err(), "{text}");
        }
    }
}
