//! `flow fmt`: workflows laid out in one style, in place. A file with mistakes is left alone.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;

use super::options::FmtOptions;
use super::{Exit, open};
use crate::lang::format::format;
use crate::lang::{Diag, Sources, foreign};
use crate::ui::Detail;

pub fn fmt(options: FmtOptions) -> anyhow::Result<Exit> {
    open::change_folder(&options.common)?;
    let terminal = open::Terminal::new(&options.common);
    let (mut n_wrong, mut n_changed) = (0, 0);
    for path in &options.files {
        let is_stdin = path.as_os_str() == "-";
        let raw_name = if is_stdin {
            "stdin".into()
        } else {
            path.to_string_lossy()
        };
        let name = crate::ui::path(raw_name.as_bytes());
        let bytes = match read(path, is_stdin) {
            Ok(bytes) => bytes,
            Err(error) => {
                let diag = Diag::error("E0001", format!("the workflow {name} cannot be read"));
                terminal.show(&[diag.note(error.to_string())], &Sources::default());
                n_wrong += 1;
                continue;
            }
        };
        let mut sources = Sources::default();
        let old = foreign::read(bytes);
        let file = sources.add(raw_name, old.as_str());
        let new = match format(file, &old) {
            Ok(new) => new,
            Err(found) => {
                terminal.show(&found, &sources);
                n_wrong += 1;
                continue;
            }
        };
        let is_changed = new != old;
        n_changed += usize::from(is_changed);
        if options.diff {
            anstream::print!("{}", difference(&name, &old, &new));
        } else if options.check {
            if is_changed {
                anstream::println!("{name}");
            }
        } else if is_stdin {
            std::io::stdout().write_all(&foreign::bytes(&new))?;
        } else if is_changed {
            write(path, &foreign::bytes(&new))?;
            if options.common.detail != Detail::Quiet {
                anstream::println!("{name}");
            }
        }
    }
    Ok(match (n_wrong, n_changed) {
        (0, 0) => Exit::Done,
        (0, _) if options.check => Exit::JobsFailed,
        (0, _) => Exit::Done,
        _ => Exit::WrongWorkflow,
    })
}

fn read(path: &Path, is_stdin: bool) -> std::io::Result<Vec<u8>> {
    if !is_stdin {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts the new text in the place of the old one in one step; a link stays a link.
fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let whole = || -> std::io::Result<()> {
        let path = path.canonicalize()?;
        let mut beside = path.clone().into_os_string();
        beside.push(format!(".{}.tmp", std::process::id()));
        let written = std::fs::write(&beside, text)
            .and_then(|()| {
                std::fs::set_permissions(&beside, std::fs::metadata(&path)?.permissions())
            })
            .and_then(|()| std::fs::rename(&beside, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written
    };
    whole().with_context(|| format!("write {}", path.display()))
}

/// A unified diff; empty when the texts are the same.
fn difference(name: &str, old: &str, new: &str) -> String {
    let diff = similar::TextDiff::from_lines(old, new);
    let shown = diff.unified_diff().header(name, name).to_string();
    // A carriage return that goes is a change that is to be seen.
    crate::ui::safe::text(&foreign::bytes(&shown.replace('\r', "\\x0d")))
}
