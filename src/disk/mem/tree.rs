//! The files of a `MemDisk`: numbered nodes, folders that give names to them, and ways to find one.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};

use bstr::BString;

use super::super::{Entry, Names, Time};

/// How many links may be followed for one path, as in Linux.
const MAX_LINKS: usize = 40;
const ROOT: usize = 0;

#[derive(Debug)]
pub struct State {
    /// Removed ones stay, unreachable.
    pub nodes: Vec<Node>,
    /// The workflow's folder.
    pub work: usize,
    pub now: Time,
    pub tick: i64,
    n_changes: i64,
    pub broken: HashMap<BString, ErrorKind>,
}

#[derive(Debug)]
pub struct Node {
    pub body: Body,
    pub modified: Time,
    /// The number of the last change to it.
    pub changed: i64,
}

#[derive(Debug)]
pub enum Body {
    File(Vec<u8>),
    Folder {
        parent: usize,
        names: BTreeMap<BString, usize>,
    },
    /// Where it leads, as it was written.
    Link(BString),
}

/// A name in a folder, and what has it.
pub struct Found {
    pub folder: usize,
    pub name: BString,
    pub node: Option<usize>,
}

impl State {
    /// An empty disk with the workflow's folder.
    pub fn new() -> State {
        let mut state = State {
            nodes: Vec::new(),
            work: ROOT,
            now: Time(1_000_000_000),
            tick: 1_000_000_000,
            n_changes: 0,
            broken: HashMap::new(),
        };
        let root = state.folder(ROOT);
        state.nodes.push(root);
        state.work = state.make_folder(b"/work").expect("nothing is in the way");
        state
    }

    pub fn step(&mut self) -> Time {
        self.now = Time(self.now.0 + self.tick);
        self.now
    }

    fn folder(&self, parent: usize) -> Node {
        Node {
            body: Body::Folder {
                parent,
                names: BTreeMap::new(),
            },
            modified: self.now,
            changed: 0,
        }
    }

    pub fn check(&self, path: &[u8]) -> io::Result<()> {
        match self.broken.get(path) {
            Some(&kind) => Err(kind.into()),
            None => Ok(()),
        }
    }

    fn child(&self, folder: usize, name: &[u8]) -> Option<usize> {
        match &self.nodes[folder].body {
            Body::Folder { parent, .. } if name == b".." => Some(*parent),
            Body::Folder { names, .. } => names.get(name).copied(),
            _ => None,
        }
    }

    pub fn is_folder(&self, node: usize) -> bool {
        matches!(self.nodes[node].body, Body::Folder { .. })
    }

    /// The folder that `path`, as seen from a folder, stands in and its last name, links on the way
    /// followed; the last one too if `follow_last`. `None` when there is no such folder.
    pub fn find(&self, from: usize, path: &[u8], follow_last: bool) -> Option<Found> {
        let start = |path: &[u8], from: usize| if path.starts_with(b"/") { ROOT } else { from };
        // The names still to go, the next one last.
        let mut names: Vec<BString> = Vec::new();
        let push = |names: &mut Vec<BString>, path: &[u8]| {
            let parts = path.split(|&byte| byte == b'/').rev();
            let parts = parts.filter(|part| !part.is_empty() && *part != b".");
            names.extend(parts.map(BString::from));
        };
        push(&mut names, path);
        let must_be_folder = path.ends_with(b"/") && follow_last;
        let mut folder = start(path, from);
        let mut n_links = 0;
        while let Some(name) = names.pop() {
            let node = self.child(folder, &name);
            let is_last = names.is_empty();
            match node.map(|node| (node, &self.nodes[node].body)) {
                Some((_, Body::Link(target))) if !is_last || follow_last => {
                    n_links += 1;
                    if n_links > MAX_LINKS {
                        return None;
                    }
                    push(&mut names, target);
                    folder = start(target, folder);
                }
                Some((node, Body::Folder { .. })) if !is_last => folder = node,
                _ if is_last && name != ".." => {
                    let is_right = |node: &usize| !must_be_folder || self.is_folder(*node);
                    return Some(Found {
                        folder,
                        name,
                        node: node.filter(is_right),
                    });
                }
                Some((node, Body::Folder { .. })) => folder = node,
                _ => return None,
            }
        }
        // The path ended in `..`, or was nothing but dots.
        Some(Found {
            folder,
            name: BString::default(),
            node: Some(folder),
        })
    }

    /// What is at `path`, links followed.
    pub fn follow(&self, path: &[u8]) -> io::Result<Option<usize>> {
        self.check(path)?;
        Ok(self
            .find(self.work, path, true)
            .and_then(|found| found.node))
    }

