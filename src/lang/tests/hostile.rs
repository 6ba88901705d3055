//! Any text at all: no panic, linear time, places that exist.

use std::time::Duration;

use proptest::prelude::*;

use crate::lang::ast::ItemKind;
use crate::lang::diag::Diag;
use crate::lang::span::{FileId, Span};
use crate::lang::{parse, recipe};

const TOUR: &str = include_str!("../../../tests/fixtures/lang/tour.flow");
const EVERYTHING: &str = include_str!("../../../tests/fixtures/lang/everything.flow");
const WRONG: &str = include_str!("../../../tests/fixtures/lang/wrong.txt");

fn check_span(text: &str, span: Span) {
    let (start, end) = (span.start as usize, span.end as usize);
    assert!(
        text.get(start..end).is_some(),
        "{start}..{end} of {} in {text:?}",
        text.len()
    );
}

fn check_diags(text: &str, diags: &[Diag]) {
    for diag in diags {
        let labels = diag
            .primary
            .iter()
            .chain(&diag.others)
            .map(|label| label.span);
        let edits = diag
            .helps
            .iter()
            .filter_map(|help| Some(help.edit.as_ref()?.0));
        labels.chain(edits).for_each(|span| check_span(text, span));
    }
}

/// Reads the text and its recipes; whatever it is, places are places in it.
fn read(text: &str) -> Vec<Diag> {
    let (ast, mut diags) = parse(FileId(0), text);
    check_diags(text, &diags);
    for item in &ast.items {
        check_span(text, item.span);
        let ItemKind::Rule(rule) = &item.kind else {
            continue;
        };
        check_span(text, rule.header);
        check_span(text, rule.name.span);
        let words = rule.factors.iter().flat_map(|factor| &factor.sources);
        words.for_each(|word| check_span(text, word.span));
        let Some(source) = &rule.recipe else { continue };
        assert_eq!(
            source.text.split_terminator('\n').count(),
            source.line_starts.len()
        );
        let (mut read, found) = recipe::lex(source);
        check_diags(text, &found);
        for placeholder in read.placeholders().take(50) {
            let range = placeholder.range.clone();
            assert_eq!(
                source.span_of(range.start, range.end),
                placeholder.hole.span
            );
        }
        diags.extend(found);
        let found = read.check_names(|hole| hole.name.value.len() % 2 == 0, &["input", "output"]);
        check_diags(text, &found);
        let mut out = Vec::new();
        let filled = |_: &_| recipe::Filled {
            kind: crate::lang::quote::ValueKind::File,
            values: vec![std::borrow::Cow::Borrowed("1".into())],
        };
        let _ = read.render(filled, &mut out);
        let _ = read.argv(filled);
        let _ = read.redirected(filled);
    }
    diags
}

/// Bits of the language, for texts that get further than random bytes do.
fn bit() -> impl Strategy<Value = String> {
    let bits = [
        "transform t: ",
        "merge ",
        "product p: ",
        "originate o ",
        "combinations c 2: ",
        "param p = ",
        "use f as m (",
        "target x: ",
        "[cores 2, ",
        "[check ",
        "suffix .a ",
        "match ",
        "regex ",
        "with ",
        "using ",
        " x ",
        " -> ",
        "->",
        "\n",
        "\r\n",
        "\n    ",
        "\n\t",
        "\\\n",
        "\\",
        "\"",
        "'",
        "`",
        "{",
        "}",
        "{a}",
        "{{a}}",
        "{a:",
        "{**a}",
        "[",
        "]",
        "(",
        ")",
        ",",
        "=",
        ":",
        "#",
        "# doc\n",
        "$",
        "$(",
        "${",
        "${a:-",
        "$((",
        "))",
        "<<E\n",
        "E\n",
        "<<-'E'\n",
        "<<<",
        "case a in b) ",
        "esac",
        "[[ ",
        " ]]",
        " -eq ",
        "ä",
        "\u{a0}",
        "\u{2028}",
        "\0",
        "\u{feff}",
        "a",
        " ",
        "\t",
        "*",
        "**",
        "?",
        "!",
        ";",
        "&",
        "|",
        "%",
        "@",
        "~",
    ];
    prop_oneof![
        9 => proptest::sample::select(bits.to_vec()).prop_map(String::from),
        1 => proptest::char::any().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_bits_are_read(bits in proptest::collection::vec(bit(), 0..40)) {
        read(&bits.concat());
    }

    #[test]
    fn a_changed_file_is_read(
        which in 0..3usize,
        at in any::<proptest::sample::Index>(),
        length in 0..20usize,
        new in proptest::collection::vec(bit(), 0..4),
    ) {
        let text = [TOUR, EVERYTHING, WRONG][which];
        let mut start = at.index(text.len());
        let mut end = (start + length).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        read(&[&text[..start], &new.concat(), &text[end..]].concat());
    }
}

/// What this thread has taken: what others do on the machine is not in it.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().expect("time is not negative")
}

