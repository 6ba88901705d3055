//! Reads contents and hashes them, several files at once.

use std::sync::Mutex;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::disk::Disk;
use crate::history::{Hash, Seen};

/// What was found in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub hash: Hash,
    /// The file had been left alone for a while, so that a later write shows in its times.
    pub is_settled: bool,
}

/// The times of files move in steps of the kernel's clock, a few milliseconds; in nanoseconds.
const STEP: i64 = 20_000_000;

/// So many files or bytes are worth a thread: with fewer, starting it costs more than it saves.
const WORTH_THREADS: (usize, u64) = (16, 1 << 20);

/// Reads the files, many or large ones by as many threads as there are processors. `None` for one
/// that cannot be read or that changes meanwhile.
pub(super) fn read_all<'p, K: Copy + Sync>(
    disk: &dyn Disk,
    files: &[(K, Seen)],
    name: impl Fn(K) -> &'p [u8] + Sync,
) -> Vec<Option<Read>> {
    let mut found = vec![None; files.len()];
    let n_bytes: u64 = files.iter().map(|(_, seen)| seen.stat.size).sum();
    let n_threads = match files.len() >= WORTH_THREADS.0 || n_bytes >= WORTH_THREADS.1 {
        true => thread::available_parallelism().map_or(1, usize::from),
        false => 1,
    };
    // Those not yet taken; a thread ends when there are none.
    let rest = Mutex::new(files.iter().zip(&mut found));
    let work = || {
        loop {
            let next = rest.lock().map(|mut rest| rest.next());
            let Ok(Some(((path, seen), found))) = next else {
                return;
            };
            *found = read(disk, name(*path), seen);
        }
    };
    thread::scope(|scope| {
        for _ in 1..n_threads.min(files.len()) {
            // Where no thread can be had, those that run do its part.
            let builder = thread::Builder::new().name("hash".into());
            builder.spawn_scoped(scope, work).ok();
        }
        work();
    });
    found
}

fn read(disk: &dyn Disk, path: &[u8], seen: &Seen) -> Option<Read> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let mut hasher = blake3::Hasher::new();
    disk.scan(path, &mut |piece| {
        hasher.update(piece);
    })
    .ok()?;
    let (stat, identity) = disk.identify(path).ok()??;
    let is_same = Seen { stat, identity } == *seen;
    let hash = *hasher.finalize().as_bytes().first_chunk()?;
    is_same.then_some(Read {
        hash,
        is_settled: seen.identity.changed.0.saturating_add(STEP) < now.as_nanos() as i64,
    })
}
