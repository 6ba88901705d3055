//! An append-only file of checksummed records: any damage costs the records it hits, and no more.
//!
//! The file begins with `MAGIC`, a version and a salt. A record is `MARK`, the length of its
//! payload, a checksum over salt, length and payload, and the payload; numbers are little-endian.
//! A reader that finds a bad record looks for the next mark. The salt is random, so that no file
//! name can be made to look like a record.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::extent::Extent;
use crate::disk::checksum;

const MAGIC: [u8; 8] = *b"flowlog\n";
const VERSION: u32 = 2;
/// Versions are counted. A number beyond this is none that will ever be, but damage.
const LAST_VERSION: u32 = 255;
const MARK: [u8; 4] = [0xf1, 0x0e, 0xc0, 0xde];
/// How long the beginning of a file is that every record depends on.
pub const HEAD: usize = MAGIC.len() + 4 + 8;
pub(super) const RECORD_HEAD: usize = MARK.len() + 4 + 8;
/// So far before its payload a record says how long that is.
const LENGTH_BEFORE: usize = RECORD_HEAD - MARK.len();

/// Larger than any record that flow writes: a length beyond it is damage.
const MAX_PAYLOAD: usize = 1 << 30;

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    pub bytes: Vec<u8>,
    /// Where in `bytes` the payloads of good records are, in their order.
    pub records: Vec<Range<usize>>,
    /// Bytes that belong to no good record.
    pub n_damaged: usize,
    is_there: bool,
    is_empty_file: bool,
    salt: u64,
}

impl Found {
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter().map(|range| &self.bytes[range.clone()])
    }

    /// A file without a byte: what was in it is lost.
    pub fn is_empty_file(&self) -> bool {
        self.is_empty_file
    }

    /// How far the file goes, by which a shorter one is known later. `None` where there is none.
    pub fn extent(&self) -> Option<Extent> {
        self.is_there.then_some(Extent {
            salt: self.salt,
            length: self.bytes.len() as u64,
        })
    }

    pub(super) fn salt(&self) -> u64 {
        self.salt
    }

    /// Whether there is a file that can be gone on with.
    pub fn is_whole(&self) -> bool {
        self.is_there && self.n_damaged == 0
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    Io(io::Error),
    /// Written by a version that this one does not know.
    Newer(u32),
    /// It does not begin as a log.
    NoLog,
}

/// All good records of a file, in their order; none where there is no file.
pub fn read(path: &Path) -> Result<Found, Unreadable> {
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(libc::O_NOFOLLOW);
    let mut bytes = Vec::new();
    match open
        .open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
    {
        Ok(_) => parse(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::default()),
        Err(error) => Err(Unreadable::Io(error)),
    }
}

/// All good records of a file that holds these bytes.
pub fn parse(bytes: Vec<u8>) -> Result<Found, Unreadable> {
    if bytes.len() < HEAD && MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
        // It is never seen half made, so something has cut it off.
        return Ok(Found {
            n_damaged: bytes.len(),
            is_empty_file: bytes.is_empty(),
            ..Found::default()
        });
    }
    let Some(rest) = bytes.strip_prefix(&MAGIC) else {
        return Err(Unreadable::NoLog);
    };
    let Some(version) = rest.first_chunk() else {
        return Err(Unreadable::NoLog);
    };
    let version = u32::from_le_bytes(*version);
    let Some(salt) = rest[4..].first_chunk() else {
        return Err(Unreadable::NoLog);
    };
    let salt = u64::from_le_bytes(*salt);
    let mut records = Vec::new();
    let mut n_damaged = each_record(&bytes, salt, |record| records.push(record));
    if version != VERSION {
        // Where records are good ones of this version, the number itself is what was damaged: another
        // version has other checksums.
        if records.is_empty() {
            return Err(match (VERSION + 1..=LAST_VERSION).contains(&version) {
                true => Unreadable::Newer(version),
                false => Unreadable::NoLog,
            });
        }
        n_damaged += 4;
    }
    Ok(Found {
        bytes,
        records,
        n_damaged,
        salt,
        is_there: true,
        is_empty_file: false,
    })
}

/// Tells where the payloads of good records are, in their order. Returns how many bytes belong to no
/// record.
pub(super) fn each_record(bytes: &[u8], salt: u64, mut told: impl FnMut(Range<usize>)) -> usize {
    let mut n_damaged = 0;
    let mut at = HEAD;
    while at < bytes.len() {
        if let Some(length) = record(&bytes[at..], salt) {
            let start = at + RECORD_HEAD;
            told(start..start + length);
            at = start + length;
            continue;
        }
        let next = bytes[at + 1..]
            .find(MARK)
            .map_or(bytes.len(), |n| at + 1 + n);
        n_damaged += next - at;
        at = next;
    }
    n_damaged
}

