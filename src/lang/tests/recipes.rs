//! Recipes, and where their placeholders stand.

use super::dump;
use crate::lang::ast::Recipe;
use crate::lang::quote::Place;
use crate::lang::recipe::{self, Part, RecipeText};
use crate::lang::span::{FileId, Span};

fn recipe(text: &str) -> Recipe {
    let starts = text.split('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len() as u32 + 1;
        Some(start)
    });
    Recipe {
        span: Span {
            file: FileId(0),
            start: 0,
            end: text.len() as u32,
        },
        text: text.into(),
        line_starts: starts.collect(),
    }
}

fn lexed(text: &str) -> RecipeText {
    let (read, diags) = recipe::lex(&recipe(text));
    assert!(diags.is_empty(), "{text}: {diags:?}");
    read
}

/// The text with each placeholder as `‹name place›`, `?` behind one that is text if unknown and
/// `!` behind one that is refused.
fn places(text: &str) -> String {
    let read = lexed(text);
    let mut out = String::new();
    for part in &read.parts {
        match part {
            Part::Text(range) => out.push_str(&text[range.clone()]),
            Part::Placeholder(placeholder) => {
                let place = match placeholder.place {
                    Place::Bare { is_alone: true, .. } => "alone",
                    Place::Bare {
                        begins_word: true, ..
                    } => "first",
                    Place::Bare { .. } => "bare",
                    Place::DoubleQuotes {
                        after_variable: true,
                        ..
                    } => "dq$",
                    Place::DoubleQuotes { .. } => "dq",
                    Place::SingleQuotes { .. } => "sq",
                    Place::AnsiQuotes => "ansi",
                    Place::HereDoc {
                        is_quoted: true, ..
                    } => "doc'",
                    Place::HereDoc {
                        strips_tabs: true, ..
                    } => "doc-",
                    Place::HereDoc { .. } => "doc",
                    Place::Expansion => "exp",
                    Place::QuotedExpansion => "qexp",
                    Place::Arithmetic { in_test: true } => "test",
                    Place::Arithmetic { .. } => "arith",
                    Place::Backticks => "back",
                };
                let shown = dump::hole(&placeholder.hole);
                let marks = [
                    if placeholder.unknown_is_text { "?" } else { "" },
                    if placeholder.refusal.is_some() {
                        "!"
                    } else {
                        ""
                    },
                ];
                out += &format!("{} {place}{}›", shown.trim_end_matches('›'), marks.concat());
                assert_eq!(
                    placeholder.hole.span.start as usize,
                    placeholder.range.start
                );
                assert_eq!(placeholder.hole.span.end as usize, placeholder.range.end);
            }
            Part::HereDocStart(_) | Part::HereDocEnd(_) => {}
        }
    }
    out
}

#[test]
fn only_names_in_braces_are_placeholders() {
    for text in [
        "echo {} {4} {1..9} {a,b} { x } {n++} {a b} {a:b} {-a}",
        "echo ${HOME} %{http_code} @{u} ${x}",
        "curl -w '%{http_code}' # {a}",
        "find . -exec wc {} \\;",
        "f() { x; }; {a;}",
    ] {
        assert_eq!(places(text), text);
    }
    assert_eq!(
        places("echo {{a}} '{{b.c}}' {{{d}}}"),
        "echo {a} '{b.c}' {{d}}"
    );
    assert_eq!(places("{{a} {{a}b"), "{‹a bare› {‹a bare›b");
    let forms = places("{a} {a[0]} {a[-1].b} {a:raw} {a.b:raw} {a-b}");
    let expected =
        "‹a alone› ‹a[0] alone› ‹a[-1].b alone› ‹a raw alone› ‹a.b raw alone› ‹a-b alone›";
    assert_eq!(forms, expected);
}

