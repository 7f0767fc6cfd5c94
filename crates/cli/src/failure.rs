//! What went wrong, how it is said, and with which code the program ends.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::paint::{Paint, shown};

/// Which kind of end it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Something here did not work: a file, an answer that makes no sense, a job that failed.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The server refused.
    Refused,
    /// No server answers.
    Unreachable,
}

impl Kind {
    /// The exit code; 0 is for what is done.
    pub const fn code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Refused => 3,
            Kind::Unreachable => 4,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Usage => "usage",
            Kind::Refused => "refused",
            Kind::Unreachable => "unreachable",
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// Which kind.
    pub kind: Kind,
    /// What, in one line.
    pub text: String,
    /// More of it, a line each, such as one property that is wrong.
    pub details: Vec<String>,
    /// What may help.
    pub hint: Option<String>,
    /// The server's own words, for programs.
    pub answer: Option<Value>,
}

impl Failure {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Failure { kind, text: text.into(), details: Vec::new(), hint: None, answer: None }
    }

    /// Something here did not work.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Kind::Failed, text)
    }

    /// The command line makes no sense.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// The server refused.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// No server answers.
    pub fn unreachable(text: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, text)
    }

    /// The server's answer has not the shape that it should have.
    pub fn strange(what: &str) -> Self {
        Self::failed(format!("the server's answer makes no sense: {what}"))
            .hint("is it the same version of waypost? `waypost version` says yours")
    }

    /// With what may help.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what the server answered.
    pub fn answer(mut self, answer: &Value) -> Self {
        self.answer = Some(answer.clone());
        self
    }

    /// As people read it.
    pub fn words(&self, paint: Paint) -> String {
        let mut out = format!("{} {}\n", paint.red("waypost:"), shown(&self.text));
        for detail in &self.details {
            let _ = writeln!(out, "  {}", shown(detail));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "  {} {}", paint.dim("hint:"), shown(hint));
        }
        out
    }

    /// As programs read it.
    pub fn json(&self) -> Value {
        json!({ "error": {
            "kind": self.kind.name(), "message": self.text, "details": self.details, "hint": self.hint,
            "answer": self.answer,
        }})
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        ExitCode::from(failure.kind.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_and_what_may_help() {
        let mut failure = Failure::refused("MtaRoute x: \x1b[2Jno").hint("see `waypost describe MtaRoute`");
        failure.details.push("port: it is at most 65535".to_owned());
        assert_eq!(
            failure.words(Paint::plain()),
            "waypost: MtaRoute x: \u{fffd}[2Jno\n  port: it is at most 65535\n  hint: see `waypost describe MtaRoute`\n"
        );
        assert_eq!(failure.json()["error"]["kind"], "refused");
        assert_eq!(failure.kind.code(), 3);
    }
}
