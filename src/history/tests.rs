//! Stories of the history file: what is written anew, what is lost, what stays.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::disk::Time;

fn now<'a>(path: &'a [u8], recipe: u64) -> Now<'a> {
    let file = File {
        path,
        time: Time(recipe as i64),
        size: 7,
        hash: None,
    };
    Now {
        recipe,
        params: recipe + 1,
        inputs: vec![file],
        outputs: vec![file],
        ..Now::default()
    }
}

fn open(state: &Path) -> Store {
    let mut store = Store::read(state).unwrap();
    store.begin().unwrap();
    store
}

/// All that is known, in a form that can be compared.
/// A job's key, how its last try ended, and of its record when it ended and its first input.
type Known = (Vec<u8>, LastTry, Option<(u64, Vec<u8>)>);

fn known(state: &Path) -> Vec<Known> {
    let store = Store::read(state).unwrap();
    let past = |past: Past| {
        let text = store.text(past.recipe).map(|text| text.to_vec());
        (past.recipe, text.expect("the text of a recipe that counts"))
    };
    let row = |(key, last): (&bstr::BStr, Last)| (key.to_vec(), last.last_try, last.past.map(past));
    let mut rows: Vec<_> = store.jobs().map(row).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

fn size(state: &Path) -> u64 {
    std::fs::metadata(state.join("history")).unwrap().len()
}

/// A history of more than a megabyte, mostly out of date.
fn large(state: &Path) {
    let mut store = open(state);
    for round in 0..60 {
        let recipe = "echo ".repeat(200) + &round.to_string();
        store.remember(round, recipe.as_bytes()).unwrap();
        for job in 0..60 {
            let key = format!("{}/{job}", "folder".repeat(20));
            store.started(key.as_bytes()).unwrap();
            match (round, job) {
                (59, 0) => store.failed(key.as_bytes()).unwrap(),
                (59, 1) => {}
                _ => store
                    .succeeded(key.as_bytes(), &now(key.as_bytes(), round))
                    .unwrap(),
            }
        }
    }
    store.close().unwrap();
    assert!(size(state) > 1 << 20, "{}", size(state));
}

#[test]
fn what_is_out_of_date_goes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    large(folder.path());
    let (before, large) = (known(folder.path()), size(folder.path()));
    assert_eq!(before.len(), 60);
    open(folder.path()).close().unwrap();
    assert_eq!(known(folder.path()), before);
    assert!(size(folder.path()) < large / 20, "{}", size(folder.path()));
    // What is small stays as it is.
    let small = size(folder.path());
    open(folder.path()).close().unwrap();
    assert_eq!((known(folder.path()), size(folder.path())), (before, small));
}

#[test]
fn that_jobs_began_goes_when_they_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.remember(1, b"cp {input} {output}").unwrap();
    for job in 0..10_000 {
        let key = format!("some/folder/{job:07}.out");
        store.started(key.as_bytes()).unwrap();
        store
            .succeeded(key.as_bytes(), &now(key.as_bytes(), 1))
            .unwrap();
    }
    store.close().unwrap();
    let (before, all) = (known(folder.path()), size(folder.path()));
    open(folder.path()).close().unwrap();
    let ended = size(folder.path());
    assert!(ended < all / 5 * 4, "{ended} of {all}");
    // Nothing more is to be had.
    open(folder.path()).close().unwrap();
    assert_eq!((known(folder.path()), size(folder.path())), (before, ended));
}

#[test]
fn a_kill_while_it_is_written_anew_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    large(folder.path());
    let before = known(folder.path());
    // The new file, half written beside the old one.
    std::fs::write(folder.path().join("history.new"), b"flowlog\n half").unwrap();
    assert_eq!(known(folder.path()), before);
    open(folder.path()).close().unwrap();
    assert_eq!(known(folder.path()), before);
    assert!(!folder.path().join("history.new").exists());
}

#[test]
fn damage_is_remembered_when_the_file_is_whole_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.started(b"a").unwrap();
    store.started(b"b").unwrap();
    store.close().unwrap();
    assert!(Store::read(folder.path()).unwrap().is_complete());
    let path = folder.path().join("history");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for _ in 0..3 {
        assert!(!Store::read(folder.path()).unwrap().is_complete());
        open(folder.path()).close().unwrap();
    }
    assert_eq!(Store::read(folder.path()).unwrap().damage, None);
    assert_eq!(known(folder.path()).len(), 2);
}

#[test]
fn a_cut_at_any_byte_is_noticed_and_so_is_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut store = open(folder.path());
        store.remember(round, b"text").unwrap();
        for key in [b"a", b"b"] {
            store.started(key).unwrap();
            store.succeeded(key, &now(key, round)).unwrap();
        }
        store.close().unwrap();
    }
    let path = folder.path().join("history");
    let bytes = std::fs::read(&path).unwrap();
    assert!(Store::read(folder.path()).unwrap().is_complete());
    for end in 0..bytes.len() {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let store = Store::read(folder.path()).unwrap();
        assert!(
            !store.is_complete() && store.damage.is_some(),
            "cut at {end}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let store = Store::read(folder.path()).unwrap();
    assert!(store.damage.unwrap().ends_with("is gone"));
    // What is written from then on is whole, and remembers.
    open(folder.path()).close().unwrap();
    let store = Store::read(folder.path()).unwrap();
    assert_eq!(
        (store.damage.as_deref(), store.is_complete()),
        (None, false)
    );
    // A whole state folder that is gone leaves nobody to miss it.
    std::fs::write(&path, &bytes).unwrap();
    std::fs::remove_file(folder.path().join("history.length")).unwrap();
    assert!(Store::read(folder.path()).unwrap().is_complete());
}

#[test]
fn what_is_longer_than_it_was_is_that_of_a_run_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.started(b"a").unwrap();
    store.close().unwrap();
    let mut store = open(folder.path());
    store.started(b"b").unwrap();
    drop(store);
    assert!(Store::read(folder.path()).unwrap().is_complete());
    large(folder.path());
    // Written anew: shorter, and none the worse.
    drop(open(folder.path()));
    assert_eq!(Store::read(folder.path()).unwrap().damage, None);
}

#[test]
fn an_empty_file_is_damage_and_none_is_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Store::read(folder.path()).unwrap().is_complete());
    std::fs::write(folder.path().join("history"), b"").unwrap();
    let store = Store::read(folder.path()).unwrap();
    assert!(!store.is_complete());
    assert!(store.damage.unwrap().ends_with("is empty"));
}

#[test]
fn a_run_without_jobs_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.started(b"a").unwrap();
    store.close().unwrap();
    let before = size(folder.path());
    open(folder.path()).close().unwrap();
    assert_eq!(size(folder.path()), before);
}

#[test]
fn a_run_that_the_next_boot_finds_open_may_have_lost_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.started(b"a").unwrap();
    drop(store);
    // Killed on this boot: what was written is there.
    assert!(Store::read(folder.path()).unwrap().is_complete());
}

proptest! {
    #[test]
    fn keys_and_paths_may_be_any_bytes(keys in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..40), 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        store.remember(5, b"text").unwrap();
        for key in &keys {
            store.started(key).unwrap();
            store.succeeded(key, &now(key, 5)).unwrap();
        }
        store.close().unwrap();
        let store = Store::read(folder.path()).unwrap();
        for key in &keys {
            let past = store.last(key).unwrap().past.unwrap();
            prop_assert_eq!(past.outputs().next().unwrap().path, &key[..]);
        }
        prop_assert_eq!(store.last(b"a key that is longer than any of those that there are"), None);
    }
}
