//! What calls fail with: every code of the standard, and the library's own words.

use std::fmt;
use std::path::PathBuf;

/// A code of the standard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// The library failed inside; some use it for whatever they have no code for.
    Internal,
    /// The scheduler cannot be reached at the moment.
    Communication,
    Auth,
    InvalidArgument,
    NoActiveSession,
    NoMemory,
    InvalidContact,
    DefaultContact,
    NoDefaultContact,
    InitFailed,
    AlreadyActive,
    ExitFailed,
    AttributeFormat,
    AttributeValue,
    ConflictingAttributes,
    /// Too busy, or the user has too many jobs: the same call may succeed later.
    TryLater,
    /// The scheduler refuses the job for what it asks for.
    Denied,
    /// No such job, or one whose end was told already.
    InvalidJob,
    ResumeInconsistent,
    SuspendInconsistent,
    HoldInconsistent,
    ReleaseInconsistent,
    /// The time to wait is over.
    Timeout,
    /// The job ended, and nothing else is known: one that never began.
    NoUsage,
    /// The end of a list.
    NoMore,
    /// A code that the standard does not have.
    Other(i32),
}

/// The codes from 1 on, in the standard's order.
const CODES: [Code; 25] = [
    Code::Internal,
    Code::Communication,
    Code::Auth,
    Code::InvalidArgument,
    Code::NoActiveSession,
    Code::NoMemory,
    Code::InvalidContact,
    Code::DefaultContact,
    Code::NoDefaultContact,
    Code::InitFailed,
    Code::AlreadyActive,
    Code::ExitFailed,
    Code::AttributeFormat,
    Code::AttributeValue,
    Code::ConflictingAttributes,
    Code::TryLater,
    Code::Denied,
    Code::InvalidJob,
    Code::ResumeInconsistent,
    Code::SuspendInconsistent,
    Code::HoldInconsistent,
    Code::ReleaseInconsistent,
    Code::Timeout,
    Code::NoUsage,
    Code::NoMore,
];

impl Code {
    /// The code of a number other than 0, which is success.
    pub fn of(number: i32) -> Code {
        let known = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        known
            .and_then(|at| CODES.get(at).copied())
            .unwrap_or(Code::Other(number))
    }

    /// The number of the code.
    pub fn number(self) -> i32 {
        match self {
            Code::Other(number) => number,
            known => CODES.iter().position(|code| *code == known).unwrap_or(0) as i32 + 1,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_passing(self) -> bool {
        matches!(self, Code::Communication | Code::TryLater | Code::NoMemory)
    }
}

/// A call that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pub code: Code,
    /// The library's own words, of one line; those of the standard where it has none.
    pub message: String,
    /// The function that failed.
    pub call: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Error {
            code,
            message,
            call,
        } = self;
        write!(f, "{message} ({call}, code {})", code.number())
    }
}

impl std::error::Error for Error {}

/// Why there is no session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// No such file, or none of that name where the loader looks.
    NotFound(PathBuf, String),
    /// The library, or one that it needs, wants more static thread-local storage than is left. See
    /// [`tunables`](crate::tunables).
    StaticTls(PathBuf, String),
    /// The file is there and is no DRMAA library for this machine.
    Unusable(PathBuf, String),
    /// The process has a session already.
    Active,
    /// The library was loaded, and refuses to begin.
    Refused(Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            OpenError::NotFound(path, why) => {
                write!(f, "no DRMAA library `{}`: {why}", path.display())
            }
            OpenError::StaticTls(path, why) => write!(
                f,
                "`{}` needs more static thread-local storage than this process has left: {why}",
                path.display()
            ),
            OpenError::Unusable(path, why) => {
                write!(f, "`{}` cannot be used: {why}", path.display())
            }
            OpenError::Active => f.write_str("this process has a DRMAA session already"),
            OpenError::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_code() {
        assert_eq!(Code::of(2), Code::Communication);
        assert_eq!(Code::of(17), Code::Denied);
        assert_eq!(Code::of(25), Code::NoMore);
        for number in (1..40).chain([-3, i32::MAX]) {
            assert_eq!(Code::of(number).number(), number);
        }
    }
}
