//! A control group of a run's own (cgroup v2), where this process may make one.
//!
//! Who is started in it stays in it, with whatever session, environment or parent, so one write to
//! `cgroup.kill` ends all that a supervisor has started. It limits nothing.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::exec::local::new_mark;

/// Where systems have them: alone, and beside those of the first version.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// What `statfs` calls the file system (linux/magic.h).
const CGROUP2_MAGIC: i128 = 0x6367_7270;

/// What a group limits, and how it begins where it does not.
const LIMITS: [&str; 3] = ["memory.max", "memory.high", "cpu.max"];
const NO_LIMIT: &str = "max";

/// The file that lists its processes, and moves those whose numbers are written to it.
const MEMBERS: &str = "cgroup.procs";

/// How its name begins; the rest is a mark.
const PREFIX: &str = "flow-";

/// Removed when this is dropped; what is still in it is ended first.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
}

impl Group {
    /// Makes a group below this process's own; `None` where that is not allowed.
    ///
    /// Nor where its own has a limit: some programs ask only their own group how much memory and
    /// processor time there is for them, and would take what the machine has.
    pub fn make() -> Option<Group> {
        let parent = own()?;
        let is_limited = |name| match fs::read_to_string(parent.join(name)) {
            Ok(limit) => !limit.starts_with(NO_LIMIT),
            Err(_) => false,
        };
        if LIMITS.into_iter().any(is_limited) {
            return None;
        }
        let path = parent.join(format!("{PREFIX}{}", new_mark().ok()?));
        fs::create_dir(&path).ok()?;
        let group = Group { path };
        // Since Linux 5.14.
        group.path.join("cgroup.kill").exists().then_some(group)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves a process in, which takes the kernel some milliseconds.
    pub fn take_in(&self, pid: i32) -> io::Result<()> {
        fs::write(self.path.join(MEMBERS), pid.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Where it cannot be removed, an empty one stays and is no harm.
        end(&self.path).ok();
    }
}

/// Whether `path` is a control group of the second version.
fn is_group(path: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let found = rustix::fs::open(path, flags, Mode::empty()).and_then(rustix::fs::fstatfs);
    found.is_ok_and(|found| i128::from(found.f_type) == CGROUP2_MAGIC)
}

/// The group that this process is in.
fn own() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let inside = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let inside = Path::new(inside);
    // It lies outside of what this process sees.
    if inside.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let mut found = ROOTS.iter().map(|root| Path::new(root).join(inside));
    found.find(|path| is_group(path))
}

/// Ends all that is in the group that was made for this process, and removes that.
pub fn end_own() -> io::Result<()> {
    let path = own().filter(|path| is_one_of_ours(path));
    let Some((path, parent)) = path
        .as_deref()
        .and_then(|path| Some((path, path.parent()?)))
    else {
        return Ok(());
    };
    fs::write(parent.join(MEMBERS), "0")?;
    end(path)
}

/// Ends all that is in the group at `path`, and removes it with those below it.
///
/// It may be gone already. `path` may come from a file: what [`Group::make`] cannot have made is
/// left alone. An error when some processes are still there after ten seconds.
pub fn end(path: &Path) -> io::Result<()> {
    if !is_one_of_ours(path) || !is_group(path) {
        return Ok(());
    }
    if remove(path).is_ok() {
        return Ok(());
    }
    fs::write(path.join("cgroup.kill"), "1")?;
    let give_up = Instant::now() + Duration::from_secs(10);
    let mut pause = Duration::from_micros(100);
    while let Err(error) = remove(path) {
        if error.kind() != io::ErrorKind::ResourceBusy {
            return Err(error);
        }
        if Instant::now() > give_up {
            let path = path.display();
            let why = format!("processes of the group `{path}` do not end, not even by SIGKILL");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    Ok(())
}

/// Removes empty groups beside `path`: of runs that were killed, and whose folder no other run has seen
/// since.
///
/// One that is about to be used may be among them: its run then goes without.
pub fn sweep_beside(path: &Path) {
    let parent = path.parent().filter(|parent| is_group(parent));
    let beside = parent.and_then(|parent| fs::read_dir(parent).ok());
    for path in beside
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        if is_one_of_ours(&path) {
            fs::remove_dir(&path).ok();
        }
    }
}

/// Whether it has a name as [`Group::make`] gives them.
fn is_one_of_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mark = name.strip_prefix(PREFIX.as_bytes()).unwrap_or_default();
    mark.len() == 24 && mark.iter().all(u8::is_ascii_hexdigit)
}

/// Removes a group in which nobody is, and those that its processes have made below it.
fn remove(path: &Path) -> io::Result<()> {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
        Err(error) if is_gone(&error) => return Ok(()),
        done => return done,
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if is_gone(&error) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_group_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["flow-0123456789abcdef01234567", "flow-x", "other"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            end(&path).unwrap();
            assert!(path.exists(), "{name}");
        }
    }
}
