//! Rules times files: the jobs, what they read and write, and who waits for whom.
//!
//! A plan grows: what follows a split is a stand-in until the split has run (`grow`).

mod build;
mod check;
mod feedback;
pub mod fill;
mod gather;
mod grow;
mod key;
mod name;
mod show;
mod source;
#[cfg(test)]
pub(crate) mod tests;
mod tuple;
pub mod want;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use bstr::{BStr, BString};

use crate::dense::{Id, Interner, Pool, Run, Table};
use crate::lang::Diag;
use crate::pattern::{Listing, NameId};
use crate::workflow::{Rule, RuleId, Source, TableId, Workflow};

crate::define_id!(
    /// A job.
    JobId
);
crate::define_id!(
    /// A file's or folder's name.
    PathId
);
crate::define_id!(
    /// The text of a capture.
    ValueId
);
crate::define_id!(
    /// A row of a table.
    RowId
);
crate::define_id!(
    /// Jobs that are not known yet: those of one rule behind one split.
    StandId
);
crate::define_id!(
    /// Something that is made when all of its members are known.
    GatherId
);

crate::define_id!(
    /// How many inputs each input word of a job brought.
    SlotsId
);

/// No job makes it.
const NOBODY: JobId = JobId(u32::MAX);

/// Each input word brought one, as in nearly all jobs.
const ONE_EACH: SlotsId = SlotsId(u32::MAX);

/// One job. Its files and captures lie in the plan's pools.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub rule: RuleId,
    /// The item's files, then those of `with`; or those of `using`.
    pub inputs: Run,
    /// The files that name the job, without `with`.
    pub item: Run,
    /// Outputs as named; for a split's or subdivide's globs, their text.
    pub outputs: Run,
    pub captures: Run,
    /// How many inputs each input word brought.
    pub slots: SlotsId,
}

// Measured against the promise of 320 bytes a job over all tables.
const _: () = assert!(size_of::<Job>() == 40);

/// Something in a rule's list of jobs, or in a source's list of files.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// A job whose outputs together are one item.
    Job(JobId),
    /// A job each of whose files is an item, once they are known.
    Split(JobId),
    /// Jobs, or files, that are not known yet.
    Stand(StandId),
    File(PathId),
    /// An item without files.
    Row(RowId),
}

/// The jobs of one rule behind one split (or files behind a glob), not known yet.
#[derive(Clone, Debug)]
pub struct Stand {
    /// `None` for the files of a glob.
    pub rule: Option<RuleId>,
    /// What has to be known first.
    pub on: Vec<Entry>,
    /// Captures that are known already.
    captures: Run,
    /// What it turned out to be.
    children: Option<Vec<Entry>>,
    /// The stand-in whose resolution made this one.
    pub parent: Option<StandId>,
}

/// A member of a gathering job, and which source word it came by.
#[derive(Clone, Copy, Debug)]
struct Member {
    entry: Entry,
    source: u32,
}

/// What is made when all members are known.
#[derive(Clone, Debug)]
enum Then {
    /// The inputs of the rule's one job.
    Merge(JobId),
    /// One group of a collate.
    Group(RuleId, StandId),
    /// All groups of a collate.
    Collate(RuleId, StandId),
    /// All jobs of a rule that are named by several items each.
    Tuples(RuleId, StandId),
    /// All jobs of a rule: its `with` words were not known.
    Expand(RuleId, StandId),
    /// The files of source number `.1` of a rule.
    Files(RuleId, u32, StandId),
}

#[derive(Clone, Debug)]
struct Gather {
    members: Vec<Member>,
    /// How many things are not known yet.
    open: u32,
    then: Then,
}

/// Who wants to hear when a pending entry is known.
#[derive(Clone, Copy, Debug)]
enum Consumer {
    /// The jobs of a rule, one per item of its source number `source`.
    PerItem {
        rule: RuleId,
        source: u32,
        stand: StandId,
    },
    Gather(GatherId),
}

/// What was seen of a rule's items.
#[derive(Clone, Debug, Default)]
struct Seen {
    items: u32,
    matched: u32,
    /// Those that the filter left out.
    left_out: Vec<PathId>,
}

