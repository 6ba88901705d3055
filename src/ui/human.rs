//! Numbers, durations and sizes, written for people.

/// `1,234,567`; four digits are read, and searched for, as they are: `1234`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 job`, `12,345 jobs`; `noun` takes an `s` for its plural.
pub fn counted(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n))
}

/// `0.4 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    // Rounded before a unit is chosen, so that 59.96 is not `60.0 s`.
    let tenths = (seconds.max(0.0) * 10.0).round() as u64;
    let seconds = (seconds.max(0.0)).round() as u64;
    let minutes = (seconds + 30) / 60;
    if tenths < 600 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if seconds < 3600 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else if minutes < 48 * 60 {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    } else {
        let hours = (minutes + 30) / 60;
        format!("{} d {} h", hours / 24, hours % 24)
    }
}

/// `512 B`, `15.8 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (9999, "9999"),
            (10000, "10,000"),
            (1234567, "1,234,567"),
        ];
        for (n, expected) in cases {
            assert_eq!(count(n), expected);
        }
        assert_eq!(counted(1, "job"), "1 job");
        assert_eq!(counted(0, "job"), "0 jobs");
    }

    #[test]
    fn durations_never_show_sixty_of_a_unit() {
        let cases = [
            (-1.0, "0.0 s"),
            (0.04, "0.0 s"),
            (2.34, "2.3 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min 00 s"),
            (192.0, "3 min 12 s"),
            (3599.4, "59 min 59 s"),
            (3599.6, "1 h 00 min"),
            (7500.0, "2 h 05 min"),
            (172_769.0, "47 h 59 min"),
            (172_771.0, "2 d 0 h"),
            (273_600.0, "3 d 4 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (16_965_120_819, "15.8 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }
}
