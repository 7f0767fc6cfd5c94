//! What has a change of settings come to? Said in sentences, with the revision.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::args::Change;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::shown;
use crate::time;

/// What a change has come to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outcome {
    /// Whether nothing was done.
    pub(crate) dry_run: bool,
    /// The revision that holds now; none if nothing has changed.
    pub(crate) revision: Option<u64>,
    /// What has changed, a sentence each.
    pub(crate) differences: Vec<String>,
    /// What is legal but risky, a sentence each.
    pub(crate) warnings: Vec<String>,
    /// Until when it must be confirmed.
    pub(crate) confirm_by: Option<String>,
}

impl Outcome {
    /// Nothing has changed.
    pub(crate) const fn nothing() -> Self {
        Outcome {
            dry_run: false,
            revision: None,
            differences: Vec::new(),
            warnings: Vec::new(),
            confirm_by: None,
        }
    }

    /// Of the answer to a method that changes settings; the server is asked for what the answer does not say.
    pub(crate) async fn of(desk: &Desk<'_>, change: &Change, answer: &Value) -> Result<Self, Failure> {
        let mut outcome = Outcome {
            dry_run: change.dry_run,
            revision: revision(answer, "newState").filter(|new| Some(*new) != revision(answer, "oldState")),
            differences: sentences(answer.get("differences")),
            warnings: sentences(answer.get("warnings")),
            confirm_by: answer.get("confirmBy").and_then(Value::as_str).map(str::to_owned),
        };
        if let Some(number) = outcome.revision.filter(|_| !change.dry_run && outcome.differences.is_empty()) {
            let answer = desk.client.ask("Revision", "get", json!({ "ids": [number.to_string()] })).await?;
            if let Some(revision) = answer.get("list").and_then(|list| list.get(0)) {
                outcome.differences = sentences(revision.get("differences"));
                outcome.confirm_by = revision.get("confirmBy").and_then(Value::as_str).map(str::to_owned);
            }
        }
        Ok(outcome)
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "dryRun": self.dry_run, "revision": self.revision, "differences": self.differences,
            "warnings": self.warnings, "confirmBy": self.confirm_by,
        })
    }

    /// For people.
    pub(crate) fn text(&self, look: &Look) -> String {
        let paint = look.paint;
        let mut out = String::new();
        for difference in &self.differences {
            let _ = writeln!(out, "  {}", shown(difference));
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "  {} {}", paint.yellow("warning:"), shown(warning));
        }
        let sum = match (self.dry_run, self.revision) {
            (true, _) if self.differences.is_empty() => "nothing would change".to_owned(),
            (true, _) => paint.yellow("nothing was done: this is what would change"),
            (false, Some(number)) => paint.green(&format!("revision {number} is in force")),
            (false, None) if self.differences.is_empty() => "nothing has changed".to_owned(),
            (false, None) => paint.green("done"),
        };
        out.push_str(&sum);
        out.push('\n');
        if let (Some(until), Some(number)) = (&self.confirm_by, self.revision) {
            let left = time::Instant::parse(until).map_or_else(|| shown(until), |at| at.from(look.now));
            let _ = writeln!(
                out,
                "{}",
                paint.yellow(&format!("it goes back by itself {left}, unless: waypost confirm {number}"))
            );
        }
        out
    }
}

fn revision(answer: &Value, member: &str) -> Option<u64> {
    let value = answer.get(member)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A list of sentences; each may be a text or an object with one.
pub(crate) fn sentences(value: Option<&Value>) -> Vec<String> {
    let list: Vec<&Value> = match value {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(Value::Object(list)) => crate::render::sorted(list).collect(),
        _ => Vec::new(),
    };
    list.into_iter().map(sentence).collect()
}

fn sentence(value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match value {
        Value::String(text) => text.clone(),
        _ => match text("sentence").or_else(|| text("text")) {
            Some(text) => text.to_owned(),
            None => {
                let parts = [text("object"), text("name"), text("property"), text("message")];
                let parts: Vec<&str> = parts.into_iter().flatten().collect();
                if parts.is_empty() { value.to_string() } else { parts.join(": ") }
            }
        },
    }
}

/// The arguments of a method that changes settings.
pub(crate) fn arguments(change: &Change, own: Value) -> Value {
    let mut arguments = change.arguments();
    if let Value::Object(own) = own {
        arguments.extend(own);
    }
    Value::Object(arguments)
}
