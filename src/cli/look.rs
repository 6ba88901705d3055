//! What `plan`, `why` and `status` begin with: a workflow opened and judged, whoever holds the
//! folder.

use std::cell::RefCell;

use bstr::BString;

use super::open::{self, Opened};
use super::options::{AskOptions, Common, Param, Place};
use super::targets::{Judged, Manner, judge};
use super::{Exit, hands};
use crate::disk::Real;
use crate::history::Store;
use crate::pattern::Listing;
use crate::plan::Context;

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub common: &'a Common,
    pub place: &'a Place,
    pub params: &'a [Param],
    pub targets: &'a [BString],
}

impl AskOptions {
    /// What these options ask about.
    pub fn about(&self) -> About<'_> {
        About {
            common: &self.common,
            place: &self.place,
            params: &self.params,
            targets: &self.targets,
        }
    }
}

/// A workflow, judged over the files and the history as they are.
pub struct Looked<'a> {
    pub opened: &'a Opened,
    pub disk: &'a Real,
    pub context: Context<'a>,
    pub judged: Judged,
    pub history: &'a Store,
}

/// Opens a workflow, judges it, and has `tell` say what was found. Takes no lock and writes nothing.
pub fn look(
    about: About,
    manner: &Manner,
    tell: impl FnOnce(Looked) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let opened = match open::open(about.common, about.place, about.params)? {
        Ok(opened) => opened,
        Err(exit) => return Ok(exit),
    };
    let hands = hands::for_question(&opened)?;
    let disk = Real::open(&opened.folder)?.with_lists(opened.lists(), false);
    let listing = RefCell::new(Listing::new(&disk));
    let history = Store::read(&opened.state)?;
    let manner = Manner {
        hands: hands.as_ref(),
        ..*manner
    };
    match judge(&opened, &disk, &history, &listing, about.targets, &manner) {
        Err(exit) => Ok(exit),
        Ok(judged) => tell(Looked {
            opened: &opened,
            disk: &disk,
            context: Context {
                workflow: &opened.workflow,
                listing: &listing,
            },
            judged,
            history: &history,
        }),
    }
}
