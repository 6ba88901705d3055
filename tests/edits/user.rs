//! What people do to files between runs.

use std::collections::HashSet;

use flow::disk::{Disk, DiskMut, MemDisk, Time};

use super::graph::Dice;

const NAMES: [&str; 6] = ["a_1", "a_2", "b_1", "b_2", "c_1", "d_9"];

/// Sources and their earlier contents.
#[derive(Default)]
pub struct User {
    n_texts: usize,
    earlier: Vec<(String, Vec<u8>, Time)>,
    /// Outputs with a forged content of the old size: to touch one would hide it.
    forged: HashSet<String>,
}

impl User {
    pub fn begin(&mut self, disk: &MemDisk, dice: &mut Dice) {
        for name in NAMES {
            if name == "a_1" || dice.one_in(2) {
                self.write(disk, &format!("in/{name}.s"), dice);
            }
        }
    }

    fn write(&mut self, disk: &MemDisk, path: &str, dice: &mut Dice) {
        self.n_texts += 1;
        let text = format!("{}{}", self.n_texts, "x".repeat(dice.below(3)));
        disk.write(path, text);
        let stat = disk.stat(path.as_bytes()).unwrap().unwrap();
        let text = disk.read(path.as_bytes()).unwrap();
        self.earlier.push((path.into(), text, stat.modified));
    }

    /// Does something to a source; says what.
    pub fn edit_source(&mut self, disk: &MemDisk, dice: &mut Dice) -> String {
        let sources = names(disk, "in");
        let source = dice.pick(&sources).clone();
        match dice.below(7) {
            0 => {
                disk.touch(&source);
                format!("touch {source}")
            }
            1 | 2 => {
                self.write(disk, &source, dice);
                format!("write {source}")
            }
            3 if sources.len() > 1 => {
                disk.remove(source.as_bytes()).unwrap();
                format!("remove {source}")
            }
            4 => {
                let (path, text, time) = dice.pick(&self.earlier).clone();
                disk.write(&path, text);
                disk.set_time(&path, time);
                format!("restore {path} of {time:?}")
            }
            5 => {
                let to = format!("in/{}.s", dice.pick(&NAMES));
                disk.rename(source.as_bytes(), to.as_bytes()).unwrap();
                format!("rename {source} to {to}")
            }
            _ => {
                let path = format!("in/{}.s", dice.pick(&NAMES));
                self.write(disk, &path, dice);
                format!("write {path}")
            }
        }
    }

    /// Does something to a file that a job made; says what.
    pub fn edit_output(&mut self, disk: &MemDisk, dice: &mut Dice) -> String {
        let mut made = Vec::new();
        for folder in disk.list(b".").unwrap().unwrap() {
            if folder.name[0] == b'r' {
                made.extend(names(disk, &folder.name.to_string()));
            }
        }
        if made.is_empty() {
            return "nothing made".into();
        }
        let path = dice.pick(&made).clone();
        match dice.below(4) {
            0 => {
                disk.write(&path, "by hand, and of no size that flow's own has");
                format!("hand-edit {path}")
            }
            1 if !self.forged.contains(&path) => {
                disk.touch(&path);
                format!("touch {path}")
            }
            2 => {
                // From a backup: the size of old, and older.
                let size = disk.read(path.as_bytes()).unwrap().len();
                disk.write(&path, "?".repeat(size));
                disk.set_time(&path, Time(1));
                self.forged.insert(path.clone());
                format!("older {path}")
            }
            _ => {
                disk.remove(path.as_bytes()).unwrap();
                format!("remove {path}")
            }
        }
    }
}

fn names(disk: &MemDisk, folder: &str) -> Vec<String> {
    let entries = disk.list(folder.as_bytes()).unwrap().unwrap_or_default();
    entries
        .iter()
        .map(|entry| format!("{folder}/{}", entry.name))
        .collect()
}
