//! Ready jobs: one heap per distinct need and priority.
//!
//! The heads stand in order, each with the semaphore that it was last found short of. A step goes
//! down the heads to the first that fits, and passes those whose semaphore is still short with one
//! comparison. It does not look at all unless something was given back or became ready.

use std::collections::{BTreeMap, BinaryHeap};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::JobIdx;
use super::need::{NeedId, Needs, SemaphoreId};
use crate::dense::Table;

crate::define_id!(
    /// A heap of ready jobs.
    QueueId
);

/// Where a job stands among ready jobs of one priority: the largest goes first.
///
/// From the top: 32 bits of remaining path, 64 of order, 32 of the job itself, so that no two are
/// equal. In a shuffled run the upper 96 are random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Rank(u128);

impl Rank {
    /// `path` must not be negative: only then are a float's bits in its order.
    pub fn new(path: f32, order: u64, job: JobIdx) -> Self {
        debug_assert!(path >= 0.0);
        Rank(u128::from(path.to_bits()) << 96 | u128::from(!order) << 32 | u128::from(!job.0))
    }

    /// The rank of `job` in a run shuffled by `seed`.
    pub fn shuffled(seed: u64, job: JobIdx) -> Self {
        Rank(u128::from(mix(seed ^ mix(u64::from(job.0)))) << 32 | u128::from(!job.0))
    }

    fn job(self) -> JobIdx {
        JobIdx(!(self.0 as u32))
    }
}

/// The finaliser of splitmix64: every bit of the result hangs on every bit of `x`.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[derive(Clone, Debug)]
struct Queue {
    need: NeedId,
    priority: i32,
    ready: BinaryHeap<Rank>,
}

/// What stands behind a head.
#[derive(Clone, Copy, Debug)]
struct Behind {
    queue: QueueId,
    need: NeedId,
    /// While less than this is free, it does not fit.
    short_of: (SemaphoreId, u64),
}

/// Every ready job, and what could start next.
#[derive(Clone, Debug, Default)]
pub(super) struct Queues {
    queues: Table<QueueId, Queue>,
    known: HashMap<(NeedId, i32), QueueId, FxBuildHasher>,
    /// By priority and head: the last is the best.
    heads: BTreeMap<(i32, Rank), Behind>,
    /// A head may fit. False once all were looked at and none did.
    is_open: bool,
}

impl Queues {
    pub fn of(&mut self, need: NeedId, priority: i32) -> QueueId {
        *self.known.entry((need, priority)).or_insert_with(|| {
            self.queues.push(Queue {
                need,
                priority,
                ready: BinaryHeap::new(),
            })
        })
    }

    pub fn push(&mut self, queue: QueueId, rank: Rank) {
        let Queue {
            priority, ready, ..
        } = &mut self.queues[queue];
        let old_head = ready.peek().copied();
        ready.push(rank);
        if old_head.is_some_and(|head| head > rank) {
            return;
        }
        if let Some(head) = old_head {
            self.heads.remove(&(*priority, head));
        }
        self.add_head(queue);
        self.is_open = true;
    }

    fn add_head(&mut self, id: QueueId) {
        let queue = &self.queues[id];
        if let Some(&head) = queue.ready.peek() {
            let behind = Behind {
                queue: id,
                need: queue.need,
                short_of: Needs::NOTHING,
            };
            self.heads.insert((queue.priority, head), behind);
        }
    }

    /// Takes out the best job that fits, and takes what it needs.
    pub fn start_next(&mut self, needs: &mut Needs) -> Option<JobIdx> {
        if !self.is_open || !needs.has_free_core() {
            return None;
        }
        let mut heads = self.heads.iter_mut().rev();
        let best = heads.find_map(|(&key, behind)| {
            let (semaphore, amount) = behind.short_of;
            if needs.free(semaphore) < amount {
                return None;
            }
            match needs.short_of(behind.need) {
                Some(short_of) => {
                    behind.short_of = short_of;
                    None
                }
                None => Some((key, *behind)),
            }
        });
        let Some((key, behind)) = best else {
            self.is_open = false;
            return None;
        };
        needs.take(behind.need);
        self.heads.remove(&key);
        let popped = self.queues[behind.queue].ready.pop();
        debug_assert_eq!(popped, Some(key.1), "each head stands among the heads");
        self.add_head(behind.queue);
        Some(key.1.job())
    }

    /// Something was given back.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// Forgets every ready job.
    pub fn clear(&mut self) {
        self.heads.clear();
        for queue in self.queues.values_mut() {
            queue.ready = BinaryHeap::new();
        }
    }

    /// The needs of ready jobs, with how many jobs wait there.
    pub fn ready(&self) -> impl Iterator<Item = (NeedId, usize)> {
        self.queues
            .values()
            .iter()
            .filter(|queue| !queue.ready.is_empty())
            .map(|queue| (queue.need, queue.ready.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_order_by_path_then_order_then_job() {
        let rank = |path, order, job| Rank::new(path, order, JobIdx(job));
        let mut ranks = [
            rank(1.0, 2, 0),
            rank(0.0, 0, 1),
            rank(1.0, 1, 2),
            rank(1e9, u64::MAX, 3),
        ];
        ranks.sort_by(|a, b| b.cmp(a));
        assert_eq!(ranks.map(|rank| rank.job().0), [3, 2, 0, 1]);
    }

    #[test]
    fn a_shuffle_hangs_on_its_seed() {
        let order = |seed| {
            let mut jobs: Vec<u32> = (0..100).collect();
            jobs.sort_by_key(|&job| Rank::shuffled(seed, JobIdx(job)));
            jobs
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
