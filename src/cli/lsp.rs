//! `flow lsp`: a language server on stdin and stdout, for editors.
//!
//! A thread reads messages; this one owns all documents and answers. Texts are read, and what is
//! wrong with them said, when no message has come for a moment.

mod answers;
mod complete;
mod document;
mod elsewhere;
mod find;
mod hover;
mod jobs;
mod text;
mod wire;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, StdoutLock};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use lsp_types as lsp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Exit, open};
use crate::workflow::load::Settings;
use document::{Document, World};
use wire::Incoming;

/// How long nothing may come before texts are read: typing is faster than this.
const PAUSE: Duration = Duration::from_millis(60);

/// After so long texts are read although messages keep coming, unless reading takes long.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Of the time in which messages keep coming, at most one part in so many goes into reading.
const SHARE: u32 = 5;

/// Messages that wait to be answered; the reader waits when there are more.
const QUEUE: usize = 64;

/// Serves one editor until it says `exit` or goes away.
pub fn serve() -> anyhow::Result<Exit> {
    let (sender, inbox) = sync_channel(QUEUE);
    // Ends with the stream, or with the inbox: the process does not wait for it.
    std::thread::spawn(move || {
        let mut input = io::BufReader::new(io::stdin());
        loop {
            let came = wire::read(&mut input);
            let is_last = !matches!(came, Ok(Some(_)));
            if sender.send(came).is_err() || is_last {
                return;
            }
        }
    });
    let settings = Settings {
        overrides: Vec::new(),
        environment: open::environment(),
        shell: open::default_shell(),
    };
    let mut server = Server {
        world: World {
            settings,
            open: HashMap::new(),
        },
        documents: BTreeMap::new(),
        stage: Stage::Starting,
        unread_since: None,
        read_cost: Duration::ZERO,
        out: io::stdout().lock(),
    };
    server.run(&inbox)
}

type Inbox = Receiver<io::Result<Option<Incoming>>>;

/// How far the conversation has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Running,
    /// `shutdown` was said; `exit` is to follow.
    Ending,
}

struct Server {
    world: World,
    /// By address.
    documents: BTreeMap<String, Document>,
    stage: Stage,
    unread_since: Option<Instant>,
    /// How long it took to read all that had changed, the last time.
    read_cost: Duration,
    out: StdoutLock<'static>,
}

/// Why a request has no answer.
type Refusal = (ErrorCode, String);

