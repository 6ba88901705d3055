//! Which start of the machine this is.

/// Names this start of the machine; nothing where the kernel does not tell.
pub fn this_boot() -> Vec<u8> {
    let read = std::fs::read("/proc/sys/kernel/random/boot_id");
    read.unwrap_or_default()
}
