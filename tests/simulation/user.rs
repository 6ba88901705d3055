//! The user: edits, touches, restores, removes, and changes the workflow between two runs.

use std::collections::BTreeMap;

use flow::disk::{Disk, DiskMut, Time};

use super::dice::Dice;
use super::job::{Proc, rule_of};
use super::spec::{From, Verb, With};
use super::world::World;

/// A source as it once was.
#[derive(Clone, Debug)]
pub struct Backup {
    path: String,
    bytes: Vec<u8>,
    time: Time,
}

impl World {
    pub fn first_sources(&mut self) {
        for n in 0..self.dice.between(1, 3) {
            let letter = if n == 2 { 'b' } else { 'a' };
            self.n_names += 1;
            let text = content(&mut self.dice);
            self.put_source(&format!("{letter}{n}.src"), text.as_bytes());
        }
        self.restore_configs();
    }

    /// What a rule names must be there.
    pub fn restore_configs(&mut self) {
        let configs: Vec<String> = self.spec.configs().collect();
        for config in configs {
            if self
                .disk
                .mem
                .stat(config.as_bytes())
                .is_ok_and(|stat| stat.is_none())
            {
                let text = content(&mut self.dice);
                self.put_source(&config, text.as_bytes());
            }
        }
    }

    /// All files that no job makes.
    pub fn sources(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = self.disk.mem.list(b".").ok().flatten().unwrap_or_default();
        let files = entries.into_iter().filter(|entry| !entry.is_folder);
        let read = |name: String| {
            let bytes = self.disk.mem.read(name.as_bytes()).unwrap_or_default();
            (name, bytes)
        };
        files.map(|entry| read(entry.name.to_string())).collect()
    }

    fn put_source(&mut self, path: &str, bytes: &[u8]) {
        self.disk.mem.write(path, bytes);
        self.keep(path);
    }

    /// Keeps what is there, to be restored one day.
    fn keep(&mut self, path: &str) {
        if let (Ok(Some(stat)), Ok(bytes)) = (
            self.disk.mem.stat(path.as_bytes()),
            self.disk.mem.read(path.as_bytes()),
        ) {
            self.backups.push(Backup {
                path: path.into(),
                bytes,
                time: stat.modified,
            });
        }
    }

    /// One thing that the user does; while a run goes on, only what can be noticed at all.
    pub fn user_acts(&mut self, is_during_run: bool) {
        if !is_during_run && self.dice.chance(30) {
            return self.change_workflow();
        }
        if self.dice.chance(35) {
            return self.act_on_output(is_during_run);
        }
        let names: Vec<String> = self.sources().into_keys().collect();
        let Some(path) = self.dice.pick(&names).cloned() else {
            return;
        };
        let is_source = path.ends_with(".src");
        let n_sources = names.iter().filter(|name| name.ends_with(".src")).count();
        match self.dice.below(100) {
            0..35 => self.edit(&path),
            35..50 => {
                self.tell(|| format!("the user touches {path}"));
                self.disk.mem.touch(&path);
            }
            50..62 => self.edit_to_older(&path),
            62..72 if !is_during_run => self.restore(),
            62..80 if is_during_run && self.grain.is_none() => self.edit_and_undo(&path),
            72..80 if self.spec.level == 4 => {
                self.tell(|| format!("the user edits {path} and keeps its time"));
                let text = content(&mut self.dice);
                self.edit_at_same_time(&path, text.as_bytes());
            }
            80..90 if is_source && n_sources > 1 => {
                self.tell(|| format!("the user removes {path}"));
                self.disk
                    .mem
                    .remove(path.as_bytes())
                    .expect("it can be removed");
            }
            80..96 => {
                let letter = char::from(b'a' + self.dice.below(3) as u8);
                let path = format!("{letter}{}.src", self.n_names);
                self.n_names += 1;
                self.tell(|| format!("the user adds {path}"));
                let text = content(&mut self.dice);
                self.put_source(&path, text.as_bytes());
            }
            _ => self.edit(&path),
        }
    }

    fn edit(&mut self, path: &str) {
        self.tell(|| format!("the user edits {path}"));
        let text = content(&mut self.dice);
        self.put_source(path, text.as_bytes());
    }

    /// A moment later it is as it was, but for its time.
    fn edit_and_undo(&mut self, path: &str) {
        let Ok(old) = self.disk.mem.read(path.as_bytes()) else {
            return;
        };
        self.edit(path);
        let ms = self.dice.below(1000);
        let at = self.later(ms);
        self.plan(at, super::world::Act::Undo(path.into(), old));
    }

    pub fn undo(&mut self, path: &str, old: &[u8]) {
        self.tell(|| format!("the user undoes the change to {path}"));
        self.undone.insert(path.into());
        self.put_source(path, old);
    }

