//! No file name can break a recipe, run a command, or get lost on the way: random names go as
//! inputs through filters, verbs and the ways in which a recipe can hold them.

mod common;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use common::Project;
use proptest::prelude::*;
use serde_json::Value;

/// Each recipe writes the input's content or its name to the output, in another way.
const WORKFLOW: &str = r##"transform simple: *.in suffix .in -> .simple
    cp {input} {output}

transform bare: *.in match {n}.in -> bare/{n}
    cat < {input} > {output} && :

transform double: *.in match {n}.in -> double/{n}.x
    cat "{input}" > "{output}"

transform single: *.in match {n}.in -> single/{n}.x
    cat '{input}' > '{output}'

transform posix: *.in match {n}.in -> posix/{n}.x
    #!/bin/sh
    x=$(cat -- "{input}")
    printf %s "$x" > {output}

transform named: *.in match {n}.in -> named/{n}.x
    printf '%s' {n} > {output}

transform told: *.in match {n}.in -> told/{n}.x
    cat > {output} <<END
    <{n}>
    END

transform quoted: *.in match {n}.in -> quoted/{n}.x
    cat > {output} <<'END'
    <{n}>
    END

transform nested: *.in match {n}.in -> nested/{n}.x
    x=$(printf '%s' "$(cat "{input}")")
    printf %s "${x}" > {output}

transform group: *.in regex '(?s-u)^(?<all>.*)[.]in$' -> group/{re[1]}.x
    sh -c 'cat < "$1" > "$2"' sh {input} {output}

collate one: *.in match {n}.in -> one/{n}.x
    cat {input} > {output}

merge all: *.in -> all.out
    cat {input} > {output}
"##;

/// Pieces of names that mean something to somebody.
const PIECES: [&[u8]; 45] = [
    b" ",
    b"  ",
    b"\t",
    b"\n",
    b"\r",
    b"'",
    b"\"",
    b"\\",
    b"-",
    b"--help",
    b"-rf ",
    b"$(touch PWNED)",
    b"`touch PWNED`",
    b";touch PWNED;",
    b"&touch PWNED&",
    b"|touch PWNED",
    b"\ntouch PWNED\n",
    b"'; touch PWNED; '",
    b"\"; touch PWNED; \"",
    b"${HOME}",
    b"$HOME",
    b"$@",
    b"#",
    b"%",
    b":",
    b"=",
    b"*",
    b"?",
    b"[a]",
    b"[!",
    b"{input}",
    b"{n}",
    b"{a,b}",
    b"{{n}}",
    b"{n:raw}",
    b"~",
    b"~root",
    b"!!",
    b"\xff\xfe",
    b"\xc3",
    "é日本".as_bytes(),
    b"\x1b[31m",
    b"<END>",
    b"END",
    b"\n\n",
];

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        any::<u8>().prop_filter("a name has no such bytes", |byte| !matches!(byte, 0 | b'/'));
    let piece = prop_oneof![
        6 => prop::sample::select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(byte, 1..4),
        2 => "[a-z]{1,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 1..16).prop_map(|pieces| {
        let mut name = pieces.concat();
        name.truncate(200);
        // Some here-documents of bash lose these two, so that such a value is refused there:
        // `tests/quoting.rs` has them in all other places.
        for byte in &mut name {
            if matches!(byte, 1 | 127) {
                *byte = b'_';
            }
        }
        // A glob leaves hidden files alone.
        if name[0] == b'.' {
            name[0] = b'_';
        }
        name
    })
}

fn file(name: &[u8], end: &str) -> std::ffi::OsString {
    std::ffi::OsString::from_vec([name, end.as_bytes()].concat())
}

/// Every file of the project but its state, as bytes.
fn files(project: &Project) -> BTreeSet<Vec<u8>> {
    let root = project.path("");
    let mut found = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(&root).expect("inside");
            if name == Path::new(".flow") {
            } else if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(name.as_os_str().as_bytes().to_vec());
            }
        }
    }
    found
}

/// A path in flow's JSON: text, or an object with the bytes in base64.
fn path_of(json: &Value) -> Vec<u8> {
    match json {
        Value::String(text) => text.as_bytes().to_vec(),
        _ => base64(json["bytes"].as_str().expect("bytes")),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
    let digits: Vec<usize> = text.bytes().map_while(digit).collect();
    let mut bytes = Vec::new();
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        let all = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        bytes.extend(&all[..four.len() - 1]);
    }
    bytes
}

