//! What a job takes while it runs. Cores, memory, gpus and limits are all semaphores; a need is a
//! list of amounts, stored once however many jobs have it.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::dense::{Id, Table};

crate::define_id!(
    /// A named semaphore (`jobs_limit`), as [`Sched::limit`](super::Sched::limit) made it.
    LimitId
);
crate::define_id!(
    /// A distinct need, as [`Sched::need`](super::Sched::need) interned it.
    NeedId
);
crate::define_id!(
    /// Cores, memory and gpus first, then the limits in their order.
    SemaphoreId
);

const CORES: SemaphoreId = SemaphoreId(0);
const MEMORY: SemaphoreId = SemaphoreId(1);
const GPUS: SemaphoreId = SemaphoreId(2);
const FIRST_LIMIT: usize = 3;

/// All there is for jobs to take. What is `None` is not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals {
    /// At least one; 0 is taken as 1.
    pub cores: u32,
    pub mem_mib: Option<u64>,
    pub gpus: Option<u32>,
}

/// What one try of a job takes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Need {
    /// At least one; 0 is taken as 1.
    pub cores: u32,
    pub mem_mib: u64,
    pub gpus: u32,
    /// A permit for each time that one is named; their order means nothing.
    pub limits: Vec<LimitId>,
}

impl Default for Need {
    fn default() -> Self {
        Need {
            cores: 1,
            mem_mib: 0,
            gpus: 0,
            limits: Vec::new(),
        }
    }
}

/// Something that jobs take while they run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    Cores,
    /// In MiB.
    Memory,
    Gpus,
    Limit(LimitId),
}

/// More of a resource is wanted than there is: free for a job that waits, at all for a need that
/// was cut down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lack {
    pub resource: Resource,
    pub wanted: u64,
    pub there: u64,
}

#[derive(Clone, Copy, Debug)]
struct Semaphore {
    total: u64,
    free: u64,
}

impl Semaphore {
    fn new(total: u64) -> Self {
        Semaphore { total, free: total }
    }
}

#[derive(Clone, Debug)]
struct Interned {
    /// No amount is 0 or above the total, so that every need fits when nothing runs.
    takes: Box<[(SemaphoreId, u64)]>,
    cut: Vec<Lack>,
    is_reported: bool,
}

/// The semaphores, and the needs that take from them.
#[derive(Clone, Debug)]
pub(super) struct Needs {
    semaphores: Table<SemaphoreId, Semaphore>,
    interned: Table<NeedId, Interned>,
    known: HashMap<Need, NeedId, FxBuildHasher>,
    totals: Totals,
}

impl Needs {
    /// No amount of a semaphore, which is always there.
    pub const NOTHING: (SemaphoreId, u64) = (CORES, 0);

    pub fn new(totals: Totals) -> Self {
        let mut semaphores = Table::default();
        semaphores.push(Semaphore::new(u64::from(totals.cores.max(1))));
        semaphores.push(Semaphore::new(totals.mem_mib.unwrap_or(0)));
        semaphores.push(Semaphore::new(u64::from(totals.gpus.unwrap_or(0))));
        Needs {
            semaphores,
            interned: Table::default(),
            known: HashMap::default(),
            totals,
        }
    }

    pub fn limit(&mut self, permits: u32) -> LimitId {
        let id = self
            .semaphores
            .push(Semaphore::new(u64::from(permits.max(1))));
        LimitId::new(id.index() - FIRST_LIMIT)
    }

    /// The id of `need`. Of what it wants beyond the total it gets all there is, and with it all
    /// cores, so that it runs alone.
    pub fn intern(&mut self, mut need: Need) -> NeedId {
        need.cores = need.cores.max(1);
        need.limits.sort_unstable();
        if let Some(&id) = self.known.get(&need) {
            return id;
        }
        // Limits first: what is short of one is then not looked at again for each core given back.
        let mut wants: Vec<(SemaphoreId, u64)> = need
            .limits
            .chunk_by(|one, other| one == other)
            .map(|same| (of_limit(same[0]), same.len() as u64))
            .collect();
        if self.totals.gpus.is_some() {
            wants.push((GPUS, u64::from(need.gpus)));
        }
        if self.totals.mem_mib.is_some() {
            wants.push((MEMORY, need.mem_mib));
        }
        wants.push((CORES, u64::from(need.cores)));
        let cut: Vec<Lack> = wants
            .iter()
            .filter(|&&(semaphore, wanted)| wanted > self.semaphores[semaphore].total)
            .map(|&(semaphore, wanted)| Lack {
                resource: resource(semaphore),
                wanted,
                there: self.semaphores[semaphore].total,
            })
            .collect();
        for (semaphore, amount) in &mut wants {
            let total = self.semaphores[*semaphore].total;
            *amount = (*amount).min(total);
            if *semaphore == CORES && !cut.is_empty() {
                *amount = total;
            }
        }
        wants.retain(|&(_, amount)| amount > 0);
        let id = self.interned.push(Interned {
            takes: wants.into(),
            cut,
            is_reported: false,
        });
        self.known.insert(need, id);
        id
    }

    /// What was cut down to the total, by how much.
    pub fn cut(&self, need: NeedId) -> &[Lack] {
        &self.interned[need].cut
    }

