//! What a source stands for: entries, and the items that entries are.

use bstr::BString;

use super::{Context, Entry, Gather, Member, PathId, Plan, RowId, Stand, Then};
use crate::dense::{Id, Run};
use crate::lang::Diag;
use crate::pattern::{Glob, clean};
use crate::workflow::{RuleId, Source, Word};

/// What names one job: files, and the captures they bring along.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub files: Run,
    pub captures: Run,
}

impl Plan {
    /// Whether an entry's items are not known yet.
    pub(super) fn is_pending(&self, entry: Entry) -> bool {
        match entry {
            Entry::Split(job) => !self.made.contains_key(&job),
            Entry::Stand(stand) => self.stands[stand].children.is_none(),
            Entry::Job(_) | Entry::File(_) | Entry::Row(_) => false,
        }
    }

    /// The entry, or what its stand-in turned out to be.
    pub(super) fn flatten(&self, entry: Entry, leaves: &mut Vec<Entry>) {
        let Entry::Stand(_) = entry else {
            return leaves.push(entry);
        };
        let mut rest = vec![entry];
        while let Some(entry) = rest.pop() {
            match entry {
                Entry::Stand(stand) => match &self.stands[stand].children {
                    Some(children) => rest.extend(children.iter().rev()),
                    None => leaves.push(entry),
                },
                _ => leaves.push(entry),
            }
        }
    }

    /// The items of an entry that is not pending.
    pub(super) fn items(&mut self, entry: Entry, items: &mut Vec<Item>) {
        match entry {
            Entry::Job(job) => items.push(Item {
                files: self.jobs[job].outputs,
                captures: self.travelling(job),
            }),
            Entry::Split(job) => {
                let made = self.made[&job];
                let captures = self.travelling(job);
                let part = |at| Item {
                    files: made.part(at, 1),
                    captures,
                };
                items.extend((0..made.len()).map(part));
            }
            Entry::File(path) => {
                let files = self.files.add([path]);
                items.push(Item {
                    files,
                    captures: Run::default(),
                });
            }
            Entry::Row(row) => items.push(Item {
                files: Run::default(),
                captures: self.rows[row],
            }),
            Entry::Stand(_) => unreachable!("a stand-in is flattened before"),
        }
    }

    /// The captures that a job's items bring along. `language.md`, "Items".
    fn travelling(&mut self, job: super::JobId) -> Run {
        let captures = self.jobs[job].captures;
        let rule = self.jobs[job].rule;
        let row = &self.captured[captures];
        let stays = |name| !self.scratch.travelling[rule.0 as usize].contains(&name);
        if !row.iter().any(|(name, _)| stays(*name)) {
            return captures;
        }
        let kept: Vec<_> = row
            .iter()
            .filter(|(name, _)| !stays(*name))
            .copied()
            .collect();
        self.captured.add(kept)
    }

    /// The captures of a pending entry that are known already.
    pub(super) fn pending_captures(&mut self, entry: Entry) -> Run {
        match entry {
            Entry::Split(job) => self.travelling(job),
            Entry::Stand(stand) => self.stands[stand].captures,
            Entry::Job(_) | Entry::File(_) | Entry::Row(_) => Run::default(),
        }
    }

    /// The entries of a rule's source number `number`.
    pub(super) fn source_entries(
        &mut self,
        context: Context,
        rule: RuleId,
        number: u32,
        source: &Source,
    ) -> Vec<Entry> {
        let word = match source {
            Source::Rule(upstream) => return self.leaves(*upstream).into_owned(),
            Source::Table(table) => {
                let first = self.first_row[*table].index();
                let n = context.workflow.tables[*table].rows.len();
                let row = |at| Entry::Row(RowId::new(first + at));
                return (0..n).map(row).collect();
            }
            Source::Files(word) => word,
        };
        let pending = self.pending_makers(context, rule, word);
        if pending.is_empty() {
            return self.file_entries(context, rule, word);
        }
        let stand = self.stand(None, pending.clone(), Run::default());
        self.gather(pending, number, Then::Files(rule, number, stand));
        vec![Entry::Stand(stand)]
    }

    /// The rows of all tables.
    pub(super) fn add_rows(&mut self, context: Context) {
        for table in context.workflow.tables.values() {
            self.first_row.push(RowId::new(self.rows.len()));
            for row in &table.rows {
                let cells = table.columns.iter().zip(row);
                let cells = cells.map(|(&name, cell)| (name, self.values.intern(cell)));
                let cells = self.captured.add(cells);
                self.rows.push(cells);
            }
        }
    }

    /// Pending entries of rules whose files the word may name.
    pub(super) fn pending_makers(&self, context: Context, rule: RuleId, word: &Word) -> Vec<Entry> {
        let mut pending = Vec::new();
        for &upstream in &context.workflow.upstream_by_words[rule] {
            if !context.workflow.may_make(upstream, word) {
                continue;
            }
            let leaves = self.leaves(upstream);
            pending.extend(leaves.iter().filter(|leaf| self.is_pending(**leaf)));
        }
        pending
    }

