//! Many looks at once: on a network a look is a round trip, and here two cores halve the time.

use std::io;
use std::sync::Mutex;
use std::thread;

use super::{Disk, Stat};

/// Fewer places are looked through by one thread: starting others costs more than they save.
const MIN_FOR_THREADS: usize = 2_000;
/// How many places a thread takes at a time, so that a slow folder does not hold one thread up.
const BLOCK: usize = 512;

/// Looks ([`Disk::look`]) at each place that has a path, by up to `n_threads` threads, and lets `keep`
/// note in the place what was seen. Nothing is kept besides.
pub fn look_at_all<'p, T: Send>(
    disk: &dyn Disk,
    places: &mut [T],
    path: impl Fn(usize) -> Option<&'p [u8]> + Sync,
    keep: impl Fn(&mut T, usize, io::Result<Option<Stat>>) + Sync,
    n_threads: usize,
) {
    let n_threads = match places.len() {
        0..MIN_FOR_THREADS => 1,
        len => n_threads.clamp(1, len.div_ceil(BLOCK)),
    };
    // The blocks not yet taken. Threads end when there are none; a panic in one is passed on.
    let blocks = Mutex::new(places.chunks_mut(BLOCK).enumerate());
    let work = || {
        let mut look = disk.looks();
        loop {
            let next = blocks.lock().map(|mut blocks| blocks.next());
            let Ok(Some((n, block))) = next else { return };
            for (at, place) in (n * BLOCK..).zip(block) {
                if let Some(path) = path(at) {
                    keep(place, at, look(path));
                }
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
}
