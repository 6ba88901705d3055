//! Compiles `warm/preload.rs`, which flow carries in itself. Where that cannot be, flow carries
//! nothing, and starts each shell in the usual way.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=warm/preload.rs");
    let variable = |name| env::var(name).unwrap_or_default();
    let output = PathBuf::from(variable("OUT_DIR")).join("preload.so");
    let target = variable("TARGET");
    // Written for this processor's system calls and this C library's start.
    let is_known = target.starts_with("x86_64-") && target.ends_with("-linux-gnu");
    if is_known && compile(&target, &output) {
        return;
    }
    if is_known {
        println!("cargo::warning=shells are not kept warm: warm/preload.rs does not compile here");
    }
    std::fs::write(&output, b"").expect("OUT_DIR can be written to");
}

fn compile(target: &str, output: &PathBuf) -> bool {
    let mut rustc = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args(["--crate-name", "preload", "--target", target])
        .args(["-C", "panic=abort", "-C", "opt-level=2"])
        .args(["-C", "strip=symbols", "-C", "force-unwind-tables=no"])
        // No library at all, and so no symbol but one that may be missing.
        .args(["-C", "link-arg=-nostdlib", "-C", "link-arg=-nostartfiles"])
        .args(["-C", "link-arg=-Wl,-z,defs"])
        .arg("warm/preload.rs")
        .arg("-o")
        .arg(output);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }
    rustc.status().is_ok_and(|status| status.success())
}
