//! Workflow files that every user of this machine may change, and with them what flow runs.

use std::os::unix::fs::MetadataExt;

use crate::lang::Sources;

/// A warning that names the first, and says how many more there are.
pub fn warning(sources: &Sources) -> Option<String> {
    let names = sources.all().map(|(_, source)| source.name.as_str());
    let exposed: Vec<&str> = names.filter(|name| is_exposed(name)).collect();
    let first = crate::ui::path(exposed.first()?.as_bytes());
    let more = match exposed.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Some(format!(
        "`{first}`{more} is world-writable: whoever changes it decides what runs with your \
         rights; `chmod o-w {first}` ends that"
    ))
}

fn is_exposed(name: &str) -> bool {
    // Not there: it was given in another way than as a file.
    std::fs::metadata(name).is_ok_and(|found| found.is_file() && found.mode() & 0o002 != 0)
}