/// All jobs that are known, and stand-ins for those that are not.
pub struct Plan {
    pub paths: Interner<PathId>,
    pub jobs: Table<JobId, Job>,
    values: Interner<ValueId>,
    files: Pool<PathId>,
    captured: Pool<(NameId, ValueId)>,
    /// Numbers of inputs; those of one job are a row.
    lengths: Pool<u32>,
    slots: Table<SlotsId, Run>,
    /// The cells of each row, all tables in a row.
    rows: Table<RowId, Run>,
    first_row: Table<TableId, RowId>,
    /// How many files each element of a tuple brought, where it is not one each.
    elements: HashMap<JobId, Run>,
    /// The names of jobs without outputs, and the jobs by these names.
    keys: HashMap<JobId, ValueId>,
    by_key: HashMap<ValueId, JobId>,
    producer: Table<PathId, JobId>,
    /// Outputs that are folders, without their `/`.
    folders: HashMap<BString, JobId>,
    /// By rule: its jobs in their order.
    entries: Table<RuleId, Vec<Entry>>,
    /// Files of the splits that are known.
    made: HashMap<JobId, Run>,
    pub stands: Table<StandId, Stand>,
    /// Rules that have, or had, stand-ins.
    behind_splits: BTreeSet<RuleId>,
    gathers: Table<GatherId, Gather>,
    waiting: HashMap<Entry, Vec<Consumer>>,
    /// Jobs whose inputs are known, upstream first. Grows.
    pub known: Vec<JobId>,
    /// Jobs whose inputs are not known yet, and what gathers them.
    open: HashMap<JobId, GatherId>,
    /// Jobs whose inputs have names already, while the job that makes one of them is open or held
    /// itself: by that job.
    held: HashMap<JobId, Vec<JobId>>,
    is_held: HashSet<JobId>,
    /// Jobs that came by a stand-in.
    pub came_by: HashMap<JobId, StandId>,
    current_stand: Option<StandId>,
    /// By rule and factor.
    seen: Table<RuleId, Vec<Seen>>,
    /// Files on disk that a rule makes itself, or a rule that depends on it: not its items.
    excluded: feedback::Excluded,
    /// Made to learn `excluded`.
    is_trial: bool,
    /// Files that flow made once and that no job makes now: no items of globs.
    orphans: HashSet<BString>,
    pub diags: Vec<Diag>,
    scratch: name::Scratch,
}

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub workflow: &'a Workflow,
    /// Folders as they were when the plan was made, or last grew.
    pub listing: &'a RefCell<Listing<'a>>,
}

impl Plan {
    /// Expands all rules over the files that there are. What is wrong is in `diags`.
    pub fn new(context: Context) -> Plan {
        build::build(context, &HashSet::new())
    }

    /// As [`Plan::new`], where globs pass these files by unless a job makes them.
    pub fn without(context: Context, orphans: &HashSet<BString>) -> Plan {
        build::build(context, orphans)
    }

    pub fn path(&self, path: PathId) -> &BStr {
        self.paths.get(path)
    }

    /// A file that is known; a folder is found by its name with or without the slash.
    pub fn find(&self, path: &BStr) -> Option<PathId> {
        let path: &[u8] = path;
        let folder = || self.paths.find(&[path, b"/"].concat());
        self.paths.find(path).or_else(folder)
    }

