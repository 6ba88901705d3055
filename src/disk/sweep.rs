//! Many stats at once: on a network a stat is a round trip, and here two cores halve the time.

use std::io;
use std::sync::Mutex;
use std::thread;

use super::{Disk, Stat};

/// Fewer paths are looked at by one thread: starting others costs more than they save.
const MIN_FOR_THREADS: usize = 2_000;
/// How many paths a thread takes at a time, so that a slow folder does not hold one thread up.
const BLOCK: usize = 512;

/// What [`Disk::look`] says of each of `len` paths, in their order, made by up to `n_threads` threads.
pub fn stat_all<'p>(
    disk: &dyn Disk,
    len: usize,
    path: impl Fn(usize) -> &'p [u8] + Sync,
    n_threads: usize,
) -> Vec<io::Result<Option<Stat>>> {
    let n_threads = match len {
        0..MIN_FOR_THREADS => 1,
        _ => n_threads.clamp(1, len.div_ceil(BLOCK)),
    };
    if n_threads == 1 {
        return (0..len).map(|n| disk.look(path(n))).collect();
    }
    let mut stats: Vec<io::Result<Option<Stat>>> = Vec::new();
    stats.resize_with(len, || Ok(None));
    // The blocks not yet taken. Threads end when there are none; a panic in one is passed on.
    let blocks = Mutex::new(stats.chunks_mut(BLOCK).enumerate());
    let work = || {
        loop {
            let next = blocks.lock().map(|mut blocks| blocks.next());
            let Ok(Some((n, block))) = next else { return };
            for (at, stat) in (n * BLOCK..).zip(block) {
                *stat = disk.look(path(at));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..n_threads {
            // Where no thread can be had, those that run do its part.
            let _ = thread::Builder::new()
                .name("stat".into())
                .spawn_scoped(scope, work);
        }
        work();
    });
    stats
}
