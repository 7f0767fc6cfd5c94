//! What is known of one message, put together from its records and from the queue.

use mail::{MessageId, Timestamp};
use mta::events::Outcome;
use serde_json::{Map, Value, json};

use super::record::{Fields, Kind};
use crate::api::Api;
use crate::observer::json::{self as event, millis};

/// A message, as its records tell it.
#[derive(Default)]
pub(super) struct Message {
    head: Option<Head>,
    recipients: Vec<Recipient>,
    /// What was done to all recipients, and notifications.
    events: Vec<Value>,
    queued: bool,
}

struct Head {
    accepted_at: Timestamp,
    size: u64,
    reverse_path: String,
    origin: Value,
}

struct Recipient {
    address: String,
    state: &'static str,
    attempts: Vec<Value>,
    events: Vec<Value>,
}

impl Message {
    /// Adds what a record says; what cannot be read is passed over.
    pub(super) fn add(&mut self, record: &[u8]) {
        let Some((kind, mut fields)) = Fields::of(record) else { return };
        let Some(at) = self.read_head(&mut fields) else { return };
        let read = match kind {
            Kind::Accepted => self.accepted(&mut fields),
            Kind::Attempt => self.attempt(&mut fields, at),
            Kind::Operator => self.operator(&mut fields, at),
            Kind::Bounced => fields.text().map(|to| {
                self.events.push(json!({"event": "bounced", "at": millis(at), "to": to}));
            }),
        };
        if read.is_none() {
            tracing::debug!("a record of the history cannot be read");
        }
    }

    fn read_head(&mut self, fields: &mut Fields<'_>) -> Option<Timestamp> {
        let at = fields.at()?;
        let (accepted_at, size, reverse_path) = (fields.at()?, fields.number()?, fields.text()?);
        let origin = json!({
            "source": fields.text()?,
            "listener": fields.text()?,
            "clientIp": fields.text()?,
            "localPort": fields.number()?,
            "authenticatedAs": fields.optional()?,
        });
        self.head.get_or_insert(Head { accepted_at, size, reverse_path, origin });
        Some(at)
    }

    fn accepted(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        for _ in 0..fields.number()? {
            let address = fields.text()?;
            self.recipient(&address);
        }
        Some(())
    }

    fn attempt(&mut self, fields: &mut Fields<'_>, at: Timestamp) -> Option<()> {
        let address = fields.text()?;
        let outcome = *Outcome::ALL.get(usize::from(fields.byte()?))?;
        let (route, next_hop, reason) = (fields.optional()?, fields.optional()?, fields.optional()?);
        let (host, place) = (fields.optional()?, fields.optional()?);
        let (tls, tls_policy) = (fields.optional()?, fields.optional()?);
        let (flags, took, retry_num) = (fields.byte()?, fields.number()?, fields.number()?);
        let (trouble, status, reply) = (fields.optional()?, fields.optional()?, fields.text()?);
        let next_attempt = fields.at().filter(|at| *at != Timestamp::EPOCH).map(millis);
        let attempt = json!({
            "at": millis(at),
            "outcome": outcome.name(),
            "route": route,
            "nextHop": next_hop,
            "reason": reason,
            "host": host,
            "address": place,
            "tls": tls,
            "tlsPolicy": tls_policy,
            "reused": flags & 1 != 0,
            "duplicateRisk": flags & 2 != 0,
            "durationMs": took,
            "retryNum": retry_num,
            "trouble": trouble,
            "status": status,
            "reply": reply,
            "nextAttempt": next_attempt,
            "dialogue": dialogue(fields)?,
            "revision": null,
        });
        let recipient = self.recipient(&address);
        recipient.attempts.push(attempt);
        recipient.state = match outcome {
            Outcome::Delivered => "delivered",
            Outcome::Failed => "failed",
            Outcome::Deferred | Outcome::Postponed => "queued",
        };
        Some(())
    }

