//! The `flow` binary. The supervisor is forked before anything else; the rest is the library's.

fn main() -> std::process::ExitCode {
    flow::cli::main()
}
