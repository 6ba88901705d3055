//! Runs as a person sees them.

use std::sync::{Arc, Mutex};

use insta::assert_snapshot;

use super::*;
use crate::event::{End, Failure, Usage};

/// A sink into memory, with a clock that the test sets.
struct Screen {
    lines: Lines,
    shown: Shared,
    tally: Tally,
    now_s: f64,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn new(options: LinesOptions) -> Screen {
        let shown = Shared::default();
        Screen {
            lines: Lines::new(Box::new(shown.clone()), options),
            shown,
            tally: Tally::default(),
            now_s: 0.0,
        }
    }

    fn plain(detail: Detail) -> Screen {
        Screen::new(LinesOptions {
            detail,
            ..LinesOptions::default()
        })
    }

    fn now(&self) -> jiff::Timestamp {
        let microseconds = (self.now_s * 1e6).round() as i64;
        jiff::Timestamp::from_microsecond(1_800_000_000_000_000 + microseconds).unwrap()
    }

    /// An event, some seconds after the one before.
    fn after(&mut self, seconds: f64, kind: EventKind) {
        self.now_s += seconds;
        self.tally.add(&kind);
        let time = self.now();
        self.lines.event(&Event { time, kind }).unwrap();
    }

    fn start(&mut self, jobs: u64, fresh: u64) {
        let workflow = "main.flow".into();
        self.after(
            0.0,
            EventKind::RunStarted {
                workflow,
                jobs,
                fresh,
                may_grow: false,
            },
        );
    }

    fn end(&mut self) -> String {
        let tally = Tally {
            wall_s: self.now_s,
            ..self.tally
        };
        self.after(0.0, EventKind::RunFinished(tally));
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8(self.shown.0.lock().unwrap().clone()).unwrap()
    }
}

fn name(job: &[u8]) -> JobName {
    JobName {
        job: job.into(),
        rule: "align".into(),
    }
}

fn job(job: &[u8], status: Status, end: End) -> JobFinished {
    JobFinished {
        name: name(job),
        status,
        attempt: 1,
        failure: (!end.is_ok()).then_some(Failure::Process),
        end: Some(end),
        usage: Some(Usage {
            wall_s: 2.34,
            max_rss_kib: 16_567_500,
            ..Usage::default()
        }),
        inputs: vec![],
        outputs: vec![job.into()],
        tail: "".into(),
        output_bytes: 0,
        place: "main.flow:12".into(),
    }
}

fn ok(name: &str) -> EventKind {
    EventKind::JobFinished(job(name.as_bytes(), Status::Ok, End::Exited(0)))
}

fn failed(name: &str, end: End, tail: &str) -> JobFinished {
    JobFinished {
        tail: tail.into(),
        output_bytes: tail.len() as u64,
        ..job(name.as_bytes(), Status::Failed, end)
    }
}

fn without_process(name: &str, status: Status) -> EventKind {
    EventKind::JobFinished(JobFinished {
        end: None,
        usage: None,
        failure: None,
        attempt: 0,
        ..job(name.as_bytes(), status, End::Exited(0))
    })
}

/// A run in which most things happen.
fn eventful(detail: Detail) -> String {
    let mut screen = Screen::plain(detail);
    screen.start(340, 1200);
    let started = EventKind::JobStarted {
        name: name(b"out/a b.bam"),
        attempt: 2,
        place: "main.flow:12".into(),
    };
    screen.after(0.1, started);
    for bytes in ["10%\r20%", "\rdone\x1b[2J\nhalf a", " line", "\nend"] {
        let (name, bytes) = (name(b"out/a b.bam"), bytes.into());
        screen.after(0.1, EventKind::JobOutput { name, bytes });
    }
    screen.after(1.0, ok("out/a b.bam"));
    let message = "a.fq changed while out/a.bam was made".into();
    screen.after(1.0, EventKind::Warning { message });
    let retry = JobRetry {
        name: name(b"out/c.bam"),
        attempt: 1,
        end: Some(End::Exited(1)),
        failure: Some(Failure::Process),
        usage: None,
    };
    screen.after(1.0, EventKind::JobRetry(retry));
    let mut last_try = failed("out/c.bam", End::Exited(127), "bwa: \x1b[31mnot found\n");
    last_try.attempt = 2;
    screen.after(1.0, EventKind::JobFinished(last_try));
    screen.after(1.0, without_process("out/c.bai", Status::Skipped));
    screen.end()
}

