//! What a person sees of mistakes, and that no place can break it.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const WORKFLOW: &str = "\
transform align: raw suffix .fq -> .bam
    bwa mem {input} > {output}

# Sorted by place.
transform sort: algin suffix .bam -> .sorted.bam
    samtools sort {input} > {output}
";

fn sources(text: &str) -> (Sources, FileId) {
    let mut sources = Sources::default();
    let file = sources.add("main.flow", text);
    (sources, file)
}

/// The span of the first `part` of the text.
fn span(sources: &Sources, file: FileId, part: &str) -> Span {
    let text = &sources.get(file).text;
    let start = text.find(part).expect("it is in the text") as u32;
    let end = start + part.len() as u32;
    Span { file, start, end }
}

fn show(diag: &Diag, sources: &Sources) -> String {
    render(diag, sources, Look::default())
}

#[test]
fn a_mistake_is_shown_with_its_reason_and_its_fix() {
    let (sources, file) = sources(WORKFLOW);
    let wrong = span(&sources, file, "algin");
    let diags = [
        Diag::warning("W0301", "nothing uses rule `sort`")
            .at(span(&sources, file, "sort:"), "")
            .help("name it in a `target`"),
        Diag::error("E0301", "no rule is called `algin`")
            .at(wrong, "not a rule")
            .and(span(&sources, file, "align"), "a rule with a similar name")
            .note("a bare word is a rule; a file without a dot is written `./algin`")
            .fix("did you mean `align`?", wrong, "align"),
        Diag::error("E0002", "the workflow has no default target").note("nothing to blame"),
    ];
    assert_snapshot!(report(&diags, &sources, Look::default()));
}

#[test]
fn the_last_lines_count_and_lead_on() {
    let mut sources = Sources::default();
    let files = ["main.flow", "my lib.flow"].map(|name| sources.add(name, "a b c\n"));
    let at = |file| Span {
        file,
        start: 0,
        end: 1,
    };
    let error = |file| Diag::error("E0001", "wrong").at(at(file), "");
    let warning = |file| Diag::warning("W0001", "odd").at(at(file), "");
    let last = |diags: &[Diag]| {
        let report = report(diags, &sources, Look::default());
        let mut lines = report.lines().rev();
        let leads_on = lines.next().unwrap_or("for more");
        assert!(leads_on.starts_with("for more"), "{leads_on}");
        lines.next().unwrap_or("").to_string()
    };
    let both = [warning(files[0]), error(files[1])];
    let report_of_both = report(&both, &sources, Look::default());
    assert!(report_of_both.ends_with("\nfor more information try `flow explain E0001`\n"));
    let [main, lib] = files;
    assert_eq!(last(&[]), "");
    assert_eq!(last(&[error(main)]), "error: 1 mistake in main.flow");
    assert_eq!(
        last(&[error(lib), error(lib)]),
        "error: 2 mistakes in 'my lib.flow'"
    );
    assert_eq!(
        last(&[error(main), error(lib)]),
        "error: 2 mistakes in 2 files"
    );
    assert_eq!(
        last(&[error(main), warning(lib)]),
        "error: 1 mistake in main.flow, 1 warning"
    );
    assert_eq!(last(&[warning(lib)]), "warning: 1 warning in 'my lib.flow'");
    assert_eq!(last(&[Diag::error("E0001", "wrong")]), "error: 1 mistake");
    assert_eq!(
        last(&vec![error(main); 1284]),
        "error: 1284 mistakes in main.flow; 1234 not shown"
    );
}

#[test]
fn mistakes_stand_in_the_order_of_their_places() {
    let (sources, file) = sources("a b c\n");
    let at = |code, start| {
        let span = Span {
            file,
            start,
            end: start + 1,
        };
        Diag::error(code, "wrong").at(span, "")
    };
    let diags = [
        Diag::error("E0009", "no place"),
        at("E0004", 4),
        at("E0002", 2),
        at("E0000", 0),
    ];
    let report = report(&diags, &sources, Look::default());
    let places: Vec<usize> = ["E0000", "E0002", "E0004", "E0009"]
        .map(|code| report.find(code).unwrap())
        .into();
    assert!(places.is_sorted(), "{report}");
}

#[test]
fn errors_are_shown_before_too_many_warnings() {
    let span = |start| Span {
        start,
        ..Span::default()
    };
    let mut diags = vec![Diag::warning("W0001", "odd").at(span(0), ""); 99];
    diags.push(Diag::error("E0001", "wrong").at(span(5), ""));
    let shown = shown(&diags);
    assert_eq!(
        (shown.len(), shown.last().unwrap().code),
        (MOST_SHOWN, "E0001")
    );
}

#[test]
fn places_far_apart_and_in_other_files_are_shown_in_pieces() {
    let mut sources = Sources::default();
    let filler = "# filler\n".repeat(1000);
    let main = sources.add("main.flow", format!("first\n{filler}second\n"));
    let lib = sources.add("lib.flow", "third\n");
    let diag = Diag::error("E0001", "three of a kind")
        .at(span(&sources, main, "second"), "here")
        .and(span(&sources, main, "first"), "and here")
        .and(span(&sources, lib, "third"), "and there");
    assert_snapshot!(show(&diag, &sources));
}

