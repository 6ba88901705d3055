//! Whatever text comes in, the answer is right or an error, and comes in a time that grows as the text
//! does. Times are those of a thread's processor, and only how they grow is looked at.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use bstr::{BStr, ByteSlice};
use flow::cli::params;
use flow::lang::ast::ItemKind;
use flow::lang::format::format;
use flow::lang::quote::ValueKind;
use flow::lang::recipe::{Filled, lex};
use flow::lang::{Diag, FileId, Sources, parse};
use flow::pattern::{Captures, Filter, NameId};
use flow::stale::depfile;
use flow::ui::diag::{Look, report};
use flow::workflow::lint::lint;
use flow::workflow::load::Settings;
use flow::workflow::sheet::rows;
use flow::workflow::{Workflow, load};

/// The meaning of a text whose files are `files`, and all that is wrong with it, also shown.
fn read(text: &str, files: &HashMap<String, String>) -> (Workflow, Vec<Diag>) {
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, mut diags) = parse(file, text);
    for item in &ast.items {
        if let ItemKind::Rule(rule) = &item.kind
            && let Some(recipe) = &rule.recipe
        {
            fill(recipe);
        }
    }
    let open = |name: &str| match files.get(name) {
        Some(text) => Ok(text.clone().into_bytes()),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let (workflow, found) = load(&ast, &mut sources, &Settings::default(), &open);
    diags.extend(found);
    if !diags.iter().any(Diag::is_error) {
        diags.extend(lint(&ast, &workflow, &sources));
    }
    report(&diags, &sources, Look::default());
    let _ = format(file, text);
    (workflow, diags)
}

fn fill(recipe: &flow::lang::ast::Recipe) {
    let (mut text, _) = lex(recipe);
    text.check_names(|hole| hole.name.value != "unknown", &["input"]);
    let filled = |_: &_| Filled {
        kind: ValueKind::File,
        values: vec![BStr::new("it's").into()],
    };
    let _ = text.render(filled, &mut Vec::new());
    text.argv(filled);
}

fn codes(text: &str) -> Vec<&'static str> {
    let (_, diags) = read(text, &HashMap::new());
    let errors = diags.iter().filter(|diag| diag.is_error());
    errors.map(|diag| diag.code).collect()
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Long enough to be measured.
const MEASURABLE: Duration = Duration::from_millis(3);
/// Four times the text takes four times as long; where time is quadratic, sixteen times.
const MOST_GROWTH: f64 = 8.0;
const LONGEST: usize = 1 << 18;

/// Panics when the work takes more than linear time in the length of the text.
fn check_growth(what: &str, text: &dyn Fn(usize) -> String, work: &dyn Fn(&str)) {
    let took = |text: &str| {
        let started = processor_time();
        work(text);
        processor_time() - started
    };
    let mut length = 1 << 10;
    while length < LONGEST / 4 && took(&text(length)) < MEASURABLE {
        length *= 2;
    }
    let (short, long) = (text(length), text(4 * length));
    let mut growth = f64::MAX;
    // Other programs disturb now and then; what is slow by itself is so each time.
    for _ in 0..6 {
        let before = took(&short).max(MEASURABLE / 2);
        growth = growth.min(took(&long).as_secs_f64() / before.as_secs_f64());
        if growth <= MOST_GROWTH {
            return;
        }
    }
    panic!("{what}: four times {length} bytes take {growth:.1} times as long");
}

/// A text of about so many bytes: the piece again and again between a beginning and an end.
fn check_repeated(beginning: &str, piece: &str, end: &str, work: &dyn Fn(&str)) {
    let text = |length: usize| [beginning, &piece.repeat(length / piece.len()), end].concat();
    let what = format!(
        "{:?} {piece:?} {end:?}",
        &beginning[..beginning.len().min(40)]
    );
    check_growth(&what, &text, work);
}

fn load_alone(text: &str) {
    read(text, &HashMap::new());
}

