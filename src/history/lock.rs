//! One run at a time in a state folder: `flock(2)` on `.flow/lock`, which the kernel lets go of on
//! any death. What is written in the file is for the message only.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Another run has it: who, in words.
#[derive(Debug)]
pub struct Held {
    pub holder: String,
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

/// Takes the lock of a state folder, which is made when it is not there.
pub fn take(state: &Path) -> anyhow::Result<Result<Lock, Held>> {
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
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).ok();
            let holder = match text.trim() {
                "" => "another process".into(),
                text => text.to_string(),
            };
            return Ok(Err(Held { holder }));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("lock `{}`", path.display()));
        }
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let text = format!(
        "process {} on {} since {}\n",
        std::process::id(),
        host.trim(),
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC"),
    );
    file.set_len(0)
        .and_then(|()| file.rewind())
        .with_context(|| format!("write `{}`", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("write `{}`", path.display()))?;
    Ok(Ok(Lock { _file: file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_hears_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".flow");
        let first = take(&state).unwrap().unwrap();
        let held = take(&state).unwrap().unwrap_err();
        assert!(
            held.holder
                .starts_with(&format!("process {} on ", std::process::id()))
        );
        drop(first);
        assert!(take(&state).unwrap().is_ok());
    }
}