#[track_caller]
fn names_arrive(names: &BTreeSet<Vec<u8>>) {
    let project = Project::new(WORKFLOW);
    let mut expected = BTreeSet::from([b"workflow.flow".to_vec(), b"all.out".to_vec()]);
    let mut all = String::new();
    // In the order in which a glob gives them: of the whole names.
    let mut sorted: Vec<_> = names.iter().map(|name| file(name, ".in")).collect();
    sorted.sort();
    for (number, name) in sorted.iter().enumerate() {
        let text = format!("content {number}");
        project.write(name, &text);
        all += &text;
    }
    let planned = project.flow(&["plan", "--json"]).expect(0);
    let mut inputs = BTreeSet::new();
    let mut outputs = BTreeSet::new();
    for line in planned.out.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        inputs.extend(
            line["inputs"]
                .as_array()
                .expect("inputs")
                .iter()
                .map(path_of),
        );
        outputs.extend(
            line["outputs"]
                .as_array()
                .expect("outputs")
                .iter()
                .map(path_of),
        );
    }
    let on_disk: BTreeSet<Vec<u8>> = sorted.iter().map(|name| name.as_bytes().to_vec()).collect();
    assert_eq!(inputs, on_disk);
    project.flow(&["run", "-k"]).expect(0);
    for (number, name) in sorted.iter().enumerate() {
        let stem = name.as_bytes().strip_suffix(b".in").expect("its suffix");
        let content = format!("content {number}").into_bytes();
        let told = [b"<", stem, b">\n"].concat();
        let ways: [(&str, &str, &[u8]); 11] = [
            ("", ".simple", &content),
            ("bare/", "", &content),
            ("double/", ".x", &content),
            ("single/", ".x", &content),
            ("posix/", ".x", &content),
            ("named/", ".x", stem),
            ("told/", ".x", &told),
            ("quoted/", ".x", &told),
            ("nested/", ".x", &content),
            ("group/", ".x", &content),
            ("one/", ".x", &content),
        ];
        expected.insert(name.as_bytes().to_vec());
        for (folder, end, content) in ways {
            let path = [folder.as_bytes(), stem, end.as_bytes()].concat();
            let found = fs::read(project.path(OsStr::from_bytes(&path)));
            let found = found.unwrap_or_else(|error| panic!("{folder}{name:?}: {error}"));
            assert_eq!(found, content, "{folder}{name:?}");
            assert!(
                outputs.contains(&path),
                "{folder}{name:?} is not in the plan"
            );
            expected.insert(path);
        }
    }
    assert_eq!(project.read("all.out"), all);
    assert_eq!(files(&project), expected);
    // What was recorded under these names is found again.
    project
        .flow(&["run"])
        .expect(0)
        .says(&["everything is up to date"]);
}

#[test]
fn names_that_mean_something_arrive() {
    let names = PIECES.iter().map(|piece| piece.to_vec());
    names_arrive(&names.collect());
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(3) })]
    #[test]
    fn any_name_arrives(names in prop::collection::btree_set(name(), 20..30)) {
        names_arrive(&names);
    }
}

#[test]
fn a_name_that_would_end_a_here_document_fails_its_job_and_runs_nothing() {
    let project = Project::new(
        "transform told: *.in match {n}.in -> told/{n}.x
    cat > {output} <<END
    {n}
    END
",
    );
    project.write("a\nEND\ntouch PWNED\n.in", "");
    project
        .flow(&["run"])
        .expect(1)
        .says(&["cannot fill in {n}: the value makes a line that ends the here-document"]);
    assert!(!project.has("PWNED"));
}

/// A name as it stands in double quotes: a backslash before what means something there.
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        match c {
            '\n' => text += "\\n",
            '\t' => text += "\\t",
            '\r' => text += "\\u{d}",
            '"' | '\\' | '*' | '?' | '[' | '{' => text.extend(['\\', c]),
            // Behind a `\{` it needs none.
            '}' if !name.contains('{') => text += "\\}",
            _ => text.push(c),
        }
    }
    text + "\""
}

