//! Events and paths as JSON, one object per line, `"schema":1`. The only place that knows the form.
//!
//! Names and fields are promised to programs that read them: they may grow, never change.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{End, Event, EventKind, Failure, JobFinished, JobName, Status, Tally, Usage};

/// Bytes as JSON: a string where they are UTF-8, else `{"bytes":"base64…"}`.
struct Text<'a>(&'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("bytes", &base64(self.0))?;
                map.end()
            }
        }
    }
}

/// Standard base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit > group.len() {
                text.push('=');
            } else {
                let index = bits >> (18 - 6 * digit) & 63;
                text.push(DIGITS[index as usize] as char);
            }
        }
    }
    text
}

/// A path as JSON has it: a string, or `{"bytes":"base64…"}` where it is not UTF-8.
pub fn path_json(path: &[u8]) -> serde_json::Value {
    serde_json::to_value(Text(path)).expect("strings always have a JSON form")
}

/// Bytes from standard base64 with padding; `None` for what is none.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let n_digits = group.iter().take_while(|digit| **digit != b'=').count();
        let is_padded = group[n_digits..].iter().all(|digit| *digit == b'=');
        if group.len() != 4 || n_digits < 2 || !is_padded {
            return None;
        }
        let mut bits = 0;
        for digit in &group[..n_digits] {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - n_digits);
        bytes.extend_from_slice(&bits.to_be_bytes()[1..n_digits]);
    }
    Some(bytes)
}

/// The form of a path for serde's `with`.
pub mod path_form {
    use bstr::BString;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::{Serialize, Serializer};

    /// As it is read.
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes { bytes: String },
    }

    pub fn serialize<S: Serializer>(path: &BString, serializer: S) -> Result<S::Ok, S::Error> {
        super::Text(path).serialize(serializer)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<BString, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(text.into()),
            Form::Bytes { bytes } => {
                let bytes = super::from_base64(&bytes);
                bytes
                    .map(BString::from)
                    .ok_or_else(|| D::Error::custom("no base64"))
            }
        }
    }
}

/// One JSON object on one line, its fields in the order in which they are put.
struct Line(String);

impl Line {
    fn new(event: &Event, name: &str) -> Line {
        let mut line = Line(String::with_capacity(256));
        line.0.push('{');
        line.put("schema", &1);
        line.put("time", &format!("{:.6}", event.time));
        line.put("event", name);
        line
    }

    fn put<T: Serialize + ?Sized>(&mut self, field: &str, value: &T) {
        let separator = if self.0.len() > 1 { "," } else { "" };
        let value = serde_json::to_string(value).expect("plain values always have a JSON form");
        self.0 += &format!("{separator}\"{field}\":{value}");
    }

    fn put_name(&mut self, name: &JobName) {
        self.put("job", &Text(&name.job));
        self.put("rule", &name.rule);
    }

    fn put_paths(&mut self, field: &str, paths: &[bstr::BString]) {
        let paths: Vec<Text> = paths.iter().map(|path| Text(path)).collect();
        self.put(field, &paths);
    }

    /// `exit_code` or `signal`, what is missing, and why it failed where neither says so.
    fn put_end(&mut self, end: Option<&End>, failure: Option<&Failure>) {
        match end {
            Some(End::Exited(code)) => self.put("exit_code", code),
            Some(End::Signaled(signal)) => self.put("signal", signal),
            Some(End::NotStarted(why)) => self.put("error", why),
            None => {}
        }
        match failure {
            Some(Failure::OutputsMissing(paths)) => self.put_paths("outputs_missing", paths),
            // `error` stands once: that nothing could be started is then the whole reason.
            Some(Failure::Engine(why)) if !matches!(end, Some(End::NotStarted(_))) => {
                self.put("error", why);
            }
            _ => {}
        }
    }

    fn put_usage(&mut self, usage: Option<&Usage>) {
        if let Some(usage) = usage {
            self.put("wall_s", &usage.wall_s);
            self.put("user_s", &usage.user_s);
            self.put("sys_s", &usage.sys_s);
            self.put("max_rss_kib", &usage.max_rss_kib);
        }
    }

    fn put_finished(&mut self, job: &JobFinished) {
        self.put_name(&job.name);
        self.put("status", status(job.status));
        self.put("attempt", &job.attempt);
        self.put_end(job.end.as_ref(), job.failure.as_ref());
        self.put_usage(job.usage.as_ref());
        self.put_paths("inputs", &job.inputs);
        self.put_paths("outputs", &job.outputs);
        self.put("place", &job.place);
        self.put("output_bytes", &job.output_bytes);
        if !job.tail.is_empty() {
            self.put("tail", &Text(&job.tail));
        }
    }

    fn put_tally(&mut self, tally: &Tally) {
        for (field, count) in [
            ("ok", tally.ok),
            ("failed", tally.failed),
            ("killed", tally.killed),
            ("timeout", tally.timeout),
            ("skipped", tally.skipped),
            ("cancelled", tally.cancelled),
            ("touched", tally.touched),
            ("fresh", tally.fresh),
            ("retries", tally.retries),
            ("then", tally.thens),
        ] {
            self.put(field, &count);
        }
        self.put("wall_s", &tally.wall_s);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// The word that stands for a status, here and wherever a program reads it.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Failed => "failed",
        Status::Killed => "killed",
        Status::Timeout => "timeout",
        Status::Skipped => "skipped",
        Status::Cancelled => "cancelled",
        Status::Touched => "touched",
    }
}

/// One event as one line of JSON, without the newline.
pub fn to_json(event: &Event) -> String {
    let mut line = Line::new(
        event,
        match event.kind {
            EventKind::RunStarted { .. } => "run_started",
            EventKind::RunGrew { .. } => "run_grew",
            EventKind::JobStarted { .. } => "job_started",
            EventKind::JobOutput { .. } => "job_output",
            EventKind::JobRetry(_) => "job_retry",
            EventKind::JobFinished(_) => "job_finished",
            EventKind::JobFresh(_) => "job_fresh",
            EventKind::TempDeleted { .. } => "temp_deleted",
            EventKind::Warning { .. } => "warning",
            EventKind::RunFinished(_) => "run_finished",
        },
    );
    match &event.kind {
        EventKind::RunStarted {
            workflow,
            jobs,
            fresh,
            may_grow,
        } => {
            line.put("workflow", workflow);
            line.put("jobs", jobs);
            line.put("fresh", fresh);
            line.put("may_grow", may_grow);
        }
        EventKind::RunGrew {
            jobs,
            fresh,
            may_grow,
        } => {
            line.put("jobs", jobs);
            line.put("fresh", fresh);
            line.put("may_grow", may_grow);
        }
        EventKind::JobStarted {
            name,
            attempt,
            place,
        } => {
            line.put_name(name);
            line.put("attempt", attempt);
            line.put("place", place);
        }
        EventKind::JobFresh(name) => line.put_name(name),
        EventKind::TempDeleted { name, outputs } => {
            line.put_name(name);
            line.put_paths("outputs", outputs);
        }
        EventKind::JobOutput { name, bytes } => {
            line.put_name(name);
            line.put("text", &Text(bytes));
        }
        EventKind::JobRetry(retry) => {
            line.put_name(&retry.name);
            line.put("attempt", &retry.attempt);
            line.put_end(retry.end.as_ref(), retry.failure.as_ref());
            line.put_usage(retry.usage.as_ref());
        }
        EventKind::JobFinished(job) => line.put_finished(job),
        EventKind::Warning { message } => line.put("message", message),
        EventKind::RunFinished(tally) => line.put_tally(tally),
    }
    line.end()
}

#[cfg(test)]
mod tests;
