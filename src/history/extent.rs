//! How long the history was when a run last closed it: `.flow/history.length`.
//!
//! A log that was cut between two records, or that is gone, shows no damage of its own. One that is
//! shorter than it was has lost records all the same. What is longer was being written.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The length of a log in bytes; the salt names the log, since one that is written anew is shorter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    pub salt: u64,
    pub length: u64,
}

fn path(log: &Path) -> PathBuf {
    log.with_extension("length")
}

impl Extent {
    /// What was noted of a log; `None` where that is not known. To be read before the log, which may
    /// grow meanwhile.
    pub fn read(log: &Path) -> Option<Extent> {
        Extent::parse(&std::fs::read_to_string(path(log)).ok()?)
    }

    /// What the text of the file says.
    pub fn parse(text: &str) -> Option<Extent> {
        // Without its end, the text may have been cut off.
        let (length, salt) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Extent {
            length: length.parse().ok()?,
            salt: u64::from_str_radix(salt, 16).ok()?,
        })
    }

    /// Notes it. To be called when so much of the log has reached the disk.
    pub fn write(self, log: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.custom_flags(libc::O_NOFOLLOW).open(path(log))?;
        writeln!(file, "{} {:016x}", self.length, self.salt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_cut_off_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("history");
        assert_eq!(Extent::read(&log), None);
        let extent = Extent {
            salt: 77,
            length: 1234,
        };
        extent.write(&log).unwrap();
        assert_eq!(Extent::read(&log), Some(extent));
        let text = std::fs::read(path(&log)).unwrap();
        for end in 0..text.len() {
            std::fs::write(path(&log), &text[..end]).unwrap();
            assert_eq!(Extent::read(&log), None, "cut at {end}");
        }
    }
}