    /// True once, for a need that was cut down.
    pub fn is_cut_news(&mut self, need: NeedId) -> bool {
        let interned = &mut self.interned[need];
        !interned.cut.is_empty() && !std::mem::replace(&mut interned.is_reported, true)
    }

    /// The first semaphore that has less free than `need` takes, and the amount it takes.
    pub fn short_of(&self, need: NeedId) -> Option<(SemaphoreId, u64)> {
        self.takes(need)
            .iter()
            .copied()
            .find(|&(semaphore, amount)| self.free(semaphore) < amount)
    }

    /// As [`Needs::short_of`], for people.
    pub fn lack(&self, need: NeedId) -> Option<Lack> {
        self.lacks(need).next()
    }

    /// Everything that `need` takes and that there is too little of.
    pub fn lacks(&self, need: NeedId) -> impl Iterator<Item = Lack> {
        let takes = self.takes(need).iter();
        let short = takes.filter(|&&(semaphore, amount)| self.free(semaphore) < amount);
        short.map(|&(semaphore, wanted)| Lack {
            resource: resource(semaphore),
            wanted,
            there: self.free(semaphore),
        })
    }

    /// How much of a resource `need` takes.
    pub fn amount(&self, need: NeedId, resource: Resource) -> u64 {
        let wanted = of_resource(resource);
        let mut takes = self.takes(need).iter();
        let found = takes.find(|(semaphore, _)| *semaphore == wanted);
        found.map_or(0, |(_, amount)| *amount)
    }

    pub fn takes(&self, need: NeedId) -> &[(SemaphoreId, u64)] {
        &self.interned[need].takes
    }

    pub fn take(&mut self, need: NeedId) {
        for &(semaphore, amount) in &self.interned[need].takes {
            let free = &mut self.semaphores[semaphore].free;
            *free = free.checked_sub(amount).expect("only what fits is started");
        }
    }

    pub fn give_back(&mut self, need: NeedId) {
        for &(semaphore, amount) in &self.interned[need].takes {
            let semaphore = &mut self.semaphores[semaphore];
            semaphore.free += amount;
            debug_assert!(semaphore.free <= semaphore.total, "given back twice");
        }
    }

    pub fn free(&self, semaphore: SemaphoreId) -> u64 {
        self.semaphores[semaphore].free
    }

    /// Every need takes a core, so without a free one nothing can start.
    pub fn has_free_core(&self) -> bool {
        self.free(CORES) > 0
    }

    pub fn total(&self, resource: Resource) -> u64 {
        self.semaphores[of_resource(resource)].total
    }

    pub fn in_use(&self, resource: Resource) -> u64 {
        let semaphore = &self.semaphores[of_resource(resource)];
        semaphore.total - semaphore.free
    }
}

fn of_limit(limit: LimitId) -> SemaphoreId {
    SemaphoreId::new(limit.index() + FIRST_LIMIT)
}

fn of_resource(resource: Resource) -> SemaphoreId {
    match resource {
        Resource::Cores => CORES,
        Resource::Memory => MEMORY,
        Resource::Gpus => GPUS,
        Resource::Limit(limit) => of_limit(limit),
    }
}

fn resource(semaphore: SemaphoreId) -> Resource {
    match semaphore {
        CORES => Resource::Cores,
        MEMORY => Resource::Memory,
        GPUS => Resource::Gpus,
        limit => Resource::Limit(LimitId::new(limit.index() - FIRST_LIMIT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs() -> Needs {
        Needs::new(Totals {
            cores: 4,
            mem_mib: Some(100),
            gpus: None,
        })
    }

    #[test]
    fn needs_that_mean_the_same_are_one() {
        let mut needs = needs();
        let (a, b) = (needs.limit(1), needs.limit(2));
        let one = Need {
            limits: vec![b, a, b],
            ..Need::default()
        };
        let other = Need {
            limits: vec![a, b, b],
            cores: 0,
            ..Need::default()
        };
        let need = needs.intern(one);
        assert_eq!(need, needs.intern(other));
        assert_eq!(
            needs.takes(need),
            [(of_limit(a), 1), (of_limit(b), 2), (CORES, 1)]
        );
        assert_ne!(needs.intern(Need::default()), NeedId(0));
    }

    #[test]
    fn more_than_there_is_becomes_all_there_is_and_all_cores() {
        let mut needs = needs();
        let big = needs.intern(Need {
            mem_mib: 500,
            gpus: 9,
            ..Need::default()
        });
        assert_eq!(needs.takes(big), [(MEMORY, 100), (CORES, 4)]);
        let lack = Lack {
            resource: Resource::Memory,
            wanted: 500,
            there: 100,
        };
        assert_eq!(needs.cut(big), [lack]);
        assert_eq!(
            (needs.is_cut_news(big), needs.is_cut_news(big)),
            (true, false)
        );
    }

    #[test]
    fn what_is_taken_is_lacking_until_it_is_given_back() {
        let mut needs = needs();
        let limit = needs.limit(1);
        let need = needs.intern(Need {
            limits: vec![limit],
            ..Need::default()
        });
        needs.take(need);
        let lack = needs.lack(need).unwrap();
        assert_eq!((lack.resource, lack.there), (Resource::Limit(limit), 0));
        needs.give_back(need);
        assert_eq!(needs.lack(need), None);
    }
}
