//! Where a job stands, in words, as the scheduler answers it.

use super::*;

impl World {
    /// What an unfinished job does or waits for, in words; `None` of one that has ended.
    pub fn standing_of(&self, name: &str, limit: &dyn Fn(LimitId) -> String) -> Option<String> {
        let spec = self.script.jobs.iter().position(|job| job.name == name)?;
        let job = self.idx[spec];
        let name = |job: JobIdx| self.script.jobs[self.spec[job.index()]].name.as_str();
        let all = |jobs: Vec<JobIdx>| jobs.into_iter().map(name).collect::<Vec<_>>().join(" ");
        if job.index() >= self.sched.len() {
            return Some("is not known".into());
        }
        let attempt = self.sched.attempt(job);
        Some(match self.sched.why_waiting(job) {
            None if self.sched.state(job) == State::Running => format!("runs, try {attempt}"),
            None => return None,
            Some(Waiting::Upstream(_)) => {
                let mut upstream = Vec::new();
                let is_it = |other| other == job;
                self.sched.each_upstream(is_it, |_, job| upstream.push(job));
                format!("waits for {}", all(upstream))
            }
            Some(Waiting::Judgement) => "is judged".into(),
            Some(Waiting::For(_)) => {
                let lacks = self.sched.lacks(job).into_iter().map(|lack| {
                    let what = match lack.resource {
                        Resource::Limit(id) => limit(id),
                        other => format!("{other:?}").to_lowercase(),
                    };
                    let holders = self.sched.holders(lack.resource).map(|(job, _)| job);
                    let holders = all(holders.collect());
                    let (there, total) = (lack.there, self.sched.total(lack.resource));
                    format!(
                        "{} {what}, {there} of {total} free, {holders} has it",
                        lack.wanted
                    )
                });
                format!("waits for {}", lacks.collect::<Vec<_>>().join(" and "))
            }
            Some(Waiting::Until(at)) => format!("is tried again at {}", at.as_secs()),
            Some(Waiting::Stopping) => "will not start".into(),
            Some(Waiting::Nothing) => "starts".into(),
        })
    }
}
