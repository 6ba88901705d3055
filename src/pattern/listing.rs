//! The folders of a disk, each listed once however many globs look into it.
//!
//! What is listed is a moment's picture; make a new one when something has run.

use std::io;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::facts;
use crate::disk::{Disk, Kind, Names};

/// A folder with so many names takes megabytes.
const LARGE: usize = 50_000;

/// A cache of folders, shared by all globs of a plan.
pub struct Listing<'d> {
    disk: &'d dyn Disk,
    folders: HashMap<BString, Option<Arc<Names>>, FxBuildHasher>,
}

impl<'d> Listing<'d> {
    pub fn new(disk: &'d dyn Disk) -> Self {
        Listing {
            disk,
            folders: HashMap::default(),
        }
    }

    /// The names in a folder, in byte order; `None` when there is no such folder.
    ///
    /// The workflow's folder is `.`, as [`facts::dir`] has it.
    pub fn folder(&mut self, folder: &BStr) -> io::Result<Option<Arc<Names>>> {
        let folder = key(folder);
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.clone());
        }
        let listed = self.disk.list(folder).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("list `{}`: {error}", folder.as_bstr()),
            )
        })?;
        let listed = listed.map(Arc::new);
        self.folders.insert(folder.into(), listed.clone());
        Ok(listed)
    }

    /// Has the disk keep what was listed so far.
    pub fn keep(&self) {
        let lists = self.folders.values();
        self.disk
            .keep(&mut lists.filter_map(|names| names.as_deref()));
    }

    /// Forgets folders with very many names; who asks again is told of a later moment.
    pub fn forget_large(&mut self) {
        let is_small =
            |names: &Option<Arc<Names>>| names.as_ref().is_none_or(|all| all.len() < LARGE);
        self.folders.retain(|_, names| is_small(names));
    }

    /// Whether `path` is there, as far as the folders listed so far tell: `None` when they do not.
    ///
    /// A link is not followed by a listing, so one that exists is not told either.
    pub fn knows(&self, path: &BStr) -> Option<bool> {
        let entries = match self.folders.get(key(facts::dir(path)))? {
            Some(entries) => entries,
            None => return Some(false),
        };
        match entries.find(facts::name(path)) {
            None => Some(false),
            Some(entry) if entry.is_link => None,
            Some(entry) => Some(entry.is_folder || !path.ends_with(b"/")),
        }
    }

    /// Whether `path` is there: from what is listed, else by one look at it.
    pub fn exists(&self, path: &BStr) -> io::Result<bool> {
        match self.knows(path) {
            Some(known) => Ok(known),
            None => Ok(self.disk.stat(path)?.is_some()),
        }
    }

    /// Whether links on the way to `path` lead in a circle.
    pub fn is_circular(&self, path: &BStr) -> bool {
        let is_loop = |error: io::Error| error.raw_os_error() == Some(libc::ELOOP);
        self.disk.read(path).is_err_and(is_loop)
    }

    /// Whether `folder` is one.
    pub(super) fn is_folder(&self, folder: &BStr) -> io::Result<bool> {
        if let Some(known) = self.folders.get(key(folder)) {
            return Ok(known.is_some());
        }
        let stat = self.disk.stat(folder)?;
        Ok(stat.is_some_and(|stat| stat.kind == Kind::Folder))
    }

    /// The folders listed so far that are there, in no order.
    pub(super) fn listed(&self) -> impl Iterator<Item = (&BStr, &Names)> {
        (self.folders.iter())
            .filter_map(|(folder, entries)| Some((folder.as_bstr(), entries.as_deref()?)))
    }
}

/// One spelling for each folder.
fn key(folder: &[u8]) -> &[u8] {
    match facts::without_slash(folder) {
        b"" => b".",
        folder => folder,
    }
}
