//! One run at a time in a state folder: `flock(2)` on `.flow/lock`, which the kernel lets go of on
//! any death. What is written in the file says who has it, and is gone when it was let go of.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};

use super::holder::Holder;

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Who had it before and died with it.
    pub before: Option<Holder>,
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

/// Takes the lock of a state folder, which is made when it is not there, for `holder`.
pub fn take(state: &Path, holder: &Holder) -> anyhow::Result<Result<Lock, Held>> {
    make_state_folder(state)?;
    let path = state.join("lock");
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path);
    let mut file = open.with_context(|| format!("open `{}`", path.display()))?;
    let is_free = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("lock `{}`", path.display()));
        }
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok();
    let written = Holder::parse(&text);
    if !is_free {
        return Ok(Err(Held { holder: written }));
    }
    put(&mut file, holder).with_context(|| format!("write `{}`", path.display()))?;
    Ok(Ok(Lock {
        file,
        before: written,
    }))
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
}
