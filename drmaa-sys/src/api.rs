//! The library's functions, and how each of them says what went wrong.

use std::ffi::{CStr, CString, c_char};
use std::fmt;

use crate::bindings as c;
use crate::error::{Code, Error};
use crate::list::text;

/// A loaded library.
pub(crate) struct Api(pub c::Drmaa);

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Api")
    }
}

impl Api {
    /// Calls a function, whose last two arguments are the buffer for its words and their length.
    pub fn call(
        &self,
        name: &'static str,
        function: impl FnOnce(*mut c_char, usize) -> i32,
    ) -> Result<(), Error> {
        let mut why = [0u8; c::DRMAA_ERROR_STRING_BUFFER as usize + 1];
        // One byte less than there is: what a library leaves without its NUL still ends.
        match function(why.as_mut_ptr().cast(), why.len() - 1) {
            0 => Ok(()),
            code => Err(self.error(name, code, &text(&why))),
        }
    }

    /// As [`Api::call`], for a function that writes a text of at most `room` bytes.
    pub fn text(
        &self,
        name: &'static str,
        room: u32,
        function: impl FnOnce(*mut c_char, usize, *mut c_char, usize) -> i32,
    ) -> Result<String, Error> {
        let mut found = vec![0u8; room as usize + 1];
        let (start, len) = (found.as_mut_ptr().cast(), room as usize);
        self.call(name, |why, why_len| function(start, len, why, why_len))?;
        Ok(text(&found))
    }

    /// What a call failed with, in the library's words or else the standard's.
    pub fn error(&self, call: &'static str, code: i32, words: &str) -> Error {
        let mut message = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if message.is_empty() {
            // SAFETY: it takes any number, and gives null or a C string that it keeps.
            let known = unsafe { self.0.drmaa_strerror(code) };
            if !known.is_null() {
                // SAFETY: as above.
                message = unsafe { CStr::from_ptr(known) }.to_string_lossy().into();
            }
        }
        if message.is_empty() {
            message = "the library does not say why".into();
        }
        let code = Code::of(code);
        Error {
            code,
            message,
            call,
        }
    }
}

/// A text for the library. One with a NUL byte in it is refused before the library sees it.
pub(crate) fn c_text(value: &str, call: &'static str) -> Result<CString, Error> {
    CString::new(value).map_err(|_| Error {
        code: Code::InvalidArgument,
        message: format!("`{}` has a NUL byte in it", value.escape_debug()),
        call,
    })
}
