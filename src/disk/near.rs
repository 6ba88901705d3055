//! Looking at many files of one folder, whose way is gone only once.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;

use super::real::{Real, open_folder};
use super::{Disk, Stat};

/// So many files in a row lie in one folder before it is opened: that costs as much as a look, and
/// saves a twentieth of one for each file.
const MANY: u32 = 32;

/// The folder of the file that was looked at last.
pub(super) struct Near<'d> {
    disk: &'d Real,
    folder: Vec<u8>,
    n_in_a_row: u32,
    /// Where there were many in a row, and it can be opened.
    opened: Option<OwnedFd>,
}

impl<'d> Near<'d> {
    pub fn new(disk: &'d Real) -> Near<'d> {
        Near {
            disk,
            folder: Vec::new(),
            n_in_a_row: 0,
            opened: None,
        }
    }

    /// As [`Disk::look`].
    pub fn look(&mut self, path: &[u8]) -> io::Result<Option<Stat>> {
        let n_folder = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        let (folder, name) = (&path[..n_folder], &path[n_folder..]);
        // The `/`, and something behind it.
        if folder.is_empty() || name.len() < 2 {
            return self.disk.look(path);
        }
        if folder != self.folder {
            self.folder.clear();
            self.folder.extend_from_slice(folder);
            (self.n_in_a_row, self.opened) = (0, None);
        }
        self.n_in_a_row = self.n_in_a_row.saturating_add(1);
        if self.n_in_a_row == MANY {
            self.opened = open_folder(self.disk.root(), folder, OFlags::PATH).ok();
        }
        match &self.opened {
            Some(opened) => {
                let stat = Real::identify_at(opened, &name[1..])?.map(|(stat, _)| stat);
                self.disk.with_names(path, stat)
            }
            None => self.disk.look(path),
        }
    }
}