#[test]
fn odd_names_can_be_written_in_the_workflow() {
    let long = "n".repeat(255);
    let names = [
        " ",
        " a ",
        "a\tb",
        "a\nb",
        "a\rb",
        "it's",
        "say \"x\"",
        "a\\b",
        "-rf",
        "--help",
        "#",
        "a#b",
        "$(touch PWNED)",
        "`touch PWNED`",
        "x;touch PWNED;y",
        "x&touch PWNED&",
        "x|touch PWNED",
        "$@",
        "a>PWNED",
        "${HOME}",
        "{input}",
        "{a,b}",
        "{",
        "}",
        "a{{b}}c",
        "{[*?]}",
        "*",
        "?",
        "[a]",
        "[",
        "]",
        "!x",
        "~root",
        "a:b",
        "a=b",
        "a->b",
        "(x)",
        ",",
        "with",
        "x",
        "naïve-日本-é",
        "e\u{301}",
        "%",
        "@f",
        "a\u{202e}txt",
        "a\u{1b}[31mb",
        "\u{feff}",
        "\u{a0}",
        ".hidden",
        "\\n",
        "\\",
        long.as_str(),
    ];
    let mut workflow = String::new();
    for (number, name) in names.iter().enumerate() {
        let (from, to) = (
            quoted(&format!("in/{name}")),
            quoted(&format!("out/{name}")),
        );
        workflow += &format!("merge r{number}: {from} -> {to}\n    cp {{input}} {{output}}\n");
        // Beside the workflow, where a dash may come first.
        if name.len() < 250 {
            let (from, to) = (quoted(name), quoted(&format!("{name}.out")));
            workflow +=
                &format!("merge s{number}: {from} -> {to}\n    cat {{input}} > {{output}}\n");
        }
    }
    let project = Project::new(&workflow);
    for (number, name) in names.iter().enumerate() {
        project.write(format!("in/{name}"), number.to_string());
        if name.len() < 250 {
            project.write(name, number.to_string());
        }
    }
    project.flow(&["check"]).expect(0);
    project.flow(&["run", "-k"]).expect(0);
    for (number, name) in names.iter().enumerate() {
        assert_eq!(
            project.read(format!("out/{name}")),
            number.to_string(),
            "{name:?}"
        );
        if name.len() < 250 {
            assert_eq!(
                project.read(format!("{name}.out")),
                number.to_string(),
                "{name:?}"
            );
        }
    }
    assert_eq!(project.files().len(), 1 + 4 * names.len() - 2);
    project
        .flow(&["run"])
        .expect(0)
        .says(&["everything is up to date"]);
}

#[test]
fn names_that_are_no_text_are_typed_as_they_are() {
    let project = Project::new("");
    project.write(
        "workflow.flow",
        b"# caf\xe9
let ending = \"\xfe.txt\"

originate first -> \"a\xff\"
    printf 'caf\xe9 ' > {output}

[check \"test ! -e 'gone\xe9'\", env NAME=\"\xe8\"]
merge second: first '5\xe5' \"{6\xe6,7\xe7}\" -> \"out\xfb/x{ending}\"
    cat {input} > {output}
    cat >> {output} <<END\xe9
    $NAME\xc3{ending}
    END\xe9

transform third: second match \"out\xfb/{x}\xfe{rest}\" -> \"third {x}{rest}\"
    cp {input} {output}
",
    );
    for name in [b"5\xe5", b"6\xe6", b"7\xe7"] {
        project.write(OsStr::from_bytes(name), &name[..1]);
    }
    project.flow(&["run"]).expect(0);
    let made = fs::read(project.path("third x.txt")).unwrap();
    assert_eq!(
        made.escape_ascii().to_string(),
        "caf\\xe9 567\\xe8\\xc3\\xfe.txt\\n"
    );
    assert!(project.has(OsStr::from_bytes(b"out\xfb/x\xfe.txt")));
    let again = project.flow(&["run"]).expect(0);
    again.says(&["everything is up to date"]);
    // As any other text, and in a module's too.
    project.flow(&["fmt"]).expect(0);
    project.write("main.flow", "use workflow.flow as m\n");
    let again = project.flow(&["run", "main.flow"]).expect(0);
    again.says(&["everything is up to date"]);
    project.write(OsStr::from_bytes(b"gone\xe9"), "");
    let status = project.flow(&["status", "--check"]).expect(8);
    assert!(status.out.contains("second"), "{}", status.out);
}
