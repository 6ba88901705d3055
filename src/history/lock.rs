//! One run at a time in a state folder: `flock(2)` on `.flow/lock`, which the kernel lets go of on
//! any death. What is written in the file says who has it, and is gone when it was let go of. Where
//! the file system has no such locks, a `marker` stands for it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::holder::Holder;
use super::marker::{self, Made, Marker};

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Who had it before and died with it.
    pub before: Option<Holder>,
    /// Where there are no locks.
    _marker: Option<Marker>,
    /// The state folder itself is locked too: the file may be removed or replaced meanwhile.
    _folder: Option<File>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.file.set_len(0).ok();
    }
}

/// Another run has it: who, where that can be read.
#[derive(Debug)]
pub struct Held {
    pub holder: Option<Holder>,
    /// The file that stands for a lock, where nothing but its removal frees it.
    pub marker: Option<PathBuf>,
}

impl From<Made> for Held {
    fn from(made: Made) -> Held {
        Held {
            holder: made.holder,
            marker: Some(made.path),
        }
    }
}

/// Makes the state folder, readable by its owner alone.
///
/// A link that leads to a folder of another user is refused: whoever planted it would have flow
/// write there with this user's rights, and could change what flow believes.
pub fn make_state_folder(state: &Path) -> anyhow::Result<()> {
    let link = std::fs::symlink_metadata(state).ok();
    if let Some(link) = link.filter(|meta| meta.is_symlink()) {
        let own = rustix::process::geteuid().as_raw();
        let is_foreign = std::fs::metadata(state).is_ok_and(|target| target.uid() != own);
        if link.uid() != own || is_foreign {
            bail!(
                "the state folder `{}` is a link to a folder of another user: remove it, or name \
                 another place with `--state-dir`",
                state.display()
            );
        }
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.with_context(|| format!("make the state folder `{}`", state.display()))
}

/// Takes the lock of a state folder, which is made when it is not there, for `holder`. `is_gone` is
/// asked of others where the kernel does not know.
pub fn take(
    state: &Path,
    holder: &Holder,
    is_gone: &dyn Fn(&Holder) -> bool,
) -> anyhow::Result<Result<Lock, Held>> {
    take_by(File::try_lock, state, holder, is_gone)
}

type TryLock = fn(&File) -> Result<(), TryLockError>;

fn take_by(
    try_lock: TryLock,
    state: &Path,
    holder: &Holder,
    is_gone: &dyn Fn(&Holder) -> bool,
) -> anyhow::Result<Result<Lock, Held>> {
    make_state_folder(state)?;
    let path = state.join("lock");
    move_folder_away(&path)?;
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path);
    let mut file = open.with_context(|| format!("open `{}`", path.display()))?;
    let context = || format!("lock `{}`", path.display());
    let (is_free, marker) = match try_lock(&file) {
        Ok(()) => (true, None),
        Err(TryLockError::WouldBlock) => (false, None),
        Err(TryLockError::Error(error)) if has_no_locks(&error) => {
            match marker::make(state, holder, is_gone).with_context(context)? {
                Ok(marker) => (true, Some(marker)),
                Err(made) => return Ok(Err(made.into())),
            }
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(context),
    };
    // Of a host that has no locks on this file system.
    if is_free
        && marker.is_none()
        && let Some(made) = marker::read(state).with_context(context)?
    {
        match made.holder.as_ref().is_some_and(is_gone) {
            true => std::fs::remove_file(&made.path).with_context(context)?,
            false => return Ok(Err(made.into())),
        }
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok();
    let written = Holder::parse(&text);
    if !is_free {
        return Ok(Err(Held {
            holder: written,
            marker: None,
        }));
    }
    let folder = match File::open(state).map(|folder| (try_lock(&folder), folder)) {
        Ok((Ok(()), folder)) => Some(folder),
        Ok((Err(TryLockError::WouldBlock), _)) => {
            return Ok(Err(Held {
                holder: written,
                marker: None,
            }));
        }
        // Some file systems lock no folders.
        _ => None,
    };
    put(&mut file, holder).with_context(|| format!("write `{}`", path.display()))?;
    Ok(Ok(Lock {
        file,
        before: written,
        _marker: marker,
        _folder: folder,
    }))
}

/// Whether this is how a file system says that it cannot lock.
fn has_no_locks(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let none = [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS];
    Errno::from_io_error(error).is_some_and(|error| none.contains(&error))
}

/// A folder in the place of the lock holds nobody's lock: it would only stand in the way for ever.
fn move_folder_away(path: &Path) -> anyhow::Result<()> {
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        let aside = path.with_file_name(format!("lock.bad-{}", std::process::id()));
        let moved = std::fs::rename(path, &aside);
        moved.with_context(|| format!("move away the folder `{}`", path.display()))?;
    }
    Ok(())
}

fn put(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(holder.line().as_bytes())?;
    // On a network file system other hosts see what is written when a descriptor is closed.
    drop(file.try_clone()?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_alive(_: &Holder) -> bool {
        false
    }

    fn take(state: &Path, holder: &Holder) -> anyhow::Result<Result<Lock, Held>> {
        super::take(state, holder, &is_alive)
    }

    #[test]
    fn it_is_held_though_its_file_is_removed_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".flow");
        let holder = Holder::this("run", 7, "one");
        let first = take(&state, &holder).unwrap().unwrap();
        std::fs::remove_file(state.join("lock")).unwrap();
        assert!(take(&state, &holder).unwrap().is_err());
        std::fs::remove_file(state.join("lock")).unwrap();
        std::fs::create_dir(state.join("lock")).unwrap();
        assert!(take(&state, &holder).unwrap().is_err());
        drop(first);
        drop(take(&state, &holder).unwrap().unwrap());
    }

    #[test]
    fn the_second_hears_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".flow");
        let holder = Holder::this("run", 7, "one");
        let first = take(&state, &holder).unwrap().unwrap();
        let other = Holder::this("clean", 8, "two");
        let held = take(&state, &other).unwrap().unwrap_err();
        assert_eq!(held.holder.as_ref(), Some(&holder));
        let shown = held.holder.unwrap().to_string();
        let begin = format!("process {} on {} since 20", holder.pid, holder.host);
        assert!(
            shown.starts_with(&begin) && shown.ends_with(" UTC"),
            "{shown}"
        );
        assert_eq!(Holder::read(&state), Some(holder));
        drop(first);
        assert_eq!(Holder::read(&state), None);
        assert_eq!(take(&state, &other).unwrap().unwrap().before, None);
    }

    #[test]
    fn a_folder_in_its_place_is_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".flow");
        std::fs::create_dir_all(state.join("lock/in")).unwrap();
        let holder = Holder::this("run", 7, "one");
        let lock = take(&state, &holder).unwrap().unwrap();
        assert_eq!(Holder::read(&state), Some(holder));
        assert_eq!(lock.before, None);
        let mut names = std::fs::read_dir(&state).unwrap();
        let is_aside = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("lock.bad-");
        assert!(names.any(|entry| is_aside(&entry.unwrap().file_name())));
    }

    #[test]
    fn who_died_with_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".flow");
        let holder = Holder::this("run", 7, "one");
        let dead = take(&state, &holder).unwrap().unwrap();
        let text = std::fs::read(state.join("lock")).unwrap();
        drop(dead);
        std::fs::write(state.join("lock"), text).unwrap();
        let lock = take(&state, &Holder::this("run", 9, "two"))
            .unwrap()
            .unwrap();
        assert_eq!(lock.before.as_ref(), Some(&holder));
        for odd in ["", "process 12 on h since 2026", "{\"schema\":1}", "\0\0"] {
            std::fs::write(state.join("lock"), odd).unwrap();
            assert_eq!(Holder::read(&state), None, "{odd}");
        }
    }

    /// As NFS without its lock manager, and FUSE file systems without `flock`, have it.
    fn no_locks(_: &File) -> Result<(), TryLockError> {
        let error = io::Error::from(rustix::io::Errno::NOLCK);
        Err(TryLockError::Error(error))
    }

    #[test]
    fn where_there_are_no_locks_one_has_it_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".flow");
        let holder = |id| Holder::this("run", 7, id);
        let by_marker =
            |id, is_gone: &dyn Fn(&Holder) -> bool| take_by(no_locks, &state, &holder(id), is_gone);
        let first = by_marker("one", &is_alive).unwrap().unwrap();
        assert_eq!(Holder::read(&state), Some(holder("one")));
        let held = by_marker("two", &is_alive).unwrap().unwrap_err();
        assert_eq!(held.holder, Some(holder("one")));
        assert_eq!(held.marker, Some(state.join("lock.held")));
        // Nor has it a host that can lock.
        let held = take(&state, &holder("two")).unwrap().unwrap_err();
        assert_eq!(held.holder, Some(holder("one")));
        drop(first);
        assert_eq!(
            std::fs::read_dir(&state).unwrap().count(),
            1,
            "the lock alone"
        );
        assert_eq!(by_marker("two", &is_alive).unwrap().unwrap().before, None);
        // One that was killed is told, and takes nothing with it.
        for try_lock in [no_locks as TryLock, File::try_lock] {
            let dead = by_marker("dead", &is_alive).unwrap().unwrap();
            let text = std::fs::read(state.join("lock")).unwrap();
            drop(dead);
            std::fs::write(state.join("lock"), &text).unwrap();
            std::fs::write(state.join("lock.held"), &text).unwrap();
            let is_dead = |found: &Holder| found.id == "dead";
            let lock = take_by(try_lock, &state, &holder("two"), &is_dead);
            let lock = lock.unwrap().unwrap();
            let before = lock.before.as_ref().map(|before| &before.id[..]);
            assert_eq!(before, Some("dead"));
        }
    }

    #[test]
    fn what_a_disk_refuses_otherwise_is_an_error() {
        fn broken(_: &File) -> Result<(), TryLockError> {
            Err(TryLockError::Error(rustix::io::Errno::IO.into()))
        }
        let folder = tempfile::tempdir().unwrap();
        let holder = Holder::this("run", 7, "one");
        let error = take_by(broken, folder.path(), &holder, &is_alive).unwrap_err();
        assert!(error.to_string().starts_with("lock `"), "{error}");
    }
}
