//! `flow check`: every mistake in the workflow, and what looks like a slip, from its text alone.

mod format;

use super::options::{CheckOptions, Format, Place};
use super::{Exit, open};
use crate::lang::{Diag, Sources};
use crate::ui::{Detail, human};
use crate::workflow::lint::lint;
use crate::workflow::waits_for_a_run;

pub fn check(options: CheckOptions) -> anyhow::Result<Exit> {
    let opened = match open::try_open(&options.common, &Place::default(), &options.params)? {
        Ok(opened) => opened,
        Err(unread) => {
            let terminal = open::Terminal::new(&options.common);
            report(&options, terminal, &[unread], &Sources::default())?;
            return Ok(Exit::WrongWorkflow);
        }
    };
    let mut diags = opened.diags.clone();
    let n_before = diags.len();
    diags.retain(|diag| !waits_for_a_run(diag));
    let lacks_values = diags.len() < n_before;
    let is_wrong = diags.iter().any(Diag::is_error);
    if !is_wrong {
        diags.extend(lint(&opened.ast, &opened.workflow, &opened.sources));
    }
    report(&options, opened.terminal, &diags, &opened.sources)?;
    if is_wrong {
        return Ok(Exit::WrongWorkflow);
    }
    if options.format == Format::Text {
        if options.common.detail == Detail::Verbose && lacks_values {
            anstream::println!("what filters leave out hangs on params that need a value: `--set`");
        } else if options.common.detail == Detail::Verbose {
            left_out(&opened)?;
        }
        if options.common.detail != Detail::Quiet {
            let n_rules = opened.workflow.rules.len() as u64;
            let name = crate::ui::path(std::os::unix::ffi::OsStrExt::as_bytes(
                options.common.workflow().as_os_str(),
            ));
            anstream::println!("{name}: no mistakes in {}", human::counted(n_rules, "rule"));
        }
    }
    Ok(Exit::Done)
}

/// Diagnostics for people go to stderr; those for programs are what was asked for.
fn report(
    options: &CheckOptions,
    terminal: open::Terminal,
    diags: &[Diag],
    sources: &Sources,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match options.format {
        Format::Text => terminal.show(diags, sources),
        Format::Json => format::json(diags, sources, &mut out)?,
        Format::Github => format::github(diags, sources, &mut out)?,
    }
    Ok(())
}

/// With `-v`: what the filters leave out of the files that there are.
fn left_out(opened: &open::Opened) -> anyhow::Result<()> {
    let disk = crate::disk::Real::open(&opened.folder)?;
    let listing = std::cell::RefCell::new(crate::pattern::Listing::new(&disk));
    let context = crate::plan::Context {
        workflow: &opened.workflow,
        listing: &listing,
    };
    let plan = crate::plan::Plan::new(context);
    for (id, rule) in opened.workflow.rules.iter() {
        for path in plan.left_out(id) {
            let path = crate::ui::path(plan.path(path));
            anstream::println!("{}: the filter leaves out {path}", rule.name);
        }
    }
    Ok(())
}