impl Server {
    fn run(&mut self, inbox: &Inbox) -> anyhow::Result<Exit> {
        loop {
            let longest = LONGEST_WAIT.max(self.read_cost * SHARE);
            let came = match self.unread_since {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) if since.elapsed() > longest => Err(RecvTimeoutError::Timeout),
                Some(_) => inbox.recv_timeout(PAUSE),
            };
            match came {
                Ok(Ok(Some(Incoming::Message(message)))) => {
                    if let Some(exit) = self.handle(message)? {
                        return Ok(exit);
                    }
                }
                Ok(Ok(Some(Incoming::Malformed(why)))) => {
                    wire::write_parse_error(&mut self.out, &why)?;
                }
                Ok(Err(error)) => return Err(anyhow::Error::new(error).context("read a message")),
                // The editor has gone without a word.
                Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Exit::NoShutdown);
                }
                Err(RecvTimeoutError::Timeout) => self.publish_unread()?,
            }
        }
    }

    /// Answers a message; the exit when it was the last one.
    fn handle(&mut self, message: Message) -> anyhow::Result<Option<Exit>> {
        match message {
            Message::Request(request) => self.answer(request)?,
            Message::Notification(said) if said.method == "exit" => {
                return Ok(Some(match self.stage {
                    Stage::Ending => Exit::Done,
                    _ => Exit::NoShutdown,
                }));
            }
            Message::Notification(said) if self.stage == Stage::Running => self.hear(said)?,
            // Before `initialize` nothing counts; and nothing was asked, so nothing is answered.
            Message::Notification(_) | Message::Response(_) => {}
        }
        Ok(None)
    }

    fn answer(&mut self, request: Request) -> anyhow::Result<()> {
        let Request { id, method, params } = request;
        let found = match (self.stage, method.as_str()) {
            (Stage::Starting, "initialize") => {
                self.stage = Stage::Running;
                Ok(json!({
                    "capabilities": capabilities(),
                    "serverInfo": {"name": "flow", "version": env!("CARGO_PKG_VERSION")},
                }))
            }
            (Stage::Starting, _) => Err((
                ErrorCode::ServerNotInitialized,
                "`initialize` comes first".into(),
            )),
            (Stage::Running, "shutdown") => {
                self.stage = Stage::Ending;
                Ok(Value::Null)
            }
            (Stage::Ending, _) | (Stage::Running, "initialize") => Err((
                ErrorCode::InvalidRequest,
                format!("`{method}` comes too late"),
            )),
            (Stage::Running, _) => self.find(&method, params),
        };
        let response = match found {
            Ok(value) => Response::new_ok(id, value),
            Err((code, why)) => Response::new_err(id, code as i32, why),
        };
        wire::write(&mut self.out, response)?;
        Ok(())
    }

    /// The answer to a question about a document.
    fn find(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        Ok(match method {
            "textDocument/hover" => {
                let (document, offset) = self.place(&params)?;
                json!(hover::hover(document, offset))
            }
            "textDocument/definition" => {
                let (document, offset) = self.place(&params)?;
                json!(answers::definition(document, offset))
            }
            "textDocument/references" => {
                let (document, offset) = self.place(&params)?;
                let with_definition = params["context"]["includeDeclaration"] == true;
                json!(answers::references(document, offset, with_definition))
            }
            "textDocument/completion" => {
                let (document, offset) = self.place(&params)?;
                json!(complete::complete(document, offset))
            }
            "textDocument/documentSymbol" => json!(answers::symbols(self.document(&params)?)),
            "textDocument/codeAction" => {
                let range: lsp::Range = read(params["range"].clone())?;
                json!(answers::fixes(self.document(&params)?, range))
            }
            "textDocument/formatting" => json!(answers::layout(self.document(&params)?)),
            _ => {
                return Err((
                    ErrorCode::MethodNotFound,
                    format!("`{method}` is nothing that flow answers"),
                ));
            }
        })
    }

    /// The document that is asked about, read.
    fn document(&mut self, params: &Value) -> Result<&mut Document, Refusal> {
        let uri = params["textDocument"]["uri"].as_str().unwrap_or("");
        let document = self.documents.get_mut(uri);
        let document =
            document.ok_or_else(|| (ErrorCode::InvalidParams, format!("`{uri}` is not open")))?;
        if document.is_unread {
            // What is wrong with it is still said in the next pause.
            document.read(&self.world);
            document.is_unsaid = true;
        }
        Ok(document)
    }

    fn place(&mut self, params: &Value) -> Result<(&mut Document, usize), Refusal> {
        let position: lsp::Position = read(params["position"].clone())?;
        let document = self.document(params)?;
        let offset = document.text.offset(position);
        Ok((document, offset))
    }

    fn hear(&mut self, said: Notification) -> anyhow::Result<()> {
        match said.method.as_str() {
            "textDocument/didOpen" => {
                let Ok(params) = read::<lsp::DidOpenTextDocumentParams>(said.params) else {
                    return Ok(());
                };
                let opened = params.text_document;
                let key = opened.uri.as_str().to_string();
                let text: Arc<str> = opened.text.as_str().into();
                let document = Document::new(opened.uri, opened.version, opened.text, &self.world);
                let name = document.name();
                self.documents.insert(key, document);
                self.world.open.insert(name.clone(), text);
                self.others_hang_on(&name);
                self.unread_since.get_or_insert_with(Instant::now);
                self.publish_unread()?;
            }
            "textDocument/didChange" => {
                let Ok(params) = read::<lsp::DidChangeTextDocumentParams>(said.params) else {
                    return Ok(());
                };
                let key = params.text_document.uri.as_str();
                // Whole texts were asked for; of several the last counts.
                if let (Some(document), Some(change)) = (
                    self.documents.get_mut(key),
                    params.content_changes.into_iter().next_back(),
                ) {
                    let (name, text) = (document.name(), change.text.as_str().into());
                    document.change(params.text_document.version, change.text);
                    self.world.open.insert(name.clone(), text);
                    self.others_hang_on(&name);
                    self.unread_since.get_or_insert_with(Instant::now);
                }
            }
            "textDocument/didClose" => {
                let uri = said.params["textDocument"]["uri"].as_str().unwrap_or("");
                if let Some(closed) = self.documents.remove(uri) {
                    // What was not saved is gone.
                    self.world.open.remove(&closed.name());
                    self.others_hang_on(&closed.name());
                    self.unread_since.get_or_insert_with(Instant::now);
                    self.publish(&closed.uri, None, Vec::new())?;
                }
            }
            // Another document may include it, or name the table.
            "textDocument/didSave" => {
                for document in self.documents.values_mut() {
                    document.is_unread = true;
                }
                self.unread_since.get_or_insert_with(Instant::now);
            }
            _ => {}
        }
        Ok(())
    }

    /// The text of the file of this name is another one: documents that include or use it are read
    /// again. One that hangs on those names it itself, among all the files that it was read with.
    fn others_hang_on(&mut self, name: &str) {
        for document in self.documents.values_mut() {
            document.is_unread |= document.reading.hangs_on(name);
        }
    }

    /// Reads what has changed, and says what is wrong with it.
    fn publish_unread(&mut self) -> anyhow::Result<()> {
        self.unread_since = None;
        let started = Instant::now();
        let mut found = Vec::new();
        for document in self.documents.values_mut() {
            if document.is_unread || std::mem::take(&mut document.is_unsaid) {
                document.read(&self.world);
                document.is_unsaid = false;
                let diagnostics = answers::diagnostics(document);
                found.push((document.uri.clone(), document.version, diagnostics));
            }
        }
        self.read_cost = started.elapsed();
        for (uri, version, diagnostics) in found {
            self.publish(&uri, Some(version), diagnostics)?;
        }
        Ok(())
    }

    fn publish(
        &mut self,
        uri: &lsp::Uri,
        version: Option<i32>,
        diagnostics: Vec<lsp::Diagnostic>,
    ) -> anyhow::Result<()> {
        let params = lsp::PublishDiagnosticsParams {
            uri: uri.clone(),
            diagnostics,
            version,
        };
        let method = "textDocument/publishDiagnostics".to_string();
        wire::write(&mut self.out, Notification::new(method, params))?;
        Ok(())
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

/// What this server can do. Positions are in UTF-16 units, which every editor knows.
fn capabilities() -> Value {
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": {"openClose": true, "change": 1, "save": true},
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "documentSymbolProvider": true,
        "documentFormattingProvider": true,
        "codeActionProvider": {"codeActionKinds": ["quickfix"]},
        "completionProvider": {"triggerCharacters": ["{", "[", "."]},
    })
}
