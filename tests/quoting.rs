//! No file name breaks a recipe: hostile values go through every quoting place of the real shells,
//! and must be read back byte for byte.
//!
//! Many recipes run in one shell process. Only when a batch differs is each run on its own.

#[path = "quoting/templates.rs"]
mod templates;

use std::borrow::Cow;
use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use bstr::{BStr, BString, ByteSlice};
use flow::lang::ast::Recipe;
use flow::lang::quote::{Unquotable, ValueKind};
use flow::lang::recipe::{self, Filled, RecipeText};
use flow::lang::span::Span;

use templates::{BEGIN_WORDS, For, NASTY, SLOW_TEMPLATES, TEMPLATES};

/// A small generator of numbers, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn value(random: &mut Random) -> BString {
    let mut value = BString::default();
    for _ in 0..random.below(8) {
        match random.below(8) {
            0 => value.push(1 + random.below(255) as u8),
            1 => value.extend_from_slice(&vec![b'a' + random.below(26) as u8; random.below(30)]),
            _ => value.extend_from_slice(NASTY[random.below(NASTY.len())]),
        }
    }
    value.truncate(200);
    value
}

fn recipe_of(text: &str) -> RecipeText {
    let n_lines = text.split('\n').count();
    let recipe = Recipe {
        span: Span::default(),
        text: text.to_string(),
        line_starts: vec![0; n_lines],
    };
    let (mut text, diags) = recipe::lex(&recipe);
    assert!(diags.is_empty(), "{}: {diags:?}", recipe.text);
    let diags = text.check_names(|hole| matches!(&*hole.name.value, "x" | "xs"), &["x", "xs"]);
    assert!(diags.is_empty(), "{}: {diags:?}", recipe.text);
    text
}

/// One run of a template with its values.
struct Case {
    template: &'static str,
    values: Vec<BString>,
    kind: ValueKind,
    script: Vec<u8>,
    expected: Vec<u8>,
}

fn fill<'v>(values: &'v [BString], kind: ValueKind, name: &str) -> Filled<'v> {
    let chosen = if name == "xs" { values } else { &values[..1] };
    Filled {
        kind,
        values: chosen
            .iter()
            .map(|value| Cow::Borrowed(value.as_bstr()))
            .collect(),
    }
}