#[test]
fn what_comes_again_and_again_takes_linear_time() {
    for piece in [
        "\r\n",
        "\t",
        "\0",
        "\u{feff}",
        "x",
        "[]\n",
        "[cores 1]\n",
        "merge m: a -> b\n",
        "use a as b\n",
        "transform t: match {s}.x -> y\n",
        "let a = {b}\n",
        "# c\n",
        "tarnsform\n",
        "}\n",
        "\\\n",
        "[a\n",
        "target t: u\n",
        "table t = [a]\n",
        "param a\n",
        "default x\n",
        "include a\n",
        "    x\n",
        "->\n",
    ] {
        check_repeated("", piece, "", &load_alone);
    }
    for (beginning, piece, end) in [
        ("merge m: ", "a ", "-> b\n"),
        ("merge m: a -> ", "x={input} ", "\n"),
        ("merge m: a -> ", "}", "\n"),
        ("merge m: a -> b/", "{unknown}", "\n"),
        ("merge m: a with ", "a=b ", "-> b\n"),
        ("merge m: a -> ", "{a,b}", "\n"),
        ("merge m: a -> ", "\\{", "\n"),
        ("merge m: a -> ", "[a", "\n"),
        ("split s: a -> ", "* ", "\n"),
        ("product p: a ", "x a ", "-> b\n"),
        ("transform t: a match ", "{a}", " -> b\n"),
        ("transform t: a match ", "{a}x", ".y -> b\n"),
        ("transform t: a match ", "?", " -> b\n"),
        ("transform t: a match {a:", "(a)", "} -> b\n"),
        ("transform t: a regex '", "a*", "' -> b\n"),
        ("transform t: a regex '", "(", "' -> b\n"),
        ("transform t: a suffix ", "x", " -> b\n"),
        ("[", "cores 1, ", "]\nmerge m: a -> b\n"),
        ("[check \"", "{input} ", "\"]\nmerge m: a -> b\n"),
        ("[", "[", "\n"),
        ("param p = [", "a, ", "]\n"),
        ("param p = ", "'a'\"b\"", "\n"),
        ("use f as m (", "a = b, ", ")\n"),
        ("target t: ", "a ", "\n"),
        ("merge m: a -> b\n", "    x {input}\n", ""),
        ("merge m: a -> b\n", "    x\\\n", ""),
        ("merge m: a -> b\n    ", "x {unknown} ", "\n"),
        ("merge m: a -> b\n    ", "$(", "\n"),
        ("merge m: a -> b\n    ", "${a:-", "\n"),
        ("merge m: a -> b\n    ", "\"$(", "\n"),
        ("merge m: a -> b\n    ", "$((", "\n"),
        ("merge m: a -> b\n    ", "((a) ", "\n"),
        ("merge m: a -> b\n    ", "case a in b) ", "\n"),
        ("merge m: a -> b\n    ", "{{a}}", "\n"),
        ("merge m: a -> b\n    ", "'{input}'", "\n"),
        ("merge m: a -> b\n    cat ", "<<E ", "\n"),
        ("merge m: a -> b\n", "    cat <<E\n    {input}\n    E\n", ""),
        (
            "merge m: a -> b\n    cat <<E\n",
            "    $(cat <<E\n    x\n",
            "",
        ),
        ("merge m: a -> b\n    cat <<E\n", "    E \n", ""),
        ("merge m: a -> b\n    #!python\n", "    {input}\n", ""),
    ] {
        check_repeated(beginning, piece, end, &load_alone);
    }
}

#[test]
fn names_that_all_differ_take_linear_time() {
    let lines = |line: &'static dyn Fn(usize) -> String| {
        move |length: usize| -> String { (0..length / 40).map(line).collect() }
    };
    check_growth(
        "rules",
        &lines(&|n| {
            format!(
                "transform rule_{n}: rule_{} -> out/{{stem}}_{n}\n",
                n.max(1) - 1
            )
        }),
        &load_alone,
    );
    check_growth(
        "lets",
        &lines(&|n| format!("let name_of_let_{n} = value_of_let_{n}\n")),
        &load_alone,
    );
    check_growth(
        "files",
        &lines(&|n| format!("merge m{n}: in/{n}.a -> out/{n}.b\n")),
        &load_alone,
    );
}

#[test]
fn data_files_take_linear_time() {
    let of_file = |name: &'static str| {
        move |text: &str| {
            params::parse(
                Path::new(name),
                text,
                &mut Sources::default(),
                &mut Vec::new(),
            );
        }
    };
    let sheet = |text: &str| drop(rows(FileId(0), text, ','));
    let deps = |text: &str| drop(depfile::parse(text.as_bytes()));
    for piece in ["a,b\n", "\"a\"\"b\",", "\r\n", "\"", ","] {
        check_repeated("", piece, "", &sheet);
    }
    for piece in ["a: b\n", "a \\\n", "\\", "$$", "\\ ", ": "] {
        check_repeated("a: ", piece, "", &deps);
    }
    for (name, beginning, piece, end) in [
        ("p.json", "{\"a\": [", "1, ", "1]}"),
        ("p.json", "{", "\"a\": 1, ", "\"b\": 2}"),
        ("p.json", "{\"a\": ", "[", ""),
        ("p.toml", "a = [", "1, ", "]"),
        ("p.toml", "a = ", "[", ""),
        ("p.toml", "", "# c\n", ""),
        ("p.yaml", "a: [", "1, ", "1]"),
        ("p.yaml", "a: ", "[", ""),
        ("p.yaml", "", "- ", ""),
    ] {
        check_repeated(beginning, piece, end, &of_file(name));
    }
}

