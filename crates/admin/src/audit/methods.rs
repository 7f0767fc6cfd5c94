//! `x:AuditEntry/get` and `query`.

use mail::Timestamp;
use serde_json::{Value, json};

use super::{Audit, AuditEntry};
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;

/// Entries in one answer at most.
const ENTRIES_PER_ANSWER_MAX: usize = 500;
/// Entries in one answer unless said.
const ENTRIES_PER_ANSWER: usize = 50;

/// Answers a call.
pub(crate) async fn call(
    api: &Api,
    _caller: &Caller,
    object: &str,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    match verb {
        "get" => get(&api.audit, &arguments).await,
        "query" => query(&api.audit, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("{object}/{verb}"))),
    }
}

async fn get(audit: &Audit, arguments: &Value) -> Result<Value, MethodError> {
    audit.settle(false).await;
    let ids = match arguments.get("ids") {
        None | Some(Value::Null) => None,
        Some(Value::Array(ids)) if ids.len() <= ENTRIES_PER_ANSWER_MAX => Some(ids),
        Some(_) => {
            let why = format!("ids must be null or at most {ENTRIES_PER_ANSWER_MAX} ids");
            return Err(MethodError::invalid_arguments(why));
        }
    };
    let (mut list, mut not_found) = (Vec::new(), Vec::new());
    match ids {
        None => {
            let entries = audit.entries(None, ENTRIES_PER_ANSWER, |_| true).await;
            list.extend(entries.map_err(unwell)?.iter().map(shown));
        }
        Some(ids) => {
            for id in ids {
                let number = id.as_str().and_then(|id| id.parse().ok());
                let found = match number {
                    Some(number) => audit.entry(number).await.map_err(unwell)?,
                    None => None,
                };
                match found {
                    Some(entry) => list.push(shown(&entry)),
                    None => not_found.push(id.clone()),
                }
            }
        }
    }
    Ok(json!({ "list": list, "notFound": not_found }))
}

async fn query(audit: &Audit, arguments: &Value) -> Result<Value, MethodError> {
    audit.settle(false).await;
    let filter = Filter::parse(arguments.get("filter").unwrap_or(&Value::Null))?;
    let number = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| {
            MethodError::invalid_arguments(format!("{name} must be a number that is not negative"))
        }),
    };
    let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(ENTRIES_PER_ANSWER);
    let limit = limit.min(ENTRIES_PER_ANSWER_MAX);
    let position = number("position")?.and_then(|position| usize::try_from(position).ok()).unwrap_or(0);
    let anchor = match arguments.get("anchor") {
        None | Some(Value::Null) => None,
        Some(anchor) => Some(
            anchor
                .as_str()
                .and_then(|id| id.parse::<u64>().ok())
                .ok_or_else(|| MethodError::new("anchorNotFound", "there is no such entry"))?,
        ),
    };
    // The anchor is the last entry that was seen; the answer goes on after it.
    let wanted = |entry: &AuditEntry| filter.takes(entry);
    let found = audit.entries(anchor, position.saturating_add(limit), wanted).await.map_err(unwell)?;
    let ids: Vec<String> = found.iter().skip(position).map(|entry| entry.number.to_string()).collect();
    let mut answer = json!({ "ids": ids, "position": position, "canCalculateChanges": false });
    if arguments.get("calculateTotal") == Some(&Value::Bool(true)) {
        let all = audit.entries(None, usize::MAX, wanted).await.map_err(unwell)?;
        answer["total"] = json!(all.len());
    }
    Ok(answer)
}

fn unwell(error: store::StoreError) -> MethodError {
    MethodError::new("serverUnavailable", format!("cannot read the audit log: {error}"))
}

fn shown(entry: &AuditEntry) -> Value {
    json!({
        "id": entry.number.to_string(),
        "at": Timestamp::from_millis(entry.at).rfc3339(),
        "who": entry.who,
        "from": entry.from,
        "method": entry.method,
        "objects": entry.objects,
        "outcome": entry.outcome,
        "summary": entry.summary,
    })
}

/// Which entries are wanted.
#[derive(Debug, Default)]
struct Filter {
    who: Option<String>,
    from: Option<String>,
    method: Option<String>,
    object: Option<String>,
    outcome: Option<String>,
    text: Option<String>,
    since: Option<u64>,
    until: Option<u64>,
}

impl Filter {
    fn parse(filter: &Value) -> Result<Self, MethodError> {
        let mut parsed = Filter::default();
        let members = match filter {
            Value::Null => return Ok(parsed),
            Value::Object(members) => members,
            _ => return Err(MethodError::invalid_arguments("filter must be an object or null")),
        };
        for (name, value) in members {
            let Some(text) = value.as_str() else {
                return Err(MethodError::invalid_arguments(format!("filter/{name} must be a string")));
            };
            let at = || {
                let at = Timestamp::parse_rfc3339(text).map(Timestamp::as_millis);
                at.ok_or_else(|| {
                    MethodError::invalid_arguments(format!("filter/{name} must be a time (RFC 3339)"))
                })
            };
            let folded = Some(text.to_lowercase());
            match name.as_str() {
                "who" => parsed.who = folded,
                "from" => parsed.from = folded,
                "method" => parsed.method = folded,
                "object" | "objects" => parsed.object = folded,
                "outcome" => parsed.outcome = folded,
                "text" => parsed.text = folded,
                "since" => parsed.since = Some(at()?),
                "until" => parsed.until = Some(at()?),
                _ => {
                    let why = format!(
                        "there is no filter {name}; filters are who, from, method, object, outcome, text, since, until"
                    );
                    return Err(MethodError::new("unsupportedFilter", why));
                }
            }
        }
        Ok(parsed)
    }

    fn takes(&self, entry: &AuditEntry) -> bool {
        let has = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| text.to_lowercase().contains(wanted))
        };
        let objects = entry.objects.join(" ");
        let all = format!("{} {} {} {objects} {}", entry.who, entry.from, entry.method, entry.summary);
        has(&self.who, &entry.who)
            && has(&self.from, &entry.from)
            && has(&self.method, &entry.method)
            && has(&self.object, &objects)
            && has(&self.text, &all)
            && self.outcome.as_ref().is_none_or(|outcome| *outcome == entry.outcome)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }
}