#[test]
fn each_placeholder_knows_its_place() {
    let cases = [
        (
            "c {a} x{a} {a}x;{a}|{a}&({a})",
            "c ‹a alone› x‹a bare› ‹a first›x;‹a alone›|‹a alone›&(‹a alone›)",
        ),
        ("c {a}>{a}", "c ‹a first›>‹a alone›"),
        (
            "\"{a} $v{a} '{a}'\" '{a} \"{a}\"'",
            "\"‹a dq› $v‹a dq$› '‹a dq›'\" '‹a sq?› \"‹a sq?›\"'",
        ),
        (
            "\"$(c \"{a}\" {a})\" {a}",
            "\"$(c \"‹a dq›\" ‹a alone›)\" ‹a alone›",
        ),
        (
            "$(case x in a) c {a};; (b) {a};; esac) '{a}'",
            "$(case x in a) c ‹a alone›;; (b) ‹a alone›;; esac) '‹a sq?›'",
        ),
        ("case $x in esac) y", "case $x in esac) y"),
        (
            "$(c # it's )\"\n{a})'{a}'",
            "$(c # it's )\"\n‹a alone›)'‹a sq?›'",
        ),
        ("c # {a} it's\n{a}#{a}", "c # {a} it's\n‹a first›#‹a bare›"),
        (
            "$'{a}\\'{a}' $\"{a}\"",
            "$'‹a ansi?›\\'‹a ansi?›' $\"‹a dq›\"",
        ),
        (
            "${x:-{a}} ${x-\"{a}\"} ${x:-'{a}'} ${x#{a}}",
            "${x:-‹a exp›} ${x-\"‹a dq›\"} ${x:-'‹a sq?›'} ${x#‹a exp›}",
        ),
        (
            "\"${x:-{a}}\" \"${x:-\"{a}\"}\"",
            "\"${x:-‹a qexp!›}\" \"${x:-\"‹a dq!›\"}\"",
        ),
        (
            "${x[{a}]} ${x[1]:-{a}} ${x:{a}:2} ${#x}'{a}'",
            "${x[‹a arith›]} ${x[1]:-‹a exp›} ${x:‹a arith›:2} ${#x}'‹a sq?›'",
        ),
        (
            "$(( {a} + ($(c {a}) << 2) )) $[ {a} ] {a}",
            "$(( ‹a arith› + ($(c ‹a alone›) << 2) )) $[ ‹a arith› ] ‹a alone›",
        ),
        (
            "(( x < {a} )) && c; for ((i=0; i<{a}; i++)); do c; done",
            "(( x < ‹a arith› )) && c; for ((i=0; i<‹a arith›; i++)); do c; done",
        ),
        (
            "((c {a}); d) $( (c {a}); d)",
            "((c ‹a alone›); d) $( (c ‹a alone›); d)",
        ),
        (
            "$((c '))' \"((\" \\) {a}) | d) $((\"3)\" + {a}))",
            "$((c '))' \"((\" \\) ‹a alone›) | d) $((\"3)\" + ‹a arith›))",
        ),
        (
            "$((')' + '{a}' + {a})) ${x['a]']:-{a}}",
            "$((')' + '‹a arith?›' + ‹a arith›)) ${x['a]']:-‹a exp›}",
        ),
        (
            "[[ {a} -eq 1 && 2 -lt \"{a}\" || {a} == x ]] {a}",
            "[[ ‹a test› -eq 1 && 2 -lt \"‹a test›\" || ‹a first› == x ]] ‹a alone›",
        ),
        (
            "[[ $(c {a}) -eq 1 && ( x > {a} ) ]]",
            "[[ $(c ‹a alone›) -eq 1 && ( x > ‹a first› ) ]]",
        ),
        (
            "`c {a}` \"`c '{a}'`\"",
            "`c ‹a back!›` \"`c '‹a back?!›'`\"",
        ),
        (
            "c <<E {a}\n{a} $(d {a})\nE\n{a}",
            "c <<E ‹a alone›\n‹a doc› $(d ‹a alone›)\nE\n‹a alone›",
        ),
        (
            "c <<'E' <<-\"F\"\n{a}\nE\n\t{a}\n\tF\n{a}",
            "c <<'E' <<-\"F\"\n‹a doc'?›\nE\n\t‹a doc'?›\n\tF\n‹a alone›",
        ),
        (
            "c <<-E; d\n\t{a} $v{a} ${x:-{a}}\n\tE",
            "c <<-E; d\n\t‹a doc-› $v‹a doc-!› ${x:-‹a qexp!›}\n\tE",
        ),
        (
            "$(c <<E\n{a} it's \"\nE\n) {a}",
            "$(c <<E\n‹a doc› it's \"\nE\n) ‹a alone›",
        ),
        (
            "c <<< {a} <({a}) >({a})",
            "c <<< ‹a alone› <(‹a alone›) >(‹a alone›)",
        ),
        ("c \\\n{a} x\\\n{a}", "c \\\n‹a alone› x\\\n‹a bare›"),
        (
            "a=( {a} ) b={a} @({a}|x)",
            "a=( ‹a alone› ) b=‹a bare› @(‹a alone›|x)",
        ),
        (
            "f() { case $1 in a) c {a};; esac; }; $(f() { case $1 in a) c;; esac; }; {a})",
            "f() { case $1 in a) c ‹a alone›;; esac; }; $(f() { case $1 in a) c;; esac; }; ‹a alone›)",
        ),
        ("#!/bin/sh\n{a}", "#!/bin/sh\n‹a alone›"),
        ("#!python\nprint({a})", "#!python\nprint({a})"),
    ];
    for (text, expected) in cases {
        assert_eq!(places(text), expected, "{text}");
    }
}