    /// The files that a word without values names: on disk, or made by rules upstream.
    pub(super) fn file_entries(
        &mut self,
        context: Context,
        rule: RuleId,
        word: &Word,
    ) -> Vec<Entry> {
        if let Some(path) = word.literal() {
            let path = self.intern_input(&path);
            self.literal_orphan(rule, word, path);
            return vec![Entry::File(path)];
        }
        let mut found: Vec<PathId> = Vec::new();
        let glob = match Glob::new(&word.pattern()) {
            Ok(glob) => glob,
            Err(error) => {
                self.report(
                    Diag::error("E0324", "this glob cannot be used")
                        .at(word.span, error.to_string()),
                );
                return Vec::new();
            }
        };
        match glob.expand(&mut context.listing.borrow_mut()) {
            Ok(paths) => {
                let mut orphans: Vec<BString> = Vec::new();
                // Each of them mostly names one file more, an output.
                self.paths.reserve(2 * paths.len());
                found.reserve(paths.len());
                for name in paths.iter().map(|one| one.name) {
                    let path = self.paths.intern(name);
                    if self.excluded[rule].contains(name) {
                        continue;
                    }
                    match self.orphans.contains(name) && self.producer(path).is_none() {
                        true => orphans.push(name.into()),
                        false => found.push(path),
                    }
                }
                self.orphaned(word, &orphans);
            }
            Err(error) => self.unreadable(word, &error),
        }
        let n_on_disk = found.len();
        for &upstream in &context.workflow.upstream_by_words[rule] {
            self.made_by(upstream, &glob, &mut found);
        }
        if found.len() > n_on_disk {
            found.sort_by(|a, b| self.paths.get(*a).cmp(self.paths.get(*b)));
            found.dedup();
        }
        found.into_iter().map(Entry::File).collect()
    }

    /// Tells of files that a glob passes by.
    fn orphaned(&mut self, word: &Word, orphans: &[BString]) {
        let others = match orphans {
            [] => return,
            [_] => String::new(),
            [_, rest @ ..] => format!(" and {} more", rest.len()),
        };
        let text = format!("`{}`{others}: made once, and by no job now", orphans[0]);
        self.report(
            Diag::warning("W0334", text)
                .at(word.span, "matched here, and passed by")
                .help("`flow clean --orphans` removes such files; one that you `touch` is taken as yours"),
        );
    }

    /// Tells of a file that is asked for by its name, and taken although nothing makes it any more.
    fn literal_orphan(&mut self, rule: RuleId, word: &Word, path: PathId) {
        let name = self.paths.get(path);
        let is_orphan = self.orphans.contains(name)
            && !self.excluded[rule].contains(name)
            && self.producer(path).is_none();
        if !is_orphan {
            return;
        }
        let text = format!("`{name}`: made once, and by no job now");
        self.report(
            Diag::warning("W0334", text)
                .at(word.span, "taken as it is")
                .help("name what makes it now; when it is yours from now on, `touch` it"),
        );
    }

    /// Files that jobs of `upstream` make and that the glob matches.
    fn made_by(&self, upstream: RuleId, glob: &Glob, found: &mut Vec<PathId>) {
        for &leaf in self.leaves(upstream).iter() {
            let files = match leaf {
                Entry::Job(job) => self.outputs(job),
                Entry::Split(job) => self.made(job).unwrap_or(&[]),
                Entry::File(_) | Entry::Stand(_) | Entry::Row(_) => continue,
            };
            found.extend(
                files
                    .iter()
                    .filter(|path| glob.matches(self.paths.get(**path))),
            );
        }
    }

    /// The id of a file that a word names; `x` and `x/` are one where a job makes the folder.
    pub(super) fn intern_input(&mut self, path: &[u8]) -> PathId {
        let path = clean(path);
        if !self.folders.is_empty() && !path.ends_with(b"/") {
            let with_slash = [&path[..], b"/"].concat();
            if let Some(folder) = self.paths.find(&with_slash)
                && self.folders.contains_key(bstr::BStr::new(&path[..]))
            {
                return folder;
            }
        }
        self.paths.intern(&path)
    }

    /// A new stand-in that waits for `on`.
    pub(super) fn stand(
        &mut self,
        rule: Option<RuleId>,
        on: Vec<Entry>,
        captures: Run,
    ) -> super::StandId {
        let parent = self.current_stand;
        self.behind_splits.extend(rule);
        self.stands.push(Stand {
            rule,
            on,
            captures,
            children: None,
            parent,
        })
    }

    /// Does `then` when all of `pending` is known.
    pub(super) fn gather(&mut self, pending: Vec<Entry>, source: u32, then: Then) {
        let members = pending
            .iter()
            .map(|&entry| Member { entry, source })
            .collect();
        self.gather_members(members, then);
    }

    /// Does `then` when all members are known; at least one is not.
    pub(super) fn gather_members(&mut self, members: Vec<Member>, then: Then) -> super::GatherId {
        let pending: Vec<Entry> = members
            .iter()
            .map(|member| member.entry)
            .filter(|entry| self.is_pending(*entry))
            .collect();
        let gather = self.gathers.push(Gather {
            members,
            open: pending.len() as u32,
            then,
        });
        for entry in pending {
            self.waiting
                .entry(entry)
                .or_default()
                .push(super::Consumer::Gather(gather));
        }
        gather
    }
}