    /// As `find`, but makes the folders above.
    pub fn find_new(&mut self, path: &[u8]) -> io::Result<Found> {
        self.check(path)?;
        if let Some(found) = self.find(self.work, path, false) {
            return Ok(found);
        }
        let above = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.make_folder(&path[..above])?;
        self.find(self.work, path, false)
            .ok_or(ErrorKind::NotADirectory.into())
    }

    pub fn set_name(&mut self, folder: usize, name: BString, node: Option<usize>) {
        let now = self.now;
        self.set_time(folder, now);
        if let Body::Folder { names, .. } = &mut self.nodes[folder].body {
            match node {
                Some(node) => names.insert(name, node),
                None => names.remove(&name),
            };
        }
    }

    /// Notes a change, and the time that it gives.
    pub fn set_time(&mut self, node: usize, modified: Time) {
        self.n_changes += 1;
        let node = &mut self.nodes[node];
        (node.modified, node.changed) = (modified, self.n_changes);
    }

    pub fn add(&mut self, at: Found, body: Body) -> usize {
        let modified = self.step();
        self.nodes.push(Node {
            body,
            modified,
            changed: 0,
        });
        let node = self.nodes.len() - 1;
        self.set_time(node, modified);
        self.set_name(at.folder, at.name, Some(node));
        node
    }

    pub fn write(&mut self, path: &[u8], text: Vec<u8>) -> io::Result<()> {
        self.check(path)?;
        let found = match self.find(self.work, path, true) {
            Some(found) => found,
            None => self.find_new(path)?,
        };
        let node = match found.node {
            Some(node) if self.is_folder(node) => return Err(ErrorKind::IsADirectory.into()),
            Some(node) => node,
            None => self.add(found, Body::File(Vec::new())),
        };
        let modified = self.step();
        self.nodes[node].body = Body::File(text);
        self.set_time(node, modified);
        Ok(())
    }

    pub fn make_folder(&mut self, path: &[u8]) -> io::Result<usize> {
        self.check(path)?;
        let is_end =
            |&n: &usize| n > 0 && path[n - 1] != b'/' && path.get(n).is_none_or(|&b| b == b'/');
        let ends: Vec<usize> = (0..=path.len()).filter(is_end).collect();
        let mut made = self.work;
        for end in ends {
            let path = &path[..end];
            let itself = self.find(self.work, path, false);
            let itself = itself.ok_or(ErrorKind::NotADirectory)?;
            made = match (
                self.find(self.work, path, true)
                    .and_then(|found| found.node),
                itself.node,
            ) {
                (Some(node), _) if self.is_folder(node) => node,
                (None, None) => {
                    let folder = self.folder(itself.folder);
                    self.add(itself, folder.body)
                }
                _ => return Err(ErrorKind::NotADirectory.into()),
            };
        }
        Ok(made)
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.check(from)?;
        self.check(to)?;
        let not_found = || io::Error::from(ErrorKind::NotFound);
        let source = self.find(self.work, from, false).ok_or_else(not_found)?;
        let place = self.find(self.work, to, false).ok_or_else(not_found)?;
        let node = source.node.ok_or_else(not_found)?;
        if source.name.is_empty() || place.name.is_empty() {
            return Err(ErrorKind::ResourceBusy.into());
        }
        let moves_folder = self.is_folder(node);
        match place.node {
            Some(other) if other == node => return Ok(()),
            Some(other) => match (&self.nodes[other].body, moves_folder) {
                (Body::Folder { .. }, false) => return Err(ErrorKind::IsADirectory.into()),
                (Body::Folder { names, .. }, true) if !names.is_empty() => {
                    return Err(ErrorKind::DirectoryNotEmpty.into());
                }
                (Body::Folder { .. }, true) | (_, false) => {}
                (_, true) => return Err(ErrorKind::NotADirectory.into()),
            },
            None => {}
        }
        let mut above = place.folder;
        while above != ROOT && moves_folder {
            if above == node {
                return Err(ErrorKind::InvalidInput.into());
            }
            above = self.child(above, b"..").unwrap_or(ROOT);
        }
        self.step();
        self.set_name(source.folder, source.name, None);
        self.set_name(place.folder, place.name, Some(node));
        if let Body::Folder { parent, .. } = &mut self.nodes[node].body {
            *parent = place.folder;
        }
        Ok(())
    }

    pub fn list(&self, folder: usize) -> Option<Names> {
        let Body::Folder { names, .. } = &self.nodes[folder].body else {
            return None;
        };
        let entry = |(name, &node): (&BString, &usize)| {
            let mut entry = Entry {
                name: name.clone(),
                is_folder: self.is_folder(node),
                is_link: false,
            };
            if let Body::Link(_) = self.nodes[node].body {
                entry.is_link = true;
                let target = self.find(folder, name, true).and_then(|found| found.node);
                entry.is_folder = target.is_some_and(|node| self.is_folder(node));
            }
            entry
        };
        Some(names.iter().map(entry).collect())
    }
}
