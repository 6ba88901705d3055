//! The lock where the file system has none: a file that only one process can make, `.flow/lock.held`.
//!
//! No kernel takes it away when its holder dies, so who made it stands in it. Whoever finds a holder
//! that is gone takes over, and only one can: the file that says so can be made by one alone too,
//! and that one looks again before it replaces the holder's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::holder::Holder;

/// Made by this process; gone when dropped.
#[derive(Debug)]
pub struct Marker {
    path: PathBuf,
}

impl Drop for Marker {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// Somebody else has made it.
#[derive(Debug)]
pub struct Made {
    pub path: PathBuf,
    /// Who, where that can be read.
    pub holder: Option<Holder>,
}

/// Where it stands.
fn path(state: &Path) -> PathBuf {
    state.join("lock.held")
}

/// What stands in the marker; `None` where there is no marker.
pub fn read(state: &Path) -> io::Result<Option<Made>> {
    let path = path(state);
    match fs::read(&path) {
        Ok(text) => Ok(Some(Made {
            holder: Holder::parse(&text),
            path,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the marker for `holder`, or takes over one whose holder `is_gone`.
pub fn make(
    state: &Path,
    holder: &Holder,
    is_gone: &dyn Fn(&Holder) -> bool,
) -> io::Result<Result<Marker, Made>> {
    let path = path(state);
    match write_new(&path, holder) {
        Ok(()) => return Ok(Ok(Marker { path })),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let unknown = || Made {
        path: path.clone(),
        holder: None,
    };
    let made = read(state)?.unwrap_or_else(unknown);
    let Some(dead) = made.holder.clone().filter(is_gone) else {
        return Ok(Err(made));
    };
    let heir = state.join("lock.heir");
    match write_new(&heir, holder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Ok(Err(Made {
                path: heir,
                holder: None,
            }));
        }
        Err(error) => return Err(error),
    }
    // Another heir may have been here since it was read.
    let made = read(state)?.unwrap_or_else(unknown);
    if made.holder.as_ref() != Some(&dead) {
        fs::remove_file(&heir)?;
        return Ok(Err(made));
    }
    fs::rename(&heir, &path)?;
    Ok(Ok(Marker { path }))
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, holder: &Holder) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(holder.line().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(id: &str) -> Holder {
        Holder::this("run", 7, id)
    }

    #[test]
    fn one_has_it_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        let alive = |_: &Holder| false;
        let first = make(state, &holder("one"), &alive).unwrap().unwrap();
        let made = make(state, &holder("two"), &alive).unwrap().unwrap_err();
        assert_eq!(made.holder, Some(holder("one")));
        drop(first);
        assert!(read(state).unwrap().is_none());
        drop(make(state, &holder("two"), &alive).unwrap().unwrap());
    }

    #[test]
    fn what_a_dead_one_left_is_taken_over_and_what_cannot_be_read_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        std::mem::forget(make(state, &holder("dead"), &|_| false).unwrap().unwrap());
        let is_dead = |found: &Holder| found.id == "dead";
        let heir = make(state, &holder("heir"), &is_dead).unwrap().unwrap();
        let made = make(state, &holder("late"), &is_dead).unwrap().unwrap_err();
        assert_eq!(made.holder, Some(holder("heir")));
        drop(heir);
        // Cut off when it had made the file and written nothing.
        fs::write(path(state), "").unwrap();
        let made = make(state, &holder("late"), &|_| true)
            .unwrap()
            .unwrap_err();
        assert_eq!(made.holder, None);
    }

    #[test]
    fn of_many_heirs_one_takes_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        for round in 0..50 {
            let dead = format!("dead{round}");
            std::mem::forget(make(state, &holder(&dead), &|_| false).unwrap().unwrap());
            let heirs: Vec<_> = std::thread::scope(|scope| {
                let heir = |n: usize| {
                    let is_dead = |found: &Holder| found.id == dead;
                    make(state, &holder(&format!("heir{n}")), &is_dead).unwrap()
                };
                let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || heir(n))).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            assert_eq!(heirs.iter().filter(|heir| heir.is_ok()).count(), 1);
            drop(heirs);
            assert_eq!(fs::read_dir(state).unwrap().count(), 0, "{round}");
        }
    }
}
