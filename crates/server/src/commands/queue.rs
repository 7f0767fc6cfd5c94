//! Which recipients have not ended yet, and why not? As it is written down, for `waypost queue list` without a server.

use mail::MessageId;
use policy::Expiry;
use serde::Serialize;
use serde_json::Value;
use store::{Claim, QueuedRecipient, RecipientState};

use super::mailbox::Place;

/// Messages read from the store at a time.
const PAGE: usize = 1000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    message: String,
    reverse_path: String,
    recipient: String,
    accepted_at: String,
    size: u64,
    state: &'static str,
    attempts: u32,
    next_attempt: String,
    expires: String,
    virtual_queue: String,
    last_error: Option<String>,
    held: Option<&'static str>,
    route: Option<&'static str>,
    next_hop: Option<&'static str>,
    cause: Option<&'static str>,
    why: Option<&'static str>,
}

/// A row for each recipient, of the shape that a running server's answer is given.
pub(super) fn rows(place: &Place) -> anyhow::Result<Vec<Value>> {
    let store = place.open()?;
    let mut rows = Vec::new();
    let mut after: Option<MessageId> = None;
    loop {
        let page = store.pending(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(last.envelope.message);
        let page = page.iter().flat_map(|claim| claim.recipients.iter().map(|queued| row(claim, queued)));
        for row in page {
            rows.push(serde_json::to_value(row)?);
        }
    }
}

fn row(claim: &Claim, queued: &QueuedRecipient) -> Row {
    let progress = &queued.progress;
    Row {
        message: claim.envelope.message.to_string(),
        reverse_path: claim.envelope.reverse_path.to_string(),
        recipient: queued.recipient.forward_path.to_string(),
        accepted_at: claim.envelope.accepted_at.rfc3339(),
        size: claim.envelope.size,
        state: match queued.state {
            RecipientState::Pending => "pending",
            RecipientState::DeliveredUntold(_) => "delivered, sender to be told",
            RecipientState::FailedUntold(_) => "failed, sender to be told",
        },
        attempts: progress.retry_num,
        next_attempt: progress.due.rfc3339(),
        expires: match progress.expiry {
            Expiry::At(at) => at.rfc3339(),
            Expiry::Attempts(attempts) => format!("after {attempts} attempts"),
        },
        virtual_queue: progress.virtual_queue.clone(),
        last_error: progress.last.as_ref().map(|trouble| trouble.text.clone()),
        // Only a running server knows these.
        held: None,
        route: None,
        next_hop: None,
        cause: None,
        why: None,
    }
}
