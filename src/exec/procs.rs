//! What `/proc` tells of processes, and signals that reach the process meant or nobody.
//!
//! The mark of a job is the variable [`MARK`] of its environment: `RUN.TASK`, and inside another
//! run's job `OUTERRUN.TASK/RUN.TASK`, so that each run finds all that descends from its jobs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use bstr::BString;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::exec::TaskId;

/// The variable that carries the mark of a job.
pub const MARK: &str = "FLOW_MARK";

/// A process at the moment of looking. Zombies are not looked at: they do nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proc {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// When it started, in ticks since boot: with the id, this names a process for ever.
    pub started: u64,
}

/// Parses `/proc/PID/stat`. `None` for a zombie, or what is no such text.
fn parse_stat(text: &[u8]) -> Option<Proc> {
    // The second field is the program's name in parentheses: any bytes, `)` and blanks included.
    let after = text.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(text.get(after + 1..)?).ok()?;
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    // A process whose first thread alone has ended counts as a zombie too, and is none.
    let n_threads: u32 = fields.get(17).map_or(Some(0), |n| n.parse().ok())?;
    if matches!(*fields.first()?, "Z" | "X") && n_threads <= 1 {
        return None;
    }
    Some(Proc {
        pid: 0,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// The process `pid`, if it is there and no zombie.
pub fn look(pid: i32) -> Option<Proc> {
    let mut text = [0; 1024];
    let mut file = File::open(format!("/proc/{pid}/stat")).ok()?;
    let len = file.read(&mut text).ok()?;
    parse_stat(&text[..len]).map(|proc| Proc { pid, ..proc })
}

/// Whether a process stands still, as by Ctrl-Z, until it gets CONT.
pub fn stands_still(pid: i32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let name_ends = stat.iter().rposition(|byte| *byte == b')');
    name_ends.is_some_and(|at| stat[at..].starts_with(b") T"))
}

/// All processes, in the order of their ids.
pub fn snapshot() -> io::Result<Vec<Proc>> {
    let mut found: Vec<Proc> = fs::read_dir("/proc")?
        .filter_map(|entry| look(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect();
    found.sort_unstable_by_key(|proc| proc.pid);
    Ok(found)
}

/// `roots` and all that descends from them, as `all` has it.
pub fn descendants(all: &[Proc], roots: &[i32]) -> Vec<Proc> {
    let mut by_parent: Vec<&Proc> = all.iter().collect();
    by_parent.sort_unstable_by_key(|proc| proc.parent);
    let mut found: Vec<Proc> = all
        .iter()
        .filter(|proc| roots.contains(&proc.pid))
        .copied()
        .collect();
    let mut seen: std::collections::HashSet<i32> = found.iter().map(|proc| proc.pid).collect();
    let mut at = 0;
    while at < found.len() {
        let parent = found[at].pid;
        let first = by_parent.partition_point(|proc| proc.parent < parent);
        for child in by_parent[first..].iter().take_while(|p| p.parent == parent) {
            // Ids may have been reused between two looks, so a circle is possible.
            if seen.insert(child.pid) {
                found.push(**child);
            }
        }
        at += 1;
    }
    found
}

/// The children of the main thread of this process: those it adopted. Zombies are among them.
/// `None` where the kernel does not keep such a list.
pub fn adopted() -> Option<Vec<i32>> {
    let me = std::process::id();
    let list = fs::read_to_string(format!("/proc/{me}/task/{me}/children")).ok()?;
    let mut pids = Vec::new();
    for word in list.split_ascii_whitespace() {
        pids.push(word.parse().ok()?);
    }
    Some(pids)
}

/// Files that the process `pid` has open to write, by their absolute paths; no devices, and none
/// that has been removed. No file is touched for that: it may lie where nobody answers.
pub fn files_written_by(pid: i32) -> Vec<BString> {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let open = open.flatten().filter_map(|entry| {
        let number = entry.file_name();
        let info = format!("/proc/{pid}/fdinfo/{}", number.to_str()?);
        let info = fs::read_to_string(info).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = i32::from_str_radix(flags.trim(), 8).ok()?;
        let is_written = flags & libc::O_ACCMODE != libc::O_RDONLY;
        let path = fs::read_link(entry.path()).ok().filter(|_| is_written)?;
        let path = path.into_os_string().into_vec();
        let is_device = path.starts_with(b"/dev/") && !path.starts_with(b"/dev/shm/");
        let is_file = path.starts_with(b"/") && !is_device && !path.ends_with(b" (deleted)");
        is_file.then(|| path.into())
    });
    open.collect()
}

/// The value of [`MARK`] in the environment of `pid`.
pub fn mark_of(pid: i32) -> Option<Vec<u8>> {
    let mut environ = File::open(format!("/proc/{pid}/environ")).ok()?;
    let mut chunk = [0; 4096];
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let len = environ.read(&mut chunk).ok()?;
        rest.extend_from_slice(&chunk[..len]);
        let mut at = 0;
        while let Some(end) = rest[at..].iter().position(|byte| *byte == 0) {
            if let Some(value) = value_of_mark(&rest[at..at + end]) {
                return Some(value.to_vec());
            }
            at += end + 1;
        }
        rest.drain(..at);
        if len == 0 {
            // Without a NUL at its end only where the process wrote over its environment.
            return value_of_mark(&rest).map(<[u8]>::to_vec);
        }
    }
}

fn value_of_mark(entry: &[u8]) -> Option<&[u8]> {
    entry.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")
}

/// The task of run `mark` that a value of [`MARK`] names.
pub fn task_in(value: &[u8], mark: &str) -> Option<TaskId> {
    value.split(|byte| *byte == b'/').find_map(|part| {
        let number = part.strip_prefix(mark.as_bytes())?.strip_prefix(b".")?;
        Some(TaskId(std::str::from_utf8(number).ok()?.parse().ok()?))
    })
}

/// How a signal to one process went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    Yes,
    /// It has ended meanwhile.
    Gone,
    /// It belongs to another user.
    Forbidden,
}

/// Signals the process that `proc` was when it was looked at, and never another one that has its
/// number now: the number is bound to a descriptor first, then looked at again.
pub fn send(proc: &Proc, signal: Signal) -> Sent {
    let Some(pid) = Pid::from_raw(proc.pid) else {
        return Sent::Gone;
    };
    let is_same = || look(proc.pid).is_some_and(|now| now.started == proc.started);
    let result = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(_) if !is_same() => return Sent::Gone,
        Ok(fd) => pidfd_send_signal(&fd, signal),
        Err(rustix::io::Errno::SRCH) => return Sent::Gone,
        // A kernel before 5.3, or no descriptor free: a moment's uncertainty is left.
        Err(_) if !is_same() => return Sent::Gone,
        Err(_) => rustix::process::kill_process(pid, signal),
    };
    match result {
        Ok(()) => Sent::Yes,
        Err(rustix::io::Errno::PERM) => Sent::Forbidden,
        Err(_) => Sent::Gone,
    }
}

/// How long a process may take, after it is forked, to have its mark.
const UNMARKED: Duration = Duration::from_millis(10);

/// Kills every process that carries the mark of a run, and waits until they are gone.
///
/// For what a supervisor that died has left, now or in an earlier run. Returns how many there
/// were; an error when some are still there after ten seconds. This process and those it descends
/// from are left alone.
pub fn end_marked(mark: &str) -> io::Result<usize> {
    let give_up = Instant::now() + Duration::from_secs(10);
    let mut ended = std::collections::HashSet::new();
    let mut pause = Duration::from_millis(1);
    // Twice: one that was about to start its program had no mark yet.
    let mut n_clean_looks = 0;
    loop {
        let all = snapshot()?;
        let mut spared = std::process::id() as i32;
        let mut own = Vec::new();
        while let Ok(at) = all.binary_search_by_key(&spared, |proc| proc.pid)
            && !own.contains(&spared)
        {
            own.push(spared);
            spared = all[at].parent;
        }
        let mut is_clean = true;
        for proc in all.iter().filter(|proc| !own.contains(&proc.pid)) {
            let is_marked = mark_of(proc.pid).is_some_and(|value| task_in(&value, mark).is_some());
            if is_marked && send(proc, Signal::KILL) == Sent::Yes {
                ended.insert((proc.pid, proc.started));
                is_clean = false;
            }
        }
        n_clean_looks = if is_clean { n_clean_looks + 1 } else { 0 };
        if n_clean_looks == 2 {
            return Ok(ended.len());
        }
        if Instant::now() > give_up {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("processes of the run {mark} do not end, not even by SIGKILL"),
            ));
        }
        std::thread::sleep(if is_clean { UNMARKED } else { pause });
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_no_trouble() {
        let text = b"12 (a) R (b) S 7 8 9 0 -1 1 2 3 4 5 6 7 8 9 20 0 1 0 4242 1 2";
        let proc = parse_stat(text).unwrap();
        assert_eq!((proc.parent, proc.group, proc.session), (7, 8, 9));
        assert_eq!(proc.started, 4242);
        assert_eq!(parse_stat(b"12 (a) Z 7 8 9"), None);
    }

    #[test]
    fn a_mark_is_found_in_a_chain() {
        let value = b"aa.1/bb.22/cc.3";
        assert_eq!(task_in(value, "bb"), Some(TaskId(22)));
        assert_eq!(task_in(value, "b"), None);
        assert_eq!(task_in(b"bb.22x", "bb"), None);
    }

    #[test]
    fn descendants_are_found_and_circles_end() {
        let proc = |pid, parent| Proc {
            pid,
            parent,
            group: 0,
            session: 0,
            started: 0,
        };
        let all = [proc(2, 9), proc(3, 2), proc(4, 1), proc(5, 3), proc(9, 5)];
        let found = descendants(&all, &[2]);
        let pids: Vec<i32> = found.iter().map(|proc| proc.pid).collect();
        assert_eq!(pids, [2, 3, 5, 9]);
    }

    #[test]
    fn files_that_are_read_are_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        let _written = File::create(at("a b")).unwrap();
        let _gone = File::create(at("gone")).unwrap();
        fs::remove_file(at("gone")).unwrap();
        fs::write(at("read"), "").unwrap();
        let _read = File::open(at("read")).unwrap();
        let mut found = files_written_by(std::process::id() as i32);
        let own = at("").into_os_string().into_vec();
        found.retain(|path| path.starts_with(&own));
        assert_eq!(
            found,
            [BString::from(at("a b").into_os_string().into_vec())]
        );
    }

    #[test]
    fn this_process_is_there() {
        let me = look(std::process::id() as i32).unwrap();
        assert!(snapshot().unwrap().contains(&me));
        assert_eq!(send(&Proc { started: 1, ..me }, Signal::KILL), Sent::Gone);
    }
}