#[test]
fn long_and_deep_texts_take_linear_time() {
    let deep = |open: &str| open.repeat(100_000 / open.len());
    let mut texts = vec![
        "x".repeat(1 << 18),
        format!("param p = {}", "x".repeat(1 << 18)),
        format!("transform t: {} -> b", "a: ".repeat(75_000)),
        format!("transform t: {} -> b", "a, ".repeat(100_000)),
        "\n".repeat(1 << 18),
        "    x\n# c\n".repeat(50_000),
        "[cores 2]\n".repeat(50_000),
        "merge a: b -> c\n    cat <<E\nx\n".repeat(5_000),
        "\\\n".repeat(50_000),
        format!("param p = \"{}", "{a:[".repeat(100_000)),
        format!("param p = \"{}\"", "[".repeat(100_000)),
        format!("param p = {}", "\\".repeat(100_001)),
    ];
    for open in ["[", "(", "{", "{a,", "\"{", "{a:", "'", "\"", "`", "$("] {
        texts.push(deep(open));
        texts.push(format!("param p = {}", deep(open)));
        texts.push(format!("transform t: a -> {}", deep(open)));
        texts.push(format!("[cores {}", deep(open)));
    }
    let shell = [
        "$(",
        "${a:-",
        "${a[",
        "$((",
        "((",
        "(",
        "\"$(",
        "`",
        "{a} ",
        "$x{a}",
        "<<E ",
        "<<E\n",
        "case x in ",
        "{{a}}",
        "\"${x:-\"",
        "a\\\n",
        "[[ ",
        "'",
        "#",
        "$'",
        "[[ {a} -eq ",
        "eval {a} ",
    ];
    for open in shell {
        texts.push(format!(
            "merge a: b -> c\n    {}\n",
            deep(open).replace('\n', "\n    ")
        ));
    }
    for text in texts {
        let start = processor_time();
        read(&text);
        let took = processor_time() - start;
        let shown: String = text.chars().take(40).collect();
        // Quadratic time would be minutes.
        assert!(took < Duration::from_secs(5), "{shown:?} took {took:?}");
    }
}

#[test]
fn ten_thousand_levels_are_one_error() {
    for open in ["[", "(", "{", "{a,"] {
        for text in [
            format!("param p = {}", open.repeat(10_000)),
            format!("originate t -> {}", open.repeat(10_000)),
        ] {
            let diags = read(&text);
            assert_eq!(diags.len(), 1, "{}", &text[..40]);
        }
    }
}

/// Ten megabytes take about a tenth of this with optimisation; a time that grows faster than the
/// text would show without it.
#[test]
fn twenty_thousand_rules_are_read_at_once() {
    let mut text = String::new();
    for n in 0..20_000 {
        text += &format!(
            "# Makes {n}.\n[cores 2, mem 4G]\ntransform rule_{n}: a_{n} suffix .fq with x.fa -> .bam\n    sort {{input}} > {{output}}\n\n"
        );
    }
    let start = processor_time();
    let (ast, diags) = parse(FileId(0), &text);
    let took = processor_time() - start;
    eprintln!("{} MB in {took:?}", text.len() >> 20);
    assert_eq!((ast.items.len(), diags.len()), (20_000, 0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
