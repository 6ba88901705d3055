//! Sees to it that the state folder stays where it is while a run writes in it.
//!
//! The lock is on the folder, wherever that goes. When somebody moves it away, all that the run
//! writes goes with it, and its place is free for another run: so it is put back, or nothing goes on.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// The state folder and its place, which is known from the workflow's folder: that may move.
#[derive(Debug)]
pub struct Anchor {
    base: OwnedFd,
    /// From `base`, or from the root.
    path: PathBuf,
    folder: OwnedFd,
    /// What the folder was known by when it was opened: one call is enough where it still is.
    identity: (u64, u64),
    /// What stands in its place only leads to it.
    is_link: bool,
}

impl Anchor {
    /// The folder that stands at `path` now, seen from `base`.
    pub fn new(base: &Path, path: &Path) -> io::Result<Anchor> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = fs::open(base, flags, Mode::empty())?;
        let folder = fs::openat(&base, path, flags, Mode::empty())?;
        let found = fs::statat(&base, path, AtFlags::SYMLINK_NOFOLLOW)?;
        let identity = identity(&fs::fstat(&folder)?);
        Ok(Anchor {
            base,
            path: path.into(),
            folder,
            identity,
            is_link: fs::FileType::from_raw_mode(found.st_mode).is_symlink(),
        })
    }

    /// Puts the folder back where it was moved away from, and says so; fails when that cannot be.
    pub fn hold(&self) -> anyhow::Result<Option<String>> {
        let shown = self.path.display();
        let context = || format!("look for the state folder `{shown}`");
        let found = fs::statat(&self.base, &self.path, AtFlags::empty());
        if found.is_ok_and(|found| identity(&found) == self.identity) {
            return Ok(None);
        }
        let held = fs::fstat(&self.folder).with_context(context)?;
        let is_replaced = match found {
            Ok(found) if identity(&found) == identity(&held) => return Ok(None),
            Ok(_) => true,
            Err(Errno::NOENT | Errno::NOTDIR) => false,
            Err(error) => return Err(error).with_context(context),
        };
        if held.st_nlink == 0 {
            bail!(
                "the state folder `{shown}` was removed: what was made is there, but no record says \
                 that it is done"
            );
        }
        let moved_to = std::fs::read_link(format!("/proc/self/fd/{}", self.folder.as_raw_fd()));
        let moved_to = moved_to.with_context(context)?;
        let what = format!(
            "the state folder `{shown}` was moved to `{}`",
            moved_to.display()
        );
        if is_replaced {
            bail!("{what}, and something else stands in its place: another run may be at work");
        }
        if self.is_link {
            bail!("the link `{shown}` to the state folder is gone");
        }
        let flags = RenameFlags::NOREPLACE;
        let put_back = match fs::renameat_with(CWD, &moved_to, &self.base, &self.path, flags) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                fs::renameat(CWD, &moved_to, &self.base, &self.path)
            }
            done => done,
        };
        put_back.with_context(|| format!("{what}, and cannot be put back"))?;
        Ok(Some(format!(
            "{what} and was put back, because this run writes in it: `flow stop` ends the run"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, remove_dir, rename};

    use super::*;

    struct World {
        temp: tempfile::TempDir,
        anchor: Anchor,
    }

    impl World {
        fn new() -> World {
            let temp = tempfile::tempdir().unwrap();
            create_dir(temp.path().join("project")).unwrap();
            create_dir(temp.path().join("project/.flow")).unwrap();
            let anchor = Anchor::new(&temp.path().join("project"), Path::new(".flow")).unwrap();
            World { temp, anchor }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.temp.path().join(name)
        }

        /// What it said, without the temporary folder's name.
        fn held(&self) -> String {
            let said = match self.anchor.hold() {
                Ok(said) => said.unwrap_or("in its place".into()),
                Err(error) => format!("error: {error:#}"),
            };
            said.replace(
                &self
                    .temp
                    .path()
                    .canonicalize()
                    .unwrap()
                    .display()
                    .to_string(),
                "",
            )
        }
    }

    #[test]
    fn what_was_moved_away_is_put_back() {
        let world = World::new();
        assert_eq!(world.held(), "in its place");
        rename(world.path("project/.flow"), world.path("old")).unwrap();
        assert_eq!(
            world.held(),
            "the state folder `.flow` was moved to `/old` and was put back, because this run writes \
             in it: `flow stop` ends the run"
        );
        assert!(world.path("project/.flow").is_dir() && !world.path("old").exists());
        assert_eq!(world.held(), "in its place");
    }

    #[test]
    fn it_may_move_with_its_project() {
        let world = World::new();
        rename(world.path("project"), world.path("renamed")).unwrap();
        assert_eq!(world.held(), "in its place");
    }

    #[test]
    fn what_stands_in_its_place_is_not_touched() {
        let world = World::new();
        rename(world.path("project/.flow"), world.path("old")).unwrap();
        create_dir(world.path("project/.flow")).unwrap();
        assert_eq!(
            world.held(),
            "error: the state folder `.flow` was moved to `/old`, and something else stands in its \
             place: another run may be at work"
        );
        assert!(world.path("old").is_dir());
    }

    #[test]
    fn what_was_removed_is_gone() {
        let world = World::new();
        remove_dir(world.path("project/.flow")).unwrap();
        let said = world.held();
        assert!(
            said.starts_with("error: the state folder `.flow` was removed"),
            "{said}"
        );
        // Also when something else stands in its place.
        create_dir(world.path("project/.flow")).unwrap();
        assert_eq!(world.held(), said);
    }

    #[test]
    fn where_a_link_led_nothing_is_moved() {
        let world = World::new();
        rename(world.path("project/.flow"), world.path("elsewhere")).unwrap();
        let link = world.path("project/.flow");
        std::os::unix::fs::symlink("../elsewhere", &link).unwrap();
        let anchor = Anchor::new(&world.path("project"), Path::new(".flow")).unwrap();
        assert!(anchor.hold().unwrap().is_none());
        std::fs::remove_file(link).unwrap();
        let error = anchor.hold().unwrap_err().to_string();
        assert_eq!(error, "the link `.flow` to the state folder is gone");
        assert!(world.path("elsewhere").is_dir());
    }
}