#[test]
fn templates_take_linear_time_on_long_paths() {
    let name = |text: &str| NameId(u32::from(text.as_bytes()[0]));
    let filter = Filter::regex("(?P<a>x+)_(?P<b>x+)$", &mut |text| name(text)).unwrap();
    let lay = |text: &str| {
        filter.matches(BStr::new(text), &mut Captures::default());
    };
    check_repeated("", "x", "", &lay);
    check_repeated("", "x_", "", &lay);
}

/// `n` of them, each inside the one before.
fn nested(opener: &str, inner: &str, closer: &str, n: usize) -> String {
    [&opener.repeat(n), inner, &closer.repeat(n)].concat()
}

#[test]
fn ten_thousand_levels_of_anything_are_right_or_an_error() {
    const N: usize = 10_000;
    let header = "merge m: ./a -> b\n    ";
    // What nests, and the first error it is; none where it is right.
    for (text, expected) in [
        (
            format!("param p = {}\n", nested("(", "a", ")", N)),
            Some("E0123"),
        ),
        (format!("param p = a{}\n", nested("(", "a", ")", N)), None),
        (
            format!("param p = {}\n", nested("[", "a", "]", N)),
            Some("E0117"),
        ),
        (
            format!("param p = {}\n", nested("{a,", "a", "}", N)),
            Some("E0117"),
        ),
        (
            format!("param p = {}\n", nested("\"{a,", "a", "}\"", N)),
            Some("E0106"),
        ),
        (
            format!(
                "[cores {}]\nmerge m: ./a -> b\n    x\n",
                nested("[", "1", "]", N)
            ),
            Some("E0117"),
        ),
        (
            format!(
                "[check \"{}\"]\nmerge m: ./a -> b\n    x\n",
                nested("$(", "a", ")", N)
            ),
            None,
        ),
        (
            format!(
                "transform t: ./a regex '{}' -> b\n",
                nested("(", "a", ")", N)
            ),
            Some("E0256"),
        ),
        (
            format!(
                "transform t: ./a match {{a:{}}} -> b\n",
                nested("(", "a", ")", N)
            ),
            Some("E0254"),
        ),
        (format!("{header}{}\n", nested("$(", "a", ")", N)), None),
        (format!("{header}{}\n", nested("(", "a", ")", N)), None),
        (format!("{header}{}\n", nested("\"$(", "a", ")\"", N)), None),
        (format!("{header}{}\n", nested("${a:-", "b", "}", N)), None),
        (format!("{header}{}\n", nested("$((", "1", "))", N)), None),
        (format!("{header}{}\n", nested("{ ", "a;", " }", N)), None),
        (
            format!("{header}{}\n", nested("$(", "a", "", N)),
            Some("E0151"),
        ),
        (
            format!(
                "{header}{}\n",
                nested("cat <<E\n    $(", "a", ")\n    E\n    ", N)
            ),
            Some("E0150"),
        ),
        (
            format!("use f as m (a = {})\n", nested("[", "a", "]", N)),
            Some("E0117"),
        ),
    ] {
        let shown = &text[..40];
        match (codes(&text).first(), expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert_eq!(*found, expected, "{shown:?}"),
            (found, expected) => panic!("{shown:?}: {found:?}, not {expected:?}"),
        }
    }
    for (name, text) in [
        ("p.json", format!("{{\"a\": {}}}", nested("[", "1", "]", N))),
        (
            "p.json",
            format!("{{\"a\": {}}}", nested("{\"a\":", "1", "}", N)),
        ),
        ("p.toml", format!("a = {}", nested("[", "1", "]", N))),
        ("p.toml", format!("a = {}", nested("{a = ", "1", "}", N))),
        ("p.toml", nested("a.", "b = 1", "", N)),
        ("p.yaml", format!("a: {}", nested("[", "1", "]", N))),
        ("p.yaml", format!("a: {}", nested("{a: ", "1", "}", N))),
        ("p.yaml", nested("- ", "1", "", N)),
        ("p.yaml", nested("? ", "1", "", N)),
    ] {
        let mut diags = Vec::new();
        params::parse(Path::new(name), &text, &mut Sources::default(), &mut diags);
        assert_eq!(diags.len(), 1, "{name} {:?}", &text[..20]);
    }
}

