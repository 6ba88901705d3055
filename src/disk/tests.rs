//! One story, told to the real disk and to the one in memory.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use bstr::{BString, ByteSlice};
use proptest::prelude::*;

use super::*;

/// A disk, and ways to put something on it that `DiskMut` does not have.
trait Stage: DiskMut {
    fn put(&self, path: &str, text: &str);
    fn put_link(&self, path: &str, target: &str);
}

impl Stage for MemDisk {
    fn put(&self, path: &str, text: &str) {
        self.write(path, text);
    }

    fn put_link(&self, path: &str, target: &str) {
        self.link(path, target);
    }
}

struct OnDisk {
    folder: tempfile::TempDir,
    real: Real,
}

impl OnDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = Real::open(folder.path()).unwrap();
        OnDisk { folder, real }
    }
}

impl Disk for OnDisk {
    fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        self.real.stat(path)
    }
    fn list(&self, folder: &[u8]) -> io::Result<Option<Names>> {
        self.real.list(folder)
    }
    fn read(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        self.real.read(path)
    }

    fn identify(&self, path: &[u8]) -> io::Result<Option<(Stat, Identity)>> {
        self.real.identify(path)
    }
}

impl DiskMut for OnDisk {
    fn write_file(&self, path: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.real.write_file(path, bytes)
    }

    fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.real.make_folder(path)
    }
    fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.real.rename(from, to)
    }
    fn remove(&self, path: &[u8]) -> io::Result<()> {
        self.real.remove(path)
    }
    fn stamp(&self, path: &[u8], modified: Time) -> io::Result<()> {
        self.real.stamp(path, modified)
    }
    fn protect(&self, path: &[u8]) -> io::Result<()> {
        self.real.protect(path)
    }
    fn is_there(&self, path: &[u8]) -> io::Result<bool> {
        self.real.is_there(path)
    }
}

