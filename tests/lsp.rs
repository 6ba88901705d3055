//! `flow lsp` as an editor speaks to it.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use common::Project;
use serde_json::{Value, json};

/// A server that says nothing for so long has failed its test.
const LONGEST: Duration = Duration::from_secs(60);

/// The address of a file, as an editor writes it.
fn uri_of(path: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => uri.push((*byte).into()),
            byte if byte.is_ascii_alphanumeric() => uri.push((*byte).into()),
            byte => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

/// A server, and what an editor keeps of it. Killed when dropped.
struct Editor {
    server: Child,
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    n_requests: i32,
    /// What was said about documents, by address.
    diagnostics: Vec<Value>,
    uri: String,
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

impl Editor {
    /// A server that has heard nothing.
    fn start(project: &Project) -> Editor {
        let mut command = project.command(&["lsp"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut server = command.spawn().expect("flow starts");
        let to = server.stdin.take();
        let mut stdout = BufReader::new(server.stdout.take().expect("a pipe"));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            while let Some(message) = next_message(&mut stdout) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Editor {
            server,
            to,
            from,
            n_requests: 0,
            diagnostics: Vec::new(),
            uri: uri_of(&project.path("workflow.flow")),
        }
    }

    /// A server with the project's workflow open.
    fn open(project: &Project, text: &str) -> Editor {
        let mut editor = Editor::start(project);
        editor.ask(
            "initialize",
            json!({"capabilities": {}, "processId": null, "rootUri": null}),
        );
        editor.say("initialized", json!({}));
        let document = json!({"uri": editor.uri, "languageId": "flow", "version": 1, "text": text});
        editor.say("textDocument/didOpen", json!({"textDocument": document}));
        editor
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        let to = self.to.as_mut().expect("it is open");
        to.write_all(bytes).expect("the server listens");
        to.flush().expect("the server listens");
    }

    fn send_text(&mut self, text: &str) {
        let framed = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        self.send_bytes(framed.as_bytes());
    }

    fn say(&mut self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.send_text(&message.to_string());
    }

    fn change(&mut self, version: i32, text: &str) {
        let document = json!({"uri": self.uri, "version": version});
        let changes = json!([{"text": text}]);
        let params = json!({"textDocument": document, "contentChanges": changes});
        self.say("textDocument/didChange", params);
    }

    /// The next message; `None` when the server has ended.
    fn hear(&mut self) -> Option<Value> {
        match self.from.recv_timeout(LONGEST) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the server says nothing"),
        }
    }

    /// The whole answer to a request; notifications before it are kept.
    fn ask_whole(&mut self, method: &str, params: Value) -> Value {
        self.n_requests += 1;
        let id = self.n_requests;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send_text(&message.to_string());
        loop {
            let message = self.hear().expect("an answer");
            if message["id"] == id {
                return message;
            }
            self.diagnostics.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask_whole(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Asks about the place of `needle` in `text`, which the document is.
    fn ask_at(&mut self, method: &str, text: &str, needle: &str, further: usize) -> Value {
        let offset = text.find(needle).expect("it is there") + further;
        let line = text[..offset].matches('\n').count();
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let character = text[start..offset].encode_utf16().count();
        let params = json!({
            "textDocument": {"uri": self.uri},
            "position": {"line": line, "character": character},
            "context": {"includeDeclaration": true},
        });
        self.ask(method, params)
    }

    /// What is said about this version of the document: codes and places.
    fn diagnostics_of(&mut self, version: i32) -> Vec<String> {
        loop {
            let found = self
                .diagnostics
                .iter()
                .find(|said| said["params"]["version"] == version);
            if let Some(said) = found {
                let all = said["params"]["diagnostics"]
                    .as_array()
                    .expect("a list")
                    .clone();
                return all.iter().map(shown).collect();
            }
            let message = self.hear().expect("more is said");
            assert_eq!(message["method"], "textDocument/publishDiagnostics");
            self.diagnostics.push(message);
        }
    }

    /// Closes the server's stdin and returns its exit status.
    fn end(mut self) -> i32 {
        self.to = None;
        while self.hear().is_some() {}
        self.server
            .wait()
            .expect("it has ended")
            .code()
            .expect("no signal")
    }
}

/// The next message of a server; `None` when it has ended.
fn next_message(from: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).expect("text") == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.strip_prefix("Content-Length: ") {
            length = n.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).expect("a body");
    Some(serde_json::from_slice(&body).expect("JSON"))
}

fn shown(diagnostic: &Value) -> String {
    let place = |place: &Value| format!("{}:{}", place["line"], place["character"]);
    let range = &diagnostic["range"];
    let (start, end) = (place(&range["start"]), place(&range["end"]));
    format!(
        "{} {start}-{end}",
        diagnostic["code"].as_str().expect("a code")
    )
}

fn labels(completion: &Value) -> Vec<&str> {
    let items = completion.as_array().expect("a list");
    items
        .iter()
        .map(|item| item["label"].as_str().expect("a label"))
        .collect()
}

const TEXT: &str = "\
# Which genome — größe 🧬.
param genome = \"hg38 🧬\"
jobs_limit few = 2

# Letters become capitals.
[jobs_limit few]
transform up: match raw/{sample}.txt -> up/{sample}.up
    tr a-z A-Z < {input} > {output}

merge all: up with ref=genome.fa -> all.txt
    cat {input} > {output}; echo '🧬' {genome}
";

#[test]
fn a_conversation_from_the_first_word_to_the_last() {
    let project = Project::new("");
    let mut editor = Editor::start(&project);
    let early = editor.ask_whole("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    let initialized = editor.ask("initialize", json!({"capabilities": {}}));
    let capabilities = &initialized["capabilities"];
    assert_eq!(capabilities["textDocumentSync"]["change"], 1);
    assert_eq!(capabilities["positionEncoding"], "utf-16");
    editor.say("initialized", json!({}));
    editor.say("$/setTrace", json!({"value": "off"}));
    let unknown = editor.ask_whole("textDocument/inlayHint", json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    let unopened =
        json!({"textDocument": {"uri": "file:///none"}, "position": {"line": 0, "character": 0}});
    let unopened = editor.ask_whole("textDocument/hover", unopened);
    assert_eq!(unopened["error"]["code"], -32602);
    assert_eq!(editor.ask("shutdown", Value::Null), Value::Null);
    let late = editor.ask_whole("textDocument/hover", json!({}));
    assert_eq!(late["error"]["code"], -32600);
    editor.say("exit", Value::Null);
    assert_eq!(editor.end(), 0);
}

#[test]
fn an_editor_that_leaves_without_a_word() {
    let project = Project::new("");
    assert_eq!(Editor::open(&project, TEXT).end(), 1);
    let mut editor = Editor::open(&project, TEXT);
    editor.say("exit", Value::Null);
    assert_eq!(editor.end(), 1);
}

#[test]
fn nonsense_is_answered_and_survived() {
    let project = Project::new("");
    let mut editor = Editor::open(&project, TEXT);
    assert!(editor.diagnostics_of(1).is_empty());
    for nonsense in [
        "{\"jsonrpc\":",
        "[]",
        "17",
        "{}",
        "{\"id\":1.5,\"method\":\"x\"}",
    ] {
        editor.send_text(nonsense);
        let answer = editor.hear().expect("an answer");
        assert_eq!(answer["error"]["code"], -32700, "{nonsense}: {answer}");
        assert_eq!(answer["id"], Value::Null);
    }
    let wrong = json!({"textDocument": {"uri": editor.uri}, "position": "here"});
    assert_eq!(
        editor.ask_whole("textDocument/hover", wrong)["error"]["code"],
        -32602
    );
    editor.say("textDocument/didOpen", json!({"textDocument": 1}));
    editor.say("textDocument/didChange", json!([]));
    editor.change(2, "parm x = 1\n");
    assert_eq!(editor.diagnostics_of(2), ["E0101 0:0-0:4"]);
    // Where a message begins is lost for good after this.
    editor.send_bytes(b"Content-Length: many\r\n\r\n");
    assert_eq!(editor.end(), 7);
}

#[test]
fn mistakes_are_said_as_they_are_typed() {
    let project = Project::new("");
    let mut editor = Editor::open(&project, TEXT);
    assert!(editor.diagnostics_of(1).is_empty());
    // Places count UTF-16 units: 🧬 is two, ö one.
    let wrong = TEXT
        .replace("{genome}", "{genom}")
        .replace("-> all", "=> all");
    editor.change(2, &wrong);
    assert_eq!(
        editor.diagnostics_of(2),
        ["E0103 9:33-9:35", "E0154 10:38-10:45"]
    );
    editor.change(3, &TEXT.replace("{genome}", "{genom}"));
    assert_eq!(editor.diagnostics_of(3), ["E0154 10:38-10:45"]);
    // Only the last of what is typed at once is read.
    for version in 4..40 {
        editor.change(version, &wrong);
    }
    editor.change(40, TEXT);
    assert!(editor.diagnostics_of(40).is_empty());
    // Slips, and what only a run can give.
    editor.change(41, &TEXT.replace("{genome}", "").replace("= 2", "= 0"));
    assert_eq!(editor.diagnostics_of(41), ["E0208 2:17-2:18"]);
    editor.change(42, &TEXT.replace("{genome}", ""));
    assert_eq!(editor.diagnostics_of(42), ["W0401 1:6-1:12"]);
    editor.change(43, &TEXT.replace(" = \"hg38 🧬\"", ""));
    assert!(editor.diagnostics_of(43).is_empty());
    // A closed document has none.
    let uri = editor.uri.clone();
    editor.say(
        "textDocument/didClose",
        json!({"textDocument": {"uri": uri}}),
    );
    let closed = editor.hear().expect("more is said");
    assert_eq!(closed["params"]["diagnostics"], json!([]));
}

#[test]
fn mistakes_can_be_mended() {
    let project = Project::new("");
    let mut editor = Editor::open(
        &project,
        "let größe = 1\noriginate a -> a{größ}.txt\n    touch {output}\n",
    );
    assert_eq!(editor.diagnostics_of(1), ["E0230 1:16-1:22"]);
    let place = json!({"line": 1, "character": 18});
    let actions = editor.ask(
        "textDocument/codeAction",
        json!({
            "textDocument": {"uri": editor.uri},
            "range": {"start": place, "end": place},
            "context": {"diagnostics": []},
        }),
    );
    assert_eq!(actions[0]["title"], "did you mean `größe`?");
    let edit = &actions[0]["edit"]["changes"][editor.uri.as_str()][0];
    assert_eq!(edit["newText"], "größe");
    assert_eq!(edit["range"]["start"], json!({"line": 1, "character": 17}));
    assert_eq!(edit["range"]["end"], json!({"line": 1, "character": 21}));
}

#[test]
fn names_lead_to_their_declarations() {
    let project = Project::new("");
    let mut editor = Editor::open(&project, TEXT);
    for (needle, further, line, character) in [
        ("up with", 0, 6, 10),
        ("{genome}", 3, 1, 6),
        ("few]", 1, 2, 11),
        ("{sample}.up", 1, 6, 25),
    ] {
        let found = editor.ask_at("textDocument/definition", TEXT, needle, further);
        assert_eq!(found["uri"], editor.uri.as_str());
        let start = json!({"line": line, "character": character});
        assert_eq!(found["range"]["start"], start, "{needle}");
    }
    assert!(
        editor
            .ask_at("textDocument/definition", TEXT, "tr a-z", 0)
            .is_null()
    );
    let places = editor.ask_at("textDocument/references", TEXT, "genome =", 0);
    assert_eq!(places.as_array().expect("a list").len(), 2);
}

#[test]
fn names_are_explained() {
    let project = Project::new("");
    for name in ["a", "b", "c", "d", "e", "f"] {
        project.write(format!("raw/{name}.txt"), "");
    }
    project.write("genome.fa", "");
    let mut editor = Editor::open(&project, TEXT);
    let mut value = |needle: &str, further| {
        let hover = editor.ask_at("textDocument/hover", TEXT, needle, further);
        hover["contents"]["value"]
            .as_str()
            .unwrap_or("nothing")
            .to_string()
    };
    let rule = value("up with", 0);
    for part in [
        "```flow\ntransform up: match raw/{sample}.txt -> up/{sample}.up\n```",
        "Letters become capitals.",
        "one job for each item",
        "6 jobs\n- `raw/a.txt` → `up/a.up`\n",
        "- …",
    ] {
        assert!(rule.contains(part), "no {part} in {rule}");
    }
    assert!(
        value("all: up", 0)
            .contains("1 job\n- `up/a.up` `up/b.up` `up/c.up` and 4 more → `all.txt`")
    );
    let param = value("{genome}", 2);
    assert!(
        param.contains("param genome = \"hg38 🧬\"") && param.contains("größe"),
        "{param}"
    );
    assert!(value("few]", 0).contains("held by `up`"));
    assert!(value("{input}", 1).contains("the job's inputs"));
    assert!(value("{sample}.up", 1).contains("match raw/{sample}.txt"));
    assert!(value("jobs_limit few]", 1).contains("permit"));
    assert_eq!(value("tr a-z", 0), "nothing");
    // The text is broken: what was known stays.
    editor.change(2, &format!("{TEXT}\nparm\n"));
    let hover = editor.ask_at("textDocument/hover", TEXT, "up with", 0);
    assert!(
        hover["contents"]["value"]
            .as_str()
            .expect("text")
            .contains("6 jobs")
    );
}

#[test]
fn what_can_follow_is_offered() {
    let project = Project::new("");
    let mut editor = Editor::open(&project, TEXT);
    let mut version = 1;
    let mut offered = |typed: &str| -> Vec<String> {
        version += 1;
        let text = format!("{TEXT}\n{typed}");
        editor.change(version, &text);
        let found = editor.ask_at("textDocument/completion", &text, typed, typed.len());
        labels(&found).into_iter().map(String::from).collect()
    };
    for (typed, there, not_there) in [
        ("tra", vec!["transform", "param"], vec!["up", "suffix"]),
        ("[", vec!["cores", "retries"], vec!["few", "transform"]),
        ("[cores 2, jobs_limit ", vec!["few"], vec!["cores"]),
        ("[after ", vec!["up", "all"], vec!["cores"]),
        (
            "transform new: ",
            vec!["up", "all", "suffix"],
            vec!["genome"],
        ),
        (
            "transform new: up -> {",
            vec!["sample", "genome", "input", "stem"],
            vec!["up"],
        ),
        (
            "merge new: up with ref=a.b -> c\n    cat {input.",
            vec!["stem", "ref"],
            vec!["genome"],
        ),
        ("transform new: up -> x", vec![], vec!["up", "suffix"]),
    ] {
        let offered = offered(typed);
        for name in there {
            assert!(
                offered.iter().any(|label| label == name),
                "{typed}: no {name} in {offered:?}"
            );
        }
        for name in not_there {
            assert!(
                !offered.iter().any(|label| label == name),
                "{typed}: {name} in {offered:?}"
            );
        }
    }
}

#[test]
fn texts_are_laid_out() {
    let project = Project::new("");
    let crooked = "let 🧬=1\r\n\n\n\noriginate   a ->  a.txt # größe\n  touch  {output} 🧬";
    let mut editor = Editor::open(&project, crooked);
    let params = json!({
        "textDocument": {"uri": editor.uri},
        "options": {"tabSize": 8, "insertSpaces": false},
    });
    let mut edits = |version, text: &str| {
        editor.change(version, text);
        editor.ask("textDocument/formatting", params.clone())
    };
    assert!(edits(2, crooked).is_null(), "`🧬` is no name");
    let crooked = crooked.replacen('🧬', "x", 1);
    let straight = "let x = 1\n\noriginate a -> a.txt  # größe\n    touch  {output} 🧬\n";
    let whole = json!({
        "start": {"line": 0, "character": 0},
        "end": {"line": 5, "character": 20},
    });
    assert_eq!(
        edits(3, &crooked),
        json!([{"range": whole, "newText": straight}])
    );
    assert_eq!(edits(4, straight), json!([]));
}

const MAIN: &str = "\
param genome = hg38
include sub/lib.flow
use module.flow as m

merge all: up m.down -> all.txt
    cat {input} > {output}
";

const LIB: &str = "\
# Letters become capitals.
transform up: raw/*.txt suffix .txt -> {stem}.{genome}
    tr a-z A-Z < {input} > {output}
";

#[test]
fn files_that_are_named_are_read() {
    let project = Project::new("");
    project.write("raw/a.txt", "").write("sub/lib.flow", LIB);
    project.write(
        "module.flow",
        "originate down -> down.txt\n    touch {output}\n",
    );
    let mut editor = Editor::open(&project, MAIN);
    assert!(editor.diagnostics_of(1).is_empty());
    let uri = |name: &str| uri_of(&project.path(name));
    for (needle, file, line, character) in [
        ("up m", "sub/lib.flow", 1, 10),
        ("m.down", "module.flow", 0, 10),
    ] {
        let found = editor.ask_at("textDocument/definition", MAIN, needle, 0);
        assert_eq!(found["uri"], uri(file));
        let start = json!({"line": line, "character": character});
        assert_eq!(found["range"]["start"], start, "{needle}");
    }
    let hover = editor.ask_at("textDocument/hover", MAIN, "up m", 0);
    let hover = hover["contents"]["value"].as_str().expect("text");
    for part in [
        "transform up: raw/",
        "Letters become",
        "1 job\n- `raw/a.txt` → `a.hg38`",
    ] {
        assert!(hover.contains(part), "no {part} in {hover}");
    }
    let offered = editor.ask_at("textDocument/completion", MAIN, "up m.down", 0);
    let offered = labels(&offered);
    assert!(
        offered.contains(&"up") && offered.contains(&"m.down"),
        "{offered:?}"
    );
    // A mistake there stands where the file is named, and leads to its place.
    project.write("sub/lib.flow", LIB.replace("{genome}", "{genom}"));
    editor.diagnostics.clear();
    editor.say(
        "textDocument/didSave",
        json!({"textDocument": {"uri": uri("sub/lib.flow")}}),
    );
    assert_eq!(editor.diagnostics_of(1), ["E0230 1:8-1:20"]);
    let related = &editor.diagnostics[0]["params"]["diagnostics"][0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], uri("sub/lib.flow"));
    assert_eq!(related["location"]["range"]["start"]["line"], 1);
    // A file that is not there, and one that never ends.
    editor.change(2, "include none.flow\ninclude /dev/zero\n");
    assert_eq!(
        editor.diagnostics_of(2),
        ["E0292 0:8-0:17", "E0292 1:8-1:17"]
    );
}

#[test]
fn what_is_open_stands_for_what_is_saved() {
    let project = Project::new("");
    project.write("raw/a.txt", "").write("sub/lib.flow", LIB);
    project.write("module.flow", "");
    let main = MAIN
        .replace("use module.flow as m\n", "")
        .replace("m.down", "");
    let mut editor = Editor::open(&project, &main);
    assert!(editor.diagnostics_of(1).is_empty());
    let uri = uri_of(&project.path("sub/lib.flow"));
    let broken = LIB.replace("{genome}", "{genom}");
    let document = json!({"uri": uri, "languageId": "flow", "version": 50, "text": broken});
    editor.diagnostics.clear();
    editor.say("textDocument/didOpen", json!({"textDocument": document}));
    // Never saved, and yet the document that includes it is wrong now.
    assert_eq!(editor.diagnostics_of(1), ["E0230 1:8-1:20"]);
    editor.diagnostics.clear();
    editor.say(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 51}, "contentChanges": [{"text": LIB}]}),
    );
    assert!(editor.diagnostics_of(1).is_empty());
    editor.diagnostics.clear();
    editor.say(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 52}, "contentChanges": [{"text": ""}]}),
    );
    assert_eq!(editor.diagnostics_of(1), ["E0252 3:11-3:13"]);
    // What was not saved goes when it is closed.
    editor.diagnostics.clear();
    editor.say(
        "textDocument/didClose",
        json!({"textDocument": {"uri": uri}}),
    );
    assert!(editor.diagnostics_of(1).is_empty());
}

#[test]
fn what_is_included_is_offered_and_found() {
    let project = Project::new("");
    project.write(
        "sub/params.flow",
        "include deep.flow\n# The assembly.\nparam genome = hg38\n",
    );
    project.write(
        "sub/deep.flow",
        "let depth = 3\njobs_limit few = 2\ntable sheet = [a, b]\n\n\
         transform one: match raw/{lane}.x -> one/{lane}.y\n    cp {input} {output}\n",
    );
    let main = "include sub/params.flow\n\n[jobs_limit few]\n\
                transform two: one sheet -> {lane}.{genome}\n    echo {depth} > {output}\n";
    let mut editor = Editor::open(&project, main);
    let offered = |editor: &mut Editor, needle: &str, at: usize| {
        let offered = editor.ask_at("textDocument/completion", main, needle, at);
        labels(&offered)
            .iter()
            .map(|label| label.to_string())
            .collect::<Vec<_>>()
    };
    for (needle, at, expected) in [
        ("{depth}", 1, &["genome", "depth", "lane"][..]),
        ("few]", 0, &["few"]),
        ("one sheet", 0, &["one", "sheet"]),
    ] {
        let offered = offered(&mut editor, needle, at);
        for name in expected {
            assert!(
                offered.iter().any(|label| label == name),
                "{name}: {offered:?}"
            );
        }
    }
    for (needle, file, line) in [
        ("genome}", "sub/params.flow", 2),
        ("depth}", "sub/deep.flow", 0),
        ("few]", "sub/deep.flow", 1),
        ("sheet", "sub/deep.flow", 2),
    ] {
        let found = editor.ask_at("textDocument/definition", main, needle, 1);
        let uri = uri_of(&project.path(file));
        assert_eq!(
            (&found["uri"], &found["range"]["start"]["line"]),
            (&uri.into(), &line.into())
        );
    }
    let hover = editor.ask_at("textDocument/hover", main, "genome}", 1);
    let hover = hover["contents"]["value"].as_str().expect("text");
    assert!(
        hover.contains("param genome = hg38") && hover.contains("The assembly."),
        "{hover}"
    );
}

#[test]
fn items_are_listed() {
    let project = Project::new("");
    let mut editor = Editor::open(&project, TEXT);
    let params = json!({"textDocument": {"uri": editor.uri}});
    let symbols = editor.ask("textDocument/documentSymbol", params);
    let symbols = symbols.as_array().expect("a list");
    let shown: Vec<String> = symbols
        .iter()
        .map(|symbol| {
            let (start, end) = (&symbol["range"]["start"], &symbol["range"]["end"]);
            let name = symbol["name"].as_str().expect("a name");
            format!(
                "{} {name} {}-{}",
                symbol["detail"].as_str().expect("text"),
                start["line"],
                end["line"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "param genome 1-1",
            "jobs_limit few 2-2",
            "transform up 5-7",
            "merge all 9-10"
        ]
    );
}

/// Generous: an unoptimised server on a machine with other things to do. Optimised it is some 20 times
/// faster.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_large_file_does_not_keep_its_editor_waiting() {
    let mut text = String::from("param genome = hg38\n");
    for n in 0..7000 {
        text += &format!(
            "\n# Rule number {n}.\ntransform rule{n}: in{n}/*.txt suffix .txt -> out{n}/{{stem}}.up\n    \
             echo {{genome}} | cat - {{input}} > {{output}} # and some more text in every line\n"
        );
    }
    assert!(text.len() > 1_000_000);
    let project = Project::new("");
    let mut started = Instant::now();
    let mut lap = |what: &str| {
        let took = started.elapsed();
        assert!(took < PATIENCE, "{what}: {took:?}");
        println!("{what}: {took:?}");
        started = Instant::now();
    };
    let mut editor = Editor::open(&project, &text);
    assert!(editor.diagnostics_of(1).is_empty());
    lap("open");
    for version in 2..6 {
        editor.change(version, &text);
    }
    editor.change(6, &text.replace("rule6999: ", "rule6999 "));
    assert_eq!(editor.diagnostics_of(6).len(), 1);
    lap("change");
    let hover = editor.ask_at("textDocument/hover", &text, "rule5000:", 2);
    let hover = hover["contents"]["value"]
        .as_str()
        .expect("text")
        .to_string();
    assert!(hover.contains("Rule number 5000."), "{hover}");
    lap("hover");
    let found = editor.ask_at("textDocument/definition", &text, "{genome}", 2);
    assert_eq!(found["range"]["start"]["line"], 0);
    lap("definition");
    let offered = editor.ask_at("textDocument/completion", &text, "{stem}", 1);
    assert!(labels(&offered).contains(&"genome"));
    lap("completion");
}
