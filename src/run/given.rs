//! What one try of a job is given beside its files: amounts, gpus, a folder of its own.

use std::collections::BTreeSet;

use bstr::{BStr, BString};

use super::Options;
use crate::workflow::Needs;

/// What a try is told of what it may take, and where it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// The folder that it may call its own.
    pub tmp: BString,
    /// The workflow's folder, from the root.
    pub folder: BString,
    pub cores: u32,
    /// In MiB; `None` where the rule says nothing.
    pub mem_mib: Option<u64>,
    pub gpus: u32,
    /// The gpus that it may use, where the rule asks for some.
    pub gpu_names: Option<Vec<BString>>,
}

impl Given {
    /// What the rule asks for, as if there were enough of everything.
    pub fn asked(needs: &Needs, attempt: u32, tmp: &BStr, folder: &BStr) -> Given {
        Given {
            tmp: tmp.into(),
            folder: folder.into(),
            cores: needs.cores_of(attempt),
            mem_mib: needs.mem_mib.of(attempt),
            gpus: needs.gpus.of(attempt).unwrap_or(0),
            gpu_names: None,
        }
    }

    /// What there is of what the rule asks for.
    pub(super) fn cut(mut self, options: &Options) -> Given {
        let cluster = options.cluster.as_ref();
        let cores = cluster.map_or(options.jobs, |cluster| cluster.local_cores);
        self.cores = self.cores.min(cores.max(1));
        if let (Some(mem), Some(total)) = (&mut self.mem_mib, options.mem_mib) {
            *mem = (*mem).min(total);
        }
        self.gpus = self.gpus.min(options.gpus.len() as u32);
        self
    }
}

/// The gpus that no job has.
#[derive(Debug)]
pub(super) struct Gpus {
    names: Vec<BString>,
    free: BTreeSet<usize>,
}

impl Gpus {
    pub fn new(names: &[BString]) -> Gpus {
        Gpus {
            names: names.to_vec(),
            free: (0..names.len()).collect(),
        }
    }

    /// The first `count` that are free. The scheduler sees to it that there are so many.
    pub fn free(&self, count: u32) -> Vec<usize> {
        self.free.iter().copied().take(count as usize).collect()
    }

    pub fn take(&mut self, gpus: &[usize]) {
        for gpu in gpus {
            self.free.remove(gpu);
        }
    }

    pub fn give_back(&mut self, taken: &[usize]) {
        self.free.extend(taken);
    }

    pub fn names(&self, taken: &[usize]) -> Vec<BString> {
        taken.iter().map(|&gpu| self.names[gpu].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_has_one_job_at_a_time() {
        let mut gpus = Gpus::new(&["0", "3"].map(BString::from));
        let mut start = || {
            let taken = gpus.free(1);
            gpus.take(&taken);
            taken
        };
        let (first, second) = (start(), start());
        assert_eq!(gpus.names(&first), ["0"]);
        assert_eq!(gpus.names(&second), ["3"]);
        gpus.give_back(&first);
        assert_eq!(gpus.free(1), first);
    }
}
