//! The session over a library that misbehaves on purpose, which is built here. Without a C compiler it
//! is skipped.
//!
//! A process has one session, and each test wants its own, so they take turns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use drmaa_sys::{Code, Control, How, OpenError, Session, State, Wait};

static TURN: Mutex<()> = Mutex::new(());

/// The library, and a turn; `None` where it cannot be built.
fn library(rules: &str) -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (path, source) = (folder.join("libfake.so"), "tests/fake.c");
    let modified = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    if modified(&path) < modified(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).as_path()) {
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&path, Path::new(source)])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        if !built.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: no C compiler, so there is no library to test with");
            return None;
        }
    }
    let file = folder.join("rules");
    std::fs::remove_file(folder.join("rules.log")).ok();
    std::fs::write(&file, rules).unwrap();
    // SAFETY: tests take turns, and nothing else here reads the environment meanwhile.
    unsafe { std::env::set_var("FAKE_DRMAA", &file) };
    Some((path, turn))
}

fn shell<'s>(session: &'s Session, script: &str) -> drmaa_sys::Template<'s> {
    let mut template = session.template().unwrap();
    template.set("drmaa_remote_command", "/bin/sh").unwrap();
    template.set_list("drmaa_v_argv", &["-c", script]).unwrap();
    template
}

fn end(session: &Session, job: Option<&str>) -> drmaa_sys::Ended {
    match session.wait(job, Duration::from_secs(20)).unwrap() {
        Wait::Ended(ended) => ended,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_job_runs_and_its_end_is_told() {
    let Some((path, _turn)) = library("") else {
        return;
    };
    let session = Session::open(&path, None).unwrap();
    assert_eq!(session.contact().unwrap(), "fake");
    assert!(session.system().unwrap().starts_with("SGE"));
    assert_eq!(session.wait(None, Duration::ZERO).unwrap(), Wait::Nothing);
    let job = shell(&session, "exit 3").run().unwrap();
    let ended = end(&session, None);
    assert_eq!((ended.job, ended.how), (job, How::Exited(3)));
    assert_eq!(ended.usage[0].0, "maxvmem");
    let job = shell(&session, "kill -9 $$").run().unwrap();
    assert_eq!(
        end(&session, Some(&job)).how,
        How::Signaled("SIGKILL".into())
    );
}

#[test]
fn many_are_submitted_at_once_and_one_is_ended() {
    let Some((path, _turn)) = library("") else {
        return;
    };
    let session = Session::open(&path, None).unwrap();
    let mut jobs = shell(&session, "exit $SGE_TASK_ID").run_bulk(1, 3).unwrap();
    let mut ended: Vec<_> = (0..3).map(|_| end(&session, None)).collect();
    jobs.sort();
    ended.sort_by(|a, b| a.job.cmp(&b.job));
    let ids: Vec<_> = ended.iter().map(|ended| ended.job.clone()).collect();
    assert_eq!(ids, jobs);
    let job = shell(&session, "sleep 60").run().unwrap();
    assert_eq!(session.state(&job).unwrap(), State::Running);
    let soon = session.wait(None, Duration::ZERO).unwrap();
    assert_eq!(soon, Wait::NotYet);
    session.control(Some(&job), Control::Terminate).unwrap();
    assert_eq!(end(&session, None).how, How::Signaled("SIGKILL".into()));
    let error = session.state(&job).unwrap_err();
    assert_eq!(
        (error.code, &error.message[..]),
        (Code::InvalidJob, "no such job")
    );
}

#[test]
fn errors_are_told_by_code_and_in_the_librarys_words() {
    let Some((path, _turn)) = library("down=1") else {
        return;
    };
    let session = Session::open(&path, None).unwrap();
    let template = shell(&session, "true");
    let error = template.run().unwrap_err();
    assert_eq!(error.code, Code::Communication);
    assert!(error.code.is_passing());
    assert_eq!(
        error.to_string(),
        "unable to contact qmaster using port 1 (drmaa_run_job, code 2)"
    );
    let rules = std::env::var("FAKE_DRMAA").unwrap();
    std::fs::write(&rules, "odd").unwrap();
    let error = template.run_bulk(1, 2).unwrap_err();
    assert_eq!(error.code, Code::Other(99));
    assert_eq!(error.message, "the library does not say why");
    std::fs::write(&rules, "mute=3").unwrap();
    assert_eq!(
        template.run().unwrap_err().message,
        "an error of the standard"
    );
    let mut template = session.template().unwrap();
    assert_eq!(
        template.set("nonsense", "").unwrap_err().code,
        Code::AttributeFormat
    );
    assert_eq!(
        template.set("a\0", "").unwrap_err().code,
        Code::InvalidArgument
    );
    template.set("drmaa_wd", "/a b").unwrap();
    assert_eq!(template.get("drmaa_wd").unwrap(), "/a b");
}

#[test]
fn there_is_one_session_at_a_time() {
    let Some((path, _turn)) = library("") else {
        return;
    };
    let session = Session::open(&path, None).unwrap();
    assert_eq!(Session::open(&path, None).unwrap_err(), OpenError::Active);
    drop(session);
    drop(Session::open(&path, Some("fake")).unwrap());
    std::fs::write(std::env::var("FAKE_DRMAA").unwrap(), "refuse").unwrap();
    match Session::open(&path, None).unwrap_err() {
        OpenError::Refused(error) => assert_eq!(error.code, Code::InitFailed),
        other => panic!("{other}"),
    }
    let missing = Session::open(Path::new("/no/such.so"), None).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no DRMAA library `/no/such.so`: no such file"
    );
    let not_one = Session::open(Path::new(file!()), None).unwrap_err();
    assert!(matches!(
        not_one,
        OpenError::NotFound(..) | OpenError::Unusable(..)
    ));
}

#[test]
fn threads_share_a_session() {
    let Some((path, _turn)) = library("") else {
        return;
    };
    let session = Session::open(&path, None).unwrap();
    let first = shell(&session, "sleep 1").run().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..9).for_each(|_| drop(end(&session, None))));
        (0..8).for_each(|_| drop(shell(&session, "true").run().unwrap()));
        assert!(session.state(&first).is_ok());
    });
    assert_eq!(session.wait(None, Duration::ZERO).unwrap(), Wait::Nothing);
}
