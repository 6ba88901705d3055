//! Nothing of a run that was killed goes on beside the next one: while a run is at work, what its
//! processes are found by stands in the state folder.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exec::Trail;

/// A trail that stands until this is dropped.
pub struct Standing {
    path: PathBuf,
}

fn path(state: &Path) -> PathBuf {
    state.join("mark")
}

/// Puts down the trail of a run. Call it before the run can start anything.
pub fn put(state: &Path, trail: &Trail) -> anyhow::Result<Standing> {
    let path = path(state);
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options
        .open(&path)
        .with_context(|| format!("write `{}`", path.display()))?;
    file.write_all(&trail.to_bytes())
        .with_context(|| format!("write `{}`", path.display()))?;
    Ok(Standing { path })
}

impl Drop for Standing {
    fn drop(&mut self) {
        // Where it stays, the next run looks for processes that are not there.
        std::fs::remove_file(&self.path).ok();
    }
}

/// Ends what a run that was killed has left. Call it under the lock, before outputs are touched.
/// False where no run was killed.
pub fn end_leftovers(state: &Path) -> anyhow::Result<bool> {
    let path = path(state);
    let trail = match std::fs::read(&path) {
        Ok(bytes) => Trail::parse(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("read `{}`", path.display())),
    };
    if let Some(trail) = trail {
        let ended = trail.end();
        ended.context("end what a run that was killed left running")?;
    }
    std::fs::remove_file(&path).with_context(|| format!("remove `{}`", path.display()))?;
    Ok(true)
}
