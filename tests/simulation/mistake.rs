//! Twelve mistakes that workflow engines are made with, planted around flow, and four for what else is
//! checked: each must show.

use flow::history::{File, Last, LastTry, Now, Past};
use flow::plan::Plan;
use flow::stale::print::Print;

use super::book::as_now;
use super::disk::Shaky;

/// Something that an engine does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mistake {
    MtimeOnly,
    TrustAfterFailure,
    AlwaysRebuildLeaf,
    NoFencing,
    OldOutputsKept,
    StartFingerprintOnly,
    NoCommandInRecord,
    InputsAtTheEnd,
    NoOutputFingerprint,
    InputListForgotten,
    NoOutputCheck,
    SecondGranularity,
    OneTooMany,
    EventDropped,
    OldOutputsLost,
    TrashLost,
}

impl Mistake {
    /// What the engine does then, for the table in the book.
    pub const ALL: [(Mistake, &str); 16] = [
        (
            Mistake::MtimeOnly,
            "nothing is recorded, times alone decide",
        ),
        (
            Mistake::TrustAfterFailure,
            "what a failed job left counts as made",
        ),
        (
            Mistake::AlwaysRebuildLeaf,
            "what nothing reads is made each time",
        ),
        (Mistake::NoFencing, "what a killed run left running goes on"),
        (Mistake::OldOutputsKept, "old outputs stay in place"),
        (
            Mistake::StartFingerprintOnly,
            "inputs are looked at before a job, and not after it",
        ),
        (Mistake::NoCommandInRecord, "the command is not recorded"),
        (
            Mistake::InputsAtTheEnd,
            "inputs are looked at after a job, and not before it",
        ),
        (Mistake::NoOutputFingerprint, "outputs are not recorded"),
        (
            Mistake::InputListForgotten,
            "which inputs there were is not recorded",
        ),
        (
            Mistake::NoOutputCheck,
            "nobody looks whether outputs are there",
        ),
        (Mistake::SecondGranularity, "times are kept in seconds"),
        (Mistake::OneTooMany, "one job more at once than allowed"),
        (Mistake::EventDropped, "what is skipped is not told"),
        (
            Mistake::OldOutputsLost,
            "the old outputs of a job that fails do not come back",
        ),
        (Mistake::TrashLost, "what goes to the trash is lost"),
    ];

    /// Inputs seem unchanged from the start of a job to its end.
    pub fn freezes_inputs(self) -> bool {
        matches!(
            self,
            Mistake::StartFingerprintOnly | Mistake::InputsAtTheEnd
        )
    }

    /// A job's record as this mistake has it: how its last try ended, and the record's bytes.
    pub fn forged(self, last: &Last, job: &Job) -> Option<(LastTry, Option<Vec<u8>>)> {
        let past = last.past;
        match self {
            Mistake::AlwaysRebuildLeaf if job.is_leaf => Some((LastTry::Failed, None)),
            Mistake::NoCommandInRecord => {
                let mut now = written(&past?);
                (now.recipe, now.params) = (job.print.recipe, job.print.params);
                Some((last.last_try, Some(bytes(&now))))
            }
            Mistake::NoOutputFingerprint => {
                let mut now = written(&past?);
                now.outputs
                    .iter_mut()
                    .for_each(|file| *file = as_now(job.disk, *file));
                Some((last.last_try, Some(bytes(&now))))
            }
            Mistake::InputListForgotten => {
                let mut now = written(&past?);
                let recorded = std::mem::take(&mut now.inputs);
                let paths: Vec<Vec<u8>> = job.inputs()?;
                now.inputs = paths
                    .iter()
                    .map(|path| file(path, &recorded, job))
                    .collect();
                Some((last.last_try, Some(bytes(&now))))
            }
            _ => None,
        }
    }
}

/// What a mistake needs to know of a job.
pub struct Job<'j> {
    pub key: &'j [u8],
    pub is_leaf: bool,
    pub print: &'j Print,
    pub plan: &'j Plan,
    pub disk: &'j Shaky,
}

impl Job<'_> {
    /// The inputs that it has now.
    fn inputs(&self) -> Option<Vec<Vec<u8>>> {
        let mut known = self.plan.known.iter();
        let job = *known.find(|job| *self.plan.key(**job) == *self.key)?;
        let paths = self.plan.inputs(job).iter();
        Some(paths.map(|path| self.plan.path(*path).to_vec()).collect())
    }
}

fn file<'p>(path: &'p [u8], recorded: &[File], job: &Job) -> File<'p> {
    let old = recorded.iter().find(|file| file.path == path);
    let time = old.map(|file| file.time).unwrap_or_default();
    let size = old.map(|file| file.size).unwrap_or_default();
    let hash = old.and_then(|file| file.hash);
    let file = File {
        path,
        time,
        size,
        hash,
    };
    match old {
        Some(_) => file,
        None => as_now(job.disk, file),
    }
}

fn written<'p>(past: &Past<'p>) -> Now<'p> {
    Now {
        recipe: past.recipe,
        params: past.params,
        captures: past.captures().collect(),
        inputs: past.inputs().collect(),
        outputs: past.outputs().collect(),
        found: past.found().collect(),
        ended_ms: past.ended_ms,
        wall_ms: past.wall_ms,
        max_rss_kib: past.max_rss_kib,
    }
}

fn bytes(now: &Now) -> Vec<u8> {
    let mut bytes = Vec::new();
    now.write(&mut bytes);
    bytes
}