#[test]
fn files_that_name_files_end() {
    let chain = |n: usize, line: &dyn Fn(usize) -> String| -> HashMap<String, String> {
        let last = (format!("{n}.flow"), String::new());
        let others = (0..n).map(|n| (format!("{n}.flow"), line(n + 1)));
        others.chain([last]).collect()
    };
    let code = |files: &HashMap<String, String>| {
        let (_, diags) = read(&files["0.flow"], files);
        diags.first().map(|diag| diag.code)
    };
    // Ten thousand deep; and few levels, each of which doubles what is read.
    let include = |n: usize| format!("include {n}.flow\n");
    assert_eq!(code(&chain(10_000, &include)), Some("E0291"));
    assert_eq!(
        code(&chain(10_000, &|n| format!("use {n}.flow as m\n"))),
        Some("E0291")
    );
    assert_eq!(code(&chain(40, &|n| include(n).repeat(2))), Some("E0291"));
    let two = |n: usize| format!("use {n}.flow as a\nuse {n}.flow as b\n");
    assert_eq!(code(&chain(40, &two)), Some("E0291"));
    let lets = |n: usize| format!("let a{n} = {{a{}}}{{a{}}}\n", n - 1, n - 1);
    let text = String::from("let a0 = x\n") + &(1..60).map(lets).collect::<String>();
    assert_eq!(codes(&text), ["E0211"]);
}

#[test]
fn a_chain_of_ten_thousand_rules_is_right() {
    let rule = |n: usize| {
        format!(
            "transform r{n}: r{} -> {n}/{{stem}}\n    touch {{output}}\n",
            n - 1
        )
    };
    let text = String::from("originate r0 -> a\n    touch a\n")
        + &(1..=10_000).map(rule).collect::<String>();
    assert_eq!(codes(&text), [""; 0]);
}

#[test]
fn lines_of_a_megabyte_are_right() {
    let long = "x".repeat(1 << 20);
    for text in [
        format!("param p = {long}\n"),
        format!("param p = '{long}'\n"),
        format!("# {long}\nparam p = 1 # {long}\n"),
        format!("merge m: ./a -> b\n    echo {long} '{long}' {{input}}\n"),
        format!("merge m: ./a -> b\n    cat <<E\n    {long}\n    E\n"),
        format!(
            "merge m: ./a {}-> b\n    cat {{input}}\n",
            "./a ".repeat(1 << 18)
        ),
    ] {
        let (workflow, diags) = read(&text, &HashMap::new());
        assert!(!diags.iter().any(Diag::is_error), "{:?}", &text[..40]);
        assert!(workflow.params.len() + workflow.rules.len() == 1);
    }
    assert!(codes(&format!("{long}\n")).len() == 1);
    let sheet = rows(FileId(0), &format!("{long},{long}\n"), ',').unwrap();
    assert!(sheet[0].iter().all(|field| field.value == long));
    let deps = depfile::parse(format!("a: {long} {long}x").as_bytes()).unwrap();
    assert!(
        deps.iter()
            .map(|one| one.len())
            .eq([1 << 20, (1 << 20) + 1])
    );
}

#[test]
fn line_ends_marks_and_tabs_change_nothing() {
    let text = "# doc\nparam p = 'a b'\n\n[cores 2]\ntransform t: *.a suffix .a -> .b\n    cat <<E\n      x\n    E\n    cat {input}\n";
    let meaning = |text: &str| {
        let (workflow, diags) = read(text, &HashMap::new());
        assert!(diags.iter().all(|diag| !diag.is_error()), "{diags:?}");
        let (_, rule) = workflow.rules.iter().next().expect("one rule");
        let recipe = rule.recipe.as_ref().expect("it has one");
        (
            recipe.text.text().to_string(),
            workflow.params[0].doc.clone(),
        )
    };
    let expected = meaning(text);
    assert_eq!(meaning(&text.replace('\n', "\r\n")), expected);
    assert_eq!(meaning(&format!("\u{feff}{text}")), expected);
    assert_eq!(meaning(&text.replace("\n    ", "\n\t")), expected);
    assert_eq!(meaning(&text.replace(" suffix ", "\tsuffix\t")), expected);
    assert!(codes(&text.replace("doc", "d\0c")) == ["E0118"]);
    // Where a line ends is no part of a sheet's cells either.
    let cells = |text: &str| -> Vec<Vec<String>> {
        let rows = rows(FileId(0), text, '\t').unwrap();
        let row = |row: Vec<flow::workflow::sheet::Field>| row.into_iter().map(|one| one.value);
        rows.into_iter().map(|one| row(one).collect()).collect()
    };
    assert_eq!(cells("a\tb\n1\t2\n"), cells("\u{feff}a\tb\r\n1\t2\r\n"));
    let deps = |text: &str| depfile::parse(text.as_bytes()).unwrap();
    assert_eq!(deps("a: b \\\n c\n"), deps("a: b \\\r\n c\r\n"));
    assert_eq!(deps("a:\tb\tc\0d")[1].as_bytes(), b"c\0d");
}