/// The payload of a good record that begins at `start`.
pub(super) fn payload(bytes: &[u8], start: usize) -> &[u8] {
    let length = bytes[start - LENGTH_BEFORE..].first_chunk();
    let length = u32::from_le_bytes(*length.expect("a record has a head")) as usize;
    &bytes[start..start + length]
}

/// The length of the payload of the good record that `bytes` begins with.
fn record(bytes: &[u8], salt: u64) -> Option<usize> {
    let rest = bytes.strip_prefix(&MARK)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    let sum = u64::from_le_bytes(*rest.get(4..)?.first_chunk()?);
    if length > MAX_PAYLOAD {
        return None;
    }
    let payload = rest.get(12..12 + length)?;
    (checksum(salt, payload) == sum).then_some(length)
}

/// What a log is written to: a file, or a twin in memory.
pub trait Medium: Debug {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Takes back what is behind this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Waits until all that was written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

impl Medium for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Medium for Box<dyn Medium> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        (**self).cut(length)
    }

    fn sync(&self) -> io::Result<()> {
        (**self).sync()
    }
}

/// Where a damaged file is kept beside the new one.
pub fn aside(path: &Path) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S");
    path.with_extension(format!("damaged-{now}"))
}

/// Appends records.
#[derive(Debug)]
pub struct Writer<M = File> {
    medium: M,
    salt: u64,
    /// Where the next record goes.
    end: u64,
    waiting: Vec<u8>,
}

impl Writer {
    /// Makes a new file with these records, in the place of one that is there.
    ///
    /// It is written beside its place and renamed, so that there is always a whole one.
    pub fn create<'r>(path: &Path, records: impl Iterator<Item = &'r [u8]>) -> io::Result<Writer> {
        let mut salt = [0; 8];
        File::open("/dev/urandom")?.read_exact(&mut salt)?;
        let salt = u64::from_le_bytes(salt);
        let new = path.with_extension("new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let mut bytes = head(salt);
        let mut end = 0;
        for payload in records {
            put(&mut bytes, salt, payload);
            if bytes.len() > 1 << 20 {
                Write::write_all(&mut file, &bytes)?;
                end += bytes.len() as u64;
                bytes.clear();
            }
        }
        Write::write_all(&mut file, &bytes)?;
        end += bytes.len() as u64;
        file.sync_data()?;
        std::fs::rename(&new, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Writer::over(file, salt, end))
    }

    /// Goes on with a file that was found whole, `end` bytes long.
    pub fn append_to(path: &Path, found: &Found, end: u64) -> io::Result<Writer> {
        let mut open = OpenOptions::new();
        let mut file = open.write(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Writer::over(file, found.salt, end))
    }

    /// The file, for whoever sees to it that it reaches the disk.
    pub fn file(&self) -> io::Result<File> {
        self.medium.try_clone()
    }

    /// The same, where it does not matter that it is a file.
    pub fn boxed(self) -> Writer<Box<dyn Medium>> {
        Writer::over(Box::new(self.medium), self.salt, self.end)
    }
}

impl<M: Medium> Writer<M> {
    /// Goes on with what has this salt and is `end` bytes long.
    pub fn over(medium: M, salt: u64, end: u64) -> Writer<M> {
        Writer {
            medium,
            salt,
            end,
            waiting: Vec::new(),
        }
    }

    /// Appends records, behind those that wait, with one write; after an error nothing of them is
    /// left.
    pub fn append<'r>(&mut self, payloads: impl IntoIterator<Item = &'r [u8]>) -> io::Result<()> {
        for payload in payloads {
            put(&mut self.waiting, self.salt, payload);
        }
        self.write_waiting()
    }

    /// Adds a record, with its head, to those that wait to be written.
    pub(super) fn put_sealed(&mut self, record: &[u8]) {
        self.waiting.extend_from_slice(record);
    }

    /// How many bytes wait to be written.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Writes what waits; after an error nothing of it is left.
    pub fn write_waiting(&mut self) -> io::Result<()> {
        let written = self.medium.write_all(&self.waiting);
        let len = self.waiting.len() as u64;
        self.waiting.clear();
        if let Err(error) = written {
            // A torn record in the middle would cost the next one its readers' trust.
            self.medium.cut(self.end)?;
            return Err(error);
        }
        self.end += len;
        Ok(())
    }

    pub(super) fn salt(&self) -> u64 {
        self.salt
    }

    /// Waits until all that was appended is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.medium.sync()
    }

    /// How far the file goes by now.
    pub fn extent(&self) -> Extent {
        Extent {
            salt: self.salt,
            length: self.end,
        }
    }
}

