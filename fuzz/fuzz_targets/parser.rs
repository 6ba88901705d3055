//! Any file is read, every mistake lies where it is said to be, and what has none is laid out: the new
//! layout means the same, and is final.
#![no_main]

use flow::lang::format::format;
use flow::lang::{FileId, foreign, parse};
use flow_fuzz::{bounded, check_places, is_wrong, without_places};
use libfuzzer_sys::fuzz_target;

const FILE: FileId = FileId(0);

fuzz_target!(|file: &[u8]| {
    let text = &foreign::read(file.to_vec());
    assert_eq!(*foreign::bytes(text), *file);
    let (ast, diags) = bounded("parse", text.len(), || parse(FILE, text));
    check_places(text, &diags);
    if is_wrong(&diags) {
        return;
    }
    let Ok(new) = bounded("format", text.len(), || format(FILE, text)) else {
        return;
    };
    let (new_ast, new_diags) = parse(FILE, &new);
    assert!(!is_wrong(&new_diags), "{new:?} {new_diags:?}");
    assert_eq!(without_places(&ast), without_places(&new_ast), "{new:?}");
    assert_eq!(format(FILE, &new).ok().as_ref(), Some(&new));
});
