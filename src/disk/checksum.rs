//! The checksum of a record: 64 bits over a salt and some bytes, against damage and not against malice.
//!
//! Records are about a hundred bytes long, and there are as many as jobs. A cryptographic hash takes as
//! long for one of them as all else that reading it costs together; this one takes a tenth of that.

/// Odd numbers without a pattern.
const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xc2b2_ae3d_27d4_eb4f;

/// Both halves of the product, so that each bit of either side reaches all others.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

/// The checksum of `bytes`. With a random salt nobody who writes bytes can tell what theirs will be.
pub fn checksum(salt: u64, bytes: &[u8]) -> u64 {
    let key = fold(salt ^ FIRST, SECOND);
    let mut state = fold(key ^ bytes.len() as u64, FIRST);
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        state = mixed(state, key, chunk);
    }
    // The length is in, so that zeros at the end are told from none.
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    fold(mixed(state, key, &last) ^ key, SECOND)
}

fn mixed(state: u64, key: u64, chunk: &[u8; 16]) -> u64 {
    let half = |bytes: &[u8]| u64::from_le_bytes(*bytes.first_chunk().expect("eight of sixteen"));
    fold(half(&chunk[..8]) ^ key, half(&chunk[8..]) ^ state)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_of_earlier_runs_stay_readable() {
        let long = b"out/sample.bam and what else is in a record";
        let sums = [
            checksum(0, b""),
            checksum(7, b"a"),
            checksum(u64::MAX, long),
        ];
        insta::assert_debug_snapshot!(sums.map(|sum| format!("{sum:016x}")));
    }

    proptest! {
        #[test]
        fn a_change_anywhere_shows(
            salt: u64,
            bytes in proptest::collection::vec(any::<u8>(), 1..100),
            at: prop::sample::Index,
            change in 1..=255u8,
        ) {
            let sum = checksum(salt, &bytes);
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] ^= change;
            prop_assert_ne!(checksum(salt, &changed), sum);
            changed.clone_from(&bytes);
            changed.push(0);
            prop_assert_ne!(checksum(salt, &changed), sum);
            prop_assert_ne!(checksum(salt, &bytes[..bytes.len() - 1]), sum);
            prop_assert_ne!(checksum(salt ^ u64::from(change), &bytes), sum);
        }
    }
}
