//! By what all that a run has started is found when its supervisor is gone: the mark in the environment
//! of its processes, and the control group that they are in, where it has one.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::exec::{group, procs};

/// Of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trail {
    pub mark: String,
    pub group: Option<PathBuf>,
}

impl Trail {
    /// Kills all that it leads to, and waits until that is gone; an error when some of it still goes
    /// on after ten seconds. This process and those it descends from are left alone.
    pub fn end(&self) -> io::Result<()> {
        // Both: what was told to start elsewhere, as by a daemon that starts things, has the mark.
        if let Some(path) = &self.group {
            group::end(path)?;
            group::sweep_beside(path);
        }
        procs::end_marked(&self.mark).map(drop)
    }

    /// As it is written down: the mark, then the group, each on a line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let group = self.group.as_deref().map_or(&[][..], path_bytes);
        [self.mark.as_bytes(), b"\n", group].concat()
    }

    /// Of what was written down; `None` where it was cut off before anything could be started.
    pub fn parse(bytes: &[u8]) -> Option<Trail> {
        let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
        let mark = std::str::from_utf8(lines.next()?).ok()?;
        let group = lines.next().filter(|path| !path.is_empty());
        (!mark.is_empty()).then(|| Trail {
            mark: mark.into(),
            group: group.map(|path| OsStr::from_bytes(path).into()),
        })
    }
}

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for group in [None, Some(PathBuf::from("/sys/fs/cgroup/a b/flow-1"))] {
            let mark = "6f".to_string();
            let trail = Trail { mark, group };
            assert_eq!(Trail::parse(&trail.to_bytes()), Some(trail));
        }
        assert_eq!(Trail::parse(b""), None);
        let only_mark = Trail::parse(b"6f").unwrap();
        assert_eq!((&*only_mark.mark, only_mark.group), ("6f", None));
    }
}
