//! One word of a command line or a variable as a value, or why it is none.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::ValueEnum;

use super::options::Param;
use crate::lang::quantity::parse_mib;
use crate::ui::safe;

/// A level of `--checksum-level`.
pub(super) fn parse_level(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(level @ 0..=4) => Ok(level),
        _ => Err("it must be 0, 1, 2, 3 or 4".into()),
    }
}
pub use crate::lang::quantity::parse_duration;

/// `NAME=VALUE`.
pub(super) fn parse_param(text: &str) -> Result<Param, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("it has no `=`; a param is set by NAME=VALUE")?;
    let is_start = |c: char| c.is_alphabetic() || c == '_';
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !name.starts_with(is_start) || !name.chars().all(is_inner) {
        let name = safe::line(name.as_bytes());
        return Err(format!("`{name}` cannot be the name of a param"));
    }
    Ok(Param {
        name: name.into(),
        value: value.into(),
    })
}

pub(super) fn parse_at_least_one(text: &str) -> Result<NonZeroU32, String> {
    NonZeroU32::new(parse_count(text)?).ok_or("it must be 1 or more".into())
}

pub(super) fn parse_count(text: &str) -> Result<u32, String> {
    match text.parse::<u64>() {
        Ok(n) => u32::try_from(n).map_err(|_| format!("it is more than {}", u32::MAX)),
        Err(_) => Err("it is not a whole number".into()),
    }
}

pub(super) fn parse_seed(text: &str) -> Result<u64, String> {
    let wrong = |_| "it is not a whole number that fits into 64 bits".to_string();
    text.parse().map_err(wrong)
}

/// A time that something may take.
pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it must be more than nothing".into()),
        time => Ok(time),
    }
}

pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it is neither `true` nor `false`".into()),
    }
}

pub(super) fn parse_choice<T: ValueEnum>(text: &str) -> Result<T, String> {
    let choices = T::value_variants().iter().filter_map(T::to_possible_value);
    let choices: Vec<String> = choices.map(|value| value.get_name().into()).collect();
    T::from_str(text, false).map_err(|_| format!("it is none of {}", choices.join(", ")))
}

/// `16G`, in MiB.
pub(super) fn parse_memory(text: &str) -> Result<u64, String> {
    match parse_mib(text)? {
        0 => Err("it must be more than nothing".into()),
        mib => Ok(mib),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let cases = [
            ("1h", 3_600_000),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
            ("250ms", 250),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "s",
            "1x",
            "1s1h",
            "1s1s",
            "-1s",
            "1.5h",
            "1 s",
            "1h30",
            "ä",
            "9999999999999999d",
            "99999999999999999999s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_param_is_a_name_and_a_value() {
        let param = |text| parse_param(text).map(|param| (param.name, param.value));
        assert_eq!(param("genome=hg38"), Ok(("genome".into(), "hg38".into())));
        assert_eq!(param("a-b_1=x=y z"), Ok(("a-b_1".into(), "x=y z".into())));
        assert_eq!(param("empty="), Ok(("empty".into(), "".into())));
        for text in ["genome", "=x", "1a=x", "a b=x", "a.b=x"] {
            assert!(param(text).is_err(), "{text}");
        }
    }
}
