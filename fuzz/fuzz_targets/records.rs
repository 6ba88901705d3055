//! Any bytes are read as history or refused, damage costs the records that it hits, and what is told of
//! a job comes out as one line of JSON that says it.
//!
//! The input's lines are the contents of records; its first two bytes say what is damaged.
#![no_main]

use bstr::{BString, ByteSlice};
use flow::event::json::to_json;
use flow::event::{End, Event, EventKind, Failure, JobFinished, JobName, Status, Usage};
use flow::history::past::{Now, Past};
use flow::history::{Run, log};
use flow_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

const SALT: u64 = 0x0123_4567_89ab_cdef;

fn check_log(data: &[u8]) {
    let payloads: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let mut bytes = log::head(SALT);
    payloads
        .iter()
        .for_each(|payload| log::put(&mut bytes, SALT, payload));
    let whole = log::parse(bytes.clone()).expect("it was just written");
    assert!(whole.is_whole() && whole.payloads().eq(payloads.iter().copied()));
    // One byte changed costs one record at most; a cut, those from it on.
    let at = usize::from(u16::from_le_bytes([data[0], data[1]])) % bytes.len();
    let mut changed = bytes.clone();
    changed[at] ^= data[2] | 1;
    if let Ok(found) = bounded("log", changed.len(), || log::parse(changed.clone())) {
        let kept: Vec<&[u8]> = found.payloads().collect();
        assert!(at < log::HEAD || kept.len() + 1 == payloads.len(), "{at}");
        assert!(kept.iter().all(|one| payloads.contains(one)));
    }
    if let Ok(found) = log::parse(bytes[..at].to_vec()) {
        assert!(
            found
                .payloads()
                .zip(&payloads)
                .all(|(one, other)| one == *other)
        );
    }
}

fn check_past(data: &[u8]) {
    let Some(past) = bounded("past", data.len(), || Past::read(data)) else {
        return;
    };
    let now = Now {
        recipe: past.recipe,
        params: past.params,
        captures: past.captures().collect(),
        inputs: past.inputs().collect(),
        outputs: past.outputs().collect(),
        found: past.found().collect(),
        ended_ms: past.ended_ms,
        wall_ms: past.wall_ms,
        max_rss_kib: past.max_rss_kib,
    };
    let mut bytes = Vec::new();
    now.write(&mut bytes);
    let again = Past::read(&bytes).expect("it was just written");
    assert!(again.inputs().eq(past.inputs()) && again.outputs().eq(past.outputs()));
    assert!(again.captures().eq(past.captures()) && again.found().eq(past.found()));
    let numbers = |one: &Past| {
        (
            one.recipe,
            one.params,
            one.ended_ms,
            one.wall_ms,
            one.max_rss_kib,
        )
    };
    assert_eq!(numbers(&again), numbers(&past));
}

fn check_run(data: &[u8]) {
    let Some(run) = bounded("run", data.len(), || Run::read(data)) else {
        return;
    };
    let mut bytes = Vec::new();
    run.write(&mut bytes);
    assert_eq!(Run::read(&bytes), Some(run));
}

fn check_event(data: &[u8]) {
    let mut lines = data.splitn(4, |&byte| byte == b'\n').map(BString::from);
    let mut next = || lines.next().unwrap_or_default();
    let (job, path, tail, rule) = (next(), next(), next(), next());
    let kind = EventKind::JobFinished(JobFinished {
        name: JobName {
            job: job.clone(),
            rule: rule.to_string(),
        },
        status: Status::Failed,
        attempt: 1,
        end: Some(End::NotStarted(tail.to_string())),
        usage: Some(Usage::default()),
        failure: Some(Failure::OutputsMissing(vec![path.clone()])),
        inputs: vec![job.clone(), path.clone()],
        outputs: vec![path.clone()],
        tail: tail.clone(),
        output_bytes: 7,
        place: rule.to_string(),
    });
    let event = Event {
        time: "2026-01-02T03:04:05Z".parse().expect("a time"),
        kind,
    };
    let line = bounded("event", data.len(), || to_json(&event));
    assert!(!line.contains('\n'));
    let read: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
    let is = |value: &serde_json::Value, bytes: &BString| match bytes.to_str() {
        Ok(text) => value.as_str() == Some(text),
        Err(_) => value["bytes"].is_string(),
    };
    assert!(
        is(&read["job"], &job) && is(&read["outputs"][0], &path),
        "{line}"
    );
    assert!(tail.is_empty() || is(&read["tail"], &tail), "{line}");
}

fuzz_target!(|data: &[u8]| {
    let _ = bounded("log", data.len(), || log::parse(data.to_vec()));
    check_past(data);
    check_run(data);
    check_event(data);
    if data.len() > 2 {
        check_log(data);
    }
});
