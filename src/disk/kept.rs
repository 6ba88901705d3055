//! Lists of folders that are kept: to read many names from a file takes less than the kernel takes to
//! read them from their folder, and they are sorted.
//!
//! Beside the names stands the state in which the folder was: where it lies, and when it was last
//! changed, which nobody can set. A folder in that state has these names. It is noted only where a
//! change within the same step of the clock cannot have come after it, and on file systems of
//! this machine alone; what is remote may be seen late. It holds until the machine starts anew, since a
//! crash may cost a folder its time and leave it the names.
//!
//! The file begins with [`MAGIC`] and the name of this start of the machine. For each folder follow
//! seven numbers of eight bytes (device, inode, modified, changed, number of names, length of all
//! names, checksum), then the length (two bytes) and kind (one byte) of each name, then the names;
//! numbers are little-endian.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, Mode, OFlags, Stat, fstat, fstatfs, openat};

use super::checksum::checksum;
use super::{Names, Time, list, this_boot};

const MAGIC: &[u8; 16] = b"flow folders 1\n\0";
const N_HEAD: usize = 56;
/// What a name takes beside itself.
const N_SLOT: usize = 3;

/// Folders with fewer names are read as fast as they are found here.
const MANY: usize = 1000;

/// File systems keep the time of a change in steps of up to two seconds.
const STEP: i64 = 2_000_000_000;

/// File systems of this machine that note each change of a folder, by the number that statfs(2) gives.
const LOCAL: [u64; 6] = [
    0xef53,      // ext2 to ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0x0102_1994, // tmpfs
];

/// The state of a folder: another one means that its names may be others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    device: u64,
    inode: u64,
    modified: Time,
    changed: Time,
}

/// Where the state of a list comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    state: State,
    /// The list was found in the file.
    is_kept: bool,
}

/// A file of lists.
#[derive(Debug)]
pub(super) struct Lists {
    path: PathBuf,
    may_write: bool,
    kept: OnceLock<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    heads: Vec<Head>,
}

#[derive(Debug)]
struct Head {
    state: State,
    n_names: usize,
    n_bytes: usize,
    sum: u64,
    at: u64,
}