#[test]
fn control_characters_in_a_source_are_shown_harmlessly() {
    let (sources, file) = sources("\tcolour \x1b[31m\u{9b}1m\u{202e}\x7f here\r\nnext\r\n");
    let diag = Diag::error("E0001", "odd \x1b[31m text\u{202e}")
        .at(span(&sources, file, "here"), "after \x07\nthem")
        .note("\x1b]0;title\x07")
        .fix("write \x1b", span(&sources, file, "next"), "\x1b[0m");
    assert_snapshot!(show(&diag, &sources));
}

#[test]
fn a_span_over_lines_and_the_end_of_the_file_can_be_marked() {
    let (sources, file) = sources(WORKFLOW);
    let end = WORKFLOW.len() as u32;
    let rule = Span {
        file,
        start: 0,
        end: 71,
    };
    let diag = Diag::error("E0001", "a rule of two lines")
        .at(rule, "all of it")
        .and(
            Span {
                file,
                start: end,
                end,
            },
            "the end",
        );
    assert_snapshot!(show(&diag, &sources));
}

#[test]
fn lines_are_added_and_removed_by_fixes() {
    let (sources, file) = sources(WORKFLOW);
    let header = span(&sources, file, "transform sort");
    let comment = span(&sources, file, "# Sorted by place.\n");
    let before = Span {
        end: header.start,
        ..header
    };
    let diag = Diag::error("E0001", "try these")
        .at(header, "")
        .fix("add an attribute", before, "[optional]\n")
        .fix("remove the comment", comment, "")
        .fix("nothing changes", header, "transform sort");
    assert_snapshot!(show(&diag, &sources));
}

#[test]
fn a_huge_source_is_shown_by_a_small_excerpt() {
    let text = format!("{}wrong{}", "x ".repeat(5 << 20), " y".repeat(5 << 20));
    let (sources, file) = sources(&text);
    let wrong = span(&sources, file, "wrong");
    let place = excerpt::marked_place(&text, wrong);
    let excerpt = Excerpt::new(&text, std::slice::from_ref(&place));
    assert!(excerpt.text.len() < 4096, "{}", excerpt.text.len());
    assert_eq!(&excerpt.text[excerpt.inside(&place)], "wrong");
    let all = Span {
        file,
        start: 0,
        end: u32::MAX,
    };
    let diag = Diag::error("E0001", "long")
        .at(wrong, "")
        .and(all, "")
        .fix("f", all, "");
    let shown = show(&diag, &sources);
    assert!(
        shown.contains("main.flow:1:10485761") && shown.len() < 4096,
        "{shown}"
    );

    let lines = "# a line\n".repeat(1 << 20);
    let (sources, file) = self::sources(&format!("{lines}wrong\n{lines}"));
    let shown = show(
        &Diag::error("E0001", "far").at(span(&sources, file, "wrong"), ""),
        &sources,
    );
    assert!(
        shown.contains("main.flow:1048577:1") && shown.len() < 200,
        "{shown}"
    );
}

#[test]
fn colour_changes_nothing_but_colour() {
    let (sources, file) = sources(WORKFLOW);
    let wrong = span(&sources, file, "algin");
    let diag = Diag::error("E0301", "no such rule")
        .at(wrong, "here")
        .fix("try", wrong, "align");
    let look = Look {
        style: Style { is_coloured: true },
        ..Look::default()
    };
    let coloured = render(&diag, &sources, look);
    assert!(coloured.contains("\x1b["));
    let plain: String = coloured
        .split("\x1b[")
        .enumerate()
        .map(|(n, part)| {
            if n == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            }
        })
        .collect();
    // Where there is no colour, the removed and added lines carry `-` and `+` all the same.
    assert_eq!(plain, show(&diag, &sources));
}

/// Text with everything that makes places hard: wide and joined characters, tabs, line ends.
fn hard_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "{x}",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "ä",
        "漢",
        "👩‍🔬",
        "e\u{301}",
        "\u{200d}",
        "\0",
        "\x1b",
        "\u{9b}",
        "\u{202e}",
        "\u{feff}",
        "long ",
        "->",
        "\u{2028}",
    ]);
    let repeated = (piece, prop_oneof![8 => 1..4usize, 1 => 500..3000usize]);
    prop::collection::vec(repeated, 0..12)
        .prop_map(|pieces| pieces.iter().map(|(text, n)| text.repeat(*n)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_place_breaks_it(
        text in hard_text(),
        other_text in hard_text(),
        new in hard_text(),
        places in prop::collection::vec((any::<bool>(), 0..9000u32, 0..9000u32), 1..6),
        small in any::<bool>(),
        width in 0..200usize,
    ) {
        let mut sources = Sources::default();
        let files = [sources.add("a.flow", text), sources.add("b\x1b.flow", other_text)];
        let spans: Vec<Span> = places
            .iter()
            .map(|&(other, start, end)| {
                let file = files[usize::from(other)];
                let length = sources.get(file).text.len() as u32 + 3;
                let near = |at: u32| if small { at % length } else { at };
                Span { file, start: near(start), end: near(end) }
            })
            .collect();
        let mut diag = Diag::error("E0001", new.clone()).at(spans[0], "here");
        for (n, &span) in spans[1..].iter().enumerate() {
            diag = match n % 2 {
                0 => diag.and(span, new.clone()),
                _ => diag.fix("so", span, new.clone()),
            };
        }
        let look = Look { width, ..Look::default() };
        let shown = report(&[diag.fix("or so", spans[0], new)], &sources, look);
        let is_ok = |c: char| !safe::is_harmful(c) || c == '\n' || c == '\t';
        prop_assert!(shown.chars().all(is_ok), "{shown:?}");
    }
}
