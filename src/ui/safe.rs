//! What came from outside, made harmless for a terminal: control characters and escape sequences
//! in names, messages and jobs' output are shown, never obeyed.

use std::fmt::Write;

/// What `text` lets through beside what can be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keep {
    Nothing,
    LinesAndTabs,
    LinesTabsAndColours,
}

/// Text of several lines: newlines and tabs stay, `\r\n` is a newline.
pub fn text(bytes: &[u8]) -> String {
    shown(bytes, Keep::LinesAndTabs)
}

/// As [`text`], but colours (SGR sequences) are obeyed too, and reset at the end.
pub fn coloured_text(bytes: &[u8]) -> String {
    shown(bytes, Keep::LinesTabsAndColours)
}

/// Text on one line: a name, a message.
pub fn line(bytes: &[u8]) -> String {
    shown(bytes, Keep::Nothing)
}

fn shown(bytes: &[u8], keep: Keep) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut is_coloured = false;
    while !rest.is_empty() {
        if keep == Keep::LinesTabsAndColours
            && let Some(length) = colour_sequence(rest)
        {
            out.push_str(std::str::from_utf8(&rest[..length]).expect("it is ASCII"));
            is_coloured = true;
            rest = &rest[length..];
            continue;
        }
        let (c, length) = bstr::decode_utf8(rest);
        match c {
            Some('\n' | '\t') if keep != Keep::Nothing => out.push(rest[0] as char),
            Some('\r') if keep != Keep::Nothing && rest.get(1) == Some(&b'\n') => {}
            Some(c) if !is_harmful(c) => out.push(c),
            Some(c) if c.is_ascii() => push_byte(&mut out, c as u8),
            // `\x9b` would read as the byte, which is something else.
            Some(c) => write!(out, "\\u{{{:x}}}", c as u32).expect("a string takes all"),
            None => rest[..length]
                .iter()
                .for_each(|&byte| push_byte(&mut out, byte)),
        }
        rest = &rest[length..];
    }
    if is_coloured {
        out.push_str("\x1b[0m");
    }
    out
}

fn push_byte(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("a string takes all");
}

/// True for what a terminal obeys instead of showing it, and for what hides or reorders text:
/// C0, DEL, C1, marks of direction, line separators, invisible tags.
pub fn is_harmful(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// The length of the SGR sequence (`ESC [ 1 ; 31 m`) that `bytes` begins with.
fn colour_sequence(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let end = parameters
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'))?;
    (parameters[end] == b'm').then_some(end + 3)
}

/// The lines of a job's output as a terminal would leave them: what a `\r` overwrote is left out
/// (progress bars), and a line is cut after `max_chars` characters.
pub fn output_lines(bytes: &[u8], max_chars: usize) -> Vec<String> {
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
        .into_iter()
        .map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let start = line
                .iter()
                .rposition(|&byte| byte == b'\r')
                .map_or(0, |at| at + 1);
            let mut shown = text(&line[start..]);
            if let Some((at, _)) = shown.char_indices().nth(max_chars) {
                shown.truncate(at);
                shown.push('…');
            }
            shown
        })
        .collect()
}

/// A path, so that it can be pasted into a shell as one word: quoted where that is needed.
pub fn path(path: &[u8]) -> String {
    // An option it is not, and `./-x` is the same file.
    let dash = if path.starts_with(b"-") { "./" } else { "" };
    let text = std::str::from_utf8(path).ok();
    match text.filter(|text| !text.chars().any(is_harmful)) {
        Some(text) if is_bare_word(text) => format!("{dash}{text}"),
        Some(text) => format!("'{dash}{}'", text.replace('\'', r"'\''")),
        None => ansi_quoted(dash, path),
    }
}

/// True when a shell takes the text as it is.
fn is_bare_word(text: &str) -> bool {
    // Without `= ~`, which some shells expand at the start of a word.
    let is_bare = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ',' | ':' | '+' | '@' | '%' | '-')
    };
    let is_inner = |c: char| is_bare(c) || matches!(c, '=' | '^' | '~');
    text.starts_with(is_bare) && text.chars().all(is_inner)
}