    fn operator(&mut self, fields: &mut Fields<'_>, at: Timestamp) -> Option<()> {
        let (address, action) = (fields.optional()?, fields.text()?);
        let value = json!({
            "event": action, "at": millis(at), "by": fields.text()?, "reason": fields.optional()?,
        });
        match address {
            Some(address) => {
                let recipient = self.recipient(&address);
                if action == "cancelled" {
                    recipient.state = "cancelled";
                }
                recipient.events.push(value);
            }
            None => self.events.push(value),
        }
        Some(())
    }

    fn recipient(&mut self, address: &str) -> &mut Recipient {
        let known = self.recipients.iter().position(|known| known.address == address);
        let place = known.unwrap_or_else(|| {
            let address = address.to_owned();
            self.recipients.push(Recipient {
                address,
                state: "queued",
                attempts: Vec::new(),
                events: Vec::new(),
            });
            self.recipients.len() - 1
        });
        &mut self.recipients[place]
    }

    /// Adds what the queue knows of it now.
    pub(super) async fn add_queued(&mut self, api: &Api, id: MessageId) {
        let before = MessageId(id.0.saturating_sub(1));
        let claim = match api.world.store.pending(Some(before), 1).await {
            Ok(claims) => claims.into_iter().find(|claim| claim.envelope.message == id),
            Err(_) => None,
        };
        let waits = claim.iter().flat_map(|claim| &claim.recipients);
        let waiting: Vec<String> = waits.map(|queued| queued.recipient.forward_path.to_string()).collect();
        if let Some(claim) = &claim {
            self.queued = true;
            let envelope = &claim.envelope;
            self.head.get_or_insert_with(|| Head {
                accepted_at: envelope.accepted_at,
                size: envelope.size,
                reverse_path: envelope.reverse_path.to_string(),
                origin: event::origin(envelope),
            });
            waiting.iter().for_each(|address| {
                self.recipient(address);
            });
        }
        // What the queue does not hold any more has ended, also where nobody saw it.
        for recipient in &mut self.recipients {
            let waits = waiting.contains(&recipient.address);
            if waits {
                recipient.state = "queued";
            } else if recipient.state == "queued" {
                recipient.state = "unknown";
            }
        }
    }

    /// What became of each recipient that is not waiting, and the last word about it.
    pub(super) fn endings(&self) -> Vec<super::Ending> {
        let ending = |recipient: &Recipient| super::Ending {
            address: recipient.address.clone(),
            state: recipient.state,
            is_local: recipient.attempts.last().is_some_and(|last| last["host"] == "localhost"),
            reply: recipient.attempts.last().and_then(|last| last["reply"].as_str()).map(str::to_owned),
        };
        self.recipients.iter().map(ending).collect()
    }

    /// As it is shown; none if nothing is known of it.
    pub(super) fn value(self, id: &str, properties: Option<&[String]>) -> Option<Value> {
        let head = self.head?;
        let recipient = |recipient: Recipient| {
            json!({
                "address": recipient.address,
                "state": recipient.state,
                "attempts": recipient.attempts,
                "events": recipient.events,
            })
        };
        let recipients: Vec<Value> = self.recipients.into_iter().map(recipient).collect();
        let whole = json!({
            "id": id,
            "acceptedAt": millis(head.accepted_at),
            "reversePath": head.reverse_path,
            "size": head.size,
            "origin": head.origin,
            "queued": self.queued,
            "recipients": recipients,
            "events": self.events,
        });
        match (whole, properties) {
            (Value::Object(members), Some(properties)) => {
                let wanted = |name: &String| name == "id" || properties.contains(name);
                let some: Map<String, Value> = members.into_iter().filter(|(name, _)| wanted(name)).collect();
                Some(Value::Object(some))
            }
            (whole, _) => Some(whole),
        }
    }
}

fn dialogue(fields: &mut Fields<'_>) -> Option<Vec<Value>> {
    let mut lines = Vec::new();
    for _ in 0..fields.number()? {
        let (at, side, line) = (fields.at()?, fields.byte()?, fields.text()?);
        let side = match side {
            b'c' => "client",
            b's' => "server",
            _ => "note",
        };
        lines.push(json!({"at": millis(at), "side": side, "line": line}));
    }
    Some(lines)
}