    pub fn rule_of<'w>(&self, workflow: &'w Workflow, job: JobId) -> &'w Rule {
        &workflow.rules[self.jobs[job].rule]
    }

    pub fn inputs(&self, job: JobId) -> &[PathId] {
        &self.files[self.jobs[job].inputs]
    }

    pub fn item(&self, job: JobId) -> &[PathId] {
        &self.files[self.jobs[job].item]
    }

    /// The files of one element of a tuple.
    pub fn element(&self, job: JobId, element: usize) -> &[PathId] {
        let lengths = self.elements.get(&job);
        part(
            self.item(job),
            lengths.map(|run| &self.lengths[*run]),
            element,
        )
    }

    /// Outputs as named; a split's globs as text.
    pub fn outputs(&self, job: JobId) -> &[PathId] {
        &self.files[self.jobs[job].outputs]
    }

    /// The files of a split or subdivide, once they are known.
    pub fn made(&self, job: JobId) -> Option<&[PathId]> {
        self.made.get(&job).map(|run| &self.files[*run])
    }

    /// Captured texts; a name with several is a list.
    pub fn captures(&self, job: JobId) -> impl Iterator<Item = (NameId, &BStr)> {
        let row = &self.captured[self.jobs[job].captures];
        row.iter()
            .map(|(name, value)| (*name, self.values.get(*value)))
    }

    /// The inputs that input word number `slot` brought.
    pub fn slot(&self, job: JobId, slot: usize) -> &[PathId] {
        part(self.inputs(job), self.slots(job), slot)
    }

    /// How many inputs each input word brought; `None` where each brought one.
    fn slots(&self, job: JobId) -> Option<&[u32]> {
        let lengths = self.slots.get(self.jobs[job].slots)?;
        Some(&self.lengths[*lengths])
    }

    /// The job that makes a file, or the folder it is in.
    pub fn producer(&self, path: PathId) -> Option<JobId> {
        match self.producer.get(path) {
            Some(&job) if job != NOBODY => Some(job),
            _ if self.folders.is_empty() => None,
            _ => {
                let mut path: &[u8] = self.paths.get(path);
                path = path.strip_suffix(b"/").unwrap_or(path);
                loop {
                    if let Some(&job) = self.folders.get(BStr::new(path)) {
                        return Some(job);
                    }
                    path = &path[..path.iter().rposition(|&byte| byte == b'/')?];
                }
            }
        }
    }

    /// A job makes the folder that the file lies in, and not the file by its name.
    fn lies_in_a_folder(&self, path: PathId) -> bool {
        let by_name = self.producer.get(path).is_some_and(|job| *job != NOBODY);
        !by_name && self.producer(path).is_some()
    }

    /// Whether the job's inputs are not known yet, or those of a job that makes one of them.
    pub fn is_open(&self, job: JobId) -> bool {
        self.open.contains_key(&job) || self.is_held.contains(&job)
    }

    /// Whether a job that is open is one of these.
    pub fn has_open(&self, is_one: impl Fn(JobId) -> bool) -> bool {
        let mut open = self.open.keys().chain(&self.is_held);
        open.any(|job| is_one(*job))
    }

    pub fn open_jobs(&self) -> impl Iterator<Item = JobId> {
        let mut open: Vec<JobId> = self.open.keys().chain(&self.is_held).copied().collect();
        open.sort();
        open.into_iter()
    }

    /// Takes a job whose inputs have names into `known`, and those that were held by it; or holds
    /// it while one of its inputs is made by an open job.
    fn add_known(&mut self, job: JobId) {
        if self.open.is_empty() && self.is_held.is_empty() {
            return self.known.push(job);
        }
        let mut rest = vec![job];
        while let Some(job) = rest.pop() {
            match self.open_producer(job) {
                Some(producer) => {
                    self.is_held.insert(job);
                    self.held.entry(producer).or_default().push(job);
                }
                None => {
                    self.is_held.remove(&job);
                    self.known.push(job);
                    let freed = self.held.remove(&job).unwrap_or_default();
                    rest.extend(freed.into_iter().rev());
                }
            }
        }
    }

    fn open_producer(&self, job: JobId) -> Option<JobId> {
        if self.open.is_empty() && self.is_held.is_empty() {
            return None;
        }
        let producers = self
            .inputs(job)
            .iter()
            .filter_map(|input| self.producer(*input));
        let mut others = producers.filter(|producer| *producer != job);
        others.find(|producer| self.is_open(*producer))
    }

    /// Stand-ins for jobs that are not known yet.
    pub fn pending(&self) -> impl Iterator<Item = (StandId, RuleId)> {
        self.pending_from(0)
    }

    /// As [`Plan::pending`], less the first `from` stand-ins there ever were.
    pub fn pending_from(&self, from: usize) -> impl Iterator<Item = (StandId, RuleId)> {
        let ids = (from..self.stands.len()).map(StandId::new);
        ids.filter_map(
            |id| match (self.stands[id].rule, &self.stands[id].children) {
                (Some(rule), None) => Some((id, rule)),
                _ => None,
            },
        )
    }

    /// Everything in a rule's list, stand-ins that are known replaced by what they are.
    pub fn leaves(&self, rule: RuleId) -> Cow<'_, [Entry]> {
        let entries = &self.entries[rule];
        let is_stand = |entry: &Entry| matches!(entry, Entry::Stand(_));
        if !entries.iter().any(is_stand) {
            return Cow::Borrowed(entries);
        }
        let mut leaves = Vec::with_capacity(entries.len());
        for &entry in entries {
            self.flatten(entry, &mut leaves);
        }
        Cow::Owned(leaves)
    }

    /// Whether all jobs of a rule are known.
    pub fn is_complete(&self, rule: RuleId) -> bool {
        let is_open = |entry: &Entry| match entry {
            Entry::Stand(_) => true,
            Entry::Job(job) | Entry::Split(job) => self.is_open(*job),
            Entry::File(_) | Entry::Row(_) => false,
        };
        !self.leaves(rule).iter().any(is_open)
    }

    /// Jobs that are known and whose files jobs read that are not.
    pub fn awaited(&self, context: Context) -> BTreeSet<JobId> {
        let mut entries = Vec::new();
        let open = self
            .gathers
            .values()
            .iter()
            .filter(|gather| gather.open > 0);
        for member in open.flat_map(|gather| &gather.members) {
            self.flatten(member.entry, &mut entries);
        }
        let job = |entry| match entry {
            Entry::Job(job) | Entry::Split(job) => Some(job),
            Entry::File(path) => self.producer(path),
            Entry::Stand(_) | Entry::Row(_) => None,
        };
        let mut found: BTreeSet<JobId> = entries.into_iter().filter_map(job).collect();
        let open = self
            .gathers
            .values()
            .iter()
            .filter(|gather| gather.open > 0);
        let expands = open.filter_map(|gather| match gather.then {
            Then::Expand(rule, _) => Some(rule),
            _ => None,
        });
        // Of these nothing is known, of others what their items do not tell.
        let unexpanded: BTreeSet<RuleId> = expands.collect();
        let open = self.open_jobs().map(|job| self.jobs[job].rule);
        let pending = self.pending().map(|(_, rule)| rule);
        let pending: BTreeSet<RuleId> = pending.chain(open).collect();
        for rule in pending {
            let reader = &context.workflow.rules[rule];
            let extras = reader.with.iter().chain(&reader.using);
            let extras = extras.map(|extra| &extra.source);
            let items = reader.sources().map(|(_, source)| source);
            let items = items.filter(|_| unexpanded.contains(&rule));
            for source in extras.chain(items) {
                let rules: &[RuleId] = match source {
                    Source::Rule(rule) => std::slice::from_ref(rule),
                    Source::Files(_) => &context.workflow.upstream_by_words[rule],
                    Source::Table(_) => &[],
                };
                found.extend(rules.iter().flat_map(|other| self.jobs_of(*other)));
            }
        }
        found
    }

    /// The items that a rule's filters leave out.
    pub fn left_out(&self, rule: RuleId) -> impl Iterator<Item = PathId> {
        let seen = self.seen[rule].iter();
        seen.flat_map(|seen| &seen.left_out).copied()
    }

    /// The jobs of a rule that are known, in their order.
    pub fn jobs_of(&self, rule: RuleId) -> Vec<JobId> {
        let job = |entry| match entry {
            Entry::Job(job) | Entry::Split(job) => Some(job),
            _ => None,
        };
        self.leaves(rule).iter().copied().filter_map(job).collect()
    }
}

/// Part number `at` of a row; one file each where no lengths are given.
fn part<'f>(files: &'f [PathId], lengths: Option<&[u32]>, at: usize) -> &'f [PathId] {
    let Some(lengths) = lengths else {
        return files.get(at..at + 1).unwrap_or(&[]);
    };
    let start: u32 = lengths[..at].iter().sum();
    &files[start as usize..(start + lengths[at]) as usize]
}
