//! What happened as spans and log records of OpenTelemetry, in the JSON of OTLP 1.
//!
//! All spans of a message are one trace: its identifier is eight bytes of this server's name, hashed, then the number of
//! the message. The span of the acceptance is the root, and has the number of the message itself.

use aws_lc_rs::digest::{SHA256, digest};
use mail::{MessageId, Timestamp};
use mta::events::{Attempt, Event, Outcome};
use serde_json::{Map, Value, json};

use crate::observer::json;

/// Kinds of spans: we served, we asked.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
/// How a span ended.
const UNSET: u8 = 0;
const OK: u8 = 1;
const ERROR: u8 = 2;
/// How grave a log record is.
const INFO: (u8, &str) = (9, "INFO");
const WARN: (u8, &str) = (13, "WARN");
/// How deep values lie in each other at most; ours do less.
const DEPTH_MAX: u8 = 8;

/// The body of a request with spans.
pub(super) fn traces(hostname: &str, spans: &[String]) -> Vec<u8> {
    body(hostname, ["resourceSpans", "scopeSpans", "spans"], spans)
}

/// The body of a request with log records.
pub(super) fn logs(hostname: &str, records: &[String]) -> Vec<u8> {
    body(hostname, ["resourceLogs", "scopeLogs", "logRecords"], records)
}

/// How many of a request were rejected, as a collector says in its answer.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let partial = &answer["partialSuccess"];
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    ["rejectedSpans", "rejectedLogRecords"].iter().find_map(|name| number(&partial[*name])).unwrap_or(0)
}

/// The span of an acceptance or an attempt; none of anything else.
pub(super) fn span(hostname: &str, event: &Event) -> Option<Value> {
    match event {
        Event::Accepted(envelope) => {
            let at = nanos(envelope.accepted_at);
            Some(json!({
                "traceId": trace(hostname, envelope.message),
                "spanId": root(envelope.message),
                "name": "accept",
                "kind": SERVER,
                "startTimeUnixNano": at,
                "endTimeUnixNano": at,
                "attributes": attributes(&json::value(event)),
                "status": {"code": OK},
            }))
        }
        // What was only put off was not tried.
        Event::Attempt(attempt) if attempt.outcome != Outcome::Postponed => {
            Some(of_attempt(hostname, event, attempt))
        }
        _ => None,
    }
}

fn of_attempt(hostname: &str, event: &Event, attempt: &Attempt) -> Value {
    let message = attempt.envelope.message;
    let took = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
    let began = Timestamp::from_millis(attempt.at.as_millis().saturating_sub(took));
    let status = match attempt.outcome {
        Outcome::Delivered => json!({"code": OK}),
        Outcome::Deferred | Outcome::Failed => json!({"code": ERROR, "message": attempt.reply}),
        Outcome::Postponed => json!({"code": UNSET}),
    };
    let mut said = json::value(event);
    // A trace says how it went; what was said word for word is in the log record.
    said["dialogue"] = Value::Null;
    let mut attributes = attributes(&said);
    attributes.push(json!({"key": "waypost.outcome", "value": {"stringValue": attempt.outcome.name()}}));
    let way = attempt.way.as_ref();
    if let Some(host) = way.map(|way| way.host.as_str()).filter(|host| !host.is_empty()) {
        attributes.push(json!({"key": "server.address", "value": {"stringValue": host}}));
    }
    if let Some(code) = reply_code(&attempt.reply) {
        attributes.push(json!({"key": "waypost.replyCode", "value": {"intValue": code.to_string()}}));
    }
    json!({
        "traceId": trace(hostname, message),
        "spanId": of_recipient(attempt),
        "parentSpanId": root(message),
        "name": "deliver",
        "kind": CLIENT,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(attempt.at),
        "attributes": attributes,
        "status": status,
    })
}

/// The log record of an event.
pub(super) fn log(hostname: &str, event: &Event) -> Value {
    let value = json::value(event);
    let (number, text) = match event {
        Event::Attempt(attempt) if attempt.outcome == Outcome::Failed => WARN,
        Event::Refused(_) | Event::PutOff(_) | Event::QueuePressure(_) => WARN,
        _ => INFO,
    };
    let said = |name: &str| value[name].as_str();
    let words: Vec<&str> = ["event", "to", "reply", "why", "comment"].into_iter().filter_map(said).collect();
    let at = nanos(at(event));
    let mut record = json!({
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("waypost.{}", said("event").unwrap_or_default()),
        "body": {"stringValue": words.join(" ")},
        "attributes": attributes(&value),
    });
    let (message, span) = match event {
        Event::Accepted(envelope) => (envelope.message, root(envelope.message)),
        Event::Attempt(attempt) if attempt.outcome != Outcome::Postponed => {
            (attempt.envelope.message, of_recipient(attempt))
        }
        Event::Attempt(attempt) => (attempt.envelope.message, root(attempt.envelope.message)),
        Event::PutOff(put_off) => (put_off.envelope.message, root(put_off.envelope.message)),
        Event::Bounced(bounced) => (bounced.envelope.message, root(bounced.envelope.message)),
        Event::Operator(operator) => (operator.envelope.message, root(operator.envelope.message)),
        Event::Refused(_) | Event::Connection(_) | Event::QueuePressure(_) | Event::Configuration(_) => {
            return record;
        }
    };
    record["traceId"] = trace(hostname, message).into();
    record["spanId"] = span.into();
    record
}

