//! A job's outputs around its tries: old ones aside before the first, and when it fails what it
//! left to the trash and the old ones back.
//!
//! What is put aside lies in the state folder beside a note of where it belongs, so that the next
//! run can put it back when this one is cut off. Where the state folder is on another file system
//! than the output, it lies beside the output under a hidden name.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use bstr::{BStr, BString, ByteSlice};

use super::note::Note;
use super::trash;
use crate::disk::{Disk, DiskMut};
use crate::history::{History, LastTry};
use crate::pattern::facts;

/// Old outputs of one running job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Aside {
    moved: Vec<Moved>,
    /// Somebody changed them since they were made: they go to the trash, not away.
    pub is_by_hand: bool,
}

/// One old output, where it lies, and the note that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Moved {
    output: BString,
    place: BString,
    note: BString,
}

/// Moves and removes outputs; numbers what it puts away.
pub struct Store<'d> {
    disk: &'d dyn DiskMut,
    /// The state folder, as the disk knows it.
    state: BString,
    /// Unique to this run, and later than that of runs before it in byte order.
    run: String,
    n_put_away: u64,
}

impl<'d> Store<'d> {
    pub fn new(disk: &'d dyn DiskMut, state: BString, run: String) -> Self {
        Store {
            disk,
            state,
            run,
            n_put_away: 0,
        }
    }

