//! `flow check` and `flow explain` as a user sees them; and that every code has a page which is true.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{Ended, Project};
use flow::cli::explain::{Page, pages};

/// Codes whose mistake is not in the text of a workflow, so that no text can show it, and what will
/// not be a mistake for long.
const WITHOUT_EXAMPLE: [&str; 22] = [
    "W0334", "E0001", "E0002", "E0003", "E0122", "E0222", "E0271", "E0273", "E0277", "E0278",
    "E0290", "E0291", "E0292", "E0293", "E0294", "E0310", "E0320", "E0325", "E0331", "W0333",
    "W0343", "E0350",
];

/// Every code in the sources, tests aside, with the modules that it stands in.
fn codes_in_sources() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).expect("text");
                let text = text.split("#[cfg(test)]").next().unwrap_or("");
                let module = path.strip_prefix(&src).expect("inside").iter().next();
                let module = module.expect("a module").to_string_lossy().into_owned();
                for code in codes_in(text) {
                    found.entry(code).or_default().insert(module.clone());
                }
            }
        }
    }
    found
}

/// Whatever makes a diagnostic with a code: `error("E0101"`, `Diag::warning(\n "W0301"`.
fn codes_in(text: &str) -> Vec<String> {
    let pieces = text.split('"').skip(1);
    let is_code = |piece: &&str| {
        piece.len() == 5
            && piece.starts_with(['E', 'W'])
            && piece[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    pieces.filter(is_code).map(String::from).collect()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let used: BTreeSet<String> = codes_in_sources().into_keys().collect();
    let explained: BTreeSet<String> = pages().map(|page| page.code.into()).collect();
    assert!(used.len() > 80, "{used:?}");
    let unexplained: Vec<_> = used.difference(&explained).collect();
    assert!(unexplained.is_empty(), "no page for {unexplained:?}");
    let unused: Vec<_> = explained.difference(&used).collect();
    assert!(unused.is_empty(), "nothing says {unused:?}");
}

#[test]
fn a_code_means_one_thing() {
    // Places that look at codes rather than say them.
    let asks = |code: &str, module: &str| module == "cli" && !code.starts_with("E034");
    for (code, mut modules) in codes_in_sources() {
        if modules.len() > 1 {
            modules.retain(|module| !asks(&code, module));
        }
        assert_eq!(modules.len(), 1, "{code} is said by {modules:?}");
    }
}

/// The example below this heading of a page.
fn example(page: Page, heading: &str) -> Option<&'static str> {
    let (_, rest) = page.text.split_once(heading)?;
    let (_, rest) = rest.split_once("```flow\n")?;
    rest.split("```").next()
}

/// Tries an example with the command and the files that its comments name.
fn try_out(example: &str) -> Ended {
    let project = Project::new(example);
    let mut command = vec!["flow", "plan"];
    for line in example.lines() {
        if let Some(files) = line.strip_prefix("# files: ") {
            for file in files.split(' ') {
                project.write(file, "");
            }
        }
        if let Some(typed) = line.strip_prefix("# run: ") {
            command = typed.split(' ').collect();
        }
    }
    project.flow(&command[1..])
}

#[test]
fn examples_do_what_their_pages_say() {
    let mut wrong = Vec::new();
    for page in pages() {
        let code = page.code;
        let examples = (example(page, "Wrong:\n"), example(page, "Right:\n"));
        let (Some(bad), Some(good)) = examples else {
            if !WITHOUT_EXAMPLE.contains(&code) || examples != (None, None) {
                wrong.push(format!("{code}: an example is missing"));
            }
            continue;
        };
        let said = try_out(bad);
        if !said.err.contains(&format!("[{code}]")) {
            wrong.push(format!(
                "{code}: the wrong example does not say it\n{}",
                said.err
            ));
        }
        if code.starts_with('E') == (said.status == 0) {
            wrong.push(format!(
                "{code}: the wrong example ends with {}",
                said.status
            ));
        }
        let said = try_out(good);
        if said.status != 0 || !said.err.is_empty() {
            wrong.push(format!("{code}: the right example is wrong\n{}", said.err));
        }
        // Whoever copies an example should not be told off.
        let text = good.lines().filter(|line| !line.starts_with("# run: "));
        let text: Vec<&str> = text.collect();
        let said = Project::new(&text.join("\n")).flow(&["check", "-q"]);
        if !said.err.is_empty() && code != "E0204" {
            wrong.push(format!("{code}: the right example is a slip\n{}", said.err));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const SLIPS: &str = "\
param genome = hg38
# Capitals.
transform up: *.txt suffix .txt -> .up
    tr a-z A-Z < {input} > {output}
";

#[test]
fn slips_are_warnings_of_check_alone() {
    let project = Project::new(SLIPS);
    project.write("a.txt", "");
    let said = project.flow(&["check"]).expect(0);
    assert_eq!(
        said.err,
        "\
warning[W0401]: nothing uses the param `genome`
 --> workflow.flow:1:7
  |
1 | param genome = hg38
  |       ^^^^^^ given a value here, and not asked for
  |
  = help: use it as `{genome}`, or take it out

warning: 1 warning in workflow.flow
for more information try `flow explain W0401`
"
    );
    assert_eq!(said.out, "workflow.flow: no mistakes in 1 rule\n");
    assert_eq!(project.flow(&["plan"]).expect(0).err, "");
}

#[test]
fn the_forms_for_programs_go_to_stdout() {
    let project = Project::new(SLIPS);
    let said = project.flow(&["check", "--format", "json"]).expect(0);
    assert_eq!(said.err, "");
    let object: serde_json::Value = serde_json::from_str(&said.out).expect("one JSON object");
    assert_eq!(object["schema"], 1);
    assert_eq!(object["code"], "W0401");
    assert_eq!(object["file"], "workflow.flow");
    assert_eq!(object["column"], 7);

    project.write("workflow.flow", "parm a = 1\nlet b 2\n");
    let said = project.flow(&["check", "--format=json"]).expect(3);
    let lines: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2, "{}", said.out);
    assert_eq!(lines[0]["helps"][0]["edit"]["new"], "param");
    assert_eq!(lines[1]["line"], 2);

    let said = project.flow(&["check", "--format=github"]).expect(3);
    let first = said.out.lines().next().expect("a line");
    assert!(
        first.starts_with(
            "::error file=workflow.flow,line=1,endLine=1,col=1,endColumn=4,title=E0101::`parm`"
        ),
        "{first}"
    );

    let said = project
        .flow(&["check", "none.flow", "--format=json"])
        .expect(3);
    assert!(said.out.contains("\"E0001\""), "{}", said.out);
    assert_eq!(said.err, "");

    project.write(
        "workflow.flow",
        "originate a -> a.txt\n    touch {output}\n",
    );
    for form in ["json", "github"] {
        assert_eq!(project.flow(&["check", "--format", form]).expect(0).out, "");
    }
}

#[test]
fn codes_are_explained() {
    let project = Project::new("");
    let said = project.flow(&["explain", "e0103"]).expect(0);
    assert!(said.out.starts_with("E0103: the arrow\n\n"), "{}", said.out);
    assert!(
        said.out
            .contains("    transform up: *.txt suffix .txt => .up\n")
    );
    assert!(!said.out.contains("```"));

    let said = project.flow(&["explain"]).expect(0);
    for page in pages() {
        assert!(said.out.contains(page.code));
    }
    project
        .flow(&["explain", "E0100"])
        .expect(2)
        .says(&["'E0100'", "did you mean `E0101`?"]);
}

#[test]
fn what_an_included_file_uses_is_used() {
    let project = Project::new("param genome = hg38\njobs_limit few = 2\ninclude more.flow\n");
    project.write(
        "more.flow",
        "[jobs_limit few, stdout all.txt]\noriginate all -> all.txt\n    echo {genome}\n",
    );
    let checked = project.flow(&["check"]).expect(0);
    assert_eq!(checked.err, "");
}

#[test]
fn a_param_that_a_run_gives_its_value_is_no_mistake() {
    let text =
        "param must\n\ntransform t: match in/{s} -> out/{s}.{must}\n    cp {input} {output}\n";
    let project = Project::new(text);
    project.write("in/a", "");
    project.flow(&["check"]).expect(0);
    project.flow(&["check", "-v"]).expect(0);
    project.flow(&["check", "--set", "must=x"]).expect(0);
    project
        .flow(&["plan"])
        .expect(3)
        .says(&["E0204", "--set must=VALUE"]);
    // Where a module is used its params are given, or nowhere.
    project.write("main.flow", "use workflow.flow as w\n");
    project
        .flow(&["check", "main.flow"])
        .expect(3)
        .says(&["E0204", "is given none here"]);
    project
        .flow(&["list", "main.flow"])
        .expect(3)
        .says(&["E0204"]);
}

#[test]
fn bytes_that_are_no_text_are_one_mistake() {
    let project = Project::new("");
    project.write("workflow.flow", b"# caf\xe9\nparam x = caf\xe9\n");
    let ended = project.flow(&["check"]).expect(3);
    ended.says(&["E0002", "workflow.flow:2:14", "1 mistake in workflow.flow"]);
    project.write("main.flow", "include workflow.flow\n");
    let ended = project.flow(&["check", "main.flow"]).expect(3);
    ended.says(&["E0292", "workflow.flow:2:14", "main.flow:1:9", "named here"]);
    // What is said of a line with such bytes has columns of characters.
    project.write("workflow.flow", b"param x = \"\xe9\xe8\" y \xe9\n");
    let ended = project.flow(&["check", "--format", "json"]);
    let found: Vec<&str> = ended.out.lines().collect();
    let [only] = found[..] else {
        panic!("{}", ended.out)
    };
    assert!(
        only.contains("\"code\":\"E0002\"") && only.contains("\"column\":18"),
        "{only}"
    );
}

#[test]
fn lists_are_shown_as_they_can_be_written() {
    let project = Project::new("param l = [a, \"b, c\", 'd\"e', \"\", f]\n");
    let out = project.flow(&["list"]).expect(0).out;
    assert!(
        out.contains(r#"list = [a, "b, c", "d\"e", "", f]"#),
        "{out}"
    );
}

#[test]
fn all_that_filters_leave_out_is_listed() {
    let project = Project::new("transform t: in/* suffix .x -> .y\n    cp {input} {output}\n");
    project.write("in/a.x", "");
    for n in 0..150 {
        project.write(format!("in/{n}.z"), "");
    }
    let out = project.flow(&["check", "-v"]).expect(0).out;
    let listed = out
        .lines()
        .filter(|line| line.starts_with("t: the filter leaves out in/"));
    assert_eq!(listed.count(), 150);
    // Of those that nothing is taken of, the nearest is named, however late it comes.
    std::fs::rename(project.path("in/a.x"), project.path("in/z.xx")).unwrap();
    project
        .flow(&["plan"])
        .expect(3)
        .says(&["leaves out all 151 items", "`in/z.xx`"]);
}

#[test]
fn a_let_that_is_set_from_outside_is_told_to_be_one() {
    let project = Project::new("let who = x\n\noriginate a -> {who}.txt\n    touch {output}\n");
    project.flow(&["check", "--set", "who=y"]).expect(3).says(&[
        "`--set who`: there is no such param",
        "a `let`, which no run changes",
        "make it a `param`",
    ]);
}

#[test]
fn a_folder_that_is_not_there_makes_the_command_line_wrong() {
    let project = Project::new("originate a -> a\n    touch {output}\n");
    for command in ["check", "run", "plan", "list", "history", "stop"] {
        let wrong = project.flow(&[command, "-C", "nosuch"]);
        wrong.expect(2).says(&["go to the folder `nosuch`: "]);
    }
    let wrong = project.flow(&["run", "--workdir", "workflow.flow/x"]);
    wrong.expect(2).says(&["find the folder `"]);
}
