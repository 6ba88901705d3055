//! Whatever stands in the state folder beside the history is read or left out, what is read and written
//! anew is the same, and no number in it makes what a job took anything but seconds.
//!
//! The first byte says which file the rest is.
#![no_main]

use bstr::ByteSlice;
use flow::event::Usage;
use flow::exec::drmaa::journal::Left;
use flow::exec::drmaa::pack;
use flow::exec::drmaa::record::Record;
use flow::exec::{Report, Trail, wire};
use flow::history::extent::Extent;
use flow::history::{Holder, notes, output};
use flow::run::note::Note;
use flow_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fn check_usage(usage: &Usage) {
    let seconds = [usage.wall_s, usage.user_s, usage.sys_s];
    assert!(
        seconds.iter().all(|s| s.is_finite() && *s >= 0.0),
        "{usage:?}"
    );
}

/// The jobs that were sent to a cluster.
fn check_journal(data: &[u8]) {
    let left = bounded("journal", data.len(), || Left::parse(data));
    assert_eq!(Left::parse(&left.text()), left);
    // A line that is not whole says nothing.
    let lines = data.rfind_byte(b'\n').map_or(0, |at| at + 1);
    let whole = &data[..lines];
    let torn = [whole, b"{\"gone\":\""].concat();
    assert_eq!(Left::parse(&torn), Left::parse(whole));
}

/// What a job on a cluster says when it ends.
fn check_end(text: &str) {
    if let Some(record) = bounded("end", text.len(), || Record::parse(text)) {
        check_usage(&record.usage);
        let cut = &text[..text.trim_end().len() - 1];
        assert_eq!(Record::parse(cut), None, "{text:?}");
    }
}

/// What the jobs of a pack have reported.
fn check_reports(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((report, taken))) = bounded("report", rest.len(), || wire::read_report(rest))
    {
        if let Report::Ended { usage, .. } = &report {
            check_usage(usage);
        }
        let mut bytes = Vec::new();
        wire::put_report(&mut bytes, &report);
        let again = wire::read_report(&bytes);
        assert_eq!(again, Ok(Some((report, bytes.len()))));
        rest = &rest[taken..];
    }
}

/// The tasks of a pack.
fn check_pack(data: &[u8]) {
    let mut rest = data;
    while let Some((_, order, after)) = bounded("pack", rest.len(), || pack::take(rest)) {
        let (head, _) = wire::order_lengths(*order.first_chunk().expect("it was there"));
        let head = &order[wire::ORDER_PREFIX..wire::ORDER_PREFIX + head];
        let _ = bounded("order", head.len(), || {
            wire::read_order(order[0], head.to_vec())
        });
        rest = after;
    }
}

/// What jobs have printed.
fn check_output(data: &[u8]) {
    let record = bounded("output", data.len(), || output::read_record(&mut { data }));
    if let Some(record) = record {
        let output::Record {
            kind,
            attempt,
            key,
            text,
        } = &record;
        let mut bytes = Vec::new();
        output::Record::put(&mut bytes, *kind, key, *attempt, text);
        let mut rest = &bytes[..];
        assert_eq!(output::read_record(&mut rest), Some(record.clone()));
        assert!(rest.is_empty());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    match kind {
        b'j' => check_journal(rest),
        b'r' => check_reports(rest),
        b'p' => check_pack(rest),
        b'o' => check_output(rest),
        b'h' => {
            bounded("holder", rest.len(), || Holder::parse(rest));
        }
        b'a' => {
            if let Some(note) = bounded("note", rest.len(), || Note::parse(rest)) {
                assert_eq!(note.to_bytes(), rest);
            }
        }
        b'm' => {
            if let Some(trail) = bounded("mark", rest.len(), || Trail::parse(rest)) {
                assert_eq!(Trail::parse(&trail.to_bytes()), Some(trail));
            }
        }
        b'n' => {
            if let Some((_, key, value)) = notes::unpack(rest) {
                assert!(rest.ends_with(&[key, value].concat()));
            }
        }
        _ => {
            let Ok(text) = rest.to_str() else { return };
            match kind {
                b'e' => check_end(text),
                b'l' => drop(Extent::parse(text)),
                _ => {}
            }
        }
    }
});
