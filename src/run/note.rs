//! The note beside an old output that lies aside: where it belongs.
//!
//! Three fields that end with a zero byte, which no path and no job's name has, then a number that tells
//! whether they are whole: from a note with a wrong letter, a file of somebody else would be replaced.

use bstr::{BString, ByteSlice};

use crate::stale::print::number;

/// Of one old output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    pub output: BString,
    /// Where it lies.
    pub place: BString,
    /// Whose it is.
    pub job: BString,
}

impl Note {
    /// As [`Note::parse`] reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [&self.output, &self.place, &self.job] {
            bytes.extend_from_slice(field);
            bytes.push(0);
        }
        bytes.extend(number(&bytes).to_le_bytes());
        bytes
    }

    /// `None` for what was cut off or damaged.
    pub fn parse(bytes: &[u8]) -> Option<Note> {
        let (fields, check) = bytes.split_last_chunk()?;
        let mut parts = fields.strip_suffix(b"\0")?.split_str(b"\0");
        let mut next = || parts.next().map(BString::from);
        let (output, place, job) = (next()?, next()?, next()?);
        let is_whole = parts.next().is_none() && number(fields).to_le_bytes() == *check;
        is_whole.then_some(Note { output, place, job })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_that_differs() {
        let note = Note {
            output: "out/a b".into(),
            place: ".flow/aside/1/1".into(),
            job: "".into(),
        };
        let bytes = note.to_bytes();
        assert_eq!(Note::parse(&bytes), Some(note));
        for len in 0..bytes.len() {
            assert_eq!(Note::parse(&bytes[..len]), None);
        }
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Note::parse(&other), None);
        }
    }
}
