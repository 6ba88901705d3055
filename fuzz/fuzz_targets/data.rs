//! Any sample sheet, file of params, flow.toml or depfile is read or refused at a place in it, and a sheet
//! that is written anew is the same sheet.
//!
//! The first byte says which kind of file the rest is.
#![no_main]

use std::path::Path;

use bstr::ByteSlice;
use flow::cli::cluster::Site;
use flow::cli::params;
use flow::exec::drmaa::Request;
use flow::lang::{FileId, Sources};
use flow::stale::depfile;
use flow::workflow::sheet::rows;
use flow_fuzz::{bounded, check_places};
use libfuzzer_sys::fuzz_target;

fn check_sheet(text: &str, separator: char) {
    let read = |text: &str| rows(FileId(0), text, separator);
    let rows = match bounded("rows", text.len(), || read(text)) {
        Ok(rows) => rows,
        Err(diag) => return check_places(text, &[*diag]),
    };
    let mut last = 0;
    for field in rows.iter().flatten() {
        let place = field.span.start as usize..field.span.end as usize;
        assert!(place.start >= last, "{text:?}");
        let written = text.get(place.clone()).expect("a field lies in the text");
        assert!(
            written.starts_with('"') || written == field.value,
            "{text:?}"
        );
        last = place.end;
    }
    let quoted = |row: &Vec<flow::workflow::sheet::Field>| {
        let fields = row
            .iter()
            .map(|field| format!("\"{}\"", field.value.replace('"', "\"\"")));
        fields.collect::<Vec<_>>().join(&separator.to_string()) + "\n"
    };
    let new: String = rows.iter().map(quoted).collect();
    let values = |rows: Vec<Vec<flow::workflow::sheet::Field>>| -> Vec<Vec<String>> {
        let row = |row: Vec<_>| {
            row.into_iter()
                .map(|field: flow::workflow::sheet::Field| field.value)
        };
        rows.into_iter().map(|one| row(one).collect()).collect()
    };
    let again = read(&new).unwrap_or_else(|diag| panic!("{new:?}: {diag:?}"));
    assert_eq!(values(again), values(rows), "{text:?}");
}

fn check_params(name: &str, text: &str) {
    let (found, diags) = bounded(name, text.len(), || {
        let (mut sources, mut diags) = (Sources::default(), Vec::new());
        let found = params::parse(Path::new(name), text, &mut sources, &mut diags);
        (found, diags)
    });
    check_places(text, &diags);
    for one in &found {
        let span = one.span.expect("it was read");
        assert!(
            text.get(span.start as usize..span.end as usize).is_some(),
            "{text:?}"
        );
    }
}

fn check_site(text: &str) {
    let site = match bounded("flow.toml", text.len(), || Site::parse(text)) {
        Ok(site) => site,
        Err(error) => {
            let place = error.span().unwrap_or_default();
            assert!(text.get(place).is_some(), "{text:?}: {error}");
            return;
        }
    };
    let request = Request {
        cores: u32::MAX,
        mem_mib: Some(u64::MAX),
        gpus: 1,
        time_s: Some(u64::MAX),
        queue: Some("{queue}".into()),
        native: Some("{cores}".into()),
    };
    let said = bounded("options", text.len(), || site.dialect.options(&request));
    assert!(said.ends_with("{cores}"), "{text:?}: {said}");
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    if kind == b'd' {
        let found = bounded("depfile", rest.len(), || depfile::parse(rest));
        let names = found.unwrap_or_default();
        assert!(
            names
                .iter()
                .all(|name| !name.is_empty() && !name.contains(&b'\n'))
        );
        return;
    }
    let Ok(text) = rest.to_str() else { return };
    match kind {
        b'\t' => check_sheet(text, '\t'),
        b',' => check_sheet(text, ','),
        b't' => check_params("params.toml", text),
        b'y' => check_params("params.yaml", text),
        b'j' => check_params("params.json", text),
        b'f' => check_site(text),
        _ => {}
    }
});
