//! Any text is read, resolved and looked over for what is doubtful, and what is wrong with it is shown.
#![no_main]

use std::io;

use flow::lang::{Diag, Sources, foreign, parse};
use flow::ui::diag::{Look, report};
use flow::workflow::lint::lint;
use flow::workflow::load;
use flow::workflow::load::Settings;
use flow_fuzz::{bounded, bounded_with_regex, check_places, is_wrong};
use libfuzzer_sys::fuzz_target;

/// Each sheet has two rows; there is no other file.
fn read(name: &str) -> io::Result<Vec<u8>> {
    match name.ends_with(".tsv") {
        true => Ok(b"sample\tlane\na\t1\nb c\t2\n".to_vec()),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = foreign::read(bytes.to_vec());
    let text = text.as_str();
    let n = text.len();
    let mut sources = Sources::default();
    let file = sources.add("workflow.flow", text);
    let (ast, mut diags) = bounded("parse", n, || parse(file, text));
    let settings = Settings::default();
    let (workflow, found, sources) = bounded_with_regex("load", n, || {
        let mut sources = sources.clone();
        let (workflow, found) = load(&ast, &mut sources, &settings, &read);
        (workflow, found, sources)
    });
    diags.extend(found);
    if !is_wrong(&diags) {
        diags.extend(bounded("lint", n, || lint(&ast, &workflow, &sources)));
    }
    let is_of_text = |diag: &&Diag| {
        let mut labels = diag.primary.iter().chain(&diag.others);
        labels.all(|label| label.span.file == file)
    };
    let of_text: Vec<Diag> = diags.iter().filter(is_of_text).cloned().collect();
    check_places(text, &of_text);
    bounded("report", n, || report(&diags, &sources, Look::default()));
});
