//! The arguments of ours that every change of settings takes.

use std::time::Duration;

use serde_json::Value;

use super::draft::Draft;
use super::handle::{Outcome, Proposal, Refusal};
use super::judge::Remark;
use super::revision::COMMENT_CHARS_MAX;
use crate::caller::Caller;
use crate::error::MethodError;

/// The longest trial.
const TRIAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest: somebody must have time to look.
const TRIAL_MIN: Duration = Duration::from_secs(1);

/// What `comment`, `confirmWithin`, `dryRun` and `ifInState` say about a draft.
pub(super) fn proposal(caller: &Caller, arguments: &Value, draft: Draft) -> Result<Proposal, MethodError> {
    Ok(Proposal {
        comment: comment(arguments)?,
        confirm_within: confirm_within(arguments)?,
        dry_run: flag(arguments, "dryRun")?,
        if_in_state: text(arguments, "ifInState")?,
        ..Proposal::new(draft, caller.name.clone())
    })
}

fn comment(arguments: &Value) -> Result<Option<String>, MethodError> {
    let comment = text(arguments, "comment")?;
    if comment.as_ref().is_some_and(|comment| comment.chars().count() > COMMENT_CHARS_MAX) {
        return Err(wrong(format!("comment may have {COMMENT_CHARS_MAX} characters at most")));
    }
    Ok(comment.filter(|comment| !comment.trim().is_empty()))
}

fn confirm_within(arguments: &Value) -> Result<Option<Duration>, MethodError> {
    let millis = match arguments.get("confirmWithin") {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_u64().ok_or_else(|| wrong("confirmWithin must be milliseconds"))?,
    };
    let within = Duration::from_millis(millis);
    if !(TRIAL_MIN..=TRIAL_MAX).contains(&within) {
        return Err(wrong("confirmWithin must be between a second and a day, in milliseconds"));
    }
    Ok(Some(within))
}

/// A text that may be left out.
pub(super) fn text(arguments: &Value, name: &str) -> Result<Option<String>, MethodError> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(format!("{name} must be a string"))),
    }
}

/// A flag that is off if left out.
pub(super) fn flag(arguments: &Value, name: &str) -> Result<bool, MethodError> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(wrong(format!("{name} must be true or false"))),
    }
}

/// The number of a revision, as a number or as its id.
pub(super) fn number(arguments: &Value, name: &str) -> Result<Option<u64>, MethodError> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => id.parse().map(Some).map_err(|_| wrong(format!("{name} is no revision"))),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| wrong(format!("{name} must be a number"))),
    }
}

pub(super) fn wrong(description: impl Into<String>) -> MethodError {
    MethodError::invalid_arguments(description)
}

/// What every answer to a change says.
pub(super) fn answer(outcome: &Outcome, dry_run: bool) -> serde_json::Map<String, Value> {
    let mut members = serde_json::Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("oldState", outcome.old_state.as_str().into());
    put("newState", outcome.current.state().into());
    put("state", outcome.current.state().into());
    put("differences", serde_json::to_value(&outcome.differences).unwrap_or_default());
    put("warnings", outcome.warnings.iter().map(Remark::to_value).collect());
    if dry_run {
        put("dryRun", true.into());
    } else if outcome.changed {
        put("revision", outcome.current.revision.into());
        put("confirmBy", outcome.current.waiting.as_ref().map(|waiting| waiting.by.rfc3339()).into());
    }
    members
}

impl From<Refusal> for MethodError {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::Forbidden(_) => "forbidden",
            Refusal::StateMismatch { .. } => "stateMismatch",
            Refusal::Invalid(_) => "invalidSettings",
            Refusal::NotFound(_) => "notFound",
            Refusal::Store(_) => "serverFail",
            Refusal::Ending => "serverUnavailable",
        };
        let error = MethodError::new(kind, refusal.to_string());
        match refusal {
            Refusal::Invalid(remarks) => {
                error.with("findings", remarks.iter().map(Remark::to_value).collect::<Vec<_>>())
            }
            _ => error,
        }
    }
}