    fn edit_to_older(&mut self, path: &str) {
        self.tell(|| format!("the user puts an older file in the place of {path}"));
        let text = content(&mut self.dice);
        self.disk.mem.write(path, text);
        let age = self.dice.between(1, 1_000_000_000_000_000) as i64;
        self.disk.mem.set_time(path, Time(self.wall() - age));
        self.keep(path);
    }

    fn edit_at_same_time(&mut self, path: &str, text: &[u8]) {
        let stat = self.disk.mem.stat(path.as_bytes()).ok().flatten();
        self.disk.mem.write(path, text);
        if let Some(stat) = stat {
            self.disk.mem.set_time(path, stat.modified);
        }
        self.keep(path);
    }

    fn restore(&mut self) {
        let Some(backup) = self.dice.pick(&self.backups).cloned() else {
            return;
        };
        let path = &backup.path;
        self.tell(|| format!("the user restores {path} from a backup, with its time"));
        self.disk.mem.write(path, &backup.bytes);
        self.disk.mem.set_time(path, backup.time);
    }

    /// Edits, touches or removes an output that flow has a record of.
    fn act_on_output(&mut self, is_during_run: bool) {
        let mut outputs: Vec<String> = self.ever_done.iter().cloned().collect();
        outputs.sort();
        let is_free = |path: &String| {
            // Of a split that runs nobody knows yet what it writes.
            let mut ofs = self
                .procs
                .iter()
                .filter(|proc| rule_of(path) == Some(proc.rule));
            let is_busy =
                |proc: &Proc| !proc.is_over || is_during_run && self.fold.is_under_way(&proc.key);
            let is_there = self
                .disk
                .mem
                .stat(path.as_bytes())
                .is_ok_and(|stat| stat.is_some());
            is_there && !ofs.any(is_busy)
        };
        outputs.retain(is_free);
        let Some(path) = self.dice.pick(&outputs).cloned() else {
            return;
        };
        self.writers.remove(&path);
        // It is the user's to destroy.
        self.by_hand.remove(&path);
        self.handled.insert(path.clone());
        match self.dice.below(3) {
            0 => {
                self.tell(|| format!("the user removes the output {path}"));
                self.disk
                    .mem
                    .remove(path.as_bytes())
                    .expect("it can be removed");
            }
            1 => {
                self.tell(|| format!("the user touches the output {path}"));
                self.disk.mem.touch(&path);
            }
            _ => {
                self.tell(|| format!("the user edits the output {path}"));
                let mut text = content(&mut self.dice);
                // The same size is a touch, unless contents are looked at.
                if self.spec.level < 4 {
                    text += " by hand";
                }
                self.disk.mem.write(&path, &text);
                // Of what it never recorded flow cannot know whose it is, and where times are coarse
                // not what became of it since it was looked at.
                let is_seen = self.grain.is_none() || !is_during_run;
                if is_seen && self.recorded.contains(&path) {
                    self.by_hand.insert(path, text.into_bytes());
                }
            }
        }
    }

    /// What the user has put in the place of an output is there, or in the trash.
    pub fn check_by_hand(&mut self) {
        let by_hand = std::mem::take(&mut self.by_hand);
        if by_hand.is_empty() {
            return;
        }
        let trash = self.trash();
        for (path, text) in by_hand {
            let is_there = self
                .disk
                .mem
                .read(path.as_bytes())
                .is_ok_and(|now| now == text);
            if !is_there && !trash.contains(&text) {
                self.wrong(format!(
                    "what the user had put in the place of {path} is lost"
                ));
            }
        }
    }

    /// The contents of all that is in the trash.
    fn trash(&self) -> Vec<Vec<u8>> {
        let list = |folder: &[u8]| {
            self.disk
                .mem
                .list(folder)
                .ok()
                .flatten()
                .unwrap_or_default()
        };
        let mut found = Vec::new();
        for run in list(b".flow/trash") {
            let folder = [b".flow/trash/", &run.name[..]].concat();
            for file in list(&folder) {
                let path = [&folder[..], b"/", &file.name[..]].concat();
                found.extend(self.disk.mem.read(&path));
            }
        }
        found
    }

    fn change_workflow(&mut self) {
        let at = self.dice.below(self.spec.rules.len() as u64) as usize;
        let kind = self.dice.below(3);
        let version = self.dice.below(1000);
        let config = self.dice.below(2) as usize;
        let rule = &mut self.spec.rules[at];
        match (kind, rule.verb, rule.with) {
            (0, Verb::Transform | Verb::Merge | Verb::Split | Verb::Collate, With::Nothing) => {
                rule.with = With::File(config);
            }
            (0, _, With::File(_)) => rule.with = With::Nothing,
            (1, Verb::Merge, _) => match rule.from {
                From::Rules(one, _) => rule.from = From::Rule(one),
                _ => rule.version = version,
            },
            _ => rule.version = version,
        }
        self.tell(|| format!("the user changes rule r{at}"));
    }
}

/// Some text of the same size as others.
fn content(dice: &mut Dice) -> String {
    format!("{:016x}", dice.number())
}
