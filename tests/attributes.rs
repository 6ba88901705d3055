//! What stands in `[ ]` above a rule does what it says.

mod common;

#[path = "attributes/active_if.rs"]
mod active_if;
#[path = "attributes/always_and_optional.rs"]
mod always_and_optional;
#[path = "attributes/amounts.rs"]
mod amounts;
#[path = "attributes/ancient.rs"]
mod ancient;
#[path = "attributes/check.rs"]
mod check;
#[path = "attributes/cluster.rs"]
mod cluster;
#[path = "attributes/deps.rs"]
mod deps;
#[path = "attributes/late.rs"]
mod late;
#[path = "attributes/limits.rs"]
mod limits;
#[path = "attributes/order.rs"]
mod order;
#[path = "attributes/protected.rs"]
mod protected;
#[path = "attributes/retries.rs"]
mod retries;
#[path = "attributes/signals.rs"]
mod signals;
#[path = "attributes/surroundings.rs"]
mod surroundings;
#[path = "attributes/temp.rs"]
mod temp;
#[path = "attributes/then.rs"]
mod then;
#[path = "attributes/time.rs"]
mod time;
#[path = "attributes/update.rs"]
mod update;

use common::{Ended, Project};

/// Runs `flow run` and gives what the events say of each job's end: `status attempt`.
fn ends(project: &Project, args: &[&str]) -> (Ended, Vec<String>) {
    let args: Vec<&str> = ["run", "--events", "events"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let ended = project.flow(&args);
    let events = project.read("events");
    let ends = events.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| event[name].to_string().replace('"', "");
        (event["event"] == "job_finished")
            .then(|| format!("{} {} {}", text("job"), text("status"), text("attempt")))
    });
    (ended, ends.collect())
}
