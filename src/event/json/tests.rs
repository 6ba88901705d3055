//! The exact lines: programs read them, so a change here is a change of the contract.

use super::*;
use crate::event::JobRetry;

fn line(kind: EventKind) -> String {
    let time = "2026-11-26T08:15:30.123456789Z".parse().unwrap();
    let line = to_json(&Event { time, kind });
    let begin = r#"{"schema":1,"time":"2026-11-26T08:15:30.123456Z","event":"#;
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(parsed.is_object() && !line.contains('\n'), "{line}");
    line.strip_prefix(begin)
        .expect("every event begins alike")
        .into()
}

fn name(job: &str) -> JobName {
    JobName {
        job: job.into(),
        rule: "align".into(),
    }
}

fn finished(status: Status) -> JobFinished {
    JobFinished {
        name: name("a.bam"),
        status,
        attempt: 1,
        end: Some(End::Exited(0)),
        usage: Some(Usage {
            wall_s: 2.5,
            user_s: 4.0,
            sys_s: 0.25,
            max_rss_kib: 2048,
        }),
        failure: None,
        inputs: vec!["a.fq".into()],
        outputs: vec!["a.bam".into(), "a.bai".into()],
        tail: "".into(),
        output_bytes: 0,
        place: "main.flow:12".into(),
    }
}

#[test]
fn a_run_begins_and_ends() {
    let started = EventKind::RunStarted {
        workflow: "main.flow".into(),
        jobs: 12,
        fresh: 3,
        may_grow: true,
    };
    assert_eq!(
        line(started),
        r#""run_started","workflow":"main.flow","jobs":12,"fresh":3,"may_grow":true}"#
    );
    let grew = EventKind::RunGrew {
        jobs: 4,
        fresh: 1,
        may_grow: false,
    };
    assert_eq!(
        line(grew),
        r#""run_grew","jobs":4,"fresh":1,"may_grow":false}"#
    );
    let tally = Tally {
        ok: 9,
        failed: 1,
        skipped: 2,
        wall_s: 61.5,
        ..Tally::default()
    };
    assert_eq!(
        line(EventKind::RunFinished(tally)),
        concat!(
            r#""run_finished","ok":9,"failed":1,"killed":0,"timeout":0,"skipped":2,"#,
            r#""cancelled":0,"touched":0,"fresh":0,"retries":0,"then":0,"wall_s":61.5}"#
        )
    );
}

#[test]
fn a_job_starts_prints_and_is_tried_again() {
    let started = EventKind::JobStarted {
        name: name("a.bam"),
        attempt: 2,
        place: "main.flow:12".into(),
    };
    assert_eq!(
        line(started),
        r#""job_started","job":"a.bam","rule":"align","attempt":2,"place":"main.flow:12"}"#
    );
    let output = |bytes: &[u8]| EventKind::JobOutput {
        name: name("a.bam"),
        bytes: bytes.into(),
    };
    assert_eq!(
        line(output(b"one\n\x1b[1m\"two\"")),
        r#""job_output","job":"a.bam","rule":"align","text":"one\n\u001b[1m\"two\""}"#
    );
    assert_eq!(
        line(output(b"\xff\xfe")),
        r#""job_output","job":"a.bam","rule":"align","text":{"bytes":"//4="}}"#
    );
    let retry = EventKind::JobRetry(JobRetry {
        name: name("a.bam"),
        attempt: 1,
        end: Some(End::Signaled(9)),
        failure: Some(Failure::Process),
        usage: None,
    });
    assert_eq!(
        line(retry),
        r#""job_retry","job":"a.bam","rule":"align","attempt":1,"signal":9}"#
    );
}

#[test]
fn a_job_ends_well() {
    assert_eq!(
        line(EventKind::JobFinished(finished(Status::Ok))),
        concat!(
            r#""job_finished","job":"a.bam","rule":"align","status":"ok","attempt":1,"#,
            r#""exit_code":0,"wall_s":2.5,"user_s":4.0,"sys_s":0.25,"max_rss_kib":2048,"#,
            r#""inputs":["a.fq"],"outputs":["a.bam","a.bai"],"place":"main.flow:12","#,
            r#""output_bytes":0}"#
        )
    );
}

