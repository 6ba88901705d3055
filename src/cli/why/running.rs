//! What `flow why` asks of the run that is going, and says of its answers.

use std::fmt::Write as _;

use bstr::{BStr, BString, ByteSlice};

use super::Why;
use crate::cli::ask::client::{Seen, Silence, ask, who};
use crate::cli::ask::words;
use crate::run::ask::{Answer, Now, Question};
use crate::ui::{path, safe};

/// What is said of a run that was stopped by Ctrl-Z.
const STANDS_STILL: &str = "it stands still (Ctrl-Z), `fg` in its terminal lets it go on";

/// Whether what is on disk has something to say beside what the run has said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    Say,
    /// It is in the midst of being changed.
    Leave,
}

impl Why<'_> {
    /// That a run is going, if one is. One that does not answer is not asked again.
    pub(super) fn going(&mut self) -> Option<String> {
        let seen = who(&self.opened.state);
        let (Seen::Here(holder) | Seen::Elsewhere(holder)) = &seen else {
            return None;
        };
        let asked = match holder.is_run() {
            true => Some(ask(&self.opened.state, Question::Run)),
            false => None,
        };
        Some(match asked {
            Some(Ok((holder, Answer::Run(progress)))) => {
                self.is_going = true;
                words::going(&holder, Some(&progress))
            }
            Some(Err(silence)) => {
                let why = match (&seen, silence) {
                    (Seen::Elsewhere(_), Silence::NoSocket) => "it can be asked there only".into(),
                    (_, silence) => why_silent(&silence),
                };
                format!("{}; {why}", words::going(holder, None))
            }
            Some(Ok(_)) | None => words::going(holder, None),
        })
    }

    /// What the run says of a job, in its own form.
    pub(super) fn now(&self, key: &BStr) -> Option<serde_json::Value> {
        match self.ask_job(key)? {
            Answer::Job(answer) => serde_json::to_value(&answer.now).ok(),
            _ => None,
        }
    }

    fn ask_job(&self, job: &BStr) -> Option<Answer> {
        let job = BString::from(job);
        self.ask(Question::Job { job })
    }

    fn ask(&self, question: Question) -> Option<Answer> {
        let asked = self.is_going.then(|| ask(&self.opened.state, question));
        let (_, answer) = asked?.ok()?;
        Some(answer)
    }

    fn lines(&mut self, lines: Vec<String>) {
        for line in lines {
            say!(self, "{line}");
        }
    }

    /// Says what the run knows of a job.
    pub(super) fn asked_job(&mut self, key: &BStr) -> Rest {
        let Some(Answer::Job(answer)) = self.ask_job(key) else {
            return Rest::Say;
        };
        self.lines(words::job(&answer));
        if !matches!(answer.now, Now::Running(_) | Now::Queued(_)) {
            return Rest::Say;
        }
        if let Some(because) = &answer.because {
            let text = safe::line(because.text.as_bytes());
            say!(self, "runs because {text}");
        }
        Rest::Leave
    }

    /// Says what the run knows of the jobs of a rule.
    pub(super) fn asked_rule(&mut self, name: &str) -> Rest {
        let Some(Answer::Rule(answer)) = self.ask(Question::Rule { rule: name.into() }) else {
            return Rest::Say;
        };
        self.lines(words::rule(&answer));
        match answer.counts.running + answer.counts.waiting {
            0 => Rest::Say,
            _ => Rest::Leave,
        }
    }

    /// Says which splits have to run before a file is known; false where no run says so.
    pub(super) fn asked_behind(&mut self, file: &BStr) -> bool {
        match self.ask_job(file) {
            Some(Answer::Behind { splits }) => self.lines(words::behind(&splits)),
            Some(Answer::Job(answer)) => self.lines(words::job(&answer)),
            _ => return false,
        }
        true
    }

    /// `then:RULE`, which only a run knows of.
    pub(super) fn then(&mut self, name: &BString) -> bool {
        let Some(Answer::Job(answer)) = self.ask_job(name.as_bstr()) else {
            return false;
        };
        self.title(
            &path(name),
            &format!("what `{}` does once, when its jobs are done", answer.rule),
        );
        self.lines(words::job(&answer));
        true
    }
}

fn why_silent(silence: &Silence) -> String {
    match silence {
        Silence::NoSocket => "it listens to no questions".into(),
        Silence::Foreign(_) => {
            "the socket in its place is another user's, and was not asked".into()
        }
        Silence::Closed => "it does not answer".into(),
        Silence::Still => STANDS_STILL.into(),
        Silence::Mute => "it does not answer: it may be busy".into(),
        Silence::Odd(text) => {
            format!(
                "its answer was not understood: {}",
                safe::line(text.as_bytes())
            )
        }
    }
}
