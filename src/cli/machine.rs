//! What the machine has for jobs to take: memory, and gpus.

use std::fs;
use std::path::{Path, PathBuf};

use bstr::BString;

/// The processors that this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The memory there is, in MiB: the machine's, or the part that this process's control group
/// leaves it. `None` where nobody says.
pub fn memory() -> Option<u64> {
    let total = fs::read_to_string("/proc/meminfo").ok()?;
    let total = total
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let limit = group_limit(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    let mib = (kib >> 10).min(limit.map_or(u64::MAX, |bytes| bytes >> 20));
    Some(mib.max(1))
}

/// The smallest limit of the control group (version 2) and those above it, in bytes.
fn group_limit(groups: &str) -> Option<u64> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let own = root.join(own);
    let above = own.ancestors().take_while(|path| path.starts_with(root));
    let limit = |path: &Path| -> Option<u64> {
        let text = fs::read_to_string(path.join("memory.max")).ok()?;
        text.trim().parse().ok()
    };
    above.filter_map(limit).min()
}

/// The gpus that jobs may use, as `CUDA_VISIBLE_DEVICES` names them: the first `count` of those
/// that this process may use, or as many as there are.
pub fn gpus(count: Option<u32>) -> Vec<BString> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let devices = fs::read_dir("/dev").into_iter().flatten().flatten();
    choose(count, visible.as_deref(), devices.map(|entry| entry.path()))
}

fn choose(
    count: Option<u32>,
    visible: Option<&str>,
    devices: impl Iterator<Item = PathBuf>,
) -> Vec<BString> {
    let mut names: Vec<BString> = match visible {
        Some(visible) => {
            let names = visible.split(',').map(str::trim);
            // CUDA itself stops at the first that is none.
            let names = names.take_while(|name| !name.is_empty() && !name.starts_with('-'));
            names.map(BString::from).collect()
        }
        None => {
            let number = |path: PathBuf| -> Option<u32> {
                let name = path.file_name()?.to_str()?;
                name.strip_prefix("nvidia")?.parse().ok()
            };
            let mut numbers: Vec<u32> = devices.filter_map(number).collect();
            numbers.sort();
            numbers.iter().map(|n| n.to_string().into()).collect()
        }
    };
    if let Some(count) = count {
        names.truncate(count as usize);
        // More than were found: whoever says so knows better.
        if visible.is_none() {
            names.extend((names.len()..count as usize).map(|n| BString::from(n.to_string())));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(count: Option<u32>, visible: Option<&str>, devices: &[&str]) -> String {
        let devices = devices.iter().map(|name| Path::new("/dev").join(name));
        let names = choose(count, visible, devices);
        bstr::join(",", names).iter().map(|&b| b as char).collect()
    }

    #[test]
    fn gpus_are_found_or_told() {
        let two = ["null", "nvidia1", "nvidiactl", "nvidia0", "nvidia-uvm"];
        assert_eq!(chosen(None, None, &two), "0,1");
        assert_eq!(chosen(None, None, &["null"]), "");
        assert_eq!(chosen(Some(1), None, &two), "0");
        assert_eq!(chosen(Some(3), None, &two), "0,1,2");
        assert_eq!(chosen(None, Some("2, 5"), &two), "2,5");
        assert_eq!(
            chosen(Some(1), Some("GPU-8932f937,GPU-1"), &two),
            "GPU-8932f937"
        );
        assert_eq!(chosen(Some(4), Some("2,5"), &two), "2,5");
        assert_eq!(chosen(None, Some(""), &two), "");
        assert_eq!(chosen(None, Some("-1"), &two), "");
    }

    #[test]
    fn the_machine_has_memory() {
        assert!(memory().is_some_and(|mib| mib > 16));
    }
}