/// The bytes that must come out; `None` where the value cannot stand there.
fn case(
    template: &(For, &'static str, &str),
    values: Vec<BString>,
    kind: ValueKind,
) -> Option<Case> {
    let text = recipe_of(template.1);
    let mut script = Vec::new();
    if let Err(error) = text.render(|hole| fill(&values, kind, &hole.name.value), &mut script) {
        // Only here-documents refuse text.
        assert!(template.1.contains("<<"), "{}: {error}", template.1);
        let is_document = matches!(
            error.reason,
            Unquotable::EndsHereDoc | Unquotable::LosesTabs | Unquotable::LosesBytes
        );
        assert!(is_document, "{error}");
        return None;
    }
    let shown = |value: &BString| -> Vec<u8> {
        let is_prefixed = kind == ValueKind::File && value.starts_with(b"-");
        [if is_prefixed { b"./".as_slice() } else { b"" }, value].concat()
    };
    let mut expected = Vec::new();
    for byte in template.2.bytes() {
        match byte {
            b'X' => expected.extend(shown(&values[0])),
            b'L' => values.iter().for_each(|value| {
                expected.extend(shown(value));
                expected.push(0);
            }),
            b'J' => {
                let all: Vec<_> = values.iter().map(shown).collect();
                expected.extend(all.join(&b' '));
            }
            byte => expected.push(byte),
        }
    }
    Some(Case {
        template: template.1,
        values,
        kind,
        script,
        expected,
    })
}

/// What a shell prints when it runs the script.
fn run(shell: &[&str], locale: &str, folder: &std::path::Path, script: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(script).expect("it takes the script");
    file.rewind().expect("it goes back");
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .env("LC_ALL", locale)
        .current_dir(folder)
        .stdin(Stdio::from(file))
        .output()
        .expect("the shell starts");
    output.stdout
}

fn check(shell: &[&str], locale: &str, cases: &[Case]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = Vec::new();
    let mut expected = Vec::new();
    for case in cases {
        script.extend_from_slice(&case.script);
        script.push(b'\n');
        expected.extend_from_slice(&case.expected);
    }
    let found = run(shell, locale, folder.path(), &script);
    let is_injected = || {
        std::fs::read_dir(folder.path())
            .expect("it is there")
            .next()
            .is_some()
    };
    if found == expected && !is_injected() {
        return;
    }
    for case in cases {
        let found = run(shell, locale, folder.path(), &case.script);
        assert!(
            found == case.expected && !is_injected(),
            "{shell:?} in {locale}: {}\nvalues {:?} ({:?})\nscript {:?}\nfound    {:?}\nexpected {:?}\ninjected {}",
            case.template,
            case.values,
            case.kind,
            case.script.as_bstr(),
            found.as_bstr(),
            case.expected.as_bstr(),
            is_injected(),
        );
    }
    panic!("{shell:?} in {locale}: the batch differs, and no case of it does");
}

fn cases(templates: &[(For, &'static str, &str)], shells: For, n: usize, seed: u64) -> Vec<Case> {
    let mut random = Random(seed);
    let mut cases = Vec::new();
    for template in templates {
        if template.0 == For::Bash && shells != For::Bash {
            continue;
        }
        for _ in 0..n {
            let values: Vec<_> = (0..=random.below(3)).map(|_| value(&mut random)).collect();
            let kind = match BEGIN_WORDS.contains(&template.1) {
                true => [ValueKind::File, ValueKind::Text][random.below(2)],
                false => ValueKind::Text,
            };
            cases.extend(case(template, values, kind));
        }
    }
    cases
}

#[test]
fn sh_reads_back_every_value() {
    let shell = ["sh", "-eu", "-s"];
    check(&shell, "C", &cases(TEMPLATES, For::All, 120, 1));
    check(&shell, "C.utf8", &cases(SLOW_TEMPLATES, For::All, 12, 2));
}

#[test]
fn bash_reads_back_every_value() {
    let shell = ["bash", "-euo", "pipefail", "-s"];
    check(&shell, "C", &cases(TEMPLATES, For::Bash, 80, 3));
    check(&shell, "C.utf8", &cases(TEMPLATES, For::Bash, 80, 4));
    check(&shell, "C.utf8", &cases(SLOW_TEMPLATES, For::Bash, 12, 5));
}

#[test]
fn a_command_without_a_shell_gets_the_same_words() {
    let templates = [
        "cmd {x} {xs}",
        "cmd --in={x} -- a{xs}b",
        "cmd \"{x}\" '{xs}' \"a {xs} b\"",
        "cmd \"\" '' {none} a{none}b \"{none}\"",
        "cmd a\\ b 'c d' \"e\\\\ \\\" \\q\" 'f'g\"h\" \\\n  {x}",
        "cmd {xs}{xs} {x}{xs}",
        "cmd %s a@b a:b,c +x a=b",
    ];
    let mut random = Random(7);
    let mut script =
        b"cmd() { for a in \"$@\"; do printf '%s\\0' \"$a\"; done; printf 'end\\0'; }\n".to_vec();
    let mut expected = Vec::new();
    for _ in 0..150 {
        for template in templates {
            let recipe = Recipe {
                span: Span::default(),
                text: template.to_string(),
                line_starts: vec![0; 3],
            };
            let (text, diags) = recipe::lex(&recipe);
            assert!(
                diags.is_empty() && text.simple_command().is_some(),
                "{template}"
            );
            let values: Vec<_> = (0..=random.below(3)).map(|_| value(&mut random)).collect();
            let kind = [ValueKind::File, ValueKind::Text][random.below(2)];
            let fill = |name: &str| -> Filled<'_> {
                match name {
                    "none" => Filled {
                        kind,
                        values: Vec::new(),
                    },
                    name => fill(&values, kind, name),
                }
            };
            text.render(|hole| fill(&hole.name.value), &mut script)
                .expect("text can be quoted");
            script.push(b'\n');
            let argv = text
                .argv(|hole| fill(&hole.name.value))
                .expect("it is simple")
                .expect("no NUL");
            assert_eq!(argv[0], "cmd");
            for word in &argv[1..] {
                expected.extend_from_slice(word);
                expected.push(0);
            }
            expected.extend_from_slice(b"end\0");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for shell in ["sh", "bash"] {
        let found = run(&[shell, "-eu", "-s"], "C.utf8", folder.path(), &script);
        let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
        let around = |bytes: &[u8]| -> BString {
            let at = differs.unwrap_or(0);
            bytes[at.saturating_sub(60)..bytes.len().min(at + 60)].into()
        };
        assert!(
            found == expected,
            "{shell}: {:?}\n{:?}",
            around(&found),
            around(&expected)
        );
    }
}

#[test]
fn values_that_no_quoting_saves_are_refused() {
    let refused = |template: &str, value: &str| -> Option<Unquotable> {
        let value: &BStr = value.as_bytes().as_bstr();
        let filled = |_: &_| Filled {
            kind: ValueKind::Text,
            values: vec![Cow::Borrowed(value)],
        };
        recipe_of(template)
            .render(filled, &mut Vec::new())
            .err()
            .map(|error| error.reason)
    };
    assert_eq!(
        refused("cat <<EOF\n{x}\nEOF", "EOF"),
        Some(Unquotable::EndsHereDoc)
    );
    assert_eq!(
        refused("cat <<EOF\nE{x}\nEOF", "OF"),
        Some(Unquotable::EndsHereDoc)
    );
    assert_eq!(
        refused("cat <<EOF\nE\\\n{x}\nEOF", "OF"),
        Some(Unquotable::EndsHereDoc)
    );
    assert_eq!(
        refused("cat <<'EOF'\na{x}\nEOF", "\nEOF\n"),
        Some(Unquotable::EndsHereDoc)
    );
    assert_eq!(
        refused("cat <<-EOF\n{x}\nEOF", "\tEOF"),
        Some(Unquotable::LosesTabs)
    );
    assert_eq!(
        refused("cat <<EOF\n{x}\nEOF", "a\x01"),
        Some(Unquotable::LosesBytes)
    );
    assert_eq!(
        refused("cat <<EOF\n$(cat {x})\nEOF", "a\\\nb"),
        Some(Unquotable::LosesBytes)
    );
    assert_eq!(
        refused("cat <<-EOF\n$(cat {x})\nEOF", "a\n\tb"),
        Some(Unquotable::LosesTabs)
    );
    assert_eq!(refused("cat <<EOF\n{x}\nEOF", "a\\\nb"), None);
    assert_eq!(refused("cat <<EOF\n{x}\nEOF", "E"), None);
    assert_eq!(refused("cat <<EOF\n{x}\nEOF", "EOFa"), None);
    assert_eq!(
        refused("echo $(( {x} + 1 ))", "a[$(id)]"),
        Some(Unquotable::NoNumber)
    );
    assert_eq!(refused("echo $(( {x} + 1 ))", "-3"), None);
    assert_eq!(
        refused("[[ {x} -eq 1 ]]", "a[$(id)]"),
        Some(Unquotable::NoNumber)
    );
    assert_eq!(
        refused("[[ 1 -lt \"{x}\" ]]", "a[$(id)]"),
        Some(Unquotable::NoNumber)
    );
    assert_eq!(refused("[[ {x} = $(cat {x}) ]]", "a[$(id)]"), None);
    assert_eq!(refused("echo {x}", "a\0b"), Some(Unquotable::Nul));
}
