//! What is wrong with a workflow, as values: shown by `ui`, counted by `cli`.

use super::span::Span;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Severity {
    Warning,
    Error,
}

/// A place that a diagnostic marks, with what is to be said there (may be empty).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// A way to mend it; with an edit when the mending is one replacement of text.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Help {
    pub text: String,
    pub edit: Option<(Span, String)>,
}

/// One mistake or warning: what happened, where, why it matters and what to try.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Diag {
    pub severity: Severity,
    /// `E0101` or `W0301`: stable, looked up with `flow explain`.
    pub code: &'static str,
    pub message: String,
    /// The place that is wrong. `None` where no text is to blame.
    pub primary: Option<Label>,
    /// Other places that matter, such as the first definition.
    pub others: Vec<Label>,
    pub notes: Vec<String>,
    pub helps: Vec<Help>,
}

impl Diag {
    pub fn error(code: &'static str, message: impl Into<String>) -> Diag {
        Diag {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: None,
            others: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Diag {
        Diag {
            severity: Severity::Warning,
            ..Diag::error(code, message)
        }
    }

    /// Marks the place that is wrong.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Diag {
        self.primary = Some(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Marks another place.
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Diag {
        self.others.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Diag {
        self.notes.push(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diag {
        self.helps.push(Help {
            text: text.into(),
            edit: None,
        });
        self
    }

    /// A fix that replaces `span` by `new`.
    pub fn fix(mut self, text: impl Into<String>, span: Span, new: impl Into<String>) -> Diag {
        self.helps.push(Help {
            text: text.into(),
            edit: Some((span, new.into())),
        });
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