/// `$'…'`, as bash, zsh, ksh and POSIX of 2024 read it.
fn ansi_quoted(dash: &str, path: &[u8]) -> String {
    let mut out = format!("$'{dash}");
    let mut rest = path;
    while !rest.is_empty() {
        let (c, length) = bstr::decode_utf8(rest);
        match c {
            Some('\n') => out.push_str("\\n"),
            Some('\t') => out.push_str("\\t"),
            Some(c @ ('\\' | '\'')) => out.extend(['\\', c]),
            Some(c) if !is_harmful(c) => out.push(c),
            _ => rest[..length]
                .iter()
                .for_each(|&byte| push_byte(&mut out, byte)),
        }
        rest = &rest[length..];
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_shown() {
        let cases: [(&[u8], &str); 12] = [
            (b"plain \xc3\xa4", "plain ä"),
            (b"a\tb\nc", "a\tb\nc"),
            (b"dos\r\nline", "dos\nline"),
            (b"back\rover", r"back\x0dover"),
            (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
            (b"\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
            (b"\x7f\x00\x08", r"\x7f\x00\x08"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            (b"\x9b31m", r"\x9b31m"),
            ("a\u{202e}cba\u{2066}".as_bytes(), r"a\u{202e}cba\u{2066}"),
            ("\u{e0041}\u{feff}".as_bytes(), r"\u{e0041}\u{feff}"),
            (b"\xe2\x82", r"\xe2\x82"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(text(bytes), expected);
        }
        assert_eq!(line(b"a\nb\tc\r\n"), r"a\x0ab\x09c\x0d\x0a");
    }

    #[test]
    fn colours_stay_only_when_asked_for() {
        let shown = coloured_text(b"\x1b[1;31mred\x1b[m \x1b[2Jgone \x1b[31");
        assert_eq!(shown, "\x1b[1;31mred\x1b[m \\x1b[2Jgone \\x1b[31\x1b[0m");
        assert_eq!(coloured_text(b"plain"), "plain");
    }

    #[test]
    fn output_is_what_a_terminal_would_be_left_with() {
        let bytes = b"10%\r20%\rcurl: (22) 404\r\n\nlong long line\n";
        assert_eq!(
            output_lines(bytes, 14),
            ["curl: (22) 404", "", "long long line"]
        );
        assert_eq!(output_lines(b"abcdef", 3), ["abc…"]);
        assert!(output_lines(b"", 3).is_empty());
    }

    #[test]
    fn a_path_is_quoted_where_it_must_be() {
        let cases: [(&[u8], &str); 12] = [
            (b"out/a_1.b-c.bam", "out/a_1.b-c.bam"),
            (b"year=2024/x", "year=2024/x"),
            (b"=ls", "'=ls'"),
            (b"", "''"),
            (b"a b", "'a b'"),
            (b"it's", r"'it'\''s'"),
            (b"~x", "'~x'"),
            (b"-rf", "./-rf"),
            (b"-r f", "'./-r f'"),
            ("größe".as_bytes(), "größe"),
            (b"a\nb\x1b\xff'\\", r"$'a\nb\x1b\xff\'\\'"),
            ("\u{202e}x".as_bytes(), r"$'\xe2\x80\xaex'"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(path(bytes), expected);
        }
    }

    #[test]
    fn a_shell_reads_back_every_path() {
        // Each byte alone, beside a hexadecimal digit, and as the first of two.
        let mut paths: Vec<Vec<u8>> = Vec::new();
        for byte in 1..=255u8 {
            paths.extend([vec![byte], vec![byte, b'a'], vec![b'x', byte, b'\'']]);
        }
        paths.extend(["$(x)", "`x`", "a\\", "!!", "{a,b}", "#x", "\u{2069}9", "ü*"].map(Vec::from));
        let script: String = paths
            .iter()
            .map(|name| format!("printf '%s\\0' {}\n", path(name)))
            .collect();
        let shell = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(shell.status.success(), "{shell:?}");
        let read: Vec<&[u8]> = shell.stdout.split(|&byte| byte == 0).collect();
        for (name, read) in paths.iter().zip(&read) {
            let same = if name.starts_with(b"-") {
                &read[2..]
            } else {
                *read
            };
            assert_eq!(same, name);
        }
        assert_eq!(read.len(), paths.len() + 1);
    }

    proptest! {
        #[test]
        fn nothing_harmful_passes(bytes in prop::collection::vec(any::<u8>(), 0..60), text_ in ".*") {
            for bytes in [&bytes[..], text_.as_bytes()] {
                prop_assert!(!line(bytes).chars().any(is_harmful));
                prop_assert!(!path(bytes).chars().any(is_harmful));
                let is_ok = |c: char| !is_harmful(c) || c == '\n' || c == '\t';
                prop_assert!(text(bytes).chars().all(is_ok));
                let without_colours = coloured_text(bytes).replace("\x1b[", "");
                prop_assert!(without_colours.chars().all(is_ok));
            }
        }
    }
}