#[test]
fn unknown_names_in_single_quotes_become_text() {
    let mut read = lexed("awk '{print} {x}' {x}");
    assert!(
        read.check_names(|hole| hole.name.value == "x", &["x"])
            .is_empty()
    );
    assert_eq!(read.placeholders().count(), 2);
    assert!(read.simple_command().is_some());
    let argv = read.argv(|_| recipe::Filled {
        kind: crate::lang::quote::ValueKind::Text,
        values: vec![std::borrow::Cow::Borrowed("v".into())],
    });
    assert_eq!(argv.unwrap().unwrap(), ["awk", "{print} v", "v"]);
}

#[test]
fn commands_that_need_a_shell_are_told_apart() {
    let is_simple = |text: &str| lexed(text).simple_command().is_some();
    for text in [
        "cp {a} {b}\n",
        "cp -r \"{a}\" 'x y' a\\ b \\\n  {b}",
        "./tool --in={a} %s a=b",
        "awk '{ print $1 }' {a}",
        "cp a b > c",
        ":",
        "true {a}",
        ": > {a}",
    ] {
        assert!(is_simple(text), "{text}");
    }
    for text in [
        "",
        "> c",
        "cp a > c; x",
        "cp a > *.b",
        "cp a > ~/b",
        "cp a > $b",
        "cp a >",
        "cp a > > b",
        "cp a >| b",
        "cp a <> b",
        "cp a <<< b",
        "cp a <<E\nE",
        "cp a > >(b)",
        "cp a < <(b)",
        "cp a 3> b",
        "cp a 1> b",
        "cp a 2>> b",
        "cp a12> b",
        "cp a\\ 2> b",
        "cp '2'> b",
        "cp 2\\\n> b",
        "cp a> b",
        "cp {a}> b",
        "cp a >& b",
        "cp a >&2",
        "cp a 2>&1x",
        "cp a 2>&1{a}",
        "cp a 2>&-",
        "cp a &>> b",
        "cp a& > b",
        "cp a > b # c",
        "> b echo a",
        "cp a > {a:raw}",
        "cp a b; x",
        "cp a b\nx",
        "cp $a b",
        "cp \"$a\" b",
        "cp *.a b",
        "cp a? b",
        "cp ~/a b",
        "A=b cp a",
        "echo a",
        "cd a",
        "if a",
        "! a",
        "{a} b",
        "cp a # b",
        "cp {a:raw}",
        "cp a &",
        "(cp a)",
        "cp {a,b}",
        "cp `a` b",
        "\"echo\" a",
        "[ -e a ]",
        "time cp a b",
        "%1",
        "c <<E\nE",
        "cp $'a' b",
        "#!/bin/sh\ncp a b",
        ". a",
        "false",
        ":; x",
        "echo a > b",
        "cp a! b",
        "cp {{a}} b",
    ] {
        assert!(!is_simple(text), "{text}");
    }
}