#[test]
fn a_job_fails_and_says_why() {
    let job = JobFinished {
        failure: Some(Failure::OutputsMissing(vec!["a.bai".into()])),
        usage: None,
        tail: "oh\n".into(),
        output_bytes: 3,
        inputs: vec![b"\xff.fq".into()],
        ..finished(Status::Failed)
    };
    assert_eq!(
        line(EventKind::JobFinished(job)),
        concat!(
            r#""job_finished","job":"a.bam","rule":"align","status":"failed","attempt":1,"#,
            r#""exit_code":0,"outputs_missing":["a.bai"],"inputs":[{"bytes":"/y5mcQ=="}],"#,
            r#""outputs":["a.bam","a.bai"],"place":"main.flow:12","output_bytes":3,"#,
            r#""tail":"oh\n"}"#
        )
    );
    let reasons = [
        (Some(End::NotStarted("no such program".into())), None),
        (None, Some(Failure::Engine("no such program".into()))),
        (
            Some(End::NotStarted("no such program".into())),
            Some(Failure::Engine("no such program".into())),
        ),
    ];
    for (end, failure) in reasons {
        let job = JobFinished {
            end,
            failure,
            ..finished(Status::Failed)
        };
        let line = line(EventKind::JobFinished(job));
        let said = line.matches(r#""error":"no such program""#).count();
        assert_eq!(said, 1, "{line}");
    }
}

#[test]
fn every_status_has_its_word() {
    let words = [
        (Status::Ok, "ok"),
        (Status::Failed, "failed"),
        (Status::Killed, "killed"),
        (Status::Timeout, "timeout"),
        (Status::Skipped, "skipped"),
        (Status::Cancelled, "cancelled"),
        (Status::Touched, "touched"),
    ];
    for (status, word) in words {
        let line = line(EventKind::JobFinished(finished(status)));
        assert!(line.contains(&format!(r#""status":"{word}""#)), "{line}");
    }
}

#[test]
fn a_warning_is_a_message() {
    let warning = EventKind::Warning {
        message: "a.fq changed".into(),
    };
    assert_eq!(line(warning), r#""warning","message":"a.fq changed"}"#);
}

#[test]
fn base64_is_as_the_rfc_has_it() {
    let vectors = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];
    for (plain, coded) in vectors {
        assert_eq!(base64(plain.as_bytes()), coded);
    }
    assert_eq!(base64(b"\xfb\xff\xbf"), "+/+/");
}

#[test]
fn a_path_is_a_string_where_it_can_be() {
    assert_eq!(path_json("ä b".as_bytes()).to_string(), r#""ä b""#);
    assert_eq!(path_json(b"\xff").to_string(), r#"{"bytes":"/w=="}"#);
}

#[test]
fn a_path_is_read_as_it_was_written() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Path(#[serde(with = "path_form")] bstr::BString);
    for path in ["", "a b", "\u{e9}", "{}"] {
        let text = serde_json::to_string(&Path(path.into())).unwrap();
        assert_eq!(serde_json::from_str::<Path>(&text).unwrap().0, path);
    }
    for len in 1..9u8 {
        let bytes: Vec<u8> = (0..len).map(|at| 255 - 40 * (at % 6)).collect();
        let text = serde_json::to_string(&Path(bytes.clone().into())).unwrap();
        assert!(text.starts_with(r#"{"bytes":"#), "{text}");
        assert_eq!(serde_json::from_str::<Path>(&text).unwrap().0, bytes);
    }
    for wrong in ["\"bytes\"", "A", "AA=A", "A===", "AAAAA", "AA*="] {
        let text = format!(r#"{{"bytes":"{wrong}"}}"#);
        assert!(serde_json::from_str::<Path>(&text).is_err(), "{text}");
    }
}