/// What a file begins with.
pub fn head(salt: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(salt.to_le_bytes());
    bytes
}

/// Appends one record.
pub fn put(bytes: &mut Vec<u8>, salt: u64, payload: &[u8]) {
    let start = open_record(bytes);
    bytes.extend_from_slice(payload);
    seal_record(bytes, salt, start);
}

/// Appends the head of a record, whose payload comes behind it. Returns where that begins.
pub(super) fn open_record(bytes: &mut Vec<u8>) -> usize {
    bytes.extend(MARK);
    bytes.extend([0; RECORD_HEAD - MARK.len()]);
    bytes.len()
}

/// The payload that begins at `start` is all there: its length and checksum go into its head.
pub(super) fn seal_record(bytes: &mut [u8], salt: u64, start: usize) {
    let (head, payload) = bytes.split_at_mut(start);
    let sum = checksum(salt, payload).to_le_bytes();
    let length = (payload.len() as u32).to_le_bytes();
    let (for_length, for_sum) = head[start - LENGTH_BEFORE..].split_at_mut(length.len());
    for_length.copy_from_slice(&length);
    for_sum.copy_from_slice(&sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(folder: &Path) -> (std::path::PathBuf, Vec<Vec<u8>>) {
        let path = folder.join("log");
        let records: Vec<Vec<u8>> = vec![
            b"one".to_vec(),
            Vec::new(),
            MARK.repeat(3),
            vec![7; 1000],
            b"last".to_vec(),
        ];
        drop(Writer::create(&path, [&records[0][..]].into_iter()).unwrap());
        let found = read(&path).unwrap();
        let end = found.bytes.len() as u64;
        let mut writer = Writer::append_to(&path, &found, end).unwrap();
        writer.append([&records[1][..], &records[2]]).unwrap();
        for record in &records[3..] {
            writer.append([&record[..]]).unwrap();
        }
        (path, records)
    }

    fn payloads(found: &Found) -> Vec<&[u8]> {
        found.payloads().collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = sample(folder.path());
        let found = read(&path).unwrap();
        assert_eq!(
            (payloads(&found), found.n_damaged),
            (records.iter().map(|r| &r[..]).collect(), 0)
        );
        assert_eq!(read(&folder.path().join("none")).unwrap(), Found::default());
    }

    #[test]
    fn a_file_cut_anywhere_gives_its_first_records() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = sample(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        let mut n_before = 0;
        for end in 0..bytes.len() {
            let found = parse(bytes[..end].to_vec()).unwrap();
            assert_eq!(
                payloads(&found)[..],
                records[..found.records.len()],
                "cut at {end}"
            );
            assert!(found.records.len() >= n_before);
            n_before = found.records.len();
        }
    }

    #[test]
    fn a_changed_byte_costs_one_record() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = sample(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        for at in HEAD..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            let found = parse(bytes).unwrap();
            assert_eq!(found.records.len(), records.len() - 1, "flipped at {at}");
            assert!(
                found
                    .payloads()
                    .all(|payload| records.iter().any(|r| r == payload))
            );
        }
    }

    #[test]
    fn what_is_no_log_or_a_newer_one_is_said_to_be_so() {
        assert!(matches!(
            parse(b"SQLite format 3\0".to_vec()).unwrap_err(),
            Unreadable::NoLog
        ));
        let newer = [&MAGIC[..], &[9, 0, 0, 0], &[0; 8]].concat();
        assert!(matches!(parse(newer).unwrap_err(), Unreadable::Newer(9)));
        let none = [&MAGIC[..], &[0; 4], &[0; 8]].concat();
        assert!(matches!(parse(none).unwrap_err(), Unreadable::NoLog));
        let damaged = [&MAGIC[..], &(VERSION + 512).to_le_bytes(), &[0; 8]].concat();
        assert!(matches!(parse(damaged).unwrap_err(), Unreadable::NoLog));
    }

    #[test]
    fn a_damaged_version_is_told_from_a_newer_one_by_the_records() {
        for bit in 0..32 {
            let mut bytes = head(7);
            put(&mut bytes, 7, b"one");
            bytes[MAGIC.len() + bit / 8] ^= 1 << (bit % 8);
            let found = parse(bytes).unwrap();
            assert!(found.payloads().eq([b"one"]) && !found.is_whole());
        }
    }
}
