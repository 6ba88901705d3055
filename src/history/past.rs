//! What a job looked like when it last succeeded, as the bytes of its record.
//!
//! Numbers are LEB128 varints, texts a length and bytes; what mostly fills all eight bytes, hashes and
//! times, is written as these, little-endian. It is read where it lies: nothing is allocated for a job
//! that is as it was.

use crate::disk::Time;

/// A file as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct File<'a> {
    pub path: &'a [u8],
    pub time: Time,
    pub size: u64,
    /// Of its content, where that was looked at.
    pub hash: Option<Hash>,
}

/// The first 128 bits of a content's BLAKE3 hash.
pub type Hash = [u8; 16];

/// What a job looked like, to be written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Now<'a> {
    /// Names the recipe's text and the texts of the params that reach it: see `History::text`.
    pub recipe: u64,
    pub params: u64,
    /// Captures that reach the recipe: names and values in turn.
    pub captures: Vec<(&'a [u8], &'a [u8])>,
    pub inputs: Vec<File<'a>>,
    pub outputs: Vec<File<'a>>,
    /// Files that the job was found to read beside its inputs.
    pub found: Vec<File<'a>>,
    /// When it ended, in milliseconds since the epoch.
    pub ended_ms: u64,
    /// How long it took, in milliseconds; `None` when flow did not run it.
    pub wall_ms: Option<u64>,
    pub max_rss_kib: u64,
}

/// A job's record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Past<'a> {
    pub recipe: u64,
    pub params: u64,
    pub ended_ms: u64,
    /// `None`: adopted or accepted, not run.
    pub wall_ms: Option<u64>,
    pub max_rss_kib: u64,
    captures: (usize, &'a [u8]),
    inputs: (usize, &'a [u8]),
    outputs: (usize, &'a [u8]),
    found: (usize, &'a [u8]),
    /// Those of inputs, outputs and found files, in a row; all or none.
    hashes: &'a [u8],
}

impl Now<'_> {
    /// Appends the record's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.recipe.to_le_bytes());
        out.extend(self.params.to_le_bytes());
        put(out, self.ended_ms);
        put(out, self.wall_ms.map_or(0, |ms| ms + 1));
        put(out, self.max_rss_kib);
        put(out, self.captures.len() as u64);
        section(out, |out| {
            for (name, value) in &self.captures {
                put_text(out, name);
                put_text(out, value);
            }
        });
        let all = [&self.inputs, &self.outputs, &self.found];
        for files in all {
            put(out, files.len() as u64);
            section(out, |out| {
                for file in files {
                    put_text(out, file.path);
                    out.extend(file.time.0.to_le_bytes());
                    put(out, file.size);
                }
            });
        }
        let files = || all.into_iter().flatten();
        section(out, |out| {
            if files().any(|file| file.hash.is_some()) {
                out.extend(files().flat_map(|file| file.hash.unwrap_or(NO_HASH)));
            }
        });
    }
}

/// Stands for no hash among others. No content that anybody has is known to have it.
const NO_HASH: Hash = [0; 16];

/// Appends what `fill` writes, with its length before it.
fn section(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    fill(out);
    let end = out.len();
    put(out, (end - start) as u64);
    let n_length = out.len() - end;
    out[start..].rotate_right(n_length);
}

impl<'a> Past<'a> {
    /// Reads a record; `None` where it is none.
    pub fn read(bytes: &'a [u8]) -> Option<Past<'a>> {
        let mut rest = bytes;
        let rest = &mut rest;
        let (recipe, params, ended_ms) = (take_eight(rest)?, take_eight(rest)?, take(rest)?);
        let wall_ms = take(rest)?.checked_sub(1);
        let max_rss_kib = take(rest)?;
        let mut section = || Some((take(rest)? as usize, take_text(rest)?));
        let (captures, inputs, outputs) = (section()?, section()?, section()?);
        // Records from before there were these end here.
        let found = section().unwrap_or_default();
        let hashes = take_text(rest).unwrap_or_default();
        Some(Past {
            recipe,
            params,
            ended_ms,
            wall_ms,
            max_rss_kib,
            captures,
            inputs,
            outputs,
            found,
            hashes,
        })
    }

    /// When the job ended and what it took.
    pub fn ran(&self) -> Now<'static> {
        Now {
            ended_ms: self.ended_ms,
            wall_ms: self.wall_ms,
            max_rss_kib: self.max_rss_kib,
            ..Now::default()
        }
    }

    /// Whether contents were looked at.
    pub fn has_hashes(&self) -> bool {
        !self.hashes.is_empty()
    }

    /// The files of a section, whose first hash is number `first`.
    fn files(&self, section: &'a [u8], first: usize) -> impl Iterator<Item = File<'a>> + use<'a> {
        let start = (first.saturating_mul(size_of::<Hash>())).min(self.hashes.len());
        let (hashes, _) = self.hashes[start..].as_chunks();
        files(section, hashes)
    }

    pub fn n_inputs(&self) -> usize {
        self.inputs.0
    }

    pub fn n_outputs(&self) -> usize {
        self.outputs.0
    }

    pub fn inputs(&self) -> impl Iterator<Item = File<'a>> + use<'a> {
        self.files(self.inputs.1, 0)
    }

    pub fn outputs(&self) -> impl Iterator<Item = File<'a>> + use<'a> {
        self.files(self.outputs.1, self.inputs.0)
    }

    /// Files that the job was found to read beside its inputs.
    pub fn found(&self) -> impl Iterator<Item = File<'a>> + use<'a> {
        self.files(self.found.1, self.inputs.0.saturating_add(self.outputs.0))
    }

    /// Captures that reached the recipe.
    pub fn captures(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.captures.1;
        std::iter::from_fn(move || Some((take_text(&mut rest)?, take_text(&mut rest)?)))
    }
}

fn files<'a>(mut rest: &'a [u8], hashes: &'a [Hash]) -> impl Iterator<Item = File<'a>> + use<'a> {
    let mut hashes = hashes.iter();
    std::iter::from_fn(move || {
        let path = take_text(&mut rest)?;
        let time = Time(take_eight(&mut rest)? as i64);
        Some(File {
            path,
            time,
            size: take(&mut rest)?,
            hash: hashes.next().copied().filter(|hash| *hash != NO_HASH),
        })
    })
}

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn take_eight(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u64::from_le_bytes(*bytes))
}

