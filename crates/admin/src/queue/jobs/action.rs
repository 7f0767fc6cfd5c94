//! What a job is to do, to whom.

use std::sync::Arc;

use mail::{MessageId, Timestamp};
use policy::limits::HOLD_REASON_CHARS_MAX;
use policy::{Configuration, Edit};
use serde_json::{Map, Value};
use store::{RecipientState, Sight};

use super::super::document::is_removed;
use super::super::filter::Filter;
use super::super::list::message_id;
use crate::set_error::{SetError, SetErrorKind};

/// Messages that a job may be given by id.
const IDS_MAX: usize = 10_000;

/// A job as it was asked for.
pub(super) struct Order {
    /// Such as `hold`.
    pub(super) action: String,
    /// What is done to each recipient.
    pub(super) edits: Vec<Edit>,
    /// To whom.
    pub(super) target: Target,
}

/// Whom a job means.
pub(super) enum Target {
    Filter(Arc<Filter>),
    Messages(Vec<MessageId>),
}

impl Order {
    pub(super) fn read(
        wanted: &Map<String, Value>,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Result<Self, SetError> {
        let action = wanted.get("action").and_then(Value::as_str).unwrap_or_default();
        let edits = edits(action, wanted, configuration, now)?;
        let target = match (wanted.get("ids"), wanted.get("filter")) {
            (Some(Value::Array(ids)), None | Some(Value::Null)) => {
                if ids.len() > IDS_MAX {
                    let why = format!("{IDS_MAX} ids at most; use a filter for more");
                    return Err(SetError::new(SetErrorKind::TooLarge, why).at("ids"));
                }
                let ids: Option<Vec<_>> = ids.iter().map(|id| id.as_str().and_then(message_id)).collect();
                let mut ids =
                    ids.ok_or_else(|| SetError::invalid_property("ids", "this is no id of a message"))?;
                ids.sort_unstable();
                Target::Messages(ids)
            }
            (None | Some(Value::Null), Some(filter @ Value::Object(_))) => {
                let filter = Filter::read(Some(filter)).map_err(|error| {
                    let why = error.description.unwrap_or_default();
                    SetError::new(SetErrorKind::ValidationFailed, why).at("filter")
                })?;
                Target::Filter(Arc::new(filter))
            }
            _ => {
                // What is left out by mistake must not mean the whole queue.
                let why = "either ids or a filter must say what is meant; {} means the whole queue";
                return Err(SetError::invalid_property("filter", why));
            }
        };
        Ok(Order { action: action.to_owned(), edits, target })
    }

    /// Whether something can be done to a recipient at all.
    pub(super) fn takes(sight: &Sight) -> bool {
        let pending = sight.progress.as_ref().is_some_and(|(_, state)| *state == RecipientState::Pending);
        let removed = sight.whole.as_ref().is_some_and(|(_, queued)| is_removed(queued));
        pending && !removed
    }

    /// Whether the route changes by it.
    pub(super) fn touches_route(&self) -> bool {
        self.edits.iter().any(|edit| matches!(edit, Edit::Reroute(_) | Edit::ClearRoute))
    }

    /// Whether what it did can be taken back.
    pub(super) fn can_be_undone(&self) -> bool {
        matches!(self.action.as_str(), "hold" | "release" | "reroute" | "reschedule")
    }
}

fn edits(
    action: &str,
    wanted: &Map<String, Value>,
    configuration: &Configuration,
    now: Timestamp,
) -> Result<Vec<Edit>, SetError> {
    match action {
        "retry" => Ok(vec![Edit::Due(now)]),
        "reschedule" => {
            let at = wanted.get("at").and_then(Value::as_str).and_then(Timestamp::parse_rfc3339);
            let at =
                at.ok_or_else(|| SetError::invalid_property("at", "say when, such as 2026-11-24T08:45:10Z"))?;
            Ok(vec![Edit::Due(at)])
        }
        "hold" => {
            let reason = wanted.get("reason").and_then(Value::as_str).unwrap_or_default();
            if reason.chars().count() > HOLD_REASON_CHARS_MAX {
                let why = format!("{HOLD_REASON_CHARS_MAX} characters at most");
                return Err(SetError::invalid_property("reason", why));
            }
            let counts = wanted.get("countsToExpiry").and_then(Value::as_bool).unwrap_or(false);
            Ok(vec![Edit::Hold { reason: reason.to_owned(), counts }])
        }
        "release" => Ok(vec![Edit::Release, Edit::Due(now)]),
        "reroute" => match wanted.get("route") {
            Some(Value::Null) => Ok(vec![Edit::ClearRoute, Edit::Due(now)]),
            Some(Value::String(route)) if configuration.routes.contains_key(route) => {
                Ok(vec![Edit::Reroute(route.clone()), Edit::Due(now)])
            }
            Some(Value::String(route)) => {
                Err(SetError::invalid_property("route", format!("There is no route '{route}'")))
            }
            _ => Err(SetError::invalid_property("route", "name a route, or null for the strategy's choice")),
        },
        "cancel" => match wanted.get("notify").and_then(Value::as_bool) {
            Some(notify) => Ok(vec![Edit::Cancel { notify }]),
            None => Err(SetError::invalid_property("notify", "say whether the senders are told")),
        },
        "destroy" => Ok(vec![Edit::Cancel { notify: false }]),
        _ => {
            let known = "retry, reschedule, hold, release, reroute, cancel, destroy, undo";
            Err(SetError::invalid_property("action", format!("it must be one of {known}")))
        }
    }
}
