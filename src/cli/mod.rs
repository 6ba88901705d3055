//! What was typed, what it means, and one file per command. The only module that knows the process.

pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2)
}
