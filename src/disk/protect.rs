//! Files and folders that nobody may write, and how they are moved all the same.
//!
//! Links are let be, with what they lead to: that is somebody else's.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::real::open_folder;

/// The right to write, of everybody.
const WRITE: Mode = Mode::WUSR.union(Mode::WGRP).union(Mode::WOTH);

/// Takes the right to write from a file, or from a folder and all in it.
pub(super) fn protect(root: &OwnedFd, path: &[u8]) -> io::Result<()> {
    let mut folders: Vec<OwnedFd> = Vec::new();
    folders.extend(protect_one(root, &CString::new(path)?)?);
    while let Some(folder) = folders.pop() {
        let mut names: Vec<CString> = Vec::new();
        let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
        let mut entries = RawDir::new(&folder, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        for name in names {
            folders.extend(protect_one(&folder, &name)?);
        }
    }
    Ok(())
}

/// Of a folder it gives the descriptor.
fn protect_one(at: &OwnedFd, name: &CString) -> io::Result<Option<OwnedFd>> {
    let stat = match fs::statat(at, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        stat => stat?,
    };
    let mode = Mode::from_raw_mode(stat.st_mode);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let folder = open_folder(at, name.as_c_str(), OFlags::NOFOLLOW)?;
            fs::fchmod(&folder, mode - WRITE)?;
            Ok(Some(folder))
        }
        FileType::RegularFile if mode.intersects(WRITE) => {
            fs::chmodat(at, name.as_c_str(), mode - WRITE, AtFlags::empty())?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Lets the owner of a folder change what is in it, where that is not so; gives the mode that it had.
pub(super) fn unlock(folder: impl AsFd) -> Result<Option<Mode>, Errno> {
    let mode = Mode::from_raw_mode(fs::fstat(&folder)?.st_mode);
    if mode.contains(Mode::WUSR) {
        return Ok(None);
    }
    fs::fchmod(&folder, mode | Mode::WUSR)?;
    Ok(Some(mode))
}

/// Moves a folder that may not be written: its `..` would change, so it has to be for a moment.
/// Anything else gets the error that it got.
pub(super) fn rename_locked(root: &OwnedFd, from: &[u8], to: &[u8]) -> Result<(), Errno> {
    let Ok(folder) = open_folder(root, from, OFlags::NOFOLLOW) else {
        return Err(Errno::ACCESS);
    };
    let Some(mode) = unlock(&folder)? else {
        return Err(Errno::ACCESS);
    };
    let moved = fs::renameat(root, from, root, to);
    fs::fchmod(&folder, mode)?;
    moved
}