impl State {
    fn of(stat: &Stat) -> State {
        State {
            device: stat.st_dev,
            inode: stat.st_ino,
            modified: super::real::time(stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: super::real::time(stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether a change from now on has another time.
    fn is_past(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos() as i64);
        now.saturating_sub(self.modified.max(self.changed).0) > STEP
    }

    /// The head of the list of a folder in this state, less its checksum.
    fn head(&self, n_names: usize, n_bytes: usize) -> Vec<u8> {
        let times = [self.modified, self.changed].map(|time| time.0 as u64);
        let counts = [n_names, n_bytes].map(|count| count as u64);
        let numbers = [self.device, self.inode].into_iter();
        let numbers = numbers.chain(times).chain(counts);
        numbers.flat_map(u64::to_le_bytes).collect()
    }
}

impl Lists {
    pub fn new(path: PathBuf, may_write: bool) -> Lists {
        Lists {
            path,
            may_write,
            kept: OnceLock::new(),
        }
    }

    /// The names in an opened folder.
    pub fn list(&self, opened: &OwnedFd) -> io::Result<Names> {
        let state = State::of(&fstat(opened)?);
        let kept = self
            .kept
            .get_or_init(|| Kept::open(&self.path, &this_boot()));
        if let Some(kept) = kept
            && let Some(mut names) = kept.names(&state)
        {
            names.look_at_links(|link| list::leads_to_folder(opened, link));
            let is_kept = true;
            names.origin = Some(Origin { state, is_kept });
            return Ok(names);
        }
        // What changes from here on gives the folder another state than the one that is noted.
        let is_past = state.is_past();
        let mut names = list::list(opened)?;
        if is_past && names.len() >= MANY && is_local(opened) {
            let is_kept = false;
            names.origin = Some(Origin { state, is_kept });
        }
        Ok(names)
    }

    /// Keeps these lists, if there is news among them, and drops all others. Where that fails, the next
    /// one reads folders.
    pub fn keep(&self, lists: &mut dyn Iterator<Item = &Names>) {
        if !self.may_write {
            return;
        }
        let lists: Vec<(&Names, Origin)> = lists
            .filter_map(|names| Some((names, names.origin?)))
            .collect();
        if lists.iter().any(|(_, origin)| !origin.is_kept) {
            let lists = lists.iter().map(|(names, origin)| (*names, &origin.state));
            let _ = write(&self.path, &this_boot(), lists);
        }
    }
}

fn is_local(opened: &OwnedFd) -> bool {
    // Some machines have signed numbers of 32 bits here.
    fstatfs(opened).is_ok_and(|found| LOCAL.contains(&(found.f_type as u64 & 0xffff_ffff)))
}

/// Puts a new file in the place of the old one, all at once.
fn write<'n>(
    path: &Path,
    boot: &[u8],
    lists: impl Iterator<Item = (&'n Names, &'n State)>,
) -> io::Result<()> {
    let new = path.with_extension("new");
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let opened = openat(
        CWD,
        new.as_os_str().as_bytes(),
        flags,
        Mode::RUSR | Mode::WUSR,
    )?;
    let mut file = File::from(opened);
    file.write_all(MAGIC)?;
    file.write_all(boot)?;
    for (names, state) in lists {
        let mut slots = Vec::with_capacity(names.len() * N_SLOT);
        names.put_slots(&mut slots);
        let mut head = state.head(names.len(), names.bytes().len());
        let sum = sum(&head, &slots, names.bytes());
        head.extend(sum.to_le_bytes());
        for bytes in [&head[..], &slots, names.bytes()] {
            file.write_all(bytes)?;
        }
    }
    std::fs::rename(new, path)
}

fn sum(head: &[u8], slots: &[u8], bytes: &[u8]) -> u64 {
    checksum(checksum(checksum(0, head), slots), bytes)
}

impl Kept {
    /// Reads what there is but the names. `None` where there is no such file, or one of another start
    /// of the machine.
    fn open(path: &Path, boot: &[u8]) -> Option<Kept> {
        // A pipe in its place is not waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = openat(CWD, path.as_os_str().as_bytes(), flags, Mode::empty()).ok()?;
        let file = File::from(opened);
        let len = file.metadata().ok()?.len();
        let mut start = vec![0; MAGIC.len() + boot.len()];
        file.read_exact_at(&mut start, 0).ok()?;
        if start.strip_prefix(MAGIC)? != boot || boot.is_empty() {
            return None;
        }
        let mut heads = Vec::new();
        let mut at = start.len() as u64;
        while let Some(head) = Head::read(&file, at)
            && let Some(end) = head.end().filter(|end| *end <= len)
        {
            heads.push(head);
            at = end;
        }
        Some(Kept { file, heads })
    }

    /// The names of a folder in this state; `None` where they are not there whole.
    fn names(&self, state: &State) -> Option<Names> {
        let head = self.heads.iter().find(|head| head.state == *state)?;
        let mut slots = vec![0; head.n_names * N_SLOT];
        let mut bytes = vec![0; head.n_bytes];
        let at = head.at + N_HEAD as u64;
        self.file.read_exact_at(&mut slots, at).ok()?;
        self.file
            .read_exact_at(&mut bytes, at + slots.len() as u64)
            .ok()?;
        let numbers = head.state.head(head.n_names, head.n_bytes);
        let is_whole = sum(&numbers, &slots, &bytes) == head.sum;
        is_whole.then(|| Names::from_parts(&slots, bytes)).flatten()
    }
}

impl Head {
    fn read(file: &File, at: u64) -> Option<Head> {
        let mut bytes = [0; N_HEAD];
        file.read_exact_at(&mut bytes, at).ok()?;
        let (numbers, _) = bytes.as_chunks::<8>();
        let number = |at: usize| u64::from_le_bytes(numbers[at]);
        let time = |at: usize| Time(i64::from_le_bytes(numbers[at]));
        Some(Head {
            state: State {
                device: number(0),
                inode: number(1),
                modified: time(2),
                changed: time(3),
            },
            n_names: usize::try_from(number(4)).ok()?,
            n_bytes: usize::try_from(number(5)).ok()?,
            sum: number(6),
            at,
        })
    }

    /// Where the next one begins.
    fn end(&self) -> Option<u64> {
        let slots = self.n_names.checked_mul(N_SLOT)?;
        let len = slots.checked_add(self.n_bytes)?.checked_add(N_HEAD)?;
        self.at.checked_add(len as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::thread::sleep;
    use std::time::Duration;

    use proptest::prelude::*;

    use crate::disk::{Disk, Real};

    use super::*;

    fn state(inode: u64) -> State {
        State {
            device: 1,
            inode,
            modified: Time(-5),
            changed: Time(5),
        }
    }

    fn names(texts: &[String]) -> Names {
        let mut names = Names::default();
        for text in texts {
            let n = text.len();
            names.push(text.as_bytes(), n.is_multiple_of(2), n.is_multiple_of(3));
        }
        names.sort();
        names
    }

    fn told(names: &Names) -> Vec<(Vec<u8>, bool, bool)> {
        let told = |one: crate::disk::Name| (one.name.to_vec(), one.is_folder, one.is_link);
        names.iter().map(told).collect()
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back_or_nothing_does(
            lists in proptest::collection::vec(
                proptest::collection::vec("[a-c\u{0}é]{1,9}", 0..20), 0..4),
            at: prop::sample::Index,
            change in 1..=255u8,
            cut: bool,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("folders");
            let lists: Vec<(Names, State)> = (0..).zip(&lists)
                .map(|(n, texts)| (names(texts), state(n)))
                .collect();
            write(&path, b"boot", lists.iter().map(|(names, state)| (names, state))).unwrap();
            prop_assert!(Kept::open(&path, b"next").is_none());
            let kept = Kept::open(&path, b"boot").unwrap();
            for (names, state) in &lists {
                let found = kept.names(state).unwrap();
                prop_assert_eq!(told(&found), told(names));
                let later = State { changed: Time(6), ..*state };
                prop_assert_eq!(kept.names(&later), None);
            }
            let mut bytes = fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            match cut {
                true => bytes.truncate(at),
                false => bytes[at] ^= change,
            }
            fs::write(&path, bytes).unwrap();
            let Some(kept) = Kept::open(&path, b"boot") else { return Ok(()) };
            for (names, state) in &lists {
                if let Some(found) = kept.names(state) {
                    prop_assert_eq!(told(&found), told(names));
                }
            }
        }
    }

    /// Whatever is done to a folder, its names are those that it has.
    #[test]
    fn a_folder_that_was_changed_is_read_again() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("d/inner")).unwrap();
        for n in 0..MANY {
            fs::write(at(&format!("d/{n}")), "").unwrap();
        }
        fs::create_dir(at("here")).unwrap();
        symlink("../here", at("d/link")).unwrap();
        let open = |may_write| {
            let real = Real::open(place.path()).unwrap();
            real.with_lists(at("folders"), may_write)
        };
        let list = |disk: &Real| disk.list(b"d").unwrap().unwrap();
        let is_kept = |names: &Names| names.origin.is_some_and(|origin| origin.is_kept);
        let keep = || {
            let disk = open(true);
            let names = list(&disk);
            disk.keep(&mut [&names].into_iter());
        };
        keep();
        assert!(
            !at("folders").exists(),
            "it might still change within the step"
        );
        sleep(Duration::from_nanos(STEP as u64) + Duration::from_millis(100));
        open(false).keep(&mut [&list(&open(false))].into_iter());
        assert!(!at("folders").exists(), "it was not to write");
        keep();
        let is_local =
            is_local(&super::super::real::open_folder(CWD, place.path(), OFlags::empty()).unwrap());
        assert_eq!(is_kept(&list(&open(false))), is_local);
        let changes: [&dyn Fn() -> io::Result<()>; 8] = [
            &|| Ok(()),
            &|| fs::remove_dir(at("here")),
            &|| fs::write(at("d/7"), "more"),
            &|| fs::write(at("d/new"), ""),
            &|| fs::rename(at("d/7"), at("d/8")),
            &|| fs::remove_file(at("d/9")).and_then(|()| fs::create_dir(at("d/9"))),
            &|| fs::rename(at("d"), at("before")).and_then(|()| fs::create_dir(at("d"))),
            &|| fs::remove_dir(at("d")).and_then(|()| fs::rename(at("before"), at("d"))),
        ];
        for (n, change) in changes.iter().enumerate() {
            change().unwrap();
            let (found, right) = (list(&open(false)), list(&Real::open(place.path()).unwrap()));
            assert_eq!(told(&found), told(&right), "after change {n}");
            // Beyond the third the folder has not the state any more that is on record.
            assert_eq!(is_kept(&found), is_local && n < 3, "after change {n}");
        }
    }
}
