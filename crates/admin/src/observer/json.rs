//! An event as JSON, as the event log, webhooks and traces have it. `docs/observability.md` describes it.

use mail::Envelope;
use mta::events::{Attempt, ConnectionChange, Dialogue, Event, Operator, Outcome, PutOff, Refused};
use policy::settings::WebHookEvent;
use serde_json::{Map, Value, json};

/// Of which kind an event is, as webhooks choose them; none of those that are too many to be told.
pub(crate) fn kind(event: &Event) -> Option<WebHookEvent> {
    Some(match event {
        Event::Accepted(_) => WebHookEvent::Accepted,
        Event::Refused(_) => WebHookEvent::Refused,
        Event::Attempt(attempt) => match attempt.outcome {
            Outcome::Delivered => WebHookEvent::Delivered,
            Outcome::Deferred => WebHookEvent::Deferred,
            Outcome::Failed => WebHookEvent::Failed,
            Outcome::Postponed => WebHookEvent::Postponed,
        },
        Event::Bounced(_) => WebHookEvent::Bounced,
        Event::Operator(_) => WebHookEvent::Operator,
        Event::PutOff(_) | Event::QueuePressure(_) => WebHookEvent::Queue,
        Event::Configuration(_) => WebHookEvent::Configuration,
        Event::Connection(_) => return None,
    })
}

/// The event as one object.
pub(crate) fn value(event: &Event) -> Value {
    match event {
        Event::Accepted(envelope) => {
            let recipients: Vec<String> = envelope.recipients.iter().map(ToString::to_string).collect();
            let own =
                json!({"event": "accepted", "at": millis(envelope.accepted_at), "recipients": recipients});
            with(own, of_message(envelope))
        }
        Event::Refused(refused) => of_refusal(refused),
        Event::Attempt(attempt) => of_attempt(attempt),
        Event::PutOff(put_off) => of_put_off(put_off),
        Event::Bounced(bounced) => with(
            json!({"event": "bounced", "at": millis(bounced.at), "to": bounced.to.to_string()}),
            of_message(&bounced.envelope),
        ),
        Event::Operator(operator) => of_operator(operator),
        Event::Connection(connection) => json!({
            "event": match connection.change {
                ConnectionChange::Opened => "connection.opened",
                ConnectionChange::Closed => "connection.closed",
                ConnectionChange::TurnedAway => "connection.turnedAway",
            },
            "at": millis(connection.at),
            "client": connection.client.to_string(),
            "listener": connection.listener,
        }),
        Event::QueuePressure(pressure) => {
            json!({"event": "queue.pressure", "at": millis(pressure.at), "deliveries": pressure.deliveries})
        }
        Event::Configuration(changed) => json!({
            "event": "configuration", "at": millis(changed.at), "revision": changed.revision,
            "by": changed.by, "comment": changed.comment,
        }),
    }
}

/// A point in time with its milliseconds, such as `2026-11-24T08:45:10.123Z` (RFC 3339).
pub(crate) fn millis(at: mail::Timestamp) -> String {
    let text = at.rfc3339();
    format!("{}.{:03}Z", text.trim_end_matches('Z'), at.as_millis() % 1000)
}

/// How a message came.
pub(crate) fn origin(envelope: &Envelope) -> Value {
    let origin = &envelope.origin;
    json!({
        "source": origin.source.name(),
        "listener": origin.listener,
        "clientIp": origin.client_ip.to_string(),
        "localPort": origin.local_port,
        "authenticatedAs": origin.authenticated_as,
    })
}

/// The lines of a dialogue.
pub(crate) fn lines(dialogue: &Dialogue) -> Value {
    let line = |line: &mta::events::DialogueLine| json!({"at": millis(line.at), "side": line.side.name(), "line": line.line});
    dialogue.lines.iter().map(line).collect()
}

fn of_message(envelope: &Envelope) -> Value {
    json!({
        "id": envelope.message.to_string(),
        "from": envelope.reverse_path.to_string(),
        "size": envelope.size,
        "origin": origin(envelope),
    })
}

fn of_attempt(attempt: &Attempt) -> Value {
    let way = attempt.way.as_ref();
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let own = json!({
        "event": attempt.outcome.name(),
        "at": millis(attempt.at),
        "to": attempt.forward_path.to_string(),
        "route": said(attempt.route()),
        "nextHop": attempt.next_hop.as_ref().map(ToString::to_string),
        "reason": attempt.reason,
        "host": way.and_then(|way| said(&way.host)),
        "address": way.and_then(|way| way.address.as_ref()).map(ToString::to_string),
        "tls": way.and_then(|way| said(&way.tls)),
        "tlsPolicy": way.and_then(|way| way.tls_reason).map(|reason| reason.to_string()),
        "durationMs": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        "retryNum": attempt.retry_num,
        "trouble": attempt.trouble.map(|kind| kind.name()),
        "status": attempt.status.map(|status| status.to_string()),
        "reply": attempt.reply,
        "nextAttempt": attempt.next_attempt.map(millis),
        "duplicateRisk": attempt.in_doubt,
        "doubleBounce": attempt.double_bounce,
        "dialogue": attempt.dialogue.as_deref().map(lines),
    });
    with(own, of_message(&attempt.envelope))
}

fn of_refusal(refused: &Refused) -> Value {
    json!({
        "event": "refused",
        "at": millis(refused.at),
        "step": refused.step.name(),
        "client": refused.client.to_string(),
        "listener": refused.listener,
        "authenticatedAs": refused.authenticated_as,
        "from": refused.reverse_path.as_ref().map(ToString::to_string),
        "to": refused.forward_path.as_ref().map(ToString::to_string),
        "reply": refused.reply.to_string(),
    })
}

fn of_put_off(put_off: &PutOff) -> Value {
    let own = json!({
        "event": "queue.putOff",
        "at": millis(put_off.at),
        "recipients": put_off.recipients,
        "nextHop": put_off.next_hop.to_string(),
        "until": millis(put_off.until),
        "why": put_off.why,
    });
    with(own, of_message(&put_off.envelope))
}

fn of_operator(operator: &Operator) -> Value {
    let own = json!({
        "event": format!("operator.{}", operator.action.name()),
        "at": millis(operator.at),
        "to": operator.forward_path.as_ref().map(ToString::to_string),
        "by": operator.by,
        "reason": operator.reason,
    });
    with(own, of_message(&operator.envelope))
}

/// Both objects in one.
fn with(one: Value, two: Value) -> Value {
    let members = |value| if let Value::Object(members) = value { members } else { Map::new() };
    let mut all = members(one);
    all.extend(members(two));
    Value::Object(all)
}
