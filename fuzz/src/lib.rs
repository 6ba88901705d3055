//! What the targets share: limits on time and memory, and a few readings of flow's types.
//!
//! A target asks flow for something inside [`bounded`], and then holds the answer against what is
//! promised of it; only what flow does is measured.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flow::lang::ast::Recipe;
use flow::lang::{Diag, Span};

/// Bytes that may be allocated at once for each byte of input. A right text takes about a hundred (a word
/// of one letter and the blank behind it are two bytes, and in the tree a word with a place, a piece
/// and a text), one in which every byte is a mistake seven hundred for the diagnostics.
const BYTES_PER_BYTE: usize = 1024;

/// Bytes that may be allocated for any input, and more where a regular expression is compiled: `regex`
/// refuses what takes more than ten megabytes, needs as much again while it compiles, and a template
/// with a repeated capture is compiled as a whole and once more in its parts.
const BYTES_AT_LEAST: usize = 1 << 20;
const BYTES_FOR_A_REGEX: usize = 48 << 20;

/// Processor time for 64 KiB, and for any input. flow promises 100 ms; code that counts its branches and
/// checks its arithmetic takes several times as long.
const TIME_FOR_64_KIB: Duration = Duration::from_millis(400);
const TIME_AT_LEAST: Duration = Duration::from_millis(20);
const TIME_FOR_A_REGEX: Duration = Duration::from_millis(200);

/// Counts what is allocated, and how much it was at most.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

impl Counting {
    fn grown(&self, by: usize) {
        PEAK.fetch_max(LIVE.fetch_add(by, Relaxed) + by, Relaxed);
    }
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.grown(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new are there at once, for a moment.
        self.grown(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Does the work that `n_bytes` of input ask for, and panics when it takes too long or too much.
pub fn bounded<T>(what: &str, n_bytes: usize, work: impl Fn() -> T) -> T {
    measured(what, n_bytes, BYTES_AT_LEAST, TIME_AT_LEAST, work)
}

/// As [`bounded`], for work in which regular expressions may be compiled.
pub fn bounded_with_regex<T>(what: &str, n_bytes: usize, work: impl Fn() -> T) -> T {
    measured(what, n_bytes, BYTES_FOR_A_REGEX, TIME_FOR_A_REGEX, work)
}

fn measured<T>(
    what: &str,
    n_bytes: usize,
    bytes_at_least: usize,
    time_at_least: Duration,
    work: impl Fn() -> T,
) -> T {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let started = Instant::now();
    let done = work();
    // What other programs took of it counts too: it is looked at closely only where it is long.
    let mut took = started.elapsed();
    let peak = PEAK.load(Relaxed).saturating_sub(before);
    let most = BYTES_PER_BYTE * n_bytes + bytes_at_least;
    assert!(
        peak <= most,
        "{what}: {peak} bytes at once for {n_bytes} bytes of input, {most} are the limit"
    );
    let limit = time_at_least.max(TIME_FOR_64_KIB.mul_f64(n_bytes as f64 / 65536.0));
    // A machine under load is slow now and then; what is slow by itself is so each time.
    for _ in 0..5 {
        if took <= limit {
            return done;
        }
        let started = processor_time();
        work();
        took = took.min(processor_time() - started);
    }
    assert!(
        took <= limit,
        "{what}: {took:?} for {n_bytes} bytes of input, {limit:?} are the limit"
    );
    done
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The text without places: two texts that mean the same have the same.
pub fn without_places(shown: &impl fmt::Debug) -> String {
    let shown = format!("{shown:?}");
    let mut parts = shown.split("Span { file: FileId(");
    let mut out = parts.next().unwrap_or("").to_string();
    for part in parts {
        out.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    let mut parts = out.split("line_starts: [");
    let mut bare = parts.next().unwrap_or("").to_string();
    for part in parts {
        bare.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    bare
}

/// Panics where a diagnostic marks a place that is not in the text.
pub fn check_places(text: &str, diags: &[Diag]) {
    for diag in diags {
        let labels = diag
            .primary
            .iter()
            .chain(&diag.others)
            .map(|label| label.span);
        let edits = diag
            .helps
            .iter()
            .filter_map(|help| Some(help.edit.as_ref()?.0));
        for Span { start, end, .. } in labels.chain(edits) {
            assert!(text.get(start as usize..end as usize).is_some(), "{diag:?}");
        }
    }
}

pub fn is_wrong(diags: &[Diag]) -> bool {
    diags.iter().any(Diag::is_error)
}

/// A recipe as the parser makes it of a block: at least one line, each ended.
pub fn recipe_of(text: &str) -> Recipe {
    let text = format!("{}\n", text.trim_end_matches('\n'));
    let line_starts = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len() as u32;
        Some(start)
    });
    Recipe {
        span: Span::default(),
        line_starts: line_starts.collect(),
        text,
    }
}