#[test]
fn redirections_are_read() {
    let read = |text: &str| -> Option<String> {
        let command = lexed(text).redirected(|hole| recipe::Filled {
            kind: crate::lang::quote::ValueKind::File,
            values: match &*hole.name.value {
                "a" => vec![std::borrow::Cow::Borrowed("-a b".into())],
                "many" => vec![std::borrow::Cow::Borrowed("m".into()); 2],
                _ => vec![],
            },
        })?;
        let redirections = command.redirections.iter();
        let redirections = redirections.map(|(operator, file)| format!(" {operator:?} {file}"));
        let argv = bstr::join(b"|", &command.argv);
        let argv = String::from_utf8(argv).unwrap();
        Some(argv + &redirections.collect::<String>())
    };
    for (text, expected) in [
        ("c a > b\n", Some("c|a Output b")),
        ("c a", None),
        (": > b", Some(": Output b")),
        ("true a", Some("true|a")),
        ("c <b>>c", None),
        ("c <b >>c 2>d d", Some("c|d Input b Append c Error d")),
        (
            "> b 2> 'd d' c \\\n < \"e\"",
            Some("c Output b Error d d Input e"),
        ),
        ("c 2>&1 > b", Some("c ErrorToOutput  Output b")),
        ("c x &> b 2>&1", Some("c|x Both b ErrorToOutput ")),
        ("c {many} > {a}", Some("c|m|m Output ./-a b")),
        ("c > x{a} {none} 2>{a}", Some("c Output x-a b Error ./-a b")),
        ("c > \"{many}\" 2", Some("c|2 Output m m")),
        // Not one word: a shell takes what comes next for the file, or says that it cannot.
        ("c > {none} d", None),
        ("c > {many}", None),
        ("c > \"{none}\"", Some("c Output ")),
        ("c < /dev/null", Some("c Input /dev/null")),
        // Bash has its own notion of these.
        ("c > /dev/stderr", None),
        ("c < /dev/tcp/a/1", None),
        ("c a", None),
    ] {
        assert_eq!(read(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn unclosed_things_are_reported_once() {
    for text in [
        "c 'a",
        "c \"a",
        "c $(a",
        "c ${a",
        "c $((a",
        "c `a",
        "c $'a",
        "(c",
        "c <<E\nx",
        "c <<E",
        "c <<E\\\n",
        "c $((a' ) | b)",
        "c $((a `'`) | b)",
        "((c <<E\n{a}\nE\n) | b)",
        "c \"$(a 'b",
    ] {
        let (_, diags) = recipe::lex(&recipe(text));
        assert_eq!(diags.len(), 1, "{text}: {diags:?}");
    }
}

#[test]
fn the_command_of_a_check_is_a_recipe() {
    let source = "[check \"test -s {output} && awk '{print}' \\\"{x}\\\"\"]\nmerge a: b -> c\n";
    let (ast, _) = crate::lang::parse(FileId(0), source);
    let crate::lang::ast::ItemKind::Rule(rule) = &ast.items[0].kind else {
        panic!("a rule");
    };
    let crate::lang::ast::Value::Word(word) = &rule.attributes[0].values[0] else {
        panic!("a word");
    };
    let recipe = Recipe::of_command(word).unwrap();
    assert_eq!(recipe.text, "test -s {output} && awk '{print}' \"{x}\"");
    let (read, _) = recipe::lex(&recipe);
    let output = read.placeholders().next().unwrap();
    assert_eq!(
        &source[output.hole.span.start as usize..output.hole.span.end as usize],
        "{output}"
    );
}

#[test]
fn a_delimiter_may_go_on_over_a_line_end() {
    assert_eq!(
        places("cat <<E\\\nND\n{a}\nEND\n{a}"),
        "cat <<E\\\nND\n‹a doc›\nEND\n‹a alone›"
    );
}
