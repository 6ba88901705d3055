//! Passing on what tasks write, as fast as the engine takes it.

use std::time::Instant;

use crate::exec::TaskId;
use crate::exec::supervisor::job::Phase;
use crate::exec::supervisor::output::{CHUNK, Got, LONGEST_PAUSE, Output};
use crate::exec::supervisor::serve::{PIPES, Supervisor};

impl Supervisor {
    /// Reads what a task has written, as far as there is room for it.
    pub fn read_output(&mut self, task: TaskId) {
        let Some(job) = self.jobs.get_mut(&task) else {
            return;
        };
        let Some(output) = &mut job.output else {
            return;
        };
        // A bound, so that one task that writes much does not keep the others waiting.
        for _ in 0..4 {
            if !output.share.is_over() && !self.outbox.has_room() {
                self.stalled.push(task);
                return;
            }
            match output.read(&mut self.scratch) {
                Got::Bytes(len) => {
                    let head = output.share.take(&self.scratch[..len]);
                    self.outbox.put_output(task, head);
                    let now = Instant::now();
                    let pause = output.pause(len, now);
                    if !pause.is_zero() {
                        job.read_at = Some(now + pause);
                        self.set_timer(task);
                        return;
                    }
                }
                Got::Nothing => break,
                Got::End => {
                    output.close(&self.epoll);
                    return;
                }
            }
        }
        if output
            .watch(&self.epoll, PIPES + u64::from(task.0))
            .is_err()
        {
            // There may be a limit to what is watched: then it is read now and then.
            job.read_at = Some(Instant::now() + LONGEST_PAUSE);
            self.set_timer(task);
        }
    }

    /// All processes of a task have ended: passes on what is left in the pipe, then says so.
    pub fn drain(&mut self, task: TaskId) {
        let Some(job) = self.jobs.get_mut(&task) else {
            return;
        };
        if job.phase != Phase::Draining {
            job.phase = Phase::Draining;
            (job.read_at, job.look_at) = (None, None);
            // Not to the end of the pipe: somebody whom nobody could end may go on writing.
            job.n_undrained = job.output.as_ref().map_or(0, Output::n_waiting);
        }
        while let Some(output) = &mut job.output
            && job.n_undrained > 0
        {
            if !output.share.is_over() && !self.outbox.has_room() {
                self.stalled.push(task);
                return;
            }
            let most = job.n_undrained.min(CHUNK as u64) as usize;
            let Got::Bytes(len) = output.read(&mut self.scratch[..most]) else {
                break;
            };
            job.n_undrained -= len as u64;
            let head = output.share.take(&self.scratch[..len]);
            self.outbox.put_output(task, head);
        }
        (job.read_at, job.look_at) = (None, None);
        self.set_timer(task);
        let Some(mut job) = self.jobs.remove(&task) else {
            return;
        };
        if let Some(mut output) = job.output.take() {
            output.close(&self.epoll);
            self.outbox.put_output(task, &output.share.finish());
        }
        if let Some((end, usage)) = job.end {
            self.tell_end(task, end, usage, (job.leftovers, job.writing));
        }
    }

    /// Goes on with output for which there is room now.
    pub fn go_on_with_stalled(&mut self) {
        if !self.outbox.has_room() {
            return;
        }
        for task in std::mem::take(&mut self.stalled) {
            match self.jobs.get(&task) {
                Some(job) if job.phase == Phase::Draining => self.drain(task),
                _ => self.read_output(task),
            }
        }
    }
}
