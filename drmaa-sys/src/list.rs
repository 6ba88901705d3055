//! The library's lists, read whole and freed at once.

use std::ffi::{CStr, c_char};

use crate::bindings::{
    DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE, DRMAA_ERRNO_NO_MORE_ELEMENTS, DRMAA_ERRNO_SUCCESS,
};

/// What the library wrote into a buffer: up to the first NUL, which may be missing.
pub(crate) fn text(buffer: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(buffer).map_or(buffer, CStr::to_bytes);
    String::from_utf8_lossy(text).into_owned()
}

/// The elements that `next` gives until there are no more, of at most `room` bytes each; `Err` is the
/// code that a call failed with.
pub(crate) fn elements(
    room: usize,
    mut next: impl FnMut(*mut c_char, usize) -> i32,
) -> Result<Vec<String>, i32> {
    let mut found = Vec::new();
    let mut buffer = vec![0u8; room];
    loop {
        // The last byte stays 0, whatever the library does with the one before.
        match next(buffer.as_mut_ptr().cast(), room - 1) as u32 {
            DRMAA_ERRNO_SUCCESS => found.push(text(&buffer)),
            // The standard's first edition had the second.
            DRMAA_ERRNO_NO_MORE_ELEMENTS | DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE => {
                return Ok(found);
            }
            code => return Err(code as i32),
        }
    }
}