fn at(event: &Event) -> Timestamp {
    match event {
        Event::Accepted(envelope) => envelope.accepted_at,
        Event::Refused(refused) => refused.at,
        Event::Attempt(attempt) => attempt.at,
        Event::PutOff(put_off) => put_off.at,
        Event::Bounced(bounced) => bounced.at,
        Event::Operator(operator) => operator.at,
        Event::Connection(connection) => connection.at,
        Event::QueuePressure(pressure) => pressure.at,
        Event::Configuration(changed) => changed.at,
    }
}

fn body(hostname: &str, names: [&str; 3], items: &[String]) -> Vec<u8> {
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "waypost"}},
        {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
        {"key": "host.name", "value": {"stringValue": hostname}},
    ]});
    let [resources, scopes, all] = names;
    let items = items.join(",");
    format!(
        r#"{{"{resources}":[{{"resource":{resource},"{scopes}":[{{"scope":{{"name":"waypost"}},"{all}":[{items}]}}]}}]}}"#
    )
    .into_bytes()
}

fn trace(hostname: &str, message: MessageId) -> String {
    format!("{:016x}{}", hashed(hostname.as_bytes()), root(message))
}

fn root(message: MessageId) -> String {
    // Only zeros would be no identifier.
    format!("{:016x}", message.0.max(1))
}

fn of_recipient(attempt: &Attempt) -> String {
    let names = [
        attempt.envelope.message.0,
        attempt.recipient.0,
        u64::from(attempt.retry_num),
        attempt.at.as_millis(),
    ];
    format!("{:016x}", hashed(&names.map(u64::to_be_bytes).concat()).max(1))
}

fn hashed(bytes: &[u8]) -> u64 {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// 64 bits are texts in the JSON of protocol buffers.
fn nanos(at: Timestamp) -> String {
    (u128::from(at.as_millis()) * 1_000_000).to_string()
}

/// The code that a reply begins with (RFC 5321 section 4.2).
fn reply_code(reply: &str) -> Option<u16> {
    let code = reply.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let ends = reply.as_bytes().get(3).is_none_or(|next| matches!(next, b' ' | b'-'));
    code.parse().ok().filter(|code| ends && (200..600).contains(code))
}

/// The members of an event, as attributes; those that are not set are not there.
fn attributes(event: &Value) -> Vec<Value> {
    let Value::Object(members) = event else { return Vec::new() };
    pairs(members, "waypost.", DEPTH_MAX)
}

fn pairs(members: &Map<String, Value>, prefix: &str, depth: u8) -> Vec<Value> {
    let set = members.iter().filter(|(_, value)| !value.is_null());
    set.map(|(name, value)| json!({"key": format!("{prefix}{name}"), "value": any(value, depth)})).collect()
}

/// A value as OTLP's `AnyValue`.
fn any(value: &Value, depth: u8) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(is) => json!({"boolValue": is}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(_) | Value::Object(_) if depth == 0 => json!({"stringValue": "…"}),
        Value::Array(values) => {
            json!({"arrayValue": {"values": values.iter().map(|value| any(value, depth - 1)).collect::<Vec<_>>()}})
        }
        Value::Object(members) => json!({"kvlistValue": {"values": pairs(members, "", depth - 1)}}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_the_json_of_protocol_buffers_has_them() {
        let event = json!({"a": 7, "b": "x", "c": true, "d": null, "e": ["y"], "f": {"g": 1.5}});
        let expected = json!([
            {"key": "waypost.a", "value": {"intValue": "7"}},
            {"key": "waypost.b", "value": {"stringValue": "x"}},
            {"key": "waypost.c", "value": {"boolValue": true}},
            {"key": "waypost.e", "value": {"arrayValue": {"values": [{"stringValue": "y"}]}}},
            {"key": "waypost.f", "value": {"kvlistValue": {"values": [{"key": "g", "value": {"doubleValue": 1.5}}]}}},
        ]);
        assert_eq!(Value::Array(attributes(&event)), expected);
        assert_eq!(nanos(Timestamp::from_millis(1_795_600_000_123)), "1795600000123000000");
    }

    #[test]
    fn identifiers_are_hexadecimal_and_never_zero() {
        let id = trace("mx.example.org", MessageId(0x1234));
        assert!(id.len() == 32 && id.ends_with("0000000000001234"), "{id}");
        assert_ne!(id, trace("mx2.example.org", MessageId(0x1234)), "another server has other traces");
        assert_eq!(root(MessageId(0)), "0000000000000001");
    }

    #[test]
    fn a_reply_begins_with_its_code() {
        for (reply, expected) in [
            ("250 2.0.0 ok", Some(250)),
            ("550-no", Some(550)),
            ("450", Some(450)),
            ("2500 messages", None),
            ("connection refused", None),
            ("", None),
        ] {
            assert_eq!(reply_code(reply), expected, "{reply}");
        }
    }

    #[test]
    fn what_a_collector_rejects_is_counted() {
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#), 3);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedLogRecords":2}}"#), 2);
        assert_eq!(rejected(b"{}") + rejected(b""), 0);
    }
}