    pub fn disk(&self) -> &'d dyn DiskMut {
        self.disk
    }

    pub(super) fn state(&self) -> &BStr {
        self.state.as_bstr()
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// A number for what is put away next.
    pub(super) fn count(&mut self) -> u64 {
        self.n_put_away += 1;
        self.n_put_away
    }

    /// The folder that try number `n` of this run may call its own.
    pub fn tmp(&self, n: u32) -> BString {
        let mut tmp = [&self.state[..], b"/tmp/", self.run.as_bytes(), b"/"].concat();
        write!(tmp, "{n}").expect("a vector takes all");
        tmp.into()
    }

    /// Moves the outputs of a job that are there aside. On an error all is as before.
    pub fn put_aside<'p>(
        &mut self,
        job: &[u8],
        outputs: impl Iterator<Item = &'p BStr>,
    ) -> io::Result<Aside> {
        let mut aside = Aside::default();
        for output in outputs {
            let output = BStr::new(facts::without_slash(output));
            match self.move_aside(job, output) {
                Ok(moved) => aside.moved.extend(moved),
                Err(error) => {
                    self.bring_back(&aside).ok();
                    return Err(error);
                }
            }
        }
        Ok(aside)
    }

    fn move_aside(&mut self, job: &[u8], output: &BStr) -> io::Result<Option<Moved>> {
        if !self.disk.is_there(output)? {
            return Ok(None);
        }
        self.n_put_away += 1;
        let folder = format!("{}/aside/{}", self.state, self.run);
        self.disk.make_private_folder(folder.as_bytes())?;
        let inside = BString::from(format!("{folder}/{}", self.n_put_away));
        let note = BString::from(format!("{inside}.note"));
        let mut place = inside;
        // The note first: a note without its file is harmless, a file without its note is lost.
        self.write_note(&note, output, &place, job)?;
        let mut moved = self.disk.rename(output, &place);
        if is_elsewhere(&moved) {
            place = self.beside(output, "aside");
            self.write_note(&note, output, &place, job)?;
            moved = self.disk.rename(output, &place);
        }
        match moved {
            Ok(()) => Ok(Some(Moved {
                output: output.into(),
                place,
                note,
            })),
            Err(error) => {
                self.disk.remove(&note).ok();
                Err(error)
            }
        }
    }

    fn write_note(&self, note: &[u8], output: &[u8], place: &[u8], job: &[u8]) -> io::Result<()> {
        let [output, place, job] = [output, place, job].map(BString::from);
        let text = Note { output, place, job }.to_bytes();
        self.disk.write_file(note, &text)
    }

    /// A hidden name in the same folder.
    pub(super) fn beside(&self, path: &BStr, what: &str) -> BString {
        let hidden = format!(".flow-{what}-{}-{}", self.run, self.n_put_away);
        match facts::dir(path) {
            b"." => hidden.into(),
            dir => [dir, b"/", hidden.as_bytes()].concat().into(),
        }
    }

    /// Puts the old outputs back, in the place of whatever is there.
    pub fn bring_back(&mut self, aside: &Aside) -> io::Result<()> {
        all(aside.moved.iter().map(|moved| {
            self.disk.rename(&moved.place, &moved.output)?;
            self.disk.remove(&moved.note)
        }))
    }

    /// The job has succeeded: its old outputs go.
    pub fn drop_old(&mut self, aside: &Aside) -> io::Result<()> {
        if aside.is_by_hand {
            return all(aside.moved.iter().map(|moved| {
                self.bring_to_trash(moved.place.as_bstr(), facts::name(&moved.output))?;
                self.disk.remove(&moved.note)
            }));
        }
        all(aside.moved.iter().map(|moved| {
            // The other way round a cut between the two would bring the old output back.
            self.disk.remove(&moved.note)?;
            self.disk.remove(&moved.place)
        }))
    }

    /// Moves outputs into the trash.
    pub fn discard<'p>(&mut self, outputs: impl Iterator<Item = &'p BStr>) -> io::Result<()> {
        let outputs: Vec<&BStr> = outputs.collect();
        all(outputs
            .into_iter()
            .map(|output| self.throw_away(BStr::new(facts::without_slash(output)))))
    }

    pub(super) fn throw_away(&mut self, path: &BStr) -> io::Result<()> {
        if !self.disk.is_there(path)? {
            return Ok(());
        }
        self.bring_to_trash(path, facts::name(path))
    }

    /// Puts back what runs that were cut off had put aside, unless the job is known to have
    /// succeeded since; a sentence for each. Removes their temporary folders, and old trash beyond
    /// the quota.
    ///
    /// To be called while no other run can be at work in this state folder.
    pub fn recover(&mut self, history: &dyn History) -> io::Result<Vec<String>> {
        self.recover_all_but(history, &HashSet::new())
    }

    /// As [`Store::recover`]; what belongs to jobs of `kept`, which are still at work on a cluster, is
    /// left alone.
    pub fn recover_all_but(
        &mut self,
        history: &dyn History,
        kept: &HashSet<BString>,
    ) -> io::Result<Vec<String>> {
        let mut told = Vec::new();
        let aside = format!("{}/aside", self.state);
        for run in self.names(aside.as_bytes())? {
            let folder = [aside.as_bytes(), b"/", &run].concat();
            let mut stays: HashSet<BString> = HashSet::new();
            for name in self.names(&folder)? {
                let note = [&folder[..], b"/", &name[..]].concat();
                if !kept.is_empty()
                    && let Some(Note { job, .. }) = self.read_note(&note)?
                    && kept.contains(&job)
                {
                    stays.extend(name.strip_suffix(b".note").map(BString::from));
                    stays.insert(name);
                    continue;
                }
                if let Some(output) = self.recover_one(history, &note)? {
                    let output = output.as_bstr();
                    told.push(format!(
                        "{output}: put back as it was before a run that was cut off"
                    ));
                }
            }
            // Files whose note is not there, or cannot be read: nobody knows where they belong.
            for name in self.names(&folder)? {
                if !name.ends_with(b".note") && !stays.contains(&name) {
                    let file = BString::from([&folder[..], b"/", &name[..]].concat());
                    self.bring_to_trash(file.as_bstr(), b"unknown")?;
                }
            }
            if stays.is_empty() {
                self.disk.remove(&folder)?;
            }
        }
        if kept.is_empty() {
            self.disk.remove(format!("{}/tmp", self.state).as_bytes())?;
        }
        self.prune_trash(trash::QUOTA)?;
        Ok(told)
    }

    /// What a note says; `None` for what is no note or not whole.
    fn read_note(&self, note: &[u8]) -> io::Result<Option<Note>> {
        if !note.ends_with(b".note") {
            return Ok(None);
        }
        Ok(Note::parse(&self.disk.read(note)?))
    }

    /// What earlier runs have put aside and left, by job.
    pub fn asides(&self) -> io::Result<HashMap<BString, Aside>> {
        let mut found: HashMap<BString, Aside> = HashMap::new();
        let all = format!("{}/aside", self.state);
        for run in self.names(all.as_bytes())? {
            let folder = [all.as_bytes(), b"/", &run].concat();
            for name in self.names(&folder)? {
                let note = BString::from([&folder[..], b"/", &name[..]].concat());
                if let Some(Note { output, place, job }) = self.read_note(&note)?
                    && self.disk.is_there(&place)?
                {
                    let moved = Moved {
                        output,
                        place,
                        note,
                    };
                    found.entry(job).or_default().moved.push(moved);
                }
            }
        }
        Ok(found)
    }

    /// Makes a job's outputs what they were before an earlier run sent it: what is there now goes to
    /// the trash, what was put aside comes back.
    pub fn recover_job(&mut self, aside: &Aside, outputs: &[BString]) -> io::Result<()> {
        self.discard(outputs.iter().map(|output| output.as_bstr()))?;
        self.bring_back(aside)
    }

    fn recover_one(&mut self, history: &dyn History, note: &[u8]) -> io::Result<Option<BString>> {
        let Some(Note { output, place, job }) = self.read_note(note)? else {
            return Ok(None);
        };
        let (output, place, job) = (&output[..], &place[..], &job[..]);
        if !self.disk.is_there(place)? {
            return Ok(None);
        }
        if self.has_succeeded(history, job, output)? {
            self.bring_to_trash(BStr::new(place), facts::name(output))?;
            return Ok(None);
        }
        self.throw_away(BStr::new(output))?;
        self.disk.rename(place, output)?;
        Ok(Some(output.into()))
    }

    /// Whether the job ended well after its old output was put aside: the run was cut off before
    /// that was dropped.
    fn has_succeeded(&self, history: &dyn History, job: &[u8], output: &[u8]) -> io::Result<bool> {
        let Some(last) = history.last(job).filter(|_| history.is_complete()) else {
            return Ok(false);
        };
        let (LastTry::Done, Some(past)) = (last.last_try, last.past) else {
            return Ok(false);
        };
        let path = facts::without_slash(output);
        let mut outputs = past.outputs();
        let Some(file) = outputs.find(|file| facts::without_slash(file.path) == path) else {
            // A split's, which did not come again.
            return Ok(true);
        };
        let stat = self.disk.look(output)?;
        Ok(stat.is_some_and(|stat| stat.modified == file.time && stat.size == file.size))
    }

    fn names(&self, folder: &[u8]) -> io::Result<Vec<BString>> {
        let entries = self.disk.list(folder)?.unwrap_or_default();
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    /// Removes this run's folders when nothing is left in them.
    pub fn finish(&self) {
        for folder in ["aside", "tmp"] {
            let folder = format!("{}/{folder}", self.state);
            for folder in [format!("{folder}/{}", self.run), folder] {
                let names = self.disk.list(folder.as_bytes()).ok().flatten();
                if names.is_some_and(|names| names.is_empty()) {
                    // A folder that stays is in nobody's way.
                    self.disk.remove(folder.as_bytes()).ok();
                }
            }
        }
    }
}

fn is_elsewhere(moved: &io::Result<()>) -> bool {
    moved
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::CrossesDevices)
}

/// Does all, and returns the first error.
fn all(results: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut first = Ok(());
    for result in results {
        if first.is_ok() {
            first = result;
        }
    }
    first
}

/// Bytes of all files in a folder.
pub fn size(disk: &dyn Disk, folder: Vec<u8>) -> io::Result<u64> {
    let mut total = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in disk.list(&folder)?.unwrap_or_default() {
            let path = [&folder, &b"/"[..], &entry.name[..]].concat();
            if entry.is_folder && !entry.is_link {
                folders.push(path);
            } else if !entry.is_link {
                total += disk.stat(&path)?.map_or(0, |stat| stat.size);
            }
        }
    }
    Ok(total)
}