#[test]
fn a_run_is_told_line_by_line() {
    assert_snapshot!(eventful(Detail::Normal));
}

#[test]
fn quiet_leaves_failures_and_the_summary() {
    assert_snapshot!(eventful(Detail::Quiet));
}

#[test]
fn verbose_shows_starts_and_output() {
    assert_snapshot!(eventful(Detail::Verbose));
}

#[test]
fn failures_say_what_they_mean() {
    let mut screen = Screen::plain(Detail::Normal);
    screen.start(5, 0);
    let many: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let mut chatty = failed("out/it's.bam", End::Signaled(9), &many);
    chatty.output_bytes = 3 << 20;
    screen.after(1.0, EventKind::JobFinished(chatty));
    let missing = JobFinished {
        failure: Some(Failure::OutputsMissing(vec![
            "x.bai".into(),
            b"\xff".into(),
        ])),
        ..failed("x.bam", End::Exited(0), "")
    };
    screen.after(1.0, EventKind::JobFinished(missing));
    let mut slow = failed("slow.bam", End::Signaled(15), "no newline");
    slow.status = Status::Timeout;
    screen.after(1.0, EventKind::JobFinished(slow));
    let unable = JobFinished {
        end: Some(End::NotStarted("`bwa` is a folder".into())),
        usage: None,
        ..failed("y.bam", End::Exited(1), "")
    };
    screen.after(1.0, EventKind::JobFinished(unable));
    assert_snapshot!(screen.end());
}

#[test]
fn nothing_to_do_is_one_line() {
    for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
        let mut screen = Screen::plain(detail);
        screen.start(0, 340);
        assert_eq!(screen.end(), "everything is up to date (340 jobs)\n");
        let mut screen = Screen::plain(detail);
        screen.start(0, 0);
        assert_eq!(screen.end(), "nothing to do: there are no jobs\n");
    }
    let mut screen = Screen::plain(Detail::Quiet);
    screen.start(0, 1);
    let message = "odd".into();
    screen.after(0.0, EventKind::Warning { message });
    assert_eq!(
        screen.end(),
        "everything is up to date (1 job), 1 warning\n"
    );
}

#[test]
fn what_was_not_run_is_not_called_up_to_date() {
    let mut screen = Screen::plain(Detail::Quiet);
    screen.start(3, 340);
    assert_eq!(screen.end(), "nothing ran: 340 fresh, 3 not run\n");
}

