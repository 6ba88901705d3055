//! `flow check`: every mistake in the workflow, from its text alone.

use super::options::{CheckOptions, Place};
use super::{Exit, open};
use crate::lang::Diag;
use crate::ui::{Detail, human};

pub fn check(options: CheckOptions) -> anyhow::Result<Exit> {
    let opened = match open::open(&options.common, &Place::default(), &options.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    opened.terminal.show(&opened.diags, &opened.sources);
    if opened.diags.iter().any(Diag::is_error) {
        return Ok(Exit::WrongWorkflow);
    }
    if options.common.detail == Detail::Verbose {
        left_out(&opened)?;
    }
    if options.common.detail != Detail::Quiet {
        let n_rules = opened.workflow.rules.len() as u64;
        let name = crate::ui::path(std::os::unix::ffi::OsStrExt::as_bytes(
            options.common.workflow().as_os_str(),
        ));
        anstream::println!("{name}: no mistakes in {}", human::counted(n_rules, "rule"));
    }
    Ok(Exit::Done)
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
        let (left_out, n_items) = plan.left_out(id);
        for &path in left_out {
            let path = crate::ui::path(plan.path(path));
            anstream::println!("{}: the filter leaves out {path}", rule.name);
        }
        if left_out.len() as u32 > n_items {
            anstream::println!("{}: and more", rule.name);
        }
    }
    Ok(())
}