#[inline]
pub(super) fn take(rest: &mut &[u8]) -> Option<u64> {
    // Nearly all lengths and counts.
    if let Some((&byte, tail)) = rest.split_first()
        && byte < 0x80
    {
        *rest = tail;
        return Some(u64::from(byte));
    }
    take_long(rest)
}

fn take_long(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

pub(super) fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let file = |path, time, size| File {
            path,
            time: Time(time),
            size,
            hash: (size > 0).then_some([size as u8 | 1; 16]),
        };
        let now = Now {
            recipe: u64::MAX,
            params: 1,
            captures: vec![(b"s", b"a b"), (b"lane", b"")],
            inputs: vec![file(b"in", -5, 0), file(b"x\ny", i64::MAX, 1 << 40)],
            outputs: vec![file(b"out", 1_700_000_000_123_456_789, 7)],
            found: vec![file(b"h", 3, 4)],
            ended_ms: 1_700_000_000_123,
            wall_ms: Some(0),
            max_rss_kib: 1600,
        };
        let mut bytes = Vec::new();
        now.write(&mut bytes);
        let past = Past::read(&bytes).unwrap();
        assert_eq!(past.inputs().collect::<Vec<_>>(), now.inputs);
        assert_eq!(past.outputs().collect::<Vec<_>>(), now.outputs);
        assert_eq!(past.found().collect::<Vec<_>>(), now.found);
        assert_eq!(past.captures().collect::<Vec<_>>(), now.captures);
        assert_eq!(
            (past.recipe, past.wall_ms, past.n_inputs()),
            (u64::MAX, Some(0), 2)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(past) = Past::read(&bytes) {
                past.inputs().chain(past.outputs()).chain(past.found()).for_each(drop);
                past.captures().for_each(drop);
            }
        }
    }
}