#[test]
fn an_interrupted_run_lists_what_was_cut_off() {
    let mut screen = Screen::plain(Detail::Normal);
    screen.start(4, 0);
    screen.after(1.0, ok("a.bam"));
    for name in ["b.bam", "c d.bam"] {
        let cut = job(name.as_bytes(), Status::Cancelled, End::Signaled(15));
        screen.after(0.0, EventKind::JobFinished(cut));
    }
    screen.after(0.0, without_process("e.bam", Status::Cancelled));
    assert_snapshot!(screen.end(), @"
    4 jobs to run, 0 fresh
    [1/4] align a.bam  2.3 s

    2 jobs cut off:
      align b.bam after 2.3 s
      align 'c d.bam' after 2.3 s

    interrupted: 1 done, 2 cut off, 1 not started; 1.0 s
    ");
}

#[test]
fn the_wait_for_jobs_that_are_to_end_is_explained() {
    let mut screen = Screen::plain(Detail::Quiet);
    screen.lines.ending(2, Duration::from_secs(2)).unwrap();
    let shown = screen.shown.0.lock().unwrap().clone();
    assert_eq!(
        String::from_utf8(shown).unwrap(),
        "\nending 2 jobs within 2.0 s; Ctrl-C once more kills at once\n"
    );
}

#[test]
fn what_comes_too_fast_is_counted() {
    let mut screen = Screen::plain(Detail::Normal);
    screen.start(5000, 0);
    for n in 0..2000 {
        screen.after(0.001, ok(&format!("{n}.bam")));
    }
    screen.now_s += 1.0;
    screen.lines.tick(screen.now()).unwrap();
    screen.after(1.0, ok("slow.bam"));
    let text = screen.end();
    let lines: Vec<&str> = text.lines().skip(20).collect();
    assert_snapshot!(lines.join("\n"), @"
    [  20/5000] align 19.bam  2.3 s
    [ 521/5000] … 501 more done
    [1022/5000] … 501 more done
    [1523/5000] … 501 more done
    [2000/5000] … 477 more done
    [2001/5000] align slow.bam  2.3 s
    finished: 2001 done; 4.0 s
    ");
}

#[test]
fn a_flood_of_failures_stays_readable() {
    let mut screen = Screen::plain(Detail::Normal);
    screen.start(100_000, 0);
    for n in 0..100_000 {
        let job = failed(&format!("{n}.bam"), End::Exited(1), "no\n");
        screen.after(0.0, EventKind::JobFinished(job));
    }
    let text = screen.end();
    assert_eq!(text.matches("error: ").count(), 20);
    let end: Vec<&str> = text.lines().rev().take(4).collect();
    assert_eq!(
        end,
        [
            "failed: 100,000 failed; 0.0 s",
            "",
            "  and 99,980 more: flow log --failed",
            "  align 19.bam: exit status 1 (main.flow:12)",
        ]
    );
    assert!(text.contains("[100,000/100,000] … 99,980 more failed\n"));
}

#[test]
fn no_progress_leaves_what_went_wrong() {
    let mut screen = Screen::new(LinesOptions {
        shows_progress: false,
        ..LinesOptions::default()
    });
    screen.start(2, 0);
    screen.after(1.0, ok("a.bam"));
    screen.after(
        1.0,
        EventKind::JobFinished(failed("b.bam", End::Exited(1), "")),
    );
    let text = screen.end();
    assert!(!text.contains("a.bam") && text.contains("error: align b.bam failed"));
}

#[test]
fn colour_marks_and_nothing_more() {
    let run = |is_coloured| {
        let mut screen = Screen::new(LinesOptions {
            style: Style { is_coloured },
            ..LinesOptions::default()
        });
        screen.start(2, 0);
        screen.after(1.0, ok("a.bam"));
        let job = failed("b.bam", End::Exited(1), "a\x1b[1m\n");
        screen.after(1.0, EventKind::JobFinished(job));
        screen.end()
    };
    let coloured = run(true);
    assert!(coloured.contains("\x1b["));
    let parts = coloured.split("\x1b[").enumerate();
    let plain: String = parts
        .map(|(n, part)| {
            if n == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            }
        })
        .collect();
    assert_eq!(plain, run(false));
}

#[test]
fn what_a_split_may_bring_is_a_plus_until_it_has() {
    let mut screen = Screen::plain(Detail::Normal);
    let workflow = "main.flow".into();
    let started = EventKind::RunStarted {
        workflow,
        jobs: 2,
        fresh: 0,
        may_grow: true,
    };
    screen.after(0.0, started);
    screen.after(1.0, ok("list.txt"));
    let grew = EventKind::RunGrew {
        jobs: 2,
        fresh: 1,
        may_grow: false,
    };
    screen.after(1.0, grew);
    screen.after(0.0, ok("parts/*.p"));
    screen.after(1.0, ok("parts/1.up"));
    assert_snapshot!(screen.end(), @r"
    2 jobs to run, and what splits bring, 0 fresh
    [1/2+] align list.txt  2.3 s
    [2/4] align 'parts/*.p'  2.3 s
    [3/4] align parts/1.up  2.3 s
    finished: 3 done, 1 fresh; 3.0 s
    ");
}
