//! Removes a tree: never through a link, also not one that is put there meanwhile.
//!
//! Every folder is opened from its parent's descriptor and without following links.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, FileType, OFlags, RawDir};
use rustix::io::Errno;

use super::real::open_folder;

/// A folder that is being emptied; as many are open as the tree is deep.
struct Level {
    folder: OwnedFd,
    /// Its own name, in the folder of the level above.
    name: CString,
    subfolders: Vec<CString>,
}

/// Removes `path`, as seen from `root`; fine when it is not there.
pub(super) fn remove(root: &OwnedFd, path: &[u8]) -> io::Result<()> {
    match fs::unlinkat(root, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        // Linux says one, POSIX the other, of a folder.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let name = CString::new(path)?;
    let mut levels = Vec::new();
    levels.extend(Level::enter(root, name)?);
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.subfolders.pop() {
            let entered = Level::enter(&level.folder, name)?;
            levels.extend(entered);
            continue;
        }
        let emptied = levels.pop().expect("it was looked at just now");
        let parent = levels.last().map_or(root, |level| &level.folder);
        match fs::unlinkat(parent, emptied.name.as_c_str(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Level {
    /// Opens a folder and removes all in it but its folders; `None` when it is gone, or had become
    /// something else and is removed.
    fn enter(parent: &OwnedFd, name: CString) -> io::Result<Option<Level>> {
        let folder = match open_folder(parent, name.as_c_str(), OFlags::NOFOLLOW) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                fs::unlinkat(parent, name.as_c_str(), AtFlags::empty())?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        // What nobody may write goes like anything else; where it does not, that is told below.
        super::protect::unlock(&folder).ok();
        let mut all = Vec::new();
        let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
        let mut entries = RawDir::new(&folder, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                all.push((entry.file_name().to_owned(), entry.file_type()));
            }
        }
        let mut subfolders = Vec::new();
        for (name, file_type) in all {
            if file_type == FileType::Directory {
                subfolders.push(name);
                continue;
            }
            match fs::unlinkat(&folder, name.as_c_str(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::ISDIR | Errno::PERM) if file_type == FileType::Unknown => {
                    subfolders.push(name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Level {
            folder,
            name,
            subfolders,
        }))
    }
}
