//! How far is a submission? `deliveryStatus` (RFC 8621 section 7).

use mail::{MessageId, Reply};
use serde_json::{Map, Value, json};
use store::messages::Kind;
use wire::jmap::MethodError;

use super::super::call::{Call, unavailable};
use super::super::records::{self, Kept, method_failed};
use super::record::{Sent, Undo};
use crate::world::{Delivered, Standing};

/// What became of each recipient. What has ended for all of them is written down, as the queue forgets it.
pub(super) async fn status(call: &Call<'_>, sent: &Kept<Sent>) -> Result<Value, MethodError> {
    if let Some(ended) = &sent.value.ended {
        return Ok(ended.clone());
    }
    let Some(message) = sent.value.message.map(MessageId) else { return Ok(queued(&sent.value)) };
    let standing = call.world.outbox.standing(call.account, message).await.map_err(unavailable)?;
    let status = told(&sent.value, &standing);
    let waits = standing.iter().any(|one| one.delivered == Delivered::Queued);
    if !waits && !standing.is_empty() && sent.value.undo != Undo::Pending {
        let mut value = sent.value.clone();
        value.ended = Some(status.clone());
        records::put(call, Kind::Submission, Some(sent.id), &value).await.map_err(method_failed)?;
    }
    Ok(status)
}

/// Nobody knows what became of it.
pub(super) fn in_doubt(sent: &Sent) -> Value {
    const WORDS: &str = "450 4.3.0 a restart fell in between: it is not known whether this was sent";
    let one = json!({ "smtpReply": WORDS, "delivered": "unknown", "displayed": "unknown" });
    recipients(sent).into_iter().map(|(address, _)| (address, one.clone())).collect::<Map<_, _>>().into()
}

/// All of it waits.
pub(super) fn queued(sent: &Sent) -> Value {
    let each = |address: String| (address, one(Some(&Standing { delivered: Delivered::Queued, ..nobody() })));
    recipients(sent).into_iter().map(|(address, _)| each(address)).collect::<Map<_, _>>().into()
}

fn told(sent: &Sent, standing: &[Standing]) -> Value {
    let each = |(address, path): (String, String)| {
        let known = standing.iter().find(|one| one.forward_path.to_string() == path);
        (address, one(known))
    };
    recipients(sent).into_iter().map(each).collect::<Map<_, _>>().into()
}

/// The recipients, and where the copy of each goes.
fn recipients(sent: &Sent) -> Vec<(String, String)> {
    let named = sent.envelope["rcptTo"].as_array();
    let named = named.into_iter().flatten().filter_map(|to| to["email"].as_str());
    let path = |(nth, email): (usize, &str)| {
        (email.to_owned(), sent.paths.get(nth).cloned().unwrap_or_else(|| email.to_owned()))
    };
    named.enumerate().map(path).collect()
}

fn nobody() -> Standing {
    let forward_path = mail::Address::parse("nobody@invalid").expect("it is an address");
    Standing { forward_path, delivered: Delivered::Unknown, reply: None }
}

fn one(standing: Option<&Standing>) -> Value {
    let delivered = standing.map_or(Delivered::Unknown, |standing| standing.delivered);
    let words = match delivered {
        Delivered::Queued => "queued",
        Delivered::Yes => "yes",
        Delivered::No => "no",
        Delivered::Unknown => "unknown",
    };
    let reply = standing.and_then(|standing| standing.reply.as_ref());
    let reply = reply.map_or_else(|| "250 2.0.0 queued".to_owned(), text);
    json!({ "smtpReply": reply, "delivered": words, "displayed": "unknown" })
}

/// A reply in one line.
pub(super) fn text(reply: &Reply) -> String {
    let words = reply.text.replace('\n', " ");
    match reply.enhanced {
        Some(enhanced) => format!("{} {enhanced} {words}", reply.code),
        None => format!("{} {words}", reply.code),
    }
}
