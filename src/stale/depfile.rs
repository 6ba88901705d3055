//! Reads the rules of a Makefile that a compiler writes: what stands behind their colons.

use bstr::{BString, ByteSlice};

/// The prerequisites of all rules in `text`, each once, in their order. `None` where there is no
/// rule in it.
///
/// Blanks separate words, a backslash before the end of a line is a blank; `\ `, `\#` and `$$`
/// stand for the second character. Any other backslash stands for itself, as compilers mean it.
pub fn parse(text: &[u8]) -> Option<Vec<BString>> {
    let mut found: Vec<BString> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut has_rule = false;
    for line in logical_lines(text) {
        let words = words(&line);
        // `a.o: b.c`, `a.o : b.c` and `a.o:` alike.
        let Some(at) = words.iter().position(|word| word.ends_with(b":")) else {
            continue;
        };
        has_rule = true;
        for word in &words[at + 1..] {
            if seen.insert(word.clone()) {
                found.push(word.clone());
            }
        }
    }
    has_rule.then_some(found)
}

/// Lines without comments, those that go on joined.
fn logical_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let (line, next) = match line.strip_suffix(b"\\") {
            // An even number of backslashes are characters.
            Some(body) if body.iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 0 => {
                (body, true)
            }
            _ => (line, false),
        };
        match lines.last_mut() {
            Some(last) if goes_on => {
                last.push(b' ');
                last.extend_from_slice(line);
            }
            _ if line.starts_with(b"#") => {}
            _ => lines.push(line.to_vec()),
        }
        goes_on = next;
    }
    lines
}

fn words(line: &[u8]) -> Vec<BString> {
    let mut words = Vec::new();
    let mut word = BString::default();
    let mut rest = line;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.first()) {
            (b'\\', Some(&next @ (b' ' | b'#'))) | (b'$', Some(&next @ b'$')) => {
                word.push(next);
                rest = &behind[1..];
            }
            (b' ' | b'\t', _) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(byte),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        let found = parse(text.as_bytes())?;
        let found: Vec<String> = found.iter().map(|file| format!("<{file}>")).collect();
        Some(found.concat())
    }

    #[test]
    fn reads_what_compilers_write() {
        let gcc = "build/a.o: src/a.c include/a.h \\\n  /usr/include/stdio.h\n\ninclude/a.h:\n";
        let cases = [
            (gcc, "<src/a.c><include/a.h></usr/include/stdio.h>"),
            ("a.o : a.c\r\nb.o: a.c b.c\r\n", "<a.c><b.c>"),
            (
                "a.o b.o: x\\ y.h c\\#.h $$d.h e\\f.h",
                "<x y.h><c#.h><$d.h><e\\f.h>",
            ),
            ("a.o:", ""),
            ("# made by hand: really\n\na: b", "<b>"),
            ("a: C:/x.h b:c", "<C:/x.h><b:c>"),
            ("a: b \\", "<b>"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "a.h b.h\n", "# a: b\n"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
