//! One open file: its text, what it means, and where it stands.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsp_types::Uri;

use super::elsewhere;
use super::jobs::Jobs;
use super::text::Text;
use crate::lang::{Ast, Diag, FileId, Sources, parse};
use crate::workflow::lint::lint;
use crate::workflow::load::Settings;
use crate::workflow::{Workflow, load, waits_for_a_run};

/// What texts are read with.
pub struct World {
    pub settings: Settings,
    /// The texts of open documents by path: they stand for what the disk has.
    pub open: HashMap<String, Arc<str>>,
}

/// A text that was read.
pub struct Reading {
    pub sources: Sources,
    /// The document itself among the sources.
    pub file: FileId,
    pub ast: Ast,
    /// The files that it includes, each once.
    pub included: Vec<Ast>,
    pub workflow: Workflow,
    pub diags: Vec<Diag>,
}

impl World {
    /// The bytes of a file that a workflow names. Pipes and devices are none: they may never end. A
    /// text without a place of its own has none beside it.
    fn read_file(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = Path::new(name);
        if !path.is_absolute() {
            return Err(io::Error::other("this text is not saved yet"));
        }
        if let Some(text) = self.open.get(name) {
            return Ok(text.as_bytes().to_vec());
        }
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        std::fs::read(path)
    }
}

impl Reading {
    fn new(name: String, text: &str, world: &World) -> Reading {
        let mut sources = Sources::default();
        let file = sources.add(name, text);
        let (ast, mut diags) = parse(file, text);
        let read = |name: &str| world.read_file(name);
        let (workflow, found) = load(&ast, &mut sources, &world.settings, &read);
        diags.extend(found);
        // A param without a default is no mistake of the text: a run gives it its value.
        diags.retain(|diag| !waits_for_a_run(diag));
        if !diags.iter().any(Diag::is_error) {
            diags.extend(lint(&ast, &workflow, &sources));
        }
        Reading {
            included: elsewhere::included(&ast, &sources, file),
            sources,
            file,
            ast,
            workflow,
            diags,
        }
    }

    /// Whether another text of the file of this name could change what this one means.
    pub fn hangs_on(&self, name: &str) -> bool {
        let mut named = self.sources.all().filter(|(file, _)| *file != self.file);
        let is_missing = |diag: &Diag| diag.code == "E0292";
        named.any(|(_, source)| source.name == name) || self.diags.iter().any(is_missing)
    }

    pub fn is_good(&self) -> bool {
        !self.diags.iter().any(Diag::is_error)
    }
}

/// An open file.
pub struct Document {
    pub uri: Uri,
    /// `None` for what is not saved yet, and for what is no file.
    path: Option<PathBuf>,
    pub version: i32,
    pub text: Text,
    /// What the text means. Behind the text while it is typed: see [`Document::read`].
    pub reading: Arc<Reading>,
    /// The last reading without mistakes.
    pub good: Option<Arc<Reading>>,
    /// The text has changed since it was read.
    pub is_unread: bool,
    /// It was read, and what is wrong with it was not said yet.
    pub is_unsaid: bool,
    pub jobs: Jobs,
}

impl Document {
    pub fn new(uri: Uri, version: i32, text: String, world: &World) -> Document {
        let path = path_of(uri.as_str());
        let mut document = Document {
            uri,
            path,
            version,
            text: Text::new(text),
            reading: Arc::new(Reading::new(String::new(), "", world)),
            good: None,
            is_unread: true,
            is_unsaid: true,
            jobs: Jobs::default(),
        };
        document.read(world);
        document
    }

    /// The file's path as messages show it; the address where there is none.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => self.uri.as_str().to_string(),
        }
    }

    /// Takes another text, to be read when there is time.
    pub fn change(&mut self, version: i32, text: String) {
        self.version = version;
        self.text = Text::new(text);
        self.is_unread = true;
    }

    /// Reads the text, unless it was read already.
    pub fn read(&mut self, world: &World) {
        if !std::mem::take(&mut self.is_unread) {
            return;
        }
        self.reading = Arc::new(Reading::new(self.name(), self.text.as_str(), world));
        if self.reading.is_good() {
            self.good = Some(self.reading.clone());
        }
    }

    /// The folder that the workflow's files are in.
    pub fn folder(&self) -> Option<&Path> {
        self.path.as_deref()?.parent()
    }
}

/// The path of a `file:` address.
fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // A host may stand before the path.
    let rest = &rest[rest.find('/')?..];
    let mut bytes = Vec::with_capacity(rest.len());
    let mut coded = rest.bytes();
    while let Some(byte) = coded.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [coded.next()?, coded.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_files_are_paths() {
        for (uri, path) in [
            ("file:///a/main.flow", Some("/a/main.flow")),
            ("file://localhost/a/b%20c%C3%BC.flow", Some("/a/b cü.flow")),
            ("untitled:Untitled-1", None),
            ("file:///a%2", None),
            ("file:///a%zz", None),
        ] {
            assert_eq!(path_of(uri), path.map(PathBuf::from), "{uri}");
        }
    }
}
