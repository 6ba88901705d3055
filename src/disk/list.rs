//! Reading the names in a folder.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, FileType, RawDir};
use rustix::io::Errno;

use super::Names;
use super::real::if_there;

/// Bytes of names that one system call may bring.
const BUFFER: usize = 64 * 1024;

/// The names in an opened folder, in byte order, less `.` and `..`.
pub(super) fn list(opened: &OwnedFd) -> io::Result<Names> {
    let mut entries = Names::default();
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut names = RawDir::new(opened, &mut buffer);
    while let Some(found) = names.next() {
        let found = match found {
            Err(Errno::INTR) => continue,
            found => found?,
        };
        let name = found.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let mut file_type = found.file_type();
        if file_type == FileType::Unknown {
            // Some file systems do not tell with the name.
            let stat = fs::statat(opened, name, AtFlags::SYMLINK_NOFOLLOW);
            match if_there(b"", stat)? {
                Some(stat) => file_type = FileType::from_raw_mode(stat.st_mode),
                None => continue,
            }
        }
        let (is_folder, is_link) = match file_type {
            FileType::Symlink => (leads_to_folder(opened, name.to_bytes()), true),
            other => (other == FileType::Directory, false),
        };
        entries.push(name.to_bytes(), is_folder, is_link);
    }
    entries.sort();
    entries.shrink();
    Ok(entries)
}

/// Whether a link in this folder leads to a folder. What cannot be followed, for whatever reason, is
/// at least no folder to enter.
pub(super) fn leads_to_folder(opened: &OwnedFd, link: &[u8]) -> bool {
    let stat = fs::statat(opened, link, AtFlags::empty());
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