impl Stage for OnDisk {
    fn put(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn put_link(&self, path: &str, target: &str) {
        symlink(target, self.folder.path().join(path)).unwrap();
    }
}

fn on_both(story: impl Fn(&dyn Stage)) {
    story(&MemDisk::new());
    story(&OnDisk::new());
}

/// What a folder lists: `name`, `name/` for folders, `name@` for links.
fn listed(disk: &dyn Stage, folder: &str) -> Option<String> {
    let show = |entry: Entry| {
        let folder = if entry.is_folder { "/" } else { "" };
        let link = if entry.is_link { "@" } else { "" };
        format!("{}{folder}{link}", entry.name)
    };
    let entries = disk.list(folder.as_bytes()).unwrap()?;
    Some(entries.into_iter().map(show).collect::<Vec<_>>().join(" "))
}

fn kind(disk: &dyn Stage, path: &str) -> Option<Kind> {
    disk.stat(path.as_bytes()).unwrap().map(|stat| stat.kind)
}

#[test]
fn what_was_written_is_there() {
    on_both(|disk| {
        disk.put("d/b.txt", "two");
        disk.put("d/a.txt", "");
        disk.put("d/sub/c", "x");
        assert_eq!(listed(disk, "d").unwrap(), "a.txt b.txt sub/");
        assert_eq!(listed(disk, "d/").unwrap(), "a.txt b.txt sub/");
        assert_eq!(listed(disk, "").unwrap(), "d/");
        assert_eq!(listed(disk, ".").unwrap(), "d/");
        assert_eq!(listed(disk, "d/sub/..").unwrap(), "a.txt b.txt sub/");
        assert_eq!(disk.read(b"d/b.txt").unwrap(), b"two");
        let stat = disk.stat(b"./d//b.txt").unwrap().unwrap();
        assert_eq!((stat.kind, stat.size), (Kind::File, 3));
        assert_eq!(kind(disk, "d/sub/"), Some(Kind::Folder));
        assert_eq!(kind(disk, "."), Some(Kind::Folder));
    });
}

#[test]
fn what_is_not_there_is_no_error() {
    on_both(|disk| {
        disk.put("f", "");
        disk.put_link("gone", "nowhere");
        disk.put_link("loop", "loop");
        for path in ["x", "x/y", "f/y", "f/", "gone", "gone/x", "loop", "a\0b"] {
            assert_eq!(kind(disk, path), None, "{path:?}");
        }
        for folder in ["x", "f", "gone", "loop", "f/x", "a\0b"] {
            assert_eq!(listed(disk, folder), None, "{folder:?}");
        }
        for path in ["x", "f/y", "a\0b"] {
            assert!(!disk.is_there(path.as_bytes()).unwrap(), "{path:?}");
            disk.remove(path.as_bytes()).unwrap_or_else(|error| {
                assert!(path.contains('\0'), "{path:?}: {error}");
            });
        }
        assert!(disk.is_there(b"gone").unwrap() && disk.is_there(b"loop").unwrap());
        assert_eq!(disk.read(b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(disk.read(b".").is_err());
    });
}

#[test]
fn a_link_counts_as_its_target() {
    on_both(|disk| {
        disk.put("d/f", "abc");
        disk.put_link("to_d", "d");
        disk.put_link("d/up", "..");
        disk.put_link("d/to_f", "f");
        disk.put_link("d/gone", "../nowhere");
        assert_eq!(listed(disk, "d").unwrap(), "f gone@ to_f@ up/@");
        assert_eq!(listed(disk, "to_d/up").unwrap(), "d/ to_d/@");
        assert_eq!(kind(disk, "to_d"), Some(Kind::Folder));
        let stat = disk.stat(b"to_d/up/to_d/to_f").unwrap().unwrap();
        assert_eq!((stat.kind, stat.size), (Kind::File, 3));
    });
}

#[test]
fn folders_are_made_with_those_above() {
    on_both(|disk| {
        for _ in 0..2 {
            disk.make_folder(b"a/b/c/").unwrap();
        }
        disk.make_folder(b"").unwrap();
        disk.make_folder(b".").unwrap();
        assert_eq!(listed(disk, "a/b").unwrap(), "c/");
        disk.put_link("l", "a");
        disk.make_folder(b"l/x").unwrap();
        assert_eq!(listed(disk, "a").unwrap(), "b/ x/");
        disk.put("f", "");
        disk.put_link("gone", "nowhere");
        for path in ["f", "f/x", "f/x/y", "gone", "gone/x"] {
            assert!(disk.make_folder(path.as_bytes()).is_err(), "{path}");
        }
        assert_eq!(kind(disk, "f"), Some(Kind::File));
    });
}

#[test]
fn removing_does_not_follow_links() {
    on_both(|disk| {
        for path in ["keep/f", "d/a/b/c", "d/a/e", "d/x", "other/f"] {
            disk.put(path, "");
        }
        disk.put_link("d/a/to_keep", "../../keep");
        disk.put_link("l", "keep");
        disk.remove(b"d").unwrap();
        disk.remove(b"l/").unwrap();
        disk.remove(b"other/").unwrap();
        disk.remove(b"none").unwrap();
        assert_eq!(listed(disk, ".").unwrap(), "keep/");
        assert_eq!(listed(disk, "keep").unwrap(), "f");
        disk.remove(b"keep/f").unwrap();
        assert_eq!(listed(disk, "keep").unwrap(), "");
    });
}

#[test]
fn a_stamp_gives_a_time_and_makes_what_is_missing() {
    on_both(|disk| {
        disk.put("a", "text");
        disk.put_link("link", "a");
        disk.make_folder(b"dir").unwrap();
        let modified = |path: &str| disk.stat(path.as_bytes()).unwrap().unwrap().modified;
        for (path, time) in [("a", 5), ("new", 6_000_000_007), ("dir", 8), ("link", 9)] {
            disk.stamp(path.as_bytes(), Time(time)).unwrap();
            assert_eq!(modified(path), Time(time), "{path}");
        }
        assert_eq!(modified("a"), Time(9));
        assert_eq!(
            (disk.read(b"a").unwrap(), disk.read(b"new").unwrap()),
            ("text".into(), vec![])
        );
        disk.stamp(b"none/x", Time(1)).unwrap_err();
    });
}

#[test]
fn a_path_that_is_no_name_is_not_removed() {
    on_both(|disk| {
        disk.put("d/f", "");
        for path in ["", ".", "./", "/", "//", "d/.", "d/./", "..", "d/.."] {
            assert!(disk.remove(path.as_bytes()).is_err(), "{path:?}");
        }
        assert_eq!(listed(disk, "d").unwrap(), "f");
    });
}

#[test]
fn renaming_takes_the_place_of_what_is_there() {
    on_both(|disk| {
        disk.put("a", "a");
        disk.put("b", "bb");
        disk.put("d/x", "");
        disk.put("e/y", "");
        disk.make_folder(b"empty").unwrap();
        disk.put_link("l", "a");
        disk.rename(b"a", b"b").unwrap();
        assert_eq!(disk.stat(b"b").unwrap().unwrap().size, 1);
        // The link itself, which now leads nowhere.
        disk.rename(b"l", b"m").unwrap();
        assert!(disk.is_there(b"m").unwrap() && !disk.is_there(b"l").unwrap());
        disk.rename(b"d/", b"empty/").unwrap();
        assert_eq!(listed(disk, "empty").unwrap(), "x");
        for (from, to) in [
            ("e", "empty"),
            ("e", "b"),
            ("b", "e"),
            ("none", "n"),
            ("b", "no/n"),
            ("e", "e/e"),
        ] {
            assert!(
                disk.rename(from.as_bytes(), to.as_bytes()).is_err(),
                "{from} {to}"
            );
        }
        disk.rename(b"b", b"b").unwrap();
        assert_eq!(listed(disk, ".").unwrap(), "b e/ empty/ m@");
        disk.rename(b"empty", b"e/in").unwrap();
        assert_eq!(listed(disk, "e/in/..").unwrap(), "in/ y");
    });
}

#[test]
fn a_deep_tree_is_removed() {
    on_both(|disk| {
        let deep = "d/".repeat(300);
        disk.make_folder(deep.as_bytes()).unwrap();
        disk.remove(b"d").unwrap();
        assert_eq!(listed(disk, ".").unwrap(), "");
    });
}

#[test]
fn names_need_be_no_text_and_come_in_byte_order() {
    let disk = OnDisk::new();
    let names: [&[u8]; 5] = [b"\xff", b"a\nb", b"B", b"a", "ä".as_bytes()];
    for name in names {
        use std::os::unix::ffi::OsStrExt;
        let path = disk.folder.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, "").unwrap();
    }
    let entries = disk.list(b".").unwrap().unwrap();
    let found: Vec<&[u8]> = entries.iter().map(|entry| entry.name.as_bytes()).collect();
    assert_eq!(found, [b"B", &b"a"[..], b"a\nb", "ä".as_bytes(), b"\xff"]);
    assert_eq!(disk.stat(b"\xff").unwrap().unwrap().kind, Kind::File);
}

#[test]
fn times_are_those_of_the_file_system() {
    let disk = OnDisk::new();
    disk.put("f", "");
    let modified = std::time::UNIX_EPOCH + std::time::Duration::new(1_234_567_890, 123_456_789);
    let file = std::fs::File::open(disk.folder.path().join("f")).unwrap();
    file.set_modified(modified).unwrap();
    let stat = disk.stat(b"f").unwrap().unwrap();
    assert_eq!(stat.modified, Time(1_234_567_890_123_456_789));
}

#[test]
fn absolute_paths_and_other_folders_are_seen() {
    let disk = OnDisk::new();
    disk.put("x/f", "abc");
    let path = disk.folder.path().join("x/f");
    let path = path.to_str().unwrap().as_bytes();
    assert_eq!(disk.stat(path).unwrap().unwrap().size, 3);
    let inside = Real::open(&disk.folder.path().join("x")).unwrap();
    assert_eq!(inside.stat(b"../x/f").unwrap().unwrap().size, 3);
    assert!(Real::open(&disk.folder.path().join("x/f")).is_err());
}

#[test]
fn the_clock_in_memory_ticks_with_each_change() {
    let disk = MemDisk::new();
    let modified = |path: &str| disk.stat(path.as_bytes()).unwrap().unwrap().modified;
    disk.write("d/a", "");
    disk.write("d/b", "");
    assert!(modified("d/a") < modified("d/b"));
    let folder = modified("d");
    disk.touch("d/a");
    assert!(modified("d/b") < modified("d/a"));
    assert_eq!(modified("d"), folder);
    disk.remove(b"d/b").unwrap();
    assert!(folder < modified("d"));
    disk.set_time("d/a", Time(7));
    disk.rename(b"d/a", b"c").unwrap();
    assert_eq!(modified("c"), Time(7));
    disk.set_now(Time(100));
    disk.set_tick(0);
    disk.write("c", "x");
    disk.touch("new");
    assert_eq!((modified("c"), modified("new")), (Time(100), Time(100)));
}

#[test]
fn a_broken_path_fails_until_it_is_mended() {
    let disk = MemDisk::new();
    disk.write("d/a", "");
    disk.break_path("d/a", io::ErrorKind::PermissionDenied);
    assert_eq!(
        disk.stat(b"d/a").unwrap_err().kind(),
        io::ErrorKind::PermissionDenied
    );
    assert!(disk.remove(b"d/a").is_err() && disk.list(b"d").is_ok());
    disk.mend_path("d/a");
    assert!(disk.stat(b"d/a").unwrap().is_some());
}

#[test]
fn a_sweep_keeps_the_order_whatever_the_threads() {
    let disk = MemDisk::new();
    let paths: Vec<String> = (0..5_000).map(|n| format!("d{}/{n}", n % 7)).collect();
    for (n, path) in paths.iter().enumerate().filter(|(n, _)| n % 3 > 0) {
        disk.write(path, "x".repeat(n % 50));
    }
    disk.break_path("d0/7", io::ErrorKind::PermissionDenied);
    for n_threads in [0, 1, 2, 7, 1000] {
        for len in [0, 1, 1_999, 2_000, 5_000] {
            let mut seen: Vec<Option<Option<u64>>> = vec![None; len];
            // Every eleventh is not asked for.
            let path = |n: usize| (!n.is_multiple_of(11)).then(|| paths[n].as_bytes());
            let keep = |place: &mut Option<_>, n, stat: io::Result<Option<Stat>>| match stat {
                Err(_) => assert_eq!(n, 7),
                Ok(stat) => *place = Some(stat.map(|stat| stat.size)),
            };
            look_at_all(&disk, &mut seen, path, keep, n_threads);
            for (n, seen) in seen.into_iter().enumerate() {
                let size = (n % 3 > 0).then_some(n as u64 % 50);
                assert_eq!(seen, (n % 11 > 0 && n != 7).then_some(size));
            }
        }
    }
}

#[test]
fn many_looks_see_what_each_would() {
    let place = tempfile::tempdir().unwrap();
    let disk = Real::open(place.path()).unwrap();
    disk.make_folder(b"d").unwrap();
    let mut paths: Vec<BString> = Vec::new();
    for n in 0..200 {
        let path = format!("d/{n}");
        match n % 4 {
            0 => disk.write_file(path.as_bytes(), &vec![b'x'; n]).unwrap(),
            1 => disk.make_folder(path.as_bytes()).unwrap(),
            2 => symlink(format!("{}", n * 7 % 200), place.path().join(&path)).unwrap(),
            _ => {}
        }
        paths.push(path.into());
    }
    let folders = ["d/0", "d/1", "d/2", "none", "/none", "d/../d", ".", ""];
    for folder in folders {
        paths.extend((0..50).map(|n| format!("{folder}/{n}").into()));
    }
    paths.extend((0..50).flat_map(|n| [format!("d/{n}/"), format!("{n}")].map(BString::from)));
    paths.push(b"d/0\0".into());
    let mut look = disk.looks();
    for path in &paths {
        let [one, other] = [look(path), disk.look(path)].map(|seen| seen.map_err(|why| why.kind()));
        assert_eq!(one, other, "{path}");
    }
}

/// One change, on names of which there are few.
#[derive(Clone, Debug)]
enum Change {
    Put(String),
    Link(String, String),
    MakeFolder(String),
    Rename(String, String),
    Remove(String),
}

fn change() -> impl Strategy<Value = Change> {
    let path = || "[abc](/[abc]){0,2}/?";
    prop_oneof![
        path().prop_map(Change::Put),
        (path(), "(\\.\\./)?[abc](/[abc])?").prop_map(|(path, target)| Change::Link(path, target)),
        path().prop_map(Change::MakeFolder),
        (path(), path()).prop_map(|(from, to)| Change::Rename(from, to)),
        path().prop_map(Change::Remove),
    ]
}

/// All that is there, as the disk tells it.
fn picture(disk: &dyn Stage) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        for entry in disk.list(folder.as_bytes()).unwrap().unwrap() {
            let name: BString = entry.name;
            let path = match folder.as_str() {
                "" => name.to_string(),
                folder => format!("{folder}/{name}"),
            };
            let text = disk.read(path.as_bytes()).ok();
            let stat = kind(disk, &path);
            seen.insert(
                path.clone(),
                format!("{} {} {stat:?} {text:?}", entry.is_folder, entry.is_link),
            );
            if entry.is_folder && !entry.is_link {
                open.push(path);
            }
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn both_disks_go_the_same_way(changes in prop::collection::vec(change(), 1..20)) {
        let (memory, real) = (MemDisk::new(), OnDisk::new());
        for change in changes {
            let told: Vec<_> = [&memory as &dyn Stage, &real].map(|disk| match &change {
                // `put` has no errors, so only where it can succeed.
                Change::Put(path) | Change::Link(path, _)
                    if path.ends_with('/') || disk.is_there(path.as_bytes()).unwrap() => true,
                Change::Put(path) | Change::Link(path, _)
                    if path.contains('/') && disk.make_folder(&path.as_bytes()[..path.rfind('/').unwrap()]).is_err() => true,
                Change::Put(path) => { disk.put(path, path); true }
                Change::Link(path, target) => { disk.put_link(path, target); true }
                Change::MakeFolder(path) => disk.make_folder(path.as_bytes()).is_ok(),
                Change::Rename(from, to) => disk.rename(from.as_bytes(), to.as_bytes()).is_ok(),
                Change::Remove(path) => disk.remove(path.as_bytes()).is_ok(),
            }).into();
            prop_assert_eq!(told[0], told[1], "{:?}", change);
            prop_assert_eq!(picture(&memory), picture(&real), "{:?}", change);
        }
    }
}

/// The mode bits that let somebody write.
fn may_write(disk: &OnDisk, path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let found = disk.folder.path().join(path).symlink_metadata().unwrap();
    found.permissions().mode() & 0o222 != 0
}

#[test]
fn what_is_protected_moves_and_goes_like_anything_else() {
    let disk = OnDisk::new();
    disk.put("made/sub/deep/file", "x");
    disk.put("made/top", "x");
    disk.put("other", "x");
    disk.put_link("made/link", "../other");
    disk.put_link("link", "other");
    disk.make_folder(b"aside").unwrap();
    for path in ["made", "link", "missing"] {
        disk.protect(path.as_bytes()).unwrap();
    }
    let all = [
        "made",
        "made/sub",
        "made/sub/deep",
        "made/sub/deep/file",
        "made/top",
    ];
    assert!(!all.iter().any(|path| may_write(&disk, path)));
    assert!(may_write(&disk, "other"));
    disk.rename(b"made", b"aside/1").unwrap();
    assert!(!may_write(&disk, "aside/1") && !may_write(&disk, "aside/1/sub"));
    disk.rename(b"aside/1", b"made").unwrap();
    assert!(!all.iter().any(|path| may_write(&disk, path)));
    disk.remove(b"made").unwrap();
    assert_eq!(listed(&disk, "").unwrap(), "aside/ link@ other");
    disk.put("file", "x");
    disk.protect(b"file").unwrap();
    disk.rename(b"file", b"aside/file").unwrap();
    assert!(!may_write(&disk, "aside/file"));
    disk.remove(b"aside/file").unwrap();
}

#[test]
fn a_move_that_something_else_forbids_stays_forbidden() {
    let disk = OnDisk::new();
    disk.put("made/file", "x");
    disk.put("full/file", "x");
    disk.protect(b"made").unwrap();
    assert!(disk.rename(b"made", b"full").is_err());
    assert!(!may_write(&disk, "made") && may_write(&disk, "full"));
}
